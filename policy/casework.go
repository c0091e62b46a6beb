package policy

import (
	"fmt"
	"slices"
	"sync"

	"github.com/cedar-policy/cedar-go"

	"countersign.dev/actions"
	"countersign.dev/fault"
	"countersign.dev/workforce"
)

// This file rules on who works on which queue, and on who reads which case, the contact data
// of accounts, and the names of people (design, part two, law 17). Nothing here stands in a
// warrant: an executor asks none of it.

const casework = "casework.cedar" // the file of the default set

var (
	actionWorkQueue   = cedar.NewEntityUID(typeAction, "work.queue")
	actionReadCase    = cedar.NewEntityUID(typeAction, "read.case")
	actionReadContact = cedar.NewEntityUID(typeAction, "read.contact")
	actionReadPeople  = cedar.NewEntityUID(typeAction, "read.people")
)

// Queue holds the facts about a queue that a ruling reads. A case has the facts of its queue.
type Queue struct {
	Name     string
	Highest  bool   // for the queue: it takes cases of the highest severity; for a case: it is one
	Language string // the one language of its cases, a BCP 47 tag; empty: of several, or not known
}

// Task says what a worker has to do with a case.
type Task struct {
	Holds        bool // holds its claim, or it comes back to this worker as their turn
	Leads        bool // leads the queue, or somebody who holds the case
	Asked        bool // was asked to countersign one of its measures, to look at it again, or as a specialist
	Investigates bool // works on an incident about it
}

// Names says whose names are read.
type Names struct {
	Own   bool // people of the worker's own company
	Below bool // somebody in the worker's own line
}

// about are the facts of a question of this file, besides the worker. They are comparable.
type about struct {
	queue Queue
	task  Task
	names Names
}

// MayWorkQueue says whether the worker may work on the cases of a queue: claim them, and
// decide them. It is permitted or forbidden. Nobody works who is not engaged.
func (s *Set) MayWorkQueue(w Worker, q Queue) Ruling {
	return s.mayWork(actionWorkQueue, w, about{queue: q})
}

// MayReadCase says whether the worker may read a case, which lies in a queue. It is permitted
// or forbidden. Nobody reads who is not engaged.
func (s *Set) MayReadCase(w Worker, q Queue, t Task) Ruling {
	return s.mayWork(actionReadCase, w, about{queue: q, task: t})
}

// MayReadContact says whether the worker may read the contact data of the accounts of a case.
// It is permitted or forbidden. Nobody reads who is not engaged.
func (s *Set) MayReadContact(w Worker, q Queue, t Task) Ruling {
	return s.mayWork(actionReadContact, w, about{queue: q, task: t})
}

// MayReadPeople says whether the worker may read who somebody is: pseudonyms and figures of
// people. It is permitted or forbidden. Nobody reads who is not engaged.
func (s *Set) MayReadPeople(w Worker, n Names) Ruling {
	return s.mayWork(actionReadPeople, w, about{names: n})
}

// caseQuestion is a question of this file as a set can tell it apart: what it does not name or read
// is left out, so that the number of answers that are kept is bounded by the set.
type caseQuestion struct {
	action cedar.EntityUID
	class  class
	about  about
}

// mayWork rules on a question of this file. A set that names the action nowhere is ruled by the
// default set's file, as with read.evidence: it may be older than the action.
func (s *Set) mayWork(what cedar.EntityUID, w Worker, a about) Ruling {
	if _, named := s.names.actions[what]; !named {
		s = shippedCasework()
	}
	if _, named := s.names.queues[a.queue.Name]; !named {
		a.queue.Name = ""
	}
	if _, read := s.names.read["language"]; !read {
		a.queue.Language = ""
	}
	key := caseQuestion{what, s.classOf(w), a}
	if w.ID == "" { // refused, and others of the class are not
		return s.ruleCase(what, w, a)
	}
	r, ok := s.cases.Load(key)
	if !ok {
		r = s.ruleCase(what, w, a)
		s.cases.Store(key, r)
	}
	ruling := r.(Ruling)
	ruling.Reasons = slices.Clone(ruling.Reasons)
	return ruling
}

func (s *Set) ruleCase(what cedar.EntityUID, w Worker, a about) Ruling {
	// The context is that of closing a review, as with evidence, and what is known of the task.
	f := DeskFacts(actions.DeskReview, actions.Burdening, actions.PartReviews)
	f.Worker = w
	var q question
	r := forbidden()
	if why := s.world.ask(&q, what, &f); why != "" {
		r = forbidden(unruled(why))
	} else {
		s.world.askCase(&q, what, a)
		r = s.judge(what, &q)
	}
	return onlyEngaged(r, w)
}

// askCase makes the question of an act, as ask has filled it, one about a queue, a case or
// names.
func (w *world) askCase(q *question, what cedar.EntityUID, a about) {
	facts := q.request.Context.Map()
	if what == actionReadPeople {
		facts["own"], facts["below"] = cedar.Boolean(a.names.Own), cedar.Boolean(a.names.Below)
	} else {
		name := a.queue.Name
		if name == "" {
			name = "queue" // a name that the set does not speak of
		}
		q.subject = cedar.Entity{UID: literal(typeQueue, name), Attributes: cedar.NewRecord(cedar.RecordMap{
			"tier": literal("Tier", actions.Standard), "highest": cedar.Boolean(a.queue.Highest), "language": cedar.String(a.queue.Language)})}
		q.request.Resource = q.subject.UID
		facts["holds"], facts["leads"] = cedar.Boolean(a.task.Holds), cedar.Boolean(a.task.Leads)
		facts["asked"], facts["investigates"] = cedar.Boolean(a.task.Asked), cedar.Boolean(a.task.Investigates)
	}
	q.request.Context = cedar.NewRecord(facts)
}

// shippedCasework is the default set's casework.cedar alone.
var shippedCasework = sync.OnceValue(func() *Set { return shippedFile(casework) })

// caseworkWarnings warns of a set that names these actions and lets work or read nobody, or
// somebody whom the default set does not let.
func (s *Set) caseworkWarnings() (warnings []fault.Detail) {
	people, err := s.classes()
	if err != nil {
		return nil // too many to look at; checkDesk has said so
	}
	const how = "the default set's casework.cedar shows how"
	warn := func(what cedar.EntityUID, format string, args ...any) {
		warnings = append(warnings, fault.Detail{At: string(what.ID), Text: fmt.Sprintf(format, args...)})
	}
	named := func(what cedar.EntityUID) bool { _, ok := s.names.actions[what]; return ok }
	// first returns the first worker, engaged and of a sort, whom may lets, and the policy that
	// does; nil if there is none.
	first := func(sort func(*Worker) bool, may func(Worker) Ruling) (*Worker, string) {
		for w := range people {
			w.Engaged = true // others neither work nor read
			if _, theirs := s.names.vendors[w.Vendor]; theirs && w.Employee || !sort(&w) {
				continue
			}
			if r := may(w); r.Verdict == Permitted {
				return &w, r.Reasons[0].Policy
			}
		}
		return nil, ""
	}
	anybody := func(*Worker) bool { return true }
	queues := append([]string{""}, sorted(s.names.queues)...)
	if named(actionWorkQueue) {
		works := func(highest bool) func(Worker) Ruling {
			return func(w Worker) Ruling {
				r := Ruling{}
				for _, q := range queues {
					if r = s.MayWorkQueue(w, Queue{Name: q, Highest: highest}); r.Verdict == Permitted {
						break
					}
				}
				return r
			}
		}
		if w, _ := first(anybody, works(false)); w == nil {
			warn(actionWorkQueue, "Under this set nobody may work on a queue, so that no case is ever claimed. A set that names work.queue must also permit it (%s).", how)
		}
		if w, _ := first(anybody, works(true)); w == nil {
			warn(actionWorkQueue, "Under this set nobody may work on a queue that takes cases of the highest severity, so that these wait for ever. Permit it to those who should (%s).", how)
		}
		leaving := func(w *Worker) bool { w.Newcomer, w.InNotice = true, true; return true }
		if w, by := first(leaving, works(true)); w != nil {
			warn(actionWorkQueue, "Under this set %s may work on cases of the highest severity; %s permits it. Forbid it to newcomers and to people in notice (%s), or leave it so if you mean it.", s.someone(*w), by, how)
		}
		watching := func(w *Worker) bool {
			return len(w.Roles) > 0 && !slices.ContainsFunc(w.Roles, func(r workforce.Role) bool { return r != workforce.Investigator && r != workforce.Auditor })
		}
		if w, by := first(watching, works(false)); w != nil {
			warn(actionWorkQueue, "Under this set %s may work on a queue; %s permits it. Investigators and auditors look into what others decide and decide no case themselves (%s).", s.someone(*w), by, how)
		}
	}
	if named(actionReadCase) {
		if w, _ := first(anybody, func(w Worker) Ruling { return s.MayReadCase(w, Queue{}, Task{Holds: true}) }); w == nil {
			warn(actionReadCase, "Under this set nobody may read the case that they have claimed. A set that names read.case must also permit it (%s).", how)
		}
	}
	if named(actionReadContact) {
		if w, by := first(anybody, func(w Worker) Ruling { return s.MayReadContact(w, Queue{}, Task{}) }); w != nil {
			warn(actionReadContact, "Under this set %s may read contact data of the accounts of a case with which they have nothing to do; %s permits it. Name in the permit what the worker has to do with the case (%s).", s.someone(*w), by, how)
		}
	}
	if named(actionReadPeople) {
		contractor := func(w *Worker) bool { return !w.Employee }
		if w, by := first(contractor, func(w Worker) Ruling { return s.MayReadPeople(w, Names{}) }); w != nil {
			warn(actionReadPeople, "Under this set %s, who is no employee, may read the names and figures of another company's people; %s permits it. Forbid it unless context.own (%s).", s.someone(*w), by, how)
		}
	}
	return warnings
}
