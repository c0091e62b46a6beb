package executor_test

import (
	"net/http"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/ledger/proof"
	"countersign.dev/ledger/proof/prooftest"
	"countersign.dev/platform"
	"countersign.dev/platform/bluesky"
	"countersign.dev/test/testenv"
)

// pds is a real PDS, reached by the real connector, under the name that tests know.
type pds struct {
	*bluesky.Connector
	t        *testing.T
	server   *testenv.Bluesky
	accounts map[string]testenv.Account // by DID
}

var _ played = (*pds)(nil)

// ownPDS starts a PDS that ends with the test, since no goroutine may be left.
func ownPDS(t *testing.T) *testenv.Bluesky {
	t.Helper()
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	return testenv.OwnPDS(t, testenv.BlueskyOptions{})
}

// newPDS is newPlace with a real PDS.
func newPDS(t *testing.T, b *testenv.Bluesky) (*place, *pds) {
	t.Helper()
	t.Parallel()
	c, err := bluesky.New(bluesky.Config{Name: "plaza", URL: b.URL, AdminPassword: b.AdminPassword})
	if err != nil {
		t.Fatal(err)
	}
	p := emptyPlace(t, prooftest.Staffed(t))
	s := &pds{Connector: c, t: t, server: b, accounts: map[string]testenv.Account{}}
	p.played = s
	return p.begun(), s
}

// Account makes an account. Its identifier and its handle are the PDS's, which knows
// neither followers nor offices.
func (s *pds) Account(string, int64, string) platform.Subject {
	s.t.Helper()
	a := s.server.CreateAccount(s.t, "someone")
	s.accounts[a.DID] = a
	subject, err := s.Resolve(s.t.Context(), platform.Subject{Platform: "plaza", ID: a.DID})
	if err != nil {
		s.t.Fatal(err)
	}
	return subject
}

// Set takes an account down or brings it back as the administrator does.
func (s *pds) Set(id string, status platform.Status, mark platform.Mark) {
	s.t.Helper()
	subject := map[string]any{"$type": "com.atproto.admin.defs#repoRef", "did": id}
	body := map[string]any{"subject": subject, "takedown": map[string]any{"applied": status == platform.Down, "ref": string(mark)}}
	if status == platform.Deactivated {
		body = map[string]any{"subject": subject, "deactivated": map[string]any{"applied": true}}
	}
	if a := s.server.Call(s.t, s.server.Admin(), "com.atproto.admin.updateSubjectStatus", body); a.Status != http.StatusOK {
		s.t.Fatalf("%s of %s: %v", status, id, a)
	}
}

// SetBy is Set: a PDS has one credential and names none.
func (s *pds) SetBy(_, id string, status platform.Status, mark platform.Mark) {
	s.Set(id, status, mark)
}

func (s *pds) State(id string) platform.State {
	s.t.Helper()
	st, err := s.Read(s.t.Context(), platform.Subject{Platform: "plaza", ID: id})
	if err != nil {
		s.t.Fatal(err)
	}
	return st
}

// does calls a method as an account's owner, who was signed in before, and returns
// what the PDS answered.
func (s *pds) does(id, method string) testenv.Answer {
	s.t.Helper()
	var body any
	if method == "com.atproto.server.deactivateAccount" {
		body = map[string]any{}
	}
	return s.server.Call(s.t, testenv.Bearer(s.accounts[id].Access), method, body)
}

const (
	switchOff = "com.atproto.server.deactivateAccount"
	switchOn  = "com.atproto.server.activateAccount"
)

// lossy says what is lost on a platform that ends sessions.
func (p *place) lossy(a *actions.Action) {
	able, _ := p.played.Capabilities().Can(a.Command.Verb, platform.Account)
	if a.Lossy = able.Lossy; a.Lossy != "" {
		a.Effect = actions.Lossy
	}
}

// TestOwnerAwayOnPDS: on a real PDS the owner deactivates, before a measure or beneath it,
// and tries to come back while the account is down. The end of the measure and its undo
// are carried out, and leave what the owner chose, as the PDS has it.
func TestOwnerAwayOnPDS(t *testing.T) {
	b := ownPDS(t)
	for name, c := range map[string]struct {
		first, beneath string // what the owner does
		want           platform.Status
	}{
		"away first, and stays":      {switchOff, "", platform.Deactivated},
		"away first, and comes back": {switchOff, switchOn, platform.Deactivated}, // which a PDS refuses while it is down
		"goes away beneath":          {"", switchOff, platform.Deactivated},
		"stays":                      {"", "", platform.Up},
	} {
		for _, kind := range []actions.Kind{actions.AccountTakedown, actions.AccountSuspend} {
			t.Run(name+", "+string(kind), func(t *testing.T) {
				p, s := newPDS(t, b)
				subject := s.Account("", 0, "")
				before := platform.Up
				if c.first != "" {
					before = platform.Deactivated
					if a := s.does(subject.ID, c.first); a.Status != http.StatusOK {
						t.Fatal(a)
					}
				}
				r := p.world.Request("ann", kind, subject, actions.Standard, p.lossy, func(a *actions.Action) {
					a.Command.Expect.Status = before
					if kind == actions.AccountSuspend {
						a.Until = canonical.At(p.world.Now().Add(time.Hour))
					}
				})
				p.executes(r)
				p.entered(r, proof.DutyAct, "intent", "receipt executed")
				if now := s.State(subject.ID); !now.Is(platform.Down, platform.MarkOf(r.ID)) {
					t.Fatalf("it is %s", platform.Describe(now.Status, now.Mark))
				}
				want := c.want
				if c.beneath != "" {
					a := s.does(subject.ID, c.beneath)
					t.Logf("while it is down, the PDS answers %s with %v", c.beneath, a)
					if refused := a.Status != http.StatusOK; refused != (c.beneath == switchOn) {
						t.Errorf("refused: %v", refused)
					}
				}
				if kind == actions.AccountTakedown {
					p.executes(p.world.Undo("bob", r, p.lossy))
				} else {
					p.over(r)
					p.entered(r, proof.DutyLift, "intent", "receipt executed")
				}
				if now := s.State(subject.ID); !now.Is(want, "") {
					t.Errorf("it is %s", platform.Describe(now.Status, now.Mark))
				}
			})
		}
	}
}

// TestBeneathOnPDS: on a PDS nobody says who deactivated a protected account beneath our
// measure. The watch looks again by its usual rule, and somebody is asked.
func TestBeneathOnPDS(t *testing.T) {
	p, s := newPDS(t, ownPDS(t))
	subject := s.Account("", 0, "")
	p.sweeps()
	p.world.Change(actions.DeskChange, actions.Setting{Of: actions.PartTiers, Raise: &actions.Raise{Subject: platform.Subject{Platform: "plaza", ID: subject.ID}, From: actions.Standard, To: actions.Protected}})
	p.ready()
	r := p.world.Request("ann", actions.AccountSuspend, subject, actions.Protected, p.lossy, func(a *actions.Action) { a.Until = canonical.At(p.world.Now().Add(time.Hour)) })
	p.world.Countersign(r, "lee")
	p.executes(r)
	if a := s.does(subject.ID, switchOff); a.Status != http.StatusOK {
		t.Fatal(a)
	}
	p.over(r)
	p.entered(r, proof.DutyLift, "intent", "receipt executed")
	asked := func() (all []proof.Execution) {
		for _, x := range p.told(proof.KindForeign) {
			if x.Sight.Why == proof.WhyAsked {
				all = append(all, x)
			}
		}
		return all
	}
	p.until("somebody is asked", func() bool { return len(asked()) == 1 })
	if x := asked()[0]; x.Sight.Expected.Status != platform.Up || x.Sight.Found.Status != platform.Deactivated {
		t.Errorf("told %+v", x.Sight)
	}
}
