package cli

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"countersign.dev/actions"
	"countersign.dev/api/v1"
	"countersign.dev/ledger/proof"
	"countersign.dev/platform"
	"countersign.dev/policy"
	"countersign.dev/prose"
)

// verbs say what a kind does, to be followed by the subject.
var verbs = map[actions.Kind]string{
	actions.AccountTakedown:   "Take down the account",
	actions.AccountDeactivate: "Deactivate the account",
	actions.AccountSuspend:    "Suspend the account",
	actions.AccountRestore:    "Bring back the account",
	actions.AccountDelete:     "Delete for good the account",
	actions.ContentRemove:     "Remove the content",
	actions.ContentRestore:    "Bring back the content",
	actions.AccountContain:    "As an emergency act, take down the account",
}

// inWords says what an action does, in one line.
func inWords(a actions.Action) string {
	if verb, ok := verbs[a.Kind]; ok {
		s := verb + " " + subjectName(a.Subject)
		if !a.Until.IsZero() {
			s += " until " + when(a.Until)
		}
		return s
	}
	change, err := actions.ParseChange(a.Kind, a.Change)
	if err != nil {
		return fmt.Sprintf("%s on %s, of a form that this program does not know", a.Kind, a.Subject)
	}
	return changeInWords(change)
}

func changeInWords(change actions.Change) string {
	switch c := change.(type) {
	case actions.Admit:
		s := fmt.Sprintf("Admit from an import file: %s joining, %s leaving, %s changing", many(int(c.Joiners), "worker"), count(c.Leavers), count(c.Changes))
		if c.Founding {
			s += ", as the founding import"
		}
		return s
	case actions.Engagement:
		if c.Op == "end" {
			return fmt.Sprintf("End the engagement of %s, at once", c.Worker)
		}
		if c.Op == "reinstate" {
			return fmt.Sprintf("Reinstate %s: the engagement goes on as if it had not been ended", c.Worker)
		}
		return fmt.Sprintf("Extend the engagement of %s to %s", c.Worker, when(c.Last))
	case actions.Keys:
		return keysInWords(c)
	case actions.Setting:
		return settingInWords(c)
	case actions.Freeze:
		if c.Thaws() {
			return "Thaw " + frozenWords(c.Scope, c.Of)
		}
		return "Freeze " + frozenWords(c.Scope, c.Of) + ": burdening acts are refused until several people thaw them"
	case actions.Review:
		return fmt.Sprintf("Close the review of the %s %s", c.Of, c.ID)
	}
	return "A change that this program does not know"
}

func count(n int64) string { return fmt.Sprint(n) }

func keysInWords(c actions.Keys) string {
	if len(c.Enrol) == 0 {
		names := make([]string, len(c.Revoke))
		for i, k := range c.Revoke {
			names[i] = string(k)
		}
		return "Revoke " + many(len(names), "key") + ", at once and for ever: " + joined(names)
	}
	lines := make([]string, len(c.Enrol))
	for i, e := range c.Enrol {
		lines[i] = fmt.Sprintf("%s for %s", e.Key.ID(), e.Worker)
		if e.Key.Hardware {
			lines[i] += " (declared bound to hardware)"
		}
	}
	return "Enrol " + many(len(lines), "key") + ": " + joined(lines)
}

func settingInWords(c actions.Setting) string {
	switch c.Of {
	case actions.PartTiers:
		return raiseInWords(*c.Raise)
	case actions.PartPolicy:
		return fmt.Sprintf("Put the policy set %s in force, %s", policy.DigestOf(c.Policy), many(len(c.Policy), "file")) + unrankedWords(c.Unranked)
	case actions.PartBudgets:
		return fmt.Sprintf("Replace all budgets by %d new ones", len(c.Budgets))
	case actions.PartTrust:
		return fmt.Sprintf("Change what the desk trusts: executor %s, sign-in at %s, undo within %d days", c.Trust.Executor, joined(c.Trust.Origins), c.Trust.UndoWindow)
	case actions.PartVendors:
		return fmt.Sprintf("Set the vendor %s (%s), whose people's sensitive acts end %d days before their last day", c.Vendor.ID, c.Vendor.Name, c.Vendor.Ratchet)
	case actions.PartPlatforms:
		text := fmt.Sprintf("Connect the platform %s through the connector %s", c.Platform.Name, c.Platform.Connector)
		if c.Platform.Facts != nil {
			text += ", which gives of an account or a post: " + cmp.Or(joined(c.Platform.Facts), "nothing")
		}
		return text + unrankedWords(c.Unranked)
	}
	switch {
	case c.Laws != 0:
		return fmt.Sprintf("Judge everything from here on by the laws %d, which are stricter than those before; there is no way back", c.Laws)
	case c.Order != nil && c.Order.Op == "revoke":
		return fmt.Sprintf("Revoke the standing order for %s subjects of %s", c.Order.Tier, c.Order.Platform)
	case c.Order != nil:
		text := fmt.Sprintf("Let the executor lift by itself what breaches leave on %s subjects of %s, until %s", c.Order.Tier, c.Order.Platform, when(c.Order.Until))
		if len(c.Order.Never) > 0 {
			text += ", never the marks " + joined(c.Order.Never)
		}
		return text
	case c.Mode != nil && c.Mode.Mode == actions.Observe:
		return fmt.Sprintf("Only observe %s subjects of %s: nothing is done there any more", c.Mode.Tier, c.Mode.Platform)
	case c.Mode != nil:
		return fmt.Sprintf("Enforce on %s subjects of %s", c.Mode.Tier, c.Mode.Platform)
	case c.Unlock != nil:
		return "Take the owner's lock of " + subjectName(c.Unlock.Subject) + " out of effect"
	}
	return "Change " + c.Of + " in a way that this program does not know"
}

// unrankedWords says what follows if no rule about tiers can rank the accounts of platforms.
func unrankedWords(platforms []string) string {
	if len(platforms) == 0 {
		return ""
	}
	return ". NO TIER RULE can tell which accounts matter on " + joined(platforms) + ": every account there is standard, and one person may take it down, until people raise it"
}

// raiseInWords says what a change of tier does.
func raiseInWords(r actions.Raise) string {
	who := subjectName(r.Subject)
	switch {
	case r.Confirm && r.From == r.To:
		return fmt.Sprintf("Stand by it that %s is %s, so that standing orders cover it", who, r.To)
	case r.Confirm:
		return fmt.Sprintf("Raise %s from %s to %s and stand by it, so that standing orders cover it", who, r.From, r.To)
	case r.Fall != "":
		return fmt.Sprintf("Lower %s to %s: people raised it to %s, and what rules once read, %s, falls with it. What rules say of today's facts stays", who, r.To, r.From, r.Fall)
	case r.To.Rank() > r.From.Rank():
		return fmt.Sprintf("Raise %s from %s to %s", who, r.From, r.To)
	}
	return fmt.Sprintf("Lower %s from %s to %s", who, r.From, r.To)
}

// subjectName is what people call a subject, with the name that never changes.
func subjectName(s platform.Subject) string {
	if s.Handle == "" || s.ID == "" {
		return prose.Show(s.String())
	}
	return prose.Sprintf("%s (%s)", s.Handle, s)
}

// recovering reports whether a ruling is that of a recovery.
func recovering(reasons []proof.Reason) bool {
	return slices.ContainsFunc(reasons, func(r proof.Reason) bool { return r.Policy == proof.RecoveryPolicy })
}

// inRecovery reports whether a request that is held waits for a recovery.
func inRecovery(r v1.Request) bool { return strings.HasPrefix(r.Missing, proof.RecoveryMissing) }

// needed is needWords of a ruling. In a recovery everybody who is left signs, and these
// need not be independent of each other.
func needed(n actions.Need, recovery bool) string {
	words := needWords(n)
	if !recovery {
		return words
	}
	const everybody = "every officer who is left, since this is a recovery"
	if n.Independent == 0 {
		return everybody
	}
	return strings.Replace(words, many(n.Independent, "independent countersignature"), everybody, 1)
}

// needWords says what a need asks for.
func needWords(n actions.Need) string {
	if n.Zero() {
		return "nobody else"
	}
	var parts []string
	switch {
	case n.All:
		parts = append(parts, "every founding officer")
	case n.Independent > 0:
		parts = append(parts, many(n.Independent, "independent countersignature"))
	}
	var qs []actions.Qualifier
	for q := range n.Qualified {
		qs = append(qs, q)
	}
	slices.Sort(qs)
	for _, q := range qs {
		parts = append(parts, fmt.Sprintf("at least %d by %s", n.Qualified[q], qualifierWords(q)))
	}
	if n.Hardware {
		parts = append(parts, "all keys bound to hardware")
	}
	if n.Wait > 0 {
		parts = append(parts, "a wait of "+span(time.Duration(n.Wait)*time.Second))
	}
	return strings.Join(parts, ", ")
}

func qualifierWords(q actions.Qualifier) string {
	switch q {
	case actions.QualifierEmployee:
		return "an employee"
	case "officer", "agent", "auditor", "investigator":
		return "an " + string(q)
	case "oncall":
		return "somebody on call"
	}
	return "a " + string(q)
}

// whoMay says in general terms whose countersignature would count. Names are
// not the command line's to tell.
func whoMay(r v1.Request) string {
	if r.Need.All {
		return "Every officer of the founding statement must sign."
	}
	if inRecovery(r) {
		return "This is a recovery: too few officers are left for what the policy asks, so everybody who is left of them must sign."
	}
	if r.Need.Independent == 0 {
		return ""
	}
	s := fmt.Sprintf("Anybody engaged here who is independent of %s counts: another firm (two employees count as different), "+
		"neither in the other's chain of managers nor under the same manager, and nobody in notice or too new for the tier.", r.Requester)
	if n := r.Need.Independent; n > 1 {
		s += fmt.Sprintf(" The %d must be independent of each other as well.", n)
	}
	return s
}

// joined writes "a, b and c".
func joined[T ~string](all []T) string {
	var b strings.Builder
	for i, name := range all {
		switch {
		case i == 0:
		case i == len(all)-1:
			b.WriteString(" and ")
		default:
			b.WriteString(", ")
		}
		b.WriteString(string(name))
	}
	return b.String()
}

// statusWords says what a status means. Each begins with the status's own word, which lists
// show and --status takes.
var statusWords = map[actions.Status]string{
	actions.StatusHeld:      "held",
	actions.StatusApproved:  "approved, on its way to the executor",
	actions.StatusExecuted:  "done",
	actions.StatusVoid:      "void: refused by the executor's own check",
	actions.StatusFailed:    "failed: not done, since the platform said no, or was in another state",
	actions.StatusUnknown:   "unknown: it may have taken effect, and a person must look",
	actions.StatusDeclined:  "declined",
	actions.StatusFrozen:    "frozen: declined with an alarm",
	actions.StatusWithdrawn: "withdrawn",
	actions.StatusExpired:   "expired",
	actions.StatusReversed:  "reversed: it was done, and is undone",
	actions.StatusLifted:    "lifted: it was done for a time, and the time is over",
}

// describeAction writes all that is signed about an action.
func describeAction(p *Page, a actions.Action) {
	p.Line("%s", inWords(a))
	pairs := [][2]string{
		{"kind", string(a.Kind)},
		{"tier", string(a.Tier)},
		{"direction", directionWords(a.Direction)},
		{"reason", a.Reason},
		{"case", a.Case},
		{"category", string(a.Category)},
		{"until", when(a.Until)},
	}
	if a.Subject.Platform != actions.DeskPlatform {
		pairs = append(pairs,
			[2]string{"now", platform.Describe(a.Command.Expect.Status, a.Command.Expect.Mark)},
			[2]string{"then", thenWords(a)},
			[2]string{"undo", undoWords(a)},
			[2]string{"lost for good", a.Lossy},
			[2]string{"lifts", a.Reverses},
		)
	} else if change, err := actions.ParseChange(a.Kind, a.Change); err == nil {
		pairs = append(pairs, changeFacts(change)...)
	}
	p.Facts(append(pairs, [2]string{"action", a.Digest().String()})...)
}

// thenWords says what a command leaves. A takedown hides whether its owner has
// deactivated an account, and whoever lifts it should not expect more than is so.
func thenWords(a actions.Action) string {
	c := a.Command
	after := c.After()
	words := platform.Describe(after.Status, after.Mark)
	switch {
	case c.Verb == platform.Takedown && c.Expect.Status == platform.Deactivated:
		words += "; once that is lifted, deactivated again, unless its owner comes back meanwhile"
	case a.Kind == actions.AccountRestore && c.Verb == platform.Restore:
		words += ", or deactivated if its owner chose that"
	}
	return words
}

func directionWords(d actions.Direction) string {
	if d == actions.Relieving {
		return "relieving: it lifts or makes safer"
	}
	return "burdening: it could harm"
}

func undoWords(a actions.Action) string {
	switch {
	case a.Inverse.Kind == "":
		return "nothing takes it back"
	case a.Inverse.Direction == actions.Relieving:
		return string(a.Inverse.Kind) + ", which one person may do within the desk's undo window (30 days, unless its settings say otherwise)"
	default:
		return string(a.Inverse.Kind) + ", which is a new act with its own countersignatures"
	}
}

func trustFacts(t actions.Trust) [][2]string {
	return [][2]string{{"executor", t.Executor}, {"executor key", fmt.Sprintf("%x", []byte(t.ExecutorKey))}, {"sign-in at", joined(t.Origins)}, {"passkeys of", t.RelyingParty},
		{"endings per hour", fmt.Sprint(t.EndingsPerHour)}, {"raises per hour", fmt.Sprint(t.RaisesPerHour)}, {"undo within", fmt.Sprintf("%d days", t.UndoWindow)}}
}

// limitFacts lists how far a standing order goes, besides its end and the marks that it never lifts.
func limitFacts(o actions.Order) [][2]string {
	cut := ""
	if o.Cut != nil {
		cut = "the executor cuts it off " + cutAfter(o.Cut) + " by it, where the platform names it and can"
	}
	return [][2]string{{"per subject", fmt.Sprintf("%d restorations an hour", o.PerSubject)},
		{"per tier", fmt.Sprintf("%d restorations an hour", o.PerTier)}, {"vouched for", when(o.Vouched)}, {"credential", cut}}
}

// orderFacts lists all that may differ between two standing orders of one tier.
func orderFacts(o actions.Order) [][2]string {
	return append([][2]string{{"until", when(o.Until)}, {"never lifts", joined(o.Never)}}, limitFacts(o)...)
}

func platformFacts(f actions.Platform) [][2]string {
	return [][2]string{{"connector", f.Connector}, {"gives", joined(f.Facts)}}
}

// changeFacts lists what one line cannot say of a change.
func changeFacts(change actions.Change) [][2]string {
	switch c := change.(type) {
	case actions.Admit:
		return [][2]string{{"file", c.File.String()}, {"rows", fmt.Sprint(c.Rows)}, {"root", c.Root.String()},
			{"compare", "countersign worker import FILE --dry-run says file and counts of your own copy"}}
	case actions.Review:
		involved := make([]string, len(c.Involved))
		for i, w := range c.Involved {
			involved[i] = string(w)
		}
		return [][2]string{{"findings", c.Findings.String()}, {"involved", joined(involved)}}
	case actions.Setting:
		var pairs [][2]string
		if o := c.Order; o != nil && o.Op == "place" {
			pairs = append(pairs, limitFacts(*o)...)
		}
		for _, b := range c.Budgets {
			pairs = append(pairs, [2]string{"budget", budgetWords(b)})
		}
		if c.Trust != nil {
			pairs = append(pairs, trustFacts(*c.Trust)...)
		}
		return pairs
	}
	return nil
}
