package desk_test

import (
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/desk/desktest"
	"countersign.dev/fault"
	"countersign.dev/sqldb"
)

// TestBrowserSignIn: one session and one signature of its key open the desk for a browser, and
// each way to come by a cookie otherwise is refused.
func TestBrowserSignIn(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		to := desktest.NewTown(t, o)
		p := to.Browser("ann")
		b, err := to.AuthenticateBrowser(t.Context(), p.Secret)
		if err != nil || b.Worker != "ann" || b.Token != p.Token.ID || b.Session.Digest() != p.Session.Session.Digest() {
			t.Fatalf("the cookie opens %+v: %v", b, err)
		}
		if _, err := to.Authenticate(t.Context(), p.Secret); !fault.Is(err, "bad-token") {
			t.Errorf("as a bearer token the cookie gives %v", err)
		}
		refused := map[string]func(*actions.TokenAsk){
			"another secret":  func(a *actions.TokenAsk) { a.Secret = canonical.Sum([]byte("planted")) },
			"another worker":  func(a *actions.TokenAsk) { a.Worker = "kim" },
			"another session": func(a *actions.TokenAsk) { a.Session = canonical.Sum([]byte("other")) },
			"longer":          func(a *actions.TokenAsk) { a.Expires = canonical.At(a.Expires.Add(time.Hour)) },
			"another ledger":  func(a *actions.TokenAsk) { a.Log = "other.example#" },
		}
		for name, edit := range refused {
			if _, err := to.TryBrowser("bob", "", edit); !fault.Is(err, "bad-token-ask") {
				t.Errorf("an ask for %s gives %v", name, err)
			}
		}
		// A row that somebody wrote into the database opens nothing.
		planted := to.Browser("kim")
		if err := to.Store.DB().Write(t.Context(), func(tx *sqldb.Tx) error {
			_, err := tx.Exec(`update token set worker = 'ann', key_id = (select key_id from token where id = $2) where id = $1`, planted.Token.ID, p.Token.ID)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if _, err := to.AuthenticateBrowser(t.Context(), planted.Secret); !fault.Is(err, "signed-out") {
			t.Errorf("an edited row opens the desk: %v", err)
		}
	})
}

// TestBrowserEnds: a cookie opens nothing more after signing out, after a newer session of the
// key, after its time, and after its person's last day.
func TestBrowserEnds(t *testing.T) {
	to := desktest.NewTown(t, desktest.Options{})
	closed := func(p desktest.Page, what, typ string) {
		t.Helper()
		if _, err := to.AuthenticateBrowser(t.Context(), p.Secret); !fault.Is(err, typ) {
			t.Errorf("%s: %v, want %s", what, err, typ)
		}
	}
	first := to.Browser("ann")
	second := to.Browser("ann")
	closed(first, "after a newer session", "signed-out")
	if err := to.RevokeToken(t.Context(), desktest.As("ann"), second.Token.ID); err != nil {
		t.Fatal(err)
	}
	closed(second, "signed out", "signed-out")
	third := to.Browser("ann")
	to.Clock().Advance(9 * time.Hour)
	closed(third, "when the session is over", "signed-out")
}

// TestBrowserProof: each write is signed for its page, its method, its place, its body and now.
func TestBrowserProof(t *testing.T) {
	to := desktest.NewTown(t, desktest.Options{})
	p := to.Browser("ann")
	b, err := to.AuthenticateBrowser(t.Context(), p.Secret)
	if err != nil {
		t.Fatal(err)
	}
	good := actions.BrowserProof{Method: "POST", Target: "/api/v1/cases/next?x=1", Token: p.Token.ID, At: to.Clock().Now().UnixMicro(), Body: canonical.Sum([]byte("{}"))}
	if err := to.Proves(b, good, p.Proves(good)); err != nil {
		t.Fatal(err)
	}
	signature := p.Proves(good)
	for name, c := range map[string]struct {
		edit func(*actions.BrowserProof)
		want string
	}{
		"another method": {func(p *actions.BrowserProof) { p.Method = "DELETE" }, "bad-proof"},
		"another place":  {func(p *actions.BrowserProof) { p.Target = "/api/v1/cases/next" }, "bad-proof"},
		"another body":   {func(p *actions.BrowserProof) { p.Body = canonical.Sum([]byte("{ }")) }, "bad-proof"},
		"another time":   {func(p *actions.BrowserProof) { p.At++ }, "bad-proof"},
		"another page":   {func(p *actions.BrowserProof) { p.Token = "tok_x" }, "other-session"},
	} {
		changed := good
		c.edit(&changed)
		if err := to.Proves(b, changed, signature); !fault.Is(err, c.want) {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
	old := good
	old.At -= int64(3 * time.Minute / time.Microsecond)
	if err := to.Proves(b, old, p.Proves(old)); !fault.Is(err, "bad-proof") {
		t.Errorf("an old one: %v", err)
	}
	other := to.Browser("bob")
	if err := to.Proves(b, good, other.Proves(good)); !fault.Is(err, "bad-proof") {
		t.Errorf("signed by another session: %v", err)
	}
}
