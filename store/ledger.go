package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/news"
	"countersign.dev/sqldb"
	"countersign.dev/workforce"
)

func migrationFiles() (fs.FS, error) { return fs.Sub(migrations, "migrations") }

// LedgerSignal is the name of the signal that wakes listeners when the ledger has grown.
const LedgerSignal = "ledger"

// Appended is a draft on its way into the ledger.
type Appended struct {
	draft ledger.Draft
	entry ledger.Entry
	done  bool
	// then make statements that run in the same transaction once the entry has its place.
	// They touch only rows that the change has locked already, since the head row is locked
	// by then.
	then  []func(ledger.Entry) sqldb.Statement
	about []string
}

// About makes the entry findable under names: a request, a breach or an incident, or a
// name that ByWorker makes. Each name is given once.
func (r *Appended) About(names ...string) *Appended {
	r.about = append(r.about, names...)
	return r
}

// ByWorker returns the name under which the entries are found that hold a worker's
// signature.
func ByWorker(w workforce.WorkerID) string { return "worker " + string(w) }

// ByVoid returns the name under which the entries are found that end the sessions of a scope.
func ByVoid(v actions.Void) string { return "void " + v.Key() }

// Entry returns the draft's entry. It is there once Write has returned nil.
func (r *Appended) Entry() ledger.Entry {
	if !r.done {
		panic("store: the entry of a change that is not committed was asked for")
	}
	return r.entry
}

// Append gives the change a ledger entry, which commits with it or not at all.
func (tx *Tx) Append(d ledger.Draft) *Appended {
	r := &Appended{draft: d}
	tx.Attach(r)
	tx.Signal(LedgerSignal)
	if d.Class == ledger.Governance {
		tx.tell(news.Chain, "", d.Expect+1)
	}
	return r
}

// AppendWarrant is Append for the warrant of a request that the same change stores: the
// place of the entry is stored in the request's row.
func (tx *Tx) AppendWarrant(d ledger.Draft, request string) *Appended {
	r := tx.Append(d)
	r.then = append(r.then, func(e ledger.Entry) sqldb.Statement { return setEntry(request, e.Index) })
	return r.About(request)
}

// NextGovernance returns the number that the governance chain's next entry will have,
// counting the drafts before it in this batch. A change that was judged by the present
// chain puts it into its drafts' Expect; if another node appends first, the change is run
// again.
func (tx *Tx) NextGovernance() (int64, error) {
	var n int64
	if err := tx.QueryRow(`select next_governance from ledger_head where id = 1`).Scan(&n); err != nil {
		return 0, fmt.Errorf("read the length of the governance chain: %w", err)
	}
	for _, v := range tx.Attached() {
		if r, ok := v.(*Appended); ok && r.draft.Class == ledger.Governance {
			n++
		}
	}
	return n, nil
}

// found makes the empty ledger if there is none, and checks the head there is.
func (s *Store) found(ctx context.Context) error {
	err := s.db.Write(ctx, func(tx *sqldb.Tx) error {
		h, err := s.log.Start(tx.Now().Time)
		if err != nil {
			return err
		}
		edge, err := h.Edge.MarshalBinary()
		if err != nil {
			return err
		}
		_, err = tx.Exec(`insert into ledger_head
			(id, origin, size, edge, time, next_governance, next_desk, next_execution, governance, checkpoint)
			values (1, $1, 0, $2, $3, 0, 0, 0, $4, $5) on conflict (id) do nothing`,
			s.log.Origin, edge, h.Time.Micro(), h.Governance[:], h.Checkpoint)
		return err
	})
	if err != nil {
		return fmt.Errorf("start the ledger: %w", err)
	}
	return s.db.Read(ctx, func(tx *sqldb.Tx) error {
		h, err := s.head(tx, "")
		if err != nil {
			return err
		}
		if err := s.log.Check(h, s.verifier); err != nil {
			return fmt.Errorf("check the ledger's head: %w", err)
		}
		return nil
	})
}

// head reads the head row; lock is empty or Dialect.ForUpdate.
func (s *Store) head(tx *sqldb.Tx, lock string) (ledger.Head, error) {
	var h ledger.Head
	var origin string
	var edge, governance []byte
	var time, nextGovernance, nextDesk, nextExecution int64
	err := tx.QueryRow(`select origin, size, edge, time, next_governance, next_desk, next_execution, governance, checkpoint
		from ledger_head where id = 1`+lock).
		Scan(&origin, &h.Size, &edge, &time, &nextGovernance, &nextDesk, &nextExecution, &governance, &h.Checkpoint)
	if err != nil {
		return ledger.Head{}, fmt.Errorf("read the ledger's head: %w", err)
	}
	if origin != s.log.Origin {
		return ledger.Head{}, fault.New(fault.Conflict, "ledger-origin",
			"This database holds the ledger %q and not %q. Check which database and which log key belong together.", origin, s.log.Origin)
	}
	if err := h.Edge.UnmarshalBinary(edge); err != nil {
		return ledger.Head{}, fmt.Errorf("read the ledger's edge: %w", err)
	}
	if len(governance) != len(h.Governance) {
		return ledger.Head{}, tampered("The ledger's head has a governance digest of %d bytes.", len(governance))
	}
	h.Governance = canonical.Digest(governance)
	h.Time = canonical.FromMicro(time)
	h.Next = map[ledger.Class]int64{
		ledger.Governance: nextGovernance, ledger.Desk: nextDesk, ledger.Execution: nextExecution,
	}
	return h, nil
}

// finish runs at the end of every batch that recorded something: ledger entries, documents
// or rolls. It locks the ledger's head row first, if the batch has entries, then the head
// rows of the documents' sorts in the order of their names, and after them nothing else. So
// nodes wait for each other only here and cannot block each other.
func (s *Store) finish(tx *sqldb.Tx, attached []any) (func(), error) {
	var b batch
	for i, v := range attached {
		switch r := v.(type) {
		case *Appended:
			b.appended = append(b.appended, r)
			b.places = append(b.places, i)
		case *Recorded:
			b.recorded = append(b.recorded, r)
		case *rolled:
			r.place = i
			b.rolled = append(b.rolled, r)
		default:
			return nil, fmt.Errorf("finish a batch: a change attached a %T", v)
		}
	}
	// Everything that needs no lock comes before the first one.
	if err := b.makeDocuments(s.log, tx.Now()); err != nil {
		return nil, err
	}
	committed := func() {}
	var all []sqldb.Statement
	var size int64
	if len(b.appended) > 0 {
		var err error
		if size, all, committed, err = s.append(tx, &b); err != nil {
			return nil, err
		}
	}
	documents, err := b.number(tx)
	if err != nil {
		return nil, err
	}
	touched, err := tx.ExecAll(append(all, documents...))
	if err != nil {
		return nil, fmt.Errorf("record a batch: %w", err)
	}
	if len(b.appended) > 0 && touched[0] != 1 {
		return nil, fmt.Errorf("the head was at size %d: %w", size, sqldb.ErrAgain)
	}
	// If we die before the commit, nothing of this is there, and the checkpoint was shown to
	// nobody. If we die after it, all of it is there, and a caller that asks again finds it.
	return func() {
		b.keep()
		s.recorded.Add(int64(len(b.recorded)))
		committed()
	}, nil
}

// batch is what the changes of a batch recorded, sorted by what it is.
type batch struct {
	appended  []*Appended
	places    []int // of appended, among all that is attached
	recorded  []*Recorded
	documents []ledger.Document // of recorded
	rolled    []*rolled
}

// append gives the drafts of a batch their places under the lock of the head row. It
// returns the ledger's size before it and the statements that write the entries; the first
// of them must touch one row.
func (s *Store) append(tx *sqldb.Tx, b *batch) (size int64, all []sqldb.Statement, committed func(), err error) {
	head, err := s.head(tx, tx.Dialect().ForUpdate())
	if err != nil {
		return 0, nil, nil, err
	}
	drafts := make([]ledger.Draft, len(b.appended))
	for i, r := range b.appended {
		drafts[i] = r.draft
	}
	next, entries, nodes, err := s.log.Append(head, drafts, tx.Now().Time)
	var moved *ledger.MovedError
	if errors.As(err, &moved) {
		return 0, nil, nil, &sqldb.MovedError{Attached: b.places[moved.Draft], Err: err}
	}
	if err != nil {
		return 0, nil, nil, err
	}
	guarded := func() {}
	if s.guard != nil {
		also, err := s.guard(entries)
		if err != nil {
			return 0, nil, nil, err
		}
		if also != nil {
			guarded = also
		}
	}
	var then []sqldb.Statement
	var about [][]any
	for i, r := range b.appended {
		for _, f := range r.then {
			then = append(then, f(entries[i]))
		}
		for _, name := range r.about {
			about = append(about, []any{name, entries[i].Body.Time.Micro(), entries[i].Index})
		}
	}
	then = insertRows(then, `insert into ledger_about (about, time, idx) values `, about)
	if all, err = place(head.Size, next, entries, nodes); err != nil {
		return 0, nil, nil, fmt.Errorf("append to the ledger: %w", err)
	}
	return head.Size, append(all, then...), func() {
		for i, r := range b.appended {
			r.entry, r.done = entries[i], true
		}
		s.recent.committed(head.Size, next, entries)
		guarded()
	}, nil
}

// holdHead lets nobody else append until the transaction ends. If it is taken before a
// change's own locks, two nodes can meet in a deadlock, which the database breaks and
// sqldb runs again. So it is only for changes that have been overtaken before.
func holdHead(tx *sqldb.Tx) error {
	var size int64
	err := tx.QueryRow(`select size from ledger_head where id = 1` + tx.Dialect().ForUpdate()).Scan(&size)
	if err != nil {
		return fmt.Errorf("lock the ledger's head: %w", err)
	}
	return nil
}

// place returns the statements that write a batch's entries and the head over them, which
// was at size. The first one must touch one row: the lock makes the size right; comparing
// it costs nothing and stops a fork if the lock is ever lost from the query that read it.
func place(size int64, h ledger.Head, entries []ledger.Entry, nodes []ledger.Node) ([]sqldb.Statement, error) {
	edge, err := h.Edge.MarshalBinary()
	if err != nil {
		return nil, err
	}
	all := []sqldb.Statement{{SQL: `update ledger_head set size = $2, edge = $3, time = $4, next_governance = $5, next_desk = $6,
		next_execution = $7, governance = $8, checkpoint = $9 where id = 1 and size = $1`,
		Args: []any{size, h.Size, edge, h.Time.Micro(), h.Next[ledger.Governance], h.Next[ledger.Desk], h.Next[ledger.Execution],
			h.Governance[:], h.Checkpoint}}}
	return append(all, inserts(entries, nodes)...), nil
}

func inserts(entries []ledger.Entry, nodes []ledger.Node) []sqldb.Statement {
	var rows, bodies, openings, roots [][]any
	for _, e := range entries {
		hash := e.Leaf.Hash()
		rows = append(rows, []any{e.Index, string(e.Leaf.Class), e.Leaf.Number, e.Body.Kind, e.Body.Time.Micro(), e.Leaf.Bytes(), hash[:]})
		bodies = append(bodies, []any{e.Index, e.BodyBytes, []byte(e.Salt)})
		for _, o := range e.Openings {
			openings = append(openings, []any{e.Index, o.Name, []byte(o.Salt), []byte(o.Value)})
		}
	}
	for _, n := range nodes {
		roots = append(roots, []any{n.Level, n.Index, n.Hash[:]})
	}
	all := insertRows(nil, `insert into ledger_entry (idx, class, number, kind, time, leaf, leaf_hash) values `, rows)
	all = insertRows(all, `insert into ledger_body (idx, body, salt) values `, bodies)
	all = insertRows(all, `insert into ledger_opening (idx, name, salt, value) values `, openings)
	return insertRows(all, `insert into ledger_node (level, idx, hash) values `, roots)
}

// insertRows appends the statements that insert rows, many by one: fewer texts
// are parsed and fewer answers sent. There are four sizes, so that each is
// prepared once.
func insertRows(all []sqldb.Statement, insert string, rows [][]any) []sqldb.Statement {
	eachInsert(insert, "", rows, func(s sqldb.Statement, _ int) { all = append(all, s) })
	return all
}

// eachInsert calls do with the statements of insertRows, each with how many rows it inserts;
// end is the end of each text.
func eachInsert(insert, end string, rows [][]any, do func(s sqldb.Statement, n int)) {
	for len(rows) > 0 {
		n := 1
		for _, size := range []int{64, 16, 4} {
			if len(rows) >= size {
				n = size
				break
			}
		}
		width := len(rows[0])
		var q strings.Builder
		q.WriteString(insert)
		args := make([]any, 0, n*width)
		for i, row := range rows[:n] {
			if i > 0 {
				q.WriteByte(',')
			}
			q.WriteString("(" + sqldb.Places(i*width+1, width) + ")")
			args = append(args, row...)
		}
		q.WriteString(end)
		do(sqldb.Statement{SQL: q.String(), Args: args}, n)
		rows = rows[n:]
	}
}

// insertLater inserts rows before the next statement. A row that is there already has been
// put there by another node in the meantime: then the change runs again, and finds it.
func (tx *Tx) insertLater(insert string, rows [][]any) {
	eachInsert(insert, " on conflict do nothing", rows, func(s sqldb.Statement, n int) {
		tx.Later(s, func(touched int64) error {
			if touched != int64(n) {
				return fmt.Errorf("%s: a row was there already: %w", insert, sqldb.ErrAgain)
			}
			return nil
		})
	})
}

// inParts calls do with the values in parts, each with the places of its values, from $first
// on. There are few sizes of parts, so that each text is prepared once: the last value stands
// in for those that are missing.
func inParts(first int, values []string, do func(places string, args []any) error) error {
	for len(values) > 0 {
		size := 1
		for size < len(values) && size < 256 {
			size *= 4
		}
		n := min(size, len(values))
		args := make([]any, size)
		for i := range args {
			args[i] = values[min(i, n-1)]
		}
		if err := do(sqldb.Places(first, size), args); err != nil {
			return err
		}
		values = values[n:]
	}
	return nil
}

// Head returns the head of the ledger.
func (s *Store) Head(ctx context.Context) (h ledger.Head, err error) {
	err = s.db.Read(ctx, func(tx *sqldb.Tx) error {
		h, err = s.head(tx, "")
		return err
	})
	return h, err
}

// Newest returns the ledger's size and signed checkpoint. With Leaves and Hashes
// it makes a Store a ledger.Source, from which ledger.Tiles serves and proves.
func (s *Store) Newest(ctx context.Context) (size int64, checkpoint []byte, err error) {
	err = s.ReadOne(ctx, func(tx *Tx) error {
		size, checkpoint, err = tx.Newest()
		return err
	})
	return size, checkpoint, err
}

// Leaves returns the n leaves from index start on.
func (s *Store) Leaves(ctx context.Context, start int64, n int) (leaves []ledger.Leaf, err error) {
	err = s.ReadOne(ctx, func(tx *Tx) error {
		leaves, err = tx.leaves(start, n)
		return err
	})
	return leaves, err
}

// Hashes returns n hashes of a level of the tree from index start on: of leaves
// at level 0, of full tiles at 8, 16, ….
func (s *Store) Hashes(ctx context.Context, level int, start int64, n int) (hashes []tlog.Hash, err error) {
	place := tilePlace{level, start}
	if known := s.recent.hashes(place, n); known != nil {
		return known, nil
	}
	err = s.ReadOne(ctx, func(tx *Tx) error {
		hashes, err = tx.hashes(level, start, n)
		return err
	})
	if err == nil && n <= tileWidth {
		s.recent.read(place, hashes)
	}
	return hashes, err
}

// Newest returns the ledger's size and signed checkpoint.
func (tx *Tx) Newest() (size int64, checkpoint []byte, err error) {
	err = tx.QueryRow(`select size, checkpoint from ledger_head where id = 1`).Scan(&size, &checkpoint)
	if err != nil {
		return 0, nil, fmt.Errorf("read the ledger's checkpoint: %w", err)
	}
	return size, checkpoint, nil
}

func (tx *Tx) leaves(start int64, n int) ([]ledger.Leaf, error) {
	leaves, err := sqldb.All(tx.Tx, func(r sqldb.Row) (ledger.Leaf, error) {
		var index int64
		var leaf []byte
		if err := r.Scan(&index, &leaf); err != nil {
			return ledger.Leaf{}, err
		}
		return ledger.ParseLeaf(leaf)
	}, `select idx, leaf from ledger_entry where idx >= $1 and idx < $2 order by idx`, start, start+int64(n))
	if err != nil {
		return nil, fmt.Errorf("read ledger leaves: %w", err)
	}
	return leaves, nil
}

func (tx *Tx) hashes(level int, start int64, n int) (hashes []tlog.Hash, err error) {
	scan := func(r sqldb.Row) (tlog.Hash, error) {
		var h []byte
		if err := r.Scan(&h); err != nil {
			return tlog.Hash{}, err
		}
		if len(h) != tlog.HashSize {
			return tlog.Hash{}, tampered("A hash of the ledger has %d bytes.", len(h))
		}
		return tlog.Hash(h), nil
	}
	end := start + int64(n)
	if level == 0 {
		hashes, err = sqldb.All(tx.Tx, scan, `select leaf_hash from ledger_entry where idx >= $1 and idx < $2 order by idx`, start, end)
	} else {
		hashes, err = sqldb.All(tx.Tx, scan, `select hash from ledger_node where level = $1 and idx >= $2 and idx < $3 order by idx`, level, start, end)
	}
	if err != nil {
		return nil, fmt.Errorf("read ledger hashes: %w", err)
	}
	return hashes, nil
}

// Entry returns the entry at an index.
func (tx *Tx) Entry(index int64) (ledger.Entry, error) {
	return one(tx.entries(`e.idx = $1`, index))
}

// EntryOf returns the entry with a number of a class.
func (tx *Tx) EntryOf(class ledger.Class, number int64) (ledger.Entry, error) {
	return one(tx.entries(`e.class = $1 and e.number = $2`, string(class), number))
}

// EntriesNaming returns the execution entries of a kind that seal a value, oldest first,
// each with the openings of that value alone. It reads the openings of all entries of the
// kind.
func (s *Store) EntriesNaming(ctx context.Context, kind string, value []byte) (entries []ledger.Entry, err error) {
	err = s.Read(ctx, func(tx *Tx) error {
		entries, err = tx.entries(`e.class = 'execution' and e.kind = $1 and e.idx in
			(select n.idx from ledger_entry k join ledger_opening n on n.idx = k.idx where k.kind = $1 and n.value = $2)`, kind, value)
		return err
	})
	for i := range entries {
		entries[i].Openings = slices.DeleteFunc(entries[i].Openings, func(o ledger.Opening) bool { return !bytes.Equal(o.Value, value) })
	}
	return entries, err
}

// TakenRecords returns the executor's records of changes that it took directly, from an index
// on, without openings: as many as limit.
func (s *Store) TakenRecords(ctx context.Context, from int64, limit int) (entries []ledger.Entry, err error) {
	err = s.Read(ctx, func(tx *Tx) error {
		entries, err = tx.bodies(`e.class = 'execution' and e.kind = 'taken' and e.idx in
			(select idx from ledger_entry where class = 'execution' and kind = 'taken' and idx >= $1 order by idx limit $2)`, from, limit)
		return err
	})
	return entries, err
}

// Remembered returns the entry at an index, without openings, if this process made it a
// short time ago. It does not ask the database.
func (s *Store) Remembered(index int64) (e ledger.Entry, ok bool) {
	if _, fresh := s.recent.from(index); len(fresh) > 0 {
		return fresh[0], true
	}
	return e, false
}

// WarrantEntries returns the entries that a warrant is made of: the one at an index, and
// the governance entries with given numbers, in the order of the numbers; all without the
// openings of their personal fields.
func (s *Store) WarrantEntries(ctx context.Context, index int64, numbers []int64) (warrant ledger.Entry, evidence []ledger.Entry, err error) {
	found, rest := s.recent.evidence(numbers)
	fresh, known := s.Remembered(index)
	if known {
		found = append(found, fresh)
	}
	if !known || len(rest) > 0 {
		where, args := `e.idx = $1`, []any{index}
		if len(rest) > 0 {
			where += ` or e.class = $2 and e.number in (` + sqldb.Places(3, len(rest)) + `)`
			args = append(args, string(ledger.Governance))
			for _, n := range rest {
				args = append(args, n)
			}
		}
		var read []ledger.Entry
		err = s.ReadOne(ctx, func(tx *Tx) error {
			read, err = tx.bodies(where, args...)
			return err
		})
		if err != nil {
			return warrant, nil, err
		}
		s.recent.keep(read)
		found = append(found, read...)
	}
	if warrant, err = pick(found, func(e ledger.Entry) bool { return e.Index == index }); err != nil {
		return warrant, nil, err
	}
	for _, n := range numbers {
		e, err := pick(found, func(e ledger.Entry) bool { return e.Leaf.Class == ledger.Governance && e.Leaf.Number == n })
		if err != nil {
			return warrant, nil, err
		}
		evidence = append(evidence, e)
	}
	return warrant, evidence, nil
}

func pick(entries []ledger.Entry, is func(ledger.Entry) bool) (ledger.Entry, error) {
	if i := slices.IndexFunc(entries, is); i >= 0 {
		return entries[i], nil
	}
	return ledger.Entry{}, noEntry()
}

func noEntry() error {
	return fault.New(fault.NotFound, "entry-not-found", "The ledger has no such entry.")
}

// Entries returns the entries from one index up to, and without, another.
func (tx *Tx) Entries(from, to int64) ([]ledger.Entry, error) {
	return tx.entries(`e.idx >= $1 and e.idx < $2`, from, to)
}

// EntriesOf returns the entries of a class from one number up to, and without, another.
func (tx *Tx) EntriesOf(class ledger.Class, from, to int64) ([]ledger.Entry, error) {
	return tx.entries(`e.class = $1 and e.number >= $2 and e.number < $3`, string(class), from, to)
}

// EntriesAbout returns up to limit entries that were recorded about a name, from
// an instant on, oldest first.
func (tx *Tx) EntriesAbout(name string, from canonical.Time, limit int) ([]ledger.Entry, error) {
	places, err := sqldb.All(tx.Tx, func(r sqldb.Row) (idx int64, err error) { return idx, r.Scan(&idx) },
		`select idx from ledger_about where about = $1 and time >= $2 order by time, idx limit $3`, name, from.Micro(), limit)
	if err != nil {
		return nil, fmt.Errorf("find ledger entries: %w", err)
	}
	var all []ledger.Entry
	// In stretches, so that the number of parameters is bounded and few texts are prepared.
	for stretch := range slices.Chunk(places, 64) {
		args := make([]any, 64)
		for i := range args {
			args[i] = stretch[min(i, len(stretch)-1)]
		}
		entries, err := tx.entries(`e.idx in (`+sqldb.Places(1, len(args))+`)`, args...)
		if err != nil {
			return nil, err
		}
		all = append(all, entries...)
	}
	return all, nil
}

// NewestOf returns the newest entry of a kind with its openings, nil if there is none.
func (tx *Tx) NewestOf(kind string) (*ledger.Entry, error) {
	all, err := tx.entries(`e.idx = (select max(idx) from ledger_entry where kind = $1)`, kind)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	return &all[0], nil
}

// IndexAt returns the index of the first entry of an instant or later; the size of
// the ledger if there is none. Times never go back, so that it needs few looks.
func (tx *Tx) IndexAt(at canonical.Time) (int64, error) {
	size, _, err := tx.Newest()
	if err != nil {
		return 0, err
	}
	low := int64(0)
	for high := size; low < high; {
		middle := low + (high-low)/2
		var micro int64
		if err := tx.QueryRow(`select time from ledger_entry where idx = $1`, middle).Scan(&micro); err != nil {
			return 0, fmt.Errorf("read the time of ledger entry %d: %w", middle, err)
		}
		if micro < at.Micro() {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low, nil
}

// RawEntry is an entry as it is stored: only the form of its leaf is checked, and nothing
// is opened. Body and Salt are empty once they are erased.
type RawEntry struct {
	Index      int64
	Kind       string
	Time       canonical.Time
	Leaf       ledger.Leaf
	Body, Salt []byte
}

// RawEntries returns at most limit entries of the governance chain or of given kinds,
// from one index up to, and without, another, in their order. The condition is written so
// that no index on class or kind is used for it: most entries of a stretch are wanted,
// and with such an index SQLite would sort them anew each time.
func (tx *Tx) RawEntries(from, to int64, limit int, kinds ...string) ([]RawEntry, error) {
	args := []any{from, to, limit, string(ledger.Governance)}
	for _, k := range kinds {
		args = append(args, k)
	}
	all, err := sqldb.All(tx.Tx, func(r sqldb.Row) (RawEntry, error) {
		var e RawEntry
		var leaf []byte
		var micro int64
		err := r.Scan(&e.Index, &e.Kind, &micro, &leaf, &e.Body, &e.Salt)
		if err != nil {
			return e, err
		}
		e.Time = canonical.FromMicro(micro)
		if e.Leaf, err = ledger.ParseLeaf(leaf); err != nil {
			return e, tampered("Entry %d of the ledger has a broken leaf.", e.Index).Because(err)
		}
		return e, nil
	}, `select e.idx, e.kind, e.time, e.leaf, b.body, b.salt from ledger_entry e left join ledger_body b on b.idx = e.idx
		where e.idx >= $1 and e.idx < $2 and case when e.class = $4 or e.kind in (`+sqldb.Places(5, len(kinds))+`) then 1 else 0 end = 1
		order by e.idx limit $3`, args...)
	if err != nil {
		return nil, fmt.Errorf("read ledger entries: %w", err)
	}
	return all, nil
}

func one(all []ledger.Entry, err error) (ledger.Entry, error) {
	switch {
	case err != nil:
		return ledger.Entry{}, err
	case len(all) == 0:
		return ledger.Entry{}, noEntry()
	}
	return all[0], nil
}

// bodies returns the entries that meet a condition on ledger_entry e, each with all that
// has not been erased, but without openings.
func (tx *Tx) bodies(where string, args ...any) ([]ledger.Entry, error) {
	all, err := sqldb.All(tx.Tx, func(r sqldb.Row) (ledger.Entry, error) {
		var e ledger.Entry
		var leaf, salt []byte
		err := r.Scan(&e.Index, &leaf, &e.BodyBytes, &salt)
		if err != nil {
			return e, err
		}
		if e.Leaf, err = ledger.ParseLeaf(leaf); err != nil {
			return e, tampered("Entry %d of the ledger has a broken leaf.", e.Index).Because(err)
		}
		if e.Salt = salt; e.BodyBytes != nil {
			if e.Body, err = ledger.Verify(e.Leaf, e.BodyBytes, e.Salt); err != nil {
				return e, fmt.Errorf("entry %d: %w", e.Index, err)
			}
		}
		return e, nil
	}, `select e.idx, e.leaf, b.body, b.salt from ledger_entry e left join ledger_body b on b.idx = e.idx
		where `+where+` order by e.idx`, args...)
	if err != nil {
		return nil, fmt.Errorf("read ledger entries: %w", err)
	}
	return all, nil
}

// entries is bodies with openings.
func (tx *Tx) entries(where string, args ...any) ([]ledger.Entry, error) {
	all, err := tx.bodies(where, args...)
	if err != nil {
		return nil, err
	}
	at := make(map[int64]*ledger.Entry, len(all))
	for i := range all {
		at[all[i].Index] = &all[i]
	}
	_, err = sqldb.All(tx.Tx, func(r sqldb.Row) (struct{}, error) {
		var index int64
		var o ledger.Opening
		var salt, value []byte
		err := r.Scan(&index, &o.Name, &salt, &value)
		if e := at[index]; err == nil && e != nil {
			o.Salt, o.Value = salt, value
			e.Openings = append(e.Openings, o)
		}
		return struct{}{}, err
	}, `select o.idx, o.name, o.salt, o.value from ledger_opening o join ledger_entry e on e.idx = o.idx
		where `+where+` order by o.idx, o.name`, args...)
	if err != nil {
		return nil, fmt.Errorf("read what opens ledger entries: %w", err)
	}
	return all, nil
}

// EraseOpening erases a personal field of an entry. The ledger stays whole: it
// holds only the commitment.
func (tx *Tx) EraseOpening(index int64, name string) error {
	n, err := tx.Exec(`delete from ledger_opening where idx = $1 and name = $2`, index, name)
	if err != nil {
		return fmt.Errorf("erase a field of ledger entry %d: %w", index, err)
	}
	if n == 0 {
		return fault.New(fault.NotFound, "field-not-found", "The ledger entry has no such field, or it has been erased.")
	}
	return nil
}

// auditStep is the number of entries that Audit holds at a time.
const auditStep = 1024

// Audit recomputes the whole ledger from its rows, in one snapshot: leaves, numbers,
// times, bodies and openings as far as they are kept, full tiles, the chain of
// governance, the root and the checkpoint's signature; and the documents with their numbers,
// bodies, openings and rolls. It returns the checkpoint, with which all of it agrees.
func (s *Store) Audit(ctx context.Context) (c ledger.Checkpoint, err error) {
	err = s.Read(ctx, func(tx *Tx) error {
		c, err = s.audit(tx)
		return err
	})
	if err != nil {
		return ledger.Checkpoint{}, fmt.Errorf("audit the ledger: %w", err)
	}
	return c, nil
}

func (s *Store) audit(tx *Tx) (ledger.Checkpoint, error) {
	h, err := s.head(tx.Tx, "")
	if err != nil {
		return ledger.Checkpoint{}, err
	}
	if err := s.log.Check(h, s.verifier); err != nil {
		return ledger.Checkpoint{}, err
	}
	signed, err := ledger.ParseCheckpoint(h.Checkpoint, s.verifier)
	if err != nil {
		return ledger.Checkpoint{}, err
	}
	a := audit{tx: tx}
	for from := int64(0); from < h.Size; from += auditStep {
		if err := a.entries(from, min(from+auditStep, h.Size)); err != nil {
			return ledger.Checkpoint{}, err
		}
	}
	if err := a.end(h); err != nil {
		return ledger.Checkpoint{}, err
	}
	return signed.Checkpoint, a.documents()
}

// audit is one pass over the rows.
type audit struct {
	tx         *Tx
	follower   ledger.Follower
	time       canonical.Time
	governance canonical.Digest
	nodes      int64
	rolls      []rollAt // in the ledger's order
}

func (a *audit) entries(from, to int64) error {
	entries, err := a.tx.Entries(from, to)
	if err != nil {
		return err
	}
	if int64(len(entries)) != to-from {
		return tampered("The ledger has %d of the entries %d to %d.", len(entries), from, to-1)
	}
	rows, err := sqldb.All(a.tx.Tx, scanRow,
		`select class, number, kind, time, leaf_hash from ledger_entry where idx >= $1 and idx < $2 order by idx`, from, to)
	if err != nil {
		return err
	}
	for i, e := range entries {
		if e.Index != from+int64(i) {
			return tampered("The ledger lacks entry %d.", from+int64(i))
		}
		if err := a.entry(e, rows[i]); err != nil {
			return err
		}
	}
	return nil
}

// row holds the columns of ledger_entry beside the leaf, by which entries are looked up.
type row struct {
	class, kind  string
	number, time int64
	hash         []byte
}

func scanRow(r sqldb.Row) (x row, err error) {
	return x, r.Scan(&x.class, &x.number, &x.kind, &x.time, &x.hash)
}

func (a *audit) entry(e ledger.Entry, r row) error {
	hash := e.Leaf.Hash()
	if r.class != string(e.Leaf.Class) || r.number != e.Leaf.Number || !bytes.Equal(r.hash, hash[:]) {
		return tampered("The row of ledger entry %d is not that of its leaf.", e.Index)
	}
	if e.BodyBytes != nil {
		switch b := e.Body; {
		case r.kind != b.Kind || r.time != b.Time.Micro():
			return tampered("The row of ledger entry %d is not that of its body.", e.Index)
		case b.Time.Before(a.time.Time):
			return tampered("Ledger entry %d is earlier than the one before.", e.Index)
		case b.Class == ledger.Governance && b.Prev != a.governance:
			return tampered("Ledger entry %d does not name the governance entry before it.", e.Index)
		}
		a.time = e.Body.Time
		if err := a.roll(e); err != nil {
			return err
		}
	}
	for _, o := range e.Openings {
		if e.BodyBytes != nil && !e.Body.Opens(o) {
			return tampered("The field %q of ledger entry %d is not the one committed to.", o.Name, e.Index)
		}
	}
	if e.Leaf.Class == ledger.Governance {
		a.governance = e.Leaf.Digest()
	}
	nodes, err := a.follower.Add(e.Leaf)
	if err != nil {
		return err
	}
	for _, n := range nodes {
		a.nodes++
		var hash []byte
		err := a.tx.QueryRow(`select hash from ledger_node where level = $1 and idx = $2`, n.Level, n.Index).Scan(&hash)
		if err != nil && !sqldb.IsNotFound(err) {
			return err
		}
		if !bytes.Equal(hash, n.Hash[:]) {
			return tampered("Node %d at level %d of the ledger's tree is not that of its entries.", n.Index, n.Level)
		}
	}
	return nil
}

func (a *audit) end(h ledger.Head) error {
	if a.follower.Edge != h.Edge || a.governance != h.Governance || h.Time.Before(a.time.Time) {
		return tampered("The ledger's entries do not lead to its head.")
	}
	for _, c := range ledger.Classes() {
		if a.follower.Next(c) != h.Next[c] {
			return tampered("The ledger's head counts %d %s entries; there are %d.", h.Next[c], c, a.follower.Next(c))
		}
	}
	var entries, nodes int64
	err := a.tx.QueryRow(`select (select count(*) from ledger_entry), (select count(*) from ledger_node)`).Scan(&entries, &nodes)
	if err != nil {
		return err
	}
	if entries != h.Size || nodes != a.nodes {
		return tampered("There are %d ledger entries and %d nodes, where the head has %d and %d.", entries, nodes, h.Size, a.nodes)
	}
	return nil
}
