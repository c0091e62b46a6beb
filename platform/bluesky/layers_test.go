package bluesky_test

import (
	"testing"

	"countersign.dev/fault"
	"countersign.dev/platform"
	"countersign.dev/platform/bluesky"
)

// TestHasNoLayers: a PDS keeps a takedown and no other measure. Its labels are a
// labeller's, which is another service, and it sends account holders no warnings.
func TestHasNoLayers(t *testing.T) {
	c, err := bluesky.New(bluesky.Config{Name: "bluesky", URL: "https://pds.invalid", AdminPassword: "p"})
	if err != nil {
		t.Fatal(err)
	}
	can := c.Capabilities()
	if can.Layered() || can.Labels != nil {
		t.Errorf("it promises %+v", can)
	}
	account := platform.Subject{Platform: "bluesky", ID: "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa", Handle: "@a.test"}
	post := platform.Subject{Platform: "bluesky", ID: "at://did:plc:aaaaaaaaaaaaaaaaaaaaaaaa/app.bsky.feed.post/3k"}
	spam := platform.LabelLayer("spam")
	for _, s := range []platform.Subject{account, post} {
		sort, err := c.Sort(s.ID)
		if err != nil {
			t.Fatal(err)
		}
		for verb, l := range map[platform.Verb]platform.Layer{platform.Limit: platform.LimitLayer, platform.Unlimit: platform.LimitLayer,
			platform.Label: spam, platform.Unlabel: spam, platform.Warn: platform.VisibilityLayer} {
			if _, ok := can.Can(verb, sort); ok {
				t.Errorf("it promises to %s %s", verb, sort.Noun())
			}
			cmd := platform.Command{Verb: verb, Layer: l, Subject: s, Expect: platform.Expect{Status: l.Clear()}, Mark: ours, Told: platform.Told{Text: "Stop."}}
			if _, err := c.Apply(t.Context(), "k", cmd); !fault.Is(err, "unsupported-verb") {
				t.Errorf("%s of %s: %v", verb, s, err)
			}
			if _, err := c.Lookup(t.Context(), "k", cmd); !fault.Is(err, "unsupported-verb") {
				t.Errorf("looking up %s of %s: %v", verb, s, err)
			}
		}
		down := platform.Command{Verb: platform.Takedown, Layer: spam, Subject: s, Expect: platform.Expect{Status: platform.Up}, Mark: ours}
		if _, err := c.Apply(t.Context(), "k", down); !fault.Is(err, "bad-layer") {
			t.Errorf("takedown of a label of %s: %v", s, err)
		}
	}
	for _, show := range c.Shows() {
		switch show.Change {
		case platform.AccountLimited, platform.AccountUnlimited, platform.AccountLabelled, platform.AccountUnlabelled,
			platform.ContentLimited, platform.ContentUnlimited, platform.ContentLabelled, platform.ContentUnlabelled:
			t.Errorf("it shows %s", show.Change)
		}
	}
}
