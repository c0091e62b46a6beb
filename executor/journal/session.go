package journal

import (
	"context"
	"fmt"
	"math"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/ledger/proof"
	"countersign.dev/sqldb"
)

// Grounds are the documents on which an act rests and which the journal remembers: the
// sessions under which it was signed, and the decision that it is a measure of.
type Grounds struct {
	Sessions []actions.SignedSession
	Index    int64 // of the request's entry
	At       canonical.Time
	Decision *actions.SignedDecision
}

// sessionKept is how long a session is kept after it began: longer than an act can still be
// valid that an older session of the same key signed.
const sessionKept = actions.SessionLife + proof.LongestLife + time.Hour

// Replaced returns the fault "session-replaced" if a newer session of the same key was seen.
func (j *Journal) Replaced(ctx context.Context, x actions.SignedSession) error {
	return j.db.Read(ctx, func(tx *sqldb.Tx) error { return newer(tx, x.Session, math.MaxInt64) })
}

// newer returns the fault "session-replaced" if the first request under a newer session of the
// same key stands ahead of an index. Of two sessions that begin at the same instant the one
// whose first request stands further ahead counts as the newer one.
func newer(tx *sqldb.Tx, c actions.Session, index int64) error {
	var begins int64
	err := tx.QueryRow(`select begins from session where key_id = $1 and request_index < $4 and (begins > $2 or begins = $2 and session <> $3 and request_index <
		coalesce((select s.request_index from session as s where s.key_id = $1 and s.begins = $2 and s.session = $3), $5)) order by begins desc limit 1`,
		string(c.Key), c.NotBefore.Micro(), c.Digest().String(), index, int64(math.MaxInt64)).Scan(&begins)
	switch {
	case sqldb.IsNotFound(err):
		return nil
	case err != nil:
		return err
	}
	return fault.New(fault.Forbidden, "session-replaced", "The session of %s from %s was replaced by a newer one of the same key, from %s.", c.Worker, c.NotBefore, canonical.FromMicro(begins))
}

// unseen reports whether a session was not seen yet with a request as far ahead as index.
func unseen(tx *sqldb.Tx, c actions.Session, index int64) (is bool, err error) {
	var n int64
	err = tx.QueryRow("select count(*) from session where key_id = $1 and begins = $2 and session = $3 and request_index <= $4",
		string(c.Key), c.NotBefore.Micro(), c.Digest().String(), index).Scan(&n)
	return n == 0, err
}

// Unseen returns those of an act's sessions that were not seen yet, or only with requests
// that stand after the act's.
func (j *Journal) Unseen(ctx context.Context, g Grounds) (all []actions.SignedSession, err error) {
	if len(g.Sessions) == 0 {
		return nil, nil
	}
	err = j.db.Read(ctx, func(tx *sqldb.Tx) error {
		all = nil
		for _, x := range g.Sessions {
			is, err := unseen(tx, x.Session, g.Index)
			if err != nil {
				return err
			}
			if is {
				all = append(all, x)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look for sessions in the journal: %w", err)
	}
	return all, nil
}

// See notes the sessions of an act that is perhaps not carried out.
func (j *Journal) See(ctx context.Context, g Grounds) error {
	return j.write(ctx, "note a session", func(tx *sqldb.Tx) error { return see(tx, g) })
}

// see notes sessions, and drops those that can replace no session any more.
func see(tx *sqldb.Tx, g Grounds) error {
	for _, x := range g.Sessions {
		c := x.Session
		is, err := unseen(tx, c, g.Index)
		if err != nil {
			return err
		}
		if !is {
			continue
		}
		if _, err := tx.Exec("delete from session where begins < $1", canonical.At(g.At.Add(-sessionKept)).Micro()); err != nil {
			return err
		}
		if _, err := tx.Exec("insert into session (key_id, begins, session, request_index) values ($1, $2, $3, $4) on conflict (key_id, begins, session) do update set request_index = excluded.request_index",
			string(c.Key), c.NotBefore.Micro(), c.Digest().String(), g.Index); err != nil {
			return err
		}
	}
	return nil
}

// remember notes the grounds of an act. A fault "session-replaced" says that a newer session
// of the same key was seen, and that the first request under it stands in the ledger ahead of
// the present one: a key has one session at a time. Every session that was seen counts, and
// not the newest alone: its first request stands further back than that of the one before.
// The times that the sessions and the entries give are left out. Who signs a session dates
// it as they like, and could spend what its owner signed before it was there. A fault
// "second-decision" says that a measure of another decision on this version of the case was
// taken on before.
func remember(tx *sqldb.Tx, g Grounds) error {
	for _, x := range g.Sessions {
		if err := newer(tx, x.Session, g.Index); err != nil {
			return err
		}
	}
	if err := see(tx, g); err != nil {
		return err
	}
	if g.Decision == nil {
		return nil
	}
	d := g.Decision.Decision
	name, digest := canonical.Sum([]byte(d.Case)).String(), d.Digest().String()
	if _, err := tx.Exec("insert into decision (case_digest, version, decision) values ($1, $2, $3) on conflict (case_digest, version) do nothing", name, d.Version, digest); err != nil {
		return err
	}
	var have string
	if err := tx.QueryRow("select decision from decision where case_digest = $1 and version = $2", name, d.Version).Scan(&have); err != nil {
		return err
	}
	if have != digest {
		return fault.New(fault.Forbidden, "second-decision", "A measure of another decision on version %d of this case was taken on before. A case is decided once in each version.", d.Version)
	}
	return nil
}
