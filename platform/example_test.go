package platform_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/platform"
)

// board is a connector to the smallest platform: accounts in memory. A real one asks a
// server; package platformtest has the suite that it must pass.
type board struct {
	mu       sync.Mutex
	accounts map[string]*platform.State  // by identifier
	handles  map[string]string           // identifier by handle
	done     map[string]platform.Receipt // by key: a repeat never acts twice
	asked    map[string]bool             // keys that were asked about: they never act afterwards
}

func newBoard() *board {
	return &board{accounts: map[string]*platform.State{}, handles: map[string]string{}, done: map[string]platform.Receipt{}, asked: map[string]bool{}}
}

func (b *board) join(id, handle string) {
	b.accounts[id], b.handles[handle] = &platform.State{Status: platform.Up}, id
}

func (b *board) Capabilities() platform.Capabilities {
	can := platform.Capabilities{CompareAndSet: true, Lookup: true}
	for _, v := range []platform.Verb{platform.Takedown, platform.Restore} {
		can.Abilities = append(can.Abilities, platform.Ability{Verb: v, Sort: platform.Account, Marks: true})
	}
	return can
}

func (b *board) Sort(id string) (platform.Sort, error) {
	if !strings.HasPrefix(id, "acct/") {
		return "", noSuchSubject(id)
	}
	return platform.Account, nil
}

func (b *board) Resolve(_ context.Context, s platform.Subject) (platform.Subject, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for handle, id := range b.handles {
		if id == s.ID || s.ID == "" && handle == s.Handle {
			return platform.Subject{Platform: s.Platform, ID: id, Handle: handle}, nil
		}
	}
	return s, noSuchSubject(s.String())
}

func (b *board) Read(_ context.Context, s platform.Subject) (platform.State, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.state(s)
}

func (b *board) Look(ctx context.Context, s platform.Subject) (platform.Subject, platform.State, error) {
	s, err := b.Resolve(ctx, s)
	if err != nil {
		return s, platform.State{}, err
	}
	st, err := b.Read(ctx, s)
	return s, st, err
}

func (b *board) Apply(_ context.Context, key string, c platform.Command) (platform.Receipt, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if r, ok := b.done[key]; ok {
		return r, nil
	}
	if b.asked[key] {
		return platform.Receipt{}, fault.New(fault.Conflict, "asked-before", "The command %s was asked about, and acts no more.", key)
	}
	before, err := b.state(c.Subject)
	if err != nil {
		return platform.Receipt{}, err
	}
	if !before.Is(c.Expect.Status, c.Expect.Mark) {
		return platform.Receipt{}, &platform.WrongState{Want: c.Expect, Now: before}
	}
	left := c.After()
	b.accounts[c.Subject.ID].Status, b.accounts[c.Subject.ID].Mark = left.Status, left.Mark
	after, err := b.state(c.Subject)
	if err != nil {
		return platform.Receipt{}, err
	}
	b.done[key] = platform.Receipt{Before: before, After: after}
	return b.done[key], nil
}

func (b *board) Lookup(_ context.Context, key string, _ platform.Command) (platform.Outcome, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	r, ok := b.done[key]
	b.asked[key] = b.asked[key] || !ok
	return platform.Outcome{Known: true, Done: ok, Receipt: r}, nil
}

// state is called with the lock held.
func (b *board) state(s platform.Subject) (platform.State, error) {
	st, ok := b.accounts[s.ID]
	if !ok {
		return platform.State{}, noSuchSubject(s.String())
	}
	now := *st
	now.Seen = canonical.At(time.Now())
	return now, nil
}

func noSuchSubject(name string) error {
	return fault.New(fault.NotFound, "no-such-subject", "There is no subject %s.", name)
}

// A command is compared with the present state, carried out once for each key, and read
// back.
func ExampleConnector() {
	ctx := context.Background()
	b := newBoard()
	b.join("acct/17", "@seventeen")
	var c platform.Connector = b

	s, err := c.Resolve(ctx, platform.Subject{Platform: "board", Handle: "@seventeen"})
	if err != nil {
		fmt.Println(err)
		return
	}
	takedown := platform.Command{Verb: platform.Takedown, Subject: s, Expect: platform.Expect{Status: platform.Up}, Mark: platform.MarkOf("req_1")}
	for range 2 { // the second time nothing is done, and the answer is the same
		r, err := c.Apply(ctx, "req_1", takedown)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(s, "was", platform.Describe(r.Before.Status, r.Before.Mark), "and is", platform.Describe(r.After.Status, r.After.Mark))
	}

	// Another command expects the account to be up, and changes nothing.
	takedown.Mark = platform.MarkOf("req_2")
	_, err = c.Apply(ctx, "req_2", takedown)
	var wrong *platform.WrongState
	fmt.Println(errors.As(err, &wrong), err)

	// The undo names the mark that it lifts.
	restore := platform.Command{Verb: platform.Restore, Subject: s, Expect: platform.Expect{Status: platform.Down, Mark: platform.MarkOf("req_1")}}
	r, err := c.Apply(ctx, "req_3", restore)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(s, "is", platform.Describe(r.After.Status, r.After.Mark))
	// Output:
	// board:acct/17 was up and is down under the mark "CSGN-req_1"
	// board:acct/17 was up and is down under the mark "CSGN-req_1"
	// true the subject is down under the mark "CSGN-req_1", expected up
	// board:acct/17 is up
}

func ExampleParseSubject() {
	for _, text := range []string{"plaza:acct/17", "plaza:@president", "acct/17"} {
		s, err := platform.ParseSubject(text)
		if err != nil {
			fmt.Println(fault.TypeOf(err))
			continue
		}
		fmt.Printf("platform %q, identifier %q, handle %q\n", s.Platform, s.ID, s.Handle)
	}
	// Output:
	// platform "plaza", identifier "acct/17", handle ""
	// platform "plaza", identifier "", handle "@president"
	// bad-subject
}
