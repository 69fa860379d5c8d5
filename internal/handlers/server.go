// Package handlers is the only one that knows HTTP: routes, wire types and problem details, on Gin, with the OpenAPI
// document that huma makes of them.
package handlers

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"reflect"
	"sync/atomic"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"
	"github.com/gin-gonic/gin"

	"quantix/internal/feed"
	"quantix/internal/logging"
	"quantix/internal/models"
	"quantix/internal/services"
)

const apiPath = "/api/v1"

// DefaultTimeout is how long a request may take unless Deps says otherwise.
const DefaultTimeout = 15 * time.Second

// Observer is told of every request, for metrics. It is called on the hot path: it must not block.
type Observer interface {
	// Request: one was answered. route is the pattern, such as "/api/v1/events/:id", or "none"; method is one of
	// HTTP's own, or "other".
	Request(route, method string, status int, took time.Duration)
}

// Deps is what the handlers need. The services and Feed are required; the rest has defaults.
type Deps struct {
	Events     *services.Events
	Users      *services.Users
	Bookings   *services.Bookings
	Letters    *services.Letters
	Organizers *services.Organizers
	Keys       *services.Keys
	AccessLog  *services.AccessLog
	Exports    *services.Exports
	Feed       *feed.Feed

	Gate Gate // finds out who asks; nil: nobody is asked, and everybody may do anything

	Callbacks *services.Callbacks // nil: no gateway sends any

	Currency models.Currency // of events that name none; default USD
	Version  string          // of the program; default "dev"

	Ready    func(ctx context.Context) Readiness // nil: always ready
	Metrics  http.Handler                        // GET /metrics; nil: 404
	Observer Observer                            // nil: none
	Logger   *slog.Logger                        // nil: none

	// AllowedHosts are the names that this server is asked by, beside localhost and addresses; "*.example.org" is all
	// below it, "*" any. nil: nothing is checked.
	AllowedHosts []string

	Limits *Limits // nil: none

	// TrustedProxies are the addresses or CIDRs that are believed about who asks (X-Forwarded-For, for log and limits)
	// and what for (X-Forwarded-Host, X-Forwarded-Proto); none by default.
	TrustedProxies []string

	// PublicURL is the address that this server is reached at, "https://tickets.example.com", if it is known: a page
	// of it is one of ours. CORSOrigins are other sites whose pages may use the API, as browsers write them.
	PublicURL   string
	CORSOrigins []string

	// TransportSecurity has browsers come by TLS alone from the first answer on.
	TransportSecurity bool

	RequestTimeout time.Duration // default DefaultTimeout; POST /bookings is bounded by its box office instead
}

// server is what all requests share.
type server struct {
	router   *gin.Engine
	logger   *slog.Logger
	faults   *logging.Spells
	observer Observer
	timeout  time.Duration
	lists    atomic.Int64               // pages that are being made or written
	origins  http.CrossOriginProtection // trusts cors and Deps.PublicURL
	cors     crossOrigins
	proxies  proxies
	hosts    *hosts
	gate     Gate
	secured  bool // Deps.TransportSecurity
	limits   *rateLimits
	bodies   bodiesInHand
}

// api is where operations are registered: huma's, and the router for what is not an operation.
type api struct {
	huma.API
	router *gin.Engine
}

func (a *api) registry() huma.Registry { return a.OpenAPI().Components.Schemas }

// New makes the handler of everything that the server answers. Error: a trusted proxy that is no address, or a document
// that cannot be written.
func New(d Deps) (http.Handler, error) {
	s, err := newServer(d)
	if err != nil {
		return nil, err
	}
	return s.router, nil
}

// NewMetrics makes the handler of a port that has /metrics and nothing else. Of Deps it needs none of the services.
// Error: as New.
func NewMetrics(d Deps) (http.Handler, error) {
	s, _, err := bareServer(d)
	if err != nil {
		return nil, err
	}
	s.serveMetrics(d.Metrics)
	s.answerHead()
	return s.router, nil
}

// NewHealth makes the handler of a process that answers no API: /healthz, /readyz and /metrics alone. Of Deps it needs
// none of the services. Error: as New.
func NewHealth(d Deps) (http.Handler, error) {
	s, a, err := bareServer(d)
	if err != nil {
		return nil, err
	}
	newHealth(d).register(a)
	s.serveMetrics(d.Metrics)
	s.answerHead()
	return s.router, nil
}

func newServer(d Deps) (*server, error) {
	s, a, err := bareServer(d)
	if err != nil {
		return nil, err
	}
	s.register(a, d)
	completeDocument(a.OpenAPI())
	if d.Gate == nil {
		asksNobody(a.OpenAPI())
	}
	if err := s.servePages(a.OpenAPI(), d.Metrics); err != nil {
		return nil, err
	}
	s.answerHead()
	return s, nil
}

// bareServer is what every request passes, before any address is known.
func bareServer(d Deps) (*server, *api, error) {
	explainHuma()
	s := &server{
		router: gin.New(), logger: d.Logger, observer: d.Observer, timeout: cmp.Or(d.RequestTimeout, DefaultTimeout),
		hosts: newHosts(d.AllowedHosts), gate: d.Gate, cors: newCrossOrigins(d.CORSOrigins),
		secured: d.TransportSecurity, limits: newRateLimits(d.Limits, d.TrustedProxies),
	}
	if s.logger == nil {
		s.logger = slog.New(slog.DiscardHandler)
	}
	s.faults = logging.NewSpells(s.logger)
	if err := s.prepareRouter(d); err != nil {
		return nil, nil, err
	}
	a := &api{API: humagin.New(s.router, newConfig(cmp.Or(d.Version, "dev"))), router: s.router}
	a.UseMiddleware(s.authorize, s.boundLists, s.deadline, strictQuery(a.API), refusePromises(a.API), s.clientBodies)
	return s, a, nil
}

func (s *server) prepareRouter(d Deps) (err error) {
	if s.proxies, err = newProxies(d.TrustedProxies); err != nil {
		return err
	}
	s.router.RemoteIPHeaders = []string{"X-Forwarded-For"} // and none that a proxy passes on as its client has sent it
	if err := s.router.SetTrustedProxies(d.TrustedProxies); err != nil {
		return fmt.Errorf("set trusted proxies: %w", err)
	}
	for _, origin := range append([]string{d.PublicURL}, d.CORSOrigins...) {
		if origin == "" {
			continue
		}
		if err := s.origins.AddTrustedOrigin(origin); err != nil {
			return fmt.Errorf("trust an origin: %w", err)
		}
	}
	s.router.HandleMethodNotAllowed = true
	s.router.RedirectTrailingSlash = false // an address has one form
	s.router.Use(s.middleware)
	s.router.NoRoute(noRoute)
	s.router.NoMethod(s.noMethod)
	return nil
}

func (s *server) register(a *api, d Deps) {
	(&events{events: d.Events, currency: cmp.Or(d.Currency, "USD")}).register(a)
	(&users{users: d.Users}).register(a)
	(&bookings{
		bookings: d.Bookings, admit: s.admitBuyer, grants: grantsOf(createBooking), limits: s.limits, bodies: &s.bodies,
	}).register(a)
	(&letters{letters: d.Letters}).register(a)
	(&callbacks{callbacks: cmp.Or(d.Callbacks, services.NewCallbacks(nil, nil, nil)), timeout: s.timeout}).register(a)
	(&feeds{feed: d.Feed, events: d.Events, gate: d.Gate}).register(a)
	(&organizers{organizers: d.Organizers}).register(a)
	(&keys{keys: d.Keys}).register(a)
	(&people{log: d.AccessLog, exports: d.Exports}).register(a)
	newHealth(d).register(a)
}

// servePages adds what is not part of the API proper.
func (s *server) servePages(document *huma.OpenAPI, metrics http.Handler) error {
	text, err := json.Marshal(document)
	if err != nil {
		return fmt.Errorf("write the OpenAPI document: %w", err)
	}
	s.router.GET("/openapi.json", func(c *gin.Context) { c.Data(http.StatusOK, "application/json", text) })
	s.router.GET("/", func(c *gin.Context) { c.Redirect(http.StatusFound, "/docs") }) // where people look first
	s.serveIssuers()
	s.router.GET("/problems", explainProblems)
	s.router.GET(problemPath+":code", explainProblem)
	s.serveMetrics(metrics)
	return serveDocs(s.router)
}

// serveIssuers tells clients where they get tokens.
func (s *server) serveIssuers() {
	if s.gate == nil {
		return
	}
	if path, document := s.gate.Metadata(); document != nil {
		s.router.GET(path, func(c *gin.Context) { c.Data(http.StatusOK, "application/json", document) })
	}
}

func (s *server) serveMetrics(metrics http.Handler) {
	if metrics == nil {
		return
	}
	granted := grantsOf(readMetrics)
	s.router.GET("/metrics", func(c *gin.Context) {
		if _, err := s.admit(c, granted); err != nil {
			writeProblem(c, err)
			return
		}
		metrics.ServeHTTP(c.Writer, c.Request)
	})
}

// answerHead has every address that knows GET know HEAD too; net/http leaves the body out.
func (s *server) answerHead() {
	for _, route := range s.router.Routes() {
		if route.Method == http.MethodGet {
			s.router.HEAD(route.Path, route.HandlerFunc)
		}
	}
}

// register makes an operation of a typed function. What it returns as an error, humaProblem explains.
func register[I, O any](a *api, o operation, handle func(context.Context, *I) (*O, error)) {
	huma.Register(a.API, o.describe(a.registry(), hasBody(reflect.TypeFor[I]())), handle)
}
