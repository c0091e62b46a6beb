package store

import (
	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/news"
	"countersign.dev/sqldb"
	"countersign.dev/workforce"
)

// Session is a session that a worker started at the desk.
type Session struct {
	Digest canonical.Digest
	Signed actions.SignedSession
	Ended  canonical.Time // a newer session of the same key took its place; zero: it is the key's newest
}

const sessionColumns = `digest, document, ended`

func scanSession(row sqldb.Row) (s Session, err error) {
	var digest string
	var document []byte
	var ended int64
	if err := row.Scan(&digest, &document, &ended); err != nil {
		return s, err
	}
	s.Ended = canonical.FromMicro(ended)
	if err := s.Digest.UnmarshalText([]byte(digest)); err != nil {
		return s, err
	}
	return s, canonical.UnmarshalExact(document, &s.Signed)
}

// Session returns a session by its digest; a fault "no-session" if there is none.
func (tx *Tx) Session(digest canonical.Digest) (Session, error) {
	s, err := scanSession(tx.QueryRow(`select `+sessionColumns+` from session where digest = $1`, digest.String()))
	if sqldb.IsNotFound(err) {
		return s, fault.New(fault.NotFound, "no-session", "This desk knows no session %s. Start one with `countersign session start`.", digest)
	}
	return s, err
}

// Sessions returns a worker's sessions that begin at or after an instant, newest first.
func (tx *Tx) Sessions(w workforce.WorkerID, from canonical.Time) ([]Session, error) {
	return sqldb.All(tx.Tx, scanSession, `select `+sessionColumns+` from session where worker = $1 and not_before >= $2 order by not_before desc limit 1000`,
		string(w), from.Micro())
}

// SessionsSince returns how many of a worker's sessions begin after an instant.
func (tx *Tx) SessionsSince(w workforce.WorkerID, from canonical.Time) (n int64, err error) {
	return n, tx.QueryRow(`select count(*) from session where worker = $1 and not_before > $2`, string(w), from.Micro()).Scan(&n)
}

// InsertSession stores a new session, and ends the older ones of the same key. It returns
// the sessions that ended before their time. A fault "session-older" says that a
// newer one of the key is there already.
func (tx *Tx) InsertSession(s actions.SignedSession, now canonical.Time) (ended []Session, err error) {
	c := s.Session
	newer, err := sqldb.All(tx.Tx, scanSession, `select `+sessionColumns+` from session where key_id = $1 and not_before > $2 limit 1`, string(c.Key), c.NotBefore.Micro())
	if err != nil {
		return nil, err
	}
	if len(newer) > 0 {
		return nil, fault.New(fault.Conflict, "session-older", "The key %s has started a newer session already. Start another one with `countersign session start`.", c.Key)
	}
	if ended, err = sqldb.All(tx.Tx, scanSession, `select `+sessionColumns+` from session where key_id = $1 and ended = 0 and expires > $2`, string(c.Key), now.Micro()); err != nil {
		return nil, err
	}
	for _, old := range ended {
		tx.tell(news.Session, old.Signed.Session.Digest().String(), 0)
	}
	if _, err = tx.Exec(`update session set ended = $2 where key_id = $1 and ended = 0 and expires > $2`, string(c.Key), now.Micro()); err != nil {
		return nil, err
	}
	_, err = tx.Exec(`insert into session (digest, key_id, worker, not_before, expires, document) values ($1, $2, $3, $4, $5, $6)`,
		c.Digest().String(), string(c.Key), string(c.Worker), c.NotBefore.Micro(), c.Expires.Micro(), canonical.MustMarshal(s))
	return ended, err
}

// LastDecision returns the newest version of a case that was decided; 0 if none was.
func (tx *Tx) LastDecision(caseID string) (version int64, err error) {
	err = tx.QueryRow(`select coalesce(max(version), 0) from decision where case_id = $1`, caseID).Scan(&version)
	return version, err
}

// Decide stores that a worker decided a case in a version: the one after the newest that is
// there. The same decision again changes nothing. A fault "case-moved" says that there is
// another decision on that version, or that the version before it was not decided: otherwise
// one decision on the largest version would be the case's last.
func (tx *Tx) Decide(d actions.Decision, by workforce.WorkerID, now canonical.Time) error {
	digest := d.Digest().String()
	last, err := tx.LastDecision(d.Case)
	if err != nil {
		return err
	}
	if d.Version > last+1 {
		return fault.New(fault.Conflict, "case-moved", "The case %q was decided in version %d last, so that it cannot be decided in version %d. Look at it again, and decide anew.", d.Case, last, d.Version)
	}
	n, err := tx.Exec(`insert into decision (case_id, version, digest, worker, time) values ($1, $2, $3, $4, $5) on conflict do nothing`, d.Case, d.Version, digest, string(by), now.Micro())
	if err != nil || n > 0 {
		return err
	}
	var have string
	if err := tx.QueryRow(`select digest from decision where case_id = $1 and version = $2`, d.Case, d.Version).Scan(&have); err != nil {
		return err
	}
	if have != digest {
		return fault.New(fault.Conflict, "case-moved", "The case %q was decided in version %d already. Look at it again, and decide anew.", d.Case, d.Version)
	}
	return nil
}
