package entry_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"countersign.dev/actions"
	"countersign.dev/ledger"
	"countersign.dev/ledger/entry"
)

var types = map[string]any{"Request": entry.Request{}, "Verdict": entry.Verdict{}, "End": entry.End{}, "Refusal": entry.Refusal{}, "Warrant": entry.Warrant{},
	"TakenRefused": entry.TakenRefused{}, "Referral": entry.Referral{}, "CaseJoined": entry.CaseJoined{}, "CaseRead": entry.CaseRead{}, "Incident": entry.Incident{}, "IncidentTask": entry.IncidentTask{}, "IncidentFindings": entry.IncidentFindings{},
	"IncidentRead": entry.IncidentRead{}, "Export": entry.Export{}, "Alarm": entry.Alarm{}, "Token": entry.Token{}, "SignedSession": actions.SignedSession{}, "ExposureRead": entry.ExposureRead{}, "ExposureCheck": entry.ExposureCheck{}, "ProgramToken": entry.ProgramToken{}, "OwnAccounts": entry.OwnAccounts{}, "Text": entry.Text{}, "Roll": ledger.Roll{},
	"Invitation": entry.Invitation{}, "InvitationAnswer": entry.InvitationAnswer{}, "InvitationEnd": entry.InvitationEnd{}}

var row = regexp.MustCompile("(?m)^\\| `([a-z-]+)` \\| [^|]+ \\| ([A-Za-z]+) \\| ([^|]*) \\| [^|]*\\|$")

// TestTableOfKinds: doc/ledger-format.md lists every kind of entry of the desk, with the
// type of its data and the names of its members.
func TestTableOfKinds(t *testing.T) {
	text, err := os.ReadFile("../../doc/ledger-format.md")
	if err != nil {
		t.Fatal(err)
	}
	var listed []string
	members, used := map[string]string{}, map[string]bool{}
	for _, m := range row.FindAllStringSubmatch(string(text), -1) {
		listed, used[m[2]] = append(listed, m[1]), true
		if m[3] != "the same" {
			members[m[2]] = strings.ReplaceAll(m[3], "`", "")
		}
	}
	if entry.KindRoll != ledger.KindRoll {
		t.Errorf("the kind of a roll is %q here and %q in the ledger", entry.KindRoll, ledger.KindRoll)
	}
	slices.Sort(listed)
	if want := kinds(t); !slices.Equal(listed, want) {
		t.Errorf("the table lists %v; the kinds are %v", listed, want)
	}
	if have, want := slices.Sorted(maps.Keys(used)), slices.Sorted(maps.Keys(types)); !slices.Equal(have, want) {
		t.Errorf("the table names the types %v; there are %v", have, want)
	}
	for name, v := range types {
		var have []string
		for f := range reflect.TypeOf(v).Fields() {
			have = append(have, strings.Split(f.Tag.Get("json"), ",")[0])
		}
		if got := strings.Join(have, " "); got != members[name] {
			t.Errorf("%s has the members %q; the table says %q", name, got, members[name])
		}
	}
}

// kinds are the values of the package's constants Kind…, sorted.
func kinds(t *testing.T) (all []string) {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), "entry.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(f, func(n ast.Node) bool {
		v, ok := n.(*ast.ValueSpec)
		if !ok || !strings.HasPrefix(v.Names[0].Name, "Kind") {
			return true
		}
		text, err := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, text)
		return true
	})
	slices.Sort(all)
	return all
}
