package platform_test

import (
	"testing"

	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/platform"
)

func TestLayerText(t *testing.T) {
	for text, layer := range map[string]platform.Layer{"visibility": platform.VisibilityLayer, "limit": platform.LimitLayer, "label:spam": platform.LabelLayer("spam")} {
		got, err := platform.ParseLayer(text)
		if err != nil || got != layer || got.String() != text {
			t.Errorf("%s reads as %q, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "Limit", "label:", "label:Spam", "label:-a", "label:a b", "label:a\n", "label:ümlaut", "reach", "visibility "} {
		if _, err := platform.ParseLayer(text); !fault.Is(err, "bad-layer") {
			t.Errorf("%q is a layer: %v", text, err)
		}
	}
}

// TestStateByLayer: a state is written with the layers that stand, in canonical form, and
// reads back; one without layers is written as it always was.
func TestStateByLayer(t *testing.T) {
	s := platform.State{Status: platform.Up, Rev: "3", Unread: []platform.Fact{}}
	if b := string(canonical.MustMarshal(s)); b != `{"facts":{},"mark":"","rev":"3","seen":"","status":"up","unread":[]}` {
		t.Errorf("a state without layers is %s", b)
	}
	spam := platform.LabelLayer("spam")
	s = s.With(spam, platform.Expect{Status: platform.IsSet, Mark: "CSGN-req_1"}, "1")
	s = s.With(platform.LimitLayer, platform.Expect{Status: platform.Limited, Mark: "X"}, "2")
	if b := string(canonical.MustMarshal(s.Layers)); b != `{"label:spam":{"mark":"CSGN-req_1","rev":"1","status":"set"},"limit":{"mark":"X","rev":"2","status":"limited"}}` {
		t.Errorf("layers are %s", b)
	}
	var back platform.State
	if err := canonical.UnmarshalExact(canonical.MustMarshal(s), &back); err != nil || back.At(spam) != s.At(spam) || back.Revision(platform.LimitLayer) != "2" {
		t.Errorf("a state reads back as %+v, %v", back, err)
	}
	down := s.With(platform.VisibilityLayer, platform.Expect{Status: platform.Down, Mark: "Y"}, "4")
	if down.At(spam) != s.At(spam) || s.Status != platform.Up {
		t.Error("a takedown changes a label, or the state that it was made from")
	}
	if clear := s.With(spam, platform.Expect{Status: platform.Unset}, "5"); clear.Shows(spam) || !s.Shows(spam) || clear.At(spam) != (platform.Expect{Status: platform.Unset}) {
		t.Error("a label that is taken away still stands, or is gone from the state before")
	}
}

// TestLabelOf: only the layer of a label has a value.
func TestLabelOf(t *testing.T) {
	for layer, want := range map[platform.Layer]string{platform.VisibilityLayer: "", "limit": "", "label:spam": "spam"} {
		if value, ok := layer.Label(); value != want || ok != (want != "") {
			t.Errorf("%q has the value %q, %v", layer, value, ok)
		}
	}
}
