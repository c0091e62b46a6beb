package proof_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/ledger/ledgertest"
	"countersign.dev/ledger/proof"
	"countersign.dev/ledger/proof/prooftest"
	"countersign.dev/platform"
	"countersign.dev/policy"
	"countersign.dev/test/testenv"
	"countersign.dev/workforce"
)

// The second reader is test/reader/warrant.py. It was written from the pages, shares no
// code with this package, and has no policy engine. Here both readers get the same
// documents, and must accept and refuse the same ones, but for what only a ruling tells.

// byRuling are the types of the refusals that only a ruling, or the rule which texts people
// can read, tells (doc/warrant.md, "What is left to the ruling").
var byRuling = []string{"bad-policy", "bad-ruling", "bad-text", "forbidden-by-policy", "held", "surplus-signature", "surplus-wait"}

// document is a text that is perhaps a warrant, under the hash of an entry 0.
type document struct {
	name string
	raw  []byte
	root canonical.Digest
}

// answer is the second reader's answer to one document.
type answer struct {
	OK     bool   `json:"ok"`
	Check  string `json:"check"` // the first check that failed
	Why    string `json:"why"`
	Ruling string `json:"ruling"`
	// Sessions are those under which people signed.
	Sessions []struct {
		Session     canonical.Digest   `json:"session"`
		Worker      workforce.WorkerID `json:"worker"`
		CertifiedBy workforce.KeyID    `json:"certified_by"`
	} `json:"sessions"`
}

// agreement counts what became of documents.
type agreement struct {
	accepted, refused []string        // names of documents
	ruled             map[string]int  // refused by our reader alone, by type
	checks            map[string]int  // the second reader's refusals, by check
	alone             map[string]bool // names of the documents that our reader alone refused
}

// both puts documents to both readers and reports where they disagree.
func both(t *testing.T, documents iter.Seq[document]) agreement {
	t.Helper()
	second := startSecond(t)
	a := agreement{ruled: map[string]int{}, checks: map[string]int{}, alone: map[string]bool{}}
	for d := range documents {
		second.ask(t, d)
		_, err := proof.NewVerifier(proof.Trust{Root: d.root}).Complete(d.raw) // while the other one reads
		theirs, typ := second.answer(t), fault.TypeOf(err)
		switch {
		case theirs.Ruling != "not checked":
			t.Fatalf("%s: the second reader says of the ruling: %q", d.name, theirs.Ruling)
		case err == nil && theirs.OK:
			a.accepted = append(a.accepted, d.name)
		case err != nil && !theirs.OK:
			a.refused = append(a.refused, d.name)
			a.checks[theirs.Check]++
		case err == nil:
			t.Errorf("%s: ours accepts it, the second refuses it: %s: %s\n%s", d.name, theirs.Check, theirs.Why, keep(t, d))
		case slices.Contains(byRuling, typ):
			a.ruled[typ]++
			a.alone[d.name] = true
		default:
			t.Errorf("%s: the second accepts it, ours refuses it: %s: %v\n%s", d.name, typ, err, keep(t, d))
		}
	}
	return a
}

// keep writes a document on which the readers disagree to a file, and says how to put it to
// the second one.
func keep(t *testing.T, d document) string {
	f, err := os.CreateTemp("", "warrant-*.json")
	must(t, err)
	defer f.Close()
	_, err = f.Write(d.raw)
	must(t, err)
	return "python3 test/reader/warrant.py --root '" + d.root.String() + "' " + f.Name()
}

// second is the second reader as a process.
type second struct {
	in  io.Writer
	out *json.Decoder
}

func startSecond(t *testing.T) second {
	t.Helper()
	cmd := exec.Command(testenv.Python(t), "../../test/reader/warrant.py", "--serve")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	must(t, err)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	t.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("the second reader: %v", err)
		}
	})
	return second{in, json.NewDecoder(out)}
}

func (s second) ask(t *testing.T, d document) {
	t.Helper()
	line, err := json.Marshal(map[string]string{"root": d.root.String(), "warrant": base64.StdEncoding.EncodeToString(d.raw)})
	must(t, err)
	if _, err := s.in.Write(append(line, '\n')); err != nil {
		t.Fatalf("%s: ask the second reader: %v", d.name, err)
	}
}

func (s second) answer(t *testing.T) (a answer) {
	t.Helper()
	if err := s.out.Decode(&a); err != nil {
		t.Fatalf("the second reader gives no answer: %v", err)
	}
	return a
}

// golden are the warrants that earlier programs wrote.
func golden(t *testing.T) (all []document) {
	root, err := os.ReadFile("testdata/warrant.root")
	must(t, err)
	raw, err := os.ReadFile("testdata/warrant.json")
	must(t, err)
	var d canonical.Digest
	must(t, d.UnmarshalText([]byte(strings.TrimSpace(string(root)))))
	all = append(all, document{"testdata/warrant.json", raw, d})
	for _, path := range []string{"laws1/ledger", "laws2/founded", "laws2/adopted", "formats1/acts", "formats1/desk", "formats1/cut", "formats2/acts", "formats2/desk", "formats2/refused"} {
		e, root := readLedger(t, "testdata/"+path+".json.gz")
		for _, w := range e.Warrants {
			all = append(all, document{path, []byte(w), root})
		}
	}
	return all
}

// made is a desk with warrants of it, whose keys the test holds.
type made struct {
	world    *prooftest.World
	warrants []document
	sessions []*prooftest.Session // under which people signed them
}

// lenient is a short policy that permits nearly everything, so that it hides no other
// mistake, with a hold for each tier.
var lenient = map[string]string{"tiers.json": "{}", "lenient.cedar": `
@id("all") @reason("Everybody who is engaged may.") permit (principal, action, resource) when { principal.engaged };
@id("warn") @reason("Everybody who is engaged may.") permit (principal, action == Action::"account.warn", resource) when { principal.engaged };
@id("protected") @reason("The subject is protected.") @hold("1 independent; wait 1h") forbid (principal, action in [Action::"measures", Action::"lifts"], resource) when { resource.tier == Tier::"protected" };
@id("critical") @reason("The subject is critical.") @hold("2 independent; 1 employee; hardware") forbid (principal, action in [Action::"measures", Action::"lifts"], resource) when { resource.tier == Tier::"critical" };
@id("legal") @reason("It is a matter of law.") @hold("1 independent; hardware") forbid (principal, action in Action::"measures", resource) when { context.category == Category::"legal" };
@id("desk") @reason("It changes the desk.") @hold("2 independent; 1 employee; hardware") forbid (principal, action in Action::"changes", resource) when { context.direction == Direction::"burdening" };
`}

// desks are desks of formats of a number with warrants of every sort: of file keys and of
// passkeys of both algorithms, of several tiers, of a wait, of an undo, of timed measures,
// under sessions of both algorithms, and of a chain in which people, keys, vendors, trust,
// laws, formats and policy were changed.
func desks(t *testing.T, formats int64) (all []made) {
	for _, keys := range []string{"file keys", "passkeys", "a long chain"} {
		o := prooftest.Options{Policy: lenient, Seed: byte(len(all)) + 8*byte(formats), Budgets: actions.DefaultBudgets()[:2], Formats: formats}
		if keys == "a long chain" {
			o.Laws, o.Formats = 2, actions.FirstFormats
		}
		w := prooftest.Found(t, o)
		w.Staff()
		switch keys {
		case "passkeys":
			w.EnrolPasskeys(workforce.PasskeyES256, "ann", "lee", "bob")
			w.EnrolPasskeys(workforce.PasskeyEd25519, "kim", "sue", "ole")
		case "a long chain":
			lengthen(t, w, formats)
		}
		m := made{world: w}
		add := func(name string, r *prooftest.Request) {
			m.warrants = append(m.warrants, document{keys + ", " + name, w.Warrant(r), w.Root})
		}
		takedown := func(id string, tier actions.Tier, edit ...func(*actions.Action)) *prooftest.Request {
			return w.Request("ann", actions.AccountTakedown, prooftest.Account(id), tier, edit...)
		}
		add("critical", w.Countersign(takedown("acct/1", actions.Critical), "lee", "kim"))
		add("critical, by others", w.Countersign(w.Request("bob", actions.AccountTakedown, prooftest.Account("acct/2"), actions.Critical), "sue", "eva"))
		add("by officers", w.Countersign(w.Request("ada", actions.AccountTakedown, prooftest.Account("acct/2"), actions.Critical), "bea", "lee"))
		waits := w.Enters(w.Countersign(takedown("acct/3", actions.Protected), "lee"))
		restored := w.Enters(w.Countersign(w.Request("ole", actions.AccountRestore, prooftest.Account("acct/15"), actions.Protected), "lee"))
		w.Advance(time.Hour)
		add("a wait", waits)
		add("a restoration after a wait", restored)
		standard := takedown("acct/4", actions.Standard)
		add("standard", standard)
		w.Executed(standard)
		add("an undo", w.Undo("ann", standard))
		add("a suspension", w.Request("bob", actions.AccountSuspend, prooftest.Account("acct/5"), actions.Standard))
		add("an emergency", w.Request("ole", actions.AccountContain, prooftest.Account("acct/6"), actions.Standard))
		add("a deletion", w.Request("bob", actions.AccountDelete, prooftest.Account("acct/8"), actions.Standard, func(a *actions.Action) { a.Command.Mark = "" }))
		add("a deactivation", w.Request("bob", actions.AccountDeactivate, prooftest.Account("acct/9"), actions.Standard))
		add("a restoration", w.Request("ole", actions.AccountRestore, prooftest.Account("acct/10"), actions.Standard))
		add("a critical restoration", w.Countersign(w.Request("ole", actions.AccountRestore, prooftest.Account("acct/13"), actions.Critical), "lee", "kim"))
		add("a reactivation", w.Request("ole", actions.AccountRestore, prooftest.Account("acct/11"), actions.Standard, func(a *actions.Action) {
			a.Command.Verb, a.Command.Expect.Status = platform.Reactivate, platform.Deactivated
		}))
		add("a post restored", w.Request("ole", actions.ContentRestore, prooftest.Post("post/12"), actions.Standard))
		add("a post", w.Request("abe", actions.ContentRemove, prooftest.Post("post/7"), actions.Standard))
		legal := func(a *actions.Action) { a.Category = actions.CategoryLegal }
		add("a matter of law", w.Countersign(w.Request("ann", actions.AccountTakedown, prooftest.Account("acct/14"), actions.Standard, legal), "kim"))
		if formats > actions.FirstFormats {
			m.sessions = underSessions(w, add)
			if keys == "file keys" {
				inLayers(w, add)
			}
		}
		all = append(all, m)
	}
	return all
}

// underSessions adds warrants whose request, decision or both are signed under a session,
// and returns the sessions.
func underSessions(w *prooftest.World, add func(string, *prooftest.Request)) (all []*prooftest.Session) {
	ed, ec := actions.SessionEd25519, actions.SessionP256
	start := func(by workforce.WorkerID, algorithm actions.SessionAlgorithm) *prooftest.Session {
		all = append(all, w.StartSession(by, algorithm))
		return all[len(all)-1]
	}
	takedown := func(by workforce.WorkerID, id string) *prooftest.Request {
		return w.Request(by, actions.AccountTakedown, prooftest.Account(id), actions.Standard)
	}
	first, second := start("ann", ed), start("ann", ec)
	measure := w.Under(first, takedown("ann", "acct/20"))
	add("under a session", measure)
	w.Executed(measure)
	add("an undo under a session", w.Under(first, w.Undo("ann", measure)))
	add("under a session of P-256", w.Under(start("bob", ec), takedown("bob", "acct/21")))
	add("a suspension under a session", w.Under(start("bob", ed), w.Request("bob", actions.AccountSuspend, prooftest.Account("acct/22"), actions.Standard)))
	add("a restoration under a session", w.Under(start("ole", ec), w.Request("ole", actions.AccountRestore, prooftest.Account("acct/23"), actions.Standard)))
	add("a post under a session", w.Under(start("abe", ed), w.Request("abe", actions.ContentRemove, prooftest.Post("post/24"), actions.Standard)))
	// The person's own key signs the request, and a session the decision.
	own := takedown("ann", "acct/25")
	own.Decision = w.Under(first, &prooftest.Request{By: "ann", Action: own.Action, Signed: own.Signed, Decision: own.Decision}).Decision
	own.Sessions = []actions.SignedSession{first.SignedSession}
	add("decided under a session", own)
	plain := takedown("ann", "acct/27")
	plain.Action.Case, plain.Decision = "", nil
	add("without a case", w.Under(second, plain))
	return all
}

// inLayers adds warrants of acts in layers besides the visibility, and of a warning.
func inLayers(w *prooftest.World, add func(string, *prooftest.Request)) {
	account, post, standard := prooftest.Account("acct/30"), prooftest.Post("post/31"), actions.Standard
	until := func(d time.Duration) func(*actions.Action) {
		return func(a *actions.Action) { a.Until = canonical.At(w.Now().Add(d)) }
	}
	label := w.Request("ann", actions.AccountLabel, account, standard)
	limit := w.Request("ann", actions.AccountLimit, account, standard)
	timed := w.Request("ann", actions.ContentLimit, post, standard, until(time.Hour))
	add("a label", label)
	add("a limit", limit)
	add("a limit with an end", timed)
	w.Executed(label)
	w.Executed(limit)
	w.Executed(timed)
	add("the undo of a label", w.Undo("ann", label))
	add("the undo of a limit", w.Undo("ann", limit))
	add("a limit in the place of a limit", w.Request("ann", actions.ContentLimit, post, standard, until(2*time.Hour), func(a *actions.Action) { a.Command.Expect = timed.Action.Command.After() }))
	add("a post's label", w.Request("abe", actions.ContentLabel, post, standard, func(a *actions.Action) { a.Command.Layer = platform.LabelLayer("0-" + strings.Repeat("a", 62)) }))
	add("the end of somebody's label", w.Request("ole", actions.ContentUnlabel, post, standard, func(a *actions.Action) { a.Command.Expect.Mark = "STAFF-1" }))
	add("the end of a post's limit", w.Request("ole", actions.ContentUnlimit, post, standard))
	add("the end of an account's label", w.Request("ole", actions.AccountUnlabel, account, standard))
	add("the end of an account's limit", w.Request("ole", actions.AccountUnlimit, account, standard))
	add("a warning", w.Request("bob", actions.AccountWarn, account, standard))
	add("a critical label", w.Countersign(w.Request("ann", actions.AccountLabel, account, actions.Critical), "lee", "kim"))
	add("a warning under a session", w.Under(w.StartSession("bob", actions.SessionEd25519), w.Request("bob", actions.AccountWarn, account, standard)))
	add("a label under a session", w.Under(w.StartSession("abe", actions.SessionP256), w.Request("abe", actions.ContentLabel, post, standard)))
}

// lengthen changes, in a chain, all that a warrant may rest on.
func lengthen(t *testing.T, w *prooftest.World, formats int64) {
	later := func(years int) canonical.Time { return canonical.At(w.Now().AddDate(years, 0, 0)) }
	w.Change(actions.DeskEngagement, actions.Engagement{Op: "extend", Worker: "ann", Last: later(2)})
	w.End("lee")
	w.Change(actions.DeskEngagement, actions.Engagement{Op: "reinstate", Worker: "lee"})
	w.Revoke("kim")
	w.Enrol("kim")
	w.Change(actions.DeskChange, adopt(3))
	if formats > actions.FirstFormats {
		w.Change(actions.DeskChange, actions.Setting{Of: actions.PartFormats, Formats: formats})
	}
	w.Change(actions.DeskChange, actions.Setting{Of: actions.PartVendors, Vendor: &workforce.Vendor{ID: "bolt", Name: "Bolt Ltd", Ratchet: 7}})
	trust := w.State().Trust
	trust.Origins = append(trust.Origins, "https://desk.example.org")
	w.Change(actions.DeskChange, actions.Setting{Of: actions.PartTrust, Trust: &trust})
	files := w.State().Policy.Files()
	files["note.cedar"] = "// Adopted later.\n"
	w.Change(actions.DeskChange, actions.Setting{Of: actions.PartPolicy, Policy: files})
	// Who reports to whom has changed, so that the tie of before still counts. ann is above
	// nobody; gus, who is not at the desk, is above ann and abe.
	sue, _ := w.State().People.Worker("sue")
	sue.Record.Manager = "hel"
	w.Admit(sue.Record)
	must(t, w.Govern(proof.KindTaken, taken(w, w.Claim(actions.DeskEngagement, end("bob"), "ada"), w.Now())))
	w.Change(actions.DeskEngagement, actions.Engagement{Op: "reinstate", Worker: "bob"})
	w.Advance(time.Minute)
}

// TestSecondReader puts every warrant that there is to both readers, and every one that
// our own tests tamper with.
func TestSecondReader(t *testing.T) {
	for formats := int64(actions.FirstFormats); formats <= actions.NewestFormats; formats++ {
		t.Run(fmt.Sprintf("formats %d", formats), func(t *testing.T) { secondReader(t, formats) })
	}
}

func secondReader(t *testing.T, formats int64) {
	var good []document
	if formats == actions.FirstFormats {
		good = golden(t)
	}
	for _, d := range desks(t, formats) {
		good = append(good, d.warrants...)
	}
	w, raw := criticalWarrantIn(t, formats)
	es, passkeys := criticalWarrantIn(t, formats, workforce.PasskeyES256)
	ed, others := criticalWarrantIn(t, formats, workforce.PasskeyEd25519)
	// A year is 366 days long now and then, and of those that 100 divides only some are. The
	// first laws do not look at how long a suspension is.
	var late []document
	suspended := func(name string, to *[]document, o prooftest.Options, lasts time.Duration) {
		o.Policy = lenient
		w := prooftest.Found(t, o)
		w.Staff()
		r := w.Request("bob", actions.AccountSuspend, prooftest.Account("acct/5"), actions.Standard, func(a *actions.Action) { a.Until = canonical.At(w.Now().Add(lasts)) })
		raw, err := w.TryWarrant(r)
		if err != nil {
			raw = w.Forge(r)
		}
		*to = append(*to, document{"suspended " + name, raw, w.Root})
	}
	for _, year := range []int{1899, 1900, 1995, 1999, 2027, 2099, 2399} {
		o := prooftest.Options{At: time.Date(year, 12, 15, 0, 0, 0, 0, time.UTC), Formats: formats}
		suspended(fmt.Sprintf("in %d for 366 days", year), &good, o, actions.MaxSuspension)
		suspended(fmt.Sprintf("in %d for longer", year), &late, o, actions.MaxSuspension+time.Microsecond)
	}
	suspended("under the first laws for longer", &good, prooftest.Options{FirstLaws: true}, 400*24*time.Hour)
	suspended("under the first laws for no time", &good, prooftest.Options{FirstLaws: true}, 0)
	suspended("under the second laws for longer", &late, prooftest.Options{Laws: 2}, 400*24*time.Hour)
	suspended("under the second laws for no time", &late, prooftest.Options{Laws: 2}, 0)
	good = append(good, document{"critical", raw, w.Root}, document{"ES256", passkeys, es.Root}, document{"EdDSA", others, ed.Root})
	if a := both(t, slices.Values(good)); len(a.accepted) != len(good) {
		t.Fatalf("of %d good warrants both accept %q", len(good), a.accepted)
	}

	var bad []document
	for _, c := range forgedWarrants(t)[1:] { // the first is a good one
		if c.name == "the version of before" && formats == actions.FirstFormats {
			continue // that is its version
		}
		w := staffedIn(t, formats)
		bad = append(bad, document{"forged: " + c.name, c.make(w), w.Root})
	}
	for _, c := range spoiledEvidence() {
		w, raw := c.make(t, formats)
		bad = append(bad, document{"evidence: " + c.name, raw, w.Root})
	}
	other := prooftest.Found(t, prooftest.Options{Seed: 1}).Root
	bad = append(bad, document{"another desk", raw, other}, document{"no desk", raw, canonical.Digest{}},
		document{"too large", make([]byte, proof.MaxWarrant+1), w.Root})
	for _, d := range golden(t) {
		bad = append(bad, document{"another desk than that of " + d.name, d.raw, other})
	}
	bad = append(bad, spoiledCheckpoints(t, w, raw)...)
	bad = append(append(bad, spoiledWaits(t, formats)...), late...)
	wrong := wrongRulings(t, formats)
	a := both(t, slices.Values(append(bad, slices.Collect(maps.Values(wrong))...)))
	alone := append(slices.Collect(maps.Keys(wrong)), "forged: another reason")
	slices.Sort(alone)
	if got := slices.Sorted(maps.Keys(a.alone)); !slices.Equal(got, alone) {
		t.Errorf("our reader alone refuses %q, want %q", got, alone)
	}
	if got := slices.Sorted(maps.Keys(a.ruled)); !slices.Equal(got, byRuling) {
		t.Errorf("our reader alone refuses some as %q, want %q", got, byRuling)
	}
	if len(a.accepted) != 0 {
		t.Errorf("both accept %q", a.accepted)
	}
}

// TestSecondReaderOfAChangeTakenBeforeTheSwitch: the executor took the end of bob's
// engagement when the desk was of version 1, and the desk entered it just after the switch.
// Later bob was reinstated. Both readers accept the complete warrant of an act of his, if the
// executor's record is dated at most a minute after the switch, since clocks differ.
func TestSecondReaderOfAChangeTakenBeforeTheSwitch(t *testing.T) {
	for _, after := range []time.Duration{-time.Second, time.Minute} {
		w := prooftest.Found(t, prooftest.Options{Policy: lenient, Formats: actions.FirstFormats})
		w.Staff()
		claim := w.Claim(actions.DeskEngagement, end("bob"), "ada")
		w.Advance(time.Second)
		early := taken(w, claim, w.Now().Add(after))
		w.Change(actions.DeskChange, actions.Setting{Of: actions.PartFormats, Formats: actions.NewestFormats})
		w.Advance(2 * time.Minute)
		must(t, w.Govern(proof.KindTaken, early))
		w.Change(actions.DeskEngagement, actions.Engagement{Op: "reinstate", Worker: "bob"})
		w.Advance(time.Minute)
		raw := w.Warrant(w.Request("bob", actions.AccountTakedown, prooftest.Account("acct/4"), actions.Standard))
		all := both(t, slices.Values([]document{{"plain", raw, w.Root}, {"complete", w.Complete(raw), w.Root}}))
		if want := []string{"plain", "complete"}; !slices.Equal(all.accepted, want) {
			t.Errorf("%v after the switch both accept %q", after, all.accepted)
		}
	}
}

// TestSecondReaderTellsOfSessions: the second reader says under which session a warrant was
// signed, and of a warrant that an own key signed that there is none.
func TestSecondReaderTellsOfSessions(t *testing.T) {
	w, second := prooftest.Staffed(t), startSecond(t)
	r, s := w.Request("ann", actions.AccountTakedown, prooftest.Account("acct/9"), actions.Standard), w.StartSession("ann", actions.SessionEd25519)
	second.ask(t, document{name: "own key", root: w.Root, raw: w.Warrant(r)})
	if a := second.answer(t); !a.OK || len(a.Sessions) != 0 {
		t.Errorf("signed with the own key: %+v", a)
	}
	second.ask(t, document{name: "session", root: w.Root, raw: w.Warrant(w.Under(s, w.Request("ann", actions.AccountTakedown, prooftest.Account("acct/10"), actions.Standard)))})
	if a := second.answer(t); !a.OK || len(a.Sessions) != 1 || a.Sessions[0].Session != s.Session.Digest() || a.Sessions[0].Worker != "ann" || a.Sessions[0].CertifiedBy != w.PublicKey("ann").ID() {
		t.Errorf("signed under a session: %+v", a)
	}
}

// TestSecondReaderCommand runs the second reader as people do.
func TestSecondReaderCommand(t *testing.T) {
	python := testenv.Python(t)
	root, err := os.ReadFile("testdata/warrant.root")
	must(t, err)
	trust, other := strings.TrimSpace(string(root)), "sha256:"+strings.Repeat("1", 64)
	for _, c := range []struct {
		args string
		code int
		says []string // each in one line of its standard output
	}{
		{"--root " + trust + " testdata/warrant.json", 0, []string{`"ok": true`}},
		{"--root " + other + " testdata/warrant.json testdata/webauthn-level-3.json", 1, []string{`"check": "root"`, `"check": "spelling"`}},
		{"--root " + trust + " testdata/webauthn-level-3.json testdata/warrant.json", 1, []string{`"ok": false`, `"ok": true`}},
		{"--root " + trust + " testdata/none.json testdata testdata/warrant.json", 1, []string{`"check": "file", "why": "the file cannot be read: No such file`, `"check": "file"`, `"ok": true`}},
		{"testdata/warrant.json", 2, nil},
		{"--root sha256:1 testdata/warrant.json", 2, nil},
		{"--root " + trust, 2, nil},
	} {
		cmd := exec.Command(python, append([]string{"../../test/reader/warrant.py"}, strings.Fields(c.args)...)...)
		out, _ := cmd.Output() // how it ended is compared below
		lines := slices.Collect(strings.Lines(string(out)))
		if cmd.ProcessState.ExitCode() != c.code || len(lines) != len(c.says) {
			t.Errorf("%s: it exits %d and says\n%s", c.args, cmd.ProcessState.ExitCode(), out)
			continue
		}
		for i, line := range lines {
			if !strings.Contains(line, c.says[i]) || !strings.Contains(line, `"ruling": "not checked"`) {
				t.Errorf("%s: it says %s", c.args, line)
			}
		}
	}
}

// wrongRulings are warrants that are wrong in the ruling alone: a desk that lies entered
// them, the people signed, and nothing but the policy, or the rule for texts, refuses them.
func wrongRulings(t *testing.T, formats int64) map[string]document {
	all := map[string]document{}
	lie := func(need actions.Need, make func(w *prooftest.World) *prooftest.Request, edit ...func(*proof.Core)) (*prooftest.World, []byte) {
		w := waitingIn(t, formats)
		r := make(w)
		s := w.State()
		by := s.People.Standing(r.By, w.Now())
		c := proof.Core{V: proof.WarrantVersion(r.Action.Formats()), Decision: r.Decision, Action: r.Action, Request: r.Signed, Countersignatures: r.Countersignatures, Ruling: proof.Ruling{
			Policy: s.Policy.Digest(), At: canonical.At(w.Now()), Need: need, Facts: proof.Facts{Case: true, Engaged: by.Engaged, Employee: by.Employee, InNotice: by.InNotice,
				Newcomer: by.Newcomer, Ratchet: by.Ratchet, Roles: by.Roles, Vendor: string(by.Vendor), Tier: r.Action.Tier, Word: []string{"case", "lifts", "tier"}}}}
		for _, f := range edit {
			f(&c)
		}
		return w, w.Enter(c, s, proof.Judgement{Need: need})
	}
	add := func(name string, need actions.Need, make func(w *prooftest.World) *prooftest.Request) {
		w, raw := lie(need, make)
		all[name] = document{name, raw, w.Root}
	}
	takedown := func(by workforce.WorkerID, tier actions.Tier, signers ...workforce.WorkerID) func(w *prooftest.World) *prooftest.Request {
		return func(w *prooftest.World) *prooftest.Request {
			return w.Countersign(w.Request(by, actions.AccountTakedown, prooftest.Account("acct/17"), tier), signers...)
		}
	}
	add("ruling: nobody needed", actions.Need{}, takedown("ann", actions.Critical))
	add("ruling: one needed", actions.Need{Independent: 1}, takedown("ann", actions.Critical, "lee"))
	add("ruling: one needed too many", actions.Need{Independent: 3, Hardware: true}, takedown("ann", actions.Critical, "eva", "kim", "lee"))
	add("ruling: on the last day", actions.Need{Independent: 2, Hardware: true}, takedown("dan", actions.Critical, "kim", "lee"))
	add("ruling: by somebody who requests nothing", actions.Need{}, takedown("ole", actions.Standard))
	add("ruling: no reasons", actions.Need{Independent: 2, Hardware: true, Qualified: map[actions.Qualifier]int{actions.QualifierEmployee: 1}}, takedown("ann", actions.Critical, "kim", "lee"))
	add("ruling: a wait that was not asked for", actions.Need{Wait: 60}, func(w *prooftest.World) *prooftest.Request {
		r := w.Enters(takedown("ann", actions.Standard)(w))
		w.Advance(time.Minute)
		return r
	})
	add("ruling: a wait of everybody that was not asked for", actions.Need{Independent: 2, Hardware: true, Qualified: map[actions.Qualifier]int{actions.QualifierEmployee: 1}, Wait: 60}, func(w *prooftest.World) *prooftest.Request {
		r := w.Enters(takedown("ann", actions.Critical, "kim", "lee")(w))
		w.Advance(time.Minute)
		return r
	})
	add("ruling: no wait where one is asked for", actions.Need{Independent: 1}, takedown("ann", actions.Protected, "lee"))
	add("ruling: a reason that nobody can see", actions.Need{}, func(w *prooftest.World) *prooftest.Request {
		return w.Request("ann", actions.AccountTakedown, prooftest.Account("acct/17"), actions.Standard, func(a *actions.Action) { a.Reason = "\u200b" })
	})
	files := map[string]string{"a.cedar": "permit"}
	var adopted ledger.Entry
	w, raw := lie(actions.Need{}, func(w *prooftest.World) *prooftest.Request {
		adopted = w.Append(ledger.Draft{Class: ledger.Governance, Kind: string(actions.DeskChange), Data: w.Claim(actions.DeskChange,
			actions.Setting{Of: actions.PartPolicy, Policy: files}, "ada"), Expect: ledger.AnyNumber})[0]
		return takedown("ann", actions.Standard)(w)
	}, func(c *proof.Core) { c.Ruling.Policy = policy.DigestOf(files) })
	warrant, err := proof.ParseWarrant(raw)
	must(t, err)
	warrant.People = append(warrant.People, proof.Evidence{Entry: adopted.Body, Salt: adopted.Salt, Proof: w.Inclusion(adopted.Index)})
	all["ruling: a policy that does not compile"] = document{"ruling: a policy that does not compile", canonical.MustMarshal(warrant), w.Root}
	return all
}

// spoiledCheckpoints are warrants under checkpoints that are not the log's.
func spoiledCheckpoints(t *testing.T, w *prooftest.World, raw []byte) (all []document) {
	good, err := proof.ParseWarrant(raw)
	must(t, err)
	body, line, _ := strings.Cut(good.Ledger.Checkpoint, "\n\n")
	lines := strings.Split(body, "\n")
	stranger, err := ledger.NewKey(w.Origin, ledgertest.Rand(77))
	must(t, err)
	elsewhere, err := ledger.NewKey("other.example.com/ledger", ledgertest.Rand(78))
	must(t, err)
	sign := func(text string, by ...note.Signer) string {
		signed, err := note.Sign(&note.Note{Text: text}, by...)
		must(t, err)
		return string(signed)
	}
	for name, checkpoint := range map[string]string{
		"by a stranger":        sign(body+"\n", stranger),
		"by two":               sign(body+"\n", w.LogKey(), stranger),
		"of another log":       sign("other.example.com/ledger\n"+lines[1]+"\n"+lines[2]+"\n", elsewhere),
		"of another origin":    sign("other.example.com/ledger\n"+lines[1]+"\n"+lines[2]+"\n", w.LogKey()),
		"another size":         sign(lines[0]+"\n1000\n"+lines[2]+"\n", w.LogKey()),
		"a size with a zero":   sign(lines[0]+"\n0"+lines[1]+"\n"+lines[2]+"\n", w.LogKey()),
		"a size with a sign":   sign(lines[0]+"\n+"+lines[1]+"\n"+lines[2]+"\n", w.LogKey()),
		"a size out of range":  sign(lines[0]+"\n9007199254740992\n"+lines[2]+"\n", w.LogKey()),
		"no root":              sign(lines[0]+"\n"+lines[1]+"\n\n", w.LogKey()),
		"a loose root":         sign(lines[0]+"\n"+lines[1]+"\n"+strings.TrimSuffix(lines[2], "=")+"\n", w.LogKey()),
		"an extension":         sign(body+"\nextra\n", w.LogKey()),
		"without a signature":  body + "\n\n",
		"without anything":     "",
		"twice":                good.Ledger.Checkpoint + line,
		"a line after":         good.Ledger.Checkpoint + "\n",
		"no line feed":         strings.TrimSuffix(good.Ledger.Checkpoint, "\n"),
		"carriage returns":     strings.ReplaceAll(good.Ledger.Checkpoint, "\n", "\r\n"),
		"a hyphen for a dash":  strings.Replace(good.Ledger.Checkpoint, "\u2014", "-", 1),
		"a blank too many":     strings.Replace(good.Ledger.Checkpoint, "\u2014 ", "\u2014  ", 1),
		"a signature too long": strings.TrimSuffix(good.Ledger.Checkpoint, "\n") + "AAAA\n",
	} {
		spoiled := good
		spoiled.Ledger.Checkpoint = checkpoint
		all = append(all, document{"checkpoint: " + name, canonical.MustMarshal(spoiled), w.Root})
	}
	good.Ledger.Cosignatures = []string{line}
	return append(all, document{"checkpoint: cosigned", canonical.MustMarshal(good), w.Root})
}

// spoiledWaits are warrants whose wait is not counted as it should be.
func spoiledWaits(t *testing.T, formats int64) (all []document) {
	w := waitingIn(t, formats)
	r := w.Enters(w.Countersign(w.Request("ann", actions.AccountTakedown, prooftest.Account("acct/17"), actions.Protected), "lee"))
	other := w.Enters(w.Countersign(w.Request("ann", actions.AccountTakedown, prooftest.Account("acct/18"), actions.Protected), "lee"))
	w.Advance(time.Hour - time.Microsecond)
	early := w.Forge(r)
	w.Advance(time.Microsecond)
	good, err := proof.ParseWarrant(w.Warrant(r))
	must(t, err)
	theirs, err := proof.ParseWarrant(w.Forge(other))
	must(t, err)
	entries := good.Entries()
	one, two := entries[0], entries[1]
	set := func(warrant *proof.Warrant, entries ...proof.Evidence) {
		warrant.Waited = entries
		if formats > actions.FirstFormats && len(entries) > 0 {
			warrant.Requested, warrant.Waited = entries[0], entries[1:]
		}
	}
	add := func(name string, warrant proof.Warrant) {
		all = append(all, document{"wait: " + name, canonical.MustMarshal(warrant), w.Root})
	}
	for name, waited := range map[string][]proof.Evidence{
		"no entries": nil, "of the request alone": {one}, "swapped": {two, one}, "of the request twice": {one, one}, "one too many": {one, two, two},
	} {
		spoiled := good
		set(&spoiled, waited...)
		add(name, spoiled)
	}
	// The same instant of the ledger, but for the entries of another request.
	set(&theirs, one, two)
	w.Renew(&theirs)
	add("of another request", theirs)
	return append(all, document{"wait: a moment too early", early, w.Root})
}
