package system

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/desk/desktest"
	"countersign.dev/ledger/proof"
	"countersign.dev/platform"
	"countersign.dev/plaza"
	"countersign.dev/sqldb/sqldbtest"
)

// spam is the layer of a label that the desk lists and plaza offers.
const spam = "spam"

// forged is the layer of a label that somebody of plaza's staff sets, and that no desk
// lists.
var forged = platform.LabelLayer("misleading")

// TestLayersOnPlaza labels and limits a post of a real plaza through desk and executor,
// each a process of its own, and undoes both around a removal; and has an insider label a
// head of state around the desk, again and again.
func TestLayersOnPlaza(t *testing.T) {
	for name, url := range map[string]func(testing.TB) string{"sqlite": sqldbtest.SQLite, "postgres": sqldbtest.Postgres} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := plaza.Config{}
			if name == "postgres" {
				db, err := plaza.Open(t.Context(), url(t))
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { db.Close() })
				c.DB = db
			}
			p := newPlazaStage(t, c)
			president, author := p.make(1, critical)[0], p.make(1, standard)[0]
			p.accounts["president"] = president
			p.square.Post(p.square.Token("seed", plaza.SetupScope), "/staff/v1/posts", `{"account":"`+author+`","text":"A post."}`)
			p.beginOn(t, url(t))
			p.apart("post/1")
			p.ends("post/1")
			p.labelled(president)
		})
	}
}

// done asks for a measure on a subject and waits until it is executed.
func (p *plazaStage) done(w wish) actions.Request {
	p.t.Helper()
	w.By = "ann"
	r := p.request(w)
	p.settled(r.ID, actions.StatusExecuted)
	return r
}

// stands demands what stands on a subject, each with the mark of its request; "" for
// nothing.
func (p *plazaStage) stands(id, visibility, limit, label string) {
	p.t.Helper()
	now := p.state(id)
	want := map[platform.Layer]platform.Expect{
		platform.VisibilityLayer: {Status: platform.Up}, platform.LimitLayer: {Status: platform.NoLimit}, platform.LabelLayer(spam): {Status: platform.Unset}}
	for layer, x := range map[platform.Layer]struct {
		request string
		status  platform.Status
	}{platform.VisibilityLayer: {visibility, platform.Down}, platform.LimitLayer: {limit, platform.Limited}, platform.LabelLayer(spam): {label, platform.IsSet}} {
		if x.request != "" {
			want[layer] = platform.Expect{Status: x.status, Mark: platform.MarkOf(x.request)}
		}
	}
	for layer, expect := range want {
		if got := now.At(layer); got != expect {
			p.t.Errorf("%s of %s is %+v, want %+v", layer, id, got, expect)
		}
	}
}

// apart takes measures in three layers and undoes them in another order. Each undo lifts
// its own and nothing else.
func (p *plazaStage) apart(id string) {
	p.t.Helper()
	on := "plaza:" + id
	label := p.done(wish{Kind: actions.ContentLabel, Subject: on, Value: spam})
	limit := p.done(wish{Kind: actions.ContentLimit, Subject: on, Until: canonical.At(time.Now().Add(time.Hour))})
	p.stands(id, "", limit.ID, label.ID)
	removal := p.done(wish{Kind: actions.ContentRemove, Subject: on})
	p.stands(id, removal.ID, limit.ID, label.ID)
	rev := p.state(id).Revision(platform.LabelLayer(spam))
	for _, step := range []struct{ undone, visibility, limit, label string }{
		{removal.ID, "", limit.ID, label.ID}, {limit.ID, "", "", label.ID}, {label.ID, "", "", ""},
	} {
		if step.label != "" && p.state(id).Revision(platform.LabelLayer(spam)) != rev {
			p.t.Error("the label has another revision, though nobody touched it")
		}
		u := p.undo("ann", step.undone)
		p.settled(u.ID, actions.StatusExecuted)
		p.stands(id, step.visibility, step.limit, step.label)
		if r := p.report(step.undone).Request; r.Status != actions.StatusReversed || r.ReversedBy != u.ID {
			p.t.Errorf("%s is %s by %q", r.Action.Kind, r.Status, r.ReversedBy)
		}
	}
}

// ends limits a subject for a short time, beside a label. The executor lifts the limit at
// its end, with nobody asking, and leaves the label.
func (p *plazaStage) ends(id string) {
	p.t.Helper()
	label := p.done(wish{Kind: actions.ContentLabel, Subject: "plaza:" + id, Value: spam})
	var limit actions.Request
	// A slow machine may need longer than the limit was to stand.
	for lasts := 5 * time.Second; ; lasts *= 2 {
		limit = p.request(wish{By: "ann", Kind: actions.ContentLimit, Subject: "plaza:" + id, Until: canonical.At(time.Now().Add(lasts))})
		if lasts > patience {
			p.t.Fatalf("no limit with an end is executed: %+v", limit)
		}
		until(p.t, "the limit is decided", func() bool {
			limit = p.report(limit.ID).Request
			return limit.Status != actions.StatusApproved
		})
		if !limit.Executed.IsZero() {
			break
		}
	}
	until(p.t, "the limit is lifted at its end", func() bool { return p.state(id).At(platform.LimitLayer) == platform.Expect{Status: platform.NoLimit} })
	p.stands(id, "", "", label.ID)
	until(p.t, "the desk knows that the limit is over", func() bool { return p.report(limit.ID).Request.Status == actions.StatusLifted })
	if now := time.Now(); now.Before(limit.Action.Until.Time) {
		p.t.Errorf("the limit was to stand until %s, and is lifted at %s", limit.Action.Until, now)
	}
}

// labelRounds is the number of rounds of a duel. A standing order on its second does not
// stop at the first.
const labelRounds = 8

// labelled plays an insider who labels a critical account, and takes the label away, again
// and again, and at last takes the account down. Each label goes by a restoration of the
// executor's or by the insider's own hand, and the account is up again as if there had
// been no label.
func (p *plazaStage) labelled(id string) {
	p.t.Helper()
	subject := platform.Subject{Platform: "plaza", ID: id}
	set := platform.Command{Verb: platform.Label, Layer: forged, Subject: subject, Expect: platform.Expect{Status: platform.Unset}, Mark: insidersMark}
	unset := platform.Command{Verb: platform.Unlabel, Layer: forged, Subject: subject, Expect: platform.Expect{Status: platform.IsSet, Mark: insidersMark}}
	gone := func() bool { return p.state(id).At(forged) == platform.Expect{Status: platform.Unset} }
	p.act(set)
	until(p.t, "the label is taken away", gone)
	var breach sighting
	until(p.t, "the ledger has the breach and its restoration", func() bool {
		all := p.told("")
		i := slices.IndexFunc(all, func(x sighting) bool { return x.Kind == proof.KindBreach && x.Layer == forged })
		if i < 0 {
			return false
		}
		breach = all[i]
		return slices.ContainsFunc(all, func(x sighting) bool {
			return x.Kind == proof.KindReceipt && x.Duty == proof.DutyRestore && x.Request == breach.Request && x.Outcome == proof.Executed
		})
	})
	if breach.Order == "" || breach.Subject != subject.String() {
		p.t.Errorf("the breach: %+v", breach)
	}
	p.named(breach)
	if diff := cmp.Diff([]desktest.Change{{Status: platform.IsSet, Mark: insidersMark}, {Status: platform.Unset}}, p.changes(id)); diff != "" {
		p.t.Errorf("what changed the account: %s", diff)
	}

	for range labelRounds {
		p.act(set)
		var late *platform.WrongState // the executor was faster
		if err := p.try(unset); err != nil && !errors.As(err, &late) {
			p.t.Fatal(err)
		}
		until(p.t, "the label is gone", gone)
	}
	for range labelRounds {
		p.act(set)
		until(p.t, "the label is taken away", gone)
	}
	p.insider(id)
	p.up(id)
	until(p.t, "the watch has nothing open", func() bool { w := p.watch(); return w.Breaches == 0 && w.Blind == "" })
	var want []desktest.Change
	for range 1 + 2*labelRounds {
		want = append(want, desktest.Change{Status: platform.IsSet, Mark: insidersMark}, desktest.Change{Status: platform.Unset})
	}
	want = append(want, p.want...)
	if diff := cmp.Diff(want, p.changes(id)); diff != "" {
		p.t.Errorf("what changed the account: %s", diff)
	}
	breaches := 0
	for _, b := range p.told(proof.KindBreach) {
		if b.Layer == forged {
			breaches++
		}
	}
	if breaches < 1+labelRounds || breaches > 1+2*labelRounds {
		p.t.Errorf("%d breaches of labels", breaches)
	}
	if _, err := ask[struct{}](p.desk, "/audit", struct{}{}); err != nil {
		p.t.Error(err)
	}
}
