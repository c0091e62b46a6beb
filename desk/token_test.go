package desk_test

import (
	"crypto/sha256"
	"strings"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/desk"
	"countersign.dev/desk/desktest"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/ledger/entry"
	"countersign.dev/store"
)

// TestAskGivesOneToken: whoever saw an ask and sends it again has nothing of it.
func TestAskGivesOneToken(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		to := desktest.NewTown(t, o)
		ask, secret := to.TokenAsk("ann", "ann")
		if _, err := to.SignIn(t.Context(), ask); err != nil {
			t.Fatal(err)
		}
		if by, err := to.Authenticate(t.Context(), secret); err != nil || by.Worker != "ann" {
			t.Fatalf("got %v, %v", by, err)
		}
		from := size(t, to)
		for range 39 {
			if _, err := to.SignIn(t.Context(), ask); !fault.Is(err, "token-ask-spent") {
				t.Fatalf("the same ask again: %v", err)
			}
		}
		// Another secret under the same nonce, signed again, is no second token either.
		second, _ := to.TokenAsk("ann", "ann", func(a *actions.TokenAsk) { a.Nonce = ask.Ask.Nonce })
		if _, err := to.SignIn(t.Context(), second); !fault.Is(err, "token-ask-spent") {
			t.Errorf("the same nonce again: %v", err)
		}
		ts, err := to.Tokens(t.Context(), desktest.As("ann"))
		if made := ofTheDesk(since(t, to.World, from)); err != nil || len(ts) != 1 || len(made) != 0 {
			t.Errorf("ann has %d tokens, and %q was entered: %v", len(ts), kindsOf(made), err)
		}
		none, _ := to.TokenAsk("ann", "ann", func(a *actions.TokenAsk) { a.Secret = canonical.Digest{} })
		if _, err := to.SignIn(t.Context(), none); !fault.Is(err, "bad-token-ask") {
			t.Errorf("an ask that names no secret: %v", err)
		}
	})
}

// TestRowIsNoToken: who can write the database and sign nothing is nobody at the desk.
func TestRowIsNoToken(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		to := desktest.NewTown(t, o)
		genuine, secret := to.TokenAsk("ann", "ann")
		made, err := to.SignIn(t.Context(), genuine)
		if err != nil {
			t.Fatal(err)
		}
		bobs, _ := to.TokenAsk("bob", "bob")
		forged, _ := to.TokenAsk("ann", "bob")
		const guessed = "csgn_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
		hash := sha256.Sum256([]byte(guessed))
		rename := func(s actions.SignedTokenAsk, edit func(*actions.TokenAsk)) actions.SignedTokenAsk {
			edit(&s.Ask)
			return s
		}
		for i, c := range []struct {
			name string
			ask  []byte
		}{
			{"a row alone", nil},
			{"ann's own ask, of another secret", canonical.MustMarshal(genuine)},
			{"ann's own ask, changed to this secret", canonical.MustMarshal(rename(genuine, func(a *actions.TokenAsk) { a.Secret = hash }))},
			{"signed by bob", canonical.MustMarshal(rename(forged, func(a *actions.TokenAsk) { a.Secret = hash }))},
			{"bob's ask", canonical.MustMarshal(bobs)},
			{"no document", []byte("{}")},
		} {
			err := to.Store.Write(t.Context(), func(tx *store.Tx) error {
				return tx.InsertToken(store.Token{ID: "tok_" + string(rune('a'+i)), Hash: hash[:], Nonce: []byte{byte(i)}, Ask: c.ask, Worker: "ann", Key: to.PublicKey("ann").ID(),
					Created: made.Created, Expires: made.Expires})
			})
			if err != nil {
				t.Fatal(err)
			}
			if by, err := to.Authenticate(t.Context(), guessed); !fault.Is(err, "bad-token") {
				t.Errorf("%s: it opens as %q: %v", c.name, by.Worker, err)
			}
			sql(t, to, "delete from token where id = 'tok_"+string(rune('a'+i))+"'")
		}
		// Nor does an edited row of a genuine token, which was found good before.
		if _, err := to.Authenticate(t.Context(), secret); err != nil {
			t.Fatal(err)
		}
		for _, edit := range []string{"update token set worker = 'bob'", "update token set key_id = '" + string(to.PublicKey("bob").ID()) + "'",
			"update token set expires = expires + 1000000", "update token set ask = null"} {
			sql(t, to, edit+" where id = '"+made.ID+"'")
			if by, err := to.Authenticate(t.Context(), secret); !fault.Is(err, "bad-token") {
				t.Errorf("%s: it opens as %q: %v", edit, by.Worker, err)
			}
			sql(t, to, "delete from token where id = '"+made.ID+"'")
			if err := to.Store.Write(t.Context(), func(tx *store.Tx) error { return tx.InsertToken(made) }); err != nil {
				t.Fatal(err)
			}
		}
		// Row and ask edited alike: what was verified was the ask that is there no more.
		bobsNow := made
		bobsNow.Worker, bobsNow.Key = "bob", to.PublicKey("bob").ID()
		bobsNow.Ask = canonical.MustMarshal(rename(genuine, func(a *actions.TokenAsk) { a.Worker, a.Key = bobsNow.Worker, bobsNow.Key }))
		for _, row := range []store.Token{bobsNow, made} {
			sql(t, to, "delete from token where id = '"+made.ID+"'")
			if err := to.Store.Write(t.Context(), func(tx *store.Tx) error { return tx.InsertToken(row) }); err != nil {
				t.Fatal(err)
			}
			if by, err := to.Authenticate(t.Context(), secret); row.Worker == "bob" && !fault.Is(err, "bad-token") {
				t.Errorf("row and ask edited alike: it opens as %q: %v", by.Worker, err)
			}
		}
		if by, err := to.Authenticate(t.Context(), secret); err != nil || by.Worker != "ann" {
			t.Errorf("the genuine row again: %q, %v", by.Worker, err)
		}
	})
}

// TestStrangersAreCounted: of somebody who is not known nothing is entered that
// they sent, only how many were refused in a minute, and for what.
func TestStrangersAreCounted(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		to := desktest.NewTown(t, o)
		to.StopExecutor()
		to.Rest() // which enters the sums as well
		from := size(t, to)
		accused := strings.Repeat("ann takes bribes. ", 60_000)
		for i := range 60 {
			ask, _ := to.TokenAsk("ann", "bob", func(a *actions.TokenAsk) {
				switch i % 3 {
				case 0:
					a.Worker = "ann takes bribes. "
				case 1:
					a.Log = accused
				}
			})
			if _, err := to.SignIn(t.Context(), ask); err == nil {
				t.Fatal("somebody signed in")
			}
		}
		if _, err := to.Authenticate(t.Context(), "csgn_none"); !fault.Is(err, "bad-token") {
			t.Error(err)
		}
		if n := size(t, to) - from; n != 0 {
			t.Errorf("%d entries at once, want none", n)
		}
		to.Clock().Advance(time.Minute)
		sums(t, to)
		entries := since(t, to.World, from)
		if len(entries) != 1 || entries[0].Body.Class != ledger.Desk || entries[0].Body.Kind != entry.KindRefused {
			t.Fatalf("%d entries after a minute, want 1: %+v", len(entries), entries)
		}
		var r entry.Refusal
		if err := canonical.UnmarshalExact(entries[0].Body.Data, &r); err != nil {
			t.Fatal(err)
		}
		want := map[string]int64{"unknown-key": 20, "bad-token-ask": 20, "bad-signature": 20, "bad-token": 1}
		if r.Worker != "" || r.Count != 61 || len(r.Types) != len(want) {
			t.Errorf("the entry says %+v", r)
		}
		for typ, n := range want {
			if r.Types[typ] != n {
				t.Errorf("%s: %d, want %d", typ, r.Types[typ], n)
			}
		}
		if b := string(entries[0].BodyBytes); strings.Contains(b, "bribes") || len(b) > 500 {
			t.Errorf("%d bytes were entered: %.500s", len(b), b)
		}
		sums(t, to)
		if n := size(t, to) - from; n != 1 {
			t.Errorf("%d entries of one minute", n)
		}
	})
}

// sums has the desk enter what it counted in minutes that are over.
func sums(t *testing.T, to *desktest.Town) {
	t.Helper()
	if err := desk.EnterSums(to.Desk, t.Context()); err != nil {
		t.Fatal(err)
	}
}
