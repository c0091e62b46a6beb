package system

import (
	"errors"
	"flag"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"countersign.dev/actions"
	"countersign.dev/desk/acts"
	"countersign.dev/desk/desktest"
	"countersign.dev/platform"
	"countersign.dev/sqldb/sqldbtest"
	"countersign.dev/workforce"
)

// The reference model: who may do what, in a small table, and the life of a
// request. It knows nothing of Cedar, of ledgers or of warrants.

// modelPerson is somebody at the desk.
type modelPerson struct {
	vendor, manager, role string
	last                  time.Duration // of the engagement, from the start of the test; 0: none
	newcomer              bool          // for the first 30 days
	officer               bool          // declared independent of the other officers
	keyless, ended        bool
}

type modelRequest struct {
	id        string
	by        workforce.WorkerID
	subject   int
	undoes    int // request, -1 for a takedown
	status    actions.Status
	signers   []workforce.WorkerID
	expires   time.Duration
	executed  time.Duration
	acted     bool
	signedFor time.Duration // when the requester signed
}

type model struct {
	now      time.Duration
	people   map[workforce.WorkerID]*modelPerson
	requests []*modelRequest
	down     [len(modelSubjects)]int // the request whose mark is in place, -1 if up
}

const day = 24 * time.Hour

var modelSubjects = [...]struct {
	name, id string
	tier     actions.Tier
}{
	{"plaza:@president", "acct/1", actions.Critical}, {"plaza:@singer", "acct/2", actions.Protected},
	{"plaza:@neighbour", "acct/3", actions.Standard}, {"plaza:@shop", "acct/4", actions.Standard},
}

func newModel() *model {
	year := 365 * day
	m := &model{people: map[workforce.WorkerID]*modelPerson{
		"ann": {vendor: "acme", manager: "gus", role: "agent", last: year}, "abe": {vendor: "acme", manager: "gus", role: "agent", last: year},
		"sue": {vendor: "acme", manager: "hal", role: "lead", last: year}, "dan": {vendor: "acme", manager: "gus", role: "agent", last: 6 * time.Hour},
		"bob": {vendor: "bolt", manager: "ivo", role: "agent", last: year}, "lee": {vendor: "bolt", manager: "jan", role: "lead", last: year},
		"kim": {manager: "mia", role: "lead"}, "eva": {manager: "nia", role: "lead"}, "ole": {manager: "pia", role: "oncall"},
		"bea": {role: "officer", newcomer: true}, "cem": {role: "officer", newcomer: true},
	}}
	for i := range m.down {
		m.down[i] = -1
	}
	return m
}

func (m *model) engaged(w workforce.WorkerID, at time.Duration) bool {
	p := m.people[w]
	return !p.ended && (p.last == 0 || at < p.last)
}

// able: engaged, with a key.
func (m *model) able(w workforce.WorkerID) bool { return m.engaged(w, m.now) && !m.people[w].keyless }

// lastDays: within two weeks of the last day.
func (m *model) lastDays(w workforce.WorkerID) bool {
	p := m.people[w]
	return p.last != 0 && m.now >= p.last-14*day
}

func (m *model) mayRequest(w workforce.WorkerID, t actions.Tier) bool {
	if !m.able(w) {
		return false
	}
	switch role := m.people[w].role; {
	case t == actions.Standard:
		return role == "agent" || role == "lead"
	case m.lastDays(w):
		return false
	default:
		return role == "agent" || role == "lead" || role == "officer"
	}
}

// older: one person may not lift it alone any more.
func (m *model) older(measure *modelRequest) bool { return m.now >= measure.executed+30*day }

// mayUndo: who is still engaged, everybody takes back what the desk did, save in
// the last days, when it is only one's own recent measure.
func (m *model) mayUndo(w workforce.WorkerID, measure *modelRequest) bool {
	return !m.people[w].keyless && (!m.lastDays(w) || measure.by == w && !m.older(measure))
}

func (m *model) mayCountersign(w workforce.WorkerID, r *modelRequest) bool {
	if !m.able(w) {
		return false
	}
	t, p := modelSubjects[r.subject].tier, m.people[w]
	if t == actions.Critical {
		if p.role == "oncall" || p.newcomer && m.now < 30*day {
			return false
		}
	}
	if t != actions.Standard && r.undoes < 0 && m.lastDays(w) {
		return false
	}
	return p.role == "lead" || p.role == "officer" || p.role == "oncall"
}

func (m *model) independent(a, b workforce.WorkerID) bool {
	p, q := m.people[a], m.people[b]
	return a != b && (p.vendor == "" || p.vendor != q.vendor) && (p.manager == "" || p.manager != q.manager)
}

// slots returns how many must sign, and of them how many employees.
func (m *model) slots(r *modelRequest) (independent, employees int) {
	t := modelSubjects[r.subject].tier
	if r.undoes >= 0 {
		if !m.older(m.requests[r.undoes]) {
			return 0, 0
		}
		if t == actions.Critical {
			return 2, 1
		}
		return 1, 0
	}
	return map[actions.Tier]int{actions.Protected: 1, actions.Critical: 2}[t], map[actions.Tier]int{actions.Critical: 1}[t]
}

// filled tries every choice of signers.
func (m *model) filled(r *modelRequest) bool {
	n, employees := m.slots(r)
	var valid []workforce.WorkerID
	for _, w := range r.signers {
		if m.mayCountersign(w, r) && m.independent(r.by, w) {
			valid = append(valid, w)
		}
	}
	var choose func(from int, chosen []workforce.WorkerID) bool
	choose = func(from int, chosen []workforce.WorkerID) bool {
		if len(chosen) == n {
			have := 0
			for _, w := range chosen {
				if m.people[w].vendor == "" {
					have++
				}
			}
			return have >= employees
		}
		for i := from; i < len(valid); i++ {
			if !slices.ContainsFunc(chosen, func(c workforce.WorkerID) bool { return !m.independent(c, valid[i]) }) &&
				choose(i+1, append(slices.Clone(chosen), valid[i])) {
				return true
			}
		}
		return false
	}
	return choose(0, nil)
}

// stands: the requester may still ask for it now.
func (m *model) stands(r *modelRequest) bool {
	if r.undoes < 0 {
		return m.mayRequest(r.by, modelSubjects[r.subject].tier)
	}
	measure := m.requests[r.undoes]
	// An undo was signed by somebody engaged then; that they have left since
	// does not matter, but the last days are counted from when they signed.
	now := m.now
	defer func() { m.now = now }()
	lifts := m.older(measure)
	m.now = r.signedFor
	lastDays := m.lastDays(r.by)
	m.now = now
	return measure.status == actions.StatusExecuted && !m.people[r.by].keyless && (!lastDays || measure.by == r.by && !lifts)
}

// carry is what the executor makes of an approved request.
func (m *model) carry(i int) {
	r := m.requests[i]
	switch {
	case r.undoes < 0 && m.down[r.subject] < 0:
		m.down[r.subject] = i
	case r.undoes >= 0 && m.down[r.subject] == r.undoes:
		m.down[r.subject] = -1
		m.requests[r.undoes].status = actions.StatusReversed
	default:
		r.status = actions.StatusFailed
		return
	}
	r.status, r.executed, r.acted = actions.StatusExecuted, m.now, true
}

// open: signatures may be added.
func (m *model) open(r *modelRequest) bool {
	return r.status == actions.StatusHeld && m.now < r.expires
}

// operation is one thing that somebody does.
type operation struct {
	What    string
	By      workforce.WorkerID
	Own     bool // it is the requester who withdraws or undoes
	Subject int
	Request int // counted from the newest
	Advance time.Duration
}

var operations = []string{"request", "request", "request", "request", "request", "request", "undo", "undo", "undo", "undo",
	"countersign", "countersign", "countersign", "countersign", "countersign", "countersign", "countersign", "countersign", "countersign", "countersign",
	"decline", "alarm", "withdraw", "end", "revoke", "advance", "restart"}

func drawOperation(t *rapid.T) operation {
	// Those who get further come more often.
	people := []workforce.WorkerID{"ann", "ann", "abe", "bob", "sue", "sue", "lee", "lee", "lee", "kim", "kim", "kim", "eva", "eva", "dan", "ole", "bea", "cem"}
	return operation{
		What:    rapid.SampledFrom(operations).Draw(t, "what"),
		By:      rapid.SampledFrom(people).Draw(t, "by"),
		Own:     rapid.Bool().Draw(t, "own"),
		Subject: rapid.IntRange(0, len(modelSubjects)-1).Draw(t, "subject"),
		Request: rapid.IntRange(0, 3).Draw(t, "request"),
		Advance: rapid.SampledFrom([]time.Duration{time.Hour, time.Hour, 5 * time.Hour, 26 * time.Hour, 31 * day}).Draw(t, "advance"),
	}
}

// run is a sequence on the real thing, beside the model.
type run struct {
	*desktest.Town
	m *model
}

// do does one operation on both and compares.
func (r *run) do(o operation) error {
	allowed, did, err := r.both(o)
	if did {
		if allowed != (err == nil) {
			return fmt.Errorf("%+v: the model says %t, the desk %v", o, allowed, err)
		}
	}
	return r.compare()
}

// both returns what the model allows and what the desk says; did is false if
// the operation has nothing to work on.
func (r *run) both(o operation) (allowed, did bool, err error) {
	m := r.m
	old := len(m.requests) - 1 - o.Request
	if old < 0 && slices.Contains([]string{"countersign", "undo", "decline", "alarm", "withdraw"}, o.What) {
		return false, false, nil
	}
	if o.Own && (o.What == "withdraw" || o.What == "undo") {
		o.By = m.requests[old].by
	}
	switch o.What {
	case "request":
		allowed = m.mayRequest(o.By, modelSubjects[o.Subject].tier) && m.down[o.Subject] < 0
		req, err := r.TryRequest(o.By, desktest.Wish(actions.AccountTakedown, modelSubjects[o.Subject].name))
		if allowed && err == nil {
			r.added(&modelRequest{id: req.ID, by: o.By, subject: o.Subject, undoes: -1}, req)
		}
		return allowed, true, err
	case "undo":
		measure := m.requests[old]
		allowed = measure.undoes < 0 && measure.status == actions.StatusExecuted && m.engaged(o.By, m.now) && m.mayUndo(o.By, measure)
		req, err := r.TryUndo(o.By, measure.id)
		if allowed && err == nil {
			r.added(&modelRequest{id: req.ID, by: o.By, subject: measure.subject, undoes: old}, req)
		}
		return allowed, true, err
	case "countersign":
		q := m.requests[old]
		allowed = m.open(q) && m.stands(q) && m.mayCountersign(o.By, q) && m.independent(q.by, o.By) && !slices.Contains(q.signers, o.By)
		req, err := r.TryCountersign(o.By, q.id)
		if allowed && err == nil {
			q.signers = append(q.signers, o.By)
			if m.filled(q) {
				m.carry(old)
				r.Settled("kim", req)
			}
		}
		return allowed, true, err
	case "decline", "alarm":
		q := m.requests[old]
		allowed = m.open(q) && m.stands(q) && m.mayCountersign(o.By, q) && m.independent(q.by, o.By)
		d, err := r.DraftVerdict(r.Context(), desktest.As(o.By), q.id, actions.VerdictDecline, "")
		if err == nil {
			d.Statement.Alarm = o.What == "alarm"
			_, err = r.Decline(r.Context(), desktest.As(o.By), q.id, r.Signed(o.By, d), o.What == "alarm", "no")
		}
		if allowed && err == nil {
			q.status = map[string]actions.Status{"decline": actions.StatusDeclined, "alarm": actions.StatusFrozen}[o.What]
		}
		return allowed, true, err
	case "withdraw":
		q := m.requests[old]
		allowed = m.open(q) && q.by == o.By && m.able(o.By)
		now, err := r.RequestByID(r.Context(), desktest.As("ada"), q.id)
		if err == nil {
			_, err = r.TryWithdraw(o.By, q.id, now.Version)
		}
		if allowed && err == nil {
			q.status = actions.StatusWithdrawn
		}
		return allowed, true, err
	case "end":
		if p := m.people[o.By]; p.officer || !m.engaged(o.By, m.now) || p.role == "officer" || o.By == "kim" {
			return false, false, nil
		}
		_, err := r.TryRequest("ada", acts.Wish{Kind: actions.DeskEngagement, Change: actions.Engagement{Op: "end", Worker: o.By}})
		m.people[o.By].ended = true
		return true, true, err
	case "revoke":
		if p := m.people[o.By]; p.keyless || p.role == "officer" || o.By == "kim" {
			return false, false, nil
		}
		_, err := r.TryRequest("bea", acts.Wish{Kind: actions.DeskKey, Change: actions.Keys{Revoke: []workforce.KeyID{r.PublicKey(o.By).ID()}}})
		m.people[o.By].keyless = true
		return true, true, err
	case "advance":
		if m.now+o.Advance > 330*day {
			return false, false, nil // before the last two weeks of the others
		}
		m.now += o.Advance
		r.Clock().Advance(o.Advance)
	case "restart":
		r.StopExecutor()
		r.StartExecutor()
		r.Followed()
	}
	return false, false, nil
}

func (r *run) added(q *modelRequest, req actions.Request) {
	m := r.m
	q.status, q.signedFor = actions.StatusHeld, m.now
	q.expires = m.now + day
	if modelSubjects[q.subject].tier == actions.Critical {
		q.expires = m.now + 4*time.Hour
	}
	m.requests = append(m.requests, q)
	if n, _ := m.slots(q); n == 0 {
		m.carry(len(m.requests) - 1)
		r.Settled("kim", req)
	}
}

// compare demands that desk and plaza are as the model has them.
func (r *run) compare() error {
	for i, q := range r.m.requests {
		got, err := r.RequestByID(r.Context(), desktest.As("ada"), q.id)
		if err != nil {
			return err
		}
		// That its time is over is noted when somebody comes by.
		late := q.status == actions.StatusHeld && r.m.now >= q.expires && got.Status == actions.StatusExpired
		if got.Status != q.status && !late {
			return fmt.Errorf("request %d by %s on %s is %s (%s), in the model %s", i, q.by, modelSubjects[q.subject].name, got.Status, got.OutcomeText, q.status)
		}
	}
	for i, s := range modelSubjects {
		want := platform.Expect{Status: platform.Up}
		if by := r.m.down[i]; by >= 0 {
			want = platform.Expect{Status: platform.Down, Mark: platform.MarkOf(r.m.requests[by].id)}
		}
		if st := r.State(s.id); !st.Is(want.Status, want.Mark) {
			return fmt.Errorf("plaza has %s %s, the model %s", s.name, platform.Describe(st.Status, st.Mark), platform.Describe(want.Status, want.Mark))
		}
	}
	return nil
}

// finish demands that plaza changed as often as acts were carried out, and that
// the ledger is whole.
func (r *run) finish() error {
	for i, s := range modelSubjects {
		acted := 0
		for _, q := range r.m.requests {
			if q.subject == i && q.acted {
				acted++
			}
		}
		if n := len(r.Changes(s.id)); n != acted {
			return fmt.Errorf("plaza changed %s %d times, the model %d times", s.name, n, acted)
		}
	}
	_, err := r.Store.Audit(r.Context())
	return err
}

// TestModel runs random sequences of people's acts on a real desk, executor and plaza,
// and on a model of a hundred lines, and demands that they agree after each step.
func TestModel(t *testing.T) {
	// Each sequence opens a desk of its own, so that there are fewer than rapid's
	// hundred; -rapid.checks asks for more.
	checks := flag.Lookup("rapid.checks")
	if checks.Value.String() == checks.DefValue {
		if err := checks.Value.Set("8"); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = checks.Value.Set(checks.DefValue) })
	}
	sequence, seen := 0, map[actions.Status]int{}
	try := func(ops []operation) (err error) {
		sequence++
		err = errors.New("the sequence broke off: see above")
		t.Run(fmt.Sprint(sequence), func(t *testing.T) {
			r := &run{Town: desktest.NewTown(t, desktest.Options{URL: sqldbtest.SQLite(t), Budgets: plenty}), m: newModel()}
			for i, o := range ops {
				if failed := r.do(o); failed != nil {
					err = fmt.Errorf("operation %d: %w", i, failed)
					return
				}
			}
			for _, q := range r.m.requests {
				seen[q.status]++
			}
			err = r.finish()
		})
		return err
	}
	// What chance hardly comes by.
	for _, ops := range [][]operation{
		// Two requests on one subject, both approved.
		{{What: "request", By: "ann", Subject: 1}, {What: "request", By: "bob", Subject: 1},
			{What: "countersign", By: "lee", Request: 1}, {What: "countersign", By: "kim"}},
		// Two vendors are no employee, an employee who asks fills no slot.
		{{What: "request", By: "kim"}, {What: "countersign", By: "sue"}, {What: "countersign", By: "lee"}, {What: "countersign", By: "eva"}},
		// A requester's key is revoked, and a countersigner's, before the last signature.
		{{What: "request", By: "ann", Subject: 1}, {What: "revoke", By: "ann"}, {What: "countersign", By: "lee"},
			{What: "request", By: "abe"}, {What: "countersign", By: "lee"}, {What: "revoke", By: "lee"},
			{What: "countersign", By: "kim"}, {What: "countersign", By: "eva"}},
		// The same with engagements, and by the clock.
		{{What: "request", By: "ann", Subject: 1}, {What: "end", By: "ann"}, {What: "countersign", By: "lee"},
			{What: "request", By: "abe"}, {What: "countersign", By: "lee"}, {What: "end", By: "lee"},
			{What: "countersign", By: "kim"}, {What: "countersign", By: "eva"},
			{What: "request", By: "dan", Subject: 2}, {What: "advance", Advance: 26 * time.Hour}, {What: "request", By: "dan", Subject: 3}},
		// Every way for a request to end, and the undo of a measure that is a month old.
		{{What: "request", By: "ann"}, {What: "decline", By: "sue"}, {What: "decline", By: "kim"}, {What: "request", By: "ann"}, {What: "alarm", By: "lee"},
			{What: "request", By: "bob"}, {What: "withdraw", By: "ann"}, {What: "withdraw", Own: true}, {What: "request", By: "ann"},
			{What: "advance", Advance: 5 * time.Hour}, {What: "countersign", By: "kim"}, {What: "request", By: "ann", Subject: 2},
			{What: "restart"}, {What: "undo", By: "dan"}, {What: "advance", Advance: 31 * day}, {What: "undo", Own: true}, {What: "countersign", By: "sue"},
			{What: "countersign", By: "lee"}, {What: "undo", Own: true, Request: 1}},
	} {
		if err := try(ops); err != nil {
			t.Fatal(err)
		}
	}
	rapid.Check(t, func(rt *rapid.T) {
		if err := try(rapid.SliceOfN(rapid.Custom(drawOperation), 50, 50).Draw(rt, "operations")); err != nil {
			rt.Fatal(err)
		}
	})
	// A model that is never asked about anything agrees with everybody.
	t.Logf("%d sequences: %v", sequence, seen)
	for _, s := range []actions.Status{actions.StatusHeld, actions.StatusExecuted, actions.StatusReversed, actions.StatusFailed,
		actions.StatusDeclined, actions.StatusFrozen, actions.StatusWithdrawn} {
		if seen[s] == 0 && !t.Failed() {
			t.Errorf("no request of any sequence became %s", s)
		}
	}
}
