package client

import (
	"context"
	"net/http"

	v1 "countersign.dev/api/v1"
)

// OwnAccounts says what the caller has declared of their own accounts on the platforms.
func (c *Client) OwnAccounts(ctx context.Context) (o v1.OwnAccounts, err error) {
	return o, c.get(ctx, v1.Base+"/own-accounts", nil, &o)
}

// DeclareAccounts hands in a signed declaration of the caller's own accounts. The same again
// gives the same answer.
func (c *Client) DeclareAccounts(ctx context.Context, d v1.OwnDeclaration) (o v1.OwnAccounts, err error) {
	return o, c.change(ctx, http.MethodPost, v1.Base+"/own-accounts", nil, d, &o)
}
