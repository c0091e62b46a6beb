package exposure_test

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math/bits"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/exposure"
	"countersign.dev/ledger/proof"
	"countersign.dev/policy"
	"countersign.dev/workforce"
)

var now = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

func days(n float64) canonical.Time {
	return canonical.At(now.Add(time.Duration(n * 24 * float64(time.Hour))))
}

func set(t testing.TB, name string) *policy.Set {
	files := policy.Default()
	var err error
	if name == "older" { // the default set from before there were warnings
		for file, text := range files {
			files[file] = strings.ReplaceAll(text, `, Action::"account.warn"`, "")
		}
	} else if name != "default" {
		if files, err = policy.Example(name); err != nil {
			t.Fatal(err)
		}
	}
	if name == "before" {
		// The example lets nobody countersign a measure; holds are needed for groups with it as well.
		files["holds.cedar"] = `@id("qualified-hold")
@reason("A takedown that is legal needs an employee and an officer, and a day.")
@hold("1 employee; 1 officer; wait 24h")
forbid (principal, action == Action::"account.takedown", resource)
when { resource.tier == Tier::"protected" };
@id("named")
@reason("Nobody but p1 deactivates a protected account alone.")
@hold("1 independent; 1 lead")
forbid (principal, action == Action::"account.deactivate", resource)
when { resource.tier == Tier::"protected" }
unless { principal == Worker::"p1" };
@id("cosign")
@reason("Leads and officers countersign measures.")
permit (principal, action == Action::"countersign", resource is Account)
when { principal in Role::"lead" || principal in Role::"officer" };
@id("cosign-content")
@reason("Employees countersign on content.")
permit (principal, action == Action::"countersign", resource is Content)
when { principal.employee && (resource.tier != Tier::"critical" || context.category == Category::"legal") };
@id("two-remove")
@reason("Critical content is removed by two.")
@hold("1 independent")
forbid (principal, action == Action::"content.remove", resource)
when { resource.tier == Tier::"critical" };
@id("two-suspend")
@reason("A suspension takes two, save for child safety.")
@hold("1 independent")
forbid (principal, action == Action::"account.suspend", resource)
unless { context.category == Category::"child-safety" };
@id("contain")
@reason("Who is on call contains, whatever else is true of them.")
permit (principal in Role::"oncall", action == Action::"account.contain", resource);
@id("only-wait")
@reason("A critical deactivation waits a day.")
@hold("wait 24h")
forbid (principal, action == Action::"account.deactivate", resource)
when { resource.tier == Tier::"critical" };
@id("only-hardware")
@reason("A critical takedown wants a hardware key.")
@hold("hardware")
forbid (principal, action == Action::"account.takedown", resource)
when { resource.tier == Tier::"critical" };
@id("named-limit")
@reason("Nobody but p0 limits a protected account alone, and a critical one waits.")
@hold("1 lead; wait 2h")
forbid (principal, action in [Action::"account.limit", Action::"content.label"], resource)
when { resource.tier != Tier::"standard" }
unless { principal == Worker::"p0" && resource.tier == Tier::"protected" };
@id("two-warn")
@reason("An officer countersigns a warning of a critical account.")
@hold("1 independent; 1 officer")
forbid (principal, action == Action::"account.warn", resource)
when { resource.tier == Tier::"critical" };
@id("unlabel-alone")
@reason("Another person signs too when an older label is taken away.")
@hold("1 independent")
forbid (principal, action in [Action::"account.unlabel", Action::"content.unlabel"], resource)
when { context.lifts == Lift::"older" };
@id("key-alone")
@reason("A protected restore wants a hardware key.")
@hold("1 independent; hardware; wait 1h")
forbid (principal, action == Action::"account.restore", resource)
when { context.category != Category::"rules" };
`
	}
	s, err := policy.Compile(files)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return s
}

func key(n int, hardware bool) workforce.PublicKey {
	p := make([]byte, 32)
	binary.BigEndian.PutUint64(p, uint64(n))
	return workforce.PublicKey{Algorithm: workforce.FileEd25519, Public: p, Hardware: hardware}
}

func enrol(r *workforce.Registry, n int, w workforce.WorkerID, hardware bool, revoked canonical.Time) {
	k := key(n, hardware)
	r.PutKey(workforce.Key{PublicKey: k, Worker: w, Enrolled: days(-200), Revoked: revoked})
}

func state(set *policy.Set, r *workforce.Registry, frozen ...actions.Freeze) *proof.State {
	s := proof.NewState(canonical.Digest{})
	s.Laws = 2
	for _, f := range frozen {
		s.Freezes[f.Key()] = proof.Frozen{Freeze: f}
	}
	s.Next, s.Policy, s.People, s.Imported = 1, set, r, true
	return s
}

func drawWorld(t *rapid.T) *workforce.Registry {
	r := workforce.NewRegistry()
	for _, v := range []workforce.VendorID{"acme", "bolt"} {
		r.Vendors[v] = workforce.Vendor{ID: v, Name: string(v), Ratchet: 14}
	}
	// Most worlds are in good order, so that there are groups to be found.
	odd := rapid.IntRange(0, 2).Draw(t, "disorder") == 0
	n := rapid.IntRange(1, 8).Draw(t, "people")
	if !odd {
		n = max(n, 6)
	}
	boss := []workforce.WorkerID{"", "", "out", "p0", "p1", "p2"}
	company := []workforce.VendorID{"", "", "", "acme", "bolt", "acme", "cask"} // cask is not admitted
	for i := range n {
		id := workforce.WorkerID(fmt.Sprint("p", i))
		w := workforce.Worker{Founding: rapid.IntRange(0, 3).Draw(t, "founding") > 0, Record: workforce.Record{Worker: id,
			Vendor: rapid.SampledFrom(company).Draw(t, "vendor"), Manager: rapid.SampledFrom(boss).Draw(t, "manager"),
			Start: days(rapid.SampledFrom([]float64{-300, -300, -300, -29, -26.5, 1.2}).Draw(t, "start")),
			Roles: rapid.SampledFrom([][]workforce.Role{{workforce.Agent}, {workforce.Lead}, {workforce.Officer}, {workforce.Officer}, {workforce.Lead, workforce.Officer}, {workforce.OnCall}, {workforce.Auditor, workforce.Officer}}).Draw(t, "roles")}}
		if !odd && rapid.IntRange(0, 3).Draw(t, "orderly") > 0 {
			w.Founding, w.Start, w.Manager = true, days(-300), ""
			if role := rapid.IntRange(0, 3).Draw(t, "officer"); role > 1 {
				w.Roles = []workforce.Role{workforce.Officer}
			} else if role == 1 {
				w.Roles = []workforce.Role{workforce.OnCall}
			}
			r.Put(w)
			enrol(r, i, id, true, canonical.Time{})
			continue
		}
		w.Admitted = days(rapid.SampledFrom([]float64{-200, -200, -29, -27}).Draw(t, "admitted"))
		if d := rapid.SampledFrom([]float64{0, 0, 0, 200, 16.5, 3.3, -1}).Draw(t, "last"); d != 0 {
			w.Last = days(d)
		}
		if d := rapid.SampledFrom([]float64{0, 0, 0, 2.1, -2}).Draw(t, "notice"); d != 0 {
			w.Notice = days(d)
		}
		if d := rapid.SampledFrom([]float64{0, 0, 0, -10, -28, -40}).Draw(t, "past"); d != 0 {
			w.Past = []workforce.Tie{{Vendor: rapid.SampledFrom(company).Draw(t, "past vendor"), Manager: rapid.SampledFrom(boss).Draw(t, "past manager"), Until: days(d).Time}}
		}
		r.Put(w)
		switch rapid.IntRange(0, 7).Draw(t, "key") {
		case 0:
		case 1:
			enrol(r, i, id, true, days(-1))
		case 2:
			enrol(r, i, id, false, canonical.Time{})
		case 3:
			enrol(r, i, id, false, canonical.Time{})
			enrol(r, i+50, id, true, canonical.Time{})
		default:
			enrol(r, i, id, true, canonical.Time{})
		}
	}
	return r
}

// brute is the second way of computing: everybody and every subset are tried.
type brute struct {
	set    *policy.Set
	reg    *workforce.Registry
	at     time.Time
	frozen []actions.Freeze
}

// stopped says by the words of law 2 whether a freeze stops somebody's part in an act.
func (b brute) stopped(f policy.Facts, id workforce.WorkerID) bool {
	if f.Direction == actions.Relieving {
		return false
	}
	for _, z := range b.frozen {
		switch z.Scope {
		case "worker":
			if z.Of == string(id) {
				return true
			}
		case "vendor":
			if z.Of == string(b.reg.Seat(id).Vendor) {
				return true
			}
		case "platform":
			if f.Kind != actions.DeskFreeze && f.Subject.Platform == z.Of {
				return true
			}
		case "all":
			if f.Kind != actions.DeskFreeze {
				return true
			}
		}
	}
	return false
}

func (b brute) key(id workforce.WorkerID) (any, hardware bool) {
	for _, k := range b.reg.KeysOf(id) {
		if k.Live(b.at) {
			any, hardware = true, hardware || k.Hardware
		}
	}
	return any, hardware
}

func (b brute) facts(f policy.Facts, id workforce.WorkerID) (policy.Facts, workforce.Standing) {
	st := b.reg.Standing(id, b.at)
	f.Worker = policy.WorkerOf(st)
	return f, st
}

// choice is facts for one requester, if the act may be asked for so.
type choice func(by workforce.WorkerID) []policy.Facts

// rule is what the policy and the second laws say, by themselves once more.
func (b brute) rule(f policy.Facts) policy.Ruling {
	r := b.set.Rule(f)
	alone := f.Kind == actions.AccountContain && f.Subject.Tier == actions.Critical || f.Direction == actions.Burdening && f.Category != ""
	if r.Verdict != policy.Forbidden && alone {
		r.Verdict, r.Need.Independent = policy.Held, max(1, r.Need.Independent)
	}
	return r
}

// ask is one way in which somebody may ask for an act, with the ruling on it.
type ask struct {
	asked  policy.Facts
	st     workforce.Standing
	ruling policy.Ruling
}

// asks rules once on each way in which somebody may ask: every group that this person
// requests for has the same rulings.
func (b brute) asks(by workforce.WorkerID, c choice) (all []ask) {
	for _, asked := range c(by) {
		f, st := b.facts(asked, by)
		all = append(all, ask{asked, st, b.rule(f)})
	}
	return all
}

// works reports whether exactly these people can do the act if this one requests it, and
// the least wait.
func (b brute) works(people []workforce.WorkerID, by workforce.WorkerID, asks []ask) (bool, int64) {
	some, least := false, int64(0)
	has, hardware := b.key(by)
	for _, a := range asks {
		asked, st, r := a.asked, a.st, a.ruling
		good := st.Engaged && has && r.Verdict != policy.Forbidden && (!r.Need.Hardware || hardware)
		good = good && (asked.Kind != "account.contain" || !st.InNotice && !st.Ratchet)
		left := map[actions.Qualifier]int{}
		maps.Copy(left, r.Need.Qualified)
		for i, p := range people {
			for _, o := range people[:i] {
				good = good && b.reg.Dependence(p, o, b.at) == ""
			}
			good = good && !b.stopped(asked, p)
			if p == by {
				continue
			}
			pf, pst := b.facts(asked, p)
			has, hardware := b.key(p)
			good = good && pst.Engaged && has && (!r.Need.Hardware || hardware) && b.set.MayCountersign(pf).Verdict == policy.Permitted
			for q := range left {
				if string(q) == "employee" && pst.Employee || slices.Contains(pst.Roles, workforce.Role(q)) {
					left[q]--
				}
			}
		}
		for _, k := range left {
			good = good && k <= 0
		}
		if good && len(people)-1 >= r.Need.Independent && (!some || r.Need.Wait < least) {
			some, least = true, r.Need.Wait
		}
	}
	return some, least
}

// groups returns everybody who can, as sets of people, each with its least wait.
func (b brute) groups(c choice) map[uint]int64 {
	ids := b.ids()
	asks := map[workforce.WorkerID][]ask{}
	for _, id := range ids {
		asks[id] = b.asks(id, c)
	}
	all := map[uint]int64{}
	for mask := uint(1); mask < 1<<len(ids); mask++ {
		var people []workforce.WorkerID
		for i, id := range ids {
			if mask&(1<<i) != 0 {
				people = append(people, id)
			}
		}
		for _, by := range people {
			ok, w := b.works(people, by, asks[by])
			if was, have := all[mask]; ok && (!have || w < was) {
				all[mask] = w
			}
		}
	}
	return all
}

// fewest returns the size of the smallest group of one step, or of two steps
// together, and the least wait of those as small.
func fewest(first, second map[uint]int64) (size int, wait int64) {
	for m, w := range first {
		for n, x := range second {
			if k := bits.OnesCount(m | n); size == 0 || k < size || k == size && w+x < wait {
				size, wait = k, w+x
			}
		}
	}
	return size, wait
}

// oneStep is a second step that needs nobody.
var oneStep = map[uint]int64{0: 0}

func changing(k actions.Kind, part string) choice {
	return func(workforce.WorkerID) []policy.Facts {
		return []policy.Facts{{Kind: k, Direction: "burdening", Effect: "reversible", Subject: policy.Subject{Platform: "desk", Sort: "desk", Part: part, Tier: "critical"}}}
	}
}

// with returns the same world with other people.
func (b brute) with(change func(*workforce.Worker), vendors func(map[workforce.VendorID]workforce.Vendor)) brute {
	r := b.reg.Clone()
	for _, w := range b.reg.Sorted() {
		change(&w)
		r.Put(w)
	}
	vendors(r.Vendors)
	return brute{b.set, r, b.at, b.frozen}
}

// ids names everybody.
func (b brute) ids() []workforce.WorkerID {
	var ids []workforce.WorkerID
	for _, w := range b.reg.Sorted() {
		ids = append(ids, w.Worker)
	}
	return ids
}

// only returns a registry of one person, without keys.
func (b brute) only(w workforce.Worker) *workforce.Registry {
	r := workforce.NewRegistry()
	r.Vendors = b.reg.Vendors
	r.Put(w)
	return r
}

// differs reports whether anybody may do more in the other world.
func (b brute) differs(o brute) bool {
	for _, id := range b.ids() {
		x, y := b.reg.Standing(id, b.at), o.reg.Standing(id, b.at)
		if x.Engaged != y.Engaged || y.Engaged && x.Ratchet != y.Ratchet {
			return true
		}
	}
	return false
}

// strangers tries people who could be admitted: every name that matters, firm and
// set of roles, leaving or not, at once and after 30 days.
func (b brute) strangers(c choice, names ...workforce.WorkerID) (wait int64, ok bool) {
	const days30 = 30 * 24 * 3600
	for _, asked := range c("") {
		for _, after := range []int64{0, days30} {
			at := b.at.Add(time.Duration(after) * time.Second)
			have := map[string]bool{} // sorts of those who may countersign
			var needs []actions.Need
			for _, id := range names {
				for _, firm := range []workforce.VendorID{"", "bolt"} { // acme may be frozen
					if _, admitted := b.reg.Vendors[firm]; firm != "" && !admitted {
						continue
					}
					for mask := 1; mask < 64; mask++ {
						for leaving := range 4 {
							w := workforce.Worker{Admitted: canonical.At(b.at), Record: workforce.Record{Worker: id, Vendor: firm, Start: canonical.At(b.at), Last: canonical.At(at.AddDate(1, 0, 0))}}
							for i, role := range []workforce.Role{"agent", "auditor", "investigator", "lead", "officer", "oncall"} {
								if mask&(1<<i) != 0 {
									w.Roles = append(w.Roles, role)
								}
							}
							if leaving&1 != 0 {
								w.Notice = canonical.At(b.at)
							}
							if leaving&2 != 0 {
								w.Last = canonical.At(at.AddDate(0, 0, 1))
							}
							one := brute{b.set, b.only(w), at, b.frozen}
							f, st := one.facts(asked, id)
							if !st.Engaged || one.stopped(asked, id) {
								continue
							}
							if r := b.rule(f); r.Verdict != policy.Forbidden && !(asked.Kind == "account.contain" && leaving != 0) {
								needs = append(needs, r.Need)
							}
							if after > 0 && b.set.MayCountersign(f).Verdict == policy.Permitted {
								have[""] = true
								have["employee"] = have["employee"] || firm == ""
								for _, role := range w.Roles {
									have[string(role)] = true
								}
							}
						}
					}
				}
			}
			for _, n := range needs {
				good := n.Independent == 0 || have[""]
				for q, k := range n.Qualified {
					good = good && (k == 0 || have[string(q)])
				}
				if w := after + n.Wait; good && (!ok || w < wait) {
					wait, ok = w, true
				}
			}
		}
	}
	return wait, ok
}

// officers returns those of some people whom a recovery asks, if nobody else is left:
// engaged officers, no newcomers, with a live key, not frozen, whom the policy lets take
// part; with hardware keys where it asks any of them for one.
func (b brute) officers(among uint) (left uint) {
	f := changing("desk.key", "keys")("")[0]
	hardware := false
	var plain uint
	for i, id := range b.ids() {
		own, st := b.facts(f, id)
		live, hard := b.key(id)
		r := b.set.Rule(own)
		if among&(1<<i) == 0 || !slices.Contains(st.Roles, "officer") || b.at.Before(b.reg.Seat(id).Counts()) || !st.Engaged || !live || b.stopped(policy.Facts{Kind: "desk.freeze"}, id) ||
			r.Verdict == policy.Forbidden && b.set.MayCountersign(own).Verdict != policy.Permitted {
			continue
		}
		left |= 1 << i
		if !hard {
			plain |= 1 << i
		}
		hardware = hardware || r.Verdict == policy.Held && r.Need.Hardware
	}
	if hardware {
		left &^= plain
	}
	return left
}

// recovers says whether these people can suspend whoever else could sign, and then
// enrol keys as all officers who are left, and in how many seconds.
func (b brute) recovers(group uint, ordinary map[uint]int64) (bool, int64) {
	ids := b.ids()
	for m := range ordinary {
		if m&^group == 0 {
			return false, 0 // there is nothing to recover from
		}
	}
	left := b.officers(group)
	pair, lead := false, false
	suspenders := 0
	f := changing("desk.key", "keys")("")[0]
	for i, id := range ids {
		own, st := b.facts(f, id)
		requests := left&(1<<i) != 0 && b.set.Rule(own).Verdict != policy.Forbidden
		for j, other := range ids {
			if i != j && left&(1<<j) != 0 {
				pair = pair || left&(1<<i) != 0 && b.reg.Dependence(id, other, b.at) == ""
				of, _ := b.facts(f, other)
				requests = requests && b.set.MayCountersign(of).Verdict == policy.Permitted
			}
		}
		lead = lead || requests
		freeze, _ := b.facts(policy.Facts{Kind: "desk.freeze", Direction: "relieving", Effect: "reversible", Subject: policy.Subject{Platform: "desk", Sort: "desk", Part: "freezes", Tier: "critical"}}, id)
		r := b.set.Rule(freeze)
		live, hard := b.key(id)
		if group&(1<<i) != 0 && st.Engaged && live && !b.stopped(policy.Facts{Kind: "desk.freeze"}, id) &&
			r.Verdict != policy.Forbidden && r.Need.Independent == 0 && len(r.Need.Qualified) == 0 && r.Need.Wait == 0 && (hard || !r.Need.Hardware) {
			suspenders++
		}
	}
	others := bits.OnesCount(b.officers(1<<len(ids)-1) &^ group)
	alone := others == 0 && len(ordinary) == 0
	if !pair || !lead || !alone && suspenders == 0 {
		return false, 0
	}
	wait := int64(72 * 3600)
	for n := others; suspenders > 0 && n > suspenders; n -= suspenders {
		wait += 7 * 24 * 3600
	}
	return true, wait
}

// enrols returns who could enrol keys as the policy asks, whatever is frozen but people.
func (b brute) enrols() map[uint]int64 {
	people := brute{b.set, b.reg, b.at, slices.DeleteFunc(slices.Clone(b.frozen), func(z actions.Freeze) bool { return z.Scope == "all" || z.Scope == "platform" })}
	return people.groups(changing("desk.key", "keys"))
}

// recovery returns the fewest people who can, and how soon.
func (b brute) recovery() (size int, wait int64) {
	ordinary := b.enrols()
	for group := uint(1); group < 1<<len(b.ids()); group++ {
		n := bits.OnesCount(group)
		if size > 0 && n > size {
			continue
		}
		if ok, w := b.recovers(group, ordinary); ok && (size == 0 || n < size || w < wait) {
			size, wait = n, w
		}
	}
	return size, wait
}

// choices are the ways to ask: not undoing, and undoing.
func choices(q exposure.Question) (plain, undo choice) {
	spec, _ := actions.SpecOf(q.Kind)
	make := func(categories []actions.Category, l actions.Lifts) []policy.Facts {
		var fs []policy.Facts
		for _, c := range categories {
			for _, v := range spec.Verbs {
				for _, given := range []bool{true, false} {
					fs = append(fs, policy.Facts{Kind: q.Kind, Direction: spec.Direction, Effect: spec.Effect, Verb: v, Category: c, Lifts: l, CaseGiven: given,
						Subject: policy.Subject{Platform: q.Platform, Sort: spec.Sort, Tier: q.Tier}})
				}
			}
		}
		return fs
	}
	if spec.Direction == actions.Burdening {
		return func(workforce.WorkerID) []policy.Facts {
				return make([]actions.Category{"", "legal", "child-safety"}, "")
			},
			func(workforce.WorkerID) []policy.Facts { return nil }
	}
	category := []actions.Category{q.Category}
	return func(workforce.WorkerID) []policy.Facts {
			if q.Lifts == "" {
				return make(category, "foreign")
			}
			if q.Lifts == "ours" {
				return make(category, "older")
			}
			return make(category, q.Lifts)
		}, func(by workforce.WorkerID) []policy.Facts {
			switch {
			case q.Lifts == "ours" && by == q.Measured:
				return make(category, "own")
			case q.Lifts == "ours" || q.Lifts == "older":
				return make(category, q.Lifts)
			}
			return nil
		}
}

func drawQuestion(t *rapid.T) exposure.Question {
	q := exposure.Question{Platform: "plaza", Tier: rapid.SampledFrom(actions.Tiers).Draw(t, "tier"),
		Kind: rapid.SampledFrom([]actions.Kind{actions.AccountTakedown, actions.AccountTakedown, actions.AccountTakedown, actions.AccountDeactivate, actions.AccountRestore, actions.AccountRestore, actions.AccountDelete, actions.AccountSuspend, actions.AccountContain, actions.ContentRemove,
			actions.AccountLimit, actions.AccountLabel, actions.AccountWarn, actions.AccountWarn, actions.ContentLimit, actions.ContentLabel, actions.AccountUnlimit, actions.AccountUnlabel, actions.ContentUnlabel}).Draw(t, "kind"),
		Floor: rapid.SampledFrom([]actions.Tier{"", actions.Standard, actions.Protected, actions.Critical}).Draw(t, "floor")}
	if q.Tier != actions.Standard && rapid.Bool().Draw(t, "raised") {
		q.Floor = actions.Standard
	}
	if spec, _ := actions.SpecOf(q.Kind); spec.Direction == actions.Relieving {
		q.Lifts = rapid.SampledFrom([]actions.Lifts{"", "ours", "older"}).Draw(t, "lifts")
		if q.Lifts == "ours" {
			q.Measured = rapid.SampledFrom([]workforce.WorkerID{"", "p0", "p1"}).Draw(t, "measured")
		} else {
			q.Category = rapid.SampledFrom([]actions.Category{"", "legal"}).Draw(t, "category")
		}
	}
	return q
}

func drawFreezes(t *rapid.T) []actions.Freeze {
	if rapid.IntRange(0, 2).Draw(t, "freezes") > 0 {
		return nil
	}
	return rapid.SliceOfNDistinct(rapid.SampledFrom([]actions.Freeze{{Scope: "all"}, {Scope: "platform", Of: "plaza"}, {Scope: "platform", Of: "other"},
		{Scope: "worker", Of: "p0"}, {Scope: "worker", Of: "p1"}, {Scope: "vendor", Of: "acme"}, {Scope: "vendor"}}), 1, 2, actions.Freeze.Key).Draw(t, "frozen")
}

// strangersOf remembers what brute force said of strangers, which is the same for
// many worlds.
type strangersOf map[string]struct {
	wait int64
	ok   bool
}

func TestAgainstBruteForce(t *testing.T) {
	sets := map[string]*policy.Set{}
	for _, name := range []string{"default", "before", "one-way", "older"} {
		sets[name] = set(t, name)
	}
	seen := map[string]int{}
	known := strangersOf{}
	rapid.Check(t, func(t *rapid.T) {
		r := drawWorld(t)
		name := rapid.SampledFrom([]string{"default", "before", "one-way", "older"}).Draw(t, "set")
		ps := sets[name]
		q := drawQuestion(t)
		frozen := drawFreezes(t)
		b := brute{ps, r, now, frozen}
		v, err := exposure.ViewOf(state(ps, r, frozen...), now)
		if err != nil {
			t.Fatal(err)
		}
		plain, undo := choices(q)
		b.compareAlone(t, v, q, plain, undo)
		b.compareCollusion(t, v, q, name, known, seen)
		b.compareCoverage(t, v, q, plain)
		if later := now.Add(time.Duration(rapid.IntRange(0, 24*40).Draw(t, "later")) * time.Hour); v.Holds(state(ps, r, frozen...), later) {
			brute{ps, r, later, frozen}.compareAlone(t, v, q, plain, undo)
			seen["held on"]++
		}
	})
	t.Log(seen)
	for _, want := range []string{"act 1", "act 2", "held on"} {
		if seen[want] == 0 {
			t.Errorf("no world with %s: the test tries less than it says", want)
		}
	}
	// The rarer ways are open in few worlds; TestEachWay has one for each.
	for _, way := range []exposure.Way{exposure.ByAct, exposure.ByPolicy, exposure.ByKeys, exposure.ByTrust, exposure.ByAdmission, exposure.ByRecovery} {
		if no, yes := seen[string(way)+" open"], seen[string(way)+" shut"]; no == 0 || yes == 0 {
			t.Errorf("%s is open in %d worlds and shut in %d: the test tries less than it says", way, no, yes)
		}
	}
}

// compareCollusion compares every way.
func (b brute) compareCollusion(t *rapid.T, v *exposure.View, q exposure.Question, set string, known strangersOf, seen map[string]int) {
	got, err := v.Collusion(q)
	if err != nil {
		t.Fatal(err)
	}
	plain, undo := choices(q)
	either := func(by workforce.WorkerID) []policy.Facts { return append(plain(by), undo(by)...) }
	nobody := func(workforce.WorkerID) []policy.Facts { return nil }
	people, waits := map[exposure.Way]int{}, map[exposure.Way]int64{}
	steps := map[exposure.Way][2]choice{}
	worlds := map[exposure.Way]brute{}
	add := func(w exposure.Way, first choice, then brute, second choice) {
		steps[w], worlds[w] = [2]choice{first, second}, then
		after := oneStep
		if second != nil {
			after = then.groups(second)
		}
		people[w], waits[w] = fewest(b.groups(first), after)
	}
	add(exposure.ByAct, plain, b, nil)
	add(exposure.ByReversal, undo, b, nil)
	add(exposure.ByEmergency, nobody, b, nil)
	if q.Kind == "account.takedown" || q.Kind == "account.suspend" {
		e := q
		e.Kind = "account.contain"
		contain, _ := choices(e)
		add(exposure.ByEmergency, contain, b, nil)
	}
	add(exposure.ByTrust, changing("desk.change", "trust"), b, nil)
	add(exposure.ByPolicy, changing("desk.change", "policy"), b, nil)
	spec, _ := actions.SpecOf(q.Kind)
	if spec.Direction == actions.Burdening && slices.Contains(b.frozen, actions.Freeze{Scope: "platform", Of: "plaza"}) {
		people[exposure.ByPolicy], waits[exposure.ByPolicy] = 0, 0
	}
	keyed := brute{b.set, workforce.NewRegistry(), b.at, b.frozen}
	keyed.reg.Vendors = b.reg.Vendors
	for i, w := range b.reg.Sorted() {
		keyed.reg.Put(w)
		enrol(keyed.reg, i, w.Worker, true, canonical.Time{})
	}
	people[exposure.ByKeys] = 0
	if all := keyed.groups(either); len(all) > 0 {
		people[exposure.ByKeys], waits[exposure.ByKeys] = fewest(b.groups(changing("desk.key", "keys")), oneStep)
		if people[exposure.ByKeys] > 0 {
			waits[exposure.ByKeys] += slices.Min(slices.Collect(maps.Values(all)))
		}
	}
	people[exposure.ByRecovery], waits[exposure.ByRecovery] = 0, 0
	warm := keyed
	warm.frozen = nil // they thaw what is in their way
	if all := warm.groups(either); len(all) > 0 {
		people[exposure.ByRecovery], waits[exposure.ByRecovery] = b.recovery()
		if people[exposure.ByRecovery] > 0 {
			waits[exposure.ByRecovery] += slices.Min(slices.Collect(maps.Values(all)))
		}
	}
	add(exposure.ByAdmission, changing("desk.admit", "workforce"), b, changing("desk.key", "keys"))
	q0 := q
	q0.Floor = ""
	k := fmt.Sprint(set, q0, b.frozen)
	s, ok := known[k]
	if !ok {
		// Whose measure it is has been there already.
		unowned := either
		if q.Measured != "" {
			u := q
			u.Measured = ""
			p, n := choices(u)
			unowned = func(by workforce.WorkerID) []policy.Facts { return append(p(by), n(by)...) }
		}
		names := []workforce.WorkerID{"stranger"}
		if set == "before" {
			names = append(names, "p1") // whom its policies name
		}
		s.wait, s.ok = b.strangers(unowned, names...)
		known[k] = s
	}
	if waits[exposure.ByAdmission] += s.wait; !s.ok || people[exposure.ByAdmission] == 0 {
		people[exposure.ByAdmission], waits[exposure.ByAdmission] = 0, 0
	}
	same := func(map[workforce.VendorID]workforce.Vendor) {}
	longer := b.with(func(w *workforce.Worker) {
		if now.Before(w.Last.Time) {
			w.Last = days(5000)
		}
	}, same)
	add(exposure.ByEngagements, nobody, longer, either)
	if b.differs(longer) {
		add(exposure.ByEngagements, changing("desk.engagement", "workforce"), longer, either)
	}
	welcome := b.with(func(*workforce.Worker) {}, func(vs map[workforce.VendorID]workforce.Vendor) {
		for _, id := range []workforce.VendorID{"acme", "bolt", "cask"} {
			vs[id] = workforce.Vendor{ID: id}
		}
	})
	add(exposure.ByVendors, nobody, welcome, either)
	if b.differs(welcome) {
		add(exposure.ByVendors, changing("desk.change", "vendors"), welcome, either)
	}
	add(exposure.ByTiers, nobody, b, either)
	if q.Floor != "" && q.Floor.Rank() < q.Tier.Rank() {
		low := q
		low.Tier = q.Floor
		p, u := choices(low)
		add(exposure.ByTiers, changing("desk.change", "tiers"), b, func(by workforce.WorkerID) []policy.Facts { return append(p(by), u(by)...) })
	}
	if len(b.frozen) > 0 {
		warm := b
		warm.frozen = nil
		add(exposure.ByThaw, changing("desk.freeze", "freezes"), warm, either)
	}
	number := 0
	for way, n := range people {
		if n > 0 && (number == 0 || n < number) {
			number = n
		}
		seen[fmt.Sprint(way, " ", n)]++
		if n > 0 {
			seen[string(way)+" open"]++
		} else {
			seen[string(way)+" shut"]++
		}
	}
	if got.Number != number || len(got.Rows) != len(people) {
		t.Fatalf("collusion number %d in %d rows, by brute force %d in %d (%v; %+v)", got.Number, len(got.Rows), number, len(people), people, got.Rows)
	}
	for _, row := range got.Rows {
		if row.People != people[row.Way] || row.Wait != time.Duration(waits[row.Way])*time.Second {
			t.Fatalf("%s: %d people and %s, by brute force %d and %ds (%s)", row.Way, row.People, row.Wait, people[row.Way], waits[row.Way], row.Why)
		}
		if row.People == 0 && row.Why == "" {
			t.Fatalf("%s: no group and no reason", row.Way)
		}
		if row.People == 0 {
			continue
		}
		distinct := map[workforce.WorkerID]bool{}
		for i, group := range [][]exposure.Member{row.Group, row.Then} {
			var ids []workforce.WorkerID
			for _, m := range group {
				ids = append(ids, m.Worker)
				distinct[m.Worker] = true
			}
			c, in := steps[row.Way][i], b
			if row.Way == exposure.ByKeys && i == 0 {
				c = changing("desk.key", "keys")
			}
			if i == 1 {
				in = worlds[row.Way]
			}
			if c == nil {
				continue
			}
			if len(ids) == 0 {
				t.Fatalf("%s: a step without people", row.Way)
			}
			if ok, _ := in.works(ids, ids[0], in.asks(ids[0], c)); !ok {
				t.Fatalf("%s: the group %v that is shown cannot", row.Way, ids)
			}
		}
		if row.Way == exposure.ByRecovery {
			var group uint
			for i, id := range b.ids() {
				if distinct[id] {
					group |= 1 << i
				}
			}
			if ok, _ := b.recovers(group, b.enrols()); !ok {
				t.Fatalf("the group %v that is shown cannot recover", row.Group)
			}
		}
		if len(distinct) != row.People {
			t.Fatalf("%s: %d people are shown and %d counted", row.Way, len(distinct), row.People)
		}
	}
}

func (b brute) compareAlone(t *rapid.T, v *exposure.View, q exposure.Question, plain, undo choice) {
	got, err := v.Alone(q)
	if err != nil {
		t.Fatal(err)
	}
	can := map[workforce.WorkerID]bool{}
	for _, a := range got.Can {
		for _, id := range a.People() {
			can[id] = true
		}
	}
	told := len(can)
	for _, a := range got.Cannot {
		if len(a.Reasons) == 0 {
			t.Fatalf("%v cannot, and no reason is given", a.People())
		}
		told += a.Count
	}
	if told != len(b.reg.Seats()) || got.Count != len(can) {
		t.Fatalf("%d of %d people are told of, %d can, counted %d", told, len(b.reg.Seats()), len(can), got.Count)
	}
	for _, id := range b.ids() {
		self := []workforce.WorkerID{id}
		p, pw := b.works(self, id, b.asks(id, plain))
		u, uw := b.works(self, id, b.asks(id, undo))
		want := p && pw == 0 || u && uw == 0
		if want != can[id] {
			t.Fatalf("%s alone: %v, by brute force %v", id, can[id], want)
		}
		one, err := exposure.PersonOf(state(b.set, b.reg, b.frozen...), id, b.at)
		if err != nil {
			t.Fatal(err)
		}
		if says, why, err := one.Can(q); says != want || len(why) == 0 || err != nil {
			t.Fatalf("%s looked at by themselves: %v (%v, %v), by brute force %v", id, says, why, err, want)
		}
	}
}

func (b brute) compareCoverage(t *rapid.T, v *exposure.View, q exposure.Question, plain choice) {
	got, err := v.Coverage(q)
	if err != nil {
		t.Fatal(err)
	}
	var need actions.Need
	f := plain("")[0]
	for _, id := range b.ids() {
		rf, st := b.facts(f, id)
		if any, _ := b.key(id); !any || !st.Engaged {
			continue
		}
		if r := b.rule(rf); r.Verdict == policy.Held {
			need.Independent = max(need.Independent, r.Need.Independent)
			need.Hardware = need.Hardware || r.Need.Hardware
		}
	}
	if got.Need.Independent != need.Independent || got.Need.Hardware != need.Hardware {
		t.Fatalf("coverage needs %s, by brute force %s", got.Need, need)
	}
	var short []int
	for h := range exposure.Hours {
		then := brute{b.set, b.reg, now.Add(time.Duration(h) * time.Hour), nil}
		for _, z := range b.frozen {
			if z.Scope == "worker" || z.Scope == "vendor" {
				then.frozen = append(then.frozen, z)
			}
		}
		n := 0
		for _, w := range b.reg.Sorted() {
			id := w.Worker
			cf, st := then.facts(f, id)
			any, hardware := b.key(id)
			if any && (hardware || !need.Hardware) && st.Engaged && !then.at.Before(w.Counts()) && !then.stopped(policy.Facts{Direction: f.Direction}, id) && b.set.MayCountersign(cf).Verdict == policy.Permitted {
				n++
			}
		}
		if got.Hours[h] != n {
			t.Fatalf("hour %d: %d could countersign, by brute force %d", h, got.Hours[h], n)
		}
		if need.Independent > 0 && n <= need.Independent {
			short = append(short, h)
		}
	}
	listed := 0
	for _, a := range got.Now {
		listed += len(a.People())
	}
	if listed != got.Hours[0] || !slices.Equal(short, got.Short) {
		t.Fatalf("listed %d of %d; short %v, by brute force %v", listed, got.Hours[0], got.Short, short)
	}
}
