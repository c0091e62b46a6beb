package link

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"countersign.dev/ledger"
	"countersign.dev/ledger/proof"
	linkv1 "countersign.dev/link/v1"
)

// DeskSide is a desk as its executor sees it.
type DeskSide interface {
	Feed(ctx context.Context, from int64, wait time.Duration) (linkv1.Feed, error)
	Bodies(ctx context.Context, from, to int64) ([]proof.ServedBody, error)
	Record(ctx context.Context, r proof.SignedExecution) error
}

// Desk serves the desk to its executor, who has the token. failed is told of
// errors that are not shown to the other side.
func Desk(d DeskSide, token string, failed ...func(error)) http.Handler {
	s := newSurface(token, failed)
	s.handle("GET /executor/v1/feed", func(_ http.ResponseWriter, r *http.Request) (any, error) {
		from, err := number(r, "from")
		if err != nil {
			return nil, err
		}
		wait, err := waiting(r)
		if err != nil {
			return nil, err
		}
		return d.Feed(r.Context(), from, wait)
	})
	s.handle("GET /executor/v1/bodies", func(_ http.ResponseWriter, r *http.Request) (any, error) {
		from, err := number(r, "from")
		if err != nil {
			return nil, err
		}
		to, err := number(r, "to")
		if err != nil {
			return nil, err
		}
		return d.Bodies(r.Context(), from, to)
	})
	s.handle("POST /executor/v1/records", func(w http.ResponseWriter, r *http.Request) (any, error) {
		b, err := body(w, r, smallBody)
		if err != nil {
			return nil, err
		}
		var handed handedRecord
		if err := unmarshal(b, &handed); err != nil {
			return nil, err
		}
		record := handed.Record
		record.Openings = handed.Openings
		return nil, d.Record(r.Context(), record)
	})
	return s.mux
}

// DeskClient is a desk in another process. It implements executor.Desk.
type DeskClient struct{ caller }

// DialDesk returns a client of the desk at an address; see DialExecutor.
func DialDesk(address, token string) *DeskClient {
	return &DeskClient{newCaller(address, token, "desk")}
}

// Feed asks for the ledger from an index on.
func (c *DeskClient) Feed(ctx context.Context, from int64, wait time.Duration) (linkv1.Feed, error) {
	var f linkv1.Feed
	wait = min(max(wait, 0), longestWait)
	path := "/executor/v1/feed?from=" + strconv.FormatInt(from, 10) + "&wait=" + strconv.FormatInt(wait.Milliseconds(), 10)
	// A desk that has gone without a word is noticed a while after it should have answered.
	ctx, cancel := context.WithTimeout(ctx, wait+answerWait)
	defer cancel()
	err := c.send(ctx, http.MethodGet, path, nil, &f, feedBody)
	return f, err
}

// Bodies asks for what opens the leaves from an index on and before another.
func (c *DeskClient) Bodies(ctx context.Context, from, to int64) ([]proof.ServedBody, error) {
	var bodies []proof.ServedBody
	ctx, cancel := context.WithTimeout(ctx, answerWait)
	defer cancel()
	path := "/executor/v1/bodies?from=" + strconv.FormatInt(from, 10) + "&to=" + strconv.FormatInt(to, 10)
	err := c.send(ctx, http.MethodGet, path, nil, &bodies, feedBody)
	return bodies, err
}

// Record hands a record over.
func (c *DeskClient) Record(ctx context.Context, r proof.SignedExecution) error {
	ctx, cancel := context.WithTimeout(ctx, answerWait)
	defer cancel()
	return c.post(ctx, "/executor/v1/records", handedRecord{r, r.Openings}, nil, smallBody)
}

// handedRecord is a record with what opens its commitments beside it.
type handedRecord struct {
	Record   proof.SignedExecution `json:"record"`
	Openings []ledger.Opening      `json:"openings"`
}

// answerWait is how long the desk may take over what needs no waiting.
const answerWait = 30 * time.Second
