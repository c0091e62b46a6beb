package proof_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/ledger"
	"countersign.dev/ledger/entry"
	"countersign.dev/ledger/proof"
	"countersign.dev/workforce"
)

// The ledgers in testdata/formats1 were written by the program of the last commit that
// knew only the formats of version 1. Nobody writes them again: what was signed in version
// 1 has to verify for ever, byte for byte.
//
//   - desk: a desk of package desktest on SQLite with a real plaza and a real executor. It
//     was founded under the laws 2 and adopted the laws 3. People worked at it for some
//     days. They did what the tests of package desk do: requests of each kind, verdicts, a
//     withdrawal, an emergency act and its review, an incident with its deeds, tokens, acts
//     and changes that waited, refusals, a breach around the desk that the executor restored.
//   - acts: the people of package prooftest, a real executor and the platform in memory of
//     package executortest. The chain holds every change of the desk, the warrants are of
//     each kind and tier, and the executor did and saw all that the tests of package executor
//     know. Some people sign with passkeys of both algorithms.
//   - cut: the same on a real plaza, where the executor cuts off a credential.
//
// The file of each ledger also holds what that program made of it: the state of the chain,
// and the digest and the challenge of every text in it that has a version of its own.
var formats1 = []string{"acts", "cut", "desk"}

// inFormats1 lists by family what the ledgers of formats1 hold together. The names are the
// values of constants; families says which.
var inFormats1 = map[string]string{
	"kind": `account.contain account.deactivate account.delete account.restore account.suspend account.takedown content.remove content.restore
		desk.admit desk.change desk.engagement desk.freeze desk.key desk.review`,
	"part":      "budgets freezes keys laws locks modes orders platforms policy reviews tiers trust vendors workforce",
	"scope":     "all platform vendor worker",
	"review":    "emergency incident",
	"deed":      "incident.findings incident.open incident.task incident.task.done",
	"verdict":   "act countersign decline freeze request reverse withdraw",
	"tier":      "critical protected standard",
	"category":  "child-safety legal",
	"direction": "burdening relieving",
	"effect":    "lossy one-way reversible",
	"algorithm": "ed25519 webauthn-eddsa webauthn-es256",
	"duty":      "act cut lift restore watch",
	"outcome":   "dropped executed failed refused unknown",
	"record": `intent/act/ intent/cut/ intent/lift/ intent/restore/ receipt/act/executed receipt/act/unknown receipt/cut/executed receipt/lift/executed receipt/restore/executed
		refusal/act/dropped refusal/act/failed refusal/act/refused refusal/cut/refused refusal/lift/failed taken/watch/`,
	"governance": "desk.admit desk.change desk.engagement desk.freeze desk.key desk.review founding row taken",
	"execution":  "baseline blind breach foreign intent lock observed over receipt refusal sighted taken tiers told",
	"desk":       "alarm countersign decline expire export exposure-check exposure-read incident incident-findings incident-read incident-task incident-task-done refused request taken-refused token token-revoked void warrant withdraw",
	"operation": `end enrol/ed25519 enrol/webauthn-eddsa enrol/webauthn-es256 extend freeze/all freeze/platform freeze/vendor freeze/worker import/founding import/later
		place reinstate revoke revoke-key thaw/all thaw/platform thaw/vendor thaw/worker`,
	"raise":      "confirm fall lower raise",
	"particular": "alarm category confirms facts lift never timed undo unranked waited waited-change",
	"warrant": `account.contain/critical account.contain/standard account.deactivate/critical account.deactivate/protected account.deactivate/standard account.delete/protected
		account.delete/standard account.restore/critical account.restore/protected account.restore/standard account.suspend/critical account.suspend/protected account.suspend/standard
		account.takedown/critical account.takedown/protected account.takedown/standard content.remove/critical content.remove/protected content.remove/standard
		content.restore/critical content.restore/protected content.restore/standard`,
}

// younger lists by family what there is and these ledgers do not hold: disclosing acts, of
// which the catalogue has no kind yet. Whoever adds a kind, part or record adds its name here,
// and golden files of the version that writes it beside formats1.
var younger = map[string]string{
	"effect":  "disclosing said",
	"kind":    "account.limit account.unlimit account.label account.unlabel content.limit content.unlimit content.label content.unlabel account.warn",
	"deed":    "request.withdraw",
	"desk":    "session",
	"part":    "sessions formats",
	"scope":   "key",
	"verdict": "decide",
}

// families returns by family the values of the constants that the packages have today.
func families(t *testing.T) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	for _, k := range actions.Catalogue() {
		all["kind"] = append(all["kind"], string(k.Kind))
	}
	named := constants(t, "../../actions")
	for family, prefix := range map[string]string{"part": "Part", "scope": "Scope", "review": "Review"} {
		all[family] = named(prefix, "")
	}
	for family, typ := range map[string]string{"deed": "DeedKind", "verdict": "Verdict", "tier": "Tier", "direction": "Direction", "effect": "Effect"} {
		all[family] = named("", typ)
	}
	all["category"] = slices.DeleteFunc(named("", "Category"), func(c string) bool { return c == "" })
	all["algorithm"] = constants(t, "../../workforce")("", "Algorithm")
	records := constants(t, ".")
	all["duty"], all["outcome"] = records("", "Duty"), records("", "Outcome")
	for _, k := range records("Kind", "") {
		if k != proof.KindFounding && k != proof.KindRow {
			all["execution"] = append(all["execution"], k)
		}
	}
	all["desk"] = constants(t, "../entry")("Kind", "")
	return all
}

// constants reads the constants of a package. What it returns gives the values of those
// texts whose names have a prefix and whose declared type is typ.
func constants(t *testing.T, dir string) func(prefix, typ string) []string {
	t.Helper()
	type constant struct{ name, typ, value string }
	var all []constant
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	must(t, err)
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		must(t, err)
		for _, d := range f.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.CONST {
				continue
			}
			for _, s := range g.Specs {
				v := s.(*ast.ValueSpec)
				if len(v.Values) != 1 {
					continue
				}
				text, ok := v.Values[0].(*ast.BasicLit)
				if !ok || text.Kind != token.STRING {
					continue
				}
				value, err := strconv.Unquote(text.Value)
				must(t, err)
				typ := ""
				if id, ok := v.Type.(*ast.Ident); ok {
					typ = id.Name
				}
				all = append(all, constant{v.Names[0].Name, typ, value})
			}
		}
	}
	return func(prefix, typ string) (values []string) {
		for _, c := range all {
			if strings.HasPrefix(c.name, prefix) && c.typ == typ {
				values = append(values, c.value)
			}
		}
		if len(values) == 0 {
			t.Fatalf("%s has no constants %s… of the type %q", dir, prefix, typ)
		}
		return values
	}
}

// bodiesOf gives the entries of a ledger as a desk gives them to an auditor, five at a time.
func bodiesOf(e exported) func(from int64) ([]proof.ServedBody, error) {
	return func(from int64) (out []proof.ServedBody, err error) {
		for i := from; i < int64(len(e.Entries)) && len(out) < 5; i++ {
			out = append(out, proof.ServedBody{Index: i, Body: canonical.Raw(e.Entries[i].Body), Salt: e.Entries[i].Salt})
		}
		return out, nil
	}
}

// TestFormats1 verifies the ledgers of version 1 and their warrants, and demands that they
// hold all that inFormats1 lists, and that the list has all that there is.
func TestFormats1(t *testing.T) {
	t.Parallel()
	seen := map[string]map[string]bool{}
	for _, name := range formats1 {
		e, root := readLedger(t, "testdata/formats1/"+name+".json.gz")
		verifyLedger(t, e, root)
		first, err := ledger.ParseBody([]byte(e.Entries[0].Body))
		must(t, err)
		log := mustVerifier(t, opened[proof.Closed](ledger.Entry{Body: first}).Founding.LogKey)
		served := servedOf(t, e)
		s, _, err := proof.Follow(proof.Trust{Root: root}, log, served, nil, nil)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		// A desk wrote this one. In the others only warrants are entered, and no requests.
		if name == "desk" {
			if _, _, found, err := proof.Audit(proof.Trust{Root: root}, log, served, bodiesOf(e), nil); err != nil || len(found.Unsigned) != 0 || found.Acts == 0 {
				t.Errorf("%s: the audit says %+v, %v", name, found, err)
			}
		}
		r := reader{t: t, ledger: name, state: s, seen: seen}
		chained := map[string]bool{}
		for i, one := range e.Entries {
			body, err := ledger.ParseBody([]byte(one.Body))
			must(t, err)
			r.entry(i, body, one.Sealed)
		}
		for i, text := range e.Warrants {
			if r.warrant(i, text, proof.Trust{Root: root}); !chained[r.newest] { // following the whole chain takes its time
				chained[r.newest] = true
				if _, err := proof.NewVerifier(proof.Trust{Root: root}).Chain([]byte(text), served); err != nil {
					t.Errorf("%s: warrant %d, of %s, by the chain: %v", name, i, r.newest, err)
				}
			}
		}
		r.compare(e.Signed)
	}
	known := families(t)
	for _, family := range slices.Sorted(maps.Keys(inFormats1)) {
		listed := strings.Fields(inFormats1[family])
		for _, name := range listed {
			if !seen[family][name] {
				t.Errorf("the ledgers hold no %s %s", family, name)
			}
		}
		listed = append(listed, strings.Fields(younger[family])...)
		for _, name := range known[family] {
			if !slices.Contains(listed, name) {
				t.Errorf("the %s %s is new: name it in younger, and make golden files of the version that writes it", family, name)
			}
		}
		delete(known, family)
	}
	if len(known) > 0 {
		t.Errorf("inFormats1 lists nothing of %v", slices.Sorted(maps.Keys(known)))
	}
}

// signedText is a text with a version of its own, such as a statement or an action, and
// what the program of version 1 made of it.
type signedText struct {
	At        string `json:"at"`        // where it stands: entry or warrant, and the JSON pointer
	V         string `json:"v"`         // its version
	Digest    string `json:"digest"`    // hexadecimal SHA-256; of a warrant that of its core
	Challenge string `json:"challenge"` // hexadecimal, what a key signs; empty if nobody signs it by itself
}

// reader reads all texts of a ledger of formats1 as what they are.
type reader struct {
	t      *testing.T
	ledger string
	state  *proof.State // at the ledger's end
	seen   map[string]map[string]bool
	texts  []signedText
	newest string // kind of the newest warrant
}

func (r *reader) see(family, name string) {
	if r.seen[family] == nil {
		r.seen[family] = map[string]bool{}
	}
	r.seen[family][name] = true
}

// data reads the data of each kind of entry as the type that it has.
var data = map[string]func(t *testing.T, at string, raw []byte){
	"governance founding": is[proof.Closed], "governance row": is[proof.RowData], "governance taken": is[proof.SignedExecution],
	"execution": is[proof.SignedExecution], "governance": is[proof.Authority],
	"desk request": is[entry.Request], "desk countersign": is[entry.Verdict], "desk decline": is[entry.Verdict], "desk withdraw": is[entry.End],
	"desk expire": is[entry.End], "desk void": is[entry.End], "desk refused": is[entry.Refusal], "desk warrant": is[entry.Warrant],
	"desk taken-refused": is[entry.TakenRefused], "desk incident": is[entry.Incident], "desk incident-task": is[entry.IncidentTask],
	"desk incident-task-done": is[entry.IncidentTask], "desk incident-findings": is[entry.IncidentFindings], "desk incident-read": is[entry.IncidentRead],
	"desk export": is[entry.Export], "desk alarm": is[entry.Alarm], "desk token": is[entry.Token], "desk token-revoked": is[entry.Token],
	"desk exposure-read": is[entry.ExposureRead], "desk exposure-check": is[entry.ExposureCheck],
}

// is reads a text as a T and demands that it is written again in the same bytes.
func is[T any](t *testing.T, at string, raw []byte) { as[T](t, at, raw) }

func as[T any](t *testing.T, at string, raw []byte) T {
	t.Helper()
	var v T
	if err := canonical.UnmarshalExact(raw, &v); err != nil {
		t.Fatalf("%s as %T: %v", at, v, err)
	}
	if again := canonical.MustMarshal(v); !bytes.Equal(again, raw) {
		t.Fatalf("%s is\n%s\nand as %T is written\n%s", at, raw, v, again)
	}
	return v
}

func (r *reader) entry(i int, b ledger.Body, sealed []ledger.Opening) {
	r.t.Helper()
	at := fmt.Sprintf("%s entry %d", r.ledger, i)
	r.see(string(b.Class), b.Kind)
	read := data[string(b.Class)+" "+b.Kind]
	if read == nil && b.Class != ledger.Desk {
		read = data[string(b.Class)]
	}
	if read == nil {
		r.t.Fatalf("%s: nobody says of which type the data of %s is", at, b.Kind)
	}
	read(r.t, at, b.Data)
	r.walk(at, b.Data)
	switch {
	case b.Class == ledger.Governance && b.Kind != proof.KindFounding && b.Kind != proof.KindRow && b.Kind != proof.KindTaken:
		a := as[proof.Authority](r.t, at, b.Data)
		if len(a.Waited.Entries) > 0 {
			r.see("particular", "waited-change")
		}
	case b.Kind == entry.KindDecline && as[entry.Verdict](r.t, at, b.Data).Alarm:
		r.see("particular", "alarm")
	}
	for _, o := range sealed {
		d, err := o.Commitment()
		must(r.t, err)
		if b.Sealed[o.Name] != d {
			r.t.Errorf("%s: the opening of %s is not of what the entry seals", at, o.Name)
		}
		r.walk(at+" sealed "+o.Name, o.Value)
	}
}

// warrant verifies a warrant as somebody does who has nothing else.
func (r *reader) warrant(i int, text string, trust proof.Trust) {
	r.t.Helper()
	at := fmt.Sprintf("%s warrant %d", r.ledger, i)
	report, err := proof.Verify([]byte(text), trust)
	if err != nil {
		r.t.Errorf("%s: %v", at, err)
		return
	}
	w := report.Warrant
	r.newest = string(w.Action.Kind)
	r.see("warrant", r.newest+"/"+string(w.Action.Tier))
	for name, is := range map[string]bool{"undo": w.Action.Undo(), "confirms": w.Action.Command.Confirms() != "", "waited": len(w.Waited) > 0, "timed": !w.Action.Until.IsZero(),
		"category": w.Action.Category != "", "lift": w.Action.Direction == actions.Relieving && !w.Action.Undo()} {
		if is {
			r.see("particular", name)
		}
	}
	r.walk(at, []byte(text))
}

// walk reads every text with a version of its own, wherever it stands.
func (r *reader) walk(at string, raw []byte) {
	r.t.Helper()
	switch raw[0] {
	case '[':
		var list []json.RawMessage
		must(r.t, json.Unmarshal(raw, &list))
		for i, one := range list {
			r.walk(fmt.Sprintf("%s/%d", at, i), one)
		}
	case '{':
		var members map[string]json.RawMessage
		must(r.t, json.Unmarshal(raw, &members))
		r.object(at, raw, members)
		for _, name := range slices.Sorted(maps.Keys(members)) {
			r.walk(at+"/"+name, members[name])
		}
	}
}

func (r *reader) object(at string, raw []byte, members map[string]json.RawMessage) {
	r.t.Helper()
	t, sites := r.t, r.state.Sites()
	add := func(v string, digest canonical.Digest, challenge ...byte) {
		r.texts = append(r.texts, signedText{At: at, V: v, Digest: hex.EncodeToString(digest[:]), Challenge: hex.EncodeToString(challenge)})
	}
	signed := func(by workforce.WorkerID, id workforce.KeyID, challenge [32]byte, s actions.Signature) {
		t.Helper()
		key, ok := r.state.People.Key(id)
		if !ok || key.Worker != by {
			t.Errorf("%s: %s has no key %s", at, by, id)
		} else if err := proof.VerifySignature(key.PublicKey, challenge, s, sites); err != nil {
			t.Errorf("%s: %v", at, err)
		}
		r.see("algorithm", string(key.Algorithm))
	}
	if _, ok := members["statement"]; ok {
		s := as[actions.Signed](t, at, raw)
		if s.Statement.V != "" { // an end that nobody signed
			signed(s.Statement.Signer, s.Statement.Key, s.Statement.Challenge(), s.Signature)
		}
	}
	if _, ok := members["ask"]; ok {
		s := as[actions.SignedTokenAsk](t, at, raw)
		signed(s.Ask.Worker, s.Ask.Key, s.Ask.Challenge(), s.Signature)
	}
	if _, ok := members["possession"]; ok {
		e := as[actions.Enrolment](t, at, raw)
		r.see("operation", "enrol/"+string(e.Key.Algorithm))
		under := 0 // of the two names of the ledger, of which the laws of the day demanded one
		for _, name := range []string{r.state.Origin, r.state.LogName()} {
			c := actions.PossessionChallenge(name, e.Worker, e.Key.ID())
			add("countersign/enrol/v1", canonical.Digest{}, c[:]...)
			if proof.VerifySignature(e.Key, c, e.Possession, sites) == nil {
				under++
			}
		}
		if under != 1 {
			t.Errorf("%s: the possession was signed under %d names of the ledger", at, under)
		}
	}
	if raw, ok := members["resolved"]; ok {
		x := as[actions.Resolution](t, at, raw)
		c := x.Challenge(r.state.Root)
		add("countersign/resolution/v1", canonical.DigestOf(x), c[:]...)
	}
	var v string
	if raw, ok := members["v"]; !ok || json.Unmarshal(raw, &v) != nil {
		return
	}
	switch v {
	case "countersign/action/v1":
		a := as[actions.Action](t, at, raw)
		if err := a.Check(); err != nil {
			t.Errorf("%s: %v", at, err)
		}
		add(v, a.Digest())
		r.action(at, a)
	case "countersign/statement/v1":
		s := as[actions.Statement](t, at, raw)
		c := s.Challenge()
		if again := canonical.Sum([]byte("countersign/statement/v1\n"), raw); again != c || !bytes.Equal(s.Bytes(), raw) {
			t.Errorf("%s: the statement has two challenges", at)
		}
		add(v, s.Digest(), c[:]...)
		r.see("verdict", string(s.Verdict))
	case "countersign/execution/v1":
		x := as[proof.Execution](t, at, raw)
		if err := x.Check(); err != nil {
			t.Errorf("%s: %v", at, err)
		}
		c := x.Challenge()
		add(v, canonical.DigestOf(x), c[:]...)
		r.see("duty", string(x.Duty))
		r.see("record", x.Kind+"/"+string(x.Duty)+"/"+string(x.Outcome))
		if x.Outcome != "" {
			r.see("outcome", string(x.Outcome))
		}
	case "countersign/founding/v1":
		f := as[proof.Founding](t, at, raw)
		c := f.Challenge()
		add(v, canonical.DigestOf(f), c[:]...)
	case "countersign/deed/v1":
		d := as[actions.Deed](t, at, raw)
		add(v, d.Digest())
		r.see("deed", string(d.What))
	case "countersign/token/v1":
		a := as[actions.TokenAsk](t, at, raw)
		c := a.Challenge()
		add(v, canonical.DigestOf(a), c[:]...)
	case "countersign/warrant/v1":
		add(v, as[proof.Warrant](t, at, raw).Digest())
	case "countersign/entry/v1":
		add(v, canonical.DigestOf(as[ledger.Body](t, at, raw)))
	case "":
	default:
		t.Errorf("%s is a text of the version %s", at, v)
	}
}

// action notes what an action is.
func (r *reader) action(at string, a actions.Action) {
	r.t.Helper()
	r.see("kind", string(a.Kind))
	r.see("tier", string(a.Tier))
	r.see("direction", string(a.Direction))
	r.see("effect", string(a.Effect))
	if a.Category != "" {
		r.see("category", string(a.Category))
	}
	if spec, _ := actions.SpecOf(a.Kind); !spec.Desk {
		return
	}
	change, err := actions.ParseChange(a.Kind, a.Change)
	must(r.t, err)
	if again := canonical.MustMarshal(change); !bytes.Equal(again, a.Change) {
		r.t.Errorf("%s: the change is %s and is written %s", at, a.Change, again)
	}
	r.see("part", change.Part())
	switch c := change.(type) {
	case actions.Engagement:
		r.see("operation", c.Op)
	case actions.Freeze:
		r.see("operation", c.Op+"/"+c.Scope)
		r.see("scope", c.Scope)
	case actions.Review:
		r.see("review", c.Of)
	case actions.Keys:
		if len(c.Revoke) > 0 {
			r.see("operation", "revoke-key")
		}
	case actions.Admit:
		r.see("operation", map[bool]string{true: "import/founding", false: "import/later"}[c.Founding])
	case actions.Setting:
		r.setting(c)
	}
}

func (r *reader) setting(c actions.Setting) {
	if len(c.Unranked) > 0 {
		r.see("particular", "unranked")
	}
	if c.Platform != nil && len(c.Platform.Facts) > 0 {
		r.see("particular", "facts")
	}
	if c.Order != nil {
		r.see("operation", c.Order.Op)
		if len(c.Order.Never) > 0 && c.Order.Cut != nil {
			r.see("particular", "never")
		}
	}
	if x := c.Raise; x != nil {
		for name, is := range map[string]bool{"confirm": x.Confirm, "fall": x.Fall != "", "raise": x.To.Rank() > x.From.Rank(), "lower": x.To.Rank() < x.From.Rank()} {
			if is {
				r.see("raise", name)
			}
		}
	}
}

// compare demands the digests and challenges that the program of version 1 computed.
func (r *reader) compare(want []signedText) {
	r.t.Helper()
	if len(want) == 0 || len(want) != len(r.texts) {
		r.t.Fatalf("%s: %d texts, the file has %d", r.ledger, len(r.texts), len(want))
	}
	for i, w := range want {
		if r.texts[i] != w {
			r.t.Errorf("%s: a text is read as\n%+v\nand was\n%+v", r.ledger, r.texts[i], w)
		}
	}
}

// kept is an exported ledger as its desk's store had it.
type kept struct {
	size       int64
	checkpoint []byte
	leaves     []ledger.Leaf
	hashes     map[int][]tlog.Hash
}

func (k *kept) Newest(context.Context) (int64, []byte, error) { return k.size, k.checkpoint, nil }

func (k *kept) Leaves(_ context.Context, start int64, n int) ([]ledger.Leaf, error) {
	return k.leaves[start : start+int64(n)], nil
}

func (k *kept) Hashes(_ context.Context, level int, start int64, n int) ([]tlog.Hash, error) {
	return k.hashes[level][start : start+int64(n)], nil
}

// servedOf serves an exported ledger as its desk did.
func servedOf(t *testing.T, e exported) proof.Served {
	t.Helper()
	k := &kept{size: int64(len(e.Entries)), checkpoint: []byte(e.Checkpoint), hashes: map[int][]tlog.Hash{}}
	var tree ledger.Follower
	var s proof.Served
	var chain []proof.ServedBody
	for i, one := range e.Entries {
		leaf, err := ledger.ParseLeaf([]byte(one.Leaf))
		must(t, err)
		nodes, err := tree.Add(leaf)
		must(t, err)
		k.leaves, k.hashes[0] = append(k.leaves, leaf), append(k.hashes[0], leaf.Hash())
		for _, n := range nodes {
			k.hashes[n.Level] = append(k.hashes[n.Level], n.Hash)
		}
		b := proof.ServedBody{Index: int64(i), Body: canonical.Raw(one.Body), Salt: one.Salt}
		if leaf.Class == ledger.Governance {
			chain = append(chain, b)
		}
		if body, err := ledger.ParseBody(b.Body); err == nil && body.Kind == proof.KindTiers {
			b.Sealed = one.Sealed
			s.Tiers = append(s.Tiers, b)
		}
	}
	s.Fetch = func(path string) ([]byte, error) {
		page, err := ledger.Tiles{Source: k}.Read(t.Context(), path)
		return page.Data, err
	}
	s.Bodies = func(from int64) ([]proof.ServedBody, error) {
		i := slices.IndexFunc(chain, func(b proof.ServedBody) bool { return b.Index >= from })
		if i < 0 {
			return nil, nil
		}
		return chain[i:], nil
	}
	return s
}
