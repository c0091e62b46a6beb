package ledger_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/ledger/ledgertest"
)

var update = flag.Bool("update", false, "rewrite the golden files; for a new version of a format only")

// golden compares got with a file that must never change.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("the format of %s has changed\n got: %q\nwant: %q", name, got, want)
	}
}

// small is a log of three entries with a personal field.
func small(t *testing.T) *ledgertest.Memory {
	t.Helper()
	m := ledgertest.New(t, 1)
	name, err := ledger.Field("worker.name", "Ada Lovelace")
	if err != nil {
		t.Fatal(err)
	}
	m.Append(t, ledgertest.Epoch,
		ledger.Draft{Class: ledger.Governance, Kind: "desk.founding", Expect: 0, Data: map[string]any{"z": 1, "a": "é"}},
		ledger.Draft{Class: ledger.Desk, Kind: "action.requested", Expect: 1, Sealed: []ledger.Opening{name}},
		ledger.Draft{Class: ledger.Governance, Kind: "desk.admit", Expect: ledger.AnyNumber})
	return m
}

func TestGoldenFormats(t *testing.T) {
	m := small(t)
	for i, e := range m.Entries {
		golden(t, fmt.Sprintf("leaf-%d", i), e.Leaf.Bytes())
		golden(t, fmt.Sprintf("body-%d.json", i), e.BodyBytes)
	}
	opening, err := canonical.Marshal(m.Entries[1].Openings[0])
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "opening.json", opening)
	golden(t, "checkpoint", m.Head.Checkpoint)
	golden(t, "key", m.Key.File())
	golden(t, "vkey", []byte(m.Key.VerifierKey()+"\n"))
	edge, err := m.Head.Edge.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "edge.hex", []byte(hex.EncodeToString(edge)+"\n"))
	page, err := ledgertest.Fetch(m)("tile/entries/000.p/3")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "bundle", page)
	p, err := ledger.Tiles{Source: m}.Inclusion(t.Context(), 3, 1)
	if err != nil {
		t.Fatal(err)
	}
	inclusion, err := canonical.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "inclusion.json", inclusion)
	proof, err := ledger.FormatProof(p, m.Head.Checkpoint)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "entry.tlog-proof", proof)
}

// TestFormatsRecomputed makes every hash again from the golden files with
// nothing but SHA-256 and the words of the package comment.
func TestFormatsRecomputed(t *testing.T) {
	m := small(t)
	read := func(name string) string {
		b, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	sum := func(parts ...string) string {
		h := sha256.Sum256([]byte(strings.Join(parts, "")))
		return string(h[:])
	}
	b64 := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	var hashes []string
	for i, class := range []string{"governance\n0", "desk\n0", "governance\n1"} {
		salt := string(m.Entries[i].Salt)
		commitment := sum("countersign/entry/v1\n", salt, read(fmt.Sprintf("body-%d.json", i)))
		leaf := "countersign/leaf/v1\n" + class + "\n" + b64(commitment) + "\n"
		if len(salt) != 32 || leaf != read(fmt.Sprintf("leaf-%d", i)) {
			t.Errorf("leaf %d: recomputed %q", i, leaf)
		}
		hashes = append(hashes, sum("\x00", leaf))
	}
	root := sum("\x01", sum("\x01", hashes[0], hashes[1]), hashes[2])
	if got, want := read("checkpoint"), ledgertest.Origin+"\n3\n"+b64(root)+"\n\n— "+ledgertest.Origin+" "; !strings.HasPrefix(got, want) {
		t.Errorf("checkpoint: recomputed %q, is %q", want, got)
	}
	if want := hex.EncodeToString([]byte("\x00\x00\x00\x00\x00\x00\x00\x03" + sum("\x01", hashes[0], hashes[1]) + hashes[2])); read("edge.hex") != want+"\n" {
		t.Errorf("edge: recomputed %s", want)
	}
	if want := fmt.Sprintf(`{"hashes":[%q,%q],"index":1}`, b64(hashes[0]), b64(hashes[2])); read("inclusion.json") != want {
		t.Errorf("inclusion: recomputed %s", want)
	}
	wantProof := "c2sp.org/tlog-proof@v1\nindex 1\n" + b64(hashes[0]) + "\n" + b64(hashes[2]) + "\n\n" + read("checkpoint")
	if read("entry.tlog-proof") != wantProof {
		t.Errorf("proof: recomputed %q", wantProof)
	}
	var bundle string
	for i := range 3 {
		leaf := read(fmt.Sprintf("leaf-%d", i))
		bundle += "\x00" + string(rune(len(leaf))) + leaf
	}
	if read("bundle") != bundle {
		t.Errorf("bundle: recomputed %q", bundle)
	}
	field := sum("countersign/field/v1\n", string(m.Entries[1].Openings[0].Salt), `["worker.name","Ada Lovelace"]`)
	if want := `"sealed":{"worker.name":"sha256:` + hex.EncodeToString([]byte(field)) + `"}`; !strings.Contains(read("body-1.json"), want) {
		t.Errorf("sealed field: recomputed %s", want)
	}
	if want := `"prev":"sha256:` + hex.EncodeToString([]byte(sum(read("leaf-0")))) + `"`; !strings.Contains(read("body-2.json"), want) {
		t.Errorf("prev: recomputed %s", want)
	}
	const first = `{"class":"governance","data":{"a":"é","z":1},"kind":"desk.founding","number":0,"prev":"","sealed":{},"time":"2026-11-23T05:39:46.000000Z","v":"countersign/entry/v1"}`
	if read("body-0.json") != first {
		t.Errorf("body: written out by hand it is %s", first)
	}
}

// TestKeysAgreeWithNote holds keys and signatures against the library that the
// Go checksum database uses, and its test's published key.
func TestKeysAgreeWithNote(t *testing.T) {
	const private = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
	const public = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
	k, err := ledger.ParseKey([]byte(private + "\n"))
	if err != nil {
		t.Fatal(err)
	}
	if k.VerifierKey() != public || string(k.File()) != private+"\n" {
		t.Errorf("key is %s, file %q", k.VerifierKey(), k.File())
	}
	theirs, err := note.NewSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	c := ledger.Checkpoint{Origin: "PeterNeumann", Size: 1, Root: tlog.RecordHash([]byte("x"))}
	a, err := c.Sign(k)
	if err != nil {
		t.Fatal(err)
	}
	b, err := c.Sign(theirs)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(a, b) {
		t.Errorf("we sign %q, package note %q", a, b)
	}
	v, err := ledger.ParseVerifierKey(public + "\n")
	if err != nil || v.KeyHash() != 0xc74f20a3 {
		t.Errorf("verifier key: %v", err)
	}
}

func TestKeyTellsNoSecret(t *testing.T) {
	m := small(t)
	secret := strings.Split(strings.TrimSpace(string(m.Key.File())), "+")[4]
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		if s := fmt.Sprintf(verb, m.Key); strings.Contains(s, secret) || s != m.Key.VerifierKey() {
			t.Errorf("%s prints %s", verb, s)
		}
	}
}

func TestKeyRefused(t *testing.T) {
	good := strings.TrimSpace(string(small(t).Key.File()))
	for name, file := range map[string]string{
		"empty":            "",
		"verifier key":     small(t).Key.VerifierKey(),
		"another name":     strings.Replace(good, "desk.", "disk.", 1),
		"two lines":        good + "\n\n",
		"space":            good + " ",
		"another id":       strings.Replace(good, "ledger+", "ledger+0", 1),
		"another sort":     "PUBLIC" + strings.TrimPrefix(good, "PRIVATE"),
		"without the seed": good[:strings.LastIndex(good, "+")+1],
	} {
		if _, err := ledger.ParseKey([]byte(file)); !fault.Is(err, "key-malformed") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, origin := range []string{"", "a b", "a+b", "https://a", "a/", "/a", "a\nb", "a\u2003b", strings.Repeat("a", 256)} {
		if _, err := ledger.NewKey(origin, ledgertest.Rand(1)); !fault.Is(err, "origin-malformed") {
			t.Errorf("origin %q: %v", origin, err)
		}
	}
	if _, err := ledger.NewKey(ledgertest.Origin, strings.NewReader("too short")); err == nil {
		t.Error("a key was made without randomness")
	}
}

func TestLeafRefused(t *testing.T) {
	good := string(small(t).Entries[2].Leaf.Bytes())
	if l, err := ledger.ParseLeaf([]byte(good)); err != nil || string(l.Bytes()) != good {
		t.Fatalf("%q: %v", good, err)
	}
	loose := []byte(good) // the last character before "=" carries two unused bits
	loose[len(loose)-3]++
	for name, leaf := range map[string]string{
		"empty":           "",
		"version":         strings.Replace(good, "v1", "v2", 1),
		"class":           strings.Replace(good, "governance", "people", 1),
		"capital":         strings.Replace(good, "governance", "Governance", 1),
		"leading zero":    strings.Replace(good, "\n1\n", "\n01\n", 1),
		"plus":            strings.Replace(good, "\n1\n", "\n+1\n", 1),
		"negative":        strings.Replace(good, "\n1\n", "\n-1\n", 1),
		"beyond JSON":     strings.Replace(good, "\n1\n", "\n9007199254740992\n", 1),
		"no line feed":    strings.TrimSuffix(good, "\n"),
		"surplus line":    good + "\n",
		"carriage return": strings.Replace(good, "\n1\n", "\r\n1\r\n", 1),
		"unpadded":        strings.Replace(good, "=", "", 1),
		"loose base64":    string(loose),
		"short":           "countersign/leaf/v1\ndesk\n0\nAAAA\n",
	} {
		if _, err := ledger.ParseLeaf([]byte(leaf)); !fault.Is(err, "leaf-malformed") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestBodyRefused(t *testing.T) {
	m := small(t)
	good := string(m.Entries[1].BodyBytes)
	gov := string(m.Entries[2].BodyBytes)
	if _, err := ledger.ParseBody([]byte(good)); err != nil {
		t.Fatal(err)
	}
	edit := func(s, from, to string) string {
		if !strings.Contains(s, from) {
			t.Fatalf("%s does not contain %s", s, from)
		}
		return strings.Replace(s, from, to, 1)
	}
	prev := gov[strings.Index(gov, `"prev":`) : strings.Index(gov, `"prev":`)+len(`"prev":"sha256:`)+65]
	for name, body := range map[string]string{
		"empty":                "",
		"space":                good + " ",
		"version":              edit(good, "entry/v1", "entry/v2"),
		"class":                edit(good, `"desk"`, `"people"`),
		"unknown member":       edit(good, `"v":`, `"u":1,"v":`),
		"missing sealed":       edit(gov, `"sealed":{},`, ``),
		"doubled member":       edit(good, `"number":0`, `"number":0,"number":0`),
		"reordered members":    edit(edit(good, `"number":0,`, ``), `{"class"`, `{"number":0,"class"`),
		"negative number":      edit(good, `"number":0`, `"number":-1`),
		"fraction":             edit(good, `"number":0`, `"number":0.5`),
		"spelling of number":   edit(good, `"number":0`, `"number":0.0`),
		"no kind":              edit(good, `"action.requested"`, `""`),
		"kind with a space":    edit(good, `"action.requested"`, `"a b"`),
		"no time":              edit(good, `"2026-11-23T05:39:46.000000Z"`, `""`),
		"other time zone":      edit(good, `46.000000Z`, `46.000000+00:00`),
		"prev at the desk":     edit(good, `"prev":""`, prev),
		"no prev":              edit(gov, prev, `"prev":""`),
		"prev on the first":    edit(string(m.Entries[0].BodyBytes), `"prev":""`, prev),
		"data an array":        edit(good, `"data":{}`, `"data":[]`),
		"data null":            edit(good, `"data":{}`, `"data":null`),
		"sealed without value": edit(gov, `"sealed":{}`, `"sealed":{"a":""}`),
		"sealed with a space":  edit(good, `"worker.name"`, `"worker name"`),
		"sealed without name":  edit(good, `"worker.name"`, `""`),
	} {
		if b, err := ledger.ParseBody([]byte(body)); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %+v, %v", name, b, err)
		}
	}
}

func TestVerify(t *testing.T) {
	m := small(t)
	e := m.Entries[1]
	if b, err := ledger.Verify(e.Leaf, e.BodyBytes, e.Salt); err != nil || b.Kind != "action.requested" {
		t.Fatalf("%+v, %v", b, err)
	}
	other := m.Entries[2]
	// A leaf that commits to a body but claims another place for it.
	misplaced, renamed := e.Leaf, e.Leaf
	misplaced.Number++
	renamed.Class = ledger.Execution
	for name, err := range map[string]error{
		"another's leaf": second(ledger.Verify(other.Leaf, e.BodyBytes, e.Salt)),
		"another's body": second(ledger.Verify(e.Leaf, other.BodyBytes, e.Salt)),
		"another's salt": second(ledger.Verify(e.Leaf, e.BodyBytes, other.Salt)),
		"no salt":        second(ledger.Verify(e.Leaf, e.BodyBytes, nil)),
		"number":         second(ledger.Verify(misplaced, e.BodyBytes, e.Salt)),
		"class":          second(ledger.Verify(renamed, e.BodyBytes, e.Salt)),
	} {
		if err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	// Salt and body may not slide into each other.
	long := append(append(canonical.Bytes{}, e.Salt...), e.BodyBytes[0])
	slid := ledger.Leaf{Class: e.Leaf.Class, Number: e.Leaf.Number, Commitment: ledger.Commitment(e.BodyBytes[1:], long)}
	if slid.Commitment != e.Leaf.Commitment {
		t.Error("the construction of this test is wrong")
	}
	if _, err := ledger.Verify(slid, e.BodyBytes[1:], long); !fault.Is(err, "entry-malformed") {
		t.Errorf("a salt of 33 bytes: %v", err)
	}
}

func second[T any](_ T, err error) error { return err }

func TestOpens(t *testing.T) {
	e := small(t).Entries[1]
	good := e.Openings[0]
	if !e.Body.Opens(good) {
		t.Fatal("its own opening does not open it")
	}
	if bytes.Contains(e.BodyBytes, []byte("Ada")) {
		t.Error("the body shows a sealed field")
	}
	change := func(f func(*ledger.Opening)) ledger.Opening {
		o := good
		o.Salt = bytes.Clone(good.Salt)
		f(&o)
		return o
	}
	for name, o := range map[string]ledger.Opening{
		"value":                 change(func(o *ledger.Opening) { o.Value = canonical.Raw(`"Ada"`) }),
		"name":                  change(func(o *ledger.Opening) { o.Name = "worker.email" }),
		"salt":                  change(func(o *ledger.Opening) { o.Salt[0] ^= 1 }),
		"no salt":               change(func(o *ledger.Opening) { o.Salt = nil }),
		"another spelling":      change(func(o *ledger.Opening) { o.Value = canonical.Raw(` "Ada Lovelace"`) }),
		"another spelling, \\u": change(func(o *ledger.Opening) { o.Value = canonical.Raw(`"\u0041da Lovelace"`) }),
		"no value":              change(func(o *ledger.Opening) { o.Value = nil }),
	} {
		if e.Body.Opens(o) {
			t.Errorf("%s: opens", name)
		}
	}
}
