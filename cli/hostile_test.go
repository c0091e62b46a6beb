package cli

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"countersign.dev/actions"
	v1 "countersign.dev/api/v1"
	"countersign.dev/canonical"
	"countersign.dev/incident"
	"countersign.dev/platform"
)

// evil is what a stranger may call himself, or a desk that lies may say.
const evil = "@x\x1b]0;owned\x07\x1b]8;;http://evil.example\x1b\\l\x1b]8;;\x1b\\\x1b[2J\u009b31m\u202eselttab\u200b\u2066\u2028\r\nneeds     nobody else\U000E0041"

// raw are the characters that must not get to a terminal.
const raw = "\x1b\x07\r\u009b\u202e\u200b\u2066\u2028\U000E0041"

// lyingDesk answers every route with a document in which every text is evil.
type lyingDesk struct {
	status actions.Status
	kind   actions.Kind
	change canonical.Raw
	asked  map[string]bool
}

func (d *lyingDesk) RoundTrip(r *http.Request) (*http.Response, error) {
	path := strings.TrimPrefix(r.URL.Path, v1.Base)
	part := func(n int) string {
		if all := strings.Split(strings.Trim(path, "/"), "/"); n < len(all) {
			return all[n]
		}
		return ""
	}
	d.asked[r.Method+" "+part(0)+" "+part(2)] = true
	answer := func(status int, media string, body []byte) (*http.Response, error) {
		return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {media}}, Body: io.NopCloser(bytes.NewReader(body)), Request: r}, nil
	}
	var doc any
	switch {
	case part(0) == "status":
		doc = new(v1.Status)
	case part(0) == "drafts", part(2) == "drafts", part(2) == "undo-drafts":
		doc = new(v1.Draft)
	case part(0) == "requests" && part(1) == "" && r.Method == http.MethodGet:
		doc = new(v1.Page[v1.Request])
	case part(0) == "requests":
		doc = new(v1.Request)
	case part(0) == "tokens" && r.Method == http.MethodGet:
		doc = new(v1.Page[v1.Token])
	case part(0) == "sessions":
		doc = new(v1.Page[v1.Session])
	case part(0) == "tokens":
		doc = new(v1.Token)
	case part(0) == "workers" && part(2) == "reach":
		doc = new(v1.Reach)
	case part(0) == "workers" && part(1) != "":
		doc = new(v1.Worker)
	case part(0) == "workers":
		doc = new(v1.Page[v1.Worker])
	case part(0) == "vendors":
		doc = new(v1.Page[v1.Vendor])
	case part(0) == "keys":
		doc = new(v1.Page[v1.Key])
	case part(0) == "subjects":
		doc = new(v1.Subject)
	case part(0) == "exposure" && part(1) == "table":
		doc = new(v1.ExposureTable)
	case part(0) == "exposure":
		doc = new(v1.Exposure)
	case part(0) == "platforms":
		doc = new(v1.Page[v1.Platform])
	case part(0) == "desk":
		doc = new(v1.Desk)
	case part(0) == "policy" && part(1) == "check":
		return answer(200, "application/json", []byte(`{"problems":[],"warnings":[]}`))
	case part(0) == "policy" && part(1) == "backtest":
		doc = new(v1.Backtest)
	case part(0) == "policy":
		doc = new(v1.Policy)
	case part(0) == "ledger":
		doc = new(v1.Entries)
	case part(0) == "incidents" && part(1) == "":
		doc = new(v1.Page[v1.Incident])
	case part(0) == "incidents" && part(2) == "report":
		doc = new(v1.IncidentReport)
	case part(0) == "incidents" && part(2) == "attribution":
		doc = new(incident.Attribution)
	case part(0) == "incidents" && strings.HasPrefix(part(2), "ruling"):
		doc = new(incident.Ruled)
	case part(0) == "incidents" && strings.Contains(part(2), "findings"):
		doc = new(actions.Review)
	case part(0) == "incidents":
		doc = new(v1.Incident)
	case part(0) == "sightings":
		doc = new(v1.Page[v1.Sighting])
	case part(0) == "alarms":
		doc = new(v1.Page[v1.Alarm])
	case part(0) == "events":
		body, err := json.Marshal(v1.Alarm{Text: evil, Kind: evil, Platform: evil, Subject: evil})
		if err != nil {
			return nil, err
		}
		return answer(200, "text/event-stream", []byte("id: 1\nevent: alarm\ndata: "+string(body)+"\n\n"))
	default:
		body, err := json.Marshal(map[string]any{"status": 403, "title": evil, "detail": evil, "type": "x/" + evil, "errors": []any{map[string]string{"location": evil, "message": evil}}})
		if err != nil {
			return nil, err
		}
		return answer(403, "application/problem+json", body)
	}
	d.fill(reflect.ValueOf(doc).Elem(), 0)
	body, err := json.Marshal(doc, json.Deterministic(true))
	if err != nil {
		return nil, err
	}
	return answer(200, "application/json", body)
}

// fill sets every text to evil, and everything else so that it is not empty.
func (d *lyingDesk) fill(v reflect.Value, depth int) {
	switch x := v.Addr().Interface().(type) {
	case *canonical.Time:
		*x = canonical.At(noon)
		return
	case *canonical.Raw:
		*x = d.change
		return
	case *canonical.Bytes:
		*x = make([]byte, 32)
		return
	case *canonical.Digest, *actions.Need:
		return
	case *actions.Kind:
		*x = d.kind
		return
	case *actions.Status:
		*x = d.status
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(evil)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(1)
	case reflect.Pointer:
		if depth < 12 {
			v.Set(reflect.New(v.Type().Elem()))
			d.fill(v.Elem(), depth+1)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Field(i); f.CanSet() && v.Type().Field(i).Name != "Next" {
				d.fill(f, depth+1)
			}
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() != reflect.Uint8 && depth < 12 {
			v.Set(reflect.MakeSlice(v.Type(), 1, 1))
			d.fill(v.Index(0), depth+1)
		}
	case reflect.Map:
		if v.Type().Key().Kind() == reflect.String && depth < 12 {
			k, e := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			d.fill(k, depth+1)
			d.fill(e, depth+1)
			v.Set(reflect.MakeMap(v.Type()))
			v.SetMapIndex(k, e)
		}
	}
}

// TestNothingRawAtTheTerminal runs every command against a desk whose every text
// is evil, and finds nothing of it raw in what is printed.
func TestNothingRawAtTheTerminal(t *testing.T) {
	home := t.TempDir()
	k, err := MakeKey(rand.NewChaCha8([32]byte{2}), "ann", false)
	if err != nil {
		t.Fatal(err)
	}
	if err := WriteKey(filepath.Join(home, "my.key"), k); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"client.json": `{"url":"http://desk.example","token":"t","key":"` + filepath.Join(home, "my.key") + `","worker":"ann"}`,
		"people.csv": "worker,name,email,vendor,role,team,manager,site,zone,start,last,notice\nann,Ann,,,agent,blue,,,,2026-01-01T00:00:00Z,,\n",
		"findings":   "All was right.\n", "evil.csv": evil, "evil.json": `{"v":"` + `\u001b[2J\u202e` + `"}`} {
		if err := os.WriteFile(filepath.Join(home, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	lower := canonical.MustMarshal(actions.Setting{Of: actions.PartTiers, Raise: &actions.Raise{From: actions.Critical, To: actions.Standard,
		Subject: platform.Subject{Platform: "plaza", ID: evil, Handle: evil}}})
	quoted := 0
	asked := map[string]bool{}
	for v, variant := range []lyingDesk{
		{status: actions.StatusHeld, kind: actions.AccountTakedown, change: canonical.Raw("{}")},
		{status: actions.StatusExecuted, kind: actions.DeskChange, change: lower},
		{status: actions.StatusDeclined, kind: evil, change: canonical.Raw("{}")},
		{status: evil, kind: actions.DeskFreeze, change: canonical.MustMarshal(actions.Freeze{Op: "freeze", Scope: actions.ScopeWorker, Of: evil})},
	} {
		variant.asked = asked
		for _, n := range leaves(t) {
			args := words(n)
			for _, p := range n.Positional {
				switch {
				case p.Name == "to":
					args = append(args, "critical")
				case p.Enum != "":
					args = append(args, strings.Split(p.Enum, ",")[0])
				case p.Name == "number":
					args = append(args, "1")
				case p.Name == "kind":
					args = append(args, "account.takedown")
				case p.Name == "subject":
					args = append(args, "plaza:@x")
				case p.Name == "file" && n.Name == "import":
					args = append(args, filepath.Join(home, "people.csv"))
				case p.Name == "file" && n.Name == "make":
					args = append(args, filepath.Join(t.TempDir(), "new.key"))
				case p.Name == "folder", p.Name == "out", !p.Required:
				default:
					args = append(args, "req_000000000000000000000000000000")
				}
			}
			for _, f := range n.Flags {
				switch {
				case f.Name == "yes", f.Name == "people", f.Name == "reasons", f.Name == "leavers":
					args = append(args, "--"+f.Name)
				case f.Name == "findings":
					args = append(args, "--findings", filepath.Join(home, "findings"))
				case f.Name == "wait" && n.Name != "show":
					args = append(args, "--wait", "0s")
				case f.Name == "since" && f.Required, f.Name == "last" && f.Required, f.Name == "until" && f.Required:
					args = append(args, "--"+f.Name, "24h")
				case f.Name == "connector" && f.Required:
					args = append(args, "--connector", "plaza")
				case f.Name == "reason", f.Required:
					args = append(args, "--"+f.Name, "x")
				}
			}
			calls := [][]string{args}
			if v == 0 {
				calls = append(calls, append([]string{"--no-such-flag=" + evil}, args...))
			}
			for _, given := range calls {
				var out, errs bytes.Buffer
				var g testGrammar
				p := Program{Stdin: strings.NewReader("y\n"), Stdout: &out, Stderr: &errs, Now: func() time.Time { return noon }, Version: "test", Color: true,
					Interactive: true, Rand: rand.NewChaCha8([32]byte{1}), HTTP: &http.Client{Transport: &variant},
					Getenv: func(k string) string { return map[string]string{"COUNTERSIGN_DIR": home}[k] }}
				Run(context.Background(), p, &g, &g.Global, given)
				text := out.String() + errs.String()
				for _, own := range []string{"\x1b[31m", "\x1b[32m", "\x1b[0m"} {
					text = strings.ReplaceAll(text, own, "")
				}
				if i := strings.IndexAny(text, raw); i >= 0 {
					t.Errorf("%v prints %q", args, text[max(0, i-60):min(len(text), i+60)])
				}
				if n.FullPath() != "countersign policy show" && strings.Contains(text, "\nneeds     nobody else") { // which prints files

					t.Errorf("%v prints a line that a stranger wrote:\n%s", args, text)
				}
				if strings.Contains(text, "‹U+202E›") {
					quoted++
				}
			}
		}
	}
	if quoted < 90 {
		t.Errorf("only %d of the commands quoted what the desk said: the test sees too little", quoted)
	}
}
