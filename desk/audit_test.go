package desk_test

import (
	"strings"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/desk/desktest"
	"countersign.dev/ledger"
	"countersign.dev/ledger/entry"
	"countersign.dev/ledger/proof"
)

// auditOf reads the ledger of a town as an auditor does.
func auditOf(t *testing.T, to *desktest.Town) proof.Audited {
	t.Helper()
	key, err := ledger.ParseVerifierKey(to.LogKey.VerifierKey())
	if err != nil {
		t.Fatal(err)
	}
	read := func(from int64) ([]proof.ServedBody, error) {
		return to.LedgerBodies(t.Context(), desktest.As("eva"), from, 7)
	}
	served := proof.Served{Fetch: func(path string) ([]byte, error) {
		page, err := to.Ledger().Read(t.Context(), path)
		return page.Data, err
	}, Bodies: func(from int64) ([]proof.ServedBody, error) {
		for {
			some, err := read(from)
			if err != nil || len(some) == 0 {
				return nil, err
			}
			var chain []proof.ServedBody
			for _, b := range some {
				if strings.Contains(string(b.Body), `"class":"governance"`) {
					chain = append(chain, b)
				}
			}
			if len(chain) > 0 {
				return chain, nil
			}
			from = some[len(some)-1].Index + 1
		}
	}}
	_, _, out, err := proof.Audit(proof.Trust{Root: to.Root}, key, served, read, nil)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestAuditNamesWhatNobodySigned: an evening's work passes, under sessions and with own
// keys; an act that somebody entered for a person is named, and so is a session that no key
// certified.
func TestAuditNamesWhatNobodySigned(t *testing.T) {
	desktest.Each(t, func(t *testing.T, o desktest.Options) {
		to := desktest.NewTown(t, o)
		s, key := to.Session("ann")
		if _, err := to.Desk.StartSession(t.Context(), desktest.As("ann"), s); err != nil {
			t.Fatal(err)
		}
		wish := desktest.Wish(actions.AccountTakedown, "plaza:@neighbour")
		wish.Session, wish.Reason = s.Session.Digest(), "spam"
		d, err := to.Draft(t.Context(), desktest.As("ann"), wish)
		if err != nil {
			t.Fatal(err)
		}
		r, err := to.Desk.Request(t.Context(), desktest.As("ann"), desktest.Under(key, d))
		if err != nil {
			t.Fatal(err)
		}
		to.Settled("ann", r)
		held := heldRequest(t, to)
		to.Countersign(held.ID, "lee")
		if _, err := to.TryWithdraw("ann", held.ID, held.Version+1); err != nil {
			t.Fatal(err)
		}
		good := auditOf(t, to)
		if len(good.Unsigned) != 0 || good.Acts < 4 || good.Sessions != 1 {
			t.Fatalf("%+v", good)
		}
		to.Clock().Advance(time.Minute)
		enter(t, to, entry.KindCountersign, entry.Verdict{Request: held.ID, Signed: actions.Signed{Statement: actions.Statement{V: actions.StatementV2, Request: held.ID, Verdict: actions.VerdictCountersign, Signer: "kim"}}})
		enter(t, to, entry.KindWithdraw, entry.End{Request: held.ID, Worker: "ann"})
		forged, _ := to.Session("bob")
		forged.Session.Worker = "ann"
		enter(t, to, entry.KindSession, forged)
		bad := auditOf(t, to)
		var kinds []string
		for _, u := range bad.Unsigned {
			kinds = append(kinds, u.Kind+" "+u.Type)
		}
		if got, want := strings.Join(kinds, ", "), "countersign foreign-log, withdraw unsigned, session unknown-key"; got != want {
			t.Errorf("named %s, want %s", got, want)
		}
	})
}
