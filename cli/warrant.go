package cli

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/ledger/proof"
	"countersign.dev/platform"
	"countersign.dev/wording"
	"countersign.dev/workforce"
)

type warrantCommands struct {
	Show   warrantShow   `cmd:"" help:"Get a request's warrant from the desk, or read one from a file."`
	Verify warrantVerify `cmd:"" help:"Check a warrant offline, against the hash of entry 0 and nothing else."`
}

type warrantShow struct {
	Warrant  string `arg:"" help:"A request (req_…), or a warrant's file."`
	Complete bool   `help:"Get it with the governance entries that authorise its people, keys and policy, down to entry 0."`
	Out      string `placeholder:"FILE" help:"Write the warrant's exact bytes here."`
}

func (c *warrantShow) Help() string {
	return "With --complete, the warrant shows by itself who authorised the people, keys and policy that it rests on, and warrant verify checks it. " +
		"If it would have more than 4 MiB, the command refuses: then verify the warrant with --ledger. An executor takes no complete warrant."
}

func (c *warrantShow) Run(ctx context.Context, s *Session) error {
	raw, err := c.read(ctx, s)
	if err != nil {
		return err
	}
	w, err := proof.ParseComplete(raw)
	if err != nil {
		return err
	}
	if c.Out != "" {
		if err := WriteFile(c.Out, raw, 0o644); err != nil {
			return err
		}
	}
	return s.Answer(canonical.Raw(raw), func(p *Page) {
		p.Line("A warrant, not verified: countersign warrant verify FILE --trust DIR")
		describeCore(p, w.Core())
		if c.Out != "" {
			p.Line("Written to %s.", c.Out)
		}
	})
}

func (c *warrantShow) read(ctx context.Context, s *Session) ([]byte, error) {
	if !isRequest(c.Warrant) {
		if c.Complete {
			return nil, fault.New(fault.Invalid, "not-a-request", "A desk completes the warrant of a request: `countersign warrant show req_… --complete`. %s is a file.", c.Warrant)
		}
		return readWarrant(c.Warrant)
	}
	d, err := s.desk()
	if err != nil {
		return nil, err
	}
	if c.Complete {
		return d.CompleteWarrant(ctx, c.Warrant)
	}
	return d.Warrant(ctx, c.Warrant)
}

// readWarrant reads a warrant's file. `warrant show --json` and editors add a line feed
// at its end, which is not part of the document.
func readWarrant(path string) ([]byte, error) {
	raw, err := ReadFile(path, proof.MaxWarrant+1)
	return bytes.TrimSuffix(raw, []byte("\n")), err
}

type warrantVerify struct {
	File string `arg:"" help:"The warrant, or the proof of a document (ledger show --out)."`
	rooted
	Ledger string `placeholder:"URL|FOLDER" help:"Also follow the governance chain there: judge by the people and keys as they were at the warrant's place, and say what has changed since. At the address of a desk you must be signed in there."`
}

func (c *warrantVerify) Help() string {
	return "Needs no desk, network or database, and no key: only the hash of entry 0, which a warrant's own first entry must have. Get that hash by another way than the warrant. Of a complete warrant (warrant show --complete) it also checks who authorised its people, keys and policy, down to entry 0. Without --ledger it says what it cannot know: whether a key was revoked or an engagement ended that the warrant does not tell of. " +
		"Of the proof of a report, decision, deed or opening it checks what ledger show checks. " +
		"Exit 0: the warrant holds. Exit 1: it does not, and why."
}

// verified is the answer of warrant verify.
type verified struct {
	OK         bool               `json:"ok"`
	Request    string             `json:"request"`
	Kind       actions.Kind       `json:"kind"`
	Subject    string             `json:"subject"`
	Tier       actions.Tier       `json:"tier"`
	Requester  workforce.WorkerID `json:"requester"`
	With       string             `json:"signed_with"` // what the requester signed with: own key, file key, session …
	Signers    []signerDoc        `json:"countersigners"`
	Origin     string             `json:"origin"`
	Size       int64              `json:"ledger_size"`
	Revocation string             `json:"revocation"`
	Later      []proof.Later      `json:"later"`        // what has changed since; only with --ledger
	NotInChain []proof.NotInChain `json:"not_in_chain"` // what the executor took directly and the chain does not hold; only with --ledger
	Word       []string           `json:"desks_word"`
	Authority  string             `json:"authority"` // what the entries prove that authorise others; empty if the warrant carries none
	Tiers      string             `json:"tiers"`     // how far the tier was compared with the ledger; only with --ledger
}

type signerDoc struct {
	Worker workforce.WorkerID `json:"worker"`
	Vendor workforce.VendorID `json:"vendor"`
	With   string             `json:"signed_with"` // as of the requester
}

func (c *warrantVerify) Run(ctx context.Context, s *Session) error {
	raw, err := readWarrant(c.File)
	if err != nil {
		return err
	}
	trust, keys, err := c.read()
	if err != nil {
		return err
	}
	if bytes.HasSuffix(raw, []byte(`"v":"`+proof.DocumentProofV1+`"}`)) {
		if keys == nil {
			return fault.New(fault.Invalid, "no-policy", "%s is the proof of a document, which does not carry entry 0 and so does not name the log's key: give --trust with a folder that has the file policy too, such as trust of the desk's folder.", c.File)
		}
		return s.answerDocument(raw, keys, trust.Quorum)
	}
	verifier := proof.NewVerifier(trust)
	var r proof.Report
	if c.Ledger == "" {
		r, err = verifier.Complete(raw)
	} else {
		var subjects []string
		if w, unread := proof.ParseComplete(raw); unread == nil && w.Action.Subject.Platform != actions.DeskPlatform {
			subjects = append(subjects, platform.Subject{Platform: w.Action.Subject.Platform, ID: w.Action.Subject.ID}.String())
		}
		served, openErr := s.ledgerAt(ctx, c.Ledger, subjects...)
		if openErr != nil {
			return openErr
		}
		r, err = verifier.Chain(raw, served)
	}
	if err != nil {
		return notHeld(err)
	}
	a := r.Warrant.Action
	doc := verified{OK: true, Request: r.Warrant.Request.Statement.Request, Kind: a.Kind, Subject: wording.Subject(a.Subject), Tier: r.Warrant.Ruling.Facts.Tier,
		Requester: r.Requester.Worker, With: signedWith(r.Warrant.Request, r.Warrant.Sessions), Signers: []signerDoc{}, Origin: r.Origin, Size: r.Size, Revocation: r.Revocation, Later: r.Later, NotInChain: r.NotInChain, Word: r.Word, Authority: r.Authority, Tiers: r.Tiers}
	for i, w := range r.Signers {
		doc.Signers = append(doc.Signers, signerDoc{w.Worker, w.Vendor, signedWith(r.Warrant.Countersignatures[i], nil)})
	}
	return s.Answer(doc, func(p *Page) { describeVerified(p, doc, r) })
}

// notHeld turns every fault that proof finds in a warrant into the answer no, and not
// into bad input: the person asked whether it holds. A ledger that cannot be read gives
// no answer.
func notHeld(err error) error {
	f := fault.As(err)
	if f == nil {
		return err
	}
	switch {
	case f.Kind == fault.Internal, f.Kind == fault.TooLarge, f.Kind == fault.Unavailable, f.Kind == fault.Unauthenticated,
		f.Type == "unreadable", f.Type == "bad-export":
		return err
	}
	out := fault.New(fault.Forbidden, f.Type, "This warrant does not hold. %s", f.Text)
	return out.With(f.Detail...)
}

func describeVerified(p *Page, doc verified, r proof.Report) {
	p.Line("%s", p.Good("The warrant holds."))
	describeCore(p, r.Warrant.Core())
	people := [][2]string{{"requester", person(r.Requester)}}
	for _, w := range r.Signers {
		people = append(people, [2]string{"signer", person(w)})
	}
	p.Facts(append(people, [2]string{"ledger", fmt.Sprintf("%s, %d entries", doc.Origin, doc.Size)})...)
	p.Line("It is %s.", doc.Revocation)
	if doc.Authority != "" {
		p.Line("Who authorised its people, keys and policy was %s.", doc.Authority)
	}
	if doc.Tiers != "" {
		p.Line("Its tier was %s.", doc.Tiers)
	}
	for _, l := range doc.Later {
		p.Line("Since then, %s: %s", wording.When(l.At), l.Text)
	}
	for _, n := range doc.NotInChain {
		p.Line("Beware: %s", n.Text())
	}
	if len(doc.Word) > 0 {
		p.Line("The desk's word, which this file does not prove: %s.", wording.Joined(doc.Word))
	}
}

func person(w workforce.Worker) string {
	firm := "employee"
	if w.Vendor != "" {
		firm = "vendor " + string(w.Vendor)
	}
	s := fmt.Sprintf("%s, %s", w.Worker, firm)
	if end := w.End(); !end.IsZero() {
		s += ", engaged until " + wording.When(end)
	}
	return s
}

// describeCore describes the act of a warrant.
func describeCore(p *Page, c proof.Core) {
	p.Line("%s", wording.Action(c.Action))
	p.Facts(
		[2]string{"request", c.Request.Statement.Request},
		[2]string{"reason", c.Action.Reason},
		[2]string{"case", c.Action.Case},
		[2]string{"until", wording.When(c.Action.Until)},
		[2]string{"tier", string(c.Ruling.Facts.Tier)},
		[2]string{"ruled", wording.When(c.Ruling.At) + ", needed " + wording.Need(c.Ruling.Need, recovering(c.Ruling.Reasons))},
		[2]string{"policy", c.Ruling.Policy.String()},
		[2]string{"executor", c.Request.Statement.Executor},
		[2]string{"signed by", strings.Join(signatures(c), "\n")},
	)
}

// signatures says who signed a warrant, and with what.
func signatures(c proof.Core) []string {
	by := []string{fmt.Sprintf("%s, who asked: %s", c.Request.Statement.Signer, signedWith(c.Request, c.Sessions))}
	if c.Decision != nil {
		d := c.Decision.Signed
		by = append(by, fmt.Sprintf("%s, who decided the case: %s", d.Statement.Signer, signedWith(d, c.Sessions)))
	}
	for _, s := range c.Countersignatures {
		by = append(by, fmt.Sprintf("%s, who countersigned: %s", s.Statement.Signer, signedWith(s, nil)))
	}
	return by
}

// signedWith says with what somebody signed, under one of sessions if the statement names
// one.
func signedWith(s actions.Signed, sessions []actions.SignedSession) string {
	return wording.SignedWith(s, actions.SessionNamed(s.Statement, sessions))
}
