package actions

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"countersign.dev/canonical"
)

var update = flag.Bool("update", false, "write the golden files anew")

func statement() Statement {
	return Statement{V: StatementV1, Log: "desk.example/log", Request: "req_1", Action: takedown().Digest(), Verdict: VerdictRequest,
		Policy: canonical.Sum([]byte("policy")), Signer: "dana", Key: "key_1", Executor: "exec", Nonce: bytes.Repeat([]byte{7}, 32),
		NotBefore: noon, Expires: canonical.At(noon.AddDate(0, 0, 1))}
}

// TestFormats: the bytes that people sign are for ever. If one of these files
// changes, every ledger and warrant there is becomes unreadable.
func TestFormats(t *testing.T) {
	challenge := statement().Challenge()
	action := takedown()
	for name, got := range map[string][]byte{
		"statement.json": statement().Bytes(),
		"challenge.hex":  []byte(hex.EncodeToString(challenge[:])),
		"action.json":    canonical.MustMarshal(action),
		"undo.json":      canonical.MustMarshal(undo()),
		"action.digest":  []byte(action.Digest().String()),
		"end.json":       canonical.MustMarshal(ending()),
		"need.json":      canonical.MustMarshal(Need{Independent: 2, Qualified: map[Qualifier]int{"officer": 1, "employee": 1}, Wait: 60, Hardware: true}),
		"setting.json":   canonical.MustMarshal(changes["trust"].change),
		"keys.json":      canonical.MustMarshal(changes["enrol"].change),
		"admit.json":     canonical.MustMarshal(changes["admit"].change),
		"signed.json":    canonical.MustMarshal(Signed{Statement: statement(), Signature: Signature{Signature: []byte{1, 2, 3}}}),
		"row.digest":     []byte(Row{Sealed: map[string]canonical.Digest{"email": digest, "name": digest}}.Digest().String()),
		"token-challenge.hex": func() []byte {
			c := TokenAsk{V: TokenVersion, Log: "desk.example/log", Worker: "dana", Key: "key_1", Name: "laptop", Nonce: bytes.Repeat([]byte{7}, 32), NotBefore: noon, Expires: noon}.Challenge()
			return []byte(hex.EncodeToString(c[:]))
		}(),
	} {
		file := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(file, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is now\n%s\nand was\n%s", name, got, want)
		}
	}
}

// TestChallenge computes the challenge as the design words it, without the
// product's helpers.
func TestChallenge(t *testing.T) {
	want := sha256.Sum256(append([]byte("countersign/statement/v1\n"), statement().Bytes()...))
	if statement().Challenge() != want {
		t.Error("the challenge is not SHA-256 over the version, a line feed and the statement")
	}
	if statement().Digest() == canonical.Digest(want) {
		t.Error("a statement's digest passes for its challenge")
	}
}

// TestStatementCovers: each member changes what is signed.
func TestStatementCovers(t *testing.T) {
	base := statement().Challenge()
	for name, by := range map[string]func(*Statement){
		"log": func(s *Statement) { s.Log = "other.example/log" }, "request": func(s *Statement) { s.Request = "req_2" },
		"action": func(s *Statement) { s.Action[0]++ }, "verdict": func(s *Statement) { s.Verdict = VerdictCountersign },
		"policy": func(s *Statement) { s.Policy[0]++ }, "signer": func(s *Statement) { s.Signer = "lee" }, "key": func(s *Statement) { s.Key = "key_2" },
		"executor": func(s *Statement) { s.Executor = "other" }, "nonce": func(s *Statement) { s.Nonce = bytes.Repeat([]byte{8}, 32) },
		"not before": func(s *Statement) { s.NotBefore = s.Expires }, "expires": func(s *Statement) { s.Expires = s.NotBefore },
	} {
		s := statement()
		by(&s)
		if s.Challenge() == base {
			t.Errorf("what is signed does not cover %s", name)
		}
	}
}

// FuzzStatement: a statement has one encoding.
func FuzzStatement(f *testing.F) {
	f.Add(statement().Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		var s Statement
		if canonical.UnmarshalExact(b, &s) == nil && !bytes.Equal(s.Bytes(), b) {
			t.Fatalf("%q is read as %+v", b, s)
		}
	})
}
