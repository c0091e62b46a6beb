package store_test

import (
	"slices"
	"testing"

	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/store/storetest"
)

// What a warrant is assembled from fits together though it is read piece by
// piece, and while others append.
func TestWhatWarrantsAreMadeOf(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := storetest.Open(t, url, nil)
		entries := fill(t, s, 600) // more than two full tiles
		at := func(class ledger.Class, number int64) ledger.Entry {
			i := slices.IndexFunc(entries, func(e ledger.Entry) bool { return e.Leaf.Class == class && e.Leaf.Number == number })
			return entries[i]
		}
		numbers := []int64{150, 3, 120}
		want := at(ledger.Desk, 40)
		warrant, evidence, err := s.WarrantEntries(t.Context(), want.Index, numbers)
		if err != nil {
			t.Fatal(err)
		}
		size, checkpoint, err := s.Newest(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := record(t.Context(), s, draft(ledger.Governance, "meanwhile")); err != nil {
			t.Fatal(err)
		}
		got, indexes := []ledger.Entry{warrant}, []int64{want.Index}
		for i, e := range evidence {
			got, indexes = append(got, e), append(indexes, at(ledger.Governance, numbers[i]).Index)
		}
		proofs, err := ledger.Tiles{Source: s}.Inclusions(t.Context(), size, indexes...)
		if err != nil || len(proofs) != 4 {
			t.Fatalf("%d proofs, %v", len(proofs), err)
		}
		signed, err := ledger.ParseCheckpoint(checkpoint, storetest.Key(t).Verifier())
		if err != nil {
			t.Fatal(err)
		}
		for i, e := range got {
			if e.Index != indexes[i] || e.BodyBytes == nil || e.Openings != nil {
				t.Errorf("entry %d is at %d, with %d openings; want that at %d and none", i, e.Index, len(e.Openings), indexes[i])
			}
			if err := proofs[i].Verify(e.Leaf, signed.Checkpoint); err != nil || proofs[i].Index != indexes[i] {
				t.Errorf("proof %d, of index %d: %v", i, proofs[i].Index, err)
			}
		}
		if w, none, err := s.WarrantEntries(t.Context(), want.Index, nil); err != nil || w.Index != want.Index || none != nil {
			t.Errorf("without evidence: %v, %v, %v", w.Index, none, err)
		}
		if _, _, err := s.WarrantEntries(t.Context(), want.Index, []int64{3, 900}); !fault.Is(err, "entry-not-found") {
			t.Errorf("evidence that is not there: %v", err)
		}
		if _, _, err := s.WarrantEntries(t.Context(), 900, numbers); !fault.Is(err, "entry-not-found") {
			t.Errorf("a warrant that is not there: %v", err)
		}
	})
}
