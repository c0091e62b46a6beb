package casework

import (
	"context"
	"slices"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/desk/inbox"
	"countersign.dev/desk/kernel"
	"countersign.dev/fault"
	"countersign.dev/ledger/entry"
	"countersign.dev/ledger/proof"
	"countersign.dev/platform"
	"countersign.dev/store"
)

// This file takes what workers declare of their own accounts on the platforms (design, part
// two, law 15). The desk keeps no account of it, only keyed digests. The deed's entry in the
// ledger commits to the accounts under a salt that the worker alone has.

// OwnDeclaration returns the caller's newest declaration; ok is false if there is none.
func (d *Room) OwnDeclaration(ctx context.Context, by kernel.Caller) (own store.Declared, ok bool, err error) {
	if _, _, err = d.desk.Standing(ctx, by); err != nil {
		return own, false, err
	}
	err = d.desk.Store.ReadOne(ctx, func(stx *store.Tx) error {
		own, ok, err = stx.Declared(by.Worker)
		return err
	})
	return own, ok, err
}

// DeclareAccounts takes the caller's signed declaration of their own accounts, each
// PLATFORM:ID; none says that the caller has none. Accounts of earlier declarations stay the
// caller's own. The same deed again gives the same answer.
func (d *Room) DeclareAccounts(ctx context.Context, by kernel.Caller, accounts []string, deed actions.SaltedDeed) (store.Declared, error) {
	out := store.Declared{Worker: by.Worker, Accounts: int64(len(accounts)), Deed: deed.Deed.Digest().String()}
	if again, done, err := d.declared(ctx, by, deed); done || err != nil {
		return again, err
	}
	err := d.desk.Change(ctx, by, "declare accounts", func(s *proof.State) (func(*kernel.Tx) error, error) {
		if _, err := d.desk.Engaged(s, by); err != nil {
			return nil, err
		}
		if err := d.declares(ctx, s, by, accounts, deed); err != nil {
			return nil, err
		}
		var digests []string
		for _, name := range accounts {
			digest, err := d.ownDigest(ctx, s, name)
			if err != nil {
				return nil, err
			}
			digests = append(digests, digest)
		}
		return func(t *kernel.Tx) error {
			have, err := t.EntriesAbout(deedName(deed), canonical.Time{}, 1)
			if err != nil {
				return err
			}
			if before, _, err := t.Declared(by.Worker); err != nil {
				return err
			} else if len(accounts) == 0 && before.Accounts > 0 && len(have) == 0 {
				return fault.New(fault.Invalid, "bad-accounts", "You declared accounts of your own on %s, and they stay your own for ever: so you cannot declare that you have none.", before.Time)
			}
			if len(have) > 0 { // the same deed, handed in twice at once
				out, _, err = t.Declared(by.Worker)
				return err
			}
			out.Time = t.Now()
			if err := d.inbox.Tell(t, by.Worker, inbox.DeclaredAccounts(deed.Deed, out.Accounts, deed.Signed.Statement)); err != nil {
				return err
			}
			t.Enter(entry.KindOwnAccounts, entry.OwnAccounts{Accounts: out.Accounts, Deed: deed.SignedDeed(), Worker: by.Worker}).About(deedName(deed))
			_, before, _, err := t.OwnAccounts(by.Worker)
			if err != nil {
				return err
			}
			sealed := out
			sealed.Seal = cases.OwnSeal(d.secret, string(by.Worker), union(before, digests))
			return t.Declare(sealed, digests)
		}, nil
	})
	return out, err
}

// union returns what is in one list or in the other, each once.
func union(a, b []string) []string {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}

// deedName is the name under which the entry of a deed is found, so that no deed is done twice.
func deedName(d actions.SaltedDeed) string { return "deed " + d.Deed.Digest().String() }

// declared returns the caller's newest declaration if exactly this deed was done already, also
// when its statement has ended since.
func (d *Room) declared(ctx context.Context, by kernel.Caller, deed actions.SaltedDeed) (out store.Declared, done bool, err error) {
	err = d.desk.Store.Read(ctx, func(stx *store.Tx) error {
		have, err := stx.EntriesAbout(deedName(deed), canonical.Time{}, 1)
		if err != nil || len(have) == 0 {
			return err
		}
		var own entry.OwnAccounts
		if canonical.UnmarshalExact(have[0].Body.Data, &own) != nil || own.Worker != by.Worker || canonical.DigestOf(own.Deed) != canonical.DigestOf(deed.SignedDeed()) {
			return nil // it is judged as a new deed, and refused
		}
		out, done, err = stx.Declared(by.Worker)
		return err
	})
	return out, done, err
}

// declares checks that a deed is the caller's own, was signed lately, and declares exactly
// these accounts.
func (d *Room) declares(ctx context.Context, s *proof.State, by kernel.Caller, accounts []string, signed actions.SaltedDeed) error {
	text := actions.OwnAccountsText(accounts)
	if len(accounts) > actions.MaxOwnAccounts {
		return fault.New(fault.Invalid, "bad-accounts", "One declaration names at most %d accounts. Earlier ones stay, so declare the others in a second one.", actions.MaxOwnAccounts)
	}
	commitment, err := proof.Sealing(actions.DeedAccounts, text, signed.Salt).Commitment()
	if err := d.desk.HandedIn(by, signed.Signed); err != nil {
		return err
	}
	if err != nil || !signed.Deed.Says(actions.Deed{What: actions.DeedAccounts, Of: string(by.Worker)}) || signed.Deed.Text != commitment {
		return fault.New(fault.Forbidden, "bad-deed", "The deed that %s signed is not the one that is handed in here.", by.Worker)
	}
	return d.desk.MayDo(ctx, s, signed.SignedDeed())
}

// ownDigest returns the keyed digest of an account that the platform knows by this identifier.
func (d *Room) ownDigest(ctx context.Context, s *proof.State, name string) (string, error) {
	r, err := d.desk.Read(ctx, s, name)
	if err != nil {
		return "", err
	}
	if named, err := platform.ParseSubject(name); err != nil || r.Subject.ID != named.ID || r.Sort != platform.Account {
		return "", fault.New(fault.Invalid, "bad-accounts", "%s is not the identifier of an account. Look it up with `countersign subject show SUBJECT`, and sign the identifier that it gives.", name)
	}
	return cases.OwnDigest(d.secret, r.Subject.Platform, r.Subject.ID), nil
}
