package workforce

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"countersign.dev/canonical"
	"countersign.dev/fault"
)

// Header is the first line of an import file.
var Header = []string{"worker", "name", "email", "vendor", "role", "team", "manager", "site", "zone", "start", "last", "notice"}

// MaxImport is the largest number of rows in one import.
const MaxImport = 20_000

// maxBad is how many bad rows are named before reading stops.
const maxBad = 100

// Row is one line of an import file.
type Row struct {
	Line int
	Record
	Person
}

// ParseCSV reads an import file: Header, then one worker a line; an empty
// vendor means an employee, several roles are joined by '+', times are RFC
// 3339. It is all or nothing: the error is a fault of type "bad-import" with a
// detail for every bad row, naming its line. zones says whether a time zone
// exists.
func ParseCSV(r io.Reader, zones func(string) bool) ([]Row, error) {
	c := csv.NewReader(r)
	c.FieldsPerRecord = -1
	head, err := c.Read()
	if err != nil {
		return nil, fault.New(fault.Invalid, "bad-import", "The import file is empty or its first line cannot be read; it must be: %s", strings.Join(Header, ",")).Because(err)
	}
	if len(head) > 0 {
		head[0] = strings.TrimPrefix(head[0], "\ufeff") // spreadsheet programs write a byte order mark
	}
	if !slices.Equal(head, Header) {
		return nil, fault.New(fault.Invalid, "bad-import", "The first line of the import file must be exactly: %s", strings.Join(Header, ","))
	}
	var rows []Row
	var bad []fault.Detail
	reject := func(line int, format string, args ...any) {
		bad = append(bad, fault.Detail{At: fmt.Sprintf("line %d", line), Text: fmt.Sprintf(format, args...)})
	}
	first := map[WorkerID]int{}
	for {
		rec, err := c.Read()
		if errors.Is(err, io.EOF) || len(bad) >= maxBad {
			break
		}
		if err != nil {
			var pe *csv.ParseError
			if errors.As(err, &pe) {
				reject(pe.Line, "%v", pe.Err)
				break // what follows a broken quotation cannot be told apart
			}
			return nil, fmt.Errorf("read import: %w", err)
		}
		line, _ := c.FieldPos(0)
		if len(rows) >= MaxImport {
			reject(line, "more than %d rows; split the file", MaxImport)
			break
		}
		row, err := parseRow(rec, zones)
		if err != nil {
			reject(line, "%s", err.Error())
			continue
		}
		if l, ok := first[row.Worker]; ok {
			reject(line, "worker %s is already on line %d", row.Worker, l)
			continue
		}
		first[row.Worker] = line
		row.Line = line
		rows = append(rows, row)
	}
	if len(bad) > 0 {
		return nil, fault.New(fault.Invalid, "bad-import", "%d of the rows cannot be imported; nothing was changed.", len(bad)).With(bad...)
	}
	if len(rows) == 0 {
		return nil, fault.New(fault.Invalid, "bad-import", "The import file has no rows.")
	}
	return rows, nil
}

func parseRow(f []string, zones func(string) bool) (Row, error) {
	if len(f) != len(Header) {
		return Row{}, fmt.Errorf("%d fields, expected %d", len(f), len(Header))
	}
	for i, s := range f {
		if !utf8.ValidString(s) || strings.ContainsFunc(s, unshown) {
			return Row{}, fmt.Errorf("%s holds characters that cannot be shown", Header[i])
		}
		if len(s) > 256 {
			return Row{}, fmt.Errorf("%s is longer than 256 bytes", Header[i])
		}
	}
	row := Row{
		Record: Record{Worker: WorkerID(f[0]), Vendor: VendorID(f[3]), Team: f[5], Manager: WorkerID(f[6]), Site: f[7], Zone: f[8]},
		Person: Person{Name: f[1], Email: f[2]},
	}
	if !ValidIdentifier(f[0]) {
		return Row{}, fmt.Errorf("worker %q is not an identifier: lower-case letters, digits, '.', '_' and '-', and no e-mail address, since it is kept for ever", f[0])
	}
	if f[3] != "" && !ValidIdentifier(f[3]) {
		return Row{}, fmt.Errorf("vendor %q is not an identifier", f[3])
	}
	if f[6] != "" && !ValidIdentifier(f[6]) {
		return Row{}, fmt.Errorf("manager %q is not an identifier", f[6])
	}
	if f[6] == f[0] {
		return Row{}, fmt.Errorf("worker %s cannot be their own manager", f[0])
	}
	if f[1] == "" {
		return Row{}, errors.New("name is missing")
	}
	roles, err := ParseRoles(f[4])
	if err != nil {
		return Row{}, err
	}
	row.Roles = roles
	if f[8] != "" && !zones(f[8]) {
		return Row{}, fmt.Errorf("zone %q is not a time zone such as Europe/Dublin", f[8])
	}
	for _, t := range []struct {
		name string
		from string
		to   *canonical.Time
		need bool
	}{{"start", f[9], &row.Start, true}, {"last", f[10], &row.Last, false}, {"notice", f[11], &row.Notice, false}} {
		if t.from == "" {
			if t.need {
				return Row{}, fmt.Errorf("%s is missing", t.name)
			}
			continue
		}
		p, err := time.Parse(time.RFC3339, t.from)
		if err != nil {
			return Row{}, fmt.Errorf("%s %q is not a time such as 2026-11-30T18:00:00Z", t.name, t.from)
		}
		if p.Year() <= 1970 || p.Year() > 2200 {
			return Row{}, fmt.Errorf("%s %q is out of range", t.name, t.from)
		}
		*t.to = canonical.At(p)
	}
	if row.Vendor != "" && row.Last.IsZero() {
		return Row{}, errors.New("last is missing: a contractor's engagement ends by itself")
	}
	if !row.Last.IsZero() && !row.Last.After(row.Start.Time) {
		return Row{}, errors.New("last is not after start")
	}
	return row, nil
}

// unshown reports whether a character hides, or turns the direction of writing,
// so that a reader sees another text than the one that is stored.
func unshown(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) }

// ParseRoles reads "agent" or "lead+oncall"; the result is sorted.
func ParseRoles(s string) ([]Role, error) {
	var roles []Role
	for p := range strings.SplitSeq(s, "+") {
		r := Role(p)
		if !slices.Contains(Roles, r) {
			return nil, fmt.Errorf("role %q is none of agent, lead, officer, oncall, investigator, auditor", p)
		}
		if slices.Contains(roles, r) {
			return nil, fmt.Errorf("role %q is given twice", p)
		}
		roles = append(roles, r)
	}
	slices.Sort(roles)
	return roles, nil
}
