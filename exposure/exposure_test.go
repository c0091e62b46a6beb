package exposure_test

import (
	"errors"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/exposure"
	"countersign.dev/ledger/proof"
	"countersign.dev/policy"
	"countersign.dev/workforce"
)

// desk is a registry of people who have been there for long, with hardware keys.
func desk(people ...workforce.Worker) *workforce.Registry {
	r := workforce.NewRegistry()
	r.Vendors["acme"] = workforce.Vendor{ID: "acme", Name: "acme", Ratchet: 14}
	for i, w := range people {
		w.Founding, w.Start, w.Admitted = true, days(-300), days(-300)
		r.Put(w)
		enrol(r, i, w.Worker, true, canonical.Time{})
	}
	return r
}

func person(id workforce.WorkerID, v workforce.VendorID, manager workforce.WorkerID, role workforce.Role) workforce.Worker {
	return workforce.Worker{Record: workforce.Record{Worker: id, Vendor: v, Manager: manager, Roles: []workforce.Role{role}}}
}

// rowOf returns one way's row and who is in its group.
func rowOf(t *testing.T, ps *policy.Set, r *workforce.Registry, q exposure.Question, way exposure.Way) (exposure.Row, []workforce.WorkerID) {
	t.Helper()
	v, err := exposure.ViewOf(state(ps, r), now)
	if err != nil {
		t.Fatal(err)
	}
	c, err := v.Collusion(q)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range c.Rows {
		if row.Way == way {
			var ids []workforce.WorkerID
			for _, m := range row.Group {
				ids = append(ids, m.Worker)
			}
			return row, ids
		}
	}
	t.Fatalf("no row for %s", way)
	return exposure.Row{}, nil
}

// Colleagues who look the same are not, where a superseded tie or a report of
// theirs makes one of them depend on the requester.
func TestWhoIsLikeAnother(t *testing.T) {
	protected := exposure.Question{Kind: actions.AccountTakedown, Platform: "plaza", Tier: actions.Protected}
	for name, others := range map[string][2]workforce.Worker{
		"superseded tie": {
			{Record: person("bea", "", "mia", workforce.OnCall).Record, Past: []workforce.Tie{{Manager: "gus", Until: days(-10).Time}}},
			person("cem", "", "mia", workforce.OnCall)},
		"a report": {person("bea", "", "mia", workforce.OnCall), person("cem", "", "mia", workforce.OnCall)},
	} {
		manager := workforce.WorkerID("gus")
		if name == "a report" {
			manager = "bea"
		}
		row, ids := rowOf(t, set(t, "default"), desk(person("ann", "acme", manager, workforce.Agent), others[0], others[1]), protected, exposure.ByAct)
		if row.People != 2 || ids[1] != "cem" {
			t.Errorf("%s: the group is %v (%s), want ann and cem", name, ids, row.Why)
		}
	}
}

// Where nobody is all that one slot asks for, two fill it, and the group is larger.
func TestOneSlotTwoSorts(t *testing.T) {
	row, ids := rowOf(t, set(t, "before"), desk(person("ann", "acme", "gus", workforce.Agent), person("bea", "", "mia", workforce.Lead),
		workforce.Worker{Record: person("cem", "bolt", "nia", workforce.Officer).Record}),
		exposure.Question{Kind: actions.AccountTakedown, Platform: "plaza", Tier: actions.Protected}, exposure.ByAct)
	if row.People != 0 {
		t.Fatalf("%v suffice, and cem's vendor is not admitted", ids)
	}
	r := desk(person("ann", "acme", "gus", workforce.Agent), person("bea", "", "mia", workforce.Lead), person("cem", "bolt", "nia", workforce.Officer))
	r.Vendors["bolt"] = workforce.Vendor{ID: "bolt", Name: "bolt"}
	row, ids = rowOf(t, set(t, "before"), r, exposure.Question{Kind: actions.AccountTakedown, Platform: "plaza", Tier: actions.Protected}, exposure.ByAct)
	if row.People != 3 {
		t.Errorf("the group is %v (%s), want all three", ids, row.Why)
	}
}

// Whose measure it is goes the way of their own undo, and not that of others.
func TestOwnMeasure(t *testing.T) {
	ps, err := policy.Compile(map[string]string{"tiers.json": "{}", "a.cedar": `@id("everything")
@reason("Everything is permitted to everybody.")
permit (principal, action, resource);
@id("others-undo")
@reason("Nobody undoes what they did themselves, or what is older.")
forbid (principal, action in Action::"lifts", resource)
when { context.lifts != Lift::"ours" };
`})
	if err != nil {
		t.Fatal(err)
	}
	q := exposure.Question{Kind: actions.AccountRestore, Platform: "plaza", Tier: actions.Standard, Lifts: actions.LiftsOurs, Measured: "ann"}
	if row, ids := rowOf(t, ps, desk(person("ann", "", "", workforce.Agent)), q, exposure.ByReversal); row.People != 0 {
		t.Errorf("%v lifts their own measure", ids)
	}
	if row, ids := rowOf(t, ps, desk(person("ann", "", "", workforce.Agent), person("bea", "", "", workforce.Agent)), q, exposure.ByReversal); row.People != 1 || ids[0] != "bea" {
		t.Errorf("the group is %v, want bea", ids)
	}
}

// Where the policy lets no officer suspend anybody, two need somebody else who does; and
// where nobody may suspend, all officers who are left of a desk that recovers already.
func TestRecoveryNeedsASuspension(t *testing.T) {
	files := policy.Default()
	files["unfrozen.cedar"] = `@id("officers-freeze-nothing")
@reason("Officers freeze nothing.")
forbid (principal, action == Action::"desk.freeze", resource)
when { context.direction == Direction::"relieving" && principal in Role::"officer" };
`
	ps, err := policy.Compile(files)
	if err != nil {
		t.Fatal(err)
	}
	q := exposure.Question{Kind: actions.AccountTakedown, Platform: "plaza", Tier: actions.Protected}
	officers := []workforce.Worker{person("o1", "", "", workforce.Officer), person("o2", "", "", workforce.Officer), person("o3", "", "", workforce.Officer),
		person("o4", "", "", workforce.Officer), person("o5", "", "", workforce.Officer)}
	others := []workforce.Worker{person("ann", "acme", "gus", workforce.Agent), person("kim", "", "mia", workforce.Auditor)}
	row, ids := rowOf(t, ps, desk(slices.Concat(officers, others)...), q, exposure.ByRecovery)
	if row.People != 0 || row.Why == "" {
		t.Errorf("nobody may suspend, and %v recover", ids)
	}
	row, ids = rowOf(t, ps, desk(slices.Concat(officers, others, []workforce.Worker{person("ole", "", "pia", workforce.OnCall)})...), q, exposure.ByRecovery)
	if row.People != 3 || row.Group[2].Worker != "ole" || row.Group[2].Part != exposure.Suspends || row.Wait != 2*proof.AloneWithin+proof.RecoveryWait {
		t.Errorf("%v, %s (%s); want ole to suspend three officers, one a week, and two to recover", ids, row.Wait, row.Why)
	}
}

// Each way at a desk on which it can be counted by hand: three officers, an agent
// near the last day, somebody on call, two leads.
func TestEachWay(t *testing.T) {
	people := []workforce.Worker{person("o1", "", "", workforce.Officer), person("o2", "", "", workforce.Officer), person("o3", "", "", workforce.Officer),
		person("ann", "acme", "gus", workforce.Agent), person("ole", "", "pia", workforce.OnCall), person("kim", "", "mia", workforce.Lead), person("eva", "", "nia", workforce.Lead)}
	protected := exposure.Question{Kind: actions.AccountTakedown, Platform: "plaza", Tier: actions.Protected, Floor: actions.Standard}
	for name, c := range map[string]struct {
		change func(*workforce.Registry) // of the desk above
		agents bool                      // only agents request measures
		frozen []actions.Freeze
		q      exposure.Question
		way    exposure.Way
		people int
		then   int // in the second group
		wait   time.Duration
	}{
		"an agent and a lead":                  {q: protected, way: exposure.ByAct, people: 2},
		"on call alone":                        {q: protected, way: exposure.ByEmergency, people: 1},
		"nobody undoes into it":                {q: protected, way: exposure.ByReversal},
		"three officers and another policy":    {q: protected, way: exposure.ByPolicy, people: 3},
		"three officers and others' keys":      {q: protected, way: exposure.ByKeys, people: 3},
		"three officers and another executor":  {q: protected, way: exposure.ByTrust, people: 3},
		"three officers and people of straw":   {q: protected, way: exposure.ByAdmission, people: 3, then: 3, wait: workforce.Settle},
		"three officers and an agent, lowered": {q: protected, way: exposure.ByTiers, people: 4, then: 1},
		"two of three officers recover":        {q: protected, way: exposure.ByRecovery, people: 2, wait: 72 * time.Hour},
		"two of four, each suspends one": {change: func(r *workforce.Registry) { officer(r, "kim") }, q: protected, way: exposure.ByRecovery,
			people: 2, wait: 72 * time.Hour},
		"two of five, a week later": {change: func(r *workforce.Registry) { officer(r, "kim"); officer(r, "eva") }, q: protected, way: exposure.ByRecovery,
			people: 2, wait: 10 * 24 * time.Hour},
		"one of two officers is frozen": {change: func(r *workforce.Registry) { last(r, "o3", -1) }, frozen: []actions.Freeze{{Scope: "worker", Of: "o1"}}, q: protected,
			way: exposure.ByRecovery},
		"one of three officers is frozen": {frozen: []actions.Freeze{{Scope: "worker", Of: "o1"}}, q: protected, way: exposure.ByRecovery, people: 2, wait: 72 * time.Hour},
		"frozen, and two recover":         {frozen: []actions.Freeze{{Scope: "all"}}, q: protected, way: exposure.ByRecovery, people: 2, wait: 72 * time.Hour},
		"nothing to lower":                {q: exposure.Question{Kind: actions.AccountTakedown, Platform: "plaza", Tier: actions.Protected}, way: exposure.ByTiers},
		"nobody near the last day":        {q: protected, way: exposure.ByEngagements},
		// An officer may request it as well, so that the same three are enough.
		"extended, an officer and a lead": {change: func(r *workforce.Registry) { last(r, "ann", 3) }, q: protected, way: exposure.ByEngagements, people: 3, then: 2},
		"extended, and only agents ask":   {change: func(r *workforce.Registry) { last(r, "ann", 3) }, agents: true, q: protected, way: exposure.ByEngagements, people: 4, then: 2},
		"no ratchet, and only agents ask": {change: func(r *workforce.Registry) { last(r, "ann", 3) }, agents: true, q: protected, way: exposure.ByVendors, people: 4, then: 2},
		"the vendor is not admitted":      {change: func(r *workforce.Registry) { delete(r.Vendors, "acme") }, agents: true, q: protected, way: exposure.ByVendors, people: 4, then: 2},
		"frozen":                          {frozen: []actions.Freeze{{Scope: "all"}}, q: protected, way: exposure.ByAct},
		"frozen, no emergency":            {frozen: []actions.Freeze{{Scope: "platform", Of: "plaza"}}, q: protected, way: exposure.ByEmergency},
		"frozen, and thawed by three":     {frozen: []actions.Freeze{{Scope: "all"}}, q: protected, way: exposure.ByThaw, people: 3, then: 2},
		"frozen, an officer too":          {frozen: []actions.Freeze{{Scope: "worker", Of: "o1"}}, q: protected, way: exposure.ByThaw},
	} {
		t.Run(name, func(t *testing.T) {
			r := desk(people...)
			ps := set(t, "default")
			if c.change != nil {
				c.change(r)
			}
			if c.agents {
				ps = onlyAgents(t)
			}
			v, err := exposure.ViewOf(state(ps, r, c.frozen...), now)
			if err != nil {
				t.Fatal(err)
			}
			got, err := v.Collusion(c.q)
			if err != nil {
				t.Fatal(err)
			}
			i := slices.IndexFunc(got.Rows, func(r exposure.Row) bool { return r.Way == c.way })
			if i < 0 {
				t.Fatal("there is no such row")
			}
			if row := got.Rows[i]; row.People != c.people || len(row.Then) != c.then || row.Wait != c.wait {
				t.Errorf("%d people, %d of them then, %s (%s); want %d, %d and %s", row.People, len(row.Then), row.Wait, row.Why, c.people, c.then, c.wait)
			}
		})
	}
}

func last(r *workforce.Registry, id workforce.WorkerID, inDays float64) {
	w := r.Seat(id).Worker
	w.Last = days(inDays)
	r.Put(w)
}

func officer(r *workforce.Registry, id workforce.WorkerID) {
	w := r.Seat(id).Worker
	w.Roles = []workforce.Role{workforce.Officer}
	r.Put(w)
}

func onlyAgents(t *testing.T) *policy.Set {
	files := policy.Default()
	files["agents.cedar"] = `@id("agents-only")
@reason("Only agents request measures.")
forbid (principal, action in Action::"measures", resource)
unless { principal in Role::"agent" };
`
	s, err := policy.Compile(files)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Who was a contractor until 27 days ago fills an employee's place in three days.
func TestCoverageTurns(t *testing.T) {
	was := person("bea", "", "mia", workforce.Lead)
	was.Past = []workforce.Tie{{Vendor: "acme", Until: days(-27).Time}}
	r := desk(person("ann", "", "gus", workforce.Lead), was)
	v, err := exposure.ViewOf(state(set(t, "before"), r), now)
	if err != nil {
		t.Fatal(err)
	}
	c, err := v.Coverage(exposure.Question{Kind: actions.ContentRemove, Platform: "plaza", Tier: actions.Protected})
	if err != nil {
		t.Fatal(err)
	}
	if c.Hours[0] != 1 || c.Hours[71] != 1 || c.Hours[72] != 2 || c.Hours[167] != 2 {
		t.Errorf("%v could countersign", c.Hours)
	}
}

// However many processors share the people, the answers are the same.
func TestPortions(t *testing.T) {
	s := state(set(t, "default"), crowd(3501))
	ask := func(processors int) []any {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(processors))
		v, err := exposure.ViewOf(s, now)
		if err != nil {
			t.Fatal(err)
		}
		var said []any
		for _, tier := range actions.Tiers {
			q := question
			q.Tier = tier
			alone, err1 := v.Alone(q)
			collusion, err2 := v.Collusion(q)
			coverage, err3 := v.Coverage(q)
			if err := errors.Join(err1, err2, err3); err != nil {
				t.Fatal(err)
			}
			var people []workforce.WorkerID
			for _, a := range append(alone.Can, alone.Cannot...) {
				people = append(people, a.People()...)
			}
			if len(people) != 3501 {
				t.Fatalf("%d processors: %d people are told of", processors, len(people))
			}
			said = append(said, alone.Count, people, collusion.Number, collusion.Rows, coverage.Hours)
		}
		for h := range exposure.Hours {
			at := now.Add(time.Duration(h) * time.Hour)
			said = append(said, v.Holds(s, at))
		}
		return said
	}
	one := ask(1)
	for _, n := range []int{2, 3} {
		if d := cmp.Diff(one, ask(n)); d != "" {
			t.Errorf("%d processors say otherwise (-one +%d):\n%s", n, n, d)
		}
	}
}
