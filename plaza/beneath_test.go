package plaza

import (
	"path/filepath"
	"testing"
	"time"

	"countersign.dev/sqldb"
)

// TestChosenMeanwhile: who has read an account before its owner chose something beneath
// the takedown does not write over that, though the revision is the same.
func TestChosenMeanwhile(t *testing.T) {
	db, err := Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "plaza.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
		if err := insertAccount(tx, account{number: 1, handle: "president", created: time.Unix(0, 0)}); err != nil {
			return err
		}
		id := subjectID{Account, 1}
		read := func() (account, State) {
			a, err := accountByNumber(tx, 1)
			if err != nil {
				t.Fatal(err)
			}
			return a, a.state(time.Unix(0, 0))
		}
		_, before := read()
		after := before
		after.Status, after.Mark = Down, "m"
		if _, ok, err := set(tx, id, before, after); err != nil || !ok {
			t.Fatalf("%v, %v", ok, err)
		}
		a, down := read()
		if ok, err := setOff(tx, a, off{true, "@president"}); err != nil || !ok {
			t.Fatalf("%v, %v", ok, err)
		}
		if ok, err := setOff(tx, a, off{true, "@president"}); err != nil || ok {
			t.Errorf("chosen twice from one reading: %v, %v", ok, err)
		}
		up := down
		up.Status, up.Mark = Up, ""
		if _, ok, err := set(tx, id, down, up); err != nil || ok {
			t.Errorf("lifted as it was read before: %v, %v", ok, err)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}
