package plaza

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/sqldb"
)

//go:embed openapi.json
var openAPI []byte

// call is one request to the staff API whose token was accepted.
type call struct {
	w       http.ResponseWriter
	r       *http.Request
	holder  string  // of the staff token
	owner   session // of an owner's token
	arrived time.Time
}

// route is one operation of the staff API.
type route struct {
	method, path string
	scope        Scope // the scope of the token that it needs; empty: none
	limit        int64 // most bytes of a body; 0 for no body
	answer       func(*Server, call) error
}

// staffRoutes is the whole staff API; openapi.json describes each of them.
var staffRoutes = []route{
	{"GET", "/staff/v1/openapi.json", "", 0, (*Server).getOpenAPI},
	{"GET", "/staff/v1/capabilities", StaffScope, 0, (*Server).getCapabilities},
	{"GET", "/staff/v1/subjects", StaffScope, 0, (*Server).getSubject},
	{"POST", "/staff/v1/commands", StaffScope, commandLimit, (*Server).postCommand},
	{"GET", "/staff/v1/commands/{key}", StaffScope, 0, (*Server).getCommand},
	{"GET", "/staff/v1/events", StaffScope, 0, (*Server).getEvents},
	{"GET", "/staff/v1/accounts", StaffScope, 0, (*Server).getAccounts},
	{"GET", "/staff/v1/content", StaffScope, 0, (*Server).getContent},
	{"GET", "/staff/v1/content/picture", StaffScope, 0, (*Server).getContentPicture},
	{"GET", "/staff/v1/lock", StaffScope, 0, (*Server).getLock},
	{"POST", "/staff/v1/preserve", StaffScope, preserveLimit, (*Server).postPreserve},
	{"POST", "/staff/v1/notices", StaffScope, noticeLimit, (*Server).postNotice},
	{"POST", "/staff/v1/tokens/{id}/revoke", KeeperScope, 0, (*Server).postRevoke},
	{"POST", "/staff/v1/owners", SetupScope, ownerLimit, (*Server).postOwner},
	{"POST", "/staff/v1/accounts", SetupScope, setupLimit, (*Server).postAccount},
	{"POST", "/staff/v1/accounts/bulk", SetupScope, setupLimit, (*Server).postAccounts},
	{"POST", "/staff/v1/posts", SetupScope, setupLimit, (*Server).postPost},
	{"POST", "/staff/v1/posts/bulk", SetupScope, setupLimit, (*Server).postPosts},
}

// routes keeps browsers and programs apart: nothing under /staff/ and /owner/ is a page,
// and no other path accepts a token in a header.
func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/staff/", s.programs("/staff/", staffRoutes))
	mux.Handle("/owner/", s.programs("/owner/", ownerRoutes))
	report := s.reportMux()
	mux.Handle("/report", report)
	mux.Handle("/report/", report)
	account := s.accountMux()
	mux.Handle("/account", account)
	mux.Handle("/account/", account)
	console := s.consoleMux()
	mux.Handle("/console", console)
	mux.Handle("/console/", console)
	mux.Handle("/", s.pages.mux(s))
	return mux
}

// programs serves the routes under a prefix, and refuses everything else there.
func (s *Server) programs(prefix string, routes []route) http.Handler {
	mux := http.NewServeMux()
	allowed := map[string][]string{}
	for _, r := range routes {
		allowed[r.path] = append(allowed[r.path], r.method)
		mux.HandleFunc(r.method+" "+r.path, func(w http.ResponseWriter, req *http.Request) { s.serveProgram(r, w, req) })
	}
	for path, methods := range allowed {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) { s.refuseMethod(w, r, methods) })
	}
	mux.HandleFunc(prefix, func(w http.ResponseWriter, r *http.Request) {
		s.fail(w, r, fault.New(fault.NotFound, "no-such-route", "There is nothing at %s.", quote(r.URL.Path)))
	})
	return mux
}

func (s *Server) serveProgram(route route, w http.ResponseWriter, r *http.Request) {
	c := call{w: w, r: r, arrived: s.now()}
	if r.Method != route.method { // HEAD, which the mux gives to GET
		s.refuseMethod(w, r, []string{route.method})
		return
	}
	var err error
	switch route.scope {
	case "":
	case OwnerScope:
		c.owner, err = s.authenticateOwner(r)
	default:
		c.holder, err = s.authenticate(r, route.scope)
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, route.limit)
	if err := route.answer(s, c); err != nil {
		s.fail(w, r, err)
	}
}

func (s *Server) refuseMethod(w http.ResponseWriter, r *http.Request, allowed []string) {
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	writeJSON(w, http.StatusMethodNotAllowed, problemType, problem{
		Type: problemBase + "method-not-allowed", Title: "method not allowed", Status: http.StatusMethodNotAllowed,
		Detail: fmt.Sprintf("%s does not work here; use %s.", r.Method, strings.Join(allowed, " or "))})
}

const (
	jsonType    = "application/json"
	problemType = "application/problem+json"
	problemBase = "/staff/v1/problems/" // the last segment is what programs compare
)

// problem is every refusal of the staff API (RFC 9457).
type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
	Now    *State `json:"now,omitempty"`    // with wrong-state, handle-moved and too-many-labels
	Oldest *int64 `json:"oldest,omitempty"` // with cursor-gone: the lowest cursor that works
	Newest *int64 `json:"newest,omitempty"` // with cursor-gone: the highest
}

var httpStatus = map[fault.Kind]int{
	fault.Internal:        http.StatusInternalServerError,
	fault.Invalid:         http.StatusBadRequest,
	fault.Unauthenticated: http.StatusUnauthorized,
	fault.Forbidden:       http.StatusForbidden,
	fault.NotFound:        http.StatusNotFound,
	fault.Conflict:        http.StatusConflict,
	fault.Expired:         http.StatusGone,
	fault.Exhausted:       http.StatusTooManyRequests,
	fault.TooLarge:        http.StatusRequestEntityTooLarge,
	fault.Unsupported:     http.StatusUnsupportedMediaType,
	fault.Unavailable:     http.StatusServiceUnavailable,
}

// keyReused is the one refusal whose status does not follow from its kind: 422, as the
// Idempotency-Key draft demands.
const keyReused = "key-reused"

func problemOf(err error) problem {
	p := problem{Type: problemBase + fault.TypeOf(err), Title: fault.KindOf(err).String(),
		Status: httpStatus[fault.KindOf(err)], Detail: fault.TextOf(err)}
	if wrong := (*wrongState)(nil); errors.As(err, &wrong) {
		p.Now = &wrong.now
	}
	if gone := (*cursorGone)(nil); errors.As(err, &gone) {
		p.Oldest, p.Newest = &gone.oldest, &gone.newest
	}
	if fault.Is(err, keyReused) {
		p.Status = http.StatusUnprocessableEntity
	}
	return p
}

// fail answers with err, unless the answer has begun.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	if fault.KindOf(err) == fault.Internal {
		s.log.ErrorContext(r.Context(), "request failed", "method", r.Method, "path", r.URL.Path, "error", err)
	}
	if fault.KindOf(err) == fault.Unauthenticated {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	p := problemOf(err)
	writeJSON(w, p.Status, problemType, p)
}

func writeJSON(w http.ResponseWriter, status int, mediaType string, v any) {
	writeBytes(w, status, mediaType, canonical.MustMarshal(v))
}

func writeBytes(w http.ResponseWriter, status int, mediaType string, body []byte) {
	h := w.Header()
	h.Set("Content-Type", mediaType)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	w.Write(body) // the reader may have gone; nothing is left to tell it
}

// body reads a JSON body within the route's limit.
func (c call) body() ([]byte, error) {
	if t, _, err := mime.ParseMediaType(c.r.Header.Get("Content-Type")); err != nil || t != jsonType {
		return nil, fault.New(fault.Unsupported, "not-json", "Send the body as Content-Type: application/json.")
	}
	b, err := io.ReadAll(c.r.Body)
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return nil, fault.New(fault.TooLarge, "body-too-large", "The body is larger than the %d bytes allowed here.", tooLarge.Limit)
	}
	if err != nil {
		return nil, fault.New(fault.Invalid, "body-cut-short", "The body ended early.").Because(err)
	}
	return b, nil
}

func (s *Server) getOpenAPI(c call) error {
	writeBytes(c.w, http.StatusOK, jsonType, openAPI)
	return nil
}

// Capabilities are the platform's own statement of its abilities.
type Capabilities struct {
	Protocol      string    `json:"protocol"`
	Platform      string    `json:"platform"`
	Abilities     []Ability `json:"abilities"`
	Labels        []string  `json:"labels"` // that may be set, sorted
	Facts         []string  `json:"facts"`
	CompareAndSet bool      `json:"compare_and_set"`
	Lookup        bool      `json:"lookup"`
	RequestLife   int       `json:"request_life"` // seconds
	BodyLimit     int       `json:"body_limit"`   // bytes in the body of a command
	EventBacklog  int64     `json:"event_backlog"`
	Heartbeat     int       `json:"heartbeat"`  // seconds after which a silent event stream says that it lives
	Offers        []string  `json:"offers"`     // its optional routes
	Credential    string    `json:"credential"` // the holder of the asking token, as events name it
}

// Protocol names the version of the protocol that the staff API speaks.
const Protocol = "staff/v1"

func (s *Server) getCapabilities(c call) error {
	offers := []string{"accounts", "content", "lock", "notices", "preserve"}
	switch _, err := s.authenticate(c.r, KeeperScope); {
	case err == nil:
		offers = append(offers, "tokens")
	case !fault.Is(err, "wrong-scope"):
		return err
	}
	writeJSON(c.w, http.StatusOK, jsonType, Capabilities{
		Protocol: Protocol, Platform: "plaza", Abilities: abilities, Labels: s.labelValues(),
		Facts:         []string{"followers", "verified", "office", "created", "owner"},
		CompareAndSet: true, Lookup: true,
		RequestLife: int(RequestLife / time.Second), BodyLimit: commandLimit, EventBacklog: s.backlog,
		Heartbeat: max(1, int((s.heartbeat+time.Second-1)/time.Second)), Offers: offers, Credential: c.holder,
	})
	return nil
}

func (s *Server) getSubject(c call) error {
	q := c.r.URL.Query()
	id, handle := q.Get("id"), q.Get("handle")
	if (id == "") == (handle == "") || len(q) != 1 {
		return fault.New(fault.Invalid, "bad-subject", "Ask with either ?id= or ?handle=.")
	}
	var st State
	err := s.db.Read(c.r.Context(), func(tx *sqldb.Tx) error {
		if id != "" {
			parsed, err := parseID(id)
			if err != nil {
				return err
			}
			st, err = stateOf(tx, parsed, s.now())
			return err
		}
		a, err := accountByHandle(tx, handle)
		if err != nil {
			return err
		}
		if a.status == Deleted {
			return noSuchSubject(handle)
		}
		layers, err := layersOf(tx, a.id())
		st = a.state(s.now())
		st.Layers = told(layers)
		return err
	})
	if err != nil {
		return err
	}
	writeJSON(c.w, http.StatusOK, jsonType, st)
	return nil
}

// readStrict reads a JSON body of a setup request.
func readStrict(c call, v any) error {
	body, err := c.body()
	if err != nil {
		return err
	}
	if err := json.UnmarshalRead(bytes.NewReader(body), v, json.RejectUnknownMembers(true)); err != nil {
		return fault.New(fault.Invalid, "malformed", "The body is not of the expected form: %s.", canonical.Wrong(err))
	}
	return nil
}
