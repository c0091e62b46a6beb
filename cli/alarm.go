package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	v1 "countersign.dev/api/v1"
	"countersign.dev/fault"
)

type alarmCommands struct {
	List alarmList `cmd:"" help:"List alarms, newest first, or follow them as they are raised."`
}

type alarmList struct {
	Kind   string        `help:"Only this kind, such as breach."`
	Limit  int           `default:"50" help:"At most so many."`
	Cursor string        `help:"Go on where an earlier list ended."`
	Follow time.Duration `help:"Wait this long for alarms as they are raised, and answer with those."`
	From   int64         `default:"-2" help:"With --follow: go on after the alarm with this ledger entry; 0: from the first one on. Left out: from now on."`
}

func (c *alarmList) Run(ctx context.Context, s *Session) error {
	d, err := s.desk()
	if err != nil {
		return err
	}
	var page v1.Page[v1.Alarm]
	if c.Follow > 0 {
		waiting, cancel := context.WithTimeout(ctx, c.Follow)
		defer cancel()
		d.BeginsAgain = func(why error) {
			s.Say("%s Alarms are told from this desk's first one on.", fault.TextOf(why))
		}
		full := fault.New(fault.Exhausted, "enough", "As many alarms as were asked for.")
		err = d.Events(waiting, c.From, func(a v1.Alarm) error {
			if c.Kind != "" && a.Kind != c.Kind {
				return nil
			}
			s.Say("%s  %s", precise(a.At), alarmWords(a))
			if page.Items = append(page.Items, a); len(page.Items) == c.Limit {
				return full
			}
			return nil
		})
		if waiting.Err() != nil && ctx.Err() == nil || err == error(full) {
			err = nil
		}
	} else {
		page, err = d.Alarms(ctx, v1.AlarmFilter{Kind: c.Kind, Limit: c.Limit, Cursor: c.Cursor})
	}
	if err != nil {
		return err
	}
	doc := items(page.Items)
	doc.Next = page.Next
	return s.Answer(doc, func(p *Page) {
		rows := [][]string{{"WHEN", "KIND", "SEVERITY", "INCIDENT", "SUBJECT", "WHAT"}}
		for _, a := range page.Items {
			rows = append(rows, []string{precise(a.At), a.Kind, a.Severity, a.Incident, a.Subject, short(a.Text, 80)})
		}
		p.Table(rows)
		if page.Next != "" {
			p.Line("There are more: --cursor %s", page.Next)
		}
	})
}

func alarmWords(a v1.Alarm) string {
	return strings.TrimSpace(fmt.Sprintf("%s (%s): %s %s", a.Kind, a.Severity, a.Text, a.Incident))
}
