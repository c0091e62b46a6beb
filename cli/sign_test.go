package cli

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"countersign.dev/actions"
	v1 "countersign.dev/api/v1"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/ledger/proof"
	"countersign.dev/platform"
	"countersign.dev/policy"
)

const (
	someRequest  = "req_01jd9x3m8v0q2k4t6w8y1z3b5c"
	otherRequest = "req_01jd9x3m8v0q2k4t6w8y1z3b5d"
)

func someone(t *testing.T) identity {
	t.Helper()
	k, err := MakeKey(rand.NewChaCha8([32]byte{2}), "ada", false)
	if err != nil {
		t.Fatal(err)
	}
	return identity{key: k, worker: "ada", origin: "desk.example.com/ledger"}
}

// honest is a wish and the draft that an honest desk makes of it.
func honest(t *testing.T, me identity) (v1.Wish, v1.Draft) {
	t.Helper()
	subject := platform.Subject{Platform: "plaza", ID: "acct/17", Handle: "@president"}
	until := canonical.At(noon.Add(72 * time.Hour))
	w := v1.Wish{Kind: actions.AccountSuspend, Subject: "plaza:@president", Until: until, Case: "C-1", Reason: "spam", Key: me.key.Key}
	a := actions.Action{V: actions.ActionV1, Kind: w.Kind, Subject: subject, Tier: actions.Critical, Direction: actions.Burdening, Effect: actions.Reversible,
		Inverse: actions.Inverse{Kind: actions.AccountRestore, Direction: actions.Relieving},
		Command: platform.Command{Verb: platform.Takedown, Subject: subject, Expect: platform.Expect{Status: platform.Up}, Mark: platform.MarkOf(someRequest)},
		Change:  canonical.Raw("{}"), Until: until, Case: w.Case, Reason: w.Reason, Nonce: make([]byte, 16)}
	d := v1.Draft{Action: a}
	d.Statement = statementFor(me, d.Action, actions.VerdictRequest)
	return w, d
}

func statementFor(me identity, a actions.Action, v actions.Verdict) actions.Statement {
	return actions.Statement{V: actions.StatementV1, Log: me.origin, Request: someRequest, Action: a.Digest(), Verdict: v,
		Policy: canonical.Sum([]byte("policy")), Signer: me.worker, Key: me.key.Key, Executor: "executor", Nonce: make([]byte, 32),
		NotBefore: canonical.At(noon), Expires: canonical.At(noon.Add(proof.Validity(a)))}
}

// TestOutdatedByFormats: a request that the change of formats ended was refused by nobody.
func TestOutdatedByFormats(t *testing.T) {
	_, d := honest(t, someone(t))
	r := v1.Request{ID: someRequest, Status: actions.StatusVoid, Outcome: actions.OtherFormats, Action: d.Action}
	p := &Page{}
	describeRequest(p, r, noon)
	if first, _, _ := strings.Cut(p.String(), "\n"); first != someRequest+": void: it was still held when the desk changed the formats in which it signs" {
		t.Error(first)
	}
}

// TestDishonestDrafts changes an honest draft in every way that a desk could
// trick its user with, always with a statement that fits the changed action.
func TestDishonestDrafts(t *testing.T) {
	me := someone(t)
	w, d := honest(t, me)
	if err := checkDraft(d, w, me, noon); err != nil {
		t.Fatalf("the honest draft: %v", err)
	}
	other := platform.Subject{Platform: "plaza", ID: "acct/18", Handle: "@rival"}
	for name, change := range map[string]func(*v1.Draft){
		"kind": func(d *v1.Draft) {
			d.Action.Kind, d.Action.Until = actions.AccountTakedown, canonical.Time{}
		},
		"subject": func(d *v1.Draft) { d.Action.Subject, d.Action.Command.Subject = other, other },
		"platform": func(d *v1.Draft) {
			d.Action.Subject.Platform, d.Action.Command.Subject.Platform = "bluesky", "bluesky"
		},
		"until":            func(d *v1.Draft) { d.Action.Until = canonical.At(noon.Add(720 * time.Hour)) },
		"reason":           func(d *v1.Draft) { d.Action.Reason = "other" },
		"case":             func(d *v1.Draft) { d.Action.Case = "" },
		"category":         func(d *v1.Draft) { d.Action.Category = actions.CategoryLegal },
		"mark":             func(d *v1.Draft) { d.Action.Command.Mark = platform.MarkOf(otherRequest) },
		"command's object": func(d *v1.Draft) { d.Action.Command.Subject = other },
	} {
		bad := d
		change(&bad)
		bad.Statement = statementFor(me, bad.Action, actions.VerdictRequest)
		if err := checkDraft(bad, w, me, noon); !fault.Is(err, "wrong-draft") {
			t.Errorf("another %s: %v", name, err)
		}
	}
	for name, change := range map[string]func(*actions.Statement){
		"action":   func(s *actions.Statement) { s.Action = canonical.Sum([]byte("x")) },
		"verdict":  func(s *actions.Statement) { s.Verdict = actions.VerdictCountersign },
		"signer":   func(s *actions.Statement) { s.Signer = "eve" },
		"key":      func(s *actions.Statement) { s.Key = "key_0" },
		"log":      func(s *actions.Statement) { s.Log = "evil.example.com/ledger" },
		"version":  func(s *actions.Statement) { s.V = "countersign/founding/v1" },
		"request":  func(s *actions.Statement) { s.Request = otherRequest },
		"nonce":    func(s *actions.Statement) { s.Nonce = nil },
		"policy":   func(s *actions.Statement) { s.Policy = canonical.Digest{} },
		"executor": func(s *actions.Statement) { s.Executor = "" },
		"lifetime": func(s *actions.Statement) { s.Expires = canonical.At(noon.Add(1000 * time.Hour)) },
	} {
		bad := d
		change(&bad.Statement)
		if err := checkDraft(bad, w, me, noon); !fault.Is(err, "wrong-draft") {
			t.Errorf("another %s in the statement: %v", name, err)
		}
	}
	if err := checkDraft(d, w, me, noon.Add(-2*time.Minute)); !fault.Is(err, "clocks-differ") {
		t.Errorf("a clock that is ahead: %v", err)
	}
	if err := checkDraft(d, w, me, noon.Add(30*24*time.Hour)); !fault.Is(err, "clocks-differ") {
		t.Errorf("a draft of long ago: %v", err)
	}
}

func TestDishonestChange(t *testing.T) {
	me := someone(t)
	asked := actions.Engagement{Op: "end", Worker: "bob"}
	draft := func(change actions.Change) v1.Draft {
		a := actions.Action{V: actions.ActionV1, Kind: actions.DeskEngagement, Subject: platform.Subject{Platform: actions.DeskPlatform, ID: change.Part()},
			Tier: actions.Critical, Direction: change.Direction(), Effect: actions.Reversible, Change: canonical.MustMarshal(change), Reason: "r", Nonce: make([]byte, 16)}
		return v1.Draft{Action: a, Statement: statementFor(me, a, actions.VerdictRequest)}
	}
	w := v1.Wish{Kind: actions.DeskEngagement, Reason: "r", Change: canonical.MustMarshal(asked)}
	if err := checkDraft(draft(asked), w, me, noon); err != nil {
		t.Fatalf("the honest draft: %v", err)
	}
	for _, other := range []actions.Change{actions.Engagement{Op: "end", Worker: "eve"},
		actions.Engagement{Op: "extend", Worker: "bob", Last: canonical.At(noon)}} {
		if err := checkDraft(draft(other), w, me, noon); !fault.Is(err, "wrong-draft") {
			t.Errorf("%v: %v", other, err)
		}
	}
}

func TestDishonestUndo(t *testing.T) {
	me := someone(t)
	_, d := honest(t, me)
	r := v1.Request{ID: someRequest, Action: d.Action}
	a := actions.Action{V: actions.ActionV1, Kind: actions.AccountRestore, Subject: d.Action.Subject, Tier: actions.Critical, Direction: actions.Relieving,
		Effect: actions.Reversible, Inverse: actions.Inverse{Kind: actions.AccountTakedown, Direction: actions.Burdening},
		Command: platform.Command{Verb: platform.Restore, Subject: d.Action.Subject, Expect: platform.Expect{Status: platform.Down, Mark: platform.MarkOf(someRequest)}},
		Change:  canonical.Raw("{}"), Reverses: someRequest, Reason: "mistake", Nonce: make([]byte, 16)}
	undo := v1.Draft{Action: a, Statement: statementFor(me, a, actions.VerdictReverse)}
	if err := checkUndo(undo, r, "mistake", me, noon); err != nil {
		t.Fatalf("the honest draft: %v", err)
	}
	other := platform.Subject{Platform: "plaza", ID: "acct/18", Handle: "@rival"}
	for name, change := range map[string]func(*actions.Action){
		"subject": func(a *actions.Action) { a.Subject, a.Command.Subject = other, other },
		"request": func(a *actions.Action) {
			a.Reverses, a.Command.Expect.Mark = otherRequest, platform.MarkOf(otherRequest)
		},
		"kind": func(a *actions.Action) { *a = d.Action },
		"reason": func(a *actions.Action) {
			a.Reason = "other"
		},
	} {
		bad := undo
		change(&bad.Action)
		bad.Statement = statementFor(me, bad.Action, actions.VerdictReverse)
		if err := checkUndo(bad, r, "mistake", me, noon); !fault.Is(err, "wrong-draft") {
			t.Errorf("another %s: %v", name, err)
		}
	}
}

func TestDishonestVerdict(t *testing.T) {
	me := someone(t)
	_, d := honest(t, me)
	r := v1.Request{ID: someRequest, Action: d.Action, Signed: actions.Signed{Statement: statementFor(me, d.Action, actions.VerdictRequest)}}
	d.Statement = statementFor(me, d.Action, actions.VerdictCountersign)
	if err := checkVerdict(d, r, actions.VerdictCountersign, me, noon); err != nil {
		t.Fatalf("the honest draft: %v", err)
	}
	if err := checkVerdict(d, r, actions.VerdictDecline, me, noon); !fault.Is(err, "wrong-draft") {
		t.Errorf("a yes in place of a no: %v", err)
	}
	other := d
	other.Action.Reason = "something else"
	other.Statement = statementFor(me, other.Action, actions.VerdictCountersign)
	if err := checkVerdict(other, r, actions.VerdictCountersign, me, noon); !fault.Is(err, "wrong-draft") {
		t.Errorf("another action than the one that was shown: %v", err)
	}

	// A wait lengthens the life of the request and of the statements about it, and only
	// where the request shows that wait.
	waits, long := r, d
	waits.Need.Wait = 72 * 3600
	waits.Signed.Statement.Expires = canonical.At(noon.Add(proof.Validity(d.Action) + 72*time.Hour))
	long.Statement.Expires = waits.Signed.Statement.Expires
	for _, v := range []actions.Verdict{actions.VerdictCountersign, actions.VerdictDecline, actions.VerdictWithdraw} {
		long.Statement.Verdict = v
		if err := checkVerdict(long, waits, v, me, noon); err != nil {
			t.Errorf("%s of a request with a wait: %v", v, err)
		}
		unsaid := waits
		unsaid.Need.Wait = 0
		if err := checkVerdict(long, unsaid, v, me, noon); !fault.Is(err, "wrong-draft") {
			t.Errorf("%s with a wait that the request does not show: %v", v, err)
		}
		later := long
		later.Statement.NotBefore = canonical.At(noon.Add(time.Hour))
		later.Statement.Expires = canonical.At(long.Statement.Expires.Add(time.Minute))
		if err := checkVerdict(later, waits, v, me, noon.Add(time.Hour)); !fault.Is(err, "wrong-draft") {
			t.Errorf("%s that outlives its request: %v", v, err)
		}
	}
	r.ID = otherRequest
	if err := checkVerdict(d, r, actions.VerdictCountersign, me, noon); !fault.Is(err, "wrong-draft") {
		t.Errorf("another request: %v", err)
	}
}

// TestCaseIsNamed: a person whose act is refused for want of a case reads how to name one.
func TestCaseIsNamed(t *testing.T) {
	for name, edit := range map[string]func(*v1.Draft){
		"want of a case": func(*v1.Draft) {},
		"a case":         func(d *v1.Draft) { d.Action.Case = "C-1" },
		"another rule":   func(d *v1.Draft) { d.Ruling.Reasons[0].Policy = "newcomers-wait" },
		"a desk with rules": func(d *v1.Draft) {
			d.Ruling.Reasons = append(d.Ruling.Reasons, proof.Reason{Policy: "case-decides", Text: "Decide it."})
		},
		"not forbidden": func(d *v1.Draft) { d.Ruling.Verdict = policy.Held },
	} {
		_, d := honest(t, someone(t))
		d.Action.Case, d.Action.Kind = "", actions.AccountLabel
		d.Action.Command.Verb, d.Action.Command.Layer = platform.Label, platform.LabelLayer("spam")
		d.Ruling.Verdict, d.Ruling.Reasons = policy.Forbidden, []proof.Reason{{Policy: "standard-needs-a-case", Text: "It needs a case."}}
		edit(&d)
		var said strings.Builder
		c := signing{}
		_, err := c.hand(t.Context(), &Session{Program: Program{Stderr: &said, Stdin: strings.NewReader(""), Now: func() time.Time { return noon }}, Global: &Global{}}, deskClient{}, someone(t), d, nil)
		want := "countersign action request account.label plaza:acct/17 --value spam --case CASE --reason WHY"
		if err == nil || strings.Contains(said.String(), want) != (name == "want of a case") {
			t.Errorf("%s: %v\n%s", name, err, said.String())
		}
	}
}
