package casework

import (
	"context"

	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/desk/kernel"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/platform"
	"countersign.dev/store"
)

// ReferralVersion is the only version of Referred.
const ReferralVersion = "countersign/referral/v1"

// Referred is what a hotline, the police or an emergency contact gets about a case: digests,
// addresses and times, and no word of what people wrote. Whoever gets it asks the platform for
// the content, which the platform preserves, and compares the digests.
type Referred struct {
	Case      string             `json:"case"`
	Decisions []ReferredDocument `json:"decisions"`
	Evidence  []ReferredEvidence `json:"evidence"` // what the desk read of the subject
	Log       string             `json:"log"`      // the name of the desk's ledger
	Opened    canonical.Time     `json:"opened"`
	Owner     string             `json:"owner"` // identifier of the account that the subject is, or that owns it
	Referrals []ReferredTo       `json:"referrals"`
	Reports   []ReferredReport   `json:"reports"`
	Subject   platform.Subject   `json:"subject"`
	V         string             `json:"v"`
}

// ReferredTo is one referral of the case.
type ReferredTo struct {
	At        canonical.Time `json:"at"`
	ID        string         `json:"id"` // of the signed deed
	Name      string         `json:"name"`
	Reference string         `json:"reference"` // at the other side; empty: erased
	Referral  string         `json:"referral"`  // the identifier in the rule set
	To        string         `json:"to"`
	Until     canonical.Time `json:"until"` // until which the platform preserves
}

// ReferredDocument is a document of the desk's rolls, which proves when it was there.
type ReferredDocument struct {
	At         canonical.Time   `json:"at"`
	Commitment canonical.Digest `json:"commitment"`
	ID         string           `json:"id"`
	Number     int64            `json:"number"` // within its sort
}

// ReferredReport is a report of the case.
type ReferredReport struct {
	ReferredDocument
	Body   canonical.Digest `json:"body"`   // of the report as it was handed in, without its reporter; empty: erased
	Reason cases.Reason     `json:"reason"` // as the rule set maps it
	Source string           `json:"source"`
}

// ReferredEvidence is what the desk read of the subject.
type ReferredEvidence struct {
	At     canonical.Time   `json:"at"`
	Digest canonical.Digest `json:"digest"` // of the stored document; empty while it is pending, or if it was gone
	State  string           `json:"state"`
}

// maxReferredReports is the largest number of reports that an export lists.
const maxReferredReports = 1000

// ReferralExport returns what goes to those to whom a case was referred, for somebody who may
// read the case. That it was exported is kept.
func (d *Room) ReferralExport(ctx context.Context, by kernel.Caller, id string) (Referred, error) {
	s, _, c, err := d.load(ctx, by, id)
	if err != nil {
		return Referred{}, err
	}
	rules, _, err := d.rules(ctx, s)
	if err != nil {
		return Referred{}, err
	}
	out := Referred{V: ReferralVersion, Case: c.ID, Subject: c.Subject, Owner: c.Owner, Opened: c.Opened, Log: s.LogName(), Decisions: []ReferredDocument{}, Evidence: []ReferredEvidence{}, Referrals: []ReferredTo{}, Reports: []ReferredReport{}}
	if err := d.desk.Store.Read(ctx, func(stx *store.Tx) error {
		rows, err := stx.Referrals(id)
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			return fault.New(fault.NotFound, "not-referred", "The case %s was not referred to anybody: `countersign case refer CASE --to NAME --reference REFERENCE --until TIME` does that.", id)
		}
		for _, r := range rows {
			order, err := orderIn(stx, r.ID)
			if err != nil {
				return err
			}
			out.Referrals = append(out.Referrals, ReferredTo{At: r.Time, ID: r.ID, Name: r.Name, Reference: order.Reference, Referral: r.Referral, To: r.Address, Until: r.Until})
		}
		reports, err := stx.ReportsOf(id, "", maxReferredReports)
		if err != nil {
			return err
		}
		ids := make([]string, len(reports))
		for i, r := range reports {
			ids[i] = r.ID
		}
		told, err := stx.ReportsTold(ids, cases.FieldReport)
		if err != nil {
			return err
		}
		for _, r := range reports {
			doc, err := referredDocument(stx, ledger.ReportDocument, r.ID)
			if err != nil {
				return err
			}
			// The digest of the whole report would let somebody who has its words try out who wrote them.
			var body canonical.Digest
			if value, ok := told[r.ID]; ok {
				body = canonical.Sum(value)
			}
			out.Reports = append(out.Reports, ReferredReport{ReferredDocument: doc, Body: body, Reason: r.Reason, Source: r.Source})
		}
		decisions, err := stx.CaseDecisions(id)
		if err != nil {
			return err
		}
		for _, one := range decisions {
			doc, err := referredDocument(stx, ledger.DecisionDocument, one.ID)
			if err != nil {
				return err
			}
			out.Decisions = append(out.Decisions, doc)
		}
		shown, err := d.document(stx, rules, c)
		for _, e := range shown.Evidence {
			out.Evidence = append(out.Evidence, ReferredEvidence{At: e.At, Digest: e.Digest, State: e.State})
		}
		return err
	}); err != nil {
		return Referred{}, err
	}
	if err := d.keepOpened(ctx, by, c, SawByReferral); err != nil {
		return Referred{}, err
	}
	return out, nil
}

func referredDocument(stx *store.Tx, sort ledger.DocumentSort, id string) (ReferredDocument, error) {
	doc, err := stx.Document(sort, id)
	return ReferredDocument{At: doc.Body.Time, Commitment: doc.Commitment, ID: id, Number: doc.Number}, err
}

// orderIn returns the order of a deed; the empty one if it was erased.
func orderIn(stx *store.Tx, deed string) (o cases.Order, err error) {
	doc, err := stx.Document(ledger.DeedDocument, deed)
	if err != nil {
		return o, err
	}
	openings, err := stx.DocumentOpenings(ledger.DeedDocument, doc.Number)
	if err != nil {
		return o, err
	}
	for _, opening := range openings {
		if opening.Name == cases.FieldOrder {
			var text string
			if err := canonical.Unmarshal(opening.Value, &text); err != nil {
				return o, err
			}
			return cases.ParseOrder(text)
		}
	}
	return o, nil
}
