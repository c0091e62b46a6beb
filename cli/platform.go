package cli

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"countersign.dev/actions"
	v1 "countersign.dev/api/v1"
	"countersign.dev/fault"
	"countersign.dev/platform"
	"countersign.dev/platform/platformtest"
	"countersign.dev/platform/plaza"
	"countersign.dev/policy"
	"countersign.dev/wording"
)

type platformCommands struct {
	Add    platformAdd    `cmd:"" help:"Connect a platform. Officers countersign."`
	Labels platformLabels `cmd:"" help:"Put labels on the list of those that may be set on a platform, or take some off it. Officers countersign."`
	Raise  platformRaise  `cmd:"" help:"Raise the subjects of a list, each by a change of its own."`
	List   platformList   `cmd:"" help:"List the connected platforms."`
	Check  platformCheck  `cmd:"" help:"Check any server against the platform protocol: pass or fail for each promise."`
}

type platformAdd struct {
	Name      string          `arg:"" help:"What the platform is called here, such as plaza."`
	Connector string          `required:"" enum:"plaza,bluesky" help:"What speaks to it: plaza (any server of the platform protocol) or bluesky (a PDS)."`
	Facts     []platform.Fact `placeholder:"FACT" help:"What the platform tells of an account or a post. Default: what the executor's connector says; give it only if the executor cannot be asked."`
	Labels    []string        `placeholder:"LABEL" help:"The labels that may be set on accounts and posts there, all of them, such as spam,sensitive. Default: those that are listed now; for a new platform all that the executor's connector offers, and none with --facts."`
	Unranked  bool            `help:"Sign that no tier rule can tell which accounts matter there. Asked for only where that is so."`
	Raise     []string        `placeholder:"FILE" help:"With --unranked: the subjects to raise, a line each: @HANDLE or ID, and protected or critical. The file is read and checked; raise them with platform raise."`
	asking
}

func (c *platformAdd) Help() string {
	return "The governance chain says that the platform exists, what speaks to it, which facts that gives and which labels may be set there. Its address and credential are the executor's affair: they stand in its platforms.json. " +
		"Where no tier rule of the policy reads a fact that the platform gives, every account there is standard until people raise it: " +
		"then those who sign say yes to that in the change (--unranked), and a list of the subjects to raise is asked for (--raise)."
}

func (c *platformAdd) Run(ctx context.Context, s *Session) error {
	d, err := s.desk()
	if err != nil {
		return err
	}
	added := actions.Platform{Name: c.Name, Connector: c.Connector, Facts: slices.Sorted(slices.Values(c.Facts))}
	var told said
	if c.Facts == nil {
		if told, err = saidOf(ctx, d, c.Name); err != nil {
			return err
		}
		added.Facts = told.facts
	}
	if err := checkLabels(c.Labels); err != nil {
		return err
	}
	if added.Labels = sortedOnce(c.Labels); added.Labels == nil {
		before, listed, err := listedNow(ctx, d, c.Name)
		if err != nil {
			return err
		}
		if added.Labels = told.labels; listed {
			added.Labels = before.Labels
		}
	}
	now, err := d.Policy(ctx)
	if err != nil {
		return err
	}
	set, err := policy.Compile(now.Files)
	if err != nil {
		return err
	}
	change := actions.Setting{Of: actions.PartPlatforms, Platform: &added, Unranked: set.Unranks(nil, added)}
	if err := c.accepted(set, change); err != nil {
		return err
	}
	for _, name := range c.Raise {
		if _, err := readRaises(c.Name, name); err != nil {
			return err
		}
	}
	if change.Unranked != nil {
		s.Say("Every account of %s is standard until people raise it. Once the platform is connected: countersign platform raise %s %s --reason WHY", c.Name, c.Name, strings.Join(c.Raise, " "))
	}
	return c.change(ctx, s, actions.DeskChange, change, c.Reason)
}

// listedNow returns a platform as the chain lists it now, if it does.
func listedNow(ctx context.Context, d deskClient, name string) (p v1.Platform, ok bool, err error) {
	page, err := d.Platforms(ctx)
	if err != nil {
		return v1.Platform{}, false, err
	}
	if i := slices.IndexFunc(page.Items, func(p v1.Platform) bool { return p.Name == name }); i >= 0 {
		return page.Items[i], true, nil
	}
	return v1.Platform{}, false, nil
}

// accepted checks that the person accepts that no tier rule can rank these accounts.
func (c *platformAdd) accepted(set *policy.Set, change actions.Setting) error {
	if change.Unranked == nil {
		if c.Unranked {
			return rankedThere(c.Name)
		}
		return nil
	}
	if c.Unranked && len(c.Raise) > 0 {
		return nil
	}
	silent := set.Silent(c.Name, change.Platform.Facts)
	bad := fault.New(fault.Conflict, "unranked-platform", "No tier rule of the policy reads a fact that %s gives (%s); %s about its accounts cannot speak. Every account there would be standard, "+
		"and one person may take it down. Change tiers.json first; or say --unranked, so that all who sign say yes to it, and name with --raise FILE the subjects to raise.",
		c.Name, cmp.Or(wording.Joined(change.Platform.Facts), "nothing"), wording.Many(len(silent), "rule"))
	for _, r := range silent {
		bad.Detail = append(bad.Detail, fault.Detail{At: r.Policy, Text: r.Text})
	}
	return bad
}

// rankedThere refuses --unranked where it is not so.
func rankedThere(name string) error {
	return fault.New(fault.Conflict, "unranked-platform", "A tier rule of the policy can tell which accounts of %s matter; leave --unranked out.", name)
}

// reachPatience bounds the time for which platform add waits until the executor reaches
// the new platform.
const reachPatience = 10 * time.Second

// said is what the executor's connector says of a platform.
type said struct {
	facts  []platform.Fact
	labels []string // none at a desk whose formats have no labels
}

// saidOf waits until the executor has reached a platform, and returns what it says.
func saidOf(ctx context.Context, d deskClient, name string) (said, error) {
	ctx, cancel := context.WithTimeout(ctx, reachPatience)
	defer cancel()
	for {
		status, err := d.Status(ctx)
		if err != nil && ctx.Err() == nil {
			return said{}, err
		}
		if x := status.Executor; err == nil && x != nil {
			if facts, ok := x.Facts[name]; ok {
				out := said{facts: facts}
				if status.Formats > actions.FirstFormats {
					out.labels = sortedOnce(x.Labels[name])
				}
				return out, nil
			}
			if !slices.Contains(x.Platforms, name) {
				return said{}, fault.New(fault.Conflict, "not-served", "The executor is not configured for %s, so nobody knows which facts it gives. Add it to the executor's platforms.json and start the executor again, or give --facts.", name)
			}
		}
		select {
		case <-ctx.Done():
			return said{}, fault.New(fault.Unavailable, "facts-unknown", "The executor does not say which facts %s gives: it does not answer, or has not reached the platform. Look at countersign watch, or give --facts.", name)
		case <-time.After(reachPatience / 50):
		}
	}
}

// checkLabels refuses values that cannot be listed.
func checkLabels(values []string) error {
	for _, l := range values {
		if err := platform.CheckLabel(l); err != nil {
			return err
		}
	}
	if len(values) > actions.MaxLabels {
		return fault.New(fault.Invalid, "bad-label", "%s are too many; with a platform %d are listed at most.", wording.Many(len(values), "label"), actions.MaxLabels)
	}
	return nil
}

type platformLabels struct {
	Name     string   `arg:"" help:"The platform."`
	Add      []string `placeholder:"LABEL" help:"Labels that may be set from now on."`
	Remove   []string `placeholder:"LABEL" help:"Labels that may be set no more. Those that stand on a subject stay, and can still be taken away."`
	Unranked bool     `help:"Sign once more that no tier rule can tell which accounts matter there. Asked for only where that is so."`
	asking
}

func (c *platformLabels) Help() string {
	return "Workers set only labels that the governance chain lists with the platform, and only labels that the platform offers can be listed. " +
		"The words and the effect of a label are the platform's. Before you sign, the labels are shown that the change adds and takes off; platform list shows those that are listed."
}

func (c *platformLabels) Run(ctx context.Context, s *Session) error {
	d, err := s.desk()
	if err != nil {
		return err
	}
	if err := checkLabels(slices.Concat(c.Add, c.Remove)); err != nil {
		return err
	}
	before, ok, err := listedNow(ctx, d, c.Name)
	if err != nil {
		return err
	}
	if !ok {
		return fault.New(fault.NotFound, "no-such-platform", "There is no platform %q at this desk; countersign platform list shows those that there are.", c.Name)
	}
	changed := actions.Platform{Name: before.Name, Connector: before.Connector, Facts: before.Facts}
	if changed.Labels, err = c.relist(before.Labels); err != nil {
		return err
	}
	now, err := d.Policy(ctx)
	if err != nil {
		return err
	}
	set, err := policy.Compile(now.Files)
	if err != nil {
		return err
	}
	change := actions.Setting{Of: actions.PartPlatforms, Platform: &changed, Unranked: set.Unranks(nil, changed)}
	switch {
	case c.Unranked && change.Unranked == nil:
		return rankedThere(c.Name)
	case !c.Unranked && change.Unranked != nil:
		return fault.New(fault.Conflict, "unranked-platform", "No tier rule of the policy can tell which accounts of %s matter, and each change of the platform has to say so: add --unranked.", c.Name)
	}
	return c.change(ctx, s, actions.DeskChange, change, c.Reason)
}

// relist returns the list of labels after the change. It refuses a change that supposes
// another list than there is.
func (c *platformLabels) relist(listed []string) ([]string, error) {
	there := cmp.Or(strings.Join(listed, ", "), "none")
	if len(c.Add)+len(c.Remove) == 0 {
		return nil, fault.New(fault.Invalid, "bad-label", "Say which labels come onto the list or off it: --add LABEL, --remove LABEL. Listed with %s: %s.", c.Name, there)
	}
	for _, l := range c.Add {
		if slices.Contains(c.Remove, l) {
			return nil, fault.New(fault.Invalid, "bad-label", "The label %s cannot be added and removed at once.", l)
		}
		if slices.Contains(listed, l) {
			return nil, fault.New(fault.Conflict, "wrong-state", "The label %s is listed with %s already.", l, c.Name)
		}
	}
	for _, l := range c.Remove {
		if !slices.Contains(listed, l) {
			return nil, fault.New(fault.Conflict, "wrong-state", "The label %s is not listed with %s. Listed there: %s.", l, c.Name, there)
		}
	}
	kept := slices.DeleteFunc(slices.Clone(listed), func(l string) bool { return slices.Contains(c.Remove, l) })
	all := sortedOnce(append(kept, c.Add...))
	return all, checkLabels(all)
}

type platformRaise struct {
	Name    string   `arg:"" help:"The platform."`
	Files   []string `arg:"" name:"file" help:"Files with a subject a line: @HANDLE or ID, and protected or critical."`
	Confirm bool     `help:"Ask others to stand by each tier, so that standing orders cover the subjects: they countersign."`
	asking
}

func (c *platformRaise) Help() string {
	return "Each subject is read on its platform and raised by a change of its own, with the executor's word on who it is. One person may raise; how many an hour, the desk's settings say. " +
		"Whoever has the tier already, or a higher one, is passed over, so that the command may be given again. It stops at the first that is refused."
}

// raisedSubject is one line of the answer of platform raise.
type raisedSubject struct {
	Subject string         `json:"subject"`
	Tier    actions.Tier   `json:"tier"`
	Request string         `json:"request"` // empty: it has the tier already
	Status  actions.Status `json:"status"`
}

func (c *platformRaise) Run(ctx context.Context, s *Session) error {
	var all []toRaise
	for _, name := range c.Files {
		more, err := readRaises(c.Name, name)
		if err != nil {
			return err
		}
		all = append(all, more...)
	}
	d, err := s.desk()
	if err != nil {
		return err
	}
	done := []raisedSubject{}
	for _, l := range all {
		r, err := s.subject(ctx, l.subject)
		if err != nil {
			return err
		}
		line := raisedSubject{Subject: wording.Subject(r.Subject), Tier: l.tier}
		raised, confirmed := cmp.Or(r.Raised, actions.Standard), cmp.Or(r.Confirmed, actions.Standard)
		if raised.Rank() < l.tier.Rank() || c.Confirm && confirmed.Rank() < l.tier.Rank() {
			raise := actions.Raise{Subject: r.Subject, From: raised, To: l.tier.Max(raised), Confirm: c.Confirm, Resolved: r.Resolution}
			req, err := c.ask(ctx, s, d, v1.Wish{Kind: actions.DeskChange, Reason: c.Reason}, actions.Setting{Of: actions.PartTiers, Raise: &raise}, nil)
			if err != nil {
				return err
			}
			line.Request, line.Status = req.ID, req.Status
		}
		done = append(done, line)
	}
	return s.Answer(items(done), func(p *Page) {
		rows := [][]string{{"SUBJECT", "TIER", "REQUEST", "STATUS"}}
		for _, l := range done {
			rows = append(rows, []string{l.Subject, string(l.Tier), cmp.Or(l.Request, "none: it has the tier already"), wording.Status(l.Status)})
		}
		p.Table(rows)
	})
}

// toRaise is a line of a list of subjects to raise.
type toRaise struct {
	subject string
	tier    actions.Tier
}

// readRaises reads a list of subjects of a platform, one a line: @HANDLE or ID, and the
// tier. It skips empty lines and lines that begin with #.
func readRaises(name, file string) ([]toRaise, error) {
	b, err := ReadFile(file, 1<<20)
	if err != nil {
		return nil, err
	}
	var all []toRaise
	n := 0
	for line := range strings.Lines(string(b)) {
		n++
		words := strings.Fields(line)
		if len(words) == 0 || strings.HasPrefix(words[0], "#") {
			continue
		}
		if len(words) != 2 || words[1] != string(actions.Protected) && words[1] != string(actions.Critical) {
			return nil, fault.New(fault.Invalid, "bad-list", "%s, line %d: write a subject, @HANDLE or ID, and protected or critical.", file, n)
		}
		subject := name + ":" + words[0]
		if _, err := platform.ParseSubject(subject); err != nil {
			return nil, fault.New(fault.Invalid, "bad-list", "%s, line %d: %s", file, n, fault.TextOf(err))
		}
		all = append(all, toRaise{subject, actions.Tier(words[1])})
	}
	return all, nil
}

type platformList struct{}

func (c *platformList) Run(ctx context.Context, s *Session) error {
	d, err := s.desk()
	if err != nil {
		return err
	}
	page, err := d.Platforms(ctx)
	if err != nil {
		return err
	}
	return s.Answer(items(page.Items), func(p *Page) {
		rows := [][]string{{"PLATFORM", "CONNECTOR", "SERVED", "LABELS"}}
		for _, f := range page.Items {
			rows = append(rows, []string{f.Name, f.Connector, yesNo(f.Served), cmp.Or(wording.Joined(f.Labels), "none")})
		}
		p.Table(rows)
	})
}

type platformCheck struct {
	URL       string        `arg:"" name:"address" help:"Address of the server, such as https://staff.example.com."`
	TokenFile string        `required:"" placeholder:"FILE" help:"File with a staff token."`
	Account   string        `default:"@scratch" help:"A scratch account that is up and bears no measure: @HANDLE or an identifier. It is taken down and brought back many times."`
	Content   string        `help:"A scratch post's identifier, such as post/93. Without it, the checks that need content are left out."`
	Missing   string        `default:"acct/999999999" help:"An account's identifier that names nothing."`
	Patience  time.Duration `default:"10s" help:"How long to wait for something that must come, such as an event."`
}

func (c *platformCheck) Help() string {
	return "Needs no desk. Asks every promise of the platform protocol in order. It deletes nothing, touches nobody but the scratch account, and leaves that up. " +
		"A server that announces limits, labels or warnings is asked about those too: the account is limited and labelled for moments, and its holder gets a few warnings. Exit 1 if a promise is broken."
}

// checkReport is the answer of platform check.
type checkReport struct {
	OK       bool          `json:"ok"`
	Kept     int           `json:"kept"`
	Broken   int           `json:"broken"`
	Skipped  int           `json:"skipped"`
	Promises []promiseKept `json:"promises"`
}

type promiseKept struct {
	Promise string               `json:"promise"`
	Text    string               `json:"text"`
	Outcome platformtest.Outcome `json:"outcome"`
	Reason  string               `json:"reason"`
	Took    float64              `json:"ms"`
}

// checkedName names the platform during a check, for marks, keys and errors.
const checkedName = "server"

func (c *platformCheck) Run(ctx context.Context, s *Session) error {
	raw, err := ReadFile(c.TokenFile, 1<<16)
	if err != nil {
		return err
	}
	token := strings.TrimSpace(string(raw))
	if token == "" {
		return fault.New(fault.Invalid, "bad-token", "%s holds no token.", c.TokenFile)
	}
	account, err := platform.ParseSubject(checkedName + ":" + c.Account)
	if err != nil {
		return err
	}
	var content platform.Subject
	if c.Content != "" {
		if content, err = platform.ParseSubject(checkedName + ":" + c.Content); err != nil {
			return err
		}
	}
	connector, err := plaza.Connect(ctx, plaza.Config{Name: checkedName, URL: c.URL, Token: token, Now: s.Now})
	if f := fault.As(err); f != nil {
		return fault.New(f.Kind, f.Type, "%s cannot be checked: %s", c.URL, f.Text).Because(err)
	}
	if err != nil {
		return err
	}
	report := platformtest.Run(ctx, platformtest.Target{Connector: connector, Account: account, Content: content,
		Missing: platform.Subject{Platform: checkedName, ID: c.Missing}, Patience: c.Patience,
		Wire: &platformtest.Wire{URL: c.URL, Token: token, Client: &http.Client{}}})
	doc := checkReport{OK: report.OK(), Promises: []promiseKept{}}
	doc.Kept, doc.Broken, doc.Skipped = report.Count()
	for _, r := range report.Results {
		doc.Promises = append(doc.Promises, promiseKept{r.Promise, r.Text, r.Outcome, r.Reason, float64(r.Took.Microseconds()) / 1000})
	}
	if !doc.OK {
		s.End(Refused)
	}
	return s.Answer(doc, func(p *Page) { p.Block(report.String()) })
}
