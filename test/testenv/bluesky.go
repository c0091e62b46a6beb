package testenv

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// Bluesky is a real PDS with a real PLC directory behind it.
type Bluesky struct {
	URL           string // "http://localhost:PORT"; the PDS calls itself so too
	AdminPassword string

	installed string
	folder    string
	port      string
	plcPort   string
	limits    bool
	backlog   time.Duration
	shared    bool
	plc, pds  *process
	made      atomic.Int64 // accounts, so that names never clash
}

// BlueskyOptions are the settings of a test's own server.
type BlueskyOptions struct {
	RateLimits bool          // 3,000 calls in five minutes, as a PDS has by default
	Backlog    time.Duration // how long events are replayed; 0: a day, as a PDS has by default
}

// Account is an account on the PDS, with its holder's secrets.
type Account struct {
	DID, Handle, Email, Password string
	Access, Refresh              string // session tokens as given at its making
}

var sharedPDS struct {
	sync.Mutex
	server *Bluesky
	err    error
}

// PDS returns the PDS that all tests of this package's binary share. The first test that
// asks starts it, and it ends with the process. Tests make their own accounts on it and
// must not count on being alone.
func PDS(t testing.TB) *Bluesky {
	t.Helper()
	installed := setting(t, "pds", pdsVariable)
	sharedPDS.Lock()
	defer sharedPDS.Unlock()
	if sharedPDS.server == nil && sharedPDS.err == nil {
		sharedPDS.server, sharedPDS.err = startBluesky(installed, BlueskyOptions{})
		if sharedPDS.err == nil {
			sharedPDS.server.shared = true
		}
	}
	if sharedPDS.err != nil {
		t.Fatalf("start the PDS: %v", sharedPDS.err)
	}
	return sharedPDS.server
}

// OwnPDS returns a PDS of this test's own, which it may kill, restart and pause.
func OwnPDS(t testing.TB, options BlueskyOptions) *Bluesky {
	t.Helper()
	b, err := startBluesky(setting(t, "pds", pdsVariable), options)
	if err != nil {
		t.Fatalf("start a PDS: %v", err)
	}
	t.Cleanup(func() {
		b.stop()
		// A killed PDS could not take its folder along.
		if err := os.RemoveAll(b.folder); err != nil {
			t.Errorf("remove the PDS's folder: %v", err)
		}
	})
	return b
}

func startBluesky(installed string, options BlueskyOptions) (*Bluesky, error) {
	folder, err := os.MkdirTemp("", "countersign-pds-")
	if err != nil {
		return nil, fmt.Errorf("make the PDS's folder: %w", err)
	}
	b := &Bluesky{AdminPassword: "administrator of a test", installed: installed, folder: folder, limits: options.RateLimits, backlog: options.Backlog}
	for range 3 {
		if err = b.start(); err == nil {
			return b, nil
		}
	}
	return nil, errors.Join(err, os.RemoveAll(folder))
}

// start tries both servers on free ports, side by side since neither needs the
// other to start.
func (b *Bluesky) start() (err error) {
	if b.port, err = freePort(); err != nil {
		return err
	}
	if b.plcPort, err = freePort(); err != nil {
		return err
	}
	b.URL = "http://localhost:" + b.port
	plc := make(chan error, 1)
	go func() {
		p, err := launch(b.installed, "plc.mjs", "PORT="+b.plcPort)
		b.plc = p
		plc <- err
	}()
	pdsErr := b.launchPDS()
	plcErr := <-plc
	if plcErr == nil && pdsErr == nil {
		return nil
	}
	b.stop()
	return errors.Join(plcErr, pdsErr)
}

func (b *Bluesky) launchPDS() error {
	limits := "0"
	if b.limits {
		limits = "1"
	}
	backlog := ""
	if b.backlog != 0 {
		backlog = strconv.FormatInt(b.backlog.Milliseconds(), 10)
	}
	p, err := launch(b.installed, "pds.mjs", "PORT="+b.port, "PLC_PORT="+b.plcPort, "FOLDER="+b.folder,
		"ADMIN_PASSWORD="+b.AdminPassword, "SECRET="+strings.Repeat("5a", 32), "RATE_LIMITS="+limits, "BACKLOG_MS="+backlog)
	b.pds = p
	return err
}

func (b *Bluesky) stop() {
	for _, p := range []*process{b.pds, b.plc} {
		if p != nil {
			p.stop()
		}
	}
	b.pds, b.plc = nil, nil
}

// Kill ends the PDS as a power cut would (SIGKILL). Its folder stays.
func (b *Bluesky) Kill(t testing.TB) {
	t.Helper()
	b.mustBeOwn(t)
	b.pds.kill()
}

// Restart starts a killed PDS again, on the same port and folder.
func (b *Bluesky) Restart(t testing.TB) {
	t.Helper()
	b.mustBeOwn(t)
	if err := b.launchPDS(); err != nil {
		t.Fatalf("restart the PDS: %v", err)
	}
}

// Pause stops the PDS without ending it: it accepts connections and answers nothing.
// After Resume it handles everything that was sent meanwhile.
func (b *Bluesky) Pause(t testing.TB) { t.Helper(); b.send(t, syscall.SIGSTOP) }

// Resume ends a Pause.
func (b *Bluesky) Resume(t testing.TB) { t.Helper(); b.send(t, syscall.SIGCONT) }

func (b *Bluesky) send(t testing.TB, s syscall.Signal) {
	t.Helper()
	b.mustBeOwn(t)
	if err := b.pds.signal(s); err != nil {
		t.Fatalf("%v the PDS: %v", s, err)
	}
}

func (b *Bluesky) mustBeOwn(t testing.TB) {
	t.Helper()
	if b.shared {
		t.Fatal("the shared PDS must stay as it is; use OwnPDS")
	}
}

// CreateAccount makes an account whose handle starts with name (letters and digits, at
// most 12) and has an ending that makes it unique.
func (b *Bluesky) CreateAccount(t testing.TB, name string) Account {
	t.Helper()
	a := Account{Handle: fmt.Sprintf("%s-%d.test", name, b.made.Add(1)), Password: "password of " + name}
	a.Email = strings.ReplaceAll(a.Handle, ".test", "@example.test")
	answer := b.Call(t, "", "com.atproto.server.createAccount", map[string]any{
		"handle": a.Handle, "email": a.Email, "password": a.Password})
	if answer.Status != http.StatusOK {
		t.Fatalf("create the account %s: %d %v", a.Handle, answer.Status, answer.Body)
	}
	a.DID, a.Access, a.Refresh = answer.Text("did"), answer.Text("accessJwt"), answer.Text("refreshJwt")
	return a
}

// Post publishes a text as the account and returns its at-URI.
func (b *Bluesky) Post(t testing.TB, a Account, text string) string {
	t.Helper()
	answer := b.Call(t, Bearer(a.Access), "com.atproto.repo.createRecord", map[string]any{
		"repo": a.DID, "collection": "app.bsky.feed.post",
		"record": map[string]any{"$type": "app.bsky.feed.post", "text": text, "createdAt": "2026-11-23T06:00:00.000Z"}})
	if answer.Status != http.StatusOK {
		t.Fatalf("post as %s: %d %v", a.Handle, answer.Status, answer.Body)
	}
	return answer.Text("uri")
}

// Answer is the PDS's answer to a call.
type Answer struct {
	Status int
	Body   map[string]any
}

// Text returns a member of the body, "" if it is not there.
func (a Answer) Text(member string) string {
	s, _ := a.Body[member].(string)
	return s
}

// Bearer is the authorization of an account's session.
func Bearer(token string) string { return "Bearer " + token }

// Admin is the authorization of the PDS's administrator.
func (b *Bluesky) Admin() string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte("admin:"+b.AdminPassword))
}

// Call calls a procedure directly, without Countersign.
func (b *Bluesky) Call(t testing.TB, authorization, name string, body any) Answer {
	t.Helper()
	var input io.Reader
	if body != nil {
		j, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		input = bytes.NewReader(j)
	}
	return b.do(t, http.MethodPost, b.URL+"/xrpc/"+name, authorization, input)
}

// Query asks directly; parameters are names and values in turn.
func (b *Bluesky) Query(t testing.TB, authorization, name string, parameters ...string) Answer {
	t.Helper()
	q := url.Values{}
	for i := 0; i+1 < len(parameters); i += 2 {
		q.Add(parameters[i], parameters[i+1])
	}
	return b.do(t, http.MethodGet, b.URL+"/xrpc/"+name+"?"+q.Encode(), authorization, nil)
}

var direct = &http.Client{Timeout: 30 * time.Second}

func (b *Bluesky) do(t testing.TB, method, address, authorization string, body io.Reader) Answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, address, body)
	if err != nil {
		t.Fatal(err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	res, err := direct.Do(req)
	if err != nil {
		t.Fatalf("call the PDS: %v", err)
	}
	defer res.Body.Close()
	a := Answer{Status: res.StatusCode}
	raw, err := io.ReadAll(io.LimitReader(res.Body, 8<<20))
	if err != nil {
		t.Fatalf("read the PDS's answer: %v", err)
	}
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &a.Body); err != nil {
			t.Fatalf("the PDS answered %d and %q", res.StatusCode, raw)
		}
	}
	return a
}
