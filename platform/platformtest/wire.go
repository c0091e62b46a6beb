package platformtest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"

	"countersign.dev/platform"
)

func needsWire(r *run) string {
	if r.Wire == nil {
		return "the platform does not speak the platform protocol"
	}
	return ""
}

// wirePromises are tested on the server itself, since a connector would hide them.
func wirePromises() []promise {
	list := []promise{
		{"wire-token", "refuses a missing, a wrong and a doubled token on every route", nil, checkToken},
		{"wire-problems", "refuses in problem+json with a stable type, and never names a secret", nil, checkProblems},
		{"wire-methods", "refuses other methods and says which work", nil, checkMethods},
		{"wire-malformed", "refuses bodies that are not exactly a command, and changes nothing", nil, checkMalformed},
		{"wire-oversized", "refuses a body beyond its limit, and changes nothing", nil, checkOversized},
		{"wire-key", "refuses a command without a key, and one with a key of another form", nil, checkKeyForm},
		{"wire-first-answer", "gives the first answer again, byte for byte", nil, checkFirstAnswer},
		{"wire-key-reused", "answers 422 to a key with another body", nil, checkWireKeyReused},
		{"wire-wrong-state", "answers 409 with what is in place now", nil, checkWireWrongState},
		{"wire-revision", "compares the revision if one is given", nil, checkWireRevision},
		{"wire-handle", "compares the handle if one is given", nil, checkWireHandle},
		{"wire-lookup", "answers done, refused and unknown in the protocol's form", nil, checkWireLookup},
		{"wire-abilities", "announces limits, labels and warnings whole or not at all", nil, checkWireAbilities},
		{"wire-layers", "gives the layers that stand, sorted, each with mark and revision, and no other", needsLayer, checkWireLayers},
		{"wire-layers-malformed", "refuses what is not exactly a command of one layer, and changes nothing", needsLayer, checkLayersMalformed},
		{"wire-layers-revision", "compares the revision of the layer if one is given", needsLayer, checkWireLayersRevision},
		{"wire-label-unknown", "refuses a label that it does not offer, and changes nothing", needsLabel, checkUnknownLabel},
		{"wire-until", "takes the planned end of a measure, and lifts nothing because of it", needsLayer, checkUntil},
		{"wire-warn", "takes a warning of 5,000 characters in any script, and refuses what is not exactly one", needsWarn, checkWireWarn},
		{"wire-content", "tells what people see of a subject: text, author or profile, thread and pictures, within the bounds", needsContentRoute, checkWireContent},
		{"wire-content-down", "tells all of that also of what is down", needsContentRoute, checkContentDown},
		{"wire-content-pictures", "serves each picture as it was told: type, size and digest", needsContentRoute, checkContentPictures},
		{"wire-content-unknown", "refuses content of what is not there, and to whoever has no token", needsContentRoute, checkContentUnknown},
		{"wire-openapi", "describes every route in OpenAPI 3.1", nil, checkOpenAPI},
		{"events-in-order", "streams one frame for each change, in order, and none for a refusal", nil, checkEventsInOrder},
		{"events-resume", "goes on after any event seen, without gap or repetition", nil, checkEventsResume},
		{"events-after-commit", "announces a change only once it can be read", nil, checkEventsAfterCommit},
		{"events-layers", "streams one frame for each change of a layer, which names it, and none of the visibility for it", needsLayer, checkEventsLayers},
		{"events-cursor", "answers 410 to a cursor that it cannot go on from", nil, checkEventsCursor},
	}
	for i, p := range list {
		list[i].needs = func(r *run) string {
			if why := needsWire(r); why != "" || p.needs == nil {
				return why
			}
			return p.needs(r)
		}
	}
	return list
}

// reply is an answer of the server.
type reply struct {
	status    int
	mediaType string
	header    http.Header
	body      []byte
}

// send sends one request; edit changes it before it leaves.
func (r *run) send(ctx context.Context, method, route string, body []byte, edit func(*http.Request)) (reply, error) {
	req, err := r.request(ctx, method, route, body)
	if err != nil {
		return reply{}, err
	}
	if edit != nil {
		edit(req)
	}
	// An answer that never ends, such as a stream that should have been
	// refused, must not hold the suite up.
	within, cancel := context.WithTimeout(ctx, r.Patience)
	defer cancel()
	res, err := r.client().Do(req.WithContext(within))
	if err != nil {
		return reply{}, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return reply{}, fmt.Errorf("%s %s answers %d and then: %w", method, route, res.StatusCode, err)
	}
	t, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type"))
	return reply{res.StatusCode, t, res.Header, b}, nil
}

func (r *run) request(ctx context.Context, method, route string, body []byte) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(r.Wire.URL, "/")+"/staff/v1/"+route, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+r.Wire.Token)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return req, nil
}

func (r *run) client() *http.Client {
	c := http.Client{}
	if r.Wire.Client != nil {
		c = *r.Wire.Client
	}
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &c
}

// document is JSON as it comes.
type document = map[string]any

// command is the body of a command.
func command(c platform.Command) document {
	d := document{"verb": c.Verb, "subject": document{"id": c.Subject.ID, "handle": c.Subject.Handle}}
	if c.Verb == platform.Warn {
		d["text"] = c.Told.Text
		return d
	}
	d["expect"], d["mark"] = document{"status": c.Expect.Status, "mark": c.Expect.Mark}, c.Mark
	if c.Layer != platform.VisibilityLayer {
		d["layer"] = c.Layer.String()
	}
	return d
}

func encode(d document) []byte {
	b, err := json.Marshal(d)
	if err != nil {
		panic(err) // strings and documents only
	}
	return b
}

func withKey(key string) func(*http.Request) {
	return func(req *http.Request) { req.Header.Set("Idempotency-Key", key) }
}

// post sends a command.
func (r *run) post(ctx context.Context, key string, d document) (reply, error) {
	return r.send(ctx, http.MethodPost, "commands", encode(d), withKey(key))
}

// done demands that an answer is 200 with JSON and returns it.
func (a reply) done() (document, error) {
	var d document
	if a.status != http.StatusOK || a.mediaType != "application/json" {
		return nil, fmt.Errorf("the answer is %d %s: %.200s", a.status, a.mediaType, a.body)
	}
	if err := json.Unmarshal(a.body, &d); err != nil {
		return nil, fmt.Errorf("the answer is not a JSON object: %w", err)
	}
	return d, nil
}

// problem demands that an answer is a problem with the status and one of the types.
func (a reply) problem(status int, types ...string) (document, error) {
	var d document
	if a.status != status {
		return nil, fmt.Errorf("the answer is %d, not %d: %.200s", a.status, status, a.body)
	}
	if a.mediaType != "application/problem+json" {
		return nil, fmt.Errorf("the answer %d is of type %q, not application/problem+json", a.status, a.mediaType)
	}
	if err := json.Unmarshal(a.body, &d); err != nil {
		return nil, fmt.Errorf("the problem is not a JSON object: %w", err)
	}
	typ, _ := d["type"].(string)
	title, _ := d["title"].(string)
	detail, _ := d["detail"].(string)
	if n, _ := d["status"].(float64); int(n) != status || typ == "" || title == "" || detail == "" {
		return nil, fmt.Errorf("the problem lacks type, title, detail or its status: %.200s", a.body)
	}
	if len(types) > 0 && !slices.Contains(types, path.Base(typ)) {
		return nil, fmt.Errorf("the problem is %q, not %q", path.Base(typ), types)
	}
	return d, nil
}

// at walks into a document.
func at(d document, names ...string) any {
	var v any = d
	for _, n := range names {
		m, ok := v.(document)
		if !ok {
			return nil
		}
		v = m[n]
	}
	return v
}

func stateIs(d document, status platform.Status, m platform.Mark, names ...string) error {
	if s, k := at(d, append(slices.Clone(names), "status")...), at(d, append(slices.Clone(names), "mark")...); s != string(status) || k != string(m) {
		return fmt.Errorf("%s is %v under %v, not %s", strings.Join(names, "."), s, k, platform.Describe(status, m))
	}
	return nil
}

func (r *run) staysUp(ctx context.Context) error {
	_, err := r.expectState(ctx, r.Account, platform.Up, "")
	return err
}

func checkToken(ctx context.Context, r *run) error {
	edits := map[string]func(*http.Request){
		"no token":      func(q *http.Request) { q.Header.Del("Authorization") },
		"a wrong token": func(q *http.Request) { q.Header.Set("Authorization", "Bearer "+r.Wire.Token+"x") },
		"an empty one":  func(q *http.Request) { q.Header.Set("Authorization", "Bearer ") },
		"another scheme": func(q *http.Request) {
			q.Header.Set("Authorization", "Basic "+r.Wire.Token)
		},
		"two tokens": func(q *http.Request) { q.Header.Add("Authorization", "Bearer "+r.Wire.Token+"x") },
	}
	body := encode(command(down(r.Account, r.mark())))
	for name, edit := range edits {
		for _, q := range []struct {
			method, route string
			body          []byte
		}{{"GET", "capabilities", nil}, {"GET", "subjects?id=" + r.Account.ID, nil}, {"GET", "commands/" + r.key(), nil},
			{"GET", "events", nil}, {"POST", "commands", body}} {
			a, err := r.send(ctx, q.method, q.route, q.body, func(req *http.Request) {
				req.Header.Set("Idempotency-Key", r.key())
				edit(req)
			})
			if err != nil {
				return err
			}
			if _, err := a.problem(http.StatusUnauthorized); err != nil {
				return fmt.Errorf("%s %s with %s: %w", q.method, q.route, name, err)
			}
		}
	}
	return r.staysUp(ctx)
}

func checkProblems(ctx context.Context, r *run) error {
	for route, want := range map[string]struct {
		status int
		typ    string
	}{
		"subjects?id=" + r.Missing.ID: {404, "no-such-subject"},
		"subjects?id=nonsense":        {400, "bad-subject"},
		"subjects":                    {400, "bad-subject"},
		"subjects?handle=nonsense":    {400, "bad-handle"},
		"nothing-is-here":             {404, "no-such-route"},
	} {
		a, err := r.send(ctx, http.MethodGet, route, nil, nil)
		if err != nil {
			return err
		}
		if _, err := a.problem(want.status, want.typ); err != nil {
			return fmt.Errorf("GET %s: %w", route, err)
		}
		if bytes.Contains(a.body, []byte(r.Wire.Token)) {
			return fmt.Errorf("GET %s: the answer holds the token", route)
		}
	}
	return nil
}

func checkMethods(ctx context.Context, r *run) error {
	for _, q := range []struct{ method, route, allow string }{
		{"DELETE", "subjects?id=" + r.Account.ID, "GET"}, {"POST", "capabilities", "GET"},
		{"GET", "commands", "POST"}, {"PUT", "commands/" + r.key(), "GET"}, {"POST", "events", "GET"},
	} {
		a, err := r.send(ctx, q.method, q.route, nil, nil)
		if err != nil {
			return err
		}
		if _, err := a.problem(http.StatusMethodNotAllowed); err != nil {
			return fmt.Errorf("%s %s: %w", q.method, q.route, err)
		}
		if !strings.Contains(a.header.Get("Allow"), q.allow) {
			return fmt.Errorf("%s %s: Allow is %q", q.method, q.route, a.header.Get("Allow"))
		}
	}
	return r.staysUp(ctx)
}

func checkMalformed(ctx context.Context, r *run) error {
	good := string(encode(command(down(r.Account, r.mark()))))
	edit := func(f func(document)) string {
		d := command(down(r.Account, r.mark()))
		f(d)
		return string(encode(d))
	}
	for name, body := range map[string]string{
		"nothing":                "",
		"not JSON":               "takedown please",
		"half a command":         good[:len(good)/2],
		"a list":                 "[" + good + "]",
		"two commands":           good + good,
		"something after":        good + " x",
		"a doubled member":       `{"verb":"takedown",` + good[1:],
		"an unknown member":      edit(func(d document) { d["force"] = true }),
		"an unknown inner one":   edit(func(d document) { d["expect"].(document)["any"] = true }),
		"a member in other case": strings.Replace(good, `"verb"`, `"Verb"`, 1),
		"no verb":                edit(func(d document) { delete(d, "verb") }),
		"an unknown verb":        edit(func(d document) { d["verb"] = "shout" }),
		"no subject":             edit(func(d document) { delete(d, "subject") }),
		"no expectation":         edit(func(d document) { delete(d, "expect") }),
		"an unknown status":      edit(func(d document) { d["expect"].(document)["status"] = "any" }),
		"a number for a mark":    edit(func(d document) { d["mark"] = 7 }),
		"a line feed in a mark":  edit(func(d document) { d["mark"] = "CSGN-a\nb" }),
		"an endless mark":        edit(func(d document) { d["mark"] = strings.Repeat("m", 201) }),
		"a mark over no mark":    edit(func(d document) { d["expect"] = document{"status": "down", "mark": ""} }),
		"a mark over itself":     edit(func(d document) { d["expect"] = document{"status": "down", "mark": d["mark"]} }),
		"a takedown over a mark of a deactivation": edit(func(d document) { d["expect"] = document{"status": "deactivated", "mark": "CSGN-check_x"} }),
		"no mark over one": edit(func(d document) {
			d["expect"], d["mark"] = document{"status": "down", "mark": "CSGN-check_x"}, ""
		}),
		"a mark with a restore": edit(func(d document) {
			d["verb"], d["expect"] = "restore", document{"status": "down", "mark": ""}
		}),
	} {
		a, err := r.send(ctx, http.MethodPost, "commands", []byte(body), withKey(r.key()))
		if err != nil {
			return err
		}
		if _, err := a.problem(http.StatusBadRequest); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	a, err := r.send(ctx, http.MethodPost, "commands", []byte(good), func(q *http.Request) {
		q.Header.Set("Idempotency-Key", r.key())
		q.Header.Set("Content-Type", "text/plain")
	})
	if err != nil {
		return err
	}
	if _, err := a.problem(http.StatusUnsupportedMediaType); err != nil {
		return fmt.Errorf("a body that says it is text: %w", err)
	}
	return r.staysUp(ctx)
}

func checkOversized(ctx context.Context, r *run) error {
	a, err := r.send(ctx, http.MethodGet, "capabilities", nil, nil)
	if err != nil {
		return err
	}
	d, err := a.done()
	if err != nil {
		return fmt.Errorf("capabilities: %w", err)
	}
	limit, _ := d["body_limit"].(float64)
	if limit < 4096 || limit > 1<<20 {
		return fmt.Errorf("the limit of a body is %v; it should be 4 KiB to 1 MiB", d["body_limit"])
	}
	good := encode(command(down(r.Account, r.mark())))
	// The body begins with a whole command. This finds a server that stops reading at its
	// limit and obeys the part that it has read.
	body := append(good, bytes.Repeat([]byte(" "), int(limit)+1-len(good))...)
	if a, err = r.send(ctx, http.MethodPost, "commands", body, withKey(r.key())); err != nil {
		return err
	}
	if _, err := a.problem(http.StatusRequestEntityTooLarge); err != nil {
		return err
	}
	return r.staysUp(ctx)
}

func checkKeyForm(ctx context.Context, r *run) error {
	body := encode(command(down(r.Account, r.mark())))
	for name, keys := range map[string][]string{
		"no key": nil, "an empty key": {""}, "two keys": {r.key(), r.key()}, "a key with a slash": {"a/b"},
		"a key with a space": {"a b"}, "an endless key": {strings.Repeat("k", 201)},
	} {
		a, err := r.send(ctx, http.MethodPost, "commands", body, func(q *http.Request) { q.Header["Idempotency-Key"] = keys })
		if err != nil {
			return err
		}
		if _, err := a.problem(http.StatusBadRequest, "bad-key"); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return r.staysUp(ctx)
}

func checkFirstAnswer(ctx context.Context, r *run) error {
	m := r.mark()
	for _, c := range []platform.Command{down(r.Account, m), down(r.Account, r.mark()), down(r.Missing, m)} {
		key := r.key()
		first, err := r.post(ctx, key, command(c))
		if err != nil {
			return err
		}
		again, err := r.post(ctx, key, command(c))
		if err != nil {
			return err
		}
		if first.status != again.status || first.mediaType != again.mediaType || !bytes.Equal(first.body, again.body) {
			return fmt.Errorf("first %d %.200s, then %d %.200s", first.status, first.body, again.status, again.body)
		}
	}
	return nil
}

func checkWireKeyReused(ctx context.Context, r *run) error {
	key, c := r.key(), down(r.Account, r.mark())
	a, err := r.post(ctx, key, command(c))
	if err != nil {
		return err
	}
	if _, err := a.done(); err != nil {
		return err
	}
	other := command(c)
	other["mark"] = string(r.mark())
	for _, d := range []document{other, command(up(r.Account, c.Mark))} {
		if a, err = r.post(ctx, key, d); err != nil {
			return err
		}
		if _, err := a.problem(http.StatusUnprocessableEntity, "key-reused"); err != nil {
			return err
		}
	}
	_, err = r.expectState(ctx, r.Account, platform.Down, c.Mark)
	return err
}

func checkWireWrongState(ctx context.Context, r *run) error {
	m := r.mark()
	if _, err := r.carryOut(ctx, down(r.Account, m)); err != nil {
		return err
	}
	a, err := r.post(ctx, r.key(), command(up(r.Account, r.mark())))
	if err != nil {
		return err
	}
	d, err := a.problem(http.StatusConflict, "wrong-state")
	if err != nil {
		return err
	}
	if at(d, "now", "id") != r.Account.ID {
		return fmt.Errorf("now.id is %v", at(d, "now", "id"))
	}
	return stateIs(d, platform.Down, m, "now")
}

func checkWireRevision(ctx context.Context, r *run) error {
	now, err := r.expectState(ctx, r.Account, platform.Up, "")
	if err != nil {
		return err
	}
	c := command(down(r.Account, r.mark()))
	c["expect"].(document)["rev"] = now.Rev + "0"
	a, err := r.post(ctx, r.key(), c)
	if err != nil {
		return err
	}
	if _, err := a.problem(http.StatusConflict, "wrong-state"); err != nil {
		return fmt.Errorf("another revision than %q: %w", now.Rev, err)
	}
	if err := r.staysUp(ctx); err != nil {
		return err
	}
	c["expect"].(document)["rev"] = now.Rev
	if a, err = r.post(ctx, r.key(), c); err != nil {
		return err
	}
	_, err = a.done()
	return err
}

func checkWireHandle(ctx context.Context, r *run) error {
	c := command(down(r.Account, r.mark()))
	c["subject"].(document)["handle"] = r.Account.Handle + "x"
	a, err := r.post(ctx, r.key(), c)
	if err != nil {
		return err
	}
	if _, err := a.problem(http.StatusConflict, "handle-moved"); err != nil {
		return err
	}
	if err := r.staysUp(ctx); err != nil {
		return err
	}
	delete(c["subject"].(document), "handle")
	if a, err = r.post(ctx, r.key(), c); err != nil {
		return err
	}
	_, err = a.done()
	return err
}

func checkWireLookup(ctx context.Context, r *run) error {
	done, refused, unknown := r.key(), r.key(), r.key()
	m := r.mark()
	first, err := r.post(ctx, done, command(down(r.Account, m)))
	if err != nil {
		return err
	}
	if _, err := r.post(ctx, refused, command(down(r.Account, r.mark()))); err != nil {
		return err
	}
	for key, outcome := range map[string]string{done: "done", refused: "refused", unknown: "unknown"} {
		a, err := r.send(ctx, http.MethodGet, "commands/"+key, nil, nil)
		if err != nil {
			return err
		}
		d, err := a.done()
		if err != nil {
			return fmt.Errorf("%s: %w", outcome, err)
		}
		if d["outcome"] != outcome || d["key"] != key || d["fenced"] != (outcome == "unknown") {
			return fmt.Errorf("%s: %.300s", outcome, a.body)
		}
		switch outcome {
		case "done":
			var receipt document
			if json.Unmarshal(first.body, &receipt) != nil || fmt.Sprint(receipt) != fmt.Sprint(d["receipt"]) {
				return fmt.Errorf("done: the receipt is not the first answer: %.300s", a.body)
			}
		case "refused":
			if typ, _ := at(d, "problem", "type").(string); path.Base(typ) != "wrong-state" {
				return fmt.Errorf("refused: the problem is not the first answer: %.300s", a.body)
			}
		}
	}
	a, err := r.post(ctx, unknown, command(up(r.Account, m)))
	if err != nil {
		return err
	}
	if _, err := a.problem(http.StatusConflict, "key-fenced"); err != nil {
		return err
	}
	_, err = r.expectState(ctx, r.Account, platform.Down, m)
	return err
}

func checkOpenAPI(ctx context.Context, r *run) error {
	a, err := r.send(ctx, http.MethodGet, "openapi.json", nil, nil)
	if err != nil {
		return err
	}
	d, err := a.done()
	if err != nil {
		return err
	}
	if v, _ := d["openapi"].(string); !strings.HasPrefix(v, "3.1.") {
		return fmt.Errorf("the document says openapi %v", d["openapi"])
	}
	for route, method := range map[string]string{"capabilities": "get", "subjects": "get", "commands": "post", "commands/{key}": "get", "events": "get"} {
		if at(d, "paths", "/staff/v1/"+route, method) == nil {
			return fmt.Errorf("%s /staff/v1/%s is not described", method, route)
		}
	}
	return nil
}

// stream is an open event stream.
type stream struct {
	body   io.ReadCloser
	lines  *bufio.Reader
	cursor int64
}

// follow opens the event stream; after < 0 means from now on.
func (r *run) follow(ctx context.Context, after int64, header bool) (*stream, error) {
	route := "events"
	if after >= 0 && !header {
		route += "?after=" + strconv.FormatInt(after, 10)
	}
	req, err := r.request(ctx, http.MethodGet, route, nil)
	if err != nil {
		return nil, err
	}
	if after >= 0 && header {
		req.Header.Set("Last-Event-ID", strconv.FormatInt(after, 10))
	}
	client := r.client()
	client.Timeout = 0
	res, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	if t, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type")); res.StatusCode != http.StatusOK || t != "text/event-stream" {
		res.Body.Close()
		return nil, fmt.Errorf("the answer is %d %s", res.StatusCode, t)
	}
	s := &stream{body: res.Body, lines: bufio.NewReader(res.Body)}
	name, id, _, err := s.frame()
	if err == nil && (name != "open" || after >= 0 && id != after) {
		err = fmt.Errorf("the first frame is %q %d; it should be open and name the cursor", name, id)
	}
	if err != nil {
		res.Body.Close()
		return nil, err
	}
	s.cursor = id
	return s, nil
}

// frame reads one frame and skips comments.
func (s *stream) frame() (name string, id int64, data document, err error) {
	id = -1
	for {
		line, err := s.lines.ReadString('\n')
		if err != nil {
			return "", 0, nil, fmt.Errorf("the stream ended: %w", err)
		}
		line = strings.TrimRight(line, "\r\n")
		if line == "" {
			if name == "" {
				continue
			}
			return name, id, data, nil
		}
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch field {
		case "event":
			name = value
		case "id":
			if id, err = strconv.ParseInt(value, 10, 64); err != nil {
				return "", 0, nil, fmt.Errorf("the id of a frame is %q", value)
			}
		case "data":
			if err := json.Unmarshal([]byte(value), &data); err != nil {
				return "", 0, nil, fmt.Errorf("the data of a frame are not JSON: %q", value)
			}
		}
	}
}

// next reads the next change of the subject, and demands a frame of this name. It skips
// changes of other subjects, since a platform in use has them.
func (s *stream) next(subject, want string) (document, error) {
	for {
		name, id, d, err := s.frame()
		if err != nil {
			return nil, err
		}
		if name != "change" && name != "layer" && name != "lock" {
			return nil, fmt.Errorf("a frame is called %q", name)
		}
		if id <= s.cursor {
			return nil, fmt.Errorf("after event %d comes %d", s.cursor, id)
		}
		if n, _ := d["id"].(float64); int64(n) != id {
			return nil, fmt.Errorf("frame %d says that it is %v", id, d["id"])
		}
		s.cursor = id
		if d["subject"] != subject {
			continue
		}
		if name != want {
			return nil, fmt.Errorf("frame %d is called %q, not %q", id, name, want)
		}
		return d, nil
	}
}

// patiently ends f when it takes too long.
func (r *run) patiently(ctx context.Context, f func(context.Context) error) error {
	within, cancel := context.WithTimeout(ctx, r.Patience)
	defer cancel()
	err := f(within)
	if err != nil && errors.Is(within.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("what must come did not come within %v: %w", r.Patience, err)
	}
	return err
}

// expectEvent demands the next change of the scratch account.
func (r *run) expectEvent(s *stream, status platform.Status, m platform.Mark) error {
	return expectLayerEvent(s, r.Account.ID, platform.VisibilityLayer, platform.Expect{Status: status, Mark: m})
}

// expectLayerEvent demands the next change of a subject, in the frame that its layer has.
func expectLayerEvent(s *stream, subject string, l platform.Layer, want platform.Expect) error {
	name := "change"
	if l != platform.VisibilityLayer {
		name = "layer"
	}
	d, err := s.next(subject, name)
	if err != nil {
		return err
	}
	if at, _ := d["at"].(string); at == "" {
		return fmt.Errorf("event %d says not when it was", s.cursor)
	}
	if layer, _ := d["layer"].(string); name == "layer" && layer != l.String() {
		return fmt.Errorf("event %d is about %q, not %q", s.cursor, layer, l)
	}
	if d["status"] != string(want.Status) || d["mark"] != string(want.Mark) {
		return fmt.Errorf("event %d is %v under %q, not %s", s.cursor, d["status"], d["mark"], platform.DescribeIn(l, want))
	}
	return nil
}

func checkEventsInOrder(ctx context.Context, r *run) error {
	return r.patiently(ctx, func(ctx context.Context) error {
		s, err := r.follow(ctx, -1, false)
		if err != nil {
			return err
		}
		defer s.body.Close()
		for range 3 {
			m := r.mark()
			if _, err := r.carryOut(ctx, down(r.Account, m)); err != nil {
				return err
			}
			if err := r.wrongState(ctx, up(r.Account, r.mark()), platform.Down, m); err != nil {
				return err
			}
			if _, err := r.carryOut(ctx, up(r.Account, m)); err != nil {
				return err
			}
			if err := r.expectEvent(s, platform.Down, m); err != nil {
				return err
			}
			if err := r.expectEvent(s, platform.Up, ""); err != nil {
				return err
			}
		}
		return nil
	})
}

func checkEventsResume(ctx context.Context, r *run) error {
	return r.patiently(ctx, func(ctx context.Context) error {
		live, err := r.follow(ctx, -1, false)
		if err != nil {
			return err
		}
		cursors, marks := []int64{live.cursor}, []platform.Mark{}
		for range 3 {
			m := r.mark()
			if _, err := r.carryOut(ctx, down(r.Account, m)); err != nil {
				return err
			}
			if _, err := r.carryOut(ctx, up(r.Account, m)); err != nil {
				return err
			}
			marks = append(marks, m)
			for _, want := range []platform.Expect{{Status: platform.Down, Mark: m}, {Status: platform.Up}} {
				if err := r.expectEvent(live, want.Status, want.Mark); err != nil {
					return err
				}
				cursors = append(cursors, live.cursor)
			}
		}
		live.body.Close()
		for i, cursor := range cursors[:len(cursors)-1] {
			s, err := r.follow(ctx, cursor, i%2 == 0)
			if err != nil {
				return fmt.Errorf("going on after %d: %w", cursor, err)
			}
			for j := i; j < 2*len(marks); j++ {
				if j%2 == 0 {
					err = r.expectEvent(s, platform.Down, marks[j/2])
				} else {
					err = r.expectEvent(s, platform.Up, "")
				}
				if err == nil && s.cursor != cursors[j+1] {
					err = fmt.Errorf("the event that was %d is %d now", cursors[j+1], s.cursor)
				}
				if err != nil {
					s.body.Close()
					return fmt.Errorf("going on after %d: %w", cursor, err)
				}
			}
			s.body.Close()
		}
		return nil
	})
}

func checkEventsAfterCommit(ctx context.Context, r *run) error {
	return r.patiently(ctx, func(ctx context.Context) error {
		s, err := r.follow(ctx, -1, false)
		if err != nil {
			return err
		}
		defer s.body.Close()
		for range 5 {
			m := r.mark()
			sent := make(chan error, 1)
			go func() {
				_, err := r.post(ctx, r.key(), command(down(r.Account, m)))
				sent <- err
			}()
			// The frame may overtake the answer, but not the commit.
			err := r.expectEvent(s, platform.Down, m)
			if err == nil {
				_, err = r.expectState(ctx, r.Account, platform.Down, m)
			}
			if sendErr := <-sent; err == nil {
				err = sendErr
			}
			if err != nil {
				return err
			}
			if _, err := r.carryOut(ctx, up(r.Account, m)); err != nil {
				return err
			}
			if err := r.expectEvent(s, platform.Up, ""); err != nil {
				return err
			}
		}
		return nil
	})
}

func checkEventsCursor(ctx context.Context, r *run) error {
	for cursor, want := range map[string]struct {
		status int
		typ    string
	}{
		"9007199254740991": {http.StatusGone, "cursor-gone"}, // from a future that was lost
		"-1":               {http.StatusBadRequest, "bad-cursor"},
		"now":              {http.StatusBadRequest, "bad-cursor"},
	} {
		err := r.patiently(ctx, func(ctx context.Context) error {
			a, err := r.send(ctx, http.MethodGet, "events?after="+cursor, nil, nil)
			if err != nil {
				return err
			}
			_, err = a.problem(want.status, want.typ)
			return err
		})
		if err != nil {
			return fmt.Errorf("after %s: %w", cursor, err)
		}
	}
	return nil
}
