// Package prose shows text that came from outside, and says which text people may be
// asked to read before they sign. No other package does either.
//
// Handles, names, marks, reasons and the texts of platforms are written by strangers. At
// a terminal a control character moves the cursor or renames the window, a line feed
// makes a line that nobody wrote, and a character that turns the direction of writing
// shows another name than the one that is there. Text that this package has shown holds
// nothing of the kind: each hidden character stands there as ‹U+202E›, and text that runs
// from right to left is enclosed in an isolate (U+2068 … U+2069), so that it does not
// turn the text beside it.
//
// It is pure, and knows nothing about the meaning of a text.
package prose

import (
	"fmt"
	"reflect"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"countersign.dev/fault"
)

// First strong isolate and pop directional isolate (Unicode UAX #9).
const (
	isolate    = '\u2068'
	endIsolate = '\u2069'
)

// blank are letters and symbols that look like a space, or that stand for something that
// is not in the text: a blank of Braille, a note head that is not drawn, full and half
// blanks among hieroglyphs, the filler of Khitan, and the object replacement character.
var blank = map[rune]bool{'\u2800': true, '\U0001D159': true, '\U00013441': true, '\U00013442': true, '\U00016FE4': true, '\ufffc': true}

// joining are the scripts in which a joiner or non-joiner between two letters changes
// their shape, so that it can be seen.
var joining = []*unicode.RangeTable{unicode.Arabic, unicode.Syriac, unicode.Nko, unicode.Mongolian, unicode.Devanagari, unicode.Bengali, unicode.Gurmukhi,
	unicode.Gujarati, unicode.Oriya, unicode.Tamil, unicode.Telugu, unicode.Kannada, unicode.Malayalam, unicode.Sinhala, unicode.Khmer, unicode.Myanmar}

// hidden reports whether a reader would not see a character after another one, or would
// see another text because of it. A line feed is hidden.
func hidden(before, r rune) bool {
	switch {
	case r == utf8.RuneError:
		return false // it is shown as what it is
	case unicode.Is(unicode.Prepended_Concatenation_Mark, r):
		return false // Cf, and visible
	case r == '\ufe0e' || r == '\ufe0f':
		return !unicode.Is(unicode.S, before)
	case r == '\u200d' && (unicode.Is(unicode.So, before) || before == '\ufe0f' || unicode.Is(unicode.Sk, before)):
		return false // joins two pictures into one
	case r == '\u200c' || r == '\u200d':
		return !unicode.In(before, joining...)
	case unicode.Is(unicode.Variation_Selector, r):
		return !(r >= '\U000E0100' && unicode.Is(unicode.Han, before))
	case unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r), blank[r]:
		return true
	case (before == 0 || before == '\n') && unicode.Is(unicode.M, r):
		return true // it would change the text before this one
	}
	// A character in none of these classes is a control or format character, separates
	// lines, is for private use, or is not assigned at all.
	return !unicode.In(r, unicode.L, unicode.M, unicode.N, unicode.P, unicode.S, unicode.Zs)
}

// Show returns a text from outside as one line that may be shown to people. A text that
// was shown already stays unchanged.
func Show(s string) string { return show(s, false, true) }

// Block is Show for a text of several lines: line feeds and tabs stay.
func Block(s string) string { return show(s, true, true) }

// Markup is Block for a document whose own letters run from left to right, such as
// a page of HTML: it adds no isolates.
func Markup(s string) string { return show(s, true, false) }

// plain reports whether a text needs no work: most do not.
func plain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

func show(s string, lines, isolated bool) string {
	if plain(s) {
		return s
	}
	if lines {
		parts := strings.Split(s, "\n")
		for i, part := range parts {
			parts[i] = showLine(part, true, isolated)
		}
		return strings.Join(parts, "\n")
	}
	return showLine(s, false, isolated)
}

func showLine(s string, tabs, isolated bool) string {
	s = strings.ToValidUTF8(s, "\ufffd")
	closed := closedBy(s)
	var b strings.Builder
	var before rune
	depth, turns := 0, false
	for i, r := range s {
		switch {
		case r == isolate && closed[i]:
			depth++
			b.WriteRune(r)
		case r == endIsolate && closed[i]:
			depth--
			b.WriteRune(r)
		case r == '\t' && tabs:
			b.WriteRune(r)
		case hidden(before, r):
			fmt.Fprintf(&b, "‹U+%04X›", r)
		default:
			turns = turns || depth == 0 && rightToLeft(r)
			b.WriteRune(r)
		}
		before = r
	}
	if turns && isolated {
		return string(isolate) + b.String() + string(endIsolate)
	}
	return b.String()
}

// closedBy returns the places of the isolates that are closed and that enclose, not only
// within another pair, text that runs from right to left; and the places of the
// characters that close them. showLine writes such pairs, and they turn nothing outside
// of themselves. All other isolates are hidden characters: a pair around nothing, or
// around text from left to right, cannot be seen and makes two names look like one.
func closedBy(s string) map[int]bool {
	if !strings.ContainsRune(s, isolate) {
		return nil
	}
	closed := map[int]bool{}
	type pair struct {
		at    int
		turns bool
	}
	var open []pair
	var before rune
	for i, r := range s {
		switch {
		case r == isolate:
			open = append(open, pair{at: i})
		case r == endIsolate && len(open) > 0:
			last := open[len(open)-1]
			open = open[:len(open)-1]
			if last.turns {
				closed[i], closed[last.at] = true, true
			}
		case len(open) > 0 && rightToLeft(r) && !hidden(before, r):
			open[len(open)-1].turns = true
		}
		before = r
	}
	return closed
}

// rightToLeft reports whether a character belongs to a script that runs from
// right to left.
func rightToLeft(r rune) bool {
	return r >= 0x0590 && r <= 0x08ff || r >= 0xfb1d && r <= 0xfdff || r >= 0xfe70 && r <= 0xfeff || r >= 0x10800 && r <= 0x10fff || r >= 0x1e800 && r <= 0x1efff
}

// Sprintf is fmt.Sprintf with Show applied to every argument that is not a number: the
// format is ours, the arguments may be from outside.
func Sprintf(format string, args ...any) string { return fmt.Sprintf(format, Args(args...)...) }

// Args returns arguments for fmt.Sprintf and the like, each of which is shown with Show
// when it is formatted.
func Args(args ...any) []any {
	out := make([]any, len(args))
	for i, a := range args {
		switch reflect.ValueOf(a).Kind() {
		case reflect.Invalid, reflect.Bool, reflect.Float32, reflect.Float64,
			reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
			out[i] = a // also the width of a %*s
		default:
			out[i] = argument{a}
		}
	}
	return out
}

// argument formats itself as fmt would, and then shows the text.
type argument struct{ of any }

// Format implements fmt.Formatter.
func (a argument) Format(f fmt.State, verb rune) {
	_, _ = f.Write([]byte(Show(fmt.Sprintf(fmt.FormatString(f, verb), a.of)))) // fmt keeps the error
}

// Check is the one rule for text that people have to read before they sign, and for all
// other text that people write for others to read: it is not blank, no character in it is
// hidden or turns the direction of writing, and it is in the normal form that has one
// spelling for each text (NFC). Line feeds are allowed. what names the text in the error,
// such as "The reason"; the error is a fault of type "bad-text".
func Check(what, s string) error {
	bad := func(format string, args ...any) error {
		return fault.New(fault.Invalid, "bad-text", "%s %s", what, fmt.Sprintf(format, args...))
	}
	if !utf8.ValidString(s) {
		return bad("is not valid UTF-8.")
	}
	visible := false
	var before rune
	for _, r := range s {
		if r != '\n' && hidden(before, r) {
			return bad("holds the character U+%04X, which cannot be seen or turns the direction of writing. Leave it out.", r)
		}
		visible = visible || unicode.In(r, unicode.L, unicode.N, unicode.P, unicode.S)
		before = r
	}
	switch {
	case !visible:
		return bad("shows nothing. Write what people can read.")
	case !norm.NFC.IsNormalString(s):
		return bad("is not in Unicode's normal form C: it spells a letter in an unusual way. Type it anew.")
	}
	return nil
}

// CheckSource is Check for a file of a policy set: it may be empty, and may have tabs and
// line ends of either sort. Its text decides what is allowed, so no character may be
// hidden.
func CheckSource(what, s string) error {
	s = strings.NewReplacer("\r\n", "\n", "\t", " ").Replace(s)
	if strings.TrimSpace(s) == "" && utf8.ValidString(s) && plain(strings.ReplaceAll(s, "\n", "")) {
		return nil
	}
	return Check(what, s)
}

// CheckLine is Check for a text of one line.
func CheckLine(what, s string) error {
	if strings.Contains(s, "\n") {
		return fault.New(fault.Invalid, "bad-text", "%s is one line.", what)
	}
	return Check(what, s)
}
