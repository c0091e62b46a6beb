package desk_test

import (
	"testing"

	"countersign.dev/actions"
	"countersign.dev/desk/desktest"
	"countersign.dev/workforce"
)

func TestStaffed(t *testing.T) {
	w := desktest.New(t, desktest.Options{})
	w.Staff()
	s, err := w.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got := len(s.People.Workers); got != 12 {
		t.Errorf("%d workers, want 12", got)
	}
	if !s.Imported {
		t.Error("the founding import is not on record")
	}
	if _, err := w.Store.Audit(t.Context()); err != nil {
		t.Error(err)
	}
	var _ = []actions.Kind{}
	var _ workforce.WorkerID
}
