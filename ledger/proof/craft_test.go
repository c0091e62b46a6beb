package proof_test

import (
	"cmp"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/ledger/proof"
	"countersign.dev/ledger/proof/prooftest"
	"countersign.dev/platform"
	"countersign.dev/workforce"
)

// craft is a warrant in which one thing is changed, and all that this breaks is repaired:
// people sign what it says, and a desk that lies enters it in its ledger.
type craft struct {
	*forger
	t    *testing.T
	size int // in bytes, of the whole document; 0: as it is
}

// fill lengthens a text that nothing reads, so that the document has its size.
func (c *craft) fill() {
	c.enter(true)
	n := c.size - len(c.doc.text())
	c.put(c.entry(proof.KindTaken, "")+"/data/execution/text", quoted(strings.Repeat("a", n)))
}

// at returns the path, in a warrant of the craft's version, of what stands at a path of
// version 1.
func (c *craft) at(path string) string {
	if c.formats == actions.FirstFormats {
		return path
	}
	for _, moved := range [][2]string{{"/action/command/mark", "/action/command/leave/mark"}, {"/action/command/expect/status", "/action/command/expect/value"},
		{"/waited/0", "/requested"}, {"/waited/1", "/waited/0"}, {"/waited/2", "/waited/1"}} {
		if rest, ok := strings.CutPrefix(path, moved[0]); ok && (rest == "" || rest[0] == '/') {
			return moved[1] + rest
		}
	}
	if before, ok := strings.CutSuffix(path, "/before/status"); ok {
		return before + "/before/value"
	}
	return path
}

// leaves makes a command of version 2 leave what its verb leaves.
func (c *craft) leaves(verb string) {
	if c.formats == actions.FirstFormats {
		return
	}
	value, marked := map[string]string{"takedown": "down", "deactivate": "deactivated", "delete": "deleted"}[verb], verb == "takedown" || verb == "deactivate"
	c.put("/action/command/leave/value", quoted(cmp.Or(value, "up")))
	if !marked {
		c.put("/action/command/leave/mark", `""`)
	}
}

// put puts JSON text at a path of version 1.
func (c *craft) put(path, raw string) {
	c.t.Helper()
	switch path {
	case "/action/command/verb":
		c.leaves(strings.Trim(raw, `"`))
	case "/action/command/expect":
		if c.formats > actions.FirstFormats {
			raw = strings.Replace(raw, `"status"`, `"value"`, 1)
		}
	}
	path = c.at(path)
	n := lookUp(c.doc, path)
	if n == nil {
		c.t.Fatalf("there is no %s", path)
	}
	*n = *parse(c.t, []byte(raw))
	c.changed = append(c.changed, path)
}

// spell puts a text at a path as it is.
func (c *craft) spell(path, raw string) {
	c.put(path, "0")
	lookUp(c.doc, path).raw = raw
}

// move moves an instant.
func (c *craft) move(path string, by time.Duration) {
	c.t.Helper()
	c.put(path, quoted(canonical.At(instantOf(string(c.raw(path))).Add(by)).String()))
}

// add adds a member to an object, which is nameless in an array.
func (c *craft) add(path, name, raw string) {
	n := lookUp(c.doc, c.at(path))
	i, _ := slices.BinarySearch(n.names, name)
	if n.kind == '[' {
		i = len(n.nodes)
	}
	n.insert(i, name, parse(c.t, []byte(raw)))
}

// hold puts a member of an object, whether it is there or not, and takes it away if raw is
// empty. It stays so. The path is one of the craft's version.
func (c *craft) hold(path, name, raw string) {
	if raw == "" {
		c.member(path, name, nil)
	} else {
		c.member(path, name, parse(c.t, []byte(raw)))
	}
	c.changed = append(c.changed, path+"/"+name)
}

// asked dates the request's entry in the ledger, and its statement no later.
func (c *craft) asked(by time.Duration) {
	c.put("/requested/entry/time", c.now(by))
	if by < 0 {
		c.put("/request/statement/not_before", c.now(by))
		c.put("/request/statement/expires", c.now(time.Hour))
	}
}

func (c *craft) drop(path string) {
	path = c.at(path)
	cut := strings.LastIndexByte(path, '/')
	parent := lookUp(c.doc, path[:cut])
	parent.drop(slices.Index(parent.nodes, lookUp(c.doc, path)))
}

// entry returns the path of the data of the last governance entry of a kind whose text holds
// something.
func (c *craft) entry(kind, holds string) string {
	c.t.Helper()
	all := lookUp(c.doc, "/people").nodes
	for i := len(all) - 1; i >= 0; i-- {
		if path := fmt.Sprintf("/people/%d/entry", i); c.said(path+"/kind") == kind && strings.Contains(string(c.raw(path)), holds) {
			return path
		}
	}
	c.t.Fatalf("no entry of kind %s holds %s", kind, holds)
	return ""
}

func (c *craft) row(of string) string { return c.entry(proof.KindRow, `"worker":"`+of+`"`) }

// older is what a desk of its formats makes of a version 2: the other one.
func (c *craft) other(v string) string {
	if c.formats == actions.FirstFormats {
		return quoted(v + "/v2")
	}
	return quoted(v + "/v1")
}

// mark begins the name of a craft that still holds.
func mark(good bool) string {
	if good {
		return "good "
	}
	return ""
}

func quoted(s string) string { return string(canonical.MustMarshal(s)) }

// asserted makes passkeys sign something else.
func (c *craft) asserted(edit func(*prooftest.Assertion)) {
	c.assert = func(p *prooftest.Passkey, challenge [32]byte) actions.Signature {
		a := p.Usual
		a.Challenge = challenge[:]
		edit(&a)
		return p.Assert(a)
	}
}

// TestCraftedWarrants puts warrants to both readers that are wrong in one thing each, and
// others that are right by as little. Each check of the second reader is the only one that
// refuses some of them.
func TestCraftedWarrants(t *testing.T) {
	for formats := int64(actions.FirstFormats); formats <= actions.NewestFormats; formats++ {
		t.Run(fmt.Sprintf("formats %d", formats), func(t *testing.T) {
			all := crafts(formats)
			if formats > actions.FirstFormats {
				maps.Copy(all, craftsOfSessions())
				maps.Copy(all, craftsOfDecisions())
				maps.Copy(all, craftsOfVersions())
				maps.Copy(all, craftsOfLayers())
			}
			crafted(t, formats, all)
		})
	}
}

func crafted(t *testing.T, formats int64, all map[string]func(*craft)) {
	l := newLab(t, 0, formats)
	a := both(t, func(yield func(document) bool) {
		for _, name := range slices.Sorted(maps.Keys(all)) {
			of, _, _ := strings.Cut(strings.TrimPrefix(name, "good "), ":")
			d, s := l.find(t, of)
			c := &craft{forger: newForger(d, s), t: t}
			all[name](c)
			if c.size > 0 {
				c.fill()
			}
			root := c.enter(true)
			if !yield(document{name, c.doc.text(), root}) {
				return
			}
		}
	})
	if len(a.alone) > 0 {
		t.Errorf("ours alone refuses %q", slices.Sorted(maps.Keys(a.alone)))
	}
	for _, name := range a.accepted {
		if !strings.HasPrefix(name, "good ") {
			t.Errorf("both accept: %s", name)
		}
	}
	for _, name := range a.refused {
		if strings.HasPrefix(name, "good ") {
			t.Errorf("both refuse: %s", name)
		}
	}
}

// nested is JSON of so many levels, each of which begins so.
func nested(begin string, levels int) string {
	if begin == "[" {
		return strings.Repeat(begin, levels) + strings.Repeat("]", levels)
	}
	return strings.Repeat(begin, levels) + "1" + strings.Repeat("}", levels)
}

// find returns a warrant by its name, of the desk with file keys if it names no desk.
func (l *lab) find(t *testing.T, name string) (desk, subject) {
	t.Helper()
	for _, d := range l.desks {
		for _, s := range d.subjects {
			if s.name == name || s.name == "file keys, "+name {
				return d, s
			}
		}
	}
	t.Fatalf("there is no warrant %q", name)
	return desk{}, subject{}
}

// crafts are what is changed, by a name that begins with the warrant's. They are the same in
// both versions, unless they say otherwise.
func crafts(formats int64) map[string]func(*craft) {
	all := map[string]func(*craft){}
	first := formats == actions.FirstFormats
	const day = 24 * time.Hour
	zeros := strings.Repeat("0", 64)
	put := func(name, path, raw string) {
		name += ": " + path + " is " + raw
		if all[name] != nil {
			panic(name + " is there twice")
		}
		all[name] = func(c *craft) { c.put(path, raw) }
	}

	// Entries
	for what, sealed := range map[string]string{"blank": `{"a b":%q}`, "quote": `{"a\"b":%q}`, "letter": `{"é":%q}`, "empty": `{"":%q}`} {
		all["critical: a sealed field of a malformed name, "+what] = func(c *craft) {
			c.put(c.row("ann")+"/sealed", fmt.Sprintf(sealed, canonical.Sum(nil)))
		}
	}
	all["critical: a sealed field without a commitment"] = func(c *craft) { c.put(c.row("ann")+"/sealed", `{"name":""}`) }
	all["critical: an entry without a time"] = func(c *craft) { c.put(c.row("ann")+"/time", `""`) }
	all["critical: an entry of another version"] = func(c *craft) { c.put(c.row("ann")+"/v", `"countersign/entry/v2"`) }
	all["critical: an entry without the one before"] = func(c *craft) { c.put(c.row("ann")+"/prev", `""`) }
	all["critical: an entry of a large number"] = func(c *craft) { c.put(c.entry("desk.key", "")+"/number", "9007199254740992") }
	all["good critical: an entry of the largest number"] = func(c *craft) { c.put(c.entry("desk.key", "")+"/number", "9007199254740991") }
	all["critical: an entry of the desk"] = func(c *craft) {
		c.put(c.row("ann")+"/class", `"desk"`)
		c.put(c.row("ann")+"/prev", `""`)
	}
	for _, n := range []int{0, 31, 33} {
		all[fmt.Sprintf("critical: a salt of %d bytes", n)] = func(c *craft) {
			c.put(strings.TrimSuffix(c.row("ann"), "/entry")+"/salt", quoted(base64.StdEncoding.EncodeToString(make([]byte, n))))
		}
	}
	all["critical: a row in the place of the founding"] = func(c *craft) { c.put("/people/0/entry/kind", `"row"`) }
	all["critical: a change after the warrant"] = func(c *craft) { c.late = strings.TrimSuffix(c.row("ann"), "/entry") }
	all["a wait: a signature after the warrant"] = func(c *craft) { c.late = c.at("/waited/1") }

	// Checkpoint
	public := func(c *craft) string {
		parts := strings.SplitN(c.world.LogKey().VerifierKey(), "+", 3)
		return parts[2]
	}
	const founding = "/people/0/entry/data/founding"
	line := func(c *craft, name, id, key string) { c.put(founding+"/log_key", quoted(name+"+"+id+"+"+key)) }
	named := func(name string) func(*craft) {
		return func(c *craft) {
			raw, _ := base64.StdEncoding.DecodeString(public(c))
			sum := sha256.Sum256(append([]byte(name+"\n"), raw...))
			c.log.name, c.log.id = name, sum[:4]
			c.put(founding+"/origin", quoted(name))
			line(c, name, hex.EncodeToString(sum[:4]), public(c))
			c.origin = name
		}
	}
	all["good critical: a log of another name"] = named("other.example.com/ledger")
	for _, name := range []string{"other.example.com/", "/ledger", "https://desk.example.com", "other\u0085", "other\u0086", "other\u00a0", "other\u2003", strings.Repeat("a", 256)} {
		all["critical: a log that is called "+name] = named(name)
	}
	all["good critical: a log of a long name"] = named(strings.Repeat("a", 255))
	all["good critical: a line feed after the log's key"] = func(c *craft) {
		c.put(founding+"/log_key", quoted(c.world.LogKey().VerifierKey()+"\n"))
	}
	all["critical: a log's key of another type"] = func(c *craft) {
		raw, _ := base64.StdEncoding.DecodeString(public(c))
		raw[0] = 2
		sum := sha256.Sum256(append([]byte(c.world.Origin+"\n"), raw...))
		c.log.id = sum[:4]
		line(c, c.world.Origin, hex.EncodeToString(sum[:4]), base64.StdEncoding.EncodeToString(raw))
	}
	all["critical: a checkpoint signed in another name"] = func(c *craft) { c.log.name = "other.example.com/ledger" }
	all["critical: a checkpoint signed by another key, as it says"] = func(c *craft) { c.log.id = make([]byte, 4) }
	all["critical: the log's key under another origin"] = func(c *craft) {
		named("other.example.com/ledger")(c)
		c.log.name, c.origin = c.world.Origin, c.world.Origin
		c.put(founding+"/origin", quoted(c.world.Origin))
	}
	for what, edit := range map[string]func(id, key string) (string, string){
		"another identifier":     func(_, key string) (string, string) { return "00000000", key },
		"upper case":             func(id, key string) (string, string) { return strings.ToUpper("abcdef" + id[6:]), key },
		"a key that is not text": func(id, _ string) (string, string) { return id, "!!" },
		"a key too short":        func(id, _ string) (string, string) { return id, "AQ==" },
		"no key":                 func(id, _ string) (string, string) { return id, "" },
		"another type of key":    func(id, key string) (string, string) { return id, "B" + key[1:] },
	} {
		all["critical: the log's key with "+what] = func(c *craft) {
			id, key := edit(hex.EncodeToString(c.log.id), public(c))
			line(c, c.world.Origin, id, key)
			if raw, err := hex.DecodeString(id); err == nil {
				c.log.id = raw
			}
		}
	}
	all["critical: a signature of the log that is wrong"] = func(c *craft) {
		right := c.log.sign
		c.log.sign = func(text []byte) ([]byte, error) {
			signature, err := right(text)
			signature[40] ^= 1
			return signature, err
		}
	}

	for _, n := range []int{31, 32, 33} {
		all[fmt.Sprintf("critical: proofs with a hash of %d bytes too many", n)] = func(c *craft) { c.surplus = []canonical.Bytes{make([]byte, n)} }
	}
	for _, n := range []int{0, 31, 33} {
		all[fmt.Sprintf("critical: proofs with a hash of %d bytes", n)] = func(c *craft) { c.claimed, c.right = 1<<20, make([]byte, n) }
	}
	all["critical: indexes below 0"] = func(c *craft) { c.below = true }
	all["critical: a size that no number can be"] = func(c *craft) { c.claimed = 1 << 53 }
	all["good critical: a size of the largest number"] = func(c *craft) { c.claimed = 1<<53 - 1 }
	for what, edit := range map[string]func(key string) string{"a line feed": func(key string) string { return key[:10] + "\n" + key[10:] }, "a mark": func(key string) string { return key[:10] + "!" + key[10:] }} {
		all["critical: the log's key with "+what+" in it"] = func(c *craft) { line(c, c.world.Origin, hex.EncodeToString(c.log.id), edit(public(c))) }
	}
	// Types. Nothing else is asked of these places.
	for _, raw := range []string{`"2024-02-29T23:59:59.999999Z"`, `"2000-02-29T00:00:00.000000Z"`, `"9999-12-31T23:59:59.999999Z"`, `"0000-02-29T00:00:00.000000Z"`, `"0000-01-01T00:00:00.000000Z"`, `"0001-01-01T00:00:00.000001Z"`, `""`} {
		put("good critical", founding+"/time", raw)
	}
	for _, raw := range []string{`"0001-01-01T00:00:00.000000Z"`, `"2023-02-29T00:00:00.000000Z"`, `"1900-02-29T00:00:00.000000Z"`, `"2026-04-31T00:00:00.000000Z"`, `"2026-13-01T00:00:00.000000Z"`, `"2026-00-01T00:00:00.000000Z"`,
		`"2026-01-00T00:00:00.000000Z"`, `"2026-01-01T24:00:00.000000Z"`, `"2026-01-01T00:60:00.000000Z"`, `"2026-01-01T00:00:60.000000Z"`, `"2026-01-01T00:00:00Z"`, `"2026-01-01T00:00:00.000Z"`, `"2026-01-01T00:00:00.000000+00:00"`,
		`"2026-01-01t00:00:00.000000z"`, `"2026-01-01T00:00:00,000000Z"`, `" 2026-01-01T00:00:00.000000Z"`, `"2026-01-01T00:00:00.000000Z\n"`, `"\uff12026-01-01T00:00:00.000000Z"`, `"10000-01-01T00:00:00.000000Z"`, `0`, `null`} {
		all["critical: the instant "+raw] = func(c *craft) { c.put(founding+"/time", strings.ReplaceAll(raw, `\uff12`, "\uff12")) }
	}
	for month := time.January; month <= time.December; month++ {
		last := time.Date(2026, month+1, 0, 0, 0, 0, 0, time.UTC).Day()
		put("good critical", founding+"/time", fmt.Sprintf(`"2026-%02d-%02dT00:00:00.000000Z"`, month, last))
		put("critical", founding+"/time", fmt.Sprintf(`"2026-%02d-%02dT00:00:00.000000Z"`, month, last+1))
	}
	for _, raw := range []string{"sha256:" + zeros, "sha256:" + zeros[1:], "sha256:" + zeros + "1", zeros, "SHA256:" + zeros[1:] + "1", "sha256:" + zeros[1:] + "A", "sha256:" + zeros[1:] + "g", "x", "sha256:" + zeros[1:] + "1\n"} {
		put("critical", "/request/statement/policy", quoted(raw))
	}
	put("good critical", "/request/statement/policy", quoted("sha256:"+zeros[1:]+"f"))
	for raw, good := range map[string]bool{"": true, "AA==": true, "AAA=": true, "AAAA": true, "+/+/": true, "AB==": false, "AAB=": false, "AA": false, "AAA": false, "AA=": false, "A===": false, "====": false, "AAAA\n": false, "AA\nAA": false, "-_-_": false, "AA==AAAA": false, " AAAA": false, "AAAA====": false} {
		put(mark(good)+"critical", founding+"/nonce", quoted(raw))
	}
	put("critical", founding+"/nonce", "null")
	put("critical", founding+"/recovers", "0")
	put("critical", founding+"/trust/origins", `{}`)
	put("critical", founding+"/trust/origins", `[1]`)
	put("critical", founding+"/policy", `[]`)
	put(mark(!first)+"critical", founding+"/laws", `0`) // a founding of version 1 leaves it out
	put("critical", founding+"/laws", `true`)
	put("critical", founding+"/budgets/0/undo", `0`)
	put("critical", founding+"/budgets/0/limit", `false`)
	put("good critical", founding+"/budgets/0/limit", `-1`)
	put("good critical", founding+"/budgets/0/family", `"posts"`)
	put("critical", founding+"/budgets/0/family", `1`)
	put("critical", founding+"/budgets/0/family", `""`) // it is missing where a budget counts every kind
	for raw, good := range map[string]bool{
		`"\n\t\b\f\r\"\\"`: true, `"\u0001\u001f"`: true, "\"\u007f\u0085\u2028\"": true, `"<&>/"`: true, "\"é\U0001F600\"": true, "\"e\u0301\"": true,
		`"\u000a"`: false, `"\u0008"`: false, `"\u001F"`: false, `"\u0061"`: false, `"\u00e9"`: false, `"\/"`: false, `"\ud83d\ude00"`: false, `"\ud83d"`: false, `"\ude00\ud83d"`: false, `"\x"`: false,
		"\"\n\"": false, "\"\x00\"": false, "\"\xff\"": false, "\"\xed\xa0\x80\"": false, "\"\xc0\x80\"": false, `'a'`: false, `"a" `: false, `["a"]`: false, `{}`: false, `"a`: false,
	} {
		all[mark(good)+fmt.Sprintf("critical: a team that is called %q", raw)] = func(c *craft) { c.spell(c.row("ann")+"/data/row/record/team", raw) }
	}
	for raw, good := range map[string]bool{
		"{\"\U0001F600\":\"\",\"\ufb33\":\"\"}": true, "{\"\ufb33\":\"\",\"\U0001F600\":\"\"}": false, // sorted by UTF-16, not by code points
		`{"":"","A":"","a":"","aa":""}`: true, `{"a":"","A":""}`: false, `{"aa":"","a":""}`: false, `{"a":"","a":""}`: false, `{"\n":"","\r":""}`: true, `{"\u000a":""}`: false, `{"\u0061":""}`: false, `{"\ud800":""}`: false, `{"a":null}`: false, `{"a":"x"}`: false, `[]`: false,
	} {
		all[mark(good)+fmt.Sprintf("critical: sealed in a row: %q", raw)] = func(c *craft) { c.spell(c.row("ann")+"/data/row/sealed", raw) }
	}
	all["good a long chain, a suspension: the largest warrant"] = func(c *craft) { c.size = proof.MaxWarrant }
	all["a long chain, a suspension: a byte more than the largest warrant"] = func(c *craft) { c.size = proof.MaxWarrant + 1 }

	// No digest covers the spelling of what is outside of entries and core.
	spelt := func(name string, edit func(c *craft)) {
		all["critical: "+name] = func(c *craft) { c.after = append(c.after, func() { edit(c) }) }
	}
	leaf := func(c *craft, path string) *node { return lookUp(c.doc, path) }
	spelt("white space", func(c *craft) { leaf(c, "/people/1/salt").raw += " " })
	spelt("a line feed", func(c *craft) { leaf(c, "/waited").kind, leaf(c, "/waited").raw = 'v', "[\n]" })
	spelt("an escape", func(c *craft) {
		n := leaf(c, "/people/1/salt")
		n.raw = fmt.Sprintf("\"\\u%04x%s", n.raw[1], n.raw[2:])
	})
	spelt("members in another order", func(c *craft) { leaf(c, "/ledger/proof").swap(0, 1) })
	spelt("a member twice", func(c *craft) { leaf(c, "/ledger/proof").insert(0, "hashes", &node{kind: '['}) })
	spelt("a member more, of the warrant", func(c *craft) { c.add("", "zzz", "0") })
	spelt("a member more, of a proof", func(c *craft) { c.add("/ledger/proof", "zzz", "0") })
	spelt("a member less", func(c *craft) { c.drop("/waited") })
	spelt("a list that is null", func(c *craft) { c.put("/waited", "null") })
	spelt("a fraction", func(c *craft) { n := leaf(c, "/people/1/proof/index"); n.raw += ".0" })
	spelt("an exponent", func(c *craft) { n := leaf(c, "/people/1/proof/index"); n.raw += "e0" })
	spelt("a zero before", func(c *craft) { n := leaf(c, "/people/1/proof/index"); n.raw = "0" + n.raw })
	spelt("minus zero", func(c *craft) { leaf(c, "/people/0/proof/index").raw = "-0" })
	for _, n := range []string{"9007199254740993", "9223372036854775807", "9223372036854775808", "9223372036854776000", "-9223372036854775808", "1000000000000000128", "123456789012345678901234567890", "true", "null"} {
		put("critical", "/ledger/entry/data/governance_number", n)
	}
	for _, n := range []string{"9007199254740991", "9007199254740992", "9007199254740994", "1000000000000000100", "-1000000000000000000", "9223372036854774784"} {
		put(mark(n != "9223372036854774784")+"critical", "/ledger/entry/data/governance_number", n)
	}
	all["critical: a founding with a member more"] = func(c *craft) { c.add(founding, "zzz", "0") }

	// What the evidence says
	put("good a long chain, critical", founding+"/laws", "-1") // another law was adopted since
	put("good a long chain, critical", founding+"/laws", "1")
	put("a long chain, critical", founding+"/laws", "0")
	all["good a long chain, standard: a founding under later laws"] = func(c *craft) { c.put(founding+"/laws", "3") }
	change := func(kind, holds string) func(c *craft) string {
		return func(c *craft) string { return c.entry(kind, holds) + "/data/action/change" }
	}
	extended, vendor, trust, laws, set := change("desk.engagement", `"op":"extend"`), change("desk.change", `"of":"vendors"`), change("desk.change", `"of":"trust"`), change("desk.change", `"of":"laws"`), change("desk.change", `"of":"policy"`)
	long := func(name string, at func(*craft) string, below, raw string) {
		all["a long chain, critical: "+name] = func(c *craft) { c.put(at(c)+below, raw) }
	}
	long("an engagement changed with a member more", extended, "", `{"last":"2030-01-01T00:00:00.000000Z","op":"extend","worker":"ann","x":0}`)
	long("an engagement extended to nothing", extended, "/last", `""`)
	long("an engagement ended at an instant", extended, "/op", `"end"`)
	long("an engagement changed otherwise", extended, "/op", `"pause"`)
	all["a long chain, critical: an engagement reinstated in another word"] = func(c *craft) { c.put(change("desk.engagement", `"op":"reinstate"`)(c)+"/op", `"pause"`) }
	long("an engagement of somebody unknown", extended, "/worker", `"nobody"`)
	long("a vendor with a long ratchet", vendor, "/vendor/ratchet", "366")
	long("a vendor with a negative ratchet", vendor, "/vendor/ratchet", "-1")
	long("a vendor with a name of two directions", vendor, "/vendor/name", `"a`+"\u202e"+`b"`)
	long("a vendor with a bell", vendor, "/vendor/name", `"a\u0007b"`)
	long("a vendor with a long name", vendor, "/vendor/name", quoted(strings.Repeat("a", 2001)))
	long("a vendor and a mode", vendor, "/mode", `{"mode":"observe","platform":"plaza","tier":"standard"}`)
	all["a long chain, critical: a vendor and laws"] = func(c *craft) { c.add(vendor(c), "laws", "3") }
	for _, part := range []string{"laws", "tiers", "budgets", ""} {
		long("a vendor that is of the part "+part, vendor, "/of", quoted(part))
	}
	long("a vendor of no name", vendor, "/vendor/id", `""`)
	for _, days := range []string{"0", "365"} {
		all["good a long chain, critical: a vendor with a ratchet of "+days] = func(c *craft) { c.put(vendor(c)+"/vendor/ratchet", days) }
	}
	for id, good := range map[string]bool{"b": true, "0b.o_l-t": true, strings.Repeat("b", 64): true, strings.Repeat("b", 65): false, "B": false, "-b": false, "b!": false, "b\n": false} {
		all[mark(good)+fmt.Sprintf("a long chain, critical: a vendor called %q", id)] = func(c *craft) {
			for _, n := range lookUp(c.doc, "/people").nodes {
				if path := "/entry/data/action/change/vendor/id"; lookUp(n, path) != nil && lookUp(n, path).raw == `"bolt"` {
					lookUp(n, path).raw = quoted(id)
				}
			}
			c.put(c.row("lee")+"/data/row/record/vendor", quoted(id))
		}
	}
	long("trust in a short key", trust, "/trust/executor_key", quoted(base64.StdEncoding.EncodeToString(make([]byte, 31))))
	for _, n := range []string{"endings_per_hour", "raises_per_hour", "undo_window"} {
		long("trust without "+n, trust, "/trust/"+n, "0")
		all["good a long chain, critical: trust with little "+n] = func(c *craft) { c.put(trust(c)+"/trust/"+n, "1") }
	}
	all["a long chain, critical: trust in nobody"] = func(c *craft) {
		c.put(trust(c)+"/trust/executor", `""`)
		for _, path := range []string{"/request", "/countersignatures/0", "/countersignatures/1"} {
			c.put(path+"/statement/executor", `""`)
		}
	}
	all["good a long chain, critical: trust in another executor"] = func(c *craft) {
		c.put(trust(c)+"/trust/executor", `"executor-2"`)
		for _, path := range []string{"/request", "/countersignatures/0", "/countersignatures/1"} {
			c.put(path+"/statement/executor", `"executor-2"`)
		}
	}
	long("laws that nobody knows", laws, "/laws", "4")
	long("the first laws", laws, "/laws", "1")
	for what, names := range map[string]string{"good a long chain, critical: platforms without ranks": `["a","b"]`, "a long chain, critical: no platforms without ranks": `[]`,
		"a long chain, critical: platforms without ranks, unsorted": `["b","a"]`, "a long chain, critical: platforms without ranks, twice": `["a","a"]`} {
		all[what] = func(c *craft) { c.add(set(c), "unranked", names) }
	}
	all["a long chain, critical: platforms without ranks, with a vendor"] = func(c *craft) { c.add(vendor(c), "unranked", `["a"]`) }
	all["a long chain, critical: a kind that is not the action's"] = func(c *craft) {
		c.put(strings.TrimSuffix(extended(c), "/data/action/change")+"/kind", `"desk.key"`)
	}
	all["a long chain, critical: a setting as a review"] = func(c *craft) {
		path := strings.TrimSuffix(vendor(c), "/data/action/change")
		c.put(path+"/kind", `"desk.review"`)
		c.put(path+"/data/action/kind", `"desk.review"`)
	}
	all["a long chain, critical: a key enrolled, and another revoked, at once"] = func(c *craft) {
		c.put(change("desk.key", "kim")(c)+"/revoke", "["+quoted(string(c.world.PublicKey("eva").ID()))+"]")
	}
	for _, n := range []int{50, 51} {
		all[mark(n == 50)+fmt.Sprintf("a long chain, critical: %d keys enrolled at once", n)] = func(c *craft) {
			path := change("desk.key", "kim")(c) + "/enrol"
			for i := len(lookUp(c.doc, path).nodes); i < n; i++ {
				key := make([]byte, 32)
				key[0], key[1] = 1, byte(i)
				c.add(path, "", `{"key":{"algorithm":"ed25519","credential":"","hardware":false,"public":"`+base64.StdEncoding.EncodeToString(key)+`"},"possession":{"authenticator_data":"","client_data":"","signature":""},"worker":"eva"}`)
			}
		}
	}
	all["a long chain, critical: a key enrolled twice at once"] = func(c *craft) {
		path := change("desk.key", "kim")(c) + "/enrol"
		c.add(path, "", string(c.raw(path+"/0")))
	}
	all["a long chain, critical: a key of nobody"] = func(c *craft) {
		path := change("desk.key", "kim")(c)
		c.add(path+"/enrol", "", `{"key":{"algorithm":"ed25519","credential":"","hardware":false,"public":"`+base64.StdEncoding.EncodeToString(make([]byte, 32))+`"},"possession":{"authenticator_data":"","client_data":"","signature":""},"worker":""}`)
	}
	for what, key := range map[string]string{"short": `"algorithm":"ed25519","credential":"","hardware":false,"public":""`, "of no algorithm": `"algorithm":"","credential":"","hardware":false,"public":"` + base64.StdEncoding.EncodeToString(make([]byte, 32)) + `"`,
		"of P-256 and short": `"algorithm":"webauthn-es256","credential":"","hardware":false,"public":"BAAA"`, "of P-256 without its first byte": `"algorithm":"webauthn-es256","credential":"","hardware":false,"public":"` + base64.StdEncoding.EncodeToString(make([]byte, 65)) + `"`} {
		all["a long chain, critical: a key that is "+what] = func(c *craft) {
			c.add(change("desk.key", "kim")(c)+"/enrol", "", `{"key":{`+key+`},"possession":{"authenticator_data":"","client_data":"","signature":""},"worker":"eva"}`)
		}
	}

	// What the executor took
	took := func(c *craft) string { return c.entry(proof.KindTaken, "") + "/data/execution" }
	for path, raw := range map[string]string{"/v": `"countersign/execution/v3"`, "/kind": `"blind"`, "/duty": `"act"`, "/sequence": "-1", "/executor": `""`, "/at": `""`, "/outcome": `"executed"`,
		"/nonce": `"AAAA"`, "/warrant": quoted(canonical.Sum(nil).String()), "/lifted": `"CSGN-1"`, "/lift_at": `"2026-11-23T05:39:46.000000Z"`, "/before/status": `"up"`, "/after/mark": `"x"`, "/request": `"req_other"`,
		"/taken/action/kind": `"desk.freeze"`} {
		all["a long chain, a suspension: taken with "+path+" "+raw] = func(c *craft) { c.put(took(c)+path, raw) }
	}
	all["a long chain, a suspension: taken without a request"] = func(c *craft) {
		c.put(took(c)+"/request", `""`)
		c.put(took(c)+"/taken/request/statement/request", `""`)
	}
	all["a long chain, a suspension: taken with a member more"] = func(c *craft) { c.add(took(c), "zzz", "0") }
	all["good a long chain, a suspension: taken with a text"] = func(c *craft) { c.put(took(c)+"/text", `"a"`) }
	all["good a long chain, a suspension: taken, a revocation after the ruling"] = func(c *craft) {
		for _, path := range []string{strings.TrimSuffix(took(c), "/data/execution") + "/time", took(c) + "/at"} {
			c.put(path, quoted(canonical.At(instantOf(string(c.raw("/ruling/at"))).Add(time.Microsecond)).String()))
		}
		c.put(took(c)+"/taken/action/kind", `"desk.key"`)
		c.put(took(c)+"/taken/action/change", `{"enrol":[],"revoke":[`+string(c.raw("/request/statement/key"))+`]}`)
	}
	all["a long chain, a suspension: taken, a revocation before the ruling"] = func(c *craft) {
		c.put(took(c)+"/taken/action/kind", `"desk.key"`)
		c.put(took(c)+"/taken/action/change", `{"enrol":[],"revoke":[`+string(c.raw("/request/statement/key"))+`]}`)
	}
	all["a long chain, a suspension: taken, an enrolment"] = func(c *craft) {
		enrolled := c.raw(change("desk.key", `"worker":"bob"`)(c) + "/enrol")
		c.put(took(c)+"/taken/action/kind", `"desk.key"`)
		c.put(took(c)+"/taken/action/change", `{"enrol":`+string(enrolled)+`,"revoke":[]}`)
	}
	all["a long chain, a suspension: taken, a reinstatement"] = func(c *craft) { c.put(took(c)+"/taken/action/change/op", `"reinstate"`) }

	// Passkeys
	for flags := range byte(32) {
		name := fmt.Sprintf("passkeys, critical: flags %05b", flags)
		if flags&(prooftest.UserPresent|prooftest.UserVerified|prooftest.Backupable|prooftest.BackedUp) == prooftest.UserPresent|prooftest.UserVerified {
			name = "good " + name
		}
		all[name] = func(c *craft) { c.asserted(func(a *prooftest.Assertion) { a.Flags = flags }) }
	}
	all["good passkeys, a suspension: a key that may be copied"] = func(c *craft) {
		path := change("desk.key", `"worker":"bob"`)(c) + "/enrol"
		for i := range lookUp(c.doc, path).nodes {
			c.put(fmt.Sprintf("%s/%d/key/hardware", path, i), "false")
		}
		c.asserted(func(a *prooftest.Assertion) { a.Flags |= prooftest.Backupable | prooftest.BackedUp })
	}
	for what, edit := range map[string]func(*prooftest.Assertion){
		"good a cross origin of null":    func(a *prooftest.Assertion) { a.CrossOrigin = canonical.Raw("null") },
		"good more than is read":         func(a *prooftest.Assertion) { a.Extra = "x" },
		"another relying party":          func(a *prooftest.Assertion) { a.RelyingParty = "example.com" },
		"another type":                   func(a *prooftest.Assertion) { a.Type = "webauthn.create" },
		"another origin":                 func(a *prooftest.Assertion) { a.Origin = "https://evil.test" },
		"another challenge":              func(a *prooftest.Assertion) { a.Challenge = a.Challenge[1:] },
		"another site's page":            func(a *prooftest.Assertion) { a.CrossOrigin = true },
		"a cross origin that is no flag": func(a *prooftest.Assertion) { a.CrossOrigin = 0 },
		"a top origin":                   func(a *prooftest.Assertion) { a.TopOrigin = "" },
		"a top origin of null":           func(a *prooftest.Assertion) { a.TopOrigin = canonical.Raw("null") },
	} {
		what, good := strings.CutPrefix(what, "good ")
		all[mark(good)+"passkeys, a suspension: "+what] = func(c *craft) { c.asserted(edit) }
	}
	for _, client := range []string{``, `null`, `[]`, `1`, `""`, `{}`, `{$C,$O}`, `{$C,$T}`, `{$O,$T}`, `{$C,$O,$T,$T}`, `{$C,$O,$T,"x":{"a":1,"a":2}}`, `{$C,$O,"type":null}`, `{$C,$O,"type":["webauthn.get"]}`,
		`{$C,"ORIGIN":"https://desk.example.com",$T}`, `{$C,"origin":null,$T}`, `{$C,$O,$T,"x":"\ud800"}`, `{$C,$O,$T,"\ud800":"x"}`, "{$C,$O,$T,\"x\":\"\xff\"}", "{$C,$O,$T,\"x\":\"\x01\"}", `{$C,$O,$T,"x":NaN}`, `{$C,$O,$T,"x":01}`,
		`{$C,$O,$T,}`, `{$C,$O,$T`, "\ufeff{$C,$O,$T}", "\u00a0{$C,$O,$T}", `{$C,$O,$T}{}`, `good {$C,$O,$T}`, "good \t{ $C , $O , $T }\r\n", `good {$C,$O,$T,"x":1e400}`, `good {$C,$O,$T,"x":[[],{"type":"x"}]}`,
		`good {$C,$O,"\u0074ype":"webauthn.get"}`, `good {$C,$O,$T,"crossOrigin":false}`, `good {$C,$O,$T,"x":"\ud83d\ude00"}`, `good {$C,$O,$T,"x":` + strings.Repeat("1", 5000) + "}",
		"good {$C,$O,$T,\"x\":" + nested("[", 199) + "}", "{$C,$O,$T,\"y\":" + nested("[", 200) + "}", "{$C,$O,$T,\"z\":" + nested("[", 3000) + "}", "{$C,$O,$T,\"zz\":" + nested(`{"a":`, 3000) + "}",
		"good {$C,$O,$T,\"t\":\"\\\"" + strings.Repeat("[", 300) + `"}`} {
		client, good := strings.CutPrefix(client, "good ")
		all[mark(good)+fmt.Sprintf("passkeys, a suspension: client data %.90q", client)] = func(c *craft) {
			c.assert = func(p *prooftest.Passkey, challenge [32]byte) actions.Signature {
				said := strings.NewReplacer("$C", `"challenge":"`+base64.RawURLEncoding.EncodeToString(challenge[:])+`"`, "$O", `"origin":"https://desk.example.com"`, "$T", `"type":"webauthn.get"`)
				data := sha256.Sum256([]byte(p.Usual.RelyingParty))
				return p.Raw(append(data[:], p.Usual.Flags, 0, 0, 0, 7), []byte(said.Replace(client)))
			}
		}
	}
	for _, n := range []int{0, 32, 36} {
		all[fmt.Sprintf("passkeys, a suspension: %d bytes of authenticator data", n)] = func(c *craft) {
			c.assert = func(p *prooftest.Passkey, challenge [32]byte) actions.Signature {
				s := p.Sign(challenge)
				return p.Raw(s.AuthenticatorData[:n], s.ClientData)
			}
		}
	}
	for _, of := range []string{"file keys, a post", "passkeys, a suspension", "passkeys, an emergency"} { // of each algorithm
		all[of+": a signature that is wrong"] = func(c *craft) { c.spoiled(func(s *actions.Signature) { s.Signature[len(s.Signature)-1] ^= 1 }) }
		all[of+": a signature that is cut"] = func(c *craft) {
			c.spoiled(func(s *actions.Signature) { s.Signature = s.Signature[:len(s.Signature)-1] })
		}
		all[of+": a signature that is longer"] = func(c *craft) { c.spoiled(func(s *actions.Signature) { s.Signature = append(s.Signature, 0) }) }
		all[of+": no signature"] = func(c *craft) { c.spoiled(func(s *actions.Signature) { s.Signature = nil }) }
	}
	for _, of := range []string{"file keys, a post", "passkeys, an emergency"} {
		all[of+": the other S of Ed25519"] = func(c *craft) { c.spoiled(func(s *actions.Signature) { addOrder(s.Signature) }) }
	}
	all["good passkeys, a suspension: the other S of ECDSA"] = func(c *craft) {
		c.spoiled(func(s *actions.Signature) {
			var v struct{ R, S *big.Int }
			_, err := asn1.Unmarshal(s.Signature, &v)
			must(c.t, err)
			s.Signature, err = asn1.Marshal(struct{ R, S *big.Int }{v.R, v.S.Sub(elliptic.P256().Params().N, v.S)})
			must(c.t, err)
		})
	}
	all["passkeys, a suspension: a long length in DER"] = func(c *craft) {
		c.spoiled(func(s *actions.Signature) {
			s.Signature = append([]byte{0x30, 0x81, s.Signature[1]}, s.Signature[2:]...)
		})
	}
	all["passkeys, a suspension: a zero before R in DER"] = func(c *craft) {
		c.spoiled(func(s *actions.Signature) {
			s.Signature = append([]byte{0x30, s.Signature[1] + 1, 2, s.Signature[3] + 1, 0}, s.Signature[4:]...)
		})
	}
	all["file keys, a post: client data that nothing signs"] = func(c *craft) { c.spoiled(func(s *actions.Signature) { s.ClientData = []byte("{}") }) }
	all["file keys, a post: authenticator data that nothing signs"] = func(c *craft) {
		c.spoiled(func(s *actions.Signature) { s.AuthenticatorData = []byte("x") })
	}
	// A founding officer's key may have any form, since nobody looks into what is trusted.
	founder := func(key prooftest.Signer, edit func(*workforce.PublicKey)) func(*craft) {
		return func(c *craft) {
			k := key.PublicKey()
			edit(&k)
			c.put(founding+"/officers/0", `{"key":`+string(canonical.MustMarshal(k))+`,"worker":"abe"}`)
			c.put("/request/statement/key", quoted(string(k.ID())))
			if !first {
				c.put("/decision/signed/statement/key", quoted(string(k.ID())))
			}
			c.drop(strings.TrimSuffix(c.entry("desk.key", ""), "/entry"))
			c.keys = maps.Clone(c.keys)
			c.keys[string(k.ID())] = key
		}
	}
	es, ed := prooftest.NewPasskey(workforce.PasskeyES256, make([]byte, 32)), prooftest.NewPasskey(workforce.PasskeyEd25519, make([]byte, 32))
	same := func(*workforce.PublicKey) {}
	all["good file keys, a post: an officer's key of P-256"] = founder(es, same)
	all["file keys, a post: an officer's key from no instant on"] = func(c *craft) {
		founder(es, same)(c)
		c.put(founding+"/time", `""`)
	}
	all["good file keys, a post: an officer's key of Ed25519"] = founder(ed, same)
	all["file keys, a post: an officer's key that is compressed"] = founder(es, func(k *workforce.PublicKey) {
		k.Public = append([]byte{2 + k.Public[64]&1}, k.Public[1:33]...)
	})
	all["file keys, a post: an officer's key that is hybrid"] = founder(es, func(k *workforce.PublicKey) { k.Public = append([]byte{6 + k.Public[64]&1}, k.Public[1:]...) })
	all["file keys, a post: an officer's key off the curve"] = founder(es, func(k *workforce.PublicKey) { k.Public[64] ^= 1 })
	all["file keys, a post: an officer's key of no algorithm"] = founder(ed, func(k *workforce.PublicKey) { k.Algorithm = "none" })
	all["file keys, a post: an officer's key of another algorithm"] = founder(ed, func(k *workforce.PublicKey) { k.Algorithm = workforce.PasskeyES256 })
	all["file keys, a post: an officer's key that is short"] = founder(ed, func(k *workforce.PublicKey) { k.Public = k.Public[:31] })
	for name, public := range map[string]string{"1": "01" + zeros[2:], "1 and a sign": "01" + zeros[4:] + "80", "1 in another spelling": "ee" + strings.Repeat("ff", 30) + "7f", "-1": "ec" + strings.Repeat("ff", 30) + "7f", "0": zeros,
		"order eight": "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", "the other of order eight": "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"} {
		all["file keys, a post: an officer's key with which everybody signs, "+name] = founder(weak(public), same)
	}

	// Action and statements
	both := func(c *craft, raw, below string) {
		c.put("/action/subject"+below, raw)
		c.put("/action/command/subject"+below, raw)
	}
	for below, raw := range map[string]string{"/platform": `"desk"`, "/platform ": `""`, "/id": `""`} {
		all["file keys, standard: the subject's "+below+" is "+raw] = func(c *craft) { both(c, raw, strings.TrimSpace(below)) }
	}
	all["good file keys, standard: another subject"] = func(c *craft) { both(c, `"acct/99"`, "/id") }
	for what, raw := range map[string]string{"a bell": `"a\u0007"`, "an escape": `"a\u001b"`, "delete": "\"a\u007f\"", "a C1 control": "\"a\u0085\"", "another direction": "\"a\u202e\"", "an isolate": "\"a\u2067\"", "a mark": "\"a\u061c\"", "too many bytes": quoted(strings.Repeat("é", 1001))} {
		all["file keys, standard: a reason with "+what] = func(c *craft) { c.put("/action/reason", raw) }
	}
	put("file keys, standard", "/action/case", `"a\u0007"`)
	all[mark(first)+"file keys, a deletion: with a mark"] = func(c *craft) { c.put("/action/command/mark", quoted("CSGN-"+c.said("/request/statement/request"))) }
	for _, kind := range []string{"a deactivation", "a post"} {
		put("file keys, "+kind, "/action/command/mark", `""`)
		put("file keys, "+kind, "/action/command/expect/status", `"down"`)
		put("file keys, "+kind, "/action/command/expect/mark", `"OTHER"`)
	}
	for _, kind := range []string{"a restoration", "a post restored"} {
		put("file keys, "+kind, "/action/command/expect/status", `"up"`)
		put("file keys, "+kind, "/action/command/expect/status", `"deactivated"`)
		put("good file keys, "+kind, "/action/command/expect/mark", `"OTHER"`)
	}
	put("file keys, a reactivation", "/action/command/expect/status", `"down"`)
	put("good file keys, a reactivation", "/action/command/expect/mark", `"OTHER"`)
	put("good file keys, a deletion", "/action/command/expect/status", `"down"`)
	put("file keys, a deletion", "/action/effect", `"reversible"`)
	put("file keys, a deletion", "/action/inverse/kind", `"account.restore"`)
	all["good file keys, standard: a reason of many bytes"] = func(c *craft) { c.put("/action/reason", quoted(strings.Repeat("é", 1000))) }
	all["good file keys, standard: a reason of two lines"] = func(c *craft) { c.put("/action/reason", `"One.\nTwo."`) }
	put("file keys, standard", "/action/command/mark", `""`)
	put("file keys, standard", "/action/command/expect/mark", `"CSGN-req_1"`)
	put("file keys, standard", "/action/command/expect/status", `"down"`)
	put("good file keys, standard", "/action/command/expect/status", `"deactivated"`)
	put("good file keys, standard", "/action/category", `""`)
	put("file keys, standard", "/action/category", `"other"`)
	all["file keys, standard: an action of the other version"] = func(c *craft) { c.put("/action/v", c.other("countersign/action")) }
	all["file keys, standard: an action of a version to come"] = func(c *craft) { c.put("/action/v", `"countersign/action/v3"`) }
	put("file keys, standard", "/action/change", `{"a":1}`)
	put("file keys, standard", "/action/change", `null`)
	put("file keys, standard", "/action/nonce", `"AAAA"`)
	put("file keys, standard", "/action/until", `"2027-01-01T00:00:00.000000Z"`)
	put("file keys, a suspension", "/action/until", `""`)
	put("file keys, standard", "/action/effect", `"one-way"`)
	put("file keys, standard", "/action/effect", `"lossy"`)
	put("file keys, standard", "/action/lossy", `"Something is lost."`)
	put("file keys, standard", "/action/inverse/direction", `"burdening"`)
	put("file keys, standard", "/action/command/verb", `"restore"`)
	put("file keys, standard", "/action/direction", `"relieving"`)
	put("file keys, standard", "/action/tier", `"low"`)
	put("file keys, standard", "/action/kind", `"account.warn"`)
	put("file keys, standard", "/action/command/subject/id", `"acct/99"`)
	// The policy and all signatures are as they should be, but nobody asks here whether the
	// signer may make the change.
	all["file keys, standard: a change of the desk"] = func(c *craft) {
		w, err := proof.ParseWarrant(c.doc.text())
		must(c.t, err)
		a, end := w.Action, actions.Engagement{Op: "end", Worker: "bob"}
		a.Kind, a.Change, a.Command, a.Case, a.Tier, a.Inverse = actions.DeskEngagement, canonical.MustMarshal(end), platform.Command{}, "", actions.Critical, actions.Inverse{}
		a.Subject, a.Direction = platform.Subject{Platform: actions.DeskPlatform, ID: end.Part()}, end.Direction()
		c.put("/action", string(canonical.MustMarshal(a)))
		c.put("/request/statement/executor", quoted(proof.DeskExecutor))
		c.put("/ruling/facts/tier", `"critical"`)
		c.put("/ruling/facts/case", "false")
		if !first {
			c.put("/decision", "null")
			c.put("/request/statement/decision", `""`)
		}
	}
	put("file keys, standard", "/request/statement/action", quoted(canonical.Sum(nil).String()))
	put("file keys, standard", "/ledger/entry/data/governance_number", `"1"`)
	all["file keys, standard: a takedown that reactivates"] = func(c *craft) {
		c.put("/action/command/verb", `"reactivate"`)
		c.put("/action/command/expect/status", `"deactivated"`)
	}
	put("file keys, a post", "/action/command/expect/status", `"deactivated"`)
	for of, good := range map[string]bool{"standard": true, "a suspension": true, "a post": false, "an emergency": false} {
		all[mark(good)+"file keys, "+of+": in the place of our own measure"] = func(c *craft) { c.put("/action/command/expect", `{"mark":"CSGN-req_1","status":"down"}`) }
		all["file keys, "+of+": in the place of a foreign measure"] = func(c *craft) { c.put("/action/command/expect", `{"mark":"OTHER-1","status":"down"}`) }
		all["file keys, "+of+": in the place of a mark that names nothing"] = func(c *craft) { c.put("/action/command/expect", `{"mark":"CSGN-","status":"down"}`) }
	}
	all["file keys, standard: a measure that reverses"] = func(c *craft) {
		c.put("/action/command/expect", `{"mark":"CSGN-req_1","status":"down"}`)
		c.put("/action/reverses", `"req_1"`)
		c.put("/request/statement/verdict", `"reverse"`)
	}
	all["file keys, an undo: that leaves a mark"] = func(c *craft) { c.put("/action/command/mark", quoted("CSGN-"+c.said("/request/statement/request"))) }
	put("file keys, an undo", "/action/command/expect/mark", `"CSGN-req_1"`)
	put("file keys, an undo", "/action/command/expect/status", `"up"`)
	put("file keys, an undo", "/request/statement/verdict", `"request"`)
	put("file keys, standard", "/request/statement/verdict", `"reverse"`)
	requested := func(id string) func(*craft) {
		return func(c *craft) {
			c.put("/request/statement/request", quoted(id))
			c.put("/action/command/mark", quoted("CSGN-"+id))
		}
	}
	all["good file keys, standard: another request"] = requested("req_06had47f60krsqyd42fz0ph7cc")
	for _, id := range []string{"req_1", "", "req_06had47f60krsqyd42fz0ph7cd", "req_06had47f60krsqyd42fz0ph7ci", "REQ_06had47f60krsqyd42fz0ph7cc", "req_06had47f60krsqyd42fz0ph7c", "req_06had47f60krsqyd42fz0ph7ccc", "req_06had47f60krsqyd42fz0ph7c\n"} {
		all[fmt.Sprintf("file keys, standard: the request %q", id)] = requested(id)
	}
	put("file keys, critical", "/countersignatures/0/statement/request", `"req_06had47f60krsqyd42fz0ph7cc"`)
	put("file keys, a critical restoration", "/countersignatures/0/statement/request", `"req_06had47f60krsqyd42fz0ph7cc"`)
	put("file keys, critical", "/countersignatures/0/statement/verdict", `"request"`)
	all["file keys, critical: a statement of the other version"] = func(c *craft) { c.put("/countersignatures/0/statement/v", c.other("countersign/statement")) }
	all["file keys, critical: a statement of a version to come"] = func(c *craft) { c.put("/countersignatures/0/statement/v", `"countersign/statement/v3"`) }
	put(mark(!first)+"file keys, critical", "/countersignatures/0/statement/log", `"desk.example.com/ledger"`)
	all["file keys, critical: a statement for another ledger"] = func(c *craft) { c.put("/countersignatures/0/statement/log", `"other.example.com/ledger"`) }
	all[mark(first)+"file keys, critical: a ledger by the name of version 1"] = func(c *craft) {
		c.put("/countersignatures/0/statement/log", quoted(c.world.Origin+"#"+c.world.Root.String()))
	}
	put("file keys, critical", "/countersignatures/0/statement/executor", `"executor-2"`)
	put("file keys, critical", "/countersignatures/0/statement/policy", `""`)
	put("file keys, critical", "/countersignatures/0/statement/nonce", `"AAAA"`)
	put("file keys, standard", "/action/command/mark", `"CSGN-req_06had47f60krsqyd42fz0ph7cc"`)
	all["file keys, critical: countersigned in another order"] = func(c *craft) {
		first, last := c.raw("/countersignatures/0/statement"), c.raw("/countersignatures/1/statement")
		c.put("/countersignatures/0/statement", string(last))
		c.put("/countersignatures/1/statement", string(first))
		c.changed = nil
	}
	all["file keys, critical: countersigned by one twice"] = func(c *craft) {
		c.put("/countersignatures/1/statement", string(c.raw("/countersignatures/0/statement")))
		c.changed = nil
	}

	// Windows, keys and people
	moved := func(name, path string, by time.Duration) { all[name] = func(c *craft) { c.move(path, by) } }
	until := func(name, of string, after time.Duration) {
		all[name] = func(c *craft) {
			c.put("/action/until", quoted(canonical.At(instantOf(string(c.raw("/request/statement/not_before"))).Add(after)).String()))
		}
	}
	until("good file keys, an emergency: 30 minutes", "", 30*time.Minute)
	until("file keys, an emergency: more than 30 minutes", "", 30*time.Minute+time.Microsecond)
	until("file keys, an emergency: ends when it begins", "", 0)
	until("good file keys, a suspension: 366 days", "", 366*day)
	until("file keys, a suspension: more than 366 days", "", 366*day+time.Microsecond)
	until("good file keys, a suspension: a moment", "", time.Microsecond)
	until("file keys, a suspension: ends when it begins", "", 0)
	for of, life := range map[string]time.Duration{"standard": 24 * time.Hour, "critical": 4 * time.Hour, "a wait": 25 * time.Hour} {
		for good, by := range map[bool]time.Duration{true: life, false: life + time.Microsecond} {
			all[mark(good)+"file keys, "+of+": a statement for "+by.String()] = func(c *craft) {
				c.put("/request/statement/expires", quoted(canonical.At(instantOf(string(c.raw("/request/statement/not_before"))).Add(by)).String()))
			}
		}
	}
	all["good file keys, critical: a statement until after the ruling"] = func(c *craft) {
		c.put("/countersignatures/0/statement/expires", quoted(canonical.At(instantOf(string(c.raw("/ruling/at"))).Add(time.Microsecond)).String()))
	}
	all["file keys, critical: a statement until the ruling"] = func(c *craft) { c.put("/countersignatures/0/statement/expires", string(c.raw("/ruling/at"))) }
	all["good file keys, critical: a statement from the ruling on"] = func(c *craft) { c.put("/countersignatures/0/statement/not_before", string(c.raw("/ruling/at"))) }
	all["file keys, critical: a statement from after the ruling on"] = func(c *craft) {
		c.put("/countersignatures/0/statement/not_before", quoted(canonical.At(instantOf(string(c.raw("/ruling/at"))).Add(time.Microsecond)).String()))
	}
	moved("good file keys, critical: an entry a minute later", "/ledger/entry/time", time.Minute)
	moved("file keys, critical: an entry more than a minute later", "/ledger/entry/time", time.Minute+time.Microsecond)
	moved("good file keys, critical: an entry a minute earlier", "/ledger/entry/time", -time.Minute)
	moved("file keys, critical: an entry more than a minute earlier", "/ledger/entry/time", -time.Minute-time.Microsecond)
	put("file keys, critical", "/ledger/entry/kind", `"request"`)
	put("file keys, critical", "/ledger/entry/class", `"execution"`)
	put("file keys, critical", "/ledger/entry/sealed", `{"a":"`+canonical.Sum(nil).String()+`"}`)
	put("good file keys, critical", "/ledger/entry/data/governance_number", `-1`)
	for path, raw := range map[string]string{"countersigners": `["kim"]`, "direction": `"relieving"`, "executor": `"executor-2"`, "kind": `"account.suspend"`, "policy": quoted(canonical.Sum(nil).String()), "request": `"req_06had47f60krsqyd42fz0ph7cc"`,
		"requester": `"abe"`, "tier": `"standard"`, "warrant": quoted(canonical.Sum(nil).String())} {
		put("file keys, critical", "/ledger/entry/data/"+path, raw)
	}
	at := func(c *craft, by time.Duration) string {
		return quoted(canonical.At(instantOf(string(c.raw("/ruling/at"))).Add(by)).String())
	}
	record := func(name, of, member string, by time.Duration, facts ...string) {
		all[name] = func(c *craft) {
			c.put(c.row(of)+"/data/row/record/"+member, at(c, by))
			for _, f := range facts {
				c.put("/ruling/facts/"+f, "true")
			}
		}
	}
	record("good file keys, critical: engaged from now on", "kim", "start", 0)
	record("file keys, critical: not engaged yet", "kim", "start", time.Microsecond)
	record("good file keys, critical: engaged until after now", "lee", "last", time.Microsecond)
	record("file keys, critical: engaged until now", "lee", "last", 0)
	all["file keys, a post: a requester who is not engaged yet, as the ruling says"] = func(c *craft) {
		c.put(c.row("abe")+"/data/row/record/start", at(c, time.Microsecond))
		c.put("/ruling/facts/engaged", "false")
		c.put("/ruling/facts/newcomer", "true")
	}
	all["file keys, a post: a requester whose vendor is not admitted, as the ruling says"] = func(c *craft) {
		c.put(c.row("abe")+"/data/row/record/vendor", `"ghost"`)
		c.drop(strings.TrimSuffix(c.entry("desk.change", `"of":"vendors"`), "/entry"))
		c.put("/ruling/facts/engaged", "false")
		c.put("/ruling/facts/vendor", `"ghost"`)
	}
	all["good file keys, critical: somebody who is their own manager"] = func(c *craft) { c.put(c.row("ann")+"/data/row/record/manager", `"ann"`) }
	all["file keys, critical: two who are each other's manager"] = func(c *craft) {
		c.put(c.row("kim")+"/data/row/record/manager", `"lee"`)
		c.put(c.row("lee")+"/data/row/record/manager", `"kim"`)
	}
	all["file keys, critical: an engagement without a start"] = func(c *craft) { c.put(c.row("kim")+"/data/row/record/start", `""`) }
	all["file keys, critical: a requester who is not engaged, as the ruling says"] = func(c *craft) {
		c.put(c.row("ann")+"/data/row/record/last", at(c, 0))
		c.put("/ruling/facts/engaged", "false")
		c.put("/ruling/facts/ratchet", "true")
	}
	record("good file keys, an undo: by somebody who has left since", "ann", "last", time.Microsecond, "ratchet")
	// Version 1 reads the standing at the statement's begin, version 2 at the request's entry
	// in the ledger, whenever the statement begins.
	stands := func(name string, began, entered, last time.Duration, facts ...string) {
		all[name] = func(c *craft) {
			c.put("/request/statement/not_before", at(c, -began))
			c.put("/request/statement/expires", at(c, time.Hour))
			c.put(c.row("ann")+"/data/row/record/last", at(c, -last))
			if c.formats > actions.FirstFormats {
				c.put("/requested/entry/time", at(c, -entered))
			}
			for _, f := range append(facts, "ratchet") {
				c.put("/ruling/facts/"+f, map[bool]string{true: "false", false: "true"}[f == "engaged"])
			}
		}
	}
	const moment = time.Microsecond
	stands(mark(first)+"file keys, an undo: by somebody who was engaged when signing", time.Hour, 0, time.Hour-moment, map[bool][]string{false: {"engaged"}}[first]...)
	stands(mark(!first)+"file keys, an undo: by somebody who was engaged when asking", map[bool]time.Duration{false: 2 * time.Hour}[first], time.Hour, time.Hour-moment, map[bool][]string{true: {"engaged"}}[first]...)
	stands("file keys, an undo: by somebody who was not engaged when asking", time.Hour, time.Hour, time.Hour, "engaged")
	if !first {
		stands("good file keys, an undo: entered after the ruling", 0, -time.Minute, -moment)
		stands("file keys, an undo: entered after the ruling, by somebody who had left", 0, -time.Minute, 0, "engaged")
	}
	record("file keys, an emergency: by somebody in notice", "ole", "notice", 0, "in_notice")
	record("file keys, an emergency: by somebody in the last days", "ole", "last", 14*day, "ratchet")
	record("good file keys, an emergency: a moment before the last days", "ole", "last", 14*day+time.Microsecond)
	record("good file keys, an emergency: a moment before the notice", "ole", "notice", time.Microsecond)
	record("good file keys, a post: by somebody in notice", "abe", "notice", 0, "in_notice")
	record("file keys, a post: by somebody in notice, which the ruling does not say", "abe", "notice", 0)
	record("file keys, a post: by somebody in the last days, which the ruling does not say", "abe", "last", 14*day)
	record("good file keys, a post: by a newcomer", "abe", "start", -30*day+time.Microsecond, "newcomer")
	record("file keys, a post: by a newcomer, which the ruling does not say", "abe", "start", -30*day+time.Microsecond)
	record("good file keys, a post: by a newcomer until now", "abe", "start", -30*day)
	for member, raw := range map[string]string{"case": "false", "employee": "true", "engaged": "false", "roles": `["lead"]`, "tier": `"low"`, "vendor": `"bolt"`, "word": `["case","lifts"]`} {
		put("file keys, a post", "/ruling/facts/"+member, raw)
	}
	put("file keys, critical", "/ruling/facts/tier", `"protected"`)
	put("file keys, a post", "/ruling/policy", quoted(canonical.Sum(nil).String()))
	admitted := func(name, of string, ago time.Duration) {
		all[name] = func(c *craft) {
			c.put(c.row(of)+"/data/founding", "false")
			c.put(c.row(of)+"/data/since", at(c, -ago))
		}
	}
	admitted("good file keys, critical: a countersigner who counts from now on", "kim", 30*day)
	admitted("file keys, critical: a countersigner who does not count yet", "kim", 30*day-time.Microsecond)
	tie := func(name, of, member, raw string) {
		all[name] = func(c *craft) { c.put(c.row(of)+"/data/row/record/"+member, raw) }
	}
	tie("file keys, critical: a manager in common with the requester", "kim", "manager", `"gus"`)
	tie("file keys, critical: a manager in common with each other", "kim", "manager", `"jan"`)
	tie("file keys, critical: a countersigner who reports to the requester", "kim", "manager", `"ann"`)
	tie("file keys, critical: a countersigner who reports to the other", "kim", "manager", `"lee"`)
	tie("file keys, critical: the requester reports to a countersigner", "ann", "manager", `"kim"`)
	tie("good file keys, critical: nobody reports to anybody", "kim", "manager", `""`)
	past := func(name string, ago time.Duration, tie string) {
		all[name] = func(c *craft) {
			c.put(c.row("kim")+"/data/past", `[{"manager":`+strings.ReplaceAll(tie, "@", at(c, -ago))+`}]`)
		}
	}
	past("file keys, critical: a manager in common of late", 30*day-time.Microsecond, `"gus","until":@,"vendor":""`)
	past("good file keys, critical: a manager in common long ago", 30*day, `"gus","until":@,"vendor":""`)
	past("file keys, critical: a vendor in common of late", 30*day-time.Microsecond, `"nia","until":@,"vendor":"bolt"`)
	past("file keys, critical: no employee of late", 30*day-time.Microsecond, `"nia","until":@,"vendor":"other"`)
	past("good file keys, critical: an employee for long enough", 30*day, `"nia","until":@,"vendor":"other"`)
	all["file keys, critical: a tie that ended with the entry"] = func(c *craft) {
		c.put(c.row("kim")+"/time", at(c, -day))
		c.put(c.row("kim")+"/data/past", `[{"manager":"gus","until":"","vendor":""}]`)
	}
	all["good file keys, critical: a tie that ended with an old entry"] = func(c *craft) {
		c.put(c.row("kim")+"/time", at(c, -30*day))
		c.put(c.row("kim")+"/data/past", `[{"manager":"gus","until":"","vendor":""}]`)
	}
	all["file keys, critical: somebody else's key"] = func(c *craft) {
		c.put("/countersignatures/0/statement/key", string(c.raw("/countersignatures/1/statement/key")))
	}
	all["file keys, critical: a key of nobody"] = func(c *craft) { c.put("/countersignatures/0/statement/key", `"key_00000000000000000000000000000000"`) }
	enrolled := func(name string, by time.Duration) {
		all[name] = func(c *craft) { c.put(c.entry("desk.key", "")+"/time", at(c, by)) }
	}
	enrolled("good file keys, critical: keys that are enrolled from now on", 0)
	enrolled("file keys, critical: keys that are not enrolled yet", time.Microsecond)
	all["file keys, critical: a key that is not in hardware"] = func(c *craft) {
		path := c.entry("desk.key", "") + "/data/action/change/enrol"
		for i := range lookUp(c.doc, path).nodes {
			if c.said(fmt.Sprintf("%s/%d/worker", path, i)) == "kim" {
				c.put(fmt.Sprintf("%s/%d/key/hardware", path, i), "false")
			}
		}
	}
	all["file keys, critical: a requester's key that is not in hardware"] = func(c *craft) {
		path := c.entry("desk.key", "") + "/data/action/change/enrol"
		for i := range lookUp(c.doc, path).nodes {
			if c.said(fmt.Sprintf("%s/%d/worker", path, i)) == "ann" {
				c.put(fmt.Sprintf("%s/%d/key/hardware", path, i), "false")
			}
		}
	}
	revoked := func(name string, by time.Duration) {
		all[name] = func(c *craft) {
			path := strings.TrimSuffix(c.entry("desk.key", ""), "/entry")
			key := string(c.raw("/request/statement/key"))
			again := lookUp(c.doc, path).clone()
			lookUp(c.doc, "/people").nodes = append(lookUp(c.doc, "/people").nodes, again)
			path = fmt.Sprintf("/people/%d", len(lookUp(c.doc, "/people").nodes)-1)
			c.put(path+"/entry/number", "999")
			c.put(path+"/entry/time", at(c, by))
			c.put(path+"/entry/data/action/change", `{"enrol":[],"revoke":[`+key+`]}`)
		}
	}
	revoked("good file keys, a post: a key that is revoked later", time.Microsecond)
	revoked("file keys, a post: a key that is revoked", 0)

	// Slots and waits
	for _, n := range []string{"independent", "wait"} {
		put("file keys, standard", "/ruling/need/"+n, "-1")
	}
	put("file keys, standard", "/ruling/need/qualified", `{"lead":-1}`)
	put("file keys, critical", "/ruling/need/independent", "3")
	all["file keys, critical: two where one is enough"] = func(c *craft) { c.put("/ruling/need/independent", "1"); c.put("/ruling/need/qualified", "{}") }
	all["file keys, critical: two where nobody is asked for"] = func(c *craft) { c.put("/ruling/need/independent", "0"); c.put("/ruling/need/qualified", "{}") }
	put("file keys, critical", "/ruling/need/qualified", `{"officer":1}`)
	put("file keys, critical", "/ruling/need/qualified", `{"employee":2}`)
	all["a wait: an entry of another kind"] = func(c *craft) { c.put("/waited/1/entry/kind", `"decline"`) }
	all["a wait: an entry of another class"] = func(c *craft) { c.put("/waited/1/entry/class", `"execution"`) }
	all["a wait: an entry of a request with a member more"] = func(c *craft) { c.add("/waited/0/entry/data", "zzz", "0") }
	all["a wait: an entry of a countersignature with a member more"] = func(c *craft) { c.add("/waited/1/entry/data", "zzz", "0") }
	all["a wait: an entry with an empty law"] = func(c *craft) { c.add("/waited/1/entry/data", "law", `""`) }
	put("a wait", "/waited/1/entry/data/alarm", "true")
	all["a wait: an entry with a law"] = func(c *craft) { c.add("/waited/1/entry/data", "law", `"recovery"`) }
	all["good a wait: an hour before"] = func(c *craft) { c.put("/waited/1/entry/time", at(c, -time.Hour)) }
	all["a wait: less than an hour before"] = func(c *craft) { c.put("/waited/1/entry/time", at(c, -time.Hour+time.Microsecond)) }
	all["a wait: of the request less than an hour before"] = func(c *craft) { c.put("/waited/0/entry/time", at(c, -time.Hour+time.Microsecond)) }
	all["a wait: an entry of another signature"] = func(c *craft) {
		c.put("/waited/1/entry/data/signed/statement/nonce", quoted(base64.StdEncoding.EncodeToString(make([]byte, 32))))
	}
	return all
}

// spoiled changes each signature after it was made.
func (c *craft) spoiled(edit func(*actions.Signature)) {
	c.spoil = func(raw canonical.Raw) canonical.Raw {
		var s actions.Signature
		must(c.t, canonical.UnmarshalExact(raw, &s))
		edit(&s)
		return canonical.MustMarshal(s)
	}
}

// weak is a key of small order, in hexadecimal digits: one signature fits many messages.
type weak string

func (w weak) PublicKey() workforce.PublicKey {
	public, err := hex.DecodeString(string(w))
	if err != nil {
		panic(err)
	}
	return workforce.PublicKey{Algorithm: workforce.FileEd25519, Public: public}
}

func (weak) Sign([32]byte) actions.Signature {
	s := make([]byte, ed25519.SignatureSize)
	s[0] = 1
	return actions.Signature{Signature: s}
}
