package actions

import (
	"fmt"

	"countersign.dev/workforce"
)

// Scopes of a freeze.
const (
	ScopeWorker   = "worker"
	ScopeVendor   = "vendor"
	ScopePlatform = "platform"
	ScopeAll      = "all"
)

// Freeze is the change of desk.freeze: burdening acts within its scope are refused, until
// it is thawed. It holds from its entry on, and in the executor as soon as the executor
// has it.
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

// Acts is which acts the freeze stops, in words: "the acts of …".
func (c Freeze) Acts() string {
	switch {
	case c.Scope == ScopeAll:
		return "all burdening acts"
	case c.Scope == ScopePlatform:
		return "burdening acts on " + c.Of
	case c.Scope == ScopeVendor && c.Of == "":
		return "the acts of all employees"
	case c.Scope == ScopeVendor:
		return "the acts of everybody at " + c.Of
	}
	return "the acts of " + c.Of
}

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
