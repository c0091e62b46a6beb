package bluesky

import (
	"context"
	"strconv"

	"countersign.dev/platform"
)

// repoPage is the number of accounts that one call of ListRepos asks for, the most that a
// PDS gives.
const repoPage = 1000

// Repo is an account as the PDS lists it to anybody.
type Repo struct {
	DID      string
	Active   bool
	Standing string          // as in Event
	Status   platform.Status // as in Event
}

// ListRepos returns a page of all accounts in the order in which they were made, and the
// cursor of the next page, "" after the last. It begins with the cursor "". An account
// that is both taken down and deactivated is listed as taken down; the list has no refs.
// The PDS reads it from the database, so that it lacks the delay of the stream.
func (c *Connector) ListRepos(ctx context.Context, cursor string) (page []Repo, next string, err error) {
	q := params{{"limit", strconv.Itoa(repoPage)}}
	if cursor != "" {
		q = append(q, [2]string{"cursor", cursor})
	}
	var w struct {
		Cursor string `json:"cursor"`
		Repos  []struct {
			DID    string `json:"did"`
			Active *bool  `json:"active"`
			Status string `json:"status"`
		} `json:"repos"`
	}
	if err := c.query(ctx, "com.atproto.sync.listRepos", q, &w); err != nil {
		return nil, "", err
	}
	if len(w.Repos) > repoPage || len(w.Cursor) > maxCursor || w.Cursor != "" && w.Cursor == cursor {
		return nil, "", unavailable("The PDS's list of accounts cannot be read.")
	}
	for _, r := range w.Repos {
		if !isDID(r.DID) || r.Active == nil || len(r.Status) > maxWord {
			return nil, "", unavailable("The PDS's list of accounts holds one that cannot be read.")
		}
		page = append(page, Repo{DID: r.DID, Active: *r.Active, Standing: r.Status, Status: standing(*r.Active, r.Status)})
	}
	return page, w.Cursor, nil
}

// maxCursor bounds a page's cursor, which is a time and an identifier.
const maxCursor = 1024
