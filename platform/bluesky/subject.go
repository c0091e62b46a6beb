package bluesky

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"

	"countersign.dev/fault"
	"countersign.dev/platform"
)

// The syntax of identifiers, from the atproto specifications.
var (
	didSyntax    = regexp.MustCompile(`^did:[a-z]+:[a-zA-Z0-9._:%-]*[a-zA-Z0-9._-]$`)
	handleSyntax = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?$`)
	nsidSyntax   = regexp.MustCompile(`^[a-zA-Z]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(\.[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)+\.[a-zA-Z][a-zA-Z0-9]{0,62}$`)
	keySyntax    = regexp.MustCompile(`^[A-Za-z0-9._:~-]{1,512}$`)
)

const (
	atScheme = "at://"
	maxNSID  = 317 // characters of a collection's name
)

// Sort says what an identifier names: "did:…" an account, "at://did:…/collection/key" content.
func (c *Connector) Sort(id string) (platform.Sort, error) {
	if isDID(id) {
		return platform.Account, nil
	}
	if owner, ok := recordOwner(id); ok && isDID(owner) {
		return platform.Content, nil
	}
	return "", fault.New(fault.Invalid, "bad-subject",
		"A Bluesky subject is an account (did:plc:…) or a record of one (at://did:plc:…/COLLECTION/KEY).")
}

func isDID(s string) bool { return len(s) <= 256 && didSyntax.MatchString(s) }

// recordOwner returns the owner in an at-URI: an identifier or a handle.
func recordOwner(uri string) (string, bool) {
	rest, ok := strings.CutPrefix(uri, atScheme)
	parts := strings.Split(rest, "/")
	if !ok || len(parts) != 3 || len(parts[1]) > maxNSID || !nsidSyntax.MatchString(parts[1]) || !keySyntax.MatchString(parts[2]) ||
		parts[2] == "." || parts[2] == ".." {
		return "", false
	}
	return parts[0], true
}

// Resolve completes a subject with the PDS's present answer. It finds only accounts of
// this PDS, including those that are taken down or deactivated. A record written with its
// owner's handle is returned with the owner's identifier.
func (c *Connector) Resolve(ctx context.Context, s platform.Subject) (platform.Subject, error) {
	s.Platform = c.config.Name
	if s.ID == "" {
		return c.byHandle(ctx, s)
	}
	if owner, ok := recordOwner(s.ID); ok && !isDID(owner) {
		account, err := c.byHandle(ctx, platform.Subject{Platform: s.Platform, Handle: owner})
		if err != nil {
			return s, err
		}
		s.ID = atScheme + account.ID + strings.TrimPrefix(s.ID, atScheme+owner)
	}
	sort, err := c.Sort(s.ID)
	if err != nil {
		return s, err
	}
	if sort == platform.Content {
		s.Handle = ""
		_, err := c.measure(ctx, s, sort)
		return s, err
	}
	a, err := c.account(ctx, s.ID)
	if errors.Is(err, errNotThere) {
		return s, noSuchSubject(s, err)
	}
	s.Handle = strings.ToLower(a.Handle)
	return s, err
}

func (c *Connector) byHandle(ctx context.Context, s platform.Subject) (platform.Subject, error) {
	handle := strings.ToLower(strings.TrimPrefix(s.Handle, "@"))
	if len(handle) > 253 || !handleSyntax.MatchString(handle) {
		return s, fault.New(fault.Invalid, "bad-subject", "%q is not a Bluesky handle; one looks like alice.example.", s.Handle)
	}
	s.Handle = handle
	var found struct {
		DID string `json:"did"`
	}
	if err := c.query(ctx, "com.atproto.identity.resolveHandle", params{{"handle", handle}}, &found); err != nil {
		return c.hidden(ctx, s)
	}
	// The PDS also resolves handles of other hosts, whose accounts are not ours to act on.
	a, err := c.account(ctx, found.DID)
	if errors.Is(err, errNotThere) || err == nil && strings.ToLower(a.Handle) != handle {
		return s, noSuchSubject(s, err)
	}
	s.ID = a.DID
	return s, err
}

// hidden finds the account of a handle that does not resolve. While an account is taken
// down or deactivated, the PDS hides which account its handle names, even from the
// administrator. But it does not hide that the handle names one: asked to describe it, it
// says whether that account is taken down or deactivated. Only then are the accounts in
// that state, usually few, looked through.
func (c *Connector) hidden(ctx context.Context, s platform.Subject) (platform.Subject, error) {
	var found struct {
		DID string `json:"did"`
	}
	err := c.query(ctx, "com.atproto.repo.describeRepo", params{{"repo", s.Handle}}, &found)
	refusal := asRefusal(err)
	switch {
	case err == nil:
		s.ID = found.DID
		return s, nil
	case refusal == nil:
		return s, err
	case refusal.name == "RepoTakendown" || refusal.name == "RepoDeactivated":
	case refusal.name == "RepoNotFound":
		return s, noSuchSubject(s, err)
	default: // it is there, but the PDS cannot look up its identity now
		return s, unavailable("The PDS cannot say what %s stands for now.", s.Handle).Because(err)
	}
	for cursor, more := "", true; more; {
		var page struct {
			Cursor string `json:"cursor"`
			Repos  []struct {
				DID    string `json:"did"`
				Active bool   `json:"active"`
			} `json:"repos"`
		}
		q := params{{"limit", "1000"}}
		if cursor != "" {
			q = append(q, [2]string{"cursor", cursor})
		}
		if err := c.query(ctx, "com.atproto.sync.listRepos", q, &page); err != nil {
			return s, err
		}
		var inactive []string
		for _, r := range page.Repos {
			if !r.Active {
				inactive = append(inactive, r.DID)
			}
		}
		for batch := range slices.Chunk(inactive, 50) {
			accounts, err := c.accounts(ctx, batch)
			if err != nil {
				return s, err
			}
			for _, a := range accounts {
				if strings.ToLower(a.Handle) == s.Handle {
					s.ID = a.DID
					return s, nil
				}
			}
		}
		// A cursor that does not move would never end.
		more = page.Cursor != "" && page.Cursor != cursor
		cursor = page.Cursor
	}
	return s, noSuchSubject(s, nil)
}

// account is the PDS's answer to its administrator about an account.
type account struct {
	DID       string `json:"did"`
	Handle    string `json:"handle"`
	IndexedAt string `json:"indexedAt"` // when it was made on this PDS
}

func (c *Connector) account(ctx context.Context, did string) (account, error) {
	var a account
	err := c.query(ctx, "com.atproto.admin.getAccountInfo", params{{"did", did}}, &a)
	if r := asRefusal(err); r != nil && r.name == "NotFound" {
		return a, errNotThere
	}
	return a, err
}

func (c *Connector) accounts(ctx context.Context, dids []string) ([]account, error) {
	q := make(params, len(dids))
	for i, did := range dids {
		q[i] = [2]string{"dids", did}
	}
	var found struct {
		Infos []account `json:"infos"`
	}
	err := c.query(ctx, "com.atproto.admin.getAccountInfos", q, &found)
	return found.Infos, err
}
