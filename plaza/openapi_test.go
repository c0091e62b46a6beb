package plaza

import (
	"encoding/json"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

type openAPIDocument struct {
	OpenAPI string                                `json:"openapi"`
	Paths   map[string]map[string]json.RawMessage `json:"paths"`
	Parts   struct {
		Schemas map[string]struct {
			Properties map[string]json.RawMessage `json:"properties"`
			Required   []string                   `json:"required"`
		} `json:"schemas"`
	} `json:"components"`
}

func readOpenAPI(t *testing.T) openAPIDocument {
	t.Helper()
	var d openAPIDocument
	if err := json.Unmarshal(openAPI, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestOpenAPIHasEveryRoute(t *testing.T) {
	var served, described []string
	for _, r := range slices.Concat(staffRoutes, ownerRoutes) {
		served = append(served, r.method+" "+r.path)
	}
	d := readOpenAPI(t)
	for path, methods := range d.Paths {
		for method := range methods {
			described = append(described, strings.ToUpper(method)+" "+path)
		}
	}
	slices.Sort(served)
	slices.Sort(described)
	if diff := cmp.Diff(served, described); diff != "" {
		t.Errorf("routes served and described differ (-served +described):\n%s", diff)
	}
	if !strings.HasPrefix(d.OpenAPI, "3.1.") {
		t.Errorf("openapi is %q", d.OpenAPI)
	}
}

func TestOpenAPIHasEveryMember(t *testing.T) {
	d := readOpenAPI(t)
	for name, v := range map[string]any{
		"Capabilities": Capabilities{}, "Ability": Ability{}, "State": State{}, "Facts": Facts{}, "Command": Command{},
		"Subject": Subject{}, "Expect": Expect{}, "Receipt": Receipt{}, "Lookup": lookup{}, "Event": Event{},
		"Problem": problem{}, "NewAccount": NewAccount{}, "NewPost": NewPost{}, "Made": made{},
		"Listed": Listed{}, "AccountPage": accountPage{}, "Lock": Lock{}, "NewNotice": NewNotice{}, "Sent": Sent{}, "Notice": Notice{},
		"NewOwner": newOwner{}, "Given": given{}, "Own": Own{}, "OwnPost": OwnPost{}, "Measure": Measure{}, "Stood": Stood{}, "NewPicture": NewPicture{}, "NewFollow": newFollow{},
		"NewReport": NewReport{}, "Reported": Reported{}, "ReportsPage": reportsPage{}, "Written": Written{}, "NewLanguage": newLanguage{},
		"SubjectContent": SubjectContent{}, "ContentSubject": ContentSubject{}, "Profile": Profile{}, "ThreadPost": ThreadPost{}, "ThreadAuthor": ThreadAuthor{}, "PictureOf": PictureOf{},
	} {
		var members, described []string
		for f := range reflect.TypeOf(v).Fields() {
			if member, _, _ := strings.Cut(f.Tag.Get("json"), ","); f.IsExported() {
				members = append(members, member)
			}
		}
		for p := range d.Parts.Schemas[name].Properties {
			described = append(described, p)
		}
		slices.Sort(members)
		slices.Sort(described)
		if diff := cmp.Diff(members, described); diff != "" {
			t.Errorf("%s differs (-code +document):\n%s", name, diff)
		}
	}
	for _, ref := range regexp.MustCompile(`#/components/schemas/(\w+)`).FindAllStringSubmatch(string(openAPI), -1) {
		if _, ok := d.Parts.Schemas[ref[1]]; !ok {
			t.Errorf("the schema %s is referred to and missing", ref[1])
		}
	}
}

func FuzzParseCommand(f *testing.F) {
	f.Add([]byte(`{"verb":"takedown","subject":{"id":"acct/1","handle":"@x"},"expect":{"status":"up","mark":""},"mark":"CSGN-1"}`))
	f.Add([]byte(`{"verb":"restore","subject":{"id":"post/2"},"expect":{"status":"down","mark":"m","rev":"3"}}`))
	f.Add([]byte(`{"verb":"takedown","verb":"restore"}`))
	f.Add([]byte(`{} {}`))
	f.Add([]byte(`{"verb":"label","layer":"label:spam","subject":{"id":"post/2"},"expect":{"status":"unset","mark":""},"mark":"m","until":"2026-11-23T05:39:46.000000Z"}`))
	f.Add([]byte(`{"verb":"unlabel","layer":"label:spam","subject":{"id":"acct/2"},"expect":{"status":"set","mark":"m","rev":"7"}}`))
	f.Add([]byte(`{"verb":"limit","layer":"limit","subject":{"id":"acct/2"},"expect":{"status":"limited","mark":"m"},"mark":"n"}`))
	f.Add([]byte(`{"verb":"takedown","layer":"visibility","subject":{"id":"acct/2"},"expect":{"status":"up"}}`))
	f.Add([]byte(`{"verb":"warn","subject":{"id":"acct/2","handle":"@x"},"text":"Please stop."}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		c, err := ParseCommand(body)
		if err != nil {
			return
		}
		// What was accepted can be decided on in any state, leaves a status
		// that the verb stands for, and reads back as itself.
		now := State{ID: c.Subject.ID, Handle: c.Subject.Handle, Status: c.Expect.Status, Mark: c.Expect.Mark, Rev: c.Expect.Rev}
		if c.Verb.layered() {
			now = State{ID: c.Subject.ID, Handle: c.Subject.Handle, Status: Up}
			now.Layers = now.with(Stood{c.Layer, c.Expect.Status, c.Expect.Mark, c.Expect.Rev})
		}
		leave, err := c.decide(now)
		if err != nil {
			t.Fatalf("%+v is refused in the state it expects: %v", c, err)
		}
		status, mark := leave.status, leave.mark
		if c.Verb != Warn && (status == c.Expect.Status && mark == c.Expect.Mark || !of(c.Layer, status) || (status == c.Layer.clear() || status == Deleted) && (mark != "" || !leave.until.IsZero())) {
			t.Fatalf("%+v leaves %s under %q", c, status, mark)
		}
		b, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParseCommand(b)
		if err != nil {
			t.Fatalf("%s is refused: %v", b, err)
		}
		if again != c {
			t.Fatalf("%+v reads back as %+v", c, again)
		}
		if c.Verb == Warn {
			return
		}
		other := Stood{c.Layer, c.Expect.Status, c.Expect.Mark + "x", c.Expect.Rev}
		if c.Verb.layered() {
			if c.Expect.Status == c.Layer.clear() {
				other.Status = map[bool]Status{true: Limited, false: IsSet}[c.Layer == LimitLayer]
			}
			now.Layers = now.with(other)
		}
		now.Mark += "x"
		if _, err := c.decide(now); err == nil {
			t.Fatalf("%+v ignores the mark", c)
		}
	})
}

// of returns true if a layer can have a status.
func of(l Layer, s Status) bool {
	switch l {
	case VisibilityLayer:
		return s.known()
	case LimitLayer:
		return s == NoLimit || s == Limited
	}
	return s == Unset || s == IsSet
}

func TestCounts(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1K", 1049: "1K", 1999: "1.9K", 43_100_000: "43.1M", 999_999: "999K", 812_300: "812K", 2_000_000_000: "2B"} {
		if got := shortCount(n); got != want {
			t.Errorf("shortCount(%d) = %s, want %s", n, got, want)
		}
	}
	if got := exactCount(5) + " " + exactCount(1234) + " " + exactCount(43_100_000); got != "5 1,234 43,100,000" {
		t.Errorf("exactCount: %s", got)
	}
}
