package kernel

import (
	"context"

	"countersign.dev/fault"
	"countersign.dev/ledger/proof"
	linkv1 "countersign.dev/link/v1"
	"countersign.dev/platform"
	"countersign.dev/policy"
	"countersign.dev/store"
	"countersign.dev/workforce"
)

// Standing returns the state and the standing of a caller who is engaged now.
func (k *Kernel) Standing(ctx context.Context, by Caller) (*proof.State, workforce.Standing, error) {
	s, err := k.State(ctx)
	if err != nil {
		return nil, workforce.Standing{}, err
	}
	st, err := k.Engaged(s, by)
	return s, st, err
}

// Engaged returns the standing of a caller, and refuses one who is not engaged now.
func (k *Kernel) Engaged(s *proof.State, by Caller) (workforce.Standing, error) {
	st := s.People.Standing(by.Worker, k.Now())
	if !st.Engaged {
		return st, fault.New(fault.Forbidden, "engagement-ended", "%s may not read here: %s.", by.Worker, st.Why)
	}
	return st, nil
}

// ReadsEvidence reports whether the policy in force lets somebody read evidence (design,
// law 11). No policy lets somebody who is not engaged.
func ReadsEvidence(s *proof.State, st workforce.Standing) bool {
	return s.Policy.MayReadEvidence(policy.WorkerOf(st)).Verdict == policy.Permitted
}

// ReadsNames reports whether somebody reads who other companies' people are. A vendor's people never do,
// whatever the policy says; employees do if the policy's action read.people lets them.
func ReadsNames(s *proof.State, reader workforce.Standing) bool {
	return reader.Vendor == "" && s.Policy.MayReadPeople(policy.WorkerOf(reader), policy.Names{}).Verdict == policy.Permitted
}

// Evidence refuses a worker whom the policy in force does not let read evidence. The
// parameter what names the things that were to be read, in the plural.
func Evidence(s *proof.State, st workforce.Standing, what string) error {
	if ReadsEvidence(s, st) {
		return nil
	}
	no := fault.New(fault.Forbidden, "not-yours-to-read", "%s may be read only by those whom the policy lets read evidence, and it does not let you.", what)
	for _, reason := range s.Policy.MayReadEvidence(policy.WorkerOf(st)).Reasons {
		no.Detail = append(no.Detail, fault.Detail{At: reason.Policy, Text: reason.Text})
	}
	return no
}

// MayReadEvidence is Evidence for a caller, who must be engaged.
func (k *Kernel) MayReadEvidence(ctx context.Context, by Caller, what string) error {
	s, st, err := k.Standing(ctx, by)
	if err == nil {
		err = Evidence(s, st, what)
	}
	return err
}

// ReadsAll reports whether somebody reads what people of all companies did, as documents and what
// was shown have it: those who read evidence and are no vendor's people.
func ReadsAll(s *proof.State, st workforce.Standing) bool {
	return st.Vendor == "" && ReadsEvidence(s, st)
}

// MayReadAll is MayReadEvidence for what people of all companies did.
func (k *Kernel) MayReadAll(ctx context.Context, by Caller, what string) error {
	s, st, err := k.Standing(ctx, by)
	if err == nil {
		err = Evidence(s, st, what)
	}
	if err == nil && st.Vendor != "" {
		err = fault.New(fault.Forbidden, "not-yours-to-read", "%s tell of all companies' people and queues, so that no vendor's people read them.", what)
	}
	return err
}

// MaxPage is the largest page of a list.
const MaxPage = 100

// Within refuses a place, which is the index of the last entry that a reader has seen, if
// it lies beyond the ledger's end. Then the ledger was founded anew or set back. The reader
// would hear nothing until the ledger is as long again, and would not know what was missed.
func (k *Kernel) Within(ctx context.Context, place int64) error {
	size, _, err := k.Store.Newest(ctx)
	if err == nil && place >= size {
		err = CursorGone("entry", place, size)
	}
	return err
}

// CursorGone is the refusal of a place beyond the end; what is the noun for what the place
// counts, such as entry or alarm.
func CursorGone(what string, place, size int64) error {
	return fault.New(fault.Expired, "cursor-gone",
		"You asked to go on after %s %d, and there are only %d: this is not the ledger that you read before. Read it from its beginning.", what, place, size)
}

// Load reads the row of a request.
func (k *Kernel) Load(ctx context.Context, request string) (r store.Request, err error) {
	err = k.Store.ReadOne(ctx, func(stx *store.Tx) error {
		r, err = stx.Request(request)
		return err
	})
	return r, err
}

// Read has the executor read a subject, or returns it as it was kept; see AsKept.
func (k *Kernel) Read(ctx context.Context, s *proof.State, name string) (linkv1.Reading, error) {
	kept, _ := ctx.Value(keptKey{}).(Kept)
	return readBy(ctx, s, name, func(ctx context.Context, of platform.Subject) (linkv1.Reading, error) {
		if kept != nil {
			if r, err, ok := kept(of); ok {
				return r, err
			}
		}
		return k.Executor.Read(ctx, of)
	})
}

// Kept returns the reading of a subject that stands in the place of what the executor would read now;
// ok is false if none does.
type Kept func(of platform.Subject) (r linkv1.Reading, err error, ok bool)

type keptKey struct{}

// AsKept returns a context in which Read returns what was kept: who judges a case again without
// knowing it must not read what the first verdict changed.
func AsKept(ctx context.Context, kept Kept) context.Context {
	return context.WithValue(ctx, keptKey{}, kept)
}

// Vouched is Read with the executor's signed statement of who the subject is.
func (k *Kernel) Vouched(ctx context.Context, s *proof.State, name string) (linkv1.Reading, error) {
	kept, _ := ctx.Value(keptKey{}).(Kept)
	return readBy(ctx, s, name, func(ctx context.Context, of platform.Subject) (linkv1.Reading, error) {
		now, err := k.Executor.Vouch(ctx, of)
		if kept != nil {
			if r, none, ok := kept(of); ok {
				r.Resolution = now.Resolution // who the subject is does not change
				return r, none
			}
		}
		return now, err
	})
}

func readBy(ctx context.Context, s *proof.State, name string, read func(context.Context, platform.Subject) (linkv1.Reading, error)) (linkv1.Reading, error) {
	subject, err := platform.ParseSubject(name)
	if err != nil {
		return linkv1.Reading{}, err
	}
	if _, ok := s.Platforms[subject.Platform]; !ok {
		return linkv1.Reading{}, fault.New(fault.NotFound, "no-such-platform",
			"There is no platform %q at this desk; add it with `countersign platform add %[1]s --connector plaza --reason WHY` (or the connector bluesky).", subject.Platform)
	}
	return read(ctx, subject)
}
