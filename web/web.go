// Package web is the desk for people in browsers: pages that the server renders, and the small
// script that makes, checks and signs what people hand in.
//
// It decides nothing, and it has no way of its own to change anything: pages are read through
// the methods of the desk that the REST API reads through, and what a page hands in goes to the
// REST API, with the cookie of its session and a proof by the session's key (package httpd).
//
// It promises that nothing is in a page that its reader may not read: what a page shows is what
// the desk's methods return for this reader. Text from strangers is text in a page, never
// markup; no script and no style is in a page, but only in the files under /static/.
package web

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/a-h/templ"
	"github.com/tdewolff/minify/v2"
	"github.com/tdewolff/minify/v2/js"

	"countersign.dev/canonical"
	"countersign.dev/desk"
	"countersign.dev/fault"
	"countersign.dev/fault/problem"
	"countersign.dev/httpd"
	"countersign.dev/live"
	"countersign.dev/workforce"
)

// FragmentHeader says that a page's script asks for the page's content without its frame.
const FragmentHeader = "Countersign-Fragment"

// Config holds all that the pages need.
type Config struct {
	Desk *desk.Desk
	Now  func() time.Time
	// Idle is the time without a key or a touch after which a page locks itself. 0: 15 minutes.
	Idle time.Duration
	// Demo is the living demo behind the pages; nil at every real desk.
	Demo Demo
}

// Server serves the pages.
type Server struct {
	config  Config
	desk    *desk.Desk
	mux     *http.ServeMux
	version string // of what is under /static/: part of its paths
	files   map[string]file
	paths   []string // of all routes that answer GET
}

// file is a file under /static/.
type file struct {
	media  string
	plain  []byte
	zipped []byte // gzip
}

//go:embed static
var static embed.FS

// New returns the pages of a desk.
func New(c Config) (*Server, error) {
	if c.Idle == 0 {
		c.Idle = 15 * time.Minute
	}
	s := &Server{config: c, desk: c.Desk, mux: http.NewServeMux(), files: map[string]file{}}
	sum := sha256.New()
	small := minify.New() // the script is written to be read; browsers need neither comments nor names
	small.AddFunc("text/javascript", js.Minify)
	if err := fs.WalkDir(static, "static", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.Contains(name, ".test.") || c.Demo == nil && ofDemo[path.Base(name)] {
			return err
		}
		b, err := static.ReadFile(name)
		if err != nil {
			return err
		}
		fmt.Fprintf(sum, "%s %d\n", name, len(b))
		sum.Write(b)
		if path.Ext(name) == ".js" {
			if b, err = small.Bytes("text/javascript", b); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		f := file{media: mime.TypeByExtension(path.Ext(name)), plain: b}
		f.zipped, err = zip(b, gzip.BestCompression)
		s.files[strings.TrimPrefix(name, "static/")] = f
		return err
	}); err != nil {
		return nil, fmt.Errorf("read the pages' files: %w", err)
	}
	style := incidentStyle()
	sum.Write(style)
	zipped, err := zip(style, gzip.BestCompression)
	if err != nil {
		return nil, fmt.Errorf("read the pages' files: %w", err)
	}
	s.files["incident.css"] = file{media: mime.TypeByExtension(".css"), plain: style, zipped: zipped}
	s.version = hex.EncodeToString(sum.Sum(nil)[:8])
	s.routes()
	return s, nil
}

// ofDemo are the files that only a demo has.
var ofDemo = map[string]bool{"tour.js": true, "tour.css": true, "audit.js": true, "verify.js": true}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// Routes returns the paths of all that answers GET, as the mux has them.
func (s *Server) Routes() []string { return s.paths }

// get registers a route.
func (s *Server) get(path string, f http.HandlerFunc) {
	s.paths = append(s.paths, path)
	s.mux.HandleFunc("GET "+path, f)
}

// routes registers every page.
func (s *Server) routes() {
	s.get("/static/{version}/{name}", s.file)
	s.get("/live", live.New(live.Config{Desk: s.desk, Caller: func(r *http.Request) (desk.Caller, error) {
		b, err := httpd.BrowserOf(r.Context())
		return b.Caller, err
	}}).ServeHTTP)
	s.get("/{$}", s.open(s.front))
	s.get("/signin", s.open(s.signInPage))
	s.get("/invite/{secret}", s.invite)
	s.mux.HandleFunc("POST /signin/begin", s.answer(s.begin))
	s.mux.HandleFunc("POST /signin/pair", s.answer(s.pair))
	s.mux.HandleFunc("POST /signin/pairing", s.answer(s.waitingPair))
	s.mux.HandleFunc("POST /signin/certify", s.answer(s.certifyPair))
	s.mux.HandleFunc("POST /signin/paired", s.answer(s.takePair))
	s.mux.HandleFunc("POST /signin", s.answer(s.signIn))
	s.mux.HandleFunc("POST /signout", s.answer(s.signOut))
	s.get("/session", func(w http.ResponseWriter, r *http.Request) {
		if err := s.session(w, r); err != nil {
			httpd.Fail(w, r, err)
		}
	})
	s.get("/work", s.page(s.work))
	s.get("/settings", s.page(s.settings))
	s.get("/find", s.page(s.find))
	s.get("/queues", s.page(s.queues))
	s.get("/queues/{name}", s.page(s.queue))
	s.get("/cases/{id}", s.page(s.aCase))
	s.get("/cases/{id}/now", s.page(s.caseNow))
	s.get("/cases/{id}/shows", s.page(s.caseShows))
	s.get("/cases/{id}/history", s.page(s.caseHistory))
	s.get("/incidents", s.page(s.incidents))
	s.get("/incidents/{id}", s.page(s.incident))
	s.get("/countersign", s.page(s.waiting))
	s.get("/countersign/{request}", s.page(s.countersign))
	s.get("/countersign/{request}/now", s.page(s.requestNow))
	s.get("/requests", s.page(s.requests))
	s.get("/requests/{id}", s.page(s.request))
	s.mux.HandleFunc("POST /next", s.answer(s.next))
	s.paths = append(s.paths, "/")
	s.demoRoutes()
	s.mux.HandleFunc("/", s.open(func(http.ResponseWriter, *http.Request) (view, error) {
		return view{}, fault.New(fault.NotFound, "no-such-page", "There is no such page at this desk.")
	}))
}

// view is a page: its title, the place in the navigation, and its content.
type view struct {
	Title  string
	Here   string // path of the entry of the navigation
	Script string // name of the page's own module under /static/, without .js
	Body   templ.Component
	// Narrow leaves out the navigation: for pages before a sign-in, and for those on which
	// nothing may draw the eye away.
	Narrow bool
	// Quiet is a page on which nothing may be pressed by mistake: it has no single keys but its
	// own, and no frame.
	Quiet bool
}

// reader is who reads a page.
type reader struct {
	desk.Browser
	Name   string
	ByFile bool   // the key that the reader signed in with is a file: no page can sign with it
	moment string // before the page was read: what changes after it is told to the page
}

// signedIn returns who sends a request from a page.
func (s *Server) signedIn(r *http.Request) (reader, error) {
	b, err := httpd.BrowserOf(r.Context())
	return reader{Browser: b, Name: s.nameOf(b.Worker)}, err
}

// nameOf is how a page names its reader: the pseudonym, and at a demo the name that the visitor picked.
func (s *Server) nameOf(w workforce.WorkerID) string {
	if s.config.Demo != nil {
		for _, c := range s.config.Demo.Characters() {
			if c.Worker == w {
				return c.Name + " (" + string(w) + ")"
			}
		}
	}
	return string(w)
}

// page adapts a page that needs somebody who is signed in.
func (s *Server) page(f func(context.Context, *http.Request, reader) (view, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		b, err := httpd.BrowserOf(r.Context())
		if err != nil {
			s.fail(w, r, nil, err)
			return
		}
		by := reader{Browser: b, Name: s.nameOf(b.Worker), moment: s.desk.Moment()}
		if by.ByFile, err = s.byFile(r.Context(), b); err != nil {
			s.fail(w, r, &by, err)
			return
		}
		v, err := f(r.Context(), r, by)
		if err != nil {
			s.fail(w, r, &by, err)
			return
		}
		s.show(w, r, http.StatusOK, &by, v)
	}
}

// byFile reports whether somebody signed in with a key that is a file. The keys that a demo's visitors
// have are in their browsers.
func (s *Server) byFile(ctx context.Context, b desk.Browser) (bool, error) {
	if s.config.Demo != nil {
		return false, nil
	}
	state, err := s.desk.State(ctx)
	if err != nil {
		return false, err
	}
	for _, k := range state.People.KeysOf(b.Worker) {
		if k.ID() == b.Session.Key {
			return k.Algorithm == workforce.FileEd25519, nil
		}
	}
	return false, nil
}

// open adapts a page that anybody may see.
func (s *Server) open(f func(http.ResponseWriter, *http.Request) (view, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v, err := f(w, r)
		var by *reader
		if b, bad := httpd.BrowserOf(r.Context()); bad == nil {
			by = &reader{Browser: b, Name: s.nameOf(b.Worker)}
		}
		switch {
		case err != nil:
			s.fail(w, r, by, err)
		case v.Body != nil:
			s.show(w, r, http.StatusOK, by, v)
		}
	}
}

// answer adapts a handler that answers a page's script.
func (s *Server) answer(f func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/json" {
			httpd.Fail(w, r, httpd.UnsupportedMedia(r.Header.Get("Content-Type")))
			return
		}
		if err := f(w, r); err != nil {
			httpd.Fail(w, r, err)
		}
	}
}

// policy is the Content-Security-Policy of every page: what it loads is the desk's own; no
// script and no style stands in a page; only the one module that puts fragments into a page may
// make markup from text.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; connect-src 'self'; manifest-src 'self'; " +
	"frame-ancestors 'none'; base-uri 'none'; form-action 'self'; require-trusted-types-for 'script'; trusted-types countersign"

// frame is what the frame of a page shows.
type frame struct {
	view
	Static  string // path of the files
	Reader  *reader
	Now     time.Time
	Idle    time.Duration
	Expires time.Time // of the session
	Path    string
	Moment  string
	Demo    Demo
	Places  []place // of the navigation
	Prefers string  // how the reader likes the pages, canonical JSON
}

// named names the reader of a page; nobody: empty.
func (f frame) named() string {
	if f.Reader == nil {
		return ""
	}
	return f.Reader.Name
}

// show writes a page, or only its content if a page's script asks for that.
func (s *Server) show(w http.ResponseWriter, r *http.Request, status int, by *reader, v view) {
	f := frame{view: v, Static: "/static/" + s.version, Reader: by, Now: s.config.Now(), Idle: s.config.Idle, Path: r.URL.RequestURI(), Demo: s.config.Demo}
	if by != nil {
		f.Expires, f.Moment = by.Session.Expires.Time, by.moment
		if p, err := s.desk.PreferencesOf(r.Context(), by.of()); err == nil {
			f.Prefers = string(canonical.MustMarshal(p))
		}
	}
	var b bytes.Buffer
	whole := r.Header.Get(FragmentHeader) == ""
	if whole && by != nil {
		f.Places = s.places(r.Context(), *by)
	}
	c := content(f)
	if whole {
		c = document(f)
	}
	if err := c.Render(r.Context(), &b); err != nil {
		httpd.Fail(w, r, fmt.Errorf("write the page: %w", err))
		return
	}
	h := w.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Permissions-Policy", "publickey-credentials-get=(self), publickey-credentials-create=(self), camera=(), microphone=(), geolocation=(), payment=(), usb=()")
	if !whole {
		h.Set("Countersign-Title", url.PathEscape(v.Title))
		if v.Script != "" {
			h.Set("Countersign-Script", v.Script)
		}
	}
	h.Set("Vary", FragmentHeader+", Accept-Encoding")
	out := b.Bytes()
	if zips(r) && len(out) > fewBytes {
		if small, err := zip(out, gzip.BestSpeed); err == nil {
			h.Set("Content-Encoding", "gzip")
			out = small
		}
	}
	w.WriteHeader(status)
	_, _ = w.Write(out) // a browser that has hung up does not learn that it failed
}

// places are the entries of the navigation for a reader: those of pages that the reader may read.
func (s *Server) places(ctx context.Context, by reader) []place {
	reads, err := s.desk.ReadsIncidents(ctx, by.of())
	return slices.DeleteFunc(slices.Clone(places), func(p place) bool { return p.Path == "/incidents" && (err != nil || !reads) })
}

// fail answers with a page that says what went wrong and what to do. Whoever is signed out gets
// the page of the sign-in, which comes back to this place.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, by *reader, err error) {
	httpd.Note(r.Context(), err)
	p := problem.Of(err)
	if p.Status == http.StatusUnauthorized && r.Method == http.MethodGet && r.Header.Get(FragmentHeader) == "" {
		http.Redirect(w, r, "/signin?to="+url.QueryEscape(r.URL.RequestURI()), http.StatusSeeOther)
		return
	}
	s.show(w, r, p.Status, by, view{Title: p.Title, Body: failed(p), Narrow: by == nil})
}

// file serves a file of the pages. Its path has a version, so that a browser keeps it for ever.
func (s *Server) file(w http.ResponseWriter, r *http.Request) {
	f, ok := s.files[r.PathValue("name")]
	if !ok || r.PathValue("version") != s.version {
		httpd.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", f.media)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("Vary", "Accept-Encoding")
	b := f.plain
	if zips(r) {
		h.Set("Content-Encoding", "gzip")
		b = f.zipped
	}
	_, _ = w.Write(b) // a browser that has hung up does not learn that it failed
}

// zips reports whether a browser takes gzip.
func zips(r *http.Request) bool {
	for part := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		if name, weight, _ := strings.Cut(strings.TrimSpace(part), ";"); name == "gzip" && strings.TrimSpace(weight) != "q=0" {
			return true
		}
	}
	return false
}

func zip(b []byte, level int) ([]byte, error) {
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, level)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(b); err != nil {
		return nil, err
	}
	err = w.Close()
	return out.Bytes(), err
}

// fewBytes is the size of a page up to which it is sent as it is. No page holds a secret that
// somebody could guess from its compressed size: the cookie is in none.
const fewBytes = 4 << 10

// front sends everybody where their day begins.
func (s *Server) front(w http.ResponseWriter, r *http.Request) (view, error) {
	to := "/signin"
	if _, err := httpd.BrowserOf(r.Context()); err == nil {
		to = "/work"
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
	return view{}, nil
}

// of returns the caller of the desk's methods.
func (r reader) of() desk.Caller { return r.Caller }

func worker(id string) workforce.WorkerID { return workforce.WorkerID(id) }
