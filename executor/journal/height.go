package journal

import (
	"context"
	"fmt"

	"countersign.dev/canonical"
	"countersign.dev/ledger/proof"
	"countersign.dev/platform"
	"countersign.dev/sqldb"
)

// Height is the highest tier to which rules ever raised a subject.
type Height struct {
	proof.Height
	Subject  platform.Subject
	Sequence int64 // sequence number of the record that tells it; -1: none does yet
	// Falls are the falls of the subject's tier that are known now: a height that was read
	// before a fall gives way to it.
	Falls proof.Falls
}

// FellBy reports whether falls have ended the height.
func (h Height) FellBy(f proof.Falls) bool { return h.Chain <= f.Of(h.Tier) }

// Heights returns the height of every subject that has one.
func (j *Journal) Heights(ctx context.Context) (all []Height, err error) {
	err = j.db.Read(ctx, func(tx *sqldb.Tx) error {
		all, err = sqldb.All(tx, func(row sqldb.Row) (h Height, err error) {
			var at int64
			err = row.Scan(&h.Subject.Platform, &h.Subject.ID, &h.Tier, &h.Rule.Policy, &h.Rule.Text, &at, &h.Chain, &h.Sequence)
			h.At = canonical.FromMicro(at)
			return h, err
		}, "select platform, subject_id, tier, rule, reason, read_at, chain, sequence from height order by platform, subject_id")
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the tiers that stand in the journal: %w", err)
	}
	return all, nil
}

// Remember keeps heights. A height that stands is replaced only by a higher one that
// stands.
func (j *Journal) Remember(ctx context.Context, hs ...Height) error {
	return j.write(ctx, "remember a tier", func(tx *sqldb.Tx) error {
		for _, h := range hs {
			if _, err := tx.Exec(`insert into height (platform, subject_id, tier, rule, reason, read_at, chain, sequence) values ($1, $2, $3, $4, $5, $6, $7, $8)
				on conflict (platform, subject_id) do update set tier = excluded.tier, rule = excluded.rule, reason = excluded.reason,
					read_at = excluded.read_at, chain = excluded.chain, sequence = excluded.sequence
				where height.chain <= case height.tier when 'critical' then $9 else $10 end
					or height.tier = 'protected' and excluded.tier = 'critical' and excluded.chain > $9`,
				h.Subject.Platform, h.Subject.ID, string(h.Tier), h.Rule.Policy, h.Rule.Text, h.At.Micro(), h.Chain, h.Sequence, h.Falls.Critical, h.Falls.Protected); err != nil {
				return err
			}
		}
		return nil
	})
}

// Heightened notes that a record tells heights.
func Heightened(hs []Height) Note {
	return func(tx *sqldb.Tx, r proof.SignedExecution) error {
		for _, h := range hs {
			if _, err := tx.Exec("update height set sequence = $1 where platform = $2 and subject_id = $3 and tier = $4 and chain = $5",
				r.Execution.Sequence, h.Subject.Platform, h.Subject.ID, string(h.Tier), h.Chain); err != nil {
				return err
			}
		}
		return nil
	}
}
