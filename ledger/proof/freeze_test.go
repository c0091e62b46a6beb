package proof_test

import (
	"crypto/ed25519"
	"fmt"
	"strings"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/ledger/ledgertest"
	"countersign.dev/ledger/proof"
	"countersign.dev/ledger/proof/prooftest"
	"countersign.dev/platform"
	"countersign.dev/policy"
	"countersign.dev/workforce"
)

func freeze(scope, of string) actions.Freeze {
	return actions.Freeze{Op: "freeze", Scope: scope, Of: of}
}
func thaw(scope, of string) actions.Freeze {
	return actions.Freeze{Op: "thaw", Scope: scope, Of: of}
}

// do makes a change of the desk.
func do(w *prooftest.World, k actions.Kind, c actions.Change, by workforce.WorkerID, others ...workforce.WorkerID) error {
	_, err := w.TryChange(k, c, by, others...)
	return err
}

// must is do for what has to work.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// fourOfficers is a staffed desk with a fourth officer, dov, so that there is one
// to spare, under the first laws: what one person may do to people under the laws 2
// is tested in people_test.go.
func fourOfficers(t *testing.T, perHour int64) *prooftest.World {
	t.Helper()
	return withDov(prooftest.Found(t, prooftest.Options{FirstLaws: true, Trust: func(tr *actions.Trust) { tr.EndingsPerHour = perHour }}))
}

// withDov staffs a desk and adds an officer.
func withDov(w *prooftest.World) *prooftest.World {
	w.Staff()
	dov := record("dov", "", "")
	dov.Roles = []workforce.Role{workforce.Officer}
	w.Admit(dov)
	w.Enrol("dov")
	w.Advance(31 * 24 * time.Hour)
	return w
}

// judged is what the state says to a request now.
func judged(w *prooftest.World, r *prooftest.Request) error {
	j, err := w.State().Judge(w.Ask(r))
	if err == nil && !j.Ready {
		return fmt.Errorf("held: %s", j.Missing)
	}
	return err
}

// TestFreeze: any one on-call worker freezes, a worker, a vendor, a platform or
// everything, and what burdens within that scope is refused from then on: who
// asks, who countersigns, and what changes the desk.
func TestFreeze(t *testing.T) {
	takedown := func(by workforce.WorkerID, tier actions.Tier, signers ...workforce.WorkerID) func(*prooftest.World) error {
		return func(w *prooftest.World) error {
			return judged(w, w.Countersign(w.Request(by, actions.AccountTakedown, prooftest.Account("acct/17"), tier), signers...))
		}
	}
	elsewhere := func(w *prooftest.World) error {
		r := w.Request("ann", actions.AccountTakedown, platform.Subject{Platform: "other", ID: "acct/17", Handle: "@17"}, actions.Standard)
		return judged(w, r)
	}
	setting := func(w *prooftest.World) error {
		return judged(w, w.Countersign(w.RequestChange(actions.DeskChange, vendor("new"), "ada"), "bea", "cem"))
	}
	for _, c := range []struct {
		name   string
		freeze actions.Freeze
		stops  map[string]func(*prooftest.World) error
		leaves map[string]func(*prooftest.World) error
	}{
		{"a worker", freeze(actions.ScopeWorker, "ann"),
			map[string]func(*prooftest.World) error{"their request": takedown("ann", actions.Standard)},
			map[string]func(*prooftest.World) error{"a colleague's": takedown("abe", actions.Standard), "the desk": setting}},
		{"who countersigns", freeze(actions.ScopeWorker, "lee"),
			map[string]func(*prooftest.World) error{"their signature": takedown("ann", actions.Protected, "lee")},
			map[string]func(*prooftest.World) error{"another's": takedown("ann", actions.Protected, "kim")}},
		{"a vendor", freeze(actions.ScopeVendor, "acme"),
			map[string]func(*prooftest.World) error{"ann's request": takedown("ann", actions.Standard), "abe's": takedown("abe", actions.Standard)},
			map[string]func(*prooftest.World) error{"another vendor's": takedown("bob", actions.Standard)}},
		{"a platform", freeze(actions.ScopePlatform, "plaza"),
			map[string]func(*prooftest.World) error{"ann's request": takedown("ann", actions.Standard), "bob's": takedown("bob", actions.Standard)},
			map[string]func(*prooftest.World) error{"another platform": elsewhere, "the desk": setting}},
		{"all", freeze(actions.ScopeAll, ""),
			map[string]func(*prooftest.World) error{"plaza": takedown("ann", actions.Standard), "another platform": elsewhere, "the desk": setting}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := prooftest.Staffed(t)
			for name, try := range c.stops {
				if err := try(w); err != nil {
					t.Fatalf("%s, before: %v", name, err)
				}
			}
			must(t, do(w, actions.DeskFreeze, c.freeze, "ole"))
			f := w.State().Freezes[c.freeze.Key()]
			if f.By != "ole" || !f.At.Equal(w.Now()) || f.Request == "" {
				t.Errorf("it is noted as %+v", f)
			}
			for name, try := range c.stops {
				t.Run("stops "+name, func(t *testing.T) { refusedAs(t, try(w), "frozen", "frozen since") })
			}
			for name, try := range c.leaves {
				if err := try(w); err != nil {
					t.Errorf("it stops %s: %v", name, err)
				}
			}
			must(t, do(w, actions.DeskFreeze, thaw(c.freeze.Scope, c.freeze.Of), "ada", "bea", "cem"))
			for name, try := range c.stops {
				if err := try(w); err != nil {
					t.Errorf("%s, thawed: %v", name, err)
				}
			}
		})
	}
	t.Run("an agent does not", func(t *testing.T) {
		w := prooftest.Staffed(t)
		refusedAs(t, do(w, actions.DeskFreeze, freeze(actions.ScopeAll, ""), "ann"), "forbidden-by-policy", "")
	})
}

// TestFreezeStopsBurdeningOnly: under a freeze of everything, and of those who
// act, undo, lifts, declines, ends, revocations, further freezes and the votes to
// thaw go on.
func TestFreezeStopsBurdeningOnly(t *testing.T) {
	w := fourOfficers(t, 20)
	measure := w.Request("ann", actions.AccountTakedown, prooftest.Account("acct/17"), actions.Standard)
	pending := w.Request("ann", actions.AccountTakedown, prooftest.Account("acct/18"), actions.Protected)
	w.Executed(measure)
	must(t, do(w, actions.DeskFreeze, freeze(actions.ScopeAll, ""), "ole"))
	for _, of := range []workforce.WorkerID{"ann", "lee", "ole", "dov"} {
		must(t, do(w, actions.DeskFreeze, freeze(actions.ScopeWorker, string(of)), "ole"))
	}
	if err := judged(w, w.Undo("ann", measure)); err != nil {
		t.Errorf("an undo by who is frozen: %v", err)
	}
	lift := w.Request("bob", actions.AccountRestore, prooftest.Account("acct/17"), actions.Standard, func(a *actions.Action) { a.Command.Expect.Mark = "LEGAL-1" })
	if err := judged(w, w.Countersign(lift, "dov")); err != nil {
		t.Errorf("a lift that somebody frozen countersigns: %v", err)
	}
	decline := func(by workforce.WorkerID) error {
		_, err := w.State().MayDecline(w.Ask(pending), w.Statement(pending, by, actions.VerdictDecline))
		return err
	}
	if err := decline("kim"); err != nil {
		t.Errorf("a decline under a freeze of all: %v", err)
	}
	refusedAs(t, decline("lee"), "frozen", "lee")
	for name, err := range map[string]error{
		"an end":         do(w, actions.DeskEngagement, end("abe"), "ole"),
		"a revocation":   do(w, actions.DeskKey, keys(w.PublicKey("sue").ID()), "ole"),
		"a freeze":       do(w, actions.DeskFreeze, freeze(actions.ScopePlatform, "plaza"), "ole"),
		"raising":        do(w, actions.DeskChange, raise("acct/17", actions.Standard, actions.Critical), "ole"),
		"a vote to thaw": do(w, actions.DeskFreeze, thaw(actions.ScopeAll, ""), "ada", "bea", "cem"),
	} {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestThaw: it takes several, none of them frozen.
func TestThaw(t *testing.T) {
	w := fourOfficers(t, 20)
	must(t, do(w, actions.DeskFreeze, freeze(actions.ScopeWorker, "dov"), "ole"))
	must(t, do(w, actions.DeskFreeze, freeze(actions.ScopeAll, ""), "ole"))
	claim := func(by workforce.WorkerID, others ...workforce.WorkerID) error {
		return w.State().Authorise(w.Claim(actions.DeskFreeze, thaw(actions.ScopeAll, ""), by, others...), w.Now())
	}
	refusedAs(t, claim("ada"), "held", "0 of 2")
	refusedAs(t, claim("ada", "bea"), "held", "1 of 2")
	refusedAs(t, claim("ole", "ada", "bea"), "forbidden-by-policy", "")
	refusedAs(t, claim("dov", "ada", "bea"), "frozen", "dov")
	refusedAs(t, claim("ada", "bea", "dov"), "frozen", "dov")
	// Nobody thaws themselves, nor with others whom they thaw in the same breath.
	own := w.Claim(actions.DeskFreeze, thaw(actions.ScopeWorker, "dov"), "dov", "ada", "bea")
	refusedAs(t, w.State().Authorise(own, w.Now()), "frozen", "dov")
	own = w.Claim(actions.DeskFreeze, thaw(actions.ScopeWorker, "dov"), "ada", "bea", "dov")
	refusedAs(t, w.State().Authorise(own, w.Now()), "frozen", "dov")
	if err := claim("ada", "bea", "cem"); err != nil {
		t.Error(err)
	}
	refusedAs(t, do(w, actions.DeskFreeze, thaw(actions.ScopePlatform, "plaza"), "ada", "bea", "cem"), "wrong-state", "not frozen")
	refusedAs(t, do(w, actions.DeskFreeze, freeze(actions.ScopeAll, ""), "ole"), "wrong-state", "frozen already")
	// A thaw calls itself a freeze, which one person may do.
	r := w.RequestChange(actions.DeskFreeze, freeze(actions.ScopeAll, ""), "ole")
	r.Action.Change = canonical.MustMarshal(thaw(actions.ScopeAll, ""))
	refusedAs(t, w.State().Authorise(proof.Authority{Action: r.Action, Request: w.Statement(r, "ole", actions.VerdictFreeze)}, w.Now()), "bad-action", "direction")
	// Whoever signed a request signed no freeze.
	r = w.RequestChange(actions.DeskFreeze, freeze(actions.ScopePlatform, "plaza"), "ole")
	refusedAs(t, w.State().Authorise(proof.Authority{Action: r.Action, Request: w.Statement(r, "ole", actions.VerdictRequest)}, w.Now()), "bad-statement", "freeze")
}

// TestFreezeOfNobody: what is frozen is there.
func TestFreezeOfNobody(t *testing.T) {
	w := prooftest.Staffed(t)
	for scope, typ := range map[string]string{actions.ScopeWorker: "no-such-worker", actions.ScopeVendor: "no-such-vendor", actions.ScopePlatform: "no-such-platform"} {
		refusedAs(t, do(w, actions.DeskFreeze, freeze(scope, "nowhere"), "ole"), typ, "nowhere")
	}
}

// TestFreezeLimit: one person freezes, ends and revokes so many people an hour,
// counted together; a platform and everything can be frozen whatever was frozen
// before.
func TestFreezeLimit(t *testing.T) {
	w := fourOfficers(t, 3)
	must(t, do(w, actions.DeskFreeze, freeze(actions.ScopeWorker, "ann"), "ole"))
	must(t, do(w, actions.DeskFreeze, freeze(actions.ScopeVendor, "bolt"), "ole"))
	must(t, do(w, actions.DeskEngagement, end("abe"), "ole"))
	refusedAs(t, do(w, actions.DeskFreeze, freeze(actions.ScopeWorker, "sue"), "ole"), "budget-spent", "3 such changes")
	refusedAs(t, do(w, actions.DeskFreeze, freeze(actions.ScopeVendor, "acme"), "ole"), "budget-spent", "")
	refusedAs(t, do(w, actions.DeskKey, keys(w.PublicKey("sue").ID()), "ole"), "budget-spent", "")
	must(t, do(w, actions.DeskFreeze, freeze(actions.ScopeWorker, "sue"), "kim"))
	must(t, do(w, actions.DeskFreeze, freeze(actions.ScopePlatform, "plaza"), "ole"))
	must(t, do(w, actions.DeskFreeze, freeze(actions.ScopeAll, ""), "ole"))
	w.Advance(time.Hour)
	must(t, do(w, actions.DeskFreeze, freeze(actions.ScopeWorker, "eva"), "ole"))
}

// TestNobodyLeft: no freeze, end, revocation or change of policy, and no mixture of
// them, leaves no group able to thaw, enrol, admit and change policy. There are
// four officers, and three make a group.
func TestNobodyLeft(t *testing.T) {
	type change struct {
		kind actions.Kind
		what func(*prooftest.World) actions.Change
		by   []workforce.WorkerID
	}
	one := func(k actions.Kind, c func(*prooftest.World) actions.Change) change {
		return change{k, c, []workforce.WorkerID{"ole"}}
	}
	frozen := func(p workforce.WorkerID) change {
		return one(actions.DeskFreeze, func(*prooftest.World) actions.Change { return freeze(actions.ScopeWorker, string(p)) })
	}
	ended := func(p workforce.WorkerID) change {
		return one(actions.DeskEngagement, func(*prooftest.World) actions.Change { return end(p) })
	}
	revoked := func(p workforce.WorkerID) change {
		return one(actions.DeskKey, func(w *prooftest.World) actions.Change { return keys(w.PublicKey(p).ID()) })
	}
	narrower := change{actions.DeskChange, func(*prooftest.World) actions.Change {
		files := policy.Default()
		for name, text := range files {
			if strings.HasSuffix(name, ".txtar") {
				delete(files, name)
				continue
			}
			files[name] = strings.ReplaceAll(text, `@hold("2 independent; 1 employee; 1 officer; hardware")`, `@hold("3 independent; 1 employee; 1 officer; hardware")`)
		}
		return actions.Setting{Of: actions.PartPolicy, Policy: files}
	}, []workforce.WorkerID{"ada", "bea", "cem"}}
	employees := one(actions.DeskFreeze, func(*prooftest.World) actions.Change { return freeze(actions.ScopeVendor, "") })

	for name, c := range map[string]struct{ first, then change }{
		"freeze, freeze":  {frozen("dov"), frozen("cem")},
		"freeze, end":     {frozen("dov"), ended("cem")},
		"freeze, revoke":  {frozen("dov"), revoked("cem")},
		"freeze, policy":  {frozen("dov"), narrower},
		"end, freeze":     {ended("dov"), frozen("cem")},
		"revoke, freeze":  {revoked("dov"), frozen("cem")},
		"policy, freeze":  {narrower, frozen("dov")},
		"policy, end":     {narrower, ended("dov")},
		"another, vendor": {frozen("ann"), employees},
	} {
		t.Run(name, func(t *testing.T) {
			w := fourOfficers(t, 20)
			must(t, do(w, c.first.kind, c.first.what(w), c.first.by[0], c.first.by[1:]...))
			refusedAs(t, do(w, c.then.kind, c.then.what(w), c.then.by[0], c.then.by[1:]...), "nobody-left", "thaw")
		})
	}
	t.Run("a thaw makes room", func(t *testing.T) {
		w := fourOfficers(t, 20)
		must(t, do(w, actions.DeskFreeze, freeze(actions.ScopeWorker, "dov"), "ole"))
		must(t, do(w, actions.DeskFreeze, thaw(actions.ScopeWorker, "dov"), "ada", "bea", "cem"))
		must(t, do(w, actions.DeskFreeze, freeze(actions.ScopeWorker, "cem"), "ole"))
	})
	t.Run("an admission of who is frozen", func(t *testing.T) {
		w := fourOfficers(t, 20)
		must(t, do(w, actions.DeskFreeze, freeze(actions.ScopeWorker, "dov"), "ole"))
		cem := record("cem", "", "") // a lead from now on
		change, rows, opened := w.Rows(cem)
		e, err := w.TryChange(actions.DeskAdmit, change, "ada", "bea", "cem")
		must(t, err)
		refusedAs(t, w.Govern(proof.KindRow, proof.RowDataOf(w.State(), rows[0], canonical.At(w.Now()), e.Body.Number, 0), opened[0]...), "nobody-left", "thaw")
	})
}

// contain is an emergency act.
func contain(w *prooftest.World, by workforce.WorkerID, tier actions.Tier, edit ...func(*actions.Action)) *prooftest.Request {
	return w.Request(by, actions.AccountContain, prooftest.Account("acct/17"), tier, edit...)
}

// onCall is a staffed desk with on-call workers besides: ola, an employee, and
// oto, who has been given notice, and ody, in the last days.
func onCall(t *testing.T, files map[string]string) *prooftest.World {
	t.Helper()
	w := prooftest.Found(t, prooftest.Options{Policy: files})
	w.Staff()
	var people []workforce.Record
	for _, p := range []workforce.WorkerID{"ola", "oto", "ody"} {
		r := record(p, "", "mgr"+p)
		r.Roles = []workforce.Role{workforce.Lead, workforce.OnCall}
		people = append(people, r)
	}
	people[1].Notice = canonical.At(ledgertest.Epoch)
	people[2].Last = canonical.At(ledgertest.Epoch.AddDate(0, 0, 35))
	w.Admit(people...)
	w.Enrol("ola", "oto", "ody")
	w.Advance(31 * 24 * time.Hour)
	return w
}

// TestEmergency: one on-call worker alone, for half an hour at most, two on a
// critical subject, and nobody who is about to leave, whatever policy says.
func TestEmergency(t *testing.T) {
	w := onCall(t, nil)
	if err := judged(w, contain(w, "ole", actions.Protected)); err != nil {
		t.Errorf("on call: %v", err)
	}
	refusedAs(t, judged(w, contain(w, "ann", actions.Protected)), "forbidden-by-policy", "")
	refusedAs(t, judged(w, contain(w, "ole", actions.Protected, func(a *actions.Action) {
		a.Until = canonical.At(w.Now().Add(actions.EmergencyMost + time.Microsecond))
	})), "emergency-too-long", "30m")
	if err := judged(w, contain(w, "ole", actions.Critical)); err == nil || !strings.Contains(err.Error(), "signed so far: 0 of 1") {
		t.Errorf("alone on a critical subject: %v", err)
	}
	if err := judged(w, w.Countersign(contain(w, "ole", actions.Critical), "kim")); err != nil {
		t.Errorf("two on a critical subject: %v", err)
	}
	// Dated ahead, it would stand for longer.
	r := contain(w, "ole", actions.Protected, func(a *actions.Action) { a.Until = canonical.At(w.Now().Add(time.Hour)) })
	r.Signed = w.Statement(r, "ole", actions.VerdictRequest, func(s *actions.Statement) {
		s.NotBefore = canonical.At(w.Now().Add(40 * time.Minute))
		s.Expires = canonical.At(w.Now().Add(2 * time.Hour))
	})
	refusedAs(t, judged(w, r), "bad-statement", "not valid before")

	// Somebody loosened the policy.
	files := policy.Default()
	for name := range files {
		if strings.HasSuffix(name, ".txtar") {
			delete(files, name)
		}
	}
	files["emergency.cedar"] = `@id("emergency") @reason("Anybody may.") permit (principal, action in Action::"emergencies", resource);`
	files["people.cedar"] = `@id("not-engaged") @reason("It is over.") forbid (principal, action, resource) unless { principal.engaged };`
	w = onCall(t, files)
	refusedAs(t, judged(w, contain(w, "oto", actions.Protected)), "emergency-in-notice", "oto")
	refusedAs(t, judged(w, contain(w, "ody", actions.Protected)), "emergency-in-notice", "ody")
	if err := judged(w, contain(w, "ole", actions.Critical)); err == nil || !strings.Contains(err.Error(), "signed so far: 0 of 1") {
		t.Errorf("alone on a critical subject by a loose policy: %v", err)
	}
	refusedAs(t, judged(w, w.Countersign(contain(w, "ole", actions.Critical), "oto")), "emergency-in-notice", "oto")
	if err := judged(w, w.Countersign(contain(w, "ole", actions.Critical), "ola")); err != nil {
		t.Errorf("two on a critical subject by a loose policy: %v", err)
	}
}

// TestReview: nobody who was involved closes a review, nor who depends on them;
// one that left somebody out is closed again, and not otherwise.
func TestReview(t *testing.T) {
	w := fourOfficers(t, 20)
	request := contain(w, "ole", actions.Protected)
	review := func(involved ...workforce.WorkerID) actions.Review {
		return actions.Review{Of: actions.ReviewEmergency, ID: request.ID, Involved: involved, Findings: canonical.Sum([]byte("findings"))}
	}
	closed := func(by ...workforce.WorkerID) bool {
		_, ok := w.State().ReviewOf(request.ID, by, canonical.At(w.Now()))
		return ok
	}
	refusedAs(t, do(w, actions.DeskReview, review("ada", "ole"), "ada", "bea", "cem"), "own-review", "ada was involved")
	refusedAs(t, do(w, actions.DeskReview, review("cem", "ole"), "ada", "bea", "cem"), "own-review", "cem was involved")
	refusedAs(t, do(w, actions.DeskReview, review("nobody", "ole"), "ada", "bea", "cem"), "own-review", "nobody")
	refusedAs(t, do(w, actions.DeskReview, review("ole"), "ole", "ada", "bea"), "forbidden-by-policy", "")
	refusedAs(t, w.State().Authorise(w.Claim(actions.DeskReview, review("ole"), "ada", "bea"), w.Now()), "held", "1 of 2")
	if closed("ole") {
		t.Error("closed without a review")
	}
	must(t, do(w, actions.DeskReview, review("kim"), "ada", "bea", "cem"))
	if closed("ole") || !closed("kim") {
		t.Error("a review that leaves out who did it counts")
	}
	refusedAs(t, do(w, actions.DeskReview, review("kim"), "ada", "bea", "cem"), "wrong-state", "was closed")
	refusedAs(t, do(w, actions.DeskReview, review("ole"), "ada", "bea", "cem"), "wrong-state", "was closed")
	must(t, do(w, actions.DeskReview, review("kim", "ole"), "ada", "bea", "cem"))
	if !closed("ole") || !closed("kim", "ole") || closed("ole", "lee") {
		t.Error("whom the review names is not whom it covers")
	}
	// Closed before there was anything to review, it closes nothing.
	if _, ok := w.State().ReviewOf(request.ID, []workforce.WorkerID{"ole"}, canonical.At(w.Now().Add(time.Microsecond))); ok {
		t.Error("a review from before the act counts")
	}
}

// taken is the record of what the executor took, as the desk enters it.
func taken(w *prooftest.World, a proof.Authority, at time.Time, edit ...func(*proof.Execution)) proof.SignedExecution {
	x := proof.Execution{V: proof.ExecutionVersion(a.Action.Formats()), Executor: prooftest.ExecutorID, Kind: proof.KindTaken, Duty: proof.DutyWatch,
		Request: a.Request.Statement.Request, At: canonical.At(at), Taken: &a}
	for _, f := range edit {
		f(&x)
	}
	return x.Sign(w.ExecutorKey)
}

// TestJoin: the executor takes freezes, ends and revocations straight from who
// signed them, by the same rules, and nothing else.
func TestJoin(t *testing.T) {
	w := fourOfficers(t, 3)
	now := canonical.At(w.Now())
	s := w.State()
	join := func(a proof.Authority) error { return s.Join(a, now) }
	must(t, join(w.Claim(actions.DeskFreeze, freeze(actions.ScopeWorker, "dov"), "ole")))
	refusedAs(t, join(w.Claim(actions.DeskFreeze, freeze(actions.ScopeWorker, "dov"), "ole")), "wrong-state", "already")
	refusedAs(t, join(w.Claim(actions.DeskFreeze, freeze(actions.ScopeWorker, "cem"), "ole")), "nobody-left", "")
	refusedAs(t, join(w.Claim(actions.DeskFreeze, freeze(actions.ScopeAll, ""), "ann")), "forbidden-by-policy", "")
	refusedAs(t, join(w.Claim(actions.DeskFreeze, thaw(actions.ScopeWorker, "dov"), "ada", "bea", "cem")), "not-relieving", "")
	refusedAs(t, join(w.Claim(actions.DeskChange, raise("acct/1", actions.Standard, actions.Critical), "ole")), "not-relieving", "")
	refusedAs(t, join(w.Claim(actions.DeskKey, actions.Keys{Enrol: []actions.Enrolment{w.Enrolment("abe")}}, "ada", "bea", "cem")), "not-relieving", "")
	ending := w.Claim(actions.DeskEngagement, end("ann"), "ole")
	must(t, join(ending))
	refusedAs(t, join(ending), "spent", "")
	must(t, join(w.Claim(actions.DeskKey, keys(w.PublicKey("bob").ID()), "ole")))
	refusedAs(t, join(w.Claim(actions.DeskEngagement, end("sue"), "ole")), "budget-spent", "")
	must(t, join(w.Claim(actions.DeskFreeze, freeze(actions.ScopeAll, ""), "ole")))
	if s.People.Standing("ann", now.Time).Engaged || s.People.KeysOf("bob")[0].Live(now.Time) || len(s.Freezes) != 2 || s.Next != w.State().Next {
		t.Error("what was joined is not in effect, or the chain grew")
	}

	// Over another state of the chain the same is in force, and counts as it did.
	again := w.State()
	for _, p := range []workforce.WorkerID{"ann", "abe", "sue"} {
		a := w.Claim(actions.DeskEngagement, end(p), "ole")
		must(t, again.Rejoin(a, now))
		if !again.Spent(a.Request.Statement.Request) || again.People.Standing(p, now.Time).Engaged {
			t.Errorf("%s was not ended again", p)
		}
	}
	refusedAs(t, again.Join(w.Claim(actions.DeskEngagement, end("bob"), "ole"), now), "budget-spent", "")
	// One that does not know the person yet stays without them.
	young := proof.NewState(w.Root)
	e := w.Entries()[0]
	must(t, young.Apply(e.Leaf, e.Body))
	must(t, young.Rejoin(ending, now))
	must(t, young.Rejoin(w.Claim(actions.DeskKey, keys(w.PublicKey("bob").ID()), "ole"), now))
	if len(young.People.Seats()) != 3 || len(young.People.Keys()) != 3 {
		t.Error("a state got people whom nobody admitted")
	}
}

// TestReleases: the chain does without a change that the executor took once it has it with
// effect, or has another in its place, or ends it, or once it is over.
func TestReleases(t *testing.T) {
	life := actions.SessionLife + proof.LongestLife + time.Minute
	idle := func(w *prooftest.World, k actions.Kind, c actions.Change) (proof.Authority, canonical.Time) {
		a, at := w.Claim(k, c, "ole"), canonical.At(w.Now())
		w.Revoke("ole")
		must(t, w.Govern(proof.KindTaken, taken(w, a, at.Time)))
		return a, at
	}
	void := func(w *prooftest.World, of string) actions.Keys {
		return actions.Keys{Void: &actions.Void{Scope: actions.ScopeWorker, Of: of, Before: canonical.At(w.Now())}}
	}
	releases := func(t *testing.T, what string, w *prooftest.World, a proof.Authority, at canonical.Time, after time.Duration, want bool) {
		t.Helper()
		if is := w.State().Releases(a, at, at.Add(after)); is != want {
			t.Errorf("%s: released: %t", what, is)
		}
	}
	t.Run("with effect", func(t *testing.T) {
		w := fourOfficers(t, 20)
		a, at := w.Claim(actions.DeskFreeze, freeze(actions.ScopeWorker, "ann"), "ole"), canonical.At(w.Now())
		releases(t, "not entered", w, a, at, life+time.Hour, false)
		must(t, w.Govern(proof.KindTaken, taken(w, a, at.Time)))
		releases(t, "entered", w, a, at, 0, true)
	})
	t.Run("another change under the request", func(t *testing.T) {
		w := fourOfficers(t, 20)
		a, at := w.Claim(actions.DeskFreeze, freeze(actions.ScopeWorker, "ann"), "ole"), canonical.At(w.Now())
		b := w.RequestChange(actions.DeskFreeze, freeze(actions.ScopeWorker, "bob"), "kim")
		b.ID = a.Request.Statement.Request
		b.Signed = w.Statement(b, "kim", actions.VerdictFreeze)
		must(t, w.Govern(string(actions.DeskFreeze), proof.Authority{Action: b.Action, Request: b.Signed}))
		if !w.State().Spent(a.Request.Statement.Request) {
			t.Fatal("not spent")
		}
		releases(t, "spent by another", w, a, at, 0, false)
	})
	t.Run("freeze", func(t *testing.T) {
		w := fourOfficers(t, 20)
		a, at := idle(w, actions.DeskFreeze, freeze(actions.ScopeWorker, "ann"))
		releases(t, "without effect", w, a, at, life+time.Hour, false)
		must(t, do(w, actions.DeskFreeze, freeze(actions.ScopeWorker, "ann"), "kim"))
		releases(t, "frozen", w, a, at, 0, true)
		must(t, do(w, actions.DeskFreeze, thaw(actions.ScopeWorker, "ann"), "ada", "bea", "cem"))
		releases(t, "thawed", w, a, at, 0, true)
	})
	t.Run("end", func(t *testing.T) {
		w := fourOfficers(t, 20)
		a, at := idle(w, actions.DeskEngagement, end("ann"))
		releases(t, "without effect", w, a, at, life+time.Hour, false)
		must(t, do(w, actions.DeskEngagement, end("ann"), "ada"))
		releases(t, "ended", w, a, at, 0, true)
		ann, _ := w.State().People.Worker("ann")
		w.Admit(ann.Record)
		releases(t, "admitted again", w, a, at, 0, true)
	})
	t.Run("revocation", func(t *testing.T) {
		w := fourOfficers(t, 20)
		a, at := idle(w, actions.DeskKey, keys(w.PublicKey("ann").ID()))
		releases(t, "without effect", w, a, at, life+time.Hour, false)
		w.Revoke("ann")
		releases(t, "revoked", w, a, at, 0, true)
	})
	t.Run("void", func(t *testing.T) {
		w := fourOfficers(t, 20)
		a, at := idle(w, actions.DeskKey, void(w, "ann"))
		releases(t, "without effect", w, a, at, life, false)
		releases(t, "over", w, a, at, life+time.Microsecond, true)
	})
}

// TestTaken: the chain takes over what the executor took, once, as of then.
func TestTaken(t *testing.T) {
	apply := func(w *prooftest.World, e proof.SignedExecution) error { return w.Govern(proof.KindTaken, e) }

	t.Run("applied after its signature ran out", func(t *testing.T) {
		w := fourOfficers(t, 20)
		a, at := w.Claim(actions.DeskEngagement, end("ann"), "ole"), w.Now()
		f := w.Claim(actions.DeskFreeze, freeze(actions.ScopeAll, ""), "ole")
		w.Advance(72 * time.Hour)
		must(t, apply(w, taken(w, a, at)))
		must(t, apply(w, taken(w, f, at)))
		s := w.State()
		if !s.People.Seat("ann").Ended.Equal(at) || !s.Freezes[freeze(actions.ScopeAll, "").Key()].At.Equal(at) || !s.Spent(f.Request.Statement.Request) {
			t.Error("it is not in force from when it was taken")
		}
		// From then on it is a freeze like any other.
		must(t, do(w, actions.DeskFreeze, thaw(actions.ScopeAll, ""), "ada", "bea", "cem"))
		refusedAs(t, apply(w, taken(w, f, at)), "spent", "")
		refusedAs(t, enter(w, string(actions.DeskFreeze), f), "spent", "")
	})
	t.Run("by a clock that is ahead", func(t *testing.T) {
		w := fourOfficers(t, 20)
		a, at := w.Claim(actions.DeskEngagement, end("ann"), "ole"), w.Now()
		must(t, apply(w, taken(w, a, at.Add(time.Minute))))
		if w.State().People.Standing("ann", at).Engaged {
			t.Error("ann is engaged for another minute")
		}
	})
	t.Run("without effect", func(t *testing.T) {
		w := fourOfficers(t, 20)
		same := w.Claim(actions.DeskFreeze, freeze(actions.ScopeWorker, "ann"), "ole")
		tooMany := w.Claim(actions.DeskFreeze, freeze(actions.ScopeWorker, "dov"), "ole")
		at := w.Now()
		must(t, do(w, actions.DeskFreeze, freeze(actions.ScopeWorker, "ann"), "kim"))
		must(t, do(w, actions.DeskFreeze, freeze(actions.ScopeWorker, "cem"), "kim"))
		must(t, apply(w, taken(w, same, at)))
		must(t, apply(w, taken(w, tooMany, at)))
		s := w.State()
		if s.Freezes[freeze(actions.ScopeWorker, "ann").Key()].By != "kim" || len(s.Freezes) != 2 {
			t.Errorf("frozen: %v", s.Freezes)
		}
		if !s.Spent(same.Request.Statement.Request) || !s.Spent(tooMany.Request.Statement.Request) {
			t.Error("not spent: the desk would enter it for ever")
		}
	})
	t.Run("counted", func(t *testing.T) {
		w := fourOfficers(t, 2)
		for _, p := range []workforce.WorkerID{"ann", "abe"} {
			must(t, apply(w, taken(w, w.Claim(actions.DeskEngagement, end(p), "ole"), w.Now())))
		}
		refusedAs(t, do(w, actions.DeskEngagement, end("sue"), "ole"), "budget-spent", "")
	})
	t.Run("a warrant carries it", func(t *testing.T) {
		w := fourOfficers(t, 20)
		undone := w.Request("ann", actions.AccountTakedown, prooftest.Account("acct/17"), actions.Standard)
		w.Executed(undone)
		undo := w.Undo("ann", undone) // signed while she was engaged
		w.Advance(time.Minute)
		ending, at := w.Claim(actions.DeskEngagement, end("ann"), "ole"), w.Now()
		w.Advance(time.Minute)
		late := w.Undo("ann", undone) // signed after it was taken, before the chain had it
		w.Advance(time.Minute)
		must(t, apply(w, taken(w, ending, at)))
		_, err := proof.Verify(w.Forge(late), proof.Trust{Root: w.Root})
		refusedAs(t, err, "engagement-ended", "ann")
		raw := w.Warrant(undo)
		if _, err := proof.Verify(raw, proof.Trust{Root: w.Root}); err != nil {
			t.Errorf("verify: %v", err)
		}
		if _, err := proof.NewVerifier(proof.Trust{Root: w.Root}).Chain(raw, w.Served()); err != nil {
			t.Errorf("verify with the chain: %v", err)
		}
	})

	// What a desk that lies could enter.
	for name, c := range map[string]struct {
		entry     func(*prooftest.World) any
		typ, what string
	}{
		"signed by nobody": {func(w *prooftest.World) any {
			e := taken(w, w.Claim(actions.DeskEngagement, end("ann"), "ole"), w.Now())
			e.Signature = make([]byte, ed25519.SignatureSize)
			return e
		}, "bad-signature", ""},
		"of another executor": {func(w *prooftest.World) any {
			return taken(w, w.Claim(actions.DeskEngagement, end("ann"), "ole"), w.Now(), func(x *proof.Execution) { x.Executor = "executor-2" })
		}, "bad-signature", ""},
		"of another kind": {func(w *prooftest.World) any {
			return proof.Execution{V: proof.ExecutionV1, Executor: prooftest.ExecutorID, Kind: proof.KindRefusal, Duty: proof.DutyAct, Request: "r",
				At: canonical.At(w.Now()), Outcome: proof.Refused}.Sign(w.ExecutorKey)
		}, "broken-chain", "refusal"},
		"about another request": {func(w *prooftest.World) any {
			return taken(w, w.Claim(actions.DeskEngagement, end("ann"), "ole"), w.Now(), func(x *proof.Execution) { x.Request = "req_other" })
		}, "bad-record", "another request"},
		"a burdening change": {func(w *prooftest.World) any {
			return taken(w, w.Claim(actions.DeskFreeze, thaw(actions.ScopeAll, ""), "ada", "bea", "cem"), w.Now())
		}, "not-relieving", ""},
		"a raised tier": {func(w *prooftest.World) any {
			return taken(w, w.Claim(actions.DeskChange, raise("acct/1", actions.Standard, actions.Critical), "ole"), w.Now())
		}, "not-relieving", ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := fourOfficers(t, 20)
			refusedAs(t, enter(w, proof.KindTaken, c.entry(w)), c.typ, c.what)
		})
	}
	// Nobody authorised it, and the executor's signature does not make it good.
	w := fourOfficers(t, 20)
	must(t, apply(w, taken(w, w.Claim(actions.DeskEngagement, end("ann"), "bob"), w.Now())))
	if !w.State().People.Standing("ann", w.Now()).Engaged {
		t.Error("an agent ended somebody by way of the executor")
	}
}
