package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"countersign.dev/actions"
	v1 "countersign.dev/api/v1"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/ledger/proof"
	"countersign.dev/policy"
	"countersign.dev/wording"
)

type policyBacktest struct {
	policySource
	Since        string `required:"" placeholder:"TIME" help:"Replay what was asked from this time on: a day such as 2026-01-01, a time such as 2026-01-01T18:00:00Z, or a length back from now such as 72h or 30d."`
	Until        string `placeholder:"TIME" help:"Replay what was asked before this time. Left out: now."`
	Limit        int    `default:"50" help:"How many changes to list, the weakest first; all are counted."`
	FailOnChange bool   `help:"Exit 1 if any ruling changes, or if a record contradicts what was in force then."`
}

func (c *policyBacktest) Help() string {
	return "Rules again on every recorded request and refusal, by the policy that was in force then and by this set, on the facts as they were then. " +
		"Lists each ruling that changes, also whose countersignature would no longer have counted, and says what could no longer be read. Changes nothing."
}

func (c *policyBacktest) Run(ctx context.Context, s *Session) error {
	files, err := c.read()
	if err != nil {
		return err
	}
	ask := v1.BacktestAsk{Files: inForce(files), Limit: c.Limit}
	if ask.Since, err = parsePast(c.Since, s.Now()); err != nil {
		return err
	}
	if c.Until != "" {
		if ask.Until, err = parsePast(c.Until, s.Now()); err != nil {
			return err
		}
	}
	d, err := s.desk()
	if err != nil {
		return err
	}
	b, err := d.Backtest(ctx, ask)
	if err != nil {
		return err
	}
	if c.FailOnChange && (b.Changed > 0 || b.FindingsInFull > 0) {
		s.End(Refused)
	}
	return s.Answer(b, func(p *Page) { describeBacktest(p, b) })
}

// parsePast reads a day, a time, or a length back from now.
func parsePast(s string, now time.Time) (canonical.Time, error) {
	if t, err := time.Parse(time.DateOnly, s); err == nil {
		return canonical.At(t), nil
	}
	m, err := parseMoment(s)
	if err != nil {
		return canonical.Time{}, fault.New(fault.Invalid, "bad-time", "%q is not a day such as 2026-01-01, nor a time such as 2026-01-01T18:00:00Z, nor a length back from now such as 72h or 30d.", s)
	}
	if m.after > 0 {
		return canonical.At(now.Add(-m.after).Truncate(time.Second)), nil
	}
	return canonical.At(m.at), nil
}

// turnWords say in which way a ruling changes, after a number.
var turnWords = map[proof.Turn]string{
	proof.NowPermitted:      "now permitted, without a countersignature",
	proof.NowPossible:       "forbidden then, now possible with countersignatures",
	proof.NowMayCountersign: "countersignatures refused then, which would now count",
	proof.NeedsFewer:        "needs fewer",
	proof.NeedsOthers:       "needs others: more of one sort, less of another",
	proof.NeedsMore:         "needs more",
	proof.NotFilled:         "same need, but those who signed then would not fill it",
	proof.SignerRefused:     "same outcome, but somebody's signature would not have counted",
	proof.NowHeld:           "permitted then, now held for countersignatures",
	proof.NowForbidden:      "now forbidden",
}

// unreadWords say why something could not be replayed.
var unreadWords = map[proof.Unread]string{
	proof.UnreadErased:  "erased from the database",
	proof.UnreadEdited:  "not as the ledger committed to them",
	proof.UnreadForm:    "entered without the facts of their ruling, by another version",
	proof.UnreadCounted: "refusals that were only counted: above ten a minute by one person",
	proof.UnreadMoved:   "refused while the rules were just changing",
	proof.UnreadKey:     "refused for the key that signed, of which no fact is recorded",
}

// summary writes the counts of a backtest.
func summary(p *Page, b v1.Backtest) {
	p.Line("From %s to %s: %s and %s by policy ruled on again, facts as then.", wording.When(b.Since), wording.When(b.Until), wording.Many(int(b.Requests), "request"), wording.Many(int(b.Refusals), "refusal"))
	if b.Changed == 0 {
		p.Line("%s", p.Good("No ruling changes."))
	} else {
		p.Line("%s would change, %d of them to the looser:", wording.Many(int(b.Changed), "ruling"), b.Looser)
		for _, turn := range proof.Turns {
			if n := b.Turns[turn]; n > 0 {
				word := turnWords[turn]
				if turn.Looser() {
					word = p.Bad(word)
				}
				p.Line("  %5d  %s", n, word)
			}
		}
	}
	for _, why := range sortedUnread(b.Unread) {
		p.Line("Could not be ruled on again: %d %s.", b.Unread[why], unreadWords[why])
	}
	if b.FindingsInFull > 0 {
		p.Line("%s: %s contradict the policy and the people of then. Somebody changed rows of the database, or the desk entered what it did not rule. Have it investigated:", p.Bad("Warning"), wording.Many(int(b.FindingsInFull), "record"))
		for _, f := range b.Findings {
			p.Line("  ledger entry %d %s: %s", f.Index, f.Request, f.Text)
		}
	}
}

func sortedUnread(m map[proof.Unread]int64) []proof.Unread {
	var all []proof.Unread
	for why, n := range m {
		if n > 0 {
			all = append(all, why)
		}
	}
	slices.Sort(all)
	return all
}

func describeBacktest(p *Page, b v1.Backtest) {
	summary(p, b)
	if len(b.Changes) == 0 {
		return
	}
	p.Line("")
	rows := [][]string{{"CHANGE", "TIER", "ACT", "BY", "WHEN", "THEN", "PROPOSED", "REQUEST"}}
	for _, c := range b.Changes {
		rows = append(rows, []string{string(c.Turn), string(c.Tier), actOf(c), string(c.Worker), wording.When(c.At), answerWords(c.Then), answerWords(c.Proposed), requestOf(c)})
	}
	p.Table(rows)
	for _, c := range b.Changes {
		for _, l := range c.Lost {
			p.Line("%s: the %s of %s would not have counted. %s", c.Request, verdictWords[l.Verdict], l.Worker, reasonText(l.Reasons))
		}
	}
	if b.Left > 0 {
		p.Line("And %d more, which --limit left out.", b.Left)
	}
}

var verdictWords = map[actions.Verdict]string{
	actions.VerdictCountersign: "countersignature",
	actions.VerdictDecline:     "decline",
}

func actOf(c v1.Change) string {
	if c.Part != "" {
		return fmt.Sprintf("%s %s", c.Kind, c.Part)
	}
	return fmt.Sprintf("%s on %s", c.Kind, c.Platform)
}

func requestOf(c v1.Change) string {
	if c.Refused {
		return "(refused)"
	}
	return c.Request
}

// answerWords puts an answer in a few words.
func answerWords(a v1.Answer) string {
	if a.Verdict == policy.Held {
		return "held: " + a.Need.String()
	}
	return string(a.Verdict)
}

func reasonText(rs []proof.Reason) string {
	var all []string
	for _, r := range rs {
		all = append(all, r.Text)
	}
	return strings.Join(all, " ")
}

// proposalWindow is the time over which a proposal is backtested before it is signed.
const proposalWindow = 30 * 24 * time.Hour

// showBacktest shows a person who is about to propose a set what it would have changed
// lately. If that is too much to replay at once, it says so, and the proposal goes on.
func showBacktest(ctx context.Context, s *Session, files map[string]string) error {
	d, err := s.desk()
	if err != nil {
		return err
	}
	b, err := d.Backtest(ctx, v1.BacktestAsk{Files: files, Since: canonical.At(s.Now().Add(-proposalWindow).Truncate(time.Second))})
	if fault.Is(err, "window-too-large") {
		s.Say("The last 30 days are too much for a backtest at once; ask for less with `countersign policy backtest FOLDER --since TIME`.")
		return nil
	}
	if err != nil {
		return err
	}
	p := &Page{color: s.Color}
	summary(p, b)
	fmt.Fprint(s.Stderr, p.String())
	return nil
}
