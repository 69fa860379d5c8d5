package services

import (
	"context"

	"quantix/internal/boxoffice"
	"quantix/internal/models"
	"quantix/internal/sale"
)

// tellEach puts a command for each booking before its event's desk and waits for all. It returns how many came to pass;
// when some did not, also the first error.
func tellEach(
	ctx context.Context, office *boxoffice.Office, refs []models.BookingRef, command func(models.BookingID) sale.Command,
) (done int, err error) {
	told := office.TellMany(ctx, groupByEvent(refs, command), func(outcome boxoffice.Outcome) {
		err = firstOf(err, outcome.Err)
		if outcome.Err == nil {
			done++
		}
	})
	return done, firstOf(err, told)
}

func groupByEvent(
	refs []models.BookingRef, command func(models.BookingID) sale.Command,
) map[models.EventID][]sale.Command {
	byEvent := make(map[models.EventID][]sale.Command)
	for _, r := range refs {
		byEvent[r.Event] = append(byEvent[r.Event], command(r.Booking))
	}
	return byEvent
}
