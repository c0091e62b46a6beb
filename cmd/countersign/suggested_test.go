package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"countersign.dev/cli"
)

// suggestion is a command as some text writes it.
type suggestion struct {
	where string
	words []string
	named bool // only its name stands there, in a document
}

// TestSuggestedCommands collects every command that a text of the program or a document
// writes, and parses it: it exists, has what it requires, and takes the flags that it is
// given. Whoever copies it and fills in the names gets no error of use.
func TestSuggestedCommands(t *testing.T) {
	app := commandsOf(t)
	var all []suggestion
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			if err == nil && d.Name() == ".git" {
				return filepath.SkipDir
			}
			return err
		}
		where, _ := filepath.Rel(root, path)
		switch {
		case strings.HasSuffix(path, "_test.go"), strings.HasPrefix(where, filepath.Join("doc", "design")):
		case strings.HasSuffix(path, ".go"):
			more, err := inCode(app, path, where)
			all = append(all, more...)
			return err
		case filepath.Ext(path) == ".md" && d.Name() != "CHANGELOG.md" && d.Name() != reference:
			text, err := os.ReadFile(path)
			all = append(all, inDocument(app, string(text), where)...)
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 60 {
		t.Errorf("only %d commands were found: the texts are not read as they are written", len(all))
	}
	for _, s := range all {
		if err := parses(s); err != nil {
			t.Errorf("%s: countersign %s: %v", s.where, strings.Join(s.words, " "), err)
		}
	}
}

// TestSuggestionsAreRead: what the test above relies on finds commands in all the forms
// in which texts write them, and nothing else.
func TestSuggestionsAreRead(t *testing.T) {
	app := commandsOf(t)
	for text, want := range map[string]string{
		"Sign in: countersign token create --worker YOU --key FILE --save":                  "token create --worker YOU --key FILE --save",
		"Look at countersign watch, or give --facts.":                                       "watch",
		"countersign watch PLATFORM says more.":                                             "watch PLATFORM",
		"Add it with `countersign vendor add`.":                                             "vendor add",
		"They sign with:\n  countersign action countersign %s":                              "action countersign %s",
		"Run `countersign worker end %s --reason 'is missing'` then.":                       "worker end %s --reason is missing",
		"`countersign --dir MYFOLDER status`":                                               "--dir MYFOLDER status",
		"countersign action list --status held shows them.":                                 "action list --status held",
		"See what became of it: countersign action show %s --wait 30s":                      "action show %s --wait 30s",
		"people countersign it, those who countersign the action countersign nothing else.": "",
	} {
		var got []string
		for _, s := range written(app, text, "") {
			got = append(got, strings.Join(s.words, " "))
		}
		if strings.Join(got, "; ") != want {
			t.Errorf("%q suggests %q", text, got)
		}
	}
	for words, ok := range map[string]bool{"vendor add": false, "vendor add ID --name NAME --reason WHY": true, "vendor add ID --nam NAME --reason WHY": false, "nothing": false} {
		if err := parses(suggestion{words: strings.Fields(words)}); (err == nil) != ok {
			t.Errorf("%s: %v", words, err)
		}
	}
}

// inCode finds commands in the texts of a file of code.
func inCode(app commands, path, where string) (all []suggestion, err error) {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, path, nil, 0)
	if err != nil {
		return nil, err
	}
	ast.Inspect(file, func(n ast.Node) bool {
		e, ok := n.(ast.Expr)
		if !ok {
			return true
		}
		text, ok := textOf(e)
		if ok {
			all = append(all, written(app, text, fmt.Sprintf("%s:%d", where, set.Position(n.Pos()).Line))...)
		}
		return !ok
	})
	return all, nil
}

// textOf returns the text of an expression that begins with a literal, with %s for whatever
// is not a literal in it.
func textOf(e ast.Expr) (string, bool) {
	switch x := e.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(x.Value)
		return text, x.Kind == token.STRING && err == nil
	case *ast.BinaryExpr:
		left, ok := textOf(x.X)
		if x.Op != token.ADD || !ok {
			return "", false
		}
		right, ok := textOf(x.Y)
		if !ok {
			right = "%s"
		}
		return left + right, true
	}
	return "", false
}

var codeSpan = regexp.MustCompile("`(countersign [^`]*)`|(?m)^    (countersign .*)$")

// inDocument finds commands in the code of a document. One that ends with … is no more
// than a beginning, and one without arguments is a name.
func inDocument(app commands, text, where string) (all []suggestion) {
	for _, m := range codeSpan.FindAllStringSubmatch(text, -1) {
		line, _, _ := strings.Cut(m[1]+m[2], "   #")
		for _, s := range written(app, "`"+line+"`", where) {
			s.named = slices.Contains(s.words, "…") || len(s.words) == len(pathOf(app, s.words))
			all = append(all, s)
		}
	}
	return all
}

var begins = regexp.MustCompile("(^|[\\s`(])countersign +")

// written finds the commands in a text. One in backticks, or indented on a line of its own,
// goes to the end of that; any other ends where prose goes on.
func written(app commands, text, where string) (all []suggestion) {
	for _, at := range begins.FindAllStringIndex(text, -1) {
		rest := text[at[1]:]
		before := text[strings.LastIndexByte(text[:at[1]], '\n')+1 : at[1]-len("countersign ")]
		whole := before != "" && strings.TrimSpace(before) == ""
		if strings.HasSuffix(strings.TrimRight(before, " "), "`") {
			rest, _, _ = strings.Cut(rest, "`")
			whole = true
		}
		rest, _, _ = strings.Cut(rest, "\n")
		rest, _, _ = strings.Cut(rest, "     (") // a remark
		words := split(rest)
		path := pathOf(app, words)
		if len(path) == 0 {
			continue
		}
		end := len(path)
		for value := false; end < len(words); end++ {
			w, last := strings.CutSuffix(strings.TrimRight(words[end], ")"), ".")
			w = strings.TrimRight(w, ",;:")
			if !value && !isArgument(w) {
				// Whatever stands on a line of its own is all of the command, unless a sentence begins it.
				if !whole || strings.ContainsAny(words[end-1], ".;:") {
					break
				}
			}
			ends := last || w != words[end]
			words[end], value = w, app.valued[w]
			if ends && !whole {
				end++
				break
			}
		}
		all = append(all, suggestion{where: where, words: words[:end]})
	}
	return all
}

// split splits a line at spaces that are not in quotes.
func split(line string) (words []string) {
	var quote rune
	word, is := "", false
	for _, r := range line + " " {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote == 0 && (r == '\'' || r == '"') && word == "":
			quote, is = r, true
		case quote == 0 && r == ' ':
			if is {
				words = append(words, word)
			}
			word, is = "", false
		default:
			word, is = word+string(r), true
		}
	}
	return words
}

// pathOf returns the words that name a command, with the flags of every command before them.
func pathOf(app commands, words []string) []string {
	node, i := app.model.Node, 0
	for i < len(words) {
		if strings.HasPrefix(words[i], "--") && node == app.model.Node && app.valued[words[i]] {
			i += 2
			continue
		}
		name := strings.TrimRight(words[i], ".,;:)")
		at := slices.IndexFunc(node.Children, func(n *kong.Node) bool { return n.Name == name })
		if at < 0 {
			break
		}
		node = node.Children[at]
		ends := name != words[i]
		words[i] = name
		if i++; ends {
			break
		}
	}
	if node == app.model.Node || i > len(words) {
		return nil
	}
	return words[:i]
}

var argument = regexp.MustCompile(`^-|^[A-Z]{2,}|^[A-Z]$|%(\[\d\])?[sdqv]|^…$|^[a-z_-]+\.[a-z]+|/|^<`)

func isArgument(w string) bool { return argument.MatchString(w) }

// commands are the commands that there are.
type commands struct {
	model  *kong.Application
	valued map[string]bool // flags of some command that have a value
}

func commandsOf(t *testing.T) commands {
	m := model(t)
	return commands{m, valueFlags(m)}
}

// valueFlags are the flags of some command that have a value.
func valueFlags(app *kong.Application) map[string]bool {
	all := map[string]bool{}
	for _, n := range app.Leaves(false) {
		for _, group := range n.AllFlags(false) {
			for _, f := range group {
				if !f.IsBool() {
					all["--"+f.Name] = true
				}
			}
		}
	}
	return all
}

// samples replace names in capitals and the parts that a text fills in.
var samples = []string{"x", "plaza:acct/1", "1", "3d", "plaza", "protected", "worker", "person"}

var filled = regexp.MustCompile(`%(\[\d\])?[sdqv]|^[A-Z]{2,}$|^[A-Z]$`)

// parses parses a command with names filled in; any that fits will do.
func parses(s suggestion) (err error) {
	if s.named {
		// Its name alone: that there is such a command was seen when it was found.
		return nil
	}
	for _, sample := range samples {
		k, err2 := cli.Parser(newGrammar(), &bytes.Buffer{}, &bytes.Buffer{}, kong.NoDefaultHelp())
		if err2 != nil {
			return err2
		}
		var args []string
		for _, w := range s.words {
			if w == "--help" {
				return nil
			}
			args = append(args, filled.ReplaceAllString(w, sample))
		}
		if _, err2 = k.Parse(args); err2 == nil {
			return nil
		} else if err == nil {
			err = err2
		}
	}
	return err
}
