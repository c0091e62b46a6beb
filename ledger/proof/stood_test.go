package proof_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/ledger/proof"
	"countersign.dev/ledger/proof/prooftest"
	"countersign.dev/platform"
)

// tell enters a batch of one tier as the executor does, and returns it with its openings.
func tell(t *testing.T, w *prooftest.World, sequence int64, tier actions.Tier, ids ...string) proof.ServedBody {
	t.Helper()
	var openings []ledger.Opening
	var subjects []canonical.Digest
	for i, id := range ids {
		o, err := ledger.Field(proof.SealedNth(i), "plaza:"+id)
		must(t, err)
		o.Salt = canonical.Bytes(strings.Repeat(string(rune('a'+i)), 32))
		d, err := o.Commitment()
		must(t, err)
		openings, subjects = append(openings, o), append(subjects, d)
	}
	now := canonical.At(w.Now())
	r := proof.Execution{V: proof.ExecutionV1, Executor: prooftest.ExecutorID, Sequence: sequence, Kind: proof.KindTiers, Duty: proof.DutyWatch,
		Request: strings.Replace(w.NewRequestID(), proof.RequestPrefix, proof.BreachPrefix, 1), At: now, Text: "The account has a million followers or more.",
		Sight: &proof.Sight{Platform: "plaza", Tier: tier, Seen: now, Why: "tiers.plaza.2", Count: int64(len(ids)), Root: proof.TiersRoot(tier, subjects), Chain: w.State().Next}}.Sign(w.ExecutorKey)
	r.Openings = openings
	must(t, w.Record(r))
	all := w.Entries()
	e := all[len(all)-1]
	return proof.ServedBody{Index: e.Index, Body: canonical.Raw(e.BodyBytes), Salt: e.Salt, Sealed: openings}
}

// TestWarrantBelowItsTier: whoever holds the ledger finds a warrant that one person made
// of a subject which rules had once raised, or people, although the warrant itself says
// that it was standard.
func TestWarrantBelowItsTier(t *testing.T) {
	w := prooftest.Staffed(t)
	alone := func() []byte {
		t.Helper()
		return w.Warrant(w.Request("ann", actions.AccountTakedown, prooftest.Account("acct/9"), actions.Standard))
	}
	before := alone()
	w.Advance(time.Hour)
	batch := tell(t, w, 0, actions.Critical, "acct/8", "acct/9")
	atOnce := alone()
	w.Advance(2 * time.Minute)
	after := alone()
	must(t, do(w, actions.DeskChange, actions.Setting{Of: actions.PartTiers, Raise: &actions.Raise{
		Subject: platform.Subject{Platform: "plaza", ID: "acct/9"}, From: actions.Standard, To: actions.Standard, Fall: actions.Critical}}, "ada", "bea", "cem"))
	fallen := alone()
	must(t, do(w, actions.DeskChange, raise("acct/9", actions.Standard, actions.Protected), "ada"))
	raised := alone()

	closed := batch
	closed.Sealed = batch.Sealed[:1]
	lie := batch
	lie.Index-- // another entry's place
	for name, c := range map[string]struct {
		warrant   []byte
		tiers     []proof.ServedBody
		typ, text string
	}{
		"made before":                            {before, []proof.ServedBody{batch}, "", "no entries were at hand"},
		"made while it was read":                 {atOnce, []proof.ServedBody{batch}, "", "1 entries"},
		"made after":                             {after, []proof.ServedBody{batch}, "lower-tier", "plaza:acct/9 was critical"},
		"made after, nothing at hand":            {after, nil, "", "no entries were at hand"},
		"made after, its name is not at hand":    {after, []proof.ServedBody{closed}, "", "names of 1 subjects"},
		"made after, a batch of another place":   {after, []proof.ServedBody{lie}, "mismatch", ""},
		"made after its fall":                    {fallen, []proof.ServedBody{batch}, "", "1 entries"},
		"made after people raised it":            {raised, nil, "bad-ruling", "raised to protected"},
		"made after its fall, and raised again ": {raised, []proof.ServedBody{batch}, "bad-ruling", "raised to protected"},
	} {
		served := w.Served()
		served.Tiers = c.tiers
		r, err := proof.NewVerifier(proof.Trust{Root: w.Root}).Chain(c.warrant, served)
		switch {
		case c.typ == "mismatch":
			if err == nil || fault.TypeOf(err) == "lower-tier" {
				t.Errorf("%s: it was believed: %v", name, err)
			}
		case (err == nil) != (c.typ == "") || err != nil && fault.TypeOf(err) != c.typ:
			t.Errorf("%s: %v", name, err)
		case err == nil && !strings.Contains(r.Tiers, c.text), err != nil && !strings.Contains(err.Error(), c.text):
			t.Errorf("%s: %q, %v", name, r.Tiers, err)
		}
	}
}

// TestForgedBatch: a batch of tiers seals exactly the subjects that the executor signed,
// each under its own place: neither the executor nor a desk passes off others.
func TestForgedBatch(t *testing.T) {
	w := prooftest.Staffed(t)
	given := tell(t, w, 0, actions.Critical, "acct/8", "acct/9")
	body, err := ledger.ParseBody(given.Body)
	must(t, err)
	signed, err := proof.ParseExecution(body)
	must(t, err)
	another, err := ledger.Field(proof.SealedNth(1), "plaza:acct/7")
	must(t, err)
	another.Salt = given.Sealed[1].Salt
	third, err := ledger.Field(proof.SealedNth(2), "plaza:acct/7")
	must(t, err)
	third.Salt = given.Sealed[1].Salt
	swapped := slices.Clone(given.Sealed)
	swapped[0].Name, swapped[1].Name = swapped[1].Name, swapped[0].Name
	for name, openings := range map[string][]ledger.Opening{"one is missing": given.Sealed[:1], "one too many": append(slices.Clip(given.Sealed), third),
		"another subject": {given.Sealed[0], another}, "other places": swapped, "another order": {given.Sealed[1], given.Sealed[0]}} {
		signed.Openings = openings
		if err := signed.CheckOpenings(); fault.TypeOf(err) != "bad-record" {
			t.Errorf("%s: the record's openings are taken: %v", name, err)
		}
		if name == "one is missing" {
			if heights, hidden, err := proof.TiersOf(body, openings); err != nil || hidden != 1 || len(heights) != 1 {
				t.Errorf("%s: it tells of %v, and hides %d, %v", name, heights, hidden, err)
			}
			continue
		}
		if heights, _, err := proof.TiersOf(body, openings); (fault.TypeOf(err) != "broken-chain") != (name == "another order") {
			t.Errorf("%s: it tells of %v, %v", name, heights, err)
		}
	}
	signed.Openings = given.Sealed
	must(t, signed.CheckOpenings())
	commitment, err := third.Commitment()
	must(t, err)
	for name, edit := range map[string]func(map[string]canonical.Digest){
		"seals one more":     func(m map[string]canonical.Digest) { m[proof.SealedNth(2)] = commitment },
		"seals one less":     func(m map[string]canonical.Digest) { delete(m, proof.SealedNth(1)) },
		"seals another name": func(m map[string]canonical.Digest) { m[proof.SealedNth(1)] = commitment },
	} {
		lie := body
		lie.Sealed = maps.Clone(body.Sealed)
		edit(lie.Sealed)
		if heights, _, err := proof.TiersOf(lie, nil); fault.TypeOf(err) != "broken-chain" {
			t.Errorf("an entry that %s: %v, %v", name, heights, err)
		}
	}
}
