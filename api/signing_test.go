package api_test

import (
	"testing"

	"countersign.dev/fault"
)

// TestSigning: whoever may countersign a request finds it, reads who asks, and whoever may not
// learns why.
func TestSigning(t *testing.T) {
	s := serve(t)
	ctx := t.Context()
	ann, lee, bob := s.as("ann"), s.as("lee"), s.as("bob")
	sub := s.submission(ann, "ann", "plaza:@singer")
	held, err := ann.Submit(ctx, sub, 0)
	if err != nil {
		t.Fatal(err)
	}
	waits, err := lee.WaitsForYou(ctx)
	if err != nil || len(waits.Items) != 1 || waits.Items[0].ID != held.ID {
		t.Errorf("it waits for lee: %+v (%v)", waits, err)
	}
	x, err := lee.Signing(ctx, held.ID)
	if err != nil || !x.May || x.Asker == nil || x.Asker.Worker != "ann" || x.Asker.Vendor != "acme" || !x.Asker.Differ || len(x.Slots) != 1 || !x.Slots[0].Mine || len(x.Reasons) == 0 {
		t.Errorf("lee reads %+v (%v)", x, err)
	}
	if x, err = bob.Signing(ctx, held.ID); err != nil || x.May || x.Why == "" || x.Asker != nil || len(x.Slots) != 0 {
		t.Errorf("bob reads %+v (%v)", x, err)
	}
	_, err = lee.Signing(ctx, "req_06h2ykhqp5mwmms22jysspezbg")
	wants(t, err, fault.NotFound, "no-such-request")
}
