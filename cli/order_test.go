package cli

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"countersign.dev/actions"
	v1 "countersign.dev/api/v1"
	"countersign.dev/canonical"
	linkv1 "countersign.dev/link/v1"
	"countersign.dev/platform"
	"countersign.dev/policy"
)

// deskFor serves a desk of one person, which drafts every change that is wished
// and holds every request, and returns the person's folder.
func deskFor(t *testing.T, status v1.Status, platforms ...v1.Platform) (dir string) {
	t.Helper()
	return deskSet(t, status, v1.Desk{}, platforms...)
}

// deskSet is deskFor, of a desk with settings.
func deskSet(t *testing.T, status v1.Status, settings v1.Desk, platforms ...v1.Platform) (dir string) {
	t.Helper()
	dir = t.TempDir()
	key := filepath.Join(dir, "my.key")
	if r := command(t, dir, "key", "make", key, "--worker", "ada"); r.code != Done {
		t.Fatalf("%+v", r)
	}
	k, err := ReadKey(key)
	if err != nil {
		t.Fatal(err)
	}
	me := identity{key: k, worker: "ada", origin: "desk.example.com/ledger"}
	answer := func(w http.ResponseWriter, doc any) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(canonical.MustMarshal(doc))
	}
	held := []v1.Request{}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+v1.Base+"/status", func(w http.ResponseWriter, _ *http.Request) { answer(w, status) })
	mux.HandleFunc("GET "+v1.Base+"/desk", func(w http.ResponseWriter, _ *http.Request) { answer(w, settings) })
	mux.HandleFunc("GET "+v1.Base+"/platforms", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, v1.Page[v1.Platform]{Items: append([]v1.Platform{}, platforms...)})
	})
	mux.HandleFunc("GET "+v1.Base+"/policy", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, v1.Policy{Files: policy.Default(), Digest: policy.DigestOf(policy.Default())})
	})
	mux.HandleFunc("POST "+v1.Base+"/drafts", func(w http.ResponseWriter, r *http.Request) {
		var wish v1.Wish
		if err := json.NewDecoder(r.Body).Decode(&wish); err != nil {
			t.Error(err)
		}
		change, err := actions.ParseChange(wish.Kind, wish.Change)
		if err != nil {
			t.Error(err)
			return
		}
		a := actions.Action{V: actions.ActionV1, Kind: wish.Kind, Subject: platform.Subject{Platform: actions.DeskPlatform, ID: change.Part()},
			Tier: actions.Critical, Direction: change.Direction(), Effect: actions.Reversible, Change: wish.Change, Reason: wish.Reason, Nonce: make([]byte, 16)}
		answer(w, v1.Draft{Action: a, Statement: statementFor(me, a, actions.VerdictRequest)})
	})
	mux.HandleFunc("POST "+v1.Base+"/requests", func(w http.ResponseWriter, r *http.Request) {
		var s v1.Submission
		if err := json.NewDecoder(r.Body).Decode(&s); err != nil {
			t.Error(err)
		}
		held = append(held, v1.Request{ID: someRequest, Requester: "ada", Status: actions.StatusHeld, Action: s.Action})
		answer(w, held[len(held)-1])
	})
	mux.HandleFunc("GET "+v1.Base+"/requests", func(w http.ResponseWriter, _ *http.Request) { answer(w, v1.Page[v1.Request]{Items: held}) })
	mux.HandleFunc("GET "+v1.Base+"/requests/"+someRequest, func(w http.ResponseWriter, _ *http.Request) { answer(w, held[0]) })
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	set, _ := json.Marshal(map[string]string{"url": server.URL, "token": "t", "key": key})
	if err := os.WriteFile(filepath.Join(dir, "client.json"), set, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestVouchedForLess: a person who vouches for the present states is warned of the
// subjects that are left out, and the order is placed all the same.
func TestVouchedForLess(t *testing.T) {
	swept := canonical.At(noon.Add(-time.Minute))
	some := &linkv1.WatchStatus{Platform: "plaza", Swept: swept, UnbasedProtected: 3, UnbasedCritical: 1}
	for name, c := range map[string]struct {
		watch   *linkv1.WatchStatus // nil: the executor does not answer
		tier    string
		vouched []string
		unbased any
		warning string
	}{
		"one":              {some, "critical", []string{"--vouched", "now"}, 1.0, "does not vouch for 1 critical subject of plaza."},
		"some":             {some, "protected", []string{"--vouched", "now"}, 3.0, "does not vouch for 3 protected subjects of plaza."},
		"none":             {&linkv1.WatchStatus{Platform: "plaza", Swept: swept, UnbasedProtected: 3}, "critical", []string{"--vouched", "now"}, 0.0, ""},
		"never swept":      {&linkv1.WatchStatus{Platform: "plaza"}, "critical", []string{"--vouched", "now"}, 0.0, "never saw all of plaza"},
		"another platform": {&linkv1.WatchStatus{Platform: "other", Swept: swept}, "critical", []string{"--vouched", "now"}, nil, "is not known"},
		"no executor":      {nil, "critical", []string{"--vouched", "now"}, nil, "is not known"},
		"by then":          {some, "critical", []string{"--vouched", "2026-11-20T00:00:00Z"}, "absent", ""},
		"nothing":          {some, "critical", nil, "absent", ""},
	} {
		t.Run(name, func(t *testing.T) {
			var status v1.Status
			if c.watch != nil {
				status.Executor = &v1.ExecutorStatus{Watches: []linkv1.WatchStatus{*c.watch}}
			}
			r := command(t, deskFor(t, status), append([]string{"order", "place", "plaza", c.tier, "--until", "90d", "--reason", "r", "--yes", "--json"}, c.vouched...)...)
			if r.code != Done {
				t.Fatalf("%+v", r)
			}
			doc := object(t, r.stdout)
			got, ok := doc["unbased"]
			if !ok {
				got = "absent"
			}
			if got != c.unbased || doc["id"] != someRequest {
				t.Errorf("unbased is %v: %s", got, r.stdout)
			}
			if warned := strings.Contains(r.stderr, "Warning"); warned != (c.warning != "") || !strings.Contains(r.stderr, c.warning) {
				t.Errorf("it says: %s", r.stderr)
			}
		})
	}
}

// TestRenewedOrderKeepsItsLayers: an order in the place of one in force covers the same
// layers unless the person names others, and the person and the countersigners read which.
func TestRenewedOrderKeepsItsLayers(t *testing.T) {
	order := func(inForce bool, layers ...actions.OrderLayer) v1.Desk {
		return v1.Desk{Orders: []v1.StandingOrder{
			{Platform: "plaza", Tier: actions.Critical, Until: canonical.At(noon.AddDate(0, 1, 0)), PerSubject: 20, PerTier: 200, Layers: layers, InForce: inForce},
			{Platform: "plaza", Tier: actions.Protected, Until: canonical.At(noon.AddDate(0, 1, 0)), PerSubject: 20, PerTier: 200, Layers: []actions.OrderLayer{actions.OrderLimit}, InForce: true},
		}}
	}
	all := actions.OrderLayers
	alone, kept := "This covers the visibility alone", "This covers what the order in force covers: label, limit and visibility."
	less := "covers: visibility, until now label, limit and visibility"
	for name, c := range map[string]struct {
		now    v1.Desk
		layers string
		says   []string
		not    []string
	}{
		"kept":            {order(true, all...), "", []string{kept}, []string{alone, "  covers:"}},
		"named the fewer": {order(true, all...), "visibility", []string{alone, less}, []string{kept}},
		"named the same":  {order(true, all...), "limit,label,visibility", nil, []string{alone, kept, "  covers:"}},
		"over":            {order(false, all...), "", []string{alone, less}, []string{kept}},
		"visibility":      {order(true, actions.OrderVisibility), "", []string{alone}, []string{kept, "  covers:"}},
		"none":            {v1.Desk{}, "", []string{alone}, []string{kept}},
	} {
		t.Run(name, func(t *testing.T) {
			line := []string{"order", "place", "plaza", "critical", "--until", "90d", "--reason", "r", "--yes"}
			if c.layers != "" {
				line = append(line, "--layers", c.layers)
			}
			r := command(t, deskSet(t, v1.Status{}, c.now), line...)
			if r.code != Done {
				t.Fatalf("%+v", r)
			}
			for _, want := range c.says {
				if !strings.Contains(r.stderr, want) {
					t.Errorf("%q is not in\n%s", want, r.stderr)
				}
			}
			for _, no := range c.not {
				if strings.Contains(r.stderr, no) {
					t.Errorf("%q is in\n%s", no, r.stderr)
				}
			}
		})
	}
}
