package store

import (
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/sqldb"
	"countersign.dev/workforce"
)

// QueueOrder is what a lead has ordered of a queue.
type QueueOrder struct {
	Number int64
	Queue  string
	Factor int64 // thousandths
	Worker workforce.WorkerID
	Reason string
	Made   canonical.Time
	Until  canonical.Time
	Deed   string // digest of the deed
}

const queueOrderColumns = `number, queue, factor, worker, reason, made, until, deed`

func scanQueueOrder(r sqldb.Row) (o QueueOrder, err error) {
	var made, until int64
	err = r.Scan(&o.Number, &o.Queue, &o.Factor, &o.Worker, &o.Reason, &made, &until, &o.Deed)
	o.Made, o.Until = canonical.FromMicro(made), canonical.FromMicro(until)
	return o, err
}

// QueueOrders returns the newest order of each queue that has one.
func (tx *Tx) QueueOrders() ([]QueueOrder, error) {
	return sqldb.AllAnew(tx.Tx, scanQueueOrder, `select `+queueOrderColumns+` from queue_order o where not exists (select 1 from queue_order n where n.queue = o.queue and n.number > o.number) order by queue`)
}

// QueueOrderOf returns the newest order of a queue; its number is 0 if there is none.
func (tx *Tx) QueueOrderOf(queue string) (QueueOrder, error) {
	o, err := scanQueueOrder(tx.QueryRow(`select `+queueOrderColumns+` from queue_order where queue = $1 order by number desc limit 1`, queue))
	if sqldb.IsNotFound(err) {
		return QueueOrder{Queue: queue}, nil
	}
	return o, err
}

// OrderQueue stores an order under the next number, and returns that. Of two at the same instant one is
// refused.
func (tx *Tx) OrderQueue(o QueueOrder) (int64, error) {
	if err := tx.QueryRow(`select coalesce(max(number), 0) + 1 from queue_order`).Scan(&o.Number); err != nil {
		return 0, err
	}
	_, err := tx.Exec(`insert into queue_order (`+queueOrderColumns+`) values ($1, $2, $3, $4, $5, $6, $7, $8)`, o.Number, o.Queue, o.Factor, string(o.Worker), o.Reason, o.Made.Micro(), o.Until.Micro(), o.Deed)
	if sqldb.IsUnique(err) {
		return 0, fault.New(fault.Conflict, "wrong-state", "Somebody else ordered a queue at the same instant. Hand your order of %s in again.", o.Queue)
	}
	return o.Number, err
}
