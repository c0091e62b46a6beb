package wording

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/ledger/proof"
	"countersign.dev/platform"
	"countersign.dev/workforce"
)

var noon = time.Date(2030, 3, 1, 12, 0, 0, 0, time.UTC)

// constants returns the values of a file's string constants whose names begin so.
func constants(t *testing.T, file, prefix string) map[string]bool {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]bool{}
	ast.Inspect(f, func(n ast.Node) bool {
		if v, ok := n.(*ast.ValueSpec); ok && strings.HasPrefix(v.Names[0].Name, prefix) && len(v.Values) == 1 {
			if lit, ok := v.Values[0].(*ast.BasicLit); ok && lit.Kind == token.STRING {
				s, err := strconv.Unquote(lit.Value)
				if err != nil {
					t.Fatal(err)
				}
				all[s] = true
			}
		}
		return true
	})
	if len(all) < 3 {
		t.Fatalf("%s has %d constants %s…", file, len(all), prefix)
	}
	return all
}

// TestEveryStatusHasWords: lists show the first word of a status, and --status takes it.
func TestEveryStatusHasWords(t *testing.T) {
	for _, st := range actions.Statuses {
		word := string(st)
		if st == actions.StatusExecuted {
			word = "done"
		}
		if !strings.HasPrefix(Status(st), word) {
			t.Errorf("the status %s is called %q", st, Status(st))
		}
	}
}

// TestOutcomes holds every sentence about a record of the executor's. They stand in
// bundles that people keep, whose verifier compares them: none of them may change.
func TestOutcomes(t *testing.T) {
	down := platform.Expect{Status: platform.Down, Mark: "TICKET-4411"}
	sight := func(with proof.Sight) *proof.Sight {
		with.Platform, with.Tier, with.Found, with.Count = "plaza", actions.Critical, down, 3
		return &with
	}
	watch := func(kind string, with proof.Sight) proof.Execution {
		return proof.Execution{Duty: proof.DutyWatch, Kind: kind, Sight: sight(with)}
	}
	taken := func(f actions.Freeze) *proof.Authority {
		return &proof.Authority{Action: actions.Action{Kind: actions.DeskFreeze, Change: canonical.MustMarshal(f)}}
	}
	act := func(duty proof.Duty, kind string, with proof.Execution) proof.Execution {
		with.Duty, with.Kind, with.Sight, with.After = duty, kind, sight(proof.Sight{}), down
		return with
	}
	done, no := proof.Execution{Outcome: proof.Executed}, proof.Execution{Outcome: proof.Failed, Type: "wrong-state", Text: "It is up."}
	back := ` The subject was read back: down under the mark "TICKET-4411".`
	froze := watch(proof.KindTaken, proof.Sight{})
	froze.Taken = taken(actions.Freeze{Op: "freeze", Scope: actions.ScopeWorker, Of: "dan"})
	ended := watch(proof.KindTaken, proof.Sight{})
	ended.Taken = taken(actions.Freeze{Op: "thaw", Scope: actions.ScopeWorker, Of: "dan"})
	table := []struct {
		x    proof.Execution
		undo bool
		want string
	}{
		{act(proof.DutyAct, proof.KindIntent, proof.Execution{}), false, "The executor checked the warrant and set out to act on it."},
		{act(proof.DutyAct, proof.KindReceipt, done), false, "The executor carried the warrant out." + back},
		{act(proof.DutyAct, proof.KindReceipt, done), true, "The executor carried the undo out." + back},
		{act(proof.DutyAct, proof.KindReceipt, no), false, "The executor acted on the warrant: failed, wrong-state."},
		{act(proof.DutyAct, proof.KindRefusal, no), true, "The executor did not act on the warrant: failed, wrong-state."},
		{act(proof.DutyLift, proof.KindIntent, proof.Execution{}), false, "The executor set out to lift a measure whose time was over."},
		{act(proof.DutyLift, proof.KindReceipt, done), false, "The executor lifted the measure, whose time was over." + back},
		{act(proof.DutyLift, proof.KindReceipt, no), false, "The executor could not lift the measure: failed, wrong-state."},
		{act(proof.DutyRestore, proof.KindIntent, proof.Execution{}), false, "The executor set out to lift the mark of the breach, under a standing order."},
		{act(proof.DutyRestore, proof.KindReceipt, done), false, "The executor lifted the mark of the breach." + back},
		{act(proof.DutyRestore, proof.KindRefusal, no), false, "The executor could not restore the subject: failed, wrong-state."},
		{act(proof.DutyCut, proof.KindIntent, proof.Execution{}), false, "After 3 breaches the executor set out to cut off the credential that the platform names for them, under a standing order."},
		{act(proof.DutyCut, proof.KindReceipt, done), false, "The executor cut off the credential."},
		{act(proof.DutyCut, proof.KindReceipt, no), false, "The credential was not cut off (failed, wrong-state): It is up."},
		{watch(proof.KindBreach, proof.Sight{Expected: platform.Expect{Status: platform.Up}, Why: "no-warrant", Order: "req_1"}), false,
			`The watch read a critical subject of plaza as down under the mark "TICKET-4411", where up was right: no warrant explains it (no warrant).`},
		{watch(proof.KindBreach, proof.Sight{}), false,
			`The watch read a critical subject of plaza, which it had never seen, as down under the mark "TICKET-4411": no warrant explains it. No standing order let the executor restore it.`},
		{watch(proof.KindObserved, proof.Sight{}), false,
			`The watch read a critical subject of plaza, which it had never seen, as down under the mark "TICKET-4411": no warrant explains it. This tier is only observed: nothing was done.`},
		{watch(proof.KindOver, proof.Sight{Why: proof.OverByWarrant, Warrant: "req_2"}), false,
			`The watch read the subject as down under the mark "TICKET-4411": the breach is over. The warrant of req_2 did it.`},
		{watch(proof.KindOver, proof.Sight{Why: proof.OverReactivated}), false,
			`The watch read the subject as down under the mark "TICKET-4411": the breach is over. It was reactivated around the desk, which its owner can do.`},
		{watch(proof.KindOver, proof.Sight{Why: proof.OverSwitchedOff}), false,
			`The watch read the subject as down under the mark "TICKET-4411": the breach is over. It was deactivated around the desk, which its owner can do.`},
		{watch(proof.KindOver, proof.Sight{}), false, `The watch read the subject as down under the mark "TICKET-4411": the breach is over. Somebody did it around the desk.`},
		{watch(proof.KindTold, proof.Sight{}), false, "The platform told with whose credential it was done."},
		{froze, false, "Froze the acts of dan, handed straight to the executor."},
		{ended, false, "The executor took a change of the desk straight from those who signed it."},
		{watch(proof.KindTaken, proof.Sight{}), false, "The executor took a change of the desk straight from those who signed it."},
		{watch(proof.KindBlind, proof.Sight{}), false, "The watch did not see all of plaza."},
		{watch(proof.KindSighted, proof.Sight{}), false, "The watch saw all of plaza again."},
		{watch(proof.KindBaseline, proof.Sight{}), false, "The watch noted the states of 3 subjects of plaza."},
		{watch(proof.KindForeign, proof.Sight{}), false, "The watch noted 3 changes by others on standard subjects of plaza."},
		{watch(proof.KindTiers, proof.Sight{}), false, "The watch made a record of kind tiers."},
		{watch(proof.KindLock, proof.Sight{}), false, "The watch made a record of kind lock."},
	}
	kinds := constants(t, "../ledger/proof/execution.go", "Kind")
	for _, c := range table {
		delete(kinds, c.x.Kind)
		if got := Outcome(c.x, c.undo); got != c.want {
			t.Errorf("%s %s\n got %s\nwant %s", c.x.Duty, c.x.Kind, got, c.want)
		}
	}
	for kind := range kinds {
		t.Errorf("a record of kind %s has no sentence here", kind)
	}
}

// TestDone holds every sentence about a change that was made. They stand in bundles too.
func TestDone(t *testing.T) {
	later := canonical.At(noon)
	order := func(op string) actions.Setting {
		return actions.Setting{Of: actions.PartOrders, Order: &actions.Order{Op: op, Platform: "plaza", Tier: actions.Critical}}
	}
	kinds := map[actions.Kind]bool{}
	for _, spec := range actions.Catalogue() {
		kinds[spec.Kind] = spec.Desk
	}
	for _, c := range []struct {
		k    actions.Kind
		ch   actions.Change
		want string
	}{
		{actions.DeskFreeze, actions.Freeze{Op: "freeze", Scope: actions.ScopeAll}, "Froze all burdening acts."},
		{actions.DeskFreeze, actions.Freeze{Op: "freeze", Scope: actions.ScopeVendor}, "Froze the acts of all employees."},
		{actions.DeskFreeze, actions.Freeze{Op: "freeze", Scope: actions.ScopePlatform, Of: "plaza"}, "Froze burdening acts on plaza."},
		{actions.DeskFreeze, actions.Freeze{Op: "thaw", Scope: actions.ScopeVendor, Of: "coil"}, "Thawed: the acts of everybody at coil."},
		{actions.DeskFreeze, actions.Freeze{Op: "thaw", Scope: actions.ScopeWorker, Of: "dan"}, "Thawed: the acts of dan."},
		{actions.DeskReview, actions.Review{Of: "incident", ID: "inc_1"}, "The review of the incident inc_1 was closed, signed by ann, bob and eve."},
		{actions.DeskEngagement, actions.Engagement{Op: "end", Worker: "dan"}, "The engagement of dan was ended."},
		{actions.DeskEngagement, actions.Engagement{Op: "extend", Worker: "dan", Last: later}, "The engagement of dan was extended to 2030-03-01T12:00:00.000000Z."},
		{actions.DeskEngagement, actions.Engagement{Op: "reinstate", Worker: "dan"}, "The end of the engagement of dan was taken back."},
		{actions.DeskKey, actions.Keys{Revoke: []workforce.KeyID{"key_x"}}, "Keys: 0 enrolled, 1 revoked."},
		{actions.DeskChange, order("place"), "A standing order for plaza/critical was placed."},
		{actions.DeskChange, order("revoke"), "The standing order for plaza/critical was revoked."},
		{actions.DeskChange, actions.Setting{Of: actions.PartLaws, Laws: 3}, "The desk was changed: desk.change, laws."},
		{actions.DeskAdmit, actions.Admit{}, "The desk was changed: desk.admit, workforce."},
	} {
		delete(kinds, c.k)
		if got := Done(c.k, c.ch, []workforce.WorkerID{"ann", "bob", "eve"}); got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
	for kind, desk := range kinds {
		if desk {
			t.Errorf("a change of kind %s that was made has no sentence here", kind)
		}
	}
}

// TestReworded: only what earlier programs wrote of a reinstatement, and of a breach that the
// executor left to people, is read as another sentence.
func TestReworded(t *testing.T) {
	for line, want := range map[string]string{
		"The engagement of dan was extended to .":                            "The end of the engagement of dan was taken back.",
		"The engagement of dan was extended to 2030-03-01T12:00:00.000000Z.": "The engagement of dan was extended to 2030-03-01T12:00:00.000000Z.",
		"Froze the acts of dan.":                                             "Froze the acts of dan.",
		"The watch read a critical subject of plaza as down, where up was right: no warrant explains it. No standing order was in force.": "The watch read a critical subject of plaza as down, where up was right: no warrant explains it. No standing order let the executor restore it.",
		"Froze the acts of dan. No standing order was in force.":                                                                          "Froze the acts of dan. No standing order was in force.",
	} {
		if got := Reworded(line); got != want {
			t.Errorf("%q is read as %q, want %q", line, got, want)
		}
	}
}

// TestContradicts: a subject that nobody had seen has no state that was expected.
func TestContradicts(t *testing.T) {
	up, down := platform.Expect{Status: platform.Up}, platform.Expect{Status: platform.Down, Mark: "TICKET-4411"}
	ours := platform.Expect{Status: platform.Down, Mark: platform.MarkOf("req_2")}
	for want, s := range map[string]proof.Sight{
		`The watch had never seen the subject and found it down under the mark "TICKET-4411"; no warrant was ever about the subject.`:                                                {Found: down},
		`The watch expected the subject to be up and found it down under the mark "TICKET-4411"; no warrant was ever about the subject (no warrant).`:                                {Expected: up, Found: down, Why: "no-warrant"},
		`The watch expected the subject to be up and found it down under the mark "TICKET-4411"; its newest warrant, req_2, leaves another state.`:                                   {Expected: up, Found: down, Warrant: "req_2"},
		`The watch expected the subject to be up and found it down under the mark "CSGN-req_2"; it bears the mark of its newest warrant, req_2, which does not explain it any more.`: {Expected: up, Found: ours, Warrant: "req_2"},
		`The watch expected the subject to be up and found it down under the mark "CSGN-req_2"; it bears the mark of another request of this desk than its newest warrant, req_3.`:   {Expected: up, Found: ours, Warrant: "req_3"},
	} {
		if got := Contradicts(s); got != want {
			t.Errorf("\n got %s\nwant %s", got, want)
		}
	}
}

// TestAsked: what somebody asks for follows "asks", and a command for a thaw names what was frozen.
func TestAsked(t *testing.T) {
	thaw := actions.Freeze{Op: "thaw", Scope: actions.ScopeWorker, Of: "dan"}
	if got := Asked(actions.Action{Kind: actions.DeskFreeze, Change: canonical.MustMarshal(thaw)}); got != "to thaw the acts of dan" {
		t.Errorf("asked %s", got)
	}
	star := platform.Subject{Platform: "plaza", ID: "acct/1", Handle: "@president"}
	for _, c := range []actions.Setting{{Of: actions.PartTiers, Raise: &actions.Raise{Subject: star, From: actions.Critical, To: actions.Standard}}, {Of: actions.PartLocks, Unlock: &actions.Unlock{Subject: star}}} {
		if got := Asked(actions.Action{Kind: actions.DeskChange, Change: canonical.MustMarshal(c)}); got != "for desk.change" {
			t.Errorf("asked %s", got)
		}
	}
	if got, want := Froze("eve", thaw), "eve froze the acts of dan; several people together thaw them."; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := Thawed("eve", thaw), "The acts of dan were thawed, as eve asked."; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for want, f := range map[string]actions.Freeze{
		"countersign thaw worker dan --reason WHY":     thaw,
		"countersign thaw vendor '' --reason WHY":      {Scope: actions.ScopeVendor},
		"countersign thaw platform plaza --reason WHY": {Scope: actions.ScopePlatform, Of: "plaza"},
		"countersign thaw all --reason WHY":            {Scope: actions.ScopeAll},
	} {
		if got := ThawCommand(f); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
