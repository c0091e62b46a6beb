package main

import (
	"context"
	"time"

	"countersign.dev/rehearsal"
	"countersign.dev/web"
)

// demoPages shows the living demo in the desk's pages.
type demoPages struct{ rehearsal.Visited }

func (d demoPages) Scene() web.DemoScene { return web.DemoScene(d.Visited.Scene()) }

func (d demoPages) Characters() []web.DemoCharacter {
	var out []web.DemoCharacter
	for _, c := range d.Visited.Characters() {
		out = append(out, web.DemoCharacter(c))
	}
	return out
}

func (d demoPages) Prepare(ctx context.Context, step string) (request, incident string, err error) {
	p, err := d.Visited.Prepare(ctx, step)
	return p.Request, p.Incident, err
}

func (d demoPages) Around(ctx context.Context) (back time.Duration, incident string, err error) {
	out, err := d.Visited.Around(ctx)
	return out.Back, out.Incident, err
}
