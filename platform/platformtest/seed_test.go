package platformtest_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// seed makes the scratch account and its post through plaza's own API, and three accounts
// and a post for changes that only their owners or a deletion can make.
func seed(t *testing.T, url, token string) {
	t.Helper()
	for _, c := range []struct{ route, body string }{
		{"accounts", `{"handle":"@scratch","name":"Scratch","verified":true,"office":"mayor","followers":12}`},
		{"posts", `{"account":"acct/1","text":"Nothing to see.","language":"en","pictures":[{"alt":"A red square.","data":"iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAIAAAD91JpzAAAAEElEQVR4nGM4ISICRAwQCgAdHgPBfBJ9GQAAAABJRU5ErkJggg=="}]}`},
		{"accounts", `{"handle":"@owner","name":"Owner"}`},
		{"accounts", `{"handle":"@leaver","name":"Leaver"}`},
		{"accounts", `{"handle":"@away","name":"Away"}`},
		{"posts", `{"account":"acct/2","text":"Soon gone."}`},
		{"posts", `{"account":"acct/2","text":"I see nothing.","answers":"post/1"}`},
	} {
		if _, err := send(t.Context(), http.MethodPost, url+"/staff/v1/"+c.route, token, c.body); err != nil {
			t.Fatal(err)
		}
	}
}

// send sends a request that must succeed, and returns the answer.
func send(ctx context.Context, method, url, token, body string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return "", err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode/100 != 2 {
		err = fmt.Errorf("%s %s: %s %s", method, url, res.Status, answer)
	}
	return string(answer), err
}
