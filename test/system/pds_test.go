package system

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/go-json-experiment/json"

	"countersign.dev/actions"
	"countersign.dev/desk/desktest"
	"countersign.dev/platform"
	"countersign.dev/sqldb/sqldbtest"
	"countersign.dev/test/testenv"
)

// front stands before a real PDS and writes down every measure that the PDS has
// accepted: what a PDS itself keeps is only the last one.
type front struct {
	*httptest.Server
	pds http.Handler

	mu       sync.Mutex
	accepted map[string][]desktest.Change // by account
}

const changeStatus = "/xrpc/com.atproto.admin.updateSubjectStatus"

func newFront(t *testing.T, b *testenv.Bluesky) *front {
	t.Helper()
	u, err := url.Parse(b.URL)
	if err != nil {
		t.Fatal(err)
	}
	f := &front{pds: httputil.NewSingleHostReverseProxy(u), accepted: map[string][]desktest.Change{}}
	f.Server = httptest.NewServer(f)
	t.Cleanup(f.Close)
	return f
}

// ServeHTTP passes everything on. A measure is written down before its answer
// goes out, so that it counts even if whoever asked is dead by then.
func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != changeStatus {
		f.pds.ServeHTTP(w, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // cut off before the PDS saw it
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	answer := httptest.NewRecorder()
	f.pds.ServeHTTP(answer, r)
	var said struct {
		Subject  struct{ DID string }
		Takedown struct {
			Applied bool
			Ref     platform.Mark
		}
	}
	if json.Unmarshal(body, &said, json.MatchCaseInsensitiveNames(true)) == nil && answer.Code == http.StatusOK {
		c := desktest.Change{Status: platform.Up}
		if said.Takedown.Applied {
			c = desktest.Change{Status: platform.Down, Mark: said.Takedown.Ref}
		}
		f.mu.Lock()
		f.accepted[said.Subject.DID] = append(f.accepted[said.Subject.DID], c)
		f.mu.Unlock()
	}
	for name, values := range answer.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes())
}

func (f *front) changes(did string) []desktest.Change {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]desktest.Change(nil), f.accepted[did]...)
}

// TestKilledOnPDS is TestKilledOnPlaza on a real PDS, which keeps no keys of commands and
// compares nothing: that a measure is taken once rests on the journal and on the state
// that is read.
func TestKilledOnPDS(t *testing.T) {
	t.Parallel()
	b := testenv.PDS(t)
	f := newFront(t, b)
	h := openHouse(t, desktest.Options{URL: sqldbtest.SQLite(t)},
		platformSettings{Name: "bluesky", Connector: "bluesky", URL: f.URL, Secret: b.AdminPassword})
	h.killEverywhere(t, func() act {
		a := b.CreateAccount(t, "president")
		return act{wish: wish{By: "ann", Kind: actions.AccountTakedown, Subject: "bluesky:" + a.DID},
			changes: func() []desktest.Change {
				status := b.Query(t, b.Admin(), "com.atproto.admin.getSubjectStatus", "did", a.DID)
				changes := f.changes(a.DID)
				takedown, _ := status.Body["takedown"].(map[string]any)
				ref, _ := takedown["ref"].(string)
				if last := changes[len(changes)-1]; takedown["applied"] != (last.Status == platform.Down) || !strings.EqualFold(ref, string(last.Mark)) {
					t.Errorf("the PDS shows %v, and was last told %v", status.Body, last)
				}
				return changes
			}}
	})
}
