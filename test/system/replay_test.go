package system

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"countersign.dev/test/testenv"
)

// TestReplayOnPDS plays the eleven minutes against a real PDS with the program as
// it is built, and looks at the PDS afterwards: what was made for it is gone, and
// what was there is as it was.
func TestReplayOnPDS(t *testing.T) {
	t.Parallel()
	b := testenv.OwnPDS(t, testenv.BlueskyOptions{})
	bystander := b.CreateAccount(t, "bystander")
	stdout, stderr, err := playedOn(t, b, "eleven-minutes", "--slow", "30")
	var doc struct {
		Platform string
		Ways     []struct {
			Way          string
			Defeated     bool
			How          string
			NoticedMS    *float64 `json:"noticed_ms"`
			RestoredMS   *float64 `json:"restored_ms"`
			AttributedMS *float64 `json:"attributed_ms"`
			CutMS        *float64 `json:"cut_ms"`
			Acts         []struct {
				Act     string
				UpShare *float64 `json:"up_share"`
			}
		}
	}
	if unread := json.Unmarshal(stdout.Bytes(), &doc); err != nil || unread != nil {
		t.Fatalf("%v, %v\n%s\n%s", err, unread, stdout.String(), stderr.String())
	}
	if doc.Platform != "bluesky" || len(doc.Ways) != 5 {
		t.Fatalf("%s", stdout.String())
	}
	for i, name := range []string{"desk", "accomplice", "platform-credential", "database", "duel"} {
		w := doc.Ways[i]
		if w.Way != name || !w.Defeated || w.NoticedMS == nil || w.RestoredMS == nil || (w.AttributedMS == nil) != (name == "database") {
			t.Errorf("%s: %+v", name, w)
		}
		if touched := name == "platform-credential" || name == "duel"; w.RestoredMS != nil && (*w.RestoredMS > 0) != touched {
			t.Errorf("%s: back after %v ms", name, *w.RestoredMS)
		}
	}
	duel := doc.Ways[4]
	if len(duel.Acts) != 3 || duel.CutMS != nil { // a PDS has one credential and cannot cut it off
		t.Errorf("the duel: %+v", duel)
	}
	for i, a := range duel.Acts {
		// It counts what two polls one after the other saw: against somebody who takes the
		// account down as soon as it is up, there may be no two.
		if a.UpShare == nil || *a.UpShare < 0 || i == 0 && *a.UpShare == 0 {
			t.Errorf("the duel, %s: the share of the time in which the account was up is not told", a.Act)
		}
	}
	left := b.Query(t, "", "com.atproto.sync.listRepos")
	repos, _ := left.Body["repos"].([]any)
	if len(repos) != 1 {
		t.Errorf("on the PDS there is: %v", left.Body)
	}
	if up := b.Query(t, "", "com.atproto.sync.getRepoStatus", "did", bystander.DID); up.Body["active"] != true {
		t.Errorf("the bystander: %v", up.Body)
	}
}

// TestOutageOnPDS plays an outage against a real PDS, by a policy whose rules rank a
// PDS's accounts.
func TestOutageOnPDS(t *testing.T) {
	t.Parallel()
	stdout, stderr, err := playedOn(t, testenv.OwnPDS(t, testenv.BlueskyOptions{}), "outage", "--accounts", "6", "--changed", "2", "--outage", "10s")
	var doc struct {
		Platform          string
		Accounts, Changed int
		RestoredMS        float64 `json:"restored_ms"`
	}
	if unread := json.Unmarshal(stdout.Bytes(), &doc); err != nil || unread != nil {
		t.Fatalf("%v, %v\n%s\n%s", err, unread, stdout.String(), stderr.String())
	}
	if doc.Platform != "bluesky" || doc.Accounts != 6 || doc.Changed != 2 || doc.RestoredMS <= 0 {
		t.Errorf("%s", stdout.String())
	}
}

// playedOn has the program, as it is built, play on a PDS.
func playedOn(t *testing.T, b *testenv.Bluesky, play ...string) (stdout, stderr bytes.Buffer, err error) {
	t.Helper()
	program := filepath.Join(t.TempDir(), "countersign")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, "countersign.dev/cmd/countersign").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	password := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(password, []byte(b.AdminPassword+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program, append(append([]string{"replay"}, play...), "--json", "--platform", "bluesky", "--pds", b.URL, "--pds-admin-password-file", password)...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err = cmd.Run()
	return stdout, stderr, err
}
