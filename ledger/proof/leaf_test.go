package proof_test

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"countersign.dev/actions"
	"countersign.dev/fault"
	"countersign.dev/ledger/proof"
	"countersign.dev/ledger/proof/prooftest"
	"countersign.dev/policy"
	"countersign.dev/workforce"
)

// TestEveryLeaf visits every place of a valid warrant, each member, each array
// element and each value, and tampers with it in every way that it can think
// of. Nothing but the warrant itself is a proof: neither what says something else nor what
// says the same in another spelling.
func TestEveryLeaf(t *testing.T) {
	for name, algorithm := range map[string]workforce.Algorithm{
		"file keys": workforce.FileEd25519, "a wait": workforce.FileEd25519, "ES256 passkeys": workforce.PasskeyES256, "EdDSA passkeys": workforce.PasskeyEd25519,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			waits := name == "a wait"
			w := waiting(t)
			if algorithm != workforce.FileEd25519 {
				w.EnrolPasskeys(algorithm, "ann", "abe", "sue", "bob", "lee", "kim", "eva")
			}
			warrant := func(subject string, by workforce.WorkerID, signers ...workforce.WorkerID) []byte {
				if waits {
					r := w.Enters(w.Countersign(w.Request(by, actions.AccountTakedown, prooftest.Account(subject), actions.Protected), signers[0]))
					w.Advance(time.Hour)
					return w.Warrant(r)
				}
				return w.Warrant(w.Countersign(w.Request(by, actions.AccountTakedown, prooftest.Account(subject), actions.Critical), signers...))
			}
			good := warrant("acct/17", "ann", "lee", "kim")
			others := []*node{parse(t, warrant("acct/17", "ann", "lee", "kim")), parse(t, warrant("acct/18", "bob", "sue", "eva"))}

			trust := proof.Trust{Root: w.Root}
			warm := proof.NewVerifier(trust)
			for _, raw := range [][]byte{good, others[0].text(), others[1].text(), good} {
				if _, err := warm.Verify(raw); err != nil {
					t.Fatal(err)
				}
			}
			refused := 0
			refuse := func(place, how string, raw []byte) {
				if bytes.Equal(raw, good) {
					return
				}
				refused++
				// The verifier that knows the entries and one that reads them
				// for the first time are two paths to the same answer; the second is slow.
				_, err := warm.Verify(raw)
				if err != nil && refused%211 == 0 {
					_, err = proof.Verify(raw, trust)
				}
				if f := fault.As(err); f == nil || f.Kind == fault.Internal {
					t.Errorf("%s %s: %v", place, how, err)
				}
			}
			tamper(parse(t, good), others, func(place, how string, raw []byte) {
				// Only statements have other forms with passkeys: all else once is enough.
				if waits {
					if strings.HasPrefix(place, "/waited") || place == "" || place == "/" {
						refuse(place, how, raw)
					}
					return
				}
				if algorithm == workforce.FileEd25519 || strings.HasPrefix(place, "/request") || strings.HasPrefix(place, "/countersignatures") {
					refuse(place, how, raw)
				}
			})
			for how, raw := range map[string][]byte{
				"nothing": {}, "white space before": append([]byte(" "), good...), "line feed after": append(slices.Clone(good), '\n'),
				"a byte after": append(slices.Clone(good), '0'), "itself after": append(slices.Clone(good), good...),
				"byte order mark": append([]byte("\ufeff"), good...), "cut": good[:len(good)-1],
				"white space within": bytes.Replace(good, []byte(`,"v":`), []byte(`, "v":`), 1),
				"an escape":          bytes.Replace(good, []byte(`"v":"countersign/warrant`), []byte(`"v":"\u0063ountersign/warrant`), 1),
				"a slash escaped":    bytes.Replace(good, []byte(`"v":"countersign/warrant`), []byte(`"v":"countersign\/warrant`), 1),
				"another member's":   bytes.Replace(good, []byte(`"v":"countersign/warrant`), []byte(`"V":"countersign/warrant`), 1),
			} {
				refuse("document", how, raw)
			}
			t.Logf("%d ways, each refused", refused)
			if refused < 1000 && !waits || refused < 300 {
				t.Errorf("only %d ways were tried", refused)
			}
		})
	}
}

// mayChange are the leaves of a warrant that may be changed without a refusal, with the
// reason. There are none. Not even the other half of an ECDSA signature (n - s for s) passes:
// the ledger's entry commits to the one that was made.
var mayChange = map[string]string{}

// TestEveryLeafUnderSession is TestEveryLeaf for a warrant whose request and decision are
// signed under a session, and whose countersignature had to wait.
func TestEveryLeafUnderSession(t *testing.T) {
	for _, algorithm := range []actions.SessionAlgorithm{actions.SessionEd25519, actions.SessionP256} {
		t.Run(string(algorithm), func(t *testing.T) {
			t.Parallel()
			files := policy.Default()
			files["wait.cedar"] = `@id("wait") @reason("Everything waits for an hour.") @hold("1 independent; wait 1h") forbid (principal, action in Action::"measures", resource) when { resource.tier == Tier::"standard" };` + "\n"
			w := prooftest.Found(t, prooftest.Options{Policy: files})
			w.Staff()
			warrant := func(subject string, by, other workforce.WorkerID) []byte {
				r := w.Under(w.StartSession(by, algorithm), w.Request(by, actions.AccountTakedown, prooftest.Account(subject), actions.Standard))
				r = w.Enters(w.Countersign(r, other))
				w.Advance(time.Hour)
				return w.Warrant(r)
			}
			good := warrant("acct/17", "ann", "lee")
			others := []*node{parse(t, warrant("acct/17", "ann", "lee")), parse(t, warrant("acct/18", "bob", "sue"))}
			warm := proof.NewVerifier(proof.Trust{Root: w.Root})
			for _, raw := range [][]byte{good, others[0].text(), others[1].text(), good} {
				if _, err := warm.Verify(raw); err != nil {
					t.Fatal(err)
				}
			}
			// The entries in people, and the anchor, are the same under sessions: TestEveryLeaf
			// visits them. Only what a session signs has other forms with another algorithm.
			visits := []string{"request", "decision", "sessions"}
			if algorithm == actions.SessionEd25519 {
				visits = append(visits, "", "action", "authority", "countersignatures", "requested", "ruling", "v", "waited")
			}
			ways, visited := 0, map[string]int{}
			tamper(parse(t, good), others, func(place, how string, raw []byte) {
				top := strings.Split(place+"/", "/")[1]
				if !slices.Contains(visits, top) || bytes.Equal(raw, good) {
					return
				}
				ways++
				visited[top]++
				_, err := warm.Verify(raw)
				if mayChange[place] != "" {
					if err != nil {
						t.Errorf("%s %s is refused, and does not belong on the list: %v", place, how, err)
					}
				} else if f := fault.As(err); f == nil || f.Kind == fault.Internal {
					t.Errorf("%s %s: %v", place, how, err)
				}
			})
			for _, member := range visits {
				// The document, an empty list and one text: there is little to change.
				if least := map[string]int{"": 4, "authority": 5, "v": 10}[member]; visited[member] < cmp.Or(least, 50) {
					t.Errorf("%s was changed in only %d ways", member, visited[member])
				}
			}
			t.Logf("%d ways, each refused: %v", ways, visited)
		})
	}
}

// TestEveryLeafOfAuthority is TestEveryLeaf for the entries of a complete warrant that
// authorise others.
func TestEveryLeafOfAuthority(t *testing.T) {
	w := prooftest.Staffed(t)
	plain := w.Warrant(w.Request("ann", actions.AccountTakedown, prooftest.Account("acct/17"), actions.Standard))
	good := w.Complete(plain)
	v := proof.NewVerifier(proof.Trust{Root: w.Root})
	if _, err := v.Complete(good); err != nil {
		t.Fatal(err)
	}
	doc, ways := parse(t, good), 0
	tamper(doc, []*node{nil}, func(place, how string, raw []byte) {
		if !strings.HasPrefix(place, "/authority") || bytes.Equal(raw, good) {
			return
		}
		if p, err := proof.ParseComplete(raw); err == nil && len(p.Authority) == 0 {
			return // it claims nothing any more
		}
		ways++
		_, err := v.Complete(raw)
		if f := fault.As(err); f == nil || f.Kind == fault.Internal {
			t.Errorf("%s %s: %v", place, how, err)
		}
	})
	t.Logf("%d ways, each refused", ways)
	if ways < 500 {
		t.Errorf("only %d ways were tried", ways)
	}
}

// node is a place in a document.
type node struct {
	names []string // of an object's members
	nodes []*node  // members' values, or elements
	kind  byte     // as jsontext.Kind
	raw   string   // of a leaf
}

func parse(t testing.TB, raw []byte) *node {
	t.Helper()
	d := jsontext.NewDecoder(bytes.NewReader(raw))
	n, err := read(d)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func read(d *jsontext.Decoder) (*node, error) {
	n := &node{kind: byte(d.PeekKind())}
	if n.kind != '{' && n.kind != '[' {
		v, err := d.ReadValue()
		n.raw = string(v)
		return n, err
	}
	if _, err := d.ReadToken(); err != nil {
		return nil, err
	}
	for d.PeekKind() != '}' && d.PeekKind() != ']' {
		if n.kind == '{' {
			name, err := d.ReadToken()
			if err != nil {
				return nil, err
			}
			n.names = append(n.names, name.String())
		}
		child, err := read(d)
		if err != nil {
			return nil, err
		}
		n.nodes = append(n.nodes, child)
	}
	_, err := d.ReadToken()
	return n, err
}

func (n *node) text() []byte { return n.write(nil) }

func (n *node) write(b []byte) []byte {
	if n.kind != '{' && n.kind != '[' {
		return append(b, n.raw...)
	}
	b = append(b, n.kind)
	for i, child := range n.nodes {
		if i > 0 {
			b = append(b, ',')
		}
		if n.kind == '{' {
			b = append(b, `"`+n.names[i]+`":`...)
		}
		b = child.write(b)
	}
	return append(b, n.kind+2)
}

// tamper tries every way at every place.
func tamper(doc *node, others []*node, refuse func(place, how string, raw []byte)) {
	var visit func(place string, n *node, others []*node)
	visit = func(place string, n *node, others []*node) {
		// as is: another value in this place
		try := func(how string, put node) {
			was := *n
			*n = put
			refuse(place, how, doc.text())
			*n = was
		}
		for i, o := range others {
			if o != nil && n != doc {
				try(fmt.Sprintf("as in the other warrant %d", i), *o)
			}
		}
		for _, v := range []string{"null", `""`, "0"} {
			try("is "+v, node{kind: 'v', raw: v})
		}
		for how, raw := range variants(n) {
			try(how, node{kind: 'v', raw: raw})
		}
		for i := range n.nodes {
			at := fmt.Sprintf("%s/%d", place, i)
			if n.kind == '{' {
				at = place + "/" + n.names[i]
			}
			edit := func(how string, f func(m *node)) {
				m := node{kind: n.kind, names: slices.Clone(n.names), nodes: slices.Clone(n.nodes)}
				f(&m)
				was := *n
				*n = m
				refuse(at, how, doc.text())
				*n = was
			}
			edit("removed", func(m *node) { m.drop(i) })
			edit("doubled", func(m *node) { m.insert(i, m.name(i), m.nodes[i]) })
			edit("doubled at the end", func(m *node) { m.insert(len(m.nodes), m.name(i), m.nodes[i]) })
			if i > 0 {
				edit("before the one before", func(m *node) { m.swap(i-1, i) })
			}
			if n.kind == '{' {
				edit("with an unknown one after", func(m *node) { m.insert(i+1, n.names[i]+"_", &node{kind: 'v', raw: "0"}) })
				edit("in another case", func(m *node) { m.names[i] = strings.ToUpper(m.names[i]) })
			}
			next := make([]*node, len(others))
			for k, o := range others {
				next[k] = o.child(n, i)
			}
			visit(at, n.nodes[i], next)
		}
		if n.kind == '{' || n.kind == '[' {
			m := node{kind: n.kind, names: slices.Clone(n.names), nodes: slices.Clone(n.nodes)}
			m.insert(len(m.nodes), "zzz", &node{kind: 'v', raw: `"surplus"`})
			try("with a surplus one", m)
		}
	}
	visit("", doc, others)
}

// child returns the node at the same place below o as the i-th below n.
func (o *node) child(n *node, i int) *node {
	if o == nil || o.kind != n.kind {
		return nil
	}
	if n.kind == '{' {
		i = slices.Index(o.names, n.names[i])
	}
	if i < 0 || i >= len(o.nodes) {
		return nil
	}
	return o.nodes[i]
}

func (n *node) name(i int) string {
	if n.kind == '{' {
		return n.names[i]
	}
	return ""
}

func (n *node) drop(i int) {
	n.nodes = slices.Delete(n.nodes, i, i+1)
	if n.kind == '{' {
		n.names = slices.Delete(n.names, i, i+1)
	}
}

func (n *node) insert(i int, name string, child *node) {
	n.nodes = slices.Insert(n.nodes, i, child)
	if n.kind == '{' {
		n.names = slices.Insert(n.names, i, name)
	}
}

func (n *node) swap(i, j int) {
	n.nodes[i], n.nodes[j] = n.nodes[j], n.nodes[i]
	if n.kind == '{' {
		n.names[i], n.names[j] = n.names[j], n.names[i]
	}
}

// variants returns values like the leaf's that are not it.
func variants(n *node) map[string]string {
	switch n.kind {
	case 't':
		return map[string]string{"the other way": "false"}
	case 'f':
		return map[string]string{"the other way": "true"}
	case '0':
		return map[string]string{"one more": n.raw[:len(n.raw)-1] + string('0'+(n.raw[len(n.raw)-1]-'0'+1)%10), "negative": "-" + n.raw,
			"a leading zero": "0" + n.raw, "with a fraction": n.raw + ".0", "with an exponent": n.raw + "e0", "text": `"` + n.raw + `"`}
	case '"':
	default:
		return nil
	}
	s := n.raw[1 : len(n.raw)-1]
	v := map[string]string{"longer": `"` + s + `A"`, "a blank after": `"` + s + ` "`, "a blank before": `" ` + s + `"`, "cut": `"` + s[:max(0, len(s)-1)] + `"`}
	if s == "" || strings.Contains(s, `\`) {
		return v
	}
	for _, i := range []int{0, len(s) / 2, len(s) - 1} {
		other := []byte(s)
		other[i] ^= 1
		if other[i] != '"' && other[i] != '\\' {
			v[fmt.Sprintf("another character at %d", i)] = `"` + string(other) + `"`
		}
	}
	v["upper case"] = `"` + strings.ToUpper(s) + `"`
	v["escaped"] = fmt.Sprintf(`"\u%04x%s"`, s[0], s[1:])
	if b, err := base64.StdEncoding.DecodeString(s); err == nil && len(b) > 8 {
		for _, i := range []int{0, len(b) / 2, len(b) - 1} {
			b[i] ^= 0x10
			v[fmt.Sprintf("another bit of byte %d", i)] = `"` + base64.StdEncoding.EncodeToString(b) + `"`
			b[i] ^= 0x10
		}
		v["a byte more"] = `"` + base64.StdEncoding.EncodeToString(append(b, 0)) + `"`
		v["a byte less"] = `"` + base64.StdEncoding.EncodeToString(b[:len(b)-1]) + `"`
		v["without padding"] = `"` + strings.TrimRight(s, "=") + `"`
	}
	return v
}
