package desk_test

import (
	"crypto/sha256"
	"strconv"
	"strings"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/desk"
	"countersign.dev/desk/desktest"
	"countersign.dev/fault"
	"countersign.dev/ledger/entry"
	"countersign.dev/store"
	"countersign.dev/workforce"
)

// TestProgramSignsIn: a program gets a token with its key, once for each ask, and the ledger
// has that it did. The token is no worker's, and a worker's is no program's.
func TestProgramSignsIn(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		to := desktest.NewTown(t, o)
		scout := to.AddProgram("scout", "ann")
		from := size(t, to)
		ask, secret := to.ProgramAsk(scout)
		tok, err := to.SignInProgram(t.Context(), ask)
		if err != nil {
			t.Fatal(err)
		}
		if made := kindsOf(withoutTiers(ofTheDesk(since(t, to.World, from)))); len(made) != 1 || made[0] != entry.KindProgramToken {
			t.Errorf("it entered %q", made)
		}
		by, err := to.AuthenticateProgram(t.Context(), secret)
		if err != nil || by.ID != "scout" || by.Token != tok.ID {
			t.Fatalf("got %+v, %v", by, err)
		}
		if c := by.Caller(); c.Worker != "" || c.Program != "scout" {
			t.Errorf("as a caller it is %+v", c)
		}
		if by, err := to.Authenticate(t.Context(), secret); !fault.Is(err, "token-of-program") {
			t.Errorf("as a worker it is %+v: %v", by, err)
		}
		workers, theirs := to.TokenAsk("ann", "ann")
		if _, err := to.SignIn(t.Context(), workers); err != nil {
			t.Fatal(err)
		}
		if by, err := to.AuthenticateProgram(t.Context(), theirs); !fault.Is(err, "token-of-worker") {
			t.Errorf("ann's token is the program %+v: %v", by, err)
		}
		if _, err := to.SignInProgram(t.Context(), ask); !fault.Is(err, "token-ask-spent") {
			t.Errorf("the same ask again: %v", err)
		}
		second, _ := to.ProgramAsk(scout, func(a *actions.ProgramTokenAsk) { a.Nonce = ask.Ask.Nonce })
		if _, err := to.SignInProgram(t.Context(), second); !fault.Is(err, "token-ask-spent") {
			t.Errorf("the same nonce again: %v", err)
		}
		to.Clock().Advance(time.Hour)
		if _, err := to.AuthenticateProgram(t.Context(), secret); !fault.Is(err, "bad-token") {
			t.Errorf("after an hour: %v", err)
		}
	})
}

// TestProgramIsRefused: what a program's ask must say, and who is on record for it.
func TestProgramIsRefused(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		to := desktest.NewTown(t, o)
		scout, other := to.AddProgram("scout", "ann"), to.AddProgram("other", "bob")
		for name, c := range map[string]struct {
			by    desktest.Program
			edit  func(*actions.ProgramTokenAsk)
			typ   string
			known bool // the refusal is on record under the program's name
		}{
			"another desk":        {scout, func(a *actions.ProgramTokenAsk) { a.Log = "elsewhere" }, "bad-token-ask", false},
			"no secret":           {scout, func(a *actions.ProgramTokenAsk) { a.Secret = canonical.Digest{} }, "bad-token-ask", false},
			"a person's version":  {scout, func(a *actions.ProgramTokenAsk) { a.V = actions.TokenVersion }, "bad-token-ask", false},
			"an old ask":          {scout, func(a *actions.ProgramTokenAsk) { a.NotBefore = canonical.At(a.NotBefore.Add(-2 * time.Minute)) }, "bad-token-ask", false},
			"another program":     {other, func(a *actions.ProgramTokenAsk) { a.Program = "scout" }, "unknown-key", false},
			"another's signature": {other, func(a *actions.ProgramTokenAsk) { a.Program, a.Key = "scout", keyOf(to, scout) }, "bad-signature", false},
			"an unknown program":  {scout, func(a *actions.ProgramTokenAsk) { a.Program = "none" }, "unknown-key", false},
			"more than an hour":   {scout, func(a *actions.ProgramTokenAsk) { a.Expires = canonical.At(a.NotBefore.Add(61 * time.Minute)) }, "bad-token-ask", true},
		} {
			from := size(t, to)
			ask, _ := to.ProgramAsk(c.by, c.edit)
			if _, err := to.SignInProgram(t.Context(), ask); !fault.Is(err, c.typ) {
				t.Errorf("%s: %v, not %s", name, err, c.typ)
			}
			refused := programRefusals(t, to, from)
			if (len(refused) == 1 && refused[0] == "scout") != c.known || len(refused) > 1 {
				t.Errorf("%s: on record are refusals of %q", name, refused)
			}
		}
		person, _ := to.TokenAsk("ann", "ann")
		asks := actions.SignedProgramTokenAsk{Ask: actions.ProgramTokenAsk{V: actions.ProgramTokenVersion, Log: person.Ask.Log, Program: "ann", Key: person.Ask.Key, Nonce: person.Ask.Nonce,
			NotBefore: person.Ask.NotBefore, Expires: person.Ask.Expires, Secret: person.Ask.Secret}, Signature: person.Signature}
		if _, err := to.SignInProgram(t.Context(), asks); !fault.Is(err, "unknown-key") {
			t.Errorf("a person's ask as a program's: %v", err)
		}
	})
}

func keyOf(to *desktest.Town, p desktest.Program) workforce.KeyID {
	ask, _ := to.ProgramAsk(p)
	return ask.Ask.Key
}

// programRefusals are the programs of which refusals are on record.
func programRefusals(t *testing.T, to *desktest.Town, from int64) (names []string) {
	t.Helper()
	for _, e := range since(t, to.World, from) {
		var r entry.Refusal
		if e.Body.Kind == entry.KindRefused && canonical.UnmarshalExact(e.Body.Data, &r) == nil && r.Worker == "" && r.Count == 1 {
			names = append(names, r.Program)
		}
	}
	return names
}

// TestWaitingReportsAreTold: status tells of programs without an owner, and for a day of
// programs that were ended, as long as no other one stands in their place.
func TestWaitingReportsAreTold(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		to := desktest.NewTown(t, o)
		told := func(when string, words ...string) {
			t.Helper()
			got := in(t, to.World, "reports")
			if len(got) != len(words) {
				t.Fatalf("%s: %+v", when, got)
			}
			for i, m := range got {
				if !strings.Contains(m.Text, words[i]) || !m.Needs() || m.Do == "" {
					t.Errorf("%s: %+v does not say %q", when, m, words[i])
				}
			}
		}
		end := func(id string) {
			t.Helper()
			to.Change(actions.DeskChange, actions.Setting{Of: actions.PartPrograms, Program: &actions.Program{Op: actions.ProgramEnd, ID: id}})
		}
		to.AddProgram("scout", "ann")
		to.AddProgram("bird", "bob")
		told("both stand")
		end("scout")
		told("another one stands in its place")
		end("bird")
		told("none is left: the last one is named", "The program bird was ended")
		to.Clock().Advance(24 * time.Hour)
		told("a day later")
		to.AddProgram("third", "bob")
		to.Change(actions.DeskEngagement, actions.Engagement{Op: "end", Worker: "bob"})
		told("without an owner", "its owner bob may not act")
	})
}

// TestProgramEnds: a token opens nothing from the instant on at which its program was ended,
// or its owner's engagement is over; a hand-over lets the same token open again.
func TestProgramEnds(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		to := desktest.NewTown(t, o)
		scout, bird := to.AddProgram("scout", "ann"), to.AddProgram("bird", "bob")
		secret, birds := to.ProgramToken(t, scout), to.ProgramToken(t, bird)
		to.Change(actions.DeskEngagement, actions.Engagement{Op: "end", Worker: "ann"})
		if _, err := to.AuthenticateProgram(t.Context(), secret); !fault.Is(err, "program-without-owner") || fault.KindOf(err) != fault.Unauthenticated {
			t.Errorf("after its owner left: %v", err)
		}
		from := size(t, to)
		ask, _ := to.ProgramAsk(scout)
		if _, err := to.SignInProgram(t.Context(), ask); !fault.Is(err, "program-without-owner") {
			t.Errorf("it signs in after its owner left: %v", err)
		}
		if refused := programRefusals(t, to, from); len(refused) != 1 || refused[0] != "scout" {
			t.Errorf("on record are refusals of %q", refused)
		}
		to.Change(actions.DeskChange, actions.Setting{Of: actions.PartPrograms, Program: &actions.Program{Op: actions.ProgramHandOver, ID: "scout", Owner: "kim"}})
		if by, err := to.AuthenticateProgram(t.Context(), secret); err != nil || by.ID != "scout" {
			t.Errorf("after the hand-over: %+v, %v", by, err)
		}
		to.Change(actions.DeskChange, actions.Setting{Of: actions.PartPrograms, Program: &actions.Program{Op: actions.ProgramEnd, ID: "bird"}})
		if _, err := to.AuthenticateProgram(t.Context(), birds); !fault.Is(err, "program-ended") {
			t.Errorf("after its end: %v", err)
		}
	})
}

// TestProgramRowIsNoToken: who can write the database and sign nothing is no program.
func TestProgramRowIsNoToken(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		to := desktest.NewTown(t, o)
		scout, other := to.AddProgram("scout", "ann"), to.AddProgram("other", "bob")
		genuine, _ := to.ProgramAsk(scout)
		const guessed = "csgp_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
		hash := sha256.Sum256([]byte(guessed))
		forged, _ := to.ProgramAsk(other, func(a *actions.ProgramTokenAsk) { a.Program, a.Key, a.Secret = "scout", keyOf(to, scout), hash })
		renamed := genuine
		renamed.Ask.Secret = hash
		own, _ := to.ProgramAsk(other, func(a *actions.ProgramTokenAsk) { a.Secret = hash })
		long, _ := to.ProgramAsk(scout, func(a *actions.ProgramTokenAsk) {
			a.Secret, a.Expires = hash, canonical.At(a.NotBefore.Add(24*time.Hour))
		})
		right, _ := to.ProgramAsk(scout, func(a *actions.ProgramTokenAsk) { a.Secret = hash })
		for i, c := range []struct {
			name string
			ask  []byte
			good bool
		}{
			{"a row alone", []byte{}, false},
			{"an ask of another secret", canonical.MustMarshal(genuine), false},
			{"an ask changed to this secret", canonical.MustMarshal(renamed), false},
			{"signed by another program", canonical.MustMarshal(forged), false},
			{"another program's ask", canonical.MustMarshal(own), false},
			{"a day's ask", canonical.MustMarshal(long), false},
			{"the program's own ask", canonical.MustMarshal(right), true},
		} {
			id := "ptk_" + strconv.Itoa(i)
			var signed actions.SignedProgramTokenAsk
			expires := genuine.Ask.Expires
			if canonical.UnmarshalExact(c.ask, &signed) == nil {
				expires = signed.Ask.Expires
			}
			if err := to.Store.Write(t.Context(), func(tx *store.Tx) error {
				return tx.InsertProgramToken(store.ProgramToken{ID: id, Hash: hash[:], Nonce: []byte{byte(i)}, Ask: c.ask, Program: "scout", Created: genuine.Ask.NotBefore, Expires: expires}, canonical.Time{})
			}); err != nil {
				t.Fatal(err)
			}
			if by, err := to.AuthenticateProgram(t.Context(), guessed); (err == nil) != c.good || err != nil && !fault.Is(err, "bad-token") {
				t.Errorf("%s: it opens as %+v: %v", c.name, by, err)
			}
			sql(t, to, "delete from program_token where id = '"+id+"'")
		}
	})
}

// TestProgramTokensAreFew: a program that signs in without end fills neither the ledger nor
// the table.
func TestProgramTokensAreFew(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		to := desktest.NewTown(t, o)
		to.StopExecutor()
		scout := to.AddProgram("scout", "ann")
		n := 0
		for ; n < 500; n++ {
			ask, _ := to.ProgramAsk(scout)
			_, err := to.SignInProgram(t.Context(), ask)
			if fault.Is(err, "program-too-fast") {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if n != 120 {
			t.Errorf("it got %d tokens in an hour", n)
		}
		to.Clock().Advance(26 * time.Hour)
		to.ProgramToken(t, scout)
		var rows int64
		if err := to.Store.Read(t.Context(), func(tx *store.Tx) error {
			return tx.QueryRow(`select count(*) from program_token`).Scan(&rows)
		}); err != nil || rows != 1 {
			t.Errorf("%d rows are kept: %v", rows, err)
		}
	})
}

// TestProgramRate: a program brings in as many reports as its admission says, in any pieces,
// and learns when to come back.
func TestProgramRate(t *testing.T) {
	to := desktest.NewTown(t, desktest.Options{})
	to.Clock().Hold()
	take := func(id string, rate int64, n int) error {
		return desk.TakeReports(to.Desk, actions.Program{ID: id, Rate: rate}, n)
	}
	for i := range 60 {
		if err := take("scout", 60, 1); err != nil {
			t.Fatalf("report %d: %v", i+1, err)
		}
	}
	err := take("scout", 60, 1)
	if f := fault.As(err); f == nil || f.Kind != fault.Exhausted || f.Type != "program-too-fast" || len(f.Detail) != 1 || f.Detail[0] != (fault.Detail{At: "retry-after", Text: "1"}) {
		t.Fatalf("beyond the rate: %+v", err)
	}
	if err := take("other", 60, 1); err != nil {
		t.Errorf("another program pays for it: %v", err)
	}
	to.Clock().Advance(time.Second)
	if err := take("scout", 60, 1); err != nil {
		t.Errorf("a second later: %v", err)
	}
	if err := take("scout", 60, 1); err == nil {
		t.Error("more came back in a second than should")
	}
	// A bulk larger than what is left goes in, and is paid off before anything else does.
	to.Clock().Advance(time.Second)
	if err := take("scout", 60, 600); err != nil {
		t.Errorf("a bulk: %v", err)
	}
	to.Clock().Advance(9*time.Minute + 58*time.Second)
	if err := take("scout", 60, 1); err == nil {
		t.Error("a bulk of ten minutes was paid off in less")
	}
	to.Clock().Advance(2 * time.Second)
	if err := take("scout", 60, 1); err != nil {
		t.Errorf("after it was paid off: %v", err)
	}
}
