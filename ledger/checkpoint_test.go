package ledger_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"time"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/note"

	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/ledger/ledgertest"
)

// witness is torchwood's cosigner with our verifier of its key.
func witness(t testing.TB, name string, seed byte) (note.Signer, *ledger.Witness) {
	t.Helper()
	s, err := torchwood.NewCosignatureSigner(name, ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, 32)))
	if err != nil {
		t.Fatal(err)
	}
	w, err := ledger.NewWitness(s.Verifier().String())
	if err != nil {
		t.Fatal(err)
	}
	if w.Name() != name || w.KeyHash() != s.KeyHash() || w.String() != s.Verifier().String() {
		t.Fatalf("witness key is %s %08x", w.Name(), w.KeyHash())
	}
	return s, w
}

// sign adds signatures to a signed note.
func sign(t testing.TB, signed []byte, by ...note.Signer) []byte {
	t.Helper()
	text, signatures, _ := bytes.Cut(signed, []byte("\n\n"))
	more, err := note.Sign(&note.Note{Text: string(text) + "\n"}, by...)
	if err != nil {
		t.Fatal(err)
	}
	_, added, _ := bytes.Cut(more, []byte("\n\n"))
	return bytes.Join([][]byte{text, append(append([]byte{}, signatures...), added...)}, []byte("\n\n"))
}

func TestCheckpointAndTorchwoodAgree(t *testing.T) {
	m := small(t)
	n, err := note.Open(m.Head.Checkpoint, note.VerifierList(m.Key.Verifier()))
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := torchwood.ParseCheckpoint(n.Text)
	if err != nil {
		t.Fatal(err)
	}
	ours, err := ledger.ParseCheckpoint(m.Head.Checkpoint, m.Key.Verifier())
	if err != nil {
		t.Fatal(err)
	}
	if theirs.Origin != ours.Origin || theirs.N != ours.Size || theirs.Hash != ours.Root || theirs.String() != ours.Text() {
		t.Errorf("torchwood reads %+v, we %+v", theirs, ours)
	}
}

func TestCosignatures(t *testing.T) {
	m := small(t)
	s1, w1 := witness(t, "one.example/w", 1)
	s2, w2 := witness(t, "two.example/w", 2)
	before := time.Now().Truncate(time.Second)
	signed := sign(t, m.Head.Checkpoint, s2, s1)
	c, err := ledger.ParseCheckpoint(signed, m.Key.Verifier(), w1, w2)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Cosignatures) != 2 || c.Cosignatures[0].Name != "two.example/w" || c.Cosignatures[1].KeyID != w1.KeyHash() || c.Unknown != 0 {
		t.Errorf("%+v", c)
	}
	for _, co := range c.Cosignatures {
		if co.Time.Before(before) || co.Time.After(time.Now()) {
			t.Errorf("cosigned at %s", co.Time)
		}
	}
	if c, err := ledger.ParseCheckpoint(signed, m.Key.Verifier(), w1); err != nil || len(c.Cosignatures) != 1 || c.Unknown != 1 {
		t.Errorf("with one witness asked for: %+v, %v", c, err)
	}
	// A witness's word does not stand for the log's.
	text, _, _ := bytes.Cut(m.Head.Checkpoint, []byte("\n\n"))
	alone, err := note.Sign(&note.Note{Text: string(text) + "\n"}, s1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ledger.ParseCheckpoint(alone, m.Key.Verifier(), w1); !fault.Is(err, "checkpoint-unverified") {
		t.Errorf("cosigned, but not signed: %v", err)
	}
	// A known witness's signature over something else spoils the whole note.
	other := sign(t, ledgertest.New(t, 1).Head.Checkpoint, s1)
	lines := bytes.SplitAfter(bytes.TrimSuffix(other, []byte("\n")), []byte("\n"))
	forged := append(bytes.Clone(m.Head.Checkpoint), append(lines[len(lines)-1], '\n')...)
	if _, err := ledger.ParseCheckpoint(forged, m.Key.Verifier(), w1); !fault.Is(err, "checkpoint-unverified") {
		t.Errorf("another checkpoint's cosignature: %v", err)
	}
}

// TestCosignaturePublished reads the example of the C2SP specification. Its key
// is not published, so what it shows is the form: eight bytes of time first.
func TestCosignaturePublished(t *testing.T) {
	const example = "jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA=="
	raw, err := base64.StdEncoding.DecodeString(example)
	if err != nil || len(raw) != 4+8+ed25519.SignatureSize || binary.BigEndian.Uint64(raw[4:]) != 1679315147 {
		t.Fatalf("the example is misread: %x, %v", raw, err)
	}
	// The signed text, by the specification's words and not by our code.
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, 32))
	text := "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
	_, w := witness(t, "witness.example.com/w1", 1)
	at := binary.BigEndian.AppendUint64(nil, 1679315147)
	signature := ed25519.Sign(key, []byte("cosignature/v1\ntime 1679315147\n"+text))
	if !w.Verify([]byte(text), append(at, signature...)) {
		t.Error("a cosignature in the specified form is refused")
	}
	for name, sig := range map[string][]byte{
		"another time": append(binary.BigEndian.AppendUint64(nil, 1679315148), signature...),
		"no time":      signature,
		"surplus":      append(append(at, signature...), 0),
		"time zero":    append(make([]byte, 8), ed25519.Sign(key, []byte("cosignature/v1\ntime 0\n"+text))...),
		"time 10000": append(binary.BigEndian.AppendUint64(nil, 253402300800),
			ed25519.Sign(key, []byte("cosignature/v1\ntime 253402300800\n"+text))...),
		"without time in the text": append(at, ed25519.Sign(key, []byte(text))...),
	} {
		if w.Verify([]byte(text), sig) {
			t.Errorf("%s: accepted", name)
		}
	}
}

// TestManyLargeCosignatures: a checkpoint has room for the cosignatures of witnesses
// whose keys are large, such as ML-DSA-44's with 2,420 bytes.
func TestManyLargeCosignatures(t *testing.T) {
	m := small(t)
	for _, n := range []int{20, 99} {
		signed := bytes.Clone(m.Head.Checkpoint)
		for i := range n {
			line := append(binary.BigEndian.AppendUint32(nil, uint32(1000+i)), bytes.Repeat([]byte{byte(i)}, 8+2420)...)
			signed = fmt.Appendf(signed, "\u2014 witness%d.example %s\n", i, base64.StdEncoding.EncodeToString(line))
		}
		if got, err := ledger.ParseCheckpoint(signed, m.Key.Verifier()); err != nil || got.Unknown != n {
			t.Errorf("%d cosignatures, %d bytes: %v", n, len(signed), err)
		}
	}
}

func TestCheckpointRefused(t *testing.T) {
	m := small(t)
	good := string(m.Head.Checkpoint)
	foreign := ledgertest.New(t, 2)
	again := func(text string) string { // signed anew, so that only the text is at fault
		s, err := note.Sign(&note.Note{Text: text}, m.Key)
		if err != nil {
			t.Fatal(err)
		}
		return string(s)
	}
	_, signature, _ := strings.Cut(good, "\n\n")
	root := m.Head.Edge.Root().String()
	loose := func(line string, fromEnd int) string {
		b := []byte(line)
		b[len(b)-fromEnd]++
		return string(b)
	}
	for name, test := range map[string]struct{ note, fault string }{
		"empty":               {"", "checkpoint-malformed"},
		"no signature":        {strings.TrimSuffix(good, signature), "checkpoint-malformed"},
		"foreign key":         {string(sign(t, []byte(strings.TrimSuffix(good, signature)), foreign.Key)), "checkpoint-unverified"},
		"edited size":         {strings.Replace(good, "\n3\n", "\n4\n", 1), "checkpoint-unverified"},
		"another origin":      {again("desk.example.com/other\n3\n" + root + "\n"), "checkpoint-unverified"},
		"extension line":      {again(ledgertest.Origin + "\n3\n" + root + "\nmore\n"), "checkpoint-malformed"},
		"leading zero":        {again(ledgertest.Origin + "\n03\n" + root + "\n"), "checkpoint-malformed"},
		"negative":            {again(ledgertest.Origin + "\n-3\n" + root + "\n"), "checkpoint-malformed"},
		"beyond JSON":         {again(ledgertest.Origin + "\n9007199254740992\n" + root + "\n"), "checkpoint-malformed"},
		"short root":          {again(ledgertest.Origin + "\n3\nAAAA\n"), "checkpoint-malformed"},
		"loose root":          {again(ledgertest.Origin + "\n3\n" + loose(root, 2) + "\n"), "checkpoint-malformed"},
		"root of nothing":     {again(ledgertest.Origin + "\n0\n" + root + "\n"), "checkpoint-malformed"},
		"origin with scheme":  {again("https://x\n3\n" + root + "\n"), "origin-malformed"},
		"carriage return":     {strings.ReplaceAll(good, "\n", "\r\n"), "checkpoint-malformed"},
		"surplus line":        {good + "\n", "checkpoint-malformed"},
		"no last line feed":   {strings.TrimSuffix(good, "\n"), "checkpoint-malformed"},
		"signed twice":        {good + signature, "checkpoint-malformed"},
		"signed twice, other": {good + loose(signature, 40), "checkpoint-malformed"},
		"long":                {good + "— " + strings.Repeat("a", 600_000) + " AAAAAAAA\n", "checkpoint-malformed"},
	} {
		if _, err := ledger.ParseCheckpoint([]byte(test.note), m.Key.Verifier()); !fault.Is(err, test.fault) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A signature of 68 bytes leaves four unused bits in its last character.
	loosened := loose(good, 3)
	if _, err := note.Open([]byte(loosened), note.VerifierList(m.Key.Verifier())); err != nil {
		t.Fatalf("package note refuses it too, so this proves nothing: %v", err)
	}
	if _, err := ledger.ParseCheckpoint([]byte(loosened), m.Key.Verifier()); !fault.Is(err, "checkpoint-malformed") {
		t.Errorf("a second spelling of the signature: %v", err)
	}
	if c, err := ledger.ParseCheckpoint(sign(t, []byte(good), foreign.Key), m.Key.Verifier()); err != nil || c.Unknown != 1 {
		t.Errorf("an unknown key's signature beside the log's: %+v, %v", c, err)
	}
}

func trustLine(kind string, rest ...string) string {
	return kind + " " + strings.Join(rest, " ") + "\n"
}

func TestTrustAndTorchwoodAgree(t *testing.T) {
	m := small(t)
	signers := map[string]note.Signer{}
	var declared string
	for i, name := range []string{"a", "b", "c", "d"} {
		s, w := witness(t, name+".example/w", byte(i+1))
		signers[name] = s
		declared += trustLine("witness", name, w.String(), "https://"+name+".example/")
	}
	log := trustLine("log", m.Key.VerifierKey(), "https://desk.example.com/ledger")
	for _, quorum := range []string{
		"quorum none\n",
		"quorum b\n",
		"group g any a b\nquorum g\n",
		"group g all a b\nquorum g\n",
		"group g 2 a b c\nquorum g\n",
		"  # two of three houses\n\ngroup g 1 a b\n\tgroup  h\tall c d \ngroup all2 2 g h\nquorum all2\n",
	} {
		file := []byte(log + declared + quorum)
		ours, err := ledger.ParseTrust(file)
		if err != nil {
			t.Fatalf("%s: %v", quorum, err)
		}
		theirs, err := torchwood.ParsePolicy(file)
		if err != nil {
			t.Fatalf("%s: torchwood: %v", quorum, err)
		}
		if ours.Origin() != ledgertest.Origin || ours.LogURL != "https://desk.example.com/ledger" || len(ours.Witnesses) != 4 || ours.Witnesses[1].URL != "https://b.example/" {
			t.Errorf("read as %+v", ours)
		}
		if ours.HasQuorum() != !strings.Contains(quorum, "none") {
			t.Errorf("%s: HasQuorum is %v", quorum, ours.HasQuorum())
		}
		for set := range 16 {
			signed := m.Head.Checkpoint
			for i, name := range []string{"a", "b", "c", "d"} {
				if set>>i&1 == 1 {
					signed = sign(t, signed, signers[name])
				}
			}
			c, err := ours.Open(signed)
			if err != nil {
				t.Fatal(err)
			}
			err = ours.Quorum(c)
			if _, _, theirErr := torchwood.VerifyCheckpoint(signed, theirs); (err == nil) != (theirErr == nil) {
				t.Errorf("%switnesses %04b: we say %v, torchwood %v", quorum, set, err, theirErr)
			}
			if err != nil && !fault.Is(err, "quorum-missing") {
				t.Error(err)
			}
		}
	}
}

func TestTrustRefused(t *testing.T) {
	m := small(t)
	_, a := witness(t, "a.example/w", 1)
	_, sameKey := witness(t, "b.example/w", 1)
	_, c := witness(t, "c.example/w", 3)
	log := trustLine("log", m.Key.VerifierKey())
	two := log + trustLine("witness", "a", a.String()) + trustLine("witness", "c", c.String())
	for name, test := range map[string]struct{ file, at string }{
		"empty":              {"", "log"},
		"no log":             {"quorum none\n", "log"},
		"no quorum":          {log, "quorum"},
		"two quorums":        {log + "quorum none\nquorum none\n", "line 3"},
		"two logs":           {log + log + "quorum none\n", "line 2"},
		"unknown word":       {log + "quorum none\nwitnesses x\n", "line 3"},
		"log with witness":   {trustLine("log", a.String()) + "quorum none\n", "line 1"},
		"witness with log":   {log + trustLine("witness", "a", m.Key.VerifierKey()) + "quorum none\n", "line 2"},
		"key twice":          {log + trustLine("witness", "a", a.String()) + trustLine("witness", "b", sameKey.String()) + "quorum a\n", "line 3"},
		"name twice":         {log + trustLine("witness", "a", a.String()) + trustLine("witness", "a", c.String()) + "quorum a\n", "line 3"},
		"named none":         {log + trustLine("witness", "none", a.String()) + "quorum none\n", "line 2"},
		"undeclared quorum":  {log + "quorum a\n" + trustLine("witness", "a", a.String()), "line 2"},
		"undeclared member":  {two + "group g any a x\nquorum g\n", "line 4"},
		"member twice":       {two + "group g 2 a a\nquorum g\n", "line 4"},
		"in two groups":      {two + "group g any a\ngroup h any a c\nquorum h\n", "line 5"},
		"none as member":     {two + "group g any none\nquorum g\n", "line 4"},
		"need of zero":       {two + "group g 0 a c\nquorum g\n", "line 4"},
		"need of too many":   {two + "group g 3 a c\nquorum g\n", "line 4"},
		"need spelt loosely": {two + "group g 02 a c\nquorum g\n", "line 4"},
		"empty group":        {two + "group g all\nquorum g\n", "line 4"},
		"surplus on quorum":  {two + "quorum a c\n", "line 4"},
		"surplus on log":     {trustLine("log", m.Key.VerifierKey(), "url", "more") + "quorum none\n", "line 1"},
		"surplus on witness": {log + trustLine("witness", "a", a.String(), "url", "more") + "quorum none\n", "line 2"},
		"carriage return":    {log + "# note\r\nquorum none\n", "file"},
	} {
		_, err := ledger.ParseTrust([]byte(test.file))
		if !fault.Is(err, "trust-malformed") || len(fault.As(err).Detail) == 0 || fault.As(err).Detail[0].At != test.at {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := ledger.ParseTrust([]byte("x\ny\n")); len(fault.As(err).Detail) != 2 {
		t.Errorf("two bad lines: %v", err)
	}
}

func TestVerifierKeyRefused(t *testing.T) {
	good := small(t).Key.VerifierKey()
	_, w := witness(t, "a.example/w", 1)
	parts := strings.SplitN(good, "+", 3)
	for name, line := range map[string]string{
		"empty":       "",
		"witness":     w.String(),
		"another id":  parts[0] + "+00000000+" + parts[2],
		"capital id":  parts[0] + "+" + strings.ToUpper(parts[1]) + "+" + parts[2],
		"other name":  "x" + good,
		"two lines":   good + "\n\n",
		"no key":      parts[0] + "+" + parts[1],
		"origin of /": strings.Replace(good, "/ledger", "/ledger/", 1),
	} {
		if _, err := ledger.ParseVerifierKey(line); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	for name, line := range map[string]string{"empty": "", "log": good, "line feed": w.String() + "\n", "other name": "x" + w.String()} {
		if _, err := ledger.NewWitness(line); err == nil {
			t.Errorf("witness, %s: accepted", name)
		}
	}
}
