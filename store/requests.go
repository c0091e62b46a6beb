package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/id"
	"countersign.dev/platform"
	"countersign.dev/sqldb"
	"countersign.dev/workforce"
)

// Request is a request as it is stored, with the core of its warrant, if it has one, and
// the warrant's place in the ledger.
type Request struct {
	actions.Request
	Core     []byte  // canonical JSON of proof.Core; nil before approval
	Evidence []int64 // numbers of the governance entries that the warrant rests on
	Entry    int64   // index of the warrant's ledger entry; -1 before it is known
	Session  string  // the token with which it was handed in
}

const requestColumns = `id, version, status, action, signed, signers, declined, need, missing, created, updated,
	outcome, outcome_text, executed, reversed_by, core, evidence, entry, session`

func scanRequest(row sqldb.Row) (Request, error) { return scanRequestAnd(row) }

// scanRequestAnd reads a request and columns after it.
func scanRequestAnd(row sqldb.Row, more ...any) (Request, error) {
	var r Request
	var action, signed, signers, declined, need, core, evidence []byte
	var created, updated, executed int64
	if err := row.Scan(append([]any{&r.ID, &r.Version, &r.Status, &action, &signed, &signers, &declined, &need, &r.Missing, &created, &updated,
		&r.Outcome, &r.OutcomeText, &executed, &r.ReversedBy, &core, &evidence, &r.Entry, &r.Session}, more...)...); err != nil {
		return r, err
	}
	r.Created, r.Updated, r.Executed = canonical.FromMicro(created), canonical.FromMicro(updated), canonical.FromMicro(executed)
	if len(core) > 0 {
		r.Core = core
	}
	for _, part := range []struct {
		name string
		text []byte
		into any
	}{{"action", action, &r.Action}, {"signed", signed, &r.Signed}, {"signers", signers, &r.Signers}, {"declined", declined, &r.Declined}, {"need", need, &r.Need}, {"evidence", evidence, &r.Evidence}} {
		if err := canonical.Unmarshal(part.text, part.into); err != nil {
			return r, fmt.Errorf("request %s: its %s is not as it was written: %w", r.ID, part.name, err)
		}
	}
	return r, nil
}

// NoRequest is the refusal of an identifier that names no request, or none that the caller may know of.
func NoRequest(id string) error {
	if len(id) > 64 {
		id = id[:64] + "…"
	}
	return fault.New(fault.NotFound, "no-such-request", "There is no request %q.", id)
}

// Request returns a request; a fault "no-such-request" if there is none.
func (tx *Tx) Request(id string) (Request, error) {
	r, err := scanRequest(tx.QueryRow(`select `+requestColumns+` from request where id = $1`, id))
	if sqldb.IsNotFound(err) {
		return r, NoRequest(id)
	}
	return r, err
}

// RequestNow returns a request, or a fault "no-such-request" if there is none. In either
// case it returns the number that the governance chain's next entry had at that moment.
func (s *Store) RequestNow(ctx context.Context, id string) (r Request, next int64, err error) {
	err = s.ReadOne(ctx, func(tx *Tx) error {
		r, err = scanRequestAnd(tx.QueryRow(`select `+requestColumns+`, (select next_governance from ledger_head where id = 1)
			from request where id = $1`, id), &next)
		return err
	})
	if !sqldb.IsNotFound(err) {
		return r, next, err
	}
	if next, err = s.NextGovernance(ctx); err != nil {
		return r, next, err
	}
	return r, next, NoRequest(id)
}

// InsertRequest stores a new request. If its identifier is not new, the change
// fails with the fault "request-exists".
func (tx *Tx) InsertRequest(r Request) {
	tx.tellRequest(r)
	a := r.Action
	tx.Later(sqldb.Statement{SQL: `insert into request (id, version, status, kind, platform, subject, requester, mark, action, signed, signers, declined,
			need, missing, created, updated, expires, outcome, outcome_text, executed, reversed_by, core, evidence, entry, session)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25)
		on conflict (id) do nothing`, Args: []any{
		r.ID, r.Version, string(r.Status), string(a.Kind), a.Subject.Platform, a.Subject.ID, string(r.Requester()), string(a.Command.Mark),
		canonical.MustMarshal(a), canonical.MustMarshal(r.Signed), canonical.MustMarshal(r.Signers), canonical.MustMarshal(r.Declined),
		canonical.MustMarshal(r.Need), r.Missing, r.Created.Micro(), r.Updated.Micro(), r.Expires().Micro(),
		r.Outcome, r.OutcomeText, r.Executed.Micro(), r.ReversedBy, r.Core, canonical.MustMarshal(r.Evidence), r.Entry, r.Session}},
		func(n int64) error {
			if n == 0 {
				return fault.New(fault.Conflict, "request-exists", "There is another request %s already.", r.ID)
			}
			return nil
		})
}

// SaveRequest stores a changed request, whose version is one more than the one
// that was read. After somebody else's change in between, this one fails with
// the fault "version-moved".
func (tx *Tx) SaveRequest(r Request) {
	tx.tellRequest(r)
	tx.Later(sqldb.Statement{SQL: `update request set version = $2, status = $3, signers = $4, declined = $5, need = $6, missing = $7, updated = $8,
			outcome = $9, outcome_text = $10, executed = $11, reversed_by = $12, core = $13, evidence = $14, entry = $15
		where id = $1 and version = $2 - 1`, Args: []any{
		r.ID, r.Version, string(r.Status), canonical.MustMarshal(r.Signers), canonical.MustMarshal(r.Declined), canonical.MustMarshal(r.Need),
		r.Missing, r.Updated.Micro(), r.Outcome, r.OutcomeText, r.Executed.Micro(), r.ReversedBy, r.Core, canonical.MustMarshal(r.Evidence), r.Entry}},
		func(n int64) error {
			if n == 0 {
				// Two people signed at once: the second sees the request as it is now and judges
				// again.
				return fault.New(fault.Conflict, "version-moved", "The request has changed in the meantime; look at it again.")
			}
			return nil
		})
}

// setEntry stores the place of a request's warrant in the ledger.
func setEntry(id string, index int64) sqldb.Statement {
	return sqldb.Statement{SQL: `update request set entry = $2 where id = $1`, Args: []any{id, index}}
}

// RequestFilter chooses requests; empty members choose all.
type RequestFilter struct {
	Status    actions.Status
	Kind      actions.Kind
	Platform  string
	Subject   string
	Requester workforce.WorkerID
	Before    string // identifiers sort by time: only those before this one
	After     string // and only those after this one
	Limit     int
}

// RequestsSince returns up to limit requests of a worker that were made at or
// after an instant, newest first.
func (tx *Tx) RequestsSince(w workforce.WorkerID, from canonical.Time, limit int) ([]Request, error) {
	// Identifiers begin with the millisecond in which they were made.
	return sqldb.All(tx.Tx, scanRequest, `select `+requestColumns+` from request where requester = $1 and id >= $2 and created >= $3
		order by id desc limit $4`, string(w), id.First("req", from.Add(-draftSlack)), from.Micro(), limit)
}

// draftSlack is longer than the time between a request's draft, when its identifier is
// made, and its submission.
const draftSlack = time.Hour

// RequestsByIDs returns the requests with the identifiers, as far as they exist.
func (tx *Tx) RequestsByIDs(ids []string) ([]Request, error) {
	var all []Request
	for stretch := range slices.Chunk(ids, 64) {
		args := make([]any, 64)
		for i := range args {
			args[i] = stretch[min(i, len(stretch)-1)]
		}
		rs, err := sqldb.All(tx.Tx, scanRequest, `select `+requestColumns+` from request where id in (`+sqldb.Places(1, len(args))+`) order by id desc`, args...)
		if err != nil {
			return nil, err
		}
		all = append(all, rs...)
	}
	return all, nil
}

// NewestOn returns the newest request about a subject that was approved by an
// instant, and whether there is one.
func (tx *Tx) NewestOn(platform, subject string, at canonical.Time) (Request, bool, error) {
	r, err := scanRequest(tx.QueryRow(`select `+requestColumns+` from request where platform = $1 and subject = $2 and entry >= 0 and created <= $3
		order by id desc limit 1`, platform, subject, at.Micro()))
	if sqldb.IsNotFound(err) {
		return r, false, nil
	}
	return r, err == nil, err
}

// RequestCounts returns how many requests there are in each status.
func (tx *Tx) RequestCounts() (map[string]int64, error) {
	return tx.counts(`select status, count(*) from request group by status`)
}

// counts reads pairs of a name and a number.
func (tx *Tx) counts(q string, args ...any) (map[string]int64, error) {
	all := map[string]int64{}
	_, err := sqldb.All(tx.Tx, func(r sqldb.Row) (struct{}, error) {
		var name string
		var n int64
		err := r.Scan(&name, &n)
		all[name] = n
		return struct{}{}, err
	}, q, args...)
	return all, err
}

// Requests returns requests, newest first.
func (tx *Tx) Requests(f RequestFilter) ([]Request, error) {
	var c conditions
	if f.Before != "" {
		c.add("id < $%d", f.Before)
	}
	if f.After != "" {
		c.add("id > $%d", f.After)
	}
	c.equal("status", string(f.Status))
	c.equal("kind", string(f.Kind))
	c.equal("platform", f.Platform)
	c.equal("subject", f.Subject)
	c.equal("requester", string(f.Requester))
	q := `select ` + requestColumns + ` from request` + c.limited(f.Limit)
	return sqldb.All(tx.Tx, scanRequest, q, c.args...)
}

// Held returns up to limit held requests about subjects of a tier that were made after
// one instant and by another, oldest first, and their full number. Of more than 5,000
// held requests of all tiers the newest are left out.
func (tx *Tx) Held(tier actions.Tier, after, by canonical.Time, limit int) (rs []Request, n int64, err error) {
	all, err := sqldb.All(tx.Tx, scanRequest, `select `+requestColumns+` from request where status = 'held' and created > $1 and created <= $2
		order by created, id limit 5000`, after.Micro(), by.Micro())
	for _, r := range all {
		if r.Action.Tier != tier {
			continue
		}
		if n++; n <= int64(limit) {
			rs = append(rs, r)
		}
	}
	return rs, n, err
}

// Subjects returns the subject of every request, each once, beginning with that of the
// newest request.
func (tx *Tx) Subjects() ([]platform.Subject, error) {
	return sqldb.All(tx.Tx, func(row sqldb.Row) (s platform.Subject, err error) {
		var newest string
		return s, row.Scan(&s.Platform, &s.ID, &newest)
	}, `select platform, subject, max(id) from request group by platform, subject order by 3 desc`)
}

// KeepRows keeps the workers that an import submitted with its request. They
// hold names, and stand in no ledger entry before the admission is applied.
func (tx *Tx) KeepRows(request string, data []byte) {
	tx.Later(sqldb.Statement{SQL: `insert into admission_rows (request, data) values ($1, $2)`, Args: []any{request, data}}, nil)
}

// Rows returns the rows that KeepRows kept.
func (tx *Tx) Rows(request string) ([]byte, error) {
	var data []byte
	err := tx.QueryRow(`select data from admission_rows where request = $1`, request).Scan(&data)
	return data, err
}

// DropRows deletes the rows once they are applied, or never will be.
func (tx *Tx) DropRows(request string) {
	tx.Later(sqldb.Statement{SQL: `delete from admission_rows where request = $1`, Args: []any{request}}, nil)
}
