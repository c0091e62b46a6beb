package plaza

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"countersign.dev/fault"
	"countersign.dev/sqldb"
)

// OwnerCookie keeps an owner signed in in a browser. It holds the token, is sent to this
// host only, is hidden from scripts, and ends with the browser's session.
const OwnerCookie = "__Host-plaza-owner"

// accountMux serves the page where people look after their own account. It accepts forms
// only from this site's own pages.
func (s *Server) accountMux() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /account", s.showing((*Server).accountPage))
	mux.HandleFunc("GET /account/reports", s.showing((*Server).myReportsPage))
	mux.HandleFunc("POST /account/sign-in", s.signIn)
	mux.HandleFunc("POST /account/sign-out", s.signOut)
	mux.HandleFunc("POST /account/lock", s.asked(func(r *http.Request, o session, wanted string) (string, error) {
		return "/account", s.setLock(r.Context(), o, wanted == "set")
	}, "set", "clear"))
	mux.HandleFunc("POST /account/status", s.asked(func(r *http.Request, o session, wanted string) (string, error) {
		return "/account", s.switchOff(r.Context(), o.account, wanted == "deactivate")
	}, "deactivate", "reactivate"))
	mux.HandleFunc("POST /account/follow", s.asked(func(r *http.Request, o session, wanted string) (string, error) {
		handle := r.PostFormValue("handle")
		if _, err := foldHandle(handle); err != nil {
			return "", err
		}
		return "/" + handle, s.follow(r.Context(), o, handle, wanted == "follow")
	}, "follow", "unfollow"))
	mux.HandleFunc("POST /account/post", s.askedAtLength(postForm, s.wrote, "post", "change", "delete"))
	mux.HandleFunc("POST /account/language", s.asked(func(r *http.Request, o session, _ string) (string, error) {
		return "/account", s.speak(r.Context(), o, r.PostFormValue("language"))
	}, "set"))
	mux.HandleFunc("GET /account/", s.showing(func(*Server, *sqldb.Tx, *http.Request) (view, error) { return nowhere(), nil }))
	guard := http.NewCrossOriginProtection()
	guard.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.render(w, r, refusedPage(http.StatusForbidden, "This came from another site. Go to your account page and try again."))
	}))
	return guard.Handler(mux)
}

// ownView is an account as the page shows it to its owner.
type ownView struct {
	accountView
	Status   Status
	Lock     string        // "off", "on" or "cleared"
	Since    string        // when it was set or removed
	Mine     bool          // the owner may switch the account off or on
	Beneath  Status        // the status after the takedown is lifted; empty if it is not down
	Measures []measureView // that stand on the account
	Marked   []ownPostView // the posts on which something stands
	Notices  []noticeView
	Speaks   *composeView // the language of posts
}

// ownPostView is a post with what stands on it.
type ownPostView struct {
	Number   string
	Text     string
	Measures []measureView
}

type noticeView struct {
	Title              string
	Warning            bool
	Text               []string
	When, Exactly, ISO string
}

func viewTime(t time.Time) string { return t.UTC().Format("2 January 2006, 15:04 UTC") }

// accountPage shows signed-in owners their own account, and everybody else how to sign
// in.
func (s *Server) accountPage(tx *sqldb.Tx, r *http.Request) (view, error) {
	in, err := signedIn(tx, r)
	if err != nil {
		return view{}, err
	}
	if in.account == 0 {
		return signInPage(""), nil
	}
	o, a, err := s.own(tx, in.account)
	if err != nil {
		return view{}, err
	}
	own := ownView{accountView: viewAccount(a), Status: a.status, Lock: "off", Mine: a.mark == "" && (a.status == Up || a.status == Deactivated), Beneath: a.beneath()}
	switch {
	case !o.Lock.Set:
	case o.Lock.Cleared.IsZero():
		own.Lock, own.Since = "on", viewTime(o.Lock.Since.Time)
	default:
		own.Lock, own.Since = "cleared", viewTime(o.Lock.Cleared.Time)
	}
	own.Speaks = composing(composeView{}, a.language)
	now := s.now()
	own.Measures = viewMeasures(o.Measures, now)
	for _, p := range o.Posts {
		own.Marked = append(own.Marked, ownPostView{strings.TrimPrefix(p.ID, postPrefix), p.Text, viewMeasures(p.Measures, now)})
	}
	for _, n := range o.Notices {
		own.Notices = append(own.Notices, noticeView{Title: n.Title, Warning: n.Warning, Text: strings.Split(n.Text, "\n"),
			When: ago(n.At.Time, now), Exactly: viewTime(n.At.Time), ISO: n.At.Format(time.RFC3339)})
	}
	return view{Status: http.StatusOK, Standing: string(a.status), Title: "Your account", Here: "account", Own: &own}, nil
}

func signInPage(wrong string) view {
	v := view{Status: http.StatusOK, Standing: nothingHere, Title: "Sign in", Here: "account", SignIn: true, Wrong: wrong}
	if wrong != "" {
		v.Status = http.StatusForbidden
	}
	return v
}

func refusedPage(status int, text string) view {
	return view{Status: status, Standing: nothingHere, Title: "Not done", Here: "account", Heading: "That was not done.", Text: text,
		Next: "/account", NextText: "Go to your account"}
}

// signedIn returns the session of the signed-in owner; its account is 0 if nobody is
// signed in.
func signedIn(tx *sqldb.Tx, r *http.Request) (session, error) {
	c, err := r.Cookie(OwnerCookie)
	if err != nil {
		return session{}, nil
	}
	o, err := ownerByToken(tx, c.Value)
	if fault.KindOf(err) == fault.Unauthenticated {
		return session{}, nil
	}
	return o, err
}

// formLimit is the most bytes of a form.
const formLimit = 4 << 10

// readForm reads a form of up to a number of bytes.
func readForm(w http.ResponseWriter, r *http.Request, most int64) error {
	r.Body = http.MaxBytesReader(w, r.Body, most)
	err := r.ParseForm()
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return fault.New(fault.TooLarge, "body-too-large", "That is longer than what can be sent here.")
	}
	if err != nil {
		return fault.New(fault.Invalid, "bad-form", "The form was not filled in.").Because(err)
	}
	return nil
}

func (s *Server) signIn(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, formLimit)
	token := strings.TrimSpace(r.PostFormValue("token"))
	_, err := s.ownerOf(r.Context(), token)
	switch fault.KindOf(err) {
	case fault.Unauthenticated:
		s.render(w, r, signInPage("That is nobody’s token. Copy all of it, from plaza_ to the end."))
		return
	case fault.Internal, fault.Unavailable:
		if err != nil {
			s.broken(w, r, err)
			return
		}
	}
	keepCookie(w, OwnerCookie, token)
	seeOther(w, r, "/account")
}

func (s *Server) signOut(w http.ResponseWriter, r *http.Request) {
	dropCookie(w, OwnerCookie)
	seeOther(w, r, "/account")
}

// keepCookie signs a browser in with a token until it is closed.
func keepCookie(w http.ResponseWriter, name, token string) {
	http.SetCookie(w, &http.Cookie{Name: name, Value: token, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode})
}

func dropCookie(w http.ResponseWriter, name string) {
	http.SetCookie(w, &http.Cookie{Name: name, Path: "/", MaxAge: -1, Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode})
}

// seeOther leads a browser to a page of this site after a form.
func seeOther(w http.ResponseWriter, r *http.Request, path string) {
	protect(w.Header())
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, path, http.StatusSeeOther)
}

// asked carries out the owner's wish in a form, which is one of a few words. do returns the
// page to show afterwards.
func (s *Server) asked(do func(r *http.Request, o session, wanted string) (string, error), words ...string) http.HandlerFunc {
	return s.askedAtLength(formLimit, do, words...)
}

// askedAtLength is asked for forms of another size.
func (s *Server) askedAtLength(most int64, do func(r *http.Request, o session, wanted string) (string, error), words ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := readForm(w, r, most); err != nil {
			s.render(w, r, refusedPage(httpStatus[fault.KindOf(err)], fault.TextOf(err)))
			return
		}
		wanted, o := r.PostFormValue("want"), session{}
		err := s.db.Read(r.Context(), func(tx *sqldb.Tx) (err error) {
			o, err = signedIn(tx, r)
			return err
		})
		if err == nil && o.account == 0 {
			seeOther(w, r, "/account") // to sign in again
			return
		}
		if err == nil && !slices.Contains(words, wanted) {
			err = fault.New(fault.Invalid, "bad-form", "The form was not filled in.")
		}
		next := ""
		if err == nil {
			next, err = do(r, o, wanted)
		}
		switch kind := fault.KindOf(err); {
		case err == nil:
			seeOther(w, r, next)
		case kind == fault.Conflict, kind == fault.NotFound, kind == fault.Invalid:
			s.render(w, r, refusedPage(httpStatus[kind], fault.TextOf(err)))
		default:
			s.broken(w, r, err)
		}
	}
}
