package executortest

import (
	"bytes"
	"context"
	"io"
	"slices"

	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/platform"
)

var _ platform.Evidencer = (*Platform)(nil)

// content is what subjects show, guarded by the platform's mutex.
type content struct {
	shown    map[string]platform.Evidence
	pictures map[string][]byte // by subject, a space and name
	reads    func(id, picture string)

	preserved map[string]canonical.Time
}

// Show has a subject show something. Its pictures are what bytes holds by their names.
func (p *Platform) Show(id string, e platform.Evidence, pictures map[string][]byte) {
	p.set(func() {
		p.content.shown[id] = e
		for name, b := range pictures {
			p.content.pictures[id+" "+name] = b
		}
	})
}

// BeforeEvidence has f called before each reading of evidence, with the name of the
// picture or the empty name.
func (p *Platform) BeforeEvidence(f func(id, picture string)) { p.set(func() { p.content.reads = f }) }

// Evidence implements platform.Evidencer. A subject that was not told to show anything shows
// an empty text.
func (p *Platform) Evidence(ctx context.Context, s platform.Subject) (platform.Evidence, error) {
	if err := p.readsEvidence(ctx, s.ID, ""); err != nil {
		return platform.Evidence{}, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	e := p.content.shown[s.ID]
	sort, err := p.Sort(s.ID)
	if err != nil {
		return platform.Evidence{}, err
	}
	e.Subject, e.Sort, e.Status, e.At = platform.Subject{Platform: p.name, ID: s.ID, Handle: p.handles[s.ID]}, sort, p.states[s.ID].Status, canonical.At(p.now())
	if e.Author.ID == "" {
		e.Author.ID = s.ID
		if owner, ok := p.states[s.ID].Facts[platform.FactOwner].(string); ok {
			e.Author.ID = owner
		}
		e.Author.Handle = p.handles[e.Author.ID]
	}
	e.Thread, e.Pictures = slices.Clone(e.Thread), slices.Clone(e.Pictures)
	return e.Bound(), nil
}

// Picture implements platform.Evidencer.
func (p *Platform) Picture(ctx context.Context, s platform.Subject, name string) (io.ReadCloser, error) {
	if err := p.readsEvidence(ctx, s.ID, name); err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	b, ok := p.content.pictures[s.ID+" "+name]
	if !ok {
		return nil, fault.New(fault.NotFound, "no-such-picture", "There is no such picture on %s.", p.name)
	}
	return platform.BoundPicture(io.NopCloser(bytes.NewReader(b)), func() {}), nil
}

// Preserve implements platform.Preserver. Preserving what is preserved already never shortens
// the time.
func (p *Platform) Preserve(ctx context.Context, s platform.Subject, until canonical.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.present(ctx, s.ID); err != nil {
		return err
	}
	if p.content.preserved == nil {
		p.content.preserved = map[string]canonical.Time{}
	}
	if p.content.preserved[s.ID].Before(until.Time) {
		p.content.preserved[s.ID] = until
	}
	return nil
}

// Preserved returns until when a subject is preserved; zero: it is not.
func (p *Platform) Preserved(id string) canonical.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.content.preserved[id]
}

func (p *Platform) readsEvidence(ctx context.Context, id, picture string) error {
	p.mu.Lock()
	reads := p.content.reads
	p.mu.Unlock()
	if reads != nil {
		reads(id, picture)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.present(ctx, id)
}

// present refuses a subject that nobody can read. The mutex is held.
func (p *Platform) present(ctx context.Context, id string) error {
	if p.away || ctx.Err() != nil {
		return p.lost()
	}
	if st, ok := p.states[id]; !ok || p.absent[id] || st.Status == platform.Deleted {
		return p.missing()
	}
	return nil
}
