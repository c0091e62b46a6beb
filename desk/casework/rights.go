package casework

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/desk/alarms"
	"countersign.dev/desk/kernel"
	"countersign.dev/fault"
	"countersign.dev/ledger/proof"
	"countersign.dev/policy"
	"countersign.dev/store"
	"countersign.dev/wording"
	"countersign.dev/workforce"
)

// atWork returns the standing of a caller who may work on cases now, and the sets in force.
func (d *Room) atWork(ctx context.Context, s *proof.State, by kernel.Caller) (workforce.Standing, *cases.RuleSet, *cases.QueueSet, error) {
	st, err := d.desk.Engaged(s, by)
	if err != nil {
		return st, nil, nil, err
	}
	if err := s.MayWork(by.Worker, st); err != nil {
		return st, nil, nil, err
	}
	rules, queues, err := d.rules(ctx, s)
	return st, rules, queues, err
}

// cannotWork says why the holder of a claim may not work any more; empty: the holder may.
func (d *Room) cannotWork(s *proof.State, w workforce.WorkerID, at time.Time) string {
	st := s.People.Standing(w, at)
	if !st.Engaged {
		return "engagement-ended"
	}
	if s.MayWork(w, st) != nil {
		return "frozen"
	}
	return ""
}

// queuesOf returns the queues in which the caller may work, or the one that is named.
func (d *Room) queuesOf(s *proof.State, st workforce.Standing, queues *cases.QueueSet, named string) ([]string, error) {
	var names []string
	for i := range queues.Queues {
		q := &queues.Queues[i]
		if (named == "" || named == q.Name) && d.mayWorkQueue(s, st, q) {
			names = append(names, q.Name)
		}
	}
	if len(names) == 0 {
		if named != "" {
			return nil, d.noQueueFor(s, st, queues, named)
		}
		return nil, fault.New(fault.Forbidden, "no-queue", "The policy lets you work on no queue. It is read for %s: `countersign policy show`.", roles(st))
	}
	return names, nil
}

// noQueue is the refusal of a queue that is not there, or that the caller may not know of.
func noQueue(name string) error {
	return fault.New(fault.NotFound, "no-such-queue", "There is no queue %q for you.", name)
}

// noQueueFor is noQueue for a caller who may not work in a queue: to somebody whom only the first
// days at the desk keep out of it, it says so.
func (d *Room) noQueueFor(s *proof.State, st workforce.Standing, queues *cases.QueueSet, name string) error {
	for i := range queues.Queues {
		if q := &queues.Queues[i]; q.Name == name {
			if from := d.worksLater(s, st, ruledQueue(q)); !from.IsZero() {
				return newcomer(st, "in the queue "+name, from)
			}
		}
	}
	return noQueue(name)
}

// noCaseFor is the refusal of a case that the caller may not know of. Somebody whom only the first
// days at the desk keep out is told so: everybody else with the same role, at the same company, may
// know of that case.
func (d *Room) noCaseFor(s *proof.State, st workforce.Standing, c cases.Case) error {
	if from := d.worksLater(s, st, queueOf(c)); !from.IsZero() {
		return newcomer(st, "on the case "+c.ID, from)
	}
	return store.NoCase(c.ID)
}

// keptOut says why somebody may not work on a case that they opened; empty: they may.
func (d *Room) keptOut(s *proof.State, st workforce.Standing, c cases.Case) string {
	switch {
	case d.worksOn(s, st, c):
		return ""
	case !d.worksLater(s, st, queueOf(c)).IsZero():
		return fault.TextOf(d.noCaseFor(s, st, c))
	}
	return fmt.Sprintf("The policy does not let you work on the case %s: somebody else judges it.", c.ID)
}

// unworked tells of queues in which nobody may work: cases wait there for ever, or until somebody's
// first days at the desk are over.
func (d *Room) unworked(ctx context.Context, s *proof.State) (all []alarms.Matter, err error) {
	if !s.Casework() {
		return nil, nil
	}
	queues, err := d.sets.Queues(ctx, s)
	if err != nil {
		return nil, err
	}
	now := d.desk.Now()
	for i := range queues.Queues {
		q := &queues.Queues[i]
		var later canonical.Time
		var first workforce.WorkerID
		works := false
		for _, seat := range s.People.Seats() {
			w := &seat.Worker
			st := s.People.StandingOf(w, now)
			if works = st.Engaged && d.mayWorkQueue(s, st, q); works {
				break
			}
			if from := d.worksLater(s, st, ruledQueue(q)); st.Engaged && !from.IsZero() && (later.IsZero() || from.Before(later.Time) || from == later && w.Worker < first) {
				later, first = from, w.Worker
			}
		}
		switch {
		case works:
		case later.IsZero():
			all = append(all, alarms.Matter{Section: "queues", Severity: alarms.Warn, Text: fmt.Sprintf("Nobody at this desk may work in the queue %s: its cases wait.", q.Name),
				Do: "Read for whom the policy has it, and engage such people: `countersign policy show`, `countersign worker import FILE --reason WHY`."})
		default:
			do := fmt.Sprintf("%s is the first who may.", first)
			if w, _ := s.People.Worker(first); w.Founding {
				do += " If people began before the day that the founding import has as their `start`, import them again with the true day: `countersign worker import FILE --reason WHY`."
			}
			all = append(all, alarms.Matter{Section: "queues", Severity: alarms.Warn, Do: do, Text: fmt.Sprintf("Nobody may work in the queue %s before %s: the policy keeps it from newcomers, and all who could work there are new at this desk. Its cases wait until then.", q.Name, wording.When(later))})
		}
	}
	return all, nil
}

// worksLater returns from when on the policy lets somebody work in a queue, if nothing but the first
// days at the desk is against it now; else zero.
func (d *Room) worksLater(s *proof.State, st workforce.Standing, q policy.Queue) canonical.Time {
	seat := s.People.Seat(st.Worker)
	if !st.Newcomer || seat == nil || s.Policy.MayWorkQueue(policy.WorkerOf(st), q).Verdict == policy.Permitted {
		return canonical.Time{}
	}
	settled := s.People.StandingOf(&seat.Worker, seat.Worker.Settled())
	if s.Policy.MayWorkQueue(policy.WorkerOf(settled), q).Verdict != policy.Permitted {
		return canonical.Time{}
	}
	return canonical.At(seat.Worker.Settled())
}

// newcomer refuses work that the policy keeps from people in their first days at the desk.
func newcomer(st workforce.Standing, what string, from canonical.Time) error {
	return fault.New(fault.Forbidden, "newcomer", "You are new at this desk, and the policy does not let newcomers work %s. From %s on you may: then your first %d days are over.", what, wording.When(from), int(workforce.Settle/(24*time.Hour)))
}

func roles(st workforce.Standing) string {
	if len(st.Roles) == 0 {
		return "somebody without a role"
	}
	var all []string
	for _, r := range st.Roles {
		all = append(all, string(r))
	}
	return strings.Join(all, ", ")
}

func (d *Room) mayWorkQueue(s *proof.State, st workforce.Standing, q *cases.Queue) bool {
	return s.Policy.MayWorkQueue(policy.WorkerOf(st), ruledQueue(q)).Verdict == policy.Permitted
}

// ruledQueue says of a queue what the policy may speak of.
func ruledQueue(q *cases.Queue) policy.Queue {
	return policy.Queue{Name: q.Name, Highest: q.Grave(), Language: queueLanguage(q)}
}

// queueOf says of a case what the policy may speak of: its queue, and its own severity and language.
func queueOf(c cases.Case) policy.Queue {
	return policy.Queue{Name: c.Queue, Highest: c.Grave(), Language: plainLanguage(c.Language)}
}

// queueLanguage returns the one language of a queue's cases; empty: they have several.
func queueLanguage(q *cases.Queue) string {
	if len(q.Where.Language) != 1 {
		return ""
	}
	return plainLanguage(q.Where.Language[0])
}

// plainLanguage returns a language as policies speak of it: without a region, so that de-AT is de, and
// empty if nobody knows it.
func plainLanguage(tag string) string {
	plain, _, _ := strings.Cut(tag, "-")
	if plain == cases.Undetermined {
		return ""
	}
	return plain
}

// worksOn reports whether the caller may know of a case since the caller works on its queue.
func (d *Room) worksOn(s *proof.State, st workforce.Standing, c cases.Case) bool {
	return s.Policy.MayWorkQueue(policy.WorkerOf(st), queueOf(c)).Verdict == policy.Permitted
}

// reads reports whether the caller may read a case: works on its queue, or is let by the
// policy for a task that the case itself tells.
func (d *Room) reads(s *proof.State, st workforce.Standing, by workforce.WorkerID, c cases.Case) bool {
	return d.readsFor(s, st, by, c, d.task(s, st, by, c))
}

// readsFor is reads for a worker whose task is known. Whoever opened a case as a finding of their own
// goes on reading it.
func (d *Room) readsFor(s *proof.State, st workforce.Standing, by workforce.WorkerID, c cases.Case, task policy.Task) bool {
	task.Holds = task.Holds || by != "" && c.By == by
	return d.worksOn(s, st, c) || s.Policy.MayReadCase(policy.WorkerOf(st), queueOf(c), task).Verdict == policy.Permitted
}

// task says what a worker has to do with a case, as far as the case itself tells.
func (d *Room) task(s *proof.State, st workforce.Standing, w workforce.WorkerID, c cases.Case) (t policy.Task) {
	works, lead, specialist := d.worksOn(s, st, c), st.Has(workforce.Lead), st.Has(workforce.Specialist)
	t.Leads = works && lead
	if w == "" {
		return t
	}
	now := d.desk.Now()
	t.Holds = c.State == cases.Claimed && c.Holder == w && now.Before(c.Until.Time) || c.Turn == w
	if c.Holder != "" {
		t.Leads = t.Leads || slices.Contains(s.People.Chain(c.Holder, now), w)
	}
	t.Asked = works && c.State != cases.Waiting && c.State.Takeable() && c.For(lead, specialist) || specialist && c.AsksSpecialist()
	return t
}

// taskOn is task with what the incidents of the desk tell.
func (d *Room) taskOn(stx *store.Tx, s *proof.State, st workforce.Standing, w workforce.WorkerID, c cases.Case) (policy.Task, error) {
	t := d.task(s, st, w, c)
	var err error
	if t.Investigates, err = stx.Investigates(w, c.Subject, c.Owner, c.ID); err == nil && !t.Asked {
		t.Asked, err = d.maySign(stx, s, w, c)
	}
	return t, err
}

// maySign reports whether a worker may sign one of the measures of a case that wait for signatures.
func (d *Room) maySign(stx *store.Tx, s *proof.State, w workforce.WorkerID, c cases.Case) (bool, error) {
	decisions, err := stx.CaseDecisions(c.ID)
	if err != nil || w == "" {
		return false, err
	}
	now := d.desk.Now()
	for _, decision := range decisions {
		for _, id := range decision.Requests {
			r, err := stx.Request(id)
			if err != nil {
				return false, err
			}
			if !r.Open() || !now.Before(r.Expires().Time) {
				continue
			}
			ask := proof.Ask{Action: r.Action, Request: r.Signed, At: now, Tier: r.Action.Tier.Max(s.RaisedTo(r.Action.Subject)), Requested: r.Created.Time}
			if s.Asks(ask, w) == nil {
				return true, nil
			}
		}
	}
	return false, nil
}

// barred refuses a worker who would judge their own affair (law 15): the subject belongs to an
// account of the worker, or the worker reported in the case, or nobody knows since the worker
// has declared no accounts.
func (d *Room) barred(t *kernel.Tx, w workforce.WorkerID, c cases.Case) error {
	declared, own, seal, err := t.OwnAccounts(w)
	switch {
	case err != nil:
		return err
	case declared && seal != cases.OwnSeal(d.secret, string(w), own):
		return fault.New(fault.Conflict, "accounts-tampered", "What the database says of your own accounts is not what you declared: somebody edited it. Tell an officer, and declare all your accounts again on the page Settings, or with `countersign worker accounts`: each with --account, or --none.")
	case !declared:
		return fault.New(fault.Forbidden, "accounts-undeclared", "You have not declared your own accounts on the platforms, so that nobody knows which cases are your own affair. Declare them, or that you have none: on the page Settings, or with `countersign worker accounts --none`.")
	}
	affair := ownAffair(c.ID)
	if c.Look != "" {
		if bars, err := d.looks.Bars(t, w, c); err != nil || bars {
			return cmp.Or(err, affair)
		}
	}
	if c.Owner != "" && contains(own, cases.OwnDigest(d.secret, c.Subject.Platform, c.Owner)) || contains(own, cases.OwnDigest(d.secret, c.Subject.Platform, c.Subject.ID)) {
		return affair
	}
	if c.By != w { // whoever opened a case as a finding of their own may decide it
		own = append([]string{workerKey(d.secret, w)}, own...)
	}
	reported, err := t.ReportedIn(c.ID, own)
	if err == nil && reported {
		return affair
	}
	return err
}

// ownAffair is the refusal of a case that is the caller's own affair.
func ownAffair(caseID string) error {
	return fault.New(fault.Forbidden, "own-affair", "You may not work on the case %s: it is your own affair. Somebody else judges it.", caseID)
}

// load reads a case that the caller may read; one that the caller may not know of is not there.
func (d *Room) load(ctx context.Context, by kernel.Caller, id string) (s *proof.State, st workforce.Standing, c cases.Case, err error) {
	if s, st, err = d.desk.Standing(ctx, by); err != nil {
		return s, st, c, err
	}
	if err = d.desk.Store.ReadOne(ctx, func(stx *store.Tx) error {
		c, err = stx.Case(id)
		return err
	}); err != nil {
		return s, st, c, err
	}
	if hides, err := d.hides(ctx, by.Worker, c); err != nil || hides {
		return s, st, cases.Case{}, cmp.Or(err, store.NoCase(id))
	}
	if d.reads(s, st, by.Worker, c) {
		return s, st, c, nil
	}
	var task policy.Task
	if err = d.desk.Store.Read(ctx, func(stx *store.Tx) error {
		task, err = d.taskOn(stx, s, st, by.Worker, c)
		return err
	}); err != nil {
		return s, st, cases.Case{}, err
	}
	if !d.readsFor(s, st, by.Worker, c, task) {
		return s, st, cases.Case{}, d.noCaseFor(s, st, c)
	}
	return s, st, c, nil
}
