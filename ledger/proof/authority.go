package proof

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/policy"
	"countersign.dev/workforce"
)

// A complete warrant carries in Authority the governance entries that authorise those in
// People, and one another, down to entry 0: the admission of each row, and, for each signed
// change, the entries on which the standing of its signers rested when it was entered. Its
// reader folds all these entries in their order into one state, and has each authorised by
// the state before it, as a follower of the whole chain has (Apply).
//
// Such a state is folded from few entries. It knows everything about the people who signed,
// and little about everybody else. So it cannot say whom a change would leave at the desk,
// how often somebody has made one alone, or how the other rows of an import read. The checks
// that ask this look at State.few.

// few is what a state that is folded from few entries knows besides.
type few struct {
	admissions map[int64]actions.Admit // by the entry's number
}

// checkedAuthority is Report.Authority, with the number of entries.
const checkedAuthority = "checked down to entry 0, by %d governance entries of this file: signatures, keys, engagement, and slots under the policy of that day. " +
	"Not checked: limits an hour and other limits of what one person does alone, that nobody became indispensable, freezes, the other rows of an import and what a row tells of the time before it, " +
	"and whether an entry was left out that would have changed the answer. These need --ledger"

// authorised checks that each governance entry of a complete warrant was authorised by those
// before it, and that Authority holds exactly the entries that this takes.
func (v *Verifier) authorised(o opened) error {
	w := o.warrant
	type carried struct {
		*carriedEntry
		index int64
	}
	var all []carried
	for i, e := range o.entries {
		all = append(all, carried{e, w.People[i].Proof.Index})
	}
	for i, e := range o.authority {
		if i > 0 && o.authority[i-1].body.Number >= e.body.Number {
			return ofEntry(e, wrong("bad-authority", "It stands twice among the entries that authorise others, or not in order."))
		}
		all = append(all, carried{e, w.Authority[i].Proof.Index})
	}
	slices.SortStableFunc(all, func(a, b carried) int { return cmp.Compare(a.body.Number, b.body.Number) })

	s := NewState(v.trust.Root)
	s.few = &few{admissions: map[int64]actions.Admit{}}
	needed, last := map[int64]bool{}, int64(-1)
	for _, e := range all {
		if e.index <= last {
			return ofEntry(e.carriedEntry, wrong("bad-authority", "The ledger does not hold it after the entry before it."))
		}
		last = e.index
		rests, err := s.authoriseNext(e.carriedEntry)
		if err != nil {
			return ofEntry(e.carriedEntry, err)
		}
		for _, n := range rests {
			needed[n] = true
		}
	}
	people, keys := w.Core().Signers()
	for _, n := range s.Evidence(people, keys, w.Ruling.At.Time) {
		if !slices.ContainsFunc(o.entries, func(e *carriedEntry) bool { return e.body.Number == n }) {
			return wrong("bad-authority", "The warrant rests on governance entry %d, which authorises others in it, and does not say so.", n)
		}
	}
	for _, e := range o.authority {
		if !needed[e.body.Number] {
			return ofEntry(e, wrong("bad-authority", "It authorises no other entry of the warrant."))
		}
	}
	return nil
}

// ofEntry says of which entry a refusal is.
func ofEntry(e *carriedEntry, err error) error {
	return of(fmt.Sprintf("Governance entry %d (%s)", e.body.Number, e.body.Kind), err)
}

// of puts the name of what is refused before the text of a refusal.
func of(what string, err error) error {
	f := fault.As(err)
	if f == nil {
		return err
	}
	return fault.New(f.Kind, f.Type, "%s: %s", what, f.Text).With(f.Detail...)
}

// authoriseNext checks that a state which is folded from few entries authorises the next one,
// and folds it in. It returns the numbers of the entries on which that rests.
func (s *State) authoriseNext(e *carriedEntry) (rests []int64, err error) {
	b := e.body
	switch {
	case b.Class != ledger.Governance || e.leaf.Class != ledger.Governance:
		return nil, broken("It is not of the governance chain.")
	case b.Number < s.Next:
		return nil, wrong("bad-authority", "The warrant carries it twice.")
	case b.Number == s.Next && b.Prev != s.Head:
		return nil, broken("It does not name the entry before it.")
	case b.Time.Before(s.Time.Time):
		return nil, broken("It is dated before an entry before it.")
	}
	if b.Kind == KindFounding {
		err = s.found(e.leaf, b)
	} else {
		if rests, err = s.rests(b); err == nil {
			err = s.authorises(b)
		}
		if err == nil {
			err = s.foldEntry(e)
		}
	}
	s.Next, s.Head, s.Time = b.Number+1, e.leaf.Digest(), b.Time
	return rests, err
}

// authorises checks that a state which is folded from few entries authorises a row or a
// change. It makes all checks of Apply that such a state can make.
func (s *State) authorises(b ledger.Body) error {
	switch b.Kind {
	case KindRow:
		return s.authorisesRow(b)
	case KindTaken:
		var e SignedExecution
		if err := canonical.UnmarshalExact(b.Data, &e); err != nil {
			return err
		}
		without, err := s.taking(e)
		if err := cmp.Or(err, without); err != nil {
			return err
		}
		return s.spend(*e.Execution.Taken)
	}
	var a Authority
	if err := canonical.UnmarshalExact(b.Data, &a); err != nil {
		return err
	}
	if err := s.Authorise(a, b.Time.Time); err != nil {
		return err
	}
	return s.spend(a)
}

// authorisesRow checks one row by its admission. That the rows are those which were signed
// can be seen only if there is one.
func (s *State) authorisesRow(b ledger.Body) error {
	var d RowData
	if err := canonical.UnmarshalExact(b.Data, &d); err != nil {
		return err
	}
	c, ok := s.few.admissions[d.Admission]
	switch {
	case !ok:
		return wrong("bad-authority", "The warrant does not carry its admission, governance entry %d.", d.Admission)
	case d.Index < 0 || d.Index >= c.Rows || b.Number != d.Admission+1+d.Index:
		return broken("It is row %d of admission %d, which has %d rows and does not have it there.", d.Index, d.Admission, c.Rows)
	}
	if c.Rows == 1 {
		p := admission{change: c, number: d.Admission}
		p.rows = append(p.rows, RowHash(d.Row))
		if err := p.signedRows(); err != nil {
			return err
		}
	}
	return s.wellFormed(b, d)
}

// spend notes that a change was applied. It checks that the policy sets which its signers saw
// are among the entries: if one is not, the entry that set it was left out.
func (s *State) spend(a Authority) error {
	s.spends(a, s.Next-1, false)
	for _, signed := range a.signatures() {
		if _, ok := s.sets[signed.Statement.Policy]; !ok {
			return wrong("bad-authority", "%s signed it under the policy %s, which no entry of the warrant sets.", signed.Statement.Signer, signed.Statement.Policy)
		}
	}
	return nil
}

// signatures returns the request and the countersignatures.
func (a Authority) signatures() []actions.Signed {
	return append([]actions.Signed{a.Request}, a.Countersignatures...)
}

// rests returns the numbers of the entries on which it rests that the next entry is
// authorised: the admission of a row; of a change those of its signers' standing, and those
// that set the policy sets which they saw. s is the state before the entry.
func (s *State) rests(b ledger.Body) ([]int64, error) {
	var a Authority
	at := b.Time.Time
	switch b.Kind {
	case KindFounding:
		return nil, nil
	case KindRow:
		var d RowData
		err := canonical.UnmarshalExact(b.Data, &d)
		return []int64{d.Admission}, err
	case KindTaken:
		var e SignedExecution
		if err := canonical.UnmarshalExact(b.Data, &e); err != nil {
			return nil, err
		}
		if e.Execution.Taken == nil {
			return nil, broken("The entry is of a change that was taken directly, but holds none.")
		}
		a, at = *e.Execution.Taken, e.Execution.At.Time
	default:
		if err := canonical.UnmarshalExact(b.Data, &a); err != nil {
			return nil, err
		}
	}
	numbers := map[int64]bool{}
	var people []workforce.WorkerID
	var keys []workforce.KeyID
	for _, signed := range a.signatures() {
		people, keys = append(people, signed.Statement.Signer), append(keys, signed.Statement.Key)
		if n, ok := s.sets[signed.Statement.Policy]; ok {
			numbers[n] = true
		}
	}
	for _, n := range s.Evidence(people, keys, at) {
		numbers[n] = true
	}
	return slices.Sorted(maps.Keys(numbers)), nil
}

// admitFew folds in an admission of which few rows are at hand.
func (s *State) admitFew(b ledger.Body, c actions.Admit) {
	s.few.admissions[b.Number] = c
	s.Imported = s.Imported || c.Founding
}

// lawOf is ByLaw for a judgement. Whom a change would leave at the desk cannot be said of few
// entries. So a relieving change that others countersigned is held there to what the law
// would ask for, and a recovery is no change that they authorise.
func (s *State) lawOf(a Ask, f policy.Facts) (*ByLaw, error) {
	if s.few == nil {
		return s.ByLaw(a.Action, f, a.Request.Statement, a.At)
	}
	if s.Laws < 2 || !specDesk(a.Action) || a.Action.Direction != actions.Relieving || len(a.Countersignatures) == 0 {
		return nil, nil
	}
	return s.byOthers(f, "Others countersigned it.")
}

// Grounds holds, for the entries of a governance chain, on which earlier entries it rests
// that they are authorised. Its zero value knows no entry.
type Grounds struct {
	rests map[int64][]int64
}

// Follow notes the next entry of the chain. s is the state before it.
func (g *Grounds) Follow(s *State, b ledger.Body) error {
	rests, err := s.rests(b)
	if err != nil {
		return err
	}
	if g.rests == nil {
		g.rests = map[int64][]int64{}
	}
	g.rests[b.Number] = rests
	return nil
}

// Of returns, sorted, the numbers of the entries that authorise those with given numbers,
// and one another, down to entry 0; without the given ones.
func (g *Grounds) Of(numbers []int64) []int64 {
	found := map[int64]bool{}
	queue := slices.Clone(numbers)
	for len(queue) > 0 {
		n := queue[0]
		queue = queue[1:]
		if found[n] {
			continue
		}
		found[n] = true
		queue = append(queue, g.rests[n]...)
	}
	for _, n := range numbers {
		delete(found, n)
	}
	return slices.Sorted(maps.Keys(found))
}
