package store

import (
	"time"

	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/sqldb"
	"countersign.dev/workforce"
)

// Reservation is a case that is kept for a person for a short time: the one that the person gets
// next. It shows nothing of the case.
type Reservation struct {
	Worker   workforce.WorkerID
	Number   int64 // of the worker's; it grows
	Case     string
	Token    string // that was shown
	Severity cases.Severity
	Made     canonical.Time
	Until    canonical.Time
	Renewed  int64
	Ended    canonical.Time
	Why      string // it ended: taken, over, moved, …
}

// Over reports whether its time is over.
func (r Reservation) Over(now canonical.Time) bool { return !now.Before(r.Until.Time) }

const reservationColumns = `worker, number, case_id, token, severity, made, until, renewed, ended, why`

func scanReservation(row sqldb.Row) (r Reservation, err error) {
	var made, until, ended int64
	err = row.Scan(&r.Worker, &r.Number, &r.Case, &r.Token, &r.Severity, &made, &until, &r.Renewed, &ended, &r.Why)
	r.Made, r.Until, r.Ended = canonical.FromMicro(made), canonical.FromMicro(until), canonical.FromMicro(ended)
	return r, err
}

// Reservation returns a worker's reservation that nothing has ended; its time may be over. ok is
// false if there is none.
func (tx *Tx) Reservation(w workforce.WorkerID) (r Reservation, ok bool, err error) {
	r, err = scanReservation(tx.QueryRow(`select `+reservationColumns+` from case_reservation where worker = $1 and ended = 0`, string(w)))
	if sqldb.IsNotFound(err) {
		return r, false, nil
	}
	return r, err == nil, err
}

// HadReservation reports whether a worker had a reservation of a case since an instant.
func (tx *Tx) HadReservation(id string, w workforce.WorkerID, since canonical.Time) (bool, error) {
	var n int64
	err := tx.QueryRow(`select count(*) from case_reservation where case_id = $1 and worker = $2 and made > $3`, id, string(w), since.Micro()).Scan(&n)
	return n > 0, err
}

// InsertReservation stores a new reservation under the worker's next number, which it returns. Those
// whose time is over make room for it: the worker's own, and that of the case. Unique indexes refuse
// a second live one of either.
func (tx *Tx) InsertReservation(r Reservation) (number int64, err error) {
	if err := tx.QueryRow(`select coalesce(max(number), 0) from case_reservation where worker = $1`, string(r.Worker)).Scan(&number); err != nil {
		return 0, err
	}
	number++
	tx.Later(sqldb.Statement{SQL: `update case_reservation set ended = $3, why = 'over' where (worker = $1 or case_id = $2) and ended = 0 and until <= $3`,
		Args: []any{string(r.Worker), r.Case, r.Made.Micro()}}, nil)
	tx.insertLater(`insert into case_reservation (`+reservationColumns+`) values `,
		[][]any{{string(r.Worker), number, r.Case, r.Token, string(r.Severity), r.Made.Micro(), r.Until.Micro(), r.Renewed, int64(0), ""}})
	return number, nil
}

// RenewReservation moves the end of a live reservation.
func (tx *Tx) RenewReservation(w workforce.WorkerID, number int64, until canonical.Time) {
	tx.Later(sqldb.Statement{SQL: `update case_reservation set until = $3, renewed = renewed + 1 where worker = $1 and number = $2 and ended = 0`, Args: []any{string(w), number, until.Micro()}}, nil)
}

// EndReservation ends a live reservation.
func (tx *Tx) EndReservation(w workforce.WorkerID, number int64, now canonical.Time, why string) {
	tx.Later(sqldb.Statement{SQL: `update case_reservation set ended = $3, why = $4 where worker = $1 and number = $2 and ended = 0`, Args: []any{string(w), number, now.Micro(), why}}, nil)
}

// endReservationOf ends the live reservation of a case, whoever has it.
func (tx *Tx) endReservationOf(id string, why string) {
	tx.Later(sqldb.Statement{SQL: `update case_reservation set ended = $2, why = $3 where case_id = $1 and ended = 0`, Args: []any{id, tx.Now().Micro(), why}}, nil)
}

// EndOverReservation ends a live reservation whose time is over.
func (tx *Tx) EndOverReservation(w workforce.WorkerID, number int64, now canonical.Time) {
	tx.Later(sqldb.Statement{SQL: `update case_reservation set ended = $3, why = 'over' where worker = $1 and number = $2 and ended = 0 and until <= $3`, Args: []any{string(w), number, now.Micro()}}, nil)
}

// LiveReservation is a reservation that nothing has ended, for those who end reservations.
type LiveReservation struct {
	Reservation
	Left bool // the sign-in under which it was made has ended
}

// LiveReservations returns the reservations that nothing has ended, by worker, from one on.
func (tx *Tx) LiveReservations(after workforce.WorkerID, now canonical.Time, limit int) ([]LiveReservation, error) {
	return sqldb.All(tx.Tx, func(row sqldb.Row) (r LiveReservation, err error) {
		var until, left int64
		err = row.Scan(&r.Worker, &r.Number, &r.Case, &until, &left)
		r.Until, r.Left = canonical.FromMicro(until), left > 0
		return r, err
	}, `select worker, number, case_id, until, (select count(*) from token t where t.id = r.token and (t.revoked > 0 or t.expires <= $2))
		from case_reservation r where ended = 0 and worker > $1 order by worker limit $3`, string(after), now.Micro(), limit)
}

// OldReservations reports whether a reservation ended before an instant.
func (tx *Tx) OldReservations(before canonical.Time) (bool, error) {
	all, err := sqldb.All(tx.Tx, scanText, `select case_id from case_reservation where ended > 0 and ended <= $1 limit 1`, before.Micro())
	return len(all) > 0, err
}

// DropReservations removes the reservations that ended before an instant, except the newest of each
// worker: no number is given twice.
func (tx *Tx) DropReservations(before canonical.Time) error {
	_, err := tx.Exec(`delete from case_reservation where ended > 0 and ended <= $1
		and number < (select max(m.number) from case_reservation m where m.worker = case_reservation.worker)`, before.Micro())
	return err
}

// CountReserved counts a lease on a following case that was given beside a claim.
func (tx *Tx) CountReserved(id string, number int64) {
	tx.Later(sqldb.Statement{SQL: `update case_claim set reserved = reserved + 1 where case_id = $1 and number = $2`, Args: []any{id, number}}, nil)
}

// Skipped reports whether a worker has skipped a case.
func (tx *Tx) Skipped(id string, w workforce.WorkerID) (bool, error) {
	var n int64
	err := tx.QueryRow(`select count(*) from case_skip where case_id = $1 and worker = $2`, id, string(w)).Scan(&n)
	return n > 0, err
}

// HandlingTimes returns how long people had the cases of a queue on their screens before they decided
// them: of the decided cases with the latest due times.
func (tx *Tx) HandlingTimes(queue string, limit int) ([]time.Duration, error) {
	sql := ""
	for _, state := range []cases.State{cases.Closed, cases.Decided, cases.Held} {
		if sql != "" {
			sql += ` union all `
		}
		sql += `select k.ended - k.shown from (select id, claim from case_file where state = '` + string(state) + `' and queue = $1 order by due desc, id desc limit $2) ` + string(state) + `
			join case_claim k on k.case_id = id and k.number = claim where k.why = 'decided' and k.shown > 0`
	}
	return sqldb.All(tx.Tx, func(r sqldb.Row) (time.Duration, error) {
		var micro int64
		err := r.Scan(&micro)
		return time.Duration(micro) * time.Microsecond, err
	}, sql, queue, limit)
}
