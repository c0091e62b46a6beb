package client

import (
	"context"
	"net/http"
	"net/url"

	v1 "countersign.dev/api/v1"
	"countersign.dev/cases"
)

// Presence returns where the caller is, as the desk knows it.
func (c *Client) Presence(ctx context.Context) (p v1.Presence, err error) {
	return p, c.get(ctx, v1.Base+"/presence", nil, &p)
}

// SetPresence says where the caller is. The same word again changes nothing.
func (c *Client) SetPresence(ctx context.Context, state cases.Presence) (p v1.Presence, err error) {
	return p, c.change(ctx, http.MethodPost, v1.Base+"/presence", nil, v1.PresenceWish{State: state}, &p)
}

// LinePresence returns where the people of the caller's line are, by name: for leads.
func (c *Client) LinePresence(ctx context.Context) (p v1.Page[v1.Presence], err error) {
	return p, c.get(ctx, v1.Base+"/presence/line", nil, &p)
}

// InHand returns what people of the caller's line have in hand: what a hand-over would move.
func (c *Client) InHand(ctx context.Context, of []string) (p v1.Page[v1.InHand], err error) {
	return p, c.get(ctx, v1.Base+"/hand-overs/in-hand", url.Values{"worker": of}, &p)
}

// HandOver hands in a lead's signed order that gives back what people have in hand.
func (c *Client) HandOver(ctx context.Context, h v1.HandOver) (out v1.HandedOver, err error) {
	return out, c.change(ctx, http.MethodPost, v1.Base+"/hand-overs", nil, h, &out)
}
