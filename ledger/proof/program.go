package proof

import (
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/workforce"
)

// Program is a program that was admitted.
type Program struct {
	actions.Program                // as it was added, with the present owner
	Added           canonical.Time // when it was admitted
	Ended           canonical.Time // when a change ended it; zero: it was not ended
	Entry           int64          // number of the governance entry that admitted it
}

// MaxPrograms is the largest number of programs that a desk has at a time, without those that
// were ended.
const MaxPrograms = 1000

// Program returns a program that stands at an instant. It stands until a change ends it, and
// only while its owner is engaged. Errors are faults of types "no-such-program",
// "program-ended" and "program-without-owner".
func (s *State) Program(id string, at time.Time) (actions.Program, error) {
	p, ok := s.Programs[id]
	if !ok {
		return actions.Program{}, noSuchProgram(id)
	}
	if !p.Ended.IsZero() {
		return actions.Program{}, refuse("program-ended", "The program %s was ended at %s. It does not come back: an officer adds a new one, under another name, with `countersign program add NAME --enrolment FILE --owner WORKER --platform PLATFORM --source person --rate 600 --reason WHY`.", id, p.Ended)
	}
	if st := s.People.Standing(p.Owner, at); !st.Engaged {
		return actions.Program{}, refuse("program-without-owner", "The program %s belongs to %s, who may not act at this desk: %s. Hand it over to somebody who may: `countersign program hand-over %[1]s --owner WORKER --reason WHY`.",
			id, p.Owner, st.Why)
	}
	return p.Program, nil
}

func noSuchProgram(id string) error {
	return fault.New(fault.NotFound, "no-such-program", "There is no program %q at this desk. `countersign program list` shows those that there are.", id)
}

// ofProgram reports whether a key is, or was, a program's. A key signs for one principal.
func (s *State) ofProgram(k workforce.KeyID) (program string, ok bool) {
	for id, p := range s.Programs {
		if p.Key.ID() == k {
			return id, true
		}
	}
	return "", false
}

// possessedBy checks that a program's key signed for its admission here: for this program,
// and for this ledger under the name that the laws in force demand.
func (s *State) possessedBy(p actions.Program) error {
	err := VerifySignature(p.Key, actions.ProgramChallenge(s.EnrolName(), p.ID, p.Key.ID()), p.Possession, s.Sites())
	if err == nil {
		return nil
	}
	return refuse("no-possession", "The key %s did not sign for its enrolment as the program %s at the desk %s. An enrolment that was made for another desk or under another name is not valid here. "+
		"Make it anew with `countersign program key make FILE --program %[2]s --desk '%[3]s'`.", p.Key.ID(), p.ID, s.EnrolName()).Because(err)
}

// mayProgram checks a change of a program against what stands.
func (s *State) mayProgram(by workforce.WorkerID, c actions.Program, at time.Time) error {
	wrong := func(format string, args ...any) error {
		return fault.New(fault.Conflict, "wrong-state", format, args...)
	}
	if s.Formats < 2 {
		return wrong("There are programs from the formats 2 on; this desk signs in the formats %d. Adopt the newer ones first with `countersign formats adopt --reason WHY`.", s.Formats)
	}
	old, known := s.Programs[c.ID]
	switch {
	case c.Op == actions.ProgramAdd && known:
		return wrong("There is a program %s already, or there was one; a name is never used again.", c.ID)
	case c.Op != actions.ProgramAdd && !known:
		return noSuchProgram(c.ID)
	case !old.Ended.IsZero():
		return wrong("The program %s was ended at %s already.", c.ID, old.Ended)
	}
	if c.Op == actions.ProgramEnd {
		if err := s.mayEndProgram(by, old, at); err != nil {
			return err
		}
		return s.limit(by, "end", 1, s.Trust.EndingsPerHour, at)
	}
	if c.Owner == old.Owner {
		return wrong("The program %s is owned by %s already.", c.ID, c.Owner)
	}
	if _, ok := s.People.Worker(c.Owner); !ok {
		return fault.New(fault.NotFound, "no-such-worker", "There is no worker %s at this desk. `countersign worker list` shows who there is.", c.Owner)
	}
	if st := s.People.Standing(c.Owner, at); !st.Engaged {
		return wrong("%s cannot own a program: %s.", c.Owner, st.Why)
	}
	if c.Op == actions.ProgramHandOver {
		return nil
	}
	live := 0
	for _, p := range s.Programs {
		if p.Ended.IsZero() {
			live++
		}
	}
	if live >= MaxPrograms {
		return wrong("The desk has %d programs, which is the most. End one first with `countersign program end NAME --reason WHY`.", live)
	}
	if _, ok := s.People.Worker(workforce.WorkerID(c.ID)); ok {
		return wrong("%s is a worker. Name the program otherwise, so that nobody takes one for the other.", c.ID)
	}
	for _, name := range c.Platforms {
		if _, ok := s.Platforms[name]; !ok {
			return fault.New(fault.NotFound, "no-such-platform", "There is no platform %q at this desk; add it with `countersign platform add %[1]s --connector plaza --reason WHY` (or the connector bluesky).", name)
		}
	}
	id := c.Key.ID()
	if k, ok := s.People.Key(id); ok {
		return wrong("The key %s was enrolled for %s already; make a new one for the program.", id, k.Worker)
	}
	if other, ok := s.ofProgram(id); ok {
		return wrong("The key %s is that of the program %s already; make a new one.", id, other)
	}
	return s.possessedBy(c)
}

// mayEndProgram returns the refusal if one person may not end a program alone: who is neither
// its owner, nor above the owner, nor an officer, nor on call; and for others' programs a
// newcomer, somebody who is about to leave, and a contractor of another company. Whoever is
// left may end a program whose owner has left.
func (s *State) mayEndProgram(by workforce.WorkerID, p Program, at time.Time) error {
	if by == p.Owner || !s.People.Standing(p.Owner, at).Engaged {
		return nil
	}
	b, _ := s.People.Worker(by)
	o, _ := s.People.Worker(p.Owner)
	st := s.People.StandingOf(&b, at)
	switch {
	case at.Before(b.Counts()) || st.InNotice || st.Ratchet:
		return refuse("not-yours-to-end", "%s is a newcomer or is about to leave, and may not end the program %s of %s. An officer or somebody on call may.", by, p.ID, p.Owner)
	case b.Vendor != "" && b.Vendor != o.Vendor:
		return refuse("not-yours-to-end", "%s is a contractor of %s, and may not end the program %s, whose owner %s is of another company. An officer or somebody on call there may.", by, b.Vendor, p.ID, p.Owner)
	case st.Has(workforce.Officer) || st.Has(workforce.OnCall) || s.Reports(p.Owner, by):
		return nil
	}
	return refuse("not-yours-to-end", "The program %s is owned by %s, who does not report to %s, and %s is neither an officer nor on call.", p.ID, p.Owner, by, by)
}

// effectProgram applies an authorised change of a program.
func (s *State) effectProgram(c actions.Program, number int64, at canonical.Time) {
	p := s.Programs[c.ID]
	switch c.Op {
	case actions.ProgramAdd:
		p = Program{Program: c, Added: at, Entry: number}
	case actions.ProgramEnd:
		p.Ended = at
	case actions.ProgramHandOver:
		p.Owner = c.Owner
	}
	s.Programs[c.ID] = p
}
