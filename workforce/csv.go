package workforce

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/prose"
)

// Header is the first line of an import file.
var Header = []string{"worker", "name", "email", "vendor", "role", "team", "manager", "site", "zone", "start", "last", "notice"}

// MaxImport is the largest number of rows in one import.
const MaxImport = 20_000

// maxBad is the number of bad rows after which reading stops.
const maxBad = 100

// Row is one line of an import file.
type Row struct {
	Line int
	Record
	Person
}

// ParseCSV reads an import file: Header, then one worker a line; an empty
// vendor means an employee, several roles are joined by '+'. Fields are separated
// by commas, or, as spreadsheet programs of many countries write them, by
// semicolons or tabs. Times are RFC 3339; a day such as 2026-12-31 or 31.12.2026
// means that day in the row's zone: start and notice from its beginning, last to
// its end. It is all or nothing: the error is a fault of type "bad-import" with a
// detail for every bad row, naming its line. zones returns a time zone by its
// name, nil if there is none.
func ParseCSV(r io.Reader, zones func(string) *time.Location) ([]Row, error) {
	c, above, err := csvReader(r)
	if err != nil {
		return nil, err
	}
	c.FieldsPerRecord = -1
	head, err := c.Read()
	if err != nil {
		return nil, fault.New(fault.Invalid, "bad-import", "The import file is empty or its first line cannot be read; it must be: %s", strings.Join(Header, ",")).Because(err)
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
				reject(above+pe.Line, "%v", pe.Err)
				break // after a broken quotation rows cannot be told apart
			}
			return nil, fmt.Errorf("read import: %w", err)
		}
		line, _ := c.FieldPos(0)
		line += above
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

// csvReader finds out which character separates the fields; above is the number of lines
// before the first row.
func csvReader(r io.Reader) (c *csv.Reader, above int, err error) {
	b := bufio.NewReader(r)
	// Of a shorter file Peek gives all bytes; its error comes again when the file is read.
	start, _ := b.Peek(3)
	switch {
	case bytes.HasPrefix(start, []byte("\xff\xfe")), bytes.HasPrefix(start, []byte("\xfe\xff")):
		return nil, 0, fault.New(fault.Invalid, "bad-import", "The import file is in UTF-16. Save it as “CSV UTF-8”.")
	case bytes.Equal(start, []byte("\ufeff")):
		_, _ = b.Discard(3) // spreadsheet programs write a byte order mark, which was peeked at
	}
	comma := ','
	if hint, _ := b.Peek(5); len(hint) == 5 && string(hint[:4]) == "sep=" && strings.ContainsRune(",;\t", rune(hint[4])) {
		if _, err := b.ReadString('\n'); err != nil && !errors.Is(err, io.EOF) {
			return nil, 0, fmt.Errorf("read import: %w", err)
		}
		comma, above = rune(hint[4]), 1
	} else {
		head, _ := b.Peek(len(Header[0]) + 3)
		for _, other := range ";\t" {
			for _, quote := range []string{"", `"`} {
				if bytes.HasPrefix(head, []byte(quote+Header[0]+quote+string(other))) {
					comma = other
				}
			}
		}
	}
	c = csv.NewReader(b)
	c.Comma = comma
	return c, above, nil
}

func parseRow(f []string, zones func(string) *time.Location) (Row, error) {
	if len(f) != len(Header) {
		return Row{}, fmt.Errorf("%d fields, expected %d", len(f), len(Header))
	}
	for i, s := range f {
		if len(s) > 256 {
			return Row{}, fmt.Errorf("%s is longer than 256 bytes", Header[i])
		}
		if s == "" {
			continue
		}
		if err := prose.CheckLine(Header[i], s); err != nil {
			return Row{}, errors.New(strings.TrimSuffix(fault.TextOf(err), "."))
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
	var zone *time.Location
	if f[8] != "" {
		if zone = zones(f[8]); zone == nil {
			return Row{}, fmt.Errorf("zone %q is not a time zone such as Europe/Dublin", f[8])
		}
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
		p, err := parseTime(t.from, zone, t.name == "last")
		if err != nil {
			return Row{}, fmt.Errorf("%s %w", t.name, err)
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

// parseTime reads a time, or a day in a zone. A day means its beginning, or with end set
// its end, which is the beginning of the day after.
func parseTime(text string, zone *time.Location, end bool) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	for _, layout := range []string{time.DateOnly, "02.01.2006", "2.1.2006"} {
		day, err := time.Parse(layout, text)
		if err != nil {
			continue
		}
		if zone == nil {
			return time.Time{}, fmt.Errorf("%q is a day, and where it begins depends on the time zone: fill in zone, such as Europe/Dublin, or write a time such as 2026-11-30T18:00:00Z", text)
		}
		if end {
			day = day.AddDate(0, 0, 1)
		}
		return dayIn(day, zone), nil
	}
	if both := slashes.FindStringSubmatch(text); both != nil {
		return time.Time{}, fmt.Errorf("%q may be read with the month or with the day first: write it as %s-%s-%s or %s-%s-%s", text,
			both[3], two(both[1]), two(both[2]), both[3], two(both[2]), two(both[1]))
	}
	if serial.MatchString(text) {
		return time.Time{}, fmt.Errorf("%q is a spreadsheet's number for a day: format the column as a date such as 2026-12-31 before you save the file", text)
	}
	return time.Time{}, fmt.Errorf("%q is not a time such as 2026-11-30T18:00:00Z, nor a day such as 2026-12-31", text)
}

var (
	slashes = regexp.MustCompile(`^([0-9]{1,2})[/-]([0-9]{1,2})[/-]([0-9]{4})$`)
	serial  = regexp.MustCompile(`^[0-9]{5}([.,][0-9]+)?$`)
)

func two(digits string) string {
	if len(digits) == 1 {
		return "0" + digits
	}
	return digits
}

// dayIn returns the first instant of a day in a zone. Where clocks go forward at
// midnight, the day begins at one.
func dayIn(day time.Time, zone *time.Location) time.Time {
	y, m, d := day.Date()
	t := time.Date(y, m, d, 0, 0, 0, 0, zone)
	for t.Day() != d { // time.Date may have gone an hour back
		t = t.Add(time.Hour)
	}
	return t
}

// Lines checks the managers that rows name, against the rows and the people at the desk.
// manager returns a worker's manager at the desk, and whether the worker is known there
// at all; people whose engagement is over are known, since they stay in the line of
// managers. unknown are rows whose manager is neither in the rows nor at the desk: nobody
// knows who is above that manager, so that people under two such managers count as
// independent of each other. circles are rows of people who are above themselves.
func Lines(rows []Row, manager func(WorkerID) (WorkerID, bool)) (unknown, circles []fault.Detail) {
	named := map[WorkerID]WorkerID{}
	for _, r := range rows {
		named[r.Worker] = r.Manager
	}
	above := func(w WorkerID) (WorkerID, bool) {
		if m, ok := named[w]; ok {
			return m, true
		}
		return manager(w)
	}
	for _, r := range rows {
		if r.Manager == "" {
			continue
		}
		at := fmt.Sprintf("line %d", r.Line)
		if _, ok := above(r.Manager); !ok {
			unknown = append(unknown, fault.Detail{At: at, Text: fmt.Sprintf("the manager %s of %s is neither in the file nor at the desk", r.Manager, r.Worker)})
			continue
		}
		if circle := circleOf(r.Worker, above); circle != nil {
			circles = append(circles, fault.Detail{At: at, Text: fmt.Sprintf("%s would be above themselves: %s", r.Worker, circleWords(circle))})
		}
	}
	return unknown, circles
}

// circleOf returns the chain from a worker through managers back to that worker; nil if
// there is none.
func circleOf(w WorkerID, above func(WorkerID) (WorkerID, bool)) []WorkerID {
	way := []WorkerID{w}
	seen := map[WorkerID]bool{w: true}
	for at := w; ; {
		m, ok := above(at)
		switch {
		case !ok || m == "":
			return nil
		case m == w:
			return append(way, w)
		case seen[m]:
			return nil // a circle of others
		}
		seen[m], at = true, m
		way = append(way, m)
	}
}

func circleWords(circle []WorkerID) string {
	names := make([]string, len(circle))
	for i, w := range circle {
		names[i] = string(w)
	}
	return strings.Join(names, " is under ")
}

// Circle says in words how a worker is above themselves by the present managers; empty if
// the worker is not.
func (r *Registry) Circle(w WorkerID) string {
	circle := circleOf(w, func(w WorkerID) (WorkerID, bool) {
		worker, ok := r.Worker(w)
		return worker.Manager, ok
	})
	if circle == nil {
		return ""
	}
	return circleWords(circle)
}

// ParseRoles reads "agent" or "lead+oncall"; the result is sorted.
func ParseRoles(s string) ([]Role, error) {
	var roles []Role
	for p := range strings.SplitSeq(s, "+") {
		r := Role(p)
		if !slices.Contains(Roles, r) {
			return nil, fmt.Errorf("role %q is none of agent, lead, officer, oncall, investigator, auditor, specialist; several roles are joined by +, such as agent+oncall", p)
		}
		if slices.Contains(roles, r) {
			return nil, fmt.Errorf("role %q is given twice", p)
		}
		roles = append(roles, r)
	}
	slices.Sort(roles)
	return roles, nil
}
