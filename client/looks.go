package client

import (
	"context"
	"net/http"
	"net/url"

	v1 "countersign.dev/api/v1"
)

// Looks returns the differences between two verdicts that the caller may settle, in a state if one is named;
// or, if mine is true, what was looked at of the caller's own.
func (c *Client) Looks(ctx context.Context, mine bool, state string) (p v1.Page[v1.SecondLook], err error) {
	q := url.Values{}
	if mine {
		q.Set("mine", "true")
	}
	if state != "" {
		q.Set("state", state)
	}
	return p, c.get(ctx, v1.Base+"/looks", q, &p)
}

// Look returns a look with both verdicts.
func (c *Client) Look(ctx context.Context, id string) (l v1.SecondLook, err error) {
	return l, c.get(ctx, v1.Base+"/looks/"+url.PathEscape(id), nil, &l)
}

// SettleLook hands in a lead's signed word on whose verdict was wrong.
func (c *Client) SettleLook(ctx context.Context, id string, d v1.LookDeed) (l v1.SecondLook, err error) {
	return l, c.change(ctx, http.MethodPost, v1.Base+"/looks/"+url.PathEscape(id)+"/settlement", nil, d, &l)
}

// DisputeLook hands in the signed answer of somebody whose verdict was found wrong.
func (c *Client) DisputeLook(ctx context.Context, id string, d v1.LookDeed) (l v1.SecondLook, err error) {
	return l, c.change(ctx, http.MethodPost, v1.Base+"/looks/"+url.PathEscape(id)+"/dispute", nil, d, &l)
}

// Calibrations returns the calibrations that the caller may read, those before one if it is named.
func (c *Client) Calibrations(ctx context.Context, cursor string) (p v1.Page[v1.Calibration], err error) {
	q := url.Values{}
	if cursor != "" {
		q.Set("cursor", cursor)
	}
	return p, c.get(ctx, v1.Base+"/calibrations", q, &p)
}

// Calibration returns a calibration.
func (c *Client) Calibration(ctx context.Context, id string) (out v1.Calibration, err error) {
	return out, c.get(ctx, v1.Base+"/calibrations/"+url.PathEscape(id), nil, &out)
}

// Calibrate hands in the signed order that makes a calibration.
func (c *Client) Calibrate(ctx context.Context, d v1.LookDeed) (out v1.Calibration, err error) {
	return out, c.change(ctx, http.MethodPost, v1.Base+"/calibrations", nil, d, &out)
}

// CloseCalibration hands in the signed order that ends a calibration.
func (c *Client) CloseCalibration(ctx context.Context, id string, d v1.LookDeed) (out v1.Calibration, err error) {
	return out, c.change(ctx, http.MethodPost, v1.Base+"/calibrations/"+url.PathEscape(id)+"/end", nil, d, &out)
}
