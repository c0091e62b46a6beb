package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"countersign.dev/canonical"
	"countersign.dev/fault"
	linkv1 "countersign.dev/link/v1"
)

type watchCommand struct {
	Platform string `arg:"" optional:"" help:"Show one platform, with what its watch sees, how late, and what nothing shows."`
}

func (c *watchCommand) Help() string {
	return "The executor follows each platform's event stream, reads critical subjects directly, and sweeps. " +
		"Exit 1 if no executor answers, if it refuses burdening acts, if it does not see all of a platform, or if it has never swept it."
}

// watching is the answer of watch.
type watching struct {
	Executor string               `json:"executor"` // empty: none answers
	Stopped  string               `json:"stopped"`  // why it refuses burdening acts; empty if it does not
	Clock    canonical.Time       `json:"clock"`
	Watches  []linkv1.WatchStatus `json:"watches"`
}

func (c *watchCommand) Run(ctx context.Context, s *Session) error {
	d, err := s.desk()
	if err != nil {
		return err
	}
	status, err := d.Status(ctx)
	if err != nil {
		return err
	}
	doc := watching{Watches: []linkv1.WatchStatus{}}
	if x := status.Executor; x != nil {
		if x.Stopped != "" {
			s.End(Refused)
		}
		doc = watching{x.Executor, x.Stopped, x.Clock, append(doc.Watches, x.Watches...)}
	} else {
		s.End(Refused)
	}
	if c.Platform != "" && doc.Executor != "" {
		var names []string
		for _, w := range doc.Watches {
			names = append(names, w.Platform)
		}
		doc.Watches = slices.DeleteFunc(doc.Watches, func(w linkv1.WatchStatus) bool { return w.Platform != c.Platform })
		if len(doc.Watches) == 0 {
			return fault.New(fault.NotFound, "not-watched", "The executor does not watch %s. It watches: %s.", c.Platform, strings.Join(names, ", "))
		}
	}
	for _, w := range doc.Watches {
		if w.Blind != "" || w.Swept.IsZero() {
			s.End(Refused)
		}
	}
	return s.Answer(doc, func(p *Page) {
		switch {
		case doc.Executor == "":
			p.Line("%s: no executor answers the desk. It may watch all the same; ask it, or who runs it.", p.Bad("not known"))
			return
		case doc.Stopped != "":
			p.Line("%s refuses burdening acts: %s", doc.Executor, doc.Stopped)
		}
		rows := [][]string{{"PLATFORM", "SEEN", "SWEPT", "CRITICAL", "READ EVERY", "PROTECTED", "IN NO BASELINE", "BREACHES"}}
		for _, w := range doc.Watches {
			rows = append(rows, []string{w.Platform, sees(p, w), precise(w.Swept), fmt.Sprint(w.Critical), every(w), fmt.Sprint(w.Protected),
				fmt.Sprint(w.UnbasedCritical + w.UnbasedProtected), fmt.Sprint(w.Breaches)})
		}
		p.Table(rows)
		for _, w := range doc.Watches {
			if w.Unranked != nil {
				p.Line("%s: %s", p.Bad("all standard"), w.Unranked)
			}
		}
		if c.Platform == "" {
			return
		}
		for _, w := range doc.Watches {
			p.Line("Of one connection's time direct reads may take %d %%, restorations of critical subjects %d %%.", w.Share/10, w.Restore/10)
		}
		p.Line("")
		rows = [][]string{{"WHAT IS DONE AROUND THE DESK", "STREAM", "READING", "HOW LATE", "WHAT IS NOT TOLD"}}
		for _, x := range doc.Watches[0].Shows {
			rows = append(rows, []string{x.What, yesNo(x.Stream), yesNo(x.Sweep), x.Late, x.Note})
		}
		p.Table(rows)
	})
}

// sees says how much of a platform the watch sees.
func sees(p *Page, w linkv1.WatchStatus) string {
	switch {
	case w.Blind != "":
		return p.Bad("not all: " + w.Blind)
	case w.Swept.IsZero():
		return p.Bad("never swept")
	case !w.Streaming:
		return "by reading; the stream is cut"
	}
	return p.Good("all")
}

// every says how often the watch reads each critical subject directly.
func every(w linkv1.WatchStatus) string {
	if w.Critical == 0 || w.Every == 0 {
		return ""
	}
	return (time.Duration(w.Every) * time.Microsecond).Round(time.Millisecond).String()
}
