package wording

import (
	"cmp"
	"fmt"
	"strings"

	"countersign.dev/actions"
	"countersign.dev/policy"
	"countersign.dev/workforce"
)

// Change says in one line what a change of the desk does: "Freeze the acts of …".
func Change(change actions.Change) string {
	switch c := change.(type) {
	case actions.Admit:
		s := fmt.Sprintf("Admit from an import file: %s joining, %d leaving, %d changing", Many(int(c.Joiners), "worker"), c.Leavers, c.Changes)
		if c.Founding {
			s += ", as the founding import"
		}
		return s
	case actions.Engagement:
		switch c.Op {
		case "end":
			return fmt.Sprintf("End the engagement of %s, at once", c.Worker)
		case "reinstate":
			return fmt.Sprintf("Reinstate %s: the engagement goes on as if it had not been ended", c.Worker)
		}
		return fmt.Sprintf("Extend the engagement of %s to %s", c.Worker, When(c.Last))
	case actions.Keys:
		return keys(c)
	case actions.Setting:
		return setting(c)
	case actions.Freeze:
		switch {
		case c.Thaws():
			return "Thaw " + c.Acts()
		case c.People():
			return "Freeze " + c.Acts() + ": burdening acts are refused until several people thaw them"
		}
		return "Freeze " + c.Acts() + ": they are refused until several people thaw them"
	case actions.Review:
		return fmt.Sprintf("Close the review of the %s %s", c.Of, c.ID)
	}
	return "A change that this program does not know"
}

// Asked names the change of the desk that somebody asks for, in words that follow "asks":
// "to thaw the acts of …". It stands in alarms, and so holds no personal data: a change
// that names a subject is called by its kind, and so is an act that is no change.
func Asked(a actions.Action) string {
	change, err := actions.ParseChange(a.Kind, a.Change)
	if s, ok := change.(actions.Setting); err != nil || ok && (s.Raise != nil || s.Unlock != nil) {
		return "for " + string(a.Kind)
	}
	s := Change(change)
	return "to " + strings.ToLower(s[:1]) + s[1:]
}

// Froze says that somebody has frozen acts.
func Froze(by workforce.WorkerID, c actions.Freeze) string {
	return fmt.Sprintf("%s froze %s; several people together thaw them.", by, c.Acts())
}

// Voided says that somebody has ended sessions.
func Voided(by workforce.WorkerID, c actions.Void) string {
	return fmt.Sprintf("%s ended %s that were certified before %s; these people sign in again with their own keys.", by, c.Sessions(), When(c.Before))
}

// Thawed says that a freeze has ended, as somebody asked.
func Thawed(by workforce.WorkerID, c actions.Freeze) string {
	acts := c.Acts()
	return fmt.Sprintf("%s were thawed, as %s asked.", strings.ToUpper(acts[:1])+acts[1:], by)
}

// ThawCommand is the command that asks for the thaw of a freeze.
func ThawCommand(c actions.Freeze) string {
	of := c.Of
	switch {
	case c.Scope == actions.ScopeAll:
		return "countersign thaw all --reason WHY"
	case of == "":
		of = "''" // the platform's own company
	}
	return fmt.Sprintf("countersign thaw %s %s --reason WHY", c.Scope, of)
}

func keys(c actions.Keys) string {
	if c.Void != nil {
		return fmt.Sprintf("End %s that were certified before %s", c.Void.Sessions(), When(c.Void.Before))
	}
	if len(c.Enrol) == 0 {
		return "Revoke " + Many(len(c.Revoke), "key") + ", at once and for ever: " + Joined(c.Revoke)
	}
	lines := make([]string, len(c.Enrol))
	for i, e := range c.Enrol {
		lines[i] = fmt.Sprintf("%s for %s (words: %s", e.Key.ID(), e.Worker, e.Key.ID().Words())
		if e.Key.Hardware {
			lines[i] += "; declared bound to hardware"
		}
		lines[i] += ")"
	}
	return "Enrol " + Many(len(lines), "key") + ": " + Joined(lines)
}

func setting(c actions.Setting) string {
	switch c.Of {
	case actions.PartTiers:
		return raise(*c.Raise)
	case actions.PartPolicy:
		return fmt.Sprintf("Put the policy set %s in force, %s", policy.DigestOf(c.Policy), Many(len(c.Policy), "file")) + unranked(c.Unranked)
	case actions.PartBudgets:
		return "Replace all budgets by " + Plural(len(c.Budgets), "new one", "new ones")
	case actions.PartTrust:
		return fmt.Sprintf("Change what the desk trusts: executor %s, sign-in at %s, undo within %s", c.Trust.Executor, Joined(c.Trust.Origins), Many(int(c.Trust.UndoWindow), "day"))
	case actions.PartVendors:
		return fmt.Sprintf("Set the vendor %s (%s), whose people's sensitive acts end %s before their last day", c.Vendor.ID, c.Vendor.Name, Many(int(c.Vendor.Ratchet), "day"))
	case actions.PartPlatforms:
		text := fmt.Sprintf("Set how the platform %s is connected: through the connector %s", c.Platform.Name, c.Platform.Connector)
		if c.Platform.Facts != nil {
			text += ", which gives of an account or a post: " + cmp.Or(Joined(c.Platform.Facts), "nothing")
		}
		if len(c.Platform.Labels) > 0 {
			text += "; labels that may be set there: " + Joined(c.Platform.Labels)
		}
		return text + unranked(c.Unranked)
	case actions.PartPrograms:
		return program(*c.Program)
	}
	switch {
	case c.TextOf() != nil:
		return text(c)
	case c.Formats != 0:
		return fmt.Sprintf("Sign everything from here on in the formats %d; open requests in older ones end and are asked for again, and there is no way back", c.Formats)
	case c.Laws != 0:
		return fmt.Sprintf("Judge everything from here on by the laws %d, which are stricter than those before; there is no way back", c.Laws)
	case c.Order != nil && c.Order.Op == "revoke":
		return fmt.Sprintf("Revoke the standing order for %s subjects of %s", c.Order.Tier, c.Order.Platform)
	case c.Order != nil:
		text := fmt.Sprintf("Let the executor lift by itself what breaches leave on %s subjects of %s, until %s", c.Order.Tier, c.Order.Platform, When(c.Order.Until))
		if len(c.Order.Layers) > 0 {
			text += ", in the layers " + OrderLayers(*c.Order)
		}
		if len(c.Order.Never) > 0 {
			text += ", never the marks " + Joined(c.Order.Never)
		}
		return text
	case c.Mode != nil && c.Mode.Mode == actions.Observe:
		return fmt.Sprintf("Only observe %s subjects of %s: nothing is done there any more", c.Mode.Tier, c.Mode.Platform)
	case c.Mode != nil:
		return fmt.Sprintf("Enforce on %s subjects of %s", c.Mode.Tier, c.Mode.Platform)
	case c.Unlock != nil:
		return "Take the owner's lock of " + Subject(c.Unlock.Subject) + " out of effect"
	}
	return "Change " + c.Of + " in a way that this program does not know"
}

// text says which text a setting puts in force.
func text(c actions.Setting) string {
	t := c.TextOf()
	switch {
	case c.Of == actions.PartRules:
		return fmt.Sprintf("Put the rule set %s in force, %s", t.Digest, Many(int(t.Size), "byte"))
	case c.Of == actions.PartQueues:
		return fmt.Sprintf("Put the queue set %s in force, %s", t.Digest, Many(int(t.Size), "byte"))
	case t.Ends():
		return fmt.Sprintf("End the list of hashes %s: evidence that it names is removed no more", t.Name)
	}
	return fmt.Sprintf("Put the list of hashes %s in force, %s, %s, made by %s: evidence that it names is removed", t.Name, t.Digest, Many(int(t.Size), "byte"), t.Source)
}

// unranked names the consequence if no rule about tiers can rank the accounts of
// platforms.
func unranked(platforms []string) string {
	if len(platforms) == 0 {
		return ""
	}
	return ". NO TIER RULE can tell which accounts matter on " + Joined(platforms) + ": every account there is standard, and one person may take it down, until people raise it"
}

// raise says what a change of tier does.
func raise(r actions.Raise) string {
	who := Subject(r.Subject)
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

// changeFacts lists the facts about a change that do not fit on one line.
func changeFacts(change actions.Change) []Fact {
	switch c := change.(type) {
	case actions.Admit:
		return []Fact{{"file", c.File.String()}, {"rows", fmt.Sprint(c.Rows)}, {"root", c.Root.String()},
			{"compare", "countersign worker import FILE --dry-run says file and counts of your own copy"}}
	case actions.Review:
		return []Fact{{"findings", c.Findings.String()}, {"involved", Joined(c.Involved)}}
	case actions.Setting:
		var facts []Fact
		if o := c.Order; o != nil && o.Op == "place" {
			facts = append(append(facts, Fact{"covers", OrderLayers(*o)}), limitFacts(*o)...)
		}
		for _, b := range c.Budgets {
			facts = append(facts, Fact{"budget", Budget(b)})
		}
		if c.Trust != nil {
			facts = append(facts, trustFacts(*c.Trust)...)
		}
		if t := c.TextOf(); t != nil {
			until := "none"
			if !t.Replaces.IsZero() {
				until = t.Replaces.String()
			}
			facts = append(facts, Fact{"until now", until})
		}
		return facts
	}
	return nil
}

// Done describes a change that was made, for a line of a timeline. signers are the people
// who signed it; none, if the caller says that beside it. Another version of this program may have entered the change: one without
// a sentence of its own is named by its kind and part.
func Done(k actions.Kind, change actions.Change, signers []workforce.WorkerID) string {
	switch c := change.(type) {
	case actions.Freeze:
		if c.Thaws() {
			return "Thawed: " + c.Acts() + "."
		}
		return "Froze " + c.Acts() + "."
	case actions.Review:
		line := fmt.Sprintf("The review of the %s %s was closed", c.Of, c.ID)
		if len(signers) > 0 {
			line += ", signed by " + People(signers)
		}
		return line + "."
	case actions.Engagement:
		switch c.Op {
		case "end":
			return fmt.Sprintf("The engagement of %s was ended.", c.Worker)
		case "reinstate":
			return fmt.Sprintf("The end of the engagement of %s was taken back.", c.Worker)
		}
		return fmt.Sprintf("The engagement of %s was extended to %s.", c.Worker, c.Last)
	case actions.Keys:
		if c.Void != nil {
			return fmt.Sprintf("Ended %s that were certified before %s.", c.Void.Sessions(), When(c.Void.Before))
		}
		return fmt.Sprintf("Keys: %d enrolled, %d revoked.", len(c.Enrol), len(c.Revoke))
	case actions.Setting:
		switch {
		case c.Of == actions.PartOrders && c.Order.Op == "revoke":
			return fmt.Sprintf("The standing order for %s was revoked.", c.Order.Key())
		case c.Of == actions.PartOrders:
			return fmt.Sprintf("A standing order for %s was placed.", c.Order.Key())
		}
	}
	return fmt.Sprintf("The desk was changed: %s, %s.", k, change.Part())
}

// Reworded returns the present wording of a timeline's line. Bundles of earlier programs
// describe a reinstatement as an extension to no day, and a breach that the order in force
// does not cover as one without an order.
func Reworded(line string) string {
	if seen, ok := strings.CutSuffix(line, " No standing order was in force."); ok && strings.HasPrefix(line, "The watch read ") {
		return seen + unordered
	}
	rest, ok := strings.CutSuffix(line, " was extended to .")
	worker, of := strings.CutPrefix(rest, "The engagement of ")
	if !ok || !of {
		return line
	}
	change := actions.Engagement{Op: "reinstate", Worker: workforce.WorkerID(worker)}
	return Done(actions.DeskEngagement, change, nil)
}

// Budget says what a budget allows.
func Budget(b actions.Budget) string {
	undo := ""
	if b.Undo {
		undo = " undo"
	}
	return fmt.Sprintf("%d %s%s acts%s on %s subjects per %s and %s", b.Limit, b.Direction, undo, ofFamily(b.Family), b.Tier, b.Per, b.Window)
}

// Budgets says what budgets allow, in one line for all windows and spenders of the same acts.
func Budgets(bs []actions.Budget) []string {
	type acts struct {
		tier      actions.Tier
		direction actions.Direction
		undo      bool
		family    actions.Family
	}
	limits := map[acts][]string{}
	var order []acts
	for _, b := range bs {
		k := acts{b.Tier, b.Direction, b.Undo, b.Family}
		if limits[k] == nil {
			order = append(order, k)
		}
		limits[k] = append(limits[k], fmt.Sprintf("%d per %s and %s", b.Limit, b.Per, b.Window))
	}
	lines := make([]string, len(order))
	for i, k := range order {
		lines[i] = ActsOf(actions.Budget{Tier: k.tier, Direction: k.direction, Undo: k.undo, Family: k.family}) + ": " + strings.Join(limits[k], ", ")
	}
	return lines
}

// ActsOf says which acts a budget counts.
func ActsOf(b actions.Budget) string {
	what := string(b.Direction) + " acts"
	if b.Undo {
		what = "undos"
	}
	return fmt.Sprintf("%s%s on %s subjects", what, ofFamily(b.Family), b.Tier)
}

// ofFamily names the acts that a budget counts, after the word "acts".
func ofFamily(f actions.Family) string {
	switch f {
	case actions.FamilyEvery:
		return ""
	case actions.FamilyAll:
		return " of all families"
	}
	return " of the family " + string(f)
}

func trustFacts(t actions.Trust) []Fact {
	return []Fact{{"executor", t.Executor}, {"executor key", fmt.Sprintf("%x", []byte(t.ExecutorKey))}, {"sign-in at", Joined(t.Origins)}, {"passkeys of", t.RelyingParty},
		{"endings per hour", fmt.Sprint(t.EndingsPerHour)}, {"raises per hour", fmt.Sprint(t.RaisesPerHour)}, {"undo within", Many(int(t.UndoWindow), "day")}}
}

// limitFacts lists the limits of a standing order, besides its end and the marks that it
// never lifts.
func limitFacts(o actions.Order) []Fact {
	cut := ""
	if o.Cut != nil {
		cut = "the executor cuts it off " + CutAfter(o.Cut) + " by it, where the platform names it and can"
	}
	return []Fact{{"per subject", Many(int(o.PerSubject), "restoration") + " an hour"},
		{"per tier", Many(int(o.PerTier), "restoration") + " an hour"}, {"vouched for", When(o.Vouched)}, {"credential", cut}}
}

// orderFacts lists all facts in which two standing orders of one tier may differ.
func orderFacts(o actions.Order) []Fact {
	return append([]Fact{{"until", When(o.Until)}, {"covers", OrderLayers(o)}, {"never lifts", Joined(o.Never)}}, limitFacts(o)...)
}

// OrderLayers names the layers that a standing order covers.
func OrderLayers(o actions.Order) string {
	return Joined(o.Covered())
}

func platformFacts(f actions.Platform) []Fact {
	return []Fact{{"connector", f.Connector}, {"gives", Joined(f.Facts)}}
}

// CutAfter says when a standing order makes the executor cut a credential off.
func CutAfter(c *actions.Cut) string {
	if c == nil {
		return "never"
	}
	return fmt.Sprintf("after %s in %s", Plural(int(c.Breaches), "breach", "breaches"), exactly(c.Within))
}

// exactly writes seconds in the largest unit that gives a whole number.
func exactly(seconds int64) string {
	switch {
	case seconds%3600 == 0:
		return Many(int(seconds/3600), "hour")
	case seconds%60 == 0:
		return Many(int(seconds/60), "minute")
	}
	return Many(int(seconds), "second")
}
