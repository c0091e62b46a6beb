package link

import (
	"context"
	"io"
	"net/http"
	"strconv"
	"time"

	"countersign.dev/canonical"
	"countersign.dev/ledger/proof"
	linkv1 "countersign.dev/link/v1"
	"countersign.dev/platform"
)

// ExecutorSide is an executor as the desk sees it.
type ExecutorSide interface {
	Read(ctx context.Context, s platform.Subject) (linkv1.Reading, error)
	Vouch(ctx context.Context, s platform.Subject) (linkv1.Reading, error)
	Evidence(ctx context.Context, s platform.Subject) (platform.Evidence, error)
	Picture(ctx context.Context, s platform.Subject, name string) (io.ReadCloser, error)
	Preserve(ctx context.Context, s platform.Subject, until canonical.Time) error
	Carry(ctx context.Context, warrant []byte, wait time.Duration) (linkv1.CarryResult, error)
	Status() linkv1.ExecutorStatus
	Take(ctx context.Context, a proof.Authority) (linkv1.TakeResult, error)
	Facts() (linkv1.DraftFacts, error)
}

// Executor serves an executor to the desk, which has the token desk, and to people on
// call, who have the token onCall: they reach only the routes by which somebody hands a
// signed change straight to the executor. onCall may be empty. failed is told of errors
// that are not shown to the other side.
func Executor(e ExecutorSide, desk, onCall string, failed ...func(error)) http.Handler {
	s := newSurface(desk, failed)
	for route, read := range map[string]func(context.Context, platform.Subject) (linkv1.Reading, error){"POST /v1/read": e.Read, "POST /v1/vouch": e.Vouch} {
		s.handle(route, func(w http.ResponseWriter, r *http.Request) (any, error) {
			b, err := body(w, r, smallBody)
			if err != nil {
				return nil, err
			}
			var subject platform.Subject
			if err := unmarshal(b, &subject); err != nil {
				return nil, err
			}
			return read(r.Context(), subject)
		})
	}
	s.handle("POST /v1/evidence", func(w http.ResponseWriter, r *http.Request) (any, error) {
		b, err := body(w, r, smallBody)
		if err != nil {
			return nil, err
		}
		var subject platform.Subject
		if err := unmarshal(b, &subject); err != nil {
			return nil, err
		}
		return e.Evidence(r.Context(), subject)
	})
	s.handle("POST /v1/evidence/picture", func(w http.ResponseWriter, r *http.Request) (any, error) {
		b, err := body(w, r, smallBody)
		if err != nil {
			return nil, err
		}
		var asked askedPicture
		if err := unmarshal(b, &asked); err != nil {
			return nil, err
		}
		return e.Picture(r.Context(), asked.Subject, asked.Name)
	})
	s.handle("POST /v1/preserve", func(w http.ResponseWriter, r *http.Request) (any, error) {
		b, err := body(w, r, smallBody)
		if err != nil {
			return nil, err
		}
		var asked askedPreservation
		if err := unmarshal(b, &asked); err != nil {
			return nil, err
		}
		return struct{}{}, e.Preserve(r.Context(), asked.Subject, asked.Until)
	})
	s.handle("POST /v1/carry", func(w http.ResponseWriter, r *http.Request) (any, error) {
		b, err := body(w, r, proof.MaxWarrant)
		if err != nil {
			return nil, err
		}
		wait, err := waiting(r)
		if err != nil {
			return nil, err
		}
		return e.Carry(r.Context(), b, wait)
	})
	s.handle("POST /v1/take", func(w http.ResponseWriter, r *http.Request) (any, error) {
		b, err := body(w, r, smallBody)
		if err != nil {
			return nil, err
		}
		var a proof.Authority
		if err := unmarshal(b, &a); err != nil {
			return nil, err
		}
		return e.Take(r.Context(), a)
	}, onCall)
	s.handle("GET /v1/draft-facts", func(http.ResponseWriter, *http.Request) (any, error) { return e.Facts() }, onCall)
	s.handle("GET /v1/status", func(http.ResponseWriter, *http.Request) (any, error) { return e.Status(), nil })
	return s.mux
}

// ExecutorClient is an executor in another process.
type ExecutorClient struct{ caller }

// DialExecutor returns a client of the executor at an address, unix:/path or
// http://127.0.0.1:PORT. Nothing is sent yet; a bad address is the error of each call.
func DialExecutor(address, token string) *ExecutorClient {
	return &ExecutorClient{newCaller(address, token, "executor")}
}

// Read reads a subject through the executor.
func (c *ExecutorClient) Read(ctx context.Context, s platform.Subject) (linkv1.Reading, error) {
	return c.read(ctx, "/v1/read", s)
}

// Vouch is Read with the executor's signed word on who the subject is.
func (c *ExecutorClient) Vouch(ctx context.Context, s platform.Subject) (linkv1.Reading, error) {
	return c.read(ctx, "/v1/vouch", s)
}

func (c *ExecutorClient) read(ctx context.Context, path string, s platform.Subject) (linkv1.Reading, error) {
	var r linkv1.Reading
	if err := c.post(ctx, path, s, &r, smallBody); err != nil {
		return linkv1.Reading{}, err
	}
	whole(r.State.Facts)
	if r.Owner != nil {
		whole(r.Owner.Facts)
	}
	return r, nil
}

// askedPicture names a picture of a subject.
type askedPicture struct {
	Subject platform.Subject `json:"subject"`
	Name    string           `json:"name"`
}

// askedPreservation is what a platform is asked to preserve.
type askedPreservation struct {
	Subject platform.Subject `json:"subject"`
	Until   canonical.Time   `json:"until"`
}

// Preserve asks a platform to keep a subject until a time.
func (c *ExecutorClient) Preserve(ctx context.Context, s platform.Subject, until canonical.Time) error {
	var nothing struct{}
	return c.post(ctx, "/v1/preserve", askedPreservation{s, until}, &nothing, smallBody)
}

// Evidence asks what a subject shows. The answer is within its bounds, whatever the
// executor says.
func (c *ExecutorClient) Evidence(ctx context.Context, s platform.Subject) (platform.Evidence, error) {
	var e platform.Evidence
	if err := c.post(ctx, "/v1/evidence", s, &e, platform.MaxEvidence); err != nil {
		return platform.Evidence{}, err
	}
	return e.Bound(), nil
}

// Picture opens the bytes of a picture by the name that Evidence gave it.
func (c *ExecutorClient) Picture(ctx context.Context, s platform.Subject, name string) (io.ReadCloser, error) {
	return c.open(ctx, "/v1/evidence/picture", askedPicture{s, name})
}

// whole gives numbers back the type that they had before JSON.
func whole(facts map[platform.Fact]any) {
	for f, v := range facts {
		if n, ok := v.(float64); ok && n == float64(int64(n)) {
			facts[f] = int64(n)
		}
	}
}

// Carry hands a warrant to the executor.
func (c *ExecutorClient) Carry(ctx context.Context, warrant []byte, wait time.Duration) (linkv1.CarryResult, error) {
	var r linkv1.CarryResult
	wait = min(max(wait, 0), longestWait)
	err := c.send(ctx, http.MethodPost, "/v1/carry?wait="+strconv.FormatInt(wait.Milliseconds(), 10), warrant, &r, smallBody)
	return r, err
}

// Take hands a change of the desk straight to the executor.
func (c *ExecutorClient) Take(ctx context.Context, a proof.Authority) (linkv1.TakeResult, error) {
	var r linkv1.TakeResult
	ctx, cancel := context.WithTimeout(ctx, answerWait)
	defer cancel()
	err := c.post(ctx, "/v1/take", a, &r, smallBody)
	return r, err
}

// Facts asks for what must be known to sign a change without the desk.
func (c *ExecutorClient) Facts() (linkv1.DraftFacts, error) {
	ctx, cancel := context.WithTimeout(context.Background(), statusWait)
	defer cancel()
	var f linkv1.DraftFacts
	err := c.send(ctx, http.MethodGet, "/v1/draft-facts", nil, &f, smallBody)
	return f, err
}

// statusWait is how long Status waits for an answer.
const statusWait = 5 * time.Second

// Status asks the executor how it is. One that does not answer says so itself.
func (c *ExecutorClient) Status() linkv1.ExecutorStatus {
	ctx, cancel := context.WithTimeout(context.Background(), statusWait)
	defer cancel()
	s, err := c.Ask(ctx)
	if err != nil {
		return linkv1.ExecutorStatus{Stopped: "The executor does not answer."}
	}
	return s
}

// Ask is Status with its error.
func (c *ExecutorClient) Ask(ctx context.Context) (linkv1.ExecutorStatus, error) {
	var s linkv1.ExecutorStatus
	err := c.send(ctx, http.MethodGet, "/v1/status", nil, &s, smallBody)
	return s, err
}
