package httpd

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"countersign.dev/actions"
	v1 "countersign.dev/api/v1"
	"countersign.dev/canonical"
	"countersign.dev/desk"
	"countersign.dev/fault"
)

// ProofHeader is the header with which a page signs each write: the token of its session, the
// time in microseconds, and the signature of the session's key in base64url (see
// actions.BrowserProof).
const ProofHeader = "Countersign-Proof"

// The cookie's names. A browser takes the first one only over https, from the desk itself, for
// all of its paths. On http://localhost not every browser keeps a cookie with that prefix.
const (
	cookieName      = "__Host-countersign"
	cookieLocalName = "countersign"
)

func cookieOf(r *http.Request) string {
	name := cookieLocalName
	if Secure(r) {
		name = cookieName
	}
	if c, err := r.Cookie(name); err == nil {
		return c.Value
	}
	return ""
}

// SetCookie gives a browser its session's cookie, which ends with the session.
func SetCookie(w http.ResponseWriter, r *http.Request, secret string, now, expires time.Time) {
	c := &http.Cookie{Name: cookieLocalName, Value: secret, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode, MaxAge: int(expires.Sub(now).Seconds())}
	if Secure(r) {
		c.Name, c.Secure = cookieName, true
	}
	http.SetCookie(w, c)
}

// ClearSite removes what a browser keeps of the desk: the cookie, the session's key, what was
// cached.
func ClearSite(w http.ResponseWriter, r *http.Request) {
	past := time.Unix(0, 0)
	SetCookie(w, r, "", past.Add(time.Second), past)
	w.Header().Set("Clear-Site-Data", `"cache", "cookies", "storage"`)
}

type browserKey struct{}

// browsing is who shows a cookie, or why it opens nothing.
type browsing struct {
	desk.Browser
	err error
}

// BrowserOf returns whose page sent a request. Errors are faults of type "signed-out" and
// those of desk.AuthenticateBrowser.
func BrowserOf(ctx context.Context) (desk.Browser, error) {
	b, ok := ctx.Value(browserKey{}).(browsing)
	if !ok {
		return desk.Browser{}, fault.New(fault.Unauthenticated, "signed-out", "You are signed out. Sign in.")
	}
	return b.Browser, b.err
}

// HasCookie reports whether a request shows a cookie in the place of a token.
func HasCookie(ctx context.Context) bool {
	_, ok := ctx.Value(browserKey{}).(browsing)
	return ok
}

// pages finds out whose page sent a request, and checks what a page signs when it writes.
// Requests with an Authorization header, or without a cookie, pass as they are.
func (s *Server) pages(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		secret := cookieOf(r)
		if secret == "" || r.Header.Get("Authorization") != "" {
			next.ServeHTTP(w, r)
			return
		}
		b, err := s.config.Desk.AuthenticateBrowser(r.Context(), secret)
		writes := r.Method != http.MethodGet && r.Method != http.MethodHead
		if err == nil {
			Known(r.Context())
			if site := r.Header.Get("Sec-Fetch-Site"); writes && site != "" && site != "same-origin" {
				err = fault.New(fault.Forbidden, "cross-origin", "This was sent by a page of another site.")
			}
		}
		if err == nil && writes {
			err = s.proven(r, b)
			if err != nil && opens(r) {
				// Whoever signs in needs no session, and so none in whose name this is sent.
				next.ServeHTTP(w, r)
				return
			}
			if err != nil {
				Fail(w, r, err)
				return
			}
		}
		known := r.WithContext(context.WithValue(r.Context(), browserKey{}, browsing{b, err}))
		defer func() { r.Pattern = known.Pattern }() // for the log
		next.ServeHTTP(w, known)
	})
}

// opens reports whether a request is a part of a sign-in, which a person's own key signs.
func opens(r *http.Request) bool {
	return r.URL.Path == "/signin" || strings.HasPrefix(r.URL.Path, "/signin/")
}

// proven checks the signature of a page's write. It reads the body, and puts it back.
func (s *Server) proven(r *http.Request, b desk.Browser) error {
	p, signature, err := proofOf(r.Header.Get(ProofHeader))
	if err != nil {
		return err
	}
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, v1.MaxBody+1))
	if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
		return fault.New(fault.Invalid, "body-too-large", "A page sends at most %d bytes.", v1.MaxBody)
	}
	if err != nil {
		return fault.New(fault.Invalid, "bad-body", "The body did not arrive whole.").Because(err)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	p.Method, p.Target, p.Body = r.Method, r.URL.RequestURI(), canonical.Sum(body)
	return s.config.Desk.Proves(b, p, signature)
}

func proofOf(header string) (p actions.BrowserProof, signature []byte, err error) {
	bad := fault.New(fault.Forbidden, "bad-proof", "A page signs what it writes with the key of its session: the header %s is missing or malformed. A cookie alone changes nothing.", ProofHeader)
	parts := strings.Split(header, " ")
	if len(parts) != 3 || len(header) > 400 {
		return p, nil, bad
	}
	if p.At, err = strconv.ParseInt(parts[1], 10, 64); err != nil {
		return p, nil, bad
	}
	p.Token = parts[0]
	if signature, err = base64.RawURLEncoding.DecodeString(parts[2]); err != nil {
		return p, nil, bad
	}
	return p, signature, nil
}
