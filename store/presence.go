package store

import (
	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/fault"
	"countersign.dev/sqldb"
	"countersign.dev/workforce"
)

// Presence is one stretch of a person's day.
type Presence struct {
	Worker workforce.WorkerID
	State  cases.Presence // empty: nothing is known of the person
	Since  canonical.Time
	Seen   canonical.Time     // when the person last did something in it
	Ended  canonical.Time     // zero: it goes on
	By     workforce.WorkerID // who said so; empty: the desk noticed it
}

// At returns the presence as it is at an instant: whoever was not heard of for cases.InactiveAfter is
// away since then, whether or not a row says so yet.
func (p Presence) At(now canonical.Time) Presence {
	if over := p.Seen.Add(cases.InactiveAfter); p.State == cases.On && !now.Before(over) {
		p.State, p.Since, p.By = cases.Away, canonical.At(over), ""
	}
	return p
}

const presenceColumns = `worker, state, since, seen, ended, made_by`

func scanPresence(r sqldb.Row) (p Presence, err error) {
	var since, seen, ended int64
	err = r.Scan(&p.Worker, &p.State, &since, &seen, &ended, &p.By)
	p.Since, p.Seen, p.Ended = canonical.FromMicro(since), canonical.FromMicro(seen), canonical.FromMicro(ended)
	return p, err
}

// PresenceOf returns where a worker is, as the newest row says; its state is empty if there is none.
func (tx *Tx) PresenceOf(w workforce.WorkerID) (Presence, error) {
	p, err := scanPresence(tx.QueryRow(`select `+presenceColumns+` from presence where worker = $1 and ended = 0`, string(w)))
	if sqldb.IsNotFound(err) {
		return Presence{Worker: w}, nil
	}
	return p, err
}

// Presences returns where everybody is of whom something is known, by name.
func (tx *Tx) Presences() ([]Presence, error) {
	return sqldb.All(tx.Tx, scanPresence, `select `+presenceColumns+` from presence where ended = 0 order by worker`)
}

// PresenceHistory returns the stretches of a worker's days, newest first, at most so many.
func (tx *Tx) PresenceHistory(w workforce.WorkerID, limit int) ([]Presence, error) {
	return sqldb.All(tx.Tx, scanPresence, `select `+presenceColumns+` from presence where worker = $1 order by since desc, ended limit $2`, string(w), limit)
}

// Inactive returns those who are on by their rows, and were not seen since an instant, at most so many.
func (tx *Tx) Inactive(since canonical.Time, limit int) ([]Presence, error) {
	return sqldb.All(tx.Tx, scanPresence, `select `+presenceColumns+` from presence where ended = 0 and state = 'on' and seen <= $1 order by seen, worker limit $2`, since.Micro(), limit)
}

// BeAt ends the present stretch of a worker's day and begins another. Of two at the same instant one is
// refused.
func (tx *Tx) BeAt(p Presence) error {
	if _, err := tx.Exec(`update presence set ended = $2 where worker = $1 and ended = 0`, string(p.Worker), p.Since.Micro()); err != nil {
		return err
	}
	_, err := tx.Exec(`insert into presence (`+presenceColumns+`) values ($1, $2, $3, $4, 0, $5)`, string(p.Worker), string(p.State), p.Since.Micro(), p.Seen.Micro(), string(p.By))
	if sqldb.IsUnique(err) {
		return fault.New(fault.Conflict, "wrong-state", "Where %s is was changed in another window at the same instant. Do it again.", p.Worker)
	}
	return err
}

// SeenNow notes that a worker did something at the desk.
func (tx *Tx) SeenNow(w workforce.WorkerID) {
	tx.Later(sqldb.Statement{SQL: `update presence set seen = $2 where worker = $1 and ended = 0 and seen < $2`, Args: []any{string(w), tx.Now().Micro()}}, nil)
}

// LeaveDesk has a worker be away from now on, if something else is known of them.
func (tx *Tx) LeaveDesk(w, by workforce.WorkerID) error {
	p, err := tx.PresenceOf(w)
	if err != nil || p.State == "" || p.State == cases.Away {
		return err
	}
	return tx.BeAt(Presence{Worker: w, State: cases.Away, Since: tx.Now(), Seen: p.Seen, By: by})
}

// TurnsOf returns the cases that wait for a worker, to whom they come back.
func (tx *Tx) TurnsOf(w workforce.WorkerID) ([]string, error) {
	return sqldb.All(tx.Tx, scanText, `select id from case_file where turn = $1 and turn <> '' and state = 'waiting' order by id`, string(w))
}
