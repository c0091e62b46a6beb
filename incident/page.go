package incident

import (
	"bytes"
	"cmp"
	_ "embed" // the page and its style
	"fmt"
	"html/template"
	"math"
	"slices"
	"strings"
	"time"

	"countersign.dev/canonical"
	"countersign.dev/platform"
	"countersign.dev/policy"
	"countersign.dev/prose"
	"countersign.dev/wording"
	"countersign.dev/workforce"
)

// Options say how a report is shown.
type Options struct {
	// Personal shows the names of the subject and the credential; without it the report is
	// redacted first.
	Personal bool
	// Names are people's names, by pseudonym; shown only if Personal.
	Names map[workforce.WorkerID]string
	// Historical shows, beside each figure, the time that the same took in November 2017.
	Historical bool
	// Verified is the bundle that the report was read from, if it was verified; the page
	// says which checks were made. Nil: the page says that nothing was checked.
	Verified *Verified
	// Unrooted says that the hash of entry 0 was taken from the bundle itself, and was not
	// compared with one that the reader trusts.
	Unrooted bool
}

// The times that it took in 2017 until the account was back, and until the person was
// known.
const (
	DownIn2017       = 660 * time.Second
	AttributedIn2017 = 2 * time.Hour
)

//go:embed page.html
var pageText string

// Style is the style of the page.
//
//go:embed page.css
var Style string

var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{
	"clock": clock,
	"full":  fullTime,
}).Parse(pageText))

func clock(t canonical.Time) string { return t.Format("15:04:05.000") }

func fullTime(t canonical.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format("2 January 2006, 15:04:05 UTC")
}

// HTML writes the report as one page that needs nothing else: no script, no font,
// no picture and no network.
func HTML(r Report, o Options) ([]byte, error) {
	var out bytes.Buffer
	if err := pageTemplate.Execute(&out, viewOf(r, o)); err != nil {
		return nil, fmt.Errorf("write the page of %s: %w", r.Incident.ID, err)
	}
	return []byte(prose.Markup(out.String())), nil
}

// view is a report in words, for a page or a text.
type view struct {
	Report
	Style    template.CSS
	Title    string
	Subject  string
	Summary  string
	Figures  []figure
	Charts   []*chart
	Scroll   bool // there is only the tall chart
	Undrawn  int  // steps that the drawing leaves out
	Lines    []told
	Facts    []pair
	Signers  []pair
	Rules    []rule
	Exposed  []exposed
	Others   []other
	Tasks    []task
	Claims   []Claim
	Proof    []pair
	Personal bool
	Verified *Verified
	Sources  []pair
}

// figure is one important number, with the value of 2017.
type figure struct{ Value, What, Then string }

type pair struct{ Name, Value string }

// told is a line of a timeline in words.
type told struct {
	Number int
	Day    string // empty if it is the day of the line before
	At     canonical.Time
	Since  string // time since the line before; empty for the first
	Step   string
	Who    string
	Text   string
	Source string
	Proven bool
	Entry  int64
}

type rule struct {
	Which, Verdict, Need, Policy string
	Reasons                      []policy.Reason
	Class                        string
}

type exposed struct {
	Kind, Alone, Together, Way, Group string
}

type other struct {
	At, Kind, Subject, Tier, Status, As, Request string
}

type task struct {
	Number             int64
	Text, Owner, State string
	Result             string
	Done               bool
}

// viewOf puts a report into words.
func viewOf(r Report, o Options) view {
	if !o.Personal {
		r, o.Names = Redact(r), nil
	}
	w := naming{o.Names}
	v := view{Report: r, Style: template.CSS(Style), Title: title(r.Incident), Subject: subjectWords(r.Incident, o.Personal), Summary: summary(r, o.Personal), Figures: figures(r, o.Historical),
		Personal: o.Personal, Verified: o.Verified}
	drawn := r
	if n := len(r.Timeline); n > mostDrawn {
		drawn.Timeline, v.Undrawn = r.Timeline[:mostDrawn], n-mostDrawn
	}
	for _, c := range []*chart{wide(drawn), tall(drawn)} {
		if c != nil {
			v.Charts = append(v.Charts, c)
		}
	}
	v.Scroll = len(v.Charts) == 1
	for i, m := range r.Timeline {
		t := told{Number: i + 1, At: m.At, Step: stepWords[m.Step], Who: w.person(m.Who), Text: m.Text, Source: sourceWords[m.Source], Proven: m.Source == FromLedger, Entry: m.Entry}
		if i == 0 || m.At.Format(time.DateOnly) != r.Timeline[i-1].At.Format(time.DateOnly) {
			t.Day = m.At.Format("Monday, 2 January 2006")
		}
		if i > 0 {
			t.Since = "+ " + brief(m.At.Sub(r.Timeline[i-1].At.Time))
		}
		v.Lines = append(v.Lines, t)
	}
	v.Facts, v.Signers = w.answerable(r.Attribution)
	for _, ruled := range r.Rulings {
		v.Rules = append(v.Rules, rule{Which: whichWords(ruled.Which), Verdict: verdictWords(ruled.Verdict), Need: ruled.Need, Policy: ruled.Policy.String(), Reasons: ruled.Reasons, Class: string(ruled.Verdict)})
	}
	for _, e := range r.Exposure {
		v.Exposed = append(v.Exposed, exposed{Kind: string(e.Kind), Alone: people(e.Alone), Together: togetherWords(e.Collusion), Way: e.Way, Group: wording.Joined(e.Group)})
	}
	for _, t := range r.Touched {
		as := t.As
		if t.With != "" {
			as += ", " + t.With
		}
		v.Others = append(v.Others, other{fullTime(t.At), t.What(), subjectOr(t.Subject), string(t.Tier), t.Status.Word(), as, t.Request})
	}
	for _, t := range r.Incident.Tasks {
		k := task{Number: t.Number, Text: t.Text, Owner: w.person(t.Owner), State: "open", Result: t.Result, Done: !t.Done.IsZero()}
		if k.Done {
			k.State = "done " + fullTime(t.Done)
		}
		v.Tasks = append(v.Tasks, k)
	}
	v.Sources = sources(r)
	v.prove(o.Verified, o.Unrooted)
	return v
}

// prove says which checks were made and how anybody can repeat them.
func (v *view) prove(p *Verified, unrooted bool) {
	if p == nil {
		return
	}
	v.Claims = p.Claims
	root := p.Root.String()
	if unrooted {
		root += ", as the bundle has it: compare it with the one that the officers of the desk have published"
	}
	v.Proof = []pair{
		{"Ledger", fmt.Sprintf("%s, %d entries under the signed checkpoint", p.Origin, p.Size)},
		{"Entry 0", root},
		{"Governance chain", fmt.Sprintf("%d entries, each with its signatures, each authorised by those before it", p.Chain)},
		{"Executor's records", fmt.Sprintf("%d, each signed with the key that the chain named at its place", p.Records)},
		{"Warrants", warrantsWords(p)},
		{"Sealed", fmt.Sprintf("entry %d of %s commits to this report; given to %s", p.Seal, fullTime(p.Sealed), p.By.By)},
		{"Content", p.By.Content.String()},
	}
}

func warrantsWords(p *Verified) string {
	if !p.By.Personal {
		return "withheld, since they name the subject and quote people; their entries are in the bundle"
	}
	return fmt.Sprintf("%d, each verified by itself and by the chain", p.Warrants)
}

var sourceWords = map[Source]string{FromLedger: "ledger", FromJournal: "executor’s journal", FromPlatform: "platform", FromDesk: "desk"}

// sources explains each source in a timeline.
func sources(r Report) []pair {
	all := []pair{
		{"ledger", "An entry of the append-only log: what it says and its time can be checked by anybody who has the bundle, against the desk itself."},
		{"executor’s journal", "The executor’s signed record, which was not in the ledger yet when this was made."},
		{"platform", "What the platform says of itself. Nobody can check it from here."},
		{"desk", "The desk’s own rows. The desk is bound to them by the seal: it cannot tell another story later."},
	}
	return slices.DeleteFunc(all, func(p pair) bool {
		return !slices.ContainsFunc(r.Timeline, func(m Moment) bool { return sourceWords[m.Source] == p.Name })
	})
}

// title returns the title that a person gave the incident, or else a description of it.
func title(i Incident) string {
	what := wording.Article(string(i.Tier)) + " subject of " + i.Subject.Platform
	switch {
	case i.Title != "" && i.Title != Withheld:
		return i.Title
	case i.Cause == Breach:
		return strings.ToUpper(what[:1]) + what[1:] + " was changed around the desk"
	}
	return "Contested: an act on " + what
}

// subjectWords names the subject, and the layer of it unless that is the visibility.
func subjectWords(i Incident, personal bool) string {
	in := ""
	if i.Layer != platform.VisibilityLayer {
		in = "; " + i.Layer.Noun()
	}
	if !personal || i.Subject.ID == "" {
		return fmt.Sprintf("%s subject of %s; its name is withheld", wording.Article(string(i.Tier)), i.Subject.Platform) + in
	}
	if i.Subject.Handle != "" {
		return fmt.Sprintf("%s (%s), %s", i.Subject.Handle, i.Subject, i.Tier) + in
	}
	return fmt.Sprintf("%s, %s", i.Subject, i.Tier) + in
}

func subjectOr(s platform.Subject) string {
	switch {
	case s.ID == "":
		return "one of " + s.Platform + ", withheld"
	case s.Handle != "":
		return s.Handle + " (" + s.String() + ")"
	}
	return s.String()
}

// summary is the incident in a few sentences.
func summary(r Report, personal bool) string {
	i := r.Incident
	name := fmt.Sprintf("%s subject of %s", wording.Article(string(i.Tier)), i.Subject.Platform)
	if personal && i.Subject.Handle != "" {
		name = i.Subject.Handle + " of " + i.Subject.Platform
	}
	var s []string
	day := i.Opened
	if !r.Down.IsZero() {
		day = r.Down
	}
	on := "On " + day.Format("2 January 2006 at 15:04:05 UTC")
	if i.Cause == Breach {
		s = append(s, on+", "+name+" was changed around the desk: no warrant explains it.")
	} else {
		s = append(s, on+", an act on "+name+" took effect that has been contested since.")
		if r.Down.IsZero() {
			s[0] = on + ", a request about " + name + " was contested."
		}
	}
	if seen, ok := first(r, StepSeen); ok && !r.Down.IsZero() && seen.At.After(r.Down.Time) {
		s = append(s, "The watch saw it after "+brief(seen.At.Sub(r.Down.Time))+".")
	}
	downs := stretches(r)
	if len(downs) > 0 && !downs[0].to.IsZero() {
		s = append(s, "The subject was as it should be again after "+brief(downs[0].to.Sub(downs[0].from.Time))+".")
	}
	if len(downs) > 1 {
		s = append(s, fmt.Sprintf("The same was done %d more times.", len(downs)-1))
	}
	if len(downs) > 0 && downs[len(downs)-1].to.IsZero() {
		s = append(s, "When this was written, it had not been put right.")
	}
	return strings.Join(s, " ")
}

func first(r Report, s Step) (Moment, bool) {
	i := slices.IndexFunc(r.Timeline, func(m Moment) bool { return m.Step == s })
	if i < 0 {
		return Moment{}, false
	}
	return r.Timeline[i], true
}

// figures are the most important numbers.
func figures(r Report, historical bool) []figure {
	var all []figure
	add := func(value, what, before string) {
		if !historical {
			before = ""
		}
		all = append(all, figure{value, what, before})
	}
	if !r.Down.IsZero() {
		seen, ok := first(r, StepSeen)
		if ok && seen.At.After(r.Down.Time) {
			add(brief(seen.At.Sub(r.Down.Time)), "until it was seen", "")
		}
		downs := stretches(r)
		var whole time.Duration
		for _, s := range downs {
			whole += s.to.Sub(s.from.Time)
		}
		switch n := len(downs); {
		case downs[n-1].to.IsZero():
			add("Not yet", "put right", then(DownIn2017))
		case n == 1:
			add(brief(whole), "until it was put right", then(DownIn2017))
		default:
			add(brief(whole), fmt.Sprintf("not as it should be, in %d rounds together", n), then(DownIn2017))
		}
		if m, told := first(r, StepAttributed); told {
			add(brief(m.At.Sub(r.Down.Time)), "until it was attributed", then(AttributedIn2017))
		} else if ok && r.Attribution.Credential != "" {
			// The platform named the credential at once, in the first sighting.
			add(brief(seen.At.Sub(r.Down.Time)), "until it was attributed", then(AttributedIn2017))
		}
	}
	if len(r.Exposure) > 0 {
		e := slices.MinFunc(r.Exposure, func(a, b Exposed) int { return cmp.Compare(rank(a.Collusion), rank(b.Collusion)) })
		switch e.Collusion {
		case 0:
			add("Nobody", "could have done it, however many together", "")
		case 1:
			add("1", "person was enough, by the weakest way", "")
		default:
			add(fmt.Sprint(e.Collusion), "people were needed together, by the weakest way", "")
		}
	}
	return all
}

func then(d time.Duration) string { return "2017: " + brief(d) }

// rank orders collusion numbers. 0 means that no group can, and is the strongest.
func rank(n int64) int64 {
	if n == 0 {
		return math.MaxInt64
	}
	return n
}

// naming names people.
type naming struct{ names map[workforce.WorkerID]string }

func (w naming) person(id workforce.WorkerID) string {
	if name := w.names[id]; name != "" {
		return fmt.Sprintf("%s (%s)", name, id)
	}
	return string(id)
}

func firm(v workforce.VendorID) string {
	if v == "" {
		return "the platform’s own company"
	}
	return string(v)
}

// answerable puts an attribution into words: facts, and who countersigned.
func (w naming) answerable(a Attribution) (facts, signers []pair) {
	add := func(name, value string) {
		if value != "" {
			facts = append(facts, pair{name, value})
		}
	}
	if a.Around {
		add("Came", "around the desk: not by a warrant")
		add("With the credential", a.Credential)
		if a.Credential == "" {
			add("With the credential", "not known: the platform does not tell")
		}
		held := "nobody is declared"
		switch n := len(a.Holders); {
		case n > 0 && a.Holders[0] == Withheld:
			held = fmt.Sprintf("%d declared, whose names are withheld", n)
		case n > 0:
			held = wording.Joined(a.Holders)
		}
		add("Which these may hold", held)
		return facts, nil
	}
	add("Asked by", w.person(a.Worker))
	add("Of", firm(a.Vendor))
	engaged := "from " + fullTime(a.Start)
	if a.Last.IsZero() {
		engaged += ", open-ended"
	} else {
		engaged += " to " + fullTime(a.Last)
	}
	add("Engaged", engaged)
	add("With the key", string(a.Key))
	add("Signed with", a.With)
	if u := a.Under; !u.Session.IsZero() {
		add("The session", fmt.Sprintf("from %s to %s, certified by %s", fullTime(u.Begins), fullTime(u.Expires), u.Key))
		if !u.Void.IsZero() {
			add("Ended early", "sessions that were certified before "+fullTime(u.Void)+" are void, and this is one of them")
		}
	}
	add("Handed in with", a.Session)
	for _, s := range a.Signers {
		signers = append(signers, pair{w.person(s.Worker), fmt.Sprintf("%s, with %s, at %s", firm(s.Vendor), s.KeyWords(), fullTime(s.At))})
	}
	return facts, signers
}

func whichWords(which string) string {
	switch which {
	case "then":
		return "Then"
	case "today":
		return "Today"
	case "proposed":
		return "If the proposed set were in force"
	}
	return which
}

func verdictWords(v policy.Verdict) string {
	switch v {
	case policy.Forbidden:
		return "Forbidden"
	case policy.Permitted:
		return "Permitted to one person alone"
	case policy.Held:
		return "Held, until others sign"
	}
	return string(v)
}

func people(n int64) string {
	switch n {
	case 0:
		return "nobody"
	case 1:
		return "1 person"
	}
	return fmt.Sprintf("%d people", n)
}

func togetherWords(n int64) string {
	if n == 0 {
		return "nobody, however many"
	}
	return people(n)
}
