package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"countersign.dev/actions"
	v1 "countersign.dev/api/v1"
	"countersign.dev/canonical"
	"countersign.dev/ledger/proof"
)

// TestEnrolmentNamesTheDesk: the enrolment is signed for the name that the desk gives,
// and for no desk but the one that the person has signed in to. A refused one leaves no
// file.
func TestEnrolmentNamesTheDesk(t *testing.T) {
	const origin = "desk.example.com/ledger"
	real, rehearsal := origin+"#"+canonical.Sum([]byte("real")).String(), origin+"#"+canonical.Sum([]byte("rehearsal")).String()
	for name, c := range map[string]struct {
		pinned settings
		status v1.Status
		want   string // what the enrolment names; empty: refused
	}{
		"a desk that was never seen":  {settings{}, v1.Status{Origin: origin, Log: real, EnrolName: real}, real},
		"the desk that was signed in": {settings{Origin: origin, Log: real}, v1.Status{Origin: origin, Log: real, EnrolName: real}, real},
		"its rehearsal":               {settings{Origin: origin, Log: real}, v1.Status{Origin: origin, Log: rehearsal, EnrolName: rehearsal}, ""},
		"another origin":              {settings{Origin: "other.example.com/ledger"}, v1.Status{Origin: origin, Log: real, EnrolName: real}, ""},
		"the laws 2":                  {settings{Origin: origin, Log: real}, v1.Status{Origin: origin, Log: real, EnrolName: origin}, origin},
		"a program from before":       {settings{}, v1.Status{Origin: origin, Log: real}, origin},
	} {
		t.Run(name, func(t *testing.T) {
			desk := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				_, _ = w.Write(canonical.MustMarshal(c.status))
			}))
			defer desk.Close()
			dir := t.TempDir()
			c.pinned.URL = desk.URL
			if err := WriteSecret(filepath.Join(dir, settingsFile), c.pinned); err != nil {
				t.Fatal(err)
			}
			run := func(args ...string) result {
				var out, errs bytes.Buffer
				var g testGrammar
				p := Program{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs, Now: func() time.Time { return noon }, Version: "test",
					HTTP: desk.Client(), Rand: rand.NewChaCha8([32]byte{1}), Getenv: func(string) string { return "" }}
				code := Run(context.Background(), p, &g, &g.Global, append([]string{"--dir", dir}, args...))
				return result{code, out.String(), errs.String()}
			}
			path := filepath.Join(dir, "my.key")
			if made := run("key", "make", path, "--worker", "ann"); c.want == "" {
				if _, err := os.Stat(path); made.code != Refused || !strings.Contains(made.stderr, "yours is") || err == nil {
					t.Errorf("%+v; the key file: %v", made, err)
				}
				return
			}
			signedFor := func() {
				t.Helper()
				k, err := ReadKey(path)
				if err != nil {
					t.Fatal(err)
				}
				raw, err := os.ReadFile(path + EnrolmentSuffix)
				if err != nil {
					t.Fatal(err)
				}
				var e actions.Enrolment
				if err := json.Unmarshal(raw, &e); err != nil {
					t.Fatal(err)
				}
				if err := proof.VerifySignature(k.PublicKey(), actions.PossessionChallenge(c.want, "ann", k.Key), e.Possession, proof.Sites{}); err != nil {
					t.Errorf("it does not name %s: %v", c.want, err)
				}
			}
			signedFor()
			if r := run("key", "enrolment", path, "--desk", rehearsal); r.code != Done {
				t.Fatalf("%+v", r)
			}
			r := run("key", "enrolment", path)
			if r.code != Done || !strings.Contains(r.stdout, c.want) || strings.Contains(r.stderr, "names no entry 0") != (c.want == origin) {
				t.Errorf("%+v", r)
			}
			signedFor()
		})
	}
}
