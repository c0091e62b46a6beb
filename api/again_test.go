package api_test

import (
	"testing"
	"time"

	"countersign.dev/actions"
	v1 "countersign.dev/api/v1"
)

// TestVerdictSentAgainLater: a signature that the request holds gives the request, also long
// after statements of its age may be handed in, and after the request's end.
func TestVerdictSentAgainLater(t *testing.T) {
	s := serve(t)
	ctx := t.Context()
	size := func() int64 {
		n, _, err := s.Store.Newest(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	kim, ann := s.as("kim"), s.as("ann")
	held := must[v1.Request](t)(ann.Submit(ctx, s.submission(ann, "ann", "plaza:@president"), 0))
	d := must[v1.Draft](t)(kim.DraftVerdict(ctx, held.ID, v1.VerdictWish{Verdict: actions.VerdictCountersign, Key: s.PublicKey("kim").ID()}))
	yes := v1.Countersignature{Signed: s.signed("kim", d)}
	if _, err := kim.Countersign(ctx, held.ID, yes); err != nil {
		t.Fatal(err)
	}
	two := must[v1.Request](t)(ann.Submit(ctx, s.submission(ann, "ann", "plaza:@singer"), 0))
	deed := s.Withdrawal("ann", two.ID, two.Version)
	back := v1.Withdrawal{Version: two.Version, Deed: &deed}
	if _, err := ann.Withdraw(ctx, two.ID, back); err != nil {
		t.Fatal(err)
	}
	before := size()
	if _, err := kim.Countersign(ctx, held.ID, yes); err != nil {
		t.Error("at once:", err)
	}
	if n := size() - before; n != 0 {
		t.Errorf("the same again enters %d entries", n)
	}
	s.Clock().Advance(16 * time.Minute)
	kim, ann = s.as("kim"), s.as("ann")
	if _, err := kim.Countersign(ctx, held.ID, yes); err != nil {
		t.Error("a countersignature 16 minutes later:", err)
	}
	if _, err := ann.Withdraw(ctx, two.ID, back); err != nil {
		t.Error("a withdrawal 16 minutes later:", err)
	}
	s.Clock().Advance(5 * time.Hour)
	kim = s.as("kim")
	if _, err := kim.Countersign(ctx, held.ID, yes); err != nil {
		t.Error("a countersignature after the request's end:", err)
	}
}

// TestVerdictSentAgainWithoutExecutor: nobody has to be asked for what is held already.
func TestVerdictSentAgainWithoutExecutor(t *testing.T) {
	s := serve(t)
	ctx := t.Context()
	kim, ann := s.as("kim"), s.as("ann")
	held := must[v1.Request](t)(ann.Submit(ctx, s.submission(ann, "ann", "plaza:@president"), 0))
	d := must[v1.Draft](t)(kim.DraftVerdict(ctx, held.ID, v1.VerdictWish{Verdict: actions.VerdictCountersign, Key: s.PublicKey("kim").ID()}))
	yes := v1.Countersignature{Signed: s.signed("kim", d)}
	if _, err := kim.Countersign(ctx, held.ID, yes); err != nil {
		t.Fatal(err)
	}
	s.StopExecutor()
	if _, err := kim.Countersign(ctx, held.ID, yes); err != nil {
		t.Error("the same again, the executor is away:", err)
	}
}
