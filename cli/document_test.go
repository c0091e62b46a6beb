package cli

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"countersign.dev/canonical"
	"countersign.dev/fault"
	rfc9457 "countersign.dev/fault/problem"
	"countersign.dev/ledger"
	"countersign.dev/ledger/ledgertest"
	"countersign.dev/ledger/proof"
)

// promised is a desk that has given a promise for a report, and what it answers when it is
// asked for the report.
type promised struct {
	log      *ledgertest.Memory
	dir      string // with the trust folder and the promise
	document ledger.Document
	answer   func() ([]byte, error)
	asked    []string
	url      string
}

func aPromise(t *testing.T, at time.Time) *promised {
	t.Helper()
	p := &promised{log: ledgertest.New(t, 1), dir: t.TempDir()}
	var err error
	if p.document, err = p.log.Log.Document(ledger.DocumentDraft{Sort: ledger.ReportDocument, ID: "rep_1", Data: map[string]string{"reason": "MisleadingSpam"}}, canonical.At(at)); err != nil {
		t.Fatal(err)
	}
	p.document.Number = 1
	p.write(t, "trust/root", canonical.Sum([]byte("entry 0")).String()+"\n")
	p.write(t, "trust/policy", "log "+p.log.Key.VerifierKey()+"\nquorum none\n")
	p.write(t, "promise", string(p.promise(t, p.document)))
	p.answer = func() ([]byte, error) { return canonical.MustMarshal(p.proof(t, true)), nil }
	desk := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.asked = append(p.asked, r.URL.String())
		b, err := p.answer()
		if err != nil {
			doc := rfc9457.Of(err)
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(doc.Status)
			_, _ = w.Write(canonical.MustMarshal(doc))
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(b)
	}))
	t.Cleanup(desk.Close)
	p.url = desk.URL
	return p
}

func (p *promised) write(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join(p.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func (p *promised) promise(t *testing.T, d ledger.Document) []byte {
	t.Helper()
	b, err := p.log.Log.Promise(d)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// proof is what an honest desk answers, before and after the roll.
func (p *promised) proof(t *testing.T, rolled bool) proof.DocumentProof {
	t.Helper()
	out := proof.DocumentProof{Document: p.document.Body, Openings: []ledger.Opening{}, Promise: string(p.promise(t, p.document)), Salt: p.document.Salt, V: proof.DocumentProofV1}
	if !rolled {
		return out
	}
	leaves := []ledger.DocumentLeaf{{Sort: ledger.ReportDocument}, p.document.Leaf()}
	roll, err := ledger.NewRoll(leaves)
	if err != nil {
		t.Fatal(err)
	}
	e := p.log.Append(t, noon, ledger.Draft{Class: ledger.Desk, Kind: ledger.KindRoll, Data: roll, Expect: ledger.AnyNumber})[0]
	r := proof.Rolled{Anchor: proof.Anchor{Checkpoint: string(p.log.Head.Checkpoint), Cosignatures: []string{}, Entry: e.Body, Salt: e.Salt}}
	if r.Path, err = roll.Prove(leaves, 1); err != nil {
		t.Fatal(err)
	}
	if r.Proof, err = (ledger.Tiles{Source: p.log}).Inclusion(t.Context(), p.log.Head.Size, e.Index); err != nil {
		t.Fatal(err)
	}
	out.Roll = &r
	return out
}

// check runs promise check.
func (p *promised) check(t *testing.T, file string) result {
	t.Helper()
	return command(t, p.dir, "promise", "check", filepath.Join(p.dir, file), "--trust", filepath.Join(p.dir, "trust"), "--url", p.url, "--json")
}

func TestPromiseCheck(t *testing.T) {
	for what, c := range map[string]struct {
		recorded time.Time // noon is now
		desk     func(t *testing.T, p *promised)
		code     int
		state    string // empty: an error
		why      string
	}{
		"kept": {noon.Add(-time.Minute), nil, 0, "kept", ""},
		"waiting": {noon.Add(-time.Minute), func(t *testing.T, p *promised) {
			p.answer = func() ([]byte, error) { return canonical.MustMarshal(p.proof(t, false)), nil }
		}, 0, "waiting", ""},
		"waiting too long": {noon.Add(-ledger.RolledWithin - time.Second), func(t *testing.T, p *promised) {
			p.answer = func() ([]byte, error) { return canonical.MustMarshal(p.proof(t, false)), nil }
		}, 1, "broken", "is in none"},
		"rolled late": {noon.Add(-ledger.RolledWithin - time.Second), nil, 1, "broken", "its roll is of"},
		"deleted": {noon, func(_ *testing.T, p *promised) {
			p.answer = func() ([]byte, error) { return nil, fault.New(fault.NotFound, "document-not-found", "No.") }
		}, 1, "broken", "has no document"},
		"altered": {noon, func(_ *testing.T, p *promised) {
			p.answer = func() ([]byte, error) { return nil, fault.New(fault.Conflict, "document-tampered", "It is another.") }
		}, 1, "broken", "It is another."},
		"numbered anew": {noon, func(t *testing.T, p *promised) {
			p.answer = func() ([]byte, error) {
				x := p.proof(t, false)
				other := p.document
				other.Number = 7
				x.Promise = string(p.promise(t, other))
				return canonical.MustMarshal(x), nil
			}
		}, 1, "broken", "with the number 7"},
		"another body": {noon, func(t *testing.T, p *promised) {
			p.answer = func() ([]byte, error) {
				x := p.proof(t, true)
				x.Document.Data = canonical.Raw(`{"reason":"other"}`)
				return canonical.MustMarshal(x), nil
			}
		}, 1, "broken", "not the one that was committed to"},
		"an unsigned promise": {noon, func(t *testing.T, p *promised) {
			p.answer = func() ([]byte, error) {
				x := p.proof(t, true)
				x.Promise = strings.Replace(x.Promise, `"number":1`, `"number":2`, 1)
				return canonical.MustMarshal(x), nil
			}
		}, 1, "broken", "has not signed"},
		"a path that does not hold": {noon, func(t *testing.T, p *promised) {
			p.answer = func() ([]byte, error) {
				x := p.proof(t, true)
				x.Roll.Path.Hashes[0][0]++
				return canonical.MustMarshal(x), nil
			}
		}, 1, "broken", "The ledger proof does not hold"},
		"no answer": {noon, func(_ *testing.T, p *promised) {
			p.answer = func() ([]byte, error) {
				return nil, fault.New(fault.Unauthenticated, "unauthenticated", "Who are you?")
			}
		}, 1, "", "unauthenticated"},
		"an answer that is nothing": {noon, func(_ *testing.T, p *promised) {
			p.answer = func() ([]byte, error) { return []byte(`{}`), nil }
		}, 2, "", ""},
		"a file that is no promise": {noon, func(t *testing.T, p *promised) { p.write(t, "promise", string(p.log.Head.Checkpoint)) }, 2, "", "promise-malformed"},
		"kept in an answer": {noon, func(t *testing.T, p *promised) {
			p.write(t, "promise", fmt.Sprintf(`{"id":"rep_1","promise":%s}`, canonical.MustMarshal(string(p.promise(t, p.document)))))
		}, 0, "kept", ""},
		"answers without one": {noon, func(t *testing.T, p *promised) {
			p.write(t, "promise", `{"answers":[{"external_id":"a","error":{"type":"x"}}]}`)
		}, 2, "", "promise-malformed"},
		"an answer without one": {noon, func(t *testing.T, p *promised) { p.write(t, "promise", `{"id":"rep_1"}`) }, 2, "", "promise-malformed"},
		"half an answer":        {noon, func(t *testing.T, p *promised) { p.write(t, "promise", `{"promise":`) }, 2, "", "promise-malformed"},
		"a foreign promise": {noon, func(t *testing.T, p *promised) {
			other := ledgertest.New(t, 2)
			b, err := other.Log.Promise(p.document)
			if err != nil {
				t.Fatal(err)
			}
			p.write(t, "promise", string(b))
		}, 1, "", "promise-unverified"},
	} {
		p := aPromise(t, c.recorded)
		if c.desk != nil {
			c.desk(t, p)
		}
		r := p.check(t, "promise")
		doc := object(t, r.stdout)
		if r.code != c.code || fmt.Sprint(doc["state"]) != c.state && (c.state != "" || doc["error"] == nil) || !strings.Contains(r.stdout, c.why) {
			t.Errorf("%s: exit %d: %s%s", what, r.code, r.stdout, r.stderr)
		}
		if c.state != "" {
			want := "/api/v1/documents/report/rep_1?commitment=" + strings.Replace(p.document.Commitment.String(), ":", "%3A", 1)
			if len(p.asked) != 1 || p.asked[0] != want {
				t.Errorf("%s: it asked %q", what, p.asked)
			}
		}
	}
}

// TestLedgerShow: a document is shown once its proof holds, from a desk and from a file.
// TestPromisesOfAnIntake: the whole answer to several reports is checked, each promise in it;
// refused reports have none.
func TestPromisesOfAnIntake(t *testing.T) {
	for what, c := range map[string]struct {
		broken bool
		code   int
		says   string
	}{
		"both are kept": {false, 0, `{"ok":true,"promises":[{"ok":true,"state":"kept"`},
		"one is broken": {true, 1, `{"ok":false,"promises":[{"ok":true,"state":"kept"`},
	} {
		p := aPromise(t, noon.Add(-time.Minute))
		note := string(canonical.MustMarshal(string(p.promise(t, p.document))))
		p.write(t, "promise", `{"external_id":"","answers":[{"promise":`+note+`},{"external_id":"b","error":{"type":"x","detail":"y"}},{"promise":`+note+`}]}`)
		if c.broken {
			kept := p.answer
			p.answer = func() ([]byte, error) {
				if len(p.asked) > 1 {
					return nil, fault.New(fault.NotFound, "document-not-found", "No.")
				}
				return kept()
			}
		}
		r := p.check(t, "promise")
		if r.code != c.code || !strings.HasPrefix(r.stdout, c.says) || strings.Count(r.stdout, `"state":`) != 2 || len(p.asked) != 2 {
			t.Errorf("%s: exit %d, asked %q: %s%s", what, r.code, p.asked, r.stdout, r.stderr)
		}
	}
}

func TestLedgerShow(t *testing.T) {
	p := aPromise(t, noon)
	trust, file := filepath.Join(p.dir, "trust"), filepath.Join(p.dir, "proof.json")
	r := command(t, p.dir, "ledger", "show", "report/rep_1", "--trust", trust, "--url", p.url, "--out", file, "--json")
	doc := object(t, r.stdout)
	if r.code != 0 || doc["state"] != "rolled" || doc["number"] != 1.0 || doc["id"] != "rep_1" || len(p.asked) != 1 || p.asked[0] != "/api/v1/documents/report/rep_1" {
		t.Errorf("from the desk: exit %d: %s%s; it asked %q", r.code, r.stdout, r.stderr, p.asked)
	}
	for _, args := range [][]string{{"ledger", "show", file, "--trust", trust}, {"warrant", "verify", file, "--trust", trust}} {
		r := command(t, p.dir, args...)
		if r.code != 0 || !strings.Contains(r.stdout, "rep_1") || !strings.Contains(r.stdout, "MisleadingSpam") {
			t.Errorf("%s: exit %d: %s%s", args[0], r.code, r.stdout, r.stderr)
		}
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	p.write(t, "proof.json", strings.Replace(string(raw), "MisleadingSpam", "MisleadingSpan", 1))
	for _, args := range [][]string{{"ledger", "show", file, "--trust", trust}, {"warrant", "verify", file, "--trust", trust}} {
		if r := command(t, p.dir, args...); r.code != 1 || !strings.Contains(r.stderr, "does not prove the document") {
			t.Errorf("altered, %s: exit %d: %s%s", args[0], r.code, r.stdout, r.stderr)
		}
	}
	p.answer = func() ([]byte, error) { return canonical.MustMarshal(p.proof(t, false)), nil }
	if r := command(t, p.dir, "ledger", "show", "report/rep_1", "--trust", trust, "--url", p.url); r.code != 0 || !strings.Contains(r.stdout, "waits for its roll") {
		t.Errorf("before its roll: exit %d: %s%s", r.code, r.stdout, r.stderr)
	}
}
