package desktest

import (
	"bytes"
	"context"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/desk/acts"
	"countersign.dev/desk/casework"
	"countersign.dev/desk/kernel"
	"countersign.dev/fault"
	linkv1 "countersign.dev/link/v1"
	"countersign.dev/platform"
	"countersign.dev/store"
	"countersign.dev/workforce"
)

// Office is a staffed desk at which people work on cases: the default rules and queues are
// in force, and its agents and leads have declared that no account is their own. Behind it is
// no platform but Subjects: what it asks for is approved and never carried out. A test that
// needs receipts opens a Town, and calls OpenOffice there.
type Office struct {
	*World
	Subjects *Subjects
}

// NewOffice opens an office. Its desk does no background work until Run.
func NewOffice(t testing.TB, o Options) *Office {
	t.Helper()
	of := &Office{Subjects: NewSubjects()}
	if o.Executor == nil {
		o.Executor = of.Subjects
	}
	of.World = New(t, o)
	of.Staff()
	of.World.OpenOffice()
	return of
}

// Reopen opens the office's desk again, as a restart does.
func (of *Office) Reopen() {
	of.t.Helper()
	of.Close()
	of.Open(Options{Executor: of.Subjects})
}

// Second opens another node of the office on the same database.
func (of *Office) Second() *World {
	of.t.Helper()
	return of.Node(Options{Executor: of.Subjects})
}

// OpenOffice puts the default sets in force, admits the program square, and has agents and
// leads declare that no account is their own.
func (w *World) OpenOffice() {
	w.t.Helper()
	w.OpenCasework()
	w.AdmitProgram("square", "eva", cases.SourcePerson)
	for _, id := range []workforce.WorkerID{"ann", "abe", "dan", "sue", "bob", "lee", "kim", "eva"} {
		w.Owns(id)
	}
}

// Owns has a worker declare their accounts, each PLATFORM:ID; none: no account is theirs.
func (w *World) Owns(id workforce.WorkerID, accounts ...string) {
	w.t.Helper()
	if err := w.Store.Write(w.t.Context(), func(tx *store.Tx) error {
		if _, err := tx.Exec(`insert into own_declared (worker, accounts, time, deed) values ($1, $2, $3, $4)
			on conflict (worker) do update set accounts = excluded.accounts`, string(id), len(accounts), tx.Now().Micro(), "test"); err != nil {
			return err
		}
		for _, a := range accounts {
			name, account, _ := strings.Cut(a, ":")
			if _, err := tx.Exec(`insert into own_account (worker, digest) values ($1, $2) on conflict do nothing`, string(id), cases.OwnDigest(OwnSecret, name, account)); err != nil {
				return err
			}
		}
		_, own, _, err := tx.OwnAccounts(id)
		if err != nil {
			return err
		}
		_, err = tx.Exec(`update own_declared set seal = $2 where worker = $1`, string(id), cases.OwnSeal(OwnSecret, string(id), own))
		return err
	}); err != nil {
		w.t.Fatal(err)
	}
}

// TryFlag hands in, by the program square, the report of an account on a subject of plaza.
func (w *World) TryFlag(external, subject string, reason cases.Reason, reporter string) (casework.Received, error) {
	return w.tryFlag(external, subject, reason, reporter, "Look at "+subject+".")
}

func (w *World) tryFlag(external, subject string, reason cases.Reason, reporter, text string) (casework.Received, error) {
	w.clock.Advance(time.Millisecond) // so that of two cases the later one has the later identifier
	got, err := w.Desk.TakeReports(w.t.Context(), kernel.ProgramCaller{ID: "square"}, []cases.Report{{ExternalID: external, At: canonical.At(w.clock.Now()), Subject: platform.Subject{Platform: "plaza", ID: subject}, Reason: string(reason),
		Text: text, Scores: []cases.Score{}, Evidence: cases.Told{Language: "en"}, Reporter: cases.Reporter{ID: reporter}}})
	if err != nil {
		return casework.Received{}, err
	}
	return got[0], got[0].Err
}

// FlagWith is Flag with the reporter's own words.
func (w *World) FlagWith(external, subject string, reason cases.Reason, reporter, text string) casework.Received {
	w.t.Helper()
	got, err := w.tryFlag(external, subject, reason, reporter, text)
	if err != nil {
		w.t.Fatalf("report %s: %v", external, err)
	}
	return got
}

// Flag is TryFlag for what must be taken.
func (w *World) Flag(external, subject string, reason cases.Reason, reporter string) casework.Received {
	w.t.Helper()
	got, err := w.TryFlag(external, subject, reason, reporter)
	if err != nil {
		w.t.Fatalf("report %s: %v", external, err)
	}
	return got
}

// Take claims the most urgent case for a worker.
func (w *World) Take(by workforce.WorkerID) casework.Taken {
	w.t.Helper()
	taken, err := w.Desk.Next(w.t.Context(), As(by), "")
	if err != nil {
		w.t.Fatalf("the next case of %s: %v", by, err)
	}
	return taken
}

// Judged drafts and signs the decision of a claim's holder.
func (w *World) Judged(by workforce.WorkerID, taken casework.Taken, j casework.Judgement) (casework.Verdict, error) {
	j.Claim, j.Version = taken.Claim.Number, taken.Case.Version
	d, err := w.Desk.DraftDecision(w.t.Context(), As(by), taken.Case.ID, j)
	if err != nil {
		return casework.Verdict{}, err
	}
	v := casework.Verdict{Decision: d.Decision}
	v.Decision.Signed.Signature = w.Sign(by, v.Decision.Signed.Statement.Challenge())
	for _, m := range d.Measures {
		v.Measures = append(v.Measures, acts.Submission{Action: m.Action, Signed: w.Signed(by, m)})
	}
	return v, nil
}

// TryDecide drafts, signs and hands in the decision of a claim's holder.
func (w *World) TryDecide(by workforce.WorkerID, taken casework.Taken, j casework.Judgement) (casework.Outcome, error) {
	v, err := w.Judged(by, taken, j)
	if err != nil {
		return casework.Outcome{}, err
	}
	return w.Desk.Decide(w.t.Context(), As(by), taken.Case.ID, v)
}

// CaseDeed signs a deed on a case, as the worker saw it at a version.
func (w *World) CaseDeed(by workforce.WorkerID, k actions.DeedKind, of string, version int64, o cases.Order) (actions.SaltedDeed, string) {
	w.t.Helper()
	return w.Deed(by, actions.Deed{What: k, Of: of, Version: version}, o.Text()), o.Text()
}

// Subjects stands for the executor and the platform behind it. It reads every subject whose
// identifier begins with acct/ or post/, as one of the tier standard that is up, and carries
// out nothing. It is safe for concurrent use.
type Subjects struct {
	mu     sync.Mutex
	owners map[string]string
	tiers  map[string]actions.Tier
	shown  map[string]platform.Evidence
	bytes  []byte // of every picture
}

// NewSubjects returns subjects of which nothing was said yet.
func NewSubjects() *Subjects {
	return &Subjects{owners: map[string]string{}, tiers: map[string]actions.Tier{}, shown: map[string]platform.Evidence{}}
}

// Ranked says of which tier a subject is; otherwise it is standard.
func (s *Subjects) Ranked(id string, t actions.Tier) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tiers[id] = t
}

// Shows says what a subject shows; otherwise it shows nothing. Each of its pictures has these
// bytes.
func (s *Subjects) Shows(id string, e platform.Evidence, picture []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shown[id], s.bytes = e, picture
}

// Owned says which account content belongs to; otherwise it is acct/NAME for post/NAME.
func (s *Subjects) Owned(content, account string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.owners[content] = account
}

// Read implements kernel.Executor.
func (s *Subjects) Read(_ context.Context, of platform.Subject) (linkv1.Reading, error) {
	sort, name, ok := strings.Cut(of.ID, "/")
	if !ok {
		return linkv1.Reading{}, fault.New(fault.NotFound, "no-such-subject", "There is no %s.", of)
	}
	r := linkv1.Reading{Subject: of, Sort: platform.Account, Tier: actions.Standard, State: platform.State{Status: platform.Up, Rev: "1", Facts: map[platform.Fact]any{}},
		Capabilities: platform.Capabilities{Labels: Labels, CompareAndSet: true, Lookup: true, RequestLife: 30}}
	for _, of := range []platform.Sort{platform.Account, platform.Content} {
		for _, verb := range []platform.Verb{platform.Takedown, platform.Restore, platform.Limit, platform.Unlimit, platform.Label, platform.Unlabel, platform.Warn} {
			if verb != platform.Warn || of == platform.Account {
				r.Capabilities.Abilities = append(r.Capabilities.Abilities, platform.Ability{Verb: verb, Sort: of, Marks: true})
			}
		}
	}
	s.mu.Lock()
	owner := s.owners[of.ID]
	if tier, ok := s.tiers[of.ID]; ok {
		r.Tier = tier
	}
	s.mu.Unlock()
	if sort == "post" {
		if owner == "" {
			owner = "acct/" + name
		}
		r.Sort, r.State.Facts[platform.FactOwner] = platform.Content, owner
	}
	return r, nil
}

// Vouch implements kernel.Executor.
func (s *Subjects) Vouch(ctx context.Context, of platform.Subject) (linkv1.Reading, error) {
	return s.Read(ctx, of)
}

// Evidence implements kernel.Executor.
func (s *Subjects) Evidence(_ context.Context, of platform.Subject) (platform.Evidence, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e, ok := s.shown[of.ID]; ok {
		return e, nil
	}
	return platform.Evidence{}, fault.New(fault.NotFound, "no-such-subject", "There is no such subject.")
}

// Picture implements kernel.Executor.
func (s *Subjects) Picture(_ context.Context, of platform.Subject, _ string) (io.ReadCloser, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.shown[of.ID].Pictures) > 0 {
		return io.NopCloser(bytes.NewReader(s.bytes)), nil
	}
	return nil, fault.New(fault.NotFound, "no-such-subject", "There is no such picture.")
}

// Preserve implements kernel.Executor.
func (s *Subjects) Preserve(context.Context, platform.Subject, canonical.Time) error {
	return fault.New(fault.Unsupported, "not-offered", "The platform offers nothing.")
}

// Carry implements kernel.Executor: it carries nothing out.
func (s *Subjects) Carry(context.Context, []byte, time.Duration) (linkv1.CarryResult, error) {
	return linkv1.CarryResult{}, fault.New(fault.Unavailable, "executor-unreachable", "The executor does not answer.")
}

// Status implements kernel.Executor.
func (s *Subjects) Status(context.Context) (linkv1.ExecutorStatus, error) {
	return linkv1.ExecutorStatus{}, fault.New(fault.Unavailable, "executor-unreachable", "The executor does not answer.")
}
