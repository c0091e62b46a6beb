package web_test

import (
	"bytes"
	"encoding/hex"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/ledger/proof"
	"countersign.dev/platform"
	"countersign.dev/test/testenv"
	"countersign.dev/wording"
)

var vectors = flag.Bool("vectors", false, "write the vectors of the scripts' tests anew")

// TestScripts runs the tests of the scripts of the pages in node.
func TestScripts(t *testing.T) { testenv.NodeTests(t, "static") }

// deedVector is a deed's text with what its document holds in its place.
type deedVector struct {
	What       actions.DeedKind `json:"what"`
	Webhook    string           `json:"webhook"`
	Secret     string           `json:"secret"`
	Salt       canonical.Bytes  `json:"salt"`
	Text       string           `json:"text"`
	Field      string           `json:"field"`
	Commitment canonical.Digest `json:"commitment"`
}

// TestDeedVectors: the script writes the text of a deed that declares a channel, and seals it, as Go
// does. The vectors are written as those of TestVerdictVectors.
func TestDeedVectors(t *testing.T) {
	var lines [][]byte
	for _, c := range [][2]string{{"", ""}, {"https://hooks.example/bob?key=a&b=1", "whsec_" + strings.Repeat("QUJD", 8)}, {"https://b\u00fccher.example/\u4f8b\"<", "whsec_" + strings.Repeat("AAAA", 8)}} {
		v := deedVector{What: actions.DeedChannel, Webhook: c[0], Secret: c[1], Salt: bytes.Repeat([]byte{9}, 32), Text: actions.ChannelText(c[0], c[1]), Field: actions.DeedChannel.SealedBy()}
		var err error
		if v.Commitment, err = proof.Sealing(v.What, v.Text, v.Salt).Commitment(); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, canonical.MustMarshal(v))
	}
	vectorsAre(t, "testdata/deed.json", lines)
}

// verdictVector is an action as Go words it, with the statement that countersigns it.
type verdictVector struct {
	Action    actions.Action    `json:"action"`
	Digest    canonical.Digest  `json:"digest"`
	Sentence  string            `json:"sentence"`
	Facts     map[string]string `json:"facts"` // as the page of the request shows them
	Life      int64             `json:"life"`  // seconds for which a statement may be open
	Asked     actions.Statement `json:"asked"`
	Statement actions.Statement `json:"statement"`
	Challenge string            `json:"challenge"`
}

// TestVerdictVectors: the script words and hashes each kind of act as Go does. It reads the same
// vectors, which are written with
//
//	go test ./web -run TestVerdictVectors -vectors
func TestVerdictVectors(t *testing.T) {
	now := canonical.At(time.Date(2026, 11, 23, 5, 39, 46, 0, time.UTC))
	var all []verdictVector
	for _, spec := range actions.Catalogue() {
		for _, handle := range []string{"@singer", "@\u00fcmit.\u4f8b", ""} {
			a := actions.Action{V: actions.ActionV2, Kind: spec.Kind, Direction: spec.Direction, Tier: actions.Protected, Reason: "Because.\nIndeed.", Change: canonical.Raw("{}"),
				Nonce: bytes.Repeat([]byte{7}, 16), Subject: platform.Subject{Platform: "plaza", ID: "acct/2", Handle: handle}}
			if spec.Desk {
				a.Subject = platform.Subject{Platform: actions.DeskPlatform, ID: "policy"}
			} else {
				layer, err := spec.Layer(map[bool]string{true: "spam"}[spec.Labels()])
				if err != nil {
					t.Fatal(err)
				}
				a.Command.Layer = layer
			}
			if spec.Timed {
				a.Until = canonical.At(now.Add(72 * time.Hour))
			}
			if handle == "" {
				a.Tier = actions.Critical
			}
			st := actions.Statement{V: actions.StatementV2, Log: "desk.example", Founding: canonical.Sum([]byte("entry 0")), Request: "req_06h2ykhqp5mwmms22jysspezbg", Action: a.Digest(),
				Verdict: actions.VerdictRequest, Policy: canonical.Sum([]byte("policy")), Signer: "ann", Key: "key_1", Executor: map[bool]string{true: proof.DeskExecutor, false: "exec-1"}[spec.Desk],
				Nonce: bytes.Repeat([]byte{1}, 32), NotBefore: now, Expires: canonical.At(now.Add(proof.Validity(a)))}
			by := st
			by.Verdict, by.Signer, by.Key, by.Nonce, by.NotBefore = actions.VerdictCountersign, "lee", "key_2", bytes.Repeat([]byte{2}, 32), canonical.At(now.Add(time.Minute))
			challenge := by.Challenge()
			v := verdictVector{Action: a, Digest: a.Digest(), Sentence: "", Facts: map[string]string{"requester": "ann", "reason": a.Reason}, Life: int64(proof.Validity(a).Seconds()), Asked: st, Statement: by, Challenge: hex.EncodeToString(challenge[:])}
			if !spec.Desk {
				v.Sentence = wording.Sentence(a)
			}
			for _, f := range wording.Facts(a) {
				if f[1] != "" && (f[0] == "kind" || f[0] == "tier" || f[0] == "until" || f[0] == "category") {
					v.Facts[f[0]] = f[1]
				}
			}
			all = append(all, v)
		}
	}
	var lines [][]byte
	for _, v := range all {
		lines = append(lines, canonical.MustMarshal(v))
	}
	vectorsAre(t, "testdata/verdict.json", lines)
}

// vectorsAre compares a file of vectors with what Go says.
func vectorsAre(t *testing.T, file string, lines [][]byte) {
	t.Helper()
	want := slices.Concat([]byte("[\n"), bytes.Join(lines, []byte(",\n")), []byte("\n]"))
	if *vectors {
		if err := os.WriteFile(file, append(want, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(file); err != nil || !bytes.Equal(bytes.TrimSpace(got), want) {
		t.Errorf("%s is not what Go says (%v): run go test ./web -run %s -vectors, and look at what changes", file, err, t.Name())
	}
}
