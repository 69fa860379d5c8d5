package handlers

import (
	"net/netip"
	"strconv"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"

	"quantix/internal/limits"
	"quantix/internal/models"
	"quantix/internal/services"
)

// Limits are how much one client may ask for. A rate that is off is not asked for.
type Limits struct {
	Limiter  limits.Limiter
	IP       limits.Rate   // of one client address, on every route of the API
	Key      limits.Rate   // of one principal, likewise
	Bookings limits.Rate   // of one user and event: POST /bookings alone
	Observer LimitObserver // nil: none
}

// LimitObserver is told of every ask, for metrics. It is called on the hot path: it must not block.
type LimitObserver interface {
	// Limit: a request was held to a limit (ip, key, bookings).
	Limit(limit string, passed bool)
}

// Headers of draft-ietf-httpapi-ratelimit-headers, version 11.
const (
	policyHeader    = "Ratelimit-Policy" // as net/http writes RateLimit-Policy
	standingHeader  = "Ratelimit"
	burstParameter  = "quantix-burst"
	policyExample   = `"ip";q=100;w=1;` + burstParameter + `=200`
	standingExample = `"ip";r=199;t=1`
)

// rateLimits hold requests to Limits.
type rateLimits struct {
	limiter  limits.Limiter
	observer LimitObserver
	rates    [limits.Kinds]limits.Rate
	policies [limits.Kinds][]string // the header of each, shared by all answers
	behind   bool                   // proxies tell the client's address
	asks     sync.Pool              // of *[]limits.Ask
}

// newRateLimits returns nil where nothing is limited.
func newRateLimits(l *Limits, proxies []string) *rateLimits {
	if l == nil || l.IP.Off() && l.Key.Off() && l.Bookings.Off() {
		return nil
	}
	r := &rateLimits{
		limiter: l.Limiter, observer: l.Observer, behind: len(proxies) > 0,
		rates: [limits.Kinds]limits.Rate{limits.IP: l.IP, limits.Key: l.Key, limits.Bookings: l.Bookings},
		asks:  sync.Pool{New: func() any { return new(make([]limits.Ask, 0, limits.MaxAsks)) }},
	}
	for limit, rate := range r.rates {
		r.policies[limit] = []string{policyOf(limits.Limit(limit), rate)}
	}
	return r
}

// policyOf describes a limit: q requests in w seconds. That so many may come at once is a parameter of our own.
func policyOf(limit limits.Limit, rate limits.Rate) string {
	return `"` + limit.String() + `";q=` + strconv.FormatInt(rate.Count, 10) +
		";w=" + strconv.FormatInt(limits.Seconds(rate.Period), 10) +
		";" + burstParameter + "=" + strconv.FormatInt(rate.Burst, 10)
}

// isLimited reports whether requests are limited where they are routed to: all of the API are. Pages, health and
// metrics cost nothing, and whoever runs this server asks for them.
//
// Callbacks are not: a gateway's all come from few addresses, as many as there are payments, and one that is refused
// is a payment that waits. What is not the gateway's is found out by its signature, and has bounds of its own
// (callbackBodies).
func isLimited(path string) bool {
	return strings.HasPrefix(path, apiPath+"/") && !strings.HasPrefix(path, callbacksPath+"/")
}

// admit holds a request to the limits of its client, before anything is done for it. who is nil where it is not known
// who asks.
func (r *rateLimits) admit(c *gin.Context, who *models.Principal) error {
	if r == nil || !isLimited(c.FullPath()) {
		return nil
	}
	asks, _ := r.asks.Get().(*[]limits.Ask) // the pool holds nothing else
	defer r.asks.Put(asks)
	*asks = r.ofClient(c, who, (*asks)[:0])
	return r.check(c, *asks)
}

// addressKey is where a request keeps that its address was held to its limit, and counts no second time.
const addressKey = "address"

// admitStranger holds a request to its address's limit before it is found out who asks, on whatever route.
func (r *rateLimits) admitStranger(c *gin.Context) error {
	if r == nil {
		return nil
	}
	asks, _ := r.asks.Get().(*[]limits.Ask) // the pool holds nothing else
	defer r.asks.Put(asks)
	*asks = r.ofClient(c, nil, (*asks)[:0])
	c.Set(addressKey, true)
	return r.check(c, *asks)
}

// admitBuyer holds a booking to all its limits. One that is not valid, or not the client's to ask for, counts for its
// client alone.
func (r *rateLimits) admitBuyer(c *gin.Context, who *models.Principal, b services.BookingRequest, counts bool) error {
	if r == nil {
		return nil
	}
	asks, _ := r.asks.Get().(*[]limits.Ask) // the pool holds nothing else
	defer r.asks.Put(asks)
	*asks = r.ofClient(c, who, (*asks)[:0])
	if counts {
		*asks = r.ask(*asks, limits.Bookings, limits.Buyer(b.User, b.Event))
	}
	return r.check(c, *asks)
}

// ofClient adds what every request is held to.
func (r *rateLimits) ofClient(c *gin.Context, who *models.Principal, asks []limits.Ask) []limits.Ask {
	if !r.rates[limits.IP].Off() && !c.GetBool(addressKey) { // or the address would be read for nothing
		asks = r.ask(asks, limits.IP, limits.Address(r.address(c)))
	}
	if who != nil && who.ID != [16]byte{} {
		asks = r.ask(asks, limits.Key, limits.Principal(who.ID))
	}
	return asks
}

func (r *rateLimits) ask(asks []limits.Ask, limit limits.Limit, name limits.Name) []limits.Ask {
	if r.rates[limit].Off() {
		return asks
	}
	return append(asks, limits.Ask{Limit: limit, Rate: r.rates[limit], Key: name})
}

// address is the client's. Where no proxy is believed it is the connection's, which costs no text to be made and read.
func (r *rateLimits) address(c *gin.Context) netip.Addr {
	if !r.behind {
		if from, err := netip.ParseAddrPort(c.Request.RemoteAddr); err == nil {
			return from.Addr()
		}
	}
	address, _ := netip.ParseAddr(c.ClientIP()) // one that is not known is an address like any other
	return address
}

// check asks the limiter, and tells the client how it stands. Error: models.ErrRateLimited.
func (r *rateLimits) check(c *gin.Context, asks []limits.Ask) error {
	if len(asks) == 0 {
		return nil
	}
	verdict, err := r.limiter.Check(c.Request.Context(), asks)
	if err != nil {
		return err
	}
	r.observe(asks, &verdict)
	decisive, standing := asks[verdict.Decisive].Limit, &verdict.Standings[verdict.Decisive]
	header := c.Writer.Header()
	header[policyHeader] = r.policies[decisive]
	header[standingHeader] = []string{standingOf(decisive, standing)}
	if verdict.Allowed {
		return nil
	}
	refusal := *refusals[decisive]
	refusal.RetryAfter = standing.RetryAfter
	return &refusal
}

func (r *rateLimits) observe(asks []limits.Ask, v *limits.Verdict) {
	if r.observer == nil {
		return
	}
	for i := range asks {
		if v.Allowed || v.Standings[i].RetryAfter > 0 {
			r.observer.Limit(asks[i].Limit.String(), v.Allowed)
		}
	}
}

// standingOf says that r requests would pass at once, and that there will be one more in t seconds.
func standingOf(limit limits.Limit, s *limits.Standing) string {
	var room [64]byte
	b := append(append(append(room[:0], '"'), limit.String()...), `";r=`...)
	b = strconv.AppendInt(b, s.Remaining, 10)
	b = strconv.AppendInt(append(b, ";t="...), limits.Seconds(s.ResetAfter), 10)
	return string(b)
}

// refusals are what a client is told that has asked for too much, made once: who floods a server costs it little.
var refusals = [limits.Kinds]*models.Error{
	limits.IP: models.ErrRateLimited.Say("Too many requests come from this address; ask again after Retry-After seconds.").
		Attr("rate_limit", limits.IP.String()),
	limits.Key: models.ErrRateLimited.Say("Too many requests come with this key or token; ask again after Retry-After seconds.").
		Attr("rate_limit", limits.Key.String()),
	limits.Bookings: models.ErrRateLimited.Say("This user asks for too many bookings of this event; ask again after Retry-After seconds.").
		Attr("rate_limit", limits.Bookings.String()),
}

// documentLimits adds the headers to the answers of operations that are limited.
func documentLimits(d *huma.OpenAPI) {
	text := func(description, example string) *huma.Param {
		return &huma.Param{Description: description, Schema: &huma.Schema{Type: huma.TypeString}, Example: example}
	}
	policy := text("Where limits are set: the one that this client is closest to. q requests may come in w seconds, "+burstParameter+" of them at once.", policyExample)
	standing := text("Where limits are set: r requests may come now, and one more after t seconds.", standingExample)
	for path, item := range d.Paths {
		if !isLimited(path) {
			continue
		}
		for _, o := range []*huma.Operation{item.Get, item.Put, item.Post, item.Delete} {
			if o == nil {
				continue
			}
			for status, response := range o.Responses {
				if status > "299" && status != "429" {
					continue
				}
				if response.Headers == nil {
					response.Headers = map[string]*huma.Param{}
				}
				response.Headers["RateLimit-Policy"], response.Headers["RateLimit"] = policy, standing
			}
		}
	}
}
