package system

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"countersign.dev/actions"
	"countersign.dev/api"
	"countersign.dev/cli"
	"countersign.dev/desk/desktest"
	"countersign.dev/desk/kernel"
	"countersign.dev/httpd"
	"countersign.dev/sqldb"
	"countersign.dev/workforce"
)

// counter is a town whose desk answers over HTTP, with people at command lines.
type counter struct {
	*desktest.Town
	t    *testing.T
	url  string
	home string // each person has a folder in it
}

func openCounter(t *testing.T, o desktest.Options) *counter {
	t.Helper()
	return serveCounter(t, desktest.NewTown(t, o))
}

// serveCounter has the desk of a town answer over HTTP.
func serveCounter(t *testing.T, to *desktest.Town) *counter {
	t.Helper()
	f := &counter{Town: to, t: t, home: t.TempDir()}
	handler, err := api.New(api.Config{Desk: f.Desk, Version: "test", Now: f.Clock().Now})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(httpd.New(httpd.Config{Desk: f.Desk, API: handler, Now: f.Clock().Now, Logger: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))}))
	t.Cleanup(server.Close)
	f.url = server.URL
	return f
}

// seat gives a person a key file of their own, which the officers enrol, and signs them in.
func (f *counter) seat(people ...workforce.WorkerID) {
	f.t.Helper()
	var keys actions.Keys
	for _, by := range people {
		k, err := cli.MakeKey(rand.Reader, by, true)
		if err == nil {
			err = cli.WriteKey(filepath.Join(f.home, string(by), "my.key"), k)
		}
		if err != nil {
			f.t.Fatal(err)
		}
		keys.Enrol = append(keys.Enrol, k.Enrolment(f.EnrolName()))
	}
	f.Change(actions.DeskKey, keys)
	for _, by := range people {
		if code, _, said := f.runs(by, "token", "create", "--save", "--yes", "--worker", string(by), "--name", "test", "--url", f.url, "--key", filepath.Join(f.home, string(by), "my.key")); code != cli.Done {
			f.t.Fatalf("%s signs in: %s", by, said)
		}
	}
}

// runs runs a command as a person types it, and returns its exit code and its answer.
func (f *counter) runs(by workforce.WorkerID, args ...string) (code int, answer []byte, said string) {
	f.t.Helper()
	var out, errs bytes.Buffer
	var g struct {
		cli.Global
		cli.Commands
	}
	p := cli.Program{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs, Getenv: func(string) string { return "" }, Now: f.Clock().Now, Rand: rand.Reader}
	code = cli.Run(f.t.Context(), p, &g, &g.Global, append([]string{"--dir", filepath.Join(f.home, string(by))}, args...))
	return code, out.Bytes(), errs.String()
}

// answers runs a command that must be done, and reads its answer.
func (f *counter) answers(into any, by workforce.WorkerID, args ...string) (said string) {
	f.t.Helper()
	code, answer, said := f.runs(by, append(args, "--json")...)
	if err := json.Unmarshal(answer, into); err != nil || code != cli.Done {
		f.t.Fatalf("%s: %v ends with %d: %v: %s%s", by, args, code, err, answer, said)
	}
	return said
}

// asked is a request as the command line answers.
type asked struct {
	ID     string
	Status actions.Status
	Action struct{ V, Tier string }
}

// TestAdoptListsWhatIsOpen: whoever asks for the newer formats is shown first every request
// that will end with them. Afterwards each is asked for anew by one command.
func TestAdoptListsWhatIsOpen(t *testing.T) {
	f := openCounter(t, desktest.Options{Formats: 1})
	f.seat("ada", "kim")
	var first asked
	f.answers(&first, "kim", "action", "request", "account.takedown", "plaza:@president", "--reason", "hacked", "--case", "C-1", "--yes")
	open := []string{first.ID}
	for range 119 { // more than a list shows without being asked for more
		open = append(open, f.Request("ann", desktest.Wish(actions.AccountTakedown, "plaza:@singer")).ID)
	}
	var r asked
	said := f.answers(&r, "ada", "formats", "adopt", "--reason", "sessions", "--yes")
	before, _, _ := strings.Cut(said, "You sign this request")
	for _, id := range open {
		if !strings.Contains(before, id) {
			t.Errorf("%s is not shown before the signature", id)
		}
	}
	if got := f.Countersign(r.ID, "bea", "cem"); got.Status != actions.StatusExecuted {
		t.Fatalf("the change is %s: %s", got.Status, got.Missing)
	}
	for _, id := range open {
		desktest.Until(t, "it has ended", func() bool {
			got, err := f.RequestByID(t.Context(), desktest.As("kim"), id)
			return err == nil && got.Status == actions.StatusVoid && got.Outcome == "other-formats"
		})
	}
	var again asked
	f.answers(&again, "kim", "action", "again", first.ID, "--yes")
	if again.Status != actions.StatusHeld || again.Action.V != actions.ActionV2 || again.ID == first.ID {
		t.Errorf("asked again it is %+v", again)
	}
	if got := f.Settled("kim", f.Countersign(again.ID, "lee", "eva")); got.Status != actions.StatusExecuted {
		t.Errorf("countersigned it is %s: %s", got.Status, got.OutcomeText)
	}
}

// TestYoursAgainAtTheCommandLine: an account grows after the desk has read it and before the
// executor does. The request that a session signed is shown as yours again, and asking again
// takes the own key, for the tier that was read.
func TestYoursAgainAtTheCommandLine(t *testing.T) {
	var f *counter
	famous := false
	f = openCounter(t, desktest.Options{Step: func(step string) {
		if !famous || step != kernel.StepRequested {
			return
		}
		famous = false
		if err := f.DB.Write(t.Context(), func(tx *sqldb.Tx) error {
			_, err := tx.Exec(`update account set followers = 500000 where handle = 'shop'`)
			return err
		}); err != nil {
			t.Error(err)
		}
	}})
	th := f.steal("sue")
	f.seat("sue")
	famous = true
	id, outcome := th.asks(takedownOf("plaza:@shop", "C-1"))
	if outcome != "own-key-needed" {
		t.Fatalf("it is %s", outcome)
	}
	_, shown, _ := f.runs("sue", "action", "show", id)
	if !bytes.Contains(shown, []byte("yours again: not done, since it takes your own key")) || !bytes.Contains(shown, []byte("countersign action again "+id)) {
		t.Errorf("it shows\n%s", shown)
	}
	var again asked
	f.answers(&again, "sue", "action", "again", id, "--yes")
	if again.Status != actions.StatusHeld || again.Action.Tier != string(actions.Protected) || again.ID == id {
		t.Errorf("asked again it is %+v", again)
	}
	if got := f.Settled("sue", f.Countersign(again.ID, "lee")); got.Status != actions.StatusExecuted {
		t.Errorf("countersigned it is %s: %s", got.Status, got.OutcomeText)
	}
}
