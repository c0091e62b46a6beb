package casework

import (
	"context"
	"encoding/json"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/desk/kernel"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/ledger/entry"
	"countersign.dev/ledger/proof"
	"countersign.dev/platform"
	"countersign.dev/store"
)

// This file keeps who got to see which case (law 17): as a row always, and as an entry of the
// ledger where the subject is protected or critical. Both are committed before anything is shown.

// How is the way in which somebody got to see a case.
type How string

// The ways.
const (
	SawByClaim    How = "claim"
	SawByRead     How = "read"
	SawByEvidence How = "evidence" // what the subject showed when it was reported
	SawByPicture  How = "picture"
	SawByNow      How = "now"      // the subject as it is now
	SawByReferral How = "referral" // what goes to those to whom the case was referred
	SawByAudit    How = "audit"    // what was shown with a claim, by its digest
	SawByReveal   How = "reveal"   // private data
)

// tierOf returns the tier of a case's subject: the one that was read last, or a higher one to
// which people at the desk raised it.
func tierOf(s *proof.State, c cases.Case, seen *cases.ShownState) actions.Tier {
	t := s.RaisedTo(c.Subject)
	if c.Owner != "" {
		t = t.Max(s.RaisedTo(platform.Subject{Platform: c.Subject.Platform, ID: c.Owner}))
	}
	if seen != nil {
		t = t.Max(actions.Tier(seen.Tier))
	}
	return t
}

// opened keeps, in a change, that somebody gets to see a case. Nothing may be shown before the
// change is committed.
func (d *Room) opened(stx *store.Tx, by kernel.Caller, c cases.Case, how How) error {
	seen, err := stx.SeenState(c.ID)
	if err != nil {
		return err
	}
	return d.openedAs(stx, by, c, how, tierOf(d.desk.Newest(), c, seen))
}

// openedAs is opened for a subject whose tier is known.
func (d *Room) openedAs(stx *store.Tx, by kernel.Caller, c cases.Case, how How, tier actions.Tier) error {
	stx.OpenedCase(c.ID, by.Worker, stx.Now(), string(how))
	if tier == actions.Standard {
		return nil
	}
	first, err := stx.FirstRead(c.ID, by.Worker, stx.Now())
	if err == nil && first {
		enterRead(stx, by, c, entry.CaseRead{How: string(how), Tier: tier})
	}
	return err
}

// enterRead enters in the ledger that somebody gets to see a case. It expects no state of the
// governance chain, since it only says what was seen.
func enterRead(stx *store.Tx, by kernel.Caller, c cases.Case, r entry.CaseRead, also ...ledger.Opening) {
	r.Case, r.Worker = c.ID, by.Worker
	sealed := append([]ledger.Opening{kernel.Field("subject", c.Subject.String()), kernel.Field("handle", c.Subject.Handle)}, also...)
	stx.Append(ledger.Draft{Class: ledger.Desk, Kind: entry.KindCaseRead, Data: r, Sealed: sealed, Expect: ledger.AnyNumber}).About(c.ID)
}

// keepOpened is opened in a change of its own.
func (d *Room) keepOpened(ctx context.Context, by kernel.Caller, c cases.Case, how How) error {
	return d.desk.Store.Write(ctx, func(stx *store.Tx) error { return d.opened(stx, by, c, how) })
}

// audited keeps that somebody got to see the cases of which a document tells: what a claim
// showed, or what was read of a subject. A document that somebody altered may name none.
func (d *Room) audited(ctx context.Context, by kernel.Caller, digest canonical.Digest, body []byte) error {
	var shown struct {
		Case string `json:"case"`
		V    string `json:"v"`
	}
	var ids []string
	if err := json.Unmarshal(body, &shown); err == nil && shown.V == cases.ShownVersion {
		ids = []string{shown.Case}
	} else if err := d.desk.Store.ReadOne(ctx, func(stx *store.Tx) (err error) {
		ids, err = stx.CasesOfDocument(digest)
		return err
	}); err != nil {
		return err
	}
	return d.desk.Store.Write(ctx, func(stx *store.Tx) error {
		for _, id := range ids {
			c, err := stx.Case(id)
			if fault.Is(err, "no-such-case") {
				continue
			}
			if err == nil {
				err = d.opened(stx, by, c, SawByAudit)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}
