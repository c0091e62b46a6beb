package desk_test

import (
	"testing"

	"countersign.dev/desk/desktest"
	"countersign.dev/fault"
	"countersign.dev/workforce"
)

// TestCompaniesReadTheirOwn: a vendor's lead, who reads evidence, reads no name and no address of another
// company's people, as the policy says of read.people.
func TestCompaniesReadTheirOwn(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		w := desktest.New(t, o)
		w.Staff()
		for _, x := range []struct {
			by, of workforce.WorkerID
			may    bool
		}{{"lee", "ann", false}, {"lee", "kim", true}, {"lee", "bob", true}, {"lee", "lee", true}, {"sue", "bob", false}, {"sue", "ann", true}, {"kim", "ann", true}, {"bob", "lee", false}} {
			p, err := w.Person(t.Context(), desktest.As(x.by), x.of)
			if x.may && (err != nil || p.Name == "") || !x.may && !fault.Is(err, "not-yours-to-read") {
				t.Errorf("%s reads of %s %+v: %v", x.by, x.of, p, err)
			}
		}
	})
}
