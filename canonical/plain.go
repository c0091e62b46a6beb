package canonical

import "unicode/utf8"

// plain reports whether b is certainly one JSON value in canonical form. It
// knows only what our own documents consist of: where it meets anything else (a
// fraction, an exponent, a number of more than 15 digits, an escape by number, a
// member's name that is not plain ASCII, deep nesting) it says false, and the
// library decides. Nearly all documents here are plain, and one pass that sees
// this costs a fifth of writing the document again.
func plain(b []byte) bool {
	s := scanner{b: b}
	return s.whole()
}

// Text is an object or array in canonical form.
type Text struct {
	Parts []Part
	tally
}

// Part is a member of an object or, without a name, an element of an array.
type Part struct {
	Name  string
	Value Raw // as it stands in the text
}

// Scan splits a text into its parts. Where ok is false, b is not an object or
// array in canonical form, or just not plain enough to be sure at once.
func Scan(b []byte) (t Text, ok bool) {
	s := scanner{b: b}
	t.Parts = make([]Part, 0, 8)
	each := func(name, value []byte) { t.Parts = append(t.Parts, Part{string(name), value}) }
	switch {
	case s.take('{'):
		ok = s.object(maxPlainDepth, each)
	case s.take('['):
		ok = s.array(maxPlainDepth, each)
	}
	t.tally = s.tally
	return t, ok && s.at == len(b)
}

const (
	maxPlainDepth  = 64
	maxPlainDigits = 15 // every integer of so many digits is its own float64
)

// scanner reads plain values. Its methods say false where something is not
// plain; then it is of no more use.
type scanner struct {
	b  []byte
	at int
	tally
}

// tally counts what was met, on all levels.
type tally struct{ members, nulls int }

// visit is called for each member of an object or, without a name, element of an array.
type visit func(name, value []byte)

func (s *scanner) whole() bool { return s.value(maxPlainDepth) && s.at == len(s.b) }

// take steps over c, if it comes next.
func (s *scanner) take(c byte) bool {
	if s.at >= len(s.b) || s.b[s.at] != c {
		return false
	}
	s.at++
	return true
}

func (s *scanner) value(depth int) bool {
	if s.at >= len(s.b) {
		return false
	}
	switch s.b[s.at] {
	case '{':
		s.at++
		return s.object(depth, nil)
	case '[':
		s.at++
		return s.array(depth, nil)
	case '"':
		s.at++
		_, ok := s.string()
		return ok
	case 't':
		return s.word("true")
	case 'f':
		return s.word("false")
	case 'n':
		s.nulls++
		return s.word("null")
	}
	return s.integer()
}

// object reads what follows an opening brace.
func (s *scanner) object(depth int, each visit) bool {
	if depth == 0 {
		return false
	}
	if s.take('}') {
		return true
	}
	var before []byte // the name of the member before
	for first := true; ; first = false {
		if !s.take('"') {
			return false
		}
		start := s.at
		simple, ok := s.string()
		if !ok || !simple {
			return false
		}
		name := s.b[start : s.at-1]
		if !first && string(before) >= string(name) {
			return false
		}
		before = name
		if !s.take(':') {
			return false
		}
		start = s.at
		if !s.value(depth - 1) {
			return false
		}
		s.members++
		if each != nil {
			each(name, s.b[start:s.at])
		}
		if s.take('}') {
			return true
		}
		if !s.take(',') {
			return false
		}
	}
}

// array reads what follows an opening bracket.
func (s *scanner) array(depth int, each visit) bool {
	if depth == 0 {
		return false
	}
	if s.take(']') {
		return true
	}
	for {
		start := s.at
		if !s.value(depth - 1) {
			return false
		}
		if each != nil {
			each(nil, s.b[start:s.at])
		}
		if s.take(']') {
			return true
		}
		if !s.take(',') {
			return false
		}
	}
}

// string reads what follows an opening quotation mark. It is simple if it is
// ASCII without escapes.
func (s *scanner) string() (simple, ok bool) {
	ascii, escapes := true, false
	b, start := s.b, s.at
	for i := start; i < len(b); i++ {
		c := b[i]
		if !special[c] {
			continue
		}
		switch {
		case c == '"':
			s.at = i + 1
			return ascii && !escapes, ascii || utf8.Valid(b[start:i])
		case c == '\\':
			escapes = true
			if i++; i >= len(b) || !shortEscape[b[i]] {
				return false, false
			}
		case c < ' ':
			return false, false
		default:
			ascii = false
		}
	}
	return false, false
}

// special are the bytes of a string that are not one ASCII character that stands for itself.
var special = func() (t [256]bool) {
	for c := range t {
		t[c] = c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf
	}
	return t
}()

// shortEscape are the escapes that RFC 8785 section 3.2.2.2 writes with one letter.
var shortEscape = [256]bool{'"': true, '\\': true, 'b': true, 'f': true, 'n': true, 'r': true, 't': true}

func (s *scanner) word(word string) bool {
	end := s.at + len(word)
	if end > len(s.b) || string(s.b[s.at:end]) != word {
		return false
	}
	s.at = end
	return true
}

func (s *scanner) integer() bool {
	if s.take('0') {
		return true
	}
	s.take('-')
	start := s.at
	for s.at < len(s.b) && '0' <= s.b[s.at] && s.b[s.at] <= '9' {
		s.at++
	}
	digits := s.at - start
	return 0 < digits && digits <= maxPlainDigits && s.b[start] != '0'
}
