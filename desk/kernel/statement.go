package kernel

import (
	"context"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/ledger/proof"
	"countersign.dev/store"
)

// draftLife is the time after its draft in which a statement may be handed in: time to read
// it. Signers write their statements' times themselves, and the rights of somebody who has
// just left are read as of these times, so they may not lie far back.
const draftLife = 15 * time.Minute

// OwnStatement refuses a statement that somebody other than the caller signed.
func OwnStatement(by Caller, s actions.Signed) error {
	if s.Statement.Signer != by.Worker {
		return fault.New(fault.Forbidden, "another-signer", "The statement is signed as %s; you are signed in as %s.", s.Statement.Signer, by.Worker)
	}
	return nil
}

// HandedIn checks that a statement is the caller's own and was drafted lately.
func (k *Kernel) HandedIn(by Caller, s actions.Signed) error {
	if err := OwnStatement(by, s); err != nil {
		return err
	}
	if k.Now().Sub(s.Statement.NotBefore.Time) > draftLife {
		return fault.New(fault.Expired, "stale-draft", "The statement was drafted more than %d minutes ago; draft it again and sign that.", int(draftLife.Minutes()))
	}
	return nil
}

// EntryOf returns the ledger's entry of kind request or countersign that holds a signed
// statement; ok is false if there is none yet. It looks only at entries from the time in
// which the statement could be handed in.
func (k *Kernel) EntryOf(ctx context.Context, kind string, signed actions.Signed) (entry store.RawEntry, record proof.Past, ok bool, err error) {
	var raw []store.RawEntry
	err = k.Store.Read(ctx, func(stx *store.Tx) error {
		from, err := stx.IndexAt(canonical.At(signed.Statement.NotBefore.Add(-maxSkew)))
		if err != nil {
			return err
		}
		to, err := stx.IndexAt(canonical.At(signed.Statement.NotBefore.Add(draftLife + maxSkew)))
		if err != nil {
			return err
		}
		raw, err = stx.RawEntries(from, to, int(to-from), kind)
		return err
	})
	if err != nil {
		return entry, record, false, err
	}
	want := canonical.DigestOf(signed)
	for _, e := range raw {
		if e.Kind != kind {
			continue
		}
		p := proof.OpenPast(e.Index, e.Kind, e.Time, e.Leaf, e.Body, e.Salt)
		if p.Request != nil && canonical.DigestOf(p.Request.Signed) == want || p.Verdict != nil && canonical.DigestOf(p.Verdict.Signed) == want {
			return e, p, true, nil
		}
	}
	return entry, record, false, nil
}
