package incidents

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"

	"countersign.dev/actions"
	"countersign.dev/alarm"
	"countersign.dev/canonical"
	"countersign.dev/desk/alarms"
	"countersign.dev/desk/kernel"
	"countersign.dev/fault"
	"countersign.dev/incident"
	"countersign.dev/jobs"
	"countersign.dev/ledger"
	"countersign.dev/ledger/entry"
	"countersign.dev/ledger/proof"
	"countersign.dev/platform"
	"countersign.dev/store"
	"countersign.dev/wording"
)

// watched is a record of the watch, or of a restoration, with the fields that were read
// before the transaction.
type watched struct {
	proof.Execution
	subject  platform.Subject
	incident string // identifier, if one is to be opened
}

// OpenWatched reads the sealed fields of a record of the watch. The caller has checked its
// openings.
func (d *Room) OpenWatched(e proof.SignedExecution) (watched, error) {
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
		w.incident = d.desk.IDs.New(incident.Prefix)
	}
	return w, nil
}

// OfWatch reports whether a record belongs to the watch and to no request.
func OfWatch(e proof.Execution) bool {
	return e.Duty == proof.DutyWatch || e.Duty == proof.DutyRestore || e.Duty == proof.DutyCut
}

// StoreSighting stores a record of the watch, and makes the incidents, alarms and jobs that follow
// from it.
func (d *Room) StoreSighting(t *kernel.Tx, w watched) error {
	s := store.Sighting{Executor: w.Executor, Sequence: w.Sequence, Kind: w.Kind, At: w.At, Subject: w.subject.ID}
	if w.Sight != nil {
		s.Platform, s.Tier, s.Layer = w.Sight.Platform, string(w.Sight.Tier), w.Sight.Layer
	}
	switch w.Kind {
	case proof.KindBreach, proof.KindTold, proof.KindOver, proof.KindIntent, proof.KindReceipt, proof.KindRefusal:
		s.Breach = w.Request
	}
	of := ""
	if s.Breach != "" && w.subject.ID == "" {
		// Only the record of the breach itself names the subject; the records that follow
		// it do not.
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
		return d.cut(t, w, of)
	}
	switch w.Kind {
	case proof.KindBreach:
		return d.breach(t, w)
	case proof.KindOver:
		return d.over(t, w)
	case proof.KindReceipt, proof.KindRefusal:
		return d.restored(t, w, of)
	case proof.KindObserved:
		return d.alarms.Raise(t, w.about(alarm.Observed, alarms.Warn, fmt.Sprintf("On %s a %s subject is %s, which no warrant explains. The tier is only observed, so nothing is done.",
			w.Sight.Platform, w.Sight.Tier, w.found())))
	case proof.KindForeign:
		return d.deactivated(t, w)
	case proof.KindBlind:
		kind := alarm.StreamSilent
		if slices.Contains(gaps, w.Type) {
			kind = alarm.StreamGap
		}
		if platform.RefusesCredential(w.Type) {
			return d.alarms.Raise(t, w.about(alarm.CredentialRefused, alarms.Page, fmt.Sprintf("%s refuses the executor's credential. %s", w.Sight.Platform, alarms.DoCredential)))
		}
		return d.alarms.Raise(t, w.about(kind, alarms.Page, fmt.Sprintf("The watch does not see all of %s: %s", w.Sight.Platform, orElse(w.Text, w.Type))))
	case proof.KindSighted:
		return d.alarms.Raise(t, w.about(alarm.StreamBack, alarms.Info, fmt.Sprintf("The watch sees all of %s again.", w.Sight.Platform)))
	case proof.KindTaken:
		return jobs.Enqueue(t.Tx.Tx, TakenJob{w.Executor, w.Sequence}, t.Now(), w.Request)
	}
	return nil
}

// deactivated raises an alarm that a protected or critical subject was deactivated. If
// nobody knows whether its owner did it, the alarm pages somebody on call, who asks the
// owner.
func (d *Room) deactivated(t *kernel.Tx, w watched) error {
	if w.Sight.Tier == actions.Standard {
		return nil
	}
	switch w.Sight.Why {
	case proof.WhyOwner:
		return d.alarms.Raise(t, w.about(alarm.Deactivated, alarms.Info, fmt.Sprintf("The owner of a %s subject of %s deactivated it, as the platform says.", w.Sight.Tier, w.Sight.Platform)))
	case proof.WhyAsked:
		return d.alarms.Raise(t, w.about(alarm.Deactivated, alarms.Page, fmt.Sprintf("A %s subject of %s was deactivated, and the platform does not say whether its owner did it or somebody on the staff. "+
			"Ask the owner now, over a contact that you already had: did you deactivate your account yourself? If not, ask for account.restore of it, "+
			"and find out who used the platform's credential or the owner's password.", w.Sight.Tier, w.Sight.Platform)))
	}
	return nil
}

// gaps are the fault types by which a connector says that events may have been missed;
// see platform.Watcher.
var gaps = []string{"cursor-gone", "bad-cursor", "stream-unreadable", "platform-unclear"}

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// found puts what was found in words, without the mark.
func (w watched) found() string {
	return platform.DescribeIn(w.Sight.Layer, platform.Expect{Status: w.Sight.Found.Status})
}

// capital begins a line with a capital letter.
func capital(line string) string { return strings.ToUpper(line[:1]) + line[1:] }

// about returns an alarm about the subject of a record, with the given text.
func (w watched) about(k alarm.Type, s store.Severity, text string) alarms.Alarm {
	return alarms.Alarm{Kind: string(k), Severity: s, Text: text, Request: w.Request, Platform: w.Sight.Platform, Subject: w.subject.ID, Tier: w.Sight.Tier}
}

// breach opens an incident for a breach, or adds the breach to the incident that is open on
// its subject: a duel of fifty rounds is one incident.
func (d *Room) breach(t *kernel.Tx, w watched) error {
	id, err := t.OpenIncident(w.Sight.Platform, w.subject.ID)
	if err != nil {
		return err
	}
	within := cmp.Or(id, w.incident)
	next := uncovered(t.State, w) + " " + byHand(t.State, w, within)
	switch {
	case w.Type == "budget-spent":
		next = orElse(w.Text, "The budget of the standing order is spent.") + " Until there is budget again, the executor leaves it to people. " + byHand(t.State, w, within)
	case w.Sight.Order != "":
		next = "The executor restores it under the standing order " + w.Sight.Order + "."
	}
	if id == "" {
		i := incident.Incident{ID: w.incident, Version: 1, Status: incident.Open, Cause: incident.Breach, Breach: w.Request, Subject: w.subject, Layer: w.Sight.Layer,
			Tier: w.Sight.Tier, Opened: t.Now(), Title: capital(fmt.Sprintf("%s around the desk: a %s subject of %s", w.found(), w.Sight.Tier, w.Sight.Platform))}
		d.openIncident(t, i, actions.SignedDeed{}, kernel.Field("title", i.Title))
		t.InsertBreach(store.Breach{ID: w.Request, Incident: i.ID, Layer: w.Sight.Layer, Seen: w.Sight.Seen})
		a := w.about(alarm.Breach, alarms.Page, w.breachText(next))
		if w.Sight.Why == proof.WhyEnded {
			a.Text = endedText(w, next)
		}
		a.Incident = i.ID
		return d.alarmBreach(t, a, w)
	}
	i, err := t.Incident(id)
	if err != nil {
		return err
	}
	if i, err = i.Joined(); err != nil {
		return err
	}
	t.SaveIncident(i)
	t.InsertBreach(store.Breach{ID: w.Request, Incident: i.ID, Layer: w.Sight.Layer, Seen: w.Sight.Seen})
	n, err := t.CountBreachesIn(i.ID, w.Sight.Layer)
	if err != nil {
		return err
	}
	if n == 1 && w.Sight.Why != proof.WhyEnded {
		// What was done in other layers is no reason to tell of this one more quietly.
		a := w.about(alarm.Breach, alarms.Page, w.breachText(next))
		a.Incident = i.ID
		return d.alarmBreach(t, a, w)
	}
	severity := alarms.Warn
	if n == 2 || isRoundNumber(n) {
		severity = alarms.Page // not at each round: people who are paged all the time stop looking
	}
	a := w.about(alarm.Duel, severity, fmt.Sprintf("On %s somebody again did what the executor had undone. This is breach %d of the same %s subject%s. %s", w.Sight.Platform, n, w.Sight.Tier, w.in(), next))
	if w.Sight.Why == proof.WhyEnded {
		// Nobody did anything again: the measure has ended, and another mark keeps the
		// subject down.
		a = w.about(alarm.Breach, alarms.Page, endedText(w, next))
	}
	a.Incident = i.ID
	if n > everyRound && !isRoundNumber(n) && w.Sight.Why != proof.WhyEnded {
		return d.alarmBudget(t, a, w)
	}
	return d.alarmBreach(t, a, w)
}

// uncovered says why no standing order lets the executor lift what a breach left.
func uncovered(s *proof.State, w watched) string {
	o, ok := s.StandingOrder(w.Sight.Platform, w.Sight.Tier, w.At.Time)
	switch {
	case !ok:
		return "No standing order is in force."
	case !o.Covers(w.Sight.Layer):
		return fmt.Sprintf("The standing order %s does not cover %s.", o.Request, manyOf(w.Sight.Layer))
	case o.Spares(w.Sight.Found.Mark):
		return fmt.Sprintf("The standing order %s says that this mark is never lifted by the executor.", o.Request)
	}
	return fmt.Sprintf("The standing order %s does not let the executor restore this subject: nobody has vouched for the state that it had, or for its tier.", o.Request)
}

// manyOf names all layers of the sort of a layer, as standing orders cover them.
func manyOf(l platform.Layer) string {
	if _, label := l.Label(); label {
		return "labels"
	}
	if l == platform.LimitLayer {
		return "limits"
	}
	return l.Noun()
}

// byHand says what somebody on call does about a breach that the executor leaves to people.
// The desk does not know here whether the subject is an account; the incident says so.
func byHand(s *proof.State, w watched, within string) string {
	who := "somebody on call"
	if !s.Spared(w.Sight.Platform, w.Sight.Found.Mark) {
		who += ", who may do it alone,"
	}
	return fmt.Sprintf("%s has to restore the subject. The command for it: countersign incident show %s", strings.ToUpper(who[:1])+who[1:], within)
}

// everyRound is the last round of a duel for which each round raises an alarm. Later ones,
// of which there may be many in a second, raise one at round numbers only.
const everyRound = 10

// isRoundNumber reports whether a number is 10, 20, 50, 100, 200, 500 and so on: a duel of many
// rounds in a second pages at these.
func isRoundNumber(n int64) bool {
	for n >= 100 && n%10 == 0 {
		n /= 10
	}
	return n == 10 || n == 20 || n == 50
}

func endedText(w watched, next string) string {
	return fmt.Sprintf("On %s a timed measure of this desk on a %s subject is over, and somebody has put another mark in its place, so that it is still %s. %s", w.Sight.Platform, w.Sight.Tier, w.found(), next)
}

// breachText says that nothing explains what was found.
func (w watched) breachText(next string) string {
	return fmt.Sprintf("On %s a %s subject is %s, which no warrant explains. %s", w.Sight.Platform, w.Sight.Tier, w.found(), next)
}

// in names the layer of a record in words that follow the subject, unless that is the
// visibility.
func (w watched) in() string {
	if w.Sight.Layer == platform.VisibilityLayer {
		return ""
	}
	return ", in " + w.Sight.Layer.Noun()
}

// alarmBreach raises the alarm of a breach, and another one if the restoration is not
// within the budget of the standing order.
func (d *Room) alarmBreach(t *kernel.Tx, a alarms.Alarm, w watched) error {
	if err := d.alarms.Raise(t, a); err != nil {
		return err
	}
	return d.alarmBudget(t, a, w)
}

// alarmBudget raises the alarm about the budget of the standing order, if there is
// something to say about it.
func (d *Room) alarmBudget(t *kernel.Tx, a alarms.Alarm, w watched) error {
	a.Kind, a.Severity = string(alarm.BudgetSpent), alarms.Page
	switch w.Type {
	case "budget-spent":
		a.Text = fmt.Sprintf("The budget of the standing order for %s subjects of %s is spent: %s", w.Sight.Tier, w.Sight.Platform, orElse(w.Text, "it restores no more for now."))
	case "budget-passed":
		a.Text = fmt.Sprintf("More subjects are restored than the standing order for %s subjects of %s expects: %s", w.Sight.Tier, w.Sight.Platform, orElse(w.Text, "it goes on all the same."))
	default:
		return nil
	}
	return d.alarms.Raise(t, a)
}

// openIncident stores a new incident with its entry.
func (d *Room) openIncident(t *kernel.Tx, i incident.Incident, deed actions.SignedDeed, title ledger.Opening) *store.Appended {
	about := i.Request
	if about == "" {
		about = i.Breach
	}
	rec := t.Enter(entry.KindIncident, entry.Incident{Incident: i.ID, Cause: string(i.Cause), Breach: i.Breach, Request: i.Request, Platform: i.Subject.Platform, Tier: i.Tier, Worker: i.By, Deed: deed},
		kernel.Field("subject", i.Subject.String()), title).About(i.ID, about)
	t.InsertIncident(i)
	t.Signal(incidentSignal)
	return rec
}

const incidentSignal = "incident"

// restored notes the outcome of the restoration after a breach.
func (d *Room) restored(t *kernel.Tx, w watched, of string) error {
	if w.Outcome == proof.Executed {
		t.RestoreBreach(w.Request, w.At)
		return nil
	}
	if w.Type == "not-read-back" {
		// Somebody changed the subject again before it was read back. That is another
		// breach, which has an alarm of its own; in a duel there may be many of them in a
		// second.
		return nil
	}
	kind := alarm.RestoreFailed
	if w.Type == "budget-spent" {
		kind = alarm.BudgetSpent
	}
	if platform.RefusesCredential(w.Type) {
		kind = alarm.CredentialRefused
	}
	a := w.about(kind, alarms.Page, fmt.Sprintf("The executor could not lift what a breach left on a %s subject of %s%s (%s): %s", w.Sight.Tier, w.Sight.Platform, w.in(), w.Outcome, orElse(w.Text, w.Execution.OutcomeType())))
	a.Incident = of
	return d.alarms.Raise(t, a)
}

// over notes that a breach has ended without a restoration under an order.
func (d *Room) over(t *kernel.Tx, w watched) error {
	b, known, err := t.Breach(w.Request)
	if err != nil || !known {
		return err
	}
	text := fmt.Sprintf("The breach of a %s subject of %s is over: it is %s. ", w.Sight.Tier, w.Sight.Platform, w.found())
	if w.Sight.Found.Status == w.Sight.Layer.Clear() {
		t.RestoreBreach(w.Request, w.Sight.Seen)
		text = fmt.Sprintf("A %s subject of %s is %s again after a breach. ", w.Sight.Tier, w.Sight.Platform, w.found())
	}
	a := w.about(alarm.BreachOver, alarms.Info, text+wording.Over(*w.Sight))
	a.Incident = b.Incident
	return d.alarms.Raise(t, a)
}

// cut raises the alarm about the outcome of cutting off the credential that did breaches
// again and again.
func (d *Room) cut(t *kernel.Tx, w watched, of string) error {
	kind, text := alarm.CredentialStays, fmt.Sprintf("On %s one credential did %d breaches within the time that the standing order %s sets, and the credential was not cut off: %s",
		w.Sight.Platform, w.Sight.Count, w.Sight.Order, orElse(w.Text, w.Type))
	switch {
	case w.Kind == proof.KindIntent:
		return nil
	case w.Outcome == proof.Executed:
		kind, text = alarm.CredentialCut, fmt.Sprintf("The credential of %s that did %d breaches was cut off under the standing order %s. The incident names the credential: find out who holds it, and give its honest holders another one.",
			w.Sight.Platform, w.Sight.Count, w.Sight.Order)
	}
	a := w.about(kind, alarms.Page, text)
	a.Incident = of
	return d.alarms.Raise(t, a)
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
func (d *Room) Sightings(ctx context.Context, by kernel.Caller, f SightingFilter) (out []Sighting, next int64, err error) {
	s, st, err := d.desk.Standing(ctx, by)
	if err == nil {
		err = kernel.Evidence(s, st, "Sightings")
	}
	if err != nil {
		return nil, 0, err
	}
	if f.Limit < 1 || f.Limit > kernel.MaxPage {
		f.Limit = kernel.MaxPage
	}
	limit := f.Limit
	f.Limit++
	var rows []store.Sighting
	if err := d.desk.Store.ReadOne(ctx, func(stx *store.Tx) error {
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

// TakenJob enters in the governance chain a change that the executor took directly.
type TakenJob struct {
	Executor string `json:"executor"`
	Sequence int64  `json:"sequence"`
}

func (TakenJob) Kind() string { return "desk.taken" }
