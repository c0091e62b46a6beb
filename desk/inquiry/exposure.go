package inquiry

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/desk/kernel"
	"countersign.dev/exposure"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/ledger/entry"
	"countersign.dev/ledger/proof"
	linkv1 "countersign.dev/link/v1"
	"countersign.dev/platform"
	"countersign.dev/policy"
	"countersign.dev/store"
	"countersign.dev/workforce"
)

// HoldersOf holds, for one platform, the declared holders who could act around the desk.
type HoldersOf struct {
	Platform []string // holders of its staff or administrator's credentials, each with the credential's name if it is declared
	Executor []string // holders of the executor's machine, and so of everything on it
	LogKey   []string // holders of the key that signs the ledger's checkpoints
}

// Holders returns the declared holders for a platform; see Config.Holders.
func (d *Room) Holders(platform string) HoldersOf {
	h := HoldersOf{Executor: d.desk.Holders.Executor, LogKey: d.desk.Holders.LogKey}
	for _, key := range slices.Sorted(maps.Keys(d.desk.Holders.Platforms)) {
		name, credential, one := strings.Cut(key, "/")
		if name != platform {
			continue
		}
		for _, who := range d.desk.Holders.Platforms[key] {
			if one {
				who += " (" + credential + ")"
			}
			h.Platform = append(h.Platform, who)
		}
	}
	return h
}

// ExposedAct says who could do one kind of act.
type ExposedAct struct {
	Kind      actions.Kind
	Effect    actions.Effect
	Alone     exposure.Alone
	Emergency *exposure.Alone // who could do the same at once for a short time; nil: there is no such act
	Collusion exposure.Collusion
	Coverage  exposure.Coverage
}

// Exposure says who could do what to one subject.
type Exposure struct {
	Subject    platform.Subject
	Sort       platform.Sort
	Tier       actions.Tier
	Why        []policy.Reason
	Floor      actions.Tier // the tier that rules alone give it, without raises by people
	At         canonical.Time
	Governance int64 // the number of governance entries that this rests on
	Acts       []ExposedAct
	Holders    HoldersOf // as declared today
	// Unguarded are changes around the desk that neither the stream nor any reading
	// of this platform shows, as the executor's connector says; nil if the executor
	// does not answer.
	Unguarded []platform.Showing
	// Unranked is set if no rule about tiers can tell which accounts of its platform
	// matter.
	Unranked *proof.Unranked
	// Indispensable are those without whom the desk could not go on.
	Indispensable []proof.Indispensable
}

// Number is the least of the collusion numbers of its acts; 0: no group can do any.
func (e Exposure) Number() int {
	n := 0
	for _, a := range e.Acts {
		if c := a.Collusion.Number; c > 0 && (n == 0 || c < n) {
			n = c
		}
	}
	return n
}

// Exposure says who could do acts to a subject: acts of one kind, or of every kind if kind
// is empty; at a past instant, or now if at is zero. The policy says whether the caller may
// read that of a subject of this tier. The subject is always read as it is now.
func (d *Room) Exposure(ctx context.Context, by kernel.Caller, subject string, kind actions.Kind, at time.Time) (out Exposure, err error) {
	return out, d.answer(ctx, by, "read exposure", func(now *proof.State) (exposureReading, error) {
		s, at, err := d.stateOn(ctx, now, at)
		if err != nil {
			return exposureReading{}, err
		}
		r, err := d.desk.Read(ctx, now, subject)
		if err != nil {
			return exposureReading{}, err
		}
		out, err = d.exposedSubject(s, r, kind, at)
		if err != nil {
			return exposureReading{}, err
		}
		for _, a := range out.Acts {
			if err := d.mayReadExposure(now, by, out.question(a.Kind, a.Effect)); err != nil {
				return exposureReading{}, err
			}
		}
		out.Unguarded = d.unguarded(ctx, r.Subject.Platform)
		return exposureReading{entry.ExposureRead{Worker: by.Worker, What: "exposure", Kind: kind, Tier: out.Tier, At: canonical.At(at)}, out.Tier == actions.Critical,
			[]ledger.Opening{kernel.Field("subject", out.Subject.String()), kernel.Field("handle", out.Subject.Handle)}}, nil
	})
}

// unguarded returns the changes on a platform that neither its stream nor a sweep shows.
func (d *Room) unguarded(ctx context.Context, name string) []platform.Showing {
	status, err := d.desk.Executor.Status(ctx)
	if err != nil {
		return nil // nil tells that the executor did not answer
	}
	blind := []platform.Showing{}
	for _, w := range status.Watches {
		if w.Platform != name {
			continue
		}
		for _, s := range w.Shows {
			if !s.Stream && !s.Sweep {
				blind = append(blind, s)
			}
		}
	}
	return blind
}

func (e Exposure) question(k actions.Kind, effect actions.Effect) exposure.Question {
	q := exposure.Question{Kind: k, Platform: e.Subject.Platform, Tier: e.Tier, Effect: effect}
	if e.Floor.Rank() < e.Tier.Rank() {
		q.Floor = e.Floor
	}
	return q
}

// exposedSubject computes the exposure of a subject that was read.
func (d *Room) exposedSubject(s *proof.State, r linkv1.Reading, kind actions.Kind, at time.Time) (Exposure, error) {
	out := Exposure{Subject: r.Subject, Sort: r.Sort, At: canonical.At(at), Governance: s.Next, Holders: d.Holders(r.Subject.Platform),
		Unranked: s.Unranked(r.Subject.Platform, r.Capabilities.Facts)}
	out.Tier, out.Why = s.TierOf(r.Subject, r.Sort, r.State, r.Capabilities.Facts, r.Owner, r.HeightsAt(at))
	out.Floor, _ = s.Policy.Tier(r.Subject.Platform, r.Sort, r.State, r.Capabilities.Facts, r.Owner)
	v, err := d.view(s, at)
	if err != nil {
		return out, err
	}
	out.Indispensable = v.Indispensable()
	for _, spec := range actions.Catalogue() {
		if spec.Desk || spec.Sort != r.Sort || kind != "" && spec.Kind != kind {
			continue
		}
		able, ok := r.Capabilities.Can(spec.Verbs[0], r.Sort)
		if !ok && kind == "" {
			continue // the platform does not offer it
		}
		effect := spec.Effect
		if able.Lossy != "" && effect != actions.OneWay {
			effect = actions.Lossy
		}
		a, err := exposedActOf(v, out.question(spec.Kind, effect))
		if err != nil {
			return out, err
		}
		out.Acts = append(out.Acts, a)
	}
	if len(out.Acts) == 0 {
		return out, fault.New(fault.Invalid, "bad-question", "%q is no kind of act on %s.", kind, r.Sort.Noun())
	}
	return out, nil
}

// exposedActOf computes everything about one act from a view. For an act that lifts a
// measure, it assumes a measure that is not ours, which is the hardest to lift.
func exposedActOf(v *exposure.View, q exposure.Question) (a ExposedAct, err error) {
	a.Kind, a.Effect = q.Kind, q.Effect
	if a.Alone, err = v.Alone(q); err != nil {
		return a, err
	}
	if e, ok := q.Emergency(); ok {
		alone, err := v.Alone(e)
		if err != nil {
			return a, err
		}
		a.Emergency = &alone
	}
	if a.Collusion, err = v.Collusion(q); err != nil {
		return a, err
	}
	a.Coverage, err = v.Coverage(q)
	return a, err
}

// TableRow is one subject of a table. If it could not be read, Unread says why. Such a row
// stands in the table of critical subjects, since a subject that cannot be read is
// critical.
type TableRow struct {
	Exposure
	Unread string
}

// Table is the exposure of the subjects of a tier that the desk knows, weakest first.
type Table struct {
	Tier actions.Tier
	At   canonical.Time
	Rows []TableRow
	// Left is the number of further subjects that the desk knows and did not read.
	Left int
}

// mostSubjects is the largest number of subjects that one table reads. Each is a call to
// its platform.
const mostSubjects = 1000

// ExposureTable says who could do an act of a kind, or of each kind if kind is empty, to
// the subjects of a tier that the desk knows. It knows those that people raised and those
// of requests. The weakest come first.
func (d *Room) ExposureTable(ctx context.Context, by kernel.Caller, tier actions.Tier, kind actions.Kind, at time.Time) (out Table, err error) {
	return out, d.answer(ctx, by, "read exposure", func(now *proof.State) (exposureReading, error) {
		if !slices.Contains(actions.Tiers, tier) {
			return exposureReading{}, fault.New(fault.Invalid, "bad-question", "There is no tier %q.", tier)
		}
		s, at, err := d.stateOn(ctx, now, at)
		if err != nil {
			return exposureReading{}, err
		}
		// The caller's right is checked before any subject is read.
		q := exposure.Question{Kind: cmp.Or(kind, actions.AccountTakedown), Platform: "any", Tier: tier}
		for name := range now.Platforms {
			q.Platform = name
			if err := d.mayReadExposure(now, by, q); err != nil {
				return exposureReading{}, err
			}
		}
		names, left, err := d.knownSubjects(ctx, s)
		if err != nil {
			return exposureReading{}, err
		}
		out = Table{Tier: tier, At: canonical.At(at), Left: left}
		if out.Rows, err = d.tableRows(ctx, now, s, names, tier, kind, at); err != nil {
			return exposureReading{}, err
		}
		return exposureReading{entry.ExposureRead{Worker: by.Worker, What: "exposure-table", Kind: kind, Tier: tier, At: canonical.At(at)}, tier == actions.Critical, nil}, nil
	})
}

// knownSubjects returns the names of subjects that people raised and of those of
// requests, newest first, and how many more there are.
func (d *Room) knownSubjects(ctx context.Context, s *proof.State) (names []string, left int, err error) {
	seen := map[string]bool{}
	for name := range s.Raised {
		names = append(names, name)
		seen[name] = true
	}
	slices.Sort(names)
	err = d.desk.Store.Read(ctx, func(stx *store.Tx) error {
		subjects, err := stx.Subjects()
		for _, sub := range subjects {
			if name := sub.String(); !seen[name] && sub.Platform != actions.DeskPlatform {
				names = append(names, name)
				seen[name] = true
			}
		}
		return err
	})
	if len(names) > mostSubjects {
		names, left = names[:mostSubjects], len(names)-mostSubjects
	}
	return names, left, err
}

// readers is how many subjects of a table are read at a time.
const readers = 8

func (d *Room) tableRows(ctx context.Context, now, s *proof.State, names []string, tier actions.Tier, kind actions.Kind, at time.Time) ([]TableRow, error) {
	rows := make([]*TableRow, len(names))
	errs := make([]error, len(names))
	turns := make(chan struct{}, readers)
	var all sync.WaitGroup
	for i, name := range names {
		turns <- struct{}{}
		all.Go(func() {
			defer func() { <-turns }()
			rows[i], errs[i] = d.tableRow(ctx, now, s, name, tier, kind, at)
		})
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	rows = slices.DeleteFunc(rows, func(r *TableRow) bool { return r == nil })
	// The weakest come first: subjects that cannot be read, then those for which the fewest
	// people suffice. Those for which no group suffices come last.
	slices.SortFunc(rows, func(a, b *TableRow) int {
		return cmp.Or(strings.Compare(b.Unread, a.Unread), cmp.Compare(uint(a.Number())-1, uint(b.Number())-1), cmp.Compare(a.Subject.String(), b.Subject.String()))
	})
	out := make([]TableRow, len(rows))
	for i, r := range rows {
		out[i] = *r
	}
	return out, nil
}

// tableRow returns one subject's row, nil if it is of another tier.
func (d *Room) tableRow(ctx context.Context, now, s *proof.State, name string, tier actions.Tier, kind actions.Kind, at time.Time) (*TableRow, error) {
	r, err := d.desk.Read(ctx, now, name)
	if err != nil {
		if fault.KindOf(err) == fault.Internal || ctx.Err() != nil {
			return nil, err
		}
		subject, bad := platform.ParseSubject(name)
		if bad != nil || tier != actions.Critical {
			return nil, bad
		}
		return &TableRow{Exposure{Subject: subject, Tier: actions.Critical, At: canonical.At(at), Governance: s.Next}, err.Error()}, nil
	}
	if kind != "" {
		if spec, _ := actions.SpecOf(kind); spec.Sort != r.Sort {
			return nil, nil
		}
	}
	if t, _ := s.TierOf(r.Subject, r.Sort, r.State, r.Capabilities.Facts, r.Owner, r.HeightsAt(at)); t != tier {
		return nil, nil
	}
	e, err := d.exposedSubject(s, r, kind, at)
	return &TableRow{e, ""}, err
}

// AloneAct is something that one person could do alone.
type AloneAct struct {
	Platform string
	Kind     actions.Kind
	Tier     actions.Tier
	Reasons  []policy.Reason
}

// Reach lists what one person could do alone, now and on the last day of the engagement.
type Reach struct {
	Worker  workforce.WorkerID
	At      canonical.Time
	Now     []AloneAct
	Last    canonical.Time // the last instant of the engagement; zero: it is open-ended or over
	LastDay []AloneAct     // then, if nothing changes but the time
	Session *SessionReach  // nil: the desk signs in formats that have no sessions
}

// SessionReach says what whoever has the key of a worker's session could do in the worker's
// name, until when, and who could stop it.
type SessionReach struct {
	Acts    []AloneAct
	Runs    canonical.Time   // the end of the session that runs now; zero: none runs
	Until   canonical.Time   // the end at the latest of one that is started now
	Budgets []actions.Budget // within which such acts are carried out
	Ends    int              // people, without the worker, who could end all sessions of the worker alone
}

// Reach says what one worker could do alone. Everybody may read their own reach; of
// somebody else's, callers get the part that the policy lets them read.
func (d *Room) Reach(ctx context.Context, by kernel.Caller, worker workforce.WorkerID) (out Reach, err error) {
	return out, d.answer(ctx, by, "read exposure", func(s *proof.State) (exposureReading, error) {
		now := d.desk.Now()
		w, ok := s.People.Worker(worker)
		if !ok {
			return exposureReading{}, fault.New(fault.NotFound, "no-such-worker", "There is no worker %s at this desk.", worker)
		}
		out = Reach{Worker: worker, At: canonical.At(now)}
		critical := false
		may := func(q exposure.Question) bool {
			ok := by.Worker == worker || d.mayReadExposure(s, by, q) == nil
			critical = critical || ok && by.Worker != worker && q.Tier == actions.Critical
			return ok
		}
		var asked int
		if out.Now, asked, err = aloneActs(s, worker, now, (*exposure.Person).Can, may); err != nil {
			return exposureReading{}, err
		}
		if asked == 0 && len(s.Platforms) > 0 {
			return exposureReading{}, fault.New(fault.Forbidden, "not-yours-to-read", "What a worker could do alone may be read only by that worker and by those whom the policy lets read exposure.")
		}
		if end := w.End(); end.After(now) {
			out.Last = canonical.At(end.Add(-time.Microsecond))
			if out.LastDay, _, err = aloneActs(s, worker, out.Last.Time, (*exposure.Person).Can, may); err != nil {
				return exposureReading{}, err
			}
		}
		if s.Formats >= 2 {
			out.Session, err = d.sessionReach(ctx, s, w, now, may)
		}
		return exposureReading{entry.ExposureRead{Worker: by.Worker, What: "worker-exposure", Tier: actions.Critical, At: out.At}, critical, []ledger.Opening{kernel.Field("worker", string(worker))}}, err
	})
}

// sessionReach finds out what the key of a worker's session could do, as far as may allows
// the caller to read it.
func (d *Room) sessionReach(ctx context.Context, s *proof.State, w workforce.Worker, now time.Time, may func(exposure.Question) bool) (*SessionReach, error) {
	ends := func(at canonical.Time) canonical.Time { // no later than the engagement
		if last := w.End(); !last.IsZero() && last.Before(at.Time) {
			return last
		}
		return at
	}
	out := &SessionReach{Until: ends(canonical.At(now.Add(actions.SessionLife))), Ends: exposure.Ends(s, w.Worker, now)}
	var err error
	if out.Acts, _, err = aloneActs(s, w.Worker, now, (*exposure.Person).CanUnderSession, may); err != nil {
		return nil, err
	}
	for _, b := range s.Budgets {
		if slices.ContainsFunc(out.Acts, func(a AloneAct) bool {
			spec, _ := actions.SpecOf(a.Kind)
			return b.Covers(actions.SpendingOf(a.Kind, a.Tier, spec.Direction, false)) || b.Covers(actions.SpendingOf(a.Kind, a.Tier, spec.Direction, true))
		}) {
			out.Budgets = append(out.Budgets, b)
		}
	}
	var started []store.Session
	if err := d.desk.Store.Read(ctx, func(stx *store.Tx) (err error) {
		started, err = stx.Sessions(w.Worker, canonical.At(now.Add(-actions.SessionLife)))
		return err
	}); err != nil {
		return nil, err
	}
	for _, x := range started {
		if c := x.Signed.Session; x.Ended.IsZero() && c.Holds(now) && c.Expires.After(out.Runs.Time) && s.Certified(x.Signed, now) == nil {
			out.Runs = ends(c.Expires)
		}
	}
	return out, nil
}

// aloneActs lists the acts of which can says that somebody could do them alone at an instant,
// as far as may allows the caller to read them, and counts the questions that were asked.
func aloneActs(s *proof.State, worker workforce.WorkerID, at time.Time, can func(*exposure.Person, exposure.Question) (bool, []policy.Reason, error), may func(exposure.Question) bool) (out []AloneAct, asked int, err error) {
	person, err := exposure.PersonOf(s, worker, at)
	if err != nil {
		return nil, 0, err
	}
	for _, name := range slices.Sorted(maps.Keys(s.Platforms)) {
		for _, spec := range actions.Catalogue() {
			for _, tier := range actions.Tiers {
				if spec.Desk {
					continue
				}
				q := exposure.Question{Kind: spec.Kind, Platform: name, Tier: tier}
				if spec.Direction == actions.Relieving {
					q.Lifts = actions.LiftsOurs
				}
				if !may(q) {
					continue
				}
				asked++
				able, why, err := can(person, q)
				if err != nil {
					return nil, asked, err
				}
				if able {
					out = append(out, AloneAct{name, spec.Kind, tier, why})
				}
			}
		}
	}
	return out, asked, nil
}

// exposureReading records an answer that a caller is about to get.
type exposureReading struct {
	record entry.ExposureRead
	enter  bool // it must be entered in the ledger, since it is about critical subjects
	sealed []ledger.Opening
}

// answer answers a question if the policy lets the caller read the answer (design, law 11).
// It calls find with the newest state. A reading that must be entered is in the ledger
// before the answer is given; a refusal is entered too. Nobody is kept from reading by
// clocks that differ.
func (d *Room) answer(ctx context.Context, by kernel.Caller, what string, find func(*proof.State) (exposureReading, error)) error {
	s, _, err := d.desk.Standing(ctx, by)
	if err != nil {
		return err
	}
	try := func(ctx context.Context, judge func(*proof.State) (func(*kernel.Tx) error, error)) error {
		r, err := find(s)
		if err != nil || !r.enter {
			return err
		}
		return d.desk.Store.Write(ctx, func(stx *store.Tx) error {
			// The entry expects no state of the chain: it only says what was read.
			stx.Append(ledger.Draft{Class: ledger.Desk, Kind: entry.KindExposureRead, Data: r.record, Sealed: r.sealed, Expect: ledger.AnyNumber})
			return nil
		})
	}
	return d.desk.ChangeBy(ctx, by, what, try, nil)
}

// mayReadExposure asks the policy in force whether somebody may read who could do
// an act.
func (d *Room) mayReadExposure(s *proof.State, by kernel.Caller, q exposure.Question) error {
	f, err := q.Facts(s.Policy)
	if err != nil {
		return err
	}
	f.Worker = policy.WorkerOf(s.People.Standing(by.Worker, d.desk.Now()))
	r := s.Policy.MayReadExposure(f)
	if r.Verdict == policy.Permitted {
		return nil
	}
	no := fault.New(fault.Forbidden, "not-yours-to-read", "Policy does not let you read who could do this to %s subjects.", q.Tier)
	for _, reason := range r.Reasons {
		no.Detail = append(no.Detail, fault.Detail{At: reason.Policy, Text: reason.Text})
	}
	return no
}

// viewLife is the longest time for which a view is used although nothing changed: its
// coverage counts hours from the view's own instant.
const viewLife = 10 * time.Minute

// view returns the view of a state at an instant, and keeps it for the next caller.
func (d *Room) view(s *proof.State, at time.Time) (*exposure.View, error) {
	if v := d.viewed.Load(); v != nil && v.Holds(s, at) && at.Sub(v.At()) < viewLife {
		return v, nil
	}
	v, err := exposure.ViewOf(s, at)
	if err == nil {
		d.viewed.Store(v)
	}
	return v, err
}

// stateOn returns the governance chain as it was at a past instant, and that instant. For
// the zero instant it returns the newest state and the present time.
func (d *Room) stateOn(ctx context.Context, now *proof.State, at time.Time) (*proof.State, time.Time, error) {
	clock := d.desk.Now()
	switch {
	case at.IsZero():
		return now, clock, nil
	case at.After(clock):
		return nil, at, fault.New(fault.Invalid, "not-past", "%s is in the future; exposure can be asked for now or for a past instant.", canonical.At(at))
	case !at.Before(now.Time.Time):
		return now, at, nil
	}
	s, err := d.desk.PastState(ctx, at)
	if err != nil {
		return nil, at, err
	}
	return s, at, founded(s, at)
}

func founded(s *proof.State, at time.Time) error {
	if s.Founded() {
		return nil
	}
	return fault.New(fault.NotFound, "before-founding", "The desk was founded after %s.", canonical.At(at))
}
