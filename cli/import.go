package cli

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"countersign.dev/actions"
	v1 "countersign.dev/api/v1"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/ledger/proof"
	"countersign.dev/policy"
	"countersign.dev/wording"
	"countersign.dev/workforce"
)

// maxImportFile bounds an import file; a row has a few hundred bytes.
const maxImportFile = 16 << 20

type workerImport struct {
	File      string `arg:"" help:"CSV file: worker,name,email,vendor,role,team,manager,site,zone,start,last,notice"`
	Reason    string `help:"Why, for the countersigners and for the ledger. Required unless --dry-run."`
	Founding  bool   `help:"The founding import: once, signed by all officers of the founding statement; its people count from their start. Put into start the day on which people really began: for 30 days from it on the default policy lets nobody work on cases of the highest severity."`
	Elsewhere bool   `name:"managers-elsewhere" help:"Take rows whose manager is neither in the file nor at the desk. Nobody knows who is above such a manager: people under two of them count as independent of each other."`
	Leavers   bool   `help:"List the workers who are at the desk and not in the file, with the command that ends each. Ends nobody."`
	DryRun    bool   `help:"Show what differs and sign nothing. Also for those who countersign, with their own copy of the file."`
	signing
}

func (c *workerImport) Help() string {
	return "One import file is one action: its digest and its changes are signed, names and e-mail addresses are sealed with salts made here. " +
		"Rows that change nothing are left out. All or nothing: a bad row is named by its line, and nothing is sent.\n" +
		"A worker who is missing from the file is never ended by it: a file cut short by mistake would empty the desk. " +
		"--leavers lists them with the command for each (worker end), which one person may run, a few an hour.\n" +
		"Sealed names cannot be compared: a row of which only name or e-mail changed is left out as unchanged."
}

// difference is what an import file would change.
type difference struct {
	File      canonical.Digest `json:"file"` // SHA-256 of the file's bytes
	Joiners   []changedRow     `json:"joiners"`
	Leavers   []changedRow     `json:"leavers"`
	Changes   []changedRow     `json:"changes"`
	Unchanged int              `json:"unchanged"`
	Skipped   []changedRow     `json:"skipped"` // not sent, with the reason
	Missing   []missingWorker  `json:"missing"` // at the desk, engaged, and not in the file
	Warning   string           `json:"warning"` // of a founding import; empty: there is nothing to warn of

	rows []workforce.Row // the rows that change something, by worker
}

type changedRow struct {
	Line   int                `json:"line"`
	Worker workforce.WorkerID `json:"worker"`
	What   []string           `json:"what"`
}

type missingWorker struct {
	Worker  workforce.WorkerID `json:"worker"`
	Command string             `json:"command"` // the command that would end the engagement
}

func (c *workerImport) Run(ctx context.Context, s *Session) error {
	raw, err := ReadFile(c.File, maxImportFile)
	if err != nil {
		return err
	}
	rows, err := workforce.ParseCSV(bytes.NewReader(raw), zone)
	if err != nil {
		return err
	}
	d, err := s.desk()
	if err != nil {
		return err
	}
	diff, err := c.compare(ctx, s, d, raw, rows)
	if err != nil {
		return err
	}
	if c.Founding {
		if diff.Warning, err = newToAll(ctx, d, rows, s.Now()); err != nil {
			return err
		}
	}
	if c.DryRun || len(diff.rows) == 0 {
		return s.Answer(diff, func(p *Page) { diff.describe(p, c.Leavers) })
	}
	if c.Reason == "" {
		return fault.New(fault.Invalid, "no-reason", "Give --reason, for those who countersign and for the ledger; or --dry-run to see what differs.")
	}
	p := &Page{color: s.Color}
	diff.describe(p, c.Leavers)
	fmt.Fprint(s.Stderr, p.String())
	change, sealed, err := diff.seal(s.Rand, c.Founding)
	if err != nil {
		return err
	}
	w := v1.Wish{Kind: actions.DeskAdmit, Reason: c.Reason}
	if len(diff.rows) <= maxForecast {
		for _, r := range diff.rows {
			w.Records = append(w.Records, r.Record)
		}
	} else {
		s.Say("The file is too long for a forecast of who could countersign after it: that is told for up to %d rows.", maxForecast)
	}
	return c.request(ctx, s, w, change, sealed)
}

// newToAll warns if nobody of a founding import may work on the gravest cases at first, since all
// who could are newcomers; empty: somebody may, or nobody ever will.
func newToAll(ctx context.Context, d deskClient, rows []workforce.Row, now time.Time) (string, error) {
	p, err := d.Policy(ctx)
	if err != nil {
		return "", err
	}
	set, err := policy.Compile(p.Files)
	if err != nil {
		return "", err
	}
	return newToGravest(set, rows, now), nil
}

func newToGravest(set *policy.Set, rows []workforce.Row, now time.Time) string {
	people := workforce.NewRegistry()
	for _, r := range rows {
		people.Vendors[r.Vendor] = workforce.Vendor{ID: r.Vendor, Ratchet: workforce.DefaultRatchet}
		people.Admit(r.Record, canonical.At(now), true, 0)
	}
	works := func(w *workforce.Worker, at time.Time) bool {
		return set.MayWorkQueue(policy.WorkerOf(people.StandingOf(w, at)), policy.Queue{Highest: true}).Verdict == policy.Permitted
	}
	var from time.Time
	for _, seat := range people.Seats() {
		w := &seat.Worker
		if works(w, now) {
			return ""
		}
		if settled := w.Settled(); works(w, settled) && (from.IsZero() || settled.Before(from)) {
			from = settled
		}
	}
	if from.IsZero() {
		return ""
	}
	return fmt.Sprintf("Nobody in this file may work on cases of the highest severity before %s: the policy keeps newcomers from these cases, and everybody here is one for %d days from `start` on. "+
		"If people began earlier than the file says, put the true day into `start`, before anybody signs.", wording.When(canonical.At(from)), int(workforce.Settle/(24*time.Hour)))
}

// maxForecast is the number of rows that are sent with a draft, so that the desk can
// forecast coverage. The desk limits the size of a draft, and a record has half a
// kilobyte at most.
const maxForecast = 1500

func zone(name string) *time.Location {
	if l, err := time.LoadLocation(name); err == nil && name != "Local" {
		return l
	}
	return nil
}

// compare reads everybody from the desk and sorts the rows.
func (c *workerImport) compare(ctx context.Context, s *Session, d deskClient, raw []byte, rows []workforce.Row) (*difference, error) {
	present, err := d.AllWorkers(ctx, v1.WorkerFilter{})
	if err != nil {
		return nil, err
	}
	vendors, err := d.Vendors(ctx)
	if err != nil {
		return nil, err
	}
	if err := vendorsKnown(rows, vendors); err != nil {
		return nil, err
	}
	managers := map[workforce.WorkerID]workforce.WorkerID{}
	for _, w := range present {
		managers[w.ID] = w.Manager
	}
	if err := linesKnown(rows, managers, c.Elsewhere); err != nil {
		return nil, err
	}
	diff := differ(rows, present, s.Now())
	diff.File = canonical.Sum(raw)
	return diff, nil
}

// vendorsKnown refuses rows of unknown vendors before anybody signs for them.
func vendorsKnown(rows []workforce.Row, vendors []v1.Vendor) error {
	known := map[workforce.VendorID]bool{"": true}
	for _, v := range vendors {
		known[v.ID] = true
	}
	var bad []fault.Detail
	for _, r := range rows {
		if !known[r.Vendor] {
			bad = append(bad, fault.Detail{At: fmt.Sprintf("line %d", r.Line), Text: fmt.Sprintf("vendor %s of %s is not at this desk", r.Vendor, r.Worker)})
		}
	}
	if len(bad) > 0 {
		return fault.New(fault.Invalid, "no-such-vendor", "%d of the rows name vendors that this desk does not know; nothing was changed.", len(bad)).With(bad...)
	}
	return nil
}

// linesKnown refuses managers that nobody knows, and circles of managers: both would make
// people count as independent of each other who are not.
func linesKnown(rows []workforce.Row, managers map[workforce.WorkerID]workforce.WorkerID, elsewhere bool) error {
	unknown, circles := workforce.Lines(rows, func(w workforce.WorkerID) (workforce.WorkerID, bool) {
		m, ok := managers[w]
		return m, ok
	})
	switch {
	case len(circles) > 0:
		return fault.New(fault.Invalid, "manager-circle", "%s above themselves; nothing was changed.", areRows(len(circles))).With(circles...)
	case len(unknown) > 0 && !elsewhere:
		return fault.New(fault.Invalid, "no-such-manager", "%s managers whom nobody knows; nothing was changed. Add the managers to the file, leave manager empty "+
			"for whoever has none, or give --managers-elsewhere: then people under two such managers count as independent of each other.", nameRows(len(unknown))).With(unknown...)
	}
	return nil
}

func areRows(n int) string {
	if n == 1 {
		return "1 row puts somebody"
	}
	return fmt.Sprintf("%d rows put people", n)
}

func nameRows(n int) string {
	if n == 1 {
		return "1 row names"
	}
	return fmt.Sprintf("%d rows name", n)
}

// differ sorts the rows of a file by the changes that they make.
func differ(rows []workforce.Row, present []v1.Worker, now time.Time) *difference {
	diff := &difference{Joiners: []changedRow{}, Leavers: []changedRow{}, Changes: []changedRow{}, Skipped: []changedRow{}, Missing: []missingWorker{}}
	have := map[workforce.WorkerID]v1.Worker{}
	for _, w := range present {
		have[w.ID] = w
	}
	rows = slices.Clone(rows)
	slices.SortFunc(rows, func(a, b workforce.Row) int { return cmp.Compare(a.Worker, b.Worker) })
	inFile := map[workforce.WorkerID]bool{}
	for _, r := range rows {
		inFile[r.Worker] = true
		diff.sort(r, have, now)
	}
	for _, w := range present {
		if !inFile[w.ID] && !over(w, now) && !slices.Contains(w.Roles, workforce.Officer) {
			diff.Missing = append(diff.Missing, missingWorker{w.ID, fmt.Sprintf("countersign worker end %s --reason 'missing from the directory'", w.ID)})
		}
	}
	slices.SortFunc(diff.Missing, func(a, b missingWorker) int { return cmp.Compare(a.Worker, b.Worker) })
	return diff
}

func (d *difference) sort(r workforce.Row, have map[workforce.WorkerID]v1.Worker, now time.Time) {
	row := changedRow{Line: r.Line, Worker: r.Worker, What: []string{}}
	w, known := have[r.Worker]
	switch {
	case !known:
		row.What = wording.Joiner(r.Record)
		d.Joiners = append(d.Joiners, row)
	case over(w, now):
		end := endOf(w)
		if r.Start.Before(end.Time) {
			if len(wording.RecordChanges(recordOf(w), r.Record)) == 0 {
				d.Unchanged++
				return
			}
			// A staff directory that still lists a person who left must not bring them back.
			row.What = []string{"the engagement ended on " + wording.When(end) + "; a row that begins a new one starts after that"}
			d.Skipped = append(d.Skipped, row)
			return
		}
		row.What = append(wording.Joiner(r.Record), "again")
		d.Joiners = append(d.Joiners, row)
	default:
		row.What = wording.RecordChanges(recordOf(w), r.Record)
		if len(row.What) == 0 {
			d.Unchanged++
			return
		}
		if sooner := !r.Last.IsZero() && (w.Last.IsZero() || r.Last.Before(w.Last.Time)); sooner {
			d.Leavers = append(d.Leavers, row)
		} else {
			d.Changes = append(d.Changes, row)
		}
	}
	d.rows = append(d.rows, r)
}

func (d *difference) describe(p *Page, leavers bool) {
	for _, part := range []struct {
		sign string
		rows []changedRow
	}{{"joins ", d.Joiners}, {"leaves", d.Leavers}, {"change", d.Changes}, {"left out", d.Skipped}} {
		for _, r := range part.rows {
			p.Line("%s  %s: %s", part.sign, r.Worker, strings.Join(r.What, ", "))
		}
	}
	p.Line("%d join, %d leave sooner, %d change, %d are as they were, %d are left out.", len(d.Joiners), len(d.Leavers), len(d.Changes), d.Unchanged, len(d.Skipped))
	p.Line("The file is %s.", d.File)
	if d.Warning != "" {
		p.Line("%s", p.Bad("WARNING: "+d.Warning))
	}
	if len(d.Missing) == 0 {
		return
	}
	p.Line("%s at the desk and not in the file; the import leaves them as they are.", areMany(len(d.Missing)))
	if !leavers {
		p.Line("--leavers lists them.")
		return
	}
	for _, m := range d.Missing {
		p.Line("  %s", m.Command)
	}
}

func areMany(n int) string {
	if n == 1 {
		return "1 worker is"
	}
	return fmt.Sprintf("%d workers are", n)
}

// seal makes the change that is signed, and the rows with the openings of their sealed
// fields.
func (d *difference) seal(rand io.Reader, founding bool) (actions.Admit, []v1.Row, error) {
	change := actions.Admit{File: d.File, Rows: int64(len(d.rows)), Founding: founding,
		Joiners: int64(len(d.Joiners)), Leavers: int64(len(d.Leavers)), Changes: int64(len(d.Changes))}
	rows := make([]v1.Row, 0, len(d.rows))
	hashes := make([]tlog.Hash, 0, len(d.rows))
	for _, r := range d.rows {
		row := v1.Row{Row: actions.Row{Record: r.Record, Sealed: map[string]canonical.Digest{}}}
		for _, f := range []struct{ name, value string }{{"name", r.Name}, {"email", r.Email}} {
			o, err := ledger.Field(f.name, f.value)
			if err != nil {
				return change, nil, err
			}
			o.Salt = make([]byte, 32)
			if _, err := io.ReadFull(rand, o.Salt); err != nil {
				return change, nil, fmt.Errorf("make a salt: %w", err)
			}
			c, err := o.Commitment()
			if err != nil {
				return change, nil, err
			}
			row.Row.Sealed[f.name] = c
			row.Openings = append(row.Openings, o)
		}
		rows = append(rows, row)
		hashes = append(hashes, proof.RowHash(row.Row))
	}
	change.Root = proof.RowsRoot(hashes)
	return change, rows, nil
}
