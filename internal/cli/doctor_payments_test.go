package cli

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"quantix/internal/payments/simulator"

	"quantix/internal/config"
	"quantix/internal/models"
	"quantix/internal/testkit/shop"
)

func TestDoctor_names_payments_of_another_gateway(t *testing.T) {
	t.Parallel()
	s := shop.New(t)
	ref := s.Book(s.Event(10).ID, 1, simulator.OK)
	if _, err := s.Store.StartCharges(t.Context(), "simulated", []models.BookingRef{ref}, time.Minute); err != nil {
		t.Fatal(err)
	}
	for gateway, want := range map[config.Gateway]bool{config.Simulator: true, config.Stripe: false} {
		var out bytes.Buffer
		sound := examinePayments(t.Context(), Program{Stdout: &out}, config.Config{PaymentGateway: gateway}, s.Store)
		if named := strings.Contains(out.String(), `1 charges and 0 refunds wait for the gateway "simulated"`); sound != want || named == want {
			t.Errorf("with %s: %t, %s", gateway, sound, out.String())
		}
	}
}
