package web_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"strings"
	"testing"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/desk/desktest"
	"countersign.dev/test/testenv"
	"countersign.dev/web/webtest"
	"countersign.dev/workforce"
)

// injected is script that got into a page, with all that the page's own script has.
const injected = `(async (attack) => {
	const at = document.documentElement.dataset.static;
	const [keys, sign, shell, canonical] = await Promise.all(["keys", "sign", "shell", "canonical"].map((n) => import(at + "/" + n + ".js")));
	const s = await keys.kept();
	try {
		return "did: " + JSON.stringify(await attack({ keys, sign, shell, canonical, s }));
	} catch (e) {
		return (e.problem?.type ?? e.name) + ": " + e.message;
	}
})`

// TestInjectedScript: script that got into a page (a fault of ours, an extension) has the session's
// key and the session's proofs. It cannot take the key along, countersign, enrol a key, or ask for an
// act on a protected subject.
func TestInjectedScript(t *testing.T) {
	d := webtest.Open(t, desktest.Options{})
	d.Passkeys("lee", "ada")
	r := asked(d)
	tab := d.SignIn("lee")
	tab.Open("/countersign/" + r.ID)
	ready(tab, "countersign")
	tab.Allow("403", "409")
	try := func(tab *testenv.Tab, name, attack, refused string) {
		t.Helper()
		got := testenv.Eval[string](tab, injected+"("+attack+")")
		if strings.HasPrefix(got, "did: ") || !strings.Contains(strings.SplitN(got, ": ", 2)[0], refused) {
			t.Errorf("%s: %s", name, got)
		}
	}
	for _, x := range []struct{ name, attack, refused string }{
		{"take the session's key along", `async ({ s }) => crypto.subtle.exportKey("pkcs8", s.pair.privateKey)`, "InvalidAccessError"},
		{"take it along as a JWK", `async ({ s }) => crypto.subtle.exportKey("jwk", s.pair.privateKey)`, "InvalidAccessError"},
		{"wrap it", `async ({ s }) => {
			const k = await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, true, ["wrapKey"]);
			return crypto.subtle.wrapKey("pkcs8", s.pair.privateKey, k, { name: "AES-GCM", iv: new Uint8Array(12) });
		}`, "InvalidAccessError"},
		{"countersign with the session's key", `async ({ shell, sign, s }) => {
			const d = await shell.api("POST", "requests/` + r.ID + `/drafts", { verdict: "countersign", key: s.key });
			const st = { ...d.statement, session: s.digest };
			return shell.api("POST", "requests/` + r.ID + `/countersignatures", { signed: await sign.signed(st, sign.bySessionKey(s)) });
		}`, "own-key-needed"},
		{"countersign with the session's key in the place of the own", `async ({ shell, sign, s }) => {
			const d = await shell.api("POST", "requests/` + r.ID + `/drafts", { verdict: "countersign", key: s.key });
			return shell.api("POST", "requests/` + r.ID + `/countersignatures", { signed: await sign.signed(d.statement, sign.bySessionKey(s)) });
		}`, "bad-signature"},
		{"decline with the session's key", `async ({ shell, sign, s }) => {
			const d = await shell.api("POST", "requests/` + r.ID + `/drafts", { verdict: "decline", key: s.key });
			const st = { ...d.statement, session: s.digest };
			return shell.api("POST", "requests/` + r.ID + `/declines", { signed: await sign.signed(st, sign.bySessionKey(s)), reason: "x" });
		}`, "own-key-needed"},
		{"ask for an act on a protected subject", `async ({ shell, sign, s }) => {
			const d = await shell.api("POST", "drafts", { kind: "account.takedown", subject: "plaza:@singer", reason: "x", key: s.key, session: s.digest });
			return shell.api("POST", "requests", { action: d.action, signed: await sign.signed(d.statement, sign.bySessionKey(s)) });
		}`, "own-key-needed"},
		{"say that the subject is standard", `async ({ shell, sign, canonical, s }) => {
			const d = await shell.api("POST", "drafts", { kind: "account.takedown", subject: "plaza:@singer", reason: "x", key: s.key });
			const action = { ...d.action, tier: "standard" };
			const st = { ...d.statement, session: s.digest, action: await canonical.digest(action) };
			return shell.api("POST", "requests", { action, signed: await sign.signed(st, sign.bySessionKey(s)) });
		}`, "tier-moved"},
	} {
		try(tab, x.name, x.attack, x.refused)
	}
	now, err := d.RequestByID(t.Context(), desktest.As("abe"), r.ID)
	if err != nil || now.Status != actions.StatusHeld || len(now.Signers)+len(now.Declined) != 0 {
		t.Errorf("the request is %s (%v)", now.Status, err)
	}

	// An officer's page asks for the enrolment of a key of the attacker's, which is made as it should be.
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key := workforce.PublicKey{Algorithm: workforce.FileEd25519, Public: canonical.Bytes(public)}
	challenge := actions.PossessionChallenge(d.EnrolName(), "ada", key.ID())
	change := canonical.MustMarshal(actions.Keys{Enrol: []actions.Enrolment{{Worker: "ada", Key: key, Possession: actions.Signature{Signature: ed25519.Sign(private, challenge[:])}}}})
	officer := d.SignIn("ada")
	officer.Allow("403", "409")
	enrol := func(session string) string {
		return `async ({ shell, sign, s }) => {
			const d = await shell.api("POST", "drafts", { kind: "desk.key", reason: "x", key: s.key, change: ` + string(change) + ` });
			const st = { ...d.statement, session: ` + session + ` };
			return shell.api("POST", "requests", { action: d.action, signed: await sign.signed(st, sign.bySessionKey(s)) });
		}`
	}
	try(officer, "enrol a key under the session", enrol("s.digest"), "own-key-needed")
	try(officer, "enrol a key in the place of the own", enrol(`""`), "bad-signature")
	state, err := d.Desk.State(t.Context())
	if _, known := state.People.Key(key.ID()); err != nil || known {
		t.Errorf("the key is enrolled (%v)", err)
	}
}
