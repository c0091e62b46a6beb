package desk

import (
	"context"

	"countersign.dev/canonical"
	"countersign.dev/desk/kernel"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/ledger/proof"
	"countersign.dev/platform"
	"countersign.dev/store"
	"countersign.dev/workforce"
)

// ReadsPeople returns whose records, keys and number the caller reads: those of the caller's own company
// and of employees, and of other companies if the caller is an employee whom the policy lets read names.
func (d *Desk) ReadsPeople(ctx context.Context, by kernel.Caller) (*proof.State, func(workforce.VendorID) bool, error) {
	s, st, err := d.kernel.Standing(ctx, by)
	if err != nil {
		return nil, nil, err
	}
	all := kernel.ReadsNames(s, st)
	return s, func(v workforce.VendorID) bool { return all || v == "" || v == st.Vendor }, nil
}

// Person returns a worker's name and e-mail address. Workers may read their own; for those
// of others the caller must be allowed to read evidence, and for those of another company's people to read names.
func (d *Desk) Person(ctx context.Context, by kernel.Caller, w workforce.WorkerID) (p workforce.Person, err error) {
	s, st, err := d.kernel.Standing(ctx, by)
	if err != nil {
		return p, err
	}
	if by.Worker != w {
		if err := kernel.Evidence(s, st, "Other people's names"); err != nil {
			return p, err
		}
	}
	worker, ok := s.People.Worker(w)
	if !ok {
		return p, fault.New(fault.NotFound, "no-such-worker", "There is no worker %s at this desk.", w)
	}
	if worker.Vendor != "" && worker.Vendor != st.Vendor && !kernel.ReadsNames(s, st) {
		return p, fault.New(fault.Forbidden, "not-yours-to-read", "The names of another company's people are read by employees whom the policy lets read them.")
	}
	err = d.kernel.Store.Read(ctx, func(stx *store.Tx) error {
		p, err = person(stx, worker)
		return err
	})
	return p, err
}

// EntryView is a ledger entry as readers of evidence see it, without personal fields.
type EntryView struct {
	Index  int64
	Class  ledger.Class
	Number int64
	Kind   string
	Time   canonical.Time
	Data   canonical.Raw
}

// Entries returns ledger entries after an index, oldest first.
func (d *Desk) Entries(ctx context.Context, by kernel.Caller, after int64, limit int) (out []EntryView, err error) {
	if err := d.kernel.MayReadEvidence(ctx, by, "Entries of the ledger"); err != nil {
		return nil, err
	}
	if limit < 1 || limit > kernel.MaxPage {
		limit = kernel.MaxPage
	}
	err = d.kernel.Store.Read(ctx, func(stx *store.Tx) error {
		entries, err := stx.Entries(after+1, after+1+int64(limit))
		out = out[:0]
		for _, e := range entries {
			out = append(out, EntryView{e.Index, e.Leaf.Class, e.Leaf.Number, e.Body.Kind, e.Body.Time, e.Body.Data})
		}
		return err
	})
	if err == nil && len(out) == 0 {
		err = d.kernel.Within(ctx, after)
	}
	return out, err
}

// GovernanceEntry is an entry of the governance chain, with the body and the salt that open
// its leaf.
type GovernanceEntry struct {
	Index int64
	Leaf  ledger.Leaf
	Body  []byte
	Salt  canonical.Bytes
}

// Chain returns governance entries from a number on. An outsider folds them to find out
// whether a key or an engagement was revoked.
func (d *Desk) Chain(ctx context.Context, by kernel.Caller, from int64, limit int) (out []GovernanceEntry, err error) {
	if err := d.kernel.MayReadEvidence(ctx, by, "Entries of the governance chain"); err != nil {
		return nil, err
	}
	entries, err := d.kernel.Store.Governance(ctx, from, limit)
	for _, e := range entries {
		out = append(out, GovernanceEntry{e.Index, e.Leaf, e.BodyBytes, e.Salt})
	}
	if err == nil && len(out) == 0 {
		var size int64
		if size, err = d.kernel.Store.NextGovernance(ctx); err == nil && from > size {
			err = kernel.CursorGone("governance entry", from-1, size)
		}
	}
	return out, err
}

// LedgerBodies returns entries of all classes in the ledger's order, from an index on, with
// the salts that open their leaves. An auditor reads them: they hold no personal field.
func (d *Desk) LedgerBodies(ctx context.Context, by kernel.Caller, from int64, limit int) (out []proof.ServedBody, err error) {
	if err := d.kernel.MayReadEvidence(ctx, by, "Entries of the ledger"); err != nil {
		return nil, err
	}
	err = d.kernel.Store.Read(ctx, func(stx *store.Tx) error {
		entries, err := stx.Entries(from, from+int64(limit))
		out = out[:0]
		for _, e := range entries {
			out = append(out, proof.ServedBody{Index: e.Index, Body: e.BodyBytes, Salt: e.Salt})
		}
		return err
	})
	if err == nil && len(out) == 0 && from > 0 {
		err = d.kernel.Within(ctx, from-1)
	}
	return out, err
}

// TakenRecords returns the executor's records of changes that it took directly, from an index
// on: whoever verifies a warrant by the chain finds each of them there. They hold no personal
// field.
func (d *Desk) TakenRecords(ctx context.Context, by kernel.Caller, from int64, limit int) (out []proof.ServedBody, err error) {
	if err := d.kernel.MayReadEvidence(ctx, by, "Entries of the ledger"); err != nil {
		return nil, err
	}
	entries, err := d.kernel.Store.TakenRecords(ctx, from, limit)
	for _, e := range entries {
		out = append(out, proof.ServedBody{Index: e.Index, Body: e.BodyBytes, Salt: e.Salt})
	}
	return out, err
}

// TierEntries returns the ledger's entries that record the tiers which rules once gave a
// subject ("plaza:acct/17"), opened for that subject alone. A verifier compares a warrant's
// tier with them. Only readers of evidence get them.
func (d *Desk) TierEntries(ctx context.Context, by kernel.Caller, subject string) (out []proof.ServedBody, err error) {
	if err := d.kernel.MayReadEvidence(ctx, by, "Openings of the ledger's entries"); err != nil {
		return nil, err
	}
	s, err := platform.ParseSubject(subject)
	if err != nil || s.ID == "" {
		return nil, fault.New(fault.Invalid, "bad-parameter", "The subject must be given as PLATFORM:ID, such as plaza:acct/17. The ledger does not name subjects by handle.")
	}
	entries, err := d.kernel.Store.EntriesNaming(ctx, proof.KindTiers, canonical.MustMarshal(s.String()))
	for _, e := range entries {
		out = append(out, proof.ServedBody{Index: e.Index, Body: e.BodyBytes, Salt: e.Salt, Sealed: e.Openings})
	}
	return out, err
}

// Ledger returns the ledger's tiles and checkpoint, which surfaces serve.
func (d *Desk) Ledger() ledger.Tiles { return d.kernel.Tiles }
