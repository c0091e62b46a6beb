package desk_test

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/desk/desktest"
	"countersign.dev/desk/inbox"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/ledger/entry"
	"countersign.dev/ledger/proof"
	"countersign.dev/store"
	"countersign.dev/workforce"
)

// ownDeed signs a declaration of accounts.
func ownDeed(w *desktest.World, by workforce.WorkerID, accounts ...string) actions.SaltedDeed {
	return w.Deed(by, actions.Deed{What: actions.DeedAccounts, Of: string(by)}, actions.OwnAccountsText(accounts))
}

func declare(t *testing.T, w *desktest.World, by workforce.WorkerID, accounts ...string) (store.Declared, error) {
	t.Helper()
	return w.Desk.DeclareAccounts(t.Context(), desktest.As(by), accounts, ownDeed(w, by, accounts...))
}

// TestNobodyJudgesTheirOwnAffair (law 15): who has declared nothing gets no case; whose account
// the subject is, or owns it, or reported it, gets no case about it, whatever they declare
// afterwards; others do.
func TestNobodyJudgesTheirOwnAffair(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		of := desktest.NewOffice(t, o)
		newcomer := func(id workforce.WorkerID) {
			if err := of.Store.Write(t.Context(), func(tx *store.Tx) error {
				if _, err := tx.Exec(`delete from own_account where worker = $1`, string(id)); err != nil {
					return err
				}
				_, err := tx.Exec(`delete from own_declared where worker = $1`, string(id))
				return err
			}); err != nil {
				t.Fatal(err)
			}
		}
		newcomer("ann")
		newcomer("bob")
		if own, ok, err := of.Desk.OwnDeclaration(t.Context(), desktest.As("ann")); err != nil || ok {
			t.Fatalf("before: %+v, %t, %v", own, ok, err)
		}
		of.Flag("r1", "acct/ann", "MisleadingSpam", "acct/9")                                                         // ann's account
		of.Flag("r2", "post/ann", "MisleadingSpam", "acct/9")                                                         // ann's content
		of.Flag("r3", "acct/8", "MisleadingSpam", "acct/ann")                                                         // ann reported
		sql(t, &desktest.Town{World: of.World}, `update case_file set owner = 'acct/ann' where subject = 'post/ann'`) // as the evidence says
		if _, err := of.Desk.Next(t.Context(), desktest.As("ann"), ""); !fault.Is(err, "accounts-undeclared") {
			t.Fatalf("who has declared nothing: %v", err)
		}
		got, err := declare(t, of.World, "ann", "plaza:acct/ann", "plaza:acct/other")
		if err != nil || got.Accounts != 2 || got.Time.IsZero() {
			t.Fatalf("got %+v, %v", got, err)
		}
		if own, ok, err := of.Desk.OwnDeclaration(t.Context(), desktest.As("ann")); err != nil || !ok || own != got {
			t.Errorf("she reads %+v, %t, %v", own, ok, err)
		}
		none := func(when string) {
			t.Helper()
			if taken, err := of.Desk.Next(t.Context(), desktest.As("ann"), ""); err == nil {
				t.Errorf("%s: ann gets the case of %s", when, taken.Case.Subject)
			}
		}
		none("with her accounts declared")
		of.Clock().Advance(time.Minute)
		if _, err = declare(t, of.World, "ann"); !fault.Is(err, "bad-accounts") {
			t.Fatalf("she takes it back: %v", err)
		}
		if got, err = declare(t, of.World, "ann", "plaza:acct/third"); err != nil || got.Accounts != 1 {
			t.Fatalf("one more: %+v, %v", got, err)
		}
		none("after she declared another one")
		of.Flag("r4", "acct/7", "MisleadingSpam", "acct/9")
		if taken := of.Take("ann"); taken.Case.Subject.ID != "acct/7" {
			t.Errorf("ann gets the case of %s", taken.Case.Subject)
		}
		if _, err := declare(t, of.World, "bob"); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if taken := of.Take("bob"); taken.Case.Subject.ID == "acct/7" {
				t.Errorf("bob gets ann's case of %s", taken.Case.Subject)
			}
		}
	})
}

// TestDeclarationTellsNothing: neither the database nor the ledger has an account that was
// declared, nor its handle, nor a digest that could be computed without the secret; and what
// the worker keeps opens the deed.
func TestDeclarationTellsNothing(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		of := desktest.NewOffice(t, o)
		const account = "plaza:acct/secret-of-ann"
		deed := ownDeed(of.World, "ann", account)
		got, err := of.Desk.DeclareAccounts(t.Context(), desktest.As("ann"), []string{account}, deed)
		if err != nil {
			t.Fatal(err)
		}
		var entered []ledger.Entry
		var digests []string
		is := false
		if err := of.Store.Read(t.Context(), func(tx *store.Tx) (err error) {
			if entered, err = tx.EntriesAbout("deed "+got.Deed, canonical.Time{}, 10); err != nil {
				return err
			}
			if _, digests, _, err = tx.OwnAccounts("ann"); err != nil {
				return err
			}
			is, err = tx.IsOwn(digests[0])
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if len(digests) != 1 || !is || digests[0] != cases.OwnDigest(desktest.OwnSecret, "plaza", "acct/secret-of-ann") || digests[0] == cases.OwnDigest([]byte("another secret of thirty-two byte"), "plaza", "acct/secret-of-ann") {
			t.Errorf("the digests are %q, known %t", digests, is)
		}
		if len(entered) != 1 || entered[0].Body.Kind != entry.KindOwnAccounts || len(entered[0].Openings) != 0 || len(entered[0].Body.Sealed) != 0 {
			t.Fatalf("the entries are %+v", entered)
		}
		var own entry.OwnAccounts
		if err := canonical.UnmarshalExact(entered[0].Body.Data, &own); err != nil {
			t.Fatal(err)
		}
		if said, persons, err := entry.SaidIn(entered[0].Body.Kind, entered[0].Body.Data, nil); err != nil || !persons || said == nil || said.Statement.Signer != "ann" {
			t.Errorf("an audit reads %+v, %t, %v", said, persons, err)
		}
		salt := canonical.MustMarshal(deed.Salt)
		if text := string(entered[0].BodyBytes); strings.Contains(text, "secret-of-ann") || strings.Contains(text, string(salt)) {
			t.Errorf("the entry tells %s", text)
		}
		opened, err := proof.Sealing(actions.DeedAccounts, actions.OwnAccountsText([]string{account}), deed.Salt).Commitment()
		if err != nil || own.Deed.Deed.Text != opened || own.Accounts != 1 || own.Worker != "ann" {
			t.Errorf("what ann keeps does not open %+v: %v", own, err)
		}
		for _, table := range []string{"own_account", "own_declared", "document", "document_opening", "ledger_entry", "ledger_opening", "job"} {
			if all := textOf(t, of.World, table); strings.Contains(all, "secret-of-ann") {
				t.Errorf("the table %s tells the account", table)
			}
		}
	})
}

// textOf returns everything in a table as one text.
func textOf(t *testing.T, w *desktest.World, table string) string {
	t.Helper()
	var all strings.Builder
	if err := w.Store.Read(t.Context(), func(tx *store.Tx) error {
		rows, err := tx.Query(`select * from ` + table)
		if err != nil {
			return err
		}
		defer rows.Close()
		columns, err := rows.Columns()
		if err != nil {
			return err
		}
		values := make([]any, len(columns))
		for rows.Next() {
			for i := range values {
				values[i] = new(any)
			}
			if err := rows.Scan(values...); err != nil {
				return err
			}
			for _, v := range values {
				if b, ok := (*v.(*any)).([]byte); ok {
					all.Write(b)
				} else {
					fmt.Fprint(&all, *v.(*any))
				}
				all.WriteByte('\n')
			}
		}
		return rows.Err()
	}); err != nil {
		t.Fatal(err)
	}
	return all.String()
}

// TestDeclarationIsRefused: what a declaration must be.
func TestDeclarationIsRefused(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		of := desktest.NewOffice(t, o)
		many := make([]string, actions.MaxOwnAccounts+1)
		for i := range many {
			many[i] = "plaza:acct/" + strings.Repeat("x", 1+i)
		}
		session := func() actions.SaltedDeed {
			s, key := of.Session("ann")
			if _, err := of.Desk.StartSession(t.Context(), desktest.As("ann"), s); err != nil {
				t.Fatal(err)
			}
			deed, err := proof.NewDeed(of.Formats(), actions.Deed{What: actions.DeedAccounts, Of: "ann"}, actions.OwnAccountsText(nil),
				actions.Statement{Log: of.LogName(), Signer: "ann", Key: of.PublicKey("ann").ID(), Session: s.Session.Digest()}, of.Clock().Now(), bytes.Repeat([]byte{7}, 96))
			if err != nil {
				t.Fatal(err)
			}
			challenge := deed.Signed.Statement.Challenge()
			deed.Session, deed.Signed.Signature = &s, actions.Signature{Signature: ed25519.Sign(key, challenge[:])}
			return deed
		}
		for name, c := range map[string]struct {
			accounts []string
			deed     actions.SaltedDeed
			typ      string
		}{
			"another's deed":        {nil, ownDeed(of.World, "bob"), "another-signer"},
			"of somebody else":      {nil, of.Deed("ann", actions.Deed{What: actions.DeedAccounts, Of: "bob"}, "[]"), "bad-deed"},
			"other accounts":        {[]string{"plaza:acct/2"}, ownDeed(of.World, "ann", "plaza:acct/1"), "bad-deed"},
			"fewer accounts":        {nil, ownDeed(of.World, "ann", "plaza:acct/1"), "bad-deed"},
			"another kind of deed":  {nil, of.Deed("ann", actions.Deed{What: actions.DeedNote, Of: "ann"}, "[]"), "bad-deed"},
			"under a session":       {nil, session(), "own-key-needed"},
			"an unknown platform":   {[]string{"elsewhere:acct/1"}, ownDeed(of.World, "ann", "elsewhere:acct/1"), "no-such-platform"},
			"an unknown account":    {[]string{"plaza:nothing"}, ownDeed(of.World, "ann", "plaza:nothing"), "no-such-subject"},
			"content":               {[]string{"plaza:post/1"}, ownDeed(of.World, "ann", "plaza:post/1"), "bad-accounts"},
			"a handle":              {[]string{"plaza:@ann"}, ownDeed(of.World, "ann", "plaza:@ann"), "no-such-subject"},
			"more than one takes":   {many, ownDeed(of.World, "ann", many...), "bad-accounts"},
			"no name of an account": {[]string{"ann"}, ownDeed(of.World, "ann", "ann"), "bad-subject"},
		} {
			before := textOf(t, of.World, "own_declared") + textOf(t, of.World, "own_account")
			_, err := of.Desk.DeclareAccounts(t.Context(), desktest.As("ann"), c.accounts, c.deed)
			if !fault.Is(err, c.typ) {
				t.Errorf("%s: %v, not %s", name, err, c.typ)
			}
			if after := textOf(t, of.World, "own_declared") + textOf(t, of.World, "own_account"); after != before {
				t.Errorf("%s: it was stored", name)
			}
		}
	})
}

// TestDeclarationOnce: the same deed again gives the same answer, also when its statement has
// ended, and is one entry.
func TestDeclarationOnce(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		of := desktest.NewOffice(t, o)
		deed := ownDeed(of.World, "ann", "plaza:acct/1")
		var got []store.Declared
		for _, after := range []time.Duration{0, time.Second, time.Hour} {
			of.Clock().Advance(after)
			d, err := of.Desk.DeclareAccounts(t.Context(), desktest.As("ann"), []string{"plaza:acct/1"}, deed)
			if err != nil {
				t.Fatalf("after %s: %v", after, err)
			}
			got = append(got, d)
		}
		if len(slices.Compact(got)) != 1 {
			t.Errorf("the answers are %+v", got)
		}
		if copies := told(t, of.World, "ann", inbox.KindSignature); len(copies) != 1 || !strings.Contains(copies[0].Text, "1 account") || strings.Contains(copies[0].Text, "acct/1") {
			t.Errorf("ann is told %+v", copies)
		}
		var n int64
		if err := of.Store.Read(t.Context(), func(tx *store.Tx) error {
			all, err := tx.EntriesAbout("deed "+got[0].Deed, canonical.Time{}, 10)
			n = int64(len(all))
			return err
		}); err != nil || n != 1 {
			t.Errorf("%d entries have the deed: %v", n, err)
		}
		forged := deed
		forged.Signed.Signature.Signature = slices.Clone(forged.Signed.Signature.Signature)
		forged.Signed.Signature.Signature[0] ^= 1
		if _, err := of.Desk.DeclareAccounts(t.Context(), desktest.As("ann"), []string{"plaza:acct/1"}, forged); err == nil {
			t.Error("the same deed with another signature is taken")
		}
	})
}

// TestDeclarationEdited (law 15): whoever edits the database takes no account away from what a worker
// declared, and gives nobody one, unseen: that worker gets no case until all accounts are declared
// again.
func TestDeclarationEdited(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		of := desktest.NewOffice(t, o)
		if _, err := declare(t, of.World, "ann", "plaza:acct/51", "plaza:acct/52"); err != nil {
			t.Fatal(err)
		}
		if _, err := declare(t, of.World, "ann", "plaza:acct/53"); err != nil {
			t.Fatal(err)
		}
		of.Flag("r1", "acct/51", "MisleadingSpam", "acct/9")
		of.Flag("r2", "post/1", "MisleadingSpam", "acct/9")
		if got := of.Take("ann"); got.Case.Subject.ID != "post/1" {
			t.Fatalf("ann got %s", got.Case.Subject)
		}
		first := cases.OwnDigest(desktest.OwnSecret, "plaza", "acct/51")
		for _, edit := range []string{`delete from own_account where worker = 'ann' and digest = '` + first + `'`, `insert into own_account (worker, digest) values ('ann', 'x')`,
			`update own_declared set seal = ''  where worker = 'ann'`} {
			sql(t, &desktest.Town{World: of.World}, edit)
			_, err := of.Desk.Next(t.Context(), desktest.As("ann"), "")
			refused(t, err, "accounts-tampered")
		}
		if _, err := declare(t, of.World, "ann", "plaza:acct/51", "plaza:acct/52", "plaza:acct/53"); err != nil {
			t.Fatal(err)
		}
		if _, err := of.Desk.Next(t.Context(), desktest.As("ann"), ""); !fault.Is(err, "nothing-waits") {
			t.Errorf("ann is offered her own affair: %v", err)
		}
	})
}
