package executortest_test

import (
	"testing"
	"time"

	"countersign.dev/executor/executortest"
	"countersign.dev/fault"
	"countersign.dev/platform"
)

func next(t *testing.T, s platform.Stream, want platform.Happening) {
	t.Helper()
	h, err := s.Next()
	if h.At = want.At; err != nil || h != want {
		t.Fatalf("%+v, %v, want %+v", h, err, want)
	}
}

func TestWatched(t *testing.T) {
	p := executortest.NewPlatform(time.Now)
	var all []platform.Subject
	for _, id := range []string{"acct/1", "acct/2", "acct/3", "acct/4"} {
		all = append(all, p.Account(id, 0, ""))
	}
	ctx := t.Context()
	watch := func(cursor string) platform.Stream {
		s, err := p.Watch(ctx, cursor)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := watch("")
	p.SetBy("console", "acct/1", platform.Down, "OTHER-1")
	next(t, s, platform.Happening{Subject: all[0], Status: platform.Down, Mark: "OTHER-1", Marked: true, By: "console"})
	before := s.Cursor()
	p.Hide(true)
	p.Set("acct/2", platform.Deactivated, "")
	p.Hide(false)
	p.SetLock("acct/3", platform.Lock{Set: true})
	next(t, s, platform.Happening{Subject: all[2], Locks: true})
	if e, err := p.Peek(ctx, all[1]); err != nil || e.Status != platform.Deactivated {
		t.Errorf("peeked at %+v, %v", e, err)
	}
	if l, err := p.Lock(ctx, all[2]); err != nil || !l.Set {
		t.Errorf("the lock is %+v, %v", l, err)
	}

	p.Silence()
	if _, err := s.Next(); !fault.Is(err, "stream-silent") {
		t.Errorf("silence: %v", err)
	}
	s = watch(before)
	next(t, s, platform.Happening{Subject: all[2], Locks: true})
	p.Cut()
	if _, err := s.Next(); !fault.Is(err, "stream-ended") {
		t.Errorf("cut: %v", err)
	}
	s = watch(s.Cursor())
	p.Forget()
	if _, err := s.Next(); !fault.Is(err, "cursor-gone") {
		t.Errorf("a gap: %v", err)
	}
	if _, err := p.Watch(ctx, s.Cursor()); !fault.Is(err, "cursor-gone") {
		t.Errorf("the same cursor again: %v", err)
	}
	s = watch("")
	p.Tell(platform.Happening{Subject: all[3]})
	next(t, s, platform.Happening{Subject: all[3]})
	p.Away(true)
	if _, err := s.Next(); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("away: %v", err)
	}
	p.Away(false)
	if n := p.Streams(); n != 0 {
		t.Errorf("%d streams are open", n)
	}

	var listed []platform.Listed
	for cursor := ""; ; {
		page, next, err := p.Accounts(ctx, cursor)
		if err != nil {
			t.Fatal(err)
		}
		listed = append(listed, page...)
		if cursor = next; next == "" {
			break
		}
	}
	if len(listed) != 4 || listed[0].Mark != "OTHER-1" || listed[1].Status != platform.Deactivated {
		t.Errorf("listed %+v", listed)
	}
}
