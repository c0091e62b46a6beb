package wording

import (
	"strings"
	"testing"

	"countersign.dev/actions"
	"countersign.dev/platform"
)

// TestThenWords: a takedown over the owner's own deactivation, and a restore, say what
// lies beneath before anybody signs.
func TestThenWords(t *testing.T) {
	account, post := platform.Subject{Platform: "plaza", ID: "acct/3", Handle: "@neighbour"}, platform.Subject{Platform: "plaza", ID: "post/3"}
	for want, a := range map[string]actions.Action{
		`down under the mark "CSGN-req_1"; once that is lifted, deactivated again, unless its owner comes back meanwhile`: {Kind: actions.AccountTakedown,
			Command: platform.Command{Verb: platform.Takedown, Subject: account, Expect: platform.Expect{Status: platform.Deactivated}, Mark: "CSGN-req_1"}},
		`down under the mark "CSGN-req_1"`: {Kind: actions.AccountTakedown,
			Command: platform.Command{Verb: platform.Takedown, Subject: account, Expect: platform.Expect{Status: platform.Up}, Mark: "CSGN-req_1"}},
		"up, or deactivated if its owner chose that": {Kind: actions.AccountRestore,
			Command: platform.Command{Verb: platform.Restore, Subject: account, Expect: platform.Expect{Status: platform.Down, Mark: "X"}}},
		"up": {Kind: actions.ContentRestore,
			Command: platform.Command{Verb: platform.Restore, Subject: post, Expect: platform.Expect{Status: platform.Down, Mark: "X"}}},
	} {
		if words := whole(a); !strings.Contains(words, want+"\n") {
			t.Errorf("%q is not in\n%s", want, words)
		}
	}
}
