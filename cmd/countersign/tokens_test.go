package main

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	v1 "countersign.dev/api/v1"
	"countersign.dev/canonical"
	"countersign.dev/client"
)

// TestKeyFileIsReadAgain: a program was ended, and a file holds the key of a new one. Plaza
// goes on as the new one, also if it asked before the file was changed.
func TestKeyFileIsReadAgain(t *testing.T) {
	stands, asked := "plaza-reports", ""
	desk := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.Method == http.MethodGet {
			w.Write([]byte(`{"log":"desk.example.com/ledger"}`))
			return
		}
		var ask v1.SignedProgramTokenAsk
		if err := json.NewDecoder(r.Body).Decode(&ask); err != nil {
			t.Error(err)
		}
		if asked = ask.Ask.Program; asked != stands {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		json.NewEncoder(w).Encode(v1.ProgramToken{ID: "one", Program: asked, Expires: canonical.At(time.Now().Add(time.Hour))})
	}))
	defer desk.Close()
	file := filepath.Join(t.TempDir(), "plaza-reports.key")
	write := func(program string) {
		t.Helper()
		key, err := client.NewProgramKey(rand.Reader, program)
		if err != nil {
			t.Fatal(err)
		}
		b, err := json.Marshal(key)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	tokens := &fileTokens{path: file, desk: desk.URL, now: time.Now}
	signIn := func() (string, error) {
		asked = ""
		return tokens.token(t.Context())
	}
	write("plaza-reports")
	old, err := signIn()
	if err != nil || !strings.Contains(asked, "plaza-reports") {
		t.Fatalf("%v, as %q", err, asked)
	}
	if again, err := signIn(); err != nil || again != old || asked != "" {
		t.Fatalf("a token that is good is not used again: %v, as %q", err, asked)
	}
	// The program is ended: the desk refuses its token, and its key.
	stands = "plaza-reports-2"
	tokens.forget(old)
	if _, err := signIn(); err == nil || asked != "plaza-reports" {
		t.Fatalf("%v, as %q", err, asked)
	}
	write(stands)
	if fresh, err := signIn(); err != nil || asked != stands || fresh == old {
		t.Fatalf("%v, as %q", err, asked)
	}
	// The other way round: the new key is there before the old token is refused.
	stands = "plaza-reports-3"
	write(stands)
	tokens.forget("")
	if _, err := signIn(); err != nil || asked != stands {
		t.Fatalf("%v, as %q", err, asked)
	}
}
