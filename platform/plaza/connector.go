// Package plaza is the connector to any server that speaks the platform protocol
// (doc/platform-protocol.md), the built-in plaza among them.
//
// It does I/O and decides nothing. It believes the server's answers only where they speak
// the protocol exactly. An answer of another form, size or type, or about another
// subject, settles nothing: the command may or may not have taken effect. The connector
// never sends a command twice by itself, and keeps nothing but the capabilities that it
// read when it connected.
package plaza

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/platform"
)

// Protocol is the version of the protocol that this connector speaks.
const Protocol = "staff/v1"

const (
	answerLimit    = 1 << 20          // bytes in an answer, so that a receipt may tell mostLayers twice
	defaultTimeout = 10 * time.Second // for one call, unless the context ends it earlier
)

// Config names the server.
type Config struct {
	Name  string // the platform's name here, such as "plaza"
	URL   string // of the server; https, or http on the loopback
	Token string // staff token
	// Client sends the requests; nil means one that follows no redirects and
	// waits 10 s. Redirects are never followed, since they would carry the
	// token and the command elsewhere.
	Client *http.Client
	// Silence is the time for which an event stream may send nothing before it counts as
	// dead; 0 means twice as long as the server promises, and a second.
	Silence time.Duration
	Now     func() time.Time
}

// maxIdle is the number of connections that are kept open for the next acts.
const maxIdle = 32

// Connector implements platform.Connector.
type Connector struct {
	name   string
	base   *url.URL
	token  string
	client *http.Client
	now    func() time.Time

	silence time.Duration
	can     platform.Capabilities
	offers  map[string]bool // the optional routes that the server has
}

var _ platform.Connector = (*Connector)(nil)

var nameForm = regexp.MustCompile(`^[a-z][a-z0-9-]{0,31}$`)

// Connect reads the server's capabilities and returns a connector to it.
func Connect(ctx context.Context, c Config) (*Connector, error) {
	base, err := parseBase(c.URL)
	if err != nil {
		return nil, err
	}
	if !nameForm.MatchString(c.Name) {
		return nil, fault.New(fault.Invalid, "bad-platform-name", "A platform's name is up to 32 lower-case letters, digits and dashes.")
	}
	if c.Token == "" || strings.ContainsAny(c.Token, " \t\r\n") {
		return nil, fault.New(fault.Invalid, "bad-platform-token", "The platform's token is empty or holds white space.")
	}
	// Acts go on side by side. If a connection were closed after each, another one would
	// have to be made, over TLS with a handshake, before an account is back.
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = maxIdle
	client := &http.Client{Transport: transport, Timeout: defaultTimeout}
	if c.Client != nil {
		copied := *c.Client
		client = &copied
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	p := &Connector{name: c.Name, base: base, token: c.Token, client: client, now: c.Now, silence: c.Silence}
	if p.now == nil {
		p.now = time.Now
	}
	if err := p.readCapabilities(ctx); err != nil {
		return nil, fmt.Errorf("connecting to %s: %w", c.Name, err)
	}
	return p, nil
}

// parseBase refuses plain http except on the loopback, since the token opens every
// account.
func parseBase(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || (u.Scheme != "https" && u.Scheme != "http") {
		return nil, fault.New(fault.Invalid, "bad-platform-url", "A platform's address is https://HOST, without user, query or fragment.")
	}
	if u.Scheme == "http" {
		ip := net.ParseIP(u.Hostname())
		if u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
			return nil, fault.New(fault.Invalid, "bad-platform-url", "The token would be readable on the way; use https for %s.", u.Host)
		}
	}
	return u, nil
}

// Capabilities returns the server's promises at the time of the connection.
func (p *Connector) Capabilities() platform.Capabilities { return p.can }

var subjectForm = regexp.MustCompile(`^(acct|post)/[A-Za-z0-9._~-]{1,200}$`)

// Sort reads the first part of an identifier.
func (p *Connector) Sort(id string) (platform.Sort, error) {
	if !subjectForm.MatchString(id) {
		return "", fault.New(fault.Invalid, "bad-subject", "%.80q is not a subject of %s; write acct/NUMBER or post/NUMBER.", id, p.name)
	}
	if strings.HasPrefix(id, "acct/") {
		return platform.Account, nil
	}
	return platform.Content, nil
}

// Resolve completes a subject.
func (p *Connector) Resolve(ctx context.Context, s platform.Subject) (platform.Subject, error) {
	if s.Platform != p.name {
		return platform.Subject{}, fault.New(fault.Invalid, "bad-subject", "%s is not on %s.", s, p.name)
	}
	query := url.Values{}
	if s.ID != "" {
		if _, err := p.Sort(s.ID); err != nil {
			return platform.Subject{}, err
		}
		query.Set("id", s.ID)
	} else {
		query.Set("handle", s.Handle)
	}
	w, err := p.readState(ctx, query)
	if err != nil {
		return platform.Subject{}, err
	}
	if s.ID != "" && w.ID != s.ID || s.ID == "" && !strings.EqualFold(w.Handle, s.Handle) {
		return platform.Subject{}, unclear("%s answered with another subject than %s.", p.name, s)
	}
	return platform.Subject{Platform: p.name, ID: w.ID, Handle: w.Handle}, nil
}

// Read returns the state of a resolved subject.
func (p *Connector) Read(ctx context.Context, s platform.Subject) (platform.State, error) {
	_, state, err := p.Look(ctx, s)
	return state, err
}

// Look makes one call: the answer names the subject and gives its state.
func (p *Connector) Look(ctx context.Context, s platform.Subject) (platform.Subject, platform.State, error) {
	w, err := p.look(ctx, s)
	if err != nil {
		return s, platform.State{}, err
	}
	return platform.Subject{Platform: p.name, ID: w.ID, Handle: w.Handle}, p.state(w), nil
}

// look reads a subject by its identifier.
func (p *Connector) look(ctx context.Context, s platform.Subject) (wireState, error) {
	if _, err := p.sortHere(s); err != nil {
		return wireState{}, err
	}
	w, err := p.readState(ctx, url.Values{"id": {s.ID}})
	if err == nil && w.ID != s.ID {
		err = unclear("%s answered with another subject than %s.", p.name, s)
	}
	return w, err
}

// sortHere is Sort of a subject that must be on this platform.
func (p *Connector) sortHere(s platform.Subject) (platform.Sort, error) {
	if s.Platform != p.name {
		return "", fault.New(fault.Invalid, "bad-subject", "%s is not on %s.", s, p.name)
	}
	return p.Sort(s.ID)
}

func (p *Connector) readState(ctx context.Context, query url.Values) (wireState, error) {
	var w wireState
	if err := p.get(ctx, "subjects", query, answerLimit, "a subject", &w); err != nil {
		return wireState{}, err
	}
	err := p.checkState(&w) // it completes w
	return w, err
}

// get asks for a document, of at most limit bytes, and reads it into v.
func (p *Connector) get(ctx context.Context, route string, query url.Values, limit int64, form string, v any) error {
	a, err := p.callFor(ctx, limit, http.MethodGet, route, query, nil, nil)
	if err != nil {
		return err
	}
	if a.problem != nil {
		return p.refusal(*a.problem)
	}
	if err := json.Unmarshal(a.body, v); err != nil {
		return unclear("%s answered with something that is not %s.", p.name, form).Because(err)
	}
	return nil
}

// Apply sends a command once and reads the subject back.
func (p *Connector) Apply(ctx context.Context, key string, c platform.Command) (platform.Receipt, error) {
	if err := p.checkCommand(key, c); err != nil {
		return platform.Receipt{}, err
	}
	body := canonical.MustMarshal(p.wireCommandOf(c))
	a, err := p.call(ctx, http.MethodPost, "commands", nil, http.Header{"Idempotency-Key": {key}}, body)
	if err != nil {
		return platform.Receipt{}, err
	}
	if a.problem != nil {
		if a.problem.is("wrong-state") {
			return platform.Receipt{}, p.wrongState(c, *a.problem)
		}
		return platform.Receipt{}, p.refusal(*a.problem)
	}
	r, err := p.receipt(a.body, key, c)
	if err != nil || c.Verb == platform.Warn { // a warning leaves nothing to be read back
		return r, err
	}
	after, err := p.Read(ctx, c.Subject)
	switch {
	case err == nil:
		r.After = after
	case c.Verb == platform.Delete && fault.Is(err, "no-such-subject"):
		r.After = platform.State{Status: platform.Deleted, Facts: map[platform.Fact]any{}, Unread: []platform.Fact{}, Seen: canonical.At(p.now())}
	default:
		// The command was carried out, but its effect was not seen.
		return platform.Receipt{}, unclear("%s carried the command out, but its effect could not be read back.", p.name).Because(err)
	}
	return r, nil
}

// Lookup asks for the outcome of a command. A receipt's After is then the state that the
// server recorded with the command, which may not be the present one.
func (p *Connector) Lookup(ctx context.Context, key string, c platform.Command) (platform.Outcome, error) {
	if err := p.checkCommand(key, c); err != nil {
		return platform.Outcome{}, err
	}
	a, err := p.call(ctx, http.MethodGet, "commands/"+url.PathEscape(key), nil, nil, nil)
	if err != nil {
		return platform.Outcome{}, err
	}
	if a.problem != nil {
		return platform.Outcome{}, p.refusal(*a.problem)
	}
	var l wireLookup
	if err := json.Unmarshal(a.body, &l); err != nil || l.Key != key {
		return platform.Outcome{}, unclear("%s answered with something that is not what came of the command.", p.name).Because(err)
	}
	switch l.Outcome {
	case "done":
		r, err := p.receipt(l.Receipt, key, c)
		if err != nil {
			return platform.Outcome{}, err
		}
		return platform.Outcome{Done: true, Known: true, Receipt: r}, nil
	case "refused":
		return platform.Outcome{Known: true}, nil
	case "unknown":
		// Only a fenced key cannot take effect later.
		return platform.Outcome{Known: l.Fenced}, nil
	}
	return platform.Outcome{}, unclear("%s answered with an outcome that this connector does not know.", p.name)
}

var keyForm = regexp.MustCompile(`^[A-Za-z0-9._~:-]{1,200}$`)

// checkCommand refuses commands that must not be sent at all.
func (p *Connector) checkCommand(key string, c platform.Command) error {
	if !keyForm.MatchString(key) {
		return fault.New(fault.Invalid, "bad-key", "The key %.80q cannot be sent to %s.", key, p.name)
	}
	if c.Subject.Platform != p.name {
		return fault.New(fault.Invalid, "bad-subject", "%s is not on %s.", c.Subject, p.name)
	}
	sort, err := p.Sort(c.Subject.ID)
	if err != nil {
		return err
	}
	if _, ok := p.can.Can(c.Verb, sort); !ok {
		return fault.New(fault.Unsupported, "not-offered", "%s does not offer %s on %s.", p.name, c.Verb, sort)
	}
	if !c.Verb.Fits(c.Layer) {
		return fault.New(fault.Invalid, "bad-layer", "%s does not change %s.", c.Verb, c.Layer.Noun())
	}
	// A label that is not offered any more can still be taken away.
	if value, ok := c.Layer.Label(); ok && c.Verb == platform.Label && !slices.Contains(p.can.Labels, value) {
		return fault.New(fault.Unsupported, "not-offered", "%s does not offer the label %s; it offers %s.", p.name, value, strings.Join(p.can.Labels, ", "))
	}
	if c.Verb == platform.Warn && (c.Told.Text == "" || c.Expect != (platform.Expect{}) || c.Mark != "") {
		return fault.New(fault.Invalid, "bad-warning", "A warning has a text, and neither an expectation nor a mark.")
	}
	// The server would replace any mark by any other. We replace only a mark of ours by
	// another one of ours.
	if c.Replaces() && (c.Confirms() == "" || c.Mark == c.Expect.Mark) {
		return fault.New(fault.Conflict, "bad-expectation", "A %s takes the place of another one of ours only, under a mark of its own.", c.Verb)
	}
	return nil
}

// answer is an answer in the form of the protocol: a JSON body with 200, or a problem.
type answer struct {
	body    []byte
	problem *wireProblem
}

// call sends one request. After any of its errors the request may or may not have taken
// effect.
func (p *Connector) call(ctx context.Context, method, route string, query url.Values, header http.Header, body []byte) (answer, error) {
	return p.callFor(ctx, answerLimit, method, route, query, header, body)
}

// callFor is call for an answer of at most limit bytes.
func (p *Connector) callFor(ctx context.Context, limit int64, method, route string, query url.Values, header http.Header, body []byte) (answer, error) {
	u := p.base.JoinPath("staff/v1/", route)
	u.RawQuery = query.Encode()
	r, err := http.NewRequestWithContext(ctx, method, u.String(), bytes.NewReader(body))
	if err != nil {
		return answer{}, fmt.Errorf("asking %s: %w", p.name, err)
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
		// Without GetBody net/http cannot send the command again by itself, which it otherwise
		// may do because of the key.
		r.GetBody = nil
	}
	for k, v := range header {
		r.Header[k] = v
	}
	r.Header.Set("Authorization", "Bearer "+p.token)
	r.Header.Set("Accept", "application/json, application/problem+json")
	res, err := p.client.Do(r)
	if err != nil {
		return answer{}, p.unreachable(err)
	}
	defer res.Body.Close()
	return p.read(res, limit)
}

// read reads an answer of at most limit bytes.
func (p *Connector) read(res *http.Response, limit int64) (answer, error) {
	b, err := io.ReadAll(io.LimitReader(res.Body, limit+1))
	if err != nil {
		return answer{}, p.unreachable(err)
	}
	if int64(len(b)) > limit {
		return answer{}, unclear("%s answered with more than %d bytes.", p.name, limit)
	}
	mediaType, _, err := mime.ParseMediaType(res.Header.Get("Content-Type"))
	if err != nil {
		mediaType = ""
	}
	switch {
	case res.StatusCode == http.StatusOK && mediaType == "application/json":
		return answer{body: b}, nil
	case res.StatusCode >= 400 && mediaType == "application/problem+json":
		var w wireProblem
		if err := json.Unmarshal(b, &w); err != nil || w.Status != res.StatusCode || w.Type == "" {
			return answer{}, unclear("%s refused in a form that is not the protocol's.", p.name).Because(err)
		}
		return answer{problem: &w}, nil
	}
	if res.StatusCode == http.StatusUnauthorized || res.StatusCode == http.StatusForbidden {
		return answer{}, fault.New(fault.Unavailable, "platform-credentials", "%s, or what stands before it, refuses the credential (%d).", p.name, res.StatusCode)
	}
	return answer{}, unclear("%s answered %d with the type %.80q, which is not the protocol's.", p.name, res.StatusCode, mediaType)
}

func (p *Connector) unreachable(err error) error {
	return fault.New(fault.Unavailable, "platform-unavailable", "%s does not answer.", p.name).Because(err)
}

// unclear makes the error for an answer that settles nothing.
func unclear(format string, args ...any) *fault.Error {
	return fault.New(fault.Unavailable, "platform-unclear", format, args...)
}

// settled lists the refusals after which a command did not and will not take effect, with
// our own form of each. All other refusals are not believed.
var settled = map[string]struct {
	status int
	kind   fault.Kind
}{
	"malformed":          {400, fault.Invalid},
	"bad-command":        {400, fault.Invalid},
	"bad-subject":        {400, fault.Invalid},
	"bad-handle":         {400, fault.Invalid},
	"bad-key":            {400, fault.Invalid},
	"bad-cursor":         {400, fault.Invalid},
	"bad-notice":         {400, fault.Invalid},
	"bad-token":          {401, fault.Unauthenticated},
	"wrong-scope":        {403, fault.Forbidden},
	"no-such-subject":    {404, fault.NotFound},
	"no-such-route":      {404, fault.Unsupported},
	"method-not-allowed": {405, fault.Unsupported},
	"handle-moved":       {409, fault.Conflict},
	"key-fenced":         {409, fault.Conflict},
	"own-token":          {409, fault.Conflict},
	"too-many-labels":    {409, fault.Conflict},
	"no-such-token":      {404, fault.NotFound},
	"no-such-picture":    {404, fault.NotFound},
	"bad-picture":        {400, fault.Invalid},
	"cursor-gone":        {410, fault.Expired},
	"body-too-large":     {413, fault.TooLarge},
	"not-json":           {415, fault.Unsupported},
	"key-reused":         {422, fault.Conflict},
}

func (p *Connector) refusal(w wireProblem) error {
	slug := path.Base(w.Type)
	s, ok := settled[slug]
	if !ok || s.status != w.Status {
		return fault.New(fault.Unavailable, "platform-unavailable", "%s cannot answer now (%d %.60s).", p.name, w.Status, slug)
	}
	return fault.New(s.kind, slug, "%s refused: %.300s", p.name, w.Detail)
}

// wrongState reads the present state from the server's refusal.
func (p *Connector) wrongState(c platform.Command, w wireProblem) error {
	if w.Status != http.StatusConflict || w.Now == nil || w.Now.ID != c.Subject.ID {
		return unclear("%s says that the state is another one, but not which.", p.name)
	}
	if err := p.checkState(w.Now); err != nil {
		return err
	}
	return &platform.WrongState{Layer: c.Layer, Want: c.Expect, Now: p.state(*w.Now)}
}
