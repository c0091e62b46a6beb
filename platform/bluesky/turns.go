package bluesky

import (
	"context"
	"sync"
)

// turns lets one change of a subject go at a time: two changes that both read the state
// first would overwrite each other's mark.
type turns struct {
	mu   sync.Mutex
	busy map[string]chan struct{} // closed when the turn is over
}

// acquire waits for the turn of a name. The caller ends it by calling done.
func (t *turns) acquire(ctx context.Context, name string) (done func(), err error) {
	for {
		t.mu.Lock()
		before, taken := t.busy[name]
		if !taken {
			mine := make(chan struct{})
			if t.busy == nil {
				t.busy = map[string]chan struct{}{}
			}
			t.busy[name] = mine
			t.mu.Unlock()
			return func() {
				t.mu.Lock()
				delete(t.busy, name)
				t.mu.Unlock()
				close(mine)
			}, nil
		}
		t.mu.Unlock()
		select {
		case <-before:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
