package executor_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/executor/executortest"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/ledger/entry"
	"countersign.dev/ledger/proof"
	"countersign.dev/ledger/proof/prooftest"
	linkv1 "countersign.dev/link/v1"
	"countersign.dev/platform"
	"countersign.dev/policy"
	"countersign.dev/workforce"
)

// TestRefusals: whatever has changed, or was never right, since the desk made the
// warrant is found by the executor itself: nothing is called, the warrant is
// spent, and the ledger says why.
func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		name string
		// make returns the request and its warrant, and does what spoils it.
		make func(p *place) (*prooftest.Request, []byte)
		want string // outcome and type
	}{
		{"a signer has left", func(p *place) (*prooftest.Request, []byte) {
			r := p.takedown(p.president(), actions.Critical)
			raw := p.world.Warrant(r)
			p.world.End("lee")
			return r, raw
		}, "refused engagement-ended"},
		{"somebody declined it", func(p *place) (*prooftest.Request, []byte) {
			r := p.takedown(p.president(), actions.Critical)
			p.world.Append(ledger.Draft{Class: ledger.Desk, Kind: entry.KindDecline, Expect: ledger.AnyNumber, Data: entry.Verdict{Request: r.ID,
				Signed: p.world.Statement(r, "eva", actions.VerdictDecline), Status: actions.StatusDeclined}})
			return r, p.world.Warrant(r) // the desk goes on with the signatures in hand
		}, "refused declined"},
		{"the requester took it back", func(p *place) (*prooftest.Request, []byte) {
			r := p.takedown(p.president(), actions.Critical)
			raw := p.world.Warrant(r)
			p.world.Append(ledger.Draft{Class: ledger.Desk, Kind: entry.KindWithdraw, Expect: ledger.AnyNumber, Data: entry.End{Request: r.ID,
				Signed: p.world.Statement(r, "ann", actions.VerdictWithdraw), Status: actions.StatusWithdrawn}})
			return r, raw
		}, "refused withdrawn"},
		{"the requester has left", func(p *place) (*prooftest.Request, []byte) {
			r := p.takedown(p.president(), actions.Critical)
			raw := p.world.Warrant(r)
			p.world.End("ann")
			return r, raw
		}, "refused engagement-ended"},
		{"an engagement has ended by the clock alone", func(p *place) (*prooftest.Request, []byte) {
			s := p.plaza.Account("acct/9", 1, "")
			r := p.world.Request("dan", actions.AccountTakedown, s, actions.Standard)
			raw := p.world.Warrant(r)
			p.clock.Set(p.clock.Now().Add(7 * time.Hour)) // the desk's clock stands still
			return r, raw
		}, "refused engagement-ended"},
		{"a key was revoked", func(p *place) (*prooftest.Request, []byte) {
			r := p.takedown(p.president(), actions.Critical)
			raw := p.world.Warrant(r)
			p.world.Revoke("kim")
			return r, raw
		}, "refused revoked-key"},
		{"the policy is another now", func(p *place) (*prooftest.Request, []byte) {
			r := p.takedown(p.plaza.Account("acct/9", 200_000, ""), actions.Protected)
			raw := p.world.Warrant(r)
			files := policy.Default()
			files["requests.cedar"] = strings.Replace(files["requests.cedar"], `@hold("1 independent")`, `@hold("2 independent")`, 1)
			p.world.Change(actions.DeskChange, actions.Setting{Of: actions.PartPolicy, Policy: files})
			return r, raw
		}, "refused held"},
		{"nobody countersigned", func(p *place) (*prooftest.Request, []byte) {
			r := p.world.Request("ann", actions.AccountTakedown, p.president(), actions.Critical)
			return r, p.world.Forge(r)
		}, "refused held"},
		{"of the same vendor", func(p *place) (*prooftest.Request, []byte) {
			r := p.world.Countersign(p.world.Request("ann", actions.AccountTakedown, p.president(), actions.Critical), "kim", "sue")
			return r, p.world.Forge(r)
		}, "refused held"},
		{"countersigned by the requester", func(p *place) (*prooftest.Request, []byte) {
			r := p.world.Countersign(p.world.Request("kim", actions.AccountTakedown, p.president(), actions.Critical), "kim", "lee")
			return r, p.world.Forge(r)
		}, "refused held"},
		{"by somebody in the last days", func(p *place) (*prooftest.Request, []byte) {
			r := p.world.Countersign(p.world.Request("dan", actions.AccountTakedown, p.president(), actions.Critical), "kim", "lee")
			return r, p.world.Forge(r)
		}, "refused forbidden-by-policy"},
		{"a signature too many", func(p *place) (*prooftest.Request, []byte) {
			r := p.world.Countersign(p.world.Request("ann", actions.AccountTakedown, p.president(), actions.Critical), "eva", "kim", "lee")
			return r, p.world.Forge(r)
		}, "refused surplus-signature"},
		{"signed about another action", func(p *place) (*prooftest.Request, []byte) {
			r := p.takedown(p.president(), actions.Critical)
			r.Action.Reason = "Another reason."
			return r, p.world.Forge(r)
		}, "refused bad-statement"},
		{"for another executor", func(p *place) (*prooftest.Request, []byte) {
			r := p.world.Request("ann", actions.AccountTakedown, p.plaza.Account("acct/9", 1, ""), actions.Standard)
			r.Signed = p.world.Statement(r, "ann", actions.VerdictRequest, func(s *actions.Statement) { s.Executor = "executor-2" })
			return r, p.world.Forge(r)
		}, "refused bad-statement"},
		{"the request has expired", func(p *place) (*prooftest.Request, []byte) {
			r := p.takedown(p.president(), actions.Critical)
			raw := p.world.Warrant(r)
			p.clock.Set(p.clock.Now().Add(5 * time.Hour))
			return r, raw
		}, "refused expired"},
		{"the subject is protected by now", func(p *place) (*prooftest.Request, []byte) {
			s := p.plaza.Account("acct/9", 10, "")
			r := p.takedown(s, actions.Standard)
			raw := p.world.Warrant(r)
			p.plaza.Learn(s.ID, platform.FactFollowers, int64(3_000_000))
			return r, raw
		}, "refused held"},
		{"a promised fact cannot be read", func(p *place) (*prooftest.Request, []byte) {
			s := p.plaza.Account("acct/9", 10, "")
			r := p.takedown(s, actions.Standard)
			raw := p.world.Warrant(r)
			p.plaza.Learn(s.ID, platform.FactOffice, nil)
			return r, raw
		}, "refused held"},
		{"people raised the subject", func(p *place) (*prooftest.Request, []byte) {
			s := p.plaza.Account("acct/9", 10, "")
			r := p.takedown(s, actions.Standard)
			raw := p.world.Warrant(r)
			p.world.Change(actions.DeskChange, actions.Setting{Of: actions.PartTiers,
				Raise: &actions.Raise{Subject: platform.Subject{Platform: "plaza", ID: s.ID}, From: actions.Standard, To: actions.Critical}})
			return r, raw
		}, "refused held"},
		{"content of a critical account", func(p *place) (*prooftest.Request, []byte) {
			r := p.takedown(p.plaza.Post("post/3", p.president().ID), actions.Standard)
			return r, p.world.Warrant(r)
		}, "refused held"},
		{"content of an account that cannot be read", func(p *place) (*prooftest.Request, []byte) {
			r := p.takedown(p.plaza.Post("post/3", "acct/404"), actions.Standard)
			return r, p.world.Warrant(r)
		}, "refused held"},
		{"a suspension whose end is past", func(p *place) (*prooftest.Request, []byte) {
			r := p.world.Request("ann", actions.AccountSuspend, p.plaza.Account("acct/9", 1, ""), actions.Standard,
				func(a *actions.Action) { a.Until = canonical.At(p.world.Now().Add(time.Hour)) })
			raw := p.world.Warrant(r)
			p.clock.Set(p.clock.Now().Add(2 * time.Hour))
			return r, raw
		}, "refused end-is-past"},
		{"the platform loses something now", func(p *place) (*prooftest.Request, []byte) {
			r := p.takedown(p.plaza.Account("acct/9", 1, ""), actions.Standard)
			p.plaza.Alter(func(c *platform.Capabilities) {
				for i := range c.Abilities {
					c.Abilities[i].Lossy = "sessions"
				}
			})
			return r, p.world.Warrant(r)
		}, "refused lossy-differs"},
		{"the platform cannot do it", func(p *place) (*prooftest.Request, []byte) {
			r := p.takedown(p.plaza.Account("acct/9", 1, ""), actions.Standard)
			p.plaza.Alter(func(c *platform.Capabilities) { c.Abilities = c.Abilities[1:] })
			return r, p.world.Warrant(r)
		}, "refused not-able"},
		{"another sort of subject", func(p *place) (*prooftest.Request, []byte) {
			s := p.plaza.Post("post/3", "acct/1")
			r := p.world.Request("ann", actions.AccountTakedown, s, actions.Standard)
			return r, p.world.Warrant(r)
		}, "refused wrong-sort"},
		{"a platform that the chain does not know", func(p *place) (*prooftest.Request, []byte) {
			s := p.plaza.Account("acct/9", 1, "")
			s.Platform = "other" // the executor has a connector of that name
			r := p.world.Countersign(p.world.Request("ann", actions.AccountTakedown, s, actions.Critical), "kim", "lee")
			return r, p.world.Warrant(r)
		}, "refused no-such-platform"},
		{"down already", func(p *place) (*prooftest.Request, []byte) {
			s := p.president()
			r := p.takedown(s, actions.Critical)
			p.plaza.Set(s.ID, platform.Down, "LEGAL-1")
			return r, p.world.Warrant(r)
		}, "failed wrong-state"},
		{"the handle is somebody else's", func(p *place) (*prooftest.Request, []byte) {
			s := p.president()
			r := p.takedown(s, actions.Critical)
			p.plaza.Rename(s.ID, "@ex-president")
			return r, p.world.Warrant(r)
		}, "failed handle-moved"},
		{"the subject is gone", func(p *place) (*prooftest.Request, []byte) {
			r := p.takedown(prooftest.Account("acct/404"), actions.Standard)
			return r, p.world.Warrant(r)
		}, "failed no-such-subject"},
		{"an undo of what was never done", func(p *place) (*prooftest.Request, []byte) {
			s := p.plaza.Account("acct/9", 1, "")
			never := p.takedown(s, actions.Standard)
			p.plaza.Set(s.ID, platform.Down, platform.MarkOf(never.ID))
			r := p.world.Undo("ann", never)
			return r, p.world.Forge(r)
		}, "refused no-such-measure"},
		{"an undo under a foreign mark", func(p *place) (*prooftest.Request, []byte) {
			s := p.plaza.Account("acct/9", 1, "")
			measure := p.takedown(s, actions.Standard)
			p.executes(measure)
			p.plaza.Set(s.ID, platform.Down, "LEGAL-1")
			r := p.world.Undo("ann", measure)
			return r, p.world.Forge(r)
		}, "failed wrong-state"},
		{"one person's undo of a legal measure", func(p *place) (*prooftest.Request, []byte) {
			measure := p.takedown(p.president(), actions.Critical, func(a *actions.Action) { a.Category = actions.CategoryLegal })
			p.executes(measure)
			r := p.world.Undo("ann", measure)
			return r, p.world.Forge(r)
		}, "refused held"},
		{"one person's undo after the window", func(p *place) (*prooftest.Request, []byte) {
			measure := p.takedown(p.president(), actions.Critical)
			p.executes(measure)
			p.advance(31 * 24 * time.Hour)
			r := p.world.Undo("ann", measure)
			return r, p.world.Forge(r)
		}, "refused held"},
		{"somebody else's undo in the last days", func(p *place) (*prooftest.Request, []byte) {
			measure := p.takedown(p.president(), actions.Critical)
			p.executes(measure)
			r := p.world.Undo("dan", measure)
			return r, p.world.Forge(r)
		}, "refused forbidden-by-policy"},
		{"one person lifts a foreign mark", func(p *place) (*prooftest.Request, []byte) {
			s := p.plaza.Account("acct/9", 1, "")
			p.plaza.Set(s.ID, platform.Down, "LEGAL-1")
			r := p.world.Request("ann", actions.AccountRestore, s, actions.Standard, func(a *actions.Action) { a.Command.Expect.Mark = "LEGAL-1" })
			return r, p.world.Forge(r)
		}, "refused held"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPlace(t)
			r, raw := c.make(p)
			p.ready()
			before := len(p.plaza.Effects())
			got, err := p.carry(raw)
			if err != nil || string(got.Outcome)+" "+got.Type != c.want || got.Text == "" {
				t.Fatalf("%+v, %v; want %s", got, err, c.want)
			}
			if n := len(p.plaza.Effects()); n != before {
				t.Errorf("the platform changed %d times", n-before)
			}
			p.entered(r, proof.DutyAct, "refusal "+c.want)
			again, err := p.carry(raw)
			if err != nil || again != got {
				t.Errorf("handed over again: %+v, %v", again, err)
			}
			p.entered(r, proof.DutyAct, "refusal "+c.want)
		})
	}
}

// TestAnchor: a warrant that the ledger does not hold is nobody's warrant; it
// spends nothing.
func TestAnchor(t *testing.T) {
	p := newPlace(t)
	r := p.takedown(p.president(), actions.Critical)
	good := p.world.Warrant(r)
	other := p.world.Warrant(p.takedown(p.plaza.Account("acct/9", 1, ""), actions.Standard))
	p.ready()
	edit := func(f func(w, o *proof.Warrant)) []byte {
		w, err := proof.ParseWarrant(good)
		if err != nil {
			t.Fatal(err)
		}
		o, err := proof.ParseWarrant(other)
		if err != nil {
			t.Fatal(err)
		}
		f(&w, &o)
		return canonical.MustMarshal(w)
	}
	for name, raw := range map[string][]byte{
		"not a warrant":           []byte("{}"),
		"another spelling":        append([]byte(" "), good...),
		"another reason":          edit(func(w, _ *proof.Warrant) { w.Action.Reason = "x" }),
		"a signature less":        edit(func(w, _ *proof.Warrant) { w.Countersignatures = w.Countersignatures[1:] }),
		"another ruling":          edit(func(w, _ *proof.Warrant) { w.Ruling.Need = actions.Need{} }),
		"another warrant's entry": edit(func(w, o *proof.Warrant) { w.Ledger = o.Ledger }),
		"another place":           edit(func(w, o *proof.Warrant) { w.Ledger.Proof.Index = o.Ledger.Proof.Index }),
		"another salt":            edit(func(w, o *proof.Warrant) { w.Ledger.Salt = o.Ledger.Salt }),
		"an entry of its own making": edit(func(w, o *proof.Warrant) {
			w.Action.Nonce[0]++
			w.Ledger.Entry.Data = canonical.MustMarshal(proof.WarrantEntryOf(w.Core(), p.world.State()))
		}),
	} {
		if got, err := p.carry(raw); err == nil {
			t.Errorf("%s: %+v", name, got)
		} else if k := fault.KindOf(err); k != fault.Invalid && k != fault.Forbidden {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := len(p.world.Acted()); n != 0 {
		t.Errorf("%d records", n)
	}
	if got, err := p.carry(good); err != nil || got.Outcome != proof.Executed {
		t.Errorf("the good one: %+v, %v", got, err)
	}
}

// TestSpent: one request acts once, whoever hands it over how often at once, and
// whatever cores the desk makes of it.
func TestSpent(t *testing.T) {
	p := newPlace(t)
	s := p.president()
	r := p.world.Countersign(p.world.Request("ann", actions.AccountTakedown, s, actions.Critical), "kim", "lee")
	first := p.world.Warrant(r)
	p.world.Advance(time.Second)
	second := p.world.Warrant(r) // another core: ruled a second later
	var wait sync.WaitGroup
	for range 20 {
		wait.Go(func() {
			if got, err := p.carry(first); err != nil || got.Outcome != proof.Executed {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
	wait.Wait()
	if got, err := p.carry(second); !fault.Is(err, "spent") {
		t.Errorf("another core: %+v, %v", got, err)
	}
	p.restart()
	p.ready()
	if got, err := p.carry(first); err != nil || got.Outcome != proof.Executed {
		t.Errorf("after a restart: %+v, %v", got, err)
	}
	if _, err := p.carry(second); !fault.Is(err, "spent") {
		t.Errorf("another core, after a restart: %v", err)
	}
	if n := len(p.plaza.Effects()); n != 1 {
		t.Errorf("the platform changed %d times", n)
	}
	p.entered(r, proof.DutyAct, "intent", "receipt executed")
}

// TestBudget: what is under way counts, so that acts at the same instant do not
// overspend; what came to nothing does not count; and a window slides.
func TestBudget(t *testing.T) {
	const limit = 3
	budgets := []actions.Budget{
		{Per: "worker", Window: "hour", Tier: actions.Standard, Direction: actions.Burdening, Limit: 100},
		{Per: "vendor", Window: "hour", Tier: actions.Standard, Direction: actions.Burdening, Limit: limit},
	}
	w := prooftest.Found(t, prooftest.Options{Budgets: budgets})
	w.Staff()
	p := placeOf(t, w)
	lost := p.takedown(p.plaza.Account("acct/404", 1, ""), actions.Standard)
	p.plaza.Set("acct/404", platform.Down, "")
	if got, err := p.carry(w.Warrant(lost)); err != nil || got.Outcome != proof.Failed {
		t.Fatalf("%+v, %v", got, err)
	}
	run := func() (executed, refused int) {
		var mu sync.Mutex
		var wait sync.WaitGroup
		for i := range 8 {
			by := []string{"ann", "abe"}[i%2]
			r := w.Request(workforce.WorkerID(by), actions.AccountTakedown, p.plaza.Account(fmt.Sprintf("acct/%d", 1000+len(p.plaza.Effects())*10+i), 1, ""), actions.Standard)
			raw := w.Warrant(r)
			wait.Go(func() {
				got, err := p.carry(raw)
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil && got.Outcome == proof.Executed:
					executed++
				case err == nil && got.Outcome == proof.Refused && got.Type == "budget-spent":
					refused++
				default:
					t.Errorf("%+v, %v", got, err)
				}
			})
		}
		wait.Wait()
		return executed, refused
	}
	if executed, refused := run(); executed != limit || refused != 8-limit {
		t.Errorf("%d executed, %d refused", executed, refused)
	}
	if r := w.Request("bob", actions.AccountTakedown, p.plaza.Account("acct/7", 1, ""), actions.Standard); r != nil {
		p.executes(r) // another vendor's
	}
	// What protects more is counted as what it is, not as what was signed.
	if r := w.Request("bob", actions.AccountTakedown, p.plaza.Account("acct/8", 1, ""), actions.Protected); r != nil {
		w.Countersign(r, "kim")
		if got, err := p.carry(w.Warrant(r)); err != nil || got.Type != "no-budget" {
			t.Errorf("without a budget: %+v, %v", got, err)
		}
	}
	p.advance(time.Hour + time.Second)
	if executed, _ := run(); executed != limit {
		t.Errorf("an hour later: %d executed", executed)
	}
}

// TestBudgetOfAFamily: a family's budget counts its own kinds. Who has taken away much of
// what one account has said does no less than a takedown of it, and needs the budget for that.
func TestBudgetOfAFamily(t *testing.T) {
	budget := func(f actions.Family, d actions.Direction, undo bool, limit int64) actions.Budget {
		return actions.Budget{Per: "worker", Window: "hour", Tier: actions.Standard, Direction: d, Undo: undo, Limit: limit, Family: f}
	}
	const most = actions.ContentOfOne + 10
	budgets := []actions.Budget{
		budget(actions.FamilyContent, actions.Burdening, false, most), budget(actions.FamilyAccount, actions.Burdening, false, 2),
		budget(actions.FamilyContent, actions.Relieving, true, most),
	}
	w := prooftest.Found(t, prooftest.Options{Budgets: budgets})
	w.Staff()
	p := placeOf(t, w)
	posts := 0
	// remove has somebody remove another post of an account and compares the outcome.
	remove := func(by workforce.WorkerID, owner, want string) *prooftest.Request {
		t.Helper()
		posts++
		r := w.Request(by, actions.ContentRemove, p.plaza.Post(fmt.Sprintf("post/%d", posts), owner), actions.Standard)
		p.comesTo(fmt.Sprintf("post %d of %s, by %s", posts, owner, by), w.Warrant(r), want)
		return r
	}
	take := func(id, want string) {
		t.Helper()
		p.comesTo("a takedown of "+id, w.Warrant(w.Request("ann", actions.AccountTakedown, p.plaza.Account(id, 1, ""), actions.Standard)), want)
	}
	p.plaza.Account("acct/1", 1, "")
	p.plaza.Account("acct/2", 1, "")
	var first *prooftest.Request
	for range actions.ContentOfOne {
		first = remove("ann", "acct/1", "executed ")
	}
	remove("ann", "acct/2", "executed ")
	remove("ann", "acct/1", "executed ") // the first that counts as one on the account too
	take("acct/3", "executed ")
	take("acct/4", "refused budget-spent") // 2 are the most
	remove("ann", "acct/1", "refused budget-spent")
	remove("abe", "acct/1", "executed ")
	for range most - actions.ContentOfOne - 2 {
		remove("ann", "acct/2", "executed ")
	}
	remove("ann", "acct/2", "refused budget-spent") // of the family content

	// A list with families names what may be taken back as well.
	p.entered(first, proof.DutyAct, "intent", "receipt executed")
	p.comesTo("an undo", w.Warrant(w.Undo("ann", first)), "executed ")
	taken := w.Request("abe", actions.AccountTakedown, p.plaza.Account("acct/5", 1, ""), actions.Standard)
	p.comesTo("abe's takedown", w.Warrant(taken), "executed ")
	p.entered(taken, proof.DutyAct, "intent", "receipt executed")
	p.comesTo("its undo, without a budget", w.Warrant(w.Undo("abe", taken)), "refused no-budget")
	p.advance(time.Hour + time.Second)
	remove("ann", "acct/1", "executed ")
	take("acct/4", "executed ")
}

// TestLeftMeanwhile: somebody leaves between the intent and the call, and the
// entry about it comes before the intent.
func TestLeftMeanwhile(t *testing.T) {
	p := newPlace(t)
	r := p.takedown(p.president(), actions.Critical)
	raw := p.world.Warrant(r)
	p.desk.Before(func(x proof.Execution) {
		if x.Kind == proof.KindIntent {
			p.world.End("lee")
		}
	})
	got, err := p.carry(raw)
	if err != nil || got.Outcome != proof.Refused || got.Type != "engagement-ended" {
		t.Fatalf("%+v, %v", got, err)
	}
	if n := len(p.plaza.Effects()); n != 0 {
		t.Errorf("the platform changed %d times", n)
	}
	p.desk.Before(nil)
	p.entered(r, proof.DutyAct, "intent", "refusal refused engagement-ended")
}

// TestNotEntered: without a checkpoint over the intent nothing is called.
func TestNotEntered(t *testing.T) {
	p := newPlace(t)
	p.halt()
	p.limits.Entry = 50 * time.Millisecond
	p.start()
	p.ready()
	r := p.takedown(p.president(), actions.Critical)
	raw := p.world.Warrant(r)
	p.ready()
	p.desk.Deaf(true)
	got, err := p.carry(raw)
	if err != nil || got.Outcome != proof.Dropped || got.Type != "not-entered" {
		t.Fatalf("%+v, %v", got, err)
	}
	p.halt()
	p.desk.Deaf(false)
	p.start()
	p.entered(r, proof.DutyAct, "intent", "refusal dropped not-entered")
	if n := len(p.plaza.Effects()); n != 0 {
		t.Errorf("the platform changed %d times", n)
	}
}

// TestDeafDesk: what the desk took and did not enter is given again.
func TestDeafDesk(t *testing.T) {
	p := newPlace(t)
	p.halt()
	p.limits.Entry = 50 * time.Millisecond
	p.start()
	p.ready()
	r := p.takedown(p.president(), actions.Critical)
	raw := p.world.Warrant(r)
	p.ready()
	p.desk.Deaf(true)
	if got, err := p.carry(raw); err != nil || got.Outcome != proof.Dropped {
		t.Fatalf("%+v, %v", got, err)
	}
	p.desk.Deaf(false) // and the desk takes nothing out of order
	p.until("both records are entered", func() bool { return len(p.world.OutcomeOf(r.ID, proof.DutyAct)) == 2 })
}

// TestPlatformAway: a platform that does not answer spends nothing.
func TestPlatformAway(t *testing.T) {
	p := newPlace(t)
	raw := p.world.Warrant(p.takedown(p.president(), actions.Critical))
	p.plaza.Away(true)
	if got, err := p.carry(raw); fault.KindOf(err) != fault.Unavailable {
		t.Fatalf("%+v, %v", got, err)
	}
	p.plaza.Away(false)
	if got, err := p.carry(raw); err != nil || got.Outcome != proof.Executed {
		t.Fatalf("%+v, %v", got, err)
	}
}

// TestOneAtATime: two acts on one subject do not meet on the platform, while
// another subject's goes on beside them.
func TestOneAtATime(t *testing.T) {
	p := newPlace(t)
	s, other := p.plaza.Account("acct/9", 1, ""), p.plaza.Account("acct/10", 1, "")
	first, second, third := p.takedown(s, actions.Standard), p.takedown(s, actions.Standard), p.takedown(other, actions.Standard)
	rawFirst, rawSecond, rawThird := p.world.Warrant(first), p.world.Warrant(second), p.world.Warrant(third)
	arrived, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	var meeting sync.Map
	p.plaza.Before(func(c platform.Command) {
		if _, busy := meeting.LoadOrStore(c.Subject.ID, true); busy {
			t.Errorf("two acts on %s at once", c.Subject)
		}
		defer meeting.Delete(c.Subject.ID)
		if c.Subject.ID == s.ID {
			once.Do(func() { close(arrived); <-release })
		}
	})
	results := make(chan linkv1.CarryResult, 2)
	go func() { r, _ := p.carry(rawFirst); results <- r }()
	<-arrived
	go func() { r, _ := p.carry(rawSecond); results <- r }()
	if got, err := p.carry(rawThird); err != nil || got.Outcome != proof.Executed {
		t.Errorf("another subject: %+v, %v", got, err)
	}
	for i := range 10 { // time enough for the second to get as far, if it could
		p.executes(p.takedown(p.plaza.Account(fmt.Sprintf("acct/%d", 20+i), 1, ""), actions.Standard))
	}
	if got, err := p.Carry(t.Context(), rawFirst, 0); err != nil || got.Outcome != "" {
		t.Errorf("under way: %+v, %v", got, err)
	}
	close(release)
	outcomes := map[proof.Outcome]int{(<-results).Outcome: 1}
	outcomes[(<-results).Outcome]++
	if outcomes[proof.Executed] != 1 || outcomes[proof.Failed] != 1 {
		t.Errorf("outcomes: %v", outcomes)
	}
}

// TestAmbiguous: a call of which the answer was lost is asked about.
func TestAmbiguous(t *testing.T) {
	for _, c := range []struct {
		name    string
		fail    []executortest.Failure
		meanly  func(p *place)
		want    string
		effects int
	}{
		{"done, answer lost", []executortest.Failure{executortest.LostAfter}, nil, "executed ", 1},
		{"not done, answer lost", []executortest.Failure{executortest.LostBefore}, nil, "executed ", 1},
		{"on its way", []executortest.Failure{executortest.Late}, nil, "executed ", 1},
		{"again and again", []executortest.Failure{executortest.LostBefore, executortest.Late, executortest.LostAfter}, nil, "executed ", 1},
		{"never done", []executortest.Failure{executortest.LostBefore, executortest.LostBefore, executortest.LostBefore, executortest.LostBefore, executortest.LostBefore, executortest.LostBefore}, nil, "failed platform-failed", 0},
		{"cannot say", []executortest.Failure{executortest.LostAfter}, func(p *place) { p.plaza.Mute(true) }, "unknown outcome-unknown", 1},
		{"a signer leaves before the second call", []executortest.Failure{executortest.LostBefore}, func(p *place) { p.world.End("lee") }, "refused engagement-ended", 0},
		{"the subject changes before the second call", []executortest.Failure{executortest.LostBefore}, func(p *place) { p.plaza.Set("acct/1", platform.Down, "LEGAL-1") }, "failed wrong-state", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPlace(t)
			r := p.takedown(p.president(), actions.Critical)
			raw := p.world.Warrant(r)
			p.plaza.Fail(c.fail...)
			if c.meanly != nil {
				var once sync.Once
				p.plaza.Before(func(platform.Command) { once.Do(func() { c.meanly(p); p.ready() }) })
			}
			got, err := p.carry(raw)
			if err != nil || string(got.Outcome)+" "+got.Type != c.want {
				t.Errorf("%+v, %v; want %s", got, err, c.want)
			}
			p.plaza.Deliver() // whatever was late arrives now
			if n := len(p.plaza.Effects()); n != c.effects {
				t.Errorf("the platform changed %d times, want %d", n, c.effects)
			}
		})
	}
}

// TestAwayAfterCall: while the platform is away after a call the act is under
// way, and it is settled when it is back.
func TestAwayAfterCall(t *testing.T) {
	p := newPlace(t)
	r := p.takedown(p.president(), actions.Critical)
	raw := p.world.Warrant(r)
	p.plaza.Fail(executortest.LostAfter)
	gone := make(chan struct{})
	p.plaza.Before(func(platform.Command) {
		p.plaza.Before(nil)
		go func() { p.plaza.Away(true); close(gone) }()
	})
	got, err := p.Carry(t.Context(), raw, 0)
	if err != nil || got.Outcome != "" {
		t.Fatalf("%+v, %v", got, err)
	}
	p.until("the call was made", func() bool { return len(p.plaza.Effects()) == 1 })
	<-gone
	p.restart() // in the middle of asking
	p.plaza.Away(false)
	p.entered(r, proof.DutyAct, "intent", "receipt executed")
	if n := len(p.plaza.Effects()); n != 1 {
		t.Errorf("the platform changed %d times", n)
	}
}
