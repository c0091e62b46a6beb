package acts

import (
	"context"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/desk/kernel"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/ledger/proof"
	"countersign.dev/prose"
	"countersign.dev/store"
	"countersign.dev/workforce"
)

// checkRows checks that the rows of an import are those that its action signs,
// and that the desk can admit them, so that a bad file is refused when it is
// submitted and not after everybody has signed.
func checkRows(s *proof.State, sub Submission) ([]AdmittedRow, error) {
	if sub.Action.Kind != actions.DeskAdmit {
		if len(sub.Rows) > 0 {
			return nil, fault.New(fault.Invalid, "bad-action", "Only an admission has rows.")
		}
		return nil, nil
	}
	ch, err := actions.ParseChange(sub.Action.Kind, sub.Action.Change)
	if err != nil {
		return nil, err
	}
	admit := ch.(actions.Admit)
	var hashes []tlog.Hash
	for i, row := range sub.Rows {
		hashes = append(hashes, proof.RowHash(row.Row))
		if err := checkRow(s, row); err != nil {
			return nil, fmt.Errorf("row %d: %w", i, err)
		}
	}
	after, people := s.People.Clone(), []workforce.WorkerID(nil)
	for _, row := range sub.Rows {
		after.Put(workforce.Worker{Record: row.Row.Record})
		people = append(people, row.Row.Record.Worker)
	}
	if err := proof.NoCircles(after, people); err != nil {
		return nil, err
	}
	if int64(len(sub.Rows)) != admit.Rows || proof.RowsRoot(hashes) != admit.Root {
		return nil, fault.New(fault.Invalid, "bad-import", "The rows are not those to which the signed action commits.")
	}
	return sub.Rows, nil
}

func checkRow(s *proof.State, row AdmittedRow) error {
	r := row.Row.Record
	if _, ok := s.People.Vendors[r.Vendor]; r.Vendor != "" && !ok {
		return fault.New(fault.NotFound, "no-such-vendor", "The vendor %s of %s is not admitted; add it with `countersign vendor add %[1]s --name NAME --reason WHY`.", r.Vendor, r.Worker)
	}
	if err := row.Row.Legible(); err != nil {
		return err
	}
	for _, o := range row.Openings {
		if err := legibleOpening(r.Worker, o); err != nil {
			return err
		}
	}
	if len(row.Openings) != len(row.Row.Sealed) {
		return fault.New(fault.Invalid, "bad-import", "The row of %s does not open what it seals.", r.Worker)
	}
	body := ledger.Body{Sealed: row.Row.Sealed}
	for _, o := range row.Openings {
		if !body.Opens(o) {
			return fault.New(fault.Invalid, "bad-import", "The row of %s does not open what it seals.", r.Worker)
		}
	}
	return nil
}

// legibleOpening checks that the name or e-mail address of a worker is legible. Only the
// desk sees it, since the ledger seals it.
func legibleOpening(w workforce.WorkerID, o ledger.Opening) error {
	var text string
	if err := canonical.UnmarshalExact(canonical.Raw(o.Value), &text); err != nil || text == "" {
		return err
	}
	return prose.CheckLine(fmt.Sprintf("The %s of %s", o.Name, w), text)
}

// RowsOf returns the rows of an import that is still to be applied, in the order in which
// its action signs them. Anybody engaged may read them, in order to countersign. Only the
// requester and readers of evidence get names and e-mail addresses. The error is of type
// "no-rows" if the request is no import, or is over: then the ledger has the rows, or
// nobody needs them.
func (d *Room) RowsOf(ctx context.Context, by kernel.Caller, request string) ([]AdmittedRow, error) {
	r, err := d.RequestByID(ctx, by, request)
	if err != nil {
		return nil, err
	}
	s, st, err := d.desk.Standing(ctx, by)
	if err != nil {
		return nil, err
	}
	var rows []AdmittedRow
	if r.Action.Kind == actions.DeskAdmit && r.Open() {
		err = d.desk.Store.Read(ctx, func(stx *store.Tx) error {
			data, err := stx.Rows(request)
			if err != nil {
				return err
			}
			return canonical.Unmarshal(data, &rows)
		})
	}
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, fault.New(fault.NotFound, "no-rows", "%s has no rows that wait to be admitted.", request)
	}
	if by.Worker != r.Requester() && !kernel.ReadsEvidence(s, st) {
		for i := range rows {
			rows[i].Openings = nil
		}
	}
	return rows, nil
}

// keptRows reads the rows of an import that is about to be applied.
func (d *Room) keptRows(ctx context.Context, r store.Request, j proof.Judgement) (rows []AdmittedRow, err error) {
	if !j.Ready || r.Action.Kind != actions.DeskAdmit {
		return nil, nil
	}
	err = d.desk.Store.Read(ctx, func(stx *store.Tx) error {
		data, err := stx.Rows(r.ID)
		if err != nil {
			return err
		}
		return canonical.Unmarshal(data, &rows)
	})
	return rows, err
}
