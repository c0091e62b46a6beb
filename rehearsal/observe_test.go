package rehearsal

import (
	"testing"
	"time"

	v1 "countersign.dev/api/v1"
	"countersign.dev/canonical"
)

// TestJudgePolls: a time is never made shorter than it was.
func TestJudgePolls(t *testing.T) {
	start := time.Date(2026, 11, 27, 20, 0, 0, 0, time.UTC)
	at := func(ms int) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }
	// Each poll takes 4 ms; statuses are one for each 10 ms.
	series := func(statuses ...string) (polls []poll) {
		for i, s := range statuses {
			polls = append(polls, poll{at(10 * i), at(10*i + 4), s})
		}
		return polls
	}
	stamp := func(ms int) canonical.Time { return canonical.At(at(ms)) }
	p := played{stamp(12), stamp(15)}
	slow := series("up", "up", "up")
	slow[1].answered = at(1500)
	slow[2] = poll{at(1500), at(1504), "up"}
	for name, c := range map[string]struct {
		polls []poll
		want  observation
	}{
		"never away":       {series("up", "up", "up", "up"), observation{Polls: 4, Up: true, AwayMS: 14, Again: stamp(24)}},
		"away and back":    {series("up", "up", "down", "down", "up", "up"), observation{Polls: 6, Up: true, AwayMS: 34, Seen: stamp(24), Again: stamp(44)}},
		"between polls":    {series("up", "up", "up"), observation{Polls: 3, Up: true, AwayMS: 14, Again: stamp(24)}},
		"still away":       {series("up", "up", "down", "down"), observation{Polls: 4, AwayMS: 24, Seen: stamp(24)}},
		"twice":            {series("up", "down", "up", "down", "deactivated", "up"), observation{Polls: 6, Up: true, AwayMS: 34, Seen: stamp(14), Again: stamp(54)}},
		"nothing answered": {series("up", "up", "", "", "", "up"), observation{Polls: 6, Unanswered: 3, Up: true, AwayMS: 44, Again: stamp(54)}},
		"deaf at the end":  {series("up", "up", "up", ""), observation{Polls: 4, Unanswered: 1, AwayMS: 14, Again: stamp(24)}},
		"a slow answer":    {slow, observation{Polls: 3, Up: true, AwayMS: 1500, Again: stamp(1504)}},
		"never seen up":    {series("down", "down"), observation{Polls: 2, AwayMS: 14, Seen: stamp(4)}},
		"nothing":          {nil, observation{}},
	} {
		got := judgePolls(c.polls, p)
		got.UpShare = 0 // see TestShareUp
		if got != c.want {
			t.Errorf("%s:\n got %+v\nwant %+v", name, got, c.want)
		}
	}
}

// TestShareUp: only what two polls, one after the other, saw up counts as up.
func TestShareUp(t *testing.T) {
	start := time.Date(2026, 11, 27, 20, 0, 0, 0, time.UTC)
	at := func(ms int) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }
	var polls []poll
	for i, s := range []string{"down", "up", "up", "up", "down", "up", "", "up", "up", "up", "down"} {
		polls = append(polls, poll{at(10 * i), at(10*i + 4), s})
	}
	if got := shareUp(polls, played{canonical.At(at(5)), canonical.At(at(95))}); got != 0.5 {
		t.Errorf("up %v of the time, want 4 of 8 times between polls", got)
	}
}

// TestRefusalNoticed: the sum of an earlier minute says nothing of what is tried now.
func TestRefusalNoticed(t *testing.T) {
	o := &observer{lookout: lookout{People: []string{"bl-001"}}}
	for data, want := range map[string]string{
		`{"count":1,"type":"not-independent","what":"countersign","worker":"bl-001"}`: "ledger entry 7: countersign refused, not-independent",
		`{"count":1,"type":"not-independent","what":"countersign","worker":"nl-001"}`: "",
		`{"count":12,"type":"several","what":"several","worker":"bl-001"}`:            "",
	} {
		if got, _ := o.refusal(v1.Entry{Index: 7, Class: "desk", Kind: "refused", Data: canonical.Raw(data)}); got != want {
			t.Errorf("%s: %q, want %q", data, got, want)
		}
	}
}

func TestWhatThePublicSees(t *testing.T) {
	for answer, want := range map[string]string{
		`{"did":"did:plc:a","active":true,"rev":"3"}`:             "up",
		`{"did":"did:plc:a","active":false,"status":"takendown"}`: "takendown",
		`{"did":"did:plc:a","active":false}`:                      "not active",
		`{"error":"RepoNotFound"}`:                                "",
		`<html>`:                                                  "",
	} {
		if got := standingOfRepo([]byte(answer)); got != want {
			t.Errorf("%s: %q", answer, got)
		}
	}
	for page, want := range map[string]string{
		"<body>\n<main id=\"main\" data-status=\"down\">": "down",
		"data-status=\"up\"":                              "",
		"<main id=\"main\" data-status=\"up":              "",
		`<main id="main" data-status="up"><section class="profile"><ul class="labels"><li class="label"></li></ul></section>`:                       "labelled",
		`<main id="main" data-status="down"><section class="profile"><ul class="labels"><li class="label"></li></ul></section>`:                     "down",
		`<main id="main" data-status="up"><section class="profile"></section><article class="post"><ul class="labels"><li class="label"></li></ul>`: "up",
	} {
		if got := standingOnPage(page); got != want {
			t.Errorf("%s: %q", page, got)
		}
	}
}
