// Package looks is the desk's room for judging decided cases again (casework, law 14 and section 5): second
// looks at a random share of all verdicts, and calibrations, in which several people judge the same
// cases. Somebody independent judges a copy of the case, and nothing tells it from a first case.
//
// The room promises that nobody chooses which verdicts are looked at, neither whoever decides nor
// whoever edits the database; that the second verdict carries nothing out; and that a difference goes
// to a lead who is independent of both.
package looks

import (
	"cmp"
	"context"
	"errors"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/desk/alarms"
	"countersign.dev/desk/casework"
	"countersign.dev/desk/inbox"
	"countersign.dev/desk/kernel"
	"countersign.dev/desk/sets"
	"countersign.dev/fault"
	"countersign.dev/jobs"
	"countersign.dev/ledger/proof"
	"countersign.dev/store"
	"countersign.dev/workforce"
)

// The steps of a look. A desk may die after each of them. The draw is part of the change of the decision,
// and the second verdict is a kernel.StepRequested like every other.
const (
	StepLookCopied    = "look copied"     // the copy of a case is committed, and waits
	StepLookDayClosed = "look day closed" // it is committed whether one more of somebody's day is looked at
)

// CopyAfter is how long after a decision its copy is made: until then it may be taken back.
const CopyAfter = casework.TakeBackFor + 5*time.Second

// Config holds the parts of the room that the wiring gives it.
type Config struct {
	// Secret is that under which the desk keeps accounts. Keys for drawing and sealing come from it.
	Secret []byte
	// SweepEvery is the time between two looks for what is left to do; 0: a minute.
	SweepEvery time.Duration
}

// Room is this room of the desk. It is safe for concurrent use.
type Room struct {
	desk   *kernel.Kernel
	work   *casework.Room
	sets   *sets.Room
	alarms *alarms.Room
	inbox  *inbox.Room
	own    []byte
	secret []byte
	every  time.Duration
}

// New opens the room, registers its job, and has casework ask it.
func New(k *kernel.Kernel, work *casework.Room, x *sets.Room, a *alarms.Room, box *inbox.Room, c Config) *Room {
	d := &Room{desk: k, work: work, sets: x, alarms: a, inbox: box, own: c.Secret, secret: cases.LookSecret(c.Secret), every: cmp.Or(c.SweepEvery, time.Minute)}
	work.Serve(served{d})
	jobs.Handle(k.Slow, func(ctx context.Context, j copyJob) error { return d.copy(ctx, j.Look) })
	return d
}

// copyJob makes the copy of a look.
type copyJob struct {
	Look string `json:"look"`
}

func (copyJob) Kind() string { return "desk.look" }

// Run does what time brings, until ctx ends.
func (d *Room) Run(ctx context.Context) {
	tick := time.NewTicker(d.every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if err := d.SweepLooks(ctx); err != nil && ctx.Err() == nil {
				d.desk.Logger.ErrorContext(ctx, "second looks do not go on", "error", err)
			}
		case <-ctx.Done():
			return
		}
	}
}

// SweepLooks closes the days that are over, ends the time to dispute, and makes the copies that a job
// did not make. It may run at any time, on every node.
func (d *Room) SweepLooks(ctx context.Context) error {
	return errors.Join(d.closeDays(ctx), d.endDisputes(ctx), d.copyLeft(ctx))
}

const aDay = 24 * time.Hour

// dayOf numbers the day of an instant, in UTC.
func dayOf(at canonical.Time) int64 { return at.Unix() / int64(aDay/time.Second) }

func startOf(day int64) canonical.Time {
	return canonical.At(time.Unix(day*int64(aDay/time.Second), 0))
}

// served is a Room as casework asks it.
type served struct{ *Room }

// Draw implements casework.Looks. It is part of the change of the decision: there is no decision
// without its draw, and a desk that dies has both or neither.
func (d served) Draw(t *kernel.Tx, c cases.Case, row store.CaseDecision, vendor workforce.VendorID) error {
	day := dayOf(row.Time)
	if row.Buried {
		t.OpenLookDay(row.Worker, day)
	}
	if !cases.Drawn(cases.LookNumber(d.secret, "draw", row.Digest), row.Share) {
		return nil
	}
	return d.insert(t, c, row, vendor, row.Share*cases.MaxChance/cases.AllShare, "drawn")
}

// insert stores a second look, and has its copy made. A decision has one, also if two nodes close the same
// day.
func (d *Room) insert(t *kernel.Tx, c cases.Case, row store.CaseDecision, vendor workforce.VendorID, chance int64, why string) error {
	reading, err := t.SeenReading(c.ID)
	if err != nil {
		return err
	}
	l := cases.Look{ID: d.desk.IDs.New(cases.LookPrefix), Kind: cases.SecondLook, State: cases.LookDrawn, Decision: row.ID, Case: row.Case, Worker: row.Worker, Vendor: vendor,
		Verdict: actions.CaseVerdict(row.Verdict), Rule: row.Rule, Queue: c.Queue, Day: dayOf(row.Time), Buried: row.Buried, Chance: chance, Why: why, Drawn: t.Now()}
	t.InsertLook(store.SealedLook{Look: l, Seal: l.Seal(d.secret), Reading: reading})
	return jobs.Enqueue(t.Tx.Tx, copyJob{l.ID}, canonical.At(t.Now().Add(CopyAfter)), l.ID)
}

// sealed refuses a look that somebody edited in the database.
func (d *Room) sealed(l store.SealedLook) error {
	if l.Look.Seal(d.secret) != l.Seal {
		return fault.New(fault.Conflict, "ledger-tampered", "The look %s is not what the desk drew: somebody edited the database.", l.ID)
	}
	return nil
}

// Bars implements casework.Looks.
func (d served) Bars(t *kernel.Tx, w workforce.WorkerID, copied cases.Case) (bool, error) {
	l, err := t.Look(copied.Look)
	if err != nil {
		return false, err
	}
	if err := d.sealed(l); err != nil {
		return false, err
	}
	bars, err := d.bars(t.Tx, t.State, w, l, copied.ID)
	if err == nil && bars {
		t.BarFromLook(l.ID, w) // it is not listed for them again
	}
	return bars, err
}

// bars reports whether somebody may not judge a copy. Whoever has had it in hand may ask for its subject.
func (d *Room) bars(stx *store.Tx, s *proof.State, w workforce.WorkerID, l store.SealedLook, copied string) (bool, error) {
	now := d.desk.Now()
	switch {
	case l.Only != "" && w != l.Only, w == l.Worker:
		return true, nil
	case l.Only == "" && casework.FivePeople(s, now) && s.People.SameLine(w, l.Worker, now):
		return true, nil
	}
	if barred, err := stx.BarredFromLook(l.ID, w); err != nil || barred {
		return barred, err
	}
	had, err := stx.HadClaim(copied, w)
	if err != nil {
		return false, err
	}
	first, err := stx.Case(l.Case)
	if err != nil {
		return false, err
	}
	knows, err := stx.Knows(w, first, !had)
	if err != nil || knows {
		return knows, err
	}
	return d.signed(stx, w, l.Decision)
}

// signed reports whether somebody signed a measure of a decision.
func (d *Room) signed(stx *store.Tx, w workforce.WorkerID, decision string) (bool, error) {
	requests, err := stx.RequestsOfDecision(decision)
	if err != nil {
		return false, err
	}
	for _, id := range requests {
		r, err := stx.Request(id)
		if err != nil {
			return false, err
		}
		for _, signer := range r.Signers {
			if signer.Statement.Signer == w {
				return true, nil
			}
		}
	}
	return false, nil
}

// Judged implements casework.Looks.
func (d served) Judged(t *kernel.Tx, v store.LookVerdict) error {
	l, err := t.LookLocked(v.Look)
	if err != nil {
		return err
	}
	if err := d.sealed(l); err != nil {
		return err
	}
	if l.State != cases.LookWaiting || l.Copy != v.Copy {
		return fault.New(fault.Conflict, "case-closed", "The case %s is decided.", v.Copy)
	}
	row, err := t.CaseDecision(l.Decision)
	if err != nil {
		return err
	}
	if row.Requests, err = t.RequestsOfDecision(row.ID); err != nil {
		return err
	}
	first, err := casework.FirstFound(t.Tx, row)
	if err != nil {
		return err
	}
	v.Differs = first.DiffersFrom(v.Found)
	t.InsertLookVerdict(v)
	l.State, l.Judged = cases.LookJudged, t.Now()
	t.SaveLook(l.Look)
	if l.Kind != cases.SecondLook || v.Differs == cases.Agrees {
		return nil
	}
	t.SaveLookMatter(store.LookMatter{Look: l.ID, Difference: v.Differs, State: store.MatterWaiting, Made: t.Now()})
	if v.Differs != cases.Missed {
		return nil
	}
	// What a wrong verdict hid and may cost lives waits for no lead.
	grave, err := d.grave(t, v.Found.Rule)
	if err != nil || !grave {
		return err
	}
	return d.work.OpenAgain(t, l.Case, row.ID, cases.Highest, "second-look")
}

// grave reports whether a rule in force is of the highest severity.
func (d *Room) grave(t *kernel.Tx, number int64) (bool, error) {
	rules, err := d.sets.Rules(context.Background(), t.State)
	if err != nil {
		return false, err
	}
	r, ok := rules.Rule(number)
	return ok && r.Severity == cases.Highest, nil
}

// Again implements casework.Looks.
func (d served) Again(t *kernel.Tx, look string, w workforce.WorkerID) error {
	l, err := t.LookLocked(look)
	if err != nil {
		return err
	}
	t.BarFromLook(look, w)
	l.State, l.Copy, l.Copied = cases.LookDrawn, "", canonical.Time{}
	t.SaveLook(l.Look)
	return jobs.Enqueue(t.Tx.Tx, copyJob{look}, t.Now(), look)
}

// copyLeft makes the copies that are due and that no job has made.
func (d *Room) copyLeft(ctx context.Context) error {
	const page = 100
	var ids []string
	if err := d.desk.Store.ReadOne(ctx, func(stx *store.Tx) (err error) {
		ids, err = stx.LooksDrawn(canonical.At(d.desk.Now().Add(-10*time.Minute)), page)
		return err
	}); err != nil {
		return err
	}
	for _, id := range ids {
		if err := d.copy(ctx, id); err != nil && !errors.Is(err, errNotYet) {
			return err
		}
	}
	return nil
}
