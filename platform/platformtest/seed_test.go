package platformtest_test

import (
	"net/http"
	"strings"
	"testing"
)

// seed makes the scratch account and its post through plaza's own API.
func seed(t *testing.T, url, token string) {
	t.Helper()
	for _, c := range []struct{ route, body string }{
		{"accounts", `{"handle":"@scratch","name":"Scratch","verified":true,"office":"mayor","followers":12}`},
		{"posts", `{"account":"acct/1","text":"Nothing to see."}`},
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/staff/v1/"+c.route, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		req.Header.Set("Content-Type", "application/json")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusCreated {
			t.Fatalf("%s: %s", c.route, res.Status)
		}
	}
}
