package journal

import (
	"context"
	"encoding/base64"
	"fmt"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/ledger/proof"
	"countersign.dev/sqldb"
)

// Cut is a credential of a platform that is cut off under a standing order, or that
// should be and cannot be.
type Cut struct {
	Breach     string // the breach at which the cut was due
	Platform   string
	Tier       actions.Tier
	Credential string // empty: the platform does not name it
	Nonce      canonical.Bytes
	Order      canonical.Digest
	Sight      *proof.Sight
	Intended   canonical.Time
	Ended      canonical.Time // zero: the call may have been made
	Outcome    proof.Outcome
}

// Named is one credential's breaches.
type Named struct {
	Credential string
	Count      int64
	Breach     string // the newest
	Seen       canonical.Time
}

// ordered chooses breaches that a standing order covered when they were seen. It leaves
// out breaches of a subject that a single person raised, and breaches with a mark that
// the order never lifts: no credential is cut off for those.
const ordered = `json_extract(sight, '$.order') is not null and json_extract(sight, '$.order') <> ''`

// Named counts the breaches of a tier from an instant on, as far as an order covered
// them, by the credential that the platform names for them. The empty credential counts
// those without a name.
func (j *Journal) Named(ctx context.Context, platform string, t actions.Tier, since canonical.Time) (all []Named, err error) {
	err = j.db.ReadOne(ctx, func(tx *sqldb.Tx) (err error) {
		// With a single max, SQLite gives the other columns of the row that has it.
		all, err = sqldb.All(tx, func(row sqldb.Row) (n Named, err error) {
			var seen int64
			err = row.Scan(&n.Credential, &n.Count, &n.Breach, &seen)
			n.Seen = canonical.FromMicro(seen)
			return n, err
		}, `select credential, count(*), id, max(seen) from breach where platform = $1 and tier = $2 and seen >= $3
			and `+ordered+` group by credential order by credential`,
			platform, string(t), since.Micro())
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("count breaches by credential in the journal: %w", err)
	}
	return all, nil
}

// CountBy counts the breaches of a tier by one credential since an instant, as far as an
// order covered them.
func (j *Journal) CountBy(ctx context.Context, platform string, t actions.Tier, credential string, since canonical.Time) (n int64, err error) {
	err = j.db.ReadOne(ctx, func(tx *sqldb.Tx) error {
		return tx.QueryRow("select count(*) from breach where platform = $1 and tier = $2 and credential = $3 and seen > $4 and "+ordered,
			platform, string(t), credential, since.Micro()).Scan(&n)
	})
	if err != nil {
		return 0, fmt.Errorf("count the breaches of a credential in the journal: %w", err)
	}
	return n, nil
}

// By notes the credential by which a breach was made.
func By(breach, credential string) Note {
	return func(tx *sqldb.Tx, _ proof.SignedExecution) error {
		_, err := tx.Exec("update breach set credential = $1 where id = $2", credential, breach)
		return err
	}
}

// Cuts returns the cuts that are under way on a platform, and the last cut of each
// credential and tier.
func (j *Journal) Cuts(ctx context.Context, platform string) (all []Cut, err error) {
	err = j.db.ReadOne(ctx, func(tx *sqldb.Tx) (err error) {
		all, err = sqldb.All(tx, func(row sqldb.Row) (c Cut, err error) {
			var nonce, sight string
			var intended, ended int64
			if err := row.Scan(&c.Breach, &c.Platform, &c.Tier, &c.Credential, &nonce, text(&c.Order), &sight, &c.Outcome, &intended, &ended); err != nil {
				return c, err
			}
			c.Intended, c.Ended = canonical.FromMicro(intended), canonical.FromMicro(ended)
			if c.Nonce, err = base64.StdEncoding.DecodeString(nonce); err != nil {
				return c, err
			}
			c.Sight = new(proof.Sight)
			return c, canonical.UnmarshalExact([]byte(sight), c.Sight)
		}, `select breach, platform, tier, credential, nonce, "order", sight, outcome, intended, ended from cut as c where platform = $1
			and (stage = 'intended' or not exists (select 1 from cut as l where l.platform = c.platform and l.tier = c.tier and l.credential = c.credential
				and (l.intended > c.intended or l.intended = c.intended and l.breach > c.breach))) order by intended, breach`, platform)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the cuts in the journal: %w", err)
	}
	return all, nil
}

// BeginCut journals the intent to cut a credential off; or, with an outcome, that it is
// not cut off. If we die after an intent, the call is made again under the same key.
func (j *Journal) BeginCut(ctx context.Context, c Cut, h Head, sign Sign) (proof.SignedExecution, error) {
	return j.Tell(ctx, c.Breach, h, sign, func(tx *sqldb.Tx, _ proof.SignedExecution) error {
		stage := Intended
		if c.Outcome != "" {
			stage = Ended
		}
		_, err := tx.Exec(`insert into cut (breach, platform, tier, credential, nonce, "order", sight, stage, outcome, intended, ended)
			values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`, c.Breach, c.Platform, string(c.Tier), c.Credential, encode(c.Nonce), c.Order.String(),
			sightText(c.Sight), string(stage), string(c.Outcome), c.Intended.Micro(), c.Ended.Micro())
		return err
	})
}

// EndCut journals the outcome of a cut.
func (j *Journal) EndCut(ctx context.Context, c Cut, h Head, sign Sign) (proof.SignedExecution, error) {
	return j.Tell(ctx, c.Breach, h, sign, func(tx *sqldb.Tx, _ proof.SignedExecution) error {
		n, err := tx.Exec("update cut set stage = 'ended', outcome = $1, ended = $2 where breach = $3 and credential = $4 and stage = 'intended'",
			string(c.Outcome), c.Ended.Micro(), c.Breach, c.Credential)
		if err == nil && n != 1 {
			err = fmt.Errorf("the cut at the breach %s has ended already", c.Breach)
		}
		return err
	})
}
