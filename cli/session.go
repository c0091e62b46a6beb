package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/alecthomas/kong"
	"github.com/go-json-experiment/json"

	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/prose"
	"countersign.dev/wording"
)

// Session is one run of a command.
type Session struct {
	Program
	*Global

	stdout   io.Writer
	answered bool
	code     int
	settings *settings
	kept     *keptSession // the person's session, if a live one is kept
	used     *keptSession // the session whose key signed
	offered  bool         // a session was offered
	hint     string       // what a person may do if the command fails, in the place of next
}

// Answer writes the command's one answer: doc if JSON was asked for, else the page that
// text writes. It is called once.
func (s *Session) Answer(doc any, text func(*Page)) error {
	if s.answered {
		return fmt.Errorf("a command answers once")
	}
	s.answered = true
	if !s.JSON {
		p := &Page{color: s.Color}
		text(p)
		_, err := io.WriteString(s.stdout, p.String())
		return err
	}
	b, err := json.Marshal(doc, json.Deterministic(true))
	if err != nil {
		return fmt.Errorf("write the answer: %w", err)
	}
	_, err = fmt.Fprintf(s.stdout, "%s\n", b)
	return err
}

// Answered reports whether the command has answered.
func (s *Session) Answered() bool { return s.answered }

// Say tells the person at the terminal something beside the answer.
func (s *Session) Say(format string, args ...any) {
	fmt.Fprintln(s.Stderr, prose.Sprintf(format, args...))
}

// SayAll is Say for a text of several lines, such as a Page.
func (s *Session) SayAll(text string) { fmt.Fprintln(s.Stderr, prose.Block(text)) }

// End sets the exit code of a command whose answer was given and is no.
func (s *Session) End(code int) { s.code = code }

// Confirm asks the person at the terminal before something is signed. yes is the flag
// --yes: the person has decided already. Without a terminal nothing is signed: the person
// may not have seen the document, and an answer that is typed into a pipe may be a no.
// Errors are faults of type "cannot-ask" and "not-confirmed".
func (s *Session) Confirm(question string, yes bool) error {
	if yes {
		return nil
	}
	if !s.Interactive {
		return fault.New(fault.Invalid, "cannot-ask", "Nothing was signed. This program asks before it signs, and it can ask only where standard input and "+
			"standard error are a terminal. Read what is signed, and then give --yes.")
	}
	fmt.Fprintf(s.Stderr, "%s [y/N] ", prose.Show(question))
	line, err := bufio.NewReader(s.Stdin).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read the answer: %w", err)
	}
	// A line that ends with the input and without a line feed was not finished.
	if a := strings.ToLower(strings.TrimSpace(line)); err != nil || a != "y" && a != "yes" {
		return fault.New(fault.Conflict, "not-confirmed", "Nothing was signed and nothing was sent.")
	}
	return nil
}

// Page is an answer for a person. All text is escaped in the way of package prose, except
// for words that the page itself has coloured.
type Page struct {
	text    strings.Builder
	color   bool
	painted map[string]bool
}

// String returns the text written so far.
func (p *Page) String() string { return p.text.String() }

// Line writes one line.
func (p *Page) Line(format string, args ...any) {
	shown := prose.Args(args...)
	for i, a := range args {
		if word, ok := a.(string); ok && p.painted[word] {
			shown[i] = word
		}
	}
	fmt.Fprintf(&p.text, format+"\n", shown...)
}

// Block writes a text of several lines, unchanged.
func (p *Page) Block(text string) { p.text.WriteString(prose.Block(text)) }

// Append adds the text of another page.
func (p *Page) Append(other *Page) { p.text.WriteString(other.String()) }

func (p *Page) shown(s string) string {
	if p.painted[s] {
		return s
	}
	return prose.Show(s)
}

// Table writes rows in columns; the first is the head.
func (p *Page) Table(rows [][]string) {
	w := tabwriter.NewWriter(&p.text, 0, 8, 2, ' ', 0)
	for _, r := range rows {
		cells := make([]string, len(r))
		for i, c := range r {
			cells[i] = p.shown(c)
		}
		fmt.Fprintln(w, strings.Join(cells, "\t"))
	}
	_ = w.Flush() // a strings.Builder cannot fail
}

// Facts writes pairs of a name and a value, without those whose value is empty.
func (p *Page) Facts(pairs ...[2]string) {
	width := 0
	for _, kv := range pairs {
		if kv[1] != "" {
			width = max(width, len(kv[0]))
		}
	}
	for _, kv := range pairs {
		if kv[1] == "" {
			continue
		}
		lines := strings.Split(kv[1], "\n")
		p.Line("  %-*s  %s", width, kv[0], lines[0])
		for _, more := range lines[1:] {
			p.Line("  %-*s  %s", width, "", more)
		}
	}
}

// Good and Bad colour a word where colours are shown; the word says it all.
func (p *Page) Good(word string) string { return p.paint("32", word) }

// Bad is like Good.
func (p *Page) Bad(word string) string { return p.paint("31", word) }

func (p *Page) paint(code, word string) string {
	if !p.color {
		return word
	}
	painted := "\x1b[" + code + "m" + prose.Show(word) + "\x1b[0m"
	if p.painted == nil {
		p.painted = map[string]bool{}
	}
	p.painted[painted] = true
	return painted
}

// moment is a time given on the command line: RFC 3339, or a length from now such as 72h
// or 3d. It is cut to the second, since people sign it.
type moment struct {
	given string
	at    time.Time
	after time.Duration
}

var typeOfMoment = reflect.TypeFor[moment]()

func readMoment(ctx *kong.DecodeContext, target reflect.Value) error {
	var s string
	if err := ctx.Scan.PopValueInto("time", &s); err != nil {
		return err
	}
	m, err := parseMoment(s)
	if err != nil {
		return err
	}
	target.Set(reflect.ValueOf(m))
	return nil
}

func parseMoment(s string) (moment, error) {
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return moment{given: s, at: t.UTC().Truncate(time.Second)}, nil
	}
	length := s
	if days, ok := strings.CutSuffix(s, "d"); ok {
		length = ""
		var n int
		if _, err := fmt.Sscanf(days, "%d", &n); err == nil && fmt.Sprint(n) == days {
			length = fmt.Sprintf("%dh", 24*n)
		}
	}
	d, err := time.ParseDuration(length)
	if err != nil || d <= 0 {
		return moment{}, fmt.Errorf("%q is not a time such as 2026-11-30T18:00:00Z, nor a length from now such as 72h or 3d", s)
	}
	return moment{given: s, after: d}, nil
}

// from returns the instant; a length is counted from now.
func (m moment) from(now time.Time) canonical.Time {
	switch {
	case m.given == "":
		return canonical.Time{}
	case m.after > 0:
		return canonical.At(now.Add(m.after).Truncate(time.Second))
	default:
		return canonical.At(m.at)
	}
}

// until writes an instant and the time until then.
func until(t canonical.Time, now time.Time) string {
	if t.IsZero() {
		return ""
	}
	d := t.Sub(now)
	if d < 0 {
		return wording.When(t) + " (" + wording.Span(-d) + " ago)"
	}
	return wording.When(t) + " (in " + wording.Span(d) + ")"
}
