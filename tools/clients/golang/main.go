// Program golang makes a first sale through the Go client that oapi-codegen makes of the OpenAPI document (package api
// is generated; see clients_test.go). For each amount of the table on its standard input it prints what it read, as
// JSON.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"time"

	"quantix/tools/clients/golang/api"
)

// A row is one amount of the table.
type row struct {
	Amount   string `json:"amount"`
	Currency string `json:"currency"`
	Decimals int    `json:"decimals"`
}

// A seen row is what came back: the event's price, the booking's unit price and total, each as the client holds it.
type seen struct {
	Price string `json:"price"`
	Unit  string `json:"unit"`
	Total string `json:"total"`
}

func main() {
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

type seller struct {
	*api.ClientWithResponses
	ctx  context.Context
	user api.User
}

func run(address string) error {
	var table []row
	if err := json.NewDecoder(os.Stdin).Decode(&table); err != nil {
		return err
	}
	client, err := api.NewClientWithResponses(address)
	if err != nil {
		return err
	}
	s := seller{ClientWithResponses: client, ctx: context.Background()}
	created, err := s.CreateUserWithResponse(s.ctx, api.UserCreate{Name: "John Doe", Email: "go@example.com"})
	if err != nil || created.JSON201 == nil {
		return fmt.Errorf("create the user: %w %s", err, created.Status())
	}
	s.user = *created.JSON201
	rows := make([]seen, len(table))
	for i, r := range table {
		if rows[i], err = s.sell(r); err != nil {
			return fmt.Errorf("%s %s: %w", r.Amount, r.Currency, err)
		}
	}
	if err := s.tellApart(); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(rows)
}

func (s seller) event(r row) (api.Event, error) {
	var none api.Event
	price, err := strconv.ParseFloat(r.Amount, 64)
	if err != nil {
		return none, err
	}
	created, err := s.CreateEventWithResponse(s.ctx, api.EventCreate{
		Name: "Concert", DateTime: time.Now().AddDate(1, 0, 0), TotalTickets: 3, TicketPrice: price, Currency: &r.Currency,
	})
	if err != nil || created.JSON201 == nil {
		return none, fmt.Errorf("create the event: %w %s", err, created.Body)
	}
	return *created.JSON201, nil
}

// sell sells one ticket, and waits until it is paid.
func (s seller) sell(r row) (seen, error) {
	var none seen
	event, err := s.event(r)
	if err != nil {
		return none, err
	}
	again, err := s.UpdateEventWithResponse(s.ctx, event.Id, nil, api.EventUpdate{TicketPrice: &event.TicketPrice})
	if err != nil || again.JSON200 == nil || !again.JSON200.UpdatedAt.Equal(event.UpdatedAt) {
		return none, fmt.Errorf("the price that was read changed the event when it was sent back: %w %s", err, again.Body)
	}
	booked, err := s.CreateBookingWithResponse(s.ctx, nil, api.BookingCreate{EventId: event.Id, UserId: s.user.Id, Quantity: 1})
	if err != nil || booked.JSON201 == nil {
		return none, fmt.Errorf("book: %w %s", err, booked.Body)
	}
	for range 600 {
		got, err := s.GetBookingWithResponse(s.ctx, booked.JSON201.Id)
		if err != nil || got.JSON200 == nil {
			return none, fmt.Errorf("read the booking: %w", err)
		}
		if got.JSON200.Status == api.BookingStatusCONFIRMED && got.JSON200.Payment.Status == api.PaymentStatusSucceeded {
			text := func(f float64) string { return strconv.FormatFloat(f, 'f', r.Decimals, 64) }
			return seen{text(event.TicketPrice), text(got.JSON200.UnitPrice), text(got.JSON200.TotalAmount)}, nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return none, fmt.Errorf("the booking was not confirmed")
}

// tellApart compares what is answered with the constants of the enums, and clears sales_end.
func (s seller) tellApart() error {
	event, err := s.event(row{Amount: "75.50", Currency: "USD"})
	if err != nil {
		return err
	}
	refused, err := s.CreateBookingWithResponse(s.ctx, nil, api.BookingCreate{EventId: event.Id, UserId: s.user.Id, Quantity: 5})
	if err != nil || refused.ApplicationproblemJSON409 == nil {
		return fmt.Errorf("book too many: %w %s", err, refused.Body)
	}
	if p := refused.ApplicationproblemJSON409; p.Code != api.ErrorCodeInsufficientTickets || p.Available == nil || *p.Available != 3 {
		return fmt.Errorf("booking too many was refused by %s, %v", p.Code, p.Available)
	}
	booked, err := s.CreateBookingWithResponse(s.ctx, nil, api.BookingCreate{EventId: event.Id, UserId: s.user.Id, Quantity: 1})
	if err != nil || booked.JSON201 == nil || booked.JSON201.CancelReason != nil {
		return fmt.Errorf("book: %w %s", err, booked.Body)
	}
	cancelled, err := s.CancelBookingWithResponse(s.ctx, booked.JSON201.Id)
	if err != nil || cancelled.JSON200 == nil {
		return fmt.Errorf("cancel: %w %s", err, cancelled.Body)
	}
	var status api.BookingStatus = cancelled.JSON200.Status
	if reason := cancelled.JSON200.CancelReason; status != api.BookingStatusCANCELLED || reason == nil || *reason != api.CancelReasonUser {
		return fmt.Errorf("cancelled: %s %v", status, reason)
	}
	list, err := s.ListUserBookingsWithResponse(s.ctx, s.user.Id, &api.ListUserBookingsParams{Status: &status})
	if err != nil || list.StatusCode() != http.StatusOK || len(*list.JSON200) != 1 {
		return fmt.Errorf("list the cancelled bookings: %w %s", err, list.Body)
	}
	return s.clear(event)
}

func (s seller) clear(event api.Event) error {
	end := event.DateTime.Add(-time.Hour)
	set, err := s.UpdateEventWithResponse(s.ctx, event.Id, nil, api.EventUpdate{SalesEnd: &end})
	if err != nil || set.JSON200 == nil || set.JSON200.SalesEnd == nil {
		return fmt.Errorf("set sales_end: %w %s", err, set.Body)
	}
	cleared, err := s.UpdateEventWithResponse(s.ctx, event.Id, nil, api.EventUpdate{Clear: &[]api.EventClearable{api.EventClearableSalesEnd}})
	if err != nil || cleared.JSON200 == nil || cleared.JSON200.SalesEnd != nil {
		return fmt.Errorf("clear sales_end: %w %s", err, cleared.Body)
	}
	return nil
}
