package incident_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/incident"
	"countersign.dev/ledger"
	"countersign.dev/ledger/proof"
	"countersign.dev/ledger/proof/prooftest"
	"countersign.dev/workforce"
)

// change walks a JSON document and gives each document with one part of it
// changed to visit: every text and number another one, every truth reversed,
// every member and element left out, doubled, and put in another's place.
func change(doc any, visit func(what string)) {
	var walk func(path string, v any, set func(any))
	try := func(what string, set func(any), v, old any) {
		set(v)
		visit(what)
		set(old)
	}
	walk = func(path string, v any, set func(any)) {
		switch v := v.(type) {
		case string:
			try(path+" flipped", set, flip(v), v)
			try(path+" emptied", set, "", v)
		case float64:
			try(path+" raised", set, v+1, v)
		case bool:
			try(path+" reversed", set, !v, v)
		case []any:
			for i := range v {
				less := slices.Delete(slices.Clone(v), i, i+1)
				try(fmt.Sprintf("%s[%d] left out", path, i), set, less, v)
				try(fmt.Sprintf("%s[%d] doubled", path, i), set, slices.Insert(slices.Clone(v), i, v[i]), v)
				if i > 0 {
					other := slices.Clone(v)
					other[i-1], other[i] = other[i], other[i-1]
					try(fmt.Sprintf("%s[%d] moved up", path, i), set, other, v)
				}
				walk(fmt.Sprintf("%s[%d]", path, i), v[i], func(x any) { v[i] = x })
			}
		case map[string]any:
			for _, name := range keys(v) {
				old := v[name]
				delete(v, name)
				visit(path + "." + name + " left out")
				v[name] = old
				walk(path+"."+name, old, func(x any) { v[name] = x })
			}
			v["zz"] = ""
			visit(path + " with a member more")
			delete(v, "zz")
		}
	}
	walk("", doc, func(any) {})
}

func keys(m map[string]any) []string {
	var all []string
	for k := range m {
		all = append(all, k)
	}
	slices.Sort(all)
	return all
}

// flip changes one character in the middle, so that what is read strictly is
// still well formed: a digit gives a digit, a letter a letter.
func flip(s string) string {
	if s == "" {
		return "x"
	}
	b := []byte(s)
	i := len(b) / 2
	switch c := b[i]; {
	case c >= '0' && c <= '8', c >= 'a' && c < 'z', c >= 'A' && c < 'Z':
		b[i]++
	case c == '9' || c == 'z' || c == 'Z':
		b[i]--
	default:
		b[i] = 'x'
	}
	return strings.ToValidUTF8(string(b), "x")
}

func decode(t testing.TB, raw []byte) any {
	t.Helper()
	var doc any
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

// TestEveryChangeIsFound changes each part of real bundles, in their one
// spelling, and demands a refusal of every one.
func TestEveryChangeIsFound(t *testing.T) {
	for name, play := range map[string]func(testing.TB) *evening{"breach": breached, "contested": contested} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := play(t)
			raw := e.bundle(true)
			doc := decode(t, raw)
			n, deep := 0, 0
			change(doc, func(what string) {
				// Of what lies inside entries, warrants and proofs some: their digests
				// are compared as a whole.
				if strings.Contains(what, ".body") || strings.HasPrefix(what, ".content.warrants[") || strings.HasPrefix(what, ".ledger.proofs[") {
					if deep++; deep%23 != 0 {
						return
					}
				}
				mutated, err := canonical.Marshal(doc)
				if err != nil {
					t.Fatal(err)
				}
				if bytes.Equal(mutated, raw) {
					return // an element doubled is the one beside it
				}
				n++
				if _, err := incident.Verify(mutated, e.trust()); err == nil {
					t.Errorf("%s: not found", what)
				} else if fault.As(err) == nil {
					t.Errorf("%s: %v is no fault", what, err)
				}
			})
			if again, err := canonical.Marshal(doc); err != nil || !bytes.Equal(again, raw) {
				t.Fatal("the document did not come back to what it was")
			}
			if n < 500 {
				t.Errorf("only %d changes were tried", n)
			}
			t.Logf("%d changes", n)
		})
	}
}

func TestEveryByteCounts(t *testing.T) {
	t.Parallel()
	e := breached(t)
	raw := e.bundle(false)
	for i := 0; i < len(raw); i += 211 {
		for _, c := range []byte{raw[i] ^ 1, raw[i] ^ 0x20} {
			mutated := bytes.Clone(raw)
			mutated[i] = c
			if _, err := incident.Verify(mutated, e.trust()); err == nil {
				t.Fatalf("byte %d as %q: not found", i, c)
			}
		}
	}
	for _, cut := range []int{0, 1, len(raw) / 2, len(raw) - 1} {
		if _, err := incident.Verify(raw[:cut], e.trust()); err == nil {
			t.Errorf("the first %d bytes hold", cut)
		}
	}
	if _, err := incident.Verify(append(bytes.Clone(raw), '\n'), e.trust()); err == nil {
		t.Error("a line feed more holds")
	}
}

// reported is the report in a content, to be changed in place.
func reported(t testing.TB, c *incident.Content, edit func(doc map[string]any)) {
	t.Helper()
	doc := decode(t, canonical.MustMarshal(c)).(map[string]any)
	edit(doc["report"].(map[string]any))
	raw, err := canonical.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	if err := canonical.Unmarshal(raw, c); err != nil {
		t.Fatal(err)
	}
}

type object = map[string]any

func lines(r object) []any { return r["timeline"].([]any) }

// lineOf is the first line of a step.
func lineOf(t testing.TB, r object, step incident.Step) object {
	t.Helper()
	for _, l := range lines(r) {
		if l.(object)["step"] == string(step) {
			return l.(object)
		}
	}
	t.Fatalf("no step %s", step)
	return nil
}

// TestLyingDesk has a desk that holds the log's key enter and seal a bundle that
// says something else than its entries.
func TestLyingDesk(t *testing.T) {
	without := func(c *incident.Content, is func(incident.Opened) bool) {
		c.Entries = slices.DeleteFunc(slices.Clone(c.Entries), is)
	}
	kind := func(k string) func(incident.Opened) bool {
		return func(o incident.Opened) bool { return bytes.Contains(o.Body, []byte(`"kind":"`+k+`","number"`)) }
	}
	for _, lie := range []struct {
		name string
		play func(testing.TB) *evening
		tell func(*testing.T, *evening, *incident.Content)
		want string // type of the refusal
	}{
		{"an earlier time", breached, func(t *testing.T, _ *evening, c *incident.Content) {
			reported(t, c, func(r object) { lineOf(t, r, incident.StepRestored)["at"] = "2026-11-23T09:50:46.006000Z" })
		}, "report-unsupported"},
		{"a breach of another layer", breached, func(t *testing.T, _ *evening, c *incident.Content) {
			reported(t, c, func(r object) { r["incident"].(object)["layer"] = "limit" })
		}, "report-unsupported"},
		{"an act in another layer", contested, func(t *testing.T, _ *evening, c *incident.Content) {
			reported(t, c, func(r object) { r["incident"].(object)["layer"] = "label:spam" })
		}, "report-unsupported"},
		{"a line of another layer", breached, func(t *testing.T, _ *evening, c *incident.Content) {
			reported(t, c, func(r object) { lineOf(t, r, incident.StepSeen)["layer"] = "limit" })
		}, "report-unsupported"},
		{"another text", breached, func(t *testing.T, _ *evening, c *incident.Content) {
			reported(t, c, func(r object) { lineOf(t, r, incident.StepSeen)["text"] = "Nothing happened." })
		}, "report-unsupported"},
		{"another person", contested, func(t *testing.T, _ *evening, c *incident.Content) {
			reported(t, c, func(r object) { lineOf(t, r, incident.StepAsked)["who"] = "ann" })
		}, "report-unsupported"},
		{"a line that claims the ledger", breached, func(t *testing.T, _ *evening, c *incident.Content) {
			reported(t, c, func(r object) {
				l := lineOf(t, r, incident.StepAlarmed)
				l["source"], l["entry"] = "ledger", lineOf(t, r, incident.StepSeen)["entry"]
			})
		}, "report-unsupported"},
		{"a line of an entry that is not there", breached, func(t *testing.T, _ *evening, c *incident.Content) {
			reported(t, c, func(r object) {
				l := lineOf(t, r, incident.StepAlarmed)
				l["source"], l["entry"] = "ledger", 4.0
			})
		}, "report-unsupported"},
		{"a told line with an entry", breached, func(t *testing.T, _ *evening, c *incident.Content) {
			reported(t, c, func(r object) { lineOf(t, r, incident.StepAlarmed)["entry"] = 17.0 })
		}, "report-unsupported"},
		{"a line left out", contested, func(t *testing.T, _ *evening, c *incident.Content) {
			reported(t, c, func(r object) { r["timeline"] = slices.Delete(lines(r), 1, 2) })
		}, "report-unsupported"},
		{"a line twice", contested, func(t *testing.T, _ *evening, c *incident.Content) {
			reported(t, c, func(r object) { r["timeline"] = slices.Insert(lines(r), 1, lines(r)[1]) })
		}, "report-unsupported"},
		{"out of order", contested, func(t *testing.T, _ *evening, c *incident.Content) {
			reported(t, c, func(r object) { l := lines(r); l[0], l[1] = l[1], l[0] })
		}, "report-unsupported"},
		{"asked by somebody else", contested, func(t *testing.T, _ *evening, c *incident.Content) {
			reported(t, c, func(r object) { r["attribution"].(object)["worker"] = "ann" })
		}, "report-unsupported"},
		{"of another vendor", contested, func(t *testing.T, _ *evening, c *incident.Content) {
			reported(t, c, func(r object) { r["attribution"].(object)["vendor"] = "acme" })
		}, "report-unsupported"},
		{"engaged until later", contested, func(t *testing.T, _ *evening, c *incident.Content) {
			reported(t, c, func(r object) { r["attribution"].(object)["last"] = "2027-11-24T05:39:46.000000Z" })
		}, "report-unsupported"},
		{"a signer less", contested, func(t *testing.T, _ *evening, c *incident.Content) {
			reported(t, c, func(r object) { a := r["attribution"].(object); a["signers"] = a["signers"].([]any)[1:] })
		}, "report-unsupported"},
		{"around the desk", contested, func(t *testing.T, _ *evening, c *incident.Content) {
			reported(t, c, func(r object) { r["attribution"].(object)["around"] = true })
		}, "report-unsupported"},
		{"not around the desk", breached, func(t *testing.T, _ *evening, c *incident.Content) {
			reported(t, c, func(r object) { r["attribution"].(object)["around"] = false })
		}, "report-unsupported"},
		{"down still", breached, func(t *testing.T, _ *evening, c *incident.Content) {
			reported(t, c, func(r object) { r["up"] = "" })
		}, "report-unsupported"},
		{"another credential", breached, func(t *testing.T, _ *evening, c *incident.Content) {
			reported(t, c, func(r object) { r["attribution"].(object)["credential"] = "staff token day-shift" })
		}, "report-unsupported"},
		{"why", breached, func(t *testing.T, _ *evening, c *incident.Content) {
			reported(t, c, func(r object) { r["attribution"].(object)["why"] = "Nobody knows." })
		}, "report-unsupported"},
		{"another subject", breached, func(t *testing.T, _ *evening, c *incident.Content) {
			reported(t, c, func(r object) { r["incident"].(object)["subject"].(object)["id"] = "acct/18" })
		}, "report-unsupported"},
		{"another handle", contested, func(t *testing.T, _ *evening, c *incident.Content) {
			reported(t, c, func(r object) { r["incident"].(object)["subject"].(object)["handle"] = "@18" })
		}, "report-unsupported"},
		{"a lower tier", breached, func(t *testing.T, _ *evening, c *incident.Content) {
			reported(t, c, func(r object) { r["incident"].(object)["tier"] = "protected" })
		}, "report-unsupported"},
		{"a lower tier of a request", contested, func(t *testing.T, _ *evening, c *incident.Content) {
			reported(t, c, func(r object) { r["incident"].(object)["tier"] = "standard" })
		}, "report-unsupported"},
		{"another breach", breached, func(t *testing.T, _ *evening, c *incident.Content) {
			reported(t, c, func(r object) { r["incident"].(object)["breach"] = "brc_01jd0000000000000000000018" })
		}, "report-unsupported"},
		{"another request", contested, func(t *testing.T, _ *evening, c *incident.Content) {
			reported(t, c, func(r object) { r["incident"].(object)["request"] = lines(r)[6].(object)["request"] })
		}, "report-unsupported"},
		{"no cause", breached, func(t *testing.T, _ *evening, c *incident.Content) {
			reported(t, c, func(r object) { r["incident"].(object)["cause"] = "weather" })
		}, "bad-bundle"},
		{"still open", contested, func(t *testing.T, _ *evening, c *incident.Content) {
			reported(t, c, func(r object) { r["incident"].(object)["status"] = "open" })
		}, "report-unsupported"},
		{"closed", breached, func(t *testing.T, _ *evening, c *incident.Content) {
			reported(t, c, func(r object) { r["incident"].(object)["status"] = "closed" })
		}, "report-unsupported"},
		{"other findings", contested, func(t *testing.T, _ *evening, c *incident.Content) {
			reported(t, c, func(r object) { r["incident"].(object)["findings"] = "All was well." })
		}, "report-unsupported"},
		{"closed earlier", contested, func(t *testing.T, _ *evening, c *incident.Content) {
			reported(t, c, func(r object) { r["incident"].(object)["closed"] = "2026-11-25T05:39:46.000000Z" })
		}, "report-unsupported"},
		{"another policy then", contested, func(t *testing.T, _ *evening, c *incident.Content) {
			reported(t, c, func(r object) {
				r["rulings"].([]any)[0].(object)["policy"] = canonical.Sum([]byte("another")).String()
			})
		}, "report-unsupported"},
		{"another policy today", breached, func(t *testing.T, _ *evening, c *incident.Content) {
			reported(t, c, func(r object) {
				r["rulings"].([]any)[1].(object)["policy"] = canonical.Sum([]byte("another")).String()
			})
		}, "report-unsupported"},
		{"openings in a bundle without", breached, func(t *testing.T, _ *evening, c *incident.Content) { c.Personal = false }, "bad-bundle"},
		{"an opening less", breached, func(t *testing.T, _ *evening, c *incident.Content) { c.Openings = nil }, "report-unsupported"},
		{"an opening twice", breached, func(t *testing.T, _ *evening, c *incident.Content) {
			c.Openings = slices.Insert(slices.Clone(c.Openings), 1, c.Openings[0])
		}, "bad-bundle"},
		{"an opening of something else", breached, func(t *testing.T, _ *evening, c *incident.Content) {
			c.Openings = slices.Clone(c.Openings)
			c.Openings[0].Opening.Value = canonical.Raw(`"plaza:acct/18"`)
		}, "bad-opening"},
		{"without the record of the breach", breached, func(t *testing.T, _ *evening, c *incident.Content) {
			without(c, kind("breach"))
		}, "bad-opening"},
		{"without a countersignature", contested, func(t *testing.T, _ *evening, c *incident.Content) {
			at := slices.IndexFunc(c.Entries, kind("countersign"))
			gone := c.Entries[at].Index
			c.Entries = slices.Delete(slices.Clone(c.Entries), at, at+1)
			reported(t, c, func(r object) {
				r["timeline"] = slices.DeleteFunc(lines(r), func(l any) bool { return l.(object)["entry"] == float64(gone) })
				a := r["attribution"].(object)
				a["signers"] = a["signers"].([]any)[1:]
				a["why"] = strings.Replace(a["why"].(string), "kim and sue", "sue", 1)
			})
		}, "report-unsupported"},
		{"a request beside the breach", breached, func(t *testing.T, _ *evening, c *incident.Content) {
			reported(t, c, func(r object) { r["incident"].(object)["request"] = "req_01jd0000000000000000000003" })
		}, "report-unsupported"},
		{"without the request", contested, func(t *testing.T, _ *evening, c *incident.Content) { c.Openings = nil; without(c, kind("request")) }, "bad-bundle"},
		{"without entry 0", breached, func(t *testing.T, _ *evening, c *incident.Content) { c.Entries = c.Entries[1:] }, "foreign-desk"},
		{"without a governance entry", breached, func(t *testing.T, _ *evening, c *incident.Content) {
			c.Entries = slices.Delete(slices.Clone(c.Entries), 5, 6)
		}, "broken-chain"},
		{"without the review", contested, func(t *testing.T, _ *evening, c *incident.Content) {
			without(c, kind("desk.review"))
			reported(t, c, func(r object) { r["timeline"] = lines(r)[:len(lines(r))-1] })
		}, "report-unsupported"},
		{"without a row of an admission", breached, func(t *testing.T, _ *evening, c *incident.Content) {
			at := slices.IndexFunc(c.Entries, kind("row"))
			c.Entries = slices.Delete(slices.Clone(c.Entries), at, at+1)
		}, "broken-chain"},
		{"entries in another order", breached, func(t *testing.T, _ *evening, c *incident.Content) {
			c.Entries = slices.Clone(c.Entries)
			c.Entries[3], c.Entries[4] = c.Entries[4], c.Entries[3]
		}, "bad-bundle"},
		{"an entry twice", breached, func(t *testing.T, _ *evening, c *incident.Content) {
			c.Entries = slices.Insert(slices.Clone(c.Entries), 4, c.Entries[4])
		}, "bad-bundle"},
		{"a warrant twice", contested, func(t *testing.T, _ *evening, c *incident.Content) {
			c.Warrants = []canonical.Raw{c.Warrants[0], c.Warrants[0]}
		}, "bad-bundle"},
		{"warrants in another order", contested, func(t *testing.T, _ *evening, c *incident.Content) {
			c.Warrants = []canonical.Raw{c.Warrants[1], c.Warrants[0]}
		}, "bad-bundle"},
		{"a record that the executor did not sign", breached, func(t *testing.T, e *evening, c *incident.Content) {
			at := slices.IndexFunc(c.Entries, kind("receipt"))
			var forged proof.SignedExecution
			body, err := ledger.ParseBody(c.Entries[at].Body)
			if err != nil {
				t.Fatal(err)
			}
			if err := canonical.UnmarshalExact(body.Data, &forged); err != nil {
				t.Fatal(err)
			}
			forged.Execution.At = canonical.At(forged.Execution.At.Add(-10 * time.Millisecond))
			forged.Execution.Sequence = 99
			x := e.Append(forged.Draft())[0]
			c.Entries = append(slices.Clone(c.Entries), incident.Opened{Index: x.Index, Body: x.BodyBytes, Salt: x.Salt})
		}, "bad-signature"},
		{"a record of an executor that nobody trusts", breached, func(t *testing.T, e *evening, c *incident.Content) {
			s := proof.Execution{V: proof.ExecutionV1, Executor: prooftest.ExecutorID, Sequence: 99, Kind: proof.KindReceipt, Duty: proof.DutyAct, Request: "req_x",
				Nonce: nonce, At: canonical.At(e.Now()), Outcome: proof.Executed}.Sign(prooftest.Found(t, prooftest.Options{Seed: 7}).ExecutorKey)
			x := e.Append(s.Draft())[0]
			c.Entries = append(slices.Clone(c.Entries), incident.Opened{Index: x.Index, Body: x.BodyBytes, Salt: x.Salt})
		}, "bad-signature"},
		{"a statement with another's signature", contested, func(t *testing.T, e *evening, c *incident.Content) {
			r := e.Request("ann", actions.AccountTakedown, subject, actions.Critical)
			r.Signed.Signature = e.Statement(r, "abe", actions.VerdictRequest).Signature
			forge(t, e, c, e.asking(r, actions.StatusHeld, actions.Need{}))
		}, "bad-signature"},
		{"a statement by somebody else's key", contested, func(t *testing.T, e *evening, c *incident.Content) {
			r := e.Request("ann", actions.AccountTakedown, subject, actions.Critical)
			r.Signed = e.Statement(r, "ann", actions.VerdictRequest, func(s *actions.Statement) { s.Key = e.PublicKey("abe").ID() })
			forge(t, e, c, e.asking(r, actions.StatusHeld, actions.Need{}))
		}, "unknown-key"},
		{"a statement by a revoked key", contested, func(t *testing.T, e *evening, c *incident.Content) {
			r := e.Request("ann", actions.AccountTakedown, subject, actions.Critical)
			revoked := e.Revoke("ann")
			c.Entries = append(slices.Clone(c.Entries), incident.Opened{Index: revoked.Index, Body: revoked.BodyBytes, Salt: revoked.Salt})
			forge(t, e, c, e.asking(r, actions.StatusHeld, actions.Need{}))
		}, "revoked-key"},
		{"a request that was made twice", contested, func(t *testing.T, e *evening, c *incident.Content) { repeat(t, e, c, kind("request")) }, "expired"}, // when it comes again,
		{"a warrant that was entered twice", contested, func(t *testing.T, e *evening, c *incident.Content) { repeat(t, e, c, kind("warrant")) }, "bad-bundle"},
		{"a breach that was recorded twice", breached, func(t *testing.T, e *evening, c *incident.Content) { repeat(t, e, c, kind("breach")) }, "bad-bundle"},
		{"a request that passes for a countersignature", contested, func(t *testing.T, e *evening, c *incident.Content) {
			r := e.Request("ann", actions.AccountTakedown, subject, actions.Critical)
			x := e.Append(ledger.Draft{Class: ledger.Desk, Kind: "countersign", Data: e.answer(r, r.Signed), Expect: ledger.AnyNumber})[0]
			c.Entries = append(slices.Clone(c.Entries), incident.Opened{Index: x.Index, Body: x.BodyBytes, Salt: x.Salt})
		}, "bad-entry"},
		{"a statement about another request", contested, func(t *testing.T, e *evening, c *incident.Content) {
			r := e.Request("ann", actions.AccountTakedown, subject, actions.Critical)
			about := e.asking(r, actions.StatusHeld, actions.Need{})
			about.Request = "req_01jd0000000000000000000099"
			forge(t, e, c, about)
		}, "bad-entry"},
	} {
		t.Run(lie.name, func(t *testing.T) {
			t.Parallel()
			e := lie.play(t)
			c := e.content(true)
			lie.tell(t, e, &c)
			if _, err := incident.Verify(e.seal(c), e.trust()); !fault.Is(err, lie.want) {
				t.Errorf("%s: %v (%s), want %s", lie.name, err, fault.TypeOf(err), lie.want)
			}
		})
	}
}

// repeat enters what an entry says once more.
func repeat(t *testing.T, e *evening, c *incident.Content, is func(incident.Opened) bool) {
	t.Helper()
	body, err := ledger.ParseBody(c.Entries[slices.IndexFunc(c.Entries, is)].Body)
	if err != nil {
		t.Fatal(err)
	}
	x := e.Append(ledger.Draft{Class: body.Class, Kind: body.Kind, Data: body.Data, Expect: ledger.AnyNumber})[0]
	c.Entries = append(slices.Clone(c.Entries), incident.Opened{Index: x.Index, Body: x.BodyBytes, Salt: x.Salt})
}

func forge(t *testing.T, e *evening, c *incident.Content, data any) {
	t.Helper()
	x := e.Append(ledger.Draft{Class: ledger.Desk, Kind: "request", Data: data, Expect: ledger.AnyNumber})[0]
	c.Entries = append(slices.Clone(c.Entries), incident.Opened{Index: x.Index, Body: x.BodyBytes, Salt: x.Salt})
}

// TestForgedWarrant has a desk enter a warrant for which too few signed.
func TestForgedWarrant(t *testing.T) {
	t.Parallel()
	e := begin(t)
	r := e.Request("bob", actions.AccountTakedown, subject, actions.Critical)
	e.entry("request", e.asking(r, actions.StatusHeld, actions.Need{}),
		map[string]string{"subject": subject.String(), "handle": subject.Handle})
	e.warrants = append(e.warrants, e.Forge(r))
	e.newest()
	e.report = incident.Report{Incident: incident.Incident{ID: inc, Status: incident.Open, Cause: incident.Contested, Request: r.ID, Subject: subject, Tier: actions.Critical, By: "ole"},
		Attribution: incident.Attribution{Worker: "bob", Key: e.PublicKey("bob").ID()}}
	if _, err := incident.Verify(e.bundle(true), e.trust()); err == nil {
		t.Error("a forged warrant holds")
	}
	// Without the warrant its entry is only told of; nothing was done on it.
	v, err := incident.Verify(e.bundle(false), e.trust())
	if err != nil {
		t.Fatal(err)
	}
	if slices.ContainsFunc(v.Claims, func(c incident.Claim) bool { return strings.Contains(c.What, "authorised") }) {
		t.Error("an act that was not done was called authorised")
	}
}

// TestActWithoutWarrant has the executor act on a warrant that the ledger does
// not hold: the bundle holds, and says that it is not proven.
func TestActWithoutWarrant(t *testing.T) {
	t.Parallel()
	e := contested(t)
	request := e.report.Incident.Request
	e.record(proof.Execution{Kind: proof.KindReceipt, Duty: proof.DutyAct, Request: request, Nonce: nonce, Warrant: canonical.Sum([]byte("another")), Outcome: proof.Executed})
	v, err := incident.Verify(e.bundle(false), e.trust())
	if err != nil {
		t.Fatal(err)
	}
	var not, are int
	for _, c := range v.Claims {
		if strings.HasSuffix(c.What, "was authorised") {
			if c.Proven {
				are++
			} else {
				not++
			}
		}
	}
	if not != 1 || are != 2 {
		t.Errorf("%d acts authorised and %d not, want 2 and 1: %v", are, not, v.Claims)
	}
}

func TestForeign(t *testing.T) {
	t.Parallel()
	e := breached(t)
	raw := e.bundle(false)
	if _, err := incident.Verify(raw, proof.Trust{Root: canonical.Sum([]byte("another"))}); !fault.Is(err, "foreign-desk") {
		t.Errorf("another entry 0: %v", err)
	}
	if _, err := incident.Verify(raw, proof.Trust{}); err == nil {
		t.Error("no entry 0 trusted: holds")
	}
	// Another log signs the same tree.
	var b incident.Bundle
	if err := canonical.Unmarshal(raw, &b); err != nil {
		t.Fatal(err)
	}
	cp, err := ledger.ParseCheckpoint([]byte(b.Ledger.Checkpoint), e.LogKey().Verifier())
	if err != nil {
		t.Fatal(err)
	}
	other := prooftest.Found(t, prooftest.Options{Seed: 9})
	signed, err := cp.Checkpoint.Sign(other.LogKey())
	if err != nil {
		t.Fatal(err)
	}
	b.Ledger.Checkpoint = string(signed)
	if _, err := incident.Verify(canonical.MustMarshal(b), e.trust()); !fault.Is(err, "checkpoint-unverified") {
		t.Errorf("another log's signature: %v", err)
	}
	// A quorum of witnesses that never saw it.
	trust, err := ledger.ParseTrust([]byte("log " + e.LogKey().VerifierKey() + "\nquorum none\n"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := incident.Verify(raw, proof.Trust{Root: e.Root, Quorum: trust}); err != nil {
		t.Errorf("a policy without witnesses: %v", err)
	}
}

// TestProofs changes what proves a content, which its seal does not commit to.
func TestProofs(t *testing.T) {
	t.Parallel()
	e := breached(t)
	raw := e.bundle(false)
	other := prooftest.Found(t, prooftest.Options{Seed: 9})
	for what, edit := range map[string]func(*incident.Bundle){
		"a proof less":  func(b *incident.Bundle) { b.Ledger.Proofs = b.Ledger.Proofs[1:] },
		"a proof more":  func(b *incident.Bundle) { b.Ledger.Proofs = append(b.Ledger.Proofs, b.Ledger.Proofs[0]) },
		"other order":   func(b *incident.Bundle) { p := b.Ledger.Proofs; p[2], p[3] = p[3], p[2] },
		"another place": func(b *incident.Bundle) { b.Ledger.Proofs[4].Index++ },
		"a stranger's signature": func(b *incident.Bundle) {
			cp := ledger.Checkpoint{Origin: other.Origin, Size: 1}
			signed, err := cp.Sign(other.LogKey())
			if err != nil {
				t.Fatal(err)
			}
			_, lines, _ := strings.Cut(string(signed), "\n\n")
			b.Ledger.Checkpoint += lines
		},
		"sealed by another entry": func(b *incident.Bundle) {
			last := b.Content.Entries[len(b.Content.Entries)-1]
			b.Ledger.Seal = incident.Seal{Body: last.Body, Salt: last.Salt, Proof: b.Ledger.Proofs[len(b.Ledger.Proofs)-1]}
		},
	} {
		var b incident.Bundle
		if err := canonical.Unmarshal(raw, &b); err != nil {
			t.Fatal(err)
		}
		edit(&b)
		if _, err := incident.Verify(canonical.MustMarshal(b), e.trust()); fault.As(err) == nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	// An entry that claims another place than the one that is proven, and is sealed
	// so: what is before and after it would be another.
	c := e.content(false)
	places := c.Indexes()
	last := len(c.Entries) - 1
	c.Entries[last].Index++
	reported(t, &c, func(r object) {
		for _, l := range lines(r) {
			if l := l.(object); l["entry"] == float64(places[last]) {
				l["entry"] = float64(places[last] + 1)
			}
		}
	})
	if _, err := incident.Verify(e.sealAt(c, places), e.trust()); !fault.Is(err, "bad-bundle") {
		t.Errorf("another place: %v", err)
	}
}

// TestWarrantOfAFork has the log's key keep two ledgers that differ in one salt,
// and puts the one's warrant beside the other's entries.
func TestWarrantOfAFork(t *testing.T) {
	t.Parallel()
	e, fork := contested(t), contestedIn(t, func(f *evening) { f.NewRequestID() })
	if e.report.Incident.Request != fork.report.Incident.Request || bytes.Equal(e.warrants[0], fork.warrants[0]) {
		t.Fatal("these are not two ledgers of one request")
	}
	if _, err := proof.Verify(fork.warrants[0], e.trust()); err != nil {
		t.Fatalf("the fork's warrant does not hold by itself: %v", err)
	}
	e.warrants[0] = fork.warrants[0]
	if _, err := incident.Verify(e.bundle(true), e.trust()); !fault.Is(err, "bad-bundle") {
		t.Errorf("the warrant of a fork: %v", err)
	}
}

// TestHalfAnAdmission leaves out the last rows of an admission at the chain's end.
func TestHalfAnAdmission(t *testing.T) {
	t.Parallel()
	e := breached(t)
	e.Admit(workforce.Record{Worker: "uma", Roles: []workforce.Role{workforce.Lead}, Start: canonical.At(e.Now())},
		workforce.Record{Worker: "vic", Roles: []workforce.Role{workforce.Lead}, Start: canonical.At(e.Now())})
	g := e.gathered(false)
	last := len(g.Entries) - 1
	if _, err := incident.Prepare(g, e.Root); err != nil {
		t.Fatal(err)
	}
	c := e.content(false)
	c.Entries = c.Entries[:last]
	if _, err := incident.Verify(e.seal(c), e.trust()); !fault.Is(err, "broken-chain") {
		t.Errorf("half an admission: %v", err)
	}
}

// TestPrepareRefuses: a desk whose rows say otherwise than its entries makes no bundle.
func TestPrepareRefuses(t *testing.T) {
	t.Parallel()
	for what, edit := range map[string]func(*incident.Report){
		"another worker":  func(r *incident.Report) { r.Attribution.Worker = "ann" },
		"another key":     func(r *incident.Report) { r.Attribution.Key = "key_x" },
		"around":          func(r *incident.Report) { r.Attribution.Around = true },
		"no such entry":   func(r *incident.Report) { r.Timeline[0].Entry = 3_000 },
		"no such request": func(r *incident.Report) { r.Incident.Request = "req_x" },
		"no such breach":  func(r *incident.Report) { r.Incident.Cause = incident.Breach },
	} {
		e := contested(t)
		edit(&e.report)
		if _, err := incident.Prepare(e.gathered(true), e.Root); !fault.Is(err, "report-unsupported") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestBounds(t *testing.T) {
	t.Parallel()
	e := breached(t)
	if _, err := incident.Verify(make([]byte, incident.MaxBundle+1), e.trust()); fault.KindOf(err) != fault.TooLarge {
		t.Errorf("a bundle that is too large: %v", err)
	}
	deep := []byte(`{"content":{"entries":` + strings.Repeat("[", 1<<20))
	if _, err := incident.Verify(deep, e.trust()); err == nil {
		t.Error("a deep document holds")
	}
	var b incident.Bundle
	if err := canonical.Unmarshal(e.bundle(false), &b); err != nil {
		t.Fatal(err)
	}
	b.Content.Entries = slices.Repeat([]incident.Opened{{Body: canonical.Raw("{}")}}, incident.MaxEntries+1)
	if _, err := incident.Verify(canonical.MustMarshal(b), e.trust()); fault.KindOf(err) != fault.TooLarge {
		t.Errorf("too many entries: %v", err)
	}
}

// FuzzVerify edits a good bundle: what verifies is one of those that were made. The
// input is the edit and not the bundle, so that minimising one costs little.
func FuzzVerify(f *testing.F) {
	e := breached(f)
	plain, personal := e.bundle(false), e.bundle(true)
	f.Add(false, uint32(0), uint32(0), []byte{})
	f.Add(true, uint32(0), uint32(0), []byte{})
	f.Add(false, uint32(0), uint32(1<<30), []byte(`{}`))
	f.Fuzz(func(t *testing.T, second bool, at, cut uint32, put []byte) {
		raw := plain
		if second {
			raw = personal
		}
		from := min(int(at), len(raw))
		raw = slices.Concat(raw[:from], put, raw[from+min(int(cut), len(raw)-from):])
		_, err := incident.Verify(raw, e.trust())
		if err != nil {
			if fault.As(err) == nil {
				t.Errorf("%v is no fault", err)
			}
			return
		}
		if !bytes.Equal(raw, plain) && !bytes.Equal(raw, personal) {
			t.Errorf("%q holds", raw)
		}
	})
}
