package health

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"quantix/internal/models"
	"quantix/internal/queue"
	"quantix/internal/repository"
)

// How late work may be before somebody should look. Under a rush payments wait for buyers, half a minute by design; so
// they get longer than expiry, which takes a second.
const (
	lateExpiry   = 15 * time.Second
	latePayments = time.Minute
)

const (
	// HeardOf is for how long a process counts as there after it was last heard of.
	HeardOf = 30 * time.Second
	// failingFor is how long a loop may fail before it is told: one lost connection is no news.
	failingFor = 5 * time.Second
	// idleFor is how long a loop may have finished no round: all finish one every half a minute, found anything or not.
	idleFor = 2 * time.Minute
)

// Installation is what the database knows of all processes.
type Installation struct {
	Self      models.Process // who asks
	Processes []models.Process
	Backlog   models.Backlog
}

// JudgeWorkers reports whether anybody works.
func (i Installation) JudgeWorkers() State {
	if i.Self.Works || slices.ContainsFunc(i.Processes, func(p models.Process) bool { return p.Works }) {
		return State{Part: Workers, Status: OK}
	}
	return State{
		Part: Workers, Status: Degraded, Detail: "no worker was heard of for " + HeardOf.String() + ": holds do not end, nothing is paid",
		Remedy: "start quantix worker, or quantix serve without --api, with the same settings",
	}
}

// JudgeExpiry reports whether holds end in time.
func (i Installation) JudgeExpiry() State {
	if i.Backlog.Expiry <= lateExpiry {
		return State{Part: Expiry, Status: OK}
	}
	return State{
		Part: Expiry, Status: Degraded,
		Detail: fmt.Sprintf("bookings should have ended %s ago: tickets are held that nobody pays for", seconds(i.Backlog.Expiry)),
		Remedy: "see whether a worker runs and what its log says; look for long transactions in pg_stat_activity",
	}
}

// JudgePayments reports whether payments are made in time, and by whom this process sells for.
func (i Installation) JudgePayments() State {
	if other := i.stranger(); other != nil {
		return State{
			Part: Payments, Status: Degraded,
			Detail: fmt.Sprintf("%s takes payments by %q, and this process sells for %q: payments are declined or go astray",
				other.Name, other.Payments, i.Self.Payments),
			Remedy: "give PAYMENT_GATEWAY, its keys and CURRENCY the same values for all servers and workers",
		}
	}
	late := State{
		Part: Payments, Status: Degraded, Remedy: "see whether workers run, what their log says, and whether the gateway and the queue answer",
	}
	for _, one := range []struct {
		late time.Duration
		what string
	}{
		{i.Backlog.Outbox, "bookings wait for %s to be sent to their payment"},
		{i.Backlog.Charges, "charges should have been looked at %s ago"},
		{i.Backlog.Refunds, "refunds should have been made %s ago"},
	} {
		if one.late > latePayments {
			late.Detail = fmt.Sprintf(one.what, seconds(one.late))
			return late
		}
	}
	return State{Part: Payments, Status: OK}
}

// stranger is a process that takes payments differently from how this one sells, or the other way round.
func (i Installation) stranger() *models.Process {
	for n, p := range i.Processes {
		concerns := p.Works && !i.Self.Works || p.Sells && !i.Self.Sells || p.Works && i.Self.Works
		if concerns && p.ID != i.Self.ID && p.Payments != i.Self.Payments {
			return &i.Processes[n]
		}
	}
	return nil
}

// judgeLoops reports whether the loops of this process do their work. What the database or the queue is to blame for,
// these parts say themselves.
func judgeLoops(now, begun time.Time, loops []string, deeds *Deeds) (failing, blamesQueue *State) {
	for _, loop := range loops {
		deed := deeds.Last(loop)
		last := begun
		if deed.Done.After(last) {
			last = deed.Done
		}
		switch {
		case deed.Err != nil && now.Sub(deed.Failing) < failingFor, errors.Is(deed.Err, repository.ErrUnavailable):
		case deed.Err != nil && refusedByQueue(deed.Err):
			detail, remedy := OfQueue(deed.Err)
			blamesQueue = &State{Part: Queue, Status: Degraded, Detail: detail, Remedy: remedy, cause: deed.Err}
		case deed.Err != nil:
			failing = &State{
				Part: Workers, Status: Degraded, Detail: "the " + loop + " of this process does nothing but fail",
				Remedy: "see this server's log", cause: deed.Err,
			}
		case now.Sub(last) > idleFor:
			failing = &State{
				Part: Workers, Status: Degraded, Detail: "the " + loop + " of this process has finished nothing for " + seconds(now.Sub(last)),
				Remedy: "see this server's log, then start it again",
			}
		}
	}
	return failing, blamesQueue
}

func refusedByQueue(err error) bool {
	_, ok := errors.AsType[*queue.Refusal](err)
	return ok
}

func seconds(d time.Duration) string { return d.Round(time.Second).String() }
