package handlers

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2/adapters/humagin"
	"github.com/gin-gonic/gin"

	"quantix/internal/boxoffice"
	"quantix/internal/limits"
	"quantix/internal/limits/inprocess"
	"quantix/internal/models"
	"quantix/internal/payments/simulator"
	"quantix/internal/sale"
	"quantix/internal/services"
)

// stubDesk books in memory: what is left is the cost of HTTP, the use case and the desk.
type stubDesk struct {
	services.BookingStore
	state *sale.State
}

func (s *stubDesk) AtDesk(_ context.Context, _ models.EventID, _ models.BatchID, _ sale.Reads, decide func(*sale.State)) error {
	*s.state.Writes() = sale.Writes{}
	decide(s.state)
	return nil
}

func (s *stubDesk) BookingByKey(context.Context, models.EventID, models.ReplayKey) (models.Booking, error) {
	return models.Booking{}, models.ErrBookingNotFound
}

func stubBookings(tb testing.TB, tickets int64) (*services.Bookings, string) {
	tb.Helper()
	event, err := models.NewEvent(models.EventDraft{
		Name: "x", DateTime: today.AddDate(1, 0, 0), TotalTickets: 1_000_000_000, TicketPrice: models.Money{Minor: 7550, Currency: "USD"},
	})
	if err != nil {
		tb.Fatal(err)
	}
	event.Stock.Total, event.Stock.Available = tickets, tickets // the rules assert the balance
	user := models.NewID[models.UserID]()
	desk := &stubDesk{state: &sale.State{
		Now: today, Event: &event, Users: map[models.UserID]bool{user: true}, Keys: map[models.ReplayKey]*models.Booking{},
		Bookings: map[models.BookingID]*models.Booking{}, Charges: map[models.ChargeKey]*models.Charge{}, Refunds: map[models.RefundKey]*models.Refund{},
	}}
	office := boxoffice.New(desk, boxoffice.Options{Logger: quiet(), LatchFor: time.Hour})
	body := `{"user_id":"` + user.String() + `","event_id":"` + event.ID.String() + `","quantity":1}`
	return services.NewBookings(desk, office, services.BookingOptions{MaxTickets: 100, Methods: simulator.PaidWith}), body
}

// humaBooking is POST /bookings as a huma operation, which the plain handler is measured against.
type humaBooking struct {
	Key  string `header:"Idempotency-Key" maxLength:"255"`
	Body body[bookingCreate, *bookingCreate]
}

type humaBooked struct {
	Location string `header:"Location"`
	Replayed string `header:"Idempotency-Replayed"`
	Body     BookingBody
}

// sink is a response that costs nothing.
type sink struct{ header http.Header }

func (w *sink) Header() http.Header         { return w.header }
func (w *sink) Write(b []byte) (int, error) { return len(b), nil }
func (w *sink) WriteHeader(int)             {}

func benchmark(b *testing.B, handler http.Handler, path, body string) {
	b.Helper()
	b.ReportAllocs()
	for b.Loop() {
		r := &http.Request{
			Method: http.MethodPost, URL: &url.URL{Path: path}, Header: http.Header{"Content-Type": {"application/json"}},
			Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)),
		}
		handler.ServeHTTP(&sink{header: http.Header{}}, r)
	}
}

// BenchmarkBook measures POST /bookings through the whole handler, without network and database, in the ways that it
// was considered to be built, beside a handler that does nothing and one with a logger that writes.
func BenchmarkBook(b *testing.B) {
	bookings, body := stubBookings(b, 900_000_000)
	soldOut, soldOutBody := stubBookings(b, 0)
	toFile := slog.New(slog.NewJSONHandler(struct{ io.Writer }{io.Discard}, nil)) // which it writes all the same
	b.Run("nothing", func(b *testing.B) {
		router := gin.New()
		router.POST(bookingsPath, func(c *gin.Context) { c.Status(http.StatusCreated) })
		benchmark(b, router, bookingsPath, body)
	})
	b.Run("middleware", func(b *testing.B) {
		s := newTestServer(b, Deps{})
		s.router.POST("/nothing", func(c *gin.Context) { c.Status(http.StatusCreated) })
		benchmark(b, s.router, "/nothing", body)
	})
	b.Run("gin", func(b *testing.B) {
		benchmark(b, newTestServer(b, Deps{Bookings: bookings}).router, bookingsPath, body)
	})
	b.Run("gin, logged", func(b *testing.B) {
		benchmark(b, newTestServer(b, Deps{Bookings: bookings, Logger: toFile}).router, bookingsPath, body)
	})
	b.Run("gin, limited", func(b *testing.B) {
		rate := limits.Rate{Count: 100_000, Period: time.Second, Burst: 1_000_000}
		all := &Limits{Limiter: inprocess.New(inprocess.Options{}), IP: rate, Key: rate, Bookings: rate}
		benchmark(b, newTestServer(b, Deps{Bookings: bookings, Limits: all}).router, bookingsPath, body)
	})
	b.Run("huma", func(b *testing.B) {
		s := newTestServer(b, Deps{})
		a := &api{API: humagin.New(s.router, newConfig("x")), router: s.router}
		a.UseMiddleware(s.deadline)
		register(a, operation{id: createBooking, method: http.MethodPost, path: "/huma", status: http.StatusCreated},
			func(ctx context.Context, in *humaBooking) (*humaBooked, error) {
				v := in.Body.Value
				booking, _, err := bookings.Create(ctx, models.TheOperator, services.BookingRequest{
					User: v.UserID, Event: v.EventID, Quantity: v.Quantity, Method: v.PaymentMethod, Key: in.Key,
				})
				return &humaBooked{Location: bookingsPath + "/" + booking.ID.String(), Body: toBooking(booking)}, err
			})
		benchmark(b, s.router, "/huma", body)
	})
	b.Run("gin, sold out", func(b *testing.B) {
		benchmark(b, newTestServer(b, Deps{Bookings: soldOut}).router, bookingsPath, soldOutBody)
	})
	b.Run("use case alone", func(b *testing.B) {
		var v bookingCreate
		if err := decode([]byte(body), &v); err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		for b.Loop() {
			if _, _, err := bookings.Create(b.Context(), models.TheOperator, services.BookingRequest{User: v.UserID, Event: v.EventID, Quantity: 1}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("decoder alone", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var v bookingCreate
			if err := decode([]byte(body), &v); err != nil {
				b.Fatal(err)
			}
		}
	})
}
