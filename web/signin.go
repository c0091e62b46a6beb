package web

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/httpd"
	"countersign.dev/workforce"
)

// maxSignIn bounds what a sign-in hands in, in bytes.
const maxSignIn = 16 << 10

// read reads what a page's script hands in.
func read(r *http.Request, into any) error {
	b, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxSignIn))
	if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
		return fault.New(fault.Invalid, "body-too-large", "A page sends at most %d bytes here.", maxSignIn)
	}
	if err != nil {
		return fault.New(fault.Invalid, "bad-body", "The body did not arrive whole.").Because(err)
	}
	if err := canonical.Read(b, into); err != nil {
		return fault.New(fault.Invalid, "bad-body", "The body is not what this page's script sends. Load the page again.").Because(err)
	}
	return nil
}

func send(w http.ResponseWriter, v any) error {
	b, err := canonical.Marshal(v)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	_, err = w.Write(b)
	return err
}

// signInPage is the page on which people sign in.
func (s *Server) signInPage(w http.ResponseWriter, r *http.Request) (view, error) {
	state, err := s.desk.State(r.Context())
	if err != nil {
		return view{}, err
	}
	to := r.URL.Query().Get("to")
	if !local(to) {
		to = "/work"
	}
	if d := s.config.Demo; d != nil {
		return view{Title: "Demo", Narrow: true, Body: picker(d.Characters(), d.Scene().Root.String(), to)}, nil
	}
	if err := httpd.CheckPage(r, state.Trust.Origins); err != nil {
		return view{Title: "Sign in", Narrow: true, Body: noSignIn(state.Origin, whyOf(err))}, nil
	}
	return view{Title: "Sign in", Script: "signin", Narrow: true, Body: signInForm(state.Origin, state.Trust.RelyingParty, to)}, nil
}

// local reports whether a place to come back to is a page of this desk.
func local(to string) bool {
	return strings.HasPrefix(to, "/") && !strings.HasPrefix(to, "//") && !strings.ContainsAny(to, "\\\r\n\t")
}

// beginning is how a browser begins to sign in.
type beginning struct {
	Worker workforce.WorkerID `json:"worker"`
	Key    actions.SessionKey `json:"session_key"`
}

// begun is the answer to a beginning.
type begun struct {
	Log      string           `json:"log"`
	Founding canonical.Digest `json:"founding"`
	After    canonical.Digest `json:"after"`
	Now      canonical.Time   `json:"now"`
	Site     string           `json:"site"`
	Keys     []begunKey       `json:"keys"`
	Secret   canonical.Digest `json:"secret"`
}

type begunKey struct {
	Key        workforce.KeyID `json:"key"`
	Credential canonical.Bytes `json:"credential"`
}

func (s *Server) begin(w http.ResponseWriter, r *http.Request) error {
	var in beginning
	if err := read(r, &in); err != nil {
		return err
	}
	state, err := s.desk.State(r.Context())
	if err != nil {
		return err
	}
	// A visitor of a demo signs in with a key that is bound to no site.
	if err := httpd.CheckPage(r, state.Trust.Origins); err != nil && s.config.Demo == nil {
		return err
	}
	if !workforce.ValidIdentifier(string(in.Worker)) {
		return fault.New(fault.Invalid, "bad-worker", "%q is not the identifier of a worker. It is the name under which you were admitted, such as sue.", string(in.Worker))
	}
	b, err := s.desk.BeginBrowser(r.Context(), in.Worker, in.Key)
	if err != nil {
		return err
	}
	out := begun{Log: b.Log, Founding: b.Founding, After: b.After, Now: b.Now, Site: b.Site, Keys: []begunKey{}, Secret: b.Secret}
	for _, k := range b.Keys {
		out.Keys = append(out.Keys, begunKey(k))
	}
	return send(w, out)
}

// signingIn is what a browser hands in to sign in.
type signingIn struct {
	Session actions.SignedSession  `json:"session"`
	Ask     actions.SignedTokenAsk `json:"ask"`
}

// signedIn is the answer: the name of the page's session.
type signedIn struct {
	Token   string             `json:"token"`
	Worker  workforce.WorkerID `json:"worker"`
	Expires canonical.Time     `json:"expires"`
}

// session tells a page's script which session its browser has now. Without one it answers with an
// empty name, and not with an error: to ask is no mistake.
func (s *Server) session(w http.ResponseWriter, r *http.Request) error {
	var out signedIn
	switch b, err := httpd.BrowserOf(r.Context()); {
	case err == nil:
		out = signedIn{b.Token, b.Worker, b.Session.Expires}
	case fault.KindOf(err) != fault.Unauthenticated:
		return err
	}
	return send(w, out)
}

func (s *Server) signIn(w http.ResponseWriter, r *http.Request) error {
	var in signingIn
	if err := read(r, &in); err != nil {
		return err
	}
	before, err := httpd.BrowserOf(r.Context())
	renews, ends := "", err == nil
	if ends && before.Worker == in.Session.Session.Worker {
		renews, ends = before.Token, false
	}
	secret, token, err := s.desk.SignInBrowser(r.Context(), in.Session, in.Ask, renews)
	if err != nil {
		return err
	}
	if ends { // somebody else takes this seat
		if err := s.desk.RevokeToken(context.WithoutCancel(r.Context()), before.Caller, before.Token); err != nil {
			return err
		}
	}
	httpd.SetCookie(w, r, secret, s.config.Now(), token.Expires.Time)
	return send(w, signedIn{token.ID, token.Worker, token.Expires})
}

// signOut ends the page's session and clears what the browser keeps.
func (s *Server) signOut(w http.ResponseWriter, r *http.Request) error {
	if b, err := httpd.BrowserOf(r.Context()); err == nil {
		if err := s.desk.RevokeToken(context.WithoutCancel(r.Context()), b.Caller, b.Token); err != nil {
			return err
		}
	}
	httpd.ClearSite(w, r)
	return send(w, struct{}{})
}
