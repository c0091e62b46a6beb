package desk_test

import (
	databasesql "database/sql"
	"strings"
	"testing"

	_ "modernc.org/sqlite"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/desk/acts"
	"countersign.dev/desk/desktest"
	"countersign.dev/ledger/proof"
)

// A desk is founded once, by a statement that every officer signed, for its own
// ledger.
func TestFounding(t *testing.T) {
	w := desktest.New(t, desktest.Options{})
	s, err := w.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	entries, err := w.Store.Governance(t.Context(), 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	var c proof.Closed
	if err := canonical.UnmarshalExact(entries[0].Body.Data, &c); err != nil {
		t.Fatal(err)
	}
	_, err = w.Found(t.Context(), c)
	refused(t, err, "already-founded")
	c.Signatures = c.Signatures[1:]
	_, err = w.Found(t.Context(), c)
	refused(t, err, "bad-founding")
	c.Founding.Origin = "other.example.com/ledger"
	c.Signatures = nil
	for _, id := range w.Officers {
		c.Signatures = append(c.Signatures, w.Sign(id, c.Founding.Challenge()))
	}
	_, err = w.Found(t.Context(), c)
	refused(t, err, "bad-founding")
	if after, err := w.State(t.Context()); err != nil || after.Next != s.Next {
		t.Errorf("the chain grew from %d to %d, %v", s.Next, after.Next, err)
	}
}

// What a desk knows of people it reads back from the ledger, so a restarted one
// knows the same.
func TestRestart(t *testing.T) {
	w := desktest.New(t, desktest.Options{})
	w.Staff()
	before, err := w.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Store.Close(); err != nil {
		t.Fatal(err)
	}
	w.Open(desktest.Options{})
	after, err := w.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if after.Next != before.Next || after.Head != before.Head || len(after.People.Keys()) != len(before.People.Keys()) {
		t.Errorf("it knew %d entries and %d keys, now %d and %d", before.Next, len(before.People.Keys()), after.Next, len(after.People.Keys()))
	}
	if r := w.Request("ada", acts.Wish{Kind: actions.DeskEngagement, Change: actions.Engagement{Op: "end", Worker: "dan"}}); r.Status != actions.StatusExecuted {
		t.Errorf("after the restart, ending an engagement is %s", r.Status)
	}
}

// The database's administrator makes a friend an officer. Triggers are no
// obstacle to an administrator; the leaf is.
func TestEditedChainIsRefused(t *testing.T) {
	w := desktest.New(t, desktest.Options{})
	w.Staff()
	if err := w.Store.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := databasesql.Open("sqlite", strings.TrimPrefix(w.URL, "sqlite:"))
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range []string{
		`drop trigger ledger_body_is_not_changed`,
		`update ledger_body set body = replace(cast(body as text), '"roles":["agent"]', '"roles":["officer"]') where cast(body as text) like '%"worker":"dan"%'`,
	} {
		if _, err := db.Exec(q); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if err := w.TryOpen(desktest.Options{}); err == nil {
		t.Error("the desk opened on an edited governance chain")
	} else if !strings.Contains(err.Error(), "governance") {
		t.Errorf("the refusal does not say what was edited: %v", err)
	}
}
