package cli

import (
	"context"
	"net/http"
	"strings"
	"time"

	"countersign.dev/actions"
	"countersign.dev/fault"
	"countersign.dev/platform"
	"countersign.dev/platform/platformtest"
	"countersign.dev/platform/plaza"
)

type platformCommands struct {
	Add   platformAdd   `cmd:"" help:"Connect a platform. Officers countersign."`
	List  platformList  `cmd:"" help:"List the connected platforms."`
	Check platformCheck `cmd:"" help:"Check any server against the platform protocol: pass or fail for each promise."`
}

type platformAdd struct {
	Name      string `arg:"" help:"What the platform is called here, such as plaza."`
	Connector string `required:"" enum:"plaza,bluesky" help:"What speaks to it: plaza (any server of the platform protocol) or bluesky (a PDS)."`
	asking
}

func (c *platformAdd) Help() string {
	return "The governance chain says that the platform exists and what speaks to it. Its address and credential are the executor's affair: they stand in its platforms.json."
}

func (c *platformAdd) Run(ctx context.Context, s *Session) error {
	change := actions.Setting{Of: actions.PartPlatforms, Platform: &actions.Platform{Name: c.Name, Connector: c.Connector}}
	return c.change(ctx, s, actions.DeskChange, change, c.Reason)
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
		rows := [][]string{{"PLATFORM", "CONNECTOR", "SERVED"}}
		for _, f := range page.Items {
			rows = append(rows, []string{f.Name, f.Connector, yesNo(f.Served)})
		}
		p.Table(rows)
	})
}

type platformCheck struct {
	URL       string        `arg:"" name:"address" help:"Address of the server, such as https://staff.example.com."`
	TokenFile string        `required:"" placeholder:"FILE" help:"File with a staff token."`
	Account   string        `default:"@scratch" help:"A scratch account, up and without a mark: @HANDLE or an identifier. It is taken down and brought back many times."`
	Content   string        `help:"A scratch post's identifier, such as post/93. Without it, what needs content is left out."`
	Missing   string        `default:"acct/999999999" help:"An account's identifier that names nothing."`
	Patience  time.Duration `default:"10s" help:"How long to wait for what must come, such as an event."`
}

func (c *platformCheck) Help() string {
	return "Needs no desk. Asks every promise of the platform protocol in order. It deletes nothing, touches nobody but the scratch account, and leaves that up. Exit 1 if a promise is broken."
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

// checkedName is what the platform is called during a check; marks and keys
// need a name and nobody sees it.
const checkedName = "checked"

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
