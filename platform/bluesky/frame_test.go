package bluesky

import (
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"github.com/google/go-cmp/cmp"

	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/platform"
)

type object = map[string]any

const somebody = "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa"

// message writes a frame as a PDS does.
func message(t testing.TB, header, body object) []byte {
	t.Helper()
	var data []byte
	for _, o := range []object{header, body} {
		b, err := cbor.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		data = append(data, b...)
	}
	return data
}

func of(kind string) object { return object{"op": 1, "t": kind} }

// with is a good body with some members set, or taken out by nil.
func with(changes object) object {
	body := object{"seq": 7, "time": "2026-11-23T06:00:00.000Z", "did": somebody, "active": false, "status": "takendown"}
	for name, value := range changes {
		if body[name] = value; value == nil {
			delete(body, name)
		}
	}
	return body
}

func TestStandings(t *testing.T) {
	for word, want := range map[string]platform.Status{
		"takendown": platform.Down, "deactivated": platform.Deactivated, "deleted": platform.Deleted, "suspended": "", "": "",
	} {
		e, err := parseFrame(message(t, of("#account"), with(object{"status": word})))
		if err != nil || e.Active || e.Standing != word || e.Status != want {
			t.Errorf("%q: %+v, %v", word, e, err)
		}
	}
	e, err := parseFrame(message(t, of("#account"), with(object{"active": true, "status": nil})))
	at := canonical.Time{}
	if err := at.UnmarshalText([]byte("2026-11-23T06:00:00.000000Z")); err != nil {
		t.Fatal(err)
	}
	want := Event{ID: 7, Kind: AccountEvent, Subject: platform.Subject{ID: somebody}, At: at, Active: true, Status: platform.Up}
	if d := cmp.Diff(want, e); err != nil || d != "" {
		t.Error(err, d)
	}
}

func TestCommitsTellTheirOperations(t *testing.T) {
	e, err := parseFrame(message(t, of("#commit"), with(object{
		"did": nil, "repo": somebody, "rev": "3kabc", "blocks": make([]byte, 1<<20), "active": nil, "status": nil,
		"commit": cbor.Tag{Number: 42, Content: []byte{0, 1, 113, 18, 32}},
		"since":  nil,
		"ops":    []object{{"action": "create", "path": "a.b.c/self", "cid": cbor.Tag{Number: 42, Content: []byte{0}}}, {"action": "delete", "path": "a.b.c/x", "cid": nil}},
	})))
	want := []Operation{{"create", "a.b.c/self"}, {"delete", "a.b.c/x"}}
	if d := cmp.Diff(want, e.Operations); err != nil || d != "" || e.Subject.ID != somebody || e.Rev != "3kabc" {
		t.Errorf("%+v, %v", e, err)
	}
}

func TestWhatIsNoFrame(t *testing.T) {
	long := strings.Repeat("x", 65)
	frames := map[string][]byte{
		"nothing":            nil,
		"no body":            message(t, of("#account"), nil)[:15],
		"two bodies":         append(message(t, of("#account"), with(nil)), 0xa0),
		"unknown operation":  message(t, object{"op": 2, "t": "#account"}, with(nil)),
		"no type":            message(t, object{"op": 1}, with(nil)),
		"long type":          message(t, of(long), with(nil)),
		"unnamed error":      message(t, object{"op": -1}, object{}),
		"no number":          message(t, of("#account"), with(object{"seq": nil})),
		"negative":           message(t, of("#account"), with(object{"seq": -5})),
		"negative, unknown":  message(t, of("#new"), with(object{"seq": -5})),
		"beyond int64":       message(t, of("#account"), with(object{"seq": uint64(1) << 63})),
		"no account":         message(t, of("#account"), with(object{"did": nil})),
		"an account's alias": message(t, of("#commit"), with(object{"rev": "r"})),
		"not an account":     message(t, of("#account"), with(object{"did": "<script>"})),
		"long account":       message(t, of("#account"), with(object{"did": "did:plc:" + strings.Repeat("a", 300)})),
		"no time":            message(t, of("#account"), with(object{"time": "soon"})),
		"time without zero":  message(t, of("#account"), with(object{"time": "2026-11-23T6:00:00Z"})),
		"time with a comma":  message(t, of("#account"), with(object{"time": "2026-11-23T06:00:00,5Z"})),
		"long time":          message(t, of("#account"), with(object{"time": "2026-11-23T06:00:00." + strings.Repeat("0", 64) + "Z"})),
		"no standing":        message(t, of("#account"), with(object{"active": nil})),
		"long standing":      message(t, of("#account"), with(object{"status": long})),
		"no revision":        message(t, of("#sync"), with(nil)),
		"long revision":      message(t, of("#sync"), with(object{"rev": long})),
		"long path":          message(t, of("#commit"), with(object{"repo": somebody, "rev": "r", "ops": []object{{"action": "create", "path": strings.Repeat("p", 831)}}})),
		"no path":            message(t, of("#commit"), with(object{"repo": somebody, "rev": "r", "ops": []object{{"action": "create"}}})),
		"said twice":         append(message(t, of("#new"), nil)[:len(message(t, of("#new"), nil))-1], 0xa2, 0x63, 's', 'e', 'q', 1, 0x63, 's', 'e', 'q', 2),
		"without end":        append(message(t, of("#new"), nil)[:len(message(t, of("#new"), nil))-1], 0xbf, 0xff),
		"deep":               append(message(t, of("#new"), nil)[:len(message(t, of("#new"), nil))-1], append([]byte(strings.Repeat("\xa1\x61a", 40)), 0xa0)...),
	}
	for name, data := range frames {
		if e, err := parseFrame(data); !fault.Is(err, "stream-unreadable") {
			t.Errorf("%s: %+v, %v", name, e, err)
		}
	}
}

func TestUnknownFramesHaveNumbersOnly(t *testing.T) {
	for number, data := range map[int64][]byte{
		7: message(t, of("#new"), with(object{"did": 5, "time": false})),
		0: message(t, of("#info"), object{"name": "Hello"}),
	} {
		if e, err := parseFrame(data); err != nil || !cmp.Equal(e, Event{ID: number}) {
			t.Errorf("%+v, %v", e, err)
		}
	}
}

func TestWhatThePDSSays(t *testing.T) {
	for want, data := range map[string][]byte{
		"cursor-gone":  message(t, of("#info"), object{"name": "OutdatedCursor", "message": "m"}),
		"stream-ended": message(t, object{"op": -1}, object{"error": "ConsumerTooSlow"}),
	} {
		if _, err := parseFrame(data); !fault.Is(err, want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	_, err := parseFrame(message(t, object{"op": -1}, object{"error": "FutureCursor", "message": "m"}))
	if !fault.Is(err, "cursor-gone") || asRefusal(err) == nil {
		t.Error(err)
	}
	_, err = parseFrame(message(t, object{"op": -1}, object{"error": strings.Repeat("e", 1<<20)}))
	if len(fault.TextOf(err)) > 1000 {
		t.Error("a stranger's megabyte is passed on")
	}
}

// FuzzFrame: whatever comes, it is refused with a fault or is within bounds.
func FuzzFrame(f *testing.F) {
	f.Add(message(f, of("#account"), with(nil)))
	f.Add(message(f, of("#identity"), with(object{"handle": "a.test"})))
	f.Add(message(f, of("#commit"), with(object{"repo": somebody, "rev": "r", "ops": []object{{"action": "create", "path": "a.b.c/k"}}})))
	f.Add(message(f, of("#info"), object{"name": "OutdatedCursor"}))
	f.Add(message(f, of("#new"), object{"seq": 3}))
	f.Add(message(f, object{"op": -1}, object{"error": "FutureCursor"}))
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := parseFrame(data)
		if err != nil {
			if fault.As(err) == nil || fault.TypeOf(err) == "internal" || len(fault.TextOf(err)) > 1500 || !cmp.Equal(e, Event{}) {
				t.Fatalf("%+v, %v", e, err)
			}
			return
		}
		if e.Kind == "" {
			if e.ID < 0 || !cmp.Equal(e, Event{ID: e.ID}) {
				t.Fatalf("%+v", e)
			}
			return
		}
		if e.ID < 1 || !isDID(e.Subject.ID) || len(e.Standing) > maxWord || len(e.Rev) > maxWord ||
			len(e.Subject.Handle) > maxHandle || len(e.Operations) > maxOperations {
			t.Fatalf("%+v", e)
		}
		for _, o := range e.Operations {
			if len(o.Action) > maxWord || len(o.Path) > maxPath {
				t.Fatalf("%+v", e)
			}
		}
	})
}

// TestHandlesOfIdentities: handles are case-insensitive, and one that cannot be read
// ends no stream.
func TestHandlesOfIdentities(t *testing.T) {
	for said, want := range map[string]string{"a.test": "a.test", "Alice.Example.COM": "alice.example.com", "A b": "", "handle.invalid": "handle.invalid",
		"": "", strings.Repeat("a.", 200) + "test": ""} {
		e, err := parseFrame(message(t, of("#identity"), with(object{"handle": said})))
		if err != nil || e.ID != 7 || e.Subject != (platform.Subject{ID: somebody, Handle: want}) {
			t.Errorf("%q: %+v, %v", said, e, err)
		}
	}
}

// TestTooBigTouchesTheLock: a commit of which the PDS does not tell everything may have
// set or deleted the owner's lock.
func TestTooBigTouchesTheLock(t *testing.T) {
	for big, want := range map[bool]bool{true: true, false: false} {
		e, err := parseFrame(message(t, of("#commit"), with(object{"repo": somebody, "rev": "r", "tooBig": big, "ops": []object{}})))
		if err != nil || touchesLock(e) != want {
			t.Errorf("tooBig %t: %+v, %v", big, e, err)
		}
	}
}

// TestCollectionNames: by the specification of NSIDs.
func TestCollectionNames(t *testing.T) {
	label := strings.Repeat("a", 63)
	for name, want := range map[string]bool{"app.bsky.feed.post": true, "a.b.c": true, "a-0.b-1.c": true, "com.example.fooBar": true, "a." + label + ".c": true,
		"a.b": false, "a": false, "a." + label + "a.c": false, "a.b." + label + "a": false, "a.b.c-d": false, "a.b.3": false, "a.b.": false,
		"a-.b.c": false, ".a.b": false, "a..b.c": false, "a." + strings.Repeat(label+".", 5) + "c": false} {
		if _, ok := recordOwner("at://" + somebody + "/" + name + "/key"); ok != want {
			t.Errorf("%s: %t, want %t", name, ok, want)
		}
	}
}
