package store

import (
	"countersign.dev/canonical"
	"countersign.dev/news"
	"countersign.dev/sqldb"
	"countersign.dev/workforce"
)

// Message is what the desk tells a person, on a channel of the person's own.
type Message struct {
	Worker workforce.WorkerID
	N      int64 // of the person's messages, from 1
	Kind   string
	Key    string // what it is about: one thing is told once
	Time   canonical.Time
	Body   []byte // canonical JSON
}

const messageColumns = `worker, n, kind, key, time, body`

func scanMessage(r sqldb.Row) (m Message, err error) {
	var at int64
	err = r.Scan(&m.Worker, &m.N, &m.Kind, &m.Key, &at, &m.Body)
	m.Time = canonical.FromMicro(at)
	return m, err
}

// ToldMessage reports whether a person has a message about something already, and which of the person's
// declarations of a channel is the newest, if that one names an address; 0 if none does.
func (tx *Tx) ToldMessage(w workforce.WorkerID, key string) (told bool, channel int64, err error) {
	var n int64
	err = tx.QueryRow(`select (select count(*) from message where worker = $1 and key = $2),
		coalesce((select case when webhook = 0 then 0 else n end from channel where worker = $1 order by n desc limit 1), 0)`, string(w), key).Scan(&n, &channel)
	return n > 0, channel, err
}

// InsertMessage stores a message under the person's next number, and drops the oldest ones of its
// kind beyond a number, so that nothing that comes in floods pushes out what is of another kind.
// The row of the mailbox gives one number after the other: whoever reads on after a number misses
// no message that is committed later.
func (tx *Tx) InsertMessage(m Message, most int) {
	w := string(m.Worker)
	tx.Later(sqldb.Statement{SQL: `insert into mailbox (worker, newest, seen) values ($1, 1, 0) on conflict (worker) do update set newest = mailbox.newest + 1`, Args: []any{w}}, nil)
	tx.Later(sqldb.Statement{SQL: `insert into message (worker, n, kind, key, time, body) select worker, newest, $2, $3, $4, $5 from mailbox where worker = $1
		on conflict (worker, key) do nothing`, Args: []any{w, m.Kind, m.Key, m.Time.Micro(), m.Body}}, nil)
	tx.Later(sqldb.Statement{SQL: `delete from message where worker = $1 and kind = $2
		and n <= (select n from message where worker = $1 and kind = $2 order by n desc limit 1 offset $3)`, Args: []any{w, m.Kind, most}}, nil)
	tx.tell(news.Inbox, w, 0)
}

// Message returns a person's message about something; ok is false if there is none.
func (tx *Tx) Message(w workforce.WorkerID, key string) (m Message, ok bool, err error) {
	m, err = scanMessage(tx.QueryRow(`select `+messageColumns+` from message where worker = $1 and key = $2`, string(w), key))
	if sqldb.IsNotFound(err) {
		return m, false, nil
	}
	return m, err == nil, err
}

// MessagesAfter returns up to limit of a person's messages after a number, in order.
func (tx *Tx) MessagesAfter(w workforce.WorkerID, n int64, limit int) ([]Message, error) {
	return sqldb.All(tx.Tx, scanMessage, `select `+messageColumns+` from message where worker = $1 and n > $2 order by n limit $3`, string(w), n, limit)
}

// MessagesBefore returns up to limit of a person's messages before a number, newest first.
func (tx *Tx) MessagesBefore(w workforce.WorkerID, n int64, limit int) ([]Message, error) {
	return sqldb.All(tx.Tx, scanMessage, `select `+messageColumns+` from message where worker = $1 and n < $2 order by n desc limit $3`, string(w), n, limit)
}

// Mailbox is how far a person's messages go.
type Mailbox struct {
	Newest int64 // number of the newest message; 0: there was none
	Seen   int64 // the person has read up to here
	Unread int64 // messages after Seen that are still kept
}

// Mailbox returns how far a person's messages go.
func (tx *Tx) Mailbox(w workforce.WorkerID) (m Mailbox, err error) {
	err = tx.QueryRow(`select newest, seen, (select count(*) from message where worker = $1 and n > mailbox.seen) from mailbox where worker = $1`, string(w)).
		Scan(&m.Newest, &m.Seen, &m.Unread)
	if sqldb.IsNotFound(err) {
		return Mailbox{}, nil
	}
	return m, err
}

// ReadUpTo moves the mark up to which a person has read. It never moves back, and not beyond the
// newest message.
func (tx *Tx) ReadUpTo(w workforce.WorkerID, n int64) {
	tx.Later(sqldb.Statement{SQL: `update mailbox set seen = case when $2 < newest then $2 else newest end where worker = $1 and seen < $2 and seen < newest`,
		Args: []any{string(w), n}}, func(touched int64) error {
		if touched > 0 {
			tx.tell(news.Inbox, string(w), 0)
		}
		return nil
	})
}

// ForgetMessages deletes the messages from before an instant.
func (tx *Tx) ForgetMessages(before canonical.Time) (int64, error) {
	return tx.Exec(`delete from message where time < $1`, before.Micro())
}

// Channel is a declaration of where a person wants messages sent.
type Channel struct {
	Worker  workforce.WorkerID
	N       int64 // of the person's declarations, from 1
	Webhook bool  // false: the inbox is only read
	Deed    string
	Time    canonical.Time
	Address []byte // encrypted
	Status  string // of the newest attempt to send, as of a Delivery, or "altered"; empty: none was made
	Answer  int    // the HTTP status of that attempt; 0: none
	Tried   canonical.Time
}

const channelColumns = `worker, n, webhook, deed, time, address, status, answer, tried`

func scanChannel(r sqldb.Row) (c Channel, err error) {
	var webhook, at, tried int64
	err = r.Scan(&c.Worker, &c.N, &webhook, &c.Deed, &at, &c.Address, &c.Status, &c.Answer, &tried)
	c.Webhook, c.Time, c.Tried = webhook != 0, canonical.FromMicro(at), canonical.FromMicro(tried)
	return c, err
}

// Channel returns a person's newest declaration, or the one with a number if n is not 0; ok is
// false if there is none.
func (tx *Tx) Channel(w workforce.WorkerID, n int64) (c Channel, ok bool, err error) {
	c, err = scanChannel(tx.QueryRow(`select `+channelColumns+` from channel where worker = $1 and ($2 = 0 or n = $2) order by n desc limit 1`, string(w), n))
	if sqldb.IsNotFound(err) {
		return Channel{}, false, nil
	}
	return c, err == nil, err
}

// InsertChannel stores a declaration. Two with one number are an error.
func (tx *Tx) InsertChannel(c Channel) error {
	_, err := tx.Exec(`insert into channel (`+channelColumns+`) values ($1, $2, $3, $4, $5, $6, '', 0, 0)`,
		string(c.Worker), c.N, asInt(c.Webhook), c.Deed, c.Time.Micro(), c.Address)
	return err
}

// SaveAttempt stores how the newest attempt to send to a declared address went. was is the status
// from before; changed is false if the row has another one.
func (tx *Tx) SaveAttempt(c Channel, was string) (changed bool, err error) {
	n, err := tx.Exec(`update channel set status = $4, answer = $5, tried = $6 where worker = $1 and n = $2 and status = $3`,
		string(c.Worker), c.N, was, c.Status, c.Answer, c.Tried.Micro())
	return n > 0, err
}

// SignedIn returns who of some workers has a token that holds now.
func (tx *Tx) SignedIn(now canonical.Time) ([]workforce.WorkerID, error) {
	return sqldb.All(tx.Tx, func(r sqldb.Row) (w workforce.WorkerID, err error) { return w, r.Scan(&w) },
		`select distinct worker from token where revoked = 0 and expires > $1`, now.Micro())
}
