package store_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/sqldb"
	"countersign.dev/sqldb/sqldbtest"
	"countersign.dev/store"
	"countersign.dev/store/storetest"
)

func report(id string) ledger.DocumentDraft {
	text, err := ledger.Field("text", "text of "+id)
	if err != nil {
		panic(err)
	}
	return ledger.DocumentDraft{Sort: ledger.ReportDocument, ID: id, Data: map[string]string{"reason": "MisleadingSpam"}, Sealed: []ledger.Opening{text}}
}

// keep records one document in a change of its own.
func keep(ctx context.Context, s *store.Store, d ledger.DocumentDraft) (ledger.Document, error) {
	var r *store.Recorded
	err := s.Write(ctx, func(tx *store.Tx) error { r = tx.Record(d); return nil })
	if err != nil {
		return ledger.Document{}, err
	}
	return r.Document(), nil
}

// numbered checks that the documents of a sort are those with the numbers from 0 up to n,
// each fit to be opened, and returns them.
func numbered(t testing.TB, s *store.Store, sort ledger.DocumentSort, n int64) (all []ledger.Document) {
	t.Helper()
	err := s.Read(t.Context(), func(tx *store.Tx) (err error) {
		if all, err = tx.Documents(sort, 0, 1<<40); err != nil {
			return err
		}
		heads, err := tx.RollHeads()
		if err != nil {
			return err
		}
		var next int64
		for _, h := range heads {
			if h.Sort == sort {
				next = h.Next
			}
		}
		if next != n || int64(len(all)) != n {
			t.Errorf("%d %s documents, and %d is next; want %d", len(all), sort, next, n)
		}
		for i, d := range all {
			if d.Number != int64(i) {
				t.Fatalf("the %s document %d has the number %d", sort, i, d.Number)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	return all
}

// TestRecord: a document is there with its number and its openings, or not at all; a batch
// of documents alone adds no entry.
func TestRecord(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := storetest.Open(t, url, nil)
		first, err := keep(t.Context(), s, report("rep_0"))
		if err != nil {
			t.Fatal(err)
		}
		var two, three *store.Recorded
		var e *store.Appended
		err = s.Write(t.Context(), func(tx *store.Tx) error {
			two = tx.Record(report("rep_1"))
			e = tx.Append(draft(ledger.Desk, "with documents"))
			three = tx.Record(ledger.DocumentDraft{Sort: ledger.DecisionDocument, ID: "dec_0"})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if first.Number != 0 || two.Document().Number != 1 || three.Document().Number != 0 {
			t.Errorf("numbers %d, %d and %d", first.Number, two.Document().Number, three.Document().Number)
		}
		if e.Entry().Index != 0 {
			t.Errorf("the entry has the index %d", e.Entry().Index)
		}
		if c := audit(t, s); c.Size != 1 {
			t.Errorf("%d entries", c.Size)
		}
		reports := numbered(t, s, ledger.ReportDocument, 2)
		numbered(t, s, ledger.DecisionDocument, 1)
		if d := cmp.Diff([]ledger.Document{first, two.Document()}, reports, cmpopts.IgnoreFields(ledger.Document{}, "Openings")); d != "" {
			t.Errorf("documents as answered and as read:\n%s", d)
		}
		err = s.Read(t.Context(), func(tx *store.Tx) error {
			d, err := tx.Document(ledger.ReportDocument, "rep_1")
			if err != nil {
				return err
			}
			if d.Openings, err = tx.DocumentOpenings(d.Sort, d.Number); err != nil {
				return err
			}
			if diff := cmp.Diff(two.Document(), d); diff != "" {
				t.Errorf("by identifier:\n%s", diff)
			}
			if err := d.Verify(); err != nil {
				t.Error(err)
			}
			if d, err = tx.DocumentAt(ledger.DecisionDocument, 0); err != nil || d.Body.ID != "dec_0" {
				t.Errorf("by number: %q, %v", d.Body.ID, err)
			}
			if _, err := tx.Document(ledger.DecisionDocument, "rep_1"); !fault.Is(err, "document-not-found") {
				t.Errorf("a document of another sort: %v", err)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		erase := func(tx *store.Tx) error { return tx.EraseDocumentOpening(ledger.ReportDocument, 1, "text") }
		if err := s.Write(t.Context(), erase); err != nil {
			t.Error(err)
		}
		if err := s.Write(t.Context(), erase); !fault.Is(err, "field-not-found") {
			t.Errorf("erased twice: %v", err)
		}
	})
}

// TestRecordTogether: what fails takes no number.
func TestRecordTogether(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := storetest.Open(t, url, nil)
		wrong := errors.New("wrong")
		var all sync.WaitGroup
		for i := range 100 {
			all.Go(func() {
				err := s.Write(t.Context(), func(tx *store.Tx) error {
					d := report(fmt.Sprintf("rep_%d", i))
					switch i % 5 {
					case 1:
						d.ID = "no identifier/"
					case 2:
						d.ID = "rep_0" // unique: the one with number 0 or another comes first
					}
					tx.Record(d)
					switch i % 5 {
					case 3:
						return wrong
					case 4:
						tx.Append(ledger.Draft{Class: ledger.Desk, Kind: "No Kind", Expect: ledger.AnyNumber})
					}
					return nil
				})
				switch i % 5 {
				case 0:
					if err != nil && i != 0 {
						t.Errorf("%d: %v", i, err)
					}
				case 1, 4:
					if fault.KindOf(err) != fault.Invalid {
						t.Errorf("%d: %v", i, err)
					}
				case 3:
					if !errors.Is(err, wrong) {
						t.Errorf("%d: %v", i, err)
					}
				}
			})
		}
		all.Wait()
		numbered(t, s, ledger.ReportDocument, 20)
		if c := audit(t, s); c.Size != 0 {
			t.Errorf("%d entries", c.Size)
		}
	})
}

// TestRecordNodes lets four nodes record documents of all sorts, some with entries and some
// without: no number is left out or given twice, and nobody waits for ever.
func TestRecordNodes(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		const each = 24
		var all sync.WaitGroup
		var given sync.Map
		first := storetest.Open(t, url, nil)
		for node := range 4 {
			s := first
			if node > 0 {
				s = storetest.Open(t, url, nil)
			}
			for side := range 8 {
				all.Go(func() {
					for i := range each {
						var recorded []*store.Recorded
						err := s.Write(t.Context(), func(tx *store.Tx) error {
							recorded = nil
							sorts := ledger.DocumentSorts()
							for n := range sorts { // each change in another order
								sort := sorts[(n+side)%len(sorts)]
								recorded = append(recorded, tx.Record(ledger.DocumentDraft{Sort: sort, ID: fmt.Sprintf("d-%d-%d-%d", node, side, i)}))
							}
							if i%3 == 0 {
								tx.Append(draft(ledger.Desk, fmt.Sprint(node, side, i)))
							}
							return nil
						})
						if err != nil {
							t.Errorf("node %d: %v", node, err)
							return
						}
						for _, r := range recorded {
							d := r.Document()
							if _, twice := given.LoadOrStore(fmt.Sprint(d.Sort, d.Number), true); twice {
								t.Errorf("%s %d was given twice", d.Sort, d.Number)
							}
						}
					}
				})
			}
		}
		all.Wait()
		for _, sort := range ledger.DocumentSorts() {
			numbered(t, first, sort, 4*8*each)
		}
		if c := audit(t, first); c.Size != 4*8*each/3 {
			t.Errorf("%d entries", c.Size)
		}
	})
}

// TestRoll: the mark moves with the roll's entry, once.
func TestRoll(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := storetest.Open(t, url, nil)
		var all []ledger.DocumentLeaf
		for i := range 5 {
			d, err := keep(t.Context(), s, report(fmt.Sprintf("rep_%d", i)))
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, d.Leaf())
		}
		leaves := func(first, last int64) (some []ledger.DocumentLeaf) {
			for n := first; n <= last; n++ {
				some = append(some, ledger.DocumentLeaf{Sort: ledger.ReportDocument, Number: n})
				if n < int64(len(all)) {
					some[len(some)-1] = all[n]
				}
			}
			return some
		}
		roll := func(from, first, last int64) error {
			r, err := ledger.NewRoll(leaves(first, last))
			if err != nil {
				t.Fatal(err)
			}
			return s.Write(t.Context(), func(tx *store.Tx) error { tx.Roll(r, from); return nil })
		}
		if err := roll(0, 0, 2); err != nil {
			t.Fatal(err)
		}
		for _, wrong := range [][2]int64{{0, 2}, {0, 4}, {4, 4}} {
			if err := roll(wrong[0], wrong[0], wrong[1]); !errors.Is(err, sqldb.ErrAgain) {
				t.Errorf("a roll over %v: %v", wrong, err)
			}
		}
		if err := roll(3, 3, 5); !sqldb.IsCheck(err) {
			t.Errorf("a roll over a document that is not there: %v", err)
		}
		if c := audit(t, s); c.Size != 1 {
			t.Errorf("%d entries", c.Size)
		}
		if err := roll(3, 4, 4); err != nil { // number 3 is left out
			t.Error(err)
		}
		for number, want := range []int64{0, 0, 0, -1, 1, -1} {
			var got int64
			err := s.Read(t.Context(), func(tx *store.Tx) (err error) {
				got, err = tx.RollEntry(ledger.ReportDocument, int64(number))
				return err
			})
			if err != nil || got != want {
				t.Errorf("the roll of %d stands at %d, want %d; %v", number, got, want, err)
			}
		}
		if _, err := s.Audit(t.Context()); !fault.Is(err, "ledger-tampered") {
			t.Errorf("an audit, with a document that was left out: %v", err)
		}
		sqldbtest.RefusesChange(t, s.DB(), "roll", "last")
	})
}

func TestDocumentGuards(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := storetest.Open(t, url, nil)
		if _, err := keep(t.Context(), s, report("rep_0")); err != nil {
			t.Fatal(err)
		}
		sqldbtest.RefusesChange(t, s.DB(), "document", "body")
		for _, q := range []string{
			`update document_opening set value = value`,
			`update roll_head set next = 0`,
			`update roll_head set sort = 'deed'`,
			`delete from roll_head`,
		} {
			err := s.Write(t.Context(), func(tx *store.Tx) error { _, err := tx.Exec(q); return err })
			if !sqldb.IsAppendOnly(err) {
				t.Errorf("%s: %v", q, err)
			}
		}
		if _, err := keep(t.Context(), s, report("rep_0")); !sqldb.IsUnique(err) {
			t.Errorf("the same identifier again: %v", err)
		}
		numbered(t, s, ledger.ReportDocument, 1)
	})
}

// rollOnce rolls what waits of the reports, as the desk does, and returns how many it rolled.
func rollOnce(ctx context.Context, s *store.Store) (int, error) {
	var h store.RollHead
	var leaves []ledger.DocumentLeaf
	err := s.Read(ctx, func(tx *store.Tx) (err error) {
		if h, err = tx.RollHead(ledger.ReportDocument); err == nil {
			leaves, err = tx.DocumentLeaves(h.Sort, h.Rolled, h.Next, 100)
		}
		return err
	})
	if err != nil || len(leaves) == 0 {
		return 0, err
	}
	r, err := ledger.NewRoll(leaves)
	if err != nil {
		return 0, err
	}
	return len(leaves), s.Write(ctx, func(tx *store.Tx) error { tx.Roll(r, h.Rolled); return nil })
}

// recordUntilKilled records reports and rolls them.
func recordUntilKilled(url string) {
	s := openToBeKilled(url)
	for side := range 16 {
		go func() {
			for i := 0; ; i++ {
				d, err := keep(context.Background(), s, report(fmt.Sprintf("rep_%d_%d_%d", os.Getpid(), side, i)))
				if err != nil {
					panic(err)
				}
				fmt.Println(d.Number, d.Commitment)
			}
		}()
	}
	for {
		if _, err := rollOnce(context.Background(), s); err != nil {
			panic(err)
		}
	}
}

// TestKillRolls: whatever is acknowledged is there under its number, and a process that was
// killed between a record and its roll, or anywhere in a roll, leaves what the next one rolls.
func TestKillRolls(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		acknowledged := map[int64]string{}
		for range 3 {
			c := exec.Command(os.Args[0])
			c.Env = append(os.Environ(), "STORE_TEST_RECORD="+url)
			c.Stderr = os.Stderr
			out, err := c.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			lines := bufio.NewScanner(out)
			for n := 0; lines.Scan(); n++ {
				number, commitment, _ := strings.Cut(lines.Text(), " ")
				i, err := strconv.ParseInt(number, 10, 64)
				if err != nil {
					t.Fatal(err)
				}
				if acknowledged[i] != "" {
					t.Errorf("number %d was given twice", i)
				}
				acknowledged[i] = commitment
				if n == 400 {
					if err := c.Process.Kill(); err != nil {
						t.Fatal(err)
					}
				}
			}
			if err := c.Wait(); err == nil {
				t.Fatal("the writer ended by itself")
			}
			s := storetest.Open(t, url, nil)
			audit(t, s)
			for n := 1; n > 0; {
				if n, err = rollOnce(t.Context(), s); err != nil {
					t.Fatal(err)
				}
			}
			audit(t, s)
			err = s.Read(t.Context(), func(tx *store.Tx) error {
				h, err := tx.RollHead(ledger.ReportDocument)
				if err != nil || h.Rolled != h.Next || h.Next < int64(len(acknowledged)) {
					t.Errorf("%d documents are rolled and %d there, of %d acknowledged; %v", h.Rolled, h.Next, len(acknowledged), err)
				}
				for i, commitment := range acknowledged {
					d, err := tx.DocumentAt(ledger.ReportDocument, i)
					if err != nil || d.Commitment.String() != commitment {
						t.Errorf("report %d, acknowledged as %s, is %s, %v", i, commitment, d.Commitment, err)
					}
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
	})
}
