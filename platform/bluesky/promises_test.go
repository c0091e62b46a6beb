package bluesky_test

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"testing"

	"countersign.dev/platform"
	"countersign.dev/platform/bluesky"
	"countersign.dev/platform/platformtest"
	"countersign.dev/test/testenv"
)

func TestPlatformPromises(t *testing.T) {
	w := newWorld(t)
	a, owner, switcher, leaver := w.pds.CreateAccount(t, "scratch"), w.pds.CreateAccount(t, "owner"), w.pds.CreateAccount(t, "switcher"), w.pds.CreateAccount(t, "leaver")
	around := map[platform.Change]func(context.Context) (platform.Subject, error){}
	for change, by := range map[platform.Change]struct {
		of testenv.Account
		do func(testenv.Account)
	}{
		platform.LockSet:            {owner, func(a testenv.Account) { w.setLock(a, map[string]any{"createdAt": "2026-11-23T05:39:46Z"}) }},
		platform.LockCleared:        {owner, w.clearLock},
		platform.AccountDeactivated: {switcher, w.switchOff},
		platform.AccountReactivated: {switcher, w.reactivate},
		platform.AccountDeleted: {leaver, func(a testenv.Account) {
			if got := w.pds.Call(t, w.pds.Admin(), "com.atproto.admin.deleteAccount", map[string]any{"did": a.DID}); got.Status != 200 {
				t.Errorf("delete: %v", got)
			}
		}},
	} {
		around[change] = func(context.Context) (platform.Subject, error) {
			by.do(by.of)
			return subject(by.of.DID), nil
		}
	}
	c := connect(t, bluesky.Config{URL: w.pds.URL, AdminPassword: w.pds.AdminPassword})
	report := platformtest.Run(t.Context(), platformtest.Target{
		Connector: c,
		Account:   platform.Subject{Platform: "bluesky", Handle: "@" + a.Handle},
		Content:   subject(w.pds.Post(t, a, "hello")),
		Missing:   subject("did:plc:zzzzzzzzzzzzzzzzzzzzzzzz"),
		Around:    around,
	})
	t.Logf("\n%s", report)
	if !report.OK() {
		t.Errorf("broken: %v", report.Broken())
	}
	// Every change that the stream is said to show was made, and was seen.
	for _, show := range c.Shows() {
		i := slices.IndexFunc(report.Results, func(r platformtest.Result) bool { return r.Promise == "watch-"+string(show.Change) })
		if show.Stream && (i < 0 || report.Results[i].Outcome != platformtest.Kept) {
			t.Errorf("%s was not tried", show.Change)
		}
	}
	// A PDS has no layer but the visibility; see TestHasNoLayers.
	layered := regexp.MustCompile(`^(limit|label|layers-|warn|watch-.*-(un)?(limit|label)$|watch-accounts-layers$)`)
	for _, r := range report.Results {
		if layered.MatchString(r.Promise) {
			if r.Outcome != platformtest.Skipped || r.Reason == "" {
				t.Errorf("%s is %s: %s", r.Promise, r.Outcome, r.Reason)
			}
			continue
		}
		if r.Outcome == platformtest.Skipped && strings.HasPrefix(r.Promise, "watch-") && !strings.HasPrefix(r.Promise, "watch-content-") {
			t.Errorf("%s was skipped: %s", r.Promise, r.Reason)
		}
	}
}
