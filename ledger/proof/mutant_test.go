package proof_test

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"maps"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/ledger"
	"countersign.dev/ledger/proof/prooftest"
	"countersign.dev/workforce/workforcetest"
)

// mutants is how many mutated warrants both readers get.
const mutants = 10_000

// everyCheck names the checks of the second reader. Each refuses some mutant.
var everyCheck = []string{"action", "anchor", "checkpoint", "decision", "engagement", "entry", "evidence", "facts", "formats", "inclusion", "independence", "key", "log-key",
	"members", "root", "session", "signature", "slots", "spelling", "statement", "version", "waited", "window"}

// TestMutatedWarrants changes good warrants at a random place, in a random way, and puts
// them to both readers. Of a quarter nothing else is changed. Another quarter is entered in
// a ledger anew, as by a desk that lies and has the log's key. In the rest the signers have
// signed what the mutant says.
func TestMutatedWarrants(t *testing.T) {
	l := newLab(t, 12, 1, 2)
	a := both(t, func(yield func(document) bool) {
		for i := range mutants {
			if !yield(l.mutant(i)) {
				return
			}
		}
	})
	t.Logf("both accept %d and refuse %d: %v; ours alone refuses %d: %v", len(a.accepted), len(a.refused), a.checks, len(a.alone), a.ruled)
	if got := slices.Sorted(maps.Keys(a.checks)); !slices.Equal(got, everyCheck) {
		t.Errorf("mutants were refused by the checks %q; there are %q", got, everyCheck)
	}
	if len(a.accepted) < mutants/50 || len(a.alone) > mutants/20 {
		t.Error("the mutants test little")
	}
}

// lab makes mutants.
type lab struct {
	random *rand.Rand
	desks  []desk
	words  map[string][]string // short texts of all warrants, as JSON, by the member's name; all of them under ""
}

// desk is a desk whose keys the lab holds, with warrants of it.
type desk struct {
	world    *prooftest.World
	formats  int64
	keys     map[string]prooftest.Signer // by the key's name
	sessions map[string]sessionKey       // by the public key, in base64
	subjects []subject
}

// sessionKey signs under a session.
type sessionKey interface {
	Sign(challenge [32]byte) actions.Signature
}

// subject is a warrant to be changed, with the paths of all its places.
type subject struct {
	name    string
	root    canonical.Digest
	tree    *node
	telling [][]string // by group
	members [][]string // by member of the warrant
	paths   []string
}

// newLab returns a lab with the desks of formats of some numbers.
func newLab(t *testing.T, seed uint64, formats ...int64) *lab {
	l := &lab{random: rand.New(rand.NewPCG(seed, 0)), words: map[string][]string{}}
	words := map[string]map[string]bool{"": {}, "tier": {}, "kind": {}}
	for _, tier := range actions.Tiers {
		words["tier"][`"`+string(tier)+`"`] = true
	}
	for _, spec := range actions.Catalogue() {
		words["kind"][`"`+string(spec.Kind)+`"`] = true
	}
	var all []made
	for _, n := range formats {
		all = append(all, desks(t, n)...)
	}
	for _, m := range all {
		d := desk{world: m.world, formats: m.world.State().Formats, keys: map[string]prooftest.Signer{}, sessions: map[string]sessionKey{}}
		for _, s := range m.sessions {
			d.sessions[base64.StdEncoding.EncodeToString(s.Session.SessionKey.Public)] = s
		}
		people := slices.Clone(m.world.Officers)
		for _, member := range workforcetest.Cast {
			people = append(people, member.Name)
		}
		for _, p := range people {
			d.keys[string(m.world.PublicKey(p).ID())] = m.world.Key(p)
		}
		for _, w := range m.warrants {
			s := newSubject(w.name, w.root, parse(t, w.raw))
			d.subjects = append(d.subjects, s)
			for _, path := range s.paths {
				if n := lookUp(s.tree, path); n.kind == '"' && len(n.raw) < 80 {
					name := nameOf(path)
					if words[name] == nil {
						words[name] = map[string]bool{}
					}
					words[name][n.raw], words[""][n.raw] = true, true
				}
			}
		}
		l.desks = append(l.desks, d)
	}
	for name, all := range words {
		l.words[name] = slices.Sorted(maps.Keys(all))
	}
	return l
}

func newSubject(name string, root canonical.Digest, tree *node) subject {
	s := subject{name: name, root: root, tree: tree, telling: make([][]string, len(telling)), members: make([][]string, len(tree.names))}
	var visit func(path string, n *node)
	visit = func(path string, n *node) {
		s.paths = append(s.paths, path)
		for i, group := range telling {
			if len(n.nodes) == 0 && group.MatchString(path) {
				s.telling[i] = append(s.telling[i], path)
			}
		}
		for i, child := range n.nodes {
			if n.kind == '{' {
				visit(path+"/"+n.names[i], child)
			} else {
				visit(fmt.Sprintf("%s/%d", path, i), child)
			}
		}
	}
	for i, n := range tree.nodes {
		before := len(s.paths)
		visit("/"+tree.names[i], n)
		s.members[i] = s.paths[before:]
	}
	s.telling = slices.DeleteFunc(s.telling, func(group []string) bool { return len(group) == 0 })
	return s
}

// mutant returns the i-th mutant.
func (l *lab) mutant(i int) document {
	d := l.desks[l.random.IntN(len(l.desks))]
	s := d.subjects[l.random.IntN(len(d.subjects))]
	other := d.subjects[l.random.IntN(len(d.subjects))].tree
	f := newForger(d, s)
	how := ""
	for range 1 + l.random.IntN(5)/4 { // one, and now and then two
		path, did := l.change(f.doc, other, s, i%4 > 0)
		f.changed = append(f.changed, path)
		how += " " + path + " " + did
	}
	root := s.root
	if i%4 > 0 {
		f.assert, f.others = l.odd, l.random.IntN(4)
		if all := lookUp(f.doc, "/people"); all != nil && len(all.nodes) > 1 && l.random.IntN(40) == 0 {
			f.late = fmt.Sprintf("/people/%d", 1+l.random.IntN(len(all.nodes)-1))
		}
		root = f.enter(i%4 > 1)
	}
	return document{fmt.Sprintf("mutant %d (%s, repaired %d):%.300s", i, s.name, i%4, how), f.doc.text(), root}
}

// change changes a document at a random place. A mutant that is repaired afterwards is
// changed so that it still has the form of a warrant, for the most part.
func (l *lab) change(doc, other *node, s subject, repaired bool) (path, how string) {
	paths := s.paths
	switch c := l.random.IntN(4); {
	case repaired && c < 3:
		paths = s.telling[l.random.IntN(len(s.telling))]
	case c > 0: // most places are within the governance entries
		paths = s.members[l.random.IntN(len(s.members))]
	}
	path = l.one(paths...)
	cut := strings.LastIndexByte(path, '/')
	parent, n := lookUp(doc, path[:cut]), lookUp(doc, path)
	if n == nil {
		return path, "is not there any more"
	}
	index := slices.Index(parent.nodes, n)
	put := func(how string, m *node) (string, string) {
		parent.nodes[index] = m
		return path, how
	}
	raw := func(text string) (string, string) {
		return put("is "+text, &node{kind: kindOf(text), raw: text})
	}
	switch c := l.random.IntN(20); {
	case c < 2:
		if o := lookUp(other, path); o != nil {
			return put("as in another warrant", o.clone())
		}
	case repaired && c < 19: // below
	case c < 5 && parent.kind == '{':
		parent.drop(index)
		return path, "removed"
	case c < 8:
		parent.insert(index, parent.name(index), n)
		return path, "doubled"
	case c < 10 && index > 0:
		parent.swap(index-1, index)
		return path, "before the one before"
	case c < 14:
		return raw(l.one("null", `""`, "0", "{}", "[]", "true", "-1", "1e0"))
	case n.kind == '{':
		m := n.clone()
		m.insert(len(m.nodes), "zzz", &node{kind: '"', raw: `"surplus"`})
		return put("with a surplus member", m)
	}
	switch n.kind {
	case '{':
		return put("emptied", &node{kind: '{'})
	case '[':
		m := n.clone()
		if l.random.IntN(2) == 0 || len(m.nodes) == 0 {
			m.insert(0, "", &node{kind: '"', raw: l.word(path)})
			return put("with an element more", m)
		}
		m.drop(l.random.IntN(len(m.nodes)))
		return put("with an element less", m)
	case 't', 'f':
		return raw(map[byte]string{'t': "false", 'f': "true"}[n.kind])
	case '0':
		v, _ := strconv.ParseInt(n.raw, 10, 64) // one that is mutated already may be no number
		return raw(strconv.FormatInt(v+[]int64{-1, 1, 1, 2, 3600, 86400, 1 << 53, -2 * v}[l.random.IntN(8)], 10))
	case '"':
		if at := instantOf(n.raw); !at.IsZero() && l.random.IntN(4) > 0 {
			return raw(`"` + canonical.At(at.Add(shifts[l.random.IntN(len(shifts))])).String() + `"`)
		}
		if v := variants(n); l.random.IntN(4) == 0 {
			name := slices.Sorted(maps.Keys(v))[l.random.IntN(len(v))]
			return raw(v[name])
		}
		return raw(l.word(path))
	}
	return raw(l.one("{}", "[]", `""`))
}

// telling are groups of places on which more checks rest than that of the form.
var telling = []*regexp.Regexp{
	regexp.MustCompile(`^/action/`),
	regexp.MustCompile(`^/ruling/`),
	regexp.MustCompile(`^/(request|countersignatures/[0-9]+)/statement/`),
	regexp.MustCompile(`/data/founding/(time|formats|laws|trust/|officers/|origin|log_key)`),
	regexp.MustCompile(`/data/(since|founding$|past|row/record/)`),
	regexp.MustCompile(`/people/[0-9]+/entry/(time|data/(execution/at|(execution/taken/)?action/(kind|change/)))`),
	regexp.MustCompile(`^/(waited/[0-9]+|ledger|requested)/entry/`),
	regexp.MustCompile(`^/sessions/`),
	regexp.MustCompile(`^/decision/decision/`),
	regexp.MustCompile(`^/decision/signed/statement/`),
}

// shifts are how far an instant is moved.
var shifts = func() (all []time.Duration) {
	const day = 24 * time.Hour
	for _, by := range []time.Duration{time.Microsecond, time.Minute, time.Minute + time.Microsecond, time.Hour, 4 * time.Hour, day, 20 * day, 31 * day, 367 * day, 400 * day} {
		all = append(all, by, -by)
	}
	return all
}()

func (l *lab) one(of ...string) string { return of[l.random.IntN(len(of))] }

// word returns a text that stands in some warrant, for the most part at places of this name.
func (l *lab) word(path string) string {
	if all := l.words[nameOf(path)]; len(all) > 1 && l.random.IntN(5) > 0 {
		return l.one(all...)
	}
	return l.one(l.words[""]...)
}

// nameOf returns the name of the last member in a path.
func nameOf(path string) string {
	names := strings.Split(path, "/")
	for i := len(names) - 1; i > 0; i-- {
		if _, err := strconv.Atoi(names[i]); err != nil {
			return names[i]
		}
	}
	return ""
}

// clone returns a tree that may be changed without touching n.
func (n *node) clone() *node {
	c := &node{kind: n.kind, raw: n.raw, names: slices.Clone(n.names)}
	for _, child := range n.nodes {
		c.nodes = append(c.nodes, child.clone())
	}
	return c
}

func kindOf(text string) byte {
	switch c := text[0]; {
	case c == '-' || c >= '0' && c <= '9':
		return '0'
	default:
		return c
	}
}

func instantOf(raw string) (t canonical.Time) {
	if t.UnmarshalJSON([]byte(raw)) != nil {
		return canonical.Time{}
	}
	return t
}

// lookUp returns the node at a path, nil if there is none.
func lookUp(n *node, path string) *node {
	if path == "" {
		return n
	}
	for name := range strings.SplitSeq(strings.TrimPrefix(path, "/"), "/") {
		i := slices.Index(n.names, name)
		if n.kind == '[' {
			var err error
			if i, err = strconv.Atoi(name); err != nil {
				return nil
			}
		}
		if i < 0 || i >= len(n.nodes) {
			return nil
		}
		n = n.nodes[i]
	}
	return n
}

// forger enters a mutant in a ledger, as a desk that lies and has the log's key can.
type forger struct {
	desk
	doc     *node
	changed []string // paths that stay as they are
	late    string   // the path of an entry that comes after the warrant's own; empty: none does
	assert  func(p *prooftest.Passkey, challenge [32]byte) actions.Signature
	log     logKey
	origin  string                                      // of the checkpoint and of the statements
	spoil   func(signature canonical.Raw) canonical.Raw // changes each signature once it is made
	after   []func()                                    // changes that are made once all is repaired
	// What a log that lies says of its tree: it appends hashes to each proof and computes
	// the root from them; it claims a size, and what stands on the right; it counts indexes
	// from below 0.
	surplus []canonical.Bytes
	claimed int64
	right   canonical.Bytes
	below   bool
	others  int              // entries that come last
	named   map[string]*node // the sessions that statements name, by the statement's path
	// challenge returns another challenge for the document at a path; own makes people sign
	// with their own keys what names a session.
	challenge func(path string, right [32]byte) [32]byte
	own       bool
}

// logKey signs checkpoints of a ledger. Its name, its identifier and its line in entry 0
// need not fit each other.
type logKey struct {
	name string
	id   []byte
	sign func(text []byte) ([]byte, error)
}

func (k logKey) checkpoint(origin string, size int64, root tlog.Hash) string {
	text := fmt.Sprintf("%s\n%d\n%s\n", origin, size, root)
	signature, err := k.sign([]byte(text))
	if err != nil {
		panic(err)
	}
	return text + "\n\u2014 " + k.name + " " + base64.StdEncoding.EncodeToString(append(slices.Clone(k.id), signature...)) + "\n"
}

func newForger(d desk, s subject) *forger {
	key := d.world.LogKey()
	f := &forger{desk: d, doc: s.tree.clone(), named: map[string]*node{}, origin: d.world.Origin, right: make([]byte, 32), log: logKey{key.Name(), binary.BigEndian.AppendUint32(nil, key.KeyHash()), key.Sign}}
	for _, path := range []string{"/request/statement", "/decision/signed/statement"} {
		for _, x := range f.list("/sessions") {
			if canonical.Sum(f.raw(x+"/session")).String() == f.said(path+"/session") {
				f.named[path] = lookUp(f.doc, x)
			}
		}
	}
	return f
}

// set puts a value at a path, unless the mutation is there, or there is no such place.
func (f *forger) set(path string, value any) {
	for _, c := range f.changed {
		if strings.HasPrefix(c+"/", path+"/") || strings.HasPrefix(path+"/", c+"/") {
			return
		}
	}
	if n := lookUp(f.doc, path); n != nil {
		raw := string(canonical.MustMarshal(value))
		*n = node{kind: 'v', raw: raw}
	}
}

// raw returns the text at a path; empty if there is none.
func (f *forger) raw(path string) canonical.Raw {
	if n := lookUp(f.doc, path); n != nil {
		return n.text()
	}
	return canonical.Raw(`""`)
}

// said returns the text that the JSON text at a path stands for.
func (f *forger) said(path string) string { return strings.Trim(string(f.raw(path)), `"`) }

// leaf returns the leaf of the entry at a path, whatever the entry says.
func (f *forger) leaf(path string) []byte {
	salt, _ := base64.StdEncoding.DecodeString(f.said(path + "/salt")) // a mutated one may be anything
	commitment := ledger.Commitment(f.raw(path+"/entry"), salt)
	return fmt.Appendf(nil, "countersign/leaf/v1\n%s\n%s\n%s\n", f.said(path+"/entry/class"), f.raw(path+"/entry/number"), base64.StdEncoding.EncodeToString(commitment[:]))
}

// enter makes all hashes and the checkpoint fit what the mutant says, and the signatures as
// well if sign says so. It returns the hash of entry 0.
func (f *forger) enter(sign bool) canonical.Digest {
	root := canonical.Sum(f.leaf("/people/0"))
	if sign {
		f.signAll(root)
	}
	const data = "/ledger/entry/data/"
	core := fmt.Appendf(nil, `{"action":%s,"countersignatures":%s,"request":%s,"ruling":%s,"v":%s}`, f.raw("/action"), f.raw("/countersignatures"), f.raw("/request"), f.raw("/ruling"), f.raw("/v"))
	if f.formats > actions.FirstFormats {
		core = fmt.Appendf(nil, `{"action":%s,"countersignatures":%s,"decision":%s,"request":%s,"ruling":%s,"sessions":%s,"v":%s}`, f.raw("/action"), f.raw("/countersignatures"),
			f.raw("/decision"), f.raw("/request"), f.raw("/ruling"), f.raw("/sessions"), f.raw("/v"))
	}
	f.set(data+"warrant", canonical.Sum(core))
	for member, path := range map[string]string{"direction": "/action/direction", "kind": "/action/kind", "executor": "/request/statement/executor", "request": "/request/statement/request",
		"requester": "/request/statement/signer", "policy": "/ruling/policy", "tier": "/ruling/facts/tier"} {
		f.set(data+member, f.raw(path))
	}
	countersigners := []canonical.Raw{}
	for _, path := range f.list("/countersignatures") {
		countersigners = append(countersigners, f.raw(path+"/statement/signer"))
	}
	f.set(data+"countersigners", countersigners)

	// The warrant's entry comes last, but for some that are added.
	entries := f.list("/people")
	if lookUp(f.doc, "/requested") != nil {
		entries = append(entries, "/requested")
	}
	entries = append(entries, f.list("/waited")...)
	entries = append(slices.DeleteFunc(entries, func(path string) bool { return path == f.late }), "/ledger")
	if f.late != "" {
		entries = append(entries, f.late)
	}
	var tree hashes
	for i, path := range entries {
		tree.add(f.leaf(path))
		f.set(path+"/proof/index", i)
	}
	for n := f.others; n > 0 || (f.claimed > 0 || f.below) && tree.size&(tree.size-1) != 0; n-- {
		tree.add([]byte("another entry"))
	}
	head, err := tlog.TreeHash(tree.size, tree)
	if err != nil {
		panic(err)
	}
	size, above := tree.size, []canonical.Bytes{}
	for _, h := range f.surplus {
		above = append(above, h)
		head = tlog.Hash(canonical.Sum([]byte{1}, h, head[:]))
	}
	if f.claimed > 0 { // the tree is the leftmost part of a large one
		for ; size < f.claimed; size *= 2 {
			above = append(above, f.right)
			head = tlog.Hash(canonical.Sum([]byte{1}, head[:], f.right))
		}
		size = f.claimed
	}
	for i, path := range entries {
		p, err := ledger.ProveInclusion(tree.size, int64(i), tree)
		if err != nil {
			panic(err)
		}
		f.set(path+"/proof/hashes", append(p.Hashes, above...))
		if f.below {
			f.set(path+"/proof/index", int64(i)-tree.size)
		}
	}
	f.set("/ledger/checkpoint", f.log.checkpoint(f.origin, size, head))
	for _, change := range f.after {
		change()
	}
	return root
}

// list returns the paths of the elements of a list; none if there is no such list.
func (f *forger) list(path string) (all []string) {
	if n := lookUp(f.doc, path); n != nil {
		for i := range n.nodes {
			all = append(all, fmt.Sprintf("%s/%d", path, i))
		}
	}
	return all
}

// signAll makes the signers of a warrant sign what it says, under the hash of an entry 0.
func (f *forger) signAll(root canonical.Digest) {
	action := canonical.Sum(f.raw("/action"))
	statements := append([]string{"/request"}, f.list("/countersignatures")...)
	sign := func(path string) {
		f.set(path+"/signature", f.signed(path+"/statement"))
		if f.spoil != nil {
			f.set(path+"/signature", f.spoil(f.raw(path+"/signature")))
		}
	}
	if f.formats == actions.FirstFormats {
		for i, path := range statements {
			f.set(path+"/statement/action", action)
			f.set(path+"/statement/log", f.origin+"#"+root.String())
			sign(path)
			f.record(fmt.Sprintf("/waited/%d/entry/data", i), path)
		}
		return
	}
	ledger := func(path string) {
		f.set(path+"/log", f.origin)
		f.set(path+"/founding", root)
	}
	for _, path := range f.list("/sessions") {
		ledger(path + "/session")
		f.set(path+"/signature", f.signed(path+"/session"))
	}
	if all := lookUp(f.doc, "/sessions"); all != nil && !slices.Contains(f.changed, "/sessions") {
		slices.SortFunc(all.nodes, func(a, b *node) int {
			a, b = lookUp(a, "/session"), lookUp(b, "/session")
			if a == nil || b == nil {
				return 0
			}
			x, y := canonical.Sum(a.text()), canonical.Sum(b.text())
			return slices.Compare(x[:], y[:])
		})
	}
	// The digest of a session changes with it, and the statements name the new one.
	under := func(path string) {
		x := f.named[path]
		if all := lookUp(f.doc, "/sessions"); x != nil && all != nil && slices.Contains(all.nodes, x) && lookUp(x, "/session") != nil {
			f.set(path+"/session", canonical.Sum(lookUp(x, "/session").text()))
		}
	}
	if lookUp(f.doc, "/decision/decision") != nil {
		f.set("/decision/decision/measures/0", action)
		decision := canonical.Sum(f.raw("/decision/decision"))
		ledger("/decision/signed/statement")
		under("/decision/signed/statement")
		f.set("/decision/signed/statement/document", decision)
		sign("/decision/signed")
		for _, path := range statements {
			f.set(path+"/statement/decision", decision)
		}
	}
	for i, path := range statements {
		f.set(path+"/statement/action", action)
		ledger(path + "/statement")
		under(path + "/statement")
		sign(path)
		entry := "/requested"
		if i > 0 {
			entry = fmt.Sprintf("/waited/%d", i-1)
		}
		f.record(entry+"/entry/data", path)
	}
}

// record makes the data of an entry fit the signature at a path that it holds.
func (f *forger) record(data, signature string) {
	f.set(data+"/signed", f.raw(signature))
	f.set(data+"/request", f.raw(signature+"/statement/request"))
	if len(f.list("/countersignatures")) > 0 {
		f.set(data+"/status", actions.StatusHeld)
	}
	if signature != "/request" {
		f.set(data+"/tier", f.raw("/action/tier"))
		return
	}
	if f.said(data+"/act/kind") == "" {
		return // there are no facts of the act, or no such entry
	}
	f.set(data+"/act/case", f.said("/action/case") != "")
	for member, path := range map[string]string{"category": "/category", "direction": "/direction", "effect": "/effect", "kind": "/kind", "platform": "/subject/platform", "tier": "/tier", "verb": "/command/verb"} {
		f.set(data+"/act/"+member, f.raw("/action"+path))
	}
	if f.said(data+"/status") == string(actions.StatusApproved) {
		f.set(data+"/act/tier", f.raw("/ruling/facts/tier"))
		f.set(data+"/act/lifts", f.raw("/ruling/facts/lifts"))
	}
	f.member(data, "decided", lookUp(f.doc, "/decision/signed"))
	if sessions := lookUp(f.doc, "/sessions"); sessions != nil && len(sessions.nodes) > 0 {
		f.member(data, "sessions", sessions)
	} else {
		f.member(data, "sessions", nil)
	}
}

// member gives an object a member, or takes it away, unless the mutation is there.
func (f *forger) member(object, name string, value *node) {
	if n := lookUp(f.doc, object); n != nil && n.kind == '{' && !slices.Contains(f.changed, object+"/"+name) {
		i, is := slices.BinarySearch(n.names, name)
		if is {
			n.drop(i)
		}
		if value != nil {
			n.insert(i, name, value.clone())
		}
	}
}

// signed returns the signature over the statement or session at a path: by the key of the
// session that it names, or by the person's own key. It is the signature of before if the
// test has no such key.
func (f *forger) signed(path string) canonical.Raw {
	document := f.raw(path)
	challenge := canonical.Sum([]byte(f.said(path+"/v")+"\n"), document)
	if f.challenge != nil {
		challenge = f.challenge(path, challenge)
	}
	session := f.said(path + "/session")
	for _, x := range f.list("/sessions") {
		if canonical.Sum(f.raw(x+"/session")).String() == session && !f.own {
			if key := f.sessions[f.said(x+"/session/session_key/public")]; key != nil {
				return canonical.MustMarshal(key.Sign(challenge))
			}
		}
	}
	if key := f.keys[f.said(path+"/key")]; key != nil && (session == "" || f.own) {
		return canonical.MustMarshal(f.sign(key, challenge))
	}
	return f.raw(path[:strings.LastIndexByte(path, '/')] + "/signature")
}

// sign signs a challenge, a passkey as assert says.
func (f *forger) sign(signer prooftest.Signer, challenge [32]byte) actions.Signature {
	if p, ok := signer.(*prooftest.Passkey); ok && f.assert != nil {
		return f.assert(p, challenge)
	}
	return signer.Sign(challenge)
}

// odd is what a browser or an authenticator says that does something else, now and then,
// than it should.
func (l *lab) odd(p *prooftest.Passkey, challenge [32]byte) actions.Signature {
	a := p.Usual
	a.Challenge = challenge[:]
	switch l.random.IntN(20) {
	case 0:
		a.Flags = byte(l.random.IntN(256))
	case 1:
		a.RelyingParty = l.one("example.com", "DESK.example.com", "")
	case 2:
		a.Type = l.one("webauthn.create", "")
	case 3:
		a.Origin = l.one("https://desk.example.org", "https://evil.test", "")
	case 4:
		a.CrossOrigin = []any{true, nil, 0, "false"}[l.random.IntN(4)]
	case 5:
		a.TopOrigin = l.one("https://desk.example.com", "")
	case 6:
		a.Extra = l.one("é", "\u2028", "<&>")
	}
	return p.Assert(a)
}

// hashes are the stored hashes of a tree, as a tlog.HashReader.
type hashes struct {
	size   int64
	stored []tlog.Hash
}

func (h *hashes) add(leaf []byte) {
	more, err := tlog.StoredHashes(h.size, leaf, h)
	if err != nil {
		panic(err)
	}
	h.size, h.stored = h.size+1, append(h.stored, more...)
}

// ReadHashes implements tlog.HashReader.
func (h hashes) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, at := range indexes {
		out[i] = h.stored[at]
	}
	return out, nil
}
