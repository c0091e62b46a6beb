package cases

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/platform"
)

// QueuesVersion is the only version of a queue set, and QueuesFile the name of its file.
const (
	QueuesVersion = "countersign/queues/v1"
	QueuesFile    = "queues.json"
)

// The largest numbers of things in one queue set.
const (
	MaxQueues     = 100
	MaxQueueTests = 10_000
	MaxPromise    = 90 * 24 * 60 // minutes
	maxAge        = 1_000_000    // hours
)

// The lengths of a lease in minutes.
const (
	LeastLease = 5
	UsualLease = 10
	MostLease  = 60
)

// QueueSet is the queues in which cases wait, in order: a case waits in the first that
// takes it.
type QueueSet struct {
	V      string      `json:"v"`
	Queues []Queue     `json:"queues"`
	Tests  []QueueTest `json:"tests"`
}

// Queue is one queue. Its order is the time at which its cases are due.
type Queue struct {
	Name  string `json:"name"`
	Title Texts  `json:"title"`
	Where Where  `json:"where"`
	// Promise is within how many minutes somebody looks at a case first, by its severity.
	Promise map[Severity]int64 `json:"promise"`
	// LeaseMinutes is how long a claim runs; 0: as long as usual. See Lease.
	LeaseMinutes int64 `json:"lease,omitzero"`
	// Digits are the numbers of the rules that the keys 1 to 9 choose.
	Digits map[string]int64 `json:"digits,omitzero"`
	// Hours are when the queue is open; null: always.
	Hours *Hours `json:"hours,omitzero"`
	// Order is the formula by which its cases are due within their promise; null: at its end.
	Order *Weights `json:"order,omitzero"`

	ahead Ahead // a lead's order; see QueueSet.With
}

// Range is the whole numbers from Least to Most; a bound that is left out is none.
type Range struct {
	Least *int64 `json:"least,omitzero"`
	Most  *int64 `json:"most,omitzero"`
}

// has reports whether a number is in the range; one that is not known, -1, is in none but the empty
// one.
func (r *Range) has(n int64) bool {
	return r == nil || n >= 0 && (r.Least == nil || n >= *r.Least) && (r.Most == nil || n <= *r.Most)
}

// Where says which cases a queue takes: those that fit each member that is not empty. A
// case fits a member if it fits one of the member's values.
type Where struct {
	Platform []string        `json:"platform,omitzero"`
	Sort     []Sort          `json:"sort,omitzero"`
	Subject  []platform.Sort `json:"subject,omitzero"`
	Reason   []Reason        `json:"reason,omitzero"`
	Group    []Group         `json:"group,omitzero"`
	Severity []Severity      `json:"severity,omitzero"`
	Language []string        `json:"language,omitzero"`
	Source   []string        `json:"source,omitzero"`
	Tier     []actions.Tier  `json:"tier,omitzero"`

	Reach     *Range `json:"reach,omitzero"`     // followers of the owner, or views
	Age       *Range `json:"age,omitzero"`       // of the subject when the promise began, in hours
	Reporters *Range `json:"reporters,omitzero"` // distinct ones
	Likely    *Range `json:"likely,omitzero"`    // percent, by the record of its reporters
	Score     *Range `json:"score,omitzero"`     // percent, the highest that a program gave
}

// Facts are the facts about a case that decide its queue.
type Facts struct {
	Platform string        `json:"platform"`
	Sort     Sort          `json:"sort"`
	Subject  platform.Sort `json:"subject"`
	Reasons  []Reason      `json:"reasons"` // of all its reports
	Severity Severity      `json:"severity"`
	Language string        `json:"language"` // BCP 47, or "und"
	Sources  []string      `json:"sources"`  // of all its reports
	Tier     actions.Tier  `json:"tier"`     // empty: not read yet

	Reach     int64 `json:"reach"`     // -1: not known, as in what follows
	Age       int64 `json:"age"`       // hours
	Reporters int64 `json:"reporters"` // distinct ones
	Likely    int64 `json:"likely"`    // percent
	Score     int64 `json:"score"`     // percent
}

// QueueTest is a case with the queue in which it must wait. What it leaves out is: the sort
// flagged, the subject content, the severity of its most severe reason, the language und,
// the source person.
type QueueTest struct {
	Platform string        `json:"platform"`
	Sort     Sort          `json:"sort,omitzero"`
	Subject  platform.Sort `json:"subject,omitzero"`
	Reasons  []Reason      `json:"reasons"`
	Severity Severity      `json:"severity,omitzero"`
	Language string        `json:"language,omitzero"`
	Sources  []string      `json:"sources,omitzero"`
	Queue    string        `json:"queue"`

	Tier      actions.Tier `json:"tier,omitzero"`
	Reach     int64        `json:"reach,omitzero"`
	Age       *int64       `json:"age,omitzero"` // hours; left out: not known
	Reporters int64        `json:"reporters,omitzero"`
	Likely    int64        `json:"likely,omitzero"` // percent
	Score     int64        `json:"score,omitzero"`  // percent
	// Opened is when the case is opened, and Due by when it is due then; both or neither.
	Opened canonical.Time `json:"opened,omitzero"`
	Due    canonical.Time `json:"due,omitzero"`
}

// Takes reports whether a queue with this filter takes a case.
func (w Where) Takes(f Facts) bool {
	has := func(r Reason) bool { return slices.Contains(f.Reasons, r) }
	of := func(g Group) bool {
		return slices.ContainsFunc(f.Reasons, func(r Reason) bool { return r.Group() == g })
	}
	return (len(w.Platform) == 0 || slices.Contains(w.Platform, f.Platform)) &&
		(len(w.Sort) == 0 || slices.Contains(w.Sort, f.Sort)) &&
		(len(w.Subject) == 0 || slices.Contains(w.Subject, f.Subject)) &&
		(len(w.Reason) == 0 || slices.ContainsFunc(w.Reason, has)) &&
		(len(w.Group) == 0 || slices.ContainsFunc(w.Group, of)) &&
		(len(w.Severity) == 0 || slices.Contains(w.Severity, f.Severity)) &&
		(len(w.Language) == 0 || slices.ContainsFunc(w.Language, func(tag string) bool { return speaks(f.Language, tag) })) &&
		(len(w.Source) == 0 || slices.ContainsFunc(w.Source, func(s string) bool { return slices.Contains(f.Sources, s) })) &&
		(len(w.Tier) == 0 || slices.Contains(w.Tier, f.Tier)) &&
		w.Reach.has(f.Reach) && w.Age.has(f.Age) && w.Reporters.has(f.Reporters) && w.Likely.has(f.Likely) && w.Score.has(f.Score)
}

// speaks reports whether a language is the one that a tag names, or a variety of it:
// "de-AT" is one of "de".
func speaks(language, tag string) bool {
	language, tag = strings.ToLower(language), strings.ToLower(tag)
	return language == tag || strings.HasPrefix(language, tag+"-")
}

// all reports whether the filter takes every case.
func (w Where) all() bool {
	return len(w.Platform)+len(w.Sort)+len(w.Subject)+len(w.Reason)+len(w.Group)+len(w.Severity)+len(w.Language)+len(w.Source)+len(w.Tier) == 0 &&
		w.Reach == nil && w.Age == nil && w.Reporters == nil && w.Likely == nil && w.Score == nil
}

// Place returns the queue in which a case waits, and its place in the set: the first that
// takes it. The last one takes every case.
func (s *QueueSet) Place(f Facts) (*Queue, int) {
	i := slices.IndexFunc(s.Queues, func(q Queue) bool { return q.Where.Takes(f) })
	if i < 0 {
		i = len(s.Queues) - 1
	}
	return &s.Queues[i], i
}

// Queue returns the queue with a name, and its place in the set.
func (s *QueueSet) Queue(name string) (*Queue, int, bool) {
	i := slices.IndexFunc(s.Queues, func(q Queue) bool { return q.Name == name })
	if i < 0 {
		return nil, 0, false
	}
	return &s.Queues[i], i, true
}

// Lease returns how long a claim on a case of the queue runs.
func (q *Queue) Lease() time.Duration {
	if q.LeaseMinutes == 0 {
		return UsualLease * time.Minute
	}
	return time.Duration(q.LeaseMinutes) * time.Minute
}

// Facts returns the facts of the test's case, judged by a rule set.
func (t QueueTest) Facts(rules *RuleSet) Facts {
	f := Facts{Platform: t.Platform, Sort: t.Sort, Subject: t.Subject, Reasons: t.Reasons, Severity: t.Severity, Language: t.Language, Sources: t.Sources,
		Tier: t.Tier, Reach: unknown(t.Reach), Age: -1, Reporters: max(1, t.Reporters), Likely: unknown(t.Likely), Score: unknown(t.Score)}
	if t.Age != nil {
		f.Age = *t.Age
	}
	if f.Sort == "" {
		f.Sort = Flagged
	}
	if f.Subject == "" {
		f.Subject = platform.Content
	}
	if f.Severity == "" {
		f.Severity = rules.Severity(t.Reasons)
	}
	if f.Language == "" {
		f.Language = "und"
	}
	if len(f.Sources) == 0 {
		f.Sources = []string{SourcePerson}
	}
	return f
}

// unknown is a number of a case as a filter compares it: 0 is one that nobody knows.
func unknown(n int64) int64 {
	if n == 0 {
		return -1
	}
	return n
}

// asCase returns a case with the facts of the test.
func (t QueueTest) asCase(f Facts) Case {
	c := Case{Severity: f.Severity, Opened: t.Opened, Started: t.Opened, Reach: t.Reach, Likely: t.Likely * 10, Score: t.Score * 10}
	if t.Age != nil {
		c.Born = canonical.At(t.Opened.Add(-time.Duration(*t.Age) * time.Hour))
	}
	return c
}

// ParseQueues reads a queue set for a rule set, and runs the tests in it. Without a rule
// set, as for a set that is in force already, it runs none, and does not look for the rules
// that the keys choose. The error is a fault of type "bad-queues" with a detail for each
// thing wrong, which names the file, the line and what to do.
func ParseQueues(text string, rules *RuleSet) (*QueueSet, error) {
	f := &file{name: QueuesFile, typ: "bad-queues", text: text}
	s := &QueueSet{}
	if f.read(s) {
		s.check(f, rules)
	}
	if err := f.err(); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *QueueSet) check(f *file, rules *RuleSet) {
	if s.V != QueuesVersion {
		f.wrong("/v", "", "the version is %q; write %q", s.V, QueuesVersion)
	}
	if len(s.Queues) == 0 || len(s.Queues) > MaxQueues {
		f.wrong("/queues", "", "there are %d queues; a set has 1 to %d", len(s.Queues), MaxQueues)
		return
	}
	names := map[string]bool{}
	for i := range s.Queues {
		q, at := &s.Queues[i], element("/queues", i)
		about := "queue " + q.Name
		last := i == len(s.Queues)-1
		switch {
		case !nameForm.MatchString(q.Name) || names[q.Name]:
			f.wrong(at, about, "the name of a queue is 1 to 32 lower-case letters, digits and dashes, begins with a letter and occurs once")
		case last && !q.Where.all():
			f.wrong(member(at, "where"), about, "the last queue takes every case, so that none is without a queue; its member where is {}")
		case !last && q.Where.all():
			f.wrong(member(at, "where"), about, "the queue takes every case, so that the queues behind it stay empty; give it a filter or put it last")
		}
		names[q.Name] = true
		texts(f, member(at, "title"), about, "title", q.Title, true)
		q.Where.check(f, member(at, "where"), about)
		q.checkPromise(f, at, about)
		q.checkDigits(f, at, about, rules)
		q.Hours.check(f, member(at, "hours"), about)
		q.Order.check(f, member(at, "order"), about)
		q.Hours.ready()
	}
	if len(f.bad) == 0 {
		s.checkCounts(f)
	}
	if len(f.bad) == 0 && rules != nil {
		s.checkTests(f, rules, names)
	}
}

func (w Where) check(f *file, at jsontext.Pointer, about string) {
	values(f, member(at, "platform"), about, w.Platform, nameForm.MatchString, "write the name of a platform, such as plaza")
	values(f, member(at, "sort"), about, w.Sort, func(s Sort) bool { return slices.Contains(Sorts, s) }, "the sort of a case is flagged")
	values(f, member(at, "subject"), about, w.Subject, func(s platform.Sort) bool { return s == platform.Account || s == platform.Content }, "a subject is an account or content")
	values(f, member(at, "reason"), about, w.Reason, Reason.Known, "write one of the 40 reasons, such as MisleadingSpam")
	values(f, member(at, "group"), about, w.Group, func(g Group) bool { return slices.Contains(Groups, g) }, "a group of reasons is violence, sexual, child-safety, harassment, misleading, rule, self-harm, other or appeal")
	values(f, member(at, "severity"), about, w.Severity, Severity.Known, "a severity is low, medium, high or highest")
	values(f, member(at, "language"), about, w.Language, languageForm.MatchString, "write a BCP 47 tag such as de, or und")
	values(f, member(at, "tier"), about, w.Tier, func(t actions.Tier) bool { return slices.Contains(actions.Tiers, t) }, "a tier is standard, protected or critical")
	w.Reach.check(f, member(at, "reach"), about, math.MaxInt64)
	w.Age.check(f, member(at, "age"), about, math.MaxInt64)
	w.Reporters.check(f, member(at, "reporters"), about, math.MaxInt64)
	w.Likely.check(f, member(at, "likely"), about, 100)
	w.Score.check(f, member(at, "score"), about, 100)
	values(f, member(at, "source"), about, w.Source, func(s string) bool { return slices.Contains(Sources, s) }, "a source is person, trusted-flagger, authority, program or worker")
}

func (r *Range) check(f *file, at jsontext.Pointer, about string, most int64) {
	if r == nil {
		return
	}
	low, high := int64(0), most
	if r.Least != nil {
		low = *r.Least
	}
	if r.Most != nil {
		high = *r.Most
	}
	if r.Least == nil && r.Most == nil || low < 0 || high > most || low > high {
		f.wrong(at, about, "a range is {\"least\": N}, {\"most\": N} or both, of whole numbers that are not negative, the least first, and percents to 100")
	}
}

// checkCounts refuses a queue that looks at a case sooner for the number of people who reported it:
// whoever has many accounts would choose what is urgent.
func (s *QueueSet) checkCounts(f *file) {
	for i := range s.Queues {
		q := &s.Queues[i]
		if q.Where.Reporters == nil || q.Where.Reporters.Least == nil {
			continue
		}
		for j := range s.Queues[i+1:] {
			behind := &s.Queues[i+1+j]
			for _, sev := range Severities {
				if q.Promise[sev] < behind.Promise[sev] {
					f.wrong(member(element("/queues", i), "promise"), "queue "+q.Name, "the queue asks for a number of reporters and promises the severity %s sooner than the queue %s behind it; numbers of reports alone make nothing urgent, so give it %d minutes at least", sev, behind.Name, behind.Promise[sev])
					return
				}
			}
		}
	}
}

// values checks the values of one member of a filter: each is one that there is, and is
// there once.
func values[T ~string](f *file, at jsontext.Pointer, about string, list []T, ok func(T) bool, todo string) {
	if tooMany(f, at, about, len(list)) {
		return
	}
	for i, v := range list {
		switch {
		case !ok(v):
			f.wrong(element(at, i), about, "%q cannot be asked for; %s", v, todo)
		case slices.Contains(list[:i], v):
			f.wrong(element(at, i), about, "%q is there twice", v)
		}
	}
}

func (q *Queue) checkPromise(f *file, at jsontext.Pointer, about string) {
	before := int64(MaxPromise)
	for _, s := range Severities {
		minutes, ok := q.Promise[s]
		switch {
		case !ok:
			f.wrong(member(at, "promise"), about, "there is no promise for the severity %s; give minutes for low, medium, high and highest", s)
		case minutes < 1 || minutes > MaxPromise:
			f.wrong(member(member(at, "promise"), string(s)), about, "a promise is 1 to %d minutes", MaxPromise)
		case minutes > before:
			f.wrong(member(member(at, "promise"), string(s)), about, "the severity %s would wait longer than a lower one; a promise falls with rising severity", s)
		default:
			before = minutes
		}
	}
	for _, s := range slices.Sorted(maps.Keys(q.Promise)) {
		if !s.Known() {
			f.wrong(member(member(at, "promise"), string(s)), about, "%q is no severity; they are low, medium, high and highest", s)
		}
	}
	if q.LeaseMinutes != 0 && (q.LeaseMinutes < LeastLease || q.LeaseMinutes > MostLease) {
		f.wrong(member(at, "lease"), about, "a lease is %d to %d minutes; leave it out for %d", LeastLease, MostLease, UsualLease)
	}
}

// digits returns the keys in their order.
func (q *Queue) digits() []string { return slices.Sorted(maps.Keys(q.Digits)) }

func (q *Queue) checkDigits(f *file, at jsontext.Pointer, about string, rules *RuleSet) {
	for _, digit := range q.digits() {
		at, number := member(member(at, "digits"), digit), q.Digits[digit]
		if len(digit) != 1 || digit < "1" || digit > "9" {
			f.wrong(at, about, "%q is no key; the keys are 1 to 9", digit)
		}
		if rules != nil && !rules.has(number) {
			f.wrong(at, about, "the key %s chooses rule %d, which is not in the rule set; name one that is", digit, number)
		}
	}
}

func (s *QueueSet) checkTests(f *file, rules *RuleSet, names map[string]bool) {
	if len(s.Tests) > MaxQueueTests {
		f.wrong("/tests", "", "there are %d tests; a set has at most %d", len(s.Tests), MaxQueueTests)
		return
	}
	for i, t := range s.Tests {
		at, about := element("/tests", i), fmt.Sprintf("test %d", i+1)
		facts := t.Facts(rules)
		before := len(f.bad)
		if facts.Severity == "" {
			f.wrong(at, about, "the test does not say how severe the case is; give its reasons, or a severity")
			continue
		}
		asked := Where{Platform: []string{facts.Platform}, Sort: []Sort{facts.Sort}, Subject: []platform.Sort{facts.Subject},
			Severity: []Severity{facts.Severity}, Language: []string{facts.Language}}
		asked.check(f, at, about)
		Where{Reason: facts.Reasons, Source: facts.Sources}.check(f, at, about)
		if t.Tier != "" && !slices.Contains(actions.Tiers, t.Tier) {
			f.wrong(member(at, "tier"), about, "a tier is standard, protected or critical")
		}
		if t.Reach < 0 || t.Age != nil && (*t.Age < 0 || *t.Age > maxAge) || t.Reporters < 0 || t.Likely < 0 || t.Likely > 100 || t.Score < 0 || t.Score > 100 {
			f.wrong(at, about, "reach, age in hours and reporters are whole numbers that are not negative; likely and score are percents")
		}
		switch {
		case len(f.bad) > before:
		case !names[t.Queue]:
			f.wrong(member(at, "queue"), about, "there is no queue %q in the set", t.Queue)
		default:
			if q, _ := s.Place(facts); q.Name != t.Queue {
				f.wrong(at, about, "the case waits in the queue %s, and the test says %s; correct one of them", q.Name, t.Queue)
			} else if t.Opened.IsZero() != t.Due.IsZero() {
				f.wrong(at, about, "a test says both when the case is opened and when it is due, or neither")
			} else if due := q.Due(t.asCase(facts)); !t.Due.IsZero() && !due.Equal(t.Due.Time) {
				f.wrong(member(at, "due"), about, "the case is due at %s, and the test says %s; correct one of them. %s", due, t.Due, q.Because(t.asCase(facts)))
			}
		}
	}
}
