// Package exposure says who could do what to whom: all people who could do an act alone,
// the least number of people who must collude for it, and how many could countersign it
// in the coming week.
//
// It is pure and trusts its caller for the state, which is the governance chain folded up
// to an entry. It promises to be exact over that state, for the ways that it lists, or to
// return an error: it leaves nobody out and estimates nothing. It assumes that an
// attacker has what an attacker can bring about, such as a case or an unspent budget. It
// does not consider who holds a platform's credential, the executor's machine or the
// log's key.
package exposure

import (
	"slices"
	"sync"

	"countersign.dev/actions"
	"countersign.dev/fault"
	"countersign.dev/platform"
	"countersign.dev/policy"
	"countersign.dev/workforce"
)

// Question is a kind of act on a subject of a platform. Its members are the facts of the
// act and the subject that a ruling may read.
type Question struct {
	Kind     actions.Kind
	Platform string
	Tier     actions.Tier
	Effect   actions.Effect // empty: the catalogue's; lossy where the platform loses something
	// Floor is the subject's tier by rules alone. If it is empty, or not below Tier, then
	// lowering what people raised changes nothing.
	Floor actions.Tier

	// The members below are of the measure that a relieving kind lifts.
	Lifts    actions.Lifts      // ours, older or foreign; empty: foreign
	Measured workforce.WorkerID // the requester of the measure, if it is ours
	Category actions.Category   // the measure's category; a measure of ours within the window has none
}

// way is one way to ask for the act, with the facts that a ruling then reads.
type way struct {
	facts  policy.Facts
	undo   bool
	only   workforce.WorkerID // the person who may go this way, if it is only one
	except workforce.WorkerID // the person who may not
	brief  bool               // an emergency act: no policy opens it to people who are about to leave
}

// admits reports whether somebody may go this way.
func (w way) admits(id workforce.WorkerID) bool {
	return (w.only == "" || w.only == id) && (w.except == "" || w.except != id)
}

// verdict returns the verdict of the statement that asks this way.
func (w way) verdict() actions.Verdict {
	if w.undo {
		return actions.VerdictReverse
	}
	return actions.VerdictRequest
}

// bars reports whether a law forbids people of a standing to request it.
func (w way) bars(st workforce.Standing) bool { return w.brief && (st.InNotice || st.Ratchet) }

// ways returns every way to ask. A requester chooses the verb, and of a measure
// the category and whether to name a case, so that each choice is a way where the
// set's policies tell them apart.
func (q Question) ways(set *policy.Set) ([]way, error) {
	spec, ok := actions.SpecOf(q.Kind)
	switch {
	case !ok || spec.Desk:
		return nil, fault.New(fault.Invalid, "bad-question", "Exposure is computed for acts on a platform; %q is not one.", q.Kind)
	case !slices.Contains(actions.Tiers, q.Tier) || q.Platform == "" || q.Platform == actions.DeskPlatform:
		return nil, fault.New(fault.Invalid, "bad-question", "Exposure is computed for a subject: name its platform and its tier.")
	case q.Floor != "" && !slices.Contains(actions.Tiers, q.Floor):
		return nil, fault.New(fault.Invalid, "bad-question", "There is no tier %q.", q.Floor)
	}
	effect := q.Effect
	if effect == "" {
		effect = spec.Effect
	}
	reads := func(attribute string) bool {
		return set.LensOf(q.Kind).Reads(attribute) || set.CountersignLens().Reads(attribute)
	}
	given := []bool{true}
	if q.Tier == actions.Standard && reads("case") { // on other subjects policies do not see the case
		given = append(given, false)
	}
	var all []way
	add := func(c actions.Category, l actions.Lifts, w way) {
		for _, verb := range spec.Verbs {
			for _, g := range given {
				w.facts = policy.Facts{Kind: q.Kind, Direction: spec.Direction, Effect: effect, Verb: verb, Category: c, Lifts: l, CaseGiven: g,
					Subject: policy.Subject{Platform: q.Platform, Sort: spec.Sort, Tier: q.Tier}}
				w.brief = spec.Emergency
				all = append(all, w)
			}
		}
	}
	if spec.Direction == actions.Burdening {
		if q.Lifts != "" || q.Measured != "" || q.Category != "" {
			return nil, fault.New(fault.Invalid, "bad-question", "%s lifts nothing, and its requester chooses its category.", q.Kind)
		}
		add(actions.CategoryRules, actions.LiftsNothing, way{})
		if reads("category") {
			add(actions.CategoryLegal, actions.LiftsNothing, way{})
			add(actions.CategoryChildSafety, actions.LiftsNothing, way{})
		}
		return all, nil
	}
	switch q.Lifts {
	case "", actions.LiftsForeign:
		add(q.Category, actions.LiftsForeign, way{})
	case actions.LiftsOlder:
		add(q.Category, actions.LiftsOlder, way{})
		add(q.Category, actions.LiftsOlder, way{undo: true})
	case actions.LiftsOurs:
		if q.Category != "" {
			return nil, fault.New(fault.Invalid, "bad-question", "A measure that is %s is lifted as an older one.", q.Category)
		}
		add(q.Category, actions.LiftsOlder, way{}) // an act that names no measure
		add(q.Category, actions.LiftsOurs, way{undo: true, except: q.Measured})
		if q.Measured != "" {
			add(q.Category, actions.LiftsOwn, way{undo: true, only: q.Measured})
		}
	default:
		return nil, fault.New(fault.Invalid, "bad-question", "A measure in place is ours, older or foreign, not %q.", q.Lifts)
	}
	return all, nil
}

// Emergency returns the question about the emergency act with the same effect; ok is
// false if there is no such act.
func (q Question) Emergency() (e Question, ok bool) {
	spec, _ := actions.SpecOf(q.Kind)
	if spec.Direction != actions.Burdening || spec.Emergency {
		return q, false
	}
	for _, s := range actions.Catalogue() {
		if s.Emergency && s.Sort == spec.Sort && slices.Equal(s.Verbs, spec.Verbs) {
			q.Kind, q.Effect = s.Kind, ""
			return q, true
		}
	}
	return q, false
}

// Sort returns the sort of subject that the kind is done to.
func (q Question) Sort() platform.Sort {
	spec, _ := actions.SpecOf(q.Kind)
	return spec.Sort
}

// Facts returns the facts for the ruling on who may read this question's answer, without
// the reader.
func (q Question) Facts(set *policy.Set) (policy.Facts, error) {
	ways, err := q.ways(set)
	if err != nil {
		return policy.Facts{}, err
	}
	return ways[0].facts, nil
}

// answers are a view's answers to one question.
type answers struct {
	alone     func() (Alone, error)
	collusion func() (Collusion, error)
	coverage  func() (Coverage, error)
}

// answers returns the place of the answers to a question. Questions about one person's
// measure are as many as there are people, and so their answers are not kept.
func (v *View) answers(q Question) *answers {
	if a, ok := v.said.Load(q); ok {
		return a.(*answers)
	}
	a := &answers{
		sync.OnceValues(func() (Alone, error) { return v.findAlone(q) }),
		sync.OnceValues(func() (Collusion, error) { return v.findCollusion(q) }),
		sync.OnceValues(func() (Coverage, error) { return v.findCoverage(q) }),
	}
	if q.Measured != "" {
		return a
	}
	kept, _ := v.said.LoadOrStore(q, a)
	return kept.(*answers)
}

// Alone says which people could do an act now, at once and without anybody else. The
// answer is shared and must not be changed.
func (v *View) Alone(q Question) (Alone, error) { return v.answers(q).alone() }

// Collusion looks for the smallest group on each way. Among groups of one size it shows
// the one that waits least. The answer is shared and must not be changed.
func (v *View) Collusion(q Question) (Collusion, error) { return v.answers(q).collusion() }

// Coverage says which people could countersign an act, of no category and for a case, and
// how many will be able to in each hour of the coming week if nothing changes but the
// time: engagements, notices and ratchets begin and end, newcomers settle. It counts
// people who may countersign, whose acts are not frozen, who have a live key of the
// needed sort, and who count as independent of anybody at all. The answer is shared and
// must not be changed.
func (v *View) Coverage(q Question) (Coverage, error) { return v.answers(q).coverage() }
