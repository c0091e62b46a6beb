package main

import (
	"context"
	"sync"
	"time"

	"countersign.dev/fault"
	"countersign.dev/platform"
)

// late is a connector to a platform that may be down when the executor starts:
// what is owed to the other platforms must not wait for it. It connects when it
// is first needed, and keeps what connected.
type late struct {
	name    string
	connect func(context.Context) (platform.Connector, error)

	mu   sync.Mutex
	have platform.Connector
}

var _ platform.Connector = (*late)(nil)

// connectTime bounds connecting where the caller gives no time of its own.
const connectTime = 5 * time.Second

func (l *late) get(ctx context.Context) (platform.Connector, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.have != nil {
		return l.have, nil
	}
	c, err := l.connect(ctx)
	if err != nil {
		return nil, fault.New(fault.Unavailable, "platform-down", "The platform %s cannot be reached. Try again when it is back.", l.name).Because(err)
	}
	l.have = c
	return c, nil
}

func (l *late) soon() (platform.Connector, error) {
	ctx, cancel := context.WithTimeout(context.Background(), connectTime)
	defer cancel()
	return l.get(ctx)
}

// Capabilities are none while the platform was never reached: nothing is promised.
func (l *late) Capabilities() platform.Capabilities {
	c, err := l.soon()
	if err != nil {
		return platform.Capabilities{}
	}
	return c.Capabilities()
}

func (l *late) Sort(id string) (platform.Sort, error) {
	c, err := l.soon()
	if err != nil {
		return "", err
	}
	return c.Sort(id)
}

func (l *late) Resolve(ctx context.Context, s platform.Subject) (platform.Subject, error) {
	c, err := l.get(ctx)
	if err != nil {
		return platform.Subject{}, err
	}
	return c.Resolve(ctx, s)
}

func (l *late) Read(ctx context.Context, s platform.Subject) (platform.State, error) {
	c, err := l.get(ctx)
	if err != nil {
		return platform.State{}, err
	}
	return c.Read(ctx, s)
}

func (l *late) Look(ctx context.Context, s platform.Subject) (platform.Subject, platform.State, error) {
	c, err := l.get(ctx)
	if err != nil {
		return platform.Subject{}, platform.State{}, err
	}
	return c.Look(ctx, s)
}

func (l *late) Apply(ctx context.Context, key string, cmd platform.Command) (platform.Receipt, error) {
	c, err := l.get(ctx)
	if err != nil {
		return platform.Receipt{}, err
	}
	return c.Apply(ctx, key, cmd)
}

func (l *late) Lookup(ctx context.Context, key string, cmd platform.Command) (platform.Outcome, error) {
	c, err := l.get(ctx)
	if err != nil {
		return platform.Outcome{}, err
	}
	return c.Lookup(ctx, key, cmd)
}
