package desk_test

import (
	"strings"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/desk/acts"
	"countersign.dev/desk/desktest"
	"countersign.dev/fault"
	"countersign.dev/store"
	"countersign.dev/workforce"
)

// replace changes one place of a text.
func replace(t *testing.T, text, old, fresh string) string {
	t.Helper()
	if !strings.Contains(text, old) {
		t.Fatalf("the text has no %q", old)
	}
	return strings.Replace(text, old, fresh, 1)
}

func refusedFor(t *testing.T, err error, typ, what string) {
	t.Helper()
	f := fault.As(err)
	if f == nil || f.Type != typ || !strings.Contains(f.Error(), what) {
		t.Errorf("got %v, want %s about %q", err, typ, what)
	}
}

// TestSetsInForce: a set is in force once three officers have signed for it, at this node
// and at another one, and a set that replaces it is the one that is read from then on.
func TestSetsInForce(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		w := desktest.New(t, o)
		w.Staff()
		other := w.Node(o)
		state := func(w *desktest.World) (*cases.RuleSet, *cases.QueueSet, error) {
			s, err := w.State(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			r, err := w.Rules(t.Context(), s)
			if err != nil {
				return r, nil, err
			}
			q, err := w.Queues(t.Context(), s)
			return r, q, err
		}
		_, _, err := state(w)
		refusedFor(t, err, "no-rules", "rule propose")

		text := cases.DefaultRules()
		digest := actions.DigestOfText(text)
		put, err := w.PutText(t.Context(), desktest.As("ada"), actions.PartRules, text)
		if err != nil || put.Digest != digest {
			t.Fatalf("put %v, %v", put.Digest, err)
		}
		if again, err := w.PutText(t.Context(), desktest.As("bea"), actions.PartRules, text); err != nil || again.Worker != "ada" {
			t.Errorf("the same text again is %s's: %v", again.Worker, err)
		}
		r := w.Request("ada", acts.Wish{Kind: actions.DeskChange, Change: w.Naming(actions.PartRules, text, "", "")})
		r = w.Countersign(r.ID, "bea")
		if _, _, err := state(w); r.Status != actions.StatusHeld || fault.TypeOf(err) != "no-rules" {
			t.Fatalf("with two signatures the request is %s: %v", r.Status, err)
		}
		if r = w.Countersign(r.ID, "cem"); r.Status != actions.StatusExecuted {
			t.Fatalf("with three signatures the request is %s", r.Status)
		}
		_, _, err = state(w)
		refusedFor(t, err, "no-queues", "queue propose")
		w.Adopt(actions.PartQueues, cases.DefaultQueues())
		for _, w := range []*desktest.World{w, other} {
			rules, queues, err := state(w)
			if err != nil || len(rules.Rules) != 12 || len(queues.Queues) != 6 {
				t.Fatal(err)
			}
		}

		newer := replace(t, text, `"retired": []`, `"retired": [77]`)
		w.Adopt(actions.PartRules, newer)
		for _, w := range []*desktest.World{w, other} {
			if rules, _, err := state(w); err != nil || len(rules.Retired) != 1 {
				t.Errorf("the set of before is read: %v", err)
			}
		}
		named, read, err := w.InForce(t.Context(), desktest.As("ann"), actions.PartRules)
		if err != nil || named.Digest != actions.DigestOfText(newer) || named.Replaces != digest || read.Body != newer {
			t.Errorf("in force is %+v, %v", named, err)
		}
		if _, read, err := w.InForce(t.Context(), desktest.As("ann"), actions.PartQueues); err != nil || read.Body != cases.DefaultQueues() {
			t.Error(err)
		}
		if got, err := w.Text(t.Context(), desktest.As("ann"), digest); err != nil || got.Body != text {
			t.Errorf("the text of before is gone: %v", err)
		}
	})
}

// TestSetsRefused: what cannot be put in force is refused when it is put to the desk, when a
// change that names it is drafted and when it is handed in; the set of before stays.
func TestSetsRefused(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		w := desktest.New(t, o)
		w.Staff()
		put := func(by workforce.WorkerID, part, text string) error {
			_, err := w.PutText(t.Context(), desktest.As(by), part, text)
			return err
		}
		draft := func(c actions.Setting) error {
			_, err := w.Draft(t.Context(), desktest.As("ada"), acts.Wish{Kind: actions.DeskChange, Change: c, Reason: "test"})
			return err
		}
		rules, queues := cases.DefaultRules(), cases.DefaultQueues()
		refusedFor(t, put("ada", "policy", rules), "bad-text", "parts rules, queues, hashes")
		refusedFor(t, put("ada", actions.PartRules, "{"), "bad-rules", "rules.json:1")
		refusedFor(t, put("ada", actions.PartRules, strings.Repeat(" ", actions.MaxTextSize+1)), "text-too-large", "")
		refusedFor(t, put("ada", actions.PartQueues, queues), "no-rules", "rule propose")
		refusedFor(t, put("ann", actions.PartRules, rules), "not-yours-to-change", "ann")
		refusedFor(t, put("dan", actions.PartHashes, strings.Repeat("ab", 32)+"\n"), "not-yours-to-change", "dan")
		refusedFor(t, put("nobody", actions.PartRules, rules), "engagement-ended", "nobody")
		refusedFor(t, draft(w.Naming(actions.PartRules, rules, "", "")), "no-text", actions.DigestOfText(rules).String())

		w.OpenCasework()
		const first = `"number": 1,
      "title": {
        "en": "Spam and false accounts",`
		changed := replace(t, rules, first, strings.Replace(first, "Spam and", "Spam, and", 1))
		refusedFor(t, put("ada", actions.PartRules, changed), "bad-rules", "rules.json:6 rule 1: its title is another one than in the set in force; a changed rule is a new rule: give it the number 13, and put 1 into retired")
		milder := replace(t, rules, `"severity": "low"`, `"severity": "medium"`)
		refusedFor(t, put("ada", actions.PartRules, milder), "bad-rules", "its severity is another one")
		renumbered := replace(t, rules, `"number": 12`, `"number": 13`)
		refusedFor(t, put("ada", actions.PartRules, renumbered), "bad-rules", "rule 12: it is in force and left out here")
		retired := replace(t, renumbered, `"retired": []`, `"retired": [12]`)
		refusedFor(t, put("ada", actions.PartRules, retired), "queues-need-rule", "the key 8 of the queue german chooses rule 12")

		// A queue set without the rule, then the rule set without it.
		without := strings.ReplaceAll(strings.ReplaceAll(queues, `, "8": 12`, ""), `, "6": 12`, "")
		w.Adopt(actions.PartQueues, without)
		w.Adopt(actions.PartRules, retired)
		back := replace(t, retired, `"number": 13`, `"number": 12`)
		refusedFor(t, put("ada", actions.PartRules, replace(t, back, `"retired": [12]`, `"retired": [13]`)), "bad-rules", "rule 12: the number was retired, and a retired number never comes back; give the rule the number 14")
		refusedFor(t, put("ada", actions.PartRules, replace(t, back, `"retired": [12]`, `"retired": []`)), "bad-rules", "rule 13: it is in force and left out")
		refusedFor(t, put("ada", actions.PartRules, replace(t, retired, `"retired": [12]`, `"retired": []`)), "bad-rules", "rule 12: the number is retired in the set in force")
		refusedFor(t, put("ada", actions.PartQueues, queues), "bad-queues", "which is not in the rule set")
		badTest := replace(t, without, `"reasons": ["SelfHarmContent"], "queue": "high"`, `"reasons": ["SelfHarmContent"], "queue": "spam"`)
		refusedFor(t, put("ada", actions.PartQueues, badTest), "bad-queues", "the case waits in the queue high, and the test says spam")

		// A client that does not ask for a draft, and names a text that was never checked
		// against the set in force: the rules of the beginning.
		refusedFor(t, draft(w.Naming(actions.PartRules, rules, "", "")), "bad-rules", "rule 12")
		c := w.Naming(actions.PartRules, retired, "", "")
		refusedFor(t, draft(c), "bad-action", "not itself")
		newest := replace(t, retired, `"retired": [12]`, `"retired": [12, 99]`)
		if err := put("ada", actions.PartRules, newest); err != nil {
			t.Fatal(err)
		}
		wrong := w.Naming(actions.PartRules, newest, "", "")
		wrong.Rules.Size++
		refusedFor(t, draft(wrong), "bad-action", "bytes")
		sub := submission(t, &desktest.Town{World: w}, "ada", acts.Wish{Kind: actions.DeskChange, Change: w.Naming(actions.PartRules, newest, "", "")})
		w.Adopt(actions.PartRules, replace(t, retired, `"retired": [12]`, `"retired": [12, 98]`))
		_, err := w.Desk.Request(t.Context(), desktest.As("ada"), sub)
		refusedFor(t, err, "wrong-state", "compared with another text")
	})
}

// TestHashLists: a list is governed like a set, by its name; only readers of evidence see
// it.
func TestHashLists(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		w := desktest.New(t, o)
		w.Staff()
		a, b := canonical.Sum([]byte("a")), canonical.Sum([]byte("b"))
		line := func(d canonical.Digest) string { return strings.TrimPrefix(d.String(), "sha256:") + "\n" }
		list := func(text string) *cases.HashList {
			l, err := cases.ReadHashes(text)
			if err != nil {
				t.Fatal(err)
			}
			return l
		}
		both := list(line(a) + line(b)).Text()
		_, err := w.PutText(t.Context(), desktest.As("ada"), actions.PartHashes, strings.ToUpper(both))
		refusedFor(t, err, "bad-hashes", "sorted, each once")
		if _, err := w.PutText(t.Context(), desktest.As("ada"), actions.PartHashes, both); err != nil {
			t.Fatal(err)
		}
		w.Change(actions.DeskChange, w.Naming(actions.PartHashes, both, "abuse", "The hotline"))
		s, err := w.State(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		lists, err := w.Hashes(t.Context(), s)
		if err != nil || !lists["abuse"].Has(a) || !lists["abuse"].Has(b) || lists["abuse"].Has(canonical.Sum([]byte("c"))) {
			t.Fatalf("the list has %v, %v", lists["abuse"], err)
		}
		digest := actions.DigestOfText(both)
		_, err = w.Text(t.Context(), desktest.As("ann"), digest)
		refusedFor(t, err, "not-yours-to-read", "Lists of hashes")
		if got, err := w.Text(t.Context(), desktest.As("ada"), digest); err != nil || got.Body != both {
			t.Errorf("an officer does not read the list: %v", err)
		}
		if in, err := w.HashesInForce(t.Context(), desktest.As("ann")); err != nil || in["abuse"].Source != "The hotline" {
			t.Errorf("in force is %v, %v", in, err)
		}
		w.Change(actions.DeskChange, actions.Setting{Of: actions.PartHashes, Hashes: &actions.Text{Name: "abuse", Replaces: digest}})
		if in, err := w.HashesInForce(t.Context(), desktest.As("ann")); err != nil || len(in) != 0 {
			t.Errorf("after its end in force is %v, %v", in, err)
		}
	})
}

// TestTextEdited: bytes that somebody edited in the database are not believed, and the
// same text put there again puts them right.
func TestTextEdited(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		w := desktest.New(t, o)
		w.Staff()
		text := cases.DefaultRules()
		if _, err := w.PutText(t.Context(), desktest.As("ada"), actions.PartRules, text); err != nil {
			t.Fatal(err)
		}
		c := w.Naming(actions.PartRules, text, "", "")
		r := w.Request("ada", acts.Wish{Kind: actions.DeskChange, Change: c})
		r = w.Countersign(r.ID, "bea")
		edit := func(body string) {
			t.Helper()
			if err := w.Store.Write(t.Context(), func(tx *store.Tx) error {
				_, err := tx.Exec(`update text set body = $1`, []byte(body))
				return err
			}); err != nil {
				t.Fatal(err)
			}
		}
		edit(strings.Replace(text, `"highest"`, `"low"`, 1))
		_, err := w.TryCountersign("cem", r.ID)
		refusedFor(t, err, "text-edited", "edited it")
		if _, err := w.PutText(t.Context(), desktest.As("bea"), actions.PartRules, text); err != nil {
			t.Fatal(err)
		}
		if r = w.Countersign(r.ID, "cem"); r.Status != actions.StatusExecuted {
			t.Errorf("the request is %s", r.Status)
		}
	})
}

// TestTextsPerHour: the texts that one person puts to the desk are bounded.
func TestTextsPerHour(t *testing.T) {
	w := desktest.New(t, desktest.Options{})
	w.Staff()
	w.Clock().Hold()
	put := func(i int) error {
		l, err := cases.ReadHashes(strings.TrimPrefix(canonical.DigestOf(i).String(), "sha256:"))
		if err != nil {
			t.Fatal(err)
		}
		_, err = w.PutText(t.Context(), desktest.As("ada"), actions.PartHashes, l.Text())
		return err
	}
	for i := range 60 {
		if err := put(i); err != nil {
			t.Fatal(err)
		}
	}
	refusedFor(t, put(60), "budget-spent", "60 texts an hour")
	if err := put(59); err != nil {
		t.Errorf("a text that is there: %v", err)
	}
	w.Clock().Advance(time.Hour)
	if err := put(60); err != nil {
		t.Error(err)
	}
}
