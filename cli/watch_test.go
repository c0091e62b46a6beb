package cli

import (
	"strings"
	"testing"
	"time"

	v1 "countersign.dev/api/v1"
	"countersign.dev/canonical"
	linkv1 "countersign.dev/link/v1"
	"countersign.dev/platform"
)

// TestWatch: the command says whether all of a platform is seen, and ends with 1
// where it is not, so that a monitor may ask.
func TestWatch(t *testing.T) {
	swept := canonical.At(noon.Add(-time.Minute))
	well := linkv1.WatchStatus{Platform: "plaza", Streaming: true, Swept: swept, Critical: 3, Every: 40_000, UnbasedProtected: 2, UnbasedCritical: 5,
		Shows: []platform.Showing{{Change: "password", What: "the password is changed", Late: "never", Note: "Nothing shows it."}}}
	with := func(change func(*linkv1.WatchStatus)) linkv1.WatchStatus {
		w := well
		change(&w)
		return w
	}
	for name, c := range map[string]struct {
		watches []linkv1.WatchStatus // nil: no executor answers
		args    []string
		code    int
		says    []string
		not     string
	}{
		"all":         {[]linkv1.WatchStatus{well}, nil, Done, []string{"plaza", "all", "40ms", "7"}, "password"},
		"the table":   {[]linkv1.WatchStatus{well}, []string{"plaza"}, Done, []string{"the password is changed", "never", "Nothing shows it."}, ""},
		"cut":         {[]linkv1.WatchStatus{with(func(w *linkv1.WatchStatus) { w.Streaming = false })}, nil, Done, []string{"the stream is cut"}, ""},
		"blind":       {[]linkv1.WatchStatus{with(func(w *linkv1.WatchStatus) { w.Blind = "stream-silent" })}, nil, Refused, []string{"not all: stream-silent"}, ""},
		"never swept": {[]linkv1.WatchStatus{with(func(w *linkv1.WatchStatus) { w.Swept = canonical.Time{} })}, nil, Refused, []string{"never swept"}, ""},
		"no executor": {nil, nil, Refused, []string{"no executor answers"}, "PLATFORM"},
		"another":     {[]linkv1.WatchStatus{well}, []string{"agora"}, Refused, []string{"does not watch agora", "plaza"}, ""},
		"only one": {[]linkv1.WatchStatus{well, with(func(w *linkv1.WatchStatus) { w.Platform, w.Blind = "agora", "cursor-gone" })}, []string{"plaza"}, Done,
			[]string{"plaza"}, "agora"},
	} {
		t.Run(name, func(t *testing.T) {
			status := v1.Status{Founded: true}
			if c.watches != nil {
				status.Executor = &v1.ExecutorStatus{Executor: "executor-1", Watches: c.watches}
			}
			r := command(t, deskFor(t, status), append([]string{"watch"}, c.args...)...)
			if r.code != c.code {
				t.Errorf("exit %d: %+v", r.code, r)
			}
			said := r.stdout + r.stderr
			for _, want := range c.says {
				if !strings.Contains(said, want) {
					t.Errorf("%q is not in %s", want, said)
				}
			}
			if c.not != "" && strings.Contains(said, c.not) {
				t.Errorf("%q is in %s", c.not, said)
			}
		})
	}
}
