package desk_test

import (
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/desk/alarms"
	"countersign.dev/desk/desktest"
	"countersign.dev/desk/incidents"
	"countersign.dev/ledger/entry"
	"countersign.dev/ledger/proof"
)

// oldFolder is what testdata/one-layer holds of a desk: its database on SQLite, as the program
// of the last commit that knew one layer of a subject alone left it, the keys of its people, and
// what that program said of it. Nobody writes it again: a desk goes on with the folder that
// it has.
type oldFolder struct {
	Kept desktest.Kept         `json:"kept"`
	Now  canonical.Time        `json:"now"`
	Says map[string]oldRequest `json:"says"` // by request
}

// oldRequest is what a desk says of a request.
type oldRequest struct {
	Action  canonical.Digest `json:"action"`
	Status  actions.Status   `json:"status"`
	Outcome string           `json:"outcome"`
	Version int64            `json:"version"`
	Warrant canonical.Digest `json:"warrant,omitzero"`
	By      string           `json:"by"`
}

func unzipped(t *testing.T, path string) []byte {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// said reads what a desk says of each request in its ledger, and verifies each warrant.
func said(t *testing.T, w *desktest.World) map[string]oldRequest {
	t.Helper()
	all := map[string]oldRequest{}
	for _, e := range since(t, w, 0) {
		if e.Body.Kind != entry.KindRequest {
			continue
		}
		var asked entry.Request
		if err := canonical.UnmarshalExact(e.Body.Data, &asked); err != nil {
			t.Fatal(err)
		}
		by := desktest.As(asked.Signed.Statement.Signer)
		r, err := w.RequestByID(t.Context(), by, asked.Request)
		if err != nil {
			t.Fatalf("%s: %v", asked.Request, err)
		}
		is := oldRequest{Action: r.Action.Digest(), Status: r.Status, Outcome: r.Outcome, Version: r.Version, By: string(r.Requester())}
		if raw, err := w.Warrant(t.Context(), by, r.ID); err == nil {
			v, err := proof.Verify(raw, proof.Trust{Root: w.Root})
			if err != nil {
				t.Errorf("the warrant of %s: %v", r.ID, err)
			}
			is.Warrant = v.Warrant.Digest()
		}
		all[r.ID] = is
	}
	return all
}

// TestOldFolder: a desk opens the folder of a desk of before, and says of each request and
// warrant what was said then; its ledger, incident and alarms are there, and people go on.
func TestOldFolder(t *testing.T) {
	var old oldFolder
	if err := json.Unmarshal(unzipped(t, "testdata/one-layer/desk.json.gz"), &old); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "desk.db")
	if err := os.WriteFile(path, unzipped(t, "testdata/one-layer/desk.db.gz"), 0o600); err != nil {
		t.Fatal(err)
	}
	old.Kept.URL = "sqlite:" + path
	w := desktest.Reopen(t, old.Kept, desktest.Options{})
	w.Clock().Hold()
	w.Clock().Advance(old.Now.Sub(w.Clock().Now()) + time.Second)
	if _, err := w.Store.Audit(t.Context()); err != nil {
		t.Errorf("the ledger of the folder: %v", err)
	}
	now := said(t, w)
	if len(now) != len(old.Says) || len(now) < 5 {
		t.Errorf("there are %d requests, and were %d", len(now), len(old.Says))
	}
	warrants, held := 0, ""
	for id, was := range old.Says {
		if now[id] != was {
			t.Errorf("of %s the desk says\n%+v\nand said\n%+v", id, now[id], was)
		}
		if !was.Warrant.IsZero() {
			warrants++
		}
		if was.Status == actions.StatusHeld {
			held = id
		}
	}
	if warrants < 3 || held == "" {
		t.Errorf("there are %d warrants, and the request that is held is %q", warrants, held)
	}
	is := opened(t, w, incidents.Filter{})
	if len(is) != 1 {
		t.Fatalf("%d incidents", len(is))
	}
	export(t, w, is[0].ID, true)
	if as, _, err := w.Alarms(t.Context(), desktest.As("kim"), alarms.Filter{}); err != nil || len(as) == 0 {
		t.Errorf("%d alarms, %v", len(as), err)
	}
	r, err := w.RequestByID(t.Context(), desktest.As("ann"), held)
	if err != nil {
		t.Fatal(err)
	}
	if r, err = w.TryWithdraw("ann", held, r.Version); err != nil || r.Status != actions.StatusWithdrawn {
		t.Errorf("the request that was held is %s, %v", r.Status, err)
	}
	w.Change(actions.DeskEngagement, actions.Engagement{Op: "end", Worker: "sue"})
}
