package acts

import (
	"context"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/ledger/proof"
	"countersign.dev/store"
)

// Decided is a decision with its statement: as a draft without the signature, and as it is
// handed in. The reasons are sealed in the ledger's entry of the request.
type Decided struct {
	Decision actions.Decision
	Signed   actions.Signed
	Reasons  ledger.Opening
}

// signed returns the part that the ledger and the warrant hold.
func (d *Decided) signed() *actions.SignedDecision {
	if d == nil {
		return nil
	}
	return &actions.SignedDecision{Decision: d.Decision, Signed: d.Signed}
}

// statement returns the statement that signs the decision.
func (d *Decided) statement() *actions.Signed {
	if d == nil {
		return nil
	}
	return &d.Signed
}

// reasonsName is the name of the field that seals the reasons of a decision.
const reasonsName = "reasons"

// decide drafts the decision that an action with a case is a measure of. Nobody has claimed
// the case: its identifier is the text that the caller gave, and its version counts the
// decisions under that text.
func (d *Room) decide(ctx context.Context, s *proof.State, out *Draft, reasons string) error {
	a := out.Action
	if a.V == actions.ActionV1 || a.Case == "" {
		return nil
	}
	var last int64
	if err := d.desk.Store.Read(ctx, func(stx *store.Tx) (err error) {
		last, err = stx.LastDecision(a.Case)
		return err
	}); err != nil {
		return err
	}
	sealed := ledger.Opening{Name: reasonsName, Salt: d.desk.Random(32), Value: canonical.MustMarshal(reasons)}
	commitment, err := sealed.Commitment()
	if err != nil {
		return err
	}
	c := actions.Decision{V: actions.DecisionVersion, Case: a.Case, Version: last + 1, Subject: a.Subject, Verdict: actions.CaseViolation, Language: "und",
		Measures: []canonical.Digest{a.Digest()}, Nonce: d.desk.Random(32), Reasons: commitment}
	if err := c.Check(); err != nil {
		return err
	}
	st := out.Statement
	out.Decision = &Decided{Decision: c, Reasons: sealed, Signed: actions.Signed{Statement: actions.Statement{V: st.V, Log: st.Log, Founding: st.Founding, Session: st.Session,
		Document: c.Digest(), Verdict: actions.VerdictDecide, Signer: st.Signer, Key: st.Key, Executor: proof.DeskExecutor, Nonce: d.desk.Random(32),
		NotBefore: st.NotBefore, Expires: canonical.At(st.NotBefore.Add(proof.DocumentLife))}}}
	out.Statement.Decision = c.Digest()
	return nil
}

// reasoned checks that the reasons that were handed in are those to which the decision
// commits.
func (d *Decided) reasoned() error {
	if d == nil {
		return nil
	}
	if commitment, err := d.Reasons.Commitment(); err != nil || d.Reasons.Name != reasonsName || commitment != d.Decision.Reasons {
		return fault.New(fault.Invalid, "bad-decision", "The reasons are not those to which the decision commits.").Because(err)
	}
	return nil
}

// belongs reports whether an action's subject belongs to that of its decision: it is the
// same, the account that owns it, or other content of that account.
func (d *Room) belongs(ctx context.Context, s *proof.State, of *actions.SignedDecision, a actions.Action) (bool, error) {
	if of == nil || of.Decision.Subject.ID == a.Subject.ID {
		return true, nil
	}
	owners := [2]string{}
	for i, subject := range []string{of.Decision.Subject.String(), a.Subject.String()} {
		r, err := d.desk.Read(ctx, s, subject)
		if err != nil {
			return false, err
		}
		owners[i] = r.Account()
	}
	return owners[0] != "" && owners[0] == owners[1], nil
}
