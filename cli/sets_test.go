package cli

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"countersign.dev/actions"
	v1 "countersign.dev/api/v1"
	"countersign.dev/cases"
	"countersign.dev/client"
	"countersign.dev/fault"
	rfc9457 "countersign.dev/fault/problem"
)

// TestTextsOfALyingDesk: whoever signs a change that names a text is shown the texts with the
// digests that are signed, or signs nothing.
func TestTextsOfALyingDesk(t *testing.T) {
	old := cases.DefaultRules()
	fresh := strings.Replace(old, `"MisleadingElections": {"severity": "high"`, `"MisleadingElections": {"severity": "low"`, 1)
	milder := strings.Replace(old, `"MisleadingSpam": {"severity": "low"`, `"MisleadingSpam": {"severity": "medium"`, 1)
	unreadable := "{}"
	name := func(before, after string) actions.Setting {
		text := actions.Text{Digest: actions.DigestOfText(after), Size: int64(len(after))}
		if before != "" {
			text.Replaces = actions.DigestOfText(before)
		}
		return naming(actions.PartRules, text)
	}
	for what, c := range map[string]struct {
		change actions.Setting
		texts  map[string]string // what the desk shows in the place of a text
		typ    string            // of the refusal; empty: it is shown
		shows  string
	}{
		"the truth":                                   {name(old, fresh), map[string]string{old: old, fresh: fresh}, "", "BURIES reports for MisleadingElections"},
		"the first set":                               {name("", fresh), map[string]string{fresh: fresh}, "", "countersign rule show --text sha256:"},
		"a milder text is shown":                      {name(old, fresh), map[string]string{old: old, fresh: milder}, "wrong-draft", ""},
		"nothing seems to change":                     {name(old, fresh), map[string]string{old: fresh, fresh: fresh}, "wrong-draft", ""},
		"the new text is missing":                     {name(old, fresh), map[string]string{old: old}, "no-text", ""},
		"the old text is missing":                     {name(old, fresh), map[string]string{fresh: fresh}, "no-text", ""},
		"a text that is no set":                       {name(old, unreadable), map[string]string{old: old, unreadable: unreadable}, "bad-rules", ""},
		"an older text that this program cannot read": {name(unreadable, fresh), map[string]string{unreadable: unreadable, fresh: fresh}, "", "cannot be read by this program"},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			for text, shown := range c.texts {
				if strings.HasSuffix(r.URL.Path, actions.DigestOfText(text).String()) {
					w.Header().Set("Content-Type", "application/json")
					_ = json.NewEncoder(w).Encode(map[string]string{"text": shown})
					return
				}
			}
			w.Header().Set("Content-Type", v1.ProblemType)
			w.WriteHeader(http.StatusNotFound)
			_ = json.NewEncoder(w).Encode(rfc9457.Of(fault.New(fault.NotFound, "no-text", "There is none.")))
		}))
		desk, err := client.New(server.URL, "", server.Client())
		if err != nil {
			t.Fatal(err)
		}
		p := &Page{}
		err = (&Session{}).wholeText(t.Context(), p, deskClient{desk}, c.change)
		if got := fault.TypeOf(err); c.typ == "" && err != nil || c.typ != "" && got != c.typ {
			t.Errorf("%s: %v", what, err)
		}
		if !strings.Contains(p.String(), c.shows) {
			t.Errorf("%s: it shows %s", what, p)
		}
		server.Close()
	}
}

// TestListName: a source makes a name of the form that a list's name has.
func TestListName(t *testing.T) {
	for source, want := range map[string]string{"The Hotline, Berlin": "the-hotline-berlin", "  IWF  ": "iwf", "24/7 Help": "help", "日本": "", strings.Repeat("ab ", 40): strings.Repeat("ab-", 21) + "a"} {
		if got := listName(source); got != want {
			t.Errorf("%q makes the name %q, want %q", source, got, want)
		}
	}
}

// TestPolicyFolderWithSets: a rule set and a queue set beside a policy set are no part of it,
// and are checked with it.
func TestPolicyFolderWithSets(t *testing.T) {
	write := func(dir string, files map[string]string) {
		for name, text := range files {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	rules, queues := cases.DefaultRules(), cases.DefaultQueues()
	for what, c := range map[string]struct {
		files map[string]string
		code  int
		says  string
	}{
		"both":                      {map[string]string{"rules.json": rules, "queues.json": queues}, Done, `"queue_tests":14`},
		"queues alone":              {map[string]string{"queues.json": queues}, Done, `"queues":6`},
		"rules alone":               {map[string]string{"rules.json": rules}, Done, `"rules":12`},
		"queues for another set":    {map[string]string{"rules.json": strings.Replace(rules, `"number": 12,`, `"number": 13,`, 1), "queues.json": queues}, Refused, "rule 12, which is not in the rule set"},
		"rules that cannot be read": {map[string]string{"rules.json": "[]", "queues.json": queues}, Refused, `"at":"rules.json:1"`},
		"no set at all":             {nil, Wrong, "no-policy"},
	} {
		dir := t.TempDir()
		write(dir, c.files)
		if r := command(t, t.TempDir(), "policy", "check", dir, "--json"); r.code != c.code || !strings.Contains(r.stdout, c.says) {
			t.Errorf("%s: exit %d, %s", what, r.code, r.stdout)
		}
	}
	dir := t.TempDir()
	write(dir, map[string]string{"rules.json": rules, "tiers.json": `{}`})
	files, err := readPolicy(dir, false)
	if err != nil || len(files) != 1 || files["tiers.json"] == "" {
		t.Errorf("the policy set is %v, %v", files, err)
	}
}

// TestRefusalsNameTheFile: a refusal names the file that was given, and a check that no desk
// took part in says that the set was not compared with the one in force.
func TestRefusalsNameTheFile(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	rules, queues, broken := write("rules5.json", cases.DefaultRules()), write("mine.json", cases.DefaultQueues()), write("broken.json", "{")
	in := force(t, cases.DefaultRules())
	for what, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"rules without a desk":   {[]string{"rule", "check", rules}, Done, `"not_compared":"no desk was asked`},
		"rules that are there":   {[]string{"rule", "check", rules, "--url", in}, Done, `"problems":[]}`},
		"rules that changed":     {[]string{"rule", "check", write("changed.json", strings.Replace(cases.DefaultRules(), "Do not post the same", "Never post the same", 1)), "--url", in}, Refused, "/changed.json:10 rule 1\",\"text\":\"its text is another"},
		"rules that are broken":  {[]string{"rule", "check", broken}, Refused, "/broken.json:"},
		"queues that are broken": {[]string{"queue", "check", broken, "--rules", rules}, Refused, "/broken.json:"},
		"queues of broken rules": {[]string{"queue", "check", queues, "--rules", broken}, Wrong, "/broken.json:"},
		"broken rules proposed":  {[]string{"rule", "propose", broken, "--reason", "why", "--url", in}, Wrong, "/broken.json:"},
		"broken queues proposed": {[]string{"queue", "propose", broken, "--reason", "why", "--url", in}, Wrong, "/broken.json:"},
		"a broken list":          {[]string{"hashlist", "import", broken, "--source", "S", "--reason", "why", "--url", in}, Wrong, "/broken.json:1"},
	} {
		r := command(t, t.TempDir(), append(c.args, "--json")...)
		if r.code != c.code || !strings.Contains(r.stdout, c.says) || strings.Contains(r.stdout, `"rules.json`) || strings.Contains(r.stdout, `"queues.json`) {
			t.Errorf("%s: exit %d, %s", what, r.code, r.stdout)
		}
	}
}

// force serves the address of a desk where a rule set is in force.
func force(t *testing.T, text string) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if strings.Contains(r.URL.Path, "/texts/") {
			_ = json.NewEncoder(w).Encode(map[string]string{"text": text})
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"digest": actions.DigestOfText(text)})
	}))
	t.Cleanup(server.Close)
	return server.URL
}
