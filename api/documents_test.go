package api_test

import (
	"fmt"
	"testing"

	"countersign.dev/canonical"
	"countersign.dev/desk/desktest"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/ledger/proof"
	"countersign.dev/sqldb"
	"countersign.dev/store"
)

// TestDocuments: who keeps a promise gets the proof of the document, a reader of evidence
// also what opens it and all documents page by page, and nobody else learns of any.
func TestDocuments(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		s := serve(t, o)
		s.Rest() // nothing is rolled but by this test
		var last *store.Recorded
		for n := range 3 {
			text, err := ledger.Field("text", fmt.Sprint("text ", n))
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Store.Write(t.Context(), func(tx *store.Tx) error {
				last = tx.Record(ledger.DocumentDraft{Sort: ledger.ReportDocument, ID: fmt.Sprint("rep_", n), Data: map[string]string{"reason": "é<b>"}, Sealed: []ledger.Opening{text}})
				return nil
			}); err != nil {
				t.Fatal(err)
			}
		}
		d := last.Document()
		ann, eva, key := s.as("ann"), s.as("eva"), s.LogKey.Verifier()
		prove := func(raw []byte, err error) proof.ProvenDocument {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
			p, err := proof.ParseDocumentProof(raw)
			if err != nil {
				t.Fatalf("%v: %s", err, raw)
			}
			out, err := proof.VerifyDocument(p, key, nil)
			if err != nil {
				t.Fatal(err)
			}
			return out
		}
		waiting := prove(ann.Document(t.Context(), d.Sort, d.Body.ID, d.Commitment))
		if waiting.Roll != nil || waiting.Document.Number != 2 || len(waiting.Document.Openings) != 0 {
			t.Errorf("before the roll: %+v", waiting)
		}
		if _, err := s.RollWaiting(t.Context()); err != nil {
			t.Fatal(err)
		}
		if p := prove(ann.Document(t.Context(), d.Sort, d.Body.ID, d.Commitment)); p.Roll == nil || p.Promise != waiting.Promise || len(p.Document.Openings) != 0 {
			t.Errorf("to who keeps the promise: %+v", p)
		}
		if p := prove(eva.Document(t.Context(), d.Sort, d.Body.ID, canonical.Digest{})); p.Roll == nil || len(p.Document.Openings) != 1 {
			t.Errorf("to a reader of evidence: %+v", p)
		}
		scout := s.client(s.ProgramToken(t, s.AddProgram("scout", "ann")))
		if p := prove(scout.Document(t.Context(), d.Sort, d.Body.ID, d.Commitment)); p.Roll == nil || len(p.Document.Openings) != 0 {
			t.Errorf("to a program that keeps the promise: %+v", p)
		}
		_, err := scout.Documents(t.Context(), d.Sort, -1)
		wants(t, err, fault.Unauthenticated, "token-of-program")
		_, err = ann.Document(t.Context(), d.Sort, d.Body.ID, canonical.Digest{})
		wants(t, err, fault.NotFound, "document-not-found")
		_, err = ann.Document(t.Context(), "notice", d.Body.ID, d.Commitment)
		wants(t, err, fault.NotFound, "document-not-found")
		_, err = s.client("").Document(t.Context(), d.Sort, d.Body.ID, d.Commitment)
		wants(t, err, fault.Unauthenticated, "token-missing")
		_, err = ann.Documents(t.Context(), d.Sort, -1)
		wants(t, err, fault.Forbidden, "not-yours-to-read")
		_, err = eva.Documents(t.Context(), "notice", -1)
		wants(t, err, fault.NotFound, "no-such-sort")
		all := must[[]ledger.Document](t)(read(func(after int64) ([]proof.ServedDocument, error) {
			page, err := eva.Documents(t.Context(), d.Sort, after)
			return page.Items, err
		}))
		if len(all) != 3 || all[2].Commitment != d.Commitment || len(all[2].Openings) != 1 {
			t.Errorf("an auditor reads %+v", all)
		}
		page, err := eva.Documents(t.Context(), d.Sort, 1)
		if err != nil || len(page.Items) != 1 || page.Next != 2 {
			t.Errorf("after number 1: %+v, %v", page, err)
		}
		// What somebody put into the database is served as it is, so that an auditor names it.
		if err := s.Store.DB().Write(t.Context(), func(tx *sqldb.Tx) error {
			drop, off := `drop trigger document_is_not_changed`, `drop trigger document_opening_is_not_changed`
			if tx.Dialect() == sqldb.PostgreSQL {
				drop, off = `drop trigger document_is_append_only on document`, `drop trigger document_opening_is_not_changed on document_opening`
			}
			for _, q := range []string{drop, off, `update document set body = salt where number = 1`, `update document_opening set value = salt where number = 1`} {
				if _, err := tx.Exec(q); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		page, err = eva.Documents(t.Context(), d.Sort, 0)
		if err != nil || len(page.Items) != 2 || len(page.Items[0].Body) != 32 {
			t.Errorf("with bytes that are no document: %+v, %v", page, err)
		}
		_, err = eva.Document(t.Context(), d.Sort, "rep_1", canonical.Digest{})
		wants(t, err, fault.Conflict, "document-tampered")
	})
}

// read reads pages to their end, and checks each document.
func read(pages func(after int64) ([]proof.ServedDocument, error)) (all []ledger.Document, err error) {
	for after := int64(-1); ; {
		page, err := pages(after)
		if err != nil || len(page) == 0 {
			return all, err
		}
		for _, x := range page {
			d := ledger.Document{Sort: ledger.ReportDocument, Number: x.Number, Commitment: x.Commitment, BodyBytes: x.Body, Salt: x.Salt, Openings: x.Openings}
			if err := d.Verify(); err != nil {
				return nil, err
			}
			all, after = append(all, d), x.Number
		}
	}
}
