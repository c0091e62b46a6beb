package executor_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/executor/executortest"
	"countersign.dev/ledger"
	"countersign.dev/ledger/entry"
	"countersign.dev/ledger/proof"
	"countersign.dev/ledger/proof/prooftest"
	linkv1 "countersign.dev/link/v1"
)

// TestChangeAfterARevivedOne: a revived change, and another after it that has to wait for
// entries, met at once as after a time without the executor, stop burdening acts only.
func TestChangeAfterARevivedOne(t *testing.T) {
	p := newPlace(t)
	burdening, undo := p.prepare()
	p.halt()
	p.bare(func(int64) {})
	p.revives(actions.DeskEngagement, actions.Engagement{Op: "end", Worker: "lee"}, withdrawn)
	p.comments(1)
	p.world.End("abe")
	p.start()
	p.refusesBurdening("before it was carried out", burdening, undo)
}

// TestNoUnderAnotherRequest: a no counts for the request that was signed, whatever request
// the desk writes beside the signed statement.
func TestNoUnderAnotherRequest(t *testing.T) {
	p := newPlace(t)
	burdening, undo := p.prepare()
	r := p.world.RequestChange(actions.DeskEngagement, actions.Engagement{Op: "end", Worker: "lee"}, p.world.Officers[0])
	p.world.Enters(r)
	p.world.Append(ledger.Draft{Class: ledger.Desk, Kind: entry.KindWithdraw, Expect: ledger.AnyNumber, Data: entry.End{Request: "another",
		Signed: p.world.Statement(r, r.By, actions.VerdictWithdraw), Status: actions.StatusWithdrawn, Worker: r.By}})
	if _, err := p.world.ApplyChange(r); err != nil {
		t.Fatal(err)
	}
	p.refusesBurdening("before it was carried out", burdening, undo)
}

// TestManyNosAfterARevivedChange: a no is not forgotten before the change is folded that
// it makes void, however many others there are and whatever they are dated.
func TestManyNosAfterARevivedChange(t *testing.T) {
	p := newPlace(t)
	burdening, _ := p.prepare()
	p.halt()
	p.revives(actions.DeskEngagement, actions.Engagement{Op: "end", Worker: "lee"}, withdrawn)
	p.advance(100 * 24 * time.Hour)
	drafts := make([]ledger.Draft, 10_001)
	for i := range drafts {
		drafts[i] = ledger.Draft{Class: ledger.Desk, Kind: entry.KindWithdraw, Expect: ledger.AnyNumber,
			Data: entry.End{Request: fmt.Sprint("old ", i), Status: actions.StatusWithdrawn}}
	}
	p.world.Append(drafts...)
	p.start()
	p.refusesBurdening("before it was carried out", burdening, nil)
}

// TestLongCatchUp: a desk gives a long ledger in parts, and a checkpoint with the last.
func TestLongCatchUp(t *testing.T) {
	p := newPlace(t)
	burdening, undo := p.prepare()
	p.halt()
	p.desk.Lie(func(f *linkv1.Feed) {
		if part := 10; len(f.Leaves) > part {
			f.Leaves, f.Checkpoint = f.Leaves[:part], ""
			f.Bodies = slices.DeleteFunc(f.Bodies, func(b proof.ServedBody) bool { return b.Index >= f.From+int64(part) })
		}
	})
	p.start()
	for _, raw := range [][]byte{undo, burdening} {
		if got, err := p.carry(raw); err != nil || got.Outcome != proof.Executed {
			t.Errorf("%+v, %v", got, err)
		}
	}
}

// TestRevivedChangeStaysVoid: the executor that has met a revived change refuses it at each
// start, also when more entries have come since than it remembers.
func TestRevivedChangeStaysVoid(t *testing.T) {
	p := newPlace(t)
	burdening, undo := p.prepare()
	p.revives(actions.DeskEngagement, actions.Engagement{Op: "end", Worker: "lee"}, withdrawn)
	p.refusesBurdening("before it was carried out", burdening, undo)
	p.halt()
	p.comments(200)
	p.limits.Leaves = 20
	p.bare(func(int64) {})
	p.start()
	p.until("the change is void again", func() bool { return strings.Contains(p.Status().Stopped, "before it was carried out") })
}

// TestWithheldNoForgotten: a desk keeps the body of a no back from a running executor
// until so many entries have come that the leaf of the no is forgotten, and then carries
// the request out. What the executor was not given it does not pass over. A desk that
// gives bodies when it is asked is not stopped by as many entries.
func TestWithheldNoForgotten(t *testing.T) {
	for name, kept := range map[string]bool{"kept back": true, "given when asked": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := emptyPlace(t, prooftest.Staffed(t))
			p.plaza = executortest.NewPlatform(p.clock.Now)
			p.played = p.plaza
			p.limits.Leaves = 20
			p.begun()
			measure := p.takedown(p.president(), actions.Critical)
			p.executes(measure)
			p.entered(measure, proof.DutyAct, "intent", "receipt executed")
			if kept {
				p.desk.Lie(func(f *linkv1.Feed) {
					f.Bodies = slices.DeleteFunc(f.Bodies, func(b proof.ServedBody) bool { return bytes.Contains(b.Body, []byte(`"kind":"withdraw"`)) })
				})
			} else {
				p.bare(func(int64) {})
			}
			r := p.world.RequestChange(actions.DeskEngagement, actions.Engagement{Op: "end", Worker: "lee"}, p.world.Officers[0])
			p.world.Enters(r)
			if kept {
				p.world.Append(ledger.Draft{Class: ledger.Desk, Kind: entry.KindWithdraw, Expect: ledger.AnyNumber, Data: entry.End{Request: r.ID,
					Signed: p.world.Statement(r, r.By, actions.VerdictWithdraw), Status: actions.StatusWithdrawn, Worker: r.By}})
			}
			for range 8 {
				p.comments(8)
				p.ready()
				if !kept {
					p.until("all of them are read", func() bool { return p.Unread() == 0 })
				}
			}
			burdening := p.world.Warrant(p.takedown(p.plaza.Account("acct/9", 1, ""), actions.Standard))
			undo := p.world.Warrant(p.world.Undo("bob", measure))
			if _, err := p.world.ApplyChange(r); err != nil {
				t.Fatal(err)
			}
			if kept {
				p.refusesBurdening("no longer remembers their leaves", burdening, undo)
				return
			}
			p.until("the change is known", func() bool { s := p.Status(); return s.Stopped == "" && s.Governance == p.world.State().Next })
		})
	}
}
