package proof

import (
	"cmp"
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

// Unsigned is an entry of a person that nobody signed as it stands in the ledger, or a change
// that the executor took from a person and that the chain does not hold.
type Unsigned struct {
	Index  int64              `json:"index"`
	Kind   string             `json:"kind"`
	Worker workforce.WorkerID `json:"worker"` // whom the statement names; empty: there is none
	Type   string             `json:"type"`   // why: a fault's stable type, "unsigned", "withheld" or "not-in-chain"
	Text   string             `json:"text"`   // the same for a person
}

// Audited is the result of an audit.
type Audited struct {
	Entries  int64      `json:"entries"`  // of the class desk
	Acts     int64      `json:"acts"`     // of people, whose signatures were checked
	Sessions int64      `json:"sessions"` // that were started
	Unsigned []Unsigned `json:"unsigned"`

	// For AuditDocuments: the rolls in the ledger's order, those that cannot be read, and the
	// time of the newest entry.
	entered  []EnteredRoll
	named    []NamedDecision
	ended    []EndedMeasure
	joined   []JoinedCases
	badRolls []WrongDocument
	until    canonical.Time
}

// Audit reads a whole served ledger as Follow does, and beside it every entry of the class
// desk: each act of a person must be signed, by a key of that person that was live, or under
// a session that such a key had certified, in time, while the person was engaged, and must
// be entered once. What others signed must be about the action of the request, and a warrant
// about its act. An entry that is dated before a governance entry ahead of it is judged by
// the later time. A change that the executor took directly must be in the chain, unless the
// chain refuses it. bodies returns entries of all classes in order,
// from an index on: as many as it likes, and none only at the end. Changes of the desk are
// checked with the chain, and the records of the executor by those who follow it. Reads,
// alarms and what the clock did are nobody's acts.
func Audit(t Trust, log note.Verifier, served Served, bodies func(from int64) ([]ServedBody, error), seen []ledger.Checkpoint) (*State, ledger.Signed, Audited, error) {
	out := Audited{Unsigned: []Unsigned{}}
	leaves := map[int64]ledger.Leaf{}
	size := int64(0)
	a := auditor{out: &out, leaves: leaves, bodies: bodies, entered: map[canonical.Digest]bool{}, asked: map[string]*asked{}}
	s, signed, err := follow(t, log, served, seen, func(step Step) error { return a.upTo(step.Index, step.State) }, func(index int64, l ledger.Leaf) {
		size = index + 1
		if l.Class == ledger.Desk || l.Class == ledger.Execution {
			leaves[index] = l
		}
	})
	if err == nil {
		err = a.upTo(size, s)
	}
	if err == nil {
		for _, m := range a.taken.missing(s) {
			a.found(m.Index, KindTaken, m.Worker, "not-in-chain", m.Text())
		}
		slices.SortStableFunc(out.Unsigned, func(a, b Unsigned) int { return cmp.Compare(a.Index, b.Index) })
	}
	return s, signed, out, err
}

// auditor goes through the entries of the class desk beside the governance chain.
type auditor struct {
	out     *Audited
	leaves  map[int64]ledger.Leaf
	bodies  func(from int64) ([]ServedBody, error)
	entered map[canonical.Digest]bool // what was entered already; see once
	asked   map[string]*asked         // requests without a warrant
	taken   takenChanges
	measure map[string]bool // the requests of decisions
	next    int64           // the first index that is not audited
	ahead   []ServedBody    // bodies that were given already, from next on
}

// asked is a request whose entry was audited, and that has no warrant yet.
type asked struct {
	act     entry.Act
	request actions.Statement
	signers []workforce.WorkerID // who countersigned
	tier    actions.Tier         // of the ruling by which it was approved; empty: no entry says
}

// wrongWarrant says in what the entry of a warrant differs from what was asked; empty: in
// nothing.
func (a asked) wrongWarrant(w entry.Warrant) string {
	switch {
	case a.act.Kind == "": // from before the desk recorded the facts of acts
		return ""
	case w.Kind != a.act.Kind || w.Direction != a.act.Direction:
		return fmt.Sprintf("%s (%s) was asked for", a.act.Kind, a.act.Direction)
	case w.Executor != a.request.Executor:
		return fmt.Sprintf("the request is for the executor %q", a.request.Executor)
	case a.tier != "" && w.Tier != a.tier:
		return fmt.Sprintf("it was approved for a subject that is %s", a.tier)
	}
	return ""
}

// upTo audits the entries before an index by a state of the chain, which must be the one
// after every governance entry before that index.
func (a *auditor) upTo(index int64, s *State) error {
	for ; a.next < index; a.next++ {
		leaf, is := a.leaves[a.next]
		if !is {
			continue
		}
		if leaf.Class == ledger.Desk {
			a.out.Entries++
		}
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
		a.out.until = body.Time
		if leaf.Class == ledger.Execution {
			a.taken.record(a.next, body, s)
			a.carried(body, s)
			continue
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
	if body.Kind == entry.KindRoll {
		a.roll(index, body)
		return
	}
	if body.Kind == entry.KindTakenRefused {
		a.taken.refused(body, s)
	}
	if body.Kind == entry.KindCaseJoined {
		a.join(index, body)
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
		if said.Decided != nil && s.Casework() {
			a.out.named = append(a.out.named, NamedDecision{index, said.Statement.Request, said.Decided.Statement.Document})
			if a.measure == nil {
				a.measure = map[string]bool{}
			}
			a.measure[said.Statement.Request] = true
		}
		if err := s.SignedBy(*said, body.Time.Time); err != nil {
			a.found(index, body.Kind, said.Statement.Signer, fault.TypeOf(err), fault.TextOf(err))
			return
		}
		if !a.once(*said) {
			a.found(index, body.Kind, said.Statement.Signer, "entered-twice", "An entry before this one holds the same deed, request or statement, which is good once.")
			return
		}
		if err := a.heard(body, *said); err != nil {
			a.found(index, body.Kind, said.Statement.Signer, fault.TypeOf(err), fault.TextOf(err))
		}
	}
}

// roll remembers a roll for the audit of documents.
func (a *auditor) roll(index int64, body ledger.Body) {
	r, err := ledger.ParseRoll(body.Data)
	if err != nil {
		a.out.badRolls = append(a.out.badRolls, WrongDocument{Type: "bad-roll", Text: fmt.Sprintf("Entry %d of the ledger is no roll that can be read: %s", index, fault.TextOf(err))})
		return
	}
	a.out.entered = append(a.out.entered, EnteredRoll{Index: index, Time: body.Time, Roll: r})
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

// heard remembers who signed a request, until its warrant is entered. It refuses what others
// signed about another action than the request's, for another executor, or under another
// decision.
func (a *auditor) heard(body ledger.Body, said entry.Said) error {
	st := said.Statement
	r := a.asked[st.Request]
	switch body.Kind {
	case entry.KindRequest:
		r = &asked{act: *said.Act, request: st}
		a.asked[st.Request] = r
	case entry.KindWithdraw:
		a.over(body)
		delete(a.asked, st.Request)
		if said.Deed != nil {
			delete(a.asked, said.Deed.Deed.Of)
		}
	case entry.KindCountersign, entry.KindDecline:
		if r == nil {
			return nil // if a warrant comes, it is named
		}
		if st.Action != r.request.Action || st.Executor != r.request.Executor || st.Decision != r.request.Decision {
			return refuse("bad-statement", "The statement of %s does not fit: it is about another action, decision or executor than the request %s, under which it is entered.", st.Signer, st.Request)
		}
		if body.Kind == entry.KindDecline {
			a.declined(body)
		}
		if body.Kind == entry.KindCountersign {
			r.signers = append(r.signers, st.Signer)
		}
	}
	if status, tier := approvedIn(body); status == actions.StatusApproved && r != nil {
		r.tier = tier
	}
	return nil
}

// approvedIn returns the status that the entry of a request or a countersignature gives its
// request, and the tier of the ruling.
func approvedIn(body ledger.Body) (actions.Status, actions.Tier) {
	switch body.Kind {
	case entry.KindRequest:
		var r entry.Request
		if canonical.UnmarshalExact(body.Data, &r) == nil {
			return r.Status, r.Act.Tier
		}
	case entry.KindCountersign:
		var r entry.Verdict
		if canonical.UnmarshalExact(body.Data, &r) == nil {
			return r.Status, r.Tier
		}
	}
	return "", ""
}

// over forgets who signed a request that ended by the clock, lost its ground or was withdrawn.
func (a *auditor) over(body ledger.Body) {
	var r entry.End
	if body.Kind == entry.KindExpire || body.Kind == entry.KindVoid || body.Kind == entry.KindWithdraw {
		if err := canonical.UnmarshalExact(body.Data, &r); err == nil {
			delete(a.asked, r.Request)
			a.ends(r.Request, body.Time)
		}
	}
}

// warrant names the people whom the entry of a warrant names as signers without an entry
// that they signed, and the requester of another act than the warrant's.
func (a *auditor) warrant(index int64, body ledger.Body) {
	var w entry.Warrant
	if err := canonical.UnmarshalExact(body.Data, &w); err != nil {
		a.found(index, body.Kind, "", fault.TypeOf(err), fault.TextOf(err))
		return
	}
	r, known := a.asked[w.Request]
	delete(a.asked, w.Request)
	if !known {
		r = &asked{}
	}
	unsigned := func(who workforce.WorkerID) {
		a.found(index, body.Kind, who, "unsigned", fmt.Sprintf("The warrant of %s names %s, and no entry before it holds what they signed.", w.Request, who))
	}
	if !known || r.request.Signer != w.Requester {
		unsigned(w.Requester)
	} else if wrong := r.wrongWarrant(w); wrong != "" {
		a.found(index, body.Kind, w.Requester, "unsigned", fmt.Sprintf("The warrant of %s is for %s (%s) on a subject that is %s, by the executor %q. Its signers signed something else: %s.", w.Request, w.Kind, w.Direction, w.Tier, w.Executor, wrong))
	}
	for _, who := range w.Countersigners {
		if !slices.Contains(r.signers, who) {
			unsigned(who)
		}
	}
}
