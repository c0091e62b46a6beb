package store

import (
	"fmt"
	"strings"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/sqldb"
)

// RecordOf names the record of a reporter, by the keyed digest, for one group of reasons.
type RecordOf struct {
	Reporter string
	Reasons  cases.Group
}

// groupOfReason is SQL that turns the reason of a report into its group.
var groupOfReason = func() string {
	var b strings.Builder
	b.WriteString("case r.reason")
	for _, reason := range cases.Reasons() {
		fmt.Fprintf(&b, " when '%s' then '%s'", reason, reason.Group())
	}
	return b.String() + " else '" + string(cases.GroupOther) + "' end"
}()

// CountOutcome notes what a decision says of those who reported in its case: a violation confirms them,
// no violation refutes them, and any other verdict says nothing. What an older decision on the case said
// counts no more. Reports without an account, those that were taken back, and the own findings of workers
// are in nobody's record.
func (tx *Tx) CountOutcome(d CaseDecision) {
	tx.Later(sqldb.Statement{SQL: `delete from reporter_outcome where case_id = $1`, Args: []any{d.Case}}, nil)
	var truthful int64
	switch actions.CaseVerdict(d.Verdict) {
	case actions.CaseViolation:
		truthful = 1
	case actions.CaseNoViolation:
	default:
		return
	}
	tx.Later(sqldb.Statement{SQL: `insert into reporter_outcome (case_id, reporter, reasons, decision, truthful, time)
		select distinct r.case_id, r.reporter, ` + groupOfReason + `, d.id, ` + fmt.Sprint(truthful) + `, d.time
		from report r join case_decision d on d.case_id = r.case_id where d.id = $1 and r.anonymous = 0 and r.withdrawn = 0 and r.reporter <> '' and r.program not like '@%'`, Args: []any{d.ID}}, nil)
}

// ForgetOutcome undoes CountOutcome for a decision that was taken back.
func (tx *Tx) ForgetOutcome(decision string) {
	tx.Later(sqldb.Statement{SQL: `delete from reporter_outcome where decision = $1`, Args: []any{decision}}, nil)
}

// Records returns the records of reporters as they are now. Who has none is not among them. Cases that
// were decided on the same day are read together.
func (tx *Tx) Records(reporters []string, now canonical.Time) (map[RecordOf]cases.Record, error) {
	type row struct {
		of       RecordOf
		truthful bool
		at       canonical.Time
		n        int64
	}
	const day = int64(24 * time.Hour / time.Microsecond)
	out := map[RecordOf]cases.Record{}
	return out, inParts(2, reporters, func(places string, args []any) error {
		all, err := sqldb.AllAnew(tx.Tx, func(r sqldb.Row) (one row, err error) {
			var truthful, on int64
			err = r.Scan(&one.of.Reporter, &one.of.Reasons, &truthful, &on, &one.n)
			one.truthful, one.at = truthful != 0, canonical.FromMicro(on*day)
			return one, err
		}, fmt.Sprintf(`select reporter, reasons, truthful, time / %d, count(*) from reporter_outcome where time > $1 and reporter in (%s) group by reporter, reasons, truthful, time / %[1]d order by 1, 2, 3, 4`, day, places),
			append([]any{now.Add(-cases.RecordLife).UnixMicro()}, args...)...)
		for _, one := range all {
			out[one.of] = out[one.of].With(one.truthful, one.n, one.at, now)
		}
		return err
	})
}
