package proof_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/fault"
	"countersign.dev/ledger/proof"
	"countersign.dev/ledger/proof/prooftest"
	"countersign.dev/workforce"
)

// site is a change of the desk's site and pages.
func site(w *prooftest.World, name string, pages ...string) actions.Setting {
	trust := w.State().Trust
	trust.RelyingParty, trust.Origins = name, pages
	return actions.Setting{Of: actions.PartTrust, Trust: &trust}
}

// move gives the desk's passkeys another site.
func move(w *prooftest.World, name string) {
	w.Advance(time.Minute)
	w.Change(actions.DeskChange, site(w, name, "https://"+name))
	w.Advance(time.Minute)
}

// at makes the passkey of somebody sign on a site's pages.
func at(w *prooftest.World, id workforce.WorkerID, name string) {
	p := w.Key(id).(*prooftest.Passkey)
	p.Usual.RelyingParty, p.Usual.Origin = name, "https://"+name
}

// TestAnotherSite: with another relying party no passkey of before counts for anything, also
// after the older one came back; file keys go on, and so do passkeys of the new one.
func TestAnotherSite(t *testing.T) {
	w := prooftest.Staffed(t)
	w.EnrolPasskeys(workforce.PasskeyES256, "ann", "bob")
	w.EnrolPasskeys(workforce.PasskeyEd25519, "kim")
	old := w.Key("ann").PublicKey()
	before := w.Complete(w.Warrant(w.Request("ann", actions.AccountLabel, prooftest.Account("acct/9"), actions.Standard)))

	// Other pages of the same site change no key.
	w.Change(actions.DeskChange, site(w, "desk.example.com", "https://desk.example.com", "https://b.desk.example.com"))
	if k, _ := w.State().People.Key(old.ID()); !k.Live(w.Now()) || !w.State().Moved(k).IsZero() {
		t.Error("other pages took a passkey out of use")
	}

	session := w.StartSession("bob", actions.SessionP256)
	under := func() error {
		r := w.Under(session, w.Request("bob", actions.AccountLabel, prooftest.Account("acct/8"), actions.Standard))
		_, err := w.State().Judge(w.Ask(r))
		return err
	}
	if err := under(); err != nil {
		t.Errorf("under a session of a live passkey: %v", err)
	}

	losing, keyless := w.State().LosePasskeys(w.Now())
	if want := []workforce.WorkerID{"ann", "bob", "kim"}; !slices.Equal(losing, want) || len(keyless) != 0 {
		t.Errorf("%v lose passkeys, and %v have no other key; all have file keys", losing, keyless)
	}
	move(w, "moved.example.org")
	s := w.State()
	for _, k := range s.People.Keys() {
		if passkey := k.Passkey(); k.Live(w.Now()) == passkey || s.Moved(k).IsZero() == passkey {
			t.Errorf("the key %s of %s: passkey %v, live %v, moved %s", k.ID(), k.Worker, passkey, k.Live(w.Now()), s.Moved(k))
		}
	}
	if losing, _ := s.LosePasskeys(w.Now()); len(losing) != 0 {
		t.Errorf("%v would lose passkeys again", losing)
	}

	if err := under(); !fault.Is(err, "revoked-key") {
		t.Errorf("under a session that a passkey of the older site certified: %v", err)
	}

	// Neither here nor there does the old passkey sign. Its holder has a file key as well, and
	// the request names the passkey.
	var forged []document
	refused := func(name string) {
		t.Helper()
		at(w, "ann", name)
		r := w.Request("ann", actions.AccountLabel, prooftest.Account("acct/9"), actions.Standard)
		forged = append(forged, document{name, w.Complete(w.Forge(r)), w.Root})
		if _, err := w.State().Judge(w.Ask(r)); !fault.Is(err, "revoked-key") {
			t.Errorf("a passkey of the older site signs at %s: %v", name, err)
		}
	}
	refused("moved.example.org")
	refused("desk.example.com")

	// A new one does, on the new site.
	fresh := prooftest.NewPasskey(workforce.PasskeyES256, []byte(strings.Repeat("n", 32)))
	fresh.Usual.RelyingParty, fresh.Usual.Origin = "moved.example.org", "https://moved.example.org"
	w.EnrolKey("bob", fresh)
	w.Use("bob", fresh)
	if k, _ := w.State().People.Key(fresh.PublicKey().ID()); !k.Live(w.Now()) || !w.State().Moved(k).IsZero() {
		t.Error("a passkey of the new site is out of use")
	}
	r := w.Request("bob", actions.AccountLabel, prooftest.Account("acct/9"), actions.Standard)
	now := w.Complete(w.Warrant(r))
	// One that is changed once more, without another site, rests on both entries.
	w.Change(actions.DeskChange, site(w, "moved.example.org", "https://moved.example.org", "https://b.moved.example.org"))
	w.Advance(time.Minute)
	later := w.Complete(w.Warrant(w.Request("bob", actions.AccountLabel, prooftest.Account("acct/10"), actions.Standard)))
	var good []document
	for name, raw := range map[string][]byte{"before": before, "after": now, "after other pages": later} {
		good = append(good, document{name, raw, w.Root})
		if _, err := proof.NewVerifier(proof.Trust{Root: w.Root}).Chain(raw, w.Served()); err != nil {
			t.Errorf("the warrant of %s against the chain: %v", name, err)
		}
	}

	// The older site comes back, and its passkeys do not.
	move(w, "desk.example.com")
	refused("desk.example.com")
	if k, _ := w.State().People.Key(fresh.PublicKey().ID()); k.Live(w.Now()) {
		t.Error("a passkey of the site in between is live")
	}
	// Another reader, written from the pages alone, sees it in the same way.
	if a := both(t, slices.Values(good)); len(a.accepted) != len(good) {
		t.Errorf("both readers accept %q", a.accepted)
	}
	if a := both(t, slices.Values(forged)); a.checks["key"] != len(forged) || len(a.accepted) != 0 || len(a.refused) != len(forged) {
		t.Errorf("both readers accept %q, and refuse %q: %v", a.accepted, a.refused, a.checks)
	}
	report, err := proof.NewVerifier(proof.Trust{Root: w.Root}).Chain(before, w.Served())
	if err != nil || !slices.ContainsFunc(report.Later, func(l proof.Later) bool {
		return l.Worker == "ann" && strings.Contains(l.Text, "went out of use") && strings.Contains(l.Text, "another site")
	}) {
		t.Errorf("the report of a warrant from before: %v, %v", err, report.Later)
	}
}

// TestAnotherSiteLocksNobodyOut: the change is refused if too few keys were left.
func TestAnotherSiteLocksNobodyOut(t *testing.T) {
	w := prooftest.Found(t, prooftest.Options{})
	passkeys := map[workforce.WorkerID]*prooftest.Passkey{}
	for i, o := range w.Officers {
		passkeys[o] = prooftest.NewPasskey(workforce.PasskeyES256, []byte(strings.Repeat(string(rune('a'+i)), 32)))
		w.EnrolKey(o, passkeys[o])
	}
	c := site(w, "moved.example.org", "https://moved.example.org")
	try := func() error {
		_, err := w.TryChange(actions.DeskChange, c, w.Officers[0], w.Officers[1:]...)
		return err
	}
	// The officers have the file keys of the founding besides.
	if losing, keyless := w.State().LosePasskeys(w.Now()); len(losing) != 3 || len(keyless) != 0 {
		t.Errorf("%v, %v", losing, keyless)
	}
	w.Advance(time.Minute)
	lose := func(o workforce.WorkerID) {
		file := w.Key(o).PublicKey().ID()
		w.Change(actions.DeskKey, actions.Keys{Revoke: []workforce.KeyID{file}})
		w.Use(o, passkeys[o])
		w.Advance(time.Minute)
	}
	lose("cem")
	if err := try(); !fault.Is(err, "nobody-left") && !fault.Is(err, "indispensable") {
		t.Errorf("two officers are left with keys: %v", err)
	}
	lose("ada")
	lose("bea")
	err := try()
	if !fault.Is(err, "nobody-left") || !strings.Contains(err.Error(), "3 people lose their passkeys, and 3 of them have no other key") {
		t.Errorf("nobody is left with a key: %v", err)
	}
	r := w.RequestChange(actions.DeskChange, c, "ada")
	if err := w.State().Moot(r.Action, r.Signed.Statement, w.Now()); !fault.Is(err, "nobody-left") {
		t.Errorf("it may be drafted, and people sign in vain: %v", err)
	}
	// Other pages are the officers' affair as ever.
	w.Change(actions.DeskChange, site(w, "desk.example.com", "https://desk.example.com", "https://b.desk.example.com"))
}

// TestAnotherSiteInOldChains: chains of the formats 1 are judged as they were.
func TestAnotherSiteInOldChains(t *testing.T) {
	w := prooftest.Found(t, prooftest.Options{Formats: actions.FirstFormats})
	w.Staff()
	w.EnrolPasskeys(workforce.PasskeyES256, "ann")
	k := w.Key("ann").PublicKey().ID()
	move(w, "moved.example.org")
	move(w, "desk.example.com")
	if k, _ := w.State().People.Key(k); !k.Live(w.Now()) || !w.State().Moved(k).IsZero() {
		t.Error("a passkey of an older chain went out of use")
	}
	raw := w.Complete(w.Warrant(w.Request("ann", actions.AccountSuspend, prooftest.Account("acct/9"), actions.Standard)))
	if _, err := complete(w, raw); err != nil {
		t.Error(err)
	}
	// Under the formats 2 a change of the pages takes nothing away for what was before.
	w.Change(actions.DeskChange, actions.Setting{Of: actions.PartFormats, Formats: 2})
	w.Change(actions.DeskChange, site(w, "desk.example.com", "https://desk.example.com", "https://b.desk.example.com"))
	if k, _ := w.State().People.Key(k); !k.Live(w.Now()) {
		t.Error("a change of pages took a passkey out of use")
	}
	w.Advance(time.Minute)
	raw = w.Complete(w.Warrant(w.Request("ann", actions.AccountLabel, prooftest.Account("acct/9"), actions.Standard)))
	if _, err := complete(w, raw); err != nil {
		t.Error(err)
	}
}

// TestUselessSites: what passkeys could not work with is refused before anybody signs.
func TestUselessSites(t *testing.T) {
	w := prooftest.Staffed(t)
	moot := func(c actions.Setting) error {
		r := w.RequestChange(actions.DeskChange, c, "ada")
		return w.State().Moot(r.Action, r.Signed.Statement, w.Now())
	}
	if err := moot(site(w, "example.com", "https://desk.example.com")); err != nil {
		t.Error(err)
	}
	if err := moot(site(w, "desk.example.com", "https://example.org")); !fault.Is(err, "bad-page") {
		t.Error(err)
	}
	if err := moot(site(w, "192.0.2.1", "https://192.0.2.1")); !fault.Is(err, "bad-site") {
		t.Error(err)
	}
}
