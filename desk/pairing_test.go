package desk_test

import (
	"fmt"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/desk/desktest"
	"countersign.dev/fault"
	"countersign.dev/workforce"
)

// TestPairing: a browser's sign-in waits under a code for one session of its worker, certified with
// the worker's own key for the browser's key, for five minutes.
func TestPairing(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		to := desktest.NewTown(t, o)
		session, _ := to.Session("ann")
		key := session.Session.SessionKey
		p, err := to.Pair(t.Context(), "ann", key)
		if err != nil || len(p.Code) != 8 {
			t.Fatal(p, err)
		}
		if _, ok, err := to.TakePairing(t.Context(), p.Code); ok || err != nil {
			t.Errorf("before it is certified: %t, %v", ok, err)
		}
		if got, err := to.Pairing(t.Context(), p.Code); err != nil || got.Worker != "ann" || got.Key.Words() != key.Words() {
			t.Errorf("under the code waits %+v: %v", got, err)
		}
		refused := func(what string, s actions.SignedSession, want string) {
			t.Helper()
			if err := to.CertifyPairing(t.Context(), p.Code, s); !fault.Is(err, want) {
				t.Errorf("%s: %v, want %s", what, err, want)
			}
		}
		other, _ := to.Session("ann")
		refused("for another browser's key", other, "bad-session")
		foreign, _ := to.Session("bob", func(s *actions.Session) { s.SessionKey = key })
		refused("of somebody else", foreign, "bad-session")
		unsigned := session
		unsigned.Signature = foreign.Signature
		refused("signed by somebody else", unsigned, "bad-signature")
		if err := to.CertifyPairing(t.Context(), p.Code, session); err != nil {
			t.Fatal(err)
		}
		refused("a second time", session, "pairing-used")
		got, ok, err := to.TakePairing(t.Context(), p.Code)
		if err != nil || !ok || got.Session.Digest() != session.Session.Digest() {
			t.Fatalf("the browser takes %+v: %t, %v", got, ok, err)
		}
		if _, _, err := to.TakePairing(t.Context(), p.Code); !fault.Is(err, "no-pairing") {
			t.Errorf("taken twice: %v", err)
		}

		late, err := to.Pair(t.Context(), "ann", key)
		if err != nil {
			t.Fatal(err)
		}
		to.Clock().Advance(5 * time.Minute)
		if _, err := to.Pairing(t.Context(), late.Code); !fault.Is(err, "no-pairing") {
			t.Errorf("after five minutes: %v", err)
		}
		for range 5 {
			if _, err := to.Pair(t.Context(), "kim", key); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := to.Pair(t.Context(), "kim", key); !fault.Is(err, "too-many-pairings") {
			t.Errorf("the sixth of one worker: %v", err)
		}
		for i := range 995 {
			if _, err := to.Pair(t.Context(), workforce.WorkerID(fmt.Sprint("w", i)), key); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := to.Pair(t.Context(), "bob", key); !fault.Is(err, "too-many-pairings") {
			t.Errorf("one too many of all: %v", err)
		}
		if _, err := to.Pair(t.Context(), "bob", actions.SessionKey{Algorithm: "rsa", Public: key.Public}); !fault.Is(err, "bad-session") {
			t.Errorf("a key of another kind: %v", err)
		}
	})
}
