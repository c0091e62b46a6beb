package desk

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"countersign.dev/actions"
	"countersign.dev/alarm"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/incident"
	"countersign.dev/jobs"
	"countersign.dev/ledger"
	"countersign.dev/ledger/entry"
	"countersign.dev/ledger/proof"
	"countersign.dev/platform"
	"countersign.dev/store"
)

// watched is a record of the watch, or of a restoration, with what was read
// before the transaction.
type watched struct {
	proof.Execution
	subject  platform.Subject
	incident string // identifier, if one is to be opened
}

// openWatched reads what a record of the watch seals. The openings were checked.
func (d *Desk) openWatched(e proof.SignedExecution) (watched, error) {
	w := watched{Execution: e.Execution}
	for _, o := range e.Openings {
		if o.Name != proof.SealedSubject {
			continue
		}
		var name string
		err := json.Unmarshal(o.Value, &name)
		if err == nil {
			w.subject, err = platform.ParseSubject(name)
		}
		if err != nil || w.subject.ID == "" || w.subject.Platform != e.Execution.Sight.Platform {
			return w, fault.New(fault.Invalid, "bad-record", "The executor's record %d seals no subject of its platform.", e.Execution.Sequence).Because(err)
		}
	}
	if w.Kind == proof.KindBreach {
		w.incident = d.ids.New(incident.Prefix)
	}
	return w, nil
}

// ofWatch reports whether a record belongs to the watch and to no request.
func ofWatch(e proof.Execution) bool {
	return e.Duty == proof.DutyWatch || e.Duty == proof.DutyRestore || e.Duty == proof.DutyCut
}

// watch keeps a record of the watch, with what follows from it.
func (t *tx) watch(w watched) error {
	s := store.Sighting{Executor: w.Executor, Sequence: w.Sequence, Kind: w.Kind, At: w.At, Subject: w.subject.ID}
	if w.Sight != nil {
		s.Platform, s.Tier = w.Sight.Platform, string(w.Sight.Tier)
	}
	switch w.Kind {
	case proof.KindBreach, proof.KindTold, proof.KindOver, proof.KindIntent, proof.KindReceipt, proof.KindRefusal:
		s.Breach = w.Request
	}
	of := ""
	if s.Breach != "" && w.subject.ID == "" {
		// The breach's own record names the subject; what follows from it does not.
		b, known, err := t.Breach(s.Breach)
		if err != nil {
			return err
		}
		if known {
			i, err := t.Incident(b.Incident)
			if err != nil {
				return err
			}
			of, w.subject, s.Subject = i.ID, i.Subject, i.Subject.ID
		}
	}
	t.InsertSighting(s)
	if w.Duty == proof.DutyCut {
		return t.cut(w, of)
	}
	switch w.Kind {
	case proof.KindBreach:
		return t.breach(w)
	case proof.KindOver:
		return t.over(w)
	case proof.KindReceipt, proof.KindRefusal:
		return t.restored(w, of)
	case proof.KindObserved:
		return t.alarm(w.about(alarm.Observed, Warn, fmt.Sprintf("On %s a %s subject is %s, which no warrant explains. The tier is only observed, so nothing is done.",
			w.Sight.Platform, w.Sight.Tier, w.Sight.Found.Status)))
	case proof.KindForeign:
		return t.deactivated(w)
	case proof.KindBlind:
		kind := alarm.StreamSilent
		if slices.Contains(gaps, w.Type) {
			kind = alarm.StreamGap
		}
		if platform.RefusesCredential(w.Type) {
			return t.alarm(w.about(alarm.CredentialRefused, Page, fmt.Sprintf("%s refuses the executor's credential. %s", w.Sight.Platform, doCredential)))
		}
		return t.alarm(w.about(kind, Page, fmt.Sprintf("The watch does not see all of %s: %s", w.Sight.Platform, orElse(w.Text, w.Type))))
	case proof.KindSighted:
		return t.alarm(w.about(alarm.StreamBack, Info, fmt.Sprintf("The watch sees all of %s again.", w.Sight.Platform)))
	case proof.KindTaken:
		return jobs.Enqueue(t.Tx.Tx, takenJob{w.Executor, w.Sequence}, t.Now(), w.Request)
	}
	return nil
}

// deactivated tells that a subject that matters was switched off. Where nobody knows
// whether its owner did it, somebody on call asks.
func (t *tx) deactivated(w watched) error {
	if w.Sight.Tier == actions.Standard {
		return nil
	}
	switch w.Sight.Why {
	case proof.WhyOwner:
		return t.alarm(w.about(alarm.Deactivated, Info, fmt.Sprintf("The owner of a %s subject of %s deactivated it, as the platform says.", w.Sight.Tier, w.Sight.Platform)))
	case proof.WhyAsked:
		return t.alarm(w.about(alarm.Deactivated, Page, fmt.Sprintf("A %s subject of %s was deactivated, and the platform does not say whether its owner did it or somebody on the staff. "+
			"Ask the owner now, in a way that you know from before: did you deactivate your account yourself? If not, ask for account.restore of it, "+
			"and find out who used the platform's credential or the owner's password.", w.Sight.Tier, w.Sight.Platform)))
	}
	return nil
}

// gaps are the types of what a connector says where events may have been missed; see
// platform.Watcher.
var gaps = []string{"cursor-gone", "bad-cursor", "stream-unreadable", "platform-unclear"}

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// about begins an alarm about what was seen.
func (w watched) about(k alarm.Type, s store.Severity, text string) Alarm {
	return Alarm{Kind: string(k), Severity: s, Text: text, Request: w.Request, Platform: w.Sight.Platform, Subject: w.subject.ID, Tier: w.Sight.Tier}
}

// breach opens an incident on a breach, or has the breach join the one that is
// open on its subject: a duel of fifty rounds is one incident.
func (t *tx) breach(w watched) error {
	id, err := t.OpenIncident(w.Sight.Platform, w.subject.ID)
	if err != nil {
		return err
	}
	next := "No standing order is in force: somebody on call has to lift it."
	switch {
	case w.Type == "budget-spent":
		next = orElse(w.Text, "The budget of the standing order is spent.") + " Until it is not, somebody on call has to lift it."
	case w.Sight.Order != "":
		next = "The executor restores it under the standing order " + w.Sight.Order + "."
	}
	if id == "" {
		i := incident.Incident{ID: w.incident, Version: 1, Status: incident.Open, Cause: incident.Breach, Breach: w.Request, Subject: w.subject,
			Tier: w.Sight.Tier, Opened: t.Now(), Title: fmt.Sprintf("%s around the desk: a %s subject of %s", w.Sight.Found.Status, w.Sight.Tier, w.Sight.Platform)}
		t.openIncident(i, actions.SignedDeed{}, field("title", i.Title))
		t.InsertBreach(store.Breach{ID: w.Request, Incident: i.ID, Seen: w.Sight.Seen})
		a := w.about(alarm.Breach, Page, fmt.Sprintf("On %s a %s subject is %s, which no warrant explains. %s", w.Sight.Platform, w.Sight.Tier, w.Sight.Found.Status, next))
		if w.Sight.Why == proof.WhyEnded {
			a.Text = endedText(w, next)
		}
		a.Incident = i.ID
		return t.alarmBreach(a, w)
	}
	i, err := t.Incident(id)
	if err != nil {
		return err
	}
	if i, err = i.Joined(); err != nil {
		return err
	}
	t.SaveIncident(i)
	t.InsertBreach(store.Breach{ID: w.Request, Incident: i.ID, Seen: w.Sight.Seen})
	n, err := t.CountBreaches(i.ID)
	if err != nil {
		return err
	}
	severity := Warn
	if n == 2 || round(n) {
		severity = Page // not at each round: whoever is paged all the time does not look any more
	}
	a := w.about(alarm.Duel, severity, fmt.Sprintf("Somebody does again on %s what the executor has undone: it is the breach %d of the same %s subject. %s", w.Sight.Platform, n, w.Sight.Tier, next))
	if w.Sight.Why == proof.WhyEnded {
		// Nothing was done again: what was done before stands now without any right.
		a = w.about(alarm.Breach, Page, endedText(w, next))
	}
	a.Incident = i.ID
	if n > everyRound && !round(n) && w.Sight.Why != proof.WhyEnded {
		return t.alarmBudget(a, w)
	}
	return t.alarmBreach(a, w)
}

// everyRound is up to which round of a duel each raises an alarm. Later ones, of which
// there may be many in a second, do so at round numbers.
const everyRound = 10

// round reports whether a number is 10, 20, 50, 100, 200, 500 and so on: a duel of many
// rounds in a second pages at these.
func round(n int64) bool {
	for n >= 100 && n%10 == 0 {
		n /= 10
	}
	return n == 10 || n == 20 || n == 50
}

func endedText(w watched, next string) string {
	return fmt.Sprintf("On %s a timed measure of this desk on a %s subject is over, and somebody has put another mark in its place, so that it is still down. %s", w.Sight.Platform, w.Sight.Tier, next)
}

// alarmBreach raises the alarm of a breach, and another if the standing order's
// budget does not cover its restoration, or was gone beyond.
func (t *tx) alarmBreach(a Alarm, w watched) error {
	if err := t.alarm(a); err != nil {
		return err
	}
	return t.alarmBudget(a, w)
}

// alarmBudget is the other one alone.
func (t *tx) alarmBudget(a Alarm, w watched) error {
	a.Kind, a.Severity = string(alarm.BudgetSpent), Page
	switch w.Type {
	case "budget-spent":
		a.Text = fmt.Sprintf("The budget of the standing order for %s subjects of %s is spent: %s", w.Sight.Tier, w.Sight.Platform, orElse(w.Text, "it restores no more for now."))
	case "budget-passed":
		a.Text = fmt.Sprintf("More is restored under the standing order for %s subjects of %s than it expects: %s", w.Sight.Tier, w.Sight.Platform, orElse(w.Text, "it goes on all the same."))
	default:
		return nil
	}
	return t.alarm(a)
}

// openIncident stores a new incident with its entry.
func (t *tx) openIncident(i incident.Incident, deed actions.SignedDeed, title ledger.Opening) *store.Recorded {
	about := i.Request
	if about == "" {
		about = i.Breach
	}
	rec := t.record(entry.KindIncident, entry.Incident{Incident: i.ID, Cause: string(i.Cause), Breach: i.Breach, Request: i.Request, Platform: i.Subject.Platform, Tier: i.Tier, Worker: i.By, Deed: deed},
		field("subject", i.Subject.String()), title).About(i.ID, about)
	t.InsertIncident(i)
	t.Signal(incidentSignal)
	return rec
}

const incidentSignal = "incident"

// restored notes what came of a restoration of the breach of an incident.
func (t *tx) restored(w watched, of string) error {
	if w.Outcome == proof.Executed {
		t.RestoreBreach(w.Request, w.At)
		return nil
	}
	if w.Type == "not-read-back" {
		// Somebody has done it again before it was read back. That is another breach, which
		// is alarmed as one; in a duel there may be many of them in a second.
		return nil
	}
	kind := alarm.RestoreFailed
	if w.Type == "budget-spent" {
		kind = alarm.BudgetSpent
	}
	if platform.RefusesCredential(w.Type) {
		kind = alarm.CredentialRefused
	}
	a := w.about(kind, Page, fmt.Sprintf("What a breach left on a %s subject of %s was not lifted (%s): %s", w.Sight.Tier, w.Sight.Platform, w.Outcome, orElse(w.Text, outcomeType(w.Execution))))
	a.Incident = of
	return t.alarm(a)
}

// over notes that a breach has ended without a restoration under an order.
func (t *tx) over(w watched) error {
	b, known, err := t.Breach(w.Request)
	if err != nil || !known {
		return err
	}
	text := fmt.Sprintf("The breach of a %s subject of %s is over: it is %s. ", w.Sight.Tier, w.Sight.Platform, w.Sight.Found.Status)
	if w.Sight.Found.Status == platform.Up {
		t.RestoreBreach(w.Request, w.Sight.Seen)
		text = fmt.Sprintf("A %s subject of %s is up again after a breach. ", w.Sight.Tier, w.Sight.Platform)
	}
	a := w.about(alarm.BreachOver, Info, text+incident.HowOver(*w.Sight))
	a.Incident = b.Incident
	return t.alarm(a)
}

// cut tells what came of cutting off the credential that does it again and again.
func (t *tx) cut(w watched, of string) error {
	kind, text := alarm.CredentialStays, fmt.Sprintf("Somebody does it again and again on %s, %d times within the time of the standing order %s, and the credential is not cut off: %s",
		w.Sight.Platform, w.Sight.Count, w.Sight.Order, orElse(w.Text, w.Type))
	switch {
	case w.Kind == proof.KindIntent:
		return nil
	case w.Outcome == proof.Executed:
		kind, text = alarm.CredentialCut, fmt.Sprintf("The credential of %s that did it %d times was cut off under the standing order %s. The incident names it: find out who holds it, and give its honest holders another.",
			w.Sight.Platform, w.Sight.Count, w.Sight.Order)
	}
	a := w.about(kind, Page, text)
	a.Incident = of
	return t.alarm(a)
}

// takenJob enters in the governance chain what the executor took directly.
type takenJob struct {
	Executor string `json:"executor"`
	Sequence int64  `json:"sequence"`
}

func (takenJob) Kind() string { return "desk.taken" }

// enterTaken enters in the governance chain what the executor took directly. It
// may be done any number of times: what is in the chain already is left alone, and
// what the chain refuses is recorded once.
func (d *Desk) enterTaken(ctx context.Context, j takenJob) error {
	var data []byte
	if err := d.store.ReadOne(ctx, func(stx *store.Tx) (err error) {
		data, err = stx.Execution(j.Executor, j.Sequence)
		return err
	}); err != nil {
		return err
	}
	var e proof.SignedExecution
	if err := canonical.Unmarshal(data, &e); err != nil {
		return jobs.GiveUp(fmt.Errorf("the executor's record %d in the database: %w", j.Sequence, err))
	}
	why := d.tryChange(ctx, func(s *proof.State) (func(*tx) error, error) { return d.judgeTaken(ctx, s, e) })
	switch fault.KindOf(why) {
	case fault.Internal, fault.Unavailable:
		return why // nil, or to be tried again
	}
	a := e.Execution.Taken
	return d.tryChange(ctx, func(*proof.State) (func(*tx) error, error) {
		return func(t *tx) error {
			st := a.Request.Statement
			known, err := t.EntriesAbout(st.Request, canonical.Time{}, MaxPage)
			if err != nil || slices.ContainsFunc(known, func(e ledger.Entry) bool { return e.Body.Kind == "taken-refused" }) {
				return err // the process died after this was recorded
			}
			t.record(entry.KindTakenRefused, entry.TakenRefused{Request: st.Request, Kind: a.Action.Kind, Worker: st.Signer, Type: fault.TypeOf(why)}).About(st.Request)
			return t.alarm(notEntered(*a, why))
		}, nil
	})
}

// notEntered tells that something is in force in the executor only, or is not any
// more.
func notEntered(a proof.Authority, why error) Alarm {
	severity := Page
	if fault.Is(why, "wrong-state") {
		severity = Info // it is so already
	}
	st := a.Request.Statement
	return Alarm{Kind: string(alarm.NotEntered), Severity: severity, Request: st.Request,
		Text: fmt.Sprintf("The executor took %s of %s directly, and it has no effect in the governance chain: %s", a.Action.Kind, st.Signer, fault.TextOf(why))}
}

// judgeTaken works out how a change that the executor took is entered. The chain
// judges it as of when it was taken (proof.State.Apply); what it finds not to be
// authorised is entered all the same, spent and without effect, so that the
// executor learns that it is.
func (d *Desk) judgeTaken(ctx context.Context, s *proof.State, e proof.SignedExecution) (func(*tx) error, error) {
	a, id := *e.Execution.Taken, e.Execution.Request
	if s.Spent(id) {
		return func(*tx) error { return nil }, nil
	}
	ch, err := actions.ParseChange(a.Action.Kind, a.Action.Change)
	if err != nil {
		return nil, err
	}
	why := s.Clone().Join(a, e.Execution.At)
	if fault.Is(why, "not-relieving") {
		return nil, why
	}
	now := d.timeNow()
	r, err := d.load(ctx, id)
	isNew := fault.Is(err, "no-such-request")
	switch {
	case isNew:
		r = store.Request{Entry: -1, Request: actions.Request{ID: id, Version: 1, Action: a.Action, Signed: a.Request, Created: now}}
	case err != nil:
		return nil, err
	default:
		r.Version++ // it was handed in here as well, and came to nothing
	}
	r.Signers, r.Updated = a.Countersignatures, now
	if why == nil {
		r.Request = r.Apply(e.Execution.At)
	} else {
		r.Status, r.Missing, r.Outcome, r.OutcomeText = actions.StatusVoid, "", fault.TypeOf(why), fault.TextOf(why)
	}
	return func(t *tx) error {
		t.Record(ledger.Draft{Class: ledger.Governance, Kind: proof.KindTaken, Data: e, Expect: t.state.Next}).About(id)
		if isNew {
			t.InsertRequest(r)
		} else {
			t.SaveRequest(r)
			t.DropRows(id)
		}
		t.Signal(requestSignal(id))
		if why != nil {
			return t.alarm(notEntered(a, why))
		}
		return t.alarmFreeze(ch, a.Request.Statement)
	}, nil
}

// alarmRecovery pages the officers when somebody asks for a recovery, or for taking
// out a second officer: whoever was left out must see it while it waits.
func (t *tx) alarmRecovery(r *store.Request, j proof.Judgement) error {
	if j.ByLaw == nil {
		return nil
	}
	return t.alarm(Alarm{Kind: string(alarm.Recovery), Severity: Page, Request: r.ID,
		Text: fmt.Sprintf("%s asks %s. %s", r.Requester(), recoveryWords(r.Action), j.ByLaw.Reason.Text)})
}

// recoveryWords says what somebody asks the officers for who are left.
func recoveryWords(a actions.Action) string {
	change, err := actions.ParseChange(a.Kind, a.Change)
	if err != nil {
		return "for " + string(a.Kind)
	}
	switch c := change.(type) {
	case actions.Freeze:
		return fmt.Sprintf("to %s %s", c.Op, freezeWords(c))
	case actions.Engagement:
		return fmt.Sprintf("to %s the engagement of %s", c.Op, c.Worker)
	case actions.Keys:
		var parts []string
		for _, e := range c.Enrol {
			parts = append(parts, fmt.Sprintf("to enrol a key of %s", e.Worker))
		}
		for _, k := range c.Revoke {
			parts = append(parts, fmt.Sprintf("to revoke the key %s", k))
		}
		return strings.Join(parts, ", and ")
	case actions.Admit:
		return "to admit people from an import file"
	}
	return "for " + string(a.Kind)
}

// alarmFreeze tells everybody of a freeze, or a thaw, that came into effect; of
// other changes nothing.
func (t *tx) alarmFreeze(ch actions.Change, st actions.Statement) error {
	f, ok := ch.(actions.Freeze)
	if !ok {
		return nil
	}
	of := freezeWords(f)
	a := Alarm{Kind: string(alarm.Frozen), Severity: Page, Request: st.Request, Text: fmt.Sprintf("%s froze burdening acts: %s.", st.Signer, of)}
	if f.Thaws() {
		a.Kind, a.Severity, a.Text = string(alarm.Thawed), Warn, fmt.Sprintf("Burdening acts go on: %s was thawed, as %s asked.", of, st.Signer)
	}
	if f.Scope == actions.ScopePlatform {
		a.Platform = f.Of
	}
	return t.alarm(a)
}

// Sighting is something that the watch saw, or did, as readers of evidence see it.
type Sighting struct {
	proof.Execution
	Subject string // identifier on the platform; empty: many, or none
}

// SightingFilter chooses sightings, newest first; empty members choose all.
type SightingFilter = store.SightingFilter

// Sightings returns a page of what the watch of this desk's executor saw, newest
// first, and the number to go on from, 0 at the end.
func (d *Desk) Sightings(ctx context.Context, by Caller, f SightingFilter) (out []Sighting, next int64, err error) {
	s, st, err := d.standing(ctx, by)
	if err == nil && !may(st, evidenceReaders...) {
		err = noEvidence("Sightings")
	}
	if err != nil {
		return nil, 0, err
	}
	if f.Limit < 1 || f.Limit > MaxPage {
		f.Limit = MaxPage
	}
	limit := f.Limit
	f.Limit++
	var rows []store.Sighting
	if err := d.store.ReadOne(ctx, func(stx *store.Tx) error {
		rows, err = stx.Sightings(s.Trust.Executor, f)
		return err
	}); err != nil {
		return nil, 0, err
	}
	if len(rows) > limit {
		rows = rows[:limit]
		next = rows[limit-1].Sequence
	}
	for _, row := range rows {
		var e proof.SignedExecution
		if err := canonical.Unmarshal(row.Data, &e); err != nil {
			return nil, 0, fmt.Errorf("the executor's record %d in the database: %w", row.Sequence, err)
		}
		out = append(out, Sighting{e.Execution, row.Subject})
	}
	return out, next, nil
}
