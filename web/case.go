package web

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/desk/casework"
	"countersign.dev/fault"
	"countersign.dev/ledger/proof"
	linkv1 "countersign.dev/link/v1"
	"countersign.dev/platform"
	"countersign.dev/prose"
	"countersign.dev/wording"
)

// casePage is what the page of a case shows.
type casePage struct {
	Case  cases.Case
	Shown cases.Shown
	// Raw is Shown in canonical form, and Document its digest: what a decision says was seen.
	Raw      string
	Document string
	Mine     bool // the reader holds the case
	ByFile   bool // the reader's own key is a file
	Holder   string
	Lately   []casework.Look
	Media    bool // the reader may say what becomes of its pictures
	Renewed  bool
	Drafts   []draftRow
	Notes    []casework.CaseNote
	Queue    string // title
	Why      string // it is due when it is
	Rules    []ruleRow
	RuleData string // the rules with all that is signed of them, canonical JSON
	Choices  []choice
	Groups   []reasonGroup
	Copies   []copied
	Author   *platform.Profile // the account, as the newest evidence shows it; nil: no evidence does
	Thread   []platform.Post
	Pictures []picture
	// MayTake says that the reader is one of those who claim a case by its identifier.
	MayTake   bool
	Referrals []cases.Referral
	Now       time.Time
	// Reserve is in how long the script asks for a reservation of the following case.
	Reserve time.Duration
}

// copied is a text that the desk read of the subject, once for all the times at which it was the
// same.
type copied struct {
	cases.ShownEvidence
	Times int
}

// picture is a picture of the subject with the words that describe it.
type picture struct {
	cases.EvidencePicture
	Alt string
}

// draftRow is what somebody has written on a case and not handed in.
type draftRow struct {
	Worker  string
	Updated canonical.Time
	Body    string // canonical JSON
}

// ruleRow is a rule as the rail shows it.
type ruleRow struct {
	Number   int64
	Key      string // that chooses it in this queue; empty: none
	Title    string
	Text     string
	Reason   string // what the person concerned is told
	Severity cases.Severity
	Usual    string // in words, for this case
	For      []string
	Against  []string
}

// ruleSigned is a rule as the script needs it to check what is signed.
type ruleSigned struct {
	Number   int64          `json:"number"`
	Severity cases.Severity `json:"severity"`
	Text     cases.Texts    `json:"text"`
	Title    cases.Texts    `json:"title"`
	Reason   cases.Texts    `json:"reason"`
	Children bool           `json:"children"`
	Usual    []cases.Usual  `json:"usual"`
}

// ruleData is all of the rule set that a page's script needs.
type ruleData struct {
	Set   canonical.Digest `json:"set"`
	Rules []ruleSigned     `json:"rules"`
}

// choice is a measure that the reader may ask for on a case.
type choice struct {
	Kind    actions.Kind
	Value   string
	Subject string // PLATFORM:ID; empty: the case's subject
	Timed   bool   // it needs an end
	MayEnd  bool   // it may have one
	Key     string
	Words   string // what it does
	Undo    string // how it is undone
}

// Name is how the script names a choice: as a measure in the judgement.
func (c choice) Name() string { return strings.Trim(string(c.Kind)+" "+c.Value, " ") }

// reasonGroup is what was reported for one reason.
type reasonGroup struct {
	Reason  cases.Reason
	Total   int64
	Sources string
	Reports []cases.ShownReport
}

// mostOfGroup is how many reports of one reason a page shows at once.
const mostOfGroup = 5

// aCase is the page of a case. Whoever holds it gets what their claim showed, and the rail to judge
// it; others get what they may read.
func (s *Server) aCase(ctx context.Context, r *http.Request, by reader) (view, error) {
	v, err := s.desk.Case(ctx, by.of(), r.PathValue("id"))
	if err != nil {
		return view{}, err
	}
	p := casePage{Case: v.Case, Shown: v.Shown, Holder: v.Holder, MayTake: v.MayTake, Lately: v.Lately, Notes: v.Notes, Why: v.Why}
	if v.Case.State == cases.Claimed && v.Case.Holder == by.Worker && s.config.Now().Before(v.Case.Until.Time) {
		// A case that the reader holds is shown as the claim shows it: that is what a decision
		// says was seen. The desk stores it anew where the case has changed.
		t, err := s.desk.Claim(ctx, by.of(), v.Case.ID)
		if err != nil {
			return view{}, err
		}
		return s.held(ctx, by, t, v.Lately)
	}
	for _, d := range v.Drafts {
		p.Drafts = append(p.Drafts, draftRow{string(d.Worker), d.Updated, string(d.Body)})
	}
	return s.casePage(ctx, by, p)
}

// held is the page of a case that the reader holds. lately are the others who had it before them.
func (s *Server) held(ctx context.Context, by reader, t casework.Taken, lately []casework.Look) (view, error) {
	p := casePage{Case: t.Case, Shown: t.Shown, Document: t.Document.String(), Mine: true, Holder: string(t.Case.Holder), Lately: lately, Media: t.Press, Renewed: t.Renewed, Notes: t.Notes, Why: t.Why}
	for _, d := range t.Drafts {
		p.Drafts = append(p.Drafts, draftRow{string(d.Worker), d.Updated, string(d.Body)})
	}
	after, err := s.desk.ReserveAfter(ctx, t.Case.Queue)
	if err != nil {
		return view{}, err
	}
	p.Reserve = max(0, after-s.config.Now().Sub(t.Claim.Shown.Time))
	return s.casePage(ctx, by, p)
}

func (s *Server) casePage(ctx context.Context, by reader, p casePage) (view, error) {
	p.ByFile = by.ByFile
	p.Now, p.Raw = s.config.Now(), string(canonical.MustMarshal(p.Shown))
	state, err := s.desk.State(ctx)
	if err != nil {
		return view{}, err
	}
	rules, err := s.desk.Rules(ctx, state)
	if err != nil {
		return view{}, err
	}
	queues, err := s.desk.Queues(ctx, state)
	if err != nil {
		return view{}, err
	}
	digits := map[int64]string{}
	p.Queue = p.Case.Queue
	for i := range queues.Queues {
		if q := &queues.Queues[i]; q.Name == p.Case.Queue {
			p.Queue = q.Title.In("en")
			for key, number := range q.Digits {
				digits[number] = key
			}
		}
	}
	data := ruleData{Set: state.Rules.Digest}
	for i := range rules.Rules {
		rule := &rules.Rules[i]
		strikes := p.Shown.Strikes[strconv.FormatInt(rule.Number, 10)]
		p.Rules = append(p.Rules, ruleRow{Number: rule.Number, Key: digits[rule.Number], Title: rule.Title.In("en"), Text: rule.Text.In("en"), Reason: rule.Reason.In("en"), Severity: rule.Severity,
			Usual: wording.Measures(rule.UsualFor(p.Shown.Of, strikes)), For: rule.For, Against: rule.Against})
		data.Rules = append(data.Rules, ruleSigned{Number: rule.Number, Severity: rule.Severity, Text: rule.Text, Title: rule.Title, Reason: rule.Reason, Children: rule.ProtectsChildren(), Usual: rule.Usual})
	}
	slices.SortStableFunc(p.Rules, func(a, b ruleRow) int { return strings.Compare(keyOrder(a.Key), keyOrder(b.Key)) })
	p.RuleData = string(canonical.MustMarshal(data))
	p.Choices = choices(state, p.Shown)
	p.Groups, p.Copies, p.Referrals = groupsOf(p.Shown), copiesOf(p.Shown.Evidence), rules.Referrals
	kept, err := s.desk.EvidenceOf(ctx, by.of(), p.Case.ID)
	if err != nil {
		return view{}, err
	}
	p.evidence(kept)
	return view{Title: p.Case.ID, Here: "/queues", Script: "case", Body: theCase(p)}, nil
}

// evidence takes what the kept documents of evidence show: of account and thread the newest, of
// pictures each once.
func (p *casePage) evidence(kept []casework.Kept) {
	p.Pictures = picturesOf(kept)
	for _, k := range kept {
		if k.Shown != nil && k.Shown.Read != nil {
			p.Author, p.Thread = &k.Shown.Read.Author, k.Shown.Read.Thread
			return
		}
	}
}

// picturesOf lists the pictures in evidence, each once.
func picturesOf(kept []casework.Kept) []picture {
	var all []picture
	seen := map[canonical.Digest]bool{}
	for _, k := range kept {
		if k.Shown == nil {
			continue
		}
		for i, one := range k.Shown.Pictures {
			if !one.Digest.IsZero() && seen[one.Digest] {
				continue
			}
			seen[one.Digest] = true
			out := picture{EvidencePicture: one}
			if read := k.Shown.Read; read != nil && i < len(read.Pictures) {
				out.Alt = read.Pictures[i].Alt.Text
			}
			all = append(all, out)
		}
	}
	return all
}

// copiesOf lists the texts that the desk read, each once.
func copiesOf(all []cases.ShownEvidence) []copied {
	var out []copied
	for _, e := range all {
		if i := slices.IndexFunc(out, func(c copied) bool { return c.State == e.State && c.Text == e.Text && c.Pictures == e.Pictures }); i >= 0 {
			out[i].Times++
			continue
		}
		out = append(out, copied{e, 1})
	}
	return out
}

// keyOrder sorts rules with a key before those without.
func keyOrder(key string) string {
	if key == "" {
		return "~"
	}
	return key
}

// choices are the measures that there are for what a case is about.
func choices(state *proof.State, x cases.Shown) []choice {
	labels := state.Platforms[x.Subject.Platform].Labels
	var all []choice
	add := func(sort platform.Sort, subject, on string) {
		for _, k := range measures {
			spec, ok := actions.SpecOf(k.kind)
			if !ok || spec.Sort != sort {
				continue
			}
			c := choice{Kind: k.kind, Subject: subject, Timed: spec.Timed, MayEnd: spec.MayEnd, Key: k.key, Words: fmt.Sprintf(k.words, on), Undo: k.undo}
			if subject != "" {
				c.Key = "" // a key is for the case's own subject
			}
			if !spec.Labels() {
				all = append(all, c)
				continue
			}
			for _, value := range labels {
				c.Value = value
				c.Words = fmt.Sprintf(k.words, on) + ": " + value
				all = append(all, c)
			}
		}
	}
	if x.Of == platform.Content {
		add(platform.Content, "", "this post")
		if x.Owner != "" {
			add(platform.Account, platform.Subject{Platform: x.Subject.Platform, ID: x.Owner}.String(), "its owner's account")
		}
	} else if x.Of == platform.Account {
		add(platform.Account, "", "this account")
	}
	return all
}

// measures are the kinds of measures, with a sentence on the effect of each and on how it ends.
var measures = []struct {
	kind        actions.Kind
	key         string
	words, undo string
}{
	{actions.ContentRemove, "t", "Take down %s: nobody sees it", "One press puts it back, within 30 days."},
	{actions.ContentLimit, "", "Limit %s: not in timelines, search or suggestions", "One press lifts it, within 30 days."},
	{actions.ContentLabel, "l", "Label %s", "One press takes the label away, within 30 days."},
	{actions.AccountTakedown, "t", "Take down %s: nobody sees it, and its holder is locked out", "One press puts it back, within 30 days."},
	{actions.AccountSuspend, "", "Suspend %s until a day that you name", "It ends by itself; one press ends it before."},
	{actions.AccountLimit, "", "Limit %s: not in timelines, search or suggestions", "One press lifts it, within 30 days."},
	{actions.AccountLabel, "l", "Label %s", "One press takes the label away, within 30 days."},
	{actions.AccountWarn, "", "Warn the holder of %s: a message", "A message that is sent stays sent."},
}

// sources are the classes of source in words.
var sources = map[string]string{cases.SourcePerson: "people", cases.SourceTrustedFlagger: "trusted flaggers", cases.SourceAuthority: "authorities", cases.SourceProgram: "programs", cases.SourceWorker: "this desk"}

// groupsOf sorts the reports by reason, the most frequent first.
func groupsOf(x cases.Shown) []reasonGroup {
	by := map[cases.Reason]*reasonGroup{}
	for _, n := range x.Counts {
		g := by[n.Reason]
		if g == nil {
			g = &reasonGroup{Reason: n.Reason}
			by[n.Reason] = g
		}
		from := fmt.Sprintf("%d from %s", n.Count, cmp.Or(sources[n.Source], n.Source))
		if n.Anonymous {
			from += " without an account"
		}
		if n.Withdrawn {
			from += " (taken back)"
		}
		g.Total += n.Count
		g.Sources = strings.TrimPrefix(g.Sources+", "+from, ", ")
	}
	for _, r := range x.Reports {
		if g := by[r.Reason]; g != nil && len(g.Reports) < mostOfGroup && (r.Text != "" || len(r.Scores) > 0) {
			g.Reports = append(g.Reports, r)
		}
	}
	var all []reasonGroup
	for _, name := range slices.Sorted(maps.Keys(by)) {
		all = append(all, *by[name])
	}
	slices.SortStableFunc(all, func(a, b reasonGroup) int { return int(b.Total - a.Total) })
	return all
}

// next claims the most urgent case for whoever presses, and answers with its page.
func (s *Server) next(w http.ResponseWriter, r *http.Request) error {
	b, err := s.signedIn(r)
	if err != nil {
		return err
	}
	var in struct {
		Queue   string   `json:"queue,omitzero"`
		Without []string `json:"without,omitzero"`
	}
	if err := read(r, &in); err != nil {
		return err
	}
	b.moment = s.desk.Moment()
	if b.ByFile, err = s.byFile(r.Context(), b.Browser); err != nil {
		return err
	}
	t, err := s.desk.Next(r.Context(), b.of(), in.Queue, in.Without...)
	if fault.Is(err, "nothing-waits") {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	if err != nil {
		return err
	}
	v, err := s.held(r.Context(), b, t, nil)
	if err != nil {
		return err
	}
	w.Header().Set("Countersign-Url", "/cases/"+t.Case.ID)
	r.Header.Set(FragmentHeader, "1")
	s.show(w, r, http.StatusOK, &b, v)
	return nil
}

// caseNow is the state of a case's subject now, as the executor reads it: a part of the page that
// comes by itself.
func (s *Server) caseNow(ctx context.Context, r *http.Request, by reader) (view, error) {
	reading, err := s.desk.Now(ctx, by.of(), r.PathValue("id"))
	if fault.KindOf(err) == fault.Unavailable {
		return view{Title: "Now", Body: unread(whyOf(err))}, nil
	}
	if err != nil {
		return view{}, err
	}
	return view{Title: "Now", Body: stateNow(nowOf(reading))}, nil
}

// nowPart is a subject as it is now.
type nowPart struct {
	Layers [][2]string
	Tier   string
	Why    []string
	Facts  [][2]string
}

func nowOf(r linkv1.Reading) nowPart {
	p := nowPart{Tier: string(r.Tier), Layers: [][2]string{{"visibility", string(r.State.Status)}}}
	for _, layer := range slices.SortedFunc(maps.Keys(r.State.Layers), func(a, b platform.Layer) int { return strings.Compare(a.String(), b.String()) }) {
		p.Layers = append(p.Layers, [2]string{layer.String(), string(r.State.Layers[layer].Status)})
	}
	for _, w := range r.Why {
		p.Why = append(p.Why, w.Text)
	}
	return p
}

// caseShows is what the subject of a case shows now, where that differs from what was reported: a
// part of the page that comes by itself.
func (s *Server) caseShows(ctx context.Context, r *http.Request, by reader) (view, error) {
	id := r.PathValue("id")
	kept, err := s.desk.EvidenceOf(ctx, by.of(), id)
	if err != nil {
		return view{}, err
	}
	was := slices.IndexFunc(kept, func(k casework.Kept) bool { return k.Shown != nil && k.Shown.Read != nil })
	if was < 0 {
		return view{Title: "Now", Body: unseen("")}, nil
	}
	now, err := s.desk.EvidenceNow(ctx, by.of(), id)
	if err != nil {
		// Whatever the reason is that it cannot be read, what was reported stands on the page.
		return view{Title: "Now", Body: unseen(whyOf(err))}, nil
	}
	return view{Title: "Now", Body: shows(differing(kept[was].Shown.Read, &now))}, nil
}

// difference is how what a subject shows now differs from what was copied.
type difference struct {
	Before, Was, Is, After string // the text, around the part that differs
	Pictures               string // in words; empty: as many as before
}

// Same reports whether nothing differs.
func (d difference) Same() bool { return d.Was == "" && d.Is == "" && d.Pictures == "" }

func differing(was, is *platform.Evidence) difference {
	var d difference
	a, b := strings.SplitAfter(wordsOf(was), " "), strings.SplitAfter(wordsOf(is), " ")
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	m := 0
	for m < len(a)-n && m < len(b)-n && a[len(a)-1-m] == b[len(b)-1-m] {
		m++
	}
	join := func(s []string) string { return strings.Join(s, "") }
	d.Before, d.Was, d.Is, d.After = join(a[:n]), join(a[n:len(a)-m]), join(b[n:len(b)-m]), join(a[len(a)-m:])
	if len(was.Pictures) != len(is.Pictures) {
		d.Pictures = fmt.Sprintf("%s now, %d before", wording.Many(len(is.Pictures), "picture"), len(was.Pictures))
	}
	return d
}

// wordsOf are the words of a subject: of an account its name and what it says of itself.
func wordsOf(e *platform.Evidence) string {
	if e.Sort == platform.Account {
		return e.Author.Name + "\n" + e.Author.Bio.Text
	}
	return e.Text.Text
}

// caseHistory is the history of a case: a part of the page that comes when it is opened.
func (s *Server) caseHistory(ctx context.Context, r *http.Request, by reader) (view, error) {
	v, err := s.desk.Case(ctx, by.of(), r.PathValue("id"))
	if err != nil {
		return view{}, err
	}
	return view{Title: "History", Body: history(v)}, nil
}

// shown writes a text of strangers for a page: hidden characters are made visible.
func shown(text string) string { return prose.Markup(text) }

// whyOf says of an error what may be shown. It may quote strangers, such as a platform that refuses.
func whyOf(err error) string { return shown(fault.TextOf(err)) }

// lines is shown for a text of several lines.
func lines(text string) string {
	all := strings.Split(text, "\n")
	for i, line := range all {
		all[i] = prose.Markup(line)
	}
	return strings.Join(all, "\n")
}

// reasonsOf names the reasons of all reports.
func reasonsOf(groups []reasonGroup) string {
	var all []string
	for _, g := range groups {
		all = append(all, wording.Reason(g.Reason))
	}
	return strings.Join(all, ", ")
}

// excerpt is the beginning of a report's text, to know it by.
func excerpt(text string) string {
	if r := []rune(text); len(r) > 80 {
		text = string(r[:80]) + "…"
	}
	return shown(text)
}

// noun names what a case is about.
func noun(x cases.Shown) string {
	if x.Of == platform.Content {
		return "post"
	}
	return "account"
}

// factsOf are the facts of a subject that are worth a line, in words.
func factsOf(x cases.Shown) [][2]string {
	var all [][2]string
	for _, f := range sortedKeys(x.Seen.Facts) {
		value := wording.ShownFact(f, x.Seen.Facts[f])
		if value == "" || value == "false" || f == string(platform.FactOwner) {
			continue
		}
		if n, err := strconv.ParseInt(value, 10, 64); err == nil {
			value = grouped(n)
		} else if value == "true" {
			value = "yes"
		}
		all = append(all, [2]string{f, prose.Markup(value)})
	}
	return all
}

// language names the language of a text.
func language(tag string) string {
	if tag == cases.Undetermined {
		return "unknown language"
	}
	return shown(tag)
}

// reportedBy says how many reports there are, and whose.
func reportedBy(p casePage) string {
	var anonymous int64
	for _, n := range p.Shown.Counts {
		if n.Anonymous {
			anonymous += n.Count
		}
	}
	all := number(p.Case.Reports)
	switch {
	case anonymous == 0:
		return all + " by " + wording.Many(int(p.Shown.Reporters), "account")
	case anonymous >= p.Case.Reports:
		return all + " without an account"
	}
	return all + ", " + number(anonymous) + " of them without an account"
}

// unseenOf says how many reports of a group are not listed.
func unseenOf(g reasonGroup, n int64) string {
	if len(g.Reports) == 0 {
		return wording.Many(int(n), "report") + " without words"
	}
	return "and " + number(n) + " more, older or without words"
}

func number(n int64) string { return strconv.FormatInt(n, 10) }

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func verdictWords(v string) string { return strings.ReplaceAll(v, "-", " ") }
