package proof_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/ledger/ledgertest"
	"countersign.dev/ledger/proof"
	"countersign.dev/ledger/proof/prooftest"
	"countersign.dev/platform"
	"countersign.dev/workforce"
)

var update = flag.Bool("update", false, "write the examples of doc/ledger-format.md anew")

// pageExample is a document on doc/ledger-format.md.
type pageExample struct {
	page      string                         // heading of the page
	v         any                            // the document
	within    []string                       // where in it the object is that the page's table describes
	challenge [32]byte                       // zero: nobody signs it by itself
	public    canonical.Bytes                // the key that signed the challenge
	signed    func(challenge [32]byte) error // checks the signature in the document
	digest    canonical.Digest               // of the described object; zero: not told
	read      func(raw []byte) (any, error)  // decodes the document
}

// decoded reads a document as T, in the one spelling.
func decoded[T any](raw []byte) (any, error) {
	var v T
	err := canonical.UnmarshalExact(raw, &v)
	return v, err
}

// examples makes the documents of doc/ledger-format.md. No clock and no randomness but the
// world's goes into them.
func examples(t *testing.T) map[string]pageExample {
	t.Helper()
	w := prooftest.Staffed(t)
	sites := w.State().Sites()
	own := func(key workforce.PublicKey, s actions.Signature) func([32]byte) error {
		return func(challenge [32]byte) error { return proof.VerifySignature(key, challenge, s, sites) }
	}
	session, other := w.StartSession("ann", actions.SessionEd25519), w.StartSession("bob", actions.SessionP256)
	r := w.Under(session, w.Request("ann", actions.AccountTakedown, prooftest.Account("acct/17"), actions.Standard))
	by := func(s actions.Signature) func([32]byte) error {
		return func(challenge [32]byte) error { return proof.VerifySession(session.Session.SessionKey, challenge, s) }
	}
	at := canonical.At(ledgertest.Epoch.Add(time.Hour))

	var random [96]byte
	copy(random[:], "countersign, an example without any randomness: this is the text instead, 96 bytes of it........")
	deed, err := proof.NewDeed(2, actions.Deed{What: actions.DeedAssignTask, Of: "inc_1", To: "bob", Version: 1}, "Ask the owner.",
		actions.Statement{Log: w.State().LogName(), Signer: "ann", Key: w.PublicKey("ann").ID()}, at.Time, random[:])
	must(t, err)
	deed.Signed = w.Signed("ann", deed.Signed.Statement)

	executor := w.State().Trust.ExecutorKey
	recorded := func(e proof.Execution) pageExample {
		e.V, e.Executor, e.At = proof.ExecutionV2, prooftest.ExecutorID, at
		must(t, e.Check())
		s := e.Sign(w.ExecutorKey)
		return pageExample{page: proof.ExecutionV2, v: s, within: []string{"execution"}, challenge: e.Challenge(), public: executor, read: decoded[proof.SignedExecution],
			signed: func([32]byte) error { return s.Verify(w.State().Trust) }}
	}
	seen := func(e proof.Execution) pageExample {
		is := recorded(e)
		is.page, is.within = "sight", []string{"execution", "sight"}
		return is
	}
	mark := platform.MarkOf(r.ID)

	founding := proof.Founding{V: proof.FoundingV2, Origin: w.Origin, LogKey: w.State().LogKey, Formats: 2, Laws: 3, Time: canonical.At(ledgertest.Epoch), Nonce: random[:32],
		Policy: map[string]string{"all.cedar": "permit (principal, action, resource);\n"}, Budgets: actions.DefaultBudgets()[:1], Trust: w.State().Trust}
	closed := proof.Closed{}
	for _, o := range w.Officers {
		founding.Officers = append(founding.Officers, proof.Officer{Worker: o, Key: w.PublicKey(o)})
	}
	closed.Founding = founding
	for _, o := range w.Officers {
		closed.Signatures = append(closed.Signatures, w.Signature(o, founding.Challenge()))
	}

	old := staffedIn(t, 1)
	switching := actions.Setting{Of: actions.PartFormats, Formats: 2}
	authority, err := old.Authority(actions.DeskChange, switching, "ada", "bea", "cem")
	must(t, err)

	listing := actions.Setting{Of: actions.PartHashes, Hashes: &actions.Text{Digest: canonical.Sum([]byte("a list")), Name: "hotline", Replaces: canonical.Sum([]byte("the list before")), Size: 65, Source: "The Hotline"}}

	return map[string]pageExample{
		"text": {page: "desk.change, texts", v: listing, within: []string{"hashes"}, read: func(raw []byte) (any, error) {
			c, err := actions.ParseChange(actions.DeskChange, raw)
			if err == nil && canonical.DigestOf(c) != canonical.DigestOf(listing) {
				err = fmt.Errorf("it is another change: %+v", c)
			}
			return c, err
		}},
		"statement": {page: actions.StatementV2, v: r.Signed, within: []string{"statement"}, challenge: r.Signed.Statement.Challenge(), read: decoded[actions.Signed],
			public: session.Session.SessionKey.Public, signed: by(r.Signed.Signature)},
		"action": {page: actions.ActionV2, v: r.Action, digest: r.Signed.Statement.Action, read: decoded[actions.Action]},
		"session": {page: actions.SessionVersion, v: session.SignedSession, within: []string{"session"}, digest: r.Signed.Statement.Session, read: decoded[actions.SignedSession],
			challenge: session.Session.Challenge(), public: w.PublicKey("ann").Public, signed: own(w.PublicKey("ann"), session.Signature)},
		"session-p256": {page: actions.SessionVersion, v: other.SignedSession, within: []string{"session"}, digest: other.Session.Digest(), read: decoded[actions.SignedSession],
			challenge: other.Session.Challenge(), public: w.PublicKey("bob").Public, signed: own(w.PublicKey("bob"), other.Signature)},
		"decision": {page: actions.DecisionVersion, v: r.Decision, within: []string{"decision"}, digest: r.Signed.Statement.Decision, read: decoded[*actions.SignedDecision],
			challenge: r.Decision.Signed.Statement.Challenge(), public: session.Session.SessionKey.Public, signed: by(r.Decision.Signed.Signature)},
		"deed": {page: actions.DeedVersion, v: deed.SignedDeed(), within: []string{"deed"}, digest: deed.Signed.Statement.Document, read: decoded[actions.SignedDeed],
			challenge: deed.Signed.Statement.Challenge(), public: w.PublicKey("ann").Public, signed: own(w.PublicKey("ann"), deed.Signed.Signature)},
		"execution": recorded(proof.Execution{Sequence: 8, Kind: proof.KindReceipt, Duty: proof.DutyAct, Request: r.ID, Warrant: canonical.Sum([]byte("core")), Nonce: random[:32],
			Outcome: proof.Executed, Before: platform.Expect{Status: platform.Up}, After: platform.Expect{Status: platform.Down, Mark: mark}}),
		"breach": seen(proof.Execution{Sequence: 9, Kind: proof.KindBreach, Duty: proof.DutyWatch, Request: "brc_0000000000000000000000000g", Sight: &proof.Sight{
			Platform: "plaza", Tier: actions.Critical, Subject: canonical.Sum([]byte("subject")), Expected: platform.Expect{Status: platform.Up},
			Found: platform.Expect{Status: platform.Down, Mark: "STAFF-1"}, Via: "stream", Seen: at, Why: "no-warrant"}}),
		"founding": {page: proof.FoundingV2, v: closed, within: []string{"founding"}, challenge: founding.Challenge(), public: w.PublicKey(w.Officers[0]).Public,
			signed: func([32]byte) error { return closed.Verify() }, read: decoded[proof.Closed]},
		"formats": {page: "desk.change, formats", v: authority.Action.Change, read: func(raw []byte) (any, error) {
			c, err := actions.ParseChange(actions.DeskChange, raw)
			if err == nil && canonical.DigestOf(c) != canonical.DigestOf(switching) {
				err = fmt.Errorf("it is another change: %+v", c)
			}
			return c, err
		}},
		"formats-entry": {page: "desk.change, formats", v: authority, within: []string{"action", "change"}, read: func(raw []byte) (any, error) {
			v, err := decoded[proof.Authority](raw)
			if err == nil {
				_, err = old.TryChange(actions.DeskChange, switching, "ada", "bea", "cem") // such a change is applied
			}
			return v, err
		}},
	}
}

// shown writes an example as the page shows it.
func (e pageExample) shown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "```\n%s\n```\n", canonical.MustMarshal(e.v))
	if e.digest != (canonical.Digest{}) {
		fmt.Fprintf(&b, "\n- `digest` %s", e.digest)
	}
	if e.challenge != ([32]byte{}) {
		fmt.Fprintf(&b, "\n- `challenge` %s\n- `public` %s", hex.EncodeToString(e.challenge[:]), base64.StdEncoding.EncodeToString(e.public))
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}

// spelt says how the values of each type on the page begin.
var spelt = map[string]*regexp.Regexp{
	"text": regexp.MustCompile(`^"`), "number": regexp.MustCompile(`^[0-9]+$`), "flag": regexp.MustCompile(`^(true|false)$`), "list": regexp.MustCompile(`^\[`),
	"object": regexp.MustCompile(`^(\{|null$)`), "digest": regexp.MustCompile(`^"(sha256:[0-9a-f]{64})?"$`), "bytes": regexp.MustCompile(`^"[A-Za-z0-9+/]*=*"$`),
	"instant": regexp.MustCompile(`^"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\.[0-9]{6}Z)?"$`),
}

var (
	pageStart = regexp.MustCompile(`(?m)^### (.+)$`)
	pageRow   = regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| ([a-z]+) \\| (.*) \\|$")
)

// TestPagesOfFormats compares the pages of doc/ledger-format.md with the code: each example is
// what the program writes, is read in that spelling alone, and holds exactly the members of its
// page's table, of the types that it says.
func TestPagesOfFormats(t *testing.T) {
	const path = "../../doc/ledger-format.md"
	raw, err := os.ReadFile(path)
	must(t, err)
	text := string(raw)
	all := examples(t)
	if *update {
		for name, e := range all {
			mark := "<!-- example " + name + " -->\n"
			at := strings.Index(text, mark)
			if at < 0 {
				t.Fatalf("the page has no place for the example %s", name)
			}
			at += len(mark)
			end := len(text)
			for _, next := range []string{"\n<!-- ", "\n## ", "\n### "} {
				if i := strings.Index(text[at:], next); i >= 0 && at+i < end {
					end = at + i
				}
			}
			text = text[:at] + "\n" + e.shown() + text[end:]
		}
		must(t, os.WriteFile(path, []byte(text), 0o644))
	}
	pages := map[string]string{}
	starts := pageStart.FindAllStringSubmatchIndex(text, -1)
	for i, m := range starts {
		end := len(text)
		if i+1 < len(starts) {
			end = starts[i+1][0]
		}
		pages[text[m[2]:m[3]]] = text[m[0]:end]
	}
	for name, e := range all {
		page, ok := pages[e.page]
		if !ok {
			t.Errorf("there is no page %q", e.page)
			continue
		}
		if !strings.Contains(page, "<!-- example "+name+" -->\n\n"+e.shown()+"\n") {
			t.Errorf("the example %s is not the one that the code makes; `go test ./ledger/proof -run TestPagesOfFormats -update` writes it anew", name)
			continue
		}
		document := canonical.MustMarshal(e.v)
		again, err := e.read(document)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if !slices.Equal(canonical.MustMarshal(again), document) {
			t.Errorf("%s: it is written otherwise than it is read", name)
		}
		if e.signed != nil {
			if err := e.signed(e.challenge); err != nil {
				t.Errorf("%s: the signature on the page does not hold: %v", name, err)
			}
		}
		object := json.RawMessage(document)
		for _, member := range e.within {
			var o map[string]json.RawMessage
			must(t, json.Unmarshal(object, &o))
			object = o[member]
		}
		var members map[string]json.RawMessage
		must(t, json.Unmarshal(object, &members))
		if have := canonical.Sum(object); e.digest != (canonical.Digest{}) && have != e.digest {
			t.Errorf("%s: the digest on the page is not that of the example, %s", name, have)
		}
		if strings.HasPrefix(e.page, "countersign/") && string(members["v"]) != `"`+e.page+`"` {
			t.Errorf("%s: v is %s on the page %s", name, members["v"], e.page)
		}
		table := map[string]string{}
		for _, row := range pageRow.FindAllStringSubmatch(page, -1) {
			table[row[1]] = row[2]
			value, there := members[row[1]]
			switch {
			case !there && !strings.Contains(row[3], "may be missing"):
				t.Errorf("%s has no member %s, which the table lists", name, row[1])
			case there && (spelt[row[2]] == nil || !spelt[row[2]].Match(value)):
				t.Errorf("%s: %s is %s, and no %s", name, row[1], value, row[2])
			}
		}
		for _, member := range slices.Sorted(maps.Keys(members)) {
			if table[member] == "" {
				t.Errorf("the table does not list %s, which %s has", member, name)
			}
		}
	}
	for _, m := range regexp.MustCompile(`(?m)^<!-- example (.*) -->$`).FindAllStringSubmatch(text, -1) {
		if _, ok := all[m[1]]; !ok {
			t.Errorf("nothing makes the example %s", m[1])
		}
	}
}
