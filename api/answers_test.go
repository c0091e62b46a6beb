package api

import (
	"context"
	"testing"
	"time"

	v1 "countersign.dev/api/v1"
	"countersign.dev/canonical"
	"countersign.dev/fault"
)

func TestAnswersAreBounded(t *testing.T) {
	now := time.Date(2026, 11, 23, 6, 0, 0, 0, time.UTC)
	a := newAnswers(func() time.Time { return now })
	begin := func(key string) (*answer, bool) {
		t.Helper()
		got, first, err := a.begin(t.Context(), answerKey{"ann", key}, canonical.Sum([]byte(key)))
		if err != nil {
			t.Fatal(err)
		}
		return got, first
	}
	large := make([]byte, mostBytes/4)
	for _, key := range []string{"a", "b", "c", "d", "e", "f"} {
		got, first := begin(key)
		if !first {
			t.Fatalf("%s was there", key)
		}
		a.finish(answerKey{"ann", key}, got, 201, large)
	}
	if _, first := begin("f"); first {
		t.Error("the newest answer is gone")
	}
	if got, first := begin("a"); !first {
		t.Error("the oldest answer is kept beyond the limit")
	} else {
		a.finish(answerKey{"ann", "a"}, got, 409, nil)
	}
	if a.bytes > mostBytes {
		t.Errorf("%d bytes are kept", a.bytes)
	}
	now = now.Add(keepAnswers)
	begin("g")
	if len(a.by) != 1 || a.bytes != 0 {
		t.Errorf("a day later %d answers with %d bytes are kept", len(a.by), a.bytes)
	}
}

// TestAnswersUnderWay: who asks again while the first is under way waits for it,
// and takes its place if it was refused.
func TestAnswersUnderWay(t *testing.T) {
	a := newAnswers(time.Now)
	key, request := answerKey{"ann", "k"}, canonical.Sum([]byte("r"))
	first, isFirst, err := a.begin(t.Context(), key, request)
	if err != nil || !isFirst {
		t.Fatal(isFirst, err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := a.begin(ended, key, request); fault.TypeOf(err) != "still-under-way" {
		t.Errorf("waiting without patience: %v", err)
	}
	type result struct {
		got   *answer
		first bool
	}
	results := make(chan result)
	for range 2 {
		go func() {
			got, isFirst, err := a.begin(t.Context(), key, request)
			if err != nil {
				t.Error(err)
			}
			results <- result{got, isFirst}
		}()
	}
	a.finish(key, first, 403, nil)
	second := <-results
	if !second.first {
		t.Fatal("nobody took the place of the refused one")
	}
	a.finish(key, second.got, 201, []byte("done"))
	if third := <-results; third.first || string(third.got.body) != "done" {
		t.Errorf("the other one got %+v", third)
	}
}

// TestWaitsOutlastBodies: the deadline that huma sets for reading a body is left
// on the connection, and net/http ends the request's context with it.
func TestWaitsOutlastBodies(t *testing.T) {
	s, err := New(Config{Version: "test", Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	for path, item := range s.api.OpenAPI().Paths {
		if item.Post == nil || item.Post.Extensions["security"] != nil {
			continue // what needs no token never waits, and bodies of strangers are short
		}
		if item.Post.BodyReadTimeout < (v1.MaxWait+10)*time.Second {
			t.Errorf("POST %s: a body has %s, a wait up to %d s", path, item.Post.BodyReadTimeout, v1.MaxWait)
		}
	}
}
