package store

import (
	"fmt"
	"strings"
	"time"

	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/id"
	"countersign.dev/sqldb"
	"countersign.dev/workforce"
)

// Misplaced is an open case that another queue set placed than the one in force.
type Misplaced struct {
	Case string
	Set  canonical.Digest // that placed it
}

// Misplaced returns open cases that another queue set placed than the one with this digest, the
// most urgent first, at most so many. Claimed ones are not among them: whoever
// holds a case goes on with it in the queue from which it was taken.
func (tx *Tx) Misplaced(set canonical.Digest, limit int) ([]Misplaced, error) {
	// Two ranges of the index; what differs from a value is none.
	older, err := sqldb.AllAnew(tx.Tx, scanText, `select distinct queue_set from (`+fmt.Sprintf(otherSets, "<", "before")+` union all `+fmt.Sprintf(otherSets, ">", "behind")+`) others`, set.String())
	if err != nil || len(older) == 0 {
		return nil, err
	}
	args, arms := []any{limit}, []string{}
	for _, one := range older {
		args = append(args, one)
		arms = append(arms, fmt.Sprintf(`select * from (select id, queue_set, due from case_file where state in ('waiting','held','asked','snoozed','escalated') and queue_set = $%d order by due, id limit $1) set%[1]d`, len(args)))
	}
	return sqldb.AllAnew(tx.Tx, func(r sqldb.Row) (m Misplaced, err error) {
		var by string
		if err := r.Scan(&m.Case, &by); err != nil {
			return m, err
		}
		return m, m.Set.UnmarshalText([]byte(by))
	}, `select id, queue_set from (`+strings.Join(arms, ` union all `)+`) misplaced order by due, id limit $1`, args...)
}

// otherSets finds the first of the older sets, or the last, that still has cases: a step through the
// index from one set to the next, however many cases each has.
const otherSets = `select queue_set from (select min(queue_set) as queue_set from case_file where state in ('waiting','held','asked','snoozed','escalated') and queue_set %s $1) %s where queue_set is not null`

// Misordered returns open cases of queues that another order of a lead placed than the one that holds
// now, of each queue the most urgent first, at most so many. Claimed ones are not among them.
func (tx *Tx) Misordered(set canonical.Digest, queues []string, now map[string]cases.Ahead, limit int) ([]Misplaced, error) {
	type other struct {
		queue  string
		number int64
	}
	args, arms := []any{}, []string{}
	for _, q := range queues {
		args = append(args, q, now[q].Number)
		for _, side := range []string{"<", ">"} {
			arms = append(arms, fmt.Sprintf(`select * from (select $%d as queue, min(ordering) as ordering from case_file where state in ('waiting','held','asked','snoozed','escalated') and queue = $%[1]d and ordering %s $%d) arm%d`, len(args)-1, side, len(args), len(arms)))
		}
	}
	older, err := sqldb.AllAnew(tx.Tx, func(r sqldb.Row) (o other, err error) { return o, r.Scan(&o.queue, &o.number) },
		`select queue, ordering from (`+strings.Join(arms, ` union all `)+`) others where ordering is not null`, args...)
	if err != nil || len(older) == 0 {
		return nil, err
	}
	args, arms = []any{limit}, nil
	for _, o := range older {
		args = append(args, o.queue, o.number)
		arms = append(arms, fmt.Sprintf(`select * from (select id, due from case_file where state in ('waiting','held','asked','snoozed','escalated') and queue = $%d and ordering = $%d order by due, id limit $1) arm%d`, len(args)-1, len(args), len(arms)))
	}
	return sqldb.AllAnew(tx.Tx, func(r sqldb.Row) (Misplaced, error) {
		m := Misplaced{Set: set}
		return m, r.Scan(&m.Case)
	}, `select id from (`+strings.Join(arms, ` union all `)+`) misordered order by due, id limit $1`, args...)
}

// TriedCase is a case with when its promise was met.
type TriedCase struct {
	cases.Case
	Met    canonical.Time     // zero: not yet, or the case went away
	Vendor workforce.VendorID // of whoever held it last
}

// TriedCases returns the cases that were opened since an instant, newest first, before one of them.
func (tx *Tx) TriedCases(before string, since canonical.Time, limit int) ([]TriedCase, error) {
	if before == "" {
		before = id.First(cases.CasePrefix, time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)) // behind every identifier
	}
	return sqldb.AllAnew(tx.Tx, func(r sqldb.Row) (t TriedCase, err error) {
		var met int64
		t.Case, err = scanCase(alongside{r, []any{&met, &t.Vendor}})
		t.Met = canonical.FromMicro(met)
		return t, err
	}, `select `+caseColumns+`, coalesce((select max(k.met) from case_clock k where k.case_id = c.id and k.kind = '`+PromiseClock+`'), 0), coalesce((select v.vendor from case_claim v where v.case_id = c.id and v.number = c.claim), '') from case_file c
		where id >= $1 and id < $2 and look = '' and state <> 'merged' order by id desc limit $3`, id.First(cases.CasePrefix, since.Time), before, limit)
}

// alongside is a row whose last columns go elsewhere.
type alongside struct {
	sqldb.Row
	last []any
}

func (a alongside) Scan(into ...any) error { return a.Row.Scan(append(into, a.last...)...) }
