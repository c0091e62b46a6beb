package journal

import (
	"bytes"
	"context"
	"encoding"
	"encoding/base64"
	"fmt"

	"countersign.dev/canonical"
	"countersign.dev/ledger"
	"countersign.dev/ledger/proof"
	"countersign.dev/sqldb"
)

// Seen returns the newest ledger that was seen.
func (j *Journal) Seen(ctx context.Context) (Head, error) {
	var h Head
	err := j.db.Read(ctx, func(tx *sqldb.Tx) error {
		return tx.QueryRow("select size, tree, edge, entered from memory").Scan(&h.Size, text(&h.Tree), edgeColumn{&h.Edge}, &h.Entered)
	})
	if err != nil {
		return h, fmt.Errorf("read the journal: %w", err)
	}
	return h, nil
}

// Act returns the journal's view of an act; ok is false if there is none.
func (j *Journal) Act(ctx context.Context, k Key) (a Act, ok bool, err error) {
	return j.one(ctx, "request = $1 and duty = $2", k.Request, string(k.Duty))
}

// Spent returns the act that spent the core of a warrant; ok is false if none did.
func (j *Journal) Spent(ctx context.Context, core canonical.Digest) (a Act, ok bool, err error) {
	return j.one(ctx, "warrant = $1 and duty = 'act'", core.String())
}

// Unsettled returns the acts that were intended and have not ended.
func (j *Journal) Unsettled(ctx context.Context) ([]Act, error) {
	return j.some(ctx, "stage = 'intended' order by intended, request")
}

// Owed returns the lifts that have not begun, in the order in which they are due.
func (j *Journal) Owed(ctx context.Context) ([]Act, error) {
	return j.some(ctx, "stage = 'owed' order by due, request")
}

// Document returns the warrant of a request.
func (j *Journal) Document(ctx context.Context, request string) ([]byte, error) {
	var raw []byte
	err := j.db.Read(ctx, func(tx *sqldb.Tx) error {
		return tx.QueryRow("select warrant from document where request = $1", request).Scan(&raw)
	})
	if err != nil {
		return nil, fmt.Errorf("read the warrant of %s in the journal: %w", request, err)
	}
	return raw, nil
}

func (j *Journal) one(ctx context.Context, where string, args ...any) (Act, bool, error) {
	acts, err := j.some(ctx, where, args...)
	if err != nil || len(acts) == 0 {
		return Act{}, false, err
	}
	return acts[0], true, nil
}

func (j *Journal) some(ctx context.Context, where string, args ...any) ([]Act, error) {
	var acts []Act
	err := j.db.ReadOne(ctx, func(tx *sqldb.Tx) error {
		var err error
		acts, err = sqldb.All(tx, scan, `select request, duty, stage, warrant, subject, kind, command, requester, vendor, tier, direction,
			undo, category, nonce, attempt, due, intended, began, ended, outcome, type, text, sight from act where `+where, args...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the journal: %w", err)
	}
	return acts, nil
}

func scan(row sqldb.Row) (Act, error) {
	var a Act
	var subject, command, nonce, sight string
	var due, intended, ended int64
	if err := row.Scan(&a.Request, &a.Duty, &a.Stage, text(&a.Warrant), &subject, &a.Kind, &command, &a.Requester, &a.Vendor, &a.Tier,
		&a.Direction, &a.Undo, &a.Category, &nonce, &a.Attempt, &due, &intended, &a.Began, &ended, &a.Outcome, &a.Type, &a.Text, &sight); err != nil {
		return a, err
	}
	a.Due, a.Intended, a.Ended = canonical.FromMicro(due), canonical.FromMicro(intended), canonical.FromMicro(ended)
	if err := a.Nonce.UnmarshalText([]byte(nonce)); err != nil {
		return a, err
	}
	if err := canonical.UnmarshalExact([]byte(subject), &a.Subject); err != nil {
		return a, err
	}
	if sight != "" {
		a.Sight = new(proof.Sight)
		if err := canonical.UnmarshalExact([]byte(sight), a.Sight); err != nil {
			return a, err
		}
	}
	return a, canonical.UnmarshalExact([]byte(command), &a.Command)
}

// Chain returns the governance entries that were kept, in their order.
func (j *Journal) Chain(ctx context.Context) ([]ChainEntry, error) {
	var chain []ChainEntry
	err := j.db.Read(ctx, func(tx *sqldb.Tx) error {
		var err error
		chain, err = sqldb.All(tx, func(row sqldb.Row) (c ChainEntry, err error) {
			var leaf []byte
			if err = row.Scan(&c.Place, &leaf, &c.Body, text(&c.Salt)); err == nil {
				c.Leaf, err = ledger.ParseLeaf(leaf)
			}
			return c, err
		}, "select place, leaf, body, salt from chain order by number")
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the governance chain in the journal: %w", err)
	}
	return chain, nil
}

// Digests returns the digest of every record, by sequence.
func (j *Journal) Digests(ctx context.Context) ([]canonical.Digest, error) {
	var all []canonical.Digest
	err := j.db.Read(ctx, func(tx *sqldb.Tx) error {
		var err error
		all, err = sqldb.All(tx, func(row sqldb.Row) (canonical.Digest, error) {
			var d canonical.Digest
			return d, row.Scan(text(&d))
		}, "select digest from record order by sequence")
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the journal's records: %w", err)
	}
	return all, nil
}

// Record returns the record with a sequence number; ok is false if it was
// never used.
func (j *Journal) Record(ctx context.Context, sequence int64) (r proof.SignedExecution, ok bool, err error) {
	var found []proof.SignedExecution
	err = j.db.Read(ctx, func(tx *sqldb.Tx) error {
		var err error
		found, err = sqldb.All(tx, scanRecord, "select body, openings from record where sequence = $1", sequence)
		return err
	})
	if err != nil {
		return r, false, fmt.Errorf("read record %d of the journal: %w", sequence, err)
	}
	if len(found) == 0 {
		return r, false, nil
	}
	return found[0], true, nil
}

// text makes a scanner for a column whose value reads itself from text.
func text(into encoding.TextUnmarshaler) textColumn { return textColumn{into} }

type textColumn struct{ into encoding.TextUnmarshaler }

// Scan implements sql.Scanner.
func (c textColumn) Scan(v any) error {
	switch v := v.(type) {
	case string:
		return c.into.UnmarshalText([]byte(v))
	case []byte:
		return c.into.UnmarshalText(v)
	}
	return fmt.Errorf("a column holds %T where text was expected", v)
}

// edgeColumn scans the edge of a tree.
type edgeColumn struct{ into *ledger.Edge }

// Scan implements sql.Scanner.
func (c edgeColumn) Scan(v any) error {
	var encoded string
	switch v := v.(type) {
	case string:
		encoded = v
	case []byte:
		encoded = string(v)
	}
	if encoded == "" {
		return nil
	}
	b, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return err
	}
	return c.into.UnmarshalBinary(b)
}

func encode(b canonical.Bytes) string { return base64.StdEncoding.EncodeToString(b) }

// Intent returns the sequence number of the intent of an act.
func (j *Journal) Intent(ctx context.Context, k Key, nonce canonical.Bytes) (int64, error) {
	var sequences []int64
	err := j.db.Read(ctx, func(tx *sqldb.Tx) error {
		records, err := sqldb.All(tx, scanRecord, "select body, openings from record where request = $1 order by sequence", k.Request)
		for _, r := range records {
			if x := r.Execution; x.Kind == proof.KindIntent && x.Duty == k.Duty && bytes.Equal(x.Nonce, nonce) {
				sequences = append(sequences, x.Sequence)
			}
		}
		return err
	})
	if err == nil && len(sequences) != 1 {
		err = fmt.Errorf("%d records", len(sequences))
	}
	if err != nil {
		return 0, fmt.Errorf("find the intent of %s in the journal: %w", k.Request, err)
	}
	return sequences[0], nil
}

func scanRecord(row sqldb.Row) (r proof.SignedExecution, err error) {
	var body, openings []byte
	if err := row.Scan(&body, &openings); err != nil {
		return r, err
	}
	if err := canonical.UnmarshalExact(body, &r); err != nil {
		return r, err
	}
	if len(openings) == 0 {
		return r, nil
	}
	return r, canonical.UnmarshalExact(openings, &r.Openings)
}
