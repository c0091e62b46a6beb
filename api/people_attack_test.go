package api_test

import (
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	v1 "countersign.dev/api/v1"
	"countersign.dev/fault"
	"countersign.dev/workforce"
)

// TestPeopleApart: no list of people or keys tells a vendor's people of another vendor's: neither who
// they are, nor their line, last day, keys or number.
func TestPeopleApart(t *testing.T) {
	s := serve(t)
	secrets := regexp.MustCompile(`"(abe|ann|sue|dan)"|Name of (abe|ann|sue|dan)`)
	for _, by := range []workforce.WorkerID{"bob", "lee"} {
		token := s.token(by)
		for _, path := range []string{"/workers", "/workers?vendor=acme", "/workers/ann", "/workers/ann?person=true", "/keys", "/keys?worker=ann"} {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+v1.Base+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Authorization", "Bearer "+token)
			res, err := s.http().Do(req)
			if err != nil {
				t.Fatal(err)
			}
			b, err := io.ReadAll(res.Body)
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			if found := secrets.FindString(string(b)); found != "" && !(strings.Contains(path, "ann") && res.StatusCode == http.StatusNotFound) {
				t.Errorf("GET %s tells %s of %s", path, by, found)
			}
		}
		c := s.client(token)
		if all := must[v1.Page[v1.Worker]](t)(c.Workers(t.Context(), v1.WorkerFilter{})); len(all.Items) != 8 {
			t.Errorf("%s reads of %d people, want 2 of bolt and 6 employees", by, len(all.Items))
		}
		if all := must[v1.Page[v1.Vendor]](t)(c.Vendors(t.Context(), "", 0)); len(all.Items) != 2 || all.Items[0].Workers != 0 || all.Items[1].Workers != 2 {
			t.Errorf("%s reads of the companies %+v", by, all.Items)
		}
	}
	if all := must[v1.Page[v1.Worker]](t)(s.as("kim").Workers(t.Context(), v1.WorkerFilter{})); len(all.Items) != 12 {
		t.Errorf("kim reads of %d people", len(all.Items))
	}
	_, err := s.as("bob").Worker(t.Context(), "ann")
	wants(t, err, fault.NotFound, "no-such-worker")
}
