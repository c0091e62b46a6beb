package bluesky

import (
	"context"
	"errors"
	"strings"
	"sync"

	"countersign.dev/canonical"
	"countersign.dev/platform"
)

// Read returns the state now with its facts: when the account was made on this PDS and,
// for a record, its owner. A record has no time but the one that its author writes into
// it, so its account's time is used. A record of an account that is taken down is up by
// itself; the account's state says that nobody sees it.
func (c *Connector) Read(ctx context.Context, s platform.Subject) (platform.State, error) {
	_, state, err := c.Look(ctx, s)
	return state, err
}

// Look asks for the state and for the account at the same time. The PDS's answer about
// the account gives both the handle and the facts.
func (c *Connector) Look(ctx context.Context, s platform.Subject) (platform.Subject, platform.State, error) {
	sort, err := c.Sort(s.ID)
	if err != nil {
		return s, platform.State{}, err
	}
	holder := s.ID
	if sort == platform.Content {
		holder, _ = recordOwner(s.ID)
	}
	var holds account
	var unknown error
	var wait sync.WaitGroup
	wait.Go(func() { holds, unknown = c.account(ctx, holder) })
	now, err := c.measure(ctx, s, sort)
	wait.Wait()
	if err != nil {
		return s, platform.State{}, err
	}
	if errors.Is(unknown, errNotThere) { // deleted meanwhile
		return s, platform.State{}, noSuchSubject(s, unknown)
	}
	if unknown != nil {
		return s, platform.State{}, unknown
	}
	state := now.State
	s.Platform, s.Handle = c.config.Name, strings.ToLower(holds.Handle)
	if sort == platform.Content {
		state.Facts[platform.FactOwner] = holder
		s.Handle = ""
	}
	made, err := parseTime(holds.IndexedAt)
	if err != nil {
		state.Unread = append(state.Unread, platform.FactCreated)
		return s, state, nil
	}
	state.Facts[platform.FactCreated] = made.Unix()
	return s, state, nil
}

// reading is a state without facts; for a record it has the version that bears it.
type reading struct {
	platform.State
	cid string
}

// measure reads status and mark, with one call.
func (c *Connector) measure(ctx context.Context, s platform.Subject, sort platform.Sort) (reading, error) {
	name := "did"
	if sort == platform.Content {
		name = "uri"
	}
	var now struct {
		Subject struct {
			DID string `json:"did"`
			URI string `json:"uri"`
			CID string `json:"cid"`
		} `json:"subject"`
		Takedown *struct {
			Applied bool          `json:"applied"`
			Ref     platform.Mark `json:"ref"`
		} `json:"takedown"`
		Deactivated struct {
			Applied bool `json:"applied"`
		} `json:"deactivated"`
	}
	err := c.query(ctx, "com.atproto.admin.getSubjectStatus", params{{name, s.ID}}, &now)
	if r := asRefusal(err); r != nil && r.name == "NotFound" {
		return reading{}, noSuchSubject(s, err)
	}
	if err != nil {
		return reading{}, err
	}
	// An answer about another subject is not read as "up".
	if now.Takedown == nil || now.Subject.DID+now.Subject.URI != s.ID {
		return reading{}, unavailable("The PDS's answer about %s cannot be read.", s)
	}
	state := platform.State{Status: platform.Up, Facts: map[platform.Fact]any{}, Unread: []platform.Fact{}, Seen: canonical.At(c.config.Now())}
	switch {
	case now.Takedown.Applied:
		// A takedown hides a deactivation beneath it, which shows again afterwards.
		state.Status, state.Mark = platform.Down, now.Takedown.Ref
	case now.Deactivated.Applied:
		state.Status = platform.Deactivated
	}
	return reading{State: state, cid: now.Subject.CID}, nil
}
