package proof_test

import (
	"bytes"
	"crypto/ed25519"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/note"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/ledger/entry"
	"countersign.dev/ledger/ledgertest"
	"countersign.dev/ledger/proof"
	"countersign.dev/ledger/proof/prooftest"
	"countersign.dev/platform"
	"countersign.dev/policy"
	"countersign.dev/workforce"
)

func criticalWarrant(t testing.TB, passkeys ...workforce.Algorithm) (*prooftest.World, []byte) {
	t.Helper()
	return criticalWarrantIn(t, actions.NewestFormats, passkeys...)
}

// staffedIn is prooftest.Staffed for a desk of formats of a number.
func staffedIn(t testing.TB, formats int64) *prooftest.World {
	t.Helper()
	w := prooftest.Found(t, prooftest.Options{Formats: formats})
	w.Staff()
	return w
}

// criticalWarrantIn is criticalWarrant for a desk of formats of a number.
func criticalWarrantIn(t testing.TB, formats int64, passkeys ...workforce.Algorithm) (*prooftest.World, []byte) {
	t.Helper()
	w := staffedIn(t, formats)
	for _, a := range passkeys {
		w.EnrolPasskeys(a, "ann", "lee", "kim")
	}
	r := w.Request("ann", actions.AccountTakedown, prooftest.Account("acct/17"), actions.Critical)
	w.Countersign(r, "lee", "kim")
	return w, w.Warrant(r)
}

func TestVerify(t *testing.T) {
	for _, a := range []workforce.Algorithm{workforce.FileEd25519, workforce.PasskeyES256, workforce.PasskeyEd25519} {
		w, warrant := criticalWarrant(t)
		if a != workforce.FileEd25519 {
			w, warrant = criticalWarrant(t, a)
		}
		v := proof.NewVerifier(proof.Trust{Root: w.Root})
		for range 2 { // the second time from memory
			r, err := v.Verify(warrant)
			if err != nil {
				t.Fatal(err)
			}
			if r.Requester.Worker != "ann" || len(r.Signers) != 2 || r.Signers[0].Worker != "kim" || r.Origin != w.Origin || r.Size != w.Head().Size ||
				!strings.Contains(r.Revocation, "revocation not checked") || len(r.Word) != 3 {
				t.Errorf("%+v", r)
			}
			if got := canonical.MustMarshal(r.Warrant); string(got) != string(warrant) {
				t.Errorf("%s: the report's warrant is not the one that was verified", a)
			}
		}
	}
}

// TestVerifyOverOwners: a takedown of what its owner has deactivated holds offline; one
// over a deactivation that bears a mark is not well formed, whoever signed it.
func TestVerifyOverOwners(t *testing.T) {
	for mark, refused := range map[platform.Mark]bool{"": false, "TICKET-1": true, platform.MarkOf("req_1"): true} {
		w := prooftest.Staffed(t)
		r := w.Request("ann", actions.AccountTakedown, prooftest.Account("acct/17"), actions.Critical, func(a *actions.Action) {
			a.Command.Expect = platform.Expect{Status: platform.Deactivated, Mark: mark}
		})
		w.Countersign(r, "lee", "kim")
		sealed := w.Warrant
		if refused {
			sealed = w.Forge
		}
		_, err := proof.NewVerifier(proof.Trust{Root: w.Root}).Verify(sealed(r))
		if fault.Is(err, "bad-action") != refused || !refused && err != nil {
			t.Errorf("over a deactivation under %q: %v", mark, err)
		}
	}
}

// TestVerifierForgets: what is remembered is bounded, and forgetting changes no answer.
func TestVerifierForgets(t *testing.T) {
	w, warrant := criticalWarrant(t)
	v := proof.NewVerifier(proof.Trust{Root: w.Root})
	bound := proof.MaxKnown(v, 29_000) // the founding and little else
	for range 3 {
		if _, err := v.Verify(warrant); err != nil {
			t.Fatal(err)
		}
		if n := proof.Known(v); n > bound {
			t.Errorf("%d bytes are remembered, at most %d should be", n, bound)
		}
	}
	if _, err := v.Verify([]byte(strings.Replace(string(warrant), "It breaks", "It brakes", 1))); err == nil {
		t.Error("a changed warrant verified")
	}
	// A warrant that does not hold leaves nothing behind.
	fresh := proof.NewVerifier(proof.Trust{Root: w.Root})
	if _, err := fresh.Verify([]byte(strings.Replace(string(warrant), "It breaks", "It brakes", 1))); err == nil || proof.Known(fresh) != 0 {
		t.Errorf("%v, and %d bytes are remembered of it", err, proof.Known(fresh))
	}
}

// TestReferences: what stands for an entry that a verifier remembers cannot be
// written into a warrant; nor can a member be left out where it would make up
// for one that a reference lacks.
func TestReferences(t *testing.T) {
	w, warrant := criticalWarrant(t)
	v := proof.NewVerifier(proof.Trust{Root: w.Root})
	if _, err := v.Verify(warrant); err != nil {
		t.Fatal(err)
	}
	good, err := proof.ParseWarrant(warrant)
	if err != nil {
		t.Fatal(err)
	}
	entry := func(i int) string { return string(canonical.MustMarshal(good.People[i].Entry)) }
	anchor := string(canonical.MustMarshal(good.Ledger.Entry))
	data := string(good.People[1].Entry.Data)
	empty := string(canonical.MustMarshal(ledger.Body{Data: canonical.Raw("{}")}))
	evidence := string(canonical.MustMarshal(good.People[0]))
	for name, edit := range map[string][2]string{
		"in the place of entry 0":                      {entry(0), `{}`},
		"in the place of another":                      {entry(1), `{}`},
		"in the anchor":                                {anchor, `{}`},
		"a body of empty members":                      {entry(1), empty},
		"in an entry's data":                           {data, `{"entry":{}}`},
		"in the action":                                {`"change":{}`, `"change":{"entry":{}}`},
		"an entry that is known, within another":       {data, `[` + evidence + `]`},
		"an entry that is known, in the action":        {`"change":{}`, `"change":` + evidence},
		"a member lacking elsewhere":                   {`"lossy":"",`, ``},
		"an entry that is known, as the entry after":   {entry(1), entry(0)},
		"an entry that is known, for its own evidence": {evidence, `{"entry":` + entry(0) + `}`},
	} {
		bad := strings.Replace(string(warrant), edit[0], edit[1], 1)
		if bad == string(warrant) {
			t.Errorf("%s: the test changes nothing", name)
		}
		if _, err := v.Verify([]byte(bad)); fault.As(err) == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// forged is a warrant that a desk that lies could enter and prove, with the type and a part
// of the text of its refusal.
type forged struct {
	name      string
	make      func(*prooftest.World) []byte
	typ, what string
}

func forgedWarrants(t *testing.T) []forged {
	takedown := func(w *prooftest.World, by workforce.WorkerID, signers ...workforce.WorkerID) *prooftest.Request {
		return w.Countersign(w.Request(by, actions.AccountTakedown, prooftest.Account("acct/17"), actions.Critical), signers...)
	}
	// reseal enters the core of a good warrant with something changed.
	reseal := func(w *prooftest.World, edit func(*proof.Core)) []byte {
		r := takedown(w, "ann", "kim", "lee")
		s, ask := w.State(), w.Ask(r)
		j, err := s.Judge(ask)
		if err != nil {
			t.Fatal(err)
		}
		c, err := s.Seal(ask, j)
		if err != nil {
			t.Fatal(err)
		}
		edit(&c)
		return w.Enter(c, s, j)
	}
	return []forged{
		{"a good one", func(w *prooftest.World) []byte { return w.Warrant(takedown(w, "ann", "kim", "lee")) }, "", ""},
		{"one countersignature short", func(w *prooftest.World) []byte { return w.Forge(takedown(w, "ann", "lee")) }, "held", ""},
		{"on the last day", func(w *prooftest.World) []byte { return w.Forge(takedown(w, "dan", "kim", "lee")) }, "forbidden-by-policy", ""},
		{"a ruling that needs nobody", func(w *prooftest.World) []byte {
			return reseal(w, func(c *proof.Core) { c.Ruling.Need = actions.Need{} })
		}, "bad-ruling", ""},
		{"another fact", func(w *prooftest.World) []byte {
			return reseal(w, func(c *proof.Core) { c.Ruling.Facts.InNotice = true })
		}, "bad-ruling", ""},
		{"another vendor", func(w *prooftest.World) []byte {
			return reseal(w, func(c *proof.Core) { c.Ruling.Facts.Vendor = "bolt" })
		}, "bad-ruling", ""},
		{"another reason", func(w *prooftest.World) []byte {
			return reseal(w, func(c *proof.Core) { c.Ruling.Reasons[0].Text = "Because." })
		}, "bad-ruling", ""},
		{"fewer facts by the desk's word", func(w *prooftest.World) []byte {
			return reseal(w, func(c *proof.Core) { c.Ruling.Facts.Word = c.Ruling.Facts.Word[1:] })
		}, "bad-ruling", ""},
		{"another version", func(w *prooftest.World) []byte {
			return reseal(w, func(c *proof.Core) { c.V = "countersign/warrant/v3" })
		}, "malformed", "version"},
		{"the version of before", func(w *prooftest.World) []byte {
			return reseal(w, func(c *proof.Core) { c.V = proof.WarrantV1 })
		}, "malformed", "of one version"},
		{"another policy", func(w *prooftest.World) []byte {
			return reseal(w, func(c *proof.Core) { c.Ruling.Policy = canonical.Sum(nil) })
		}, "bad-ruling", ""},
		{"a countersignature too many", func(w *prooftest.World) []byte {
			return w.Forge(takedown(w, "ann", "eva", "kim", "lee"))
		}, "surplus-signature", ""},
		// The ruling is dated back to when somebody was still here.
		{"a ruling dated back", func(w *prooftest.World) []byte {
			return reseal(w, func(c *proof.Core) { c.Ruling.At = canonical.At(c.Ruling.At.Add(-time.Minute - time.Microsecond)) })
		}, "bad-anchor", "dated"},
		{"a ruling dated ahead", func(w *prooftest.World) []byte {
			return reseal(w, func(c *proof.Core) { c.Ruling.At = canonical.At(c.Ruling.At.Add(time.Minute + time.Microsecond)) })
		}, "bad-anchor", "dated"},
		{"an anchor of another kind", func(w *prooftest.World) []byte {
			return anchoredAs(w, t, takedown(w, "ann", "kim", "lee"), ledger.Draft{Class: ledger.Desk, Kind: "request", Expect: ledger.AnyNumber})
		}, "bad-anchor", "not of kind"},
		{"an anchor of another class", func(w *prooftest.World) []byte {
			return anchoredAs(w, t, takedown(w, "ann", "kim", "lee"), ledger.Draft{Class: ledger.Execution, Kind: entry.KindWarrant, Expect: ledger.AnyNumber})
		}, "bad-anchor", "not of kind"},
		{"an anchor with sealed fields", func(w *prooftest.World) []byte {
			field, _ := ledger.Field("name", "x")
			return anchoredAs(w, t, takedown(w, "ann", "kim", "lee"), ledger.Draft{Class: ledger.Desk, Kind: entry.KindWarrant, Sealed: []ledger.Opening{field}, Expect: ledger.AnyNumber})
		}, "bad-anchor", "not of kind"},
	}
}

// TestForgedWarrants: the log holds it, and still it is no warrant.
func TestForgedWarrants(t *testing.T) {
	for _, c := range forgedWarrants(t) {
		t.Run(c.name, func(t *testing.T) {
			w := prooftest.Staffed(t)
			raw := c.make(w)
			_, err := proof.Verify(raw, proof.Trust{Root: w.Root})
			if c.typ == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			refusedAs(t, err, c.typ, c.what)
		})
	}
}

// TestSeal: a held action has no core.
func TestSeal(t *testing.T) {
	w := prooftest.Staffed(t)
	ask := w.Ask(w.Request("ann", actions.AccountTakedown, prooftest.Account("acct/17"), actions.Critical))
	s := w.State()
	j, err := s.Judge(ask)
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Seal(ask, j)
	refusedAs(t, err, "held", "0 of 2")
}

// anchoredAs enters the record of a warrant as another sort of entry.
func anchoredAs(w *prooftest.World, t *testing.T, r *prooftest.Request, d ledger.Draft) []byte {
	t.Helper()
	raw := w.Warrant(r)
	warrant, err := proof.ParseWarrant(raw)
	if err != nil {
		t.Fatal(err)
	}
	d.Data = proof.WarrantEntryOf(warrant.Core(), w.State())
	e := w.Append(d)[0]
	warrant.Ledger.Entry, warrant.Ledger.Salt, warrant.Ledger.Proof = e.Body, e.Salt, w.Inclusion(e.Index)
	w.Renew(&warrant)
	return canonical.MustMarshal(warrant)
}

// spoiled is a good warrant whose governance entries are changed, with the type and a part
// of the text of its refusal.
type spoiled struct {
	name      string
	edit      func(w *prooftest.World, warrant *proof.Warrant)
	typ, what string
}

func (c spoiled) make(t *testing.T, formats int64) (*prooftest.World, []byte) {
	w, raw := criticalWarrantIn(t, formats)
	warrant, err := proof.ParseWarrant(raw)
	if err != nil {
		t.Fatal(err)
	}
	c.edit(w, &warrant)
	w.Renew(&warrant)
	return w, canonical.MustMarshal(warrant)
}

func spoiledEvidence() []spoiled {
	return []spoiled{
		{"none", func(_ *prooftest.World, c *proof.Warrant) { c.People = nil }, "no-evidence", ""},
		{"without the founding", func(_ *prooftest.World, c *proof.Warrant) { c.People = c.People[1:] }, "foreign-desk", ""},
		{"without somebody's row", func(_ *prooftest.World, c *proof.Warrant) {
			c.People = slices.DeleteFunc(c.People, func(e proof.Evidence) bool {
				return e.Entry.Kind == proof.KindRow && strings.Contains(string(e.Entry.Data), `"worker":"kim"`)
			})
		}, "engagement-ended", "no such worker"},
		{"without the keys", func(_ *prooftest.World, c *proof.Warrant) {
			c.People = slices.DeleteFunc(c.People, func(e proof.Evidence) bool { return e.Entry.Kind == string(actions.DeskKey) })
		}, "unknown-key", ""},
		{"one more than needed", func(w *prooftest.World, c *proof.Warrant) {
			for _, e := range w.Entries() {
				if e.Leaf.Class == ledger.Governance && e.Body.Kind == proof.KindRow && strings.Contains(string(e.BodyBytes), `"worker":"ole"`) {
					c.People = append(c.People, proof.Evidence{Entry: e.Body, Salt: e.Salt, Proof: w.Inclusion(e.Index)})
				}
			}
			slices.SortFunc(c.People, func(a, b proof.Evidence) int { return int(a.Entry.Number - b.Entry.Number) })
		}, "bad-evidence", "does not rest on"},
		{"reordered", func(_ *prooftest.World, c *proof.Warrant) { c.People[1], c.People[2] = c.People[2], c.People[1] }, "bad-evidence", "order"},
		{"one twice", func(_ *prooftest.World, c *proof.Warrant) { c.People = slices.Insert(c.People, 1, c.People[1]) }, "bad-evidence", "order"},
		{"an admission", func(w *prooftest.World, c *proof.Warrant) {
			for _, e := range w.Entries() {
				if e.Body.Kind == string(actions.DeskAdmit) {
					c.People = append(c.People, proof.Evidence{Entry: e.Body, Salt: e.Salt, Proof: w.Inclusion(e.Index)})
				}
			}
			slices.SortFunc(c.People, func(a, b proof.Evidence) int { return int(a.Entry.Number - b.Entry.Number) })
		}, "bad-evidence", "an admission, which proves nothing"},
		{"what came after it", func(w *prooftest.World, c *proof.Warrant) {
			e := w.End("ole")
			c.People = append(c.People, proof.Evidence{Entry: e.Body, Salt: e.Salt, Proof: w.Inclusion(e.Index)})
		}, "bad-evidence", "came after the warrant"},
		{"an entry of the desk", func(w *prooftest.World, c *proof.Warrant) {
			c.People = append(c.People, proof.Evidence{Entry: c.Ledger.Entry, Salt: c.Ledger.Salt, Proof: c.Ledger.Proof})
		}, "bad-evidence", "order"},
		// The change is about somebody whom nothing introduces.
		{"a second founding", func(w *prooftest.World, c *proof.Warrant) {
			e := w.Append(ledger.Draft{Class: ledger.Governance, Kind: proof.KindFounding, Data: opened[proof.Closed](w.Entries()[0]), Expect: ledger.AnyNumber})[0]
			c.People = append(c.People, proof.Evidence{Entry: e.Body, Salt: e.Salt, Proof: w.Inclusion(e.Index)})
			again(w, c)
		}, "bad-evidence", "founded once"},
		{"an entry whose kind is another than its action's", func(w *prooftest.World, c *proof.Warrant) {
			e := w.Append(ledger.Draft{Class: ledger.Governance, Kind: string(actions.DeskKey), Data: w.Claim(actions.DeskEngagement, end("ann"), "ada"), Expect: ledger.AnyNumber})[0]
			c.People = append(c.People, proof.Evidence{Entry: e.Body, Salt: e.Salt, Proof: w.Inclusion(e.Index)})
			again(w, c)
		}, "bad-evidence", "but its action is of kind"},
		{"a row that says more", malformed(proof.KindRow, map[string]any{"zzz": 1}), "malformed", ""},
		{"a founding that says more", malformed(proof.KindFounding, map[string]any{"zzz": 1}), "malformed", ""},
		{"a change that says more", malformed(string(actions.DeskKey), map[string]any{"zzz": 1}), "malformed", ""},
		{"a change of nothing", malformed(string(actions.DeskKey), proof.Authority{Action: actions.Action{Kind: actions.DeskKey, Change: canonical.Raw("{}")}}), "not-canonical", ""},
		{"a policy that does not compile", malformed(string(actions.DeskChange), proof.Authority{Action: actions.Action{Kind: actions.DeskChange,
			Change: canonical.MustMarshal(actions.Setting{Of: actions.PartPolicy, Policy: map[string]string{"a.cedar": "permit"}})}}), "bad-policy", ""},
		{"a policy that the executor took", malformedTaken(actions.DeskChange, actions.Setting{Of: actions.PartPolicy, Policy: policy.Default()}), "not-relieving", ""},
		{"a vendor that the executor took", malformedTaken(actions.DeskChange, actions.Setting{Of: actions.PartVendors, Vendor: &workforce.Vendor{ID: "acme", Name: "Acme", Ratchet: 0}}), "not-relieving", ""},
		{"a reinstatement that the executor took", malformedTaken(actions.DeskEngagement, actions.Engagement{Op: "reinstate", Worker: "ann"}), "not-relieving", ""},
		{"the end of somebody unknown", func(w *prooftest.World, c *proof.Warrant) {
			e := w.Append(ledger.Draft{Class: ledger.Governance, Kind: string(actions.DeskEngagement), Data: w.Claim(actions.DeskEngagement, end("nobody"), "ada"), Expect: ledger.AnyNumber})[0]
			c.People = append(c.People, proof.Evidence{Entry: e.Body, Salt: e.Salt, Proof: w.Inclusion(e.Index)})
			again(w, c)
		}, "bad-evidence", "introduce"},
		{"the revocation of an unknown key", func(w *prooftest.World, c *proof.Warrant) {
			e := w.Append(ledger.Draft{Class: ledger.Governance, Kind: string(actions.DeskKey), Data: w.Claim(actions.DeskKey, keys("key_00000000000000000000000000000000"), "ada"), Expect: ledger.AnyNumber})[0]
			c.People = append(c.People, proof.Evidence{Entry: e.Body, Salt: e.Salt, Proof: w.Inclusion(e.Index)})
			again(w, c)
		}, "bad-evidence", "introduce"},
	}
}

// TestEvidenceOfAWarrant is governance entries that should not be there, or are missing.
func TestEvidenceOfAWarrant(t *testing.T) {
	for _, c := range spoiledEvidence() {
		t.Run(c.name, func(t *testing.T) {
			w, raw := c.make(t, actions.NewestFormats)
			_, err := proof.Verify(raw, proof.Trust{Root: w.Root})
			refusedAs(t, err, c.typ, c.what)
		})
	}
}

// malformed appends an entry that no follower would take, as evidence.
func malformed(kind string, data any) func(*prooftest.World, *proof.Warrant) {
	return func(w *prooftest.World, c *proof.Warrant) {
		e := w.Append(ledger.Draft{Class: ledger.Governance, Kind: kind, Data: data, Expect: ledger.AnyNumber})[0]
		c.People = append(c.People, proof.Evidence{Entry: e.Body, Salt: e.Salt, Proof: w.Inclusion(e.Index)})
		again(w, c)
	}
}

// malformedTaken is malformed for a change that the executor is said to have taken.
func malformedTaken(k actions.Kind, c actions.Change) func(*prooftest.World, *proof.Warrant) {
	return func(w *prooftest.World, warrant *proof.Warrant) {
		malformed(proof.KindTaken, taken(w, w.Claim(k, c, "ada"), w.Now()))(w, warrant)
	}
}

// again enters the warrant's core once more, after what was appended since.
func again(w *prooftest.World, c *proof.Warrant) {
	e := w.Append(ledger.Draft{Class: ledger.Desk, Kind: entry.KindWarrant, Data: proof.WarrantEntryOf(c.Core(), w.State()), Expect: ledger.AnyNumber})[0]
	c.Ledger.Entry, c.Ledger.Salt, c.Ledger.Proof = e.Body, e.Salt, w.Inclusion(e.Index)
}

// TestTrust: another desk's warrant is nobody's here, however good.
func TestTrust(t *testing.T) {
	_, warrant := criticalWarrant(t)
	other := prooftest.Found(t, prooftest.Options{Seed: 1})
	_, err := proof.Verify(warrant, proof.Trust{Root: other.Root})
	refusedAs(t, err, "foreign-desk", "that you trust")
	_, err = proof.Verify(warrant, proof.Trust{})
	refusedAs(t, err, "foreign-desk", "")
}

// TestCheckpointOfAWarrant is another key, another log, and cosignatures.
func TestCheckpointOfAWarrant(t *testing.T) {
	w, raw := criticalWarrant(t)
	good, err := proof.ParseWarrant(raw)
	if err != nil {
		t.Fatal(err)
	}
	one, lineOne := witness(t, "one.example/w", 1)
	two, lineTwo := witness(t, "two.example/w", 2)
	policy := "log " + w.LogKey().VerifierKey() + "\nwitness one " + lineOne + "\nwitness two " + lineTwo + "\ngroup both all one two\n"
	trust := func(quorum string) proof.Trust {
		q, err := ledger.ParseTrust([]byte(policy + "quorum " + quorum + "\n"))
		if err != nil {
			t.Fatal(err)
		}
		return proof.Trust{Root: w.Root, Quorum: q}
	}
	cosign := func(s note.Signer) string {
		text, _, _ := strings.Cut(good.Ledger.Checkpoint, "\n\n")
		signed, err := note.Sign(&note.Note{Text: text + "\n"}, s)
		if err != nil {
			t.Fatal(err)
		}
		_, line, _ := strings.Cut(string(signed), "\n\n")
		return line
	}
	lines := []string{cosign(one), cosign(two)}
	slices.Sort(lines)
	verify := func(t *testing.T, trust proof.Trust, edit func(*proof.Warrant)) error {
		c := good
		edit(&c)
		_, err := proof.Verify(canonical.MustMarshal(c), trust)
		return err
	}
	both := func(c *proof.Warrant) { c.Ledger.Cosignatures = lines }
	if err := verify(t, trust("both"), both); err != nil {
		t.Errorf("cosigned by both: %v", err)
	}
	refusedAs(t, verify(t, trust("both"), func(c *proof.Warrant) {}), "quorum-missing", "")
	refusedAs(t, verify(t, trust("both"), func(c *proof.Warrant) { c.Ledger.Cosignatures = lines[:1] }), "quorum-missing", "")
	if err := verify(t, trust("one"), func(c *proof.Warrant) { c.Ledger.Cosignatures = []string{cosign(one)} }); err != nil {
		t.Errorf("cosigned by one, as asked: %v", err)
	}
	refusedAs(t, verify(t, proof.Trust{Root: w.Root}, both), "surplus-signature", "does not name")
	for name, cosignatures := range map[string][]string{
		"reordered":        {lines[1], lines[0]},
		"one twice":        {lines[0], lines[0]},
		"joined":           {lines[0] + lines[1]},
		"cut elsewhere":    {lines[0][:9], lines[0][9:] + lines[1]},
		"an empty one":     {"", lines[0], lines[1]},
		"a blank line":     {"\n", lines[0], lines[1]},
		"no line feed":     {lines[0], strings.TrimSuffix(lines[1], "\n")},
		"a stranger's too": {lines[0], lines[1], "— zzz.example/w " + strings.Fields(lines[0])[2] + "\n"},
	} {
		if err := verify(t, trust("both"), func(c *proof.Warrant) { c.Ledger.Cosignatures = cosignatures }); fault.As(err) == nil {
			t.Errorf("cosignatures %s: %v", name, err)
		}
	}
	// The cosignature within the checkpoint would be a second spelling.
	if err := verify(t, trust("both"), func(c *proof.Warrant) {
		c.Ledger.Checkpoint, c.Ledger.Cosignatures = c.Ledger.Checkpoint+lines[0], lines[1:]
	}); fault.As(err) == nil {
		t.Errorf("a cosignature within the checkpoint: %v", err)
	}
	stranger, err := ledger.NewKey(w.Origin, ledgertest.Rand(77))
	if err != nil {
		t.Fatal(err)
	}
	n, err := note.Open([]byte(good.Ledger.Checkpoint), note.VerifierList(mustVerifier(t, w.LogKey().VerifierKey())))
	if err != nil {
		t.Fatal(err)
	}
	resigned, err := note.Sign(&note.Note{Text: n.Text}, stranger)
	if err != nil {
		t.Fatal(err)
	}
	refusedAs(t, verify(t, proof.Trust{Root: w.Root}, func(c *proof.Warrant) { c.Ledger.Checkpoint = string(resigned) }), "checkpoint-unverified", "")
	twice, err := note.Sign(&note.Note{Text: n.Text}, w.LogKey(), stranger)
	if err != nil {
		t.Fatal(err)
	}
	refusedAs(t, verify(t, proof.Trust{Root: w.Root}, func(c *proof.Warrant) { c.Ledger.Checkpoint = string(twice) }), "surplus-signature", "unknown keys")
	if err := verify(t, trust("both"), func(c *proof.Warrant) { c.Ledger.Checkpoint = string(twice); both(c) }); fault.As(err) == nil {
		t.Errorf("signed twice, with a quorum: %v", err)
	}
}

// witness returns somebody else's cosigner, and its verifier key.
func witness(t *testing.T, name string, seed byte) (note.Signer, string) {
	t.Helper()
	s, err := torchwood.NewCosignatureSigner(name, ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, 32)))
	if err != nil {
		t.Fatal(err)
	}
	return s, s.Verifier().String()
}

func mustVerifier(t *testing.T, line string) note.Verifier {
	t.Helper()
	v, err := ledger.ParseVerifierKey(line)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestTooLarge: nobody makes us read a warrant of any size.
func TestTooLarge(t *testing.T) {
	big := make([]byte, proof.MaxWarrant+1)
	if _, err := proof.ParseWarrant(big); fault.KindOf(err) != fault.TooLarge {
		t.Error(err)
	}
	if _, err := proof.Verify(big, proof.Trust{}); fault.KindOf(err) != fault.TooLarge {
		t.Error(err)
	}
}

// BenchmarkVerify is a warrant with three signatures for a verifier that knows
// the desk; beside it the signature checks alone, and a verifier that has never met the desk.
func BenchmarkVerify(b *testing.B) {
	for _, a := range []workforce.Algorithm{workforce.FileEd25519, workforce.PasskeyES256} {
		w, warrant := criticalWarrant(b)
		if a != workforce.FileEd25519 {
			w, warrant = criticalWarrant(b, a)
		}
		trust := proof.Trust{Root: w.Root}
		parsed, err := proof.ParseWarrant(warrant)
		if err != nil {
			b.Fatal(err)
		}
		s := w.State()
		log, err := ledger.ParseVerifierKey(s.LogKey)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(string(a)+"/signatures", func(b *testing.B) {
			for b.Loop() {
				proof.ForgetSignatures() // a warrant that comes for the first time
				for _, signed := range append(parsed.Countersignatures, parsed.Request) {
					k, _ := s.People.Key(signed.Statement.Key)
					if err := proof.VerifySignature(k.PublicKey, signed.Statement.Challenge(), signed.Signature, s.Sites()); err != nil {
						b.Fatal(err)
					}
				}
				if _, err := ledger.ParseCheckpoint([]byte(parsed.Ledger.Checkpoint), log); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(string(a)+"/verify", func(b *testing.B) {
			v := proof.NewVerifier(trust)
			for b.Loop() {
				proof.ForgetSignatures() // a warrant that comes for the first time
				if _, err := v.Verify(warrant); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(string(a)+"/cold", func(b *testing.B) {
			for b.Loop() {
				proof.ForgetSignatures() // a warrant that comes for the first time
				if _, err := proof.Verify(warrant, trust); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkVerifySession is the warrant of a standard takedown with the decision of its case,
// under a session; beside it the checks of the two statements, of the session and of the
// checkpoint alone.
func BenchmarkVerifySession(b *testing.B) {
	for _, a := range []actions.SessionAlgorithm{actions.SessionEd25519, actions.SessionP256} {
		w := prooftest.Staffed(b)
		session := w.StartSession("ann", a)
		warrant := w.Warrant(w.Under(session, w.Request("ann", actions.AccountTakedown, prooftest.Account("acct/17"), actions.Standard)))
		parsed, err := proof.ParseWarrant(warrant)
		if err != nil {
			b.Fatal(err)
		}
		if parsed.Decision == nil || len(parsed.Sessions) != 1 {
			b.Fatal("the warrant lacks the decision or the session")
		}
		s := w.State()
		log, err := ledger.ParseVerifierKey(s.LogKey)
		if err != nil {
			b.Fatal(err)
		}
		own, _ := s.People.Key(session.Session.Key)
		b.Run(string(a)+"/signatures", func(b *testing.B) {
			for b.Loop() {
				proof.ForgetSignatures()
				for _, signed := range []actions.Signed{parsed.Request, parsed.Decision.Signed} {
					if err := proof.VerifySession(session.Session.SessionKey, signed.Statement.Challenge(), signed.Signature); err != nil {
						b.Fatal(err)
					}
				}
				if err := proof.VerifySignature(own.PublicKey, session.Session.Challenge(), session.Signature, s.Sites()); err != nil {
					b.Fatal(err)
				}
				if _, err := ledger.ParseCheckpoint([]byte(parsed.Ledger.Checkpoint), log); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(string(a)+"/verify", func(b *testing.B) {
			b.ReportMetric(float64(len(warrant)), "bytes")
			v := proof.NewVerifier(proof.Trust{Root: w.Root})
			for b.Loop() {
				proof.ForgetSignatures()
				if _, err := v.Verify(warrant); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// TestVerifierInParallel: one verifier, many warrants at once.
func TestVerifierInParallel(t *testing.T) {
	w, warrant := criticalWarrant(t)
	others := [][]byte{warrant}
	for _, p := range []workforce.WorkerID{"ann", "bob", "sue"} {
		others = append(others, w.Warrant(w.Request(p, actions.AccountTakedown, prooftest.Account("acct/18"), actions.Standard)))
	}
	v := proof.NewVerifier(proof.Trust{Root: w.Root})
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for k := range others {
				if _, err := v.Verify(others[(i+k)%len(others)]); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
}

// TestVersionOfAWarrant: a version that stands somewhere inside is not the warrant's.
func TestVersionOfAWarrant(t *testing.T) {
	w := prooftest.Staffed(t)
	raw := string(w.Warrant(w.Request("ann", actions.AccountTakedown, prooftest.Account("acct/9"), actions.Standard)))
	const known, unknown = `"v":"countersign/warrant/v2"`, `"v":"countersign/warrant/v9"`
	for name, changed := range map[string]string{
		"an unknown version":                     strings.Replace(raw, known, unknown, 1),
		"an unknown version, and a known inside": strings.Replace(strings.Replace(raw, known, unknown, 1), `"change":{}`, `"change":{`+known+`}`, 1),
	} {
		if _, err := proof.ParseWarrant([]byte(changed)); changed == raw || !fault.Is(err, "malformed") || !strings.Contains(err.Error(), "not a warrant of version") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
