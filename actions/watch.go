package actions

import (
	"fmt"
	"slices"
	"strings"

	"countersign.dev/canonical"
	"countersign.dev/platform"
	"countersign.dev/workforce"
)

// Order is a standing order: countersigned in advance, it lets the executor
// restore the subjects of a tier of a platform by itself after a breach. It only
// ever relieves. There is one for each platform and tier; a new one takes the
// place of the old. Once in force it stands until its end or its revocation,
// whoever of its signers leaves.
type Order struct {
	Op       string         `json:"op"` // "place" or "revoke"
	Platform string         `json:"platform"`
	Tier     Tier           `json:"tier"`  // protected or critical
	Until    canonical.Time `json:"until"` // its end; zero in a revocation
	// PerSubject and PerTier are how many restorations of one subject, and of all
	// subjects of the tier, are expected in an hour. More of them page. PerSubject
	// also stops a protected subject, and that one alone; nothing stops the
	// restorations of a critical one.
	PerSubject int64 `json:"per_subject"`
	PerTier    int64 `json:"per_tier"`
	// Vouched is an instant up to which the signers have looked: what the ledger
	// held by then of a subject's state is right, though it has not stood for 24
	// hours yet. Zero vouches for nothing.
	Vouched canonical.Time `json:"vouched"`
	// Never names marks that are never lifted under the order, sorted: a mark, or what
	// it begins with and an asterisk ("CSAM-*"). A breach that bears one pages instead.
	Never []string `json:"never,omitempty"`
	// Cut has the executor cut off the credential that does it again and again; nil:
	// it does not. It is left out where it is nil, so that orders of before read back
	// as they were signed.
	Cut *Cut `json:"cut,omitempty"`
}

// Spares reports whether the order never lifts a mark.
func (o Order) Spares(m platform.Mark) bool {
	return slices.ContainsFunc(o.Never, func(never string) bool {
		begin, open := strings.CutSuffix(never, "*")
		return string(m) == never || open && strings.HasPrefix(string(m), begin)
	})
}

// maxNever bounds the marks that an order names.
const maxNever = 100

func checkNever(never []string) error {
	for i, m := range never {
		switch begin := strings.TrimSuffix(m, "*"); {
		case begin == "":
			return fmt.Errorf("a mark that is never lifted is %q; give a mark such as LEGAL-1, or what marks begin with and an asterisk, as in CSAM-*", m)
		case strings.Contains(begin, "*"):
			return fmt.Errorf("the mark %q that is never lifted has an asterisk in its middle; one may stand only at the end, as in CSAM-*", m)
		case len(m) > 200 || !goodText(m) || strings.Contains(m, "\n"):
			return fmt.Errorf("the mark %q that is never lifted is not of one line of at most 200 bytes of plain text", m)
		case i > 0 && never[i-1] >= m:
			return fmt.Errorf("marks that are never lifted are sorted, each once; %q is not in its place", m)
		}
	}
	if len(never) > maxNever {
		return fmt.Errorf("a standing order names %d marks at most", maxNever)
	}
	return nil
}

// Cut is after what a credential of the platform is cut off: so many breaches of the
// order's tier, by that credential, within so many seconds.
type Cut struct {
	Breaches int64 `json:"breaches"`
	Within   int64 `json:"within"`
}

// Limits of a Cut.
const (
	MostCutBreaches = 1000
	MostCutWithin   = 24 * 60 * 60 // seconds
)

// Key names the place of an order: one is in force for each.
func (o Order) Key() string { return PlaceKey(o.Platform, o.Tier) }

// PlaceKey names a tier of a platform.
func PlaceKey(platform string, t Tier) string { return platform + "/" + string(t) }

func (o Order) check() error {
	switch {
	case o.Platform == "" || o.Platform == DeskPlatform || o.Tier != Protected && o.Tier != Critical:
		return fmt.Errorf("a standing order is for the protected or the critical subjects of a platform")
	case o.Op == "revoke" && (!o.Until.IsZero() || o.PerSubject != 0 || o.PerTier != 0 || !o.Vouched.IsZero() || len(o.Never) > 0 || o.Cut != nil):
		return fmt.Errorf("a revocation names the platform and the tier and nothing else")
	case o.Op == "revoke":
		return nil
	case o.Op != "place":
		return fmt.Errorf("op is place or revoke")
	case o.Until.IsZero() || o.PerSubject < 1 || o.PerTier < 1:
		return fmt.Errorf("a standing order has an end, and budgets of at least one restoration an hour")
	case o.Cut != nil && (o.Cut.Breaches < 1 || o.Cut.Breaches > MostCutBreaches || o.Cut.Within < 1 || o.Cut.Within > MostCutWithin):
		return fmt.Errorf("a credential is cut off after 1 to %d breaches within 1 to %d seconds", MostCutBreaches, MostCutWithin)
	}
	return checkNever(o.Never)
}

// The modes of a platform's tier.
const (
	Enforce = "enforce"
	Observe = "observe" // the watch runs and rulings are shown; nothing is done on the platform
)

// Mode switches a tier of a platform between observe and enforce.
type Mode struct {
	Platform string `json:"platform"`
	Tier     Tier   `json:"tier"`
	Mode     string `json:"mode"`
}

func (m Mode) check() error {
	if m.Platform == "" || m.Platform == DeskPlatform || !slices.Contains(Tiers, m.Tier) || m.Mode != Enforce && m.Mode != Observe {
		return fmt.Errorf("a mode is of a tier of a platform, and is %s or %s", Observe, Enforce)
	}
	return nil
}

// Unlock takes an owner's lock out of effect at the desk: every lock of the
// subject that was set before this entry.
type Unlock struct {
	Subject platform.Subject `json:"subject"`
	// Resolved is the executor's word on who Subject is.
	Resolved *Resolution `json:"resolved,omitzero"`
}

// Scopes of a freeze.
const (
	ScopeWorker   = "worker"
	ScopeVendor   = "vendor"
	ScopePlatform = "platform"
	ScopeAll      = "all"
)

// Freeze is the change of desk.freeze: from its entry on, and in the executor
// from the moment that it has it, burdening acts within its scope are refused,
// until it is thawed.
type Freeze struct {
	Op    string `json:"op"` // "freeze" or "thaw"
	Scope string `json:"scope"`
	Of    string `json:"of"` // worker, vendor ("" is all employees) or platform; empty for all
}

// Key names what is frozen.
func (c Freeze) Key() string { return c.Scope + " " + c.Of }

// Thaws reports whether this lifts a freeze.
func (c Freeze) Thaws() bool { return c.Op == "thaw" }

// People reports whether the freeze is of people and not of a platform or all.
func (c Freeze) People() bool { return c.Scope == ScopeWorker || c.Scope == ScopeVendor }

// Direction of a freeze is relieving, of a thaw burdening.
func (c Freeze) Direction() Direction {
	if c.Op == "freeze" {
		return Relieving
	}
	return Burdening
}

// Part is the freezes.
func (Freeze) Part() string { return PartFreezes }

func (c Freeze) check() error {
	if c.Op != "freeze" && c.Op != "thaw" {
		return fmt.Errorf("op is freeze or thaw")
	}
	switch c.Scope {
	case ScopeWorker, ScopePlatform:
		if !workforce.ValidIdentifier(c.Of) {
			return fmt.Errorf("a freeze of a %s names it", c.Scope)
		}
	case ScopeVendor:
		if c.Of != "" && !workforce.ValidIdentifier(c.Of) {
			return fmt.Errorf("a freeze of a vendor names it; the empty name is all employees")
		}
	case ScopeAll:
		if c.Of != "" {
			return fmt.Errorf("a freeze of all names nobody")
		}
	default:
		return fmt.Errorf("the scope is worker, vendor, platform or all")
	}
	return nil
}

// What is reviewed.
const (
	ReviewEmergency = "emergency"
	ReviewIncident  = "incident"
)

// Review is the change of desk.review: it closes the review of an emergency act
// or of an incident. Nobody who was involved signs it, nor anybody who depends
// on them.
type Review struct {
	Of       string               `json:"of"`       // "emergency" or "incident"
	ID       string               `json:"id"`       // the request, or the incident
	Involved []workforce.WorkerID `json:"involved"` // sorted
	Findings canonical.Digest     `json:"findings"` // SHA-256 of the text of the findings
}

// Direction of closing a review is burdening: it gives back what was locked.
func (Review) Direction() Direction { return Burdening }

// Part is the reviews.
func (Review) Part() string { return PartReviews }

func (c Review) check() error {
	switch {
	case c.Of != ReviewEmergency && c.Of != ReviewIncident || c.ID == "" || len(c.ID) > 100:
		return fmt.Errorf("a review is of an emergency or an incident, which it names")
	case c.Findings.IsZero():
		return fmt.Errorf("a review is closed with findings")
	case len(c.Involved) > 100 || !slices.IsSorted(c.Involved) || len(slices.Compact(slices.Clone(c.Involved))) != len(c.Involved):
		return fmt.Errorf("those involved are sorted, each once, 100 at most")
	case c.Of == ReviewEmergency && len(c.Involved) == 0:
		return fmt.Errorf("the review of an emergency act names who did it")
	}
	return nil
}
