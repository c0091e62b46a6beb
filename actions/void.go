package actions

import (
	"fmt"

	"countersign.dev/canonical"
)

// ScopeKey is the scope of a Void of one key's sessions. The other scopes are those of a
// freeze, save ScopePlatform.
const ScopeKey = "key"

// Void is the part of a desk.key that ends sessions: those of a key, a worker, a vendor or
// everybody that were certified before an instant. They are named by scope and not by
// digest, so that sessions which nobody knows of end as well.
type Void struct {
	Before canonical.Time `json:"before"`
	Of     string         `json:"of"` // key, worker or vendor ("" is all employees); empty for all
	Scope  string         `json:"scope"`
}

// Key names the sessions that end.
func (v Void) Key() string { return v.Scope + " " + v.Of }

// Sessions says which sessions end, in words: "the sessions of …".
func (v Void) Sessions() string {
	switch {
	case v.Scope == ScopeAll:
		return "all sessions"
	case v.Scope == ScopeKey:
		return "the sessions of the key " + v.Of
	case v.Scope == ScopeVendor && v.Of == "":
		return "the sessions of all employees"
	case v.Scope == ScopeVendor:
		return "the sessions of everybody at " + v.Of
	}
	return "the sessions of " + v.Of
}

// Pages reports whether the end of these sessions is told to people at once, as a freeze is.
func (v Void) Pages() bool { return v.Scope == ScopeVendor || v.Scope == ScopeAll }

func (v Void) check() error {
	known := v.Scope == ScopeKey || v.Scope == ScopeWorker || v.Scope == ScopeVendor || v.Scope == ScopeAll
	if !known || v.Before.IsZero() || (v.Scope == ScopeAll && v.Of != "") || (v.Scope != ScopeAll && v.Scope != ScopeVendor && v.Of == "") {
		return fmt.Errorf("sessions end by the scope key, worker, vendor or all, and before an instant")
	}
	return nil
}
