package actions

import (
	"fmt"
	"slices"
	"strings"

	"countersign.dev/canonical"
	"countersign.dev/platform"
)

// Order is a standing order: several people sign it in advance, and it lets the executor
// restore the subjects of one tier of a platform by itself after a breach. It only ever
// relieves. There is one for each platform and tier; a new one takes the place of the
// old. Once in force it stands until its end or its revocation, even if its signers
// leave.
type Order struct {
	Op       string         `json:"op"` // "place" or "revoke"
	Platform string         `json:"platform"`
	Tier     Tier           `json:"tier"`  // protected or critical
	Until    canonical.Time `json:"until"` // its end; zero in a revocation
	// PerSubject and PerTier are the expected numbers of restorations in an hour, of one
	// subject and of all subjects of the tier. More of them page. PerSubject also stops the
	// restorations of a protected subject, and of that one alone; nothing stops those of a
	// critical one.
	PerSubject int64 `json:"per_subject"`
	PerTier    int64 `json:"per_tier"`
	// Vouched is an instant up to which the signers have looked: the states of subjects that
	// the ledger held by then are right, though they have not stood for 24 hours yet. Zero
	// vouches for nothing.
	Vouched canonical.Time `json:"vouched"`
	// Layers are the layers in which the executor restores under the order, sorted; empty:
	// the visibility alone, which is all that an order covered before there were layers.
	Layers []OrderLayer `json:"layers,omitzero"`
	// Never names marks that are never lifted under the order, sorted. Each is a mark, or
	// the beginning of marks and an asterisk ("CSAM-*"). A breach that bears one pages
	// instead.
	Never []string `json:"never,omitempty"`
	// Cut tells the executor when to cut off a credential that causes breaches again and
	// again; nil: never. It is left out where it is nil, so that earlier orders read back as
	// they were signed.
	Cut *Cut `json:"cut,omitempty"`
}

// OrderLayer is a layer that a standing order covers, or all labels together.
type OrderLayer string

// The layers that an order may cover, sorted.
const (
	OrderLabels     OrderLayer = "label"
	OrderLimit      OrderLayer = "limit"
	OrderVisibility OrderLayer = "visibility"
)

// OrderLayers lists them, sorted.
var OrderLayers = []OrderLayer{OrderLabels, OrderLimit, OrderVisibility}

// Covers reports whether the executor restores in a layer under the order.
func (o Order) Covers(l platform.Layer) bool {
	if len(o.Layers) == 0 {
		return l == platform.VisibilityLayer
	}
	name := OrderLayer(l.String())
	if _, label := l.Label(); label {
		name = OrderLabels
	}
	return slices.Contains(o.Layers, name)
}

// Covered lists the layers that the order covers, sorted.
func (o Order) Covered() []OrderLayer {
	if len(o.Layers) == 0 {
		return []OrderLayer{OrderVisibility}
	}
	return slices.Clone(o.Layers)
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
			return fmt.Errorf("a mark that is never lifted is %q; give a mark such as LEGAL-1, or the beginning of marks and an asterisk, as in CSAM-*", m)
		case strings.Contains(begin, "*"):
			return fmt.Errorf("the mark %q that is never lifted has an asterisk in its middle; one may stand only at the end, as in CSAM-*", m)
		case len(m) > 200 || !goodText(m) || strings.Contains(m, "\n"):
			return fmt.Errorf("the mark %q that is never lifted is not plain text of one line and at most 200 bytes", m)
		case i > 0 && never[i-1] >= m:
			return fmt.Errorf("marks that are never lifted are sorted, each once; %q is not in its place", m)
		}
	}
	if len(never) > maxNever {
		return fmt.Errorf("a standing order names %d marks at most", maxNever)
	}
	return nil
}

// Cut is the number of breaches after which a credential of the platform is cut off: so
// many of the order's tier, by that credential, within so many seconds.
type Cut struct {
	Breaches int64 `json:"breaches"`
	Within   int64 `json:"within"`
}

// Limits of a Cut.
const (
	MostCutBreaches = 1000
	MostCutWithin   = 24 * 60 * 60 // seconds
)

// Key names the place of an order: one order is in force for each place.
func (o Order) Key() string { return PlaceKey(o.Platform, o.Tier) }

// PlaceKey names a tier of a platform.
func PlaceKey(platform string, t Tier) string { return platform + "/" + string(t) }

func (o Order) check() error {
	switch {
	case o.Platform == "" || o.Platform == DeskPlatform || o.Tier != Protected && o.Tier != Critical:
		return fmt.Errorf("a standing order is for the protected or the critical subjects of a platform")
	case o.Op == "revoke" && (!o.Until.IsZero() || o.PerSubject != 0 || o.PerTier != 0 || !o.Vouched.IsZero() || len(o.Never) > 0 || o.Layers != nil || o.Cut != nil):
		return fmt.Errorf("a revocation names the platform and the tier and nothing else")
	case o.Op == "revoke":
		return nil
	case o.Op != "place":
		return fmt.Errorf("op is place or revoke")
	case o.Until.IsZero() || o.PerSubject < 1 || o.PerTier < 1:
		return fmt.Errorf("a standing order has an end, and budgets of at least one restoration an hour")
	case o.Layers != nil && (len(o.Layers) == 0 || !ascends(o.Layers) || slices.ContainsFunc(o.Layers, func(l OrderLayer) bool { return !slices.Contains(OrderLayers, l) })):
		return fmt.Errorf("the layers of a standing order are of label, limit and visibility, sorted, each once")
	case o.Cut != nil && (o.Cut.Breaches < 1 || o.Cut.Breaches > MostCutBreaches || o.Cut.Within < 1 || o.Cut.Within > MostCutWithin):
		return fmt.Errorf("a credential is cut off after 1 to %d breaches within 1 to %d seconds", MostCutBreaches, MostCutWithin)
	}
	return checkNever(o.Never)
}

// The modes of a platform's tier.
const (
	Enforce = "enforce"
	Observe = "observe" // the watch runs and rulings are shown; the executor does nothing on the platform
)

// Mode switches a tier of a platform between observe and enforce.
type Mode struct {
	Platform string `json:"platform"`
	Tier     Tier   `json:"tier"`
	Mode     string `json:"mode"`
}

func (m Mode) check() error {
	if m.Platform == "" || m.Platform == DeskPlatform || !slices.Contains(Tiers, m.Tier) || m.Mode != Enforce && m.Mode != Observe {
		return fmt.Errorf("a mode names a tier of a platform, and is %s or %s", Observe, Enforce)
	}
	return nil
}

// Unlock takes an owner's lock out of effect at the desk: every lock of the
// subject that was set before this entry.
type Unlock struct {
	Subject platform.Subject `json:"subject"`
	// Resolved is the executor's signed word on the identity of Subject.
	Resolved *Resolution `json:"resolved,omitzero"`
}
