package store

import (
	"fmt"
	"slices"

	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/sqldb"
)

// RollSignal is the name of the signal that wakes listeners when documents wait for their
// roll.
const RollSignal = "document"

// Recorded is a document on its way to its number.
type Recorded struct {
	draft    ledger.DocumentDraft
	document ledger.Document
	done     bool
}

// Record gives the change a document, which commits with it or not at all. It gets its
// number at the end of the batch: the numbers of a sort have no gap.
func (tx *Tx) Record(d ledger.DocumentDraft) *Recorded {
	r := &Recorded{draft: d}
	tx.Attach(r)
	tx.Signal(RollSignal)
	return r
}

// Document returns the draft's document. It is there once Write has returned nil.
func (r *Recorded) Document() ledger.Document {
	if !r.done {
		panic("store: the document of a change that is not committed was asked for")
	}
	return r.document
}

// RecordedCount returns how many documents this process has recorded.
func (s *Store) RecordedCount() int64 { return s.recorded.Load() }

// makeDocuments makes the documents of a batch, as of now.
func (b *batch) makeDocuments(log *ledger.Log, now canonical.Time) error {
	b.documents = make([]ledger.Document, len(b.recorded))
	for i, r := range b.recorded {
		var err error
		if b.documents[i], err = log.Document(r.draft, now); err != nil {
			return fmt.Errorf("record the %s %q: %w", r.draft.Sort, r.draft.ID, err)
		}
	}
	return nil
}

// number moves the marks of the rolls, and gives the documents of a batch their numbers,
// under the locks of the head rows. It returns the statements that write the documents.
func (b *batch) number(tx *sqldb.Tx) (all []sqldb.Statement, err error) {
	bySort := map[ledger.DocumentSort][]int{}
	for i, d := range b.documents {
		bySort[d.Sort] = append(bySort[d.Sort], i)
	}
	for _, sort := range ledger.DocumentSorts() {
		for _, r := range b.rolled {
			if r.sort != sort {
				continue
			}
			if err := r.move(tx); err != nil {
				return nil, err
			}
		}
		if len(bySort[sort]) == 0 {
			continue
		}
		var next int64
		err := tx.QueryRow(`insert into roll_head (sort, next, rolled) values ($1, $2, 0)
			on conflict (sort) do update set next = roll_head.next + excluded.next returning next`,
			string(sort), len(bySort[sort])).Scan(&next)
		if err != nil {
			return nil, fmt.Errorf("number the documents of the sort %s: %w", sort, err)
		}
		next -= int64(len(bySort[sort]))
		for _, i := range bySort[sort] {
			b.documents[i].Number = next
			next++
		}
	}
	return documentInserts(b.documents), nil
}

func documentInserts(documents []ledger.Document) []sqldb.Statement {
	var rows, openings [][]any
	for _, d := range documents {
		rows = append(rows, []any{string(d.Sort), d.Number, d.Body.ID, d.Commitment[:], d.BodyBytes, []byte(d.Salt), d.Body.Time.Micro()})
		for _, o := range d.Openings {
			openings = append(openings, []any{string(d.Sort), d.Number, o.Name, []byte(o.Salt), []byte(o.Value)})
		}
	}
	all := insertRows(nil, `insert into document (sort, number, id, commitment, body, salt, time) values `, rows)
	return insertRows(all, `insert into document_opening (sort, number, name, salt, value) values `, openings)
}

// keep hands the documents of a committed batch to their changes.
func (b *batch) keep() {
	for i, r := range b.recorded {
		r.document, r.done = b.documents[i], true
	}
}

// rolled is the mark of a sort that moves with a roll.
type rolled struct {
	sort        ledger.DocumentSort
	first, last int64
	place       int // among all that the batch attached
}

// Roll gives the change the entry of a roll, and moves its sort's mark from a number to the
// one after the roll. If somebody else has moved it in the meantime, the change runs again.
func (tx *Tx) Roll(r ledger.Roll, from int64) *Appended {
	tx.Attach(&rolled{sort: r.Sort, first: from, last: r.Last})
	// A roll authorises nothing, so that it expects no state of the chain.
	a := tx.Append(ledger.Draft{Class: ledger.Desk, Kind: ledger.KindRoll, Data: r, Expect: ledger.AnyNumber})
	a.then = append(a.then, func(e ledger.Entry) sqldb.Statement {
		return sqldb.Statement{SQL: `insert into roll (sort, first, last, idx) values ($1, $2, $3, $4)`, Args: []any{string(r.Sort), r.First, r.Last, e.Index}}
	})
	return a
}

// RollAfter returns the first roll of a sort that ends at a number or later, as its entry in
// the ledger has it, with the entry's index. The index is -1 if there is none.
func (tx *Tx) RollAfter(sort ledger.DocumentSort, number int64) (r ledger.Roll, index int64, err error) {
	err = tx.QueryRow(`select idx from roll where sort = $1 and last >= $2 order by last limit 1`, string(sort), number).Scan(&index)
	if sqldb.IsNotFound(err) {
		return r, -1, nil
	}
	if err != nil {
		return r, 0, fmt.Errorf("find a roll of the %s documents: %w", sort, err)
	}
	e, err := one(tx.bodies(`e.idx = $1`, index))
	if err != nil {
		return r, 0, err
	}
	r, err = ledger.ParseRoll(e.Body.Data)
	return r, index, err
}

// DocumentTime returns when the document of a sort with a number was recorded, by its row.
func (tx *Tx) DocumentTime(sort ledger.DocumentSort, number int64) (at canonical.Time, there bool, err error) {
	var micro int64
	err = tx.QueryRow(`select time from document where sort = $1 and number = $2`, string(sort), number).Scan(&micro)
	if sqldb.IsNotFound(err) {
		return at, false, nil
	}
	if err != nil {
		return at, false, fmt.Errorf("read the time of the %s document %d: %w", sort, number, err)
	}
	return canonical.FromMicro(micro), true, nil
}

// RollEntry returns the index of the entry of the roll that holds the document of a sort
// with a number. It is -1 while there is none.
func (tx *Tx) RollEntry(sort ledger.DocumentSort, number int64) (index int64, err error) {
	var first int64
	err = tx.QueryRow(`select first, idx from roll where sort = $1 and last >= $2 order by last limit 1`, string(sort), number).Scan(&first, &index)
	switch {
	case sqldb.IsNotFound(err) || err == nil && first > number:
		return -1, nil
	case err != nil:
		return 0, fmt.Errorf("find the roll of the %s document %d: %w", sort, number, err)
	}
	return index, nil
}

// move moves the mark. The number that it must stand at stops a second roll over the same
// documents, whoever makes it.
func (r *rolled) move(tx *sqldb.Tx) error {
	n, err := tx.Exec(`update roll_head set rolled = $3 where sort = $1 and rolled = $2`, string(r.sort), r.first, r.last+1)
	if err != nil {
		return fmt.Errorf("move the mark of the rolls of the sort %s: %w", r.sort, err)
	}
	if n != 1 {
		return &sqldb.MovedError{Attached: r.place, Err: fmt.Errorf("the %s documents from %d on are rolled already: %w", r.sort, r.first, sqldb.ErrAgain)}
	}
	return nil
}

// RollHead says how far the documents of a sort go.
type RollHead struct {
	Sort   ledger.DocumentSort
	Next   int64 // the number that the next document gets
	Rolled int64 // the first number that is in no roll yet
}

// RollHeads returns the heads of all sorts that have documents.
func (tx *Tx) RollHeads() ([]RollHead, error) {
	all, err := sqldb.All(tx.Tx, func(r sqldb.Row) (h RollHead, err error) {
		return h, r.Scan(&h.Sort, &h.Next, &h.Rolled)
	}, `select sort, next, rolled from roll_head order by sort`)
	if err != nil {
		return nil, fmt.Errorf("read the heads of the rolls: %w", err)
	}
	return all, nil
}

// RollHead returns the head of a sort, which is zero if there is none.
func (tx *Tx) RollHead(sort ledger.DocumentSort) (RollHead, error) {
	h := RollHead{Sort: sort}
	err := tx.QueryRow(`select next, rolled from roll_head where sort = $1`, string(sort)).Scan(&h.Next, &h.Rolled)
	if err != nil && !sqldb.IsNotFound(err) {
		return h, fmt.Errorf("read the head of the rolls of the sort %s: %w", sort, err)
	}
	return h, nil
}

// DocumentLeaves returns the leaves of a sort from one number up to, and without, another,
// as their rows have them: as many as limit, in their order. It reads no body.
func (tx *Tx) DocumentLeaves(sort ledger.DocumentSort, from, to int64, limit int) ([]ledger.DocumentLeaf, error) {
	all, err := sqldb.All(tx.Tx, func(r sqldb.Row) (ledger.DocumentLeaf, error) {
		l := ledger.DocumentLeaf{Sort: sort}
		var commitment []byte
		if err := r.Scan(&l.Number, &commitment); err != nil {
			return l, err
		}
		if len(commitment) != len(l.Commitment) {
			return l, documentTampered(sort, l.Number)
		}
		l.Commitment = canonical.Digest(commitment)
		return l, nil
	}, `select number, commitment from document where sort = $1 and number >= $2 and number < $3 order by number limit $4`, string(sort), from, to, limit)
	if err != nil {
		return nil, fmt.Errorf("read the leaves of documents: %w", err)
	}
	return all, nil
}

// Document returns the document of a sort with an identifier, without openings.
func (tx *Tx) Document(sort ledger.DocumentSort, id string) (ledger.Document, error) {
	return oneDocument(tx.documents(`id = $2`, sort, id))
}

// DocumentAt returns the document of a sort with a number, without openings.
func (tx *Tx) DocumentAt(sort ledger.DocumentSort, number int64) (ledger.Document, error) {
	return oneDocument(tx.documents(`number = $2`, sort, number))
}

// Documents returns the documents of a sort from one number up to, and without, another,
// in their order and without openings.
func (tx *Tx) Documents(sort ledger.DocumentSort, from, to int64) ([]ledger.Document, error) {
	return tx.documents(`number >= $2 and number < $3`, sort, from, to)
}

func oneDocument(all []ledger.Document, err error) (ledger.Document, error) {
	switch {
	case err != nil:
		return ledger.Document{}, err
	case len(all) == 0:
		return ledger.Document{}, fault.New(fault.NotFound, "document-not-found", "The desk has no such document.")
	}
	return all[0], nil
}

// documents returns the documents of a sort that meet a condition; it has the sort as its
// first argument. Each is checked against its commitment.
func (tx *Tx) documents(where string, sort ledger.DocumentSort, args ...any) ([]ledger.Document, error) {
	all, err := sqldb.All(tx.Tx, func(r sqldb.Row) (ledger.Document, error) {
		var commitment, salt []byte
		var id string
		d := ledger.Document{Sort: sort}
		if err := r.Scan(&d.Number, &id, &commitment, &d.BodyBytes, &salt); err != nil {
			return d, err
		}
		if len(commitment) != len(d.Commitment) {
			return d, documentTampered(sort, d.Number)
		}
		d.Commitment, d.Salt = canonical.Digest(commitment), salt
		if err := d.Verify(); err != nil {
			return d, documentTampered(sort, d.Number).Because(err)
		}
		if d.Body.ID != id {
			return d, documentTampered(sort, d.Number)
		}
		return d, nil
	}, `select number, id, commitment, body, salt from document where sort = $1 and `+where+` order by number`,
		slices.Concat([]any{string(sort)}, args)...)
	if err != nil {
		return nil, fmt.Errorf("read documents: %w", err)
	}
	return all, nil
}

func documentTampered(sort ledger.DocumentSort, number int64) *fault.Error {
	return fault.New(fault.Conflict, "document-tampered", "The %s document %d is not the one that was recorded.", sort, number)
}

// DocumentOpenings returns what opens the personal fields of a document, as far as it is
// not erased. Who may see them is for the caller to say.
func (tx *Tx) DocumentOpenings(sort ledger.DocumentSort, number int64) ([]ledger.Opening, error) {
	all, err := sqldb.All(tx.Tx, func(r sqldb.Row) (o ledger.Opening, err error) {
		var salt, value []byte
		err = r.Scan(&o.Name, &salt, &value)
		o.Salt, o.Value = salt, value
		return o, err
	}, `select name, salt, value from document_opening where sort = $1 and number = $2 order by name`, string(sort), number)
	if err != nil {
		return nil, fmt.Errorf("read what opens a document: %w", err)
	}
	return all, nil
}

// DocumentRow is a document as its row has it. Nothing in it is checked.
type DocumentRow struct {
	Number                 int64
	ID                     string
	Commitment, Body, Salt []byte
	Openings               []ledger.Opening
}

// DocumentRows returns the rows of the documents of a sort from a number on, with their
// openings: at most limit, and fewer if together they have more than so many bytes, but at
// least one.
func (tx *Tx) DocumentRows(sort ledger.DocumentSort, from int64, limit int, bytes int64) (all []DocumentRow, err error) {
	type measured struct{ number, length int64 }
	lengths, err := sqldb.All(tx.Tx, func(r sqldb.Row) (m measured, err error) { return m, r.Scan(&m.number, &m.length) },
		`select d.number, length(d.body) + coalesce((select sum(length(o.value)) from document_opening o where o.sort = d.sort and o.number = d.number), 0)
		from document d where d.sort = $1 and d.number >= $2 order by d.number limit $3`, string(sort), from, limit)
	if err != nil {
		return nil, fmt.Errorf("read the lengths of documents: %w", err)
	}
	if len(lengths) == 0 {
		return nil, nil
	}
	to := lengths[0].number
	for i, total := 0, int64(0); i < len(lengths); i++ {
		if total += lengths[i].length; i > 0 && total > bytes {
			break
		}
		to = lengths[i].number
	}
	all, err = sqldb.All(tx.Tx, func(r sqldb.Row) (d DocumentRow, err error) {
		return d, r.Scan(&d.Number, &d.ID, &d.Commitment, &d.Body, &d.Salt)
	}, `select number, id, commitment, body, salt from document where sort = $1 and number >= $2 and number <= $3 order by number`, string(sort), from, to)
	if err != nil {
		return nil, fmt.Errorf("read the rows of documents: %w", err)
	}
	at := make(map[int64]*DocumentRow, len(all))
	for i := range all {
		at[all[i].Number] = &all[i]
	}
	_, err = sqldb.All(tx.Tx, func(r sqldb.Row) (none struct{}, err error) {
		var number int64
		var o ledger.Opening
		var salt, value []byte
		err = r.Scan(&number, &o.Name, &salt, &value)
		if d := at[number]; err == nil && d != nil {
			o.Salt, o.Value = salt, value
			d.Openings = append(d.Openings, o)
		}
		return none, err
	}, `select number, name, salt, value from document_opening where sort = $1 and number >= $2 and number <= $3 order by number, name`, string(sort), from, to)
	if err != nil {
		return nil, fmt.Errorf("read what opens documents: %w", err)
	}
	return all, nil
}

// EraseDocumentOpening erases a personal field of a document. Its roll stays whole: it
// holds only the commitment.
func (tx *Tx) EraseDocumentOpening(sort ledger.DocumentSort, number int64, name string) error {
	n, err := tx.Exec(`delete from document_opening where sort = $1 and number = $2 and name = $3`, string(sort), number, name)
	if err != nil {
		return fmt.Errorf("erase a field of the %s %d: %w", sort, number, err)
	}
	if n == 0 {
		return fault.New(fault.NotFound, "field-not-found", "The document has no such field, or it has been erased.")
	}
	return nil
}
