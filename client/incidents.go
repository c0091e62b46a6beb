package client

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"countersign.dev/actions"
	v1 "countersign.dev/api/v1"
	"countersign.dev/fault"
	"countersign.dev/incident"
)

func incidentPath(id, rest string) string {
	return v1.Base + "/incidents/" + url.PathEscape(id) + rest
}

// Incidents lists incidents, newest first.
func (c *Client) Incidents(ctx context.Context, f v1.IncidentFilter) (p v1.Page[v1.Incident], err error) {
	q := values("status", string(f.Status), "platform", f.Platform, "subject", f.Subject, "cursor", f.Cursor, "limit", number(int64(f.Limit)))
	return p, c.get(ctx, v1.Base+"/incidents", q, &p)
}

// Incident returns an incident with its tasks.
func (c *Client) Incident(ctx context.Context, id string) (i v1.Incident, err error) {
	return i, c.get(ctx, incidentPath(id, ""), nil, &i)
}

// IncidentReport returns all that is known about an incident, and what the people
// involved did in the last days; 0 means the desk's default.
func (c *Client) IncidentReport(ctx context.Context, id string, days int) (r v1.IncidentReport, err error) {
	return r, c.get(ctx, incidentPath(id, "/report"), values("days", number(int64(days))), &r)
}

// IncidentRuling returns the ruling that a policy set would have made on the act of an
// incident, by the facts of that time.
func (c *Client) IncidentRuling(ctx context.Context, id string, files map[string]string) (r incident.Ruled, err error) {
	return r, c.ask(ctx, incidentPath(id, "/ruling"), v1.PolicyFiles{Files: files}, &r)
}

// Attribution says who is answerable for the act of an incident.
func (c *Client) Attribution(ctx context.Context, id string) (a incident.Attribution, err error) {
	return a, c.get(ctx, incidentPath(id, "/attribution"), nil, &a)
}

// IncidentBundle returns the exact bytes of an incident's bundle; see incident.Verify.
// Making it leaves an entry in the ledger.
func (c *Client) IncidentBundle(ctx context.Context, id string, personal bool) ([]byte, error) {
	var q url.Values
	if personal {
		q = values("personal", "true")
	}
	return c.send(ctx, call{method: http.MethodGet, path: incidentPath(id, "/bundle"), query: q})
}

// OpenIncident contests a request.
func (c *Client) OpenIncident(ctx context.Context, n v1.NewIncident) (i v1.Incident, err error) {
	return i, c.change(ctx, http.MethodPost, v1.Base+"/incidents", nil, n, &i)
}

// AssignTask gives a task of an incident to a worker.
func (c *Client) AssignTask(ctx context.Context, id string, n v1.NewTask) (i v1.Incident, err error) {
	return i, c.change(ctx, http.MethodPost, incidentPath(id, "/tasks"), nil, n, &i)
}

// FinishTask reports the result of the caller's task.
func (c *Client) FinishTask(ctx context.Context, id string, number int64, r v1.TaskResult) (i v1.Incident, err error) {
	return i, c.change(ctx, http.MethodPost, incidentPath(id, "/tasks/"+strconv.FormatInt(number, 10)+"/result"), nil, r, &i)
}

// ProposeFindings hands in findings and returns the change of the desk that
// closes the incident with them: draft, sign and submit it.
func (c *Client) ProposeFindings(ctx context.Context, id string, f v1.Findings) (r actions.Review, err error) {
	return r, c.change(ctx, http.MethodPost, incidentPath(id, "/findings"), nil, f, &r)
}

// Sightings lists the changes that the watch saw and restored, newest first.
func (c *Client) Sightings(ctx context.Context, f v1.SightingFilter) (p v1.Page[v1.Sighting], err error) {
	q := values("kind", f.Kind, "platform", f.Platform, "cursor", f.Cursor, "limit", number(int64(f.Limit)))
	return p, c.get(ctx, v1.Base+"/sightings", q, &p)
}

// Alarms lists alarms, newest first.
func (c *Client) Alarms(ctx context.Context, f v1.AlarmFilter) (p v1.Page[v1.Alarm], err error) {
	q := values("kind", f.Kind, "cursor", f.Cursor, "limit", number(int64(f.Limit)))
	return p, c.get(ctx, v1.Base+"/alarms", q, &p)
}

// FromNow as the place for Events begins after the newest alarm.
const FromNow int64 = -2

// Events calls each with every alarm after a place, as it is raised. The place is the
// Entry of the last alarm seen, or -1 for the beginning. After a broken connection Events
// goes on where it was, until ctx ends, each returns an error, or the desk refuses. If
// the desk's ledger ends before the place, since the desk was founded anew, Events calls
// BeginsAgain and goes on from the desk's first alarm.
func (c *Client) Events(ctx context.Context, place int64, each func(v1.Alarm) error) error {
	pause := c.Pause
	for {
		before := place
		err := c.events(ctx, &place, each)
		var stopped stop
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.As(err, &stopped):
			return stopped.error
		case fault.Is(err, "cursor-gone") && place >= 0:
			if c.BeginsAgain != nil {
				c.BeginsAgain(err)
			}
			place, pause = -1, c.Pause
			continue
		case err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && fault.KindOf(err) != fault.Unavailable:
			return err
		}
		if pause *= 2; place != before {
			pause = c.Pause
		}
		wait := time.NewTimer(min(pause, longestPause))
		select {
		case <-ctx.Done():
			wait.Stop()
			return context.Cause(ctx)
		case <-wait.C:
		}
	}
}

// longestPause is the longest wait before Events connects again.
const longestPause = 5 * time.Second

// stop wraps an error of each.
type stop struct{ error }

// events reads one connection's events. It returns io.ErrUnexpectedEOF when the
// connection ends.
func (c *Client) events(ctx context.Context, place *int64, each func(v1.Alarm) error) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+v1.Base+"/events", nil)
	if err != nil {
		return fault.New(fault.Invalid, "bad-address", "The desk cannot be called.").Because(err)
	}
	req.Header.Set("Accept", "text/event-stream, "+v1.ProblemType)
	if *place != FromNow {
		req.Header.Set("Last-Event-ID", strconv.FormatInt(*place, 10))
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return fault.New(fault.Unavailable, "unreachable", "The desk at %s cannot be reached; is it running?", c.base).Because(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		raw, err := io.ReadAll(io.LimitReader(res.Body, MaxAnswer))
		if err != nil {
			return fault.New(fault.Unavailable, "answer-lost", "The connection to the desk at %s broke while it answered.", c.base).Because(err)
		}
		return restore(res, raw)
	}
	var data bytes.Buffer
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(nil, maxEvent)
	for lines.Scan() {
		line := lines.Text()
		if text, ok := strings.CutPrefix(line, "data: "); ok {
			data.WriteString(text)
		}
		if line != "" || data.Len() == 0 {
			continue
		}
		var a v1.Alarm
		if err := json.Unmarshal(data.Bytes(), &a); err != nil {
			return fault.New(fault.Internal, "foreign-answer", "An event of the desk is not understood.").Because(err)
		}
		data.Reset()
		if err := each(a); err != nil {
			return stop{err}
		}
		*place = a.Entry
	}
	return io.ErrUnexpectedEOF
}

// maxEvent is the longest line of an event, in bytes.
const maxEvent = 1 << 20
