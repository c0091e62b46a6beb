package actions

import (
	"fmt"
	"slices"
	"strings"

	"countersign.dev/canonical"
	"countersign.dev/platform"
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
