package client

import (
	"context"
	"net/http"
	"net/url"

	v1 "countersign.dev/api/v1"
)

// Invite makes invitations for people: all of them or none. The same again gives the same answer.
func (c *Client) Invite(ctx context.Context, people v1.Invitees) (all v1.Invitations, err error) {
	return all, c.change(ctx, http.MethodPost, v1.Base+"/invitations", nil, people, &all)
}

// Invitations returns the newest invitations, newest first; with what the browsers handed in, if
// that is asked for.
func (c *Client) Invitations(ctx context.Context, attestation bool) (all v1.Invitations, err error) {
	q := url.Values{}
	if attestation {
		q.Set("attestation", "true")
	}
	return all, c.get(ctx, v1.Base+"/invitations", q, &all)
}

// WithdrawInvitation takes an invitation back.
func (c *Client) WithdrawInvitation(ctx context.Context, id string) error {
	return c.change(ctx, http.MethodDelete, v1.Base+"/invitations/"+url.PathEscape(id), nil, nil, nil)
}
