package cli

import (
	"context"
	"net/http"
	"time"

	v1 "countersign.dev/api/v1"
	"countersign.dev/client"
	"countersign.dev/fault"
	"countersign.dev/workforce"
)

// patience bounds the time that a whole command talks with the desk, beyond the wait that
// it asks for.
const patience = 60 * time.Second

// deskClient is a client of the desk with the calls that several commands share.
type deskClient struct{ *client.Client }

// desk returns a client of the configured desk.
func (s *Session) desk() (deskClient, error) {
	c, err := s.load()
	if err != nil {
		return deskClient{}, err
	}
	if c.URL == "" {
		return deskClient{}, fault.New(fault.Invalid, "no-desk", "Which desk? Give --url URL, COUNTERSIGN_URL, or a folder with client.json (--dir).")
	}
	h := s.HTTP
	if h == nil {
		h = &http.Client{Timeout: patience}
	}
	d, err := client.New(c.URL, c.Token, h)
	return deskClient{d}, err
}

// Keys returns all keys of a worker, or everybody's.
func (d deskClient) Keys(ctx context.Context, w workforce.WorkerID) ([]v1.Key, error) {
	return pages(func(cursor string) (v1.Page[v1.Key], error) { return d.Client.Keys(ctx, w, cursor, v1.MaxPage) })
}

// Vendors returns all vendors.
func (d deskClient) Vendors(ctx context.Context) ([]v1.Vendor, error) {
	return pages(func(cursor string) (v1.Page[v1.Vendor], error) { return d.Client.Vendors(ctx, cursor, v1.MaxPage) })
}

// AllWorkers returns all workers that a filter chooses.
func (d deskClient) AllWorkers(ctx context.Context, f v1.WorkerFilter) ([]v1.Worker, error) {
	f.Limit = v1.MaxPage
	return pages(func(cursor string) (v1.Page[v1.Worker], error) {
		f.Cursor = cursor
		return d.Client.Workers(ctx, f)
	})
}

// pages reads a list to its end.
func pages[T any](page func(cursor string) (v1.Page[T], error)) ([]T, error) {
	var all []T
	for cursor := ""; ; {
		p, err := page(cursor)
		if err != nil {
			return nil, err
		}
		all = append(all, p.Items...)
		if p.Next == "" {
			return all, nil
		}
		if p.Next == cursor {
			return nil, fault.New(fault.Unavailable, "foreign-answer", "The desk's list does not end: it names the same page again.")
		}
		cursor = p.Next
	}
}
