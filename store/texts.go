package store

import (
	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/sqldb"
	"countersign.dev/workforce"
)

// Text is a text that the desk keeps, so that a change can name it by its digest.
type Text struct {
	Digest canonical.Digest
	Part   string // of the desk: actions.PartRules, PartQueues or PartHashes
	Worker workforce.WorkerID
	Time   canonical.Time
	Body   string
}

// Text returns a text by its digest; a fault "no-text" if there is none. It believes no row
// whose bytes have another digest, since somebody must have edited it.
func (tx *Tx) Text(digest canonical.Digest) (t Text, err error) {
	var worker string
	var time int64
	var body []byte
	err = tx.QueryRow(`select part, worker, time, body from text where digest = $1`, digest.String()).Scan(&t.Part, &worker, &time, &body)
	if sqldb.IsNotFound(err) {
		return t, fault.New(fault.NotFound, "no-text", "This desk has no text %s. Put it there first: the commands that propose a set do so.", digest)
	}
	if err != nil {
		return t, err
	}
	t.Digest, t.Worker, t.Time, t.Body = digest, workforce.WorkerID(worker), canonical.FromMicro(time), string(body)
	if actions.DigestOfText(t.Body) != digest {
		return t, fault.New(fault.Conflict, "text-edited", "The desk's database has other bytes under the digest %s: somebody edited it. Put the text there again from your own copy.", digest)
	}
	return t, nil
}

// PutText keeps a text. Its bytes decide its digest, so that the same text again changes
// nothing; bytes that somebody edited are put right.
func (tx *Tx) PutText(t Text) error {
	_, err := tx.Exec(`insert into text (digest, part, size, worker, time, body) values ($1, $2, $3, $4, $5, $6)
		on conflict (digest) do update set body = excluded.body, size = excluded.size`,
		actions.DigestOfText(t.Body).String(), t.Part, len(t.Body), string(t.Worker), t.Time.Micro(), []byte(t.Body))
	return err
}

// TextsBy counts the texts that a worker put to the desk after an instant.
func (tx *Tx) TextsBy(w workforce.WorkerID, since canonical.Time) (n int64, err error) {
	return n, tx.QueryRow(`select count(*) from text where worker = $1 and time > $2`, string(w), since.Micro()).Scan(&n)
}
