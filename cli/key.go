package cli

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"

	"countersign.dev/actions"
	v1 "countersign.dev/api/v1"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/wording"
	"countersign.dev/workforce"
)

type keyCommands struct {
	Make      keyMake      `cmd:"" help:"Make a key on this machine. Its secret half never leaves the file."`
	Enrolment keyEnrolment `cmd:"" help:"Write the enrolment file of a key that you have, for a desk: what an officer needs to enrol it."`
	Enroll    keyEnroll    `cmd:"" help:"Ask the desk to enrol keys, from the enrolment files their holders sent. Officers countersign."`
	List      keyList      `cmd:"" help:"List enrolled keys."`
	Revoke    keyRevoke    `cmd:"" help:"Revoke keys, at once and for ever. One person may."`
}

// EnrolmentSuffix is added to a key file's name for the enrolment that is sent to an
// officer.
const EnrolmentSuffix = ".enrolment"

// enrolling names the worker and the desk of an enrolment.
type enrolling struct {
	Worker workforce.WorkerID `help:"Who will sign with it: your identifier at the desk."`
	Desk   string             `placeholder:"NAME" help:"Full name of the desk's ledger, its origin with # and the hash of entry 0, if this machine does not reach the desk: an officer reads it off countersign status. Without it the desk is asked: give --url."`
}

type keyMake struct {
	File     string `arg:"" help:"Where to write the key. Never overwritten."`
	Hardware bool   `help:"Declare that the file lives in a hardware token and cannot be copied. Those who countersign the enrolment vouch for it."`
	enrolling
}

func (c *keyMake) Help() string {
	return "Writes FILE, a JSON document that only you may read: an Ed25519 key in the form countersign/key-file/v1.\n" +
		"FILE.public is its public half, for the founding of a desk. With --worker and a desk it also writes FILE.enrolment, without the secret and signed with the new key to show that " +
		"you hold it: send that to an officer, who runs `countersign key enroll FILE.enrolment --reason WHY`. It counts at that desk and at no other; " +
		"`countersign key enrolment FILE` writes one for another."
}

// madeKey is the answer of key make; nothing in it is secret.
type madeKey struct {
	File      string              `json:"file"`
	Key       workforce.KeyID     `json:"key"`
	Words     string              `json:"words"` // the key's fingerprint for reading aloud
	Worker    workforce.WorkerID  `json:"worker"`
	Public    workforce.PublicKey `json:"public"`
	Enrolment string              `json:"enrolment"` // file; empty if none was written
	Desk      string              `json:"desk"`      // the desk's name in the enrolment; empty if none was written
}

func (c *keyMake) Run(ctx context.Context, s *Session) error {
	k, err := MakeKey(s.Rand, c.Worker, c.Hardware)
	if err != nil {
		return err
	}
	var desk string
	if c.Worker != "" {
		if desk, err = c.name(ctx, s); err != nil {
			return err
		}
	}
	if err := WriteKey(c.File, k); err != nil {
		return err
	}
	if err := WriteFile(c.File+PublicSuffix, append(canonical.MustMarshal(k.PublicKey()), '\n'), 0o644); err != nil {
		return err
	}
	doc := madeKey{File: c.File, Key: k.Key, Words: k.Key.Words(), Worker: k.Worker, Public: k.PublicKey()}
	if desk != "" {
		if err := doc.enrolment(s, k, desk); err != nil {
			return err
		}
	}
	return s.Answer(doc, func(p *Page) {
		p.Line("Made the key %s in %s. Its words: %s", doc.Key, doc.File, doc.Words)
		if doc.Enrolment != "" {
			doc.send(p)
			return
		}
		p.Line("An officer of a new desk goes on with: countersign init sign founding.json --officer YOU --key %s", doc.File)
		p.Line("To enrol it at a desk that there is, go on with: countersign key enrolment %s --worker YOU --url http://DESK", doc.File)
	})
}

// enrolment signs and writes the enrolment of a key at a desk.
func (m *madeKey) enrolment(s *Session, k KeyFile, desk string) error {
	if !strings.Contains(desk, "#") {
		s.Say("%s names no entry 0. Only a desk under the laws 1 or 2 takes that; under newer ones its full name is asked for.", desk)
	}
	m.Enrolment, m.Desk = m.File+EnrolmentSuffix, desk
	return WriteFile(m.Enrolment, append(canonical.MustMarshal(k.Enrolment(desk)), '\n'), 0o644)
}

// send tells the person what to do with an enrolment.
func (m *madeKey) send(p *Page) {
	p.Line("Send %s to an officer of the desk %s; it holds no secret. The key signs nothing until it is enrolled:", m.Enrolment, m.Desk)
	p.Line("  countersign key enroll %s --reason WHY", m.Enrolment)
	p.Line("The officer asks you for the words of your key: %s", m.Words)
}

// name returns the desk's name for an enrolment: the name that is given, else the one
// that the configured desk gives, else nothing. If the person has signed in to a desk, it
// must be that desk.
func (c *enrolling) name(ctx context.Context, s *Session) (string, error) {
	if c.Worker != "" && !workforce.ValidIdentifier(string(c.Worker)) {
		return "", fault.New(fault.Invalid, "bad-worker", "%q is not a worker's identifier: lower-case letters, digits, dot, underscore and hyphen.", c.Worker)
	}
	if c.Desk != "" {
		origin, root, full := strings.Cut(c.Desk, "#")
		if origin == "" || full && new(canonical.Digest).UnmarshalText([]byte(root)) != nil {
			return "", fault.New(fault.Invalid, "bad-desk", "%q is not the name of a desk's ledger, which is its origin, # and the hash of entry 0: desk.example.com/ledger#sha256:… "+
				"An officer reads it off `countersign status`.", c.Desk)
		}
		return c.Desk, nil
	}
	set, err := s.load()
	if err != nil || set.URL == "" {
		return "", err
	}
	d, err := s.desk()
	if err != nil {
		return "", err
	}
	status, err := d.Status(ctx)
	if err != nil {
		return "", err
	}
	if !(identity{origin: set.Origin, log: set.Log}).knows(status.Log) {
		return "", fault.New(fault.Forbidden, "foreign-desk", "The desk at %s is %q, yours is %q. Nothing was signed.", set.URL, status.Log, cmp.Or(set.Log, set.Origin))
	}
	return cmp.Or(status.EnrolName, status.Origin), nil // an older desk gives the origin alone, and demands it
}

type keyEnrolment struct {
	File string `arg:"" help:"The key file, as key make writes it. It is not changed."`
	enrolling
}

func (c *keyEnrolment) Help() string {
	return "Writes FILE.enrolment, in place of one that is there: without the secret, and signed with the key to show that you hold it. Send it to an officer, who runs " +
		"`countersign key enroll FILE.enrolment --reason WHY`.\n" +
		"An enrolment counts at one desk alone. You need another if the desk refuses yours as made for another desk, for a rehearsal, or before the desk adopted newer laws. The key stays the same."
}

func (c *keyEnrolment) Run(ctx context.Context, s *Session) error {
	k, err := ReadKey(c.File)
	if err != nil {
		return err
	}
	switch {
	case k.Worker == "":
		k.Worker = c.Worker
	case c.Worker != "" && c.Worker != k.Worker:
		return fault.New(fault.Invalid, "other-worker", "The key in %s is %s's, as the file says, and not %s's. Each worker makes a key of their own.", c.File, k.Worker, c.Worker)
	}
	if k.Worker == "" {
		return fault.New(fault.Invalid, "no-worker", "The key file does not say whose it is. Say who you are: --worker ID.")
	}
	desk, err := c.name(ctx, s)
	if err != nil {
		return err
	}
	if desk == "" {
		return fault.New(fault.Invalid, "no-desk", "Which desk? Give --url URL, COUNTERSIGN_URL, or a folder with client.json (--dir); or --desk with the full name that an officer reads off `countersign status`.")
	}
	doc := madeKey{File: c.File, Key: k.Key, Words: k.Key.Words(), Worker: k.Worker, Public: k.PublicKey()}
	if err := doc.enrolment(s, k, desk); err != nil {
		return err
	}
	return s.Answer(doc, doc.send)
}

type keyEnroll struct {
	Files  []string `arg:"" name:"file" help:"Enrolment files, as key make writes them."`
	Reason string   `required:"" help:"Why, for the countersigners and for the ledger. No personal data."`
	signing
}

func (c *keyEnroll) Help() string {
	return "The desk enrols nothing by itself: this signs a request, and other officers countersign it. " +
		"Whoever countersigns vouches that the key is the worker's, and, if it says so, that it lives in hardware: ask the worker for the six words of the key, by another way than the one the file came."
}

func (c *keyEnroll) Run(ctx context.Context, s *Session) error {
	var change actions.Keys
	for _, path := range c.Files {
		b, err := ReadFile(path, 1<<16)
		if err != nil {
			return err
		}
		var e actions.Enrolment
		if err := json.Unmarshal(b, &e, json.RejectUnknownMembers(true)); err != nil {
			return fault.New(fault.Invalid, "bad-enrolment", "%s is not an enrolment file, as `countersign key make FILE --worker YOU --url http://DESK` writes it.", path)
		}
		change.Enrol = append(change.Enrol, e)
	}
	return c.change(ctx, s, actions.DeskKey, change, c.Reason)
}

type keyList struct {
	Worker workforce.WorkerID `help:"Only this worker's keys."`
	All    bool               `help:"Revoked keys as well."`
}

func (c *keyList) Run(ctx context.Context, s *Session) error {
	d, err := s.desk()
	if err != nil {
		return err
	}
	keys, err := d.Keys(ctx, c.Worker)
	if err != nil {
		return err
	}
	if !c.All {
		keys = slices.DeleteFunc(keys, func(k v1.Key) bool { return !k.Revoked.IsZero() })
	}
	return s.Answer(items(keys), func(p *Page) {
		rows := [][]string{{"KEY", "WORKER", "SORT", "ENROLLED", "REVOKED"}}
		for _, k := range keys {
			rows = append(rows, []string{string(k.ID), string(k.Worker), wording.KeySort(k.Algorithm, k.Hardware), wording.When(k.Enrolled), wording.When(k.Revoked)})
		}
		p.Table(rows)
	})
}

type keyRevoke struct {
	Keys   []workforce.KeyID `arg:"" name:"key" help:"Names of the keys: key_…"`
	Reason string            `required:"" help:"Why, for the ledger. No personal data."`
	directCommand
}

func (c *keyRevoke) Run(ctx context.Context, s *Session) error {
	return c.relieve(ctx, s, actions.DeskKey, actions.Keys{Revoke: c.Keys}, c.Reason)
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// list is the JSON object of a command that lists.
type list[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next,omitzero"`
}

func items[T any](all []T) list[T] {
	if all == nil {
		all = []T{}
	}
	return list[T]{Items: all}
}
