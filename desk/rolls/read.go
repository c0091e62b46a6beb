package rolls

import (
	"context"

	"countersign.dev/canonical"
	"countersign.dev/desk/kernel"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/ledger/proof"
	"countersign.dev/store"
)

// Document returns the document of a sort with an identifier and all that proves it. Those
// who may read evidence of all companies get it with its openings. Everybody else, and each program, must know its
// commitment, which the promise tells to whom it was given, and gets it without openings;
// without the commitment they are told what is told of documents that do not exist.
func (r *Room) Document(ctx context.Context, by kernel.Caller, sort ledger.DocumentSort, id string, commitment canonical.Digest) (proof.DocumentProof, error) {
	if by.Program != "" {
		// A program reads no evidence; whoever shows its token is known to be it.
		s, err := r.desk.State(ctx)
		if err == nil {
			_, err = s.Program(by.Program, r.desk.Now())
		}
		if err != nil {
			return proof.DocumentProof{}, err
		}
		return r.shown(ctx, sort, id, commitment, false)
	}
	s, st, err := r.desk.Standing(ctx, by)
	if err != nil {
		return proof.DocumentProof{}, err
	}
	return r.shown(ctx, sort, id, commitment, kernel.ReadsAll(s, st))
}

func unknown() error {
	return fault.New(fault.NotFound, "document-not-found", "The desk has no such document.")
}

// place is a document with its roll, as one snapshot shows them.
type place struct {
	document   ledger.Document
	entry      *ledger.Entry // nil: it waits for its roll
	roll       ledger.Roll
	leaves     []ledger.DocumentLeaf
	size       int64 // of the ledger
	checkpoint []byte
}

func (r *Room) shown(ctx context.Context, sort ledger.DocumentSort, id string, commitment canonical.Digest, evidence bool) (out proof.DocumentProof, err error) {
	if !sort.Valid() {
		return out, unknown()
	}
	var p place
	err = r.desk.Store.Read(ctx, func(stx *store.Tx) error {
		p = place{}
		d, err := stx.Document(sort, id)
		if err != nil {
			return err
		}
		if !evidence && d.Commitment != commitment {
			return unknown()
		}
		if evidence {
			if d.Openings, err = stx.DocumentOpenings(sort, d.Number); err != nil {
				return err
			}
		}
		p.document = d
		return p.find(stx)
	})
	if err != nil {
		return out, err
	}
	promise, err := r.desk.Log.Promise(p.document)
	if err != nil {
		return out, err
	}
	out = proof.DocumentProof{Document: p.document.Body, Openings: r.shownOf(p.document.Openings), Promise: string(promise), Salt: p.document.Salt, V: proof.DocumentProofV1}
	if p.entry == nil {
		return out, nil
	}
	rolled := proof.Rolled{Anchor: proof.Anchor{Checkpoint: string(p.checkpoint), Cosignatures: []string{}, Entry: p.entry.Body, Salt: p.entry.Salt}}
	if rolled.Path, err = p.roll.Prove(p.leaves, p.document.Number); err != nil {
		return out, err
	}
	if rolled.Proof, err = r.desk.Tiles.Inclusion(ctx, p.size, p.entry.Index); err != nil {
		return out, err
	}
	out.Roll = &rolled
	return out, nil
}

// find reads the roll of the document, if there is one.
func (p *place) find(stx *store.Tx) error {
	sort, number := p.document.Sort, p.document.Number
	index, err := stx.RollEntry(sort, number)
	if err != nil || index < 0 {
		return err
	}
	e, err := stx.Entry(index)
	if err != nil {
		return err
	}
	if p.roll, err = ledger.ParseRoll(e.Body.Data); err != nil {
		return err
	}
	p.entry = &e
	if p.leaves, err = stx.DocumentLeaves(sort, p.roll.First, p.roll.Last+1, ledger.MaxRoll); err != nil {
		return err
	}
	p.size, p.checkpoint, err = stx.Newest()
	return err
}

// Documents returns the documents of a sort after a number, -1 for the beginning, in their
// order, as their rows have them: an auditor compares them with the rolls. As many are
// returned as limit and a bound of their size allow, and none at the end.
func (r *Room) Documents(ctx context.Context, by kernel.Caller, sort ledger.DocumentSort, after int64, limit int) (all []proof.ServedDocument, err error) {
	if err := r.desk.MayReadAll(ctx, by, "Documents of the desk"); err != nil {
		return nil, err
	}
	if !sort.Valid() {
		return nil, fault.New(fault.NotFound, "no-such-sort", "There are no documents of the sort %q; there are %s.", sort, sortNames())
	}
	err = r.desk.Store.Read(ctx, func(stx *store.Tx) error {
		rows, err := stx.DocumentRows(sort, after+1, min(max(limit, 1), MaxDocuments), maxDocumentBytes)
		all = make([]proof.ServedDocument, len(rows))
		for i, row := range rows {
			row.Openings = r.shownOf(row.Openings)
			all[i] = served(row)
		}
		return err
	})
	return all, err
}

// served shows a row that somebody may have edited: what cannot be written as an answer is
// left empty, and does not fit either.
func served(row store.DocumentRow) proof.ServedDocument {
	d := proof.ServedDocument{Number: row.Number, ID: row.ID, Body: row.Body, Salt: row.Salt, Openings: []ledger.Opening{}}
	copy(d.Commitment[:], row.Commitment)
	for _, o := range row.Openings {
		if canonical.Check(o.Value) != nil {
			o.Value = canonical.Raw("null")
		}
		d.Openings = append(d.Openings, o)
	}
	return d
}

// MaxDocuments is the largest page of documents, and maxDocumentBytes bounds the bytes on
// it: a page holds fewer documents, but at least one.
const (
	MaxDocuments     = 500
	maxDocumentBytes = 4 << 20
)

func sortNames() string {
	names := ""
	for i, s := range ledger.DocumentSorts() {
		if i > 0 {
			names += ", "
		}
		names += string(s)
	}
	return names
}
