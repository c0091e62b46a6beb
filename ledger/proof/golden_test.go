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

// goldenSet is what the program of one commit wrote: ledgers with everything in them, in
// testdata. Nobody writes them again: what was signed has to verify for ever, byte for byte.
// The file of each ledger also holds what that program made of it: the state of the chain,
// and the digest and the challenge of every text in it that has a version of its own.
type goldenSet struct {
	dir     string
	ledgers []string
	desks   []string // those of the ledgers that a desk wrote; in the others only warrants are entered, and no requests
	// holds lists by family what the ledgers hold together. The names are the values of
	// constants; families says which.
	holds map[string]string
	// lacks lists by family what there is and the ledgers do not hold, since nobody wrote it or
	// since it is newer than they are; see afterFormats2.
	lacks []map[string]string
}

// families returns by family the values of the constants that the packages have today.
func families(t *testing.T) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	for _, k := range actions.Catalogue() {
		all["kind"] = append(all["kind"], string(k.Kind))
		for _, verb := range k.Verbs {
			all["verb"] = append(all["verb"], string(k.Kind)+"/"+string(verb))
		}
	}
	named := constants(t, "../../actions")
	for family, prefix := range map[string]string{"part": "Part", "scope": "Scope", "review": "Review"} {
		all[family] = named(prefix, "")
	}
	for family, typ := range map[string]string{"deed": "DeedKind", "verdict": "Verdict", "tier": "Tier", "direction": "Direction", "effect": "Effect", "session": "SessionAlgorithm", "case-verdict": "CaseVerdict"} {
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

// verify verifies the ledgers and their warrants, and demands that they hold all that is
// listed, and that the lists have all that there is.
func (g goldenSet) verify(t *testing.T) {
	t.Helper()
	seen := map[string]map[string]bool{}
	for _, name := range g.ledgers {
		e, root := readLedger(t, g.dir+"/"+name+".json.gz")
		r := readWhole(t, name, e, root, slices.Contains(g.desks, name))
		for _, one := range append(r.warrants, r.seen) {
			for family, names := range one {
				if seen[family] == nil {
					seen[family] = map[string]bool{}
				}
				maps.Copy(seen[family], names)
			}
		}
		r.compare(e.Signed)
	}
	known := families(t)
	every := maps.Clone(g.holds)
	for family := range known {
		every[family] = g.holds[family]
	}
	for _, family := range slices.Sorted(maps.Keys(every)) {
		listed := strings.Fields(g.holds[family])
		for _, name := range listed {
			if !seen[family][name] {
				t.Errorf("the ledgers hold no %s %s", family, name)
			}
		}
		for _, one := range g.lacks {
			listed = append(listed, strings.Fields(one[family])...)
		}
		for _, name := range known[family] {
			if !slices.Contains(listed, name) {
				t.Errorf("the %s %s is neither listed as held by %s nor as newer: name it in afterFormats2", family, name, g.dir)
			}
		}
	}
}

// readWhole verifies a ledger, and reads all that is in it.
func readWhole(t *testing.T, name string, e exported, root canonical.Digest, desk bool) *reader {
	t.Helper()
	verifyLedger(t, e, root)
	first, err := ledger.ParseBody([]byte(e.Entries[0].Body))
	must(t, err)
	log := mustVerifier(t, opened[proof.Closed](ledger.Entry{Body: first}).Founding.LogKey)
	served := servedOf(t, e)
	s, _, err := proof.Follow(proof.Trust{Root: root}, log, served, nil, nil)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if desk {
		if _, _, found, err := proof.Audit(proof.Trust{Root: root}, log, served, bodiesOf(e), nil); err != nil || len(found.Unsigned) != 0 {
			t.Errorf("%s: the audit says %+v, %v", name, found, err)
		}
	}
	r := &reader{t: t, ledger: name, state: s, seen: map[string]map[string]bool{}, sessions: map[canonical.Digest]actions.Session{}}
	for _, one := range e.Entries {
		r.begun([]byte(one.Body))
	}
	for _, text := range e.Warrants {
		r.begun([]byte(text))
	}
	chained := map[string]bool{}
	for i, one := range e.Entries {
		body, err := ledger.ParseBody([]byte(one.Body))
		must(t, err)
		r.entry(i, body, one.Sealed)
	}
	whole := r.seen
	for i, text := range e.Warrants {
		r.seen = map[string]map[string]bool{}
		if r.warrant(i, text, proof.Trust{Root: root}); !chained[r.newest] { // following the whole chain takes its time
			chained[r.newest] = true
			if _, err := proof.NewVerifier(proof.Trust{Root: root}).Chain([]byte(text), served); err != nil {
				t.Errorf("%s: warrant %d, of %s, by the chain: %v", name, i, r.newest, err)
			}
		}
		r.warrants = append(r.warrants, r.seen)
	}
	r.seen = whole
	return r
}

// signedText is a text with a version of its own, such as a statement or an action, and
// what the program of then made of it.
type signedText struct {
	At        string `json:"at"`        // where it stands: entry or warrant, and the JSON pointer
	V         string `json:"v"`         // its version
	Digest    string `json:"digest"`    // hexadecimal SHA-256; of a warrant that of its core
	Challenge string `json:"challenge"` // hexadecimal, what a key signs; empty if nobody signs it by itself
}

// reader reads all texts of a golden ledger as what they are.
type reader struct {
	t        *testing.T
	ledger   string
	state    *proof.State // at the ledger's end
	seen     map[string]map[string]bool
	warrants []map[string]map[string]bool // seen in each warrant
	texts    []signedText
	newest   string // kind of the newest warrant
	sessions map[canonical.Digest]actions.Session
}

// begun notes every session in a text.
func (r *reader) begun(raw []byte) {
	r.t.Helper()
	switch raw[0] {
	case '[':
		var list []json.RawMessage
		must(r.t, json.Unmarshal(raw, &list))
		for _, one := range list {
			r.begun(one)
		}
	case '{':
		var members map[string]json.RawMessage
		must(r.t, json.Unmarshal(raw, &members))
		if _, ok := members["session_key"]; ok {
			s := as[actions.Session](r.t, r.ledger, raw)
			r.sessions[s.Digest()] = s
		}
		for _, one := range members {
			r.begun(one)
		}
	}
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
	"desk session": is[actions.SignedSession], "desk exposure-read": is[entry.ExposureRead], "desk exposure-check": is[entry.ExposureCheck],
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
		switch st := s.Statement; {
		case st.V == "": // an end that nobody signed
		case st.Session.IsZero():
			signed(st.Signer, st.Key, st.Challenge(), s.Signature)
		default:
			c, ok := r.sessions[st.Session]
			if err := proof.VerifySession(c.SessionKey, st.Challenge(), s.Signature); err != nil || !ok || c.Key != st.Key || c.Worker != st.Signer {
				t.Errorf("%s: what %s signed under a session: %v", at, st.Signer, err)
			}
			r.see("under-session", string(st.Verdict)+"/"+string(c.SessionKey.Algorithm))
		}
	}
	if _, ok := members["deed"]; ok && members["signed"] != nil {
		as[actions.SignedDeed](t, at, raw)
	}
	if _, ok := members["decision"]; ok && members["signed"] != nil {
		as[actions.SignedDecision](t, at, raw)
	}
	if x, ok := members["session"]; ok && x[0] == '{' && members["signature"] != nil {
		s := as[actions.SignedSession](t, at, raw)
		signed(s.Session.Worker, s.Session.Key, s.Session.Challenge(), s.Signature)
		r.see("session", string(s.Session.SessionKey.Algorithm))
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
	if v != "" {
		r.see("version", v)
	}
	switch v {
	case "countersign/action/v1", "countersign/action/v2":
		a := as[actions.Action](t, at, raw)
		if err := a.Check(); err != nil {
			t.Errorf("%s: %v", at, err)
		}
		add(v, a.Digest())
		r.action(at, a)
	case "countersign/statement/v1", "countersign/statement/v2":
		s := as[actions.Statement](t, at, raw)
		c := s.Challenge()
		if again := canonical.Sum([]byte(v+"\n"), raw); again != c || !bytes.Equal(s.Bytes(), raw) {
			t.Errorf("%s: the statement has two challenges", at)
		}
		add(v, s.Digest(), c[:]...)
		r.see("verdict", string(s.Verdict))
	case "countersign/execution/v1", "countersign/execution/v2":
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
	case "countersign/founding/v1", "countersign/founding/v2":
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
	case "countersign/decision/v1":
		d := as[actions.Decision](t, at, raw)
		if err := d.Check(); err != nil {
			t.Errorf("%s: %v", at, err)
		}
		add(v, d.Digest())
		r.see("case-verdict", string(d.Verdict))
	case "countersign/session/v1":
		s := as[actions.Session](t, at, raw)
		c := s.Challenge()
		add(v, s.Digest(), c[:]...)
	case "countersign/warrant/v1", "countersign/warrant/v2":
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
		r.see("verb", string(a.Kind)+"/"+string(a.Command.Verb))
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
		if c.Void != nil {
			r.see("operation", "void/"+c.Void.Scope)
			r.see("scope", c.Void.Scope)
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

// compare demands the digests and challenges that the program of then computed.
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
