package rehearsal

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"path/filepath"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/cli"
	"countersign.dev/deskdir"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/ledger/proof"
	"countersign.dev/sqldb"
	"countersign.dev/workforce"
)

// intruder is a person with an SQL connection of their own to the desk's database, who
// may do everything there that its owner may.
type intruder struct {
	db *sqldb.DB
	// taken holds the overwritten rows, so that the desk's operator can put them back.
	taken []ledgerBody
}

type ledgerBody struct {
	index int64
	body  []byte
}

func (g *testbed) intruder(ctx context.Context) (*intruder, error) {
	db, err := sqldb.Open(ctx, "sqlite:"+filepath.Join(g.dir, deskdir.DeskDatabase), sqldb.Options{})
	if err != nil {
		return nil, err
	}
	return &intruder{db: db}, nil
}

func (x *intruder) close() error { return x.db.Close() }

func (x *intruder) exec(ctx context.Context, query string, args ...any) error {
	return x.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, err := tx.Exec(query, args...)
		return err
	})
}

// approve makes a request approved: with a countersignature of a worker who never signed,
// and a warrant that claims a place in the ledger, handed over at once.
func (x *intruder) approve(ctx context.Context, request string, key cli.KeyFile) error {
	return x.db.Write(ctx, func(tx *sqldb.Tx) error {
		var action, signed, signers, core, evidence []byte
		var entry int64
		if err := tx.QueryRow(`select action, signed, signers from request where id = $1`, request).Scan(&action, &signed, &signers); err != nil {
			return fmt.Errorf("read the request: %w", err)
		}
		// Any warrant of the ledger can be copied.
		if err := tx.QueryRow(`select core, evidence, entry from request where core is not null and entry >= 0 order by entry limit 1`).Scan(&core, &evidence, &entry); err != nil {
			return fmt.Errorf("read a warrant: %w", err)
		}
		var c proof.Core
		if err := canonical.Unmarshal(core, &c); err != nil {
			return fmt.Errorf("read a warrant: %w", err)
		}
		if err := canonical.Unmarshal(action, &c.Action); err != nil {
			return fmt.Errorf("read the request: %w", err)
		}
		if err := canonical.Unmarshal(signed, &c.Request); err != nil {
			return fmt.Errorf("read the request: %w", err)
		}
		if err := canonical.Unmarshal(signers, &c.Countersignatures); err != nil {
			return fmt.Errorf("read the request: %w", err)
		}
		st := c.Request.Statement
		st.Signer, st.Key, st.Verdict = second, key.Key, actions.VerdictCountersign
		c.Countersignatures = append(c.Countersignatures, actions.Signed{Statement: st, Signature: key.Sign(st.Challenge())})
		if _, err := tx.Exec(`update request set status = 'approved', missing = '', signers = $2, core = $3, evidence = $4, entry = $5, version = version + 1 where id = $1`,
			request, canonical.MustMarshal(c.Countersignatures), canonical.MustMarshal(c), evidence, entry); err != nil {
			return fmt.Errorf("edit the request: %w", err)
		}
		_, err := tx.Exec(`insert into job (kind, args, unique_key, state, due, attempts, last_error, created) values ('desk.carry', $1, $2, 'waiting', 0, 0, '', 0)`,
			canonical.MustMarshal(map[string]string{"request": request}), request)
		return err
	})
}

// rewrite edits bodies of the governance chain. A trigger forbids that, but the owner of
// a database can drop a trigger.
func (x *intruder) rewrite(ctx context.Context, kind string, change func([]byte) []byte) error {
	if err := x.exec(ctx, `drop trigger if exists ledger_body_is_not_changed`); err != nil {
		return fmt.Errorf("drop the trigger: %w", err)
	}
	return x.db.Write(ctx, func(tx *sqldb.Tx) error {
		x.taken = nil
		bodies, err := sqldb.All(tx, func(r sqldb.Row) (b ledgerBody, err error) { return b, r.Scan(&b.index, &b.body) },
			`select b.idx, b.body from ledger_body b join ledger_entry e on e.idx = b.idx where e.class = $1 and e.kind = $2 order by b.idx`, string(ledger.Governance), kind)
		if err != nil {
			return fmt.Errorf("read the governance chain: %w", err)
		}
		for _, b := range bodies {
			edited := change(b.body)
			if bytes.Equal(edited, b.body) {
				continue
			}
			x.taken = append(x.taken, b)
			if _, err := tx.Exec(`update ledger_body set body = $2 where idx = $1`, b.index, edited); err != nil {
				return fmt.Errorf("edit the governance chain: %w", err)
			}
		}
		if len(x.taken) == 0 {
			return fault.New(fault.Internal, "internal", "there was nothing of kind %s to edit", kind)
		}
		return nil
	})
}

// putBack does the work of the desk's operator, who has a copy of the ledger.
func (x *intruder) putBack(ctx context.Context) error {
	for _, b := range x.taken {
		if err := x.exec(ctx, `update ledger_body set body = $2 where idx = $1`, b.index, b.body); err != nil {
			return err
		}
	}
	x.taken = nil
	return nil
}

// swapKey puts the intruder's key in the place of a worker's.
func (x *intruder) swapKey(ctx context.Context, of workforce.PublicKey, own cli.KeyFile) error {
	return x.rewrite(ctx, string(actions.DeskKey), func(body []byte) []byte {
		body = bytes.ReplaceAll(body, canonical.MustMarshal(of.Public), canonical.MustMarshal(own.Public))
		return bytes.ReplaceAll(body, []byte(of.ID()), []byte(own.Key))
	})
}

// extend moves the end of an engagement, and its notice, a year on.
func (x *intruder) extend(ctx context.Context, worker string, last time.Time) error {
	return x.rewrite(ctx, proof.KindRow, func(body []byte) []byte {
		if !bytes.Contains(body, []byte(`"worker":"`+worker+`"`)) {
			return body
		}
		return bytes.ReplaceAll(body, canonical.MustMarshal(canonical.At(last)), canonical.MustMarshal(canonical.At(last.AddDate(1, 0, 0))))
	})
}

// token inserts a token of another worker, whose secret the intruder knows.
func (x *intruder) token(ctx context.Context, worker workforce.WorkerID, key workforce.KeyID) (secret string, err error) {
	secret = "csgn_" + string(bytes.Repeat([]byte("i"), 43))
	hash := sha256.Sum256([]byte(secret))
	now := canonical.At(time.Now())
	return secret, x.exec(ctx, `insert into token (id, hash, worker, key_id, name, created, expires, revoked) values ('tok_intruder', $1, $2, $3, 'mine', $4, $5, $6)`,
		hash[:], string(worker), string(key), now.Micro(), canonical.At(now.Add(8*time.Hour)).Micro(), canonical.Time{}.Micro())
}
