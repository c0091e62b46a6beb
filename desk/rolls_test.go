package desk_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/desk"
	"countersign.dev/desk/alarms"
	"countersign.dev/desk/desktest"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/ledger/entry"
	"countersign.dev/ledger/proof"
	"countersign.dev/sqldb"
	"countersign.dev/sqldb/sqldbtest"
	"countersign.dev/store"
)

func reportDraft(n int) ledger.DocumentDraft {
	text, err := ledger.Field("text", fmt.Sprint("text ", n))
	if err != nil {
		panic(err)
	}
	return ledger.DocumentDraft{Sort: ledger.ReportDocument, ID: fmt.Sprint("rep_", n), Data: map[string]int{"n": n}, Sealed: []ledger.Opening{text}}
}

// recorded records documents, each in a change of its own, and returns their promises, as
// the desk gives them with the acknowledgement.
func recorded(t *testing.T, w *desktest.World, all ...ledger.DocumentDraft) (promises []ledger.Promise) {
	t.Helper()
	for _, d := range all {
		var r *store.Recorded
		if err := w.Store.Write(t.Context(), func(tx *store.Tx) error { r = tx.Record(d); return nil }); err != nil {
			t.Fatal(err)
		}
		log := ledger.Log{Origin: w.Origin, Signer: w.LogKey}
		signed, err := log.Promise(r.Document())
		if err != nil {
			t.Fatal(err)
		}
		p, err := ledger.ParsePromise(signed, w.LogKey.Verifier())
		if err != nil {
			t.Fatal(err)
		}
		promises = append(promises, p)
	}
	return promises
}

func reports(t *testing.T, w *desktest.World, from, to int) []ledger.Promise {
	t.Helper()
	var all []ledger.DocumentDraft
	for n := from; n < to; n++ {
		all = append(all, reportDraft(n))
	}
	return recorded(t, w, all...)
}

func rollWaiting(t *testing.T, w *desktest.World, want int) {
	t.Helper()
	if n, err := w.RollWaiting(t.Context()); err != nil || n != want {
		t.Errorf("%d documents rolled, want %d; %v", n, want, err)
	}
}

// broken says in what the desk breaks a promise, as promise check compares; empty: in
// nothing.
func broken(t *testing.T, w *desktest.World, by string, p ledger.Promise) string {
	t.Helper()
	shown, err := w.Document(t.Context(), desktest.As("eva"), p.Sort, p.ID, p.Commitment)
	if err != nil {
		return fault.TypeOf(err)
	}
	proven, err := proof.VerifyDocument(shown, w.LogKey.Verifier(), nil)
	switch {
	case err != nil:
		return fault.TypeOf(err)
	case proven.Promise != p:
		return "promised otherwise"
	case proven.Roll == nil && by == "rolled":
		return "not rolled"
	}
	return ""
}

// wrongDocuments audits the documents of a town, and returns what it finds as "type first".
func wrongDocuments(t *testing.T, to *desktest.Town) (found string, counted proof.AuditedDocuments) {
	t.Helper()
	out, err := proof.AuditDocuments(auditOf(t, to), func(sort ledger.DocumentSort, after int64) ([]proof.ServedDocument, error) {
		return to.Documents(t.Context(), desktest.As("eva"), sort, after, 3)
	}, func(ledger.Document, bool) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, w := range out.Wrong {
		all = append(all, fmt.Sprintf("%s %s %d-%d", w.Type, w.Sort, w.First, w.Last))
	}
	return strings.Join(all, ", "), out
}

// TestRolls: what is recorded is promised, waits, and is then in a roll that holds it by its
// path. Nothing is rolled twice.
func TestRolls(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		to := desktest.NewTown(t, o)
		to.Rest() // nothing is rolled but by this test
		from := size(t, to)
		rollWaiting(t, to.World, 0)
		promises := reports(t, to.World, 0, 5)
		promises = append(promises, recorded(t, to.World, ledger.DocumentDraft{Sort: ledger.DecisionDocument, ID: "dec_0"})...)
		for _, p := range promises {
			if why := broken(t, to.World, "promised", p); why != "" {
				t.Errorf("%s, before its roll: %s", p.ID, why)
			}
			if why := broken(t, to.World, "rolled", p); why != "not rolled" {
				t.Errorf("%s, before its roll: %s", p.ID, why)
			}
		}
		rollWaiting(t, to.World, 6)
		rollWaiting(t, to.World, 0)
		more := reports(t, to.World, 5, 7)
		rollWaiting(t, to.World, 2)
		for _, p := range append(promises, more...) {
			if why := broken(t, to.World, "rolled", p); why != "" {
				t.Errorf("%s: %s", p.ID, why)
			}
		}
		waiting := reports(t, to.World, 7, 8)
		if n := kinds(t, to.World, from)[entry.KindRoll]; n != 3 {
			t.Errorf("%d rolls, want 3", n)
		}
		found, counted := wrongDocuments(t, to)
		if found != "" || counted.Documents != 9 || counted.Rolls != 3 || counted.Waiting != 1 {
			t.Errorf("%s; %+v", found, counted)
		}
		// Promised for an hour later, and still in no roll when something else is entered.
		to.Clock().Advance(ledger.RolledWithin + time.Minute)
		to.Request("ann", desktest.Wish("account.takedown", "plaza:@president"))
		if found, _ := wrongDocuments(t, to); found != "not-rolled report 7-7" {
			t.Errorf("an hour later: %s", found)
		}
		rollWaiting(t, to.World, 1)
		if why := broken(t, to.World, "rolled", waiting[0]); why != "rolled-late" {
			t.Errorf("rolled an hour later: %s", why)
		}
		audit(t, to.World)
	})
}

// TestDocumentIsShownTo: readers of evidence see a document with its openings; who knows the
// commitment sees it without; nobody else is told that there is one.
func TestDocumentIsShownTo(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		to := desktest.NewTown(t, o)
		p := reports(t, to.World, 0, 1)[0]
		// Who reported is contact data, which evidence readers do not read here.
		who, err := ledger.Field(cases.FieldReporter, "reporter@example.com")
		if err != nil {
			t.Fatal(err)
		}
		secret := reportDraft(1)
		secret.Sealed = append(secret.Sealed, who)
		sealed := recorded(t, to.World, secret)[0]
		if shown, err := to.Document(t.Context(), desktest.As("eva"), sealed.Sort, sealed.ID, sealed.Commitment); err != nil || len(shown.Openings) != 1 || shown.Openings[0].Name != "text" {
			t.Errorf("of a reporter: %v, %v", shown.Openings, err)
		}
		if all, err := to.Documents(t.Context(), desktest.As("eva"), sealed.Sort, 0, 1); err != nil || len(all) != 1 || len(all[0].Openings) != 1 || all[0].Openings[0].Name != "text" {
			t.Errorf("of a reporter, to an auditor: %v, %v", all, err)
		}
		shown, err := to.Document(t.Context(), desktest.As("eva"), p.Sort, p.ID, canonical.Digest{})
		if err != nil || len(shown.Openings) != 1 || shown.Openings[0].Name != "text" {
			t.Errorf("to a reader of evidence: %v, %v", shown.Openings, err)
		}
		shown, err = to.Document(t.Context(), desktest.As("ann"), p.Sort, p.ID, p.Commitment)
		if err != nil || len(shown.Openings) != 0 {
			t.Errorf("to who keeps its promise: %v, %v", shown.Openings, err)
		}
		scout := to.AdmitProgram("scout", "ann", "program").Caller()
		shown, err = to.Document(t.Context(), scout, p.Sort, p.ID, p.Commitment)
		if err != nil || len(shown.Openings) != 0 {
			t.Errorf("to a program that keeps its promise: %v, %v", shown.Openings, err)
		}
		other := p.Commitment
		other[0]++
		for what, ask := range map[string]func() error{
			"without the commitment": func() error {
				_, err := to.Document(t.Context(), desktest.As("ann"), p.Sort, p.ID, canonical.Digest{})
				return err
			},
			"to a program without the commitment": func() error {
				_, err := to.Document(t.Context(), scout, p.Sort, p.ID, canonical.Digest{})
				return err
			},
			"with another commitment": func() error {
				_, err := to.Document(t.Context(), desktest.As("ann"), p.Sort, p.ID, other)
				return err
			},
			"of none": func() error {
				_, err := to.Document(t.Context(), desktest.As("ann"), p.Sort, "rep_none", p.Commitment)
				return err
			},
			"of another sort": func() error {
				_, err := to.Document(t.Context(), desktest.As("ann"), "notice", p.ID, p.Commitment)
				return err
			},
		} {
			if err := ask(); !fault.Is(err, "document-not-found") || fault.TextOf(err) != "The desk has no such document." {
				t.Errorf("%s: %v", what, err)
			}
		}
		_, err = to.Documents(t.Context(), desktest.As("ann"), p.Sort, -1, 10)
		refused(t, err, "not-yours-to-read")
		if _, err := to.Document(t.Context(), desk.ProgramCaller{ID: "unknown"}.Caller(), p.Sort, p.ID, p.Commitment); fault.KindOf(err) != fault.NotFound || fault.Is(err, "document-not-found") {
			t.Errorf("to a program that is none: %v", err)
		}
		if _, err := to.Document(t.Context(), desktest.As("nobody"), p.Sort, p.ID, p.Commitment); fault.KindOf(err) != fault.Forbidden {
			t.Errorf("to a stranger: %v", err)
		}
	})
}

// unguard takes the database's own guards from the tables of documents, as an administrator
// can.
func unguard(tx *sqldb.Tx) error {
	drop := []string{`drop trigger document_is_not_changed`, `drop trigger document_is_not_deleted`, `drop trigger document_opening_is_not_changed`, `drop trigger roll_is_not_deleted`, `drop trigger roll_is_not_changed`, `drop trigger roll_head_never_goes_back`}
	if tx.Dialect() == sqldb.PostgreSQL {
		drop = []string{`drop trigger document_is_append_only on document`, `drop trigger document_opening_is_not_changed on document_opening`, `drop trigger roll_is_append_only on roll`, `drop trigger roll_head_never_goes_back on roll_head`}
	}
	for _, q := range drop {
		if _, err := tx.Exec(q); err != nil {
			return err
		}
	}
	return nil
}

// forged makes the row of another document with the number and identifier of an old one, as
// somebody does who knows the formats and has no key.
func forged(t *testing.T, tx *sqldb.Tx, w *desktest.World, n int, number int64, id string) error {
	t.Helper()
	log := ledger.Log{Origin: w.Origin, Signer: w.LogKey, Rand: rand.Reader}
	draft := reportDraft(n)
	draft.ID, draft.Sealed = id, nil
	draft.Data = map[string]string{"reason": "another"}
	d, err := log.Document(draft, canonical.At(w.Clock().Now()))
	if err != nil {
		t.Error(err)
		return err
	}
	if _, err := tx.Exec(`delete from document_opening where sort = 'report' and number = $1`, number); err != nil {
		return err
	}
	_, err = tx.Exec(`update document set commitment = $1, body = $2, salt = $3 where sort = 'report' and number = $4`, d.Commitment[:], d.BodyBytes, []byte(d.Salt), number)
	return err
}

// tamperings are what an administrator of the database may do to the report 2 of five.
var tamperings = map[string]struct {
	do func(t *testing.T, tx *sqldb.Tx, w *desktest.World) error
	// How its promise is found broken, before and after its roll, and what an audit finds
	// then. A document that was altered before its roll, with its commitment, is found by
	// its promise alone.
	before, after           string
	auditBefore, auditAfter string
}{
	"deleted": {
		do: func(_ *testing.T, tx *sqldb.Tx, _ *desktest.World) error {
			if _, err := tx.Exec(`delete from document_opening where sort = 'report' and number = 2`); err != nil {
				return err
			}
			_, err := tx.Exec(`delete from document where sort = 'report' and number = 2`)
			return err
		},
		before: "document-not-found", after: "document-not-found",
		auditBefore: "missing report 2-2", auditAfter: "missing report 2-2",
	},
	"altered in its body": {
		do: func(_ *testing.T, tx *sqldb.Tx, _ *desktest.World) error {
			_, err := tx.Exec(`update document set body = (select body from document where sort = 'report' and number = 3) where sort = 'report' and number = 2`)
			return err
		},
		before: "document-tampered", after: "document-tampered",
		auditBefore: "altered report 2-2", auditAfter: "altered report 2-2",
	},
	"altered with its commitment": {
		do: func(t *testing.T, tx *sqldb.Tx, w *desktest.World) error {
			return forged(t, tx, w, 2, 2, "rep_2")
		},
		before: "promised otherwise", after: "ledger-tampered",
		auditBefore: "", auditAfter: "rolled-otherwise report 0-4",
	},
	"exchanged with another": {
		do: func(_ *testing.T, tx *sqldb.Tx, _ *desktest.World) error {
			if _, err := tx.Exec(`delete from document_opening where sort = 'report'`); err != nil {
				return err
			}
			for _, q := range []string{`update document set number = 100 where sort = 'report' and number = 2`, `update document set number = 2 where sort = 'report' and number = 3`,
				`update document set number = 3 where sort = 'report' and number = 100`} {
				if _, err := tx.Exec(q); err != nil {
					return err
				}
			}
			return nil
		},
		before: "promised otherwise", after: "ledger-tampered",
		auditBefore: "", auditAfter: "rolled-otherwise report 0-4",
	},
	"numbered beyond the last": {
		do: func(_ *testing.T, tx *sqldb.Tx, _ *desktest.World) error {
			if _, err := tx.Exec(`delete from document_opening where sort = 'report'`); err != nil {
				return err
			}
			_, err := tx.Exec(`update document set number = 100 where sort = 'report' and number = 2`)
			return err
		},
		before: "promised otherwise", after: "promised otherwise",
		auditBefore: "missing report 2-2, missing report 5-99", auditAfter: "missing report 2-2, missing report 5-99",
	},
	"given another's identifier": {
		do: func(_ *testing.T, tx *sqldb.Tx, _ *desktest.World) error {
			_, err := tx.Exec(`update document set id = 'rep_x' where sort = 'report' and number = 2`)
			return err
		},
		before: "document-not-found", after: "document-not-found",
		auditBefore: "altered report 2-2", auditAfter: "altered report 2-2",
	},
	"rolled back with its head": { // the last ones are cut off, and their numbers given again
		do: func(t *testing.T, tx *sqldb.Tx, w *desktest.World) error {
			for _, q := range []string{`delete from document_opening where sort = 'report' and number >= 2`, `delete from document where sort = 'report' and number >= 2`,
				`update roll_head set next = 2, rolled = case when rolled > 2 then 2 else rolled end where sort = 'report'`} {
				if _, err := tx.Exec(q); err != nil {
					return err
				}
			}
			return nil
		},
		before: "document-not-found", after: "document-not-found",
		auditBefore: "", auditAfter: "missing report 2-2, missing report 3-3, missing report 4-4",
	},
}

// TestTamperedDocuments: a report that was deleted, altered or numbered anew in the database,
// before its roll or after it, is found by its promise.
func TestTamperedDocuments(t *testing.T) {
	for name, c := range tamperings {
		t.Run(name, func(t *testing.T) {
			desktest.Each(t, func(t *testing.T, o desktest.Options) {
				for _, after := range []bool{false, true} {
					o := o
					if after && o.URL != "" && !strings.HasPrefix(o.URL, "sqlite") {
						o.URL = sqldbtest.Postgres(t)
					} else if after {
						o.URL = sqldbtest.SQLite(t)
					}
					to := desktest.NewTown(t, o)
					to.Rest() // nothing is rolled but by this test
					promises := reports(t, to.World, 0, 5)
					if after {
						rollWaiting(t, to.World, 5)
					}
					if err := to.Store.DB().Write(t.Context(), func(tx *sqldb.Tx) error {
						return errors.Join(unguard(tx), c.do(t, tx, to.World))
					}); err != nil {
						t.Fatal(err)
					}
					want, wantAudit := c.before, c.auditBefore
					if after {
						want, wantAudit = c.after, c.auditAfter
					}
					if why := broken(t, to.World, "promised", promises[2]); why != want {
						t.Errorf("rolled before %t: its promise says %q, want %q", after, why, want)
					}
					if found, _ := wrongDocuments(t, to); found != wantAudit {
						t.Errorf("rolled before %t: an audit finds %q, want %q", after, found, wantAudit)
					}
					if _, err := to.Store.Audit(t.Context()); err == nil && wantAudit != "" {
						t.Errorf("rolled before %t: the desk's own audit finds nothing", after)
					}
					// The others go on, and the promise stays broken whatever the desk rolls.
					if _, err := to.RollWaiting(t.Context()); err != nil {
						t.Errorf("rolled before %t: roll the others: %v", after, err)
					}
					if why := broken(t, to.World, "rolled", promises[2]); why == "" {
						t.Errorf("rolled before %t: after the roll its promise says nothing", after)
					}
					if name != "exchanged with another" && name != "rolled back with its head" {
						if why := broken(t, to.World, "promised", promises[1]); why != "" && why != "ledger-tampered" {
							t.Errorf("rolled before %t: another's promise says %q", after, why)
						}
					}
				}
			})
		})
	}
}

// TestRollsOfTwoNodes lets two nodes record and roll at the same time: the rolls have every
// document once.
func TestRollsOfTwoNodes(t *testing.T) {
	to := desktest.NewTown(t, desktest.Options{URL: sqldbtest.Postgres(t)})
	other := to.Node(desktest.Options{})
	const each = 40
	var recording, rolling sync.WaitGroup
	done := make(chan struct{})
	for i, w := range []*desktest.World{to.World, other} {
		for side := range 4 {
			recording.Go(func() {
				for n := range each {
					d := reportDraft(n)
					d.ID = fmt.Sprintf("rep_%d_%d_%d", i, side, n)
					if err := w.Store.Write(t.Context(), func(tx *store.Tx) error { tx.Record(d); return nil }); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		rolling.Go(func() {
			for last := false; !last; {
				select {
				case <-done:
					last = true
				default:
				}
				if _, err := w.RollWaiting(t.Context()); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	recording.Wait()
	close(done)
	rolling.Wait()
	found, counted := wrongDocuments(t, to)
	if found != "" || counted.Documents != 2*4*each || counted.Waiting != 0 || counted.Rolls < 2 {
		t.Errorf("%s; %+v", found, counted)
	}
	audit(t, to.World)
}

// TestRollsAtOnce: a desk that runs rolls what an earlier process left, and what comes in.
func TestRollsAtOnce(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		w := desktest.New(t, o)
		reports(t, w, 0, 3)
		w.Run()
		waitForRoll(t, w, 3)
		reports(t, w, 3, 4)
		waitForRoll(t, w, 4)
		w.Rest()
		audit(t, w)
	})
}

// TestRollsWhenManyWait: many documents do not wait for the clock.
func TestRollsWhenManyWait(t *testing.T) {
	desktest.Both(t, func(t *testing.T, o desktest.Options) {
		o.RollEvery = 24 * time.Hour
		w := desktest.New(t, o)
		w.Run()
		var recording sync.WaitGroup
		for side := range 100 {
			recording.Go(func() {
				for i := range 11 { // the first ones may be rolled when the desk starts
					if err := w.Store.Write(t.Context(), func(tx *store.Tx) error {
						for n := range 10 {
							tx.Record(reportDraft(100*side + 10*i + n + 1_000_000*side))
						}
						return nil
					}); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		recording.Wait()
		waitForRoll(t, w, 10_000)
		w.Rest()
		audit(t, w)
	})
}

// waitForRoll waits until so many reports are rolled.
func waitForRoll(t *testing.T, w *desktest.World, want int64) {
	t.Helper()
	woken, stop := w.Store.DB().Listen(store.LedgerSignal)
	defer stop()
	patience := time.After(5 * time.Minute)
	for {
		var h store.RollHead
		err := w.Store.Read(t.Context(), func(tx *store.Tx) (err error) {
			h, err = tx.RollHead(ledger.ReportDocument)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if h.Rolled >= want {
			return
		}
		select {
		case <-woken:
		case <-patience:
			t.Fatalf("%d of %d reports are rolled", h.Rolled, want)
		}
	}
}

// documentAlarms are the alarms about documents since the last call, oldest first, as "kind
// severity".
func documentAlarms(t *testing.T, to *desktest.Town, seen *int) (all []string, texts string) {
	t.Helper()
	as, _, err := to.Alarms(t.Context(), desktest.As("eva"), alarms.Filter{Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(as)
	var of []alarms.Alarm
	for _, a := range as {
		if strings.HasPrefix(a.Kind, "document.") {
			of = append(of, a)
		}
	}
	for _, a := range of[*seen:] {
		all = append(all, a.Kind+" "+string(a.Severity))
		texts += a.Text + " "
	}
	*seen = len(of)
	return all, texts
}

// TestDocumentAlarms: somebody is paged about a document that waits for its roll, about a
// missing number, and about a document that was altered or rolled otherwise.
func TestDocumentAlarms(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		to := desktest.NewTown(t, o)
		to.Rest()
		to.Clock().Hold()
		seen := 0
		check := func(want ...string) string {
			t.Helper()
			if _, err := to.CheckHealth(t.Context(), canonical.At(to.Clock().Now())); err != nil {
				t.Fatal(err)
			}
			got, text := documentAlarms(t, to, &seen)
			if !slices.Equal(got, want) {
				t.Errorf("alarms %q, want %q: %s", got, want, text)
			}
			return text
		}
		matters := func() (n int) {
			t.Helper()
			all, err := to.Matters(t.Context(), desktest.As("eva"))
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range all {
				if strings.Contains(m.Text, "no roll yet") {
					n++
				}
			}
			return n
		}
		change := func(qs ...string) {
			t.Helper()
			if err := to.Store.DB().Write(t.Context(), func(tx *sqldb.Tx) error {
				for _, q := range qs {
					if _, err := tx.Exec(q); err != nil {
						return err
					}
				}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
		}
		check()
		reports(t, to.World, 0, 4)
		to.Clock().Advance(4 * time.Second)
		check()
		to.Clock().Advance(2 * time.Second)
		if text := check("document.waiting page"); !strings.Contains(text, "report document 0") {
			t.Errorf("it does not name the oldest: %s", text)
		}
		check()
		if matters() != 1 {
			t.Error("the status does not tell")
		}
		rollWaiting(t, to.World, 4)
		check("document.waiting info")
		if matters() != 0 {
			t.Error("the status still tells")
		}
		if err := to.Store.DB().Write(t.Context(), unguard); err != nil {
			t.Fatal(err)
		}
		// A document that no roll holds yet, and one that is in a roll.
		reports(t, to.World, 4, 7)
		change(`delete from document_opening`, `delete from document where number = 4`, `update document set body = (select body from document where number = 1) where number = 5`)
		text := check("document.missing page", "document.altered page")
		if !strings.Contains(text, "document 4 is missing") || !strings.Contains(text, "document 5 is not") {
			t.Errorf("they do not say which: %s", text)
		}
		check()
		rollWaiting(t, to.World, 2)
		if text := check("document.missing page"); !strings.Contains(text, "document 4 is missing, and no roll holds") {
			t.Errorf("after the roll: %s", text)
		}
		change(`update document set number = 99 where number = 2`, `update document set number = 2 where number = 3`, `update document set number = 3 where number = 99`)
		if text := check("document.altered page"); !strings.Contains(text, "documents 0 to 3 are not those") {
			t.Errorf("rolled otherwise: %s", text)
		}
		change(`update document set number = 99 where number = 6`)
		if text := check("document.missing page", "document.altered page"); !strings.Contains(text, "document 6 is missing") || !strings.Contains(text, "document 99 has a number that was never given") {
			t.Errorf("a number that was never given: %s", text)
		}
		change(`delete from roll`)
		if text := check("document.altered page"); !strings.Contains(text, "no longer knows where") {
			t.Errorf("without the places of rolls: %s", text)
		}
		check()
	})
}
