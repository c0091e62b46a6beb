package cli

import (
	"bytes"
	"cmp"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	v1 "countersign.dev/api/v1"
	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/client"
	"countersign.dev/fault"
	"countersign.dev/platform"
	"countersign.dev/wording"
)

// maxReportFile bounds a file of reports; 100,000 of them have about a hundred megabytes.
const maxReportFile = 1 << 30

// The bounds of one call. The desk reads up to 1 MiB at once.
const (
	importChunk = v1.MaxReports
	importBytes = 900 << 10
)

type reportImport struct {
	File       string `arg:"" help:"A file of reports: JSON lines (.jsonl) or CSV (.csv). doc/import.md describes the rows."`
	ProgramKey string `placeholder:"FILE" help:"The key file of the program that reports. It asks for tokens as it needs them. Without it: the program's token, as program token --save keeps it, or COUNTERSIGN_TOKEN."`
	Promises   string `placeholder:"FILE" help:"Write the promise of each report to this file, for promise check. Those that it holds from an earlier import stay in it."`
	Check      bool   `help:"Read and check the file, and send nothing. Needs no desk."`
}

func (c *reportImport) Help() string {
	return "Every row is read and checked before the first is sent: a bad row is named by its line, and nothing is sent. " +
		"The rows go in by up to 1,000 at a time, and no faster than the program may. If it is stopped, run it again: a report that is in already is not counted twice.\n" +
		"What only the desk can know, such as a handle that nobody has, it refuses row by row; these rows are named at the end, and the others stay in."
}

// row is one row of an import: a report, or the name of one that is taken back.
type row struct {
	line int
	v1.Report
	withdraws string
}

// fileRow is a row in a file of JSON lines.
type fileRow struct {
	v1.Report
	At        string `json:"at,omitzero"`        // RFC 3339
	Withdraws string `json:"withdraws,omitzero"` // external_id of a report that is taken back; nothing else then
}

// refusedRow is a row that was refused.
type refusedRow struct {
	Line       int    `json:"line"`
	ExternalID string `json:"external_id"`
	Type       string `json:"type"`
	Text       string `json:"text"`
}

// imported is the answer of report import.
type imported struct {
	Rows      int          `json:"rows"`
	New       int          `json:"new"`       // reports that were not in before
	Known     int          `json:"known"`     // reports that were
	Withdrawn int          `json:"withdrawn"` // reports that are taken back
	Refused   []refusedRow `json:"refused"`
}

func (c *reportImport) Run(ctx context.Context, s *Session) error {
	raw, err := ReadFile(c.File, maxReportFile)
	if err != nil {
		return err
	}
	rows, err := readReports(c.File, raw)
	if err != nil {
		return err
	}
	out := imported{Rows: len(rows), Refused: []refusedRow{}}
	if c.Check {
		return s.Answer(out, func(p *Page) {
			p.Line("%s can be taken. Nothing was sent.", wording.Many(len(rows), "row"))
		})
	}
	promised, err := readPromised(c.Promises)
	if err != nil {
		return err
	}
	w, err := c.program(ctx, s)
	if err != nil {
		return err
	}
	own, err := w.own(ctx)
	if err != nil {
		return err
	}
	if err := onPlatforms(rows, own); err != nil {
		return err
	}
	err = w.all(ctx, rows, &out)
	// What the desk has promised is kept also if the import was stopped.
	if writing := promised.write(c.Promises, w.promises); writing != nil && err == nil {
		err = writing
	}
	if err != nil {
		s.Say("Stopped after %d of %d rows. To go on, run it again; what is in is not counted twice.", out.New+out.Known+out.Withdrawn+len(out.Refused), len(rows))
		return err
	}
	if len(out.Refused) > 0 {
		s.End(Refused)
	}
	return s.Answer(out, func(p *Page) {
		p.Line("%s: %d new, %d known already, %d taken back, %d refused.", wording.Many(out.Rows, "row"), out.New, out.Known, out.Withdrawn, len(out.Refused))
		for i, r := range out.Refused {
			if i == maxBadRows {
				p.Line("… and %d more: --json lists them all", len(out.Refused)-i)
				break
			}
			p.Line("  line %d (%s): %s", r.Line, short(r.ExternalID, 60), r.Text)
		}
	})
}

// maxBadRows is how many bad rows are named one by one.
const maxBadRows = 100

// readReports reads and checks a whole file. The error names each bad row by its line.
func readReports(name string, raw []byte) (rows []row, err error) {
	var bad []fault.Detail
	note := func(line int, format string, args ...any) {
		bad = append(bad, fault.Detail{At: fmt.Sprintf("line %d", line), Text: fmt.Sprintf(format, args...)})
	}
	raw = bytes.TrimPrefix(raw, []byte("\ufeff"))
	switch ext := strings.ToLower(filepath.Ext(name)); ext {
	case ".jsonl":
		rows = readJSONLines(raw, note)
	case ".csv":
		rows, err = readReportCSV(raw, note)
	default:
		err = fault.New(fault.Invalid, "bad-import", "%s is neither .jsonl nor .csv. Name the file by what it holds.", name)
	}
	if err != nil {
		return nil, err
	}
	seen := map[string]row{}
	for _, r := range rows {
		if r.withdraws != "" {
			if r.Report.ExternalID != "" || r.Subject != (v1.Reported{}) {
				note(r.line, "A row that withdraws a report says nothing else.")
			}
			continue
		}
		if err := checkRow(r); err != nil {
			note(r.line, "%s", fault.TextOf(err))
			continue
		}
		if other, twice := seen[r.ExternalID]; twice && canonical.DigestOf(other.Report) != canonical.DigestOf(r.Report) {
			note(r.line, "Line %d has another report under the same external_id %q.", other.line, r.ExternalID)
		}
		seen[r.ExternalID] = r
	}
	if len(bad) == 0 && len(rows) == 0 {
		return nil, fault.New(fault.Invalid, "bad-import", "%s holds no rows.", name)
	}
	if len(bad) == 0 {
		return rows, nil
	}
	slices.SortStableFunc(bad, func(a, b fault.Detail) int { return cmp.Compare(lineOf(a), lineOf(b)) })
	f := fault.New(fault.Invalid, "bad-import", "%s of %s cannot be taken. Nothing was sent.", wording.Many(len(bad), "row"), name)
	for i, d := range bad {
		if i == maxBadRows {
			f = f.With(fault.Detail{At: "and more", Text: fmt.Sprintf("%d further rows", len(bad)-i)})
			break
		}
		f = f.With(d)
	}
	return nil, f
}

func lineOf(d fault.Detail) (n int) {
	_, _ = fmt.Sscanf(d.At, "line %d", &n) // zero where it is none
	return n
}

// checkRow checks a report as the desk will.
func checkRow(r row) error {
	return cases.Report{At: r.At, Evidence: r.Evidence, ExternalID: r.ExternalID, Language: r.Language, Reason: r.Reason, Reporter: r.Reporter, Scores: r.Scores,
		Subject: platform.Subject{Platform: r.Subject.Platform, ID: r.Subject.ID, Handle: r.Subject.Handle}, Text: r.Text}.Check()
}

func readJSONLines(raw []byte, note func(int, string, ...any)) (rows []row) {
	for i, line := range bytes.Split(raw, []byte("\n")) {
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		var r fileRow
		err := json.Unmarshal(line, &r, json.RejectUnknownMembers(true))
		if err != nil {
			note(i+1, "The row is not well formed: %s.", canonical.Wrong(err))
			continue
		}
		out := row{i + 1, r.Report, r.Withdraws}
		if out.At, err = timeOf(r.At); err != nil {
			note(i+1, "%s", fault.TextOf(err))
			continue
		}
		rows = append(rows, out)
	}
	return rows
}

// timeOf reads a time, or none.
func timeOf(text string) (canonical.Time, error) {
	if text == "" {
		return canonical.Time{}, nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return canonical.Time{}, fault.New(fault.Invalid, "bad-import", "at is a time such as 2026-11-30T18:00:00Z, and not %q.", text)
	}
	return canonical.At(at), nil
}

// csvColumns are the columns of a CSV file, in any order. All but the first may be missing.
var csvColumns = []string{"external_id", "platform", "id", "handle", "reason", "text", "language", "reporter", "anonymous", "at", "evidence", "evidence_language", "withdraws"}

// separator returns what stands between the columns of a CSV file: a comma or, as spreadsheet
// programs of many countries write it, a semicolon or a tab. No name of a column holds one.
func separator(raw []byte) rune {
	head, _, _ := bytes.Cut(raw, []byte("\n"))
	for _, r := range ";\t" {
		if bytes.ContainsRune(head, r) && !bytes.ContainsRune(head, ',') {
			return r
		}
	}
	return ','
}

func readReportCSV(raw []byte, note func(int, string, ...any)) ([]row, error) {
	in := csv.NewReader(bytes.NewReader(raw))
	in.Comma = separator(raw)
	in.ReuseRecord = true
	head, err := in.Read()
	if err != nil {
		return nil, fault.New(fault.Invalid, "bad-import", "The first line names no columns. They are %s.", wording.Joined(csvColumns))
	}
	place := map[string]int{}
	for i, name := range head {
		if _, twice := place[name]; twice || !slices.Contains(csvColumns, name) {
			return nil, fault.New(fault.Invalid, "bad-import", "The column %q is unknown, or there twice. The columns are %s.", name, wording.Joined(csvColumns))
		}
		place[name] = i
	}
	if _, ok := place["external_id"]; !ok {
		return nil, fault.New(fault.Invalid, "bad-import", "There is no column external_id, by which the file can be sent again.")
	}
	var rows []row
	for {
		record, err := in.Read()
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		line, _ := in.FieldPos(0)
		if broken := new(csv.ParseError); errors.As(err, &broken) {
			note(broken.StartLine, "%s.", sentence(broken.Err.Error()))
			if !errors.Is(err, csv.ErrFieldCount) {
				return rows, nil // where the next row begins is not known
			}
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read the file: %w", err)
		}
		get := func(name string) string {
			if i, ok := place[name]; ok {
				return strings.Clone(record[i])
			}
			return ""
		}
		r := row{line: line, withdraws: get("withdraws"), Report: v1.Report{ExternalID: get("external_id"), Reason: get("reason"), Text: get("text"), Language: get("language"),
			Subject:  v1.Reported{Platform: get("platform"), ID: get("id"), Handle: get("handle")},
			Reporter: cases.Reporter{ID: get("reporter")}, Evidence: cases.Told{Text: get("evidence"), Language: get("evidence_language")}}}
		switch get("anonymous") {
		case "", "false", "no":
		case "true", "yes":
			r.Reporter.Anonymous = true
		default:
			note(line, "anonymous is yes or no, not %q.", get("anonymous"))
			continue
		}
		if r.At, err = timeOf(get("at")); err != nil {
			note(line, "%s", fault.TextOf(err))
			continue
		}
		rows = append(rows, r)
	}
}

// onPlatforms refuses rows about a platform from which the program does not report.
func onPlatforms(rows []row, own v1.Program) error {
	var bad []fault.Detail
	for _, r := range rows {
		if r.withdraws == "" && !slices.Contains(own.Platforms, r.Subject.Platform) && len(bad) < maxBadRows {
			bad = append(bad, fault.Detail{At: fmt.Sprintf("line %d", r.line), Text: fmt.Sprintf("%s reports from %s, and not from %s.", own.ID, strings.Join(own.Platforms, ", "), r.Subject.Platform)})
		}
	}
	if len(bad) == 0 {
		return nil
	}
	return fault.New(fault.Invalid, "bad-import", "Rows are about a platform from which the program does not report. Nothing was sent.").With(bad...)
}

// sender hands in reports as a program.
type sender struct {
	s      *Session
	base   string
	http   *http.Client
	tokens *client.ProgramTokens // nil: the token is fixed
	token  string
	ids    map[string]string // identifiers by external_id, of what this run handed in

	promises []promisedReport // of what this run handed in
}

// promisedReport is a report that the desk has taken, with the desk's promise.
type promisedReport struct {
	ExternalID string `json:"external_id"`
	ID         string `json:"id"`
	Promise    string `json:"promise"`
}

// promises are what a file of promises holds. It has the form of an answer of POST /reports.
type promises struct {
	Answers []promisedReport `json:"answers"`
}

// readPromised reads the promises that a file holds already; a file that is not there holds none.
func readPromised(path string) (p promises, err error) {
	if path == "" {
		return p, nil
	}
	raw, err := ReadFile(path, maxPromises)
	if errors.Is(err, fs.ErrNotExist) {
		return p, nil
	}
	if err == nil && (json.Unmarshal(raw, &p) != nil || p.Answers == nil) {
		err = fault.New(fault.Invalid, "bad-import", "%s holds something else than promises. Name another file with --promises; nothing was sent.", path)
	}
	return p, err
}

// write adds promises to the file. One that it holds already stays as it is.
func (p promises) write(path string, more []promisedReport) error {
	if path == "" {
		return nil
	}
	have := map[promisedReport]bool{}
	for _, x := range p.Answers {
		have[x] = true
	}
	for _, x := range more {
		if !have[x] {
			p.Answers = append(p.Answers, x)
		}
	}
	return WriteFile(path, append(canonical.MustMarshal(promises{slices.Concat([]promisedReport{}, p.Answers)}), '\n'), 0o644)
}

// program returns the sender of the program that reports.
func (c *reportImport) program(ctx context.Context, s *Session) (*sender, error) {
	set, err := s.load()
	if err != nil {
		return nil, err
	}
	d, err := s.desk()
	if err != nil {
		return nil, err
	}
	w := &sender{s: s, base: set.URL, http: s.HTTP, token: set.Token, ids: map[string]string{}}
	if w.http == nil {
		w.http = &http.Client{Timeout: patience}
	}
	if c.ProgramKey == "" {
		return w, nil
	}
	key, err := client.ReadProgramKey(c.ProgramKey)
	if err != nil {
		return nil, err
	}
	w.tokens = client.NewProgramTokens(d.Client, key, set.Log, s.Now, s.Rand)
	return w, nil
}

// call calls the desk as the program, and waits where the desk says that the program is too
// fast.
func (w *sender) call(ctx context.Context, what func(*client.Client) error) error {
	renewed := false
	for {
		token := w.token
		if w.tokens != nil {
			var err error
			if token, err = w.tokens.Token(ctx); err != nil {
				return err
			}
		}
		c, err := client.New(w.base, token, w.http)
		if err != nil {
			return err
		}
		err = what(c)
		if w.tokens != nil && fault.Is(err, "bad-token") && !renewed {
			renewed = true
			w.tokens.Forget(token)
			continue
		}
		wait, ok := client.RetryAfter(err)
		if !ok || !fault.Is(err, "program-too-fast") {
			return err
		}
		w.s.Say("The desk takes no more at this pace; going on in %s.", wording.Span(wait))
		pause := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			pause.Stop()
			return context.Cause(ctx)
		case <-pause.C:
		}
	}
}

func (w *sender) own(ctx context.Context) (p v1.Program, err error) {
	err = w.call(ctx, func(c *client.Client) (err error) {
		p, err = c.OwnProgram(ctx)
		return err
	})
	return p, err
}

// all hands in all rows in their order, in pieces.
func (w *sender) all(ctx context.Context, rows []row, out *imported) error {
	for at := 0; at < len(rows); {
		if rows[at].withdraws != "" {
			if err := w.withdraw(ctx, rows[at], out); err != nil {
				return err
			}
			at++
			continue
		}
		end, size := at, 0
		for end < len(rows) && end-at < importChunk && rows[end].withdraws == "" {
			if size += sizeOf(rows[end].Report); size > importBytes && end > at {
				break
			}
			end++
		}
		if err := w.chunk(ctx, rows[at:end], out); err != nil {
			return err
		}
		at = end
		w.s.Say("%d of %d rows: %d new, %d known already, %d refused.", at, len(rows), out.New, out.Known, len(out.Refused))
	}
	return nil
}

// sizeOf returns the number of bytes of a report in a call.
func sizeOf(r v1.Report) int {
	b, err := json.Marshal(r)
	if err != nil {
		return importBytes // the desk says what is wrong with it
	}
	return len(b) + 1
}

func (w *sender) chunk(ctx context.Context, rows []row, out *imported) error {
	all := make([]v1.Report, len(rows))
	for i, r := range rows {
		all[i] = r.Report
	}
	var answers []v1.Taken
	if err := w.call(ctx, func(c *client.Client) (err error) {
		answers, err = c.Reports(ctx, all)
		return err
	}); err != nil {
		return err
	}
	if len(answers) != len(rows) {
		return fault.New(fault.Unavailable, "foreign-answer", "The desk answered %d of %d reports. Run it again: what is in is not counted twice.", len(answers), len(rows))
	}
	for i, a := range answers {
		switch {
		case a.Error != nil:
			out.Refused = append(out.Refused, refusedRow{rows[i].line, rows[i].ExternalID, a.Error.Type, a.Error.Detail})
			continue
		case a.New:
			out.New++
		default:
			out.Known++
		}
		w.ids[rows[i].ExternalID] = a.ID
		w.promises = append(w.promises, promisedReport{ExternalID: rows[i].ExternalID, ID: a.ID, Promise: a.Promise})
	}
	return nil
}

// withdraw takes a report back, by the program's own name of it.
func (w *sender) withdraw(ctx context.Context, r row, out *imported) error {
	err := w.call(ctx, func(c *client.Client) error {
		id := w.ids[r.withdraws]
		if id == "" {
			found, err := c.ReportNamed(ctx, r.withdraws)
			if err != nil {
				return err
			}
			id = found.ID
		}
		_, err := c.WithdrawReport(ctx, id)
		return err
	})
	if fault.Is(err, "no-such-report") {
		out.Refused = append(out.Refused, refusedRow{r.line, r.withdraws, "no-such-report", "There is no report with this external_id that could be taken back."})
		return nil
	}
	if err == nil {
		out.Withdrawn++
	}
	return err
}
