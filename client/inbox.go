package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	v1 "countersign.dev/api/v1"
)

// Inbox returns messages to the caller.
func (c *Client) Inbox(ctx context.Context, f v1.InboxFilter) (b v1.Inbox, err error) {
	q := url.Values{}
	if f.After >= 0 {
		q.Set("after", strconv.FormatInt(f.After, 10))
	}
	if f.Before > 0 {
		q.Set("before", strconv.FormatInt(f.Before, 10))
	}
	if f.Limit > 0 {
		q.Set("limit", strconv.Itoa(f.Limit))
	}
	return b, c.get(ctx, v1.Base+"/inbox", q, &b)
}

// ReadInbox notes that the caller has read the messages up to a number.
func (c *Client) ReadInbox(ctx context.Context, upto int64) (m v1.Mailbox, err error) {
	return m, c.into(ctx, call{method: http.MethodPost, path: v1.Base + "/inbox/read", body: v1.ReadMark{Upto: upto}, again: true}, &m)
}

// Channel says where messages to the caller go besides the inbox.
func (c *Client) Channel(ctx context.Context) (ch v1.Channel, err error) {
	return ch, c.get(ctx, v1.Base+"/channel", nil, &ch)
}

// DeclareChannel hands in a signed declaration of the caller's address. The same again gives the
// same answer.
func (c *Client) DeclareChannel(ctx context.Context, d v1.ChannelDeclaration) (ch v1.Channel, err error) {
	return ch, c.change(ctx, http.MethodPost, v1.Base+"/channel", nil, d, &ch)
}
