package workforce

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"countersign.dev/canonical"
	"countersign.dev/fault"
)

const header = "worker,name,email,vendor,role,team,manager,site,zone,start,last,notice\n"

func zones(z string) *time.Location {
	if z != "Europe/Dublin" && z != "Asia/Manila" && z != "America/Santiago" {
		return nil
	}
	l, err := time.LoadLocation(z)
	if err != nil {
		panic(err)
	}
	return l
}

func parse(text string) ([]Row, error) { return ParseCSV(strings.NewReader(text), zones) }

// row is a good line, with one field replaced.
func row(field string, value string) string {
	f := []string{"dana", "Dana Example", "dana@example.com", "acme", "agent", "red", "lee", "Dublin", "Europe/Dublin",
		"2026-01-05T09:00:00Z", "2026-12-31T18:00:00+01:00", ""}
	if i := slices.Index(Header, field); i >= 0 {
		f[i] = value
	}
	return strings.Join(f, ",") + "\n"
}

func TestImportReads(t *testing.T) {
	at := func(s string) canonical.Time {
		p, err := time.Parse(time.RFC3339Nano, s)
		if err != nil {
			t.Fatal(err)
		}
		return canonical.At(p)
	}
	// Lines are those of the file: a quoted line break, a blank line and a
	// carriage return do not shift them.
	text := "\ufeff" + header + row("", "") + "\r\n" +
		"ada,\"Ada, \"\"the\"\" Officer\",,,officer+oncall,,,,,2020-01-01T00:00:00.1234567Z,,\n" +
		row("worker", "eve-2.b_c")
	got, err := parse(text)
	if err != nil {
		t.Fatal(err)
	}
	dana := Row{2, Record{"dana", "acme", []Role{Agent}, "red", "lee", "Dublin", "Europe/Dublin", at("2026-01-05T09:00:00Z"), at("2026-12-31T17:00:00Z"), canonical.Time{}},
		Person{"Dana Example", "dana@example.com"}}
	eve := dana
	eve.Line, eve.Worker = 5, "eve-2.b_c"
	want := []Row{dana,
		{4, Record{Worker: "ada", Roles: []Role{Officer, OnCall}, Start: at("2020-01-01T00:00:00.123456Z")}, Person{Name: `Ada, "the" Officer`}}, // cut to the microsecond
		eve}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// TestImportRefuses: every line here is something that a spreadsheet, a hurried
// clerk or a hostile vendor might send. Each is refused with its line and reason.
func TestImportRefuses(t *testing.T) {
	for name, c := range map[string]struct{ line, text string }{
		// Identifiers stand in the ledger for ever, so no addresses and no look-alikes.
		"no worker":              {row("worker", ""), "not an identifier"},
		"an e-mail address":      {row("worker", "dana@example.com"), "no e-mail address"},
		"upper case":             {row("worker", "Dana"), "not an identifier"},
		"space around":           {row("worker", " dana"), "not an identifier"},
		"Cyrillic look-alike":    {row("worker", "d\u0430na"), "not an identifier"},
		"path":                   {row("worker", "../dana"), "not an identifier"},
		"65 letters":             {row("worker", strings.Repeat("a", 65)), "not an identifier"},
		"vendor with a space":    {row("vendor", "Acme Inc"), "vendor"},
		"manager by name":        {row("manager", "Lee Example"), "manager"},
		"their own manager":      {row("manager", "dana"), "own manager"},
		"no name":                {row("name", ""), "name is missing"},
		"control in the name":    {row("name", "Dana\x1b[2J"), "U+001B"},
		"line break in the name": {row("name", "\"Dana\nExample\""), "one line"},
		"name not UTF-8":         {row("name", "Dana\xff"), "UTF-8"},
		"name without end":       {row("name", strings.Repeat("x", 257)), "longer than 256"},
		"no role":                {row("role", ""), `role ""`},
		"unknown role":           {row("role", "admin"), "none of agent"},
		"role in capitals":       {row("role", "Agent"), "none of agent"},
		"role twice":             {row("role", "agent+lead+agent"), "twice"},
		"roles by comma":         {row("role", `"agent,lead"`), "none of agent"},
		"roles with a comma":     {row("role", `"agent,oncall"`), `several roles are joined by +, such as agent+oncall`},
		"role with an end":       {row("role", "agent+"), `role ""`},
		"unknown zone":           {row("zone", "Dublin"), "time zone"},
		"zone of the machine":    {row("zone", "Local"), "time zone"},
		"no start":               {row("start", ""), "start is missing"},
		"start without zone":     {row("start", "2026-01-05T09:00:00"), "not a time"},
		"start as in a sheet":    {row("start", "5/1/2026 9:00"), "not a time"},
		"start on 30 February":   {row("start", "2026-02-30T09:00:00Z"), "not a time"},
		"start at the hour 24":   {row("start", "2026-01-05T24:00:00Z"), "not a time"},
		"start long ago":         {row("start", "0001-01-01T00:00:00Z"), "out of range"},
		"last too late":          {row("last", "9999-12-31T00:00:00Z"), "out of range"},
		"contractor for ever":    {row("last", ""), "ends by itself"},
		"last before start":      {row("last", "2025-12-31T18:00:00Z"), "not after start"},
		"last at the start":      {row("last", "2026-01-05T10:00:00+01:00"), "not after start"},
		"notice is no time":      {row("notice", "yes"), "not a time"},
		"a field too few":        {"dana,Dana,,acme,agent,,,,,2026-01-05T09:00:00Z,2026-12-31T18:00:00Z\n", "11 fields, expected 12"},
		"a field too many":       {strings.TrimSuffix(row("", ""), "\n") + ",\n", "13 fields, expected 12"},
		"semicolons":             {strings.ReplaceAll(row("", ""), ",", ";"), "1 fields, expected 12"},
		"an open quotation":      {row("name", `"Dana`), "quote"},
		"a quotation in a field": {row("name", `Da"na`), "quote"},
		"the same worker":        {row("worker", "first"), "already on line 2"},
	} {
		t.Run(name, func(t *testing.T) {
			rows, err := parse(header + row("worker", "first") + c.line)
			f := fault.As(err)
			if f == nil || f.Type != "bad-import" || f.Kind != fault.Invalid || len(f.Detail) != 1 || rows != nil {
				t.Fatalf("rows %v, error %v", rows, err)
			}
			if d := f.Detail[0]; !strings.HasPrefix(d.At, "line ") || !strings.Contains(d.Text, c.text) {
				t.Errorf("%s: %s; expected %q", d.At, d.Text, c.text)
			}
			// A quotation that never ends is found at the end of the file.
			if d := f.Detail[0]; d.At != "line 3" && name != "an open quotation" {
				t.Errorf("at %s", d.At)
			}
		})
	}
}

// TestImportIsAllOrNothing: each bad row is told, none of the good is kept.
func TestImportIsAllOrNothing(t *testing.T) {
	rows, err := parse(header + row("worker", "a") + row("role", "boss") + row("worker", "b") + row("start", "") + row("worker", "a"))
	f := fault.As(err)
	if f == nil || rows != nil {
		t.Fatalf("rows %v, error %v", rows, err)
	}
	var at []string
	for _, d := range f.Detail {
		at = append(at, d.At)
	}
	if d := cmp.Diff([]string{"line 3", "line 5", "line 6"}, at); d != "" {
		t.Error(d)
	}
}

func TestImportHeader(t *testing.T) {
	for name, text := range map[string]string{
		"empty":            "",
		"no header":        row("", ""),
		"order":            strings.Replace(header, "worker,name", "name,worker", 1) + row("", ""),
		"capitals":         strings.ToUpper(header) + row("", ""),
		"a column more":    strings.TrimSuffix(header, "\n") + ",phone\n" + row("", ""),
		"a column less":    strings.Replace(header, ",notice", "", 1) + row("", ""),
		"no rows":          header,
		"only blank lines": header + "\n\n",
	} {
		if rows, err := parse(text); !fault.Is(err, "bad-import") || rows != nil {
			t.Errorf("%s: rows %v, error %v", name, rows, err)
		}
	}
}

func TestImportLimit(t *testing.T) {
	var b strings.Builder
	b.WriteString(header)
	for i := range MaxImport {
		b.WriteString(row("worker", fmt.Sprint("w", i)))
	}
	if rows, err := parse(b.String()); err != nil || len(rows) != MaxImport {
		t.Fatalf("%d rows, error %v", len(rows), err)
	}
	if _, err := parse(b.String() + row("worker", "one-more")); !fault.Is(err, "bad-import") {
		t.Errorf("error %v", err)
	}
}

// FuzzImport: whatever the file, what is read keeps every promise that the
// ledger and independence rest on.
func FuzzImport(f *testing.F) {
	f.Add(header + row("", ""))
	f.Add("\ufeff" + header + row("role", "officer+lead") + row("worker", "b"))
	f.Add(header + row("last", "") + row("vendor", ""))
	f.Add(header + "\"\n")
	f.Fuzz(func(t *testing.T, text string) {
		rows, err := parse(text)
		if err != nil {
			if !fault.Is(err, "bad-import") || rows != nil {
				t.Fatalf("rows %v, error %v", rows, err)
			}
			return
		}
		seen := map[WorkerID]bool{}
		line := 1
		for _, r := range rows {
			switch {
			case r.Line <= line:
				t.Fatalf("line %d follows line %d", r.Line, line)
			case seen[r.Worker], !ValidIdentifier(string(r.Worker)), strings.Contains(string(r.Worker), "@"):
				t.Fatalf("worker %q", r.Worker)
			case r.Vendor != "" && (r.Last.IsZero() || !ValidIdentifier(string(r.Vendor))):
				t.Fatalf("a contractor without an end, or of %q", r.Vendor)
			case r.Start.IsZero(), !r.Last.IsZero() && !r.Last.After(r.Start.Time), r.Manager == r.Worker:
				t.Fatalf("row %+v", r)
			case len(r.Roles) == 0, !slices.IsSorted(r.Roles), len(slices.Compact(slices.Clone(r.Roles))) != len(r.Roles):
				t.Fatalf("roles %q", r.Roles)
			}
			seen[r.Worker], line = true, r.Line
		}
	})
}

// TestImportAsSpreadsheetsWriteIt: each separator, with a byte order mark, quoted.
func TestImportAsSpreadsheetsWriteIt(t *testing.T) {
	plain := header + row("", "")
	want, err := parse(plain)
	if err != nil {
		t.Fatal(err)
	}
	quoted := "\"" + strings.ReplaceAll(strings.TrimSpace(header), ",", "\",\"") + "\"\r\n" + row("", "")
	for name, text := range map[string]string{
		"mark and quotes":  "\ufeff" + quoted,
		"semicolons":       strings.ReplaceAll(plain, ",", ";"),
		"mark, semicolons": "\ufeff" + strings.ReplaceAll(quoted, ",", ";"),
		"tabs":             strings.ReplaceAll(plain, ",", "\t"),
	} {
		got, err := parse(text)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
	got, err := parse("\ufeffsep=;\r\n" + strings.ReplaceAll(plain+row("worker", "no one"), ",", ";"))
	if got != nil || fault.As(err) == nil || fault.As(err).Detail[0].At != "line 4" {
		t.Errorf("sep: %v, %v", got, err)
	}
	if _, err := parse("\xff\xfew\x00o\x00"); err == nil || !strings.Contains(err.Error(), "UTF-16") {
		t.Errorf("UTF-16: %v", err)
	}
}

// TestImportDays: a day is a day in the row's zone.
func TestImportDays(t *testing.T) {
	for _, c := range []struct{ zone, start, last, from, to string }{
		{"Europe/Dublin", "2026-01-01", "2026-12-31", "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"},
		{"Europe/Dublin", "01.07.2026", "31.7.2026", "2026-06-30T23:00:00Z", "2026-07-31T23:00:00Z"},
		{"Asia/Manila", "2026-01-01", "2026-01-01", "2025-12-31T16:00:00Z", "2026-01-01T16:00:00Z"},
		// Clocks go forward at midnight there: the day begins at one.
		{"America/Santiago", "2026-09-06", "2026-09-06", "2026-09-06T04:00:00Z", "2026-09-07T03:00:00Z"},
	} {
		f := strings.Split(strings.TrimSpace(row("", "")), ",")
		f[8], f[9], f[10] = c.zone, c.start, c.last
		got, err := parse(header + strings.Join(f, ",") + "\n")
		if err != nil {
			t.Errorf("%v: %v", c, err)
			continue
		}
		if s, l := got[0].Start.UTC().Format(time.RFC3339), got[0].Last.UTC().Format(time.RFC3339); s != c.from || l != c.to {
			t.Errorf("%v: from %s to %s", c, s, l)
		}
	}
	for value, want := range map[string]string{
		"12/31/2026":  "write it as 2026-12-31 or 2026-31-12",
		"1/2/2026":    "write it as 2026-01-02 or 2026-02-01",
		"46387":       "number for a day",
		"tomorrow":    "nor a day such as",
		"2026-02-30":  "nor a day such as",
		"31.12.26":    "nor a day such as",
		"2026-01-01 ": "nor a day such as",
	} {
		if _, err := parse(header + row("last", value)); err == nil || !strings.Contains(fault.As(err).Detail[0].Text, want) {
			t.Errorf("%q: %v", value, err)
		}
	}
	noZone := strings.ReplaceAll(row("start", "2026-01-01"), "Europe/Dublin", "")
	if _, err := parse(header + noZone); err == nil || !strings.Contains(fault.As(err).Detail[0].Text, "fill in zone") {
		t.Errorf("no zone: %v", err)
	}
}

func TestLines(t *testing.T) {
	at := map[WorkerID]WorkerID{"boss": "", "left": "boss", "a": "boss", "x": "y", "y": "x"}
	look := func(rows ...Row) (unknown, circles []fault.Detail) {
		return Lines(rows, func(w WorkerID) (WorkerID, bool) { m, ok := at[w]; return m, ok })
	}
	under := func(line int, w, m WorkerID) Row { return Row{Line: line, Record: Record{Worker: w, Manager: m}} }
	for name, c := range map[string]struct {
		rows             []Row
		unknown, circles string
	}{
		"known":              {rows: []Row{under(2, "b", "a"), under(3, "c", "b"), under(4, "d", "")}},
		"later in the file":  {rows: []Row{under(2, "b", "c"), under(3, "c", "a")}},
		"somebody who left":  {rows: []Row{under(2, "b", "left")}},
		"nobody":             {rows: []Row{under(2, "b", "a"), under(3, "c", "zed")}, unknown: "line 3: the manager zed of c is neither in the file nor at the desk"},
		"a circle of two":    {rows: []Row{under(2, "b", "c"), under(3, "c", "b")}, circles: "line 2: b would be above themselves: b is under c is under b; line 3: c would be above themselves: c is under b is under c"},
		"through the desk":   {rows: []Row{under(2, "boss", "a")}, circles: "line 2: boss would be above themselves: boss is under a is under boss"},
		"a circle of others": {rows: []Row{under(2, "b", "x")}},
	} {
		words := func(ds []fault.Detail) string {
			var all []string
			for _, d := range ds {
				all = append(all, d.At+": "+d.Text)
			}
			return strings.Join(all, "; ")
		}
		unknown, circles := look(c.rows...)
		if words(unknown) != c.unknown || words(circles) != c.circles {
			t.Errorf("%s: %q, %q", name, words(unknown), words(circles))
		}
	}
}
