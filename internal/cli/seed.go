package cli

import (
	"context"
	"flag"
	"fmt"
	"time"

	"quantix/internal/app"
	"quantix/internal/models"
)

// sample is an event to play with.
type sample struct {
	name, description string
	inDays            int
	tickets           int64
	price             string
}

var samples = []sample{
	{"Concert on the Quay", "Open air, in any weather", 30, 1000, "75.50"},
	{"Chamber Music by Candlelight", "Four strings, forty candles", 14, 80, "32"},
	{"Go Developers' Day", "Talks, workshops and a hallway", 60, 400, "199"},
	{"Village Fair", "Free entrance, one ticket each", 45, 5000, "0"},
	{"Midnight Premiere", "One screen, one chance", 7, 120, "18.90"},
}

// runSeed creates sample events and users; each run adds more.
func runSeed(ctx context.Context, p Program, args []string) error {
	fs := flag.NewFlagSet("seed", flag.ContinueOnError)
	events := fs.Int("events", len(samples), "create `n` events")
	users := fs.Int("users", 3, "create `n` users")
	c, err := p.load(fs, args)
	if err != nil {
		return err
	}
	if fs.NArg() > 0 || *events < 0 || *users < 0 || *events > 10_000 || *users > 100_000 {
		return usageError("seed takes --events (0 to 10000) and --users (0 to 100000)")
	}
	a, err := app.Open(ctx, p.setup(c), app.Writing)
	if err != nil {
		return err
	}
	defer a.Close()
	if err := seedEvents(ctx, p, a, *events); err != nil {
		return err
	}
	return seedUsers(ctx, p, a, *users)
}

func seedEvents(ctx context.Context, p Program, a *app.App, n int) error {
	for i := range n {
		s := samples[i%len(samples)]
		price, err := models.ParseMoney(s.price, a.Currency)
		if err != nil {
			// A currency without decimals: a whole price serves as well.
			price = models.Money{Minor: 20, Currency: a.Currency}
		}
		event, err := a.Events.Create(ctx, models.TheOperator, models.EventDraft{
			Name: s.name, Description: s.description, DateTime: time.Now().AddDate(0, 0, s.inDays).Truncate(time.Hour),
			TotalTickets: s.tickets, TicketPrice: price,
		})
		if err != nil {
			return fmt.Errorf("create event %q: %w", s.name, err)
		}
		fmt.Fprintf(p.Stdout, "event %s  %s, %d tickets at %s %s\n", event.ID, event.Name, event.Stock.Total, event.TicketPrice, a.Currency)
	}
	return nil
}

func seedUsers(ctx context.Context, p Program, a *app.App, n int) error {
	names := []string{"Ada", "Grace", "Edsger", "Barbara", "Niklaus", "Frances"}
	for i := range n {
		// A part of a new id keeps the addresses of several runs apart.
		id := models.NewID[models.UserID]()
		name := names[i%len(names)]
		user, err := a.Users.Create(ctx, models.TheOperator, name, fmt.Sprintf("%s.%x@example.com", name, id[10:]))
		if err != nil {
			return fmt.Errorf("create user %q: %w", name, err)
		}
		fmt.Fprintf(p.Stdout, "user  %s  %s <%s>\n", user.ID, user.Name, user.Email)
	}
	return nil
}
