package cases

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/prose"
)

// MaxText is the largest text of a set, in bytes.
const MaxText = 4 << 20

// maxProblems bounds the details of one refusal.
const maxProblems = 50

// file is the text of a set while it is read, with all that is wrong with it.
type file struct {
	name string // "rules.json"
	typ  string // of the fault
	text string
	bad  []fault.Detail
}

// read decodes the text strictly: a member that is not known, or occurs twice, is refused.
func (f *file) read(into any) bool {
	switch {
	case len(f.text) > MaxText:
		f.add(0, "", "the file has %d bytes; a set has at most %d", len(f.text), MaxText)
		return false
	case !utf8.ValidString(f.text):
		f.add(0, "", "the file is not valid UTF-8; save it as UTF-8")
		return false
	}
	if _, deep := canonical.Deeper([]byte(f.text), 20); deep {
		f.add(0, "", "the file nests deeper than a set does; compare it with the default set")
		return false
	}
	if err := json.Unmarshal([]byte(f.text), into, json.RejectUnknownMembers(true)); err != nil {
		f.add(lineAt(f.text, err), "", "%s; correct the file, or compare it with the default set", canonical.Wrong(err))
		return false
	}
	return true
}

// wrong notes what is wrong with the value at a JSON pointer. about names what the value
// belongs to, such as "rule 3".
func (f *file) wrong(at jsontext.Pointer, about, format string, args ...any) {
	if len(f.bad) < maxProblems {
		f.add(lineOf(f.text, at), about, format, args...)
	}
}

func (f *file) add(line int, about, format string, args ...any) {
	at := f.name
	if line > 0 {
		at = fmt.Sprintf("%s:%d", f.name, line)
	}
	if about != "" {
		at += " " + about
	}
	f.bad = append(f.bad, fault.Detail{At: at, Text: fmt.Sprintf(format, args...)})
}

// nouns name the texts by the type of their fault.
var nouns = map[string]string{"bad-rules": "This rule set", "bad-queues": "This queue set", "bad-hashes": "This list of hashes"}

// prose holds a text to the rule for what people read before they sign.
func (f *file) prose(at jsontext.Pointer, about, what, text string, oneLine bool) {
	check := prose.Check
	if oneLine {
		check = prose.CheckLine
	}
	if err := check(what, text); err != nil {
		f.wrong(at, about, "%s", fault.TextOf(err))
	}
}

func (f *file) err() error {
	if len(f.bad) == 0 {
		return nil
	}
	return fault.New(fault.Invalid, f.typ, "%s cannot be used; what is in force stays.", nouns[f.typ]).With(f.bad...)
}

// lineAt returns the line at which reading JSON failed, 0 if the error does not say.
func lineAt(text string, err error) int {
	var semantic *json.SemanticError
	var syntactic *jsontext.SyntacticError
	switch {
	case errors.As(err, &syntactic):
		return lineAtByte(text, syntactic.ByteOffset)
	case errors.As(err, &semantic):
		return max(lineOf(text, semantic.JSONPointer), 1)
	}
	return 0
}

func lineAtByte(text string, offset int64) int {
	if offset < 0 || offset > int64(len(text)) {
		return 0
	}
	return 1 + strings.Count(text[:offset], "\n")
}

// lineOf returns the line on which the member or element at a JSON pointer begins; if the
// text has none there, the line of the nearest one around it.
func lineOf(text string, at jsontext.Pointer) int {
	d := jsontext.NewDecoder(strings.NewReader(text))
	line, depth := 0, -1
	for {
		token, err := d.ReadToken()
		if err != nil {
			return line // the end, or a text that is not JSON
		}
		if token.Kind() == '}' || token.Kind() == ']' {
			continue
		}
		here := d.StackPointer()
		if deep := strings.Count(string(here), "/"); deep > depth && (here == "" || here == at || strings.HasPrefix(string(at), string(here)+"/")) {
			depth, line = deep, lineAtByte(text, d.InputOffset()) // no token spans lines
			if here == at {
				return line
			}
		}
	}
}

// member returns the pointer of a member.
func member(parent jsontext.Pointer, name string) jsontext.Pointer { return parent.AppendToken(name) }

// element returns the pointer of an element.
func element(parent jsontext.Pointer, i int) jsontext.Pointer {
	return parent.AppendToken(fmt.Sprint(i))
}
