package plaza_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/platform"
	connector "countersign.dev/platform/plaza"
)

var spam = platform.LabelLayer("spam")

// set is a command that puts a measure on a layer of ada that bears none.
func set(verb platform.Verb, l platform.Layer, m platform.Mark) platform.Command {
	return platform.Command{Verb: verb, Layer: l, Subject: ada, Expect: platform.Expect{Status: l.Clear()}, Mark: m}
}

// lift is a command that takes the measure under a mark away from a layer of ada.
func lift(verb platform.Verb, l platform.Layer, m platform.Mark) platform.Command {
	return platform.Command{Verb: verb, Layer: l, Subject: ada, Expect: platform.Expect{Status: l.Bears(), Mark: m}}
}

// TestLayersApart: a label, a limit and a takedown under one mark neither see nor touch
// each other, and each receipt is about its own layer.
func TestLayersApart(t *testing.T) {
	to := newTown(t)
	const mark = "CSGN-req_1"
	want := platform.State{Status: platform.Up}
	for i, c := range []platform.Command{
		set(platform.Label, spam, mark), set(platform.Takedown, "", mark), set(platform.Limit, platform.LimitLayer, mark),
		lift(platform.Restore, "", mark), lift(platform.Unlabel, spam, mark), lift(platform.Unlimit, platform.LimitLayer, mark),
	} {
		before := want
		want = want.With(c.Layer, c.After(), "")
		r, err := to.Apply(t.Context(), fmt.Sprint("k", i), c)
		if err != nil {
			t.Fatalf("%s: %v", c.Verb, err)
		}
		if r.Before.Revision(c.Layer) == r.After.Revision(c.Layer) {
			t.Errorf("%s: the revision of %s stayed %q", c.Verb, c.Layer, r.After.Revision(c.Layer))
		}
		seen, err := to.Peek(t.Context(), ada)
		if err != nil {
			t.Fatal(err)
		}
		o, err := to.Lookup(t.Context(), fmt.Sprint("k", i), c)
		if err != nil || !o.Done {
			t.Fatalf("%s: looked up %+v, %v", c.Verb, o, err)
		}
		for name, s := range map[string]struct{ got, want platform.State }{
			"before": {r.Before, before}, "after": {r.After, want}, "peeked": {seen, want}, "looked up": {o.Receipt.After, want},
		} {
			for _, l := range []platform.Layer{"", platform.LimitLayer, spam} {
				if s.got.At(l) != s.want.At(l) {
					t.Errorf("%s, %s: %s is %+v, want %+v", c.Verb, name, l, s.got.At(l), s.want.At(l))
				}
				// What another command did stays, revision and all.
				if l != c.Layer && name == "after" && s.got.Revision(l) != r.Before.Revision(l) {
					t.Errorf("%s: the revision of %s went from %q to %q", c.Verb, l, r.Before.Revision(l), s.got.Revision(l))
				}
			}
		}
	}
}

func TestWrongStateNamesTheLayer(t *testing.T) {
	to := newTown(t)
	change(t, to.Connector, "k1", set(platform.Label, spam, "CSGN-req_1"))
	change(t, to.Connector, "k2", set(platform.Limit, platform.LimitLayer, "CSGN-req_2"))
	for name, c := range map[string]platform.Command{
		"a label that stands":           set(platform.Label, spam, "CSGN-req_3"),
		"the mark of the limit":         lift(platform.Unlabel, spam, "CSGN-req_2"),
		"a limit that stands":           set(platform.Limit, platform.LimitLayer, "CSGN-req_3"),
		"the mark of the label":         lift(platform.Unlimit, platform.LimitLayer, "CSGN-req_1"),
		"a label that does not stand":   lift(platform.Unlabel, platform.LabelLayer("graphic"), "CSGN-req_1"),
		"a measure that does not stand": lift(platform.Restore, "", "CSGN-req_1"),
	} {
		_, err := to.Apply(t.Context(), "k-"+strings.ReplaceAll(name, " ", "-"), c)
		var wrong *platform.WrongState
		if !errors.As(err, &wrong) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if wrong.Layer != c.Layer || wrong.Want != c.Expect || wrong.Now.At(spam).Mark != "CSGN-req_1" || wrong.Now.At(platform.LimitLayer).Mark != "CSGN-req_2" {
			t.Errorf("%s: %+v", name, wrong)
		}
	}
}

// TestLimitTakesThePlace of a limit of ours, and of no other.
func TestLimitTakesThePlace(t *testing.T) {
	to := newTown(t)
	over := func(of, m platform.Mark) platform.Command {
		return platform.Command{Verb: platform.Limit, Layer: platform.LimitLayer, Subject: ada, Expect: platform.Expect{Status: platform.Limited, Mark: of}, Mark: m}
	}
	change(t, to.Connector, "k1", set(platform.Limit, platform.LimitLayer, "CSGN-req_1"))
	if r, err := to.Apply(t.Context(), "k2", over("CSGN-req_1", "CSGN-req_2")); err != nil || r.After.At(platform.LimitLayer).Mark != "CSGN-req_2" {
		t.Errorf("over ours: %+v, %v", r, err)
	}
	if _, err := to.Apply(t.Context(), "k3", over("CONSOLE-1", "CSGN-req_3")); !fault.Is(err, "bad-expectation") {
		t.Errorf("over a foreign one: %v", err)
	}
	if _, err := to.Apply(t.Context(), "k4", over("CSGN-req_2", "CSGN-req_2")); !fault.Is(err, "bad-expectation") {
		t.Errorf("over itself: %v", err)
	}
}

// ownerSees is the page of ada's account as its owner's program reads it.
func (to *town) ownerSees() string {
	to.t.Helper()
	token, err := to.server.IssueOwnerToken(to.t.Context(), "@ada")
	if err != nil {
		to.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(to.t.Context(), "GET", to.url+"/owner/v1/account", nil)
	if err != nil {
		to.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		to.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		to.t.Fatal(res.Status, err)
	}
	return string(b)
}

func warning(text string) platform.Command {
	return platform.Command{Verb: platform.Warn, Subject: ada, Told: platform.Told{Text: text}}
}

// TestWarnsOnce: a warning whose answer was lost has been sent, and is found by its key.
// It is not sent again.
func TestWarnsOnce(t *testing.T) {
	to := newTown(t)
	const text = "Please stop\nposting this."
	before, err := to.Read(t.Context(), ada)
	if err != nil {
		t.Fatal(err)
	}
	to.on("POST", "/commands", func(w http.ResponseWriter, r *http.Request, plaza http.Handler) {
		plaza.ServeHTTP(&discarded{header: http.Header{}}, r)
		panic(http.ErrAbortHandler)
	})
	if _, err := to.Apply(t.Context(), "k1", warning(text)); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("cut off: %v", err)
	}
	// Nothing is read back: a warning whose receipt came was sent, whatever else fails.
	to.on("GET", "/subjects", answer(false, 503, "text/plain", "no"))
	r, err := to.Apply(t.Context(), "k1", warning(text))
	if err != nil {
		t.Fatal(err)
	}
	to.honest()
	same := func(a, b platform.State) bool {
		return cmp.Equal(a, b, cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".Seen" }, cmp.Ignore()))
	}
	if !same(r.Before, before) || !same(r.After, before) {
		t.Errorf("the receipt is %+v, the state was %+v", r, before)
	}
	if o, err := to.Lookup(t.Context(), "k1", warning(text)); err != nil || !o.Done || !same(o.Receipt.After, before) {
		t.Errorf("looked up %+v, %v", o, err)
	}
	if _, err := to.Apply(t.Context(), "k1", warning("Another text.")); !fault.Is(err, "key-reused") {
		t.Errorf("another text under the key: %v", err)
	}
	if seen := to.ownerSees(); strings.Count(seen, "Please stop") != 1 || strings.Contains(seen, "Another text.") {
		t.Errorf("the owner sees %s", seen)
	}
}

// TestToldUntil: a server with layers is told the planned end of a measure. One without
// them does not know the member and is not sent it.
func TestToldUntil(t *testing.T) {
	to := newTown(t)
	timed := func(c platform.Command) platform.Command {
		c.Told.Until = canonical.At(time.Date(2031, 2, 3, 4, 5, 6, 0, time.UTC))
		return c
	}
	var sent string
	to.on("POST", "/commands", func(w http.ResponseWriter, r *http.Request, plaza http.Handler) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		sent, r.Body = string(b), io.NopCloser(bytes.NewReader(b))
		plaza.ServeHTTP(w, r)
	})
	const end = `"until":"2031-02-03T04:05:06.000000Z"`
	for i, c := range []platform.Command{set(platform.Limit, platform.LimitLayer, "CSGN-req_1"), take} {
		change(t, to.Connector, fmt.Sprint("k", i), timed(c))
		if !strings.Contains(sent, end) {
			t.Errorf("%s: sent %s", c.Verb, sent)
		}
	}
	change(t, to.Connector, "k2", timed(lift(platform.Unlimit, platform.LimitLayer, "CSGN-req_1")))
	if strings.Contains(sent, "until") {
		t.Errorf("sent %s", sent)
	}
	change(t, to.Connector, "k3", timed(lift(platform.Restore, "", take.Mark)))
	plain := to.promising(`{"verb":"takedown","sort":"account","marks":true},{"verb":"restore","sort":"account"}`, ``)
	to.on("POST", "/commands", func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		b, err := io.ReadAll(r.Body)
		if want := `{"expect":{"mark":"","status":"up"},"mark":"CSGN-req_1","subject":{"handle":"@ada","id":"acct/1"},"verb":"takedown"}`; err != nil || string(b) != want {
			t.Errorf("sent %s, %v; want %s", b, err, want)
		}
	})
	if _, err := plain.Apply(t.Context(), "k4", timed(take)); fault.KindOf(err) != fault.Unavailable {
		t.Error(err)
	}
}

// promising connects to the town with other capabilities than it has.
func (to *town) promising(abilities, labels string) *connector.Connector {
	to.t.Helper()
	to.on("GET", "/capabilities", answer(false, 200, "application/json", fmt.Sprintf(
		`{"protocol":"staff/v1","abilities":[%s],"labels":[%s],"facts":[],"compare_and_set":true,"lookup":true,"request_life":30}`, abilities, labels)))
	defer to.honest()
	return to.as("promised", nil)
}

// TestWholePromisesOnly: a limit or a label counts if it can be taken away again and
// known by its mark, and labels only with their values.
func TestWholePromisesOnly(t *testing.T) {
	to := newTown(t)
	ability := func(verb, sort string, marks bool) string {
		return fmt.Sprintf(`{"verb":%q,"sort":%q,"lossy":"","marks":%v}`, verb, sort, marks)
	}
	for name, c := range map[string]struct {
		abilities      []string
		labels         string
		verbs          []platform.Verb
		values         []string
		layered, warns bool
	}{
		"nothing":                    {},
		"all of it":                  {[]string{ability("limit", "account", true), ability("unlimit", "account", false), ability("label", "content", true), ability("unlabel", "content", false), ability("warn", "account", false)}, `"spam","graphic"`, []platform.Verb{"limit", "unlimit", "label", "unlabel", "warn"}, []string{"graphic", "spam"}, true, true},
		"a limit for ever":           {[]string{ability("limit", "account", true)}, ``, nil, nil, false, false},
		"a limit lifted elsewhere":   {[]string{ability("limit", "account", true), ability("unlimit", "content", false)}, ``, nil, nil, false, false},
		"a limit without a mark":     {[]string{ability("limit", "account", false), ability("unlimit", "account", false)}, ``, nil, nil, false, false},
		"labels without values":      {[]string{ability("label", "account", true), ability("unlabel", "account", false)}, ``, nil, nil, false, false},
		"values without labels":      {nil, `"spam"`, nil, nil, false, false},
		"values that are none":       {[]string{ability("label", "account", true), ability("unlabel", "account", false)}, `"Spam","a b","","` + strings.Repeat("x", 65) + `"`, nil, nil, false, false},
		"a value twice, and not one": {[]string{ability("label", "account", true), ability("unlabel", "account", false)}, `"spam","spam","Spam"`, []platform.Verb{"label", "unlabel"}, []string{"spam"}, true, false},
		"a warning to a post":        {[]string{ability("warn", "content", false)}, ``, nil, nil, false, false},
		"only warnings":              {[]string{ability("warn", "account", false)}, ``, []platform.Verb{"warn"}, nil, false, true},
	} {
		can := to.promising(strings.Join(c.abilities, ","), c.labels).Capabilities()
		var verbs []platform.Verb
		for _, a := range can.Abilities {
			verbs = append(verbs, a.Verb)
		}
		_, warns := can.Can(platform.Warn, platform.Account)
		if !slices.Equal(verbs, c.verbs) || !slices.Equal(can.Labels, c.values) || can.Layered() != c.layered || warns != c.warns {
			t.Errorf("%s: %q, labels %q, layered %v, warns %v", name, verbs, can.Labels, can.Layered(), warns)
		}
	}
}

func TestLayersNotSentAtAll(t *testing.T) {
	to := newTown(t)
	plain := to.promising(`{"verb":"takedown","sort":"account","marks":true},{"verb":"restore","sort":"account"}`, ``)
	to.on("POST", "/commands", func(http.ResponseWriter, *http.Request, http.Handler) { t.Error("it was sent") })
	down := take
	down.Layer = spam
	marked := warning("Stop.")
	marked.Mark = "CSGN-req_1"
	expecting := warning("Stop.")
	expecting.Expect = platform.Expect{Status: platform.Up}
	for name, c := range map[string]struct {
		by  *connector.Connector
		c   platform.Command
		typ string
	}{
		"a label that is not offered":        {to.Connector, set(platform.Label, platform.LabelLayer("shadow"), "CSGN-req_1"), "not-offered"},
		"a label that is none":               {to.Connector, set(platform.Label, platform.LabelLayer("a b"), "CSGN-req_1"), "bad-layer"},
		"a label of the limit":               {to.Connector, set(platform.Label, platform.LimitLayer, "CSGN-req_1"), "bad-layer"},
		"a limit of the visibility":          {to.Connector, set(platform.Limit, "", "CSGN-req_1"), "bad-layer"},
		"a takedown of a label":              {to.Connector, down, "bad-layer"},
		"a warning without a text":           {to.Connector, warning(""), "bad-warning"},
		"a warning with a mark":              {to.Connector, marked, "bad-warning"},
		"a warning that expects":             {to.Connector, expecting, "bad-warning"},
		"a limit on a server without limits": {plain, set(platform.Limit, platform.LimitLayer, "CSGN-req_1"), "not-offered"},
		"a label on a server without labels": {plain, set(platform.Label, spam, "CSGN-req_1"), "not-offered"},
		"a warning on a server without them": {plain, warning("Stop."), "not-offered"},
	} {
		if _, err := c.by.Apply(t.Context(), "k", c.c); !fault.Is(err, c.typ) {
			t.Errorf("%s: %v, want %s", name, err, c.typ)
		}
	}
}

// TestUnlabelsWhatIsNotOfferedAnyMore: a list of labels that became shorter leaves none
// standing for ever.
func TestUnlabelsWhatIsNotOfferedAnyMore(t *testing.T) {
	to := newTown(t)
	change(t, to.Connector, "k1", set(platform.Label, spam, "CSGN-req_1"))
	shorter := to.promising(`{"verb":"label","sort":"account","marks":true},{"verb":"unlabel","sort":"account"}`, `"graphic"`)
	if _, err := shorter.Apply(t.Context(), "k2", lift(platform.Unlabel, spam, "CSGN-req_1")); err != nil {
		t.Error(err)
	}
}

// TestReadsLayersStrictly: a layer that could be misunderstood is left out, and the others are
// read.
func TestReadsLayersStrictly(t *testing.T) {
	to := newTown(t)
	read := func(layers string) (platform.State, error) {
		to.on("GET", "/subjects", answer(false, 200, "application/json",
			`{"id":"acct/1","handle":"@ada","sort":"account","status":"up","mark":"","rev":"1","facts":{}`+layers+`}`))
		return to.Peek(t.Context(), ada)
	}
	one := `{"layer":"label:spam","status":"set","mark":"M","rev":"2"}`
	many := func(n int) string {
		var all []string
		for i := range n {
			all = append(all, strings.Replace(one, "spam", fmt.Sprint("l", i), 1))
		}
		return `,"layers":[` + strings.Join(all, ",") + `]`
	}
	for name, list := range map[string]string{
		"a layer that is none":   strings.Replace(one, "label:spam", "shadow", 1),
		"the visibility":         strings.Replace(strings.Replace(one, "label:spam", "visibility", 1), `"set"`, `"down"`, 1),
		"no layer":               strings.Replace(one, `"layer":"label:spam",`, "", 1),
		"a value in other case":  strings.Replace(one, "spam", "Spam", 1),
		"no value":               strings.Replace(one, "spam", "", 1),
		"a value with a control": strings.Replace(one, "spam", `a\u0007`, 1),
		"an endless value":       strings.Replace(one, "spam", strings.Repeat("x", 65), 1),
		"one that is not set":    strings.Replace(one, `"set"`, `"unset"`, 1),
		"a limit's status":       strings.Replace(one, `"set"`, `"limited"`, 1),
		"a label's status":       strings.Replace(one, "label:spam", "limit", 1),
		"no mark":                strings.Replace(one, `"mark":"M",`, "", 1),
		"a control in a mark":    strings.Replace(one, `"M"`, `"a\u0007"`, 1),
		"no revision":            strings.Replace(one, `,"rev":"2"`, "", 1),
	} {
		s, err := read(`,"layers":[` + list + `,{"layer":"limit","status":"limited","mark":"N","rev":"3"}]`)
		if err != nil || len(s.Layers) != 1 || s.At(platform.LimitLayer) != (platform.Expect{Status: platform.Limited, Mark: "N"}) {
			t.Errorf("%s: %+v, %v", name, s, err)
		}
	}
	if s, err := read(`,"layers":[` + one + "," + strings.Replace(one, `"M"`, `"N"`, 1) + `]`); err != nil || len(s.Layers) != 1 || s.At(spam).Mark != "M" {
		t.Errorf("twice: %+v, %v", s, err)
	}
	if s, err := read(many(257)); err != nil || len(s.Layers) != 256 {
		t.Errorf("257 labels: %d, %v", len(s.Layers), err)
	}
	// More than the protocol allows have been set around the desk. They must be seen.
	if s, err := read(many(100)); err != nil || len(s.Layers) != 100 || s.At(platform.LabelLayer("l99")) != (platform.Expect{Status: platform.IsSet, Mark: "M"}) {
		t.Errorf("100 labels: %d, %v", len(s.Layers), err)
	}
	for _, none := range []string{"", `,"layers":[]`, `,"layers":null`} {
		if s, err := read(none); err != nil || s.Layers != nil {
			t.Errorf("%q: %+v, %v", none, s, err)
		}
	}
}

// TestReceiptsOfLayers: a receipt settles a command if it is about the command's own
// layer; what happened in another one is no proof of it.
func TestReceiptsOfLayers(t *testing.T) {
	to := newTown(t)
	state := func(rev, layers string) string {
		return fmt.Sprintf(`{"id":"acct/1","handle":"@ada","sort":"account","status":"up","mark":"","rev":%q,"layers":[%s],"facts":{}}`, rev, layers)
	}
	const (
		none    = ``
		labels  = `{"layer":"label:spam","status":"set","mark":"CSGN-req_1","rev":"2"}`
		foreign = `{"layer":"label:spam","status":"set","mark":"CONSOLE-1","rev":"2"}`
		graphic = `{"layer":"label:graphic","status":"set","mark":"CSGN-req_1","rev":"2"}`
	)
	spamming := set(platform.Label, spam, "CSGN-req_1")
	over := platform.Command{Verb: platform.Limit, Layer: platform.LimitLayer, Subject: ada, Expect: platform.Expect{Status: platform.Limited, Mark: "CSGN-req_1"}, Mark: "CSGN-req_2"}
	limit := func(mark, rev string) string {
		return fmt.Sprintf(`{"layer":"limit","status":"limited","mark":%q,"rev":%q}`, mark, rev)
	}
	for name, a := range map[string]struct {
		c             platform.Command
		before, after string
		good          bool
	}{
		"the label":                    {spamming, state("1", none), state("1", labels), true},
		"nothing":                      {spamming, state("1", none), state("1", none), false},
		"another label":                {spamming, state("1", none), state("1", graphic), false},
		"under another mark":           {spamming, state("1", none), state("1", foreign), false},
		"the label that stood":         {spamming, state("1", labels), state("1", strings.Replace(labels, `"2"`, `"3"`, 1)), false},
		"a limit instead of another":   {over, state("1", limit("CSGN-req_1", "2")), state("1", limit("CSGN-req_2", "3")), true},
		"a limit of the same revision": {over, state("1", limit("CSGN-req_1", "2")), state("2", limit("CSGN-req_2", "2")), false},
		"a warning":                    {warning("Stop."), state("1", labels), state("1", labels), true},
		"a warning that labels":        {warning("Stop."), state("1", none), state("1", labels), false},
		"a warning that moves":         {warning("Stop."), state("1", none), state("2", none), false},
	} {
		to.on("POST", "/commands", answer(false, 200, "application/json", fmt.Sprintf(`{"key":"k","verb":%q,"before":%s,"after":%s}`, a.c.Verb, a.before, a.after)))
		if _, err := to.Apply(t.Context(), "k", a.c); (err == nil) != a.good || err != nil && !fault.Is(err, "platform-unclear") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestEventsOfLayers name the layer, and what it has become.
func TestEventsOfLayers(t *testing.T) {
	to := newTown(t)
	s := watch(t, to, "")
	insider := to.as("insider", nil)
	// A label that no desk lists is one like any other.
	for i, c := range []platform.Command{set(platform.Label, spam, "CONSOLE-1"), set(platform.Limit, platform.LimitLayer, "CONSOLE-2"),
		lift(platform.Unlabel, spam, "CONSOLE-1"), lift(platform.Unlimit, platform.LimitLayer, "CONSOLE-2"), take} {
		change(t, insider, fmt.Sprint("k", i), c)
		h := next(t, s)
		if h.Subject != ada || h.Layer != c.Layer || !h.Brought(c.Layer, c.After()) || h.Brought(platform.LabelLayer("graphic"), c.After()) || h.By != "insider" || h.Locks || h.At.IsZero() {
			t.Errorf("%s of %s: %+v", c.Verb, c.Layer, h)
		}
	}
	frame := func(layer, status string) string {
		return fmt.Sprintf("event: open\nid: 0\n\nevent: layer\nid: 1\ndata: {\"id\":1,\"subject\":\"acct/1\",\"handle\":\"@ada\",\"layer\":%q,\"status\":%q,\"mark\":\"\",\"rev\":\"2\",\"at\":\"2026-11-23T05:39:46.000000Z\"}\n\n", layer, status)
	}
	for name, c := range map[string]struct {
		text string
		good bool
	}{
		"a label":                     {frame("label:nobody-listed-it", "set"), true},
		"no layer":                    {frame("", "set"), false},
		"the visibility":              {frame("visibility", "down"), false},
		"a layer that is none":        {frame("shadow", "set"), false},
		"a status of another layer":   {frame("label:spam", "limited"), false},
		"a status of the visibility":  {frame("limit", "down"), false},
		"a change of another's layer": {strings.Replace(frame("limit", "limited"), "event: layer", "event: change", 1), false},
	} {
		to.on("GET", "/events", answer(false, 200, "text/event-stream", c.text))
		stream := watch(t, to, "0")
		if h, err := stream.Next(); (err == nil) != c.good || err != nil && !fault.Is(err, "platform-unclear") {
			t.Errorf("%s: %+v, %v", name, h, err)
		}
	}
}

// TestListsLayers: a sweep sees the layers of an account without reading it.
func TestListsLayers(t *testing.T) {
	to := newTown(t)
	change(t, to.Connector, "k1", set(platform.Label, spam, "CSGN-req_1"))
	change(t, to.Connector, "k2", set(platform.Limit, platform.LimitLayer, "CONSOLE-1"))
	page, _, err := to.Accounts(t.Context(), "")
	if err != nil || len(page) != 1 {
		t.Fatal(page, err)
	}
	now, err := to.Read(t.Context(), ada)
	if diff := cmp.Diff(now.Layers, page[0].Layers); err != nil || diff != "" || !page[0].Layered || len(now.Layers) != 2 {
		t.Errorf("listed otherwise than read (-read +listed), %v, %v:\n%s", page[0].Layered, err, diff)
	}
}

// TestTooManyLabels is an answer that settles the command.
func TestTooManyLabels(t *testing.T) {
	to := newTown(t)
	to.on("POST", "/commands", answer(false, 409, "application/problem+json", `{"type":"/p/too-many-labels","title":"t","status":409,"detail":"d"}`))
	if _, err := to.Apply(t.Context(), "k", set(platform.Label, spam, "CSGN-req_1")); !fault.Is(err, "too-many-labels") || fault.KindOf(err) != fault.Conflict {
		t.Error(err)
	}
}

// TestShowsWhatIsPromised: a server without layers shows no changes of them.
func TestShowsWhatIsPromised(t *testing.T) {
	to := newTown(t)
	has := func(c *connector.Connector, change platform.Change) bool {
		return slices.ContainsFunc(c.Shows(), func(s platform.Showing) bool { return s.Change == change })
	}
	plain := to.promising(`{"verb":"takedown","sort":"account","marks":true},{"verb":"restore","sort":"account"},{"verb":"limit","sort":"content","marks":true},{"verb":"unlimit","sort":"content"}`, ``)
	for _, c := range []platform.Change{platform.AccountLimited, platform.AccountUnlimited, platform.AccountLabelled, platform.AccountUnlabelled,
		platform.ContentLabelled, platform.ContentUnlabelled, "account-warn"} {
		if !has(to.Connector, c) || has(plain, c) {
			t.Errorf("%s: shown by plaza %v, by a server without it %v", c, has(to.Connector, c), has(plain, c))
		}
	}
	if !has(plain, platform.ContentLimited) || !has(plain, platform.ContentUnlimited) {
		t.Error("limits of posts are not shown")
	}
}

// TestUnreadableLayerHidesNothingElse: a layer that this connector does not know, or cannot
// read, hides neither the visibility of its subject nor the other accounts of a list. Else
// whoever can write such a layer could take the account down unseen.
func TestUnreadableLayerHidesNothingElse(t *testing.T) {
	for name, layer := range map[string]string{
		"a layer of a newer server": `{"layer":"recovery","status":"held","mark":"M","rev":"2"}`,
		"a value in other case":     `{"layer":"label:Spam","status":"set","mark":"M","rev":"2"}`,
		"a control in a mark":       `{"layer":"label:spam","status":"set","mark":"a\u0007","rev":"2"}`,
	} {
		to := newTown(t)
		to.on("GET", "/subjects", answer(false, 200, "application/json",
			`{"id":"acct/1","handle":"@ada","sort":"account","status":"down","mark":"X","rev":"1","facts":{},"layers":[`+layer+`]}`))
		if s, err := to.Peek(t.Context(), ada); err != nil || !s.Is(platform.Down, "X") {
			t.Errorf("%s: %+v, %v", name, s, err)
		}
		to.on("GET", "/accounts", answer(false, 200, "application/json",
			`{"accounts":[{"id":"acct/1","handle":"@ada","status":"up","mark":"","layers":[`+layer+`]},{"id":"acct/2","handle":"@bo","status":"down","mark":"X"}],"next":""}`))
		if page, _, err := to.Accounts(t.Context(), ""); err != nil || len(page) != 2 || page[1].Status != platform.Down {
			t.Errorf("%s: listed %+v, %v", name, page, err)
		}
	}
}

// TestReceiptAmongManyLabels: as many labels as this connector reads, with the longest values
// and marks, do not keep it from a receipt, which tells them twice.
func TestReceiptAmongManyLabels(t *testing.T) {
	to := newTown(t)
	var labels []string
	for i := range 256 {
		labels = append(labels, fmt.Sprintf(`{"layer":"label:%064d","status":"set","mark":%q,"rev":"%d"}`, i, strings.Repeat(`"`, 200), i+1))
	}
	state := func(status, mark, rev string) string {
		return fmt.Sprintf(`{"id":"acct/1","handle":"@ada","sort":"account","status":%q,"mark":%q,"rev":%q,"facts":{},"layers":[%s]}`, status, mark, rev, strings.Join(labels, ","))
	}
	to.on("POST", "/commands", answer(false, 200, "application/json",
		fmt.Sprintf(`{"key":"k","verb":"restore","before":%s,"after":%s}`, state("down", "X", "1"), state("up", "", "2"))))
	restore := platform.Command{Verb: platform.Restore, Subject: ada, Expect: platform.Expect{Status: platform.Down, Mark: "X"}}
	if r, err := to.Apply(t.Context(), "k", restore); err != nil || r.After.Status != platform.Up || len(r.Before.Layers) != 256 {
		t.Errorf("%s, before with %d layers, %v", r.After.Status, len(r.Before.Layers), err)
	}
}
