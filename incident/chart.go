package incident

import (
	"fmt"
	"math"
	"strings"
	"time"

	"countersign.dev/canonical"
)

// A chart is a timeline drawn: one lane for each place where things happened, one
// dot for each line, and the state of the subject as a bar. Each step gets room
// that grows with the logarithm of the time since the one before, so that three
// milliseconds and four hours can both be read; the exact times stand between.
type chart struct {
	Name   string // of the form: wide or tall
	W, H   int
	Rects  []rect
	Lines  []line
	Dots   []dot
	Labels []label
}

type rect struct {
	Class      string
	X, Y, W, H string
}

type line struct {
	Class          string
	X1, Y1, X2, Y2 string
}

type dot struct {
	Class  string
	X, Y   string
	Number int
}

type label struct {
	Class string
	X, Y  string
	Text  string
}

// lane is where something happened.
type lane int

// The lanes, in the order in which they are drawn.
const (
	lanePlatform lane = iota
	laneWatch
	laneExecutor
	laneDesk
	lanes
)

var laneNames = [lanes]string{"Platform", "Watch", "Executor", "Desk, people"}

// lanesOf names the lanes of steps whose lane does not follow from their source.
var lanesOf = map[Step]lane{
	StepChanged: lanePlatform, StepSeen: laneWatch, StepAttributed: laneWatch,
	StepIntended: laneExecutor, StepExecuted: laneExecutor, StepRestoring: laneExecutor, StepRestored: laneExecutor, StepReversed: laneExecutor,
	StepAsked: laneDesk, StepSigned: laneDesk, StepDeclined: laneDesk, StepApproved: laneDesk,
	StepOpened: laneDesk, StepAlarmed: laneDesk, StepFrozen: laneDesk, StepClosed: laneDesk,
}

func laneOf(m Moment) lane {
	if l, ok := lanesOf[m.Step]; ok {
		return l
	}
	switch {
	case m.Source == FromPlatform:
		return lanePlatform
	case strings.HasPrefix(m.Text, "The watch"):
		return laneWatch
	case m.Source == FromJournal || strings.HasPrefix(m.Text, "The executor"):
		return laneExecutor
	}
	return laneDesk
}

// axis places instants along a line.
type axis struct {
	times  []canonical.Time
	places []float64
}

// newAxis gives each step at least room, and more the longer it took to come.
func newAxis(steps []Moment, from, room, length float64) axis {
	a := axis{}
	weights := make([]float64, len(steps))
	total := 0.0
	for i := 1; i < len(steps); i++ {
		ms := float64(steps[i].At.Sub(steps[i-1].At.Time)) / float64(time.Millisecond)
		weights[i] = math.Log10(1 + math.Max(0, ms))
		total += weights[i]
	}
	spare := math.Max(0, length-room*float64(len(steps)-1))
	at := from
	for i, m := range steps {
		if i > 0 {
			at += room
			if total > 0 {
				at += spare * weights[i] / total
			}
		}
		a.times, a.places = append(a.times, m.At), append(a.places, at)
	}
	return a
}

// place returns where an instant lies, between the steps around it.
func (a axis) place(t canonical.Time) float64 {
	n := len(a.times)
	if !t.After(a.times[0].Time) {
		return a.places[0]
	}
	for i := 1; i < n; i++ {
		if t.After(a.times[i].Time) {
			continue
		}
		whole := a.times[i].Sub(a.times[i-1].Time)
		if whole <= 0 {
			return a.places[i]
		}
		return a.places[i-1] + (a.places[i]-a.places[i-1])*float64(t.Sub(a.times[i-1].Time))/float64(whole)
	}
	return a.places[n-1]
}

// longBreak is the time from which the scale is drawn as broken.
const longBreak = time.Minute

// Measures of the wide chart, in its own units.
const (
	wideWidth  = 1120
	wideLeft   = 118
	wideRight  = 40
	wideTop    = 62
	wideLane   = 66
	wideRoom   = 56
	mostInWide = 1 + (wideWidth-wideLeft-wideRight)/wideRoom // steps; more are drawn tall on any screen
)

// mostDrawn is the largest number of steps in a drawing; the list has them all.
const mostDrawn = 60

func px(f float64) string { return fmt.Sprintf("%.1f", f) }

// wide draws a timeline from left to right; nil if it has too many steps.
func wide(r Report) *chart {
	steps := r.Timeline
	if len(steps) == 0 || len(steps) > mostInWide {
		return nil
	}
	c := &chart{Name: "wide", W: wideWidth, H: wideTop + int(lanes)*wideLane + 14}
	a := newAxis(steps, wideLeft+14, wideRoom, wideWidth-wideLeft-wideRight-14)
	mid := func(l lane) float64 { return wideTop + (float64(l)+0.5)*wideLane }
	for l, name := range laneNames {
		y := mid(lane(l))
		c.Labels = append(c.Labels, label{"lane", px(0), px(y + 4), name})
		c.Lines = append(c.Lines, line{"lane", px(wideLeft), px(y), px(wideWidth - 8), px(y)})
	}
	// The ruler, with the times between.
	const ruler = 34
	for i, at := range a.places {
		c.Lines = append(c.Lines, line{"tick", px(at), px(ruler - 5), px(at), px(mid(laneOf(steps[i])))})
		if i == 0 {
			continue
		}
		before, gap := a.places[i-1], steps[i].At.Sub(steps[i-1].At.Time)
		class := "ruler"
		if gap >= longBreak {
			class = "ruler broken"
		}
		c.Lines = append(c.Lines, line{class, px(before), px(ruler), px(at), px(ruler)})
		c.Labels = append(c.Labels, label{"gap", px((before + at) / 2), px(ruler - 10), brief(gap)})
	}
	for _, b := range bars(r, a) {
		c.Rects = append(c.Rects, rect{"down", px(b[0]), px(mid(lanePlatform) - 5), px(b[1] - b[0]), px(10)})
	}
	below := map[lane]bool{}
	last := map[lane]float64{}
	for i, m := range steps {
		l := laneOf(m)
		y := mid(l)
		// Neighbours in a lane are written above and below it in turn.
		if at, ok := last[l]; ok && a.places[i]-at < 84 {
			below[l] = !below[l]
		} else {
			below[l] = false
		}
		last[l] = a.places[i]
		c.Dots = append(c.Dots, dot{dotClass(m), px(a.places[i]), px(y), i + 1})
		dy := -15.0
		if below[l] {
			dy = 24
		}
		c.Labels = append(c.Labels, label{"step", px(a.places[i]), px(y + dy), stepWords[m.Step]})
	}
	return c
}

// Measures of the tall chart.
const (
	tallWidth  = 350
	tallTop    = 82
	tallRoom   = 40
	tallSpare  = 26 // for each step, shared out by the logarithm
	tallLeft   = 18
	tallColumn = 30
	tallText   = tallLeft + int(lanes)*tallColumn + 2
)

// tall draws a timeline from top to bottom, for a narrow screen or many steps.
func tall(r Report) *chart {
	steps := r.Timeline
	if len(steps) == 0 {
		return nil
	}
	n := float64(len(steps) - 1)
	a := newAxis(steps, tallTop+22, tallRoom, n*(tallRoom+tallSpare))
	end := a.places[len(a.places)-1]
	c := &chart{Name: "tall", W: tallWidth, H: int(end) + 34}
	mid := func(l lane) float64 { return tallLeft + float64(l)*tallColumn }
	for l, name := range laneNames {
		x := mid(lane(l))
		c.Labels = append(c.Labels, label{"lane up", px(x), px(tallTop), name})
		c.Lines = append(c.Lines, line{"lane", px(x), px(tallTop + 8), px(x), px(end + 20)})
	}
	for _, b := range bars(r, a) {
		c.Rects = append(c.Rects, rect{"down", px(mid(lanePlatform) - 5), px(b[0]), px(10), px(b[1] - b[0])})
	}
	for i, m := range steps {
		x, y := mid(laneOf(m)), a.places[i]
		c.Lines = append(c.Lines, line{"tick", px(x), px(y), px(float64(tallText) - 8), px(y)})
		c.Dots = append(c.Dots, dot{dotClass(m), px(x), px(y), i + 1})
		c.Labels = append(c.Labels, label{"step start", px(float64(tallText)), px(y + 4), stepWords[m.Step]},
			label{"clock", px(tallWidth - 2), px(y + 4), m.At.Format("15:04:05.000")})
		if i == 0 {
			continue
		}
		gap := steps[i].At.Sub(steps[i-1].At.Time)
		class := "ruler"
		if gap >= longBreak {
			class = "ruler broken"
		}
		c.Lines = append(c.Lines, line{class, px(float64(tallText) - 8), px(a.places[i-1]), px(float64(tallText) - 8), px(y)})
		c.Labels = append(c.Labels, label{"gap start", px(float64(tallText)), px((a.places[i-1]+y)/2 + 4), "+ " + brief(gap)})
	}
	return c
}

// stretch is a time in which the subject was not in its right state. Its end is zero if
// it was not known when the report was made.
type stretch struct{ from, to canonical.Time }

// stretches finds these times in a report: in a duel there is one for each round.
func stretches(r Report) []stretch {
	if r.Down.IsZero() {
		return nil
	}
	all := []stretch{{from: r.Down}}
	for _, m := range r.Timeline {
		if m.Layer != r.Incident.Layer {
			continue
		}
		last := &all[len(all)-1]
		switch m.Step {
		case StepChanged, StepSeen:
			if !last.to.IsZero() && m.At.After(last.to.Time) {
				all = append(all, stretch{from: m.At})
			}
		case StepRestored, StepReversed:
			if last.to.IsZero() && !m.At.Before(last.from.Time) {
				last.to = m.At
			}
		}
	}
	// An end that the timeline lacks may stand in the report.
	if last := &all[len(all)-1]; last.to.IsZero() && !r.Up.Before(last.from.Time) {
		last.to = r.Up
	}
	return all
}

// bars are the stretches on an axis, from and to.
func bars(r Report, a axis) [][2]float64 {
	var all [][2]float64
	for _, s := range stretches(r) {
		to := s.to
		if to.IsZero() {
			to = a.times[len(a.times)-1]
		}
		from := a.place(s.from)
		all = append(all, [2]float64{from, math.Max(from+3, a.place(to))})
	}
	return all
}

func dotClass(m Moment) string {
	class := "told"
	if m.Source == FromLedger {
		class = "proven"
	}
	if m.Step == StepChanged || m.Step == StepExecuted {
		class += " harm"
	}
	return class
}

// stepWords name the steps in a drawing.
var stepWords = map[Step]string{
	StepAsked: "asked", StepSigned: "signed", StepDeclined: "declined", StepApproved: "approved", StepIntended: "set out", StepExecuted: "done",
	StepChanged: "changed", StepSeen: "seen", StepRestoring: "restoring", StepRestored: "restored", StepReversed: "undone", StepOpened: "opened",
	StepAlarmed: "alarmed", StepFrozen: "frozen", StepAttributed: "attributed", StepClosed: "closed", StepOther: "noted",
}

// brief writes a length of time with two units at most. A number and its unit
// stay on one line.
func brief(d time.Duration) string {
	day := 24 * time.Hour
	two := func(big time.Duration, unit string, small time.Duration, of string) string {
		n, rest := d/big, d%big/small
		if rest == 0 {
			return fmt.Sprintf("%d %s", n, unit)
		}
		return fmt.Sprintf("%d %s %d %s", n, unit, rest, of)
	}
	switch {
	case d < 0:
		return "–" + brief(-max(d, -math.MaxInt64)) // the least has no opposite
	case d == 0:
		return "0 ms"
	case d < time.Millisecond:
		return fmt.Sprintf("%d µs", d.Microseconds())
	case d < 10*time.Millisecond && d%time.Millisecond != 0:
		return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Round(time.Millisecond)/time.Millisecond)
	case d < time.Minute && d%time.Second != 0:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%d s", d/time.Second)
	case d < time.Hour:
		return two(time.Minute, "min", time.Second, "s")
	case d < day:
		return two(time.Hour, "h", time.Minute, "min")
	}
	return two(day, "d", time.Hour, "h")
}
