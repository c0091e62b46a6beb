package store

import (
	"fmt"

	"countersign.dev/canonical"
	"countersign.dev/sqldb"
)

// Misplaced is an open case that another queue set placed than the one in force.
type Misplaced struct {
	Case string
	Set  canonical.Digest // that placed it
}

// Misplaced returns open cases that another queue set placed than the one with this digest, in
// the order of their identifiers, at most so many. Claimed ones are not among them: whoever
// holds a case goes on with it in the queue from which it was taken.
func (tx *Tx) Misplaced(set canonical.Digest, limit int) ([]Misplaced, error) {
	// Two ranges of the index; what differs from a value is none.
	const side = `select * from (select id, queue_set from case_file where state in ('waiting','held','asked','snoozed','escalated') and queue_set %s $1 order by queue_set, id limit $2) %s`
	return sqldb.AllAnew(tx.Tx, func(r sqldb.Row) (m Misplaced, err error) {
		var by string
		if err := r.Scan(&m.Case, &by); err != nil {
			return m, err
		}
		return m, m.Set.UnmarshalText([]byte(by))
	}, `select id, queue_set from (`+fmt.Sprintf(side, "<", "before")+` union all `+fmt.Sprintf(side, ">", "behind")+`) misplaced order by id limit $2`, set.String(), limit)
}
