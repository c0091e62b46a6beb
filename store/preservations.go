package store

import (
	"countersign.dev/canonical"
	"countersign.dev/platform"
	"countersign.dev/sqldb"
)

// PreservedAnswer is the answer of a platform that preserves what it was asked to.
const PreservedAnswer = "preserved"

// Preservation is what a platform was asked to preserve for a case.
type Preservation struct {
	Case     string
	Subject  platform.Subject // without its handle
	Until    canonical.Time
	Asked    canonical.Time
	Answered canonical.Time // zero: the platform has not answered yet
	Answer   string         // PreservedAnswer, or the stable type of the refusal, such as not-offered
}

const preservationColumns = `case_id, platform, subject, until, asked, answered, answer`

func scanPreservation(r sqldb.Row) (p Preservation, err error) {
	var until, asked, answered int64
	err = r.Scan(&p.Case, &p.Subject.Platform, &p.Subject.ID, &until, &asked, &answered, &p.Answer)
	p.Until, p.Asked, p.Answered = canonical.FromMicro(until), canonical.FromMicro(asked), canonical.FromMicro(answered)
	return p, err
}

// AskPreservation notes that a platform is to be asked to preserve a subject for a case. If
// that was noted before, nothing changes. It reports whether it was noted now.
func (tx *Tx) AskPreservation(p Preservation) (bool, error) {
	n, err := tx.Exec(`insert into case_preservation (`+preservationColumns+`) values ($1, $2, $3, $4, $5, 0, '') on conflict do nothing`,
		p.Case, p.Subject.Platform, p.Subject.ID, p.Until.Micro(), p.Asked.Micro())
	return n > 0, err
}

// PassPreservations gives another case the rows of a case too.
func (tx *Tx) PassPreservations(from, to string) error {
	_, err := tx.Exec(`insert into case_preservation (`+preservationColumns+`) select $2, platform, subject, until, asked, answered, answer from case_preservation where case_id = $1 on conflict do nothing`, from, to)
	return err
}

// Preservations returns what was to be preserved for a case, oldest first.
func (tx *Tx) Preservations(caseID string) ([]Preservation, error) {
	return sqldb.All(tx.Tx, scanPreservation, `select `+preservationColumns+` from case_preservation where case_id = $1 order by asked, platform, subject`, caseID)
}

// UnansweredPreservations returns the rows about a subject that no answer has come for.
func (tx *Tx) UnansweredPreservations(s platform.Subject) ([]Preservation, error) {
	return sqldb.All(tx.Tx, scanPreservation, `select `+preservationColumns+` from case_preservation where platform = $1 and subject = $2 and answered = 0 order by case_id`, s.Platform, s.ID)
}

// AnswerPreservation notes the answer of a platform. It reports whether it is the first one.
func (tx *Tx) AnswerPreservation(p Preservation) (bool, error) {
	n, err := tx.Exec(`update case_preservation set answered = $4, answer = $5 where case_id = $1 and platform = $2 and subject = $3 and answered = 0`,
		p.Case, p.Subject.Platform, p.Subject.ID, p.Answered.Micro(), p.Answer)
	return n > 0, err
}
