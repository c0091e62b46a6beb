package proof

import (
	"fmt"
	"slices"

	"golang.org/x/mod/sumdb/note"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/ledger/entry"
	"countersign.dev/workforce"
)

// Unsigned is an entry of a person that nobody signed as it stands in the ledger.
type Unsigned struct {
	Index  int64              `json:"index"`
	Kind   string             `json:"kind"`
	Worker workforce.WorkerID `json:"worker"` // whom the statement names; empty: there is none
	Type   string             `json:"type"`   // why: a fault's stable type, "unsigned" or "withheld"
	Text   string             `json:"text"`   // the same for a person
}

// Audited is the result of an audit.
type Audited struct {
	Entries  int64      `json:"entries"`  // of the class desk
	Acts     int64      `json:"acts"`     // of people, whose signatures were checked
	Sessions int64      `json:"sessions"` // that were started
	Unsigned []Unsigned `json:"unsigned"`
}

// Audit reads a whole served ledger as Follow does, and beside it every entry of the class
// desk: each act of a person must be signed, by a key of that person that was live, or under
// a session that such a key had certified, in time, while the person was engaged, and must
// be entered once. An entry that is dated before a governance entry ahead of it is judged by
// the later time. bodies returns entries of all classes in order,
// from an index on: as many as it likes, and none only at the end. Changes of the desk are
// checked with the chain, and the records of the executor by those who follow it. Reads,
// alarms and what the clock did are nobody's acts.
func Audit(t Trust, log note.Verifier, served Served, bodies func(from int64) ([]ServedBody, error), seen []ledger.Checkpoint) (*State, ledger.Signed, Audited, error) {
	out := Audited{Unsigned: []Unsigned{}}
	leaves := map[int64]ledger.Leaf{}
	size := int64(0)
	a := auditor{out: &out, leaves: leaves, bodies: bodies, entered: map[canonical.Digest]bool{}, signed: map[string][]workforce.WorkerID{}}
	s, signed, err := follow(t, log, served, seen, func(step Step) error { return a.upTo(step.Index, step.State) }, func(index int64, l ledger.Leaf) {
		size = index + 1
		if l.Class == ledger.Desk {
			leaves[index] = l
		}
	})
	if err == nil {
		err = a.upTo(size, s)
	}
	return s, signed, out, err
}

// auditor goes through the entries of the class desk beside the governance chain.
type auditor struct {
	out     *Audited
	leaves  map[int64]ledger.Leaf
	bodies  func(from int64) ([]ServedBody, error)
	entered map[canonical.Digest]bool       // what was entered already; see once
	signed  map[string][]workforce.WorkerID // by request without a warrant: its requester, and then who countersigned
	next    int64                           // the first index that is not audited
	ahead   []ServedBody                    // bodies that were given already, from next on
}

// upTo audits the entries before an index by a state of the chain, which must be the one
// after every governance entry before that index.
func (a *auditor) upTo(index int64, s *State) error {
	for ; a.next < index; a.next++ {
		leaf, is := a.leaves[a.next]
		if !is {
			continue
		}
		a.out.Entries++
		b, given, err := a.body(a.next)
		if err != nil {
			return err
		}
		if !given {
			a.found(a.next, "", "", "withheld", "The desk does not give this entry.")
			continue
		}
		body, err := ledger.Verify(leaf, b.Body, b.Salt)
		if err != nil {
			return fmt.Errorf("entry %d of the ledger: %w", a.next, err)
		}
		a.entry(a.next, body, s)
	}
	return nil
}

// body returns the body of an entry, if it is given.
func (a *auditor) body(index int64) (b ServedBody, given bool, err error) {
	for len(a.ahead) > 0 && a.ahead[0].Index < index {
		a.ahead = a.ahead[1:]
	}
	if len(a.ahead) == 0 {
		if a.ahead, err = a.bodies(index); err != nil {
			return b, false, fmt.Errorf("read the ledger from entry %d: %w", index, err)
		}
	}
	if len(a.ahead) == 0 || a.ahead[0].Index != index {
		return b, false, nil
	}
	return a.ahead[0], true, nil
}

func (a *auditor) found(index int64, kind string, by workforce.WorkerID, typ, text string) {
	a.out.Unsigned = append(a.out.Unsigned, Unsigned{index, kind, by, typ, text})
}

// entry audits one entry of the class desk.
func (a *auditor) entry(index int64, body ledger.Body, s *State) {
	if body.Kind == entry.KindSession {
		a.out.Sessions++
		var x actions.SignedSession
		err := canonical.UnmarshalExact(body.Data, &x)
		if err == nil {
			err = s.Certified(x, s.believed(body.Time.Time))
		}
		if err != nil {
			a.found(index, body.Kind, x.Session.Worker, fault.TypeOf(err), fault.TextOf(err))
		}
		return
	}
	if body.Kind == entry.KindWarrant {
		a.warrant(index, body)
		return
	}
	said, persons, err := entry.SaidIn(body.Kind, canonical.Raw(body.Data), body.Sealed)
	if !persons {
		a.over(body)
		return
	}
	a.out.Acts++
	switch {
	case err != nil:
		a.found(index, body.Kind, "", fault.TypeOf(err), fault.TextOf(err))
	case said == nil:
		a.found(index, body.Kind, "", "unsigned", "Nobody signed this entry: it is the desk's word.")
	case !s.Ours(said.Statement):
		a.found(index, body.Kind, said.Statement.Signer, "foreign-log", "The statement is for another ledger.")
	default:
		if err := s.SignedBy(*said, body.Time.Time); err != nil {
			a.found(index, body.Kind, said.Statement.Signer, fault.TypeOf(err), fault.TextOf(err))
			return
		}
		if !a.once(*said) {
			a.found(index, body.Kind, said.Statement.Signer, "entered-twice", "An entry before this one holds the same deed, request or statement, which is good once.")
			return
		}
		a.heard(body.Kind, said.Statement)
	}
}

// once reports whether what somebody said was not entered before: a deed by its digest, a
// request by its identifier, any other statement by its challenge.
func (a *auditor) once(said entry.Said) bool {
	name := canonical.Digest(said.Statement.Challenge())
	switch {
	case said.Deed != nil:
		name = said.Deed.Deed.Digest()
	case said.Act != nil:
		name = canonical.Digest(canonical.Sum([]byte(said.Statement.Request)))
	}
	known := a.entered[name]
	a.entered[name] = true
	return !known
}

// heard remembers who signed a request, until its warrant is entered.
func (a *auditor) heard(kind string, st actions.Statement) {
	switch kind {
	case entry.KindRequest, entry.KindCountersign:
		a.signed[st.Request] = append(a.signed[st.Request], st.Signer)
	case entry.KindWithdraw:
		delete(a.signed, st.Request)
	}
}

// over forgets who signed a request that ended by the clock, or lost its ground.
func (a *auditor) over(body ledger.Body) {
	var r entry.End
	if body.Kind == entry.KindExpire || body.Kind == entry.KindVoid {
		if err := canonical.UnmarshalExact(body.Data, &r); err == nil {
			delete(a.signed, r.Request)
		}
	}
}

// warrant names the people whom the entry of a warrant names as signers without an entry
// that they signed.
func (a *auditor) warrant(index int64, body ledger.Body) {
	var w entry.Warrant
	if err := canonical.UnmarshalExact(body.Data, &w); err != nil {
		a.found(index, body.Kind, "", fault.TypeOf(err), fault.TextOf(err))
		return
	}
	for i, who := range slices.Concat([]workforce.WorkerID{w.Requester}, w.Countersigners) {
		// The request's entry comes before those of countersignatures.
		if have := a.signed[w.Request]; i == 0 && (len(have) == 0 || have[0] != who) || i > 0 && !slices.Contains(have[min(1, len(have)):], who) {
			a.found(index, body.Kind, who, "unsigned", fmt.Sprintf("The warrant of %s names %s, and no entry before it holds what they signed.", w.Request, who))
		}
	}
	delete(a.signed, w.Request)
}
