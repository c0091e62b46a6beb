package main

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/cli"
	"countersign.dev/fault"
	"countersign.dev/ledger/proof"
	"countersign.dev/plaza"
)

// replayOutage measures how soon everything that matters is checked, and put back,
// after nobody has watched for a time.
type replayOutage struct {
	Accounts int           `default:"10000" help:"How many protected accounts there are."`
	Changed  int           `default:"100" help:"How many of them are taken down around the desk meanwhile."`
	Outage   time.Duration `default:"10m" help:"For how long nobody watches."`
}

func (c *replayOutage) Help() string {
	return "On plaza. The executor is ended, accounts are taken down with the platform's staff credential, and the executor is started again: it goes on after the last event that it knows, and sweeps."
}

// afterOutage is the answer of replay outage. Times are counted from before the
// desk and its executor are started again.
type afterOutage struct {
	Accounts int     `json:"accounts"`
	Changed  int     `json:"changed"`
	OutageMS float64 `json:"outage_ms"`
	SweptMS  float64 `json:"swept_ms"`    // until all of them are checked
	UpMS     float64 `json:"restored_ms"` // until an anonymous client has seen the last one up
}

// sweepTime bounds a sweep of all accounts.
const sweepTime = 10 * time.Minute

func (c *replayOutage) Run(ctx context.Context, s *cli.Session) error {
	if c.Accounts < 1 || c.Changed < 1 || c.Changed > c.Accounts || c.Outage < 0 {
		return fault.New(fault.Invalid, "wrong-use", "There is at least one account, and no more are changed than there are.")
	}
	on := &onPlatform{Platform: connectorPlaza}
	return on.onStage(ctx, s, []string{nobodyMinds}, func(ctx context.Context, g *stage) error {
		if err := g.set(ctx, "", s.Say); err != nil {
			return err
		}
		accounts, err := g.makeMany(ctx, c.Accounts)
		if err != nil {
			return err
		}
		if err := g.stop(); err != nil {
			return err
		}
		if err := g.start(ctx); err != nil {
			return err
		}
		if _, err := g.watched(ctx, func(w proof.WatchStatus) bool { return w.Entered && w.Protected >= int64(c.Accounts) }); err != nil {
			return err
		}
		s.Say("%d accounts are protected, and the ledger holds how they are.", c.Accounts)
		now := time.Now()
		if err := g.placeOrder(ctx, actions.Order{Op: "place", Platform: g.platform, Tier: actions.Protected, Until: canonical.At(now.AddDate(0, 1, 0)),
			PerSubject: 60, PerTier: int64(2 * c.Changed), Vouched: canonical.At(now)}); err != nil {
			return err
		}
		doc, err := c.measure(ctx, g, accounts)
		if err != nil {
			return err
		}
		return s.Answer(doc, func(p *cli.Page) {
			p.Line("After %s in which nobody watched, %d protected accounts were checked in %.0f ms; the %d that were taken down were all up after %.0f ms.",
				c.Outage, doc.Accounts, doc.SweptMS, doc.Changed, doc.UpMS)
		})
	})
}

func (c *replayOutage) measure(ctx context.Context, g *stage, accounts []account) (afterOutage, error) {
	doc := afterOutage{Accounts: c.Accounts, Changed: c.Changed}
	credential, err := g.credential(ctx)
	if err != nil {
		return doc, err
	}
	if err := g.stop(); err != nil {
		return doc, err
	}
	stopped := time.Now()
	h := &http.Client{Transport: &http.Transport{}, Timeout: 30 * time.Second}
	defer h.CloseIdleConnections()
	for n := range c.Changed {
		if _, err := g.takeDown(ctx, h, credential, accounts[n*len(accounts)/c.Changed]); err != nil {
			return doc, err
		}
	}
	if err := pause(ctx, c.Outage-time.Since(stopped)); err != nil {
		return doc, err
	}
	began := time.Now()
	doc.OutageMS = ms(began.Sub(stopped))
	if err := g.start(ctx); err != nil {
		return doc, err
	}
	swept, err := g.watched(ctx, func(w proof.WatchStatus) bool { return w.Swept.After(began) })
	if err != nil {
		return doc, err
	}
	doc.SweptMS = ms(swept.Swept.Sub(began))
	for n := range c.Changed {
		if err := seenUp(ctx, h, accounts[n*len(accounts)/c.Changed]); err != nil {
			return doc, err
		}
	}
	doc.UpMS = ms(time.Since(began))
	return doc, nil
}

// watched waits until the watch of the platform is in a state.
func (g *stage) watched(ctx context.Context, is func(proof.WatchStatus) bool) (proof.WatchStatus, error) {
	c, err := g.reader()
	if err != nil {
		return proof.WatchStatus{}, err
	}
	waiting, cancel := context.WithTimeout(ctx, sweepTime)
	defer cancel()
	for {
		status, err := c.Status(waiting)
		if err != nil {
			return proof.WatchStatus{}, err
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
				return proof.WatchStatus{}, ctx.Err()
			}
			return proof.WatchStatus{}, fault.New(fault.Unavailable, "play-failed", "The executor did not see all of the platform within %s.", sweepTime)
		}
	}
}

// makeMany makes accounts that are protected, since they have many followers.
func (g *stage) makeMany(ctx context.Context, n int) ([]account, error) {
	token, err := cli.ReadFile(filepath.Join(g.dir, setupTokenFile), 1<<10)
	if err != nil {
		return nil, err
	}
	const atATime = 1000
	var all []account
	for len(all) < n {
		var wishes []plaza.NewAccount
		for i := len(all); i < min(n, len(all)+atATime); i++ {
			wishes = append(wishes, plaza.NewAccount{Handle: fmt.Sprintf("@known_%d", i), Name: fmt.Sprintf("Known %d", i), Followers: 200_000})
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
