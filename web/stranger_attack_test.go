package web_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"countersign.dev/desk/desktest"
	"countersign.dev/executor/executortest"
	"countersign.dev/fault"
	"countersign.dev/platform"
	"countersign.dev/web/webtest"
)

// turning is what a platform says in order to have another line read than the one that is there.
const turning = "no account \u202e@reyam\u202c\u200b\x1b[2J of ours"

// rude is a platform whose refusals are hostile text.
type rude struct {
	*executortest.Platform
	now *atomic.Bool
}

func (r rude) Resolve(ctx context.Context, s platform.Subject) (platform.Subject, error) {
	if r.now.Load() {
		return s, fault.New(fault.NotFound, "no-such-subject", "plaza refused: %s", turning)
	}
	return r.Platform.Resolve(ctx, s)
}

func (r rude) Read(ctx context.Context, s platform.Subject) (platform.State, error) {
	if r.now.Load() {
		return platform.State{}, fault.New(fault.NotFound, "no-such-subject", "plaza refused: %s", turning)
	}
	return r.Platform.Read(ctx, s)
}

func (r rude) Look(ctx context.Context, s platform.Subject) (platform.Subject, platform.State, error) {
	if r.now.Load() {
		return s, platform.State{}, fault.New(fault.NotFound, "no-such-subject", "plaza refused: %s", turning)
	}
	return r.Platform.Look(ctx, s)
}

// TestPlatformsRefusalIsText: what a platform says when it refuses is strangers' text (law 20), on pages
// and in what their scripts say of an answer.
func TestPlatformsRefusalIsText(t *testing.T) {
	p := executortest.NewPlatform(time.Now)
	p.Account("acct/3", 12, "")
	p.Account("acct/4", 12, "")
	says := rude{p, &atomic.Bool{}}
	d := webtest.Open(t, desktest.Options{Platform: says})
	d.Passkeys("ann")
	got := d.Flag("1", "acct/3", "MisleadingSpam", "acct/4")
	d.Evidenced(got.Case.ID)
	says.now.Store(true)
	tells := func(where, text string) {
		t.Helper()
		if !strings.Contains(text, "refused") || strings.ContainsAny(text, "\u202e\u202c\u200b\x1b") {
			t.Errorf("%s: %q", where, text)
		}
	}
	get := reads(t, d, "ann")
	for _, path := range []string{"/find?q=plaza:@mayer", "/cases/" + got.Case.ID + "/now"} {
		tells(path, get(path))
	}
	tab := d.SignIn("ann")
	tab.Allow("404")
	tab.Open("/settings")
	ready(tab, "settings")
	tab.Type("#own-names", "plaza:@mayer")
	tab.Click("#own-look")
	tab.Wait("#own-error:not(:empty)")
	tells("the form of own accounts", tab.Text("#own-error"))
}
