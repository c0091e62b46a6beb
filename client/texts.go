package client

import (
	"context"
	"net/http"

	v1 "countersign.dev/api/v1"
	"countersign.dev/canonical"
)

// PutText puts a text to the desk, so that a change can name it by its digest.
func (c *Client) PutText(ctx context.Context, n v1.NewText) (t v1.Text, err error) {
	return t, c.change(ctx, http.MethodPost, v1.Base+"/texts", nil, n, &t)
}

// Text returns a text that was put to the desk, with its bytes.
func (c *Client) Text(ctx context.Context, digest canonical.Digest) (t v1.WholeText, err error) {
	return t, c.get(ctx, v1.Base+"/texts/"+digest.String(), nil, &t)
}

// Rules returns the rule set in force; a fault "no-rules" if there is none.
func (c *Client) Rules(ctx context.Context) (s v1.Set, err error) {
	return s, c.get(ctx, v1.Base+"/rules", nil, &s)
}

// Queues returns the queue set in force; a fault "no-queues" if there is none.
func (c *Client) Queues(ctx context.Context) (s v1.Set, err error) {
	return s, c.get(ctx, v1.Base+"/queues", nil, &s)
}

// HashLists returns the lists of hashes in force.
func (c *Client) HashLists(ctx context.Context) (p v1.Page[v1.HashList], err error) {
	return p, c.get(ctx, v1.Base+"/hashes", nil, &p)
}
