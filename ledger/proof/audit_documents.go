package proof

import (
	"fmt"

	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/ledger"
)

// ServedDocument is a document as the desk's row has it. Nothing in it is checked.
type ServedDocument struct {
	Number     int64            `json:"number"`
	ID         string           `json:"id"`
	Commitment canonical.Digest `json:"commitment"`
	Body       canonical.Bytes  `json:"body"`
	Salt       canonical.Bytes  `json:"salt"`
	Openings   []ledger.Opening `json:"openings"`
}

// EnteredRoll is a roll with its place in the ledger.
type EnteredRoll struct {
	Index int64
	Time  canonical.Time
	Roll  ledger.Roll
}

// WrongDocument is something that an audit of documents found.
type WrongDocument struct {
	Sort  ledger.DocumentSort `json:"sort"`
	First int64               `json:"first"` // the numbers that it is about
	Last  int64               `json:"last"`
	// Type is "missing", "altered", "not-rolled", "rolled-otherwise", "rolled-twice" or
	// "bad-roll".
	Type string `json:"type"`
	Text string `json:"text"`
}

// AuditedDocuments is the result of an audit of documents.
type AuditedDocuments struct {
	Documents int64           `json:"documents"` // that fit their commitment
	Rolls     int64           `json:"rolls"`     // whose root is that of the documents
	Waiting   int64           `json:"waiting"`   // documents whose time for a roll is not over
	Wrong     []WrongDocument `json:"wrong"`
}

// AuditDocuments recounts the documents of every sort against the rolls that an audit of the
// ledger found: numbers without a gap, bodies and openings that fit their commitments, roots
// that are those of the documents, and no document left out of a roll for longer than was
// promised, at the time of the ledger's newest entry. documents returns the documents of a
// sort after a number, in their order: as many as it likes, and none only at the end. each,
// if set, gets every document that fits its commitment, and whether a roll holds it.
func AuditDocuments(a Audited, documents func(sort ledger.DocumentSort, after int64) ([]ServedDocument, error), each func(d ledger.Document, rolled bool) error) (AuditedDocuments, error) {
	out := AuditedDocuments{Wrong: []WrongDocument{}}
	bySort := map[ledger.DocumentSort][]EnteredRoll{}
	for _, r := range a.entered {
		bySort[r.Roll.Sort] = append(bySort[r.Roll.Sort], r)
	}
	for _, sort := range ledger.DocumentSorts() {
		r := recount{out: &out, sort: sort, until: a.until, each: each, last: -1,
			documents: func(after int64) ([]ServedDocument, error) { return documents(sort, after) }}
		for _, roll := range bySort[sort] {
			if err := r.roll(roll); err != nil {
				return out, err
			}
		}
		if err := r.rest(); err != nil {
			return out, err
		}
	}
	for _, wrong := range a.badRolls {
		out.Wrong = append(out.Wrong, wrong)
	}
	return out, nil
}

// recount goes through the documents of one sort beside its rolls.
type recount struct {
	out       *AuditedDocuments
	sort      ledger.DocumentSort
	until     canonical.Time
	documents func(after int64) ([]ServedDocument, error)
	each      func(d ledger.Document, rolled bool) error
	next      int64 // the first number that is not recounted
	ahead     []ServedDocument
	last      int64 // number of the last document that was read
	ended     bool
}

func (r *recount) found(first, last int64, typ, format string, args ...any) {
	r.out.Wrong = append(r.out.Wrong, WrongDocument{Sort: r.sort, First: first, Last: last, Type: typ, Text: fmt.Sprintf(format, args...)})
}

// peek returns the next document, nil at the end.
func (r *recount) peek() (*ServedDocument, error) {
	if len(r.ahead) == 0 && !r.ended {
		var err error
		if r.ahead, err = r.documents(r.last); err != nil {
			return nil, fmt.Errorf("read the %s documents after number %d: %w", r.sort, r.last, err)
		}
		for _, d := range r.ahead {
			if d.Number <= r.last {
				return nil, fault.New(fault.Conflict, "out-of-order", "The desk gives the %s document %d after number %d.", r.sort, d.Number, r.last)
			}
			r.last = d.Number
		}
		r.ended = len(r.ahead) == 0
	}
	if len(r.ahead) == 0 {
		return nil, nil
	}
	return &r.ahead[0], nil
}

// take returns the document with a number, nil if there is none.
func (r *recount) take(number int64) (*ServedDocument, error) {
	d, err := r.peek()
	if err != nil || d == nil || d.Number != number {
		return nil, err
	}
	r.ahead = r.ahead[1:]
	return d, nil
}

// check compares a document with its own commitment, and hands it on if it fits.
func (r *recount) check(d ServedDocument, rolled bool) error {
	whole := ledger.Document{Sort: r.sort, Number: d.Number, Commitment: d.Commitment, BodyBytes: d.Body, Salt: d.Salt, Openings: d.Openings}
	err := whole.Verify()
	if err == nil && whole.Body.ID != d.ID {
		err = fault.New(fault.Conflict, "ledger-tampered", "The document calls itself %q, and its row %q.", whole.Body.ID, d.ID)
	}
	if err != nil {
		r.found(d.Number, d.Number, "altered", "The %s document %d is not the one that was committed to. %s", r.sort, d.Number, fault.TextOf(err))
		return nil
	}
	r.out.Documents++
	if r.each == nil {
		return nil
	}
	return r.each(whole, rolled)
}

// skip goes on to a number, past numbers that no roll holds.
func (r *recount) skip(to int64) error {
	for r.next < to {
		d, err := r.peek()
		if err != nil {
			return err
		}
		if d == nil || d.Number >= to {
			r.found(r.next, to-1, "missing", "The numbers %d to %d of the %s documents are missing, and no roll holds them.", r.next, to-1, r.sort)
			r.next = to
			continue
		}
		if d.Number > r.next {
			r.found(r.next, d.Number-1, "missing", "The numbers %d to %d of the %s documents are missing, and no roll holds them.", r.next, d.Number-1, r.sort)
		}
		r.found(d.Number, d.Number, "not-rolled", "The %s document %d is in no roll, and later ones are.", r.sort, d.Number)
		r.ahead, r.next = r.ahead[1:], d.Number+1
		if err := r.check(*d, false); err != nil {
			return err
		}
	}
	return nil
}

// roll recomputes the root of a roll.
func (r *recount) roll(e EnteredRoll) error {
	x := e.Roll
	if x.First < r.next {
		r.found(x.First, x.Last, "rolled-twice", "Entry %d of the ledger rolls the %s documents %d to %d, and an earlier roll holds some of them.", e.Index, r.sort, x.First, x.Last)
		return nil
	}
	if err := r.skip(x.First); err != nil {
		return err
	}
	var leaves []ledger.DocumentLeaf
	for ; r.next <= x.Last; r.next++ {
		d, err := r.take(r.next)
		if err != nil {
			return err
		}
		if d == nil {
			r.found(r.next, r.next, "missing", "The %s document %d is missing, and entry %d of the ledger rolls it.", r.sort, r.next, e.Index)
			continue
		}
		leaves = append(leaves, ledger.DocumentLeaf{Sort: r.sort, Number: d.Number, Commitment: d.Commitment})
		if err := r.check(*d, true); err != nil {
			return err
		}
	}
	if int64(len(leaves)) != x.Last-x.First+1 {
		return nil // what is missing is named, and without it there is no root
	}
	again, err := ledger.NewRoll(leaves)
	if err != nil {
		return err
	}
	if again != x {
		r.found(x.First, x.Last, "rolled-otherwise", "The %s documents %d to %d are not those that entry %d of the ledger rolls: at least one was altered or has another number.", r.sort, x.First, x.Last, e.Index)
		return nil
	}
	r.out.Rolls++
	return nil
}

// rest recounts the documents after the last roll.
func (r *recount) rest() error {
	for {
		d, err := r.peek()
		if err != nil || d == nil {
			return err
		}
		if d.Number > r.next {
			r.found(r.next, d.Number-1, "missing", "The numbers %d to %d of the %s documents are missing.", r.next, d.Number-1, r.sort)
		}
		r.ahead, r.next = r.ahead[1:], d.Number+1
		if err := r.check(*d, false); err != nil {
			return err
		}
		body, err := ledger.ParseDocument(d.Body)
		if err != nil {
			continue // it is named as altered
		}
		if late := body.Time.Add(ledger.RolledWithin); r.until.After(late) {
			r.found(d.Number, d.Number, "not-rolled", "The %s document %d is of %s, and in no roll by %s, when the ledger's newest entry was made.", r.sort, d.Number, body.Time, r.until)
			continue
		}
		r.out.Waiting++
	}
}
