// Package api is the REST API under /api/v1, described in OpenAPI 3.1 at
// /api/v1/openapi.json. It translates and decides nothing: a handler reads the wire form,
// calls one method of the desk, and writes the wire form.
//
// It trusts nobody: bodies are bounded, must be JSON with every member known and none
// doubled, and are validated against the schema that is published; unknown query
// parameters are refused. A bearer token says who the caller is, and gives nothing else.
//
// It promises that every refusal is a problem document (RFC 9457) made by httpd. A change
// that is sent twice happens once, since what is signed is its own key: the desk sees to it.
package api

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/go-json-experiment/json/jsontext"

	"countersign.dev/actions"
	v1 "countersign.dev/api/v1"
	"countersign.dev/canonical"
	"countersign.dev/desk"
	"countersign.dev/httpd"
	linkv1 "countersign.dev/link/v1"
)

// Config holds all that the API needs.
type Config struct {
	Desk *desk.Desk
	// Executor asks the executor about itself, for the status; it may be nil.
	Executor func(context.Context) (linkv1.ExecutorStatus, error)
	Version  string // of the program
	Now      func() time.Time
}

// Server answers the REST API.
type Server struct {
	config  Config
	desk    *desk.Desk
	budgets *budgets
	api     huma.API
	mux     *recordingMux
	spec    []byte
}

// New returns the API of a desk.
func New(c Config) (*Server, error) {
	s := &Server{config: c, desk: c.Desk, budgets: newBudgets(c.Now), mux: &recordingMux{ServeMux: http.NewServeMux()}}
	s.api = humago.New(s.mux, config(c.Version))
	s.api.UseMiddleware(s.authenticate, s.bounded, s.onlyJSON)
	s.register()
	s.mux.refuseTheRest()
	spec, err := s.api.OpenAPI().MarshalJSON()
	if err != nil {
		return nil, fmt.Errorf("writing the OpenAPI document: %w", err)
	}
	s.spec = spec
	return s, nil
}

// ServeHTTP answers one request. httpd has bounded the request before, and logs it.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// OpenAPI returns the document that describes the API.
func (s *Server) OpenAPI() []byte { return s.spec }

func config(version string) huma.Config {
	strict := huma.Format{
		Marshal: func(w io.Writer, v any) error {
			b, err := canonical.Marshal(v)
			if err == nil {
				_, err = w.Write(b)
			}
			return err
		},
		Unmarshal: decode,
	}
	schemas := huma.NewMapRegistry("#/components/schemas/", schemaName)
	// A document in a document is any JSON value, not bytes in base64.
	schemas.RegisterTypeAlias(reflect.TypeFor[jsontext.Value](), reflect.TypeFor[document]())
	schemas.RegisterTypeAlias(reflect.TypeFor[actions.Action](), reflect.TypeFor[eitherAction]())
	schemas.RegisterTypeAlias(reflect.TypeFor[actions.Statement](), reflect.TypeFor[eitherStatement]())
	return huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{Title: "Countersign", Version: version,
				Description: "The REST API of the operations desk. Every refusal is a problem document; x-problems lists the types."},
			Servers: []*huma.Server{{URL: "/", Description: "The desk that served this document. The paths have /api/v1 before them already."}},
			Components: &huma.Components{Schemas: schemas, SecuritySchemes: map[string]*huma.SecurityScheme{
				bearer:        {Type: "http", Scheme: "bearer", Description: "The secret of a worker's token, that an enrolled key signed for."},
				programBearer: {Type: "http", Scheme: "bearer", Description: "The secret of a program's token, that the program's key signed for."}}},
			Extensions: map[string]any{"x-problems": problems()},
		},
		// Huma looks up the last part of application/problem+json by itself.
		Formats:                      map[string]huma.Format{"application/json": strict, "json": strict},
		DefaultFormat:                "application/json",
		RejectUnknownQueryParameters: true,
	}
}

// document is the schema of an embedded JSON value.
type document struct{}

// Schema implements huma.SchemaProvider.
func (document) Schema(huma.Registry) *huma.Schema { return &huma.Schema{} }

// eitherAction and eitherStatement are the schemas of documents that have two versions.
type (
	eitherAction    struct{}
	eitherStatement struct{}
)

// Schema implements huma.SchemaProvider.
func (eitherAction) Schema(r huma.Registry) *huma.Schema {
	return either[actions.ActionFormV1, actions.ActionFormV2](r)
}

// Schema implements huma.SchemaProvider.
func (eitherStatement) Schema(r huma.Registry) *huma.Schema {
	return either[actions.StatementFormV1, actions.StatementFormV2](r)
}

func either[One, Two any](r huma.Registry) *huma.Schema {
	return &huma.Schema{OneOf: []*huma.Schema{r.Schema(reflect.TypeFor[One](), true, ""), r.Schema(reflect.TypeFor[Two](), true, "")}}
}

// schemaName names a type's schema: that of a domain type with its package before it.
func schemaName(t reflect.Type, hint string) string {
	name := huma.DefaultSchemaNamer(t, hint)
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	path := t.PkgPath()
	pkg := path[strings.LastIndex(path, "/")+1:]
	if pkg == "" || pkg == "v1" || pkg == "api" {
		return name
	}
	return strings.ToUpper(pkg[:1]) + pkg[1:] + name
}

// The schemes of tokens. A token of one opens no route of the other.
const (
	bearer        = "bearer"
	programBearer = "program"
)

// callers says who may call a route. A route that says nothing is for workers alone.
type callers int

const (
	forWorkers  callers = iota
	forPrograms         // programs alone; see addProgram
	forBoth             // the handler's Caller names a worker or a program
)

func (c callers) security() []map[string][]string {
	switch c {
	case forPrograms:
		return []map[string][]string{{programBearer: {}}}
	case forBoth:
		return []map[string][]string{{bearer: {}}, {programBearer: {}}}
	}
	return []map[string][]string{{bearer: {}}}
}

// unknownTimeout bounds the time for the body of a caller without a token.
const unknownTimeout = 10 * time.Second

// bodyTimeout bounds the time for a body. The connection's deadline stays after the body
// was read, and ends the request's context, so that it must be longer than any wait.
const bodyTimeout = (v1.MaxWait + 30) * time.Second

// operation is one route.
type operation struct {
	id      string
	method  string
	path    string // under v1.Base
	summary string
	open    bool // needs no token
	callers callers
	status  int   // of success; 0 for 200
	body    int64 // the largest body in bytes; 0: v1.MaxSmallBody
	changes bool  // takes something signed, which happens once however often it is sent
	enters  bool  // a read that is an entry of the ledger
	stream  bool  // its answer goes on until one side hangs up
	repeats bool  // a repeat is answered with 200 where the first time is 201
	none    bool  // there may be nothing to answer with: 204
	answer  *huma.Response
}

// class returns the budget that the route is paid from.
func (o operation) class() class {
	switch {
	case o.changes || o.enters || o.method == http.MethodDelete:
		return entering
	case o.method == http.MethodPost:
		return drafting
	}
	return reading
}

// add registers a route with its handler.
func add[I, O any](s *Server, o operation, handle func(context.Context, desk.Caller, *I) (*O, error)) {
	op := huma.Operation{OperationID: o.id, Method: o.method, Path: v1.Base + o.path, Summary: o.summary,
		DefaultStatus: o.status, BodyReadTimeout: bodyTimeout, Responses: map[string]*huma.Response{}, Metadata: map[string]any{classKey: o.class(), streamKey: o.stream, callersKey: o.callers}}
	op.MaxBodyBytes = cmp.Or(o.body, v1.MaxSmallBody) + 1 // huma refuses what reaches its limit
	op.Extensions = map[string]any{}
	if o.open {
		// An empty list says that no token is needed; huma leaves it out.
		op.Extensions["security"], op.BodyReadTimeout = []any{}, unknownTimeout
	} else {
		op.Security = o.callers.security()
	}
	if o.method == http.MethodPost {
		op.Extensions["x-max-bytes"] = op.MaxBodyBytes - 1
	}
	if o.answer != nil {
		op.Responses["200"] = o.answer
	}
	op.Responses["default"] = &huma.Response{Description: "A refusal", Content: map[string]*huma.MediaType{
		v1.ProblemType: {Schema: s.api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[problem](), true, "Problem")}}}
	huma.Register(s.api, op, func(ctx context.Context, in *I) (*O, error) {
		by, _ := ctx.Value(callerKey{}).(desk.Caller)
		return handle(ctx, by, in)
	})
	if o.repeats {
		// Huma describes only the one status that it knows.
		described := s.api.OpenAPI().Paths[op.Path].Post.Responses
		again := *described[strconv.Itoa(o.status)]
		again.Description = "The same again, which changed nothing"
		described["200"] = &again
	}
	if o.none {
		s.api.OpenAPI().Paths[op.Path].Post.Responses["204"] = &huma.Response{Description: "There is nothing to answer with"}
	}
}

// addProgram registers a route for programs.
func addProgram[I, O any](s *Server, o operation, handle func(context.Context, desk.ProgramCaller, *I) (*O, error)) {
	o.callers = forPrograms
	add(s, o, func(ctx context.Context, by desk.Caller, in *I) (*O, error) {
		return handle(ctx, desk.ProgramCaller{ID: by.Program, Token: by.Token}, in)
	})
}

// recordingMux remembers the routes. So a request that no method answers is refused in
// our own form, and a test can compare the routes with the document.
type recordingMux struct {
	*http.ServeMux
	routes map[string][]string // methods by path
}

// HandleFunc registers a pattern of method and path.
func (m *recordingMux) HandleFunc(pattern string, handler func(http.ResponseWriter, *http.Request)) {
	method, path, _ := strings.Cut(pattern, " ")
	if m.routes == nil {
		m.routes = map[string][]string{}
	}
	m.routes[path] = append(m.routes[path], method)
	m.ServeMux.HandleFunc(pattern, handler)
}

func (m *recordingMux) refuseTheRest() {
	for path, methods := range m.routes {
		slices.Sort(methods)
		refuse := httpd.MethodNotAllowed(methods...)
		if !m.within(path) {
			m.ServeMux.HandleFunc(path, refuse)
			continue
		}
		// A pattern without a method would conflict with those of the wider path. Whatever is
		// not listed here is asked of that one.
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
			if !slices.Contains(methods, method) {
				m.ServeMux.HandleFunc(method+" "+path, refuse)
			}
		}
	}
	m.ServeMux.HandleFunc("/", httpd.NotFound)
}

// within reports whether a path is one that another route's path with a variable part takes
// in, as /cases/{id} takes in /cases/next.
func (m *recordingMux) within(path string) bool {
	parts := strings.Split(path, "/")
	for other := range m.routes {
		wide := strings.Split(other, "/")
		if other != path && len(wide) == len(parts) {
			fits := true
			for i := range parts {
				fits = fits && (wide[i] == parts[i] || variable(wide[i]))
			}
			if fits {
				return true
			}
		}
	}
	return false
}

func variable(part string) bool { return strings.HasPrefix(part, "{") }
