package policy

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cedar-policy/cedar-go"
	publicast "github.com/cedar-policy/cedar-go/ast"
	"github.com/cedar-policy/cedar-go/x/exp/ast"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"countersign.dev/actions"
	"countersign.dev/platform"
	"countersign.dev/workforce"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// People of the tests.
var (
	agent   = Worker{ID: "dana", Vendor: "acme", Roles: []workforce.Role{workforce.Agent}, Engaged: true}
	lead    = Worker{ID: "lee", Vendor: "brook", Roles: []workforce.Role{workforce.Lead}, Engaged: true}
	officer = Worker{ID: "ada", Employee: true, Roles: []workforce.Role{workforce.Officer}, Engaged: true}
)

func takedown(w Worker, tier string) Facts {
	return Facts{Worker: w, Kind: actions.AccountTakedown, Direction: actions.Burdening, Effect: actions.Reversible, Verb: "takedown",
		Subject: Subject{Platform: "plaza", Sort: "account", Tier: actions.Tier(tier)}}
}

func deskBy(w Worker, part string) Facts {
	f := DeskFacts(actions.DeskChange, actions.Burdening, part)
	f.Worker = w
	return f
}

// asked is one question of the corpus.
type asked struct {
	Facts
	countersign bool
	exposure    bool            // whether who could do it may be read
	evidence    bool            // whether evidence may be read
	casework    cedar.EntityUID // whether a queue may be worked on, or a case, contacts or names be read
	about       about
}

func (q asked) of(s *Set) Ruling {
	if q.exposure {
		return s.MayReadExposure(q.Facts)
	}
	if q.evidence {
		return s.MayReadEvidence(q.Worker)
	}
	switch q.casework {
	case actionWorkQueue:
		return s.MayWorkQueue(q.Worker, q.about.queue)
	case actionReadCase:
		return s.MayReadCase(q.Worker, q.about.queue, q.about.task)
	case actionReadContact:
		return s.MayReadContact(q.Worker, q.about.queue, q.about.task)
	case actionReadPeople:
		return s.MayReadPeople(q.Worker, q.about.names)
	}
	if q.countersign {
		return s.MayCountersign(q.Facts)
	}
	return s.Rule(q.Facts)
}

// corpus is every kind of act on every tier by every sort of worker that the
// default set could tell apart, save combinations of more than two roles.
var corpus = sync.OnceValue(func() []asked {
	var people []Worker
	masks := []uint8{0}
	for i := range workforce.Roles {
		masks = append(masks, 1<<i)
		for j := range i {
			masks = append(masks, 1<<i|1<<j)
		}
	}
	for _, m := range masks {
		for _, w := range []Worker{
			{Engaged: true, Employee: true}, {Engaged: true, Vendor: "acme"}, {Vendor: "acme"},
			{Engaged: true, Vendor: "acme", InNotice: true}, {Engaged: true, Vendor: "acme", Ratchet: true},
			{Engaged: true, Employee: true, Newcomer: true}, {Engaged: true, Vendor: "acme", InNotice: true, Ratchet: true, Newcomer: true},
		} {
			w.ID, w.Roles = "somebody", rolesOf(m)
			people = append(people, w)
		}
	}
	var acts []Facts
	for _, spec := range actions.Catalogue() {
		if spec.Desk {
			continue
		}
		for _, tier := range actions.Tiers {
			f := Facts{Kind: spec.Kind, Direction: spec.Direction, Effect: spec.Effect, Verb: spec.Verbs[0],
				Subject: Subject{Platform: "plaza", Sort: spec.Sort, Tier: tier}}
			if spec.Direction == actions.Burdening {
				acts = append(acts, f)
				f.CaseGiven = true
				acts = append(acts, f)
				continue
			}
			for _, l := range append([]Lift{""}, lifts...) {
				for _, c := range []actions.Category{"", actions.CategoryLegal} {
					f.Lifts, f.Category = l, c
					acts = append(acts, f)
				}
			}
		}
	}
	acts = append(acts, deskChanges(actions.Burdening)...)
	acts = append(acts, deskChanges(actions.Relieving)...)
	founding := DeskFacts(actions.DeskAdmit, actions.Burdening, actions.PartWorkforce)
	founding.Founding = true
	acts = append(acts, founding)
	var all []asked
	for _, w := range people {
		for _, f := range acts {
			f.Worker = w
			all = append(all, asked{Facts: f}, asked{Facts: f, countersign: true})
			if f.Subject.Sort != Desk {
				all = append(all, asked{Facts: f, exposure: true})
			}
			if f.Kind == actions.DeskReview && f.Direction == actions.Burdening {
				all = append(all, asked{Facts: f, evidence: true})
			}
		}
		f := DeskFacts(actions.DeskReview, actions.Burdening, actions.PartReviews)
		f.Worker = w
		for _, highest := range []bool{false, true} {
			a := about{queue: Queue{Name: "some", Highest: highest, Language: "de"}}
			all = append(all, asked{Facts: f, casework: actionWorkQueue, about: a})
			for _, a.task = range []Task{{}, {Holds: true}, {Leads: true}, {Asked: true}, {Investigates: true}} {
				all = append(all, asked{Facts: f, casework: actionReadCase, about: a}, asked{Facts: f, casework: actionReadContact, about: a})
			}
		}
		for _, n := range []Names{{}, {Own: true}, {Own: true, Below: true}} {
			all = append(all, asked{Facts: f, casework: actionReadPeople, about: about{names: n}})
		}
	}
	return all
})

// variant returns the set with other rules.
func (s *Set) variant(rules []rule) *Set {
	v := *s
	v.rules = slices.Clone(rules)
	v.index(actionEntities())
	return &v
}

// TestAgainstReference compares the default set, over the whole corpus, with
// what the issue says in words, written down a second time in Go.
func TestAgainstReference(t *testing.T) {
	s := mustCompile(t, Default())
	wrong := 0
	for _, q := range corpus() {
		want, need := reference(q)
		got := q.of(s)
		if got.Verdict != want || got.Verdict == Held && (!got.Need.Covers(need) || !need.Covers(got.Need)) {
			t.Errorf("%+v: ruled %s (%s) for %v, expected %s (%s)", q, got.Verdict, got.Need, got.Reasons, want, need)
			if wrong++; wrong > 10 {
				t.FailNow()
			}
		}
		if len(got.Reasons) == 0 {
			t.Fatalf("%+v: a ruling without a reason", q)
		}
	}
	t.Logf("%d questions", len(corpus()))
}

func reference(q asked) (Verdict, actions.Need) {
	w, f := q.Worker, q.Facts
	none := actions.Need{}
	has := func(roles ...workforce.Role) bool {
		return slices.ContainsFunc(roles, func(r workforce.Role) bool { return slices.Contains(w.Roles, r) })
	}
	desk := f.Subject.Sort == Desk
	sensitive := desk || f.Subject.Tier != actions.Standard
	leaving := w.InNotice || w.Ratchet
	if q.exposure {
		if w.Engaged && !leaving && (has(workforce.Officer, workforce.Investigator, workforce.Auditor) || has(workforce.Lead) && f.Subject.Tier != actions.Critical) {
			return Permitted, none
		}
		return Forbidden, none
	}
	if q.evidence {
		if w.Engaged && has(workforce.Lead, workforce.Officer, workforce.OnCall, workforce.Investigator, workforce.Auditor) {
			return Permitted, none
		}
		return Forbidden, none
	}
	if q.casework != (cedar.EntityUID{}) {
		watches, a := has(workforce.Investigator, workforce.Auditor), q.about
		if w.Engaged && map[cedar.EntityUID]bool{
			actionWorkQueue: has(workforce.Agent, workforce.Lead, workforce.Specialist) && !watches && !(a.queue.Highest && (leaving || w.Newcomer)),
			actionReadCase:  a.task.Holds || a.task.Asked || watches || a.task.Leads && has(workforce.Lead),
			actionReadContact: !leaving && !w.Newcomer &&
				(a.task.Holds && has(workforce.Agent, workforce.Lead, workforce.Specialist) || a.task.Investigates && has(workforce.Investigator)),
			actionReadPeople: (a.names.Own || w.Employee) && (watches || has(workforce.Lead, workforce.Officer, workforce.OnCall)),
		}[q.casework] {
			return Permitted, none
		}
		return Forbidden, none
	}
	if !w.Engaged || has(workforce.Investigator, workforce.Auditor) {
		return Forbidden, none
	}
	if leaving && f.Direction == actions.Burdening && sensitive {
		return Forbidden, none
	}
	if q.countersign {
		switch {
		case desk && has(workforce.Officer),
			!desk && f.Subject.Tier == actions.Critical && has(workforce.Lead, workforce.Officer) && !w.Newcomer,
			!desk && f.Subject.Tier != actions.Critical && has(workforce.Lead, workforce.Officer, workforce.OnCall):
			return Permitted, none
		}
		return Forbidden, none
	}
	two := actions.Need{Independent: 2, Qualified: map[actions.Qualifier]int{"employee": 1}, Hardware: true}
	switch {
	case desk && f.Founding && has(workforce.Officer):
		return Held, actions.Need{All: true}
	case desk && f.Direction == actions.Burdening && has(workforce.Officer):
		return Held, actions.Need{Independent: 2, Qualified: map[actions.Qualifier]int{"employee": 1, "officer": 1}, Hardware: true}
	case desk && f.Direction == actions.Relieving && has(workforce.Lead, workforce.OnCall, workforce.Officer):
		return Permitted, none
	case desk:
		return Forbidden, none
	}
	if f.Direction == actions.Relieving {
		switch {
		case f.Lifts == "" || !has(workforce.Agent, workforce.Lead, workforce.OnCall, workforce.Officer) && !(f.Lifts == LiftOwn && has(workforce.Specialist)), leaving && f.Lifts != LiftOwn:
			return Forbidden, none
		case f.Category == "" && (f.Lifts == LiftOwn || f.Lifts == LiftOurs || f.Lifts == LiftBreach):
			return Permitted, none
		case f.Subject.Tier == actions.Critical:
			return Held, two
		default:
			return Held, actions.Need{Independent: 1}
		}
	}
	switch {
	case f.Kind == actions.AccountContain && (leaving || !has(workforce.OnCall)):
		return Forbidden, none
	case f.Kind == actions.AccountContain && f.Subject.Tier == actions.Critical:
		return Held, actions.Need{Independent: 1, Hardware: true}
	case f.Kind == actions.AccountContain:
		return Permitted, none
	case f.Effect == actions.OneWay:
		return Forbidden, none
	case f.Subject.Tier == actions.Standard && has(workforce.Agent, workforce.Lead, workforce.Specialist) && f.CaseGiven:
		return Permitted, none
	case f.Subject.Tier == actions.Protected && has(workforce.Agent, workforce.Lead, workforce.Specialist, workforce.Officer):
		return Held, actions.Need{Independent: 1}
	case f.Subject.Tier == actions.Critical && has(workforce.Agent, workforce.Lead, workforce.Specialist, workforce.Officer):
		return Held, two
	}
	return Forbidden, none
}

// TestEveryPolicyMatters removes each policy of the default set in turn. The
// policy tests that ship with the set must notice, so that an author who does
// the same is told; and every forbid and hold is somewhere the reason given.
func TestEveryPolicyMatters(t *testing.T) {
	s := mustCompile(t, Default())
	tests := DefaultTests()["tests.txtar"]
	given := map[string]bool{}
	for _, q := range corpus() {
		for _, r := range q.of(s).Reasons {
			given[r.Policy] = true
		}
	}
	for i, r := range s.rules {
		// A permit whose acts are all held is never the reason; the tests miss it all the same.
		if (r.hold != nil || r.policy.Effect() == cedar.Forbid) && !given[string(r.id)] {
			t.Errorf("%s never decides anything", r.id)
		}
		v := s.variant(slices.Delete(slices.Clone(s.rules), i, i+1))
		if _, failures := v.Test("tests.txtar", tests); len(failures) == 0 {
			t.Errorf("the set's own tests do not miss %s", r.id)
		}
	}
	for name, rules := range s.tiers {
		for i := range rules {
			v := *s
			v.tiers = map[string][]tierRule{name: slices.Delete(slices.Clone(rules), i, i+1)}
			for other, rs := range s.tiers {
				if other != name {
					v.tiers[other] = rs
				}
			}
			if _, failures := v.Test("tests.txtar", tests); len(failures) == 0 {
				t.Errorf("the set's own tests do not miss rule %d of %s", i+1, name)
			}
		}
	}
}

// TestErringPolicyDenies makes each policy err in turn, by an overflow that no
// validator sees. Cedar leaves such a policy out, a forbid too; a ruling must
// not: wherever its scope applies the answer is no, and nowhere is it looser.
func TestErringPolicyDenies(t *testing.T) {
	s := mustCompile(t, Default())
	overflow := ast.Long(int64(1<<63 - 1)).Add(ast.Long(1)).GreaterThan(ast.Long(0)).AsIsNode()
	for i, r := range s.rules {
		tree := *(*ast.Policy)(r.policy.AST())
		tree.Conditions = []ast.ConditionType{{Condition: ast.ConditionWhen, Body: overflow}}
		rules := slices.Clone(s.rules)
		rules[i].policy = cedar.NewPolicyFromAST((*publicast.Policy)(&tree))
		v := s.variant(rules)
		denied := 0
		for n, q := range corpus() {
			if n%13 != i%13 { // a thirteenth of the corpus for each policy; the whole takes half a minute
				continue
			}
			was, is := q.of(s), q.of(v)
			if is.Verdict == Forbidden && is.Reasons[0].Policy == LawError {
				denied++
				if len(is.Reasons) != 1 || !strings.Contains(is.Reasons[0].Text, string(r.id)) {
					t.Fatalf("%s errs and the reasons are %v", r.id, is.Reasons)
				}
				continue
			}
			if d := cmp.Diff(was, is); d != "" {
				t.Fatalf("%s errs and %+v is ruled otherwise, though not by the error:\n%s", r.id, q, d)
			}
		}
		if denied == 0 {
			t.Errorf("%s errs and nothing is denied", r.id)
		}
	}
}

// stricter reports whether a is stricter than b in any respect.
func stricter(a, b Ruling) bool {
	rank := map[Verdict]int{Permitted: 0, Held: 1, Forbidden: 2}
	if rank[a.Verdict] != rank[b.Verdict] {
		return rank[a.Verdict] > rank[b.Verdict]
	}
	return a.Verdict == Held && !b.Need.Covers(a.Need)
}

// TestRemovingAHoldNeverHardens, for each hold of the default set over the corpus.
func TestRemovingAHoldNeverHardens(t *testing.T) {
	s := mustCompile(t, Default())
	for i, r := range s.rules {
		if r.hold == nil {
			continue
		}
		v := s.variant(slices.Delete(slices.Clone(s.rules), i, i+1))
		for _, q := range corpus() {
			if was, is := q.of(s), q.of(v); stricter(is, was) {
				t.Fatalf("without %s, %+v is ruled %+v, and with it %+v", r.id, q, is, was)
			}
		}
	}
}

// TestRandomSets draws sets of small policies and checks, against adding up by
// hand, what holds come to; and that taking holds away never hardens, and
// taking permits away or putting forbids in never softens.
func TestRandomSets(t *testing.T) {
	conditions := []string{
		`principal in Role::"agent"`, `principal in Role::"lead"`, `principal.newcomer`, `principal.in_notice`,
		`resource.tier == Tier::"critical"`, `resource.tier != Tier::"standard"`, `context.effect == Effect::"lossy"`, `true`, `context has desk`,
	}
	texts := []string{"1 independent", "2 independent; 1 employee", "+1", "wait 1h", "+2; wait 2h", "hardware", "2 lead", "1 officer; +1"}
	rapid.Check(t, func(t *rapid.T) {
		type drawn struct {
			effect, condition, hold string
		}
		ps := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) drawn {
			d := drawn{rapid.SampledFrom([]string{"permit", "forbid", "hold", "hold"}).Draw(t, "effect"), rapid.SampledFrom(conditions).Draw(t, "condition"), ""}
			if d.effect == "hold" {
				d.hold = rapid.SampledFrom(texts).Draw(t, "hold")
			}
			return d
		}), 1, 12).Draw(t, "policies")
		build := func(ps []drawn) *Set {
			var b strings.Builder
			for i, p := range ps {
				fmt.Fprintf(&b, "@id(\"p%d\") @reason(\"Policy of a random set.\")\n", i)
				effect := p.effect
				if p.hold != "" {
					fmt.Fprintf(&b, "@hold(%q)\n", p.hold)
					effect = "forbid"
				}
				fmt.Fprintf(&b, "%s (principal, action in Action::\"measures\", resource) when { %s };\n", effect, p.condition)
			}
			s, err := compile(map[string]string{"a.cedar": b.String(), "tiers.json": "{}"})
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		w := Worker{ID: "w", Engaged: true, Newcomer: rapid.Bool().Draw(t, "newcomer"), InNotice: rapid.Bool().Draw(t, "notice"),
			Roles: rolesOf(rapid.Uint8Range(0, 3).Draw(t, "roles"))}
		f := takedown(w, rapid.SampledFrom([]string{"standard", "protected", "critical"}).Draw(t, "tier"))
		f.Effect = rapid.SampledFrom([]actions.Effect{actions.Reversible, actions.Lossy}).Draw(t, "effect")
		met := map[string]bool{
			conditions[0]: slices.Contains(w.Roles, workforce.Agent), conditions[1]: slices.Contains(w.Roles, workforce.Lead),
			conditions[2]: w.Newcomer, conditions[3]: w.InNotice, conditions[4]: f.Subject.Tier == "critical",
			conditions[5]: f.Subject.Tier != "standard", conditions[6]: f.Effect == actions.Lossy, conditions[7]: true, conditions[8]: f.Subject.Tier == "standard",
		}
		// Adding up by hand.
		want := Ruling{Verdict: Forbidden}
		var most, more int
		held, permits, forbids := false, false, false
		for _, p := range ps {
			if !met[p.condition] {
				continue
			}
			switch p.effect {
			case "permit":
				permits = true
			case "forbid":
				forbids = true
			default:
				held = true
				most = max(most, map[string]int{texts[0]: 1, texts[1]: 2, texts[6]: 2, texts[7]: 1}[p.hold])
				more += map[string]int{"+1": 1, "+2; wait 2h": 2, "1 officer; +1": 1}[p.hold]
				want.Need.Wait = max(want.Need.Wait, map[string]int64{"wait 1h": 3600, "+2; wait 2h": 7200}[p.hold])
				want.Need.Hardware = want.Need.Hardware || p.hold == "hardware"
			}
		}
		got := build(ps).Rule(f)
		switch {
		case forbids || !permits:
		case !held:
			want.Verdict = Permitted
		default:
			want.Verdict = Held
		}
		if got.Verdict != want.Verdict {
			t.Fatalf("ruled %+v, expected %s", got, want.Verdict)
		}
		if got.Verdict == Held && (got.Need.Independent != most+more || got.Need.Wait != want.Need.Wait || got.Need.Hardware != want.Need.Hardware) {
			t.Fatalf("needs %s, expected %d people, wait %d", got.Need, most+more, want.Need.Wait)
		}
		i := rapid.IntRange(0, len(ps)-1).Draw(t, "removed")
		if len(ps) == 1 {
			return
		}
		less := build(slices.Delete(slices.Clone(ps), i, i+1)).Rule(f)
		if ps[i].effect == "permit" && stricter(got, less) {
			t.Fatalf("without the permit %d it is softer: %+v, was %+v", i, less, got)
		}
		if ps[i].effect != "permit" && stricter(less, got) {
			t.Fatalf("without policy %d it is harder: %+v, was %+v", i, less, got)
		}
	})
}

// TestHostileFacts: from facts that are permitted, each case changes one, as a
// caller in error, or a warrant made by somebody else, might. None may pass.
func TestHostileFacts(t *testing.T) {
	// Everybody may do everything: only the product's own check is left.
	s, err := compile(map[string]string{"a.cedar": `@id("all") @reason("Everything is permitted.") permit (principal, action, resource);`, "tiers.json": "{}"})
	if err != nil {
		t.Fatal(err)
	}
	measure := takedown(agent, "standard")
	lift := measure
	lift.Kind, lift.Direction, lift.Verb, lift.Lifts = actions.AccountRestore, actions.Relieving, platform.Restore, LiftOwn
	desk := deskBy(officer, "policy")
	for _, f := range []Facts{measure, lift, desk} {
		if r := s.Rule(f); r.Verdict != Permitted {
			t.Fatalf("%+v: %+v", f, r)
		}
	}
	for name, f := range map[string]Facts{
		"no facts":             {},
		"no kind":              change(measure, func(f *Facts) { f.Kind = "" }),
		"unknown kind":         change(measure, func(f *Facts) { f.Kind = "account.shout" }),
		"group as a kind":      change(measure, func(f *Facts) { f.Kind = "measures" }),
		"countersign as kind":  change(measure, func(f *Facts) { f.Kind = "countersign" }),
		"nobody":               change(measure, func(f *Facts) { f.Worker.ID = "" }),
		"unknown role":         change(measure, func(f *Facts) { f.Worker.Roles = []workforce.Role{"root"} }),
		"no tier":              change(measure, func(f *Facts) { f.Subject.Tier = "" }),
		"unknown tier":         change(measure, func(f *Facts) { f.Subject.Tier = "Standard" }),
		"takedown as relief":   change(measure, func(f *Facts) { f.Direction = actions.Relieving }),
		"no direction":         change(measure, func(f *Facts) { f.Direction = "" }),
		"other verb":           change(measure, func(f *Facts) { f.Verb = platform.Delete }),
		"no verb":              change(measure, func(f *Facts) { f.Verb = "" }),
		"unknown effect":       change(measure, func(f *Facts) { f.Effect = "harmless" }),
		"one-way takedown":     change(measure, func(f *Facts) { f.Effect = actions.OneWay }),
		"reversible deletion":  change(measure, func(f *Facts) { f.Kind, f.Verb = actions.AccountDelete, platform.Delete }),
		"unknown category":     change(measure, func(f *Facts) { f.Category = "political" }),
		"content of account":   change(measure, func(f *Facts) { f.Subject.Sort = platform.Content }),
		"the desk's platform":  change(measure, func(f *Facts) { f.Subject.Platform = "desk" }),
		"no platform":          change(measure, func(f *Facts) { f.Subject.Platform = "" }),
		"part of an account":   change(measure, func(f *Facts) { f.Subject.Part = "policy" }),
		"measure that lifts":   change(measure, func(f *Facts) { f.Lifts = LiftOwn }),
		"founding takedown":    change(measure, func(f *Facts) { f.Founding = true }),
		"restore as burden":    change(lift, func(f *Facts) { f.Direction = actions.Burdening }),
		"unknown lift":         change(lift, func(f *Facts) { f.Lifts = "mine" }),
		"desk kind on account": change(desk, func(f *Facts) { f.Subject = measure.Subject }),
		"unknown part":         change(desk, func(f *Facts) { f.Subject.Part = "everything" }),
		"no part":              change(desk, func(f *Facts) { f.Subject.Part = "" }),
		"desk, no direction":   change(desk, func(f *Facts) { f.Direction = "" }),
		"desk with a verb":     change(desk, func(f *Facts) { f.Verb = platform.Takedown }),
		"desk that lifts":      change(desk, func(f *Facts) { f.Lifts = LiftOwn }),
		"desk with a case":     change(desk, func(f *Facts) { f.CaseGiven = true }),
		"founding policy":      change(desk, func(f *Facts) { f.Founding = true }),
		"founding relief": change(desk, func(f *Facts) {
			f.Kind, f.Founding, f.Direction, f.Subject.Part = actions.DeskAdmit, true, actions.Relieving, "workforce"
		}),
	} {
		for _, r := range []Ruling{s.Rule(f), s.MayCountersign(f)} {
			if r.Verdict != Forbidden || len(r.Reasons) != 1 || r.Reasons[0].Policy != LawFacts {
				t.Errorf("%s: %+v", name, r)
			}
		}
	}
	// A change of the desk is critical, whatever tier its facts claim.
	guarded, err := compile(map[string]string{"a.cedar": `@id("all") @reason("Everything but critical.") permit (principal, action, resource) when { resource.tier != Tier::"critical" };`, "tiers.json": "{}"})
	if err != nil {
		t.Fatal(err)
	}
	if r := guarded.Rule(change(desk, func(f *Facts) { f.Subject.Tier = actions.Standard })); r.Verdict != Forbidden {
		t.Errorf("a change of the desk passes as standard: %+v", r)
	}
}

func change(f Facts, by func(*Facts)) Facts {
	f.Worker.Roles = slices.Clone(f.Worker.Roles)
	by(&f)
	return f
}

// TestDesksWord: a case is the desk's word and decides for standard only, in
// whatever way a policy asks for it.
func TestDesksWord(t *testing.T) {
	s, err := compile(map[string]string{"tiers.json": "{}", "a.cedar": `
		@id("with-case") @reason("With a case it is permitted.")
		permit (principal, action, resource) when { context has desk && context.desk.case };`})
	if err != nil {
		t.Fatal(err)
	}
	for tier, want := range map[string]Verdict{"standard": Permitted, "protected": Forbidden, "critical": Forbidden} {
		f := takedown(agent, tier)
		f.CaseGiven = true
		if r := s.Rule(f); r.Verdict != want {
			t.Errorf("%s: %+v", tier, r)
		}
		if r := s.MayCountersign(f); r.Verdict != want {
			t.Errorf("countersigning on %s: %+v", tier, r)
		}
	}
	if r := s.Rule(takedown(agent, "standard")); r.Verdict != Forbidden {
		t.Errorf("without a case: %+v", r)
	}
}

// TestNamedVendorsAndPlatforms: names in a set are told apart, and whoever is
// not named is not taken for somebody who is.
func TestNamedVendorsAndPlatforms(t *testing.T) {
	s := mustCompile(t, extra(plain+`forbid (principal in Vendor::"acme", action in Action::"measures", resource in Platform::"plaza");`))
	other := agent
	other.Vendor = "brook"
	elsewhere := takedown(agent, "protected")
	elsewhere.Subject.Platform = "bluesky"
	for _, c := range []struct {
		f    Facts
		want Verdict
	}{{takedown(agent, "protected"), Forbidden}, {takedown(other, "protected"), Held}, {elsewhere, Held}} {
		if r := s.Rule(c.f); r.Verdict != c.want {
			t.Errorf("%+v: %+v", c.f, r)
		}
	}
	one := mustCompile(t, extra(plain+`forbid (principal == Worker::"dana", action, resource);`))
	if r := one.Rule(takedown(agent, "protected")); r.Verdict != Forbidden {
		t.Errorf("a worker named by a forbid: %+v", r)
	}
	if r := one.Rule(takedown(lead, "protected")); r.Verdict != Held {
		t.Errorf("a worker not named: %+v", r)
	}
}

// TestWorkerOf: who is not known is not engaged, whatever else the standing says.
func TestWorkerOf(t *testing.T) {
	reg := workforce.NewRegistry()
	if w := WorkerOf(reg.Standing("ghost", noon)); w.Engaged || !w.InNotice || !w.Ratchet || !w.Newcomer || w.Employee {
		t.Errorf("somebody unknown: %+v", w)
	}
	if WorkerOf(workforce.Standing{Worker: "w", Engaged: true}).Engaged {
		t.Error("an unknown worker is engaged")
	}
}

// TestRulingsAreStable: the same question has the same answer, in the same
// order, from many goroutines at once.
func TestRulingsAreStable(t *testing.T) {
	s := mustCompile(t, Default())
	w := agent
	w.InNotice, w.Ratchet, w.Engaged = true, true, false
	want := s.Rule(takedown(w, "critical"))
	if len(want.Reasons) != 3 || !slices.IsSortedFunc(want.Reasons, func(a, b Reason) int { return strings.Compare(a.Policy, b.Policy) }) {
		t.Fatalf("reasons %v", want.Reasons)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 200 {
				if d := cmp.Diff(want, s.Rule(takedown(w, "critical"))); d != "" {
					t.Error(d)
				}
			}
		})
	}
	wg.Wait()
}

// BenchmarkRule measures a ruling from facts, beside one bare evaluation by Cedar
// of the same policies with everything built before.
func BenchmarkRule(b *testing.B) {
	s := mustCompile(b, Default())
	f := takedown(agent, "critical")
	var q question
	if why := s.world.ask(&q, cedar.NewEntityUID(typeAction, cedar.String(f.Kind)), &f); why != "" {
		b.Fatal(why)
	}
	set := cedar.NewPolicySet()
	for _, r := range s.slices[q.request.Action] {
		set.Add(r.id, r.policy)
	}
	entities := cedar.EntityMap{q.worker.UID: q.worker, q.subject.UID: q.subject}
	for uid, e := range s.world.actions {
		entities[uid] = e
	}
	b.Run("bare", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			cedar.Authorize(set, entities, q.request)
		}
	})
	b.Run("rule", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			s.Rule(f)
		}
	})
}

// BenchmarkCompile is what it costs to load the default set: cold, and where the
// process has compiled it before.
func BenchmarkCompile(b *testing.B) {
	files := Default()
	for name, compile := range map[string]func(map[string]string) (*Set, error){"cold": compileLawful, "again": Compile} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := compile(files); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// What looks alike through a lens is ruled on alike for its kind, by the set and
// by its countersigners.
func TestLensTellsEnough(t *testing.T) {
	before, err := Example("before")
	if err != nil {
		t.Fatal(err)
	}
	before["vendors.cedar"] = `@id("acme-deletes")
@reason("Acme's people delete nothing at all.")
forbid (principal in Vendor::"acme", action == Action::"account.delete", resource);
@id("somebody-stops")
@reason("This one person takes nothing down.")
forbid (principal == Worker::"somebody", action == Action::"account.takedown", resource)
when { context.category == Category::"legal" };
`
	for name, files := range map[string]map[string]string{"default": Default(), "before": before} {
		s := mustCompile(t, files)
		said := map[string]Ruling{}
		for _, q := range corpus() {
			if q.exposure || q.evidence || q.casework != (cedar.EntityUID{}) {
				continue
			}
			for _, id := range []workforce.WorkerID{"somebody", "else"} {
				q.Worker.ID = id
				lens := s.LensOf(q.Kind)
				if q.countersign {
					lens = s.CountersignLens()
				}
				class := lens.ClassOf(s.ClassOf(q.Worker))
				act := q.Facts
				act.Worker = Worker{}
				key := fmt.Sprintf("%+v %+v %v", class, act, q.countersign)
				r := q.of(s)
				if was, ok := said[key]; ok && !cmp.Equal(was, r) {
					t.Fatalf("%s: alike, and ruled %+v and %+v on %+v", name, was, r, act)
				}
				said[key] = r
			}
		}
	}
	s := mustCompile(t, before)
	acme, bolt := s.ClassOf(Worker{ID: "else", Vendor: "acme"}), s.ClassOf(Worker{ID: "else", Vendor: "bolt"})
	for kind, apart := range map[actions.Kind]bool{actions.AccountDelete: true, actions.AccountTakedown: false} {
		if l := s.LensOf(kind); (l.ClassOf(acme) != l.ClassOf(bolt)) != apart || l.Reads("category") == apart {
			t.Errorf("%s: acme told apart: %v", kind, !apart)
		}
	}
}
