package cli

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json"

	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/fault"
	"countersign.dev/id"
	"countersign.dev/ledger"
	"countersign.dev/ledger/proof"
	"countersign.dev/wording"
)

type ledgerShow struct {
	Document string `arg:"" help:"SORT/ID of a document, such as report/rep_… (report, decision, deed or opening), or the file of a proof."`
	Trust    string `required:"" placeholder:"FOLDER" help:"Your trust folder: root and policy."`
	Out      string `placeholder:"FILE" help:"Write the exact bytes of the proof here."`
}

func (c *ledgerShow) Help() string {
	return "Gets one document from the desk with its promise and its path, and checks offline, with nothing but the trust folder: the log's key has promised exactly this document, its roll holds it by its path, and the roll stands in the ledger under a signed checkpoint. " +
		"Of a proof that --out has written, it checks the same without a desk. At the desk it is for those who read evidence; who keeps a promise uses promise check.\n" +
		"Exit 0: the document is what the ledger holds, or it waits for its roll. Exit 1: it is not, and why."
}

// provenDocument is the answer of ledger show, and of warrant verify for the proof of a
// document.
type provenDocument struct {
	OK         bool                `json:"ok"`
	State      string              `json:"state"` // rolled, or waiting
	Sort       ledger.DocumentSort `json:"sort"`
	ID         string              `json:"id"`
	Number     int64               `json:"number"`
	Commitment canonical.Digest    `json:"commitment"`
	Time       canonical.Time      `json:"time"`
	RolledBy   canonical.Time      `json:"rolled_by"` // as promised
	Roll       *rollDoc            `json:"roll"`      // null: it waits for its roll
	Data       canonical.Raw       `json:"data"`
	Openings   []ledger.Opening    `json:"openings"`
	Origin     string              `json:"origin"`
}

// rollDoc is the place of a roll in the ledger.
type rollDoc struct {
	Entry int64          `json:"entry"`
	Time  canonical.Time `json:"time"`
	First int64          `json:"first"`
	Last  int64          `json:"last"`
	Size  int64          `json:"ledger_size"`
}

func documentOf(p proof.ProvenDocument) provenDocument {
	d := provenDocument{OK: true, State: "waiting", Sort: p.Document.Sort, ID: p.Document.Body.ID, Number: p.Document.Number, Commitment: p.Document.Commitment,
		Time: p.Document.Body.Time, RolledBy: p.Promise.By, Data: p.Document.Body.Data, Openings: append([]ledger.Opening{}, p.Document.Openings...), Origin: p.Promise.Log}
	if p.Roll != nil {
		d.State, d.Roll = "rolled", &rollDoc{Entry: p.Entry, Time: p.Rolled, First: p.Roll.First, Last: p.Roll.Last, Size: p.Size}
	}
	return d
}

func (c *ledgerShow) Run(ctx context.Context, s *Session) error {
	log, quorum, err := readLog(c.Trust)
	if err != nil {
		return err
	}
	raw, err := c.read(ctx, s)
	if err != nil {
		return err
	}
	if c.Out != "" {
		if err := WriteFile(c.Out, raw, 0o644); err != nil {
			return err
		}
	}
	return s.answerDocument(raw, log, quorum)
}

// answerDocument verifies the proof of a document and says what it proves.
func (s *Session) answerDocument(raw []byte, log *ledger.Trust, quorum *ledger.Trust) error {
	p, err := proof.ParseDocumentProof(raw)
	if err != nil {
		return err
	}
	proven, err := proof.VerifyDocument(p, log.Log, quorum)
	if err != nil {
		return notProven(err)
	}
	doc := documentOf(proven)
	return s.Answer(doc, func(p *Page) {
		if doc.Roll != nil {
			p.Line("%s", p.Good("The document is the one that the ledger holds."))
		} else {
			p.Line("The log has promised this document. It waits for its roll.")
		}
		describeDocument(p, doc)
	})
}

func describeDocument(p *Page, doc provenDocument) {
	p.Facts([2]string{"document", fmt.Sprintf("%s %s, number %d", doc.Sort, doc.ID, doc.Number)}, [2]string{"recorded", wording.When(doc.Time)})
	if doc.Roll != nil {
		p.Facts([2]string{"roll", fmt.Sprintf("%s, entry %d of %s at %d entries", wording.When(doc.Roll.Time), doc.Roll.Entry, doc.Origin, doc.Roll.Size)})
	} else {
		p.Facts([2]string{"roll", "none yet; promised by " + wording.When(doc.RolledBy)})
	}
	p.Facts([2]string{"says", string(doc.Data)})
	for _, o := range doc.Openings {
		p.Facts([2]string{o.Name, string(o.Value)})
	}
}

func (c *ledgerShow) read(ctx context.Context, s *Session) ([]byte, error) {
	sort, id, is := documentName(c.Document)
	if !is {
		return readDocumentProof(c.Document)
	}
	d, err := s.desk()
	if err != nil {
		return nil, err
	}
	return d.Document(ctx, sort, id, canonical.Digest{})
}

// documentSorts are the sorts of documents by the prefixes of their identifiers.
var documentSorts = map[string]ledger.DocumentSort{cases.ReportPrefix: ledger.ReportDocument, cases.DecisionPrefix: ledger.DecisionDocument, "dee": ledger.DeedDocument}

// documentName splits SORT/ID, of which an identifier alone tells the sort. Anything else is the
// path of a file.
func documentName(name string) (ledger.DocumentSort, string, bool) {
	for prefix, sort := range documentSorts {
		if id.Valid(prefix, name) {
			return sort, name, true
		}
	}
	sort, of, _ := strings.Cut(name, "/")
	return ledger.DocumentSort(sort), of, ledger.DocumentSort(sort).Valid() && ledger.ValidDocumentID(of)
}

func readDocumentProof(path string) ([]byte, error) {
	raw, err := ReadFile(path, proof.MaxDocumentProof+1)
	return bytes.TrimSuffix(raw, []byte("\n")), err
}

// readLog reads a trust folder as the proof of a document needs it. quorum is nil if the
// policy asks for no witness.
func readLog(folder string) (trust, quorum *ledger.Trust, err error) {
	f, err := readTrust(folder)
	if err != nil {
		return nil, nil, err
	}
	if trust, err = ledger.ParseTrust(f.Policy); err != nil {
		return nil, nil, err
	}
	return trust, f.trust(trust).Quorum, nil
}

// notProven is notHeld for the proof of a document.
func notProven(err error) error {
	f := fault.As(err)
	if f == nil || f.Kind == fault.Internal {
		return err
	}
	return fault.New(fault.Forbidden, f.Type, "This does not prove the document. %s", f.Text).With(f.Detail...)
}

type promiseCommands struct {
	Check promiseCheck `cmd:"" help:"Check that the desk keeps a promise which it gave for a report, a decision, a deed or an opening of a case."`
}

type promiseCheck struct {
	File  string `arg:"" help:"The promise that you kept: the signed note, or the JSON answer of the desk that holds it: in the member promise, or in answers, as that of POST /reports for several reports. Each promise in it is checked."`
	Trust string `required:"" placeholder:"FOLDER" help:"Your trust folder: root and policy."`
	Out   string `placeholder:"FILE" help:"Write the proof that the desk gave here, for ledger show."`
}

func (c *promiseCheck) Help() string {
	return "A promise says that the document with a number has a commitment, and is in a roll of the ledger by a time. The command checks that the log's key has signed the promise, asks the desk for the document and its path, and compares. " +
		"Whoever keeps the promise may ask, by the commitment in it, and signs in for it, as a worker or as the program that handed the report in: token create --save, or program token --save.\n" +
		"Exit 0: the promise is kept, or its time is not over. Exit 1: it is broken, and how. A broken promise is proof against the desk: show it, with what the desk answers, to the officers and to whom the desk answers."
}

// checkedPromise is the answer of promise check.
type checkedPromise struct {
	OK    bool   `json:"ok"`
	State string `json:"state"` // kept, waiting or broken
	ledger.Promise
	Why  string   `json:"why"`  // of a broken promise
	Roll *rollDoc `json:"roll"` // null: in no roll
}

// checkedPromises is the answer of promise check about an answer with several promises.
type checkedPromises struct {
	OK       bool             `json:"ok"`
	Promises []checkedPromise `json:"promises"`
}

func (c *promiseCheck) Run(ctx context.Context, s *Session) error {
	trust, quorum, err := readLog(c.Trust)
	if err != nil {
		return err
	}
	kept, several, err := readPromises(c.File)
	if err != nil {
		return err
	}
	if c.Out != "" && len(kept) > 1 {
		return fault.New(fault.Invalid, "wrong-use", "%s holds %d promises, and --out takes the proof of one. Give a file with that promise alone.", c.File, len(kept))
	}
	promises := make([]ledger.Promise, len(kept))
	for i, note := range kept {
		if promises[i], err = ledger.ParsePromise(note, trust.Log); err != nil {
			return err
		}
	}
	d, err := s.desk()
	if err != nil {
		return err
	}
	all := checkedPromises{OK: true, Promises: []checkedPromise{}}
	broken := error(nil)
	for i, promise := range promises {
		doc, err := c.check(ctx, s, d, promise, kept[i], trust, quorum)
		if err != nil {
			return err
		}
		if all.Promises = append(all.Promises, doc); !doc.OK {
			all.OK, broken = false, fault.New(fault.Conflict, "promise-broken", "The desk has broken its promise of the %s %s. %s", doc.Sort, doc.ID, doc.Why)
		}
	}
	var answer any = all
	if !several {
		answer = all.Promises[0]
	}
	if err := s.Answer(answer, func(p *Page) {
		for _, doc := range all.Promises {
			doc.describe(p)
		}
	}); err != nil {
		return err
	}
	return broken
}

// check asks the desk for the document of one promise, and compares.
func (c *promiseCheck) check(ctx context.Context, s *Session, d deskClient, promise ledger.Promise, kept []byte, trust, quorum *ledger.Trust) (checkedPromise, error) {
	doc := checkedPromise{OK: true, State: "kept", Promise: promise}
	raw, err := d.Document(ctx, promise.Sort, promise.ID, promise.Commitment)
	switch {
	case fault.Is(err, "document-not-found"):
		doc.Why = "The desk says that it has no document with this identifier and this commitment."
	case fault.Is(err, "document-tampered"), fault.Is(err, "ledger-tampered"):
		doc.Why = "The desk cannot prove the document: " + fault.TextOf(err)
	case err != nil:
		return doc, err
	default:
		if c.Out != "" {
			if err := WriteFile(c.Out, raw, 0o644); err != nil {
				return doc, err
			}
		}
		if doc.Why, doc.Roll, err = compareWith(promise, kept, raw, trust, quorum); err != nil {
			return doc, err
		}
	}
	switch {
	case doc.Why == "" && doc.Roll == nil && s.Now().After(promise.By.Time):
		doc.Why = fmt.Sprintf("It was to be in a roll by %s, and is in none.", promise.By)
	case doc.Why == "" && doc.Roll == nil:
		doc.State = "waiting"
	}
	if doc.Why != "" {
		doc.OK, doc.State = false, "broken"
	}
	return doc, nil
}

func (doc *checkedPromise) describe(p *Page) {
	switch doc.State {
	case "kept":
		p.Line("%s", p.Good("The promise is kept."))
	case "waiting":
		p.Line("The document waits for its roll, and the promise's time is not over.")
	case "broken":
		p.Line("The promise is broken. %s", doc.Why)
	}
	p.Facts([2]string{"document", fmt.Sprintf("%s %s, number %d", doc.Sort, doc.ID, doc.Number)}, [2]string{"promised", wording.When(doc.Time) + ", to be in a roll by " + wording.When(doc.By)})
	if doc.Roll != nil {
		p.Facts([2]string{"roll", fmt.Sprintf("%s, entry %d of %s at %d entries", wording.When(doc.Roll.Time), doc.Roll.Entry, doc.Log, doc.Roll.Size)})
	}
}

// maxPromises is the largest file of promises that is read.
const maxPromises = 256 << 20

// readPromises reads the file of a promise, or of an answer of the desk that holds one or
// several; several is true of an answer with the member answers. The answer to a report that
// was refused holds none.
func readPromises(path string) (notes [][]byte, several bool, err error) {
	raw, err := ReadFile(path, maxPromises)
	if err != nil || !bytes.HasPrefix(raw, []byte("{")) {
		return [][]byte{raw}, false, err
	}
	var answer struct {
		Promise string `json:"promise"`
		Answers []struct {
			Promise string `json:"promise"`
		} `json:"answers"`
	}
	if err := json.Unmarshal(raw, &answer); err != nil {
		return nil, false, fault.New(fault.Invalid, "promise-malformed", "%s is neither a promise nor a JSON answer that holds one: %s.", path, canonical.Wrong(err))
	}
	if answer.Answers == nil {
		return [][]byte{[]byte(answer.Promise)}, false, nil
	}
	for _, one := range answer.Answers {
		if one.Promise != "" {
			notes = append(notes, []byte(one.Promise))
		}
	}
	if len(notes) == 0 {
		return nil, true, fault.New(fault.Invalid, "promise-malformed", "No answer in %s holds a promise: the desk took none of these reports.", path)
	}
	return notes, true, nil
}

// compareWith says in what the desk's answer breaks a promise; empty: in nothing. An error
// says that the answer cannot be judged.
func compareWith(promise ledger.Promise, kept, raw []byte, trust, quorum *ledger.Trust) (why string, roll *rollDoc, err error) {
	p, err := proof.ParseDocumentProof(raw)
	if err != nil {
		return "", nil, err
	}
	if p.Promise != string(kept) {
		now, err := ledger.ParsePromise([]byte(p.Promise), trust.Log)
		if err != nil {
			return "The desk now gives a promise that the log's key has not signed.", nil, nil
		}
		if now != promise {
			return fmt.Sprintf("The desk now promises the %s %s with the number %d and the commitment %s, and you keep a promise of number %d and %s: the log's key has signed both.",
				now.Sort, now.ID, now.Number, now.Commitment, promise.Number, promise.Commitment), nil, nil
		}
	}
	proven, err := proof.VerifyDocument(p, trust.Log, quorum)
	switch {
	case fault.Is(err, "quorum-missing"):
		return "", nil, err
	case err != nil:
		return fault.TextOf(err), nil, nil
	}
	return "", documentOf(proven).Roll, nil
}

// allDocuments reads the documents of a sort for an audit.
func (d deskClient) allDocuments(ctx context.Context) func(ledger.DocumentSort, int64) ([]proof.ServedDocument, error) {
	return func(sort ledger.DocumentSort, after int64) ([]proof.ServedDocument, error) {
		page, err := d.Documents(ctx, sort, after)
		return page.Items, err
	}
}
