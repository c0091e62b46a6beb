package bluesky_test

import (
	"testing"

	"countersign.dev/platform"
	"countersign.dev/platform/bluesky"
	"countersign.dev/platform/platformtest"
	"countersign.dev/test/testenv"
)

func TestPlatformPromises(t *testing.T) {
	b := testenv.PDS(t)
	a := b.CreateAccount(t, "scratch")
	report := platformtest.Run(t.Context(), platformtest.Target{
		Connector: connect(t, bluesky.Config{URL: b.URL, AdminPassword: b.AdminPassword}),
		Account:   platform.Subject{Platform: "bluesky", Handle: "@" + a.Handle},
		Content:   subject(b.Post(t, a, "hello")),
		Missing:   subject("did:plc:zzzzzzzzzzzzzzzzzzzzzzzz"),
	})
	t.Logf("\n%s", report)
	if !report.OK() {
		t.Errorf("broken: %v", report.Broken())
	}
}
