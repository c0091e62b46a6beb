package acts

import (
	"bytes"
	"context"
	"maps"
	"slices"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/desk/inbox"
	"countersign.dev/desk/kernel"
	"countersign.dev/fault"
	"countersign.dev/ledger/proof"
	"countersign.dev/store"
	"countersign.dev/workforce"
)

// copySignature tells a person what the person's own key has signed. What a session's key signs is
// the day's work, of which the session's own message tells.
func (d *Room) copySignature(t *kernel.Tx, a actions.Action, signed actions.Signed) error {
	st := signed.Statement
	if !st.Session.IsZero() {
		return nil
	}
	return d.inbox.Tell(t, st.Signer, inbox.Signed(a, st))
}

// waitingJob tells those who could sign a held request that it waits for them.
type waitingJob struct {
	Request string `json:"request"`
}

func (waitingJob) Kind() string { return "desk.waiting" }

// mostTold is the largest number of people who are told of one request. Where more could sign, those
// are told who are signed in, and of the others a few that chance picks, so that a large desk does
// not wake thousands for each request. All see it in their lists.
const mostTold = 50

// tellWaiting tells those who could sign a held request that it waits for them, each once.
func (d *Room) tellWaiting(ctx context.Context, request string) error {
	s, err := d.desk.State(ctx)
	if err != nil {
		return err
	}
	r, err := d.desk.Load(ctx, request)
	if err != nil {
		return err
	}
	now := d.desk.TimeNow()
	if !r.Open() || !now.Before(r.Expires().Time) {
		return nil
	}
	ask, err := d.asked(ctx, s, r)
	if err != nil {
		return err
	}
	if ask.Lifts, _, err = d.lifts(ctx, s, r.Action, r.Requester()); err != nil {
		ask.Lifts = actions.LiftsNothing // as the request's page has it
	}
	could, err := s.CouldSign(ask)
	if err != nil {
		if kind := fault.KindOf(err); kind != fault.Internal && kind != fault.Unavailable {
			return nil // nobody may sign it, and it will expire
		}
		return err
	}
	could = slices.DeleteFunc(could, func(w workforce.WorkerID) bool { return signedBy(r, w) })
	var here []workforce.WorkerID
	if len(could) > mostTold {
		if err := d.desk.Store.ReadOne(ctx, func(stx *store.Tx) (err error) {
			here, err = stx.SignedIn(now)
			return err
		}); err != nil {
			return err
		}
	}
	told := toTell(s, r, could, here, now)
	return d.desk.Retry(ctx, func(*proof.State) (func(*kernel.Tx) error, error) {
		return func(t *kernel.Tx) error {
			for _, w := range told {
				if err := d.inbox.Tell(t, w, inbox.Waits(r.Request)); err != nil {
					return err
				}
			}
			return nil
		}, nil
	})
}

// toTell chooses who is told of a request, in the order of their names. Whoever fills a slot for one
// sort of people is chosen before others, up to half for each sort.
func toTell(s *proof.State, r store.Request, could, here []workforce.WorkerID, now canonical.Time) []workforce.WorkerID {
	if len(could) > mostTold {
		chance := map[workforce.WorkerID]canonical.Digest{}
		signedIn := map[workforce.WorkerID]bool{}
		for _, w := range could {
			chance[w] = canonical.Sum([]byte(r.ID+"\n"), []byte(w))
		}
		for _, w := range here {
			signedIn[w] = true
		}
		slices.SortFunc(could, func(a, b workforce.WorkerID) int {
			if signedIn[a] != signedIn[b] {
				if signedIn[a] {
					return -1
				}
				return 1
			}
			x, y := chance[a], chance[b]
			return bytes.Compare(x[:], y[:])
		})
		chosen := map[workforce.WorkerID]bool{}
		pick := func(most int, fits func(workforce.WorkerID) bool) {
			for _, w := range could {
				if most > 0 && len(chosen) < mostTold && !chosen[w] && fits(w) {
					chosen[w] = true
					most--
				}
			}
		}
		for _, q := range slices.Sorted(maps.Keys(r.Need.Qualified)) {
			pick(mostTold/2, func(w workforce.WorkerID) bool {
				return actions.Signer{Worker: w, Standing: s.People.Standing(w, now.Time)}.Qualifies(q)
			})
		}
		pick(mostTold, func(workforce.WorkerID) bool { return true })
		could = slices.Collect(maps.Keys(chosen))
	}
	slices.Sort(could)
	return could
}
