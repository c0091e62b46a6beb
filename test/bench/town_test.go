package main

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/desk/acts"
	"countersign.dev/desk/desktest"
	"countersign.dev/link"
	linkv1 "countersign.dev/link/v1"
	"countersign.dev/test/testenv"
)

// town is a desk in this process with its executor in another, linked by unix
// sockets, and a plaza over HTTP: each with a database of its own.
type town struct {
	*desktest.World
	b        *testing.B
	executor *link.ExecutorClient
	calls    *calls // to the PDS
	plaza    *square
	// session signs ann's requests if it is set; otherwise her own key does.
	session *running
}

// running is a session with its private key.
type running struct {
	digest canonical.Digest
	key    ed25519.PrivateKey
}

// remote makes the link's client a kernel.Executor.
type remote struct{ *link.ExecutorClient }

func (r remote) Status(ctx context.Context) (linkv1.ExecutorStatus, error) { return r.Ask(ctx) }

// accounts is how many accounts plaza has; acts take turns among them.
const accounts = 64

// newTown opens a town whose desk is on the database at url and signs in the newest
// formats. pds may be nil.
func newTown(b *testing.B, url string, pds *testenv.Bluesky) *town {
	b.Helper()
	return newTownIn(b, url, pds, actions.NewestFormats)
}

// newTownIn is newTown with a desk that signs in other formats.
func newTownIn(b *testing.B, url string, pds *testenv.Bluesky, formats int64) *town {
	b.Helper()
	budgets := actions.DefaultBudgets()
	for i := range budgets {
		budgets[i].Limit = 1_000_000 // each is counted, and none stops the measurement
	}
	return newTownWith(b, pds, desktest.Options{URL: url, Budgets: budgets, Formats: formats})
}

// newTownWith is newTown with a desk that has other options.
func newTownWith(b *testing.B, pds *testenv.Bluesky, o desktest.Options) *town {
	b.Helper()
	deskAddress, executorAddress := sockets(b)
	client := link.DialExecutor(executorAddress, token)
	b.Cleanup(client.Close)
	o.Executor = remote{client}
	t := &town{b: b, executor: client, World: desktest.New(b, o)}
	t.plaza = startSquare(b)
	var list []string
	for i := range accounts {
		list = append(list, fmt.Sprintf(`{"handle":"@neighbour%d","name":"A Neighbour","followers":12}`, i))
	}
	list = append(list, `{"handle":"@singer","name":"A Singer","followers":500000}`) // protected
	setUp(b, t.plaza.url+"/staff/v1/accounts/bulk", t.plaza.seed, `{"accounts":[`+strings.Join(list, ",")+`]}`)
	l, err := link.Listen(deskAddress)
	if err != nil {
		b.Fatal(err)
	}
	server := &http.Server{Handler: link.Desk(t.Desk, token, func(err error) { b.Logf("desk: %v", err) })}
	go server.Serve(l)
	b.Cleanup(func() { server.Close() })
	x := errand{Desk: deskAddress, Listen: executorAddress, Journal: filepath.Join(b.TempDir(), "journal.db"), Key: t.ExecutorKey, Root: t.Root,
		Plaza: t.plaza.url, PlazaToken: t.plaza.staff}
	if pds != nil {
		x.PDS, x.PDSPassword = pds.URL, pds.AdminPassword
	}
	t.calls = startExecutor(b, x)
	t.Staff()
	if pds != nil {
		t.Change(actions.DeskChange, actions.Setting{Of: actions.PartPlatforms, Platform: &actions.Platform{Name: "bluesky", Connector: "bluesky"}, Unranked: []string{"bluesky"}})
	}
	t.Run()
	t.followed()
	return t
}

// setUp makes accounts on plaza.
func setUp(b *testing.B, url, token, body string) {
	b.Helper()
	req, err := http.NewRequestWithContext(b.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		b.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusCreated {
		answer, _ := io.ReadAll(res.Body)
		b.Fatalf("%s: %s: %s", url, res.Status, answer)
	}
}

// followed waits until the executor has read the ledger up to its present end.
func (t *town) followed() {
	t.b.Helper()
	h, err := t.Store.Head(t.b.Context())
	if err != nil {
		t.b.Fatal(err)
	}
	desktest.Until(t.b, "the executor has read the ledger", func() bool { return t.executor.Status().Size >= h.Size })
}

// signed is an act that is drafted and signed and not submitted.
func (t *town) signed(d acts.Draft, err error) acts.Submission {
	t.b.Helper()
	if err != nil {
		t.b.Fatal(err)
	}
	if t.session != nil {
		return desktest.Under(t.session.key, d)
	}
	return t.Submission("ann", d)
}

// start starts a session of ann's, which signs her requests from now on.
func (t *town) start() {
	t.b.Helper()
	s, key := t.Session("ann")
	if _, err := t.Desk.StartSession(t.b.Context(), desktest.As("ann"), s); err != nil {
		t.b.Fatal(err)
	}
	t.session = &running{s.Session.Digest(), key}
}

// named returns the session's name in a wish; zero if there is none.
func (t *town) named() canonical.Digest {
	if t.session == nil {
		return canonical.Digest{}
	}
	return t.session.digest
}

func (t *town) takedown(subject string) acts.Submission {
	t.b.Helper()
	w := wish(subject)
	w.Session = t.named()
	return t.signed(t.Draft(t.b.Context(), desktest.As("ann"), w))
}

func (t *town) label(subject string) acts.Submission {
	t.b.Helper()
	w := wish(subject)
	w.Kind, w.Value, w.Session = actions.AccountLabel, desktest.Labels[0], t.named()
	return t.signed(t.Draft(t.b.Context(), desktest.As("ann"), w))
}

func wish(subject string) acts.Wish {
	return acts.Wish{Kind: actions.AccountTakedown, Subject: subject, Case: "case-1", Reason: "spam"}
}

func (t *town) undo(request string) acts.Submission {
	t.b.Helper()
	return t.signed(t.DraftUndo(t.b.Context(), desktest.As("ann"), request, acts.UndoWish{Reason: "a mistake", Session: t.named()}))
}

// executed submits an act and waits until the desk says that it was executed.
func (t *town) executed(s acts.Submission) actions.Request {
	t.b.Helper()
	r, err := t.Desk.Request(t.b.Context(), desktest.As("ann"), s)
	for err == nil && r.Status == actions.StatusApproved {
		r, err = t.Desk.Wait(t.b.Context(), desktest.As("ann"), r.ID, r.Version)
	}
	if err != nil || r.Status != actions.StatusExecuted {
		t.b.Fatalf("the request %s is %s (%s): %v", r.ID, r.Status, r.OutcomeText, err)
	}
	return r
}

func subjectOf(i int) string { return fmt.Sprintf("plaza:acct/%d", i%accounts+1) }
