package exposure_test

import (
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/exposure"
	"countersign.dev/ledger/proof/prooftest"
	"countersign.dev/platform"
	"countersign.dev/policy"
	"countersign.dev/workforce"
)

// TestStolenSession: exposure says that a session is enough exactly where the judge takes a
// request that only the session's key signed, for each kind of measure, on each tier.
func TestStolenSession(t *testing.T) {
	for _, name := range []string{"default", "before"} { // under the second everybody does everything alone
		t.Run(name, func(t *testing.T) { stolen(t, name) })
	}
}

func stolen(t *testing.T, name string) {
	w := prooftest.Found(t, prooftest.Options{Policy: filesOf(t, name)})
	w.Staff()
	enough := 0
	for _, by := range []workforce.WorkerID{"ann", "lee", "ole", "ada"} {
		s := w.StartSession(by, actions.SessionEd25519)
		person, err := exposure.PersonOf(w.State(), by, w.Now())
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range actions.Catalogue() {
			for _, tier := range actions.Tiers {
				if spec.Desk || spec.Direction != actions.Burdening {
					continue
				}
				subject := prooftest.Account("acct/9")
				if spec.Sort == platform.Content {
					subject = prooftest.Post("post/9")
				}
				_, judged := w.TryWarrant(w.Under(s, w.Request(by, spec.Kind, subject, tier)))
				can, why, err := person.CanUnderSession(exposure.Question{Kind: spec.Kind, Platform: "plaza", Tier: tier})
				if err != nil {
					t.Fatal(err)
				}
				if can != (judged == nil) {
					t.Errorf("%s, %s on %s: exposure says %v (%v), the judge %v", by, spec.Kind, tier, can, why, judged)
				}
				if can {
					enough++
				}
			}
		}
	}
	if enough < 4 {
		t.Errorf("a session is enough for %d acts, so that this test says little", enough)
	}
}

func filesOf(t *testing.T, name string) map[string]string {
	if name == "default" {
		return policy.Default()
	}
	files, err := policy.Example(name)
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestSessionIsNoHardware: where the policy asks for a key that is bound to hardware, the own
// key is enough and a session is not; and in the formats 1 there are none.
func TestSessionIsNoHardware(t *testing.T) {
	ps, err := policy.Compile(map[string]string{"tiers.json": "{}", "a.cedar": `@id("everything")
@reason("Everything is permitted to everybody.")
permit (principal, action, resource);
@id("hardware")
@reason("Accounts take a hardware key.")
@hold("hardware")
forbid (principal, action == Action::"account.takedown", resource)
when { resource.tier == Tier::"standard" };
`})
	if err != nil {
		t.Fatal(err)
	}
	s := state(ps, desk(person("ann", "", "", workforce.Agent)))
	for _, c := range []struct {
		kind           actions.Kind
		formats        int64
		alone, session int
	}{
		{actions.AccountTakedown, 2, 1, 0},
		{actions.AccountSuspend, 2, 1, 1},
		{actions.AccountSuspend, 1, 1, 0},
	} {
		s.Formats = c.formats
		v, err := exposure.ViewOf(s, now)
		if err != nil {
			t.Fatal(err)
		}
		a, err := v.Alone(exposure.Question{Kind: c.kind, Platform: "plaza", Tier: actions.Standard})
		if err != nil {
			t.Fatal(err)
		}
		if a.Count != c.alone || a.Session != c.session {
			t.Errorf("%s in the formats %d: %d alone, %d with a session", c.kind, c.formats, a.Count, a.Session)
		}
	}
}

// TestEnds: whoever is counted ends the sessions of a worker alone, and nobody else does.
func TestEnds(t *testing.T) {
	files := policy.Default()
	files["unended.cedar"] = `@id("on-call-ends-no-sessions")
@reason("Somebody on call ends nobody's sessions.")
forbid (principal, action == Action::"desk.key", resource)
when { resource.part == Part::"sessions" && principal in Role::"oncall" };
`
	forbidden := prooftest.Found(t, prooftest.Options{Policy: files})
	forbidden.Staff()
	if n := exposure.Ends(forbidden.State(), "ann", forbidden.Now()); n != 0 {
		t.Errorf("the policy forbids it to those on call, and %d end the sessions of ann", n)
	}
	w := prooftest.Staffed(t)
	w.Advance(time.Minute)
	for _, of := range []workforce.WorkerID{"ann", "ole", "ada"} {
		count := func() (n int) {
			s := w.State()
			for _, by := range s.People.Sorted() {
				if by.Worker == of {
					continue
				}
				end := actions.Keys{Void: &actions.Void{Scope: actions.ScopeWorker, Of: string(of), Before: canonical.At(w.Now())}}
				if s.Authorise(w.Claim(actions.DeskKey, end, by.Worker), w.Now()) == nil {
					n++
				}
			}
			return n
		}
		if got, want := exposure.Ends(w.State(), of, w.Now()), count(); got != want {
			t.Errorf("sessions of %s: %d people could end them, and %d do", of, got, want)
		}
	}
	one := exposure.Ends(w.State(), "ann", w.Now())
	if one == 0 {
		t.Fatal("nobody could end the sessions of ann")
	}
	if _, err := w.TryChange(actions.DeskFreeze, actions.Freeze{Op: "freeze", Scope: actions.ScopeWorker, Of: "ole"}, "ada"); err != nil {
		t.Fatal(err)
	}
	if got := exposure.Ends(w.State(), "ann", w.Now()); got != one-1 {
		t.Errorf("ole is frozen, and %d of %d could end the sessions of ann", got, one)
	}
}
