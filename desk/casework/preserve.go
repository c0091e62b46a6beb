package casework

import (
	"context"
	"time"

	"countersign.dev/canonical"
	"countersign.dev/desk/kernel"
	"countersign.dev/fault"
	"countersign.dev/jobs"
	"countersign.dev/ledger/proof"
	"countersign.dev/platform"
	"countersign.dev/store"
)

// PreserveFor is how long a platform is asked to preserve a subject that is reported for a
// reason of child safety.
const PreserveFor = 90 * 24 * time.Hour

// preserveJob asks a platform to preserve a subject. It may run more than once: the platform
// is told an end, and no length.
type preserveJob struct {
	Platform string `json:"platform"`
	Subject  string `json:"subject"`
}

func (preserveJob) Kind() string { return "desk.preserve" }

// preserve has the platform asked to preserve the subject of a case, once for the case.
func (d *Room) preserve(t *kernel.Tx, caseID string, s platform.Subject) error {
	s.Handle = ""
	asked, err := t.AskPreservation(store.Preservation{Case: caseID, Subject: s, Asked: t.Now(), Until: canonical.At(t.Now().Add(PreserveFor))})
	if err != nil || !asked {
		return err
	}
	return jobs.Enqueue(t.Tx.Tx, preserveJob{s.Platform, s.ID}, t.Now(), caseID)
}

// askPreserve asks the platform, and writes its answer down for each case that waits for it.
func (d *Room) askPreserve(ctx context.Context, s platform.Subject) error {
	var rows []store.Preservation
	read := func(stx *store.Tx) (err error) {
		rows, err = stx.UnansweredPreservations(s)
		return err
	}
	if err := d.desk.Store.ReadOne(ctx, read); err != nil || len(rows) == 0 {
		return err
	}
	until, since := rows[0].Until, rows[0].Asked
	for _, r := range rows { // the latest end serves all
		if r.Until.After(until.Time) {
			until = r.Until
		}
		if r.Asked.Before(since.Time) {
			since = r.Asked
		}
	}
	answer := store.PreservedAnswer
	if err := d.desk.Executor.Preserve(ctx, s, until); err != nil {
		if !refused(err) && d.desk.Now().Sub(since.Time) < d.evidence.c.Patience {
			return err // asked again later
		}
		answer = fault.TypeOf(err)
	}
	return d.desk.TryChange(ctx, func(*proof.State) (func(*kernel.Tx) error, error) {
		return func(t *kernel.Tx) error {
			for _, r := range rows {
				r.Answer, r.Answered = answer, t.Now()
				first, err := t.AnswerPreservation(r)
				if err != nil {
					return err
				}
				if !first {
					continue
				}
				c, err := t.CaseLocked(r.Case)
				if err != nil {
					return err
				}
				c.Version++
				c.Updated = t.Now()
				t.SaveCase(c)
				t.InsertMove(store.Move{Case: c.ID, Version: c.Version, Move: "preservation", Time: t.Now(), Detail: canonical.MustMarshal(map[string]any{"answer": answer, "subject": s.String(), "until": r.Until})})
				t.Signal(caseSignal(c.ID))
			}
			return nil
		}, nil
	})
}

// refused reports whether an error is an answer that asking again does not change.
func refused(err error) bool {
	switch kind := fault.KindOf(err); {
	case fault.Is(err, "no-such-subject"), fault.Is(err, "not-offered"), fault.Is(err, "no-such-platform"):
		return true
	case kind == fault.Invalid, kind == fault.Forbidden:
		return true
	}
	return false
}
