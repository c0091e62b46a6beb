package api_test

import (
	"bytes"
	"crypto/ed25519"
	"testing"
	"time"

	"countersign.dev/actions"
	v1 "countersign.dev/api/v1"
	"countersign.dev/canonical"
	"countersign.dev/desk/desktest"
	"countersign.dev/fault"
	"countersign.dev/ledger/proof"
	"countersign.dev/workforce"
)

// asks signs and submits a change of the desk over the API.
func (s *site) asks(by workforce.WorkerID, k actions.Kind, c actions.Change) (v1.Request, error) {
	s.t.Helper()
	client := s.as(by)
	d, err := client.Draft(s.t.Context(), v1.Wish{Kind: k, Change: canonical.MustMarshal(c), Reason: "a test", Key: s.PublicKey(by).ID()})
	if err != nil {
		return v1.Request{}, err
	}
	return client.Submit(s.t.Context(), s.sign(by, d), 0)
}

// says signs a yes or a no to a request over the API.
func (s *site) says(by workforce.WorkerID, id string, v actions.Verdict) v1.Request {
	s.t.Helper()
	client := s.as(by)
	d := must[v1.Draft](s.t)(client.DraftVerdict(s.t.Context(), id, v1.VerdictWish{Verdict: v, Key: s.PublicKey(by).ID()}))
	if v == actions.VerdictDecline {
		return must[v1.Request](s.t)(client.Decline(s.t.Context(), id, v1.Decline{Signed: s.signed(by, d), Reason: "no"}))
	}
	return must[v1.Request](s.t)(client.Countersign(s.t.Context(), id, v1.Countersignature{Signed: s.signed(by, d)}))
}

// together has several people make a change.
func (s *site) together(k actions.Kind, c actions.Change, by ...workforce.WorkerID) v1.Request {
	s.t.Helper()
	r := must[v1.Request](s.t)(s.asks(by[0], k, c))
	for _, w := range by[1:] {
		r = s.says(w, r.ID, actions.VerdictCountersign)
	}
	return r
}

func (s *site) done(r v1.Request) {
	s.t.Helper()
	if r.Status != actions.StatusExecuted {
		s.t.Fatalf("%s is %s: %s %s", r.Action.Kind, r.Status, r.OutcomeText, r.Missing)
	}
}

func frozen(op, scope, of string) actions.Freeze {
	return actions.Freeze{Op: op, Scope: scope, Of: of}
}

// TestRogueOfficer: one of three officers freezes all and says no to the thaw. The no
// withholds one yes only; the other two suspend that officer, thaw, and end the
// engagement.
func TestRogueOfficer(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		s := serve(t, o)
		s.done(must[v1.Request](t)(s.asks("cem", actions.DeskFreeze, frozen("freeze", "all", ""))))
		if _, err := s.as("ann").Submit(t.Context(), s.submission(s.as("ann"), "ann", "plaza:@neighbour"), 0); fault.TypeOf(err) != "frozen" {
			t.Errorf("while all is frozen: %v", err)
		}
		thaw := must[v1.Request](t)(s.asks("ada", actions.DeskFreeze, frozen("thaw", "all", "")))
		if thaw = s.says("cem", thaw.ID, actions.VerdictDecline); thaw.Status != actions.StatusHeld {
			t.Fatalf("after a no the thaw is %s", thaw.Status)
		}
		s.done(must[v1.Request](t)(s.asks("bea", actions.DeskFreeze, frozen("freeze", "worker", "cem"))))
		s.done(s.says("bea", thaw.ID, actions.VerdictCountersign))
		s.done(s.together(actions.DeskEngagement, actions.Engagement{Op: "end", Worker: "cem"}, "ada", "bea"))
		if r := settled(t, s.as("ann"), s.submission(s.as("ann"), "ann", "plaza:@neighbour")); r.Status != actions.StatusExecuted {
			t.Errorf("after the thaw a takedown is %s: %s", r.Status, r.OutcomeText)
		}
	})
}

// TestLostKey: one of three officers loses the key. The others suspend that officer,
// revoke the key and enrol another, which waits 72 hours and pages, and thaw.
func TestLostKey(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		s := serve(t, o)
		lost := s.PublicKey("cem").ID()
		s.done(must[v1.Request](t)(s.asks("ada", actions.DeskFreeze, frozen("freeze", "worker", "cem"))))
		s.done(s.together(actions.DeskKey, actions.Keys{Revoke: []workforce.KeyID{lost}}, "ada", "bea"))
		private := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))
		key := workforce.PublicKey{Algorithm: workforce.FileEd25519, Public: canonical.Bytes(private.Public().(ed25519.PublicKey)), Credential: canonical.Bytes{}, Hardware: true}
		challenge := actions.PossessionChallenge(s.EnrolName(), "cem", key.ID())
		r := s.together(actions.DeskKey, actions.Keys{Enrol: []actions.Enrolment{{Worker: "cem", Key: key,
			Possession: actions.Signature{Signature: ed25519.Sign(private, challenge[:])}}}}, "ada", "bea")
		if r.Status != actions.StatusHeld {
			t.Fatalf("before 72 hours the enrolment is %s", r.Status)
		}
		s.Clock().Advance(proof.RecoveryWait + time.Minute)
		desktest.Until(t, "the key is enrolled", func() bool {
			s.Clock().Advance(time.Second)
			got, err := s.RequestByID(t.Context(), as("ada"), r.ID)
			return err == nil && got.Status == actions.StatusExecuted
		})
		s.done(s.together(actions.DeskFreeze, frozen("thaw", "worker", "cem"), "ada", "bea"))
		state := must[*proof.State](t)(s.Desk.State(t.Context()))
		if k, ok := state.People.Key(key.ID()); !ok || k.Worker != "cem" || !k.Live(s.Clock().Now()) || state.Recovering(s.Clock().Now()) {
			t.Errorf("the key is %+v; recovering: %v", k, state.Recovering(s.Clock().Now()))
		}
	})
}

// TestDeclinedRelief: somebody says no to the lift of an older measure, which takes
// several. It stays open, and others lift the measure.
func TestDeclinedRelief(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		s := serve(t, o)
		ann := s.as("ann")
		r := must[v1.Request](t)(ann.Submit(t.Context(), s.submission(ann, "ann", "plaza:@president"), 0))
		s.says("lee", r.ID, actions.VerdictCountersign)
		if r = executed(t, ann, s.says("kim", r.ID, actions.VerdictCountersign)); r.Status != actions.StatusExecuted {
			t.Fatalf("the takedown is %s", r.Status)
		}
		s.Clock().Advance(31 * 24 * time.Hour)
		bob := s.as("bob")
		d := must[v1.Draft](t)(bob.Draft(t.Context(), v1.Wish{Kind: actions.AccountRestore, Subject: "plaza:@president", Case: "case-2", Reason: "an appeal", Key: s.PublicKey("bob").ID()}))
		lift := must[v1.Request](t)(bob.Submit(t.Context(), s.sign("bob", d), 0))
		if lift.Status != actions.StatusHeld {
			t.Fatalf("the lift is %s, want it held", lift.Status)
		}
		if lift = s.says("eva", lift.ID, actions.VerdictDecline); lift.Status != actions.StatusHeld {
			t.Fatalf("after a no the lift is %s", lift.Status)
		}
		for _, by := range []workforce.WorkerID{"kim", "sue"} {
			if lift.Status == actions.StatusHeld {
				lift = s.says(by, lift.ID, actions.VerdictCountersign)
			}
		}
		if lift = executed(t, bob, lift); lift.Status != actions.StatusExecuted {
			t.Errorf("the lift is %s: %s", lift.Status, lift.OutcomeText)
		}
	})
}

// TestNewLeadEndsNobody: a vendor's lead who was admitted an hour ago ends nobody, of
// the own company or of another. Whoever was ended is reinstated within 7 days and
// keeps the days.
func TestNewLeadEndsNobody(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		s := serve(t, o)
		now := s.Clock().Now()
		s.Admit(false, workforce.Record{Worker: "zed", Vendor: "acme", Roles: []workforce.Role{workforce.Lead}, Team: "support", Manager: "hal", Zone: "Europe/Lisbon",
			Start: canonical.At(now), Last: canonical.At(now.AddDate(1, 0, 0))})
		s.Change(actions.DeskKey, actions.Keys{Enrol: []actions.Enrolment{s.Enrolment("zed")}})
		s.Clock().Advance(time.Hour)
		for _, target := range []workforce.WorkerID{"ann", "bob", "kim", "ada"} {
			_, err := s.asks("zed", actions.DeskEngagement, actions.Engagement{Op: "end", Worker: target})
			if fault.KindOf(err) != fault.Forbidden {
				t.Errorf("zed ends %s: %v", target, err)
			}
		}
		was, _ := must[*proof.State](t)(s.Desk.State(t.Context())).People.Worker("ann")
		s.done(must[v1.Request](t)(s.asks("ada", actions.DeskEngagement, actions.Engagement{Op: "end", Worker: "ann"})))
		s.Clock().Advance(6 * 24 * time.Hour)
		back := actions.Engagement{Op: "reinstate", Worker: "ann"}
		if r := must[v1.Request](t)(s.asks("ada", actions.DeskEngagement, back)); r.Status != actions.StatusHeld {
			t.Errorf("a reinstatement by one person is %s", r.Status)
		}
		s.done(s.together(actions.DeskEngagement, back, "ada", "bea", "cem"))
		is, _ := must[*proof.State](t)(s.Desk.State(t.Context())).People.Worker("ann")
		if !is.Ended.IsZero() || !is.Counts().Equal(was.Counts()) || is.Start != was.Start {
			t.Errorf("ann counts from %s, ended %s; before it was %s", is.Counts(), is.Ended, was.Counts())
		}
		// What several took back one person does not do again alone; another may.
		s.done(must[v1.Request](t)(s.asks("bea", actions.DeskEngagement, actions.Engagement{Op: "end", Worker: "ann"})))
		s.Clock().Advance(7*24*time.Hour + time.Minute)
		if _, err := s.asks("ada", actions.DeskEngagement, back); fault.TypeOf(err) != "wrong-state" {
			t.Errorf("a draft after 7 days: %v", err)
		}
	})
}
