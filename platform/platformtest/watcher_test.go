package platformtest_test

import (
	"context"
	"errors"
	"maps"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/platform"
	"countersign.dev/platform/platformtest"
)

// watchFlaws are connectors that break promises of the watch, and the promises
// that must notice.
var watchFlaws = map[string][]string{
	"deaf": {"watch-account-takedown", "watch-account-restore", "watch-account-remark", "watch-account-deactivate", "watch-account-reactivate",
		"watch-account-delete", "watch-content-takedown", "watch-content-restore", "watch-content-delete", "watch-lock-set", "watch-lock-clear", "watch-resume",
		"watch-account-limit", "watch-account-unlimit", "watch-account-label", "watch-account-unlabel",
		"watch-content-limit", "watch-content-unlimit", "watch-content-label", "watch-content-unlabel"},
	"names-no-layer": {"watch-account-limit", "watch-account-unlimit", "watch-account-label", "watch-account-unlabel",
		"watch-content-limit", "watch-content-unlimit", "watch-content-label", "watch-content-unlabel"},
	"tells-lifts-as-measures": {"watch-account-unlimit", "watch-account-unlabel", "watch-content-unlimit", "watch-content-unlabel"},
	"peeks-at-no-layers":      {"watch-peek"},
	"lists-no-layers":         {"watch-accounts-layers"},
	"lists-layers-untold":     {"watch-accounts-layers"},
	"names-the-lifter":        {"beneath"},
	"names-no-lock":           {"watch-lock-set", "watch-lock-clear"},
	"from-now-always":         {"watch-resume"},
	"no-cursor":               {"watch-resume"},
	"any-cursor":              {"watch-cursor"},
	"peeks-at-up":             {"watch-peek"},
	"peeks-at-nobody":         {"watch-peek"},
	"lists-twice":             {"watch-accounts", "watch-accounts-layers"},
	"lists-no-mark":           {"watch-accounts"},
	"lists-first-page":        {"watch-accounts", "watch-accounts-layers"},
	"no-lock":                 {"watch-lock"},
	"lock-for-ever":           {"watch-lock"},
	"lock-hidden":             {"watch-lock"},
	"tells-nobody":            {"watch-notice"},
	"cuts-in-vain":            {"cut-ends"},
	"cuts-own":                {"cut-guards"},
}

// squinting is a connector that breaks one promise of the watch by itself.
type squinting struct {
	platform.Watcher
	flaw string
}

func (q *squinting) Watch(ctx context.Context, cursor string) (platform.Stream, error) {
	if wrong := cursor == "not a cursor"; q.flaw == "from-now-always" && !wrong || q.flaw == "any-cursor" && wrong {
		cursor = ""
	}
	s, err := q.Watcher.Watch(ctx, cursor)
	return &squintingStream{s, q.flaw}, err
}

type squintingStream struct {
	platform.Stream
	flaw string
}

func (s *squintingStream) Next() (platform.Happening, error) {
	for {
		h, err := s.Stream.Next()
		if s.flaw == "names-no-lock" {
			h.Locks = false
		}
		if s.flaw == "names-the-lifter" && h.Status == platform.Deactivated {
			h.By = "tester"
		}
		if s.flaw == "names-no-layer" {
			h.Layer = platform.VisibilityLayer
		}
		if s.flaw == "tells-lifts-as-measures" && h.Layer != platform.VisibilityLayer {
			h.Status = h.Layer.Bears()
		}
		if err != nil || s.flaw != "deaf" {
			return h, err
		}
	}
}

func (s *squintingStream) Cursor() string {
	if s.flaw == "no-cursor" {
		return ""
	}
	return s.Stream.Cursor()
}

func (q *squinting) Peek(ctx context.Context, s platform.Subject) (platform.State, error) {
	e, err := q.Watcher.Peek(ctx, s)
	switch {
	case q.flaw == "peeks-at-up" && err == nil, q.flaw == "peeks-at-nobody":
		return platform.State{Status: platform.Up}, nil
	case q.flaw == "peeks-at-no-layers":
		e.Layers = nil
	}
	return e, err
}

func (q *squinting) Accounts(ctx context.Context, cursor string) ([]platform.Listed, string, error) {
	page, next, err := q.Watcher.Accounts(ctx, cursor)
	switch {
	case q.flaw == "lists-twice":
		page = append(page, page...)
	case q.flaw == "lists-no-mark":
		for i := range page {
			page[i].Mark = ""
		}
	case q.flaw == "lists-no-layers":
		for i := range page {
			page[i].Layers = nil
		}
	case q.flaw == "lists-layers-untold":
		for i := range page {
			page[i].Layered = false
		}
	case q.flaw == "lists-first-page":
		page = page[1:]
	}
	return page, next, err
}

func (q *squinting) Lock(ctx context.Context, s platform.Subject) (platform.Lock, error) {
	l, err := q.Watcher.Lock(ctx, s)
	switch q.flaw {
	case "no-lock":
		l = platform.Lock{}
	case "lock-for-ever":
		l.Cleared.Time = time.Time{}
	case "lock-hidden":
		if now, err := q.Peek(ctx, s); err == nil && now.Status != platform.Up {
			l = platform.Lock{}
		}
	}
	return l, err
}

func (q *squinting) Notify(ctx context.Context, key string, s platform.Subject, title, text string) error {
	err := q.Watcher.(platform.Notifier).Notify(ctx, key, s, title, text)
	if q.flaw == "tells-nobody" && err == nil {
		return errors.New("no")
	}
	return err
}

func (q *squinting) Cut(ctx context.Context, key, credential string) (canonical.Time, error) {
	own := credential == q.Capabilities().Credential
	if q.flaw == "cuts-own" && own || q.flaw == "cuts-in-vain" && credential == "spare" {
		return canonical.At(time.Now()), nil
	}
	return q.Watcher.(platform.Cutter).Cut(ctx, key, credential)
}

func TestFlawedWatchersAreFound(t *testing.T) {
	for flaw, promises := range watchFlaws {
		t.Run(flaw, func(t *testing.T) {
			t.Parallel()
			tg := realPlaza(t, "sqlite:"+t.TempDir()+"/plaza.db")
			tg.Connector = &squinting{tg.Connector.(platform.Watcher), flaw}
			tg.Wire, tg.Patience = nil, 5*time.Minute
			impatient := flaw == "deaf" || flaw == "from-now-always" // in these the suite waits in vain
			if impatient {
				tg.Patience = time.Second
			}
			report := platformtest.Run(t.Context(), tg)
			broken := report.Broken()
			for _, p := range promises {
				if !slices.Contains(broken, p) {
					t.Errorf("%s is said to be kept\n%s", p, report)
				}
			}
			// On a slow machine an impatient suite finds more that it has waited for in vain.
			if !impatient && len(broken) != len(promises) {
				t.Errorf("broken: %v, want %v\n%s", broken, promises, report)
			}
		})
	}
}

// TestNothingBeyondTheProtocol: a server without the routes that may be left out is
// a connector like any other, and its events can be watched.
func TestNothingBeyondTheProtocol(t *testing.T) {
	web := httptest.NewServer(newDouble(""))
	defer web.Close()
	c := target(t, web.URL, "token").Connector.(platform.Watcher)
	ctx := t.Context()
	if _, _, err := c.Accounts(ctx, ""); !fault.Is(err, "not-offered") {
		t.Errorf("accounts: %v", err)
	}
	s := platform.Subject{Platform: "plaza", ID: "acct/1"}
	if l, err := c.Lock(ctx, s); err != nil || l != (platform.Lock{}) {
		t.Errorf("lock: %+v, %v", l, err)
	}
	if err := c.(platform.Notifier).Notify(ctx, "k", s, "t", "t"); !fault.Is(err, "not-offered") {
		t.Errorf("notice: %v", err)
	}
	shows := map[platform.Change]platform.Showing{}
	for _, show := range c.Shows() {
		shows[show.Change] = show
	}
	if _, ok := shows[platform.LockSet]; ok || !strings.Contains(shows[platform.AccountTakenDown].Late, "lists no accounts") {
		t.Errorf("it shows %v", slices.Sorted(maps.Keys(shows)))
	}
	report := platformtest.Run(ctx, platformtest.Target{Connector: c, Account: s, Content: platform.Subject{Platform: "plaza", ID: "post/1"},
		Missing: platform.Subject{Platform: "plaza", ID: platformtest.MissingAccount}})
	for _, r := range report.Results {
		if skip := slices.Contains([]string{"watch-accounts", "watch-accounts-layers", "watch-lock", "watch-notice", "watch-lock-set", "watch-lock-clear", "watch-account-delete", "watch-content-delete",
			"watch-account-limit", "watch-account-unlimit", "watch-account-label", "watch-account-unlabel",
			"watch-content-limit", "watch-content-unlimit", "watch-content-label", "watch-content-unlabel"}, r.Promise); strings.HasPrefix(r.Promise, "watch-") &&
			(r.Outcome == platformtest.Skipped) != skip {
			t.Errorf("%s is %s: %s", r.Promise, r.Outcome, r.Reason)
		}
	}
}
