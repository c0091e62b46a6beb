package client_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	v1 "countersign.dev/api/v1"
	"countersign.dev/canonical"
	"countersign.dev/client"
	"countersign.dev/fault"
)

// answering is a desk that answers every request in the same way.
func answering(status int, mediaType string, body any) *httptest.Server {
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", mediaType)
		w.WriteHeader(status)
		_, _ = w.Write(canonical.MustMarshal(body))
	}))
}

// Anybody may ask how a desk is; all else needs a token.
func ExampleClient_Status() {
	desk := answering(http.StatusOK, "application/json",
		v1.Status{Origin: "desk.example.com/ledger", Ledger: v1.LedgerStatus{Size: 1066}})
	defer desk.Close()

	c, err := client.New(desk.URL, "", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	s, err := c.Status(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(s.Origin, "has", s.Ledger.Size, "entries")
	// Output: desk.example.com/ledger has 1066 entries
}

// A refusal comes back as a fault: its kind says what to do in a program, its type is
// stable, and its text is for a person.
func ExampleClient_Request_refused() {
	desk := answering(http.StatusNotFound, v1.ProblemType, v1.Problem{Type: v1.ProblemBase + "no-such-request",
		Title: "no-such-request", Status: http.StatusNotFound, Kind: fault.NotFound.String(), Detail: `There is no request "req_1".`})
	defer desk.Close()

	c, err := client.New(desk.URL, "csgn_secret", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = c.Request(context.Background(), "req_1")
	fmt.Println(fault.KindOf(err) == fault.NotFound, fault.TypeOf(err))
	fmt.Println(fault.TextOf(err))
	// Output:
	// true no-such-request
	// There is no request "req_1".
}
