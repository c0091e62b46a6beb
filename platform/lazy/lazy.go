// Package lazy connects to a platform when it is first needed, and keeps what connected.
// A platform may be down when the executor starts, and what is owed to the other
// platforms must not wait for it.
package lazy

import (
	"context"
	"io"
	"sync"
	"time"

	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/platform"
)

// Connector is a connector to a platform that is connected when it is first needed.
type Connector struct {
	name    string
	connect func(context.Context) (platform.Connector, error)

	mu   sync.Mutex
	have platform.Connector
}

var (
	_ platform.Watcher   = (*Connector)(nil)
	_ platform.Notifier  = (*Connector)(nil)
	_ platform.Cutter    = (*Connector)(nil)
	_ platform.Evidencer = (*Connector)(nil)
)

// New returns a connector to a platform by its name at the desk.
func New(name string, connect func(context.Context) (platform.Connector, error)) *Connector {
	return &Connector{name: name, connect: connect}
}

// connectTime bounds a connection attempt if the caller sets no time.
const connectTime = 5 * time.Second

func (l *Connector) get(ctx context.Context) (platform.Connector, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.have != nil {
		return l.have, nil
	}
	c, err := l.connect(ctx)
	if typ := fault.TypeOf(err); platform.RefusesCredential(typ) {
		return nil, fault.New(fault.Unavailable, typ, "The platform %s refuses the credential in platforms.json. Put the right one there, and start again.", l.name).Because(err)
	}
	if err != nil {
		return nil, fault.New(fault.Unavailable, "platform-down", "The platform %s cannot be reached. Try again when it is back.", l.name).Because(err)
	}
	l.have = c
	return c, nil
}

func (l *Connector) soon() (platform.Connector, error) {
	ctx, cancel := context.WithTimeout(context.Background(), connectTime)
	defer cancel()
	return l.get(ctx)
}

// Capabilities are empty as long as the platform was never reached: nothing is promised.
func (l *Connector) Capabilities() platform.Capabilities {
	c, err := l.soon()
	if err != nil {
		return platform.Capabilities{}
	}
	return c.Capabilities()
}

func (l *Connector) Sort(id string) (platform.Sort, error) {
	c, err := l.soon()
	if err != nil {
		return "", err
	}
	return c.Sort(id)
}

func (l *Connector) Resolve(ctx context.Context, s platform.Subject) (platform.Subject, error) {
	c, err := l.get(ctx)
	if err != nil {
		return platform.Subject{}, err
	}
	return c.Resolve(ctx, s)
}

func (l *Connector) Read(ctx context.Context, s platform.Subject) (platform.State, error) {
	c, err := l.get(ctx)
	if err != nil {
		return platform.State{}, err
	}
	return c.Read(ctx, s)
}

func (l *Connector) Look(ctx context.Context, s platform.Subject) (platform.Subject, platform.State, error) {
	c, err := l.get(ctx)
	if err != nil {
		return platform.Subject{}, platform.State{}, err
	}
	return c.Look(ctx, s)
}

func (l *Connector) Apply(ctx context.Context, key string, cmd platform.Command) (platform.Receipt, error) {
	c, err := l.get(ctx)
	if err != nil {
		return platform.Receipt{}, err
	}
	return c.Apply(ctx, key, cmd)
}

func (l *Connector) Lookup(ctx context.Context, key string, cmd platform.Command) (platform.Outcome, error) {
	c, err := l.get(ctx)
	if err != nil {
		return platform.Outcome{}, err
	}
	return c.Lookup(ctx, key, cmd)
}

// watcher returns the connector if it can be watched.
func (l *Connector) watcher(ctx context.Context) (platform.Watcher, error) {
	c, err := l.get(ctx)
	if err != nil {
		return nil, err
	}
	w, ok := c.(platform.Watcher)
	if !ok {
		return nil, fault.New(fault.Unsupported, "not-offered", "The platform %s cannot be watched.", l.name)
	}
	return w, nil
}

func (l *Connector) Watch(ctx context.Context, cursor string) (platform.Stream, error) {
	w, err := l.watcher(ctx)
	if err != nil {
		return nil, err
	}
	return w.Watch(ctx, cursor)
}

func (l *Connector) Peek(ctx context.Context, s platform.Subject) (platform.State, error) {
	w, err := l.watcher(ctx)
	if err != nil {
		return platform.State{}, err
	}
	return w.Peek(ctx, s)
}

func (l *Connector) Accounts(ctx context.Context, cursor string) ([]platform.Listed, string, error) {
	w, err := l.watcher(ctx)
	if err != nil {
		return nil, "", err
	}
	return w.Accounts(ctx, cursor)
}

func (l *Connector) Lock(ctx context.Context, s platform.Subject) (platform.Lock, error) {
	w, err := l.watcher(ctx)
	if err != nil {
		return platform.Lock{}, err
	}
	return w.Lock(ctx, s)
}

// Shows is empty as long as the platform was never reached.
func (l *Connector) Shows() []platform.Showing {
	l.mu.Lock()
	defer l.mu.Unlock()
	if w, ok := l.have.(platform.Watcher); ok {
		return w.Shows()
	}
	return nil
}

func (l *Connector) Notify(ctx context.Context, key string, s platform.Subject, title, text string) error {
	c, err := l.get(ctx)
	if err != nil {
		return err
	}
	n, ok := c.(platform.Notifier)
	if !ok {
		return fault.New(fault.Unsupported, "not-offered", "The platform %s sends its owners nothing.", l.name)
	}
	return n.Notify(ctx, key, s, title, text)
}

func (l *Connector) Cut(ctx context.Context, key, credential string) (canonical.Time, error) {
	c, err := l.get(ctx)
	if err != nil {
		return canonical.Time{}, err
	}
	cutter, ok := c.(platform.Cutter)
	if !ok {
		return canonical.Time{}, fault.New(fault.Unsupported, "not-offered", "The platform %s cannot cut credentials off.", l.name)
	}
	return cutter.Cut(ctx, key, credential)
}

// evidencer returns the connector if it tells what subjects show.
func (l *Connector) evidencer(ctx context.Context) (platform.Evidencer, error) {
	c, err := l.get(ctx)
	if err != nil {
		return nil, err
	}
	e, ok := c.(platform.Evidencer)
	if !ok {
		return nil, fault.New(fault.Unsupported, "not-offered", "The platform %s does not tell what its subjects show.", l.name)
	}
	return e, nil
}

func (l *Connector) Evidence(ctx context.Context, s platform.Subject) (platform.Evidence, error) {
	e, err := l.evidencer(ctx)
	if err != nil {
		return platform.Evidence{}, err
	}
	return e.Evidence(ctx, s)
}

// Preserve implements platform.Preserver.
func (l *Connector) Preserve(ctx context.Context, s platform.Subject, until canonical.Time) error {
	c, err := l.get(ctx)
	if err != nil {
		return err
	}
	p, ok := c.(platform.Preserver)
	if !ok {
		return fault.New(fault.Unsupported, "not-offered", "The platform %s does not offer to preserve its subjects.", l.name)
	}
	return p.Preserve(ctx, s, until)
}

func (l *Connector) Picture(ctx context.Context, s platform.Subject, name string) (io.ReadCloser, error) {
	e, err := l.evidencer(ctx)
	if err != nil {
		return nil, err
	}
	return e.Picture(ctx, s, name)
}
