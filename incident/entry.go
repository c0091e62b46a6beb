package incident

import (
	"cmp"
	"fmt"
	"slices"

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

// statement returns what somebody signed in an entry of the desk's, nil if
// nobody signed anything there.
func (e Entry) statement() (*entry.Said, error) {
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
		s, err := e.statement()
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
		m.Text = fmt.Sprintf("Asked for %s on %s subject of %s, signed with %s. Needed: %s.", r.Act.Kind, wording.Article(string(r.Act.Tier)), r.Act.Platform, short(r.Signed.Statement.Key), r.Need)
	case entry.KindCountersign, entry.KindDecline:
		var a entry.Verdict
		if err := e.read(&a); err != nil {
			return err
		}
		m.Step, m.Who, m.Text = StepSigned, a.Signed.Statement.Signer, fmt.Sprintf("Countersigned with %s.", short(a.Signed.Statement.Key))
		if e.Body.Kind == entry.KindDecline {
			m.Step, m.Text = StepDeclined, fmt.Sprintf("Declined, signed with %s.", short(a.Signed.Statement.Key))
			if a.Alarm {
				m.Text = fmt.Sprintf("Declined with an alarm, signed with %s: the request was frozen.", short(a.Signed.Statement.Key))
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
		signed := r.Signed
		if r.Deed != nil {
			signed = r.Deed.Signed
		}
		if signed.Statement.V != "" {
			m.Text = fmt.Sprintf("The request was withdrawn, signed with %s.", short(signed.Statement.Key))
		}
	case entry.KindExpire:
		m.Text = "The request expired."
	case entry.KindIncident:
		var o entry.Incident
		if err := e.read(&o); err != nil {
			return err
		}
		m.Step, m.Who, m.Request, m.Text = StepOpened, o.Worker, cmp.Or(o.Breach, o.Request), "The incident "+o.Incident+" was opened."
	case entry.KindIncidentTask, entry.KindIncidentTaskDone:
		var x entry.IncidentTask
		if err := e.read(&x); err != nil {
			return err
		}
		m.Who, m.Text = x.Worker, fmt.Sprintf("Task %d was given to %s.", x.Number, x.Owner)
		if e.Body.Kind == entry.KindIncidentTaskDone {
			m.Text = fmt.Sprintf("Task %d was finished.", x.Number)
		}
	case entry.KindIncidentFindings:
		var f entry.IncidentFindings
		if err := e.read(&f); err != nil {
			return err
		}
		m.Who, m.Text = f.Worker, "Findings were proposed."
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

// governance tells a change of the desk.
func governance(e Entry, m *Moment) error {
	switch e.Body.Kind {
	case proof.KindFounding, proof.KindRow:
		return nil
	}
	var a proof.Authority
	taken := ""
	if e.Body.Kind == proof.KindTaken {
		var x proof.SignedExecution
		if err := e.read(&x); err != nil {
			return err
		}
		if x.Execution.Taken == nil {
			return bad("bad-entry", "Entry %d tells of something taken and does not hold it.", e.Index)
		}
		a, taken = *x.Execution.Taken, "Handed straight to the executor, and entered from there. "
	} else if err := e.read(&a); err != nil {
		return err
	}
	ch, err := actions.ParseChange(a.Action.Kind, a.Action.Change)
	if err != nil {
		return fmt.Errorf("entry %d: %w", e.Index, err)
	}
	st := a.Request.Statement
	m.Who, m.Request = st.Signer, st.Request
	m.Text = taken + wording.Done(a.Action.Kind, ch, signersOf(a))
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

// execution tells a record of the executor's, whose clock dates it.
func (t teller) execution(x proof.Execution) Moment {
	undo := t.undos[x.Request]
	m := Moment{At: x.At, Step: StepOther, Request: x.Request, Text: wording.Outcome(x, undo)}
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
		if x.Sight.Found.Status == platform.Up {
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

// short is enough of a key's name to tell it from others in one sentence.
func short(k workforce.KeyID) string {
	if len(k) > 12 {
		return string(k[:12])
	}
	return string(k)
}
