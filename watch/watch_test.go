package watch_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"countersign.dev/actions"
	"countersign.dev/platform"
	"countersign.dev/watch"
)

var (
	up          = platform.Expect{Status: platform.Up}
	deactivated = platform.Expect{Status: platform.Deactivated}
	marked      = platform.Expect{Status: platform.Deactivated, Mark: "STAFF-1"}
	deleted     = platform.Expect{Status: platform.Deleted}
	ours        = down("CSGN-req_new")
	older       = down("CSGN-req_old")
	theirs      = down("BSKY-TAKEDOWN-7")
)

func down(m platform.Mark) platform.Expect {
	return platform.Expect{Status: platform.Down, Mark: m}
}

func warrant(after platform.Expect, f watch.Force) *watch.Warranted {
	return &watch.Warranted{Request: "req_new", After: after, Force: f}
}

func TestJudge(t *testing.T) {
	seen := func(e platform.Expect) *platform.Expect { return &e }
	for name, c := range map[string]struct {
		sight watch.Sight
		want  watch.Verdict
	}{
		"our act, before its receipt":             {watch.Sight{State: ours, Last: seen(up), Newest: warrant(ours, watch.InFlight)}, watch.Explained},
		"our act, long after":                     {watch.Sight{State: ours, Last: seen(ours), Newest: warrant(ours, watch.InForce)}, watch.Explained},
		"our act, of a subject never seen":        {watch.Sight{State: ours, Newest: warrant(ours, watch.InForce)}, watch.Explained},
		"in flight and not yet there":             {watch.Sight{State: up, Last: seen(up), Newest: warrant(ours, watch.InFlight)}, watch.Unchanged},
		"another took it down while ours is due":  {watch.Sight{State: theirs, Last: seen(up), Newest: warrant(ours, watch.InFlight)}, watch.Breach},
		"an older mark copied":                    {watch.Sight{State: older, Last: seen(up), Newest: warrant(ours, watch.InForce)}, watch.Breach},
		"the mark of what was reversed":           {watch.Sight{State: ours, Last: seen(up), Newest: warrant(ours, watch.Reversed)}, watch.Breach},
		"the mark of what an undo took back":      {watch.Sight{State: ours, Last: seen(up), Newest: warrant(up, watch.InForce)}, watch.Breach},
		"our mark replaced by another":            {watch.Sight{State: theirs, Last: seen(ours), Newest: warrant(ours, watch.InForce)}, watch.Breach},
		"no warrant at all":                       {watch.Sight{State: theirs, Last: seen(up)}, watch.Breach},
		"no mark at all":                          {watch.Sight{State: down(""), Last: seen(up)}, watch.Breach},
		"a measure on a subject never seen":       {watch.Sight{State: theirs}, watch.Breach},
		"deleted":                                 {watch.Sight{State: deleted, Last: seen(ours), Newest: warrant(ours, watch.InForce)}, watch.Breach},
		"a status that nobody knows":              {watch.Sight{State: platform.Expect{Status: "hidden"}, Last: seen(up)}, watch.Breach},
		"taken down where it was switched off":    {watch.Sight{State: theirs, Last: seen(deactivated)}, watch.Breach},
		"as it was":                               {watch.Sight{State: up, Last: seen(up)}, watch.Unchanged},
		"a foreign measure accepted long ago":     {watch.Sight{State: theirs, Last: seen(theirs)}, watch.Unchanged},
		"up when first seen":                      {watch.Sight{State: up}, watch.Relieved},
		"our measure lifted by somebody else":     {watch.Sight{State: up, Last: seen(ours), Newest: warrant(ours, watch.InForce)}, watch.Relieved},
		"switched off instead of taken down":      {watch.Sight{State: deactivated, Last: seen(theirs)}, watch.Relieved},
		"the owner switched it off":               {watch.Sight{State: deactivated, Last: seen(up), By: watch.ByOwner}, watch.Owner},
		"switched off, nobody knows by whom":      {watch.Sight{State: deactivated, Last: seen(up)}, watch.Asked},
		"switched off when first seen":            {watch.Sight{State: deactivated}, watch.Asked},
		"staff switched it off":                   {watch.Sight{State: deactivated, Last: seen(up), By: watch.ByStaff}, watch.Breach},
		"switched off with a mark":                {watch.Sight{State: marked, Last: seen(up)}, watch.Breach},
		"a mark, and the owner's name beside it":  {watch.Sight{State: marked, Last: seen(up), By: watch.ByOwner}, watch.Breach},
		"a mark where the owner was away":         {watch.Sight{State: marked, Last: seen(deactivated)}, watch.Breach},
		"no mark where ours was":                  {watch.Sight{State: deactivated, Last: seen(marked), By: watch.ByOwner}, watch.Breach},
		"switched off against the owner's lock":   {watch.Sight{State: deactivated, Last: seen(up), OwnerLock: true}, watch.Breach},
		"our deactivation, with the owner's lock": {watch.Sight{State: deactivated, Last: seen(up), OwnerLock: true, Newest: warrant(deactivated, watch.InFlight)}, watch.Explained},
	} {
		c.sight.Marks = true
		for _, tier := range []actions.Tier{actions.Protected, actions.Critical} {
			c.sight.Tier = tier
			if got := c.sight.Judge(); got != c.want {
				t.Errorf("%s, %s: %s, want %s", name, tier, got, c.want)
			}
		}
		c.sight.Tier = actions.Standard
		want := c.want
		if want == watch.Breach {
			want = watch.Foreign
		}
		if want == watch.Asked {
			want = watch.Owner
		}
		if got := c.sight.Judge(); got != want {
			t.Errorf("%s, standard: %s, want %s", name, got, want)
		}
	}
}

// TestWhyNotOwner: a deactivation that cannot be the owner's says so, and one against
// the owner's lock says that.
func TestWhyNotOwner(t *testing.T) {
	for _, c := range []struct {
		sight watch.Sight
		want  watch.Reason
	}{
		{watch.Sight{State: deactivated, By: watch.ByStaff}, watch.NotOwner},
		{watch.Sight{State: marked}, watch.NotOwner},
		{watch.Sight{State: platform.Expect{Status: platform.Deactivated, Mark: ours.Mark}}, watch.OldMark},
		{watch.Sight{State: marked, OwnerLock: true}, watch.AgainstLock},
	} {
		if got := c.sight.Why(); got != c.want {
			t.Errorf("%+v: %s, want %s", c.sight, got, c.want)
		}
	}
}

// TestWithoutMarks: where the platform keeps no mark, the after-state explains.
func TestWithoutMarks(t *testing.T) {
	s := watch.Sight{Tier: actions.Critical, State: deactivated, Last: &up, OwnerLock: true,
		Newest: warrant(platform.Expect{Status: platform.Deactivated, Mark: "CSGN-req_new"}, watch.InForce)}
	if got := s.Judge(); got != watch.Explained {
		t.Errorf("without marks: %s", got)
	}
	s.Marks = true
	if got := s.Judge(); got != watch.Breach {
		t.Errorf("with marks: %s", got)
	}
}

// TestNothingExplainsAnotherState: whatever is known, a state that is neither the
// newest warrant's nor the last one is never explained or unchanged, and a subject
// that is up is never a breach: there is nothing to restore.
func TestNothingExplainsAnotherState(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		states := rapid.SampledFrom([]platform.Expect{up, ours, older, theirs, deactivated, deleted, down("")})
		s := watch.Sight{Tier: rapid.SampledFrom(actions.Tiers).Draw(t, "tier"), State: states.Draw(t, "state"), Marks: true,
			OwnerLock: rapid.Bool().Draw(t, "lock")}
		if rapid.Bool().Draw(t, "seen") {
			last := states.Draw(t, "last")
			s.Last = &last
		}
		if rapid.Bool().Draw(t, "warranted") {
			s.Newest = warrant(states.Draw(t, "after"), rapid.SampledFrom([]watch.Force{watch.InFlight, watch.InForce, watch.Reversed}).Draw(t, "force"))
		}
		known := s.Last != nil && *s.Last == s.State || s.Newest != nil && s.Newest.Force != watch.Reversed && s.Newest.After == s.State
		got := s.Judge()
		if calm := got == watch.Explained || got == watch.Unchanged; calm != known {
			t.Fatalf("%+v: %s", s, got)
		}
		if got == watch.Breach && (s.State.Status == platform.Up || s.Tier == actions.Standard) {
			t.Fatalf("%+v: %s", s, got)
		}
	})
}

func TestPace(t *testing.T) {
	for n, want := range []time.Duration{0, time.Second, 10 * time.Second, time.Minute, time.Minute} {
		if got := watch.Pace(n); got != want {
			t.Errorf("restoration %d after %s, want %s", n, got, want)
		}
	}
	if got := watch.Pace(1000); got != time.Minute {
		t.Errorf("the thousandth after %s", got)
	}
}

// TestLayersAreJudgedAlike: in each layer the state of the newest warrant is explained, any
// other burden is a breach on a subject that matters, and lifting is relief.
func TestLayersAreJudgedAlike(t *testing.T) {
	for _, layer := range []platform.Layer{platform.VisibilityLayer, platform.LimitLayer, platform.LabelLayer("spam")} {
		clear, ours, theirs := platform.Expect{Status: layer.Clear()}, platform.Expect{Status: layer.Bears(), Mark: "CSGN-req_1"}, platform.Expect{Status: layer.Bears(), Mark: "OTHER-1"}
		newest := &watch.Warranted{Request: "req_1", After: ours, Force: watch.InForce}
		for name, c := range map[string]struct {
			s    watch.Sight
			want watch.Verdict
		}{
			"ours":                 {watch.Sight{State: ours, Last: &clear, Newest: newest}, watch.Explained},
			"theirs":               {watch.Sight{State: theirs, Last: &clear, Newest: newest}, watch.Breach},
			"theirs for ours":      {watch.Sight{State: theirs, Last: &ours, Newest: newest}, watch.Breach},
			"first seen":           {watch.Sight{State: theirs}, watch.Breach},
			"first seen clear":     {watch.Sight{State: clear}, watch.Relieved},
			"ours, reversed":       {watch.Sight{State: ours, Last: &clear, Newest: &watch.Warranted{Request: "req_1", After: ours, Force: watch.Reversed}}, watch.Breach},
			"lifted around us":     {watch.Sight{State: clear, Last: &ours, Newest: newest}, watch.Relieved},
			"a value nobody knows": {watch.Sight{State: platform.Expect{Status: "muffled"}, Last: &theirs}, watch.Breach},
		} {
			c.s.Layer, c.s.Tier, c.s.Marks = layer, actions.Critical, true
			if got := c.s.Judge(); got != c.want {
				t.Errorf("%s, %s: %s, expected %s", layer, name, got, c.want)
			}
			if c.s.Tier = actions.Standard; c.want == watch.Breach && c.s.Judge() != watch.Foreign {
				t.Errorf("%s, %s: on a standard subject it is %s", layer, name, c.s.Judge())
			}
		}
		if v, ok := watch.Lift(theirs, clear); !ok || !v.Fits(layer) || !v.Relieves() {
			t.Errorf("%s is lifted by %q", layer, v)
		}
		if _, ok := watch.Lift(clear, theirs); ok {
			t.Errorf("%s: a restoration burdens", layer)
		}
	}
}
