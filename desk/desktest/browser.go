package desktest

import (
	"crypto/ed25519"

	"countersign.dev/actions"
	"countersign.dev/desk"
	"countersign.dev/workforce"
)

// Page is what a browser holds after its person has signed in.
type Page struct {
	Secret  string // the cookie's value
	Token   desk.Token
	Session actions.SignedSession
	Key     ed25519.PrivateKey // of the session
}

// TryBrowser signs somebody in as a browser does. renews is the token that this one takes the
// place of. edit alters the ask before the session's key signs it.
func (w *World) TryBrowser(by workforce.WorkerID, renews string, edit ...func(*actions.TokenAsk)) (p Page, err error) {
	w.t.Helper()
	p.Session, p.Key = w.Session(by)
	c := p.Session.Session
	begin, err := w.BeginBrowser(w.t.Context(), by, c.SessionKey)
	if err != nil {
		w.t.Fatal(err)
	}
	ask := actions.TokenAsk{V: actions.TokenVersion, Log: actions.LogName(begin.Log, begin.Founding), Worker: by, Key: c.Key, Name: "browser", Nonce: c.Nonce, NotBefore: c.NotBefore,
		Expires: c.Expires, Secret: begin.Secret, Session: c.Digest()}
	for _, f := range edit {
		f(&ask)
	}
	challenge := ask.Challenge()
	p.Secret, p.Token, err = w.SignInBrowser(w.t.Context(), p.Session, actions.SignedTokenAsk{Ask: ask, Signature: actions.Signature{Signature: ed25519.Sign(p.Key, challenge[:])}}, renews)
	return p, err
}

// Browser is TryBrowser for a sign-in that must work.
func (w *World) Browser(by workforce.WorkerID) Page {
	w.t.Helper()
	p, err := w.TryBrowser(by, "")
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

// Proves signs a write of the page.
func (p Page) Proves(proof actions.BrowserProof) []byte {
	challenge := proof.Challenge()
	return ed25519.Sign(p.Key, challenge[:])
}
