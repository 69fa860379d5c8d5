package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"quantix/internal/onsale"
)

// The slow clients beside an on-sale.
const (
	slowLines    = 5000
	slowLinesMin = 200 // of a quick run
	slowPatience = 2 * time.Minute
	slowArrive   = 15 * time.Second // to be connected, all of them
)

// slow has a crowd book beside thousands of slow connections, and before and after it without them, on one server; then
// waits until the server is rid of them.
func (b *Bars) slow(ctx context.Context) error {
	return b.onServer(ctx, func(_ scratch, server *private) error {
		buyers := onsale.Scenario{Connections: crowd, Warmup: b.warmup}
		before, err := b.play(ctx, server, buyers)
		if err != nil {
			return err
		}
		memory, _ := peakMemory(server.pid) // without it, none is compared
		beside, slowness, err := b.besideSlow(ctx, server, buyers)
		if err != nil {
			return err
		}
		after, err := b.play(ctx, server, buyers)
		if err != nil {
			return err
		}
		b.addResult(SlowAlone, before, (before.PerSecond(onsale.Accepted)+after.PerSecond(onsale.Accepted))/2)
		b.addResult(Slow, beside, beside.PerSecond(onsale.Accepted))
		if peak, err := peakMemory(server.pid); err == nil {
			b.add(SlowMemory, peak)
			b.say("  %.4g MB before they came", memory)
		}
		b.tellSlow(slowness)
		return nil
	})
}

// besideSlow plays a scenario beside slow connections, once all of them are there.
func (b *Bars) besideSlow(
	ctx context.Context, server *private, s onsale.Scenario,
) (r onsale.Result, d onsale.Slowness, err error) {
	lines, patience := slowLines, slowPatience
	if b.small > 1 {
		lines, patience = max(slowLines/b.small, slowLinesMin), time.Second
	}
	disturbed := make(chan error, 1)
	go func() {
		disturbed <- runSelf(ctx, &d, "disturb", "--client", SlowClient, "--target", server.url,
			"--lines", strconv.Itoa(lines), "--duration", (slowArrive + s.Warmup + b.Load).String(),
			"--patience", patience.String())
	}()
	there, err := awaitConnections(ctx, server.url, lines*95/100)
	if err == nil {
		b.say("  %d connections are open", there)
		r, err = b.play(ctx, server, s)
	}
	return r, d, errors.Join(err, <-disturbed)
}

// SlowClient is the name of the slow clients among those of bench disturb.
const SlowClient = "slow"

// tellSlow notes what became of the slow connections.
func (b *Bars) tellSlow(d onsale.Slowness) {
	var longest float64
	for _, kind := range slices.Sorted(maps.Keys(d.Longest)) {
		longest = max(longest, d.Longest[kind])
		b.say("  %s: the longest lasted %.3g s", kind, d.Longest[kind])
	}
	b.say("  %d were opened, %d could not be", d.Opened, d.Refused)
	if b.small == 1 {
		b.add(SlowEnd, longest)
		b.add(SlowLeft, float64(d.Left))
	}
}

// awaitConnections waits until a server says that so many connections are open.
func awaitConnections(ctx context.Context, server string, wanted int) (open int, err error) {
	ctx, end := context.WithTimeout(ctx, slowArrive)
	defer end()
	for {
		if open, err = countConnections(ctx, server); err == nil && open >= wanted {
			return open, nil
		}
		if pauseErr := pause(ctx, 100*time.Millisecond); pauseErr != nil {
			return open, fmt.Errorf("%d of %d slow connections came: %w", open, wanted, errors.Join(err, pauseErr))
		}
	}
}

func countConnections(ctx context.Context, server string) (int, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, server+"/metrics", nil)
	if err != nil {
		return 0, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, err
	}
	_, rest, found := strings.Cut(string(text), "\nquantix_connections ")
	line, _, _ := strings.Cut(rest, "\n")
	if !found {
		return 0, errors.New("the server does not say how many connections are open")
	}
	open, err := strconv.ParseFloat(line, 64)
	return int(open), err
}
