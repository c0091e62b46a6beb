package store

import (
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/sqldb"
	"countersign.dev/workforce"
)

// HandOver is what a lead has handed over.
type HandOver struct {
	Deed     canonical.Digest // of the signed deed
	ID       string           // of its document; empty: nothing was done
	Worker   workforce.WorkerID
	Made     canonical.Time
	Reserved int64 // reservations that ended
	Cases    []string
}

// HandOver returns what a deed has handed over; ok is false if it has not been done.
func (tx *Tx) HandOver(deed canonical.Digest) (h HandOver, ok bool, err error) {
	h.Deed = deed
	var made int64
	var list []byte
	err = tx.QueryRow(`select id, worker, made, reserved, cases from hand_over where deed = $1`, deed.String()).Scan(&h.ID, &h.Worker, &made, &h.Reserved, &list)
	if sqldb.IsNotFound(err) {
		return h, false, nil
	}
	if err != nil {
		return h, false, err
	}
	h.Made = canonical.FromMicro(made)
	return h, true, canonical.Unmarshal(list, &h.Cases)
}

// InsertHandOver notes what a deed has handed over. Of the same deed twice at once, one is refused.
func (tx *Tx) InsertHandOver(h HandOver) error {
	_, err := tx.Exec(`insert into hand_over (deed, id, worker, made, reserved, cases) values ($1, $2, $3, $4, $5, $6)`,
		h.Deed.String(), h.ID, string(h.Worker), h.Made.Micro(), h.Reserved, string(canonical.MustMarshal(h.Cases)))
	if sqldb.IsUnique(err) {
		return fault.New(fault.Conflict, "wrong-state", "The same hand-over was handed in twice at once. Hand it in again, and you get its answer.")
	}
	return err
}
