package prose_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"countersign.dev/prose"
)

// hostile is what strangers put into names, and how it is shown.
var hostile = []struct{ in, want string }{
	{"cheap-watches", "cheap-watches"},
	{"Zoë Müller, 東京 🎉", "Zoë Müller, 東京 🎉"},
	{"\x1b]0;title\x07", "‹U+001B›]0;title‹U+0007›"},
	{"\x1b]8;;http://evil.example\x1b\\click\x1b]8;;\x1b\\", "‹U+001B›]8;;http://evil.example‹U+001B›\\click‹U+001B›]8;;‹U+001B›\\"},
	{"\x1b[2J\x1b[1;1H", "‹U+001B›[2J‹U+001B›[1;1H"},
	{"\u009b31m", "‹U+009B›31m"}, // CSI in one character
	{"a\rb\bc\x7f\x00", "a‹U+000D›b‹U+0008›c‹U+007F›‹U+0000›"},
	{"x\nneeds nobody", "x‹U+000A›needs nobody"},
	{"x\ty", "x‹U+0009›y"},
	{"cheap\u202eselttab", "cheap‹U+202E›selttab"},
	{"\u2066a\u2067b\u200e\u200f\u061c", "‹U+2066›a‹U+2067›b‹U+200E›‹U+200F›‹U+061C›"},
	{"a\u200bb\u2060c\ufeffd\u00ade", "a‹U+200B›b‹U+2060›c‹U+FEFF›d‹U+00AD›e"},
	{"pay\u200cpal", "pay‹U+200C›pal"},
	{"a\u2028b\u2029", "a‹U+2028›b‹U+2029›"},
	{"a\U000E0041\U000E007F", "a‹U+E0041›‹U+E007F›"},
	{"a\ufe0f\u034f\u115f\u3164\uffa0\u2800\u180e", "a‹U+FE0F›‹U+034F›‹U+115F›‹U+3164›‹U+FFA0›‹U+2800›‹U+180E›"},
	{"\ue000\U0010fffd\ufdd0", "‹U+E000›‹U+10FFFD›‹U+FDD0›"},
	{"a\xffb", "a\ufffdb"},
	{"دانا", "\u2068دانا\u2069"},
	{"می\u200cخواهم", "\u2068می\u200cخواهم\u2069"},
	{"👩\u200d🚒 ❤\ufe0f", "👩\u200d🚒 ❤\ufe0f"},
	{"葛\U000E0100城", "葛\U000E0100城"},
	{"open \u2068 only", "open ‹U+2068› only"},
	{"\u2069 closed \u2068", "‹U+2069› closed ‹U+2068›"},
	{"a \u2068\u202eb\u2069 c", "a ‹U+2068›‹U+202E›b‹U+2069› c"},
	{"pre\u2068\u2069sident", "pre‹U+2068›‹U+2069›sident"},
	{"\u2068president\u2069", "‹U+2068›president‹U+2069›"},
	{"pre\u2068\u061c\u2069sident", "pre‹U+2068›‹U+061C›‹U+2069›sident"},
	{"by \u2068דוד\u2069 now", "by \u2068דוד\u2069 now"},
	{"\u2068a \u2068דוד\u2069\u2069", "‹U+2068›a \u2068דוד\u2069‹U+2069›"},
	{"a\U00013441\U00013442\ufffc\U00016FE4", "a‹U+13441›‹U+13442›‹U+FFFC›‹U+16FE4›"},
	{"\u0301a\n\u0301b", "‹U+0301›a‹U+000A›‹U+0301›b"},
}

func TestShow(t *testing.T) {
	for _, c := range hostile {
		got := prose.Show(c.in)
		if got != c.want {
			t.Errorf("%q is shown as %q, not as %q", c.in, got, c.want)
		}
		if again := prose.Show(got); again != got {
			t.Errorf("%q is shown as %q the second time", got, again)
		}
	}
	if got := prose.Block("a\n\tb\x1b\nדוד"); got != "a\n\tb‹U+001B›\n\u2068דוד\u2069" {
		t.Errorf("block: %q", got)
	}
	if got := prose.Markup("<b>דוד\u202e</b>\n"); got != "<b>דוד‹U+202E›</b>\n" {
		t.Errorf("markup: %q", got)
	}
}

func TestSprintf(t *testing.T) {
	type name string
	evil := "a\x1b[2J"
	for want, got := range map[string]string{
		"by a‹U+001B›[2J":         prose.Sprintf("by %s", evil),
		"by a‹U+001B›[2J.":        prose.Sprintf("by %v.", name(evil)),
		`by "a\x1b[2J"`:           prose.Sprintf("by %q", evil),
		"no a‹U+001B›[2J":         prose.Sprintf("no %v", errors.New(evil)),
		"[a‹U+001B›[2J b]":        prose.Sprintf("%v", []string{evil, "b"}),
		"  x    7 true 1.5 <nil>": prose.Sprintf("  %-*s %d %t %.1f %v", 4, "x", 7, true, 1.5, nil),
		"{a‹U+001B›[2J 1}": prose.Sprintf("%v", struct {
			A string
			B int
		}{evil, 1}),
	} {
		if got != want {
			t.Errorf("%q, not %q", got, want)
		}
	}
}

func TestCheck(t *testing.T) {
	for _, s := range []string{"spam", "Court order 9/2026, see §4.\nSecond line.", "Zoë", "東京", "می\u200cخواهم", "👩\u200d🚒", "-", "7"} {
		if err := prose.Check("The reason", s); err != nil {
			t.Errorf("%q: %v", s, err)
		}
	}
	for _, s := range []string{"", " ", "   \n", "\u00a0\u2003\u3000", "\u200b", "\u2060", "\u2800", "\u3164", "a\u200b", "a\u202eb", "a\u2066b\u2069", "\u2068a\u2069", "a\U000E0041", "a\ufe0f",
		"a\x00", "a\tb", "a\rb", "\x1b[2J", "Zoe\u0308", "a\ue000", "a\xff", "\u0301", "a\u2028b", "pay\u200cpal", "a\u00ad", "\ufeffa",
		"\U00013441", "\U00013442", "a\U00013441", "\ufffc", "a\U00016FE4", "\u0301a", "a\n\u0301b", "a\U00013441\U00013442"} {
		if err := prose.Check("The reason", s); err == nil {
			t.Errorf("%q passes", s)
		}
	}
	if prose.CheckLine("The title", "a\nb") == nil || prose.CheckLine("The title", "a b") != nil {
		t.Error("a title is one line")
	}
}

func FuzzShow(f *testing.F) {
	for _, c := range hostile {
		f.Add(c.in)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := prose.Show(s)
		if !utf8.ValidString(got) || prose.Show(got) != got {
			t.Fatalf("%q, %q", s, got)
		}
		if strings.ContainsAny(got, "\x1b\n\r\x07\x00\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u200b\u200e\u200f\u2028\u2029\ufeff") || strings.Count(got, "\u2068") != strings.Count(got, "\u2069") {
			t.Fatalf("%q is shown as %q", s, got)
		}
		if prose.Check("It", s) == nil && got != s && got != "\u2068"+s+"\u2069" && !strings.Contains(s, "\n") {
			t.Fatalf("%q may be signed and is shown as %q", s, got)
		}
		if got := fmt.Sprint(prose.Args(s)...); got != prose.Show(s) {
			t.Fatalf("%q", got)
		}
	})
}
