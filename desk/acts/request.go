package acts

import (
	"context"
	"slices"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/desk/kernel"
	"countersign.dev/fault"
	"countersign.dev/jobs"
	"countersign.dev/ledger"
	"countersign.dev/ledger/entry"
	"countersign.dev/ledger/proof"
	"countersign.dev/prose"
	"countersign.dev/store"
)

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
		if err == nil {
			err = decidedElsewhere(s, sub.Action.Kind, sub.Action.Case)
		}
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
			if v.decided != nil {
				if err := t.Decide(v.decided.Decision, by.Worker, t.Now()); err != nil {
					return err
				}
			}
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

// store stores a request that was judged. If it is ready, everything that follows from
// that is written in the same transaction: this is the one place where an action becomes
// authorised. Otherwise the request is stored as held. store returns the warrant's entry,
// if there is one.
func (d *Room) store(t *kernel.Tx, r *store.Request, v judged, isNew bool) (warrant *store.Appended, err error) {
	if isNew {
		d.enterRequest(t, r, v)
		if err := d.copySignature(t, r.Action, r.Signed); err != nil {
			return nil, err
		}
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
	if isNew {
		t.InsertRequest(*r)
		t.Signal(requestSignal(r.ID))
	} else if err := d.save(t, *r); err != nil {
		return nil, err
	}
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
// wait, telling those who could sign it, and its expiry.
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
	if err := jobs.Enqueue(t.Tx.Tx, waitingJob{r.ID}, t.Now(), r.ID); err != nil {
		return err
	}
	if len(v.rows) > 0 {
		t.KeepRows(r.ID, canonical.MustMarshal(v.rows))
	}
	return jobs.Enqueue(t.Tx.Tx, expireJob{r.ID}, r.Expires(), r.ID)
}

func (d *Room) enterRequest(t *kernel.Tx, r *store.Request, v judged) {
	j := v.j
	status := actions.StatusHeld
	if j.Ready {
		status = actions.StatusApproved
	}
	sealed := []ledger.Opening{kernel.Field("subject", r.Action.Subject.String()), kernel.Field("handle", r.Action.Subject.Handle), kernel.Field("reason", r.Action.Reason), kernel.Field("case", r.Action.Case)}
	if v.decided != nil {
		sealed = append(sealed, v.decided.Reasons, ledger.Opening{Name: kernel.SealedDecision, Value: canonical.MustMarshal(v.decided.Decision)})
	}
	t.Enter(entry.KindRequest, entry.Request{Act: proof.ActOf(j.Facts), At: r.Created, Law: j.Law(), Need: j.Need, Request: r.ID, Signed: r.Signed, Status: status, Decided: v.decided.statement(), Sessions: v.ask.Sessions}, sealed...).
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
	if c, ok := ch.(actions.Keys); ok && c.Void != nil {
		entry.About(store.ByVoid(*c.Void))
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
	if err := changedFormats(t, ch); err != nil {
		return err
	}
	return d.alarms.RaiseFreeze(t, ch, v.auth.Request.Statement)
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
		if err := d.standing(ctx, s, by, r, ask); err != nil {
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
			err := d.copySignature(t, r.Action, signed)
			if err != nil {
				return err
			}
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
		if err := d.standing(ctx, s, by, r, ask); err != nil {
			return nil, err
		}
		if reason != "" {
			if err := prose.Check("The reason", reason); err != nil {
				return nil, err
			}
		}
		if signed.Statement.V != actions.StatementV1 && signed.Statement.Alarm != alarm {
			return nil, fault.New(fault.Invalid, "bad-statement", "The signed statement and the request differ about the alarm. Sign it again.")
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
			if err := d.copySignature(t, r.Action, signed); err != nil {
				return err
			}
			out = next
			if next.Open() {
				return d.save(t, with(r, next))
			}
			return d.end(t, with(r, next))
		}, nil
	})
	return out, err
}

// end saves a request that has ended without being applied.
func (d *Room) end(t *kernel.Tx, r store.Request) error {
	t.DropRows(r.ID)
	return d.save(t, r)
}

// Withdraw takes the caller's own request back while it is held.
func (d *Room) Withdraw(ctx context.Context, by kernel.Caller, request string, w Withdrawal) (actions.Request, error) {
	var out actions.Request
	err := d.desk.Change(ctx, by, "withdraw", func(s *proof.State) (func(*kernel.Tx) error, error) {
		r, err := d.desk.Load(ctx, request)
		if err != nil {
			return nil, err
		}
		if r.Status == actions.StatusWithdrawn && r.Requester() == by.Worker && r.Version == w.Version+1 {
			out = d.shown(s, by, r) // this very withdrawal was made
			return func(*kernel.Tx) error { return nil }, nil
		}
		if err := d.desk.HandedIn(by, w.statement()); err != nil {
			return nil, err
		}
		// Who asked is named to those alone who read it.
		if err := d.unread(ctx, s, by, r); err != nil {
			return nil, err
		}
		if r.Version != w.Version {
			return nil, fault.New(fault.Conflict, "stale-version", "The request is at version %d, not %d; look at it again.", r.Version, w.Version)
		}
		now := d.desk.TimeNow()
		next, err := r.Withdraw(by.Worker, now)
		if err != nil {
			return nil, err
		}
		end := entry.End{Request: request, Signed: w.Signed, Status: next.Status, Type: next.Outcome, Worker: by.Worker}
		if s.Formats < 2 {
			err = s.MayWithdraw(proof.Ask{Action: r.Action, Request: r.Signed, At: now.Time, Executor: s.ExecutorOf(r.Action)}, w.Signed)
		} else {
			end.Deed, err = d.withdrawal(ctx, s, r, w)
		}
		if err != nil {
			return nil, err
		}
		return func(t *kernel.Tx) error {
			var sealed []ledger.Opening
			if end.Deed != nil {
				sealed = append(sealed, proof.Sealing(end.Deed.Deed.What, "", w.Deed.Salt))
			}
			t.Enter(entry.KindWithdraw, end, sealed...).About(request)
			out = next
			return d.end(t, with(r, next))
		}, nil
	})
	return out, err
}

// withdrawal checks the deed with which somebody takes a request of their own back, at the
// version that they saw.
func (d *Room) withdrawal(ctx context.Context, s *proof.State, r store.Request, w Withdrawal) (*actions.SignedDeed, error) {
	if w.Deed == nil {
		return nil, fault.New(fault.Invalid, "bad-deed", "A withdrawal is the signed deed %s; this one has none. Use a newer program.", actions.DeedWithdraw)
	}
	deed := w.Deed.SignedDeed()
	text, err := proof.Sealing(deed.Deed.What, "", w.Deed.Salt).Commitment()
	if err != nil {
		return nil, err
	}
	switch {
	case !deed.Deed.Says(actions.Deed{What: actions.DeedWithdraw, Of: r.ID}) || deed.Deed.Version != r.Version || deed.Deed.Text != text:
		return nil, fault.New(fault.Invalid, "bad-deed", "The deed does not withdraw %s in version %d, without a text.", r.ID, r.Version)
	case !deed.Signed.Statement.Expires.Equal(r.Expires().Time):
		return nil, fault.New(fault.Invalid, "bad-deed", "A withdrawal is valid for as long as the request is: until %s.", r.Expires())
	case deed.Signed.Statement.Signer != r.Requester():
		return nil, fault.New(fault.Forbidden, "not-requester", "Only %s, who requested it, may withdraw it; others decline.", r.Requester())
	}
	return &deed, d.desk.MayDo(ctx, s, deed)
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
			return d.end(t, with(r, next))
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
