package journal

import (
	"context"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/sqldb"
)

// Grounds are the documents on which an act rests and which the journal remembers: the
// sessions under which it was signed, and the decision that it is a measure of.
type Grounds struct {
	Sessions []actions.SignedSession
	Index    int64 // of the request's entry
	Decision *actions.SignedDecision
}

// Replaced returns the fault "session-replaced" if a newer session of the same key has
// signed an act that was taken on.
func (j *Journal) Replaced(ctx context.Context, x actions.SignedSession) error {
	return j.db.Read(ctx, func(tx *sqldb.Tx) error {
		c := x.Session
		var newest int64
		var name string
		err := tx.QueryRow("select begins, session from session where key_id = $1", string(c.Key)).Scan(&newest, &name)
		if sqldb.IsNotFound(err) {
			return nil
		}
		if err == nil && name != c.Digest().String() && newest >= c.NotBefore.Micro() {
			return replaced(c, canonical.FromMicro(newest))
		}
		return err
	})
}

func replaced(c actions.Session, by canonical.Time) error {
	return fault.New(fault.Forbidden, "session-replaced", "The session of %s from %s was replaced by a newer one of the same key, from %s.", c.Worker, c.NotBefore, by)
}

// remember notes the grounds of an act. A fault "session-replaced" says that a session is
// older than one of the same key under which an act was taken on before, and that this act's
// request stands in the ledger ahead of the present one: a key has one session at a time.
// The times that both sessions and the entries give are left out. Who signs a session dates
// it as they like, and could spend what its owner signed before it was there. A fault
// "second-decision" says that a measure of another decision on this version of the case was
// taken on before.
func remember(tx *sqldb.Tx, g Grounds) error {
	for _, x := range g.Sessions {
		c := x.Session
		var newest, first int64
		var name string
		err := tx.QueryRow("select begins, session, request_index from session where key_id = $1", string(c.Key)).Scan(&newest, &name, &first)
		if err != nil && !sqldb.IsNotFound(err) {
			return err
		}
		begins, digest := canonical.FromMicro(newest), c.Digest().String()
		switch {
		case newest > c.NotBefore.Micro(), newest == c.NotBefore.Micro() && name != digest:
			if g.Index > first {
				return replaced(c, begins)
			}
			continue
		case newest == c.NotBefore.Micro() && first <= g.Index:
			continue
		}
		if _, err := tx.Exec("insert into session (key_id, begins, session, request_index) values ($1, $2, $3, $4) on conflict (key_id) do update set begins = excluded.begins, session = excluded.session, request_index = excluded.request_index",
			string(c.Key), c.NotBefore.Micro(), digest, g.Index); err != nil {
			return err
		}
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
