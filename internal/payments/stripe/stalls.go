package stripe

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"

	api "github.com/stripe/stripe-go/v85"

	"quantix/internal/models"
)

// moving are the operations by which money may have moved although no answer came.
var moving = []string{"charge", "refund"}

// stallOf reports whether an error means that Stripe was not tried: it limits the rate of calls and has not looked at
// this one, or nobody was there to be asked. What may have moved money is never such a one, however likely nobody was
// there.
func stallOf(ctx context.Context, operation string, err error) (stall models.Stall, after time.Duration) {
	if e, is := errors.AsType[*api.Error](err); is {
		switch {
		case e.Code == api.ErrorCodeLockTimeout: // 429 as well, but it tells nothing about the rate
			return models.StallLocked, retryAfter(e)
		case e.HTTPStatusCode == http.StatusTooManyRequests || e.Code == api.ErrorCodeRateLimit:
			return models.StallThrottled, retryAfter(e)
		case slices.Contains(moving, operation):
			return "", 0
		}
		return absent(e.HTTPStatusCode), 0
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return "", 0 // whoever asked has gone, not Stripe
	}
	if _, notSent := errors.AsType[*notSentError](err); notSent {
		return models.StallAway, 0
	}
	if slices.Contains(moving, operation) {
		return "", 0
	}
	return models.StallAway, 0
}

// absent tells of a status by which something before Stripe says that Stripe is not there. A plain 500 is Stripe's own
// answer about this very payment.
func absent(status int) models.Stall {
	switch status {
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return models.StallAway
	}
	return ""
}

// retryAfter is how many seconds Stripe asks to be left alone for; zero when it does not say.
func retryAfter(e *api.Error) time.Duration {
	if e.LastResponse == nil {
		return 0
	}
	seconds, err := strconv.ParseUint(e.LastResponse.Header.Get("Retry-After"), 10, 16)
	if err != nil {
		return 0
	}
	return time.Duration(seconds) * time.Second
}
