package wording

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"countersign.dev/actions"
	"countersign.dev/workforce"
)

// Need puts a need in words. In a recovery all officers who are left sign, and they need
// not be independent of each other.
func Need(n actions.Need, recovery bool) string {
	if n.Zero() && !recovery {
		return "nobody else"
	}
	var parts []string
	switch {
	case recovery:
		parts = append(parts, "every officer who is left, since this is a recovery")
	case n.All:
		parts = append(parts, "every founding officer")
	case n.Independent > 0:
		parts = append(parts, Many(n.Independent, "independent countersignature"))
	}
	var qs []actions.Qualifier
	for q := range n.Qualified {
		qs = append(qs, q)
	}
	slices.Sort(qs)
	for _, q := range qs {
		parts = append(parts, fmt.Sprintf("at least %d by %s", n.Qualified[q], Qualifier(q)))
	}
	if n.Hardware {
		parts = append(parts, "all keys bound to hardware")
	}
	if n.Wait > 0 {
		parts = append(parts, "a wait of "+Span(time.Duration(n.Wait)*time.Second))
	}
	return strings.Join(parts, ", ")
}

// Qualifier is a person of a sort, in words: “an employee”.
func Qualifier(q actions.Qualifier) string {
	switch q {
	case actions.QualifierEmployee:
		return "an employee"
	case "oncall":
		return "somebody on call"
	}
	return Article(string(q))
}

// Signed says who signed a request, and with what: words of With that name the key. approved
// says that its warrant is in the ledger.
func Signed(by workforce.WorkerID, with string, countersigners []workforce.WorkerID, approved bool) string {
	text := fmt.Sprintf("%s signed the request with %s, a key that the governance chain enrolled for them and that was live. ", by, with)
	switch {
	case len(countersigners) > 0:
		return text + fmt.Sprintf("%s countersigned it.", Joined(countersigners))
	case approved:
		return text + "Nobody else had to sign."
	}
	return text + "Nobody countersigned it."
}

// Signers says in general terms whose countersignature would count for a person's
// request; empty if none is needed. It names nobody.
func Signers(n actions.Need, requester string, recovery bool) string {
	switch {
	case n.All:
		return "Every officer of the founding statement must sign."
	case recovery:
		return "This is a recovery: too few officers are left for what the policy asks, so everybody who is left of them must sign."
	case n.Independent == 0:
		return ""
	}
	s := fmt.Sprintf("Anybody engaged here who is independent of %s counts: another firm (two employees count as different), "+
		"neither in the other's chain of managers nor under the same manager, and nobody in notice or too new for the tier.", requester)
	if n.Independent > 1 {
		s += fmt.Sprintf(" The %d must be independent of each other as well.", n.Independent)
	}
	return s
}
