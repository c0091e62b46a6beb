package cases

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // a set in force is read alike on every machine

	"github.com/go-json-experiment/json/jsontext"

	"countersign.dev/canonical"
)

// Hours are the business hours of a queue: its promises count open time alone.
type Hours struct {
	// Zone is the name of an IANA time zone, such as Europe/Berlin.
	Zone string `json:"zone"`
	// Open has for each day, mon to sun, the stretches in which the queue is open, "08:00-18:00"; at
	// most 24:00. A day that is left out is closed.
	Open map[string][]string `json:"open"`
	// Closed are days, "2026-12-25", on which the queue is closed.
	Closed []string `json:"closed,omitzero"`

	week   [7][]stretch // by time.Weekday, filled by ready
	closed map[string]bool
	zone   *time.Location
}

// stretch is a part of a day, in minutes after midnight by the clock on the wall.
type stretch struct{ from, to int }

// The largest numbers of things in the hours of one queue.
const (
	maxStretches = 10
	maxClosed    = 400
	// farDays bounds the search for open time: longer than any promise of open minutes takes in a queue
	// that is open for leastOpen a week.
	farDays   = 366 * 40
	leastOpen = 5 * 60 // minutes a week
)

var weekdays = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

var stretchForm = regexp.MustCompile(`^([01][0-9]|2[0-4]):([0-5][0-9])-([01][0-9]|2[0-4]):([0-5][0-9])$`)

func parseStretch(s string) (x stretch, ok bool) {
	m := stretchForm.FindStringSubmatch(s)
	if m == nil {
		return x, false
	}
	n := func(i int) int { return int(m[i][0]-'0')*10 + int(m[i][1]-'0') }
	x = stretch{n(1)*60 + n(2), n(3)*60 + n(4)}
	return x, x.from < x.to && x.to <= 24*60
}

func (h *Hours) check(f *file, at jsontext.Pointer, about string) {
	if h == nil {
		return
	}
	if _, err := time.LoadLocation(h.Zone); err != nil || h.Zone == "" || h.Zone == "Local" || len(h.Zone) > 60 {
		f.wrong(member(at, "zone"), about, "%q is no time zone; write one of the IANA database, such as Europe/Berlin", h.Zone)
	}
	total := 0
	for _, day := range keys(h.Open) {
		if !slices.Contains(weekdays, day) {
			f.wrong(member(member(at, "open"), day), about, "%q is no day; the days are mon, tue, wed, thu, fri, sat and sun", day)
			continue
		}
		before := -1
		if len(h.Open[day]) > maxStretches {
			f.wrong(member(member(at, "open"), day), about, "the day has %d stretches; it has at most %d", len(h.Open[day]), maxStretches)
			continue
		}
		for i, s := range h.Open[day] {
			x, ok := parseStretch(s)
			switch {
			case !ok:
				f.wrong(element(member(member(at, "open"), day), i), about, "%q is no stretch of a day; write 08:00-18:00, the earlier time first", s)
			case x.from <= before:
				f.wrong(element(member(member(at, "open"), day), i), about, "the stretch %s begins before the one in front of it has ended; write them in order, and two that touch as one", s)
			default:
				total, before = total+x.to-x.from, x.to
			}
		}
	}
	if len(f.bad) == 0 && total < leastOpen {
		f.wrong(member(at, "open"), about, "the queue is open for %d minutes a week; it is open for at least %d, since its promises count open time", total, leastOpen)
	}
	if len(h.Closed) > maxClosed {
		f.wrong(member(at, "closed"), about, "there are %d closed days; there are at most %d", len(h.Closed), maxClosed)
		return
	}
	for i, day := range h.Closed {
		if _, err := time.Parse(time.DateOnly, day); err != nil || slices.Contains(h.Closed[:i], day) {
			f.wrong(element(member(at, "closed"), i), about, "%q is no day, or is there twice; write a day as 2026-12-25", day)
		}
	}
}

// ready works out what the text says, once.
func (h *Hours) ready() {
	if h == nil || h.zone != nil {
		return
	}
	h.zone, _ = time.LoadLocation(h.Zone)
	if h.zone == nil {
		h.zone = time.UTC
	}
	for i, day := range weekdays {
		for _, s := range h.Open[day] {
			if x, ok := parseStretch(s); ok {
				h.week[i] = append(h.week[i], x)
			}
		}
	}
	h.closed = map[string]bool{}
	for _, day := range h.Closed {
		h.closed[day] = true
	}
}

// After returns the instant at which open time of a length has passed since another one. Without
// hours all time is open. Where clocks are put forward or back, what passes is counted, not what the
// clock shows.
func (h *Hours) After(from canonical.Time, length time.Duration) canonical.Time {
	if h == nil {
		return canonical.At(from.Add(length))
	}
	for open, close := range h.stretches(from) {
		if open.Before(from.Time) {
			open = from.Time
		}
		if have := close.Sub(open); have >= length {
			return canonical.At(open.Add(length))
		} else if have > 0 {
			length -= have
		}
	}
	return canonical.At(from.Add(length)) // hours that check refuses
}

// Between returns how much open time passes between two instants.
func (h *Hours) Between(from, to canonical.Time) (open time.Duration) {
	if !from.Before(to.Time) {
		return 0
	}
	if h == nil {
		return to.Sub(from.Time)
	}
	for begin, end := range h.stretches(from) {
		if !begin.Before(to.Time) {
			break
		}
		if begin.Before(from.Time) {
			begin = from.Time
		}
		if end.After(to.Time) {
			end = to.Time
		}
		if end.After(begin) {
			open += end.Sub(begin)
		}
	}
	return open
}

// stretches yields the open stretches from the day before an instant on.
func (h *Hours) stretches(from canonical.Time) func(yield func(open, close time.Time) bool) {
	return func(yield func(open, close time.Time) bool) {
		y, m, d := from.In(h.zone).Date()
		for day := -1; day < farDays; day++ {
			at := time.Date(y, m, d+day, 12, 0, 0, 0, h.zone)
			if len(h.closed) > 0 && h.closed[at.Format(time.DateOnly)] {
				continue
			}
			for _, x := range h.week[at.Weekday()] {
				begin := time.Date(y, m, d+day, x.from/60, x.from%60, 0, 0, h.zone)
				end := time.Date(y, m, d+day, x.to/60, x.to%60, 0, 0, h.zone)
				if !yield(begin, end) {
					return
				}
			}
		}
	}
}

// Words says when the queue is open: "mon-fri 08:00-18:00 (Europe/Berlin)".
func (h *Hours) Words() string {
	if h == nil {
		return "always"
	}
	var parts []string
	order := []int{1, 2, 3, 4, 5, 6, 0}
	for i := 0; i < len(order); {
		day := weekdays[order[i]]
		hours, last := strings.Join(h.Open[day], ", "), i
		for last+1 < len(order) && strings.Join(h.Open[weekdays[order[last+1]]], ", ") == hours {
			last++
		}
		if hours != "" {
			if last > i {
				day += "-" + weekdays[order[last]]
			}
			parts = append(parts, day+" "+hours)
		}
		i = last + 1
	}
	return fmt.Sprintf("%s (%s)", strings.Join(parts, "; "), h.Zone)
}
