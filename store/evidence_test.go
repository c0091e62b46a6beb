package store_test

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/fault"
	"countersign.dev/platform"
	"countersign.dev/sqldb"
	"countersign.dev/store"
	"countersign.dev/store/storetest"
)

// TestEvidence stores evidence and pictures, and finds what somebody changed in the database.
func TestEvidence(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := storetest.Open(t, url, nil)
		write := func(fn func(tx *store.Tx) error) {
			t.Helper()
			if err := s.Write(t.Context(), fn); err != nil {
				t.Fatal(err)
			}
		}
		read := func(fn func(tx *store.Tx) error) {
			t.Helper()
			if err := s.Read(t.Context(), fn); err != nil {
				t.Fatal(err)
			}
		}
		at := canonical.FromMicro(1_000_000)
		told := cases.Told{Text: "told\x00\u202e<b>", Language: "en"}
		e := store.Evidence{ID: "evi_1", Case: "cas_1", Report: "rep_1", Subject: platform.Subject{Platform: "plaza", ID: "post/1"}, State: cases.EvidencePending, Media: store.CopyMedia, Told: told, At: at}
		doc := []byte("{\"a\":\"\\u0000\"}\x00")
		picture := bytes.Repeat([]byte("0123456789abcdef"), 200_000) // 3.2 MB: four parts
		digest := canonical.Sum(picture)
		write(func(tx *store.Tx) error { tx.InsertEvidence(e); return nil })
		write(func(tx *store.Tx) error {
			tx.KeepEvidenceText(canonical.Sum(doc), doc)
			tx.ReadEvidence(e.ID, canonical.Sum(doc))
			return nil
		})
		write(func(tx *store.Tx) error {
			if n, since, err := tx.PendingEvidence(); err != nil || n != 1 || !since.Equal(at.Time) {
				t.Errorf("pending: %d since %s, %v", n, since, err)
			}
			kept, err := tx.KeepPicture(store.Picture{Digest: digest, State: cases.PictureKept, Size: int64(len(picture)), At: at, Format: cases.Format{Type: "image/png"}}, picture)
			if err != nil || kept.State != cases.PictureKept {
				t.Errorf("%+v, %v", kept, err)
			}
			tx.SaveEvidencePicture(store.EvidencePicture{Evidence: e.ID, N: 1, EvidencePicture: cases.EvidencePicture{Name: "1", State: cases.PictureKept, Digest: digest}})
			tx.SaveEvidencePicture(store.EvidencePicture{Evidence: e.ID, N: 1, EvidencePicture: cases.EvidencePicture{Name: "1", State: cases.PictureGone}}) // comes too late
			return nil
		})
		done := e
		done.State, done.Document, done.Content, done.Copied = cases.EvidenceCopied, canonical.Sum(doc), canonical.Sum([]byte("content")), canonical.FromMicro(2_000_000)
		done.Read = canonical.Sum(doc)
		write(func(tx *store.Tx) error { tx.FinishEvidence(done); return nil })

		read(func(tx *store.Tx) error {
			all, err := tx.NewestEvidence("cas_1", 10)
			if err != nil || len(all) != 1 || all[0] != done {
				t.Errorf("%+v, %v\nwant %+v", all, err, done)
			}
			pictures, err := tx.EvidencePictures(e.ID)
			if err != nil || len(pictures) != 1 || pictures[0].State != cases.PictureKept || pictures[0].Digest != digest {
				t.Errorf("%+v, %v", pictures, err)
			}
			if got, err := tx.PictureBytes(digest); err != nil || !bytes.Equal(got, picture) {
				t.Errorf("%d bytes, %v", len(got), err)
			}
			if problems, err := tx.CheckEvidence(all[0]); err != nil || len(problems) != 0 {
				t.Errorf("%v, %v", problems, err)
			}
			if of, err := tx.PictureOf("cas_2", digest); err != nil || of {
				t.Errorf("another case has the picture: %v", err)
			}
			return nil
		})
		// A copied evidence is not copied again, nor is a text changed.
		later := done
		later.Document = canonical.Sum([]byte("other"))
		if err := s.Write(t.Context(), func(tx *store.Tx) error {
			_, err := tx.Exec(`update evidence set document = $2 where id = $1`, e.ID, later.Document.String())
			return err
		}); !sqldb.IsAppendOnly(err) {
			t.Errorf("a second copy: %v", err)
		}
		if err := s.Write(t.Context(), func(tx *store.Tx) error {
			_, err := tx.Exec(`update evidence_text set body = $1`, []byte("x"))
			return err
		}); !sqldb.IsAppendOnly(err) {
			t.Errorf("another text: %v", err)
		}

		// What somebody takes out of the database is found.
		write(func(tx *store.Tx) error {
			_, err := tx.Exec(`delete from picture_part where n = 3`)
			return err
		})
		read(func(tx *store.Tx) error {
			if problems, err := tx.CheckEvidence(done); err != nil || len(problems) != 1 || !strings.Contains(problems[0].Text, "picture") {
				t.Errorf("a part is missing: %v, %v", problems, err)
			}
			return nil
		})
		write(func(tx *store.Tx) error {
			_, err := tx.Exec(`delete from evidence_text`)
			return err
		})
		read(func(tx *store.Tx) error {
			if problems, err := tx.CheckEvidence(done); err != nil || len(problems) != 3 {
				t.Errorf("texts are missing: %v, %v", problems, err)
			}
			return nil
		})

		// Once it is removed, its bytes never come back; what became of it stays.
		var had bool
		write(func(tx *store.Tx) (err error) {
			had, err = tx.RemovePicture(store.Picture{Digest: digest, State: cases.PictureRemoved, Worker: "ann", Removed: at})
			return err
		})
		write(func(tx *store.Tx) error {
			kept, err := tx.KeepPicture(store.Picture{Digest: digest, State: cases.PictureKept, Size: int64(len(picture))}, picture)
			if err != nil || kept.State != cases.PictureRemoved || kept.Worker != "ann" || kept.Size != int64(len(picture)) {
				t.Errorf("kept again: %+v, %v", kept, err)
			}
			return nil
		})
		never := canonical.Sum([]byte("never seen"))
		write(func(tx *store.Tx) error {
			_, err := tx.RemovePicture(store.Picture{Digest: never, State: cases.PictureMatched, List: "a list", At: at, Removed: at})
			return err
		})
		read(func(tx *store.Tx) error {
			if part, err := tx.PicturePart(digest, 0); err != nil || part != nil || !had {
				t.Errorf("%d bytes are there, %v; had %t", len(part), err, had)
			}
			if kept, err := tx.KeptPictures(canonical.Digest{}, 10); err != nil || len(kept) != 0 {
				t.Errorf("%v, %v", kept, err)
			}
			if p, ok, err := tx.Picture(never); err != nil || !ok || p.State != cases.PictureMatched || p.List != "a list" {
				t.Errorf("%+v, %t, %v", p, ok, err)
			}
			return nil
		})
		if err := s.Write(t.Context(), func(tx *store.Tx) error {
			_, err := tx.Exec(`update picture set state = 'kept' where digest = $1`, digest.String())
			return err
		}); !sqldb.IsAppendOnly(err) {
			t.Errorf("brought back: %v", err)
		}

		// Merges and splits move evidence.
		second := e
		second.ID, second.Report = "evi_2", "rep_2"
		write(func(tx *store.Tx) error { tx.InsertEvidence(second); return nil })
		write(func(tx *store.Tx) error {
			n, err := tx.MoveEvidence("cas_1", "cas_2", []string{"rep_2"})
			if none, err := tx.MoveEvidence("cas_1", "cas_2", []string{}); none != 0 || err != nil {
				t.Errorf("no reports moved %d evidences, %v", none, err)
			}
			if n != 1 {
				t.Errorf("%d moved", n)
			}
			return err
		})
		write(func(tx *store.Tx) error { tx.StopMedia("cas_2"); tx.MatchEvidence(digest, "a list"); return nil })
		read(func(tx *store.Tx) error {
			if moved, err := tx.Evidence("evi_2"); err != nil || moved.Case != "cas_2" || moved.Media != store.NoMedia || moved.Matched != "" {
				t.Errorf("%+v, %v", moved, err)
			}
			if with, err := tx.EvidencesWith(digest, 5); err != nil || len(with) != 1 || with[0].Matched != "a list" {
				t.Errorf("%+v, %v", with, err)
			}
			return nil
		})
		opening := store.PictureOpening{ID: "opn_1", Digest: digest, Case: "cas_1", Worker: "ann", Reason: "to judge", Time: at}
		write(func(tx *store.Tx) error { tx.OpenPicture(opening); return nil })
		read(func(tx *store.Tx) error {
			for _, by := range []string{"", "ann"} {
				if all, err := tx.PictureOpenings("cas_1", "ann", 5); err != nil || len(all) != 1 || all[0] != opening {
					t.Errorf("%q: %+v, %v", by, all, err)
				}
			}
			if all, err := tx.PictureOpenings("cas_1", "bob", 5); err != nil || len(all) != 0 {
				t.Errorf("%+v, %v", all, err)
			}
			return nil
		})
		if err := s.Write(context.Background(), func(tx *store.Tx) error {
			_, err := tx.Exec(`delete from picture_opening`)
			return err
		}); !sqldb.IsAppendOnly(err) {
			t.Errorf("an opening was deleted: %v", err)
		}
		read(func(tx *store.Tx) error {
			if _, err := tx.Evidence("evi_9"); !fault.Is(err, "no-such-evidence") {
				t.Error(err)
			}
			return nil
		})
	})
}
