package cli

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"countersign.dev/actions"
	v1 "countersign.dev/api/v1"
	"countersign.dev/canonical"
	"countersign.dev/client"
	"countersign.dev/workforce"
)

// TestLostPasskeysAreShown: whoever asks for another site, or countersigns it, reads first who
// loses a passkey, and who has no key then. Other pages take nothing from anybody.
func TestLostPasskeysAreShown(t *testing.T) {
	now := actions.Trust{Executor: "executor", RelyingParty: "desk.example.com", Origins: []string{"https://desk.example.com"}}
	key := func(id, of string, a workforce.Algorithm, revoked canonical.Time) v1.Key {
		return v1.Key{ID: workforce.KeyID(id), Worker: workforce.WorkerID(of), Algorithm: a, Enrolled: canonical.At(noon.Add(-time.Hour)), Revoked: revoked}
	}
	gone := canonical.At(noon.Add(-time.Minute))
	mux := http.NewServeMux()
	answer := func(path string, doc any) {
		mux.HandleFunc("GET "+v1.Base+path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write(canonical.MustMarshal(doc))
		})
	}
	answer("/policy", v1.Policy{Trust: now})
	answer("/keys", v1.Page[v1.Key]{Items: []v1.Key{
		key("key_1", "ann", workforce.PasskeyES256, canonical.Time{}),
		key("key_2", "ann", workforce.PasskeyEd25519, canonical.Time{}),
		key("key_3", "bob", workforce.PasskeyES256, canonical.Time{}),
		key("key_4", "bob", workforce.FileEd25519, canonical.Time{}),
		key("key_5", "cat", workforce.PasskeyEd25519, canonical.Time{}),
		key("key_6", "cat", workforce.FileEd25519, gone),
		key("key_7", "dan", workforce.PasskeyES256, gone),
		key("key_8", "eve", workforce.PasskeyES256, canonical.Time{}),
	}})
	var people []v1.Worker
	for _, id := range []workforce.WorkerID{"ann", "bob", "cat", "dan", "eve"} {
		people = append(people, v1.Worker{ID: id, Standing: v1.Standing{Engaged: id != "eve"}})
	}
	answer("/workers", v1.Page[v1.Worker]{Items: people})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	c, err := client.New(server.URL, "t", server.Client())
	if err != nil {
		t.Fatal(err)
	}
	s := &Session{Program: Program{Now: func() time.Time { return noon }}}
	show := func(site, page string) string {
		t.Helper()
		fresh := now
		fresh.RelyingParty, fresh.Origins = site, []string{page}
		p := &Page{}
		if err := s.wholeSetting(t.Context(), p, deskClient{c}, actions.Setting{Of: actions.PartTrust, Trust: &fresh}, true); err != nil {
			t.Fatal(err)
		}
		return p.String()
	}
	got := show("example.org", "https://desk.example.org")
	for _, want := range []string{"passkeys of: example.org, until now desk.example.com", "3 people lose their passkeys: ", "2 people are without any key then: ann and cat."} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
	if got := show("desk.example.com", "https://b.desk.example.com"); strings.Contains(got, "lose") {
		t.Errorf("other pages of the same site: %s", got)
	}
}
