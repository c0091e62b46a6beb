package ledger_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/ledger/ledgertest"
)

// smallDocument is a report with a personal field, in its place.
func smallDocument(t testing.TB, log *ledger.Log) ledger.Document {
	t.Helper()
	text, err := ledger.Field("text", "buy this")
	if err != nil {
		t.Fatal(err)
	}
	d, err := log.Document(ledger.DocumentDraft{Sort: ledger.ReportDocument, ID: "rep_01jd9x3m8v0q2k4t6w8y1z3b5c",
		Data: map[string]any{"reason": "MisleadingSpam", "count": 1}, Sealed: []ledger.Opening{text}}, canonical.At(ledgertest.Epoch))
	if err != nil {
		t.Fatal(err)
	}
	d.Number = 17
	return d
}

func TestGoldenDocuments(t *testing.T) {
	m := ledgertest.New(t, 1)
	d := smallDocument(t, m.Log)
	golden(t, "document.json", d.BodyBytes)
	golden(t, "document-leaf", d.Leaf().Bytes())
	roll, err := ledger.NewRoll([]ledger.DocumentLeaf{d.Leaf(), {Sort: d.Sort, Number: 18, Commitment: canonical.Sum([]byte("another"))}})
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "roll.json", canonical.MustMarshal(roll))
	promise, err := m.Log.Promise(d)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "promise", promise)
}

// TestDocumentsOnPage: the page of the formats has the examples as the code makes them.
func TestDocumentsOnPage(t *testing.T) {
	page, err := os.ReadFile("../doc/ledger-format.md")
	if err != nil {
		t.Fatal(err)
	}
	m := ledgertest.New(t, 1)
	d := smallDocument(t, m.Log)
	other := ledger.DocumentLeaf{Sort: d.Sort, Number: 18, Commitment: canonical.Sum([]byte("another"))}
	leaves := []ledger.DocumentLeaf{d.Leaf(), other}
	roll, err := ledger.NewRoll(leaves)
	if err != nil {
		t.Fatal(err)
	}
	path, err := roll.Prove(leaves, 17)
	if err != nil {
		t.Fatal(err)
	}
	promise, err := m.Log.Promise(d)
	if err != nil {
		t.Fatal(err)
	}
	for what, want := range map[string]string{
		"document": string(d.BodyBytes) + "\n", "salt": base64.StdEncoding.EncodeToString(d.Salt), "opening": string(canonical.MustMarshal(d.Openings[0])) + "\n",
		"leaf": string(d.Leaf().Bytes()), "other leaf": string(other.Bytes()), "roll": string(canonical.MustMarshal(roll)) + "\n",
		"path": string(canonical.MustMarshal(path)) + "\n", "promise": string(promise), "key": m.Key.VerifierKey() + "\n",
	} {
		if !strings.Contains(string(page), want) {
			t.Errorf("the page lacks the example of a %s:\n%s", what, want)
		}
	}
}

// The format, written out as its page says it, without the code that makes it.
func TestDocumentByHand(t *testing.T) {
	m := ledgertest.New(t, 1)
	d := smallDocument(t, m.Log)
	commitment := sha256.Sum256(slices.Concat([]byte("countersign/document/v1\n"), d.Salt, d.BodyBytes))
	if d.Commitment != commitment || len(d.Salt) != 32 {
		t.Errorf("the commitment is %s", d.Commitment)
	}
	leaf := "countersign/document/v1\nreport\n17\n" + base64.StdEncoding.EncodeToString(commitment[:]) + "\n"
	if string(d.Leaf().Bytes()) != leaf {
		t.Errorf("the leaf is %q", d.Leaf().Bytes())
	}
	other := ledger.DocumentLeaf{Sort: d.Sort, Number: 18}
	roll, err := ledger.NewRoll([]ledger.DocumentLeaf{d.Leaf(), other})
	if err != nil {
		t.Fatal(err)
	}
	if want := root([][]byte{[]byte(leaf), other.Bytes()}); roll.Root != want {
		t.Errorf("the root is %s, want %s", roll.Root, want)
	}
	if err := d.Verify(); err != nil {
		t.Error(err)
	}
}

// root is the tree hash of RFC 6962, section 2.1, as it is written there.
func root(leaves [][]byte) canonical.Digest {
	if len(leaves) == 1 {
		return canonical.Sum([]byte{0}, leaves[0])
	}
	k := 1
	for 2*k < len(leaves) {
		k *= 2
	}
	left, right := root(leaves[:k]), root(leaves[k:])
	return canonical.Sum([]byte{1}, left[:], right[:])
}

func someLeaves(first, n int64) (all []ledger.DocumentLeaf) {
	for i := range n {
		all = append(all, ledger.DocumentLeaf{Sort: ledger.DeedDocument, Number: first + i, Commitment: canonical.Sum(fmt.Append(nil, i))})
	}
	return all
}

func TestRolls(t *testing.T) {
	for _, n := range []int64{1, 2, 3, 4, 5, 7, 8, 9, 64, 100, ledger.MaxRoll} {
		leaves := someLeaves(1000, n)
		r, err := ledger.NewRoll(leaves)
		if err != nil {
			t.Fatal(err)
		}
		var texts [][]byte
		for _, l := range leaves {
			texts = append(texts, l.Bytes())
		}
		if r.First != 1000 || r.Last != 1000+n-1 || r.Sort != ledger.DeedDocument || r.Root != root(texts) {
			t.Errorf("the roll over %d is %+v", n, r)
		}
		again, err := ledger.ParseRoll(canonical.MustMarshal(r))
		if err != nil || again != r {
			t.Errorf("read again: %+v, %v", again, err)
		}
		for _, i := range []int64{0, n / 2, n - 1} {
			path, err := r.Prove(leaves, 1000+i)
			if err != nil {
				t.Fatal(err)
			}
			l := leaves[i]
			if err := r.Verify(path, l); err != nil {
				t.Errorf("document %d of %d: %v", i, n, err)
			}
			for what, wrong := range map[string]func() (ledger.Roll, ledger.Inclusion, ledger.DocumentLeaf){
				"another number": func() (ledger.Roll, ledger.Inclusion, ledger.DocumentLeaf) { l := l; l.Number++; return r, path, l },
				"another commitment": func() (ledger.Roll, ledger.Inclusion, ledger.DocumentLeaf) {
					l := l
					l.Commitment[3]++
					return r, path, l
				},
				"another sort": func() (ledger.Roll, ledger.Inclusion, ledger.DocumentLeaf) {
					l := l
					l.Sort = ledger.ReportDocument
					return r, path, l
				},
				"another place": func() (ledger.Roll, ledger.Inclusion, ledger.DocumentLeaf) { p := path; p.Index++; return r, p, l },
				"another root":  func() (ledger.Roll, ledger.Inclusion, ledger.DocumentLeaf) { r := r; r.Root[0]++; return r, path, l },
				"a later first": func() (ledger.Roll, ledger.Inclusion, ledger.DocumentLeaf) {
					r := r
					r.First++
					r.Last++
					return r, path, l
				},
				"an index below": func() (ledger.Roll, ledger.Inclusion, ledger.DocumentLeaf) { p := path; p.Index = -1; return r, p, l },
			} {
				r, p, l := wrong()
				if err := r.Verify(p, l); err == nil {
					t.Errorf("document %d of %d with %s was taken", i, n, what)
				}
			}
		}
		if _, err := r.Prove(leaves, 1000+n); fault.KindOf(err) != fault.NotFound {
			t.Errorf("a document beyond the roll: %v", err)
		}
		leaves[n-1].Commitment[0]++
		if _, err := r.Prove(leaves, 1000); !fault.Is(err, "ledger-tampered") {
			t.Errorf("from other leaves: %v", err)
		}
	}
}

func TestRollRefuses(t *testing.T) {
	gap := someLeaves(0, 3)
	gap[2].Number++
	mixed := someLeaves(0, 3)
	mixed[1].Sort = ledger.ReportDocument
	for what, leaves := range map[string][]ledger.DocumentLeaf{
		"none": nil, "too many": someLeaves(0, ledger.MaxRoll+1), "a gap": gap, "two sorts": mixed, "a negative number": someLeaves(-1, 2),
	} {
		if _, err := ledger.NewRoll(leaves); !fault.Is(err, "roll-malformed") {
			t.Errorf("%s: %v", what, err)
		}
	}
	r, err := ledger.NewRoll(someLeaves(0, 3))
	if err != nil {
		t.Fatal(err)
	}
	for what, wrong := range map[string]func(*ledger.Roll){
		"no root": func(r *ledger.Roll) { r.Root = canonical.Digest{} }, "a sort": func(r *ledger.Roll) { r.Sort = "notices" },
		"last before first": func(r *ledger.Roll) { r.Last = r.First - 1 }, "too many": func(r *ledger.Roll) { r.Last = ledger.MaxRoll },
	} {
		r := r
		wrong(&r)
		if _, err := ledger.ParseRoll(canonical.MustMarshal(r)); !fault.Is(err, "roll-malformed") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestDocumentRefuses(t *testing.T) {
	m := ledgertest.New(t, 1)
	at := canonical.At(ledgertest.Epoch)
	field, err := ledger.Field("text", "a")
	if err != nil {
		t.Fatal(err)
	}
	for what, d := range map[string]ledger.DocumentDraft{
		"no sort":                 {ID: "rep_1"},
		"an unknown sort":         {Sort: "notices", ID: "rep_1"},
		"no identifier":           {Sort: ledger.ReportDocument},
		"a path as identifier":    {Sort: ledger.ReportDocument, ID: "a/b"},
		"dots as identifier":      {Sort: ledger.ReportDocument, ID: ".."},
		"a long identifier":       {Sort: ledger.ReportDocument, ID: strings.Repeat("a", 65)},
		"data that is no object":  {Sort: ledger.ReportDocument, ID: "rep_1", Data: []int{1}},
		"data that is no JSON":    {Sort: ledger.ReportDocument, ID: "rep_1", Data: func() {}},
		"data that is too large":  {Sort: ledger.ReportDocument, ID: "rep_1", Data: map[string]string{"a": strings.Repeat("b", ledger.MaxDocument)}},
		"a field twice":           {Sort: ledger.ReportDocument, ID: "rep_1", Sealed: []ledger.Opening{field, field}},
		"a field without a name":  {Sort: ledger.ReportDocument, ID: "rep_1", Sealed: []ledger.Opening{{Value: field.Value}}},
		"a field without a value": {Sort: ledger.ReportDocument, ID: "rep_1", Sealed: []ledger.Opening{{Name: "text"}}},
	} {
		if _, err := m.Log.Document(d, at); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %v", what, err)
		}
	}
	d := smallDocument(t, m.Log)
	for what, wrong := range map[string]func(*ledger.Document){
		"another body":       func(d *ledger.Document) { d.BodyBytes = bytes.Replace(d.BodyBytes, []byte("Spam"), []byte("Span"), 1) },
		"another salt":       func(d *ledger.Document) { d.Salt[0]++ },
		"no salt":            func(d *ledger.Document) { d.Salt = nil },
		"another commitment": func(d *ledger.Document) { d.Commitment[0]++ },
		"another sort":       func(d *ledger.Document) { d.Sort = ledger.DeedDocument },
		"another value":      func(d *ledger.Document) { d.Openings[0].Value = canonical.Raw(`"buy that"`) },
		"another field":      func(d *ledger.Document) { d.Openings[0].Name = "name" },
	} {
		d := smallDocument(t, m.Log)
		wrong(&d)
		if err := d.Verify(); err == nil {
			t.Errorf("%s was taken", what)
		}
	}
	if err := d.Verify(); err != nil {
		t.Error(err)
	}
	d.Openings = nil // erased
	if err := d.Verify(); err != nil {
		t.Error(err)
	}
}

func TestPromise(t *testing.T) {
	m := ledgertest.New(t, 1)
	d := smallDocument(t, m.Log)
	signed, err := m.Log.Promise(d)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := m.Log.Promise(d); err != nil || !bytes.Equal(signed, again) {
		t.Errorf("asked again: %q, %v", again, err)
	}
	p, err := ledger.ParsePromise(signed, m.Key.Verifier())
	if err != nil {
		t.Fatal(err)
	}
	if !p.Of(d) || p.Log != ledgertest.Origin || p.Time != d.Body.Time || p.By.Sub(p.Time.Time) != ledger.RolledWithin {
		t.Errorf("it promises %+v", p)
	}
	for i := range signed {
		wrong := bytes.Clone(signed)
		wrong[i] ^= 1
		if p, err := ledger.ParsePromise(wrong, m.Key.Verifier()); err == nil {
			t.Fatalf("with another byte %d it was read as %+v", i, p)
		}
	}
	sign := func(text string, signers ...note.Signer) []byte {
		b, err := note.Sign(&note.Note{Text: text}, signers...)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	text := string(signed[:bytes.Index(signed, []byte("\n\n"))+1])
	other, err := ledger.NewKey("other.example.com/ledger", ledgertest.Rand(3))
	if err != nil {
		t.Fatal(err)
	}
	for what, wrong := range map[string][]byte{
		"signed by another log's key": sign(text, other),
		"signed by two":               sign(text, m.Key, other),
		"of another log":              sign(strings.Replace(text, ledgertest.Origin, "other.example.com/ledger", 1), m.Key),
		"with another version":        sign(strings.Replace(text, "promise/v1", "promise/v2", 1), m.Key),
		"with a third line":           sign(text+"more\n", m.Key),
		"with a member more":          sign(strings.Replace(text, `"log"`, `"later":1,"log"`, 1), m.Key),
		"with another spelling":       sign(strings.Replace(text, `"log"`, ` "log"`, 1), m.Key),
		"with a number below 0":       sign(strings.Replace(text, `"number":17`, `"number":-1`, 1), m.Key),
		"with loose base64":           bytes.Replace(signed, []byte("+pkgE="), []byte("+pkgF="), 1),
		"a checkpoint":                m.Head.Checkpoint,
		"empty":                       nil,
		"too long":                    slices.Concat(signed, bytes.Repeat([]byte("a"), 1<<16)),
	} {
		if p, err := ledger.ParsePromise(wrong, m.Key.Verifier()); err == nil {
			t.Errorf("a promise %s was read as %+v", what, p)
		}
	}
	if c, err := ledger.ParseCheckpoint(signed, m.Key.Verifier()); err == nil {
		t.Errorf("the promise was read as the checkpoint %+v", c)
	}
}

// A log could use its first line to have a checkpoint read as something else that its key
// signs. So no log has such an origin; and if one had, its checkpoints were no promises.
func TestOriginIsNoPromise(t *testing.T) {
	for _, origin := range []string{"countersign/promise/v1", "countersign/entry/v1"} {
		if _, err := ledger.NewKey(origin, ledgertest.Rand(1)); !fault.Is(err, "origin-malformed") {
			t.Errorf("%s: %v", origin, err)
		}
	}
	secret, line, err := note.GenerateKey(ledgertest.Rand(1), "countersign/promise/v1")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(secret)
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := note.NewVerifier(line)
	if err != nil {
		t.Fatal(err)
	}
	log := ledger.Log{Origin: "countersign/promise/v1", Signer: signer, Rand: ledgertest.Rand(2)}
	head, err := log.Start(ledgertest.Epoch)
	if err != nil {
		t.Fatal(err)
	}
	if p, err := ledger.ParsePromise(head.Checkpoint, verifier); err == nil {
		t.Errorf("a checkpoint was read as the promise %+v", p)
	}
	if promise, err := log.Promise(smallDocument(t, &log)); err == nil {
		t.Errorf("it promised %q", promise)
	}
}

func TestPromiseRolled(t *testing.T) {
	m := ledgertest.New(t, 1)
	d := smallDocument(t, m.Log)
	signed, err := m.Log.Promise(d)
	if err != nil {
		t.Fatal(err)
	}
	p, err := ledger.ParsePromise(signed, m.Key.Verifier())
	if err != nil {
		t.Fatal(err)
	}
	leaves := []ledger.DocumentLeaf{{Sort: d.Sort, Number: 16}, d.Leaf(), {Sort: d.Sort, Number: 18}}
	r, err := ledger.NewRoll(leaves)
	if err != nil {
		t.Fatal(err)
	}
	path, err := r.Prove(leaves, 17)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Rolled(r, p.By, path); err != nil {
		t.Error(err)
	}
	if err := p.Rolled(r, canonical.At(p.By.Add(time.Microsecond)), path); !fault.Is(err, "rolled-late") {
		t.Errorf("too late: %v", err)
	}
	leaves[1].Commitment[0]++
	if r, err = ledger.NewRoll(leaves); err != nil {
		t.Fatal(err)
	}
	if path, err = r.Prove(leaves, 17); err != nil {
		t.Fatal(err)
	}
	if err := p.Rolled(r, p.Time, path); !fault.Is(err, "proof-wrong") {
		t.Errorf("rolled otherwise: %v", err)
	}
}

func BenchmarkRoll(b *testing.B) {
	leaves := someLeaves(0, 1000)
	for b.Loop() {
		if _, err := ledger.NewRoll(leaves); err != nil {
			b.Fatal(err)
		}
	}
}
