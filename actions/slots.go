package actions

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"countersign.dev/workforce"
)

// Need says which signatures and which wait a held action still needs before it may be
// carried out.
type Need struct {
	// All asks for every officer of the founding statement (the founding import).
	All         bool `json:"all"`
	Hardware    bool `json:"hardware"`    // all keys, the requester's too, are bound to hardware
	Independent int  `json:"independent"` // slots, each filled by a different person, pairwise independent of all others and of the requester
	// Qualified says how many of the slots must be filled by people of a sort:
	// "employee" or a role. One person may qualify several.
	Qualified map[Qualifier]int `json:"qualified"`
	Wait      int64             `json:"wait"` // seconds that must pass after the request
}

// Qualifier is a sort of person: "employee" or the name of a role.
type Qualifier string

// QualifierEmployee is the platform's own people.
const QualifierEmployee Qualifier = "employee"

// Zero reports whether nothing is needed.
func (n Need) Zero() bool {
	return n.Independent == 0 && n.Wait == 0 && !n.Hardware && !n.All
}

// Covers reports whether all that satisfies n satisfies m as well.
func (n Need) Covers(m Need) bool {
	if n.Independent < m.Independent || n.Wait < m.Wait || m.Hardware && !n.Hardware || m.All && !n.All {
		return false
	}
	for q, k := range m.Qualified {
		if n.Qualified[q] < k {
			return false
		}
	}
	return true
}

func (n Need) String() string {
	if n.Zero() {
		return "nobody else"
	}
	s := fmt.Sprintf("%d independent", n.Independent)
	if n.All {
		s = "all founding officers"
	}
	qs := make([]Qualifier, 0, len(n.Qualified))
	for q := range n.Qualified {
		qs = append(qs, q)
	}
	slices.Sort(qs)
	for _, q := range qs {
		s += fmt.Sprintf("; %d %s", n.Qualified[q], q)
	}
	if n.Hardware {
		s += "; hardware keys"
	}
	if n.Wait > 0 {
		s += "; wait " + (time.Duration(n.Wait) * time.Second).String()
	}
	return s
}

// Signer is a person who has signed, with the facts that slots depend on.
type Signer struct {
	Worker   workforce.WorkerID
	Key      workforce.KeyID
	Hardware bool
	Standing workforce.Standing
}

// Qualifies reports whether the signer is of the sort.
func (s Signer) Qualifies(q Qualifier) bool {
	if q == QualifierEmployee {
		return s.Standing.Employee
	}
	return s.Standing.Has(workforce.Role(q))
}

// Match chooses, from those who signed, different people who fill the slots: pairwise
// independent of each other and of the requester, on different keys. People sign the act
// and not a slot, so more signatures never hurt. dependence says why two people are not
// independent, or "". The result is ordered by worker; if there is none, why says which
// signatures are missing.
func Match(need Need, requester Signer, signers []Signer, dependence func(a, b workforce.WorkerID) string) (chosen []Signer, ok bool, why string) {
	if need.Hardware && !requester.Hardware {
		return nil, false, fmt.Sprintf("%s requested it with a key that is not bound to hardware", requester.Worker)
	}
	var able []Signer
	for _, s := range signers {
		switch d := dependence(requester.Worker, s.Worker); {
		case d != "":
			why = d
		case s.Key == requester.Key:
			why = fmt.Sprintf("%s used the requester's key", s.Worker)
		case need.Hardware && !s.Hardware:
			why = fmt.Sprintf("%s's key is not bound to hardware", s.Worker)
		default:
			able = append(able, s)
		}
	}
	slices.SortFunc(able, func(a, b Signer) int { return cmp.Compare(a.Worker, b.Worker) })
	able = slices.CompactFunc(able, func(a, b Signer) bool { return a.Worker == b.Worker })
	// Usually as many signers as slots are enough. If one person is not of all the sorts
	// that a slot asks for, a further signer may supply the missing one.
	most := need.Independent
	for _, k := range need.Qualified {
		most += k
	}
	for size := need.Independent; size <= min(most, len(able)); size++ {
		m := matcher{need: need, size: size, able: able, dependence: dependence}
		if m.choose(0) {
			return m.chosen, true, ""
		}
	}
	if len(able) < need.Independent {
		more := need.Independent - len(able)
		missing := fmt.Sprintf("%d more independent countersignatures; signed so far: %d of %d", more, len(able), need.Independent)
		if more == 1 {
			missing = fmt.Sprintf("1 more independent countersignature; signed so far: %d of %d", len(able), need.Independent)
		}
		if lacks := need.lacks(able); lacks != "" {
			missing += "; among them " + lacks
		}
		if why != "" {
			missing += "; " + why
		}
		return nil, false, missing
	}
	missing := "the countersignatures so far do not fill the slots: " + need.String()
	if lacks := need.lacks(able); lacks != "" {
		missing += "; still missing: " + lacks
	}
	return nil, false, missing
}

// noun is a person of the sort, with an article.
func (q Qualifier) noun() string {
	switch {
	case q == Qualifier(workforce.OnCall):
		return "somebody on call"
	case strings.ContainsRune("aeiou", rune(q[0])):
		return "an " + string(q)
	}
	return "a " + string(q)
}

// lacks says of which sorts somebody must still sign; empty: of none.
func (n Need) lacks(able []Signer) string {
	var all []string
	for _, q := range slices.Sorted(maps.Keys(n.Qualified)) {
		more := n.Qualified[q]
		for _, s := range able {
			if s.Qualifies(q) {
				more--
			}
		}
		if more > 0 {
			all = append(all, fmt.Sprintf("%d by %s", more, q.noun()))
		}
	}
	return strings.Join(all, " and ")
}

type matcher struct {
	need       Need
	size       int // of the wanted group
	able       []Signer
	chosen     []Signer
	dependence func(a, b workforce.WorkerID) string
}

// choose fills the remaining slots from able[i:]. Needs are of two or three people, so
// that plain backtracking is small. It is exact; a greedy choice is not.
func (m *matcher) choose(i int) bool {
	if len(m.chosen) == m.size {
		for q, k := range m.need.Qualified {
			have := 0
			for _, s := range m.chosen {
				if s.Qualifies(q) {
					have++
				}
			}
			if have < k {
				return false
			}
		}
		return true
	}
	for ; i <= len(m.able)-(m.size-len(m.chosen)); i++ {
		if m.clashes(m.able[i]) {
			continue
		}
		m.chosen = append(m.chosen, m.able[i])
		if m.choose(i + 1) {
			return true
		}
		m.chosen = m.chosen[:len(m.chosen)-1]
	}
	return false
}

func (m *matcher) clashes(s Signer) bool {
	for _, c := range m.chosen {
		if c.Key == s.Key || m.dependence(c.Worker, s.Worker) != "" {
			return true
		}
	}
	return false
}
