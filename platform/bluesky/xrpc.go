package bluesky

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"countersign.dev/fault"
)

// maxAnswer bounds the part of an answer that is read; a page of 1,000 accounts is 200
// KB.
const maxAnswer = 4 << 20

// params are the parameters of a query, in order; a name may occur several times.
type params [][2]string

// query asks the PDS and reads its answer into v. It changes nothing.
func (c *Connector) query(ctx context.Context, method string, p params, v any) error {
	body, err := c.fetch(ctx, method, p)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, v); err != nil {
		return unavailable("The PDS's answer to %s cannot be read.", method).Because(err)
	}
	return nil
}

// fetch asks the PDS and returns its answer unchanged.
func (c *Connector) fetch(ctx context.Context, method string, p params) ([]byte, error) {
	req, err := c.question(ctx, method, p)
	if err != nil {
		return nil, err
	}
	return c.send(req)
}

// question makes the request of a query.
func (c *Connector) question(ctx context.Context, method string, p params) (*http.Request, error) {
	q := url.Values{}
	for _, nv := range p {
		q.Add(nv[0], nv[1])
	}
	address := c.base + method
	if len(q) > 0 {
		address += "?" + q.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, fmt.Errorf("make a query of the PDS: %w", err)
	}
	return req, nil
}

// procedure makes the PDS change something. Its answer is not read, since it only echoes
// the input.
func (c *Connector) procedure(ctx context.Context, method string, input any) error {
	body, err := json.Marshal(input)
	if err != nil {
		return fmt.Errorf("write a call of the PDS: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+method, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("make a call of the PDS: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	_, err = c.send(req)
	return err
}

// send makes one call and sorts its outcome by the Connector contract: a fault of kind
// Unavailable if the PDS may have acted, any other if it refused.
func (c *Connector) send(req *http.Request) ([]byte, error) {
	res, err := c.do(req, c.client)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	return outcome(req, res)
}

// do sends a request in the administrator's name.
func (c *Connector) do(req *http.Request, client *http.Client) (*http.Response, error) {
	req.Header.Set("Authorization", c.authorization)
	req.Header.Set("Accept", "application/json, application/vnd.ipld.car")
	req.Header.Set("User-Agent", "countersign")
	res, err := client.Do(req)
	if err != nil {
		return nil, unavailable("The PDS at %s does not answer.", req.URL.Host).Because(err)
	}
	return res, nil
}

// outcome reads an answer and sorts it.
func outcome(req *http.Request, res *http.Response) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil && res.StatusCode == http.StatusOK {
		return nil, unavailable("The PDS's answer was cut off.").Because(err)
	}
	r := &refusal{status: res.StatusCode}
	xrpc := json.Unmarshal(body, &r.said) == nil && r.said.Error != ""
	r.name = r.said.Error
	switch status := res.StatusCode; {
	case status == http.StatusOK:
		return body, nil
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return nil, fault.New(fault.Forbidden, "platform-credentials",
			"The PDS at %s refuses the administrator's password that this platform was added with; add it again with the right one.", req.URL.Host).Because(r)
	case status == http.StatusTooManyRequests:
		return nil, throttled(res.Header.Get("Retry-After")).Because(r)
	case status == http.StatusRequestTimeout, status >= 500 && status != http.StatusNotImplemented:
		return nil, unavailable("The PDS at %s answers with an error of its own (%d).", req.URL.Host, status).Because(r)
	case xrpc && status >= 400 && status != http.StatusNotImplemented:
		return nil, fault.New(fault.Invalid, "platform-refused", "The PDS refuses this as %q.", clip(r.name)).Because(r)
	default:
		return nil, notPDS(r)
	}
}

// refusal is an XRPC error in the PDS's answer.
type refusal struct {
	status int
	name   string
	said   struct{ Error, Message string }
}

func (r *refusal) Error() string {
	return fmt.Sprintf("HTTP %d %s: %s", r.status, clip(r.name), clip(r.said.Message))
}

// asRefusal finds the PDS's own refusal in an error; nil if there is none.
func asRefusal(err error) *refusal {
	var r *refusal
	if errors.As(err, &r) && r.name != "" {
		return r
	}
	return nil
}

func clip(s string) string {
	if len(s) > 200 {
		s = s[:200]
	}
	return strings.ToValidUTF8(s, "")
}

func unavailable(format string, args ...any) *fault.Error {
	return fault.New(fault.Unavailable, "platform-unavailable", format, args...)
}

// notSent marks a failure to read before a change was sent, so that nobody has to find
// out the outcome of a change. A refusal says as much by itself.
func notSent(err error) error {
	if fault.KindOf(err) != fault.Unavailable {
		return err
	}
	return fault.New(fault.Unavailable, "not-sent", "%s Nothing was sent to it.", fault.TextOf(err)).Because(err)
}

// throttled carries the seconds to wait as a detail, for programs.
func throttled(after string) *fault.Error {
	seconds, err := strconv.Atoi(after)
	if err != nil || seconds < 0 {
		return fault.New(fault.Exhausted, "platform-throttled", "The PDS takes no more calls for now; try again later.")
	}
	return fault.New(fault.Exhausted, "platform-throttled", "The PDS takes no more calls for now; try again in %d s.", seconds).
		With(fault.Detail{At: "retry-after", Text: strconv.Itoa(seconds)})
}

func notPDS(cause error) *fault.Error {
	return fault.New(fault.Unsupported, "not-a-pds", "What answers there is not a Bluesky PDS; check its address.").Because(cause)
}
