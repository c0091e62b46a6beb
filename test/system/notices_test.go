package system

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/cli"
	"countersign.dev/client"
	"countersign.dev/desk/desktest"
	"countersign.dev/plaza"
	"countersign.dev/store"
)

// notice is a published notice, as far as it is read here.
type notice struct {
	ID        string `json:"id"`
	Kind      string `json:"kind"`
	Published string `json:"published_at"`
	Text      string `json:"text"`
	Targets   []struct {
		Account string `json:"account"`
		Repo    string `json:"repo"`
		Path    string `json:"path"`
	} `json:"targets"`
	Links []struct {
		ID string `json:"id"`
	} `json:"links"`
}

// size of the made-up notice: the largest that anybody has published.
const largestNotice = 3710

// TestPublicNotices: takedown notices that a platform has published become reports, one for
// each target; doc/import.md says how. COUNTERSIGN_NOTICES names their file.
func TestPublicNotices(t *testing.T) {
	path := os.Getenv("COUNTERSIGN_NOTICES")
	if path == "" {
		t.Skip("COUNTERSIGN_NOTICES names no file of public notices")
	}
	notices := readNotices(t, path)
	large := notice{ID: "made-up", Kind: "takedown", Published: "2026-11-23T09:00:00Z", Text: "All of these are ours."}
	for i := range largestNotice {
		large.Targets = append(large.Targets, struct {
			Account string `json:"account"`
			Repo    string `json:"repo"`
			Path    string `json:"path"`
		}{"made-up", fmt.Sprint("repo-", i), ""})
	}
	notices = append(notices, large)

	f := openCounter(t, desktest.Options{})
	f.OpenCasework()
	change, p := f.NewProgram("notices", "ann")
	change.Program.Source, change.Program.Rate = cases.SourceAuthority, actions.MaxProgramRate
	f.Change(actions.DeskChange, change)
	key := filepath.Join(f.home, "program.key")
	k := client.ProgramKey{V: "countersign/program-key/v1", Program: p.ID, Public: canonical.Bytes(p.Key[32:]), Seed: canonical.Bytes(p.Key.Seed())}
	k.Key = k.PublicKey().ID()
	if err := cli.WriteSecret(key, k); err != nil {
		t.Fatal(err)
	}
	posts := f.seedTargets(notices)

	var rows, sound bytes.Buffer
	var bad []string
	reports, withdrawn, line := 0, 0, 0
	skipped := map[string][]string{}
	taken := map[string]int{}
	write := func(ok bool, row map[string]any) {
		b, err := json.Marshal(row)
		if err != nil {
			t.Fatal(err)
		}
		line++
		rows.Write(append(b, '\n'))
		if ok {
			sound.Write(append(b, '\n'))
		} else {
			bad = append(bad, fmt.Sprintf("line %d: ", line))
		}
	}
	for _, n := range notices {
		switch n.Kind {
		case "takedown":
			report := func(i int) map[string]any {
				return map[string]any{"external_id": fmt.Sprintf("%s/%d", n.ID, i), "reason": "Other", "text": n.Text, "at": n.Published, "reporter": map[string]any{"anonymous": true}}
			}
			for i := range n.Targets {
				row := report(i)
				row["subject"] = map[string]any{"platform": "plaza", "id": posts[n.ID][i]}
				write(true, row)
			}
			if len(n.Targets) == 0 {
				write(false, report(0)) // nobody can tell what it is about
			}
			reports += len(n.Targets)
			taken[n.ID] = len(n.Targets)
		case "takedown-retraction":
			for _, of := range n.Links {
				for i := range taken[of.ID] {
					write(true, map[string]any{"withdraws": fmt.Sprintf("%s/%d", of.ID, i)})
					withdrawn++
				}
			}
		default:
			skipped[n.Kind] = append(skipped[n.Kind], n.ID)
		}
	}
	for kind, ids := range skipped {
		t.Logf("skipped until there are appeals: %d of kind %s: %s", len(ids), kind, strings.Join(ids, " "))
	}
	t.Logf("%d notices: %d reports, %d withdrawn again, %d without a target", len(notices), reports, withdrawn, len(bad))
	file := filepath.Join(f.home, "notices.jsonl")
	hand := func(content []byte, args ...string) (int, []byte, string) {
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return f.runs("notices", append([]string{"report", "import", file, "--program-key", key, "--url", f.url, "--json"}, args...)...)
	}

	// All or nothing: those without a target are named by line, and nothing goes in.
	if len(bad) == 0 {
		t.Fatal("the file has no notice without a target")
	}
	code, _, said := hand(rows.Bytes())
	if code != cli.Wrong {
		t.Errorf("a file with bad rows ends with %d: %s", code, said)
	}
	for _, at := range bad {
		if !strings.Contains(said, at) {
			t.Errorf("%s is not named", at)
		}
	}
	if n := f.counted("select count(*) from report"); n != 0 {
		t.Errorf("%d reports are in", n)
	}

	var got struct {
		Rows, New, Known, Withdrawn int
		Refused                     []any
	}
	for round, want := range []int{reports, 0} {
		code, answer, said := hand(sound.Bytes())
		if err := json.Unmarshal(answer, &got); err != nil || code != cli.Done {
			t.Fatalf("round %d ends with %d: %v: %.2000s", round, code, err, said)
		}
		if got.New != want || got.New+got.Known != reports || got.Withdrawn != withdrawn || len(got.Refused) != 0 {
			t.Errorf("round %d: %+v; want %d new of %d, %d withdrawn", round, got, want, reports, withdrawn)
		}
		for what, sql := range map[string]string{
			"reports":                  "select count(*) from report",
			"reports by their cases":   "select coalesce(sum(reports), 0) from case_file",
			"reports in existing case": "select count(*) from report r join case_file c on c.id = r.case_id",
		} {
			if n := f.counted(sql); n != reports {
				t.Errorf("round %d: %s: %d, want %d", round, what, n, reports)
			}
		}
		if n := f.counted("select count(*) from report where withdrawn > 0"); withdrawn > 0 && (n == 0 || n > withdrawn) {
			t.Errorf("round %d: %d reports are withdrawn, %d were asked for", round, n, withdrawn)
		}
	}
}

func (f *counter) counted(sql string) (n int) {
	f.t.Helper()
	if err := f.Store.Read(f.t.Context(), func(tx *store.Tx) error { return tx.QueryRow(sql).Scan(&n) }); err != nil {
		f.t.Fatal(err)
	}
	return n
}

func readNotices(t *testing.T, path string) (all []notice) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(b) {
		var n notice
		if err := json.Unmarshal(line, &n); err != nil {
			t.Fatalf("a notice cannot be read: %v", err)
		}
		n.Text = shortened(strings.ToValidUTF8(n.Text, ""), cases.MaxReportText)
		all = append(all, n)
	}
	return all
}

func shortened(s string, most int) string {
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "")
	}
	return s
}

// posted sends a body to plaza, and returns its answer.
func (f *counter) posted(token, path string, body []byte) []byte {
	f.t.Helper()
	req, err := http.NewRequestWithContext(f.t.Context(), http.MethodPost, f.PlazaURL+path, bytes.NewReader(body))
	if err != nil {
		f.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		f.t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusCreated {
		f.t.Fatalf("%s: %d %.500s %v", path, res.StatusCode, answer, err)
	}
	return answer
}

// seedTargets makes an account on plaza for each one that a notice names, and a post for each
// target. It returns the posts of each notice, in the order of its targets.
func (f *counter) seedTargets(notices []notice) map[string][]string {
	f.t.Helper()
	token := f.Token("seed", plaza.SetupScope)
	made := func(path, member string, items []any) (ids []string) {
		for chunk := range slices.Chunk(items, 5000) {
			b, err := json.Marshal(map[string]any{member: chunk})
			if err != nil {
				f.t.Fatal(err)
			}
			var answer map[string][]struct {
				ID string `json:"id"`
			}
			if err := json.Unmarshal(f.posted(token, path, b), &answer); err != nil || len(answer[member]) != len(chunk) {
				f.t.Fatalf("%s made %d of %d: %v", path, len(answer[member]), len(chunk), err)
			}
			for _, x := range answer[member] {
				ids = append(ids, x.ID)
			}
		}
		return ids
	}
	place := map[string]int{}
	var accounts, posts []any
	for _, n := range notices {
		for _, to := range n.Targets {
			if _, known := place[to.Account]; !known {
				place[to.Account] = len(accounts)
				accounts = append(accounts, map[string]any{"handle": fmt.Sprintf("@owner%d", len(accounts)), "name": "An Owner"})
			}
		}
	}
	ids := made("/staff/v1/accounts/bulk", "accounts", accounts)
	for _, n := range notices {
		for _, to := range n.Targets {
			posts = append(posts, map[string]any{"account": ids[place[to.Account]], "text": fmt.Sprint("Work ", len(posts))})
		}
	}
	all := made("/staff/v1/posts/bulk", "posts", posts)
	by := map[string][]string{}
	for _, n := range notices {
		by[n.ID], all = all[:len(n.Targets)], all[len(n.Targets):]
	}
	return by
}
