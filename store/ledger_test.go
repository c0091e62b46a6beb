package store_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"sort"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/ledger/ledgertest"
	"countersign.dev/sqldb"
	"countersign.dev/sqldb/sqldbtest"
	"countersign.dev/store"
	"countersign.dev/store/storetest"
)

// The test binary runs itself again to be killed while it writes.
func TestMain(m *testing.M) {
	if url := os.Getenv("STORE_TEST_WRITE"); url != "" {
		writeUntilKilled(url)
	}
	if url := os.Getenv("STORE_TEST_RECORD"); url != "" {
		recordUntilKilled(url)
	}
	os.Exit(m.Run())
}

func draft(class ledger.Class, name string) ledger.Draft {
	who, err := ledger.Field("who", name)
	if err != nil {
		panic(err)
	}
	return ledger.Draft{Class: class, Kind: "test.entry", Data: map[string]string{"name": name},
		Sealed: []ledger.Opening{who}, Expect: ledger.AnyNumber}
}

// record makes one change with one entry.
func record(ctx context.Context, s *store.Store, d ledger.Draft) (ledger.Entry, error) {
	var r *store.Appended
	err := s.Write(ctx, func(tx *store.Tx) error { r = tx.Append(d); return nil })
	if err != nil {
		return ledger.Entry{}, err
	}
	return r.Entry(), nil
}

// fill records n entries from 32 sides and returns them by index.
func fill(t testing.TB, s *store.Store, n int) []ledger.Entry {
	t.Helper()
	var mu sync.Mutex
	var entries []ledger.Entry
	var all sync.WaitGroup
	for side := range 32 {
		all.Go(func() {
			for i := side; i < n; i += 32 {
				e, err := record(t.Context(), s, draft(ledger.Classes()[i%3], fmt.Sprint("worker ", i)))
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				entries = append(entries, e)
				mu.Unlock()
			}
		})
	}
	all.Wait()
	sort.Slice(entries, func(i, j int) bool { return entries[i].Index < entries[j].Index })
	return entries
}

func audit(t testing.TB, s *store.Store) ledger.Checkpoint {
	t.Helper()
	c, err := s.Audit(t.Context())
	if err != nil {
		t.Error(err)
	}
	return c
}

func TestMigrations(t *testing.T) {
	files, err := fs.Sub(os.DirFS("."), "migrations")
	if err != nil {
		t.Fatal(err)
	}
	if err := sqldb.CheckMigrations(files); err != nil {
		t.Error(err)
	}
}

func TestLedger(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := storetest.Open(t, url, nil)
		if c := audit(t, s); c.Size != 0 {
			t.Errorf("the empty ledger has %d entries", c.Size)
		}
		const n = 600 // two full tiles and more
		entries := fill(t, s, n)
		ledgertest.TestSource(t, s, storetest.Key(t).Verifier())
		if c := audit(t, s); c.Size != n {
			t.Errorf("the ledger has %d entries, want %d", c.Size, n)
		}
		h, err := s.Head(t.Context())
		if err != nil || h.Size != n || h.Next[ledger.Desk] != 200 {
			t.Errorf("head %d %v, %v", h.Size, h.Next, err)
		}
		err = s.Read(t.Context(), func(tx *store.Tx) error {
			got, err := tx.Entries(0, n)
			if d := cmp.Diff(entries, got); err != nil || d != "" {
				t.Errorf("entries as answered and as read, %v:\n%s", err, d)
			}
			e := entries[300]
			one, err := tx.Entry(300)
			if d := cmp.Diff(e, one); err != nil || d != "" {
				t.Errorf("by index: %v\n%s", err, d)
			}
			one, err = tx.EntryOf(e.Leaf.Class, e.Leaf.Number)
			if d := cmp.Diff(e, one); err != nil || d != "" {
				t.Errorf("by number: %v\n%s", err, d)
			}
			of, err := tx.EntriesOf(ledger.Governance, 10, 20)
			if err != nil || len(of) != 10 || of[0].Leaf.Number != 10 || of[9].Leaf.Number != 19 {
				t.Errorf("of a class: %d, %v", len(of), err)
			}
			if _, err := tx.Entry(n); fault.KindOf(err) != fault.NotFound {
				t.Errorf("beyond the end: %v", err)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
}

// TestTogether: what fails leaves no entry, what is recorded is there.
func TestTogether(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := storetest.Open(t, url, nil)
		wrong := errors.New("wrong")
		err := s.Write(t.Context(), func(tx *store.Tx) error { tx.Append(draft(ledger.Desk, "a")); return wrong })
		if !errors.Is(err, wrong) {
			t.Error(err)
		}
		bad := draft(ledger.Desk, "b")
		bad.Kind = "No Kind"
		if _, err := record(t.Context(), s, bad); fault.KindOf(err) != fault.Invalid {
			t.Errorf("a draft that the ledger refuses: %v", err)
		}
		if c := audit(t, s); c.Size != 0 {
			t.Errorf("%d entries of changes that failed", c.Size)
		}
		if _, err := record(t.Context(), s, draft(ledger.Desk, "c")); err != nil {
			t.Error(err)
		}
		if c := audit(t, s); c.Size != 1 {
			t.Errorf("%d entries", c.Size)
		}
	})
}

// TestNodes lets four nodes append to one ledger, each from eight sides, half of
// it governance that must stand on the chain as it was judged.
func TestNodes(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		const each = 30
		var all sync.WaitGroup
		var again sync.Map
		first := storetest.Open(t, url, nil)
		for node := range 4 {
			s := first
			if node > 0 {
				s = storetest.Open(t, url, nil)
			}
			for side := range 8 {
				all.Go(func() {
					for i := range each {
						var judged int64
						var r *store.Appended
						err := s.Write(t.Context(), func(tx *store.Tx) error {
							d := draft(ledger.Execution, fmt.Sprint(node, side, i))
							if i%2 == 0 {
								n, err := tx.NextGovernance()
								if err != nil {
									return err
								}
								d.Class, d.Expect, judged = ledger.Governance, n, n
							}
							r = tx.Append(d)
							return nil
						})
						switch {
						case err != nil:
							t.Errorf("node %d: %v", node, err)
							return
						case i%2 == 0 && r.Entry().Leaf.Number != judged:
							t.Errorf("judged on governance %d, entered as %d", judged, r.Entry().Leaf.Number)
						}
						if _, twice := again.LoadOrStore(r.Entry().Index, true); twice {
							t.Errorf("index %d was given twice", r.Entry().Index)
						}
					}
				})
			}
		}
		all.Wait()
		if c := audit(t, first); c.Size != 4*8*each {
			t.Errorf("%d entries, want %d", c.Size, 4*8*each)
		}
		ledgertest.TestSource(t, first, storetest.Key(t).Verifier())
	})
}

// TestMoved: a change that was judged on another chain runs again.
func TestMoved(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := storetest.Open(t, url, nil)
		runs := 0
		err := s.Write(t.Context(), func(tx *store.Tx) error {
			runs++
			d := draft(ledger.Governance, "a")
			d.Expect = int64(3 - min(runs, 3))
			tx.Append(d)
			return nil
		})
		if err != nil || runs != 3 {
			t.Errorf("%d runs, %v", runs, err)
		}
		d := draft(ledger.Governance, "b")
		d.Expect = 7
		_, err = record(t.Context(), s, d)
		if !errors.Is(err, ledger.ErrMoved) || !errors.Is(err, sqldb.ErrAgain) {
			t.Errorf("never on the right chain: %v", err)
		}
		if c := audit(t, s); c.Size != 1 {
			t.Errorf("%d entries", c.Size)
		}
	})
}

// TestOvertakenOnce: a change that another node has overtaken goes first next time.
func TestOvertakenOnce(t *testing.T) {
	url := sqldbtest.Postgres(t)
	a, b := storetest.Open(t, url, nil), storetest.Open(t, url, nil)
	govern := func(s *store.Store) (ledger.Entry, error) {
		d := draft(ledger.Governance, "b")
		return record(t.Context(), s, d)
	}
	runs := 0
	second := make(chan error, 1)
	err := a.Write(t.Context(), func(tx *store.Tx) error {
		runs++
		n, err := tx.NextGovernance()
		if err != nil {
			return err
		}
		d := draft(ledger.Governance, "a")
		d.Expect = n
		tx.Append(d)
		switch runs {
		case 1:
			_, err = govern(b)
			return err
		case 2:
			go func() { _, err := govern(b); second <- err }()
			for waits := 0; waits == 0; {
				if err := tx.QueryRow(`select count(*) from pg_locks where not granted`).Scan(&waits); err != nil {
					return err
				}
				select {
				case err := <-second:
					second <- err
					t.Error("overtaken again")
					return nil
				default:
				}
			}
		}
		return nil
	})
	if err != nil || runs != 2 {
		t.Errorf("%d runs, %v", runs, err)
	}
	if err := <-second; err != nil {
		t.Error(err)
	}
	if c := audit(t, a); c.Size != 3 {
		t.Errorf("%d entries", c.Size)
	}
}

func TestOpenRefuses(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		storetest.Open(t, url, nil)
		key, err := ledger.NewKey(ledgertest.Origin, ledgertest.Rand(9))
		if err != nil {
			t.Fatal(err)
		}
		log := &ledger.Log{Origin: ledgertest.Origin, Signer: key, Rand: ledgertest.Rand(2)}
		if s, err := store.Open(t.Context(), url, log, key.Verifier(), store.Options{}); err == nil {
			s.Close()
			t.Error("another log key was accepted")
		}
		key, err = ledger.NewKey("other.example.com", ledgertest.Rand(1))
		if err != nil {
			t.Fatal(err)
		}
		log = &ledger.Log{Origin: "other.example.com", Signer: key, Rand: ledgertest.Rand(2)}
		if _, err := store.Open(t.Context(), url, log, key.Verifier(), store.Options{}); !fault.Is(err, "ledger-origin") {
			t.Errorf("another origin: %v", err)
		}
	})
}

// A database without the ledger that is trusted is refused as it is, and so is, for a
// ledger that is to be founded, one that holds something else.
func TestOpenBelongs(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		key := storetest.Key(t)
		log := &ledger.Log{Origin: ledgertest.Origin, Signer: key, Rand: ledgertest.Rand(2)}
		open := func(root canonical.Digest) error {
			s, err := store.Open(t.Context(), url, log, key.Verifier(), store.Options{Root: root})
			if err == nil {
				err = s.Close()
			}
			return err
		}
		refused := func(root canonical.Digest, kind string, named ...string) {
			t.Helper()
			err := open(root)
			if !fault.Is(err, kind) {
				t.Errorf("%v, want %s", err, kind)
				return
			}
			for _, name := range append(named, sqldb.Name(url)) {
				if !strings.Contains(err.Error(), name) {
					t.Errorf("it does not name %s: %v", name, err)
				}
			}
		}
		root, other := canonical.Sum([]byte("a ledger")), canonical.Sum([]byte("another"))
		refused(root, "ledger-missing", root.String())
		if path, ok := sqldb.File(url); ok {
			if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("a database was made all the same: %v", err)
			}
		}
		foreign := sqldbtest.Open(t, url, sqldb.Options{})
		sql := func(q string) {
			t.Helper()
			if err := foreign.Write(t.Context(), func(tx *sqldb.Tx) error { _, err := tx.Exec(q); return err }); err != nil {
				t.Fatal(err)
			}
		}
		sql(`create table theirs (id text primary key)`)
		refused(root, "ledger-missing", root.String())
		refused(canonical.Digest{}, "database-not-empty", "theirs")
		var tables []string
		if err := foreign.Read(t.Context(), func(tx *sqldb.Tx) (err error) { tables, err = tx.Tables(); return err }); err != nil || fmt.Sprint(tables) != "[theirs]" {
			t.Errorf("there are now %v, %v", tables, err)
		}
		sql(`drop table theirs`)
		for range 2 { // an empty ledger may still be founded, and is not the trusted one
			if err := open(canonical.Digest{}); err != nil {
				t.Fatal(err)
			}
			refused(root, "ledger-missing", root.String())
		}
		s := storetest.Open(t, url, nil)
		first, err := record(t.Context(), s, draft(ledger.Governance, "founder"))
		if err != nil {
			t.Fatal(err)
		}
		if err := open(first.Leaf.Digest()); err != nil {
			t.Errorf("the trusted ledger: %v", err)
		}
		refused(other, "ledger-other", other.String(), first.Leaf.Digest().String(), ledgertest.Origin)
	})
}

func TestGuards(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := storetest.Open(t, url, nil)
		fill(t, s, 256)
		sqldbtest.RefusesChange(t, s.DB(), "ledger_entry", "kind")
		sqldbtest.RefusesChange(t, s.DB(), "ledger_node", "hash")
		for _, q := range []string{
			`update ledger_body set body = body`,
			`update ledger_opening set value = value`,
			`update ledger_head set size = 1, next_governance = 1, next_desk = 0, next_execution = 0`,
			`update ledger_head set origin = 'other'`,
			`delete from ledger_head`,
		} {
			err := s.Write(t.Context(), func(tx *store.Tx) error { _, err := tx.Exec(q); return err })
			if !sqldb.IsAppendOnly(err) {
				t.Errorf("%s: %v", q, err)
			}
		}
		audit(t, s)
	})
}

func TestEraseOpening(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := storetest.Open(t, url, nil)
		fill(t, s, 3)
		erase := func(tx *store.Tx) error { return tx.EraseOpening(1, "who") }
		if err := s.Write(t.Context(), erase); err != nil {
			t.Fatal(err)
		}
		if err := s.Write(t.Context(), erase); !fault.Is(err, "field-not-found") {
			t.Errorf("a second time: %v", err)
		}
		err := s.Read(t.Context(), func(tx *store.Tx) error {
			for i := range int64(3) {
				e, err := tx.Entry(i)
				if err != nil || (len(e.Openings) == 0) != (i == 1) {
					t.Errorf("entry %d has %d openings, %v", i, len(e.Openings), err)
				}
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		audit(t, s)
	})
}

// TestAuditFinds edits rows behind our back, guards removed.
func TestAuditFinds(t *testing.T) {
	edits := []string{
		`update ledger_entry set leaf = (select leaf from ledger_entry where idx = 8) where idx = 7`,
		`update ledger_entry set leaf_hash = (select leaf_hash from ledger_entry where idx = 8) where idx = 7`,
		`update ledger_entry set kind = 'other' where idx = 7`,
		`update ledger_entry set time = time + 1 where idx = 7`,
		`update ledger_entry set class = 'other' where idx = 7`,
		`update ledger_entry set number = 1000 where idx = 7`,
		`update ledger_body set body = (select body from ledger_body where idx = 8) where idx = 7`,
		`update ledger_body set salt = (select salt from ledger_body where idx = 8) where idx = 7`,
		`update ledger_opening set value = (select value from ledger_opening where idx = 8) where idx = 7`,
		`update ledger_opening set name = 'other' where idx = 7`,
		`update ledger_node set hash = (select leaf_hash from ledger_entry where idx = 8)`,
		`delete from ledger_node`,
		`insert into ledger_node (level, idx, hash) select 8, 1, hash from ledger_node`,
		`delete from ledger_entry where idx = 299`,
		`delete from ledger_entry where idx = 7`,
		`insert into ledger_entry (idx, class, number, kind, time, leaf, leaf_hash) select 300, class, 1000, kind, time, leaf, leaf_hash from ledger_entry where idx = 299`,
		`update ledger_head set checkpoint = (select leaf from ledger_entry where idx = 7)`,
		`update ledger_head set edge = (select leaf from ledger_entry where idx = 7)`,
		`update ledger_head set governance = (select leaf_hash from ledger_entry where idx = 7)`,
		`update ledger_head set next_desk = next_desk + 1, next_governance = next_governance - 1`,
		`update ledger_head set time = 1`,
		`update ledger_head set size = size - 1, next_desk = next_desk - 1`,
	}
	storetest.Each(t, func(t *testing.T, url string) {
		s := storetest.Open(t, url, nil)
		fill(t, s, 300)
		undone := errors.New("undone")
		for _, edit := range edits {
			err := s.Write(t.Context(), func(tx *store.Tx) error {
				unguard(t, tx)
				if n, err := tx.Exec(edit); err != nil || n != 1 {
					t.Errorf("%s: %d rows, %v", edit, n, err)
				}
				if err := store.AuditIn(t.Context(), s, tx); err == nil {
					t.Errorf("%s: not found", edit)
				} else if !strings.Contains(edit, "edge") && !fault.Is(err, "ledger-tampered") && fault.KindOf(err) != fault.Invalid {
					t.Errorf("%s: %v", edit, err)
				}
				return undone
			})
			if !errors.Is(err, undone) {
				t.Errorf("%s: %v", edit, err)
			}
		}
		audit(t, s)
	})
}

// TestAuditFindsForgery rewrites an entry as a whole, so that nothing but the
// root tells it from a true one.
func TestAuditFindsForgery(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := storetest.Open(t, url, nil)
		fill(t, s, 300)
		undone := errors.New("undone")
		err := s.Write(t.Context(), func(tx *store.Tx) error {
			unguard(t, tx)
			e, err := tx.EntryOf(ledger.Desk, 99) // the last tile is not full, so no node tells either
			if err != nil || e.Index < 256 {
				t.Fatal(e.Index, err)
			}
			e.Body.Data = []byte(`{"name":"somebody else"}`)
			body := canonical.MustMarshal(e.Body)
			e.Leaf.Commitment = ledger.Commitment(body, e.Salt)
			hash := e.Leaf.Hash()
			for q, args := range map[string][]any{
				`update ledger_entry set leaf = $2, leaf_hash = $3 where idx = $1`: {e.Index, e.Leaf.Bytes(), hash[:]},
				`update ledger_body set body = $2 where idx = $1`:                  {e.Index, body},
			} {
				if n, err := tx.Exec(q, args...); err != nil || n != 1 {
					t.Errorf("%s: %v", q, err)
				}
			}
			if err := store.AuditIn(t.Context(), s, tx); !fault.Is(err, "ledger-tampered") {
				t.Errorf("a forged entry: %v", err)
			}
			return undone
		})
		if !errors.Is(err, undone) {
			t.Error(err)
		}
	})
}

// TestGovernanceBurst: changes of one batch that each stand on the governance
// chain after the one before commit together, each closure having run once.
func TestGovernanceBurst(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := storetest.Open(t, url, nil)
		var runs atomic.Int64
		var all sync.WaitGroup
		for i := range 250 {
			all.Go(func() {
				err := s.Write(t.Context(), func(tx *store.Tx) error {
					runs.Add(1)
					n, err := tx.NextGovernance()
					if err != nil {
						return err
					}
					d := draft(ledger.Governance, fmt.Sprint(i))
					d.Expect = n
					tx.Append(d)
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if c := audit(t, s); c.Size != 250 || runs.Load() != 250 {
			t.Errorf("%d entries after %d runs", c.Size, runs.Load())
		}
	})
}

// unguard removes what keeps the tables from being edited, as whoever owns the
// database can.
func unguard(t *testing.T, tx *store.Tx) {
	t.Helper()
	q := `select 'alter table ' || relname || ' disable trigger all' from pg_class where relname like 'ledger\_%' and relkind = 'r' and relnamespace = current_schema()::regnamespace`
	if tx.Dialect() == sqldb.SQLite {
		q = `select 'drop trigger ' || name from sqlite_master where type = 'trigger' union all select 'pragma defer_foreign_keys = on'`
	}
	all, err := sqldb.All(tx.Tx, func(r sqldb.Row) (s string, err error) { return s, r.Scan(&s) }, q)
	if err != nil {
		t.Error(err)
	}
	for _, s := range all {
		if _, err := tx.Exec(s); err != nil {
			t.Errorf("%s: %v", s, err)
		}
	}
}

func writeUntilKilled(url string) {
	s := openToBeKilled(url)
	for side := range 16 {
		go func() {
			for i := 0; ; i++ {
				e, err := record(context.Background(), s, draft(ledger.Classes()[i%3], fmt.Sprint(side, i)))
				if err != nil {
					panic(err)
				}
				fmt.Println(e.Index, e.Leaf.Commitment)
			}
		}()
	}
	select {}
}

func openToBeKilled(url string) *store.Store {
	key, err := ledger.NewKey(ledgertest.Origin, ledgertest.Rand(1))
	if err != nil {
		panic(err)
	}
	log := &ledger.Log{Origin: ledgertest.Origin, Signer: key, Rand: ledgertest.Rand(byte(os.Getpid()))}
	s, err := store.Open(context.Background(), url, log, key.Verifier(), store.Options{})
	if err != nil {
		panic(err)
	}
	return s
}

func TestKill(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		acknowledged := map[int64]string{}
		for range 3 {
			c := exec.Command(os.Args[0])
			c.Env = append(os.Environ(), "STORE_TEST_WRITE="+url)
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
				index, commitment, _ := strings.Cut(lines.Text(), " ")
				i, err := strconv.ParseInt(index, 10, 64)
				if err != nil {
					t.Fatal(err)
				}
				if acknowledged[i] != "" {
					t.Errorf("index %d was given twice", i)
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
			err = s.Read(t.Context(), func(tx *store.Tx) error {
				for i, commitment := range acknowledged {
					e, err := tx.Entry(i)
					if err != nil || e.Leaf.Commitment.String() != commitment {
						t.Errorf("entry %d, acknowledged as %s, is %s, %v", i, commitment, e.Leaf.Commitment, err)
					}
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		}
	})
}

func TestTimesNeverGoBack(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		now := ledgertest.Epoch
		s := storetest.Open(t, url, func() time.Time { return now })
		var last ledger.Entry
		for _, step := range []time.Duration{0, time.Hour, -2 * time.Hour, time.Minute} {
			now = now.Add(step)
			e, err := record(t.Context(), s, draft(ledger.Desk, "a"))
			if err != nil {
				t.Fatal(err)
			}
			if e.Body.Time.Before(last.Body.Time.Time) {
				t.Errorf("%s after %s", e.Body.Time, last.Body.Time)
			}
			last = e
		}
		audit(t, s)
	})
}
