package incident

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/ledger"
	"countersign.dev/ledger/entry"
	"countersign.dev/ledger/proof"
	"countersign.dev/platform"
	"countersign.dev/wording"
	"countersign.dev/workforce"
)

// Entry is a ledger entry that was opened.
type Entry struct {
	Index int64
	Body  ledger.Body
}

// Names of fields that entries seal.
const (
	sealedSubject  = "subject"
	sealedHandle   = "handle"
	sealedTitle    = "title"
	sealedText     = "text"   // of a task
	sealedResult   = "result" // of a task
	sealedFindings = "findings"
	sealedName     = "name" // of a worker
)

// Said returns what somebody signed in an entry of the desk's, nil if
// nobody signed anything there.
func (e Entry) Said() (*entry.Said, error) {
	if e.Body.Class != ledger.Desk {
		return nil, nil
	}
	said, _, err := entry.SaidIn(e.Body.Kind, canonical.Raw(e.Body.Data), e.Body.Sealed)
	if err != nil {
		return nil, fmt.Errorf("entry %d: %w", e.Index, err)
	}
	return said, nil
}

func (e Entry) read(v any) error {
	if err := canonical.UnmarshalExact(e.Body.Data, v); err != nil {
		return fmt.Errorf("entry %d of kind %s: %w", e.Index, e.Body.Kind, err)
	}
	return nil
}

// tiers reports whether an entry says which subjects rules have raised. It is not about
// the incident: a bundle holds it to compare the tiers of warrants with it.
func (e Entry) tiers() bool {
	return e.Body.Class == ledger.Execution && e.Body.Kind == proof.KindTiers
}

// request returns the request or breach that an entry is about, as far as that
// can be told from any entry of ours.
func (e Entry) request() string {
	var about struct {
		Request   string `json:"request"`
		Execution struct {
			Request string `json:"request"`
		} `json:"execution"`
	}
	// What does not read so is about none.
	if err := json.Unmarshal(e.Body.Data, &about); err != nil {
		return ""
	}
	return cmp.Or(about.Request, about.Execution.Request)
}

// Tell returns the lines of a timeline that entries support, in the order of their times.
// Every entry supports at least one line, and no line says more than its entry. Texts hold
// no personal data.
func Tell(entries []Entry) ([]Moment, error) {
	t := teller{undos: map[string]bool{}}
	for _, e := range entries {
		s, err := e.Said()
		if err != nil {
			return nil, err
		}
		if s != nil && s.Statement.Verdict == actions.VerdictReverse {
			t.undos[s.Statement.Request] = true
		}
	}
	var all []Moment
	for _, e := range entries {
		m, err := t.moment(e)
		if err != nil {
			return nil, err
		}
		m.Source, m.Entry = FromLedger, e.Index
		all = append(all, m)
	}
	slices.SortStableFunc(all, byTime)
	return all, nil
}

func byTime(a, b Moment) int { return a.At.Compare(b.At.Time) }

// teller tells entries of which some explain others.
type teller struct {
	undos map[string]bool // requests that undo another one
}

func (t teller) moment(e Entry) (Moment, error) {
	m := Moment{At: e.Body.Time, Step: StepOther, Request: e.request(), Text: fmt.Sprintf("An entry of kind %s.", e.Body.Kind)}
	switch e.Body.Class {
	case ledger.Execution:
		x, err := proof.ParseExecution(e.Body)
		if err != nil {
			return m, err
		}
		return t.execution(x.Execution), nil
	case ledger.Governance:
		return m, governance(e, &m)
	}
	return m, t.desk(e, &m)
}

func (t teller) desk(e Entry, m *Moment) error {
	switch e.Body.Kind {
	case entry.KindRequest:
		var r entry.Request
		if err := e.read(&r); err != nil {
			return err
		}
		m.Step, m.Who = StepAsked, r.Signed.Statement.Signer
		m.Text = fmt.Sprintf("Asked for %s on %s subject of %s, signed with %s. Needed: %s.", r.Act.Kind, wording.Article(string(r.Act.Tier)), r.Act.Platform, with(r.Signed, r.Sessions), r.Need)
	case entry.KindCountersign, entry.KindDecline:
		var a entry.Verdict
		if err := e.read(&a); err != nil {
			return err
		}
		m.Step, m.Who, m.Text = StepSigned, a.Signed.Statement.Signer, fmt.Sprintf("Countersigned with %s.", with(a.Signed, nil))
		if e.Body.Kind == entry.KindDecline {
			m.Step, m.Text = StepDeclined, fmt.Sprintf("Declined, signed with %s.", with(a.Signed, nil))
			if a.Alarm {
				m.Text = fmt.Sprintf("Declined with an alarm, signed with %s: the request was frozen.", with(a.Signed, nil))
			}
		}
	case entry.KindWarrant:
		var r entry.Warrant
		if err := e.read(&r); err != nil {
			return err
		}
		m.Step = StepApproved
		m.Text = fmt.Sprintf("The warrant for %s was entered: asked by %s, who alone had to sign.", r.Kind, r.Requester)
		if len(r.Countersigners) > 0 {
			m.Text = fmt.Sprintf("The warrant for %s was entered: asked by %s, countersigned by %s.", r.Kind, r.Requester, wording.People(r.Countersigners))
		}
	case entry.KindWithdraw:
		var r entry.End
		if err := e.read(&r); err != nil {
			return err
		}
		m.Who, m.Text = r.Worker, "The request was withdrawn."
		switch {
		case r.Deed != nil:
			m.Text = doneWith("The request was withdrawn", *r.Deed)
		case r.Signed.Statement.V != "":
			m.Text = fmt.Sprintf("The request was withdrawn, signed with %s.", with(r.Signed, nil))
		}
	case entry.KindExpire:
		m.Text = "The request expired."
	case entry.KindIncident:
		var o entry.Incident
		if err := e.read(&o); err != nil {
			return err
		}
		m.Step, m.Who, m.Request, m.Text = StepOpened, o.Worker, cmp.Or(o.Breach, o.Request), doneWith("The incident "+o.Incident+" was opened", o.Deed)
	case entry.KindIncidentTask, entry.KindIncidentTaskDone:
		var x entry.IncidentTask
		if err := e.read(&x); err != nil {
			return err
		}
		m.Who, m.Text = x.Worker, doneWith(fmt.Sprintf("Task %d was given to %s", x.Number, x.Owner), x.Deed)
		if e.Body.Kind == entry.KindIncidentTaskDone {
			m.Text = doneWith(fmt.Sprintf("Task %d was finished", x.Number), x.Deed)
		}
	case entry.KindIncidentFindings:
		var f entry.IncidentFindings
		if err := e.read(&f); err != nil {
			return err
		}
		m.Who, m.Text = f.Worker, doneWith("Findings were proposed", f.Deed)
	case entry.KindSession:
		var x actions.SignedSession
		if err := e.read(&x); err != nil {
			return err
		}
		m.Who, m.Text = x.Session.Worker, fmt.Sprintf("Started the %s, certified by %s.", wording.SessionOf(x.Session), x.Session.Key)
	case entry.KindAlarm:
		var a struct {
			Severity string `json:"severity"`
			Text     string `json:"text"`
		}
		// What further members an alarm has is the desk's affair.
		if err := json.Unmarshal(e.Body.Data, &a); err != nil {
			return bad("bad-entry", "Entry %d is of kind %s and does not read as one.", e.Index, e.Body.Kind).Because(err)
		}
		m.Step, m.Text = StepAlarmed, fmt.Sprintf("Alarm (%s): %s", a.Severity, a.Text)
	}
	return nil
}

// authority returns the change of the desk, with its signatures, in an entry of the
// governance chain that holds one. taken says that its signer handed it straight to the
// executor.
func (e Entry) authority() (a proof.Authority, taken bool, err error) {
	if e.Body.Kind != proof.KindTaken {
		return a, false, e.read(&a)
	}
	var x proof.SignedExecution
	if err := e.read(&x); err != nil {
		return a, true, err
	}
	if x.Execution.Taken == nil {
		return a, true, bad("bad-entry", "Entry %d tells of something taken and does not hold it.", e.Index)
	}
	return *x.Execution.Taken, true, nil
}

// governance tells a change of the desk.
func governance(e Entry, m *Moment) error {
	switch e.Body.Kind {
	case proof.KindFounding, proof.KindRow:
		return nil
	}
	a, isTaken, err := e.authority()
	if err != nil {
		return err
	}
	taken := ""
	if isTaken {
		taken = "Handed straight to the executor, and entered from there. "
	}
	ch, err := actions.ParseChange(a.Action.Kind, a.Action.Change)
	if err != nil {
		return fmt.Errorf("entry %d: %w", e.Index, err)
	}
	st := a.Request.Statement
	m.Who, m.Request = st.Signer, st.Request
	if st.V == actions.StatementV1 {
		m.Text = taken + wording.Done(a.Action.Kind, ch, signersOf(a))
	} else {
		m.Text = taken + wording.Done(a.Action.Kind, ch, nil) + signatures(a)
	}
	switch c := ch.(type) {
	case actions.Freeze:
		if !c.Thaws() {
			m.Step = StepFrozen
		}
	case actions.Review:
		if c.Of == actions.ReviewIncident {
			m.Step = StepClosed
		}
	}
	return nil
}

func signersOf(a proof.Authority) []workforce.WorkerID {
	all := []workforce.WorkerID{a.Request.Statement.Signer}
	for _, c := range a.Countersignatures {
		all = append(all, c.Statement.Signer)
	}
	return all
}

// signatures says who signed a change of the desk, and with what.
func signatures(a proof.Authority) string {
	by := []string{fmt.Sprintf("%s with %s", a.Request.Statement.Signer, with(a.Request, a.Sessions))}
	for _, c := range a.Countersignatures {
		by = append(by, fmt.Sprintf("%s with %s", c.Statement.Signer, with(c, nil)))
	}
	return " Signed by " + strings.Join(by, "; ") + "."
}

// Ends returns the scope in which an entry of the governance chain ends sessions; nil if it
// ends none.
func (e Entry) Ends() (*actions.Void, error) {
	if e.Body.Class != ledger.Governance || e.Body.Kind != string(actions.DeskKey) && e.Body.Kind != proof.KindTaken {
		return nil, nil
	}
	a, _, err := e.authority()
	if err != nil || a.Action.Kind != actions.DeskKey {
		return nil, err
	}
	ch, err := actions.ParseChange(a.Action.Kind, a.Action.Change)
	if err != nil {
		return nil, fmt.Errorf("entry %d: %w", e.Index, err)
	}
	return ch.(actions.Keys).Void, nil
}

// execution tells a record of the executor's, whose clock dates it.
func (t teller) execution(x proof.Execution) Moment {
	undo := t.undos[x.Request]
	m := Moment{At: x.At, Step: StepOther, Request: x.Request, Layer: x.Layer, Text: wording.Outcome(x, undo)}
	if x.Sight != nil && m.Layer == platform.VisibilityLayer {
		m.Layer = x.Sight.Layer
	}
	intent, executed := x.Kind == proof.KindIntent, x.Outcome == proof.Executed
	switch x.Duty {
	case proof.DutyWatch:
		watched(x, &m)
	case proof.DutyRestore:
		switch {
		case intent:
			m.Step = StepRestoring
		case executed:
			m.Step = StepRestored
		}
	case proof.DutyCut:
	case proof.DutyLift:
		if executed && !intent {
			m.Step = StepReversed
		}
	default:
		switch {
		case intent:
			m.Step = StepIntended
		case executed && undo:
			m.Step = StepReversed
		case executed:
			m.Step = StepExecuted
		}
	}
	return m
}

// watched says which step a record of the watch is, and when and by whom it was taken.
func watched(x proof.Execution, m *Moment) {
	switch x.Kind {
	case proof.KindBreach, proof.KindObserved:
		m.Step, m.At = StepSeen, x.Sight.Seen
	case proof.KindOver:
		m.At = x.Sight.Seen
		if x.Sight.Found.Status == x.Sight.Layer.Clear() {
			m.Step = StepReversed
		}
	case proof.KindTold:
		m.Step = StepAttributed
	case proof.KindTaken:
		if x.Taken == nil {
			return
		}
		m.Who = x.Taken.Request.Statement.Signer
		ch, err := actions.ParseChange(x.Taken.Action.Kind, x.Taken.Action.Change)
		if c, ok := ch.(actions.Freeze); err == nil && ok && !c.Thaws() {
			m.Step = StepFrozen
		}
	}
}

// with says with what a statement in an entry was signed, under one of sessions if it names
// one.
func with(s actions.Signed, sessions []actions.SignedSession) string {
	return wording.With(s, actions.SessionNamed(s.Statement, sessions), short(s.Statement.Key))
}

// doneWith ends a line about a deed. Deeds of version 1, and those from before deeds were
// signed, are told without a signature, as programs of that time told them.
func doneWith(line string, d actions.SignedDeed) string {
	if d.Signed.Statement.V != actions.StatementV2 {
		return line + "."
	}
	var sessions []actions.SignedSession
	if d.Session != nil {
		sessions = append(sessions, *d.Session)
	}
	return fmt.Sprintf("%s, signed with %s.", line, with(d.Signed, sessions))
}

// short is enough of a key's name to tell it from others in one sentence.
func short(k workforce.KeyID) string {
	if len(k) > 12 {
		return string(k[:12])
	}
	return string(k)
}
