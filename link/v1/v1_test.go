package v1_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/ledger"
	"countersign.dev/ledger/proof"
	v1 "countersign.dev/link/v1"
	"countersign.dev/platform"
)

// TestWire: a desk and an executor of different builds speak to each other, so that the
// wire types are written as they always were.
func TestWire(t *testing.T) {
	at := canonical.At(time.Date(2026, 11, 23, 5, 39, 46, 0, time.UTC))
	subject := platform.Subject{Platform: "plaza", ID: "acct/17", Handle: "ann"}
	full := v1.Reading{Subject: subject, Sort: platform.Account, State: platform.State{Status: platform.Up, Rev: "1", Facts: map[platform.Fact]any{platform.FactFollowers: int64(7)}},
		Owner: &platform.State{Status: platform.Up}, Tier: actions.Critical, Why: []proof.Reason{{Policy: "p", Text: "t"}},
		Heights: map[string]proof.Height{"plaza:acct/17": {Tier: actions.Protected, At: at}}, Raised: actions.Critical, Confirmed: actions.Protected,
		Resolution: &actions.Resolution{Subject: subject, Executor: "e", At: at, Signature: canonical.Bytes("s")}}
	var lines []string
	for _, v := range []any{
		v1.Feed{}, v1.Feed{From: 1, Leaves: []string{"l"}, Checkpoint: "c",
			Bodies: []proof.ServedBody{{Index: 1, Body: canonical.Raw(`{}`), Salt: canonical.Bytes("s")}, {Body: canonical.Raw(`{}`), Sealed: []ledger.Opening{{Name: "n", Value: canonical.Raw("1")}}}}},
		v1.Reading{}, full,
		v1.ExecutorStatus{}, v1.ExecutorStatus{Watches: []v1.WatchStatus{{}, {Unranked: &proof.Unranked{}}}, Facts: map[string][]platform.Fact{"plaza": {platform.FactFollowers}}},
		v1.CarryResult{}, v1.TakeResult{At: at}, v1.DraftFacts{Clock: at},
	} {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, string(b)+"\n")
	}
	want, err := os.ReadFile("testdata/wire.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	for i, line := range strings.SplitAfter(string(want), "\n") {
		if i < len(lines) && lines[i] != line {
			t.Errorf("line %d is written as\n%swas\n%s", i+1, lines[i], line)
		}
	}
	if n := strings.Count(string(want), "\n"); n != len(lines) {
		t.Errorf("%d lines, were %d", len(lines), n)
	}
}
