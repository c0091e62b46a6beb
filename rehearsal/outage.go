package rehearsal

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"golang.org/x/sync/errgroup"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/cli"
	"countersign.dev/deskdir"
	"countersign.dev/fault"
	linkv1 "countersign.dev/link/v1"
	"countersign.dev/plaza"
	"countersign.dev/policy"
)

// replayOutage measures how soon all accounts that matter are checked, and put back,
// after the executor was cut off from the platform for a time.
type replayOutage struct {
	onPlatform
	Accounts int           `default:"10000" help:"How many protected accounts there are."`
	Changed  int           `default:"100" help:"How many of them are taken down around the desk meanwhile."`
	Outage   time.Duration `default:"10m" help:"For how long the executor is cut off: no event reaches it, and no call of its own succeeds."`
}

func (c *replayOutage) Help() string {
	return "The executor's connections to the platform are cut; accounts are taken down with the platform's staff credential; the connections may be made again. The executor then goes on after the last event that it knows, and sweeps."
}

// afterOutage is the answer of replay outage. Times are in milliseconds, counted from the
// moment at which the executor could reach the platform again.
type afterOutage struct {
	Platform string  `json:"platform"`
	Accounts int     `json:"accounts"`
	Changed  int     `json:"changed"`
	OutageMS float64 `json:"outage_ms"`
	StreamMS float64 `json:"streaming_ms"` // until it followed the stream again
	SweptMS  float64 `json:"swept_ms"`     // until all of them were checked
	UpMS     float64 `json:"restored_ms"`  // until an anonymous client had seen the last one up
}

// leastOutage is a little longer than the silence after which the watch no longer
// believes that its stream missed nothing.
const leastOutage = 10 * time.Second

// sweepTime bounds a sweep of all accounts.
const sweepTime = 10 * time.Minute

func (c *replayOutage) Run(ctx context.Context, s *cli.Session) error {
	if c.Accounts < 1 || c.Changed < 1 || c.Changed > c.Accounts || c.Outage < leastOutage {
		return fault.New(fault.Invalid, "wrong-use", "There is at least one account, no more are changed than there are, and the outage lasts %s or more: after a shorter one nothing is swept, since the stream tells all of it.", leastOutage)
	}
	return c.onTestbed(ctx, s, []string{nobodyMinds}, func(ctx context.Context, g *testbed) error {
		// A PDS tells nothing about an account by which a rule could raise it.
		policy, err := allProtected(g.platform)
		defer os.RemoveAll(policy)
		if err != nil {
			return err
		}
		if err := g.build(ctx, policy, s.Say); err != nil {
			return err
		}
		accounts, err := g.makeMany(ctx, c.Accounts)
		g.many = accounts
		if err != nil {
			return err
		}
		s.Say("%d accounts are made.", len(accounts))
		if err := g.stop(); err != nil {
			return err
		}
		lead, err := g.throughProxy()
		if err != nil {
			return err
		}
		defer func() { _ = lead.close() }()
		if err := g.start(ctx); err != nil {
			return err
		}
		if _, err := g.watched(ctx, func(w linkv1.WatchStatus) bool {
			return w.Streaming && w.Protected >= int64(c.Accounts) && w.UnbasedProtected == 0
		}); err != nil {
			return err
		}
		s.Say("%d accounts are protected, and the ledger holds how they are.", c.Accounts)
		now := time.Now()
		if err := g.placeOrder(ctx, actions.Order{Op: "place", Platform: g.platform, Tier: actions.Protected, Until: canonical.At(now.AddDate(0, 1, 0)),
			PerSubject: 60, PerTier: int64(2 * c.Changed), Vouched: canonical.At(now)}); err != nil {
			return err
		}
		doc, err := c.measure(ctx, g, lead, accounts)
		if err != nil {
			return err
		}
		return s.Answer(doc, func(p *cli.Page) {
			p.Line("After %s without the platform %s, the executor followed its stream again after %.0f ms and had checked %d protected accounts after %.0f ms; the %d that were taken down were all up after %.0f ms.",
				c.Outage, doc.Platform, doc.StreamMS, doc.Accounts, doc.SweptMS, doc.Changed, doc.UpMS)
		})
	})
}

func (c *replayOutage) measure(ctx context.Context, g *testbed, lead *proxy, accounts []account) (afterOutage, error) {
	doc := afterOutage{Platform: g.platform, Accounts: c.Accounts, Changed: c.Changed}
	credential, err := g.credential(ctx)
	if err != nil {
		return doc, err
	}
	lead.set(true)
	cut := time.Now()
	if _, err := g.watched(ctx, func(w linkv1.WatchStatus) bool { return !w.Streaming }); err != nil {
		return doc, err
	}
	h := &http.Client{Transport: &http.Transport{}, Timeout: 30 * time.Second}
	defer h.CloseIdleConnections()
	for n := range c.Changed {
		if _, err := g.takeDown(ctx, h, credential, accounts[n*len(accounts)/c.Changed]); err != nil {
			return doc, err
		}
	}
	if err := pause(ctx, c.Outage-time.Since(cut)); err != nil {
		return doc, err
	}
	began := time.Now()
	doc.OutageMS = ms(began.Sub(cut))
	lead.set(false)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		_, err := g.watched(ctx, func(w linkv1.WatchStatus) bool { return w.Streaming })
		doc.StreamMS = ms(time.Since(began))
		return err
	})
	group.Go(func() error {
		w, err := g.watched(ctx, func(w linkv1.WatchStatus) bool { return w.Swept.After(began) })
		doc.SweptMS = ms(w.Swept.Sub(began))
		return err
	})
	group.Go(func() error {
		for n := range c.Changed {
			if err := seenUp(ctx, h, accounts[n*len(accounts)/c.Changed], sweepTime); err != nil {
				return err
			}
		}
		doc.UpMS = ms(time.Since(began))
		return nil
	})
	return doc, group.Wait()
}

// allProtected makes a folder with the default policy and a rule that protects every
// account of a platform.
func allProtected(name string) (folder string, err error) {
	if folder, err = os.MkdirTemp("", "countersign-policy-"); err != nil {
		return "", fmt.Errorf("make a folder: %w", err)
	}
	files := policy.Default()
	rules, err := json.Marshal(map[string]any{name: []any{map[string]any{"tier": actions.Protected, "always": true, "reason": "All accounts matter here."}}})
	if err != nil {
		return folder, fmt.Errorf("write the rules about tiers: %w", err)
	}
	files["tiers.json"] = string(rules)
	for file, text := range files {
		if err := os.WriteFile(filepath.Join(folder, file), []byte(text), 0o600); err != nil {
			return folder, fmt.Errorf("write the policy: %w", err)
		}
	}
	return folder, nil
}

// throughProxy makes the executor reach the platform through a proxy, from its next start
// on.
func (g *testbed) throughProxy() (*proxy, error) {
	path := filepath.Join(g.dir, deskdir.Executor, deskdir.Platforms)
	platforms, err := deskdir.ReadPlatforms(path)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(platforms, func(p deskdir.Platform) bool { return p.Name == g.platform })
	w, address, err := newProxy(platforms[i].URL)
	if err != nil {
		return nil, err
	}
	platforms[i].URL = address
	if err := cli.WriteSecret(path, platforms); err != nil {
		return nil, errors.Join(err, w.close())
	}
	return w, nil
}

// watched waits until the watch of the platform is in a state.
func (g *testbed) watched(ctx context.Context, is func(linkv1.WatchStatus) bool) (linkv1.WatchStatus, error) {
	c, err := g.reader()
	if err != nil {
		return linkv1.WatchStatus{}, err
	}
	waiting, cancel := context.WithTimeout(ctx, sweepTime)
	defer cancel()
	for {
		status, err := c.Status(waiting)
		if err != nil {
			return linkv1.WatchStatus{}, err
		}
		if status.Executor != nil {
			for _, w := range status.Executor.Watches {
				if w.Platform == g.platform && is(w) {
					return w, nil
				}
			}
		}
		if err := pause(waiting, 20*time.Millisecond); err != nil {
			if ctx.Err() != nil {
				return linkv1.WatchStatus{}, ctx.Err()
			}
			return linkv1.WatchStatus{}, fault.New(fault.Unavailable, "play-failed", "The executor did not see all of the platform within %s.", sweepTime)
		}
	}
}

// makeMany makes accounts that nobody raised.
func (g *testbed) makeMany(ctx context.Context, n int) ([]account, error) {
	if g.pds != nil {
		return g.pds.makeMany(ctx, n)
	}
	token, err := cli.ReadFile(filepath.Join(g.dir, deskdir.SetupToken), 1<<10)
	if err != nil {
		return nil, err
	}
	const atATime = 1000
	var all []account
	for len(all) < n {
		var wishes []plaza.NewAccount
		for i := len(all); i < min(n, len(all)+atATime); i++ {
			wishes = append(wishes, plaza.NewAccount{Handle: fmt.Sprintf("@known_%d", i), Name: fmt.Sprintf("Known %d", i), Followers: 100})
		}
		var made struct {
			Accounts []struct {
				ID     string `json:"id"`
				Handle string `json:"handle"`
			} `json:"accounts"`
		}
		if _, err := call(ctx, http.DefaultClient, http.MethodPost, g.plaza+"/staff/v1/accounts/bulk", "Bearer "+strings.TrimSpace(string(token)), nil,
			map[string]any{"accounts": wishes}, &made); err != nil {
			return nil, err
		}
		for _, a := range made.Accounts {
			all = append(all, account{handle: a.Handle, id: a.ID, page: g.plaza + "/" + a.Handle})
		}
	}
	return all, nil
}

// makeMany makes accounts, some at a time: for each a PDS makes keys, a repository
// and a slow hash of its password.
func (p *pds) makeMany(ctx context.Context, n int) ([]account, error) {
	all := make([]account, n)
	err := p.some(ctx, n, func(ctx context.Context, i int) (err error) {
		all[i], err = p.makeAccount(ctx, fmt.Sprintf("known%d", i))
		return err
	})
	return all, err
}

// some does work on the PDS, a few calls at once, until one fails.
func (p *pds) some(ctx context.Context, n int, do func(ctx context.Context, i int) error) error {
	const atOnce = 8
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for i := range n {
		group.Go(func() error { return do(ctx, i) })
	}
	return group.Wait()
}
