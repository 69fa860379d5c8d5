package identity

import (
	"context"
	"maps"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"quantix/internal/models"
	"quantix/internal/testkit"
)

// memory is a store that a test counts, breaks and slows down. What real ones do, real_test.go tries.
type memory struct {
	mu       sync.Mutex
	keys     map[models.KeyHash]models.APIKey
	people   map[models.Subject]models.UserID
	emails   map[string]models.Subject // whose an address is
	touched  map[models.KeyID]time.Time
	bound    []models.User
	version  int64
	ahead    time.Duration // its clock
	slow     time.Duration
	away     bool
	mute     bool // it does not tell the version
	panics   bool
	lookups  int
	subjects int
	polls    int
	at, most int // lookups at once
}

func newMemory() *memory {
	return &memory{
		keys: map[models.KeyHash]models.APIKey{}, people: map[models.Subject]models.UserID{},
		emails: map[string]models.Subject{}, touched: map[models.KeyID]time.Time{},
	}
}

// call counts a question, and takes as long as the store does.
func (m *memory) call(ctx context.Context, count *int) error {
	m.mu.Lock()
	*count++
	m.at++
	m.most = max(m.most, m.at)
	slow, away, panics := m.slow, m.away, m.panics
	m.mu.Unlock()
	select {
	case <-time.After(slow):
	case <-ctx.Done():
		away = true
	}
	m.mu.Lock()
	m.at--
	m.mu.Unlock()
	if panics {
		panic("a store that panics")
	}
	if away {
		return models.ErrUnavailable
	}
	return nil
}

func (m *memory) CreateKey(_ context.Context, key models.APIKey, hash models.KeyHash) (models.APIKey, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.keys[hash] = key
	return key, nil
}

func (m *memory) KeyByHash(ctx context.Context, hash models.KeyHash) (models.APIKey, time.Time, error) {
	m.mu.Lock()
	key, found := m.keys[hash] // as it is when the question comes, however long the answer takes
	m.mu.Unlock()
	if err := m.call(ctx, &m.lookups); err != nil {
		return models.APIKey{}, time.Time{}, err
	}
	if !found {
		return models.APIKey{}, time.Time{}, models.ErrKeyNotFound
	}
	return key, time.Now().Add(m.ahead), nil
}

func (m *memory) Keys(context.Context, models.Scope, models.Page) ([]models.APIKey, error) {
	panic("not asked for")
}

func (m *memory) RevokeKey(_ context.Context, _ models.Scope, id models.KeyID) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for hash, key := range m.keys {
		if key.ID == id {
			key.RevokedAt = time.Now().Add(m.ahead)
			m.keys[hash] = key
			m.version++
			return nil
		}
	}
	return models.ErrKeyNotFound
}

func (m *memory) TouchKeys(_ context.Context, used map[models.KeyID]time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.away {
		return models.ErrUnavailable
	}
	for id, at := range used {
		m.touched[id] = at
	}
	return nil
}

func (m *memory) IdentityVersion(context.Context) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.polls++
	if m.away || m.mute {
		return 0, models.ErrUnavailable
	}
	return m.version, nil
}

func (m *memory) UserOfSubject(ctx context.Context, subject models.Subject) (models.UserID, error) {
	if err := m.call(ctx, &m.subjects); err != nil {
		return models.UserID{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if user, bound := m.people[subject]; bound {
		return user, nil
	}
	return models.UserID{}, models.ErrUserNotFound
}

func (m *memory) BindSubject(_ context.Context, who models.Introduction, user models.User) (models.UserID, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if owner, taken := m.emails[models.EmailKey(user.Email)]; taken && owner != who.Subject {
		return models.UserID{}, models.ErrEmailTaken
	}
	m.people[who.Subject] = user.ID
	m.emails[models.EmailKey(user.Email)] = who.Subject
	m.bound = append(m.bound, user)
	return user.ID, nil
}

func (m *memory) SubjectsOf(context.Context, models.UserID) ([]models.Subject, error) {
	panic("not asked for")
}

// set changes the store as a test likes.
func (m *memory) set(change func(*memory)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change(m)
}

// used returns when which keys were used.
func (m *memory) used() map[models.KeyID]time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.touched)
}

func (m *memory) asked() (lookups, subjects int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.lookups, m.subjects
}

// newKey makes a key in the store.
func (m *memory) newKey(tb testing.TB, change func(*models.APIKey)) (string, models.APIKey) {
	tb.Helper()
	text, hash := NewKey()
	key, err := models.NewAPIKey(models.KeyDraft{Name: "a till", Role: models.RoleBoxOffice, Organizer: models.DefaultOrganizer})
	if err != nil {
		tb.Fatal(err)
	}
	if change != nil {
		change(&key)
	}
	if key, err = m.CreateKey(tb.Context(), key, hash); err != nil {
		tb.Fatal(err)
	}
	return text, key
}

// running returns a gate that runs until the test ends.
func running(t *testing.T, m *memory, o Options) *Gate {
	t.Helper()
	if o.Logger == nil {
		o.Logger = testkit.Logger(t)
	}
	g := New(m, o)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		g.Run(ctx)
	}()
	t.Cleanup(func() {
		stop()
		<-done
	})
	return g
}

func bearing(credential string) http.Header {
	return http.Header{"Authorization": {"Bearer " + credential}}
}

// ask is Identify with a key or a token.
func ask(t *testing.T, g *Gate, credential string) (*models.Principal, error) {
	t.Helper()
	return g.Identify(t.Context(), bearing(credential))
}

func mustKnow(t *testing.T, g *Gate, credential string) *models.Principal {
	t.Helper()
	p, err := ask(t, g, credential)
	if err != nil {
		t.Fatalf("refused: %v", err)
	}
	return p
}

func mustFail(t *testing.T, g *Gate, credential string, want *models.Error) {
	t.Helper()
	if p, err := ask(t, g, credential); p != nil || !want.Is(err) {
		t.Fatalf("got %v and %v, want %s", p, err, want.Code)
	}
}

// wait lets the bubble's time pass, and what is due happen.
func wait(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}
