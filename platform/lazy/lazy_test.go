package lazy_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/platform"
	"countersign.dev/platform/lazy"
)

// labelled is a platform on which everything is labelled. It keeps what it was asked.
type labelled struct {
	platform.Watcher
	keys     []string
	commands []platform.Command
}

var (
	spam  = platform.LabelLayer("spam")
	alice = platform.Subject{Platform: "plaza", ID: "acct/1", Handle: "@alice"}
	state = platform.State{Status: platform.Up, Layers: map[platform.Layer]platform.Stood{spam: {Status: platform.IsSet, Mark: "M", Rev: "7"}}}
	can   = platform.Capabilities{Abilities: []platform.Ability{{Verb: platform.Label, Sort: platform.Account, Marks: true}}, Labels: []string{"spam"}}
)

func (l *labelled) Capabilities() platform.Capabilities { return can }

func (l *labelled) Peek(context.Context, platform.Subject) (platform.State, error) { return state, nil }

func (l *labelled) Read(context.Context, platform.Subject) (platform.State, error) { return state, nil }

func (l *labelled) Accounts(context.Context, string) ([]platform.Listed, string, error) {
	return []platform.Listed{{Subject: alice, Layers: state.Layers, Layered: true}}, "", nil
}

func (l *labelled) Apply(_ context.Context, key string, c platform.Command) (platform.Receipt, error) {
	l.keys, l.commands = append(l.keys, key), append(l.commands, c)
	return platform.Receipt{After: state}, &platform.WrongState{Layer: c.Layer, Want: c.Expect, Now: state}
}

func (l *labelled) Lookup(_ context.Context, key string, c platform.Command) (platform.Outcome, error) {
	l.keys, l.commands = append(l.keys, key), append(l.commands, c)
	return platform.Outcome{Done: true, Known: true, Receipt: platform.Receipt{After: state}}, nil
}

func (l *labelled) Shows() []platform.Showing {
	return []platform.Showing{{Change: platform.AccountLabelled}}
}

// TestPassesLayersThrough: what a platform says of layers arrives, and so does what is
// said to it.
func TestPassesLayersThrough(t *testing.T) {
	far := &labelled{}
	down := true
	l := lazy.New("plaza", func(context.Context) (platform.Connector, error) {
		if down {
			return nil, fault.New(fault.Unavailable, "platform-unavailable", "It is down.")
		}
		return far, nil
	})
	ctx := t.Context()
	if got := l.Capabilities(); got.Layered() || got.Labels != nil || l.Shows() != nil {
		t.Errorf("while it is down it promises %+v", got)
	}
	down = false
	c := platform.Command{Verb: platform.Label, Layer: spam, Subject: alice, Expect: platform.Expect{Status: platform.Unset}, Mark: "M",
		Told: platform.Told{Text: "Stop.", Until: canonical.FromMicro(1)}}
	receipt, err := l.Apply(ctx, "k1", c)
	wrong, _ := err.(*platform.WrongState)
	if wrong == nil || wrong.Layer != spam {
		t.Errorf("refused with %v", err)
	}
	outcome, err := l.Lookup(ctx, "k2", c)
	if err != nil {
		t.Error(err)
	}
	peeked, err := l.Peek(ctx, alice)
	if err != nil {
		t.Error(err)
	}
	read, err := l.Read(ctx, alice)
	if err != nil {
		t.Error(err)
	}
	page, _, err := l.Accounts(ctx, "")
	if err != nil || len(page) != 1 || !page[0].Layered {
		t.Fatal(page, err)
	}
	listed := platform.State{Status: platform.Up, Layers: page[0].Layers}
	for name, got := range map[string]platform.State{"receipt": receipt.After, "outcome": outcome.Receipt.After, "peeked": peeked, "read": read, "listed": listed} {
		if diff := cmp.Diff(state, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if diff := cmp.Diff([]platform.Command{c, c}, far.commands); diff != "" {
		t.Errorf("sent (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"k1", "k2"}, far.keys); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(can, l.Capabilities()); diff != "" {
		t.Errorf("capabilities (-want +got):\n%s", diff)
	}
	if shows := l.Shows(); len(shows) != 1 || shows[0].Change != platform.AccountLabelled {
		t.Errorf("shows %+v", shows)
	}
}
