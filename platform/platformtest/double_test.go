package platformtest_test

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// double is a second implementation of the platform protocol, in memory and
// written from the document alone. Without a flaw it keeps every promise; with
// one it breaks exactly what the flaw says. It has the optional promises if it is layered.
type double struct {
	mu       sync.Mutex
	flaw     string
	layered  bool
	tells    bool     // what people see of a subject
	leaves   []string // abilities that a layered double leaves out
	told     []string // warnings to the holder of acct/1
	token    string
	subjects map[string]*subject
	keys     map[string]*remembered
	events   []map[string]any
	changed  chan struct{}
	rivals   int

	layerRevs int
	looked    chan struct{} // somebody read while an early event was out
}

type subject struct {
	id, handle, status, mark string
	rev                      int
	off                      bool // deactivated, which a takedown hides
	layers                   map[string]layer
}

// layer is one that stands.
type layer struct{ mark, rev string }

// labels are the labels that a layered double offers.
func (d *double) labels() []string {
	all := []string{}
	for i := range 22 {
		all = append(all, fmt.Sprintf("label-%02d", i))
	}
	if d.is("labels-unsorted") {
		all[0], all[1] = all[1], all[0]
	}
	if d.is("label-of-another-form") {
		all = append(all, "Zebra")
	}
	if d.is("labels-without-values") {
		return nil
	}
	return all
}

// layerStatus is the status of a layer that stands, or does not.
func layerStatus(l string, stands bool) string {
	return map[bool]map[bool]string{true: {true: "limited", false: "none"}, false: {true: "set", false: "unset"}}[l == "limit"][stands]
}

type remembered struct {
	command, outcome string
	status           int
	body             []byte
}

func newDouble(flaw string) *double {
	return &double{flaw: flaw, token: "token", keys: map[string]*remembered{}, changed: make(chan struct{}),
		subjects: map[string]*subject{
			"acct/1": {id: "acct/1", handle: "@scratch", status: "up", rev: 1},
			"post/1": {id: "post/1", status: "up", rev: 1},
		}}
}

// newLayeredDouble has limits, labels and warnings.
func newLayeredDouble(flaw string) *double {
	d := newDouble(flaw)
	d.layered = true
	return d
}

func (d *double) is(flaw string) bool { return d.flaw == flaw }

type problemError struct {
	status int
	typ    string
	more   map[string]any
}

func refuse(status int, typ string) *problemError { return &problemError{status: status, typ: typ} }

func (d *double) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	status, body, p := d.answer(w, r)
	if p != nil {
		doc := map[string]any{"type": "https://double.example/" + p.typ, "title": p.typ, "status": p.status, "detail": "Refused: " + p.typ + "."}
		for k, v := range p.more {
			doc[k] = v
		}
		status, body = p.status, mustJSON(doc)
	}
	if body == nil {
		return
	}
	mediaType := "application/json"
	if status >= 400 {
		mediaType = "application/problem+json"
		if d.is("html-errors") {
			mediaType = "text/html"
		}
	}
	w.Header().Set("Content-Type", mediaType)
	w.WriteHeader(status)
	w.Write(body)
}

func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

func (d *double) answer(w http.ResponseWriter, r *http.Request) (int, []byte, *problemError) {
	route := strings.TrimPrefix(r.URL.Path, "/staff/v1/")
	method, ok := map[string]string{"openapi.json": "GET", "capabilities": "GET", "subjects": "GET", "commands": "POST", "events": "GET"}[route]
	key, lookup := strings.CutPrefix(route, "commands/")
	if lookup {
		method, ok = "GET", true
	}
	if d.tells && (route == "content" || route == "content/picture") {
		method, ok = "GET", true
	}
	if !ok {
		return 0, nil, refuse(404, "no-such-route")
	}
	if r.Method != method && !d.is("any-method") {
		w.Header().Set("Allow", method)
		return 0, nil, refuse(405, "method-not-allowed")
	}
	auth := r.Header.Values("Authorization")
	if d.is("any-of-two-tokens") && len(auth) == 2 {
		auth = auth[:1]
	}
	if route != "openapi.json" && (len(auth) != 1 || auth[0] != "Bearer "+d.token) && !d.is("any-token") {
		return 0, nil, refuse(401, "bad-token")
	}
	switch {
	case route == "openapi.json":
		return 200, d.openAPI(), nil
	case route == "capabilities":
		return 200, d.capabilities(), nil
	case route == "subjects":
		return d.read(r)
	case route == "events":
		return d.stream(w, r)
	case route == "content":
		return d.content(r)
	case route == "content/picture":
		return d.contentPicture(w, r)
	case lookup:
		return d.lookUp(key)
	}
	return d.command(r)
}

func (d *double) openAPI() []byte {
	paths := map[string]any{}
	for _, p := range []string{"capabilities", "subjects", "events", "commands/{key}"} {
		paths["/staff/v1/"+p] = map[string]any{"get": map[string]any{}}
	}
	if !d.is("openapi-lacks-a-route") {
		paths["/staff/v1/commands"] = map[string]any{"post": map[string]any{}}
	}
	return mustJSON(map[string]any{"openapi": "3.1.0", "paths": paths})
}

func (d *double) capabilities() []byte {
	abilities := []map[string]any{}
	can := []string{"takedown account", "restore account", "deactivate account", "reactivate account", "takedown content", "restore content"}
	if d.layered {
		can = append(can, "limit account", "unlimit account", "label account", "unlabel account", "limit content", "label content", "unlabel content", "warn account")
		if !d.is("limit-for-ever") {
			can = append(can, "unlimit content")
		}
		if d.is("warns-posts") {
			can = append(can, "warn content")
		}
	}
	for _, a := range can {
		if slices.Contains(d.leaves, a) {
			continue
		}
		verb, sort, _ := strings.Cut(a, " ")
		marks := verb == "takedown" || verb == "deactivate" || verb == "limit" || verb == "label"
		if d.is("limit-without-mark") && verb == "limit" {
			marks = false
		}
		abilities = append(abilities, map[string]any{"verb": verb, "sort": sort, "lossy": "", "marks": marks})
		if d.is("ability-twice") {
			abilities = append(abilities, abilities[0])
		}
	}
	doc := map[string]any{"protocol": "staff/v1", "platform": "double", "abilities": abilities,
		"facts": []string{"followers", "verified", "office", "created", "owner"}, "compare_and_set": true, "lookup": true,
		"request_life": 5, "body_limit": bodyLimit, "event_backlog": 1000}
	if d.layered {
		doc["labels"] = d.labels()
	}
	if d.tells {
		doc["offers"] = []string{"content"}
	}
	return mustJSON(doc)
}

const bodyLimit = 32768

func (d *double) state(s *subject) map[string]any {
	sort := "account"
	facts := map[string]any{"followers": 3, "verified": false, "office": "", "created": 1}
	if strings.HasPrefix(s.id, "post/") {
		sort = "content"
		facts["owner"] = "acct/1"
	}
	if d.is("fact-missing") {
		delete(facts, "office")
	}
	rev := strconv.Itoa(s.rev)
	if d.is("revision-comes-again") {
		rev = "r" + strconv.Itoa(s.rev%2)
	}
	if d.is("revision-without-change") {
		s.rev++
	}
	status := s.status
	if d.is("unknown-status") && status == "down" {
		status = "limited"
	}
	doc := map[string]any{"id": s.id, "handle": s.handle, "sort": sort, "status": status, "mark": s.mark, "rev": rev,
		"facts": facts, "at": "2026-11-23T05:39:46.000000Z"}
	if d.layered {
		doc["layers"] = d.standing(s)
	}
	return doc
}

// standing lists the layers that stand on a subject.
func (d *double) standing(s *subject) []map[string]any {
	all := []map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(s.layers)) {
		l := s.layers[name]
		one := map[string]any{"layer": name, "status": layerStatus(name, true), "mark": l.mark, "rev": l.rev}
		if d.is("layer-revision-of-the-subject") {
			one["rev"] = strconv.Itoa(s.rev)
		}
		all = append(all, one)
	}
	if d.is("layers-unsorted") {
		slices.Reverse(all)
	}
	if d.is("layers-hidden-when-down") && s.status != "up" {
		return nil
	}
	if d.is("layers-listed-when-clear") && s.layers["limit"] == (layer{}) {
		all = append(all, map[string]any{"layer": "limit", "status": "none", "mark": "", "rev": "0"})
	}
	return all
}

func (d *double) read(r *http.Request) (int, []byte, *problemError) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.looked != nil {
		close(d.looked)
		d.looked = nil
	}
	id, handle := r.URL.Query().Get("id"), r.URL.Query().Get("handle")
	if id != "" {
		if !strings.HasPrefix(id, "acct/") && !strings.HasPrefix(id, "post/") {
			return 0, nil, refuse(400, "bad-subject")
		}
		s := d.subjects[id]
		if s == nil && d.is("everything-exists") {
			s = &subject{id: id, handle: "@ghost", status: "up", rev: 1}
		}
		if s == nil {
			return 0, nil, refuse(404, "no-such-subject")
		}
		return 200, mustJSON(d.state(s)), nil
	}
	if handle == "" {
		return 0, nil, refuse(400, "bad-subject")
	}
	if handle[0] != '@' {
		return 0, nil, refuse(400, "bad-handle")
	}
	if strings.EqualFold(handle, "@scratch") && (handle == "@scratch" || !d.is("case-sensitive-handles")) {
		return 200, mustJSON(d.state(d.subjects["acct/1"])), nil
	}
	return 0, nil, refuse(404, "no-such-subject")
}

type body struct {
	Verb    string `json:"verb"`
	Layer   string `json:"layer"`
	Until   string `json:"until"`
	Text    string `json:"text"`
	Subject *struct {
		ID     string `json:"id"`
		Handle string `json:"handle"`
	} `json:"subject"`
	Expect *struct {
		Status string `json:"status"`
		Mark   string `json:"mark"`
		Rev    string `json:"rev"`
	} `json:"expect"`
	Mark string `json:"mark"`
}

// parse is strict in its own way: the members are counted in the raw text.
func (d *double) parse(raw []byte) (b body, ok bool) {
	dec := json.NewDecoder(strings.NewReader(string(raw)))
	dec.DisallowUnknownFields()
	if d.is("unknown-members-pass") {
		dec = json.NewDecoder(strings.NewReader(string(raw)))
	}
	if dec.Decode(&b) != nil {
		return b, false
	}
	if _, err := dec.Token(); err != io.EOF && !d.is("two-commands-pass") {
		return b, false
	}
	if !d.is("doubled-members-pass") && (strings.Count(string(raw), `"verb"`) != 1 || strings.Contains(string(raw), `"Verb"`)) {
		return b, false
	}
	if b.Subject != nil && d.layered && b.Verb == "warn" {
		return b, d.parseWarning(b)
	}
	if b.Subject == nil || b.Expect == nil || len(b.Mark) > 200 || strings.ContainsAny(b.Mark, "\n ") || b.Text != "" && !d.is("text-passes") {
		return b, false
	}
	if _, err := time.Parse("2006-01-02T15:04:05.000000Z", b.Until); b.Until != "" && (err != nil || !d.layered || b.Mark == "" && !d.is("until-with-a-lift")) && !d.is("any-until") {
		return b, false
	}
	if d.layered && (b.Verb == "limit" || b.Verb == "unlimit" || b.Verb == "label" || b.Verb == "unlabel") {
		return b, d.parseLayer(b)
	}
	if b.Layer != "" && !d.is("layer-with-any-verb") {
		return b, false
	}
	from := map[string]string{"takedown": "up", "restore": "down", "deactivate": "up", "reactivate": "deactivated"}[b.Verb]
	// A mark takes the place of another that is named.
	if b.Verb == "takedown" && b.Expect.Status == "down" && (b.Mark != "" && b.Expect.Mark != "" && b.Mark != b.Expect.Mark || d.is("mark-over-itself")) && !d.is("confirms-nothing") {
		from = "down"
	}
	if b.Verb == "takedown" && b.Expect.Status == "deactivated" && (b.Expect.Mark == "" || d.is("hides-a-mark")) && !d.is("refuses-what-is-deactivated") {
		from = "deactivated"
	}
	lifts := b.Verb == "restore" || b.Verb == "reactivate"
	return b, from != "" && from == b.Expect.Status && !(lifts && b.Mark != "")
}

var labelForm = regexp.MustCompile(`^label:[a-z0-9][a-z0-9-]{0,63}$`)

// parseLayer checks a command of a layer.
func (d *double) parseLayer(b body) bool {
	sets, limits := b.Verb == "limit" || b.Verb == "label", strings.HasSuffix(b.Verb, "limit")
	if limits && b.Layer != "limit" || !limits && !labelForm.MatchString(b.Layer) {
		if d.is("any-layer") && b.Layer != "" {
			return true
		}
		return false
	}
	switch {
	case !sets && b.Mark != "", !sets && b.Expect.Status != layerStatus(b.Layer, true):
		return false
	case b.Verb == "limit" && b.Expect.Status == "limited":
		return b.Mark != "" && b.Expect.Mark != "" && b.Mark != b.Expect.Mark && !d.is("limit-confirms-nothing") || d.is("limit-over-itself")
	case sets && (b.Expect.Status != layerStatus(b.Layer, false) || b.Expect.Mark != ""):
		return false
	}
	value := strings.TrimPrefix(b.Layer, "label:")
	return b.Verb != "label" || slices.Contains(d.labels(), value) || d.is("any-label")
}

// parseWarning checks a warning.
func (d *double) parseWarning(b body) bool {
	if d.is("any-warning") {
		return true
	}
	visible := strings.TrimSpace(b.Text) != "" && !strings.Contains(b.Text, "\a")
	most := 5000
	if d.is("short-warnings") {
		most = 4999
	}
	return strings.HasPrefix(b.Subject.ID, "acct/") && b.Layer == "" && b.Expect == nil && b.Mark == "" && b.Until == "" && visible && len([]rune(b.Text)) <= most
}

func (d *double) command(r *http.Request) (int, []byte, *problemError) {
	keys := r.Header.Values("Idempotency-Key")
	if !d.is("any-key") && (len(keys) != 1 || keys[0] == "" || len(keys[0]) > 200 || strings.ContainsAny(keys[0], "/ ")) {
		return 0, nil, refuse(400, "bad-key")
	}
	key := strings.Join(keys, "")
	if r.Header.Get("Content-Type") != "application/json" {
		return 0, nil, refuse(415, "not-json")
	}
	limit := int64(bodyLimit)
	raw, err := io.ReadAll(io.LimitReader(r.Body, limit+1))
	if err != nil {
		return 0, nil, refuse(400, "malformed")
	}
	if int64(len(raw)) > limit {
		if !d.is("oversized-is-cut") {
			return 0, nil, refuse(413, "body-too-large")
		}
		raw = raw[:limit]
	}
	b, ok := d.parse(raw)
	if !ok {
		return 0, nil, refuse(400, "malformed")
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	text := fmt.Sprint(b.Verb, b.Layer, *b.Subject, b.Mark, b.Until, b.Text)
	if b.Expect != nil {
		text += fmt.Sprint(*b.Expect)
	}
	if k := d.keys[key]; k != nil && !d.is("keys-are-ignored") && !(d.is("warns-twice") && b.Verb == "warn" && k.outcome == "done") && !(d.is("warns-late") && b.Verb == "warn") {
		switch {
		case k.outcome == "unknown" && !d.is("no-fence"):
			return 0, nil, refuse(409, "key-fenced")
		case k.outcome == "refused" && d.is("refusals-are-retried"), k.outcome == "unknown":
		case k.command != text && !d.is("key-reuse-passes"):
			if d.is("key-reuse-is-409") {
				return 0, nil, refuse(409, "key-fenced")
			}
			return 0, nil, refuse(422, "key-reused")
		case d.is("second-answer-differs") && k.status == 200:
			return 200, append([]byte(" "), k.body...), nil
		case k.status >= 400:
			return k.status, k.body, nil
		default:
			return 200, k.body, nil
		}
	}
	status, answer, p := d.change(b, key)
	k := &remembered{text, "done", status, answer}
	if p != nil {
		k.outcome, k.status = "refused", p.status
		doc := map[string]any{"type": "https://double.example/" + p.typ, "title": p.typ, "status": p.status, "detail": "Refused: " + p.typ + "."}
		for n, v := range p.more {
			doc[n] = v
		}
		k.body = mustJSON(doc)
	}
	d.keys[key] = k
	if d.is("fails-after-the-act") && p == nil {
		return 0, nil, refuse(500, "internal")
	}
	return status, answer, p
}

func (d *double) change(b body, key string) (int, []byte, *problemError) {
	s := d.subjects[b.Subject.ID]
	if s == nil {
		if d.is("takedown-of-nothing") {
			ghost := &subject{id: b.Subject.ID, handle: "@ghost", status: "down", mark: b.Mark, rev: 2}
			return 200, mustJSON(map[string]any{"key": key, "verb": b.Verb, "before": d.state(ghost), "after": d.state(ghost)}), nil
		}
		return 0, nil, refuse(404, "no-such-subject")
	}
	if b.Subject.Handle != "" && !strings.EqualFold(b.Subject.Handle, s.handle) && !d.is("handle-ignored") {
		return 0, nil, &problemError{409, "handle-moved", map[string]any{"now": d.state(s)}}
	}
	if b.Verb == "warn" {
		return d.warn(s, b, key)
	}
	if b.Layer != "" {
		return d.cover(s, b, key)
	}
	statusWrong := s.status != b.Expect.Status && !d.is("status-ignored")
	markWrong := s.mark != b.Expect.Mark && !d.is("mark-ignored") && !(d.is("marks-are-overwritten") && b.Verb == "takedown")
	if d.is("marks-in-any-case") && strings.EqualFold(s.mark, b.Expect.Mark) {
		markWrong = false
	}
	revWrong := b.Expect.Rev != "" && b.Expect.Rev != strconv.Itoa(s.rev) && !d.is("revision-ignored")
	if d.is("rivals-both-win") && b.Verb == "takedown" && s.status == "down" && d.rivals < 8 {
		d.rivals++
		statusWrong, markWrong = false, false
	}
	if statusWrong || markWrong || revWrong {
		p := &problemError{409, "wrong-state", map[string]any{"now": d.state(s)}}
		if d.is("wrong-state-says-nothing") {
			p.more = nil
		}
		if d.is("events-for-refusals") {
			d.event(s)
		}
		if d.is("measure-before-refusal") {
			s.mark = "CSGN-check_other"
		}
		return 0, nil, p
	}
	if d.is("events-early") && b.Verb == "takedown" && d.looked == nil {
		// Announce, let one reader look, then do it.
		early := *s
		early.status, early.mark = "down", b.Mark
		d.event(&early)
		looked := make(chan struct{})
		d.looked = looked
		d.mu.Unlock()
		select {
		case <-looked:
		case <-time.After(20 * time.Millisecond):
		}
		d.mu.Lock()
		d.looked = nil
	}
	before := d.state(s)
	if !d.is("pretends") {
		s.status = map[string]string{"takedown": "down", "restore": "up", "deactivate": "deactivated", "reactivate": "up"}[b.Verb]
		s.mark = b.Mark
		switch {
		case b.Verb == "deactivate", b.Verb == "reactivate":
			s.off = s.status == "deactivated"
		case b.Verb == "restore" && s.off && !d.is("forgets-who-was-away"):
			s.status = "deactivated"
		}
		if d.is("mark-not-kept") {
			s.mark = ""
		}
		if d.is("restore-lifts-all") && b.Verb == "restore" {
			s.layers = nil
		}
		if d.is("lifts-what-has-ended") && b.Until != "" && b.Until < "2026" {
			s.status, s.mark = "up", ""
		}
		if d.is("mark-stays") && s.status == "up" {
			s.mark = b.Expect.Mark
		}
		s.rev++
		if d.is("content-takes-account-down") && s.id == "post/1" {
			d.subjects["acct/1"].status, d.subjects["acct/1"].mark = s.status, s.mark
		}
		announced := d.is("events-early") && b.Verb == "takedown"
		if !announced && !d.is("events-lost") || d.is("events-lost") && s.rev%5 != 0 {
			d.event(s)
		}
	}
	after := d.state(s)
	if d.is("pretends") {
		after["status"], after["mark"], after["rev"] = map[string]string{"takedown": "down", "restore": "up"}[b.Verb], b.Mark, "99"
	}
	return 200, mustJSON(map[string]any{"key": key, "verb": b.Verb, "before": before, "after": after}), nil
}

// warn tells the account holder something.
func (d *double) warn(s *subject, b body, key string) (int, []byte, *problemError) {
	before := d.state(s)
	d.told = append(d.told, b.Text)
	switch d.flaw {
	case "warning-labels":
		d.set(s, "label:label-00", "CSGN-check_warning")
	case "warning-moves":
		s.rev++
	case "event-of-a-warning":
		d.event(s)
	}
	return 200, mustJSON(map[string]any{"key": key, "verb": b.Verb, "before": before, "after": d.state(s)}), nil
}

// cover sets or lifts a layer.
func (d *double) cover(s *subject, b body, key string) (int, []byte, *problemError) {
	now, stands := s.layers[b.Layer]
	rev := now.rev
	if d.is("layer-compares-the-subject's-revision") {
		rev = strconv.Itoa(s.rev)
	}
	wrong := layerStatus(b.Layer, stands) != b.Expect.Status || now.mark != b.Expect.Mark && !d.is("layer-mark-ignored") || b.Expect.Rev != "" && b.Expect.Rev != rev && !d.is("layer-revision-ignored")
	if d.is("layer-rivals-both-win") && b.Expect.Status == layerStatus(b.Layer, false) {
		wrong = false
	}
	if d.is("marks-are-the-subject's") {
		for _, other := range s.layers {
			wrong = wrong && other.mark != b.Expect.Mark
		}
	}
	if d.is("one-layer-at-a-time") && !stands && (len(s.layers) > 0 || s.status == "down") || d.is("no-layer-when-down") && s.status != "up" {
		wrong = true
	}
	if wrong {
		if d.is("events-for-refusals") {
			d.layerEvent(s, b.Layer, layerStatus(b.Layer, stands), now.mark)
		}
		p := &problemError{409, "wrong-state", map[string]any{"now": d.state(s)}}
		if d.is("layer-refusal-hides-layers") {
			delete(p.more["now"].(map[string]any), "layers")
		}
		return 0, nil, p
	}
	if labels := len(s.layers); b.Verb == "label" && !d.is("any-number-of-labels") {
		if _, limited := s.layers["limit"]; limited {
			labels--
		}
		if labels >= 20 {
			return 0, nil, &problemError{409, "too-many-labels", map[string]any{"now": d.state(s)}}
		}
	}
	before := d.state(s)
	sets := b.Verb == "limit" || b.Verb == "label"
	switch {
	case sets && d.is("layer-mark-not-kept"):
		d.set(s, b.Layer, "")
	case sets && b.Until != "" && b.Until < "2026" && d.is("lifts-what-has-ended"):
	case sets:
		d.set(s, b.Layer, b.Mark)
	default:
		delete(s.layers, b.Layer)
		if d.is("unlabels-all") {
			s.layers = nil
		}
	}
	if d.is("label-moves-the-subject") {
		s.rev++
	}
	if d.is("limit-takes-down") && b.Verb == "limit" {
		s.status, s.mark = "down", b.Mark
	}
	status, mark := layerStatus(b.Layer, sets), b.Mark
	switch d.flaw {
	case "layer-event-of-another":
		d.layerEvent(s, "label:label-21", status, mark)
	case "layer-event-is-a-change":
		d.event(s)
	case "layer-events-lost":
	default:
		d.layerEvent(s, b.Layer, status, mark)
	}
	return 200, mustJSON(map[string]any{"key": key, "verb": b.Verb, "before": before, "after": d.state(s)}), nil
}

// set puts a layer on a subject.
func (d *double) set(s *subject, name, mark string) {
	all := map[string]layer{}
	for k, v := range s.layers {
		all[k] = v
	}
	d.layerRevs++
	all[name] = layer{mark, "l" + strconv.Itoa(d.layerRevs)}
	if d.is("layer-revision-comes-again") {
		all[name] = layer{mark, "l1"}
	}
	s.layers = all
}

// layerEvent announces a change of a layer.
func (d *double) layerEvent(s *subject, name, status, mark string) {
	d.event(s)
	e := d.events[len(d.events)-1]
	e["layer"], e["status"], e["mark"], e["rev"] = name, status, mark, "l"+strconv.Itoa(d.layerRevs)
}

func (d *double) event(s *subject) {
	e := map[string]any{"id": len(d.events) + 1, "subject": s.id, "handle": s.handle, "status": s.status, "mark": s.mark,
		"rev": strconv.Itoa(s.rev), "by": "tester", "at": "2026-11-23T05:39:46.000000Z"}
	d.events = append(d.events, e)
	close(d.changed)
	d.changed = make(chan struct{})
}

func (d *double) lookUp(key string) (int, []byte, *problemError) {
	d.mu.Lock()
	defer d.mu.Unlock()
	k := d.keys[key]
	if k == nil {
		k = &remembered{outcome: "unknown"}
		d.keys[key] = k
	}
	a := map[string]any{"key": key, "outcome": k.outcome, "fenced": k.outcome == "unknown" && !d.is("fence-denied")}
	switch {
	case d.is("lookup-knows-nothing"):
		a["outcome"], a["fenced"] = "unknown", true
	case d.is("lookup-says-done") && k.outcome == "refused":
		a["outcome"] = "done"
		a["receipt"] = map[string]any{}
	case k.outcome == "done" && d.is("lookup-tells-the-present"):
		var receipt map[string]any
		if err := json.Unmarshal(k.body, &receipt); err != nil {
			panic(err)
		}
		receipt["after"] = d.state(d.subjects["acct/1"])
		a["receipt"] = receipt
	case k.outcome == "done":
		a["receipt"] = json.RawMessage(k.body)
	case k.outcome == "refused":
		a["problem"] = json.RawMessage(k.body)
	}
	return 200, mustJSON(a), nil
}

func (d *double) stream(w http.ResponseWriter, r *http.Request) (int, []byte, *problemError) {
	cursor := r.Header.Get("Last-Event-ID")
	if cursor == "" || d.is("last-event-id-ignored") {
		cursor = r.URL.Query().Get("after")
	}
	d.mu.Lock()
	after := len(d.events)
	d.mu.Unlock()
	if cursor != "" {
		n, err := strconv.Atoi(cursor)
		if err != nil || n < 0 {
			return 0, nil, refuse(400, "bad-cursor")
		}
		if n > after && !d.is("any-cursor") {
			return 0, nil, &problemError{410, "cursor-gone", map[string]any{"oldest": 0, "newest": after}}
		}
		after = n
	}
	w.Header().Set("Content-Type", "text/event-stream")
	fmt.Fprintf(w, "event: open\nid: %d\ndata: {\"after\":%d}\n\n", after, after)
	if d.is("resume-repeats") && cursor != "" && after > 0 {
		after--
	}
	for {
		w.(http.Flusher).Flush()
		d.mu.Lock()
		var news []map[string]any
		if after < len(d.events) {
			news = d.events[after:]
		}
		changed := d.changed
		d.mu.Unlock()
		if d.is("events-backwards") && len(news) > 1 {
			news = []map[string]any{news[1], news[0]}
		}
		for _, e := range news {
			name := "change"
			if e["layer"] != nil {
				name = "layer"
			}
			fmt.Fprintf(w, ": a comment\n\nevent: "+name+"\nid: %d\ndata: %s\n\n", e["id"], mustJSON(e))
		}
		after += len(news)
		if len(news) > 0 {
			continue
		}
		select {
		case <-changed:
		case <-r.Context().Done():
			return 0, nil, nil
		case <-time.After(time.Minute):
			return 0, nil, nil
		}
	}
}
