package proof_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/ledger/ledgertest"
	"countersign.dev/ledger/proof"
)

// documents is a log with five reports of which the first four are in a roll.
type documents struct {
	*ledgertest.Memory
	all  []ledger.Document
	roll ledger.Roll
	at   int64 // of the roll's entry
}

func fiveReports(t testing.TB) *documents {
	t.Helper()
	d := &documents{Memory: ledgertest.New(t, 1)}
	for n := range 5 {
		text, err := ledger.Field("text", fmt.Sprint("text ", n))
		if err != nil {
			t.Fatal(err)
		}
		x, err := d.Log.Document(ledger.DocumentDraft{Sort: ledger.ReportDocument, ID: fmt.Sprint("rep_", n), Data: map[string]int{"n": n}, Sealed: []ledger.Opening{text}}, canonical.At(ledgertest.Epoch))
		if err != nil {
			t.Fatal(err)
		}
		x.Number = int64(n)
		d.all = append(d.all, x)
	}
	d.Grow(t, 3)
	d.roll, d.at = d.enter(t, d.all[:4], ledgertest.Epoch.Add(time.Second))
	d.Grow(t, 7)
	return d
}

func (d *documents) enter(t testing.TB, all []ledger.Document, now time.Time) (ledger.Roll, int64) {
	t.Helper()
	var leaves []ledger.DocumentLeaf
	for _, x := range all {
		leaves = append(leaves, x.Leaf())
	}
	r, err := ledger.NewRoll(leaves)
	if err != nil {
		t.Fatal(err)
	}
	e := d.Append(t, now, ledger.Draft{Class: ledger.Desk, Kind: ledger.KindRoll, Data: r, Expect: ledger.AnyNumber})
	return r, e[0].Index
}

// proof is the proof of one of the documents, as a desk gives it.
func (d *documents) proof(t testing.TB, n int) proof.DocumentProof {
	t.Helper()
	promise, err := d.Log.Promise(d.all[n])
	if err != nil {
		t.Fatal(err)
	}
	p := proof.DocumentProof{Document: d.all[n].Body, Openings: slices.Clone(d.all[n].Openings), Promise: string(promise), Salt: bytes.Clone(d.all[n].Salt), V: proof.DocumentProofV1}
	if n == 4 {
		return p
	}
	e := d.Entries[d.at]
	r := proof.Rolled{Anchor: proof.Anchor{Checkpoint: string(d.Head.Checkpoint), Cosignatures: []string{}, Entry: e.Body, Salt: bytes.Clone(e.Salt)}}
	var leaves []ledger.DocumentLeaf
	for _, x := range d.all[:4] {
		leaves = append(leaves, x.Leaf())
	}
	if r.Path, err = d.roll.Prove(leaves, int64(n)); err != nil {
		t.Fatal(err)
	}
	if r.Proof, err = (ledger.Tiles{Source: d}).Inclusion(t.Context(), d.Head.Size, d.at); err != nil {
		t.Fatal(err)
	}
	p.Roll = &r
	return p
}

func TestVerifyDocument(t *testing.T) {
	d := fiveReports(t)
	key := d.Key.Verifier()
	raw := canonical.MustMarshal(d.proof(t, 2))
	p, err := proof.ParseDocumentProof(raw)
	if err != nil {
		t.Fatal(err)
	}
	got, err := proof.VerifyDocument(p, key, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got.Document.Body.ID != "rep_2" || got.Promise.Number != 2 || got.Roll == nil || *got.Roll != d.roll || got.Entry != d.at || got.Size != 7 || got.Rolled != d.Entries[d.at].Body.Time {
		t.Errorf("it proves %+v", got)
	}
	waiting, err := proof.VerifyDocument(d.proof(t, 4), key, nil)
	if err != nil || waiting.Roll != nil || waiting.Document.Number != 4 {
		t.Errorf("it proves %+v, %v", waiting, err)
	}
	// A promise for another identifier than the document's: only the holder of the log's
	// key could have signed it.
	liar := d.all[2]
	liar.Body.ID = "rep_9"
	lie, err := d.Log.Promise(liar)
	if err != nil {
		t.Fatal(err)
	}
	later := d.all[2]
	later.Body.Time = canonical.At(later.Body.Time.Add(time.Second))
	late, err := d.Log.Promise(later)
	if err != nil {
		t.Fatal(err)
	}
	other := ledgertest.New(t, 2)
	foreign, err := other.Log.Promise(d.all[2])
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := d.proof(t, 3)
	for what, wrong := range map[string]struct {
		typ  string
		edit func(p *proof.DocumentProof)
	}{
		"another identifier promised":  {"other-document", func(p *proof.DocumentProof) { p.Promise = string(lie) }},
		"another time promised":        {"other-document", func(p *proof.DocumentProof) { p.Promise = string(late) }},
		"another log's promise":        {"promise-unverified", func(p *proof.DocumentProof) { p.Promise = string(foreign) }},
		"another document's promise":   {"ledger-tampered", func(p *proof.DocumentProof) { p.Promise = elsewhere.Promise }},
		"another document":             {"ledger-tampered", func(p *proof.DocumentProof) { p.Document = elsewhere.Document }},
		"other data":                   {"ledger-tampered", func(p *proof.DocumentProof) { p.Document.Data = canonical.Raw(`{"n":3}`) }},
		"another salt":                 {"ledger-tampered", func(p *proof.DocumentProof) { p.Salt[0]++ }},
		"another document's opening":   {"ledger-tampered", func(p *proof.DocumentProof) { p.Openings = elsewhere.Openings }},
		"another document's path":      {"proof-wrong", func(p *proof.DocumentProof) { p.Roll.Path = elsewhere.Roll.Path }},
		"another place of its path":    {"proof-wrong", func(p *proof.DocumentProof) { p.Roll.Path.Index++ }},
		"another place of the entry":   {"proof-wrong", func(p *proof.DocumentProof) { p.Roll.Proof.Index++ }},
		"another salt of the entry":    {"proof-wrong", func(p *proof.DocumentProof) { p.Roll.Salt[0]++ }},
		"an entry that is no roll":     {"proof-wrong", func(p *proof.DocumentProof) { p.Roll.Entry.Kind = "alarm" }},
		"an entry of another class":    {"proof-wrong", func(p *proof.DocumentProof) { p.Roll.Entry.Class = ledger.Execution }},
		"another log's checkpoint":     {"checkpoint-unverified", func(p *proof.DocumentProof) { p.Roll.Checkpoint = string(other.Head.Checkpoint) }},
		"cosignatures nobody asks for": {"surplus-signature", func(p *proof.DocumentProof) { p.Roll.Cosignatures = []string{"— w abc\n"} }},
	} {
		p := d.proof(t, 2)
		wrong.edit(&p)
		if got, err := proof.VerifyDocument(p, key, nil); !fault.Is(err, wrong.typ) {
			t.Errorf("with %s: %v, want %s; it proves %s %d", what, err, wrong.typ, got.Promise.ID, got.Promise.Number)
		}
	}
	for what, text := range map[string][]byte{
		"another version": bytes.Replace(raw, []byte("proof/v1"), []byte("proof/v2"), 1), "a member more": bytes.Replace(raw, []byte(`{"document"`), []byte(`{"a":1,"document"`), 1),
		"another spelling": append([]byte(" "), raw...), "nothing": nil, "too much": bytes.Repeat([]byte(" "), proof.MaxDocumentProof+1),
	} {
		if p, err := proof.ParseDocumentProof(text); err == nil {
			t.Errorf("with %s it was read as %+v", what, p)
		}
	}
}

// A roll that the ledger holds under another kind of entry, or of another class, is none.
func TestVerifyDocumentEntry(t *testing.T) {
	for _, x := range []ledger.Draft{{Class: ledger.Desk, Kind: "alarm"}, {Class: ledger.Execution, Kind: ledger.KindRoll}} {
		d := fiveReports(t)
		x.Data, x.Expect = d.roll, ledger.AnyNumber
		d.at = d.Append(t, ledgertest.Epoch.Add(time.Minute), x)[0].Index
		if got, err := proof.VerifyDocument(d.proof(t, 2), d.Key.Verifier(), nil); !fault.Is(err, "no-roll") {
			t.Errorf("%s %s: %v; it proves %s", x.Class, x.Kind, err, got.Promise.ID)
		}
	}
	d := fiveReports(t)
	_, d.at = d.enter(t, d.all[:4], ledgertest.Epoch.Add(ledger.RolledWithin+time.Second))
	if got, err := proof.VerifyDocument(d.proof(t, 2), d.Key.Verifier(), nil); !fault.Is(err, "rolled-late") {
		t.Errorf("an hour later: %v; it proves %s", err, got.Promise.ID)
	}
}

// FuzzDocumentProof edits a good proof: nothing but itself verifies.
func FuzzDocumentProof(f *testing.F) {
	d := fiveReports(f)
	good := canonical.MustMarshal(d.proof(f, 2))
	f.Add(uint32(0), uint32(0), []byte{})
	f.Add(uint32(1), uint32(0), []byte(" "))
	f.Add(uint32(bytes.Index(good, []byte(`"index"`))+8), uint32(1), []byte("2"))
	f.Add(uint32(0), uint32(1<<30), []byte(`{"v":"countersign/document-proof/v1"}`))
	f.Fuzz(func(t *testing.T, at, cut uint32, put []byte) {
		from := min(int(at), len(good))
		raw := slices.Concat(good[:from], put, good[from+min(int(cut), len(good)-from):])
		p, err := proof.ParseDocumentProof(raw)
		if err != nil {
			return
		}
		if again := canonical.MustMarshal(p); !bytes.Equal(again, raw) {
			t.Errorf("%s was read as %s", raw, again)
		}
		_, err = proof.VerifyDocument(p, d.Key.Verifier(), nil)
		// What is left out of the proof proves less, and nothing else.
		less := p.Roll == nil || len(p.Openings) == 0
		if err == nil && !less && !bytes.Equal(raw, good) {
			t.Errorf("something else verifies: %s", raw)
		}
		if err != nil && fault.KindOf(err) == fault.Internal {
			t.Errorf("an error that is no refusal: %v", err)
		}
	})
}

// recounted audits documents that a desk serves beside the entries of a log.
func recounted(t *testing.T, d *documents, rows []proof.ServedDocument) string {
	t.Helper()
	out, err := proof.AuditDocuments(proof.AuditedRolls(d.Entries), func(sort ledger.DocumentSort, after int64) (page []proof.ServedDocument, err error) {
		if sort != ledger.ReportDocument {
			return nil, nil
		}
		for _, x := range rows {
			if x.Number > after && len(page) < 2 {
				page = append(page, x)
			}
		}
		return page, nil
	}, nil)
	if err != nil {
		return fault.TypeOf(err)
	}
	var found []string
	for _, w := range out.Wrong {
		found = append(found, fmt.Sprintf("%s %d-%d", w.Type, w.First, w.Last))
	}
	return strings.Join(found, ", ")
}

func (d *documents) rows() (all []proof.ServedDocument) {
	for _, x := range d.all {
		all = append(all, proof.ServedDocument{Number: x.Number, ID: x.Body.ID, Commitment: x.Commitment, Body: bytes.Clone(x.BodyBytes), Salt: x.Salt, Openings: slices.Clone(x.Openings)})
	}
	return all
}

func TestAuditDocuments(t *testing.T) {
	for what, c := range map[string]struct {
		edit func(t *testing.T, d *documents, rows []proof.ServedDocument) []proof.ServedDocument
		want string
	}{
		"all in order": {nil, ""},
		"the last roll gone": {func(_ *testing.T, d *documents, rows []proof.ServedDocument) []proof.ServedDocument {
			d.Entries = d.Entries[:d.at]
			return rows
		}, ""},
		"the first missing": {func(_ *testing.T, _ *documents, rows []proof.ServedDocument) []proof.ServedDocument { return rows[1:] }, "missing 0-0"},
		"all missing":       {func(*testing.T, *documents, []proof.ServedDocument) []proof.ServedDocument { return nil }, "missing 0-0, missing 1-1, missing 2-2, missing 3-3"},
		"the last one anew": {func(_ *testing.T, _ *documents, rows []proof.ServedDocument) []proof.ServedDocument {
			rows[4].Number = 7
			return rows
		}, "missing 4-6"},
		"another body": {func(_ *testing.T, _ *documents, rows []proof.ServedDocument) []proof.ServedDocument {
			rows[1].Body[10]++
			return rows
		}, "altered 1-1"},
		"another identifier": {func(_ *testing.T, _ *documents, rows []proof.ServedDocument) []proof.ServedDocument {
			rows[1].ID = "rep_7"
			return rows
		}, "altered 1-1"},
		"another opening": {func(_ *testing.T, _ *documents, rows []proof.ServedDocument) []proof.ServedDocument {
			rows[1].Openings[0].Value = canonical.Raw(`"other"`)
			return rows
		}, "altered 1-1"},
		"an erased opening": {func(_ *testing.T, _ *documents, rows []proof.ServedDocument) []proof.ServedDocument {
			rows[1].Openings = nil
			return rows
		}, ""},
		"two exchanged": {func(_ *testing.T, _ *documents, rows []proof.ServedDocument) []proof.ServedDocument {
			rows[1], rows[2] = rows[2], rows[1]
			rows[1].Number, rows[2].Number = 1, 2
			return rows
		}, "rolled-otherwise 0-3"},
		"rolled a second time": {func(t *testing.T, d *documents, rows []proof.ServedDocument) []proof.ServedDocument {
			d.enter(t, d.all[2:5], ledgertest.Epoch.Add(time.Minute))
			return rows
		}, "rolled-twice 2-4"},
		"left out by two rolls": {func(t *testing.T, d *documents, rows []proof.ServedDocument) []proof.ServedDocument {
			d.Entries = slices.Delete(d.Entries, int(d.at), int(d.at)+1)
			d.enter(t, d.all[0:1], ledgertest.Epoch.Add(time.Minute))
			d.enter(t, d.all[3:5], ledgertest.Epoch.Add(time.Minute))
			return slices.Delete(rows, 1, 2)
		}, "missing 1-1, not-rolled 2-2"},
		"not rolled in time": {func(t *testing.T, d *documents, rows []proof.ServedDocument) []proof.ServedDocument {
			d.Append(t, ledgertest.Epoch.Add(ledger.RolledWithin+time.Second), ledgertest.Draft(1))
			return rows
		}, "not-rolled 4-4"},
		"given out of order": {func(_ *testing.T, _ *documents, rows []proof.ServedDocument) []proof.ServedDocument {
			rows[0], rows[1] = rows[1], rows[0]
			return rows
		}, "out-of-order"},
		"a roll that cannot be read": {func(t *testing.T, d *documents, rows []proof.ServedDocument) []proof.ServedDocument {
			d.Append(t, ledgertest.Epoch.Add(time.Minute), ledger.Draft{Class: ledger.Desk, Kind: ledger.KindRoll, Expect: ledger.AnyNumber})
			return rows
		}, "bad-roll 0-0"},
	} {
		d := fiveReports(t)
		rows := d.rows()
		if c.edit != nil {
			rows = c.edit(t, d, rows)
		}
		if got := recounted(t, d, rows); got != c.want {
			t.Errorf("%s: the audit finds %q, want %q", what, got, c.want)
		}
	}
}
