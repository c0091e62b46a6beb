package policy

import (
	"fmt"
	"iter"
	"slices"
	"strings"

	"countersign.dev/actions"
	"countersign.dev/fault"
	"countersign.dev/platform"
	"countersign.dev/workforce"
)

// maxClasses bounds the classes of workers that loading a set looks at. A set
// that speaks of roles has about a thousand.
const maxClasses = 1 << 17

// classes yields one worker of each class that the set can tell apart: every combination
// of the roles, attributes, vendors and workers that it names. A statement that is true
// of all of these is true of everybody.
func (s *Set) classes() (iter.Seq[Worker], error) {
	var roles []workforce.Role
	for _, r := range workforce.Roles {
		if _, ok := s.names.roles[r]; ok {
			roles = append(roles, r)
		}
	}
	var flags []func(*Worker)
	for _, f := range []struct {
		name string
		set  func(*Worker)
	}{
		{"employee", func(w *Worker) { w.Employee = true }},
		{"engaged", func(w *Worker) { w.Engaged = true }},
		{"in_notice", func(w *Worker) { w.InNotice = true }},
		{"ratchet", func(w *Worker) { w.Ratchet = true }},
		{"newcomer", func(w *Worker) { w.Newcomer = true }},
	} {
		if _, ok := s.names.read[f.name]; ok {
			flags = append(flags, f.set)
		}
	}
	ids := append([]workforce.WorkerID{unnamed(s.names.workers)}, sorted(s.names.workers)...)
	vendors := append([]workforce.VendorID{unnamed(s.names.vendors)}, sorted(s.names.vendors)...)
	total := len(ids) * len(vendors) << (len(roles) + len(flags))
	if total > maxClasses {
		return nil, fault.New(fault.Invalid, "bad-policy",
			"The policy set names so many workers and vendors that it would have to be examined for %d sorts of people; speak of roles instead.", total)
	}
	return func(yield func(Worker) bool) {
		for _, id := range ids {
			for _, v := range vendors {
				for rm := range 1 << len(roles) {
					for fm := range 1 << len(flags) {
						w := Worker{ID: id, Vendor: v}
						for i, r := range roles {
							if rm&(1<<i) != 0 {
								w.Roles = append(w.Roles, r)
							}
						}
						for i, set := range flags {
							if fm&(1<<i) != 0 {
								set(&w)
							}
						}
						if !yield(w) {
							return
						}
					}
				}
			}
		}
	}, nil
}

// unnamed returns a name that is not among names.
func unnamed[N ~string](names map[N]struct{}) N {
	n := N("anyone")
	for {
		if _, taken := names[n]; !taken {
			return n
		}
		n += "-else"
	}
}

func sorted[N ~string](names map[N]struct{}) []N {
	all := make([]N, 0, len(names))
	for n := range names {
		all = append(all, n)
	}
	slices.Sort(all)
	return all
}

// deskChanges are the facts of every change of the desk in a direction, without
// the worker.
func deskChanges(d actions.Direction) []Facts {
	var fs []Facts
	for _, c := range []struct {
		kind  actions.Kind
		parts []string
	}{
		{actions.DeskAdmit, []string{actions.PartWorkforce}},
		{actions.DeskEngagement, []string{actions.PartWorkforce}},
		{actions.DeskKey, []string{actions.PartKeys, actions.PartSessions}},
		{actions.DeskChange, []string{actions.PartPolicy, actions.PartTiers, actions.PartBudgets,
			actions.PartTrust, actions.PartVendors, actions.PartPlatforms, actions.PartOrders, actions.PartModes, actions.PartLocks, actions.PartLaws, actions.PartFormats,
			actions.PartPrograms, actions.PartRules, actions.PartQueues, actions.PartHashes}},
		{actions.DeskFreeze, []string{actions.PartFreezes}},
		{actions.DeskReview, []string{actions.PartReviews}},
	} {
		for _, p := range c.parts {
			fs = append(fs, DeskFacts(c.kind, d, p))
		}
	}
	return fs
}

// DeskFacts returns the facts of a change of the desk, without the worker.
func DeskFacts(k actions.Kind, d actions.Direction, part string) Facts {
	return Facts{Kind: k, Direction: d, Effect: actions.Reversible,
		Subject: Subject{Platform: actions.DeskPlatform, Sort: Desk, Part: part, Tier: actions.Critical}}
}

// criticalTakedowns are the facts of a takedown of a critical account, in all
// ways that the set can tell apart, without the worker.
func (s *Set) criticalTakedowns() []Facts {
	var fs []Facts
	for _, p := range append([]string{unnamed(s.names.platforms)}, sorted(s.names.platforms)...) {
		for _, e := range []actions.Effect{actions.Reversible, actions.Lossy} {
			for _, c := range []actions.Category{actions.CategoryRules, actions.CategoryLegal, actions.CategoryChildSafety} {
				fs = append(fs, Facts{Kind: actions.AccountTakedown, Direction: actions.Burdening, Effect: e, Verb: platform.Takedown,
					Category: c, Subject: Subject{Platform: p, Sort: platform.Account, Tier: actions.Critical}})
			}
		}
	}
	return fs
}

// checkDesk holds a set to law 3: no change of the desk needs fewer people than the
// highest tier that it could weaken. For every class of workers, the need of a change of
// the desk must cover the need of a takedown on critical that somebody of the same class
// requests. If that class may not request the takedown, it must cover the needs of
// everybody who may. The error is a fault of type "weaker-than-critical" with a detail
// for each kind and part.
func (s *Set) checkDesk() error {
	classes, err := s.classes()
	if err != nil {
		return err
	}
	takedowns := s.criticalTakedowns()
	needOf := func(w Worker) (n actions.Need, may bool) {
		for _, f := range takedowns {
			f.Worker = w
			if r := s.Rule(f); r.Verdict != Forbidden {
				n, may = join(n, r.Need), true
			}
		}
		return n, may
	}
	var anybody *actions.Need // the strongest need of a takedown by anybody, computed when first wanted
	strongest := func() actions.Need {
		if anybody != nil {
			return *anybody
		}
		var strong actions.Need
		some := false
		for w := range classes {
			if n, may := needOf(w); may {
				strong, some = join(strong, n), true
			}
		}
		if !some {
			// A set under which nobody takes a critical account down is weakened by anybody who
			// may change it; so it needs what law 4 demands for critical.
			strong = actions.Need{Independent: 2, Qualified: map[actions.Qualifier]int{actions.QualifierEmployee: 1}, Hardware: true}
		}
		anybody = &strong
		return strong
	}
	var weak []fault.Detail
	for _, f := range deskChanges(actions.Burdening) {
		if _, read := s.names.read["part"]; !read && f.Kind == actions.DeskChange && f.Subject.Part != actions.PartPolicy {
			continue // this set cannot tell the parts apart
		}
		for w := range classes {
			f.Worker = w
			r := s.Rule(f)
			if r.Verdict == Forbidden {
				continue
			}
			want, may := needOf(w)
			if !may {
				want = strongest()
			}
			if !r.Need.Covers(want) {
				weak = append(weak, fault.Detail{At: string(f.Kind) + " " + f.Subject.Part,
					Text: fmt.Sprintf("where %s requests it, it needs %s; a takedown of a critical account needs %s", describe(w), r.Need, want)})
				break
			}
		}
	}
	if len(weak) > 0 {
		return fault.New(fault.Invalid, "weaker-than-critical",
			"Under this policy set the desk could be changed by fewer people than a critical account is taken down by, and so the set is refused; let the holds on changes of the desk need at least as much.").With(weak...)
	}
	return nil
}

// join returns the smallest need that covers both.
func join(a, b actions.Need) actions.Need {
	n := needs{need: actions.Need{Independent: a.Independent, Wait: a.Wait, Hardware: a.Hardware}}
	n.add(hold{qualified: a.Qualified})
	n.add(hold{independent: b.Independent, qualified: b.Qualified, wait: b.Wait, hardware: b.Hardware})
	return n.total()
}

// describe puts the sort of a worker in words.
func describe(w Worker) string {
	words := []string{}
	for _, f := range []struct {
		set  bool
		word string
	}{{!w.Engaged, "not engaged"}, {w.Employee, "employee"}, {w.InNotice, "in notice"}, {w.Ratchet, "in the last days"}, {w.Newcomer, "newcomer"}} {
		if f.set {
			words = append(words, f.word)
		}
	}
	for _, r := range w.Roles {
		words = append(words, string(r))
	}
	if len(words) == 0 {
		return "anybody"
	}
	return "a worker (" + strings.Join(words, ", ") + ")"
}
