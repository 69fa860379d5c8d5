package simulator

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"quantix/internal/models"
	"quantix/internal/payments"
)

var (
	noon     = time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)
	deadline = noon.Add(15 * time.Minute)
	settles  = deadline.Add(settlesAfter)
)

func request(method models.PaymentMethod) payments.ChargeRequest {
	return payments.ChargeRequest{
		Reference: "r", Booking: models.NewID[models.BookingID](), Amount: models.Money{Minor: 7550, Currency: "USD"},
		Method: method, Deadline: deadline,
	}
}

// What each method's calls answer one after another, and what is then on record.
func TestCharge_follows_the_script_of_its_method(t *testing.T) {
	t.Parallel()
	for method, test := range map[models.PaymentMethod]struct {
		answers []models.Outcome
		status  string
		charges int
	}{
		OK:               {[]models.Outcome{models.Succeeded, models.Succeeded}, charged, 1},
		Decline:          {[]models.Outcome{models.Declined, models.Declined}, declined, 0},
		Flaky:            {[]models.Outcome{models.Unavailable, models.Unavailable, models.Succeeded, models.Succeeded}, charged, 1},
		Error:            {[]models.Outcome{models.Unavailable, models.Unavailable, models.Unavailable, models.Unavailable}, failed, 0},
		Slow:             {[]models.Outcome{models.StillOpen, models.StillOpen}, pending, 0},
		Lost:             {[]models.Outcome{models.Unknown, models.Unknown}, charged, 1},
		"no_such_method": {[]models.Outcome{models.Declined}, declined, 0},
	} {
		t.Run(string(method), func(t *testing.T) {
			t.Parallel()
			r, asked := records{}, request(method)
			var answers []models.Outcome
			for range test.answers {
				answers = append(answers, r.charge(noon, asked).Outcome)
			}
			if diff := cmp.Diff(test.answers, answers); diff != "" {
				t.Errorf("answers (-want +got):\n%s", diff)
			}
			want := &Record{
				Reference: "r", Booking: asked.Booking, Amount: asked.Amount, Method: method, Status: test.status,
				Calls: len(test.answers), Charges: test.charges, CreatedAt: noon, UpdatedAt: noon,
			}
			if diff := cmp.Diff(want, r["r"], cmpopts.IgnoreFields(Record{}, "SettlesAt")); diff != "" {
				t.Errorf("record (-want +got):\n%s", diff)
			}
		})
	}
}

// How each question is answered by a record in each state, and what it makes of it.
func TestQuestions_by_state(t *testing.T) {
	t.Parallel()
	type answer struct {
		outcome models.Outcome
		status  string
	}
	ask := map[string]func(records, time.Time) models.Outcome{
		"charge": func(r records, now time.Time) models.Outcome { return r.charge(now, request(OK)).Outcome },
		"find":   func(r records, now time.Time) models.Outcome { return r.find(now, request(OK)).Outcome },
		"void":   func(r records, now time.Time) models.Outcome { return r.void(now, request(OK)).Outcome },
		"refund": func(r records, now time.Time) models.Outcome {
			return r.refund(now, payments.RefundRequest{Key: "refund:r", Reference: "r"}).Outcome
		},
	}
	for _, test := range []struct {
		state string // empty: no record
		now   time.Time
		want  map[string]answer
	}{
		{"", noon, map[string]answer{
			"charge": {models.Succeeded, charged}, "find": {models.Absent, ""},
			"void": {models.Voided, voided}, "refund": {models.Unavailable, ""},
		}},
		{failed, noon, map[string]answer{
			"charge": {models.Succeeded, charged}, "find": {models.Absent, failed},
			"void": {models.Voided, voided}, "refund": {models.Unavailable, failed},
		}},
		{charged, noon, map[string]answer{
			"charge": {models.Succeeded, charged}, "find": {models.Succeeded, charged},
			"void": {models.Succeeded, charged}, "refund": {models.Succeeded, charged},
		}},
		{declined, noon, map[string]answer{
			"charge": {models.Declined, declined}, "find": {models.Declined, declined},
			"void": {models.Declined, declined}, "refund": {models.Unavailable, declined},
		}},
		{pending, settles.Add(-1), map[string]answer{
			"charge": {models.StillOpen, pending}, "find": {models.StillOpen, pending},
			"void": {models.Voided, voided}, "refund": {models.Unavailable, pending},
		}},
		{pending, settles, map[string]answer{
			"charge": {models.Succeeded, charged}, "find": {models.Succeeded, charged},
			"void": {models.Succeeded, charged}, "refund": {models.Succeeded, charged},
		}},
		{voided, noon, map[string]answer{
			"charge": {models.Declined, voided}, "find": {models.Voided, voided},
			"void": {models.Voided, voided}, "refund": {models.Unavailable, voided},
		}},
	} {
		for question, want := range test.want {
			t.Run(test.state+"/"+question, func(t *testing.T) {
				t.Parallel()
				r := records{}
				if test.state != "" {
					r["r"] = &Record{Reference: "r", Method: OK, Status: test.state, SettlesAt: settles}
				}
				got := answer{outcome: ask[question](r, test.now)}
				if c := r["r"]; c != nil {
					got.status = c.Status
				}
				if got != want {
					t.Errorf("got %v, want %v", got, want)
				}
			})
		}
	}
}

func TestSlow_succeeds_after_the_deadline_once(t *testing.T) {
	t.Parallel()
	r := records{}
	for _, step := range []struct {
		now     time.Time
		outcome models.Outcome
		charges int
	}{
		{noon, models.StillOpen, 0}, {deadline, models.StillOpen, 0}, {settles, models.Succeeded, 1},
		{settles.Add(time.Hour), models.Succeeded, 1},
	} {
		if got := r.charge(step.now, request(Slow)).Outcome; got != step.outcome || r["r"].Charges != step.charges {
			t.Errorf("at %s: %s with %d charges, want %+v", step.now, got, r["r"].Charges, step)
		}
	}
}

func TestLost_is_found(t *testing.T) {
	t.Parallel()
	r := records{}
	if got := r.charge(noon, request(Lost)).Outcome; got != models.Unknown {
		t.Errorf("charge: %s", got)
	}
	if got := r.find(noon, request(Lost)).Outcome; got != models.Succeeded {
		t.Errorf("find: %s", got)
	}
}

func TestRefund_gives_back_once(t *testing.T) {
	t.Parallel()
	r := records{}
	r.charge(noon, request(OK))
	var references []string
	for _, key := range []string{"refund:r", "refund:r", "another"} {
		got := r.refund(noon, payments.RefundRequest{Key: key, Reference: "r"})
		if got.Outcome != models.Succeeded {
			t.Errorf("key %q: %+v", key, got)
		}
		references = append(references, got.ProviderReference)
	}
	if c := r["r"]; c.RefundKey != "refund:r" || c.RefundedAt != noon || references[0] != references[2] {
		t.Errorf("record %+v, references %q", c, references)
	}
}
