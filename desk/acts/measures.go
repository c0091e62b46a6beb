package acts

import (
	"context"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/desk/kernel"
	"countersign.dev/fault"
	"countersign.dev/id"
	"countersign.dev/jobs"
	"countersign.dev/ledger"
	"countersign.dev/ledger/proof"
	"countersign.dev/platform"
	"countersign.dev/store"
	"countersign.dev/workforce"
)

// Verdict is what somebody decides on a case, before it is a decision.
type Verdict struct {
	Case     string
	Version  int64
	Claim    int64
	Subject  platform.Subject
	Evidence canonical.Digest // of the stored document that was shown
	Language string
	Opened   []canonical.Digest
	Verdict  actions.CaseVerdict
	Rule     actions.DecidedRule
	Scores   []actions.Score
	Reasons  string
	Key      workforce.KeyID  // the key that will sign
	Session  canonical.Digest // as in Wish
}

// DraftMeasures turns a verdict on a case, and the wishes that it asks for, into a decision
// and its measures, with the statements that the caller may sign. It stores nothing.
func (d *Room) DraftMeasures(ctx context.Context, by kernel.Caller, v Verdict, wishes []Wish) (Decided, []Draft, error) {
	s, err := d.desk.State(ctx)
	if err != nil {
		return Decided{}, nil, err
	}
	var drafts []Draft
	var measures []canonical.Digest
	for _, w := range wishes {
		w.Case, w.Rule, w.Key, w.Session = v.Case, v.Rule.Rule(), v.Key, v.Session
		draft, err := d.draftWish(ctx, s, by, w)
		if err != nil {
			return Decided{}, nil, err
		}
		drafts, measures = append(drafts, draft), append(measures, draft.Action.Digest())
	}
	key, err := d.pickKey(s, by, v.Key)
	if err != nil {
		return Decided{}, nil, err
	}
	sealed := ledger.Opening{Name: reasonsName, Salt: d.desk.Random(32), Value: canonical.MustMarshal(v.Reasons)}
	commitment, err := sealed.Commitment()
	if err != nil {
		return Decided{}, nil, err
	}
	c := actions.Decision{V: actions.DecisionVersion, Case: v.Case, Version: v.Version, Claim: v.Claim, Subject: v.Subject, Evidence: v.Evidence, Language: v.Language,
		Opened: v.Opened, Verdict: v.Verdict, Rule: v.Rule, Scores: v.Scores, Measures: measures, Nonce: d.desk.Random(32), Reasons: commitment}
	if err := c.Check(); err != nil {
		return Decided{}, nil, err
	}
	now := d.desk.TimeNow()
	out := Decided{Decision: c, Reasons: sealed, Signed: actions.Signed{Statement: actions.Statement{V: actions.StatementVersion(s.Formats), Log: s.Origin, Founding: s.Root, Session: v.Session,
		Document: c.Digest(), Verdict: actions.VerdictDecide, Signer: by.Worker, Key: key, Executor: proof.DeskExecutor, Nonce: d.desk.Random(32),
		NotBefore: now, Expires: canonical.At(now.Add(proof.DocumentLife))}}}
	for i := range drafts {
		drafts[i].Statement.Decision = c.Digest()
		drafts[i].Decision = &out
	}
	return out, drafts, nil
}

// Measures are the measures of a decision that was judged, to be stored with it.
type Measures struct {
	room     *Room
	requests []store.Request
	judged   []judged
	warrants []*store.Appended
	Sessions []actions.SignedSession // that the decision and its measures name
}

// JudgeMeasures judges a signed decision with its signed measures. grave says that the case
// is of the highest severity, so that a session's key does not sign the decision. What it
// returns is stored with Store, in the change that was judged.
func (d *Room) JudgeMeasures(ctx context.Context, s *proof.State, by kernel.Caller, of Decided, grave bool, subs []Submission) (*Measures, error) {
	if err := d.desk.HandedIn(by, of.Signed); err != nil {
		return nil, err
	}
	if err := of.reasoned(); err != nil {
		return nil, err
	}
	out := &Measures{room: d}
	var err error
	if out.Sessions, err = d.desk.SessionsOf(ctx, of.Signed.Statement); err != nil {
		return nil, err
	}
	if err := s.MayDecide(*of.signed(), out.Sessions, grave, d.desk.Now()); err != nil {
		return nil, err
	}
	if len(subs) != len(of.Decision.Measures) {
		return nil, fault.New(fault.Invalid, "bad-decision", "The decision lists %d measures, and %d were handed in. Hand in all of them together.", len(of.Decision.Measures), len(subs))
	}
	for i, sub := range subs {
		sub.Decision = &of
		if sub.Action.Digest() != of.Decision.Measures[i] {
			return nil, fault.New(fault.Invalid, "bad-decision", "The measure %d is not the one that the decision lists there. Draft the decision again.", i+1)
		}
		r, v, err := d.judgeNew(ctx, s, by, sub)
		if err != nil {
			return nil, err
		}
		out.requests, out.judged = append(out.requests, r), append(out.judged, v)
	}
	return out, nil
}

// Store stores the measures in the change of their decision, and returns their requests.
func (m *Measures) Store(t *kernel.Tx, by kernel.Caller) ([]actions.Request, error) {
	m.warrants = make([]*store.Appended, len(m.requests))
	var out []actions.Request
	for i, r := range m.requests {
		r.Session = by.Token
		warrant, err := m.room.store(t, &r, m.judged[i], true)
		if err != nil {
			return nil, err
		}
		m.warrants[i] = warrant
		out = append(out, r.Request)
	}
	return out, nil
}

// Carry has the measures that are approved handed to the executor at once. It is called once
// the change is committed. The requests are those that Store returned.
func (m *Measures) Carry(stored []actions.Request) {
	for i, r := range stored {
		full := m.requests[i]
		full.Request = r
		if m.warrants[i] != nil {
			core := m.judged[i].core
			full.Core = canonical.MustMarshal(core)
		}
		m.room.hurry(full, m.warrants[i])
	}
}

// SettleCase is the job that looks what became of the measures of a case: one of them has
// ended without being carried out.
type SettleCase struct {
	Case string `json:"case"`
}

// Kind names the job.
func (SettleCase) Kind() string { return "desk.case.settle" }

// save stores a changed request, wakes those who wait for it, and lets its case go on.
func (d *Room) save(t *kernel.Tx, r store.Request) error {
	t.SaveRequest(r)
	t.Signal(requestSignal(r.ID))
	if !id.Valid(cases.CasePrefix, r.Action.Case) {
		return nil
	}
	switch r.Status {
	case actions.StatusHeld, actions.StatusApproved:
		return nil
	case actions.StatusExecuted, actions.StatusReversed, actions.StatusLifted:
		t.CloseCase(r.Action.Case, t.Now())
		return nil
	}
	return jobs.Enqueue(t.Tx.Tx, SettleCase{r.Action.Case}, t.Now(), r.Action.Case)
}

// decidedElsewhere refuses a measure with a case that does not come with the case's decision,
// once the desk has rules and queues.
func decidedElsewhere(s *proof.State, k actions.Kind, named string) error {
	if named == "" || !s.Casework() {
		return nil
	}
	return fault.New(fault.Conflict, caseDecides, throughCase)
}

// caseDecides is the type of the refusal of a measure that does not come with a decision, and
// throughCase says how one does.
const (
	caseDecides = "case-decides"
	throughCase = "Measures of a case come with the decision of whoever has claimed it. Take the next case with `countersign case next`, or open one of your own finding with `countersign report add --subject SUBJECT --reason REASON --text TEXT` and claim it with `countersign case claim CASE`; then decide it: `countersign case decide CASE --verdict violation --rule 1`."
)

// decides reports whether an act of the kind is a measure that a case's decision asks for.
func decides(spec actions.Spec) bool {
	return !spec.Desk && !spec.Emergency && spec.Direction == actions.Burdening
}
