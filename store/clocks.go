package store

import (
	"slices"

	"countersign.dev/canonical"
	"countersign.dev/sqldb"
)

// The kinds of clocks.
const (
	PromiseClock  = "promise"  // from the opening of a case to its decision
	ReferralClock = "referral" // until the platform no longer preserves what was referred
	MediaClock    = "media"    // from the first reason of child safety to a specialist's press on the media
)

// Clock is what is due on a case, and whether it was met.
type Clock struct {
	Case    string
	Kind    string
	Started canonical.Time
	Due     canonical.Time
	Paused  canonical.Time // since when it stands still; zero: it runs
	Spent   int64          // microseconds that it has stood still
	Met     canonical.Time
	Missed  canonical.Time // when it was found to be missed
	Ended   canonical.Time // its case went away without a decision
}

const clockColumns = `case_id, kind, started, due, paused, spent, met, missed, ended`

func scanClock(r sqldb.Row) (c Clock, err error) {
	var started, due, paused, met, missed, ended int64
	err = r.Scan(&c.Case, &c.Kind, &started, &due, &paused, &c.Spent, &met, &missed, &ended)
	c.Started, c.Due, c.Paused = canonical.FromMicro(started), canonical.FromMicro(due), canonical.FromMicro(paused)
	c.Met, c.Missed, c.Ended = canonical.FromMicro(met), canonical.FromMicro(missed), canonical.FromMicro(ended)
	return c, err
}

// StartClocks starts clocks of cases.
func (tx *Tx) StartClocks(all []Clock) {
	rows := make([][]any, len(all))
	for i, c := range all {
		rows[i] = []any{c.Case, c.Kind, c.Started.Micro(), c.Due.Micro(), 0, 0, 0, 0, 0}
	}
	eachInsert(`insert into case_clock (`+clockColumns+`) values `, ` on conflict do nothing`, rows, func(s sqldb.Statement, _ int) { tx.Later(s, nil) })
}

// StartClock is StartClocks for one.
func (tx *Tx) StartClock(c Clock) { tx.StartClocks([]Clock{c}) }

// MoveClock gives the running clock of a kind another due time. One that was missed and is
// due later now is no longer missed.
func (tx *Tx) MoveClock(caseID, kind string, due canonical.Time) {
	tx.Later(sqldb.Statement{SQL: `update case_clock set due = $3, missed = case when missed < $3 then 0 else missed end where case_id = $1 and kind = $2 and met = 0 and ended = 0 and due <> $3`,
		Args: []any{caseID, kind, due.Micro()}}, nil)
}

// PauseClock stops the running clock of a kind.
func (tx *Tx) PauseClock(caseID, kind string, now canonical.Time) {
	tx.Later(sqldb.Statement{SQL: `update case_clock set paused = $3 where case_id = $1 and kind = $2 and met = 0 and ended = 0 and paused = 0`, Args: []any{caseID, kind, now.Micro()}}, nil)
}

// ResumeClock lets a paused clock go on, due as much later as it stood still. It returns the
// new due time; the zero time: no such clock was paused.
func (tx *Tx) ResumeClock(caseID, kind string, now canonical.Time) (due canonical.Time, err error) {
	var at int64
	err = tx.QueryRow(`update case_clock set due = due + ($3 - paused), spent = spent + ($3 - paused), paused = 0
		where case_id = $1 and kind = $2 and met = 0 and ended = 0 and paused > 0 returning due`, caseID, kind, now.Micro()).Scan(&at)
	if sqldb.IsNotFound(err) {
		return due, nil
	}
	return canonical.FromMicro(at), err
}

// MeetClock notes that what a clock waits for was done.
func (tx *Tx) MeetClock(caseID, kind string, now canonical.Time) {
	tx.Later(sqldb.Statement{SQL: `update case_clock set met = $3 where case_id = $1 and kind = $2 and met = 0 and ended = 0`, Args: []any{caseID, kind, now.Micro()}}, nil)
}

// UnmeetClock lets the clock of a kind run again, since what was done was taken back.
func (tx *Tx) UnmeetClock(caseID, kind string) {
	tx.Later(sqldb.Statement{SQL: `update case_clock set met = 0 where case_id = $1 and kind = $2 and ended = 0`, Args: []any{caseID, kind}}, nil)
}

// EndClock ends the clock of a kind without its being met: the case goes on as another one.
func (tx *Tx) EndClock(caseID, kind string, now canonical.Time) {
	tx.Later(sqldb.Statement{SQL: `update case_clock set ended = $3 where case_id = $1 and kind = $2 and met = 0 and ended = 0`, Args: []any{caseID, kind, now.Micro()}}, nil)
}

// FreezeClock is EndClock for a case that was decided; ThawClock lets the clock run again if
// that decision, which was made at the instant, is taken back.
func (tx *Tx) FreezeClock(caseID, kind string, now canonical.Time) { tx.EndClock(caseID, kind, now) }

// ThawClock lets a clock run again that was frozen at an instant.
func (tx *Tx) ThawClock(caseID, kind string, frozen canonical.Time) {
	tx.Later(sqldb.Statement{SQL: `update case_clock set ended = 0 where case_id = $1 and kind = $2 and met = 0 and ended = $3`, Args: []any{caseID, kind, frozen.Micro()}}, nil)
}

// PassClocks has the running clocks of a kind run in another case too, from the same start to
// the same end. It returns how many they are.
func (tx *Tx) PassClocks(from, to, kind string) (int64, error) {
	return tx.Exec(`insert into case_clock (`+clockColumns+`) select $2, kind, started, due, paused, spent, 0, missed, 0 from case_clock where case_id = $1 and kind = $3 and met = 0 and ended = 0
		on conflict (case_id, kind, started) do update set met = 0, ended = 0`, from, to, kind)
}

// RunningClocks returns when the running clocks of a kind are due, by case: the first that is
// due of each. Missed ones are among them.
func (tx *Tx) RunningClocks(kind string, ids ...string) (map[string]canonical.Time, error) {
	due := map[string]canonical.Time{}
	for page := range slices.Chunk(ids, 500) {
		args := []any{kind}
		for _, id := range page {
			args = append(args, id)
		}
		if _, err := sqldb.All(tx.Tx, func(r sqldb.Row) (id string, err error) {
			var at int64
			err = r.Scan(&id, &at)
			due[id] = canonical.FromMicro(at)
			return id, err
		}, `select case_id, min(due) from case_clock where kind = $1 and met = 0 and ended = 0 and case_id in (`+sqldb.Places(2, len(page))+`) group by case_id`, args...); err != nil {
			return nil, err
		}
	}
	return due, nil
}

// MissedCases returns cases of a queue with a clock of a kind that was missed and still runs,
// the longest missed first.
func (tx *Tx) MissedCases(queue, kind string, limit int) ([]string, error) {
	return sqldb.All(tx.Tx, scanText, `select k.case_id from case_clock k join case_file c on c.id = k.case_id
		where k.kind = $1 and k.missed > 0 and k.met = 0 and k.ended = 0 and c.queue = $2 order by k.due, k.case_id limit $3`, kind, queue, limit)
}

// Clocks returns the clocks of a case, oldest first.
func (tx *Tx) Clocks(caseID string) ([]Clock, error) {
	return sqldb.All(tx.Tx, scanClock, `select `+clockColumns+` from case_clock where case_id = $1 order by started, kind limit 1000`, caseID)
}

// QueuedClock is a clock with the queue of its case.
type QueuedClock struct {
	Clock
	Queue string
}

func scanQueuedClock(r sqldb.Row) (c QueuedClock, err error) {
	c.Clock, err = scanClock(rowWith{r, &c.Queue})
	return c, err
}

// rowWith scans one more column, the last one.
type rowWith struct {
	sqldb.Row
	last any
}

func (r rowWith) Scan(dest ...any) error { return r.Row.Scan(append(dest, r.last)...) }

// DueClocks returns the running clocks of cases in queues that are due by an instant and not
// met, the missed ones among them, in the order of their due times.
func (tx *Tx) DueClocks(queues []string, by canonical.Time, limit int) ([]QueuedClock, error) {
	if len(queues) == 0 {
		return nil, nil
	}
	args := []any{by.Micro(), limit}
	for _, q := range queues {
		args = append(args, q)
	}
	return sqldb.All(tx.Tx, scanQueuedClock, `select k.case_id, k.kind, k.started, k.due, k.paused, k.spent, k.met, k.missed, k.ended, c.queue
		from case_clock k join case_file c on c.id = k.case_id
		where k.met = 0 and k.ended = 0 and k.paused = 0 and k.due <= $1 and c.queue in (`+sqldb.Places(3, len(queues))+`) order by k.due, k.case_id limit $2`, args...)
}

// LateClocks returns running clocks whose time is over and that are not marked as missed yet.
func (tx *Tx) LateClocks(now canonical.Time, limit int) ([]QueuedClock, error) {
	return sqldb.All(tx.Tx, scanQueuedClock, `select k.case_id, k.kind, k.started, k.due, k.paused, k.spent, k.met, k.missed, k.ended, c.queue
		from case_clock k join case_file c on c.id = k.case_id
		where k.met = 0 and k.missed = 0 and k.ended = 0 and k.paused = 0 and k.due <= $1 order by k.due, k.case_id limit $2`, now.Micro(), limit)
}

// MissClock marks a clock as missed, if it still is. It reports whether it marked it.
func (tx *Tx) MissClock(c Clock, now canonical.Time) (bool, error) {
	n, err := tx.Exec(`update case_clock set missed = $4 where case_id = $1 and kind = $2 and started = $3 and met = 0 and missed = 0 and ended = 0 and paused = 0 and due <= $4`,
		c.Case, c.Kind, c.Started.Micro(), now.Micro())
	return n > 0, err
}

// missedIn is the table that counts the missed clocks of a kind.
func missedIn(kind string) string {
	if kind == MediaClock {
		return "media_missed"
	}
	return "promise_missed"
}

// CountMissed adds clocks that a queue missed to those that no alarm has told of: those of
// media by themselves, all others as promises.
func (tx *Tx) CountMissed(kind, queue string, n int64) error {
	_, err := tx.Exec(`insert into `+missedIn(kind)+` as m (queue, untold, told) values ($1, $2, 0) on conflict (queue) do update set untold = m.untold + excluded.untold`, queue, n)
	return err
}

// Untold is how many missed clocks of a queue no alarm has told of.
type Untold struct {
	Queue string
	Count int64
}

// Untold returns the queues with missed clocks of a kind of which no alarm has told, and whose
// last alarm was raised before an instant.
func (tx *Tx) Untold(kind string, before canonical.Time) ([]Untold, error) {
	return sqldb.All(tx.Tx, func(r sqldb.Row) (u Untold, err error) { return u, r.Scan(&u.Queue, &u.Count) },
		`select queue, untold from `+missedIn(kind)+` where untold > 0 and told <= $1 order by queue`, before.Micro())
}

// Told takes the missed clocks of a queue as told, if nobody else has told of them since an
// instant. It returns how many they are; 0: somebody has.
func (tx *Tx) Told(kind, queue string, before, now canonical.Time) (n int64, err error) {
	if err = tx.QueryRow(`select untold from `+missedIn(kind)+` where queue = $1 and untold > 0 and told <= $2`+tx.Dialect().ForUpdate(), queue, before.Micro()).Scan(&n); sqldb.IsNotFound(err) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	_, err = tx.Exec(`update `+missedIn(kind)+` set untold = 0, told = $2 where queue = $1`, queue, now.Micro())
	return n, err
}
