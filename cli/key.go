package cli

import (
	"context"
	"fmt"
	"slices"

	"github.com/go-json-experiment/json"

	"countersign.dev/actions"
	"countersign.dev/api/v1"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/workforce"
)

type keyCommands struct {
	Make   keyMake   `cmd:"" help:"Make a key on this machine. Its secret half never leaves the file."`
	Enroll keyEnroll `cmd:"" help:"Ask the desk to enrol keys, from the enrolment files their holders sent. Officers countersign."`
	List   keyList   `cmd:"" help:"List enrolled keys."`
	Revoke keyRevoke `cmd:"" help:"Revoke keys, at once and for ever. One person may."`
}

// EnrolmentSuffix is added to a key file's name for what is sent to an officer.
const EnrolmentSuffix = ".enrolment"

type keyMake struct {
	File     string             `arg:"" help:"Where to write the key. Never overwritten."`
	Worker   workforce.WorkerID `help:"Who will sign with it: your identifier at the desk."`
	Hardware bool               `help:"Declare that the file lives in a hardware token and cannot be copied. Those who countersign the enrolment vouch for it."`
	Desk     string             `placeholder:"ORIGIN" help:"Origin of the desk's ledger, to write FILE.enrolment as well. Learnt from the desk if one is configured."`
}

func (c *keyMake) Help() string {
	return "Writes FILE, a JSON document that only you may read: an Ed25519 key in the form countersign/key-file/v1.\n" +
		"FILE.public is its public half, for the founding of a desk. With --worker and a desk it also writes FILE.enrolment, without the secret and signed with the new key to show that " +
		"you hold it: send that to an officer, who runs `countersign key enroll FILE.enrolment --reason WHY`."
}

// madeKey says what was made; nothing in it is secret.
type madeKey struct {
	File      string              `json:"file"`
	Key       workforce.KeyID     `json:"key"`
	Worker    workforce.WorkerID  `json:"worker"`
	Public    workforce.PublicKey `json:"public"`
	Enrolment string              `json:"enrolment"` // file; empty if none was written
}

func (c *keyMake) Run(ctx context.Context, s *Session) error {
	if c.Worker != "" && !workforce.ValidIdentifier(string(c.Worker)) {
		return fault.New(fault.Invalid, "bad-worker", "%q is not a worker's identifier: lower-case letters, digits, dot, underscore and hyphen.", c.Worker)
	}
	k, err := MakeKey(s.Rand, c.Worker, c.Hardware)
	if err != nil {
		return err
	}
	origin, err := c.origin(ctx, s)
	if err != nil {
		return err
	}
	if err := WriteKey(c.File, k); err != nil {
		return err
	}
	if err := WriteFile(c.File+PublicSuffix, append(canonical.MustMarshal(k.PublicKey()), '\n'), 0o644); err != nil {
		return err
	}
	doc := madeKey{File: c.File, Key: k.Key, Worker: k.Worker, Public: k.PublicKey()}
	if c.Worker != "" && origin != "" {
		doc.Enrolment = c.File + EnrolmentSuffix
		if err := WriteFile(doc.Enrolment, append(canonical.MustMarshal(k.Enrolment(origin)), '\n'), 0o644); err != nil {
			return err
		}
	}
	return s.Answer(doc, func(p *Page) {
		p.Line("Made the key %s in %s.", doc.Key, doc.File)
		if doc.Enrolment != "" {
			p.Line("Send %s to an officer; it holds no secret. The key signs nothing until it is enrolled:", doc.Enrolment)
			p.Line("  countersign key enroll %s --reason WHY", doc.Enrolment)
			return
		}
		p.Line("An officer of a new desk goes on with: countersign init sign founding.json --officer YOU --key %s", doc.File)
	})
}

// origin returns the desk's origin if it is given or a desk is configured.
func (c *keyMake) origin(ctx context.Context, s *Session) (string, error) {
	if c.Desk != "" || c.Worker == "" {
		return c.Desk, nil
	}
	set, err := s.load()
	if err != nil || set.Origin != "" || set.URL == "" {
		return set.Origin, err
	}
	d, err := s.desk()
	if err != nil {
		return "", err
	}
	status, err := d.Status(ctx)
	return status.Origin, err
}

type keyEnroll struct {
	Files  []string `arg:"" name:"file" help:"Enrolment files, as key make writes them."`
	Reason string   `required:"" help:"Why, for those who countersign and for the ledger. No personal data."`
	signing
}

func (c *keyEnroll) Help() string {
	return "The desk enrols nothing by itself: this signs a request, and other officers countersign it. " +
		"Whoever countersigns vouches that the key is the worker's, and, if it says so, that it lives in hardware: ask the worker, by another way than the one the file came."
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
			return fault.New(fault.Invalid, "bad-enrolment", "%s is not an enrolment file, as `countersign key make FILE --worker YOU` writes it.", path)
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
		rows := [][]string{{"KEY", "WORKER", "SORT", "HARDWARE", "ENROLLED", "REVOKED"}}
		for _, k := range keys {
			rows = append(rows, []string{string(k.ID), string(k.Worker), string(k.Algorithm), yesNo(k.Hardware), when(k.Enrolled), when(k.Revoked)})
		}
		p.Table(rows)
	})
}

type keyRevoke struct {
	Keys   []workforce.KeyID `arg:"" name:"key" help:"Names of the keys: key_…"`
	Reason string            `required:"" help:"Why, for the ledger. No personal data."`
	straight
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

// list is the one object of a command that lists.
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

// many reads "3 keys".
func many(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
