package api_test

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"countersign.dev/api"
	"countersign.dev/fault"
)

var update = flag.Bool("update", false, "write problems.txt anew")

// TestDocumentHasEveryProblem compares the list of types with the refusals in
// the source that the desk's process is made of.
func TestDocumentHasEveryProblem(t *testing.T) {
	found := map[string]map[string]bool{}
	for _, root := range []string{"actions", "api", "canonical", "cases", "client", "desk", "executor", "httpd", "incident", "jobs", "ledger", "platform", "policy", "prose", "sqldb", "store", "workforce"} {
		sources(t, filepath.Join("..", root), func(files []*ast.File) { collect(files, found) })
	}
	var want strings.Builder
	for _, typ := range slices.Sorted(maps.Keys(found)) {
		fmt.Fprintf(&want, "%s %s\n", typ, strings.Join(slices.Sorted(maps.Keys(found[typ])), ","))
	}
	if *update {
		if err := os.WriteFile("problems.txt", []byte(want.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(strings.Split(api.Problems(), "\n"), strings.Split(want.String(), "\n")); diff != "" {
		t.Errorf("problems.txt (-) and the source (+) differ; run `go test ./api -run EveryProblem -update`: %s", diff)
	}
	d, _, _ := readDocument(t)
	for typ := range found {
		if d.Problems[typ] == "" {
			t.Errorf("the document does not list %s", typ)
		}
	}
}

var slug = regexp.MustCompile(`^[a-z][a-z0-9-]*$`)

// sources calls f with the files of each package under a folder, tests and
// helpers of tests left out.
func sources(t *testing.T, root string, f func([]*ast.File)) {
	t.Helper()
	packages := map[string][]*ast.File{}
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.IsDir() && strings.HasSuffix(e.Name(), "test") {
			return fs.SkipDir
		}
		if e.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		packages[filepath.Dir(path)] = append(packages[filepath.Dir(path)], file)
		return err
	})
	if os.IsNotExist(err) {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, files := range packages {
		f(files)
	}
}

// maker is a function that makes faults of a kind, with the type in a parameter.
type maker struct {
	kind string
	at   int
}

func collect(files []*ast.File, found map[string]map[string]bool) {
	constants, makers := map[string]string{}, map[string]maker{"fault.New": {"", 1}}
	for _, f := range files {
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.ValueSpec:
				for i, name := range n.Names {
					if i < len(n.Values) {
						if s, ok := literal(n.Values[i]); ok {
							constants[name.Name] = s
						}
					}
				}
			case *ast.FuncDecl:
				if m, ok := makerOf(n); ok {
					makers[n.Name.Name] = m
				}
			}
			return true
		})
	}
	for _, f := range files {
		ast.Inspect(f, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			m, ok := makers[calledName(call)]
			if !ok || m.at >= len(call.Args) {
				return true
			}
			kind := m.kind
			if kind == "" {
				kind = kindName(call.Args[0])
			}
			typ, ok := literal(call.Args[m.at])
			if id, isName := call.Args[m.at].(*ast.Ident); isName {
				typ, ok = constants[id.Name]
			}
			// A closure may have the name of a function and take a format first.
			if ok && slug.MatchString(typ) && kind != fault.Internal.String() {
				if found[typ] == nil {
					found[typ] = map[string]bool{}
				}
				found[typ][kind] = true
			}
			return true
		})
	}
}

// makerOf finds functions such as refuse(typ, format, args...) that hand a
// parameter on as the type.
func makerOf(d *ast.FuncDecl) (m maker, ok bool) {
	var params []string
	for _, field := range d.Type.Params.List {
		for _, name := range field.Names {
			params = append(params, name.Name)
		}
	}
	if d.Body == nil {
		return m, false
	}
	ast.Inspect(d.Body, func(n ast.Node) bool {
		call, isCall := n.(*ast.CallExpr)
		if !isCall || calledName(call) != "fault.New" || len(call.Args) < 2 {
			return true
		}
		if id, isName := call.Args[1].(*ast.Ident); isName && slices.Contains(params, id.Name) {
			m, ok = maker{kindName(call.Args[0]), slices.Index(params, id.Name)}, true
		}
		return true
	})
	return m, ok
}

func calledName(c *ast.CallExpr) string {
	switch f := c.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		if x, ok := f.X.(*ast.Ident); ok && x.Name == "fault" {
			return "fault." + f.Sel.Name
		}
	}
	return ""
}

func kindName(e ast.Expr) string {
	sel, ok := e.(*ast.SelectorExpr)
	if !ok {
		return "several"
	}
	for _, k := range fault.Kinds() {
		if strings.EqualFold(strings.ReplaceAll(k.String(), "-", ""), sel.Sel.Name) {
			return k.String()
		}
	}
	return "unknown-kind"
}

func literal(e ast.Expr) (string, bool) {
	l, ok := e.(*ast.BasicLit)
	if !ok || l.Kind != token.STRING {
		return "", false
	}
	s, err := strconv.Unquote(l.Value)
	return s, err == nil
}
