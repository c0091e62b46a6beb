package acts

import (
	"context"
	"fmt"
	"slices"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/desk/kernel"
	"countersign.dev/fault"
	"countersign.dev/jobs"
	"countersign.dev/ledger"
	"countersign.dev/ledger/entry"
	"countersign.dev/ledger/proof"
	linkv1 "countersign.dev/link/v1"
	"countersign.dev/platform"
	"countersign.dev/prose"
	"countersign.dev/store"
	"countersign.dev/workforce"
)

// verdictOf returns the entry of a verdict on a request, with the facts by which the
// request was judged.
func verdictOf(v judged, signed actions.Signed, status actions.Status) entry.Verdict {
	return entry.Verdict{At: canonical.At(v.ask.At), Law: v.j.Law(), Lifts: v.ask.Lifts, Need: v.j.Need, Request: signed.Statement.Request, Signed: signed,
		Status: status, Tier: v.j.Facts.Subject.Tier}
}

// Request accepts a signed action. If the policy permits it without countersignatures, its
// warrant is entered at once; otherwise the request is held. The same submission again
// gives the same request.
func (d *Room) Request(ctx context.Context, by kernel.Caller, sub Submission) (actions.Request, error) {
	var out store.Request
	var warrant *store.Appended
	err := d.desk.Change(ctx, by, asking(sub.Action.Kind), func(s *proof.State) (func(*kernel.Tx) error, error) {
		if err := kernel.OwnStatement(by, sub.Signed); err != nil {
			return nil, err
		}
		r, v, err := d.judgeNew(ctx, s, by, sub)
		if err != nil {
			// A repeated submission gets the stored request, even if the same action would
			// be refused now as a new one.
			if out, err = d.repeated(ctx, sub, err); err != nil {
				return nil, err
			}
			warrant = nil
			return func(*kernel.Tx) error { return nil }, nil
		}
		return func(t *kernel.Tx) (err error) {
			out = r
			out.Session = by.Token
			warrant, err = d.store(t, &out, v, true)
			return err
		}, nil
	})
	if fault.Is(err, "request-exists") {
		out, err = d.repeated(ctx, sub, err)
		warrant = nil
	}
	if err != nil {
		return actions.Request{}, err
	}
	// If we die here, the requester gets no answer, and finds the request by its
	// identifier. The job that was committed with the request hands its warrant over.
	d.desk.Step(kernel.StepRequested)
	d.hurry(out, warrant)
	return out.Request, nil
}

// asking returns the name under which the refusal of a request is entered. A kind that is
// not in the catalogue is the caller's own text, and is left out.
func asking(k actions.Kind) string {
	if _, ok := actions.SpecOf(k); !ok {
		return "request"
	}
	return "request " + string(k)
}

// judgeNew judges a new request, and works out what follows from the judgement.
func (d *Room) judgeNew(ctx context.Context, s *proof.State, by kernel.Caller, sub Submission) (r store.Request, v judged, err error) {
	if err := d.desk.HandedIn(by, sub.Signed); err != nil {
		return r, v, err
	}
	ask, err := d.askNew(ctx, s, sub)
	if err != nil {
		return r, v, err
	}
	j, err := s.Judge(ask)
	if err != nil {
		return r, v, err
	}
	rows, err := checkRows(s, sub)
	if err != nil {
		return r, v, err
	}
	r = store.Request{Entry: -1, Request: actions.Request{ID: sub.Signed.Statement.Request, Version: 1, Status: actions.StatusHeld,
		Action: sub.Action, Signed: sub.Signed, Created: canonical.At(ask.At), Updated: canonical.At(ask.At)}}
	if err := d.stillNamed(ctx, s, ask.Action); err != nil {
		return r, v, err
	}
	v, err = conclude(s, ask, j, rows, proof.Waited{}) // a new request that has to wait is not ready
	return r, v, err
}

// repeated returns the stored request if exactly this submission was made before. If no
// request has this identifier, it returns the error otherwise.
func (d *Room) repeated(ctx context.Context, sub Submission, otherwise error) (store.Request, error) {
	r, err := d.desk.Load(ctx, sub.Signed.Statement.Request)
	switch {
	case fault.Is(err, "no-such-request"):
		return r, otherwise
	case err == nil && canonical.DigestOf(r.Signed) != canonical.DigestOf(sub.Signed):
		return r, fault.New(fault.Conflict, "request-exists", "There is already another request with the identifier %s.", r.ID)
	}
	return r, err
}

// askNew gathers the facts by which a new request is judged. It reads the subject again:
// what the action says of it may be old, or the caller's own invention.
func (d *Room) askNew(ctx context.Context, s *proof.State, sub Submission) (proof.Ask, error) {
	a := sub.Action
	ask := proof.Ask{Action: a, Request: sub.Signed, Executor: s.ExecutorOf(a)}
	if err := a.Check(); err != nil {
		return ask, err
	}
	if err := a.Legible(); err != nil {
		return ask, err
	}
	if err := a.Reasoned(); err != nil {
		return ask, err
	}
	if err := a.Lasts(sub.Signed.Statement.NotBefore.Time); err != nil {
		return ask, err
	}
	if err := s.Moot(a, sub.Signed.Statement, d.desk.Now()); err != nil {
		return ask, err
	}
	if err := d.incidents.CheckReview(ctx, s, a); err != nil {
		return ask, err
	}
	if err := d.checkEmergency(ctx, s, a, sub.Signed.Statement.Signer); err != nil {
		return ask, err
	}
	if a.Subject.Platform != actions.DeskPlatform && !a.Undo() {
		reading, err := d.desk.Read(ctx, s, a.Subject.String())
		if err != nil {
			return ask, err
		}
		if err := unchanged(a, reading); err != nil {
			return ask, err
		}
		ask.Tier = reading.Tier.Max(s.RaisedTo(a.Subject)) // the executor may not have read the newest raise yet
	}
	lifts, tier, err := d.lifts(ctx, s, a, sub.Signed.Statement.Signer)
	if err != nil {
		return ask, err
	}
	ask.Lifts, ask.Tier = lifts, ask.Tier.Max(tier)
	if t := ask.Tier.Max(a.Tier); s.Observes(a.Subject.Platform, t) {
		return ask, proof.Observing(a.Subject.Platform, t)
	}
	// The clock is read last: a statement drafted a moment ago must not be from the future.
	ask.At = d.desk.TimeNow().Time
	return ask, nil
}

// unchanged compares an action with its subject as it is now.
func unchanged(a actions.Action, r linkv1.Reading) error {
	switch {
	case r.Subject.Platform != a.Subject.Platform || r.Subject.ID != a.Subject.ID,
		a.Direction != actions.Relieving && r.Subject.Handle != a.Subject.Handle:
		return fault.New(fault.Conflict, "subject-moved", "%s is now %q; the action was written for %q. Draft it again.", a.Subject, r.Subject.Handle, a.Subject.Handle)
	case !r.State.Is(a.Command.Expect.Status, a.Command.Expect.Mark):
		return fault.New(fault.Conflict, "wrong-state", "%s is %s now; the action expects %s.", a.Subject,
			platform.Describe(r.State.Status, r.State.Mark), platform.Describe(a.Command.Expect.Status, a.Command.Expect.Mark))
	case r.Tier.Rank() > a.Tier.Rank():
		return fault.New(fault.Conflict, "tier-moved", "%s is %s; the action was written for a %s subject. Draft it again.", a.Subject, r.Tier, a.Tier)
	}
	return nil
}

// lifts returns which kind of measure a relieving action lifts (see actions.Lifts), and the
// tier of that measure.
func (d *Room) lifts(ctx context.Context, s *proof.State, a actions.Action, by workforce.WorkerID) (actions.Lifts, actions.Tier, error) {
	if !a.Undo() {
		lifts := actions.LiftsOf(a, nil, by, d.desk.Now(), s.Trust.UndoWindow)
		if lifts != actions.LiftsNothing {
			broken, err := d.liftsBreach(ctx, s, a)
			if err != nil {
				return "", "", err
			}
			if broken && !s.Spared(a.Subject.Platform, a.Command.Expect.Mark) {
				lifts = actions.LiftsBreach
			}
		}
		return lifts, actions.Standard, nil
	}
	r, err := d.desk.Load(ctx, a.Reverses)
	if err != nil {
		return "", "", err
	}
	if r.Status != actions.StatusExecuted && r.Status != actions.StatusUnknown {
		return "", "", fault.New(fault.Conflict, "not-in-force", "The request %s is %s, so it has no measure to lift.", r.ID, r.Status)
	}
	m, err := d.measure(ctx, r)
	return actions.LiftsOf(a, m, by, d.desk.Now(), s.Trust.UndoWindow), r.Action.Tier, err
}

// liftsBreach reports whether an action lifts exactly the state that the newest breach of its
// subject left. The executor finds that out by itself, from its own journal.
func (d *Room) liftsBreach(ctx context.Context, s *proof.State, a actions.Action) (is bool, err error) {
	err = d.desk.Store.Read(ctx, func(t *store.Tx) error {
		is = false
		seen, err := t.Sightings(s.Trust.Executor, store.SightingFilter{Kind: proof.KindBreach, Platform: a.Subject.Platform, Subject: a.Subject.ID, Limit: 1})
		if err != nil || len(seen) == 0 {
			return err
		}
		var e proof.SignedExecution
		if err := canonical.UnmarshalExact(seen[0].Data, &e); err != nil {
			return fmt.Errorf("the record %d of the executor in the database: %w", seen[0].Sequence, err)
		}
		b, known, err := t.Breach(e.Execution.Request)
		is = known && b.Restored.IsZero() && e.Execution.Sight.Found == a.Command.Expect
		return err
	})
	return is, err
}

// judged is a judgement with its consequences. They are worked out before the transaction,
// so that no signature is checked inside it.
type judged struct {
	ask  proof.Ask
	j    proof.Judgement
	core *proof.Core      // of the warrant, if the request is ready and is about a platform
	auth *proof.Authority // of the governance entry, if the request is ready and changes the desk
	rows []AdmittedRow
}

// conclude works out the consequences of a judgement.
func conclude(s *proof.State, ask proof.Ask, j proof.Judgement, rows []AdmittedRow, waited proof.Waited) (judged, error) {
	out := judged{ask: ask, j: j, rows: rows}
	if !j.Ready {
		return out, nil
	}
	core, err := s.Seal(ask, j)
	if err != nil {
		return out, err
	}
	if spec, _ := actions.SpecOf(ask.Action.Kind); !spec.Desk {
		out.core = &core
		return out, nil
	}
	out.auth = &proof.Authority{Action: core.Action, Request: core.Request, Countersignatures: core.Countersignatures, Waited: waited}
	return out, s.Authorise(*out.auth, ask.At)
}

// concludeOpen is conclude for a request that is in the ledger already.
func (d *Room) concludeOpen(ctx context.Context, s *proof.State, r store.Request, ask proof.Ask, j proof.Judgement) (judged, error) {
	if j.Ready {
		if err := d.stillNamed(ctx, s, ask.Action); err != nil {
			return judged{}, err
		}
	}
	rows, err := d.keptRows(ctx, r, j)
	if err != nil {
		return judged{}, err
	}
	waited, err := d.waitedChange(ctx, s, ask, j)
	if err != nil {
		return judged{}, err
	}
	return conclude(s, ask, j, rows, waited)
}

// store stores a request that was judged. If it is ready, everything that follows from
// that is written in the same transaction: this is the one place where an action becomes
// authorised. Otherwise the request is stored as held. store returns the warrant's entry,
// if there is one.
func (d *Room) store(t *kernel.Tx, r *store.Request, v judged, isNew bool) (warrant *store.Appended, err error) {
	if isNew {
		d.enterRequest(t, r, v.j)
		if err := d.alarms.RaiseRecovery(t, r, v.j); err != nil {
			return nil, err
		}
	}
	r.Need, r.Missing = v.j.Need, v.j.Missing
	if !isNew && (v.auth != nil || v.core != nil) {
		if err := d.stillAsked(t, *r); err != nil {
			return nil, err
		}
	}
	switch {
	case v.auth != nil:
		if err := d.applyDesk(t, r, v); err != nil {
			return nil, err
		}
	case v.core != nil:
		r.Request = r.Approve()
		r.Core = canonical.MustMarshal(v.core)
		people, keys := v.core.Signers()
		r.Evidence = t.State.Evidence(people, keys, v.ask.At)
		warrant = t.AppendWarrant(ledger.Draft{Class: ledger.Desk, Kind: entry.KindWarrant, Data: proof.WarrantEntryOf(*v.core, t.State), Expect: t.State.Next}, r.ID)
	}
	save := t.SaveRequest
	if isNew {
		save = t.InsertRequest
	}
	save(*r)
	t.Signal(requestSignal(r.ID))
	return warrant, d.arrange(t, r, v, isNew)
}

// stillAsked refuses a request that has ended according to the ledger, whatever its row
// says. Otherwise somebody who edits the row could go on with the signatures that it holds.
// The database says which entries are about the request; the executor finds a refusal
// without it.
func (d *Room) stillAsked(t *kernel.Tx, r store.Request) error {
	about, err := t.EntriesAbout(r.ID, canonical.Time{}, mostAbout)
	if err != nil {
		return err
	}
	for _, e := range about {
		switch kind := e.Body.Kind; {
		case e.Leaf.Class != ledger.Desk:
		case kind == entry.KindWithdraw, kind == entry.KindExpire, kind == entry.KindVoid, kind == entry.KindDecline && !actions.Withholds(r.Action):
			d.desk.Logger.Error("a request that has ended in the ledger is open by its row: was the database edited?", "request", r.ID, "entry", e.Index, "kind", kind)
			return fault.New(fault.Conflict, "not-open", "The request %s has ended: entry %d of the ledger (%s) says so. The database says otherwise, so somebody edited it. The signatures on the request are not used.", r.ID, e.Index, kind)
		}
	}
	return nil
}

// mostAbout is the largest number of entries about one request that are read.
const mostAbout = 10_000

// arrange enqueues the jobs of a request that was judged: its hand-over, the end of its
// wait, and its expiry.
func (d *Room) arrange(t *kernel.Tx, r *store.Request, v judged, isNew bool) error {
	switch {
	case v.auth != nil:
		t.DropRows(r.ID)
		return nil
	case v.core != nil:
		return jobs.Enqueue(t.Tx.Tx, handOverJob{r.ID}, canonical.At(t.Now().Add(handOverAgain)), r.ID)
	}
	if v.j.Need.Wait > 0 {
		// By the ledger's time the wait ends a moment later; the job then enqueues itself
		// again.
		over := v.ask.At.Add(time.Duration(v.j.Need.Wait) * time.Second)
		if err := jobs.Enqueue(t.Tx.Tx, waitJob{r.ID}, canonical.At(over), r.ID); err != nil {
			return err
		}
	}
	if !isNew {
		return nil
	}
	if len(v.rows) > 0 {
		t.KeepRows(r.ID, canonical.MustMarshal(v.rows))
	}
	return jobs.Enqueue(t.Tx.Tx, expireJob{r.ID}, r.Expires(), r.ID)
}

func (d *Room) enterRequest(t *kernel.Tx, r *store.Request, j proof.Judgement) {
	status := actions.StatusHeld
	if j.Ready {
		status = actions.StatusApproved
	}
	t.Enter(entry.KindRequest, entry.Request{Act: proof.ActOf(j.Facts), At: r.Created, Law: j.Law(), Need: j.Need, Request: r.ID, Signed: r.Signed, Status: status},
		kernel.Field("subject", r.Action.Subject.String()), kernel.Field("handle", r.Action.Subject.Handle), kernel.Field("reason", r.Action.Reason), kernel.Field("case", r.Action.Case)).
		About(r.ID, store.ByWorker(r.Requester()))
}

// applyDesk enters an authorised change of the desk in the governance chain.
// The state changes when the entry is folded, as it does for every follower.
func (d *Room) applyDesk(t *kernel.Tx, r *store.Request, v judged) error {
	number := t.State.Next
	entry := t.Append(ledger.Draft{Class: ledger.Governance, Kind: string(v.auth.Action.Kind), Data: *v.auth, Expect: number}).About(r.ID)
	ch, err := actions.ParseChange(v.auth.Action.Kind, v.auth.Action.Change)
	if err != nil {
		return err
	}
	if review, ok := ch.(actions.Review); ok && review.Of == actions.ReviewIncident {
		entry.About(review.ID)
		if err := d.incidents.CloseIncident(t, review, r.ID); err != nil {
			return err
		}
	}
	if admit, ok := ch.(actions.Admit); ok {
		state := t.State.Clone()
		state.Begin(admit, number)
		for i, row := range v.rows {
			data := proof.RowDataOf(state, row.Row, canonical.At(v.ask.At), number, int64(i))
			t.Append(ledger.Draft{Class: ledger.Governance, Kind: proof.KindRow, Data: data, Sealed: row.Openings, Expect: number + 1 + int64(i)})
		}
	}
	r.Request = r.Apply(canonical.At(v.ask.At))
	if err := d.inquiry.CheckSoon(t); err != nil {
		return err
	}
	return d.alarms.RaiseFreeze(t, ch, v.auth.Request.Statement)
}

// checkRows checks that the rows of an import are those that its action signs,
// and that the desk can admit them, so that a bad file is refused when it is
// submitted and not after everybody has signed.
func checkRows(s *proof.State, sub Submission) ([]AdmittedRow, error) {
	if sub.Action.Kind != actions.DeskAdmit {
		if len(sub.Rows) > 0 {
			return nil, fault.New(fault.Invalid, "bad-action", "Only an admission has rows.")
		}
		return nil, nil
	}
	ch, err := actions.ParseChange(sub.Action.Kind, sub.Action.Change)
	if err != nil {
		return nil, err
	}
	admit := ch.(actions.Admit)
	var hashes []tlog.Hash
	for i, row := range sub.Rows {
		hashes = append(hashes, proof.RowHash(row.Row))
		if err := checkRow(s, row); err != nil {
			return nil, fmt.Errorf("row %d: %w", i, err)
		}
	}
	after, people := s.People.Clone(), []workforce.WorkerID(nil)
	for _, row := range sub.Rows {
		after.Put(workforce.Worker{Record: row.Row.Record})
		people = append(people, row.Row.Record.Worker)
	}
	if err := proof.NoCircles(after, people); err != nil {
		return nil, err
	}
	if int64(len(sub.Rows)) != admit.Rows || proof.RowsRoot(hashes) != admit.Root {
		return nil, fault.New(fault.Invalid, "bad-import", "The rows are not those to which the signed action commits.")
	}
	return sub.Rows, nil
}

func checkRow(s *proof.State, row AdmittedRow) error {
	r := row.Row.Record
	if _, ok := s.People.Vendors[r.Vendor]; r.Vendor != "" && !ok {
		return fault.New(fault.NotFound, "no-such-vendor", "The vendor %s of %s is not admitted; add it with `countersign vendor add %[1]s --name NAME --reason WHY`.", r.Vendor, r.Worker)
	}
	if err := row.Row.Legible(); err != nil {
		return err
	}
	for _, o := range row.Openings {
		if err := legibleOpening(r.Worker, o); err != nil {
			return err
		}
	}
	if len(row.Openings) != len(row.Row.Sealed) {
		return fault.New(fault.Invalid, "bad-import", "The row of %s does not open what it seals.", r.Worker)
	}
	body := ledger.Body{Sealed: row.Row.Sealed}
	for _, o := range row.Openings {
		if !body.Opens(o) {
			return fault.New(fault.Invalid, "bad-import", "The row of %s does not open what it seals.", r.Worker)
		}
	}
	return nil
}

// legibleOpening checks that the name or e-mail address of a worker is legible. Only the
// desk sees it, since the ledger seals it.
func legibleOpening(w workforce.WorkerID, o ledger.Opening) error {
	var text string
	if err := canonical.UnmarshalExact(canonical.Raw(o.Value), &text); err != nil || text == "" {
		return err
	}
	return prose.CheckLine(fmt.Sprintf("The %s of %s", o.Name, w), text)
}

// askAgain gathers the facts by which an open request is judged now.
func (d *Room) askAgain(ctx context.Context, s *proof.State, r store.Request) (proof.Ask, error) {
	ask := proof.Ask{Action: r.Action, Request: r.Signed, Countersignatures: r.Signers, At: d.desk.TimeNow().Time,
		Executor: s.ExecutorOf(r.Action), Tier: r.Action.Tier.Max(s.RaisedTo(r.Action.Subject))}
	lifts, tier, err := d.lifts(ctx, s, r.Action, r.Requester())
	ask.Lifts, ask.Tier = lifts, ask.Tier.Max(tier)
	if err == nil && s.Waits(ask) {
		ask.Entered, err = d.entered(ctx, r)
	}
	return ask, err
}

// Countersign adds the caller's signature to a request. With the last signature that is
// needed, the warrant, or the change of the desk, is entered as well.
func (d *Room) Countersign(ctx context.Context, by kernel.Caller, request string, signed actions.Signed) (actions.Request, error) {
	var out store.Request
	var warrant *store.Appended
	err := d.desk.Change(ctx, by, "countersign", func(s *proof.State) (func(*kernel.Tx) error, error) {
		r, err := d.desk.Load(ctx, request)
		if err != nil {
			return nil, err
		}
		if holds(r, by, signed) {
			out, warrant = with(r, d.shown(s, by, r)), nil
			return func(*kernel.Tx) error { return nil }, nil
		}
		if err := d.desk.HandedIn(by, signed); err != nil {
			return nil, err
		}
		ask, err := d.askAgain(ctx, s, r)
		if err != nil {
			return nil, err
		}
		if err := s.Candidate(ask, signed); err != nil {
			return nil, err
		}
		if err := d.checkEmergency(ctx, s, ask.Action, by.Worker); err != nil {
			return nil, err
		}
		if s.Observes(ask.Action.Subject.Platform, ask.Tier) {
			return nil, proof.Observing(ask.Action.Subject.Platform, ask.Tier)
		}
		next, err := r.Countersign(signed, canonical.At(ask.At))
		if err != nil {
			return nil, err
		}
		j, ask, err := d.judgeSigned(s, ask, next.Signers)
		if err != nil {
			return nil, err
		}
		v, err := d.concludeOpen(ctx, s, r, ask, j)
		if err != nil {
			return nil, err
		}
		return func(t *kernel.Tx) error {
			status := actions.StatusHeld
			if j.Ready {
				status = actions.StatusApproved
			}
			t.Enter(entry.KindCountersign, verdictOf(v, signed, status)).About(request, store.ByWorker(by.Worker))
			var err error
			out = with(r, next)
			warrant, err = d.store(t, &out, v, false)
			return err
		}, nil
	})
	if err != nil {
		return actions.Request{}, err
	}
	// If we die here, the signer gets no answer, and finds the signature on the request.
	// The job that was committed with the last signature hands the warrant over.
	d.desk.Step(kernel.StepCountersigned)
	d.hurry(out, warrant)
	return out.Request, nil
}

// holds reports whether a request has exactly this signature of the caller's already. The
// caller lost the answer, perhaps with the process, and gets the request again at any time:
// a statement has a nonce, so that it cannot be another intent.
func holds(r store.Request, by kernel.Caller, signed actions.Signed) bool {
	want := canonical.DigestOf(signed)
	return kernel.OwnStatement(by, signed) == nil &&
		(slices.ContainsFunc(r.Signers, func(have actions.Signed) bool { return canonical.DigestOf(have) == want }) ||
			slices.ContainsFunc(r.Declined, func(have actions.Refusal) bool { return canonical.DigestOf(have.Signed) == want }))
}

// judgeSigned judges a request with all its countersignatures. Those of people
// who have left since, or whose keys were revoked, no longer count; they stay on
// record.
func (d *Room) judgeSigned(s *proof.State, ask proof.Ask, signers []actions.Signed) (proof.Judgement, proof.Ask, error) {
	ask.Countersignatures = nil
	for _, c := range signers {
		if s.Candidate(ask, c) == nil {
			ask.Countersignatures = append(ask.Countersignatures, c)
		}
	}
	j, err := s.Judge(ask)
	return j, ask, err
}

// RowsOf returns the rows of an import that is still to be applied, in the order in which
// its action signs them. Anybody engaged may read them, in order to countersign. Only the
// requester and readers of evidence get names and e-mail addresses. The error is of type
// "no-rows" if the request is no import, or is over: then the ledger has the rows, or
// nobody needs them.
func (d *Room) RowsOf(ctx context.Context, by kernel.Caller, request string) ([]AdmittedRow, error) {
	r, err := d.RequestByID(ctx, by, request)
	if err != nil {
		return nil, err
	}
	s, st, err := d.desk.Standing(ctx, by)
	if err != nil {
		return nil, err
	}
	var rows []AdmittedRow
	if r.Action.Kind == actions.DeskAdmit && r.Open() {
		err = d.desk.Store.Read(ctx, func(stx *store.Tx) error {
			data, err := stx.Rows(request)
			if err != nil {
				return err
			}
			return canonical.Unmarshal(data, &rows)
		})
	}
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, fault.New(fault.NotFound, "no-rows", "%s has no rows that wait to be admitted.", request)
	}
	if by.Worker != r.Requester() && !kernel.ReadsEvidence(s, st) {
		for i := range rows {
			rows[i].Openings = nil
		}
	}
	return rows, nil
}

// keptRows reads the rows of an import that is about to be applied.
func (d *Room) keptRows(ctx context.Context, r store.Request, j proof.Judgement) (rows []AdmittedRow, err error) {
	if !j.Ready || r.Action.Kind != actions.DeskAdmit {
		return nil, nil
	}
	err = d.desk.Store.Read(ctx, func(stx *store.Tx) error {
		data, err := stx.Rows(r.ID)
		if err != nil {
			return err
		}
		return canonical.Unmarshal(data, &rows)
	})
	return rows, err
}

// Decline refuses a request. Anybody who could countersign it may. The request ends; with
// an alarm it is frozen. A request that relieves, or thaws, stays open for others.
func (d *Room) Decline(ctx context.Context, by kernel.Caller, request string, signed actions.Signed, alarm bool, reason string) (actions.Request, error) {
	var out actions.Request
	err := d.desk.Change(ctx, by, "decline", func(s *proof.State) (func(*kernel.Tx) error, error) {
		r, err := d.desk.Load(ctx, request)
		if err != nil {
			return nil, err
		}
		if holds(r, by, signed) {
			out = d.shown(s, by, r)
			return func(*kernel.Tx) error { return nil }, nil
		}
		if err := d.desk.HandedIn(by, signed); err != nil {
			return nil, err
		}
		ask, err := d.askAgain(ctx, s, r)
		if err != nil {
			return nil, err
		}
		if reason != "" {
			if err := prose.Check("The reason", reason); err != nil {
				return nil, err
			}
		}
		j, err := s.MayDecline(ask, signed)
		if err != nil {
			return nil, err
		}
		next, err := r.Decline(actions.Refusal{Signed: signed, Alarm: alarm, Reason: reason}, canonical.At(ask.At))
		if err != nil {
			return nil, err
		}
		return func(t *kernel.Tx) error {
			said := verdictOf(judged{ask: ask, j: j}, signed, next.Status)
			said.Alarm = alarm
			t.Enter(entry.KindDecline, said, kernel.Field("reason", reason)).About(request, store.ByWorker(by.Worker))
			out = next
			if next.Open() {
				t.SaveRequest(with(r, next))
				t.Signal(requestSignal(r.ID))
				return nil
			}
			d.end(t, with(r, next))
			return nil
		}, nil
	})
	return out, err
}

// end saves a request that has ended without being applied.
func (d *Room) end(t *kernel.Tx, r store.Request) {
	t.SaveRequest(r)
	t.Signal(requestSignal(r.ID))
	t.DropRows(r.ID)
}

// Withdraw takes the caller's own request back while it is held, by a statement that the
// caller signed. version is the version of the request that the caller saw.
func (d *Room) Withdraw(ctx context.Context, by kernel.Caller, request string, version int64, signed actions.Signed) (actions.Request, error) {
	var out actions.Request
	err := d.desk.Change(ctx, by, "withdraw", func(s *proof.State) (func(*kernel.Tx) error, error) {
		r, err := d.desk.Load(ctx, request)
		if err != nil {
			return nil, err
		}
		if r.Status == actions.StatusWithdrawn && r.Requester() == by.Worker && r.Version == version+1 {
			out = d.shown(s, by, r) // this very withdrawal was made
			return func(*kernel.Tx) error { return nil }, nil
		}
		if err := d.desk.HandedIn(by, signed); err != nil {
			return nil, err
		}
		if r.Version != version {
			return nil, fault.New(fault.Conflict, "stale-version", "The request is at version %d, not %d; look at it again.", r.Version, version)
		}
		now := d.desk.TimeNow()
		next, err := r.Withdraw(by.Worker, now)
		if err != nil {
			return nil, err
		}
		if err := s.MayWithdraw(proof.Ask{Action: r.Action, Request: r.Signed, At: now.Time, Executor: s.ExecutorOf(r.Action)}, signed); err != nil {
			return nil, err
		}
		return func(t *kernel.Tx) error {
			t.Enter(entry.KindWithdraw, entry.End{Request: request, Signed: signed, Status: next.Status, Type: next.Outcome, Worker: by.Worker}).About(request)
			out = next
			d.end(t, with(r, next))
			return nil
		}, nil
	})
	return out, err
}

// expireJob ends a held request when its time is over.
type expireJob struct {
	Request string `json:"request"`
}

func (expireJob) Kind() string { return "desk.expire" }

// expire ends a held request whose time is over.
func (d *Room) expire(ctx context.Context, request string) error {
	err := d.desk.Change(ctx, kernel.Caller{}, "expire", func(*proof.State) (func(*kernel.Tx) error, error) {
		r, err := d.desk.Load(ctx, request)
		if err != nil {
			return nil, err
		}
		next, err := r.Expire(d.desk.TimeNow())
		if err != nil {
			return nil, err
		}
		return func(t *kernel.Tx) error {
			t.Enter(entry.KindExpire, entry.End{Request: request, Status: next.Status, Type: next.Outcome}).About(request)
			d.end(t, with(r, next))
			return nil
		}, nil
	})
	if fault.Is(err, "not-open") {
		return nil // it has ended in another way already
	}
	return err
}

// with puts a changed request into its row.
func with(r store.Request, next actions.Request) store.Request {
	r.Request = next
	return r
}

func requestSignal(id string) string { return "request " + id }
