package proof_test

import (
	"slices"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/ledger/proof"
	"countersign.dev/ledger/proof/prooftest"
	"countersign.dev/workforce"
)

// led is a desk at which ann and abe of acme report to gus, a lead of acme, and gus
// to ole, who is on call and an employee; there are four officers.
func led(t *testing.T) *prooftest.World {
	t.Helper()
	w := prooftest.Found(t, prooftest.Options{})
	w.Staff()
	gus := record("gus", "acme", "ole")
	dov := record("dov", "", "")
	dov.Roles = []workforce.Role{workforce.Officer}
	w.Admit(gus, dov)
	w.Enrol("gus", "dov")
	w.Advance(31 * 24 * time.Hour)
	return w
}

// TestEnds: one person alone ends and revokes only their own reports, or anybody as
// an officer; never across vendors, as a newcomer, in notice, in the last days or
// frozen. One's own engagement and keys are one's own affair.
func TestEnds(t *testing.T) {
	for name, c := range map[string]struct {
		before  func(*prooftest.World)
		by, who workforce.WorkerID
		typ     string
	}{
		"a report":               {nil, "gus", "ann", ""},
		"a report of a report":   {nil, "ole", "ann", ""},
		"anybody, as an officer": {nil, "ada", "lee", ""},
		"one of four officers":   {nil, "ada", "dov", ""},
		"oneself":                {nil, "gus", "gus", ""},
		"oneself, frozen": {func(w *prooftest.World) {
			must(t, do(w, actions.DeskFreeze, freeze(actions.ScopeWorker, "gus"), "ole"))
		}, "gus", "gus", ""},
		"one who reports to another":    {nil, "sue", "ann", "not-yours-to-end"},
		"the boss":                      {nil, "gus", "ole", "not-yours-to-end"},
		"an employee, by a contractor":  {func(w *prooftest.World) { w.Admit(record("eva", "", "gus")) }, "gus", "eva", "not-yours-to-end"},
		"an officer, by who is on call": {nil, "ole", "dov", "not-yours-to-end"},
		"one who was a report":          {func(w *prooftest.World) { w.Admit(record("ann", "acme", "hal")) }, "gus", "ann", "not-yours-to-end"},
		"by a newcomer": {func(w *prooftest.World) {
			w.Admit(record("new", "acme", "ole"), record("ann", "acme", "new"))
			w.Enrol("new")
		}, "new", "ann", "not-yours-to-end"},
		"in notice": {func(w *prooftest.World) {
			gus := record("gus", "acme", "ole")
			gus.Notice = canonical.At(w.Now())
			w.Admit(gus)
		}, "gus", "ann", "not-yours-to-end"},
		"in the last days": {func(w *prooftest.World) {
			gus := record("gus", "acme", "ole")
			gus.Last = canonical.At(w.Now().Add(24 * time.Hour))
			w.Admit(gus)
		}, "gus", "ann", "not-yours-to-end"},
		"frozen": {func(w *prooftest.World) {
			must(t, do(w, actions.DeskFreeze, freeze(actions.ScopeWorker, "gus"), "ole"))
		}, "gus", "ann", "frozen"},
		"frozen as a vendor": {func(w *prooftest.World) {
			must(t, do(w, actions.DeskFreeze, freeze(actions.ScopeVendor, "acme"), "ole"))
		}, "gus", "ann", "frozen"},
	} {
		t.Run(name, func(t *testing.T) {
			w := led(t)
			if c.before != nil {
				c.before(w)
			}
			s := w.State()
			for kind, ch := range map[actions.Kind]actions.Change{actions.DeskEngagement: end(c.who), actions.DeskKey: keys(w.PublicKey(c.who).ID())} {
				if err := s.Authorise(w.Claim(kind, ch, c.by), w.Now()); (err == nil) != (c.typ == "") || err != nil && fault.TypeOf(err) != c.typ {
					t.Errorf("%s: %v, want %q", kind, err, c.typ)
				}
			}
		})
	}
}

// TestSuspends: nobody empties a desk by suspending people one after the other.
func TestSuspends(t *testing.T) {
	suspend := func(w *prooftest.World, by workforce.WorkerID, who ...workforce.WorkerID) (err error) {
		for _, p := range who {
			if err = do(w, actions.DeskFreeze, freeze(actions.ScopeWorker, string(p)), by); err != nil {
				return err
			}
		}
		return nil
	}
	t.Run("of another company", func(t *testing.T) {
		w := led(t)
		must(t, suspend(w, "gus", "bob", "kim"))
		refusedAs(t, suspend(w, "gus", "eva"), "budget-spent", "2 people")
		refusedAs(t, do(w, actions.DeskFreeze, freeze(actions.ScopeVendor, "bolt"), "gus"), "not-yours-to-freeze", "")
		must(t, suspend(w, "gus", "ann", "abe")) // of the same
		must(t, do(w, actions.DeskFreeze, freeze(actions.ScopeVendor, "acme"), "ole"))
	})
	t.Run("by a newcomer", func(t *testing.T) {
		w := led(t)
		w.Admit(record("new", "acme", "ole"))
		w.Enrol("new")
		must(t, suspend(w, "new", "ann", "abe"))
		refusedAs(t, suspend(w, "new", "sue"), "budget-spent", "")
		w.Advance(24 * time.Hour)
		must(t, suspend(w, "new", "sue"))
		refusedAs(t, do(w, actions.DeskFreeze, freeze(actions.ScopeVendor, "acme"), "new"), "not-yours-to-freeze", "")
	})
	for name, leaves := range map[string]func(*workforce.Record, time.Time){
		"in notice":        func(r *workforce.Record, now time.Time) { r.Notice = canonical.At(now) },
		"in the last days": func(r *workforce.Record, now time.Time) { r.Last = canonical.At(now.Add(48 * time.Hour)) },
	} {
		t.Run(name, func(t *testing.T) {
			w := led(t)
			gus := record("gus", "acme", "ole")
			leaves(&gus, w.Now())
			w.Admit(gus)
			refusedAs(t, do(w, actions.DeskFreeze, freeze(actions.ScopeVendor, "acme"), "gus"), "not-yours-to-freeze", "")
			must(t, suspend(w, "gus", "ann", "abe"))
			w.Advance(24*time.Hour - time.Microsecond)
			refusedAs(t, suspend(w, "gus", "sue"), "budget-spent", "")
		})
	}
	t.Run("by who is frozen", func(t *testing.T) {
		w := led(t)
		must(t, suspend(w, "ole", "sue"))
		for _, f := range []actions.Freeze{freeze(actions.ScopeWorker, "bob"), freeze(actions.ScopeAll, ""), freeze(actions.ScopePlatform, "plaza")} {
			refusedAs(t, do(w, actions.DeskFreeze, f, "sue"), "frozen", "sue")
		}
	})
	t.Run("by who is on call", func(t *testing.T) {
		w := led(t)
		must(t, suspend(w, "ole", "ann", "abe", "bob", "kim", "eva"))
		must(t, do(w, actions.DeskFreeze, freeze(actions.ScopeVendor, "bolt"), "ole"))
	})
}

// TestSuspendsAgain: what one person did alone and several took back, that person does
// not do again alone: not for 7 days to people, and not for a day to a place. Else the
// several would thaw for ever.
func TestSuspendsAgain(t *testing.T) {
	everybody := []workforce.WorkerID{"ada", "bea", "cem", "dov"}
	others := func(by workforce.WorkerID) []workforce.WorkerID {
		return slices.DeleteFunc(slices.Clone(everybody), func(p workforce.WorkerID) bool { return p == by })[:3]
	}
	back := func(p workforce.WorkerID) actions.Engagement { return actions.Engagement{Op: "reinstate", Worker: p} }
	day := 24 * time.Hour
	for name, c := range map[string]struct {
		by    workforce.WorkerID
		first actions.Change
		undo  actions.Change // by several
		again []actions.Change
		free  []actions.Change // what the same person may do alone all the same
		wait  time.Duration
	}{
		"an officer": {by: "cem", first: freeze(actions.ScopeWorker, "ada"), undo: thaw(actions.ScopeWorker, "ada"), wait: proof.AloneWithin,
			again: []actions.Change{freeze(actions.ScopeWorker, "ada"), end("ada"), freeze(actions.ScopeVendor, "")}, free: []actions.Change{freeze(actions.ScopeAll, ""), freeze(actions.ScopeWorker, "ann")}},
		"a worker": {by: "ole", first: freeze(actions.ScopeWorker, "ann"), undo: thaw(actions.ScopeWorker, "ann"), wait: proof.AloneWithin,
			again: []actions.Change{freeze(actions.ScopeWorker, "ann"), freeze(actions.ScopeVendor, "acme")}, free: []actions.Change{freeze(actions.ScopeWorker, "abe"), freeze(actions.ScopeVendor, "bolt")}},
		"a report": {by: "gus", first: freeze(actions.ScopeWorker, "ann"), undo: thaw(actions.ScopeWorker, "ann"), wait: proof.AloneWithin,
			again: []actions.Change{freeze(actions.ScopeWorker, "ann"), end("ann")}, free: []actions.Change{end("abe")}},
		"a vendor": {by: "ole", first: freeze(actions.ScopeVendor, "acme"), undo: thaw(actions.ScopeVendor, "acme"), wait: proof.AloneWithin,
			again: []actions.Change{freeze(actions.ScopeVendor, "acme"), freeze(actions.ScopeWorker, "ann")}, free: []actions.Change{freeze(actions.ScopeWorker, "bob")}},
		"an end": {by: "cem", first: end("lee"), undo: back("lee"), wait: proof.AloneWithin,
			again: []actions.Change{end("lee"), freeze(actions.ScopeWorker, "lee")}, free: []actions.Change{end("ann")}},
		"a platform": {by: "ole", first: freeze(actions.ScopePlatform, "plaza"), undo: thaw(actions.ScopePlatform, "plaza"), wait: proof.PlaceWithin,
			again: []actions.Change{freeze(actions.ScopePlatform, "plaza")}, free: []actions.Change{freeze(actions.ScopeAll, ""), freeze(actions.ScopeWorker, "ann")}},
		"all": {by: "cem", first: freeze(actions.ScopeAll, ""), undo: thaw(actions.ScopeAll, ""), wait: proof.PlaceWithin,
			again: []actions.Change{freeze(actions.ScopeAll, ""), freeze(actions.ScopePlatform, "plaza")}},
	} {
		t.Run(name, func(t *testing.T) {
			w := led(t)
			kind := func(c actions.Change) actions.Kind {
				switch c.(type) {
				case actions.Freeze:
					return actions.DeskFreeze
				case actions.Keys:
					return actions.DeskKey
				}
				return actions.DeskEngagement
			}
			alone := func(by workforce.WorkerID, c actions.Change) error {
				return w.State().Authorise(w.Claim(kind(c), c, by), w.Now())
			}
			must(t, do(w, kind(c.first), c.first, c.by))
			w.Advance(6 * day) // it counts from the thaw on
			signers := others(c.by)
			if name == "an officer" {
				signers = []workforce.WorkerID{"bea", "cem", "dov"} // ada is frozen, and the policy can be filled without ada
			}
			must(t, do(w, kind(c.undo), c.undo, signers[0], signers[1:]...))
			w.Advance(c.wait - time.Microsecond)
			for _, a := range c.again {
				err := alone(c.by, a)
				if typ := fault.TypeOf(err); typ != "held" && typ != "not-alone" {
					t.Errorf("%s alone, again: %+v: %v", c.by, a, err)
				}
			}
			for _, a := range c.free {
				if err := alone(c.by, a); err != nil {
					t.Errorf("%s alone: %+v: %v", c.by, a, err)
				}
			}
			if f, ok := c.first.(actions.Freeze); ok {
				if err := alone("bea", f); err != nil {
					t.Errorf("somebody else alone: %v", err)
				}
				if slices.Contains(everybody, c.by) {
					o := others(c.by)
					if err := w.State().Authorise(w.Claim(actions.DeskFreeze, f, c.by, o[len(o)-2:]...), w.Now()); err != nil {
						t.Errorf("with others: %v", err)
					}
				}
			}
			w.Advance(time.Microsecond)
			if err := alone(c.by, c.first); err != nil {
				t.Errorf("later: %v", err)
			}
		})
	}
	t.Run("a last key", func(t *testing.T) {
		w := led(t)
		must(t, do(w, actions.DeskKey, keys(w.PublicKey("lee").ID()), "cem"))
		must(t, do(w, actions.DeskKey, actions.Keys{Enrol: []actions.Enrolment{w.Enrolment("lee")}}, "ada", "bea", "dov"))
		again := keys(w.PublicKey("lee").ID())
		refusedAs(t, w.State().Authorise(w.Claim(actions.DeskKey, again, "cem"), w.Now()), "held", "")
		must(t, w.State().Authorise(w.Claim(actions.DeskKey, again, "ada"), w.Now()))
		must(t, w.State().Authorise(w.Claim(actions.DeskKey, again, "lee"), w.Now()))
		must(t, w.State().Authorise(w.Claim(actions.DeskFreeze, freeze(actions.ScopeWorker, "lee"), "cem"), w.Now()))
	})
	t.Run("one's own last key", func(t *testing.T) {
		w := led(t)
		for range 2 {
			must(t, do(w, actions.DeskKey, keys(w.PublicKey("lee").ID()), "lee"))
			must(t, do(w, actions.DeskKey, actions.Keys{Enrol: []actions.Enrolment{w.Enrolment("lee")}}, "ada", "bea", "dov"))
		}
	})
	t.Run("of three officers", func(t *testing.T) {
		w := prooftest.Staffed(t)
		suspendBy(t, w, "cem", "ada")
		must(t, do(w, actions.DeskFreeze, thaw(actions.ScopeWorker, "ada"), "bea", "ada"))
		refusedAs(t, do(w, actions.DeskFreeze, freeze(actions.ScopeWorker, "ada"), "cem"), "held", "")
	})
	t.Run("under the first laws", func(t *testing.T) {
		w := fourOfficers(t, 10)
		for range 2 {
			suspendBy(t, w, "cem", "ada")
			must(t, do(w, actions.DeskFreeze, thaw(actions.ScopeWorker, "ada"), "bea", "cem", "dov"))
		}
	})
}

// TestReinstate: an end is taken back within 7 days by several, and the worker is
// who they were: no newcomer.
func TestReinstate(t *testing.T) {
	back := func(p workforce.WorkerID) actions.Engagement { return actions.Engagement{Op: "reinstate", Worker: p} }
	t.Run("within 7 days", func(t *testing.T) {
		w := led(t)
		was, _ := w.State().People.Worker("lee")
		refusedAs(t, do(w, actions.DeskEngagement, back("lee"), "ada", "bea", "cem"), "wrong-state", "not ended")
		must(t, do(w, actions.DeskEngagement, end("lee"), "ada"))
		w.Advance(actions.ReinstateWithin - time.Microsecond)
		refusedAs(t, w.State().Authorise(w.Claim(actions.DeskEngagement, back("lee"), "ada"), w.Now()), "held", "0 of 2")
		must(t, do(w, actions.DeskEngagement, back("lee"), "ada", "bea", "cem"))
		is, _ := w.State().People.Worker("lee")
		if canonical.DigestOf(is) != canonical.DigestOf(was) {
			t.Errorf("lee is %+v, and was %+v", is, was)
		}
		// A warrant that lee signs carries the end and the reinstatement.
		r := w.Countersign(w.Request("ann", actions.AccountTakedown, prooftest.Account("acct/17"), actions.Protected), "lee")
		if _, err := proof.Verify(w.Warrant(r), proof.Trust{Root: w.Root}); err != nil {
			t.Error(err)
		}
	})
	t.Run("later", func(t *testing.T) {
		w := led(t)
		must(t, do(w, actions.DeskEngagement, end("lee"), "ada"))
		w.Advance(actions.ReinstateWithin)
		refusedAs(t, do(w, actions.DeskEngagement, back("lee"), "ada", "bea", "cem"), "wrong-state", "more than 7 days")
	})
	t.Run("whose last day is past", func(t *testing.T) {
		w := led(t)
		lee := record("lee", "bolt", "jan")
		lee.Last = canonical.At(w.Now().Add(time.Hour))
		w.Admit(lee)
		must(t, do(w, actions.DeskEngagement, end("lee"), "ada"))
		w.Advance(time.Hour)
		refusedAs(t, do(w, actions.DeskEngagement, back("lee"), "ada", "bea", "cem"), "wrong-state", "by itself")
	})
	t.Run("under the first laws", func(t *testing.T) {
		w := fourOfficers(t, 10)
		must(t, do(w, actions.DeskEngagement, end("lee"), "ada"))
		refusedAs(t, do(w, actions.DeskEngagement, back("lee"), "ada", "bea", "cem"), "unknown-op", "laws adopt")
	})
}

// TestFirstLawsOnPeople: what one person could do before goes on where the chain
// goes by the first laws: entries that stand must stand.
func TestFirstLawsOnPeople(t *testing.T) {
	w := fourOfficers(t, 20)
	for _, p := range []workforce.WorkerID{"ann", "bob", "kim", "eva", "lee"} {
		must(t, do(w, actions.DeskEngagement, end(p), "sue"))
	}
}

// TestDecliners: whoever is frozen, in notice or in the last days declines nothing,
// and whoever is to be reviewed declines no review.
func TestDecliners(t *testing.T) {
	w := led(t)
	r := w.Request("bob", actions.AccountTakedown, prooftest.Account("acct/17"), actions.Standard)
	decline := func(r *prooftest.Request, by workforce.WorkerID) error {
		_, err := w.State().MayDecline(w.Ask(r), w.Statement(r, by, actions.VerdictDecline))
		return err
	}
	for _, by := range []workforce.WorkerID{"sue", "gus", "kim", "ole"} {
		must(t, decline(r, by))
	}
	must(t, do(w, actions.DeskFreeze, freeze(actions.ScopeWorker, "kim"), "ole"))
	refusedAs(t, decline(r, "kim"), "frozen", "and so the declines")
	must(t, do(w, actions.DeskFreeze, freeze(actions.ScopeVendor, "acme"), "ole"))
	refusedAs(t, decline(r, "gus"), "frozen", "")
	must(t, do(w, actions.DeskFreeze, thaw(actions.ScopeVendor, "acme"), "ada", "bea", "cem"))
	sue := record("sue", "acme", "hal")
	sue.Notice = canonical.At(w.Now())
	gus := record("gus", "acme", "ole")
	gus.Last = canonical.At(w.Now().Add(24 * time.Hour))
	w.Admit(sue, gus)
	refusedAs(t, decline(r, "sue"), "leaving", "notice")
	refusedAs(t, decline(r, "gus"), "leaving", "last days")
	// A relieving act as well.
	lift := w.Request("bob", actions.AccountRestore, prooftest.Account("acct/17"), actions.Standard)
	refusedAs(t, decline(lift, "sue"), "leaving", "")
	refusedAs(t, decline(lift, "kim"), "frozen", "")
	must(t, decline(lift, "eva"))
	review := w.RequestChange(actions.DeskReview, actions.Review{Of: actions.ReviewIncident, ID: "inc_1", Involved: []workforce.WorkerID{"bea"}, Findings: canonical.Sum([]byte("x"))}, "ada")
	refusedAs(t, decline(review, "bea"), "own-review", "bea")
	must(t, decline(review, "cem"))
}
