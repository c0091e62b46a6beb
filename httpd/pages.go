package httpd

import (
	"bytes"
	_ "embed"
	"html/template"
	"net/http"

	"countersign.dev/fault"
)

//go:embed page.html
var pageText string

//go:embed page.css
var pageStyle []byte

var page = template.Must(template.New("page").Parse(pageText))

// pagePolicy lets the page load its own style and nothing else.
const pagePolicy = "default-src 'none'; style-src 'self'; img-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"

// browserMux serves pages for people. It refuses posts from other sites on every route,
// present and future.
func (s *Server) browserMux() http.Handler {
	mux := http.NewServeMux()
	get := func(pattern string, answer func(http.ResponseWriter, *http.Request) error) {
		mux.HandleFunc("GET "+pattern, func(w http.ResponseWriter, r *http.Request) {
			if err := answer(w, r); err != nil {
				Fail(w, r, err)
			}
		})
		mux.HandleFunc(pattern, MethodNotAllowed(http.MethodGet))
	}
	if s.config.Web == nil {
		get("/{$}", s.front)
	} else {
		mux.Handle("/", s.config.Web)
	}
	get("/about", s.front)
	get("/page.css", s.style)
	get("/healthz", s.health)
	get("/metrics", s.metrics)
	if s.config.Web == nil {
		mux.HandleFunc("/", NotFound)
	}
	guard := http.NewCrossOriginProtection()
	guard.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		Fail(w, r, fault.New(fault.Forbidden, "cross-origin", "This was sent by a page of another site."))
	}))
	return guard.Handler(mux)
}

type frontPage struct {
	Origin  string
	Founded bool
	Size    int64
	Links   []Link
}

func (s *Server) front(w http.ResponseWriter, r *http.Request) error {
	state, err := s.config.Desk.State(r.Context())
	if err != nil {
		return err
	}
	p := frontPage{Origin: state.Origin, Founded: state.Founded(), Size: state.Next, Links: append([]Link{
		{"/api/v1/openapi.json", "REST API", "Every route, described in OpenAPI 3.1."},
		{"/api/v1/status", "Status", "Ledger, executor and version, for programs."},
		{"/ledger/checkpoint", "Checkpoint", "The ledger's signed head; needs a token unless the ledger is published."},
		{"/ledger/vkey", "Verifier key", "With which anybody checks the ledger's signatures."},
		{"/healthz", "Health", "Whether the desk answers."},
	}, s.config.Links...)}
	var b bytes.Buffer
	if err := page.Execute(&b, p); err != nil {
		return err
	}
	w.Header().Set("Content-Security-Policy", pagePolicy)
	return send(w, "text/html; charset=utf-8", b.Bytes())
}

func (s *Server) style(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Cache-Control", "public, max-age=300")
	return send(w, "text/css; charset=utf-8", pageStyle)
}

// health answers ok if the desk's database does.
func (s *Server) health(w http.ResponseWriter, r *http.Request) error {
	if _, _, err := s.config.Desk.Ledger().Source.Newest(r.Context()); err != nil {
		return fault.New(fault.Unavailable, "unhealthy", "The desk's database does not answer.").Because(err)
	}
	return send(w, "text/plain; charset=utf-8", []byte("ok\n"))
}
