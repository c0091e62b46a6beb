// Package peers holds Countersign's formats against other people's programs. It
// is a module of its own so that what is only compared with is not built into
// the product. It needs no network but 127.0.0.1.
package peers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"countersign.dev/ledger/ledgertest"
)

// fsck is Tessera's checker of served logs, built from its own source.
type fsck struct{ program string }

func buildFsck(t *testing.T) fsck {
	t.Helper()
	program := filepath.Join(t.TempDir(), "fsck")
	if out, err := exec.Command("go", "build", "-o", program, "github.com/transparency-dev/tessera/cmd/fsck").CombinedOutput(); err != nil {
		t.Fatalf("building fsck: %v\n%s", err, out)
	}
	return fsck{program}
}

// accepts runs fsck. Its exit code says nothing: it is 0 on failure too, so what
// counts is the line it prints. A bundle shorter than the checkpoint promises
// makes it panic, which is a refusal too. A hang, or an end without a word, is no
// answer and fails the test.
func (f fsck) accepts(t *testing.T, s ledgertest.Served) (bool, string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		data, err := s.Fetch(strings.TrimPrefix(r.URL.Path, "/ledger/"))
		if err != nil {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write(data)
	}))
	defer server.Close()
	key := filepath.Join(t.TempDir(), "vkey")
	if err := os.WriteFile(key, []byte(s.Key.VerifierKey()), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	// With as many failing workers as -N says it waits for ever; no tampering
	// here spoils 64 tiles.
	run := exec.CommandContext(ctx, f.program, "-storage_url", server.URL+"/ledger/", "-public_key", key, "-N", "64", "-ui=false")
	out, err := run.CombinedOutput()
	if ctx.Err() != nil {
		t.Fatalf("fsck did not end within a minute\n%s", tail(out))
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("running fsck: %v", err)
	}
	success := fmt.Sprintf("Successfully fsck'd log with size %d ", s.Size)
	switch {
	case err == nil && bytes.Contains(out, []byte(success)) && !bytes.Contains(out, []byte("fsck failed")):
		return true, success
	case bytes.Contains(out, []byte("fsck failed")), bytes.Contains(out, []byte("panic: ")):
		return false, tail(out)
	}
	t.Fatalf("fsck ended (%v) without an answer\n%s", err, tail(out))
	return false, ""
}

// tail cuts the tiles that fsck prints in hexadecimal.
func tail(out []byte) string {
	var lines []string
	for line := range strings.Lines(string(out)) {
		if len(line) > 200 {
			line = line[:200] + "…\n"
		}
		lines = append(lines, line)
	}
	return strings.Join(lines[max(0, len(lines)-8):], "")
}

// TestTesseraFsck: what our reader accepts and refuses (package ledger's own
// tests) Tessera's accepts and refuses as well.
func TestTesseraFsck(t *testing.T) {
	f := buildFsck(t)
	for _, size := range []int{1, 255, 256, 257, 512, 700, ledgertest.TamperedSize} {
		m := ledgertest.New(t, 3)
		m.Grow(t, size)
		if ok, why := f.accepts(t, m.Serve(t)); !ok {
			t.Errorf("a sound log of %d entries is refused:\n%s", size, why)
		}
	}
	m := ledgertest.New(t, 3)
	m.Grow(t, ledgertest.TamperedSize)
	served := m.Serve(t)
	for _, tampering := range ledgertest.Tamperings() {
		t.Run(tampering.Name, func(t *testing.T) {
			s := served.Clone()
			tampering.Do(t, &s)
			ok, why := f.accepts(t, s)
			if ok {
				t.Error("accepted")
			}
			t.Log(why)
		})
	}
}
