package countersign_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "countersign.dev"

// room is one package's place in the house: what of ours it may import, and
// why it may not import more. Left may import right, nothing else.
type room struct {
	imports string // space-separated packages of ours
	why     string // the reason for the ban on everything else
}

// ground is what every package may import.
var ground = []string{"fault", "id", "canonical", "prose"}

// house is who may import whom (doc/design/0001-house.md). A package that is
// missing from it fails the test.
var house = map[string]room{
	"fault":         {"", "everything stands on it"},
	"id":            {"", "everything stands on it"},
	"agreement":     {"", "pure: how far people agree; it knows neither people nor what they judged"},
	"prose":         {"", "how text from outside is shown, and which text may be signed; it knows nothing of what it shows"},
	"canonical":     {"", "one form of JSON for all that is signed; it knows none of it"},
	"sqldb":         {"", "knows nothing of the problem"},
	"fault/problem": {"", "knows nothing of the problem: how a fault looks to HTTP, once for all who speak it"},
	"jobs":          {"sqldb", "knows nothing of the problem"},
	"news":          {"", "knows nothing of the problem but names: what changed, told to whoever looks at it"},
	"alarm":         {"", "sends what it is given, also where the desk is dead; it knows neither what happened nor where addresses are kept"},

	"platform":              {"", "pure: what a platform is, not how one is called"},
	"platform/platformtest": {"platform", "outsiders run it against their own server"},
	"workforce":             {"", "pure: people, vendors, keys"},
	"actions":               {"workforce platform", "pure: actions know no policy, since policy rules on actions"},
	"policy":                {"actions workforce platform", "pure: a ruling reads facts and nothing else"},
	"cases":                 {"actions workforce platform", "pure: what people work with before they act; what stands on rules and queues is other rooms' affair"},
	"ledger":                {"", "pure: a log knows nothing of what is logged"},
	"ledger/entry":          {"actions workforce platform", "pure: what the desk enters, once, for those who write it and those who read it"},
	"ledger/proof":          {"ledger ledger/entry policy actions workforce platform", "a verifier needs no network, no database and no private key"},
	"passkey":               {"workforce", "pure: bytes of a browser in, a public key out; it knows neither who made it nor for what"},
	"recount":               {"cases ledger ledger/entry ledger/proof actions", "pure: an outsider counts the day's work from documents and entries, without a desk"},
	"link/v1":               {"ledger/proof actions platform", "wire types of the link, for both its sides; what is signed or entered is in ledger/proof"},
	"exposure":              {"ledger/proof policy actions workforce platform", "pure: who could do what is a function of a state and an instant, for any past one as well"},

	"wording":  {"ledger/proof policy cases actions workforce platform", "pure: a sentence is a function of what is signed or entered, so that people read the same before and afterwards"},
	"incident": {"wording ledger ledger/proof ledger/entry policy actions workforce platform", "pure: a report, its pages and its bundle are functions of facts, so that an outsider can check them without a desk"},

	"platform/lazy":    {"platform", "waits for another connector and does nothing itself"},
	"platform/plaza":   {"platform", "a connector does I/O and decides nothing"},
	"platform/bluesky": {"platform", "a connector does I/O and decides nothing"},
	"plaza":            {"sqldb", "a platform knows nothing of Countersign"},
	"store":            {"news sqldb ledger incident cases actions workforce platform", "tables and queries; it decides nothing"},
	"executor/journal": {"sqldb ledger ledger/proof actions workforce platform", "the executor's own database and no other"},
	"executor":         {"executor/journal watch ledger link/v1 ledger/proof ledger/entry policy actions workforce platform", "must never reach the desk or its store: it checks everything itself"},
	"watch":            {"actions platform", "pure: it says what a sight means; who looks and who restores is the executor's affair"},
	"desk/kernel":      {"store jobs policy ledger link/v1 ledger/proof ledger/entry actions workforce platform", "one change in five steps; it knows nothing of what is changed, and only rooms of the desk hold it"},
	"desk/sets":        {"desk/kernel store cases policy ledger/entry ledger/proof actions", "the texts that the chain names: rules, queues, lists of hashes; it must not know cases or acts"},
	"desk/alarms":      {"desk/kernel store jobs alarm wording incident ledger link/v1 ledger/proof ledger/entry actions workforce platform", "says what needs a person; what happened is other rooms' affair"},
	"desk/inquiry":     {"desk/alarms desk/kernel store jobs alarm exposure policy ledger link/v1 ledger/proof ledger/entry actions workforce platform", "answers and changes nothing; it must not know incidents or acts"},
	"desk/inbox":       {"desk/alarms desk/kernel store jobs alarm wording ledger/entry ledger/proof actions workforce", "tells people what concerns them; what happened is other rooms' affair"},
	"desk/incidents":   {"desk/alarms desk/kernel store jobs alarm wording incident exposure policy ledger ledger/proof ledger/entry actions workforce platform", "what went wrong; acts call it, it calls none"},
	"desk/acts":        {"cases desk/sets desk/inbox desk/incidents desk/inquiry desk/alarms desk/kernel store jobs alarm policy ledger link/v1 ledger/proof ledger/entry actions workforce platform", "what people ask to have done, and what came of it"},
	"desk/casework":    {"wording alarm ledger/entry desk/acts desk/inbox desk/alarms desk/sets desk/kernel store jobs cases policy ledger link/v1 ledger/proof actions workforce platform", "what comes in, who works on it, and what they decide; acts carry out what is decided and do not know it"},
	"desk/looks":       {"agreement desk/casework desk/inbox desk/alarms desk/sets desk/kernel store jobs cases alarm ledger link/v1 ledger/proof actions workforce platform", "verdicts that are judged again; casework gives its copies out like other cases and does not know them apart for whoever judges"},
	"desk/shifts":      {"desk/kernel store cases ledger/proof workforce", "who is at work; what people work on is other rooms' affair"},
	"desk/rolls":       {"desk/kernel store ledger ledger/proof", "puts documents into rolls and shows them; what they say is other rooms' affair"},
	"desk":             {"passkey policy news cases desk/looks desk/shifts desk/casework desk/acts desk/inbox desk/sets desk/rolls desk/incidents desk/inquiry desk/alarms desk/kernel store ledger link/v1 ledger/proof ledger/entry actions workforce platform", "the one write path and the door to its rooms; it must not know how it is reached, nor hold a platform's credential; alarms leave through it"},

	"api/v1": {"fault/problem cases incident ledger link/v1 ledger/proof policy actions workforce platform", "wire types; signed documents are formats and are embedded as they are"},
	"api":    {"passkey fault/problem api/v1 httpd cases desk desk/looks desk/shifts desk/casework desk/acts desk/alarms desk/inbox desk/incidents desk/inquiry desk/sets alarm exposure incident ledger link/v1 ledger/proof policy actions workforce platform", "a surface translates and decides nothing"},
	"web":    {"passkey fault/problem httpd live incident cases desk desk/acts desk/casework desk/inbox desk/incidents wording link/v1 ledger/proof platform actions workforce", "a page is rendered from what the desk's methods return; it changes nothing itself"},
	"httpd":  {"fault/problem api/v1 desk actions", "the listener and the one error table; it knows no resource"},
	"live":   {"news httpd desk", "says that something changed and never what; the desk decides who hears of it"},
	"link":   {"fault/problem ledger link/v1 ledger/proof platform", "the one way between desk and executor"},
	"client": {"fault/problem api/v1 cases incident ledger actions workforce", "an outsider's client; it must not pull in the server"},
	"cli":    {"client api/v1 wording cases recount incident ledger link/v1 ledger/proof policy actions workforce platform platform/platformtest platform/plaza", "talks through client, verifies with proof; it must not open the desk's database"},

	"deskdir":   {"sqldb", "names of files and their locks; what stands in them is other rooms' affair"},
	"rehearsal": {"cases cli client api/v1 deskdir incident wording ledger link/v1 ledger/proof ledger/entry policy actions workforce platform platform/bluesky plaza sqldb", "plays on a started desk by commands; it must not reach into the desk or the executor, or it would play another desk than people have"},

	"cmd/countersign": {"*", "wiring: the one place that knows everybody"},
}

// helpers for tests; only tests import them.
var forTests = []string{"workforce/workforcetest", "desk/desktest", "ledger/ledgertest", "ledger/proof/prooftest", "sqldb/sqldbtest", "store/storetest", "test/testenv", "executor/executortest", "test/suite", "test/system", "test/bench", "web/webtest"}

// outside is which packages may import a module or a part of the standard
// library that has one keeper.
var outside = []struct {
	path    string // prefix of the import path
	keepers string
	why     string
}{
	{"github.com/cedar-policy/", "policy", "one package knows Cedar, whose x/exp promises nothing"},
	{"github.com/hashicorp/golang-lru", "policy", "one package remembers what takes long to make"},
	{"database/sql", "sqldb", "SQL stays where the tables are"},
	{"modernc.org/sqlite", "sqldb", "one package knows drivers"},
	{"github.com/jackc/", "sqldb", "one package knows drivers"},
	{"github.com/pressly/goose", "sqldb", "one package knows migrations"},
	{"net/http", "fault/problem alarm api httpd live web link client cli plaza platform/plaza platform/bluesky platform/platformtest rehearsal cmd/countersign", "domain and write path are not a web server"},
	{"github.com/danielgtaylor/huma", "api", "one package knows the REST library"},
	{"golang.org/x/crypto/ssh", "cli rehearsal", "one package keeps the keys of sessions, in a person's ssh-agent; the demo's people have an agent in its memory"},
	{"github.com/alecthomas/kong", "cli", "one package knows the command line"},
	{"golang.org/x/text/unicode", "prose", "one package knows which characters people can see"},
	{"gonum.org/", "agreement", "one package knows distributions"},
	{"golang.org/x/text/language", "plaza", "one package checks tags of languages that people choose"},
	{"golang.org/x/image", "plaza cases", "a platform reads its pictures, and one package of ours bounds those that we copy"},
	{"github.com/coder/websocket", "platform/bluesky", "one package knows the PDS's event stream"},
	{"github.com/fxamacker/cbor", "platform/bluesky", "one package knows the PDS's event stream"},
	{"github.com/go-webauthn/", "passkey", "one package reads what browsers say of a new passkey"},
	{"github.com/sethvargo/go-diceware", "workforce", "one package knows the words of keys"},
	{"github.com/standard-webhooks/", "alarm", "one package signs webhooks"},
	{"github.com/a-h/templ", "web", "one package has the pages"},
	{"github.com/tdewolff/", "web", "one package has the pages"},
	{"github.com/prometheus/", "httpd", "one package counts for Prometheus"},
	{"code.dny.dev/ssrf", "alarm", "one package connects to addresses of outsiders"},
	{"github.com/chromedp/", "", "a browser is what tests drive"},
	{"testing", "", "what tests need stays out of the product"},
	{"log", "", "log/slog says what it logs"},
}

func TestWhoMayImportWhom(t *testing.T) {
	seen, used := map[string]bool{}, map[string][]string{}
	for dir, imports := range packages(t) {
		if slices.Contains(forTests, dir) || dir == "." {
			continue
		}
		seen[dir] = true
		used[dir] = imports
		r, ok := house[dir]
		if !ok {
			t.Errorf("package %s has no place in the house: give it one in arch_test.go, with a reason", dir)
			continue
		}
		allowed := append(strings.Fields(r.imports), ground...)
		for _, path := range imports {
			if ours, ok := strings.CutPrefix(path, module+"/"); ok && r.imports != "*" && !slices.Contains(allowed, ours) {
				t.Errorf("%s must not import %s: %s", dir, ours, r.why)
			}
			for _, o := range outside {
				if (path == o.path || strings.HasPrefix(path, strings.TrimSuffix(o.path, "/")+"/")) && !slices.Contains(strings.Fields(o.keepers), dir) {
					if o.path == "log" && path != "log" {
						continue
					}
					t.Errorf("%s must not import %s: %s", dir, path, o.why)
				}
			}
		}
	}
	for dir := range house {
		if !seen[dir] {
			t.Errorf("the house has a room for %s, which does not exist", dir)
		}
	}
	for dir, r := range house {
		for ours := range strings.FieldsSeq(r.imports) {
			if ours != "*" && seen[dir] && !slices.Contains(used[dir], module+"/"+ours) {
				t.Errorf("%s may import %s and does not: take that back in arch_test.go, so that nobody begins to by mistake", dir, ours)
			}
		}
	}
	for _, o := range outside {
		for dir := range strings.FieldsSeq(o.keepers) {
			if !slices.ContainsFunc(used[dir], func(path string) bool {
				return path == o.path || strings.HasPrefix(path, strings.TrimSuffix(o.path, "/")+"/")
			}) {
				t.Errorf("%s may import %s and does not: take that back in arch_test.go, so that nobody begins to by mistake", dir, o.path)
			}
		}
	}
}

// packages returns what the product's files of each package import.
func packages(t *testing.T) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	walk(t, func(dir string, f *ast.File) {
		for _, i := range f.Imports {
			path, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			all[dir] = append(all[dir], path)
		}
		if len(f.Imports) == 0 {
			all[dir] = append(all[dir], "unsafe-nothing")
		}
	})
	return all
}

func TestOnePackageComment(t *testing.T) {
	comments := map[string]int{}
	walk(t, func(dir string, f *ast.File) {
		n := 0
		if f.Doc != nil {
			n = 1
		}
		comments[dir] += n
	})
	for dir, n := range comments {
		if n != 1 {
			t.Errorf("package %s has %d package comments, want one: its job, what it trusts, what it promises", dir, n)
		}
	}
}

// openers is which functions open files by themselves, and which files those are.
// Nobody but the driver opens the file of a database: closing any descriptor of it
// may drop the locks of the whole process (doc/design/0014).
var openers = map[string]string{
	"sqldb make":                 "a database that is not there yet",
	"deskdir add":                "the file of a folder's lock",
	"cmd/countersign readConfig": "config.json",
	"deskdir ReadPlatforms":      "the executor's platforms",
	"cmd/countersign lastResort": "the executor's own alarm address",
	"httpd readPEM":              "the certificate of the desk's https, read first before its database is opened",
	"rehearsal readMember":       "a demo's people",
	"rehearsal allProtected":     "policies in a folder that is made for them",
	"client ReadProgramKey":      "a program's key file",
	"cli load":                   "the settings of the command line",
	"cli keep":                   "the settings of the command line",
	"cli ReadFile":               "what a person names, in the process of that person",
	"cli ledgerAt":               "a folder of ledger tiles",
	"cli Run":                    "a rule set that `calibrate example` writes where there is no file yet",
}

// TestWhoOpensFiles: a new place that opens files is looked at by a person.
func TestWhoOpensFiles(t *testing.T) {
	opening := map[string][]string{
		"os":      {"Open", "OpenFile", "OpenRoot", "OpenInRoot", "Create", "ReadFile", "WriteFile", "Truncate", "DirFS"},
		"syscall": {"Open", "Openat", "Creat"},
		"unix":    {"Open", "Openat", "Openat2", "Creat"},
	}
	seen := map[string]bool{}
	walk(t, func(dir string, f *ast.File) {
		if slices.Contains(forTests, dir) {
			return
		}
		for _, d := range f.Decls {
			name := "outside functions"
			if fn, ok := d.(*ast.FuncDecl); ok {
				name = fn.Name.Name
			}
			ast.Inspect(d, func(n ast.Node) bool {
				sel, ok := n.(*ast.SelectorExpr)
				if !ok {
					return true
				}
				if pkg, ok := sel.X.(*ast.Ident); ok && slices.Contains(opening[pkg.Name], sel.Sel.Name) {
					seen[dir+" "+name] = true
				}
				return true
			})
		}
	})
	for place := range seen {
		if _, ok := openers[place]; !ok {
			t.Errorf("%s opens files: see that none of them is a database, and give it its line in openers", place)
		}
	}
	for place := range openers {
		if !seen[place] {
			t.Errorf("%s opens no file any more", place)
		}
	}
}

// walk parses every file of the product that is not a test.
func walk(t *testing.T, visit func(dir string, f *ast.File)) {
	t.Helper()
	fset := token.NewFileSet()
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			name := d.Name()
			_, nested := os.Stat(filepath.Join(path, "go.mod"))
			if name == "testdata" || name == "node_modules" || path != "." && (strings.HasPrefix(name, ".") || nested == nil) {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		f, err := parser.ParseFile(fset, path, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		visit(filepath.ToSlash(filepath.Dir(path)), f)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestMigrationsHaveNumbers: two branches that each add a migration with the same
// number merge without a conflict, and no database opens any more.
func TestMigrationsHaveNumbers(t *testing.T) {
	folders := 0
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		if name := d.Name(); name == "node_modules" || path != "." && strings.HasPrefix(name, ".") {
			return filepath.SkipDir
		}
		files, err := filepath.Glob(filepath.Join(path, "[0-9]*_*.sql"))
		if len(files) > 0 {
			folders++
		}
		seen := map[string]string{}
		for _, f := range files {
			number, _, _ := strings.Cut(filepath.Base(f), "_")
			if other, ok := seen[number]; ok {
				t.Errorf("%s and %s have one number", other, f)
			}
			seen[number] = f
		}
		return err
	})
	if err != nil || folders == 0 {
		t.Fatalf("%d folders of migrations, %v", folders, err)
	}
}
