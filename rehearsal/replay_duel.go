package rehearsal

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/plaza"
)

// A duel: a person with the platform's credential repeats the act.
const (
	duelRounds  = 15              // of the attacker who repeats it once a second
	labelRounds = 8               // of the one who takes a label away and sets it anew once a second
	rushTime    = 5 * time.Second // of the attacker who repeats it as soon as the account is up again
	cutAfter    = 3               // breaches, in the standing order, after which the credential is cut off
	cutWithin   = 10 * time.Minute
	cutTime     = 20 * time.Second // for the cut, or until people are told that there is none
)

// leastUp is the share of the time in which the account has to be up, if the attack once
// a second counts as defeated. The aim on an idle machine is 0.95 on plaza and 0.8 on a
// PDS (design/0015); on a busy one each round is longer, and so are the attacker's.
const leastUp = 0.5

// byDuel is the fifth way: the act again and again, until the credential is cut off.
func (r *replay) byDuel(ctx context.Context, ordered bool) error {
	credential, err := r.credential(ctx)
	if err != nil {
		return err
	}
	h := &http.Client{Transport: &http.Transport{}, Timeout: 30 * time.Second}
	defer h.CloseIdleConnections()
	seconds, err := r.duel(ctx, "once a second", r.accounts[forSeconds], func(ctx context.Context, on account, t *tries) error {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for range duelRounds {
			if err := r.repeat(ctx, h, credential, on, t); err != nil {
				return err
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	seconds.Defeated = seconds.Observed.Up && seconds.NoticedMS != nil && *seconds.UpShare >= leastUp/float64(r.slow)
	rush, err := r.duel(ctx, "as soon as it is up", r.accounts[forRush], func(ctx context.Context, on account, t *tries) error {
		for end := time.Now().Add(rushTime); time.Now().Before(end); {
			if err := r.rush(ctx, h, credential, on, t); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	rush.Defeated = rush.Observed.Up && rush.NoticedMS != nil // the share is measured, but no share is promised
	acts := []onAccount{seconds, rush}
	labels := ""
	if r.pds == nil {
		labelled, err := r.labels(ctx, h, credential)
		if err != nil {
			return err
		}
		acts = append(acts, labelled)
		labels = fmt.Sprintf(" Labelled once a second: free of the label %.1f %%.", 100**labelled.UpShare)
	}
	end, told, err := r.untilCut(ctx, h, credential, ordered)
	if err != nil {
		return err
	}
	r.add("duel", fmt.Sprintf("Taken down once a second: up %.1f %% of the time. Taken down as soon as it was up again: up %.1f %%.%s %s",
		100**seconds.UpShare, 100**rush.UpShare, labels, told), append(acts, end)...)
	w := &r.answer.Ways[len(r.answer.Ways)-1]
	w.UpShare, w.CutMS = seconds.UpShare, end.CutMS
	return nil
}

// duel plays an act of a duel and takes over the share of the time in which the account
// was up.
func (r *replay) duel(ctx context.Context, name string, on account, play func(context.Context, account, *tries) error) (onAccount, error) {
	a, err := r.observed(ctx, name, on, lookout{}, func(ctx context.Context) (*tries, error) {
		t := &tries{}
		return t, play(ctx, on, t)
	}, sightNoticed, sightAttributed)
	a.UpShare = &a.Observed.UpShare
	return a, err
}

// labels plays the attacker who once a second takes the label away from an account, if it
// is there still, and sets it anew. A PDS has no labels of its own.
func (r *replay) labels(ctx context.Context, h *http.Client, credential string) (onAccount, error) {
	a, err := r.duel(ctx, "a label once a second", r.accounts[forLabels], func(ctx context.Context, on account, t *tries) error {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for n := range labelRounds {
			for _, verb := range []plaza.Verb{plaza.Unlabel, plaza.Label} {
				status, err := r.label(ctx, h, credential, on, verb)
				if err != nil && status != http.StatusConflict {
					return err
				}
				t.add(fmt.Sprintf("%s it, the %d. time", verb, n+1), fmt.Sprint(status), nil)
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	if err != nil {
		return a, err
	}
	a.Defeated = a.Observed.Up && a.NoticedMS != nil && *a.UpShare >= leastUp/float64(r.slow)
	return a, nil
}

// errCut says that the platform does not accept the credential any more.
var errCut = errors.New("the credential is cut off")

// repeat takes the account down once more. It is no error if the account is down already.
func (r *replay) repeat(ctx context.Context, h *http.Client, credential string, on account, t *tries) error {
	status, err := r.takeDown(ctx, h, credential, on)
	switch {
	case status == http.StatusUnauthorized:
		return errCut
	case err != nil && status != http.StatusConflict:
		return err
	}
	t.add(fmt.Sprintf("take it down, the %d. time", len(t.all)+1), fmt.Sprint(status), nil)
	return nil
}

// rush waits until the public address says that the account is up, and takes it down.
func (r *replay) rush(ctx context.Context, h *http.Client, credential string, on account, t *tries) error {
	eyes := observer{lookout: lookout{Page: on.page, Repo: on.repo}, http: h}
	waiting, cancel := context.WithTimeout(ctx, r.patience())
	defer cancel()
	for eyes.status(waiting) != "up" {
		if err := waiting.Err(); err != nil {
			return ctx.Err() // it did not come up again, and the observer says so
		}
	}
	return r.repeat(ctx, h, credential, on, t)
}

// untilCut repeats the act under a standing order that cuts the credential off, until it
// is cut off, or until people are told that it is not.
func (r *replay) untilCut(ctx context.Context, h *http.Client, credential string, ordered bool) (a onAccount, told string, err error) {
	now := time.Now()
	if ordered {
		if err := r.placeOrder(ctx, actions.Order{Op: "place", Platform: r.platform, Tier: actions.Critical, Until: canonical.At(now.AddDate(0, 1, 0)),
			PerSubject: 60, PerTier: 1000, Layers: actions.OrderLayers, Vouched: canonical.At(now), Cut: &actions.Cut{Breaches: cutAfter, Within: int64(cutWithin / time.Second)}}); err != nil {
			return onAccount{}, "", err
		}
	}
	var began, cut time.Time
	paged := false
	a, err = r.duel(ctx, "until it is cut off", r.accounts[forCut], func(ctx context.Context, on account, t *tries) error {
		began = time.Now()
		for end := began.Add(r.slow * cutTime); time.Now().Before(end); {
			switch err := r.rush(ctx, h, credential, on, t); {
			case errors.Is(err, errCut):
				cut = time.Now()
				t.add("take it down once more", "401", nil)
				return nil
			case err != nil:
				return err
			case r.pds == nil:
				continue
			}
			list := r.as(ctx, reader, "alarm", "list")
			if paged = strings.Contains(string(list.doc), "credential.stays"); paged {
				return nil
			}
		}
		return nil
	})
	if err != nil {
		return a, "", err
	}
	a.Defeated = a.Observed.Up && a.NoticedMS != nil
	switch {
	case !cut.IsZero():
		ms := float64(cut.Sub(began).Milliseconds())
		a.CutMS = &ms
		return a, fmt.Sprintf("With a standing order that says so, the credential was cut off after %.0f ms and %d takedowns.", ms, len(a.Attempts)-1), nil
	case paged:
		return a, "A PDS cannot cut its one credential off: people were paged with what to do.", nil
	}
	a.Defeated = false
	return a, "The credential was not cut off, and nobody was told.", nil
}
