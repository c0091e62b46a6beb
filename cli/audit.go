package cli

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/mod/sumdb/note"

	v1 "countersign.dev/api/v1"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/ledger/proof"
	"countersign.dev/recount"
	"countersign.dev/wording"
)

type auditCommand struct {
	Trust string   `required:"" placeholder:"FOLDER" help:"Your trust folder: root and policy."`
	Seen  []string `placeholder:"FILE" help:"A checkpoint that you kept from before, or the folder of an earlier export. The ledger must have been through each of them."`
}

func (c *auditCommand) Help() string {
	return "Reads the desk's whole ledger as ledger verify does, and beside it every entry of the desk. Each act of a person (requests and their decisions, countersignatures, declines, withdrawals, incidents, tasks, findings, sessions) " +
		"must be signed by a key of that person that was live then, or under a session that such a key had certified and that may sign such an act, in time, and be entered once; and whom a warrant names must have signed that act before it. What the executor took directly must be in the governance chain. Then recounts the documents (reports, decisions, deeds, openings of cases): no number is missing, each fits its commitment, each roll's root is that of its documents, and none waits for its roll longer than promised. Then recounts the day's work from them: each report is in one case, each decision was signed under a claim of its signer on what that claim showed, whose bytes are hashed again, and each measure of the ledger is one that a decision lists. Names each entry and document that is not so, and then ends with exit 1. " +
		"It is for those who read evidence, and needs a sign-in: countersign token create --save"
}

// auditAnswer is the answer of audit.
type auditAnswer struct {
	OK     bool   `json:"ok"`
	Origin string `json:"origin"`
	Size   int64  `json:"size"`
	proof.Audited
	Documents proof.AuditedDocuments `json:"documents"`
	Casework  recount.Count          `json:"casework"`
}

func (c *auditCommand) Run(ctx context.Context, s *Session) error {
	folder, err := readTrust(c.Trust)
	if err != nil {
		return err
	}
	trust, err := ledger.ParseTrust(folder.Policy)
	if err != nil {
		return err
	}
	seen, err := readSeen(c.Seen, trust.Log)
	if err != nil {
		return err
	}
	d, err := s.desk()
	if err != nil {
		return err
	}
	_, signed, found, err := proof.Audit(folder.trust(trust), trust.Log, d.served(ctx), func(from int64) ([]proof.ServedBody, error) {
		b, err := d.Bodies(ctx, from)
		if fault.Is(err, "cursor-gone") {
			return nil, nil // the end
		}
		var out []proof.ServedBody
		for _, x := range b.Bodies {
			out = append(out, proof.ServedBody{Index: x.Index, Body: x.Body, Salt: x.Salt})
		}
		return out, err
	}, seen)
	if err != nil {
		return err
	}
	work := recount.New()
	read := d.allDocuments(ctx)
	documents, err := proof.AuditDocuments(found, func(sort ledger.DocumentSort, after int64) ([]proof.ServedDocument, error) {
		return unhurried(ctx, time.Second, func() ([]proof.ServedDocument, error) { return read(sort, after) })
	}, work.Add)
	if err != nil {
		return err
	}
	counted, err := c.recount(ctx, d, folder.trust(trust), trust.Log, found, work)
	if err != nil {
		return err
	}
	doc := auditAnswer{OK: len(found.Unsigned)+len(documents.Wrong)+len(counted.Findings) == 0, Origin: signed.Origin, Size: signed.Size, Audited: found, Documents: documents, Casework: counted}
	if err := s.Answer(doc, func(p *Page) {
		p.Facts([2]string{"ledger", fmt.Sprintf("%s, %d entries", doc.Origin, doc.Size)}, [2]string{"entries of the desk", fmt.Sprint(doc.Entries)},
			[2]string{"acts of people", fmt.Sprint(doc.Acts)}, [2]string{"sessions", fmt.Sprint(doc.Sessions)},
			[2]string{"documents", fmt.Sprintf("%d, in %d rolls; %d wait for theirs", documents.Documents, documents.Rolls, documents.Waiting)},
			[2]string{"reports", fmt.Sprintf("%d in, %d in open cases, %d in decided ones", counted.Reports, counted.InOpen, counted.InDecided)},
			[2]string{"decisions", fmt.Sprintf("%d with %s; %d of them taken back", counted.Decisions, wording.Many(int(counted.Measures), "measure"), counted.TakenBack)})
		if doc.OK {
			p.Line("%s", p.Good("Every act of a person in the ledger is signed, the chain holds all that the executor took, the rolls hold the documents, and reports, cases, decisions and measures agree."))
			return
		}
		describeWrong(p, documents.Wrong)
		describeFindings(p, counted.Findings)
		if len(doc.Unsigned) == 0 {
			return
		}
		rows := [][]string{{"ENTRY", "KIND", "WORKER", "WHY"}}
		for _, u := range doc.Unsigned {
			rows = append(rows, []string{fmt.Sprint(u.Index), u.Kind, string(u.Worker), u.Text})
		}
		p.Line("These entries are acts of people without a valid signature, or changes that the chain does not hold:")
		p.Table(rows)
	}); err != nil || doc.OK {
		return err
	}
	if len(doc.Unsigned) == 0 && len(documents.Wrong) == 0 {
		return fault.New(fault.Conflict, "wrong-casework", "%s.", wording.Plural(len(counted.Findings), "finding", "findings")+" about reports, cases, decisions and measures: they do not agree")
	}
	if len(doc.Unsigned) == 0 {
		return fault.New(fault.Conflict, "wrong-documents", "%s.", wording.Plural(len(documents.Wrong), "finding about documents", "findings about documents")+": the desk's documents are not those that its rolls hold")
	}
	return fault.New(fault.Conflict, "unsigned-entries", "%s.", wording.Plural(len(doc.Unsigned),
		"entry of the ledger is an act of a person without a valid signature, or a change that the chain does not hold",
		"entries of the ledger are acts of people without a valid signature, or changes that the chain does not hold"))
}

// unhurried asks the desk, and asks again after a pause as long as the desk says that the caller
// asks too fast: an audit has a question for each decision.
func unhurried[T any](ctx context.Context, pause time.Duration, ask func() (T, error)) (T, error) {
	for {
		answer, err := ask()
		if !fault.Is(err, "asking-too-fast") {
			return answer, err
		}
		wait := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			wait.Stop()
			return answer, context.Cause(ctx)
		case <-wait.C:
		}
	}
}

// describeWrong lists what an audit of documents found.
func describeWrong(p *Page, wrong []proof.WrongDocument) {
	if len(wrong) == 0 {
		return
	}
	rows := [][]string{{"SORT", "NUMBERS", "FINDING", "WHY"}}
	for _, w := range wrong {
		numbers := fmt.Sprint(w.First)
		if w.Last != w.First {
			numbers = fmt.Sprintf("%d–%d", w.First, w.Last)
		}
		rows = append(rows, []string{string(w.Sort), numbers, w.Type, w.Text})
	}
	p.Line("These documents are not what the ledger's rolls hold:")
	p.Table(rows)
}

// recount counts the day's work from the documents that an audit has read.
func (c *auditCommand) recount(ctx context.Context, d deskClient, t proof.Trust, log note.Verifier, found proof.Audited, work *recount.Recount) (recount.Count, error) {
	stated, err := proof.AuditStatements(t, log, d.served(ctx), work.Statements())
	if err != nil {
		return recount.Count{}, err
	}
	work.Signed(stated)
	work.Joined(found.Joined())
	work.Ended(found.Ended())
	if _, err := work.Count(found.Named(), func(digest canonical.Digest) ([]byte, error) {
		return unhurried(ctx, time.Second, func() ([]byte, error) { return d.Shown(ctx, digest) })
	}); err != nil {
		return recount.Count{}, err
	}
	var all []recount.Held
	for after := ""; ; {
		p, err := unhurried(ctx, time.Second, func() (v1.CaseCounts, error) { return d.CaseCounts(ctx, after) })
		if err != nil {
			return recount.Count{}, err
		}
		if len(p.Items) == 0 {
			return work.Compare(all), nil
		}
		for _, h := range p.Items {
			all = append(all, recount.Held(h))
		}
		if last := p.Items[len(p.Items)-1].Case; last > after {
			after = last
			continue
		}
		return recount.Count{}, fault.New(fault.Unavailable, "foreign-answer", "The desk's list of cases does not end: it names the same page again.")
	}
}

// describeFindings lists what a recount found.
func describeFindings(p *Page, findings []recount.Finding) {
	if len(findings) == 0 {
		return
	}
	rows := [][]string{{"OF", "FINDING", "WHY"}}
	for _, f := range findings {
		rows = append(rows, []string{f.Of, f.Type, f.Text})
	}
	p.Line("These reports, cases, decisions or measures do not agree:")
	p.Table(rows)
}
