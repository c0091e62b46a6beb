package cases_test

import (
	"strings"
	"testing"

	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/fault"
)

func hexOf(text string) string {
	return strings.TrimPrefix(canonical.Sum([]byte(text)).String(), "sha256:")
}

// TestHashes: a file of digests becomes one text, whatever its order and spelling.
func TestHashes(t *testing.T) {
	a, b := hexOf("a"), hexOf("b")
	file := "# from the hotline\r\n\r\n  sha256:" + b + "\n" + strings.ToUpper(a) + "\r\n" + b
	l, err := cases.ReadHashes(file)
	if err != nil {
		t.Fatal(err)
	}
	if len(l.Digests()) != 2 || !l.Has(canonical.Sum([]byte("a"))) || !l.Has(canonical.Sum([]byte("b"))) || l.Has(canonical.Sum([]byte("c"))) {
		t.Errorf("it has %v", l.Digests())
	}
	again, err := cases.ParseHashes(l.Text())
	if err != nil || again.Text() != l.Text() || len(l.Text()) != 2*65 {
		t.Errorf("its text is not read: %v", err)
	}
	for _, c := range []struct{ text, at, what string }{
		{"", "hashes", "hashlist end"},
		{"# nothing\n", "hashes", "hashlist end"},
		{a + "\n" + a[:63] + "\n", "hashes:2", "64 hex digits"},
		{a + "\n\nmd5:" + a + "\n", "hashes:3", "64 hex digits"},
		{a + " a.jpg\n", "hashes:1", "nothing else on the line"},
	} {
		_, err := cases.ReadHashes(c.text)
		refusal(t, err, "bad-hashes", c.at, c.what)
	}
	for _, text := range []string{file, strings.ToUpper(l.Text()), l.Text()[:64], l.Text() + l.Text()} {
		if _, err := cases.ParseHashes(text); fault.TypeOf(err) != "bad-hashes" {
			t.Errorf("a text in another form is taken: %v", err)
		}
	}
	var many strings.Builder
	for i := range 70_000 {
		many.WriteString(strings.TrimPrefix(canonical.DigestOf(i).String(), "sha256:") + "\n")
	}
	_, err = cases.ReadHashes(many.String())
	refusal(t, err, "bad-hashes", "hashes", "one list holds 64527")
	_, err = cases.ReadHashes(strings.Repeat("\n", 2*cases.MaxText+1))
	refusal(t, err, "bad-hashes", "hashes", "more than a list can hold")
}

// FuzzHashes: the text of what is read is read again, and gives the same list.
func FuzzHashes(f *testing.F) {
	f.Add(hexOf("a") + "\n" + hexOf("b"))
	f.Add("sha256:" + hexOf("a") + "\r\n#\n")
	f.Add("ab\n")
	f.Fuzz(func(t *testing.T, text string) {
		l, err := cases.ReadHashes(text)
		if err != nil {
			if f := fault.As(err); f == nil || f.Type != "bad-hashes" {
				t.Fatalf("refused with %v", err)
			}
			return
		}
		again, err := cases.ParseHashes(l.Text())
		if err != nil || again.Text() != l.Text() {
			t.Fatalf("its text is not read: %v", err)
		}
	})
}
