package onsale

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"
)

// prepareWidth is how many requests prepare a run at a time.
const prepareWidth = 16

// created is what the generator reads of a new user or event.
type created struct {
	ID string `json:"id"`
}

type newUser struct {
	Name  string `json:"name"`
	Email string `json:"email"`
}

type newEvent struct {
	Name         string          `json:"name"`
	Description  string          `json:"description"`
	DateTime     time.Time       `json:"date_time"`
	TotalTickets int             `json:"total_tickets"`
	TicketPrice  json.RawMessage `json:"ticket_price"`
}

// newRunID returns 16 characters that keep this run's e-mail addresses and keys apart from every other run's.
func newRunID() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the program instead
	return hex.EncodeToString(b[:])
}

// createUsers makes n users and returns their ids.
func createUsers(ctx context.Context, to target, run string, n int) ([]string, error) {
	return createMany(ctx, to, n, "/api/v1/users", func(i int) any {
		return newUser{Name: fmt.Sprintf("Buyer %d", i+1), Email: fmt.Sprintf("buyer-%s-%d@example.test", run, i+1)}
	})
}

// createEvents makes n events with that title, a month ahead, and returns their ids.
func createEvents(ctx context.Context, to target, s Scenario, title string, n, tickets int) ([]string, error) {
	begins := time.Now().UTC().Add(30 * 24 * time.Hour).Truncate(time.Second)
	return createMany(ctx, to, n, "/api/v1/events", func(i int) any {
		return newEvent{
			Name: fmt.Sprintf("%s %d", title, i+1), Description: "Made by quantix bench.", DateTime: begins,
			TotalTickets: tickets, TicketPrice: json.RawMessage(s.TicketPrice),
		}
	})
}

// createMany posts n documents, several at a time, and returns the ids in the order of the documents.
func createMany(ctx context.Context, to target, n int, path string, document func(i int) any) ([]string, error) {
	apis := newAPIs(to, min(n, prepareWidth))
	defer apis.close()
	ids := make([]string, n)
	err := parallel(ctx, n, len(apis), func(i, lane int) error {
		var made created
		if err := apis[lane].call(ctx, "POST", path, document(i), &made); err != nil {
			return err
		}
		if len(made.ID) != uuidLength {
			return fmt.Errorf("POST %s: answered id %q is not a UUID", path, made.ID)
		}
		ids[i] = made.ID
		return nil
	})
	return ids, err
}

type apis []*api

func newAPIs(to target, n int) apis {
	list := make(apis, n)
	for i := range list {
		list[i] = newAPI(to)
	}
	return list
}

func (a apis) close() {
	for _, one := range a {
		one.close()
	}
}
