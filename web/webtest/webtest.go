// Package webtest opens a desk with its pages for tests in a real browser: a town with plaza and
// an executor, whose people have passkeys. It is for tests alone.
package webtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"

	"countersign.dev/actions"
	"countersign.dev/api"
	"countersign.dev/canonical"
	"countersign.dev/desk/desktest"
	"countersign.dev/httpd"
	"countersign.dev/test/testenv"
	"countersign.dev/web"
	"countersign.dev/workforce"
)

// Desk is a town whose desk answers browsers at URL.
type Desk struct {
	*desktest.Town
	URL string // http://localhost:PORT
	// Handler answers each request; a test may put something before it, while no browser asks
	// (see Serve).
	Handler http.Handler
	Pages   *web.Server

	t        testing.TB
	server   *httptest.Server
	mu       sync.Mutex // for Handler
	passkeys map[workforce.WorkerID]testenv.Passkey
}

// Open opens a desk with the options of a town, and its office.
func Open(t testing.TB, o desktest.Options) *Desk {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := &Desk{t: t, URL: fmt.Sprintf("http://localhost:%d", l.Addr().(*net.TCPAddr).Port), passkeys: map[workforce.WorkerID]testenv.Passkey{}}
	trust := o.Trust
	o.Trust = func(tr *actions.Trust) {
		tr.RelyingParty, tr.Origins = "localhost", []string{d.URL}
		if trust != nil {
			trust(tr)
		}
	}
	d.Town = desktest.NewTown(t, o)
	d.OpenOffice()
	d.Restart()
	d.server = &httptest.Server{Listener: l, Config: &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { d.handler().ServeHTTP(w, r) })}}
	d.server.Start()
	t.Cleanup(func() {
		d.HangUp()
		d.server.Close()
	})
	return d
}

func (d *Desk) handler() http.Handler {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.Handler
}

// Serve has another handler answer from now on.
func (d *Desk) Serve(h http.Handler) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.Handler = h
}

// HangUp breaks all connections of browsers.
func (d *Desk) HangUp() { d.server.CloseClientConnections() }

// Restart makes the pages and all that answers anew, on the desk as it is open now.
func (d *Desk) Restart() {
	d.t.Helper()
	rest, err := api.New(api.Config{Desk: d.Town.Desk, Version: "test", Now: d.Clock().Now})
	if err != nil {
		d.t.Fatal(err)
	}
	if d.Pages, err = web.New(web.Config{Desk: d.Town.Desk, Now: d.Clock().Now}); err != nil {
		d.t.Fatal(err)
	}
	d.Serve(httpd.New(httpd.Config{Desk: d.Town.Desk, API: rest, Web: d.Pages, Now: d.Clock().Now,
		Logger: slog.New(slog.NewTextHandler(d.t.Output(), &slog.HandlerOptions{Level: slog.LevelError}))}))
}

// Passkeys gives people passkeys of their own, which the officers enrol.
func (d *Desk) Passkeys(people ...workforce.WorkerID) {
	d.t.Helper()
	var keys actions.Keys
	for _, by := range people {
		private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			d.t.Fatal(err)
		}
		public, err := private.PublicKey.Bytes()
		if err != nil {
			d.t.Fatal(err)
		}
		pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
		if err != nil {
			d.t.Fatal(err)
		}
		p := testenv.Passkey{ID: []byte("passkey of " + by), Resident: true, RP: "localhost", PrivateKey: pkcs8, UserHandle: []byte(by)}
		d.passkeys[by] = p
		key := workforce.PublicKey{Algorithm: workforce.PasskeyES256, Public: canonical.Bytes(public), Credential: p.ID, Hardware: true}
		keys.Enrol = append(keys.Enrol, actions.Enrolment{Worker: by, Key: key, Possession: d.assert(private, actions.PossessionChallenge(d.EnrolName(), by, key.ID()))})
	}
	d.Change(actions.DeskKey, keys)
}

// assert signs a challenge as a browser with a passkey does.
func (d *Desk) assert(key *ecdsa.PrivateKey, challenge [32]byte) actions.Signature {
	d.t.Helper()
	site := sha256.Sum256([]byte("localhost"))
	const presentAndVerified = 1<<0 | 1<<2
	data := append(site[:], presentAndVerified, 0, 0, 0, 1)
	client := fmt.Appendf(nil, `{"type":"webauthn.get","challenge":%q,"origin":%q,"crossOrigin":false}`, base64.RawURLEncoding.EncodeToString(challenge[:]), d.URL)
	hash := sha256.Sum256(client)
	digest := sha256.Sum256(append(slices.Clone(data), hash[:]...))
	signature, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
	if err != nil {
		d.t.Fatal(err)
	}
	return actions.Signature{AuthenticatorData: data, ClientData: client, Signature: signature}
}

// Tab opens a browser of its own, with the passkey of a person plugged in; nobody's if by is empty.
func (d *Desk) Tab(by workforce.WorkerID) *testenv.Tab {
	d.t.Helper()
	tab := testenv.NewTab(d.t, testenv.TabOptions{Base: d.URL})
	tab.Allow("Clear-Site-Data header") // Chromium tells what it cleared
	if by != "" {
		d.PlugIn(tab, by)
	}
	return tab
}

// PlugIn plugs a person's passkey into a tab.
func (d *Desk) PlugIn(tab *testenv.Tab, by workforce.WorkerID) *testenv.Authenticator {
	d.t.Helper()
	a := tab.Authenticator(testenv.AuthenticatorOptions{})
	p, ok := d.passkeys[by]
	if !ok {
		d.t.Fatalf("%s has no passkey: see Passkeys", by)
	}
	a.Add(p)
	return a
}

// SignIn opens a browser and signs a person in with their passkey.
func (d *Desk) SignIn(by workforce.WorkerID) *testenv.Tab {
	d.t.Helper()
	tab := d.Tab(by)
	tab.Open("/signin")
	tab.Type("#worker", string(by))
	tab.Click("#signin button[type=submit]")
	tab.Wait("=> document.documentElement.dataset.worker === '" + string(by) + "' && document.documentElement.dataset.ready")
	return tab
}
