package actions

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/workforce"
)

func held() Request {
	return Request{ID: "req_1", Version: 3, Status: StatusHeld, Action: takedown(), Need: Need{Independent: 2},
		Signed: Signed{Statement: Statement{Signer: "dana", Expires: canonical.At(noon.Add(time.Hour))}}}
}

func signedBy(w workforce.WorkerID) Signed { return Signed{Statement: Statement{Signer: w}} }

// changesOf are all ways in which a request changes, each with the statuses
// from which it may.
var changesOf = map[string]struct {
	from []Status
	to   Status
	do   func(Request, canonical.Time) (Request, error)
}{
	"countersign": {[]Status{StatusHeld}, StatusHeld, func(r Request, at canonical.Time) (Request, error) { return r.Countersign(signedBy("lee"), at) }},
	"decline": {[]Status{StatusHeld}, StatusDeclined, func(r Request, at canonical.Time) (Request, error) {
		return r.Decline(Refusal{Signed: signedBy("lee")}, at)
	}},
	"alarm": {[]Status{StatusHeld}, StatusFrozen, func(r Request, at canonical.Time) (Request, error) {
		return r.Decline(Refusal{Signed: signedBy("lee"), Alarm: true}, at)
	}},
	"withdraw": {[]Status{StatusHeld}, StatusWithdrawn, func(r Request, at canonical.Time) (Request, error) { return r.Withdraw("dana", at) }},
	"execute": {[]Status{StatusApproved, StatusUnknown}, StatusExecuted, func(r Request, at canonical.Time) (Request, error) {
		return r.Settle(StatusExecuted, "executed", "Done.", at)
	}},
	"reverse": {[]Status{StatusExecuted}, StatusReversed, func(r Request, at canonical.Time) (Request, error) { return r.Reverse(StatusReversed, "req_2", at) }},
}

// TestLifeOfARequest tries every change from every status. A change either takes
// the request one version on, or leaves it exactly as it was.
func TestLifeOfARequest(t *testing.T) {
	for name, c := range changesOf {
		for _, from := range Statuses {
			r := held()
			r.Status = from
			before := r
			got, err := c.do(r, noon)
			if d := cmp.Diff(before, r); d != "" {
				t.Errorf("%s from %s changes what it was given: %s", name, from, d)
			}
			if !slices.Contains(c.from, from) {
				if err == nil || fault.KindOf(err) != fault.Conflict {
					t.Errorf("%s from %s: %v", name, from, err)
				}
				if d := cmp.Diff(before, got); d != "" {
					t.Errorf("%s refused from %s, and yet: %s", name, from, d)
				}
				continue
			}
			if err != nil || got.Status != c.to || got.Version != 4 || got.Updated != noon {
				t.Errorf("%s from %s: %s, version %d, %v", name, from, got.Status, got.Version, err)
			}
		}
	}
}

// TestExpiry: at the very instant at which a request expires it takes nothing
// any more, and can be ended; not before.
func TestExpiry(t *testing.T) {
	end := held().Expires()
	just := canonical.At(end.Add(-time.Microsecond))
	for name, c := range changesOf {
		if !slices.Contains(c.from, StatusHeld) {
			continue
		}
		if _, err := c.do(held(), just); err != nil {
			t.Errorf("%s just before: %v", name, err)
		}
		if _, err := c.do(held(), end); !fault.Is(err, "expired") {
			t.Errorf("%s when it expires: %v", name, err)
		}
	}
	if _, err := held().Expire(just); !fault.Is(err, "not-expired") {
		t.Errorf("expires early: %v", err)
	}
	if r, err := held().Expire(end); err != nil || r.Status != StatusExpired {
		t.Errorf("%s, %v", r.Status, err)
	}
	approved := held().Approve()
	if _, err := approved.Expire(end); !fault.Is(err, "not-open") {
		t.Errorf("an approved request expires: %v", err)
	}
}

func TestCountersignRequest(t *testing.T) {
	r := held()
	for _, w := range []workforce.WorkerID{"lee", "ada"} {
		var err error
		if r, err = r.Countersign(signedBy(w), noon); err != nil {
			t.Fatal(err)
		}
	}
	if r.Signers[0].Statement.Signer != "ada" || r.Signers[1].Statement.Signer != "lee" || r.Version != 5 {
		t.Errorf("signers %+v, version %d", r.Signers, r.Version)
	}
	if _, err := r.Countersign(signedBy("ada"), noon); !fault.Is(err, "already-signed") {
		t.Errorf("twice: %v", err)
	}
	if _, err := r.Withdraw("lee", noon); !fault.Is(err, "not-requester") {
		t.Errorf("withdrawn by another: %v", err)
	}
	// Two changes of one request do not share what they append to.
	a, _ := r.Countersign(signedBy("bea"), noon)
	b, _ := r.Countersign(signedBy("cyd"), noon)
	if a.Signers[1].Statement.Signer != "bea" || b.Signers[1].Statement.Signer != "cyd" {
		t.Errorf("%+v and %+v", a.Signers, b.Signers)
	}
}

// TestEveryStatusIsListed, and only held takes signatures.
func TestEveryStatusIsListed(t *testing.T) {
	for _, s := range Statuses {
		if r := (Request{Status: s}); r.Open() != (s == StatusHeld) {
			t.Errorf("%s is open: %v", s, r.Open())
		}
	}
	if r := held().Apply(noon); r.Status != StatusExecuted || r.Executed != noon || r.Missing != "" {
		t.Errorf("applied: %+v", r)
	}
}
