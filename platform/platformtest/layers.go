package platformtest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"countersign.dev/fault"
	"countersign.dev/platform"
)

// layerPromises are about what can stand on a subject beside its visibility. A platform
// may leave all of it out.
func layerPromises() []promise {
	return []promise{
		{"limit", "limits a subject under a mark, and lifts that", needsLimit, checkLimit},
		{"limit-confirm", "puts a limit in the place of the one whose mark it names, and the subject stays limited", needsLimit, checkLimitConfirm},
		{"label", "labels a subject under a mark, and takes the label away", needsLabel, checkLabel},
		{"layers-apart", "changes one layer and leaves all others as they are, also under the same mark", needsLayer, checkApart},
		{"layers-wrong-state", "refuses a command that expects another state of its layer, and says what is in place", needsLayer, checkLayerState},
		{"layers-when-down", "sets and lifts layers of a subject that is down, and of an account that is deactivated", needsLayer, checkWhenDown},
		{"layers-revision", "has another revision of a layer after each change of it, and only of it", needsLayerRevision, checkLayerRevision},
		{"layers-rivals", "lets one of many commands on one layer win, and all on different ones", needsLayerRevision, checkLayerRivals},
		{"layers-unknown-subject", "says no-such-subject of a layer of what is not there", needsAccountLayer, checkLayerOfNothing},
		{"labels-most", fmt.Sprintf("refuses one label more than %d on a subject, and changes nothing", platform.MostLabels), needsManyLabels, checkMostLabels},
		{"warn", "warns an account holder, and changes nothing of the account", needsWarn, checkWarn},
		{"warn-once", "warns once for each key, and never under a key that was asked about before", needsTold, checkWarnOnce},
	}
}

// offering returns the subjects on which a verb is offered.
func (r *run) offering(v platform.Verb) []platform.Subject {
	var all []platform.Subject
	for _, s := range r.subjects() {
		if sort, err := r.Connector.Sort(s.ID); err == nil {
			if _, ok := r.can.Can(v, sort); ok {
				all = append(all, s)
			}
		}
	}
	return all
}

// needsVerb demands a subject of this suite on which a verb is offered. what is the
// platform's lack in words.
func needsVerb(r *run, v platform.Verb, what string) string {
	if len(r.offering(v)) > 0 {
		return ""
	}
	if _, ok := r.can.Can(v, platform.Content); ok {
		return "no scratch content was given"
	}
	return what
}

func needsLimit(r *run) string {
	return needsVerb(r, platform.Limit, "the platform limits nothing")
}

func needsLabel(r *run) string {
	return needsVerb(r, platform.Label, "the platform sets no labels")
}

func needsLayer(r *run) string {
	if needsLabel(r) == "" || needsLimit(r) == "" {
		return ""
	}
	if r.can.Layered() {
		return "no scratch content was given"
	}
	return "the platform has no layer but the visibility"
}

func needsAccountLayer(r *run) string {
	if len(r.on(r.Account)) == 0 {
		return "the platform has no layer of accounts but the visibility"
	}
	return ""
}

func needsLayerRevision(r *run) string {
	if why := needsLayer(r); why != "" {
		return why
	}
	return needsCompareAndSet(r)
}

func needsManyLabels(r *run) string {
	if why := needsLabel(r); why != "" {
		return why
	}
	if n := len(r.can.Labels); n <= platform.MostLabels {
		return fmt.Sprintf("the platform offers %d labels, and no more than that can be set", n)
	}
	return ""
}

func needsWarn(r *run) string {
	if _, ok := r.can.Can(platform.Warn, platform.Account); !ok {
		return "the platform warns nobody"
	}
	return ""
}

func needsTold(r *run) string {
	if why := needsWarn(r); why != "" || r.Told != nil {
		return why
	}
	return "this suite was not told how to see what the account holder reads"
}

// on returns the layers that can be set on a subject: the limit, and the first and the
// last label that the platform offers.
func (r *run) on(s platform.Subject) []platform.Layer {
	var all []platform.Layer
	if slices.Contains(r.offering(platform.Limit), s) {
		all = append(all, platform.LimitLayer)
	}
	if n := len(r.can.Labels); n > 0 && slices.Contains(r.offering(platform.Label), s) {
		all = append(all, platform.LabelLayer(r.can.Labels[0]), platform.LabelLayer(r.can.Labels[n-1]))
	}
	return slices.Compact(all)
}

// over is the command that puts a measure in the place of the one under the mark of.
func over(s platform.Subject, l platform.Layer, of, m platform.Mark) platform.Command {
	c := put(s, l, m)
	c.Expect = platform.Expect{Status: l.Bears(), Mark: of}
	return c
}

// each calls f for each subject on which layers can be set, with those layers.
func (r *run) each(f func(platform.Subject, []platform.Layer) error) error {
	for _, s := range r.subjects() {
		if layers := r.on(s); len(layers) > 0 {
			if err := f(s, layers); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkLimit(ctx context.Context, r *run) error {
	for _, s := range r.offering(platform.Limit) {
		if err := r.setAndLift(ctx, s, platform.LimitLayer); err != nil {
			return err
		}
	}
	return nil
}

func checkLabel(ctx context.Context, r *run) error {
	for _, s := range r.offering(platform.Label) {
		for _, value := range []string{r.can.Labels[0], r.can.Labels[len(r.can.Labels)-1]} {
			if err := r.setAndLift(ctx, s, platform.LabelLayer(value)); err != nil {
				return err
			}
		}
	}
	return nil
}

// setAndLift sets a layer and lifts it, by the identifier whatever the handle is.
func (r *run) setAndLift(ctx context.Context, s platform.Subject, l platform.Layer) error {
	m := r.mark()
	if _, err := r.carryOut(ctx, put(s, l, m)); err != nil {
		return err
	}
	if s.Handle != "" {
		s.Handle = strings.TrimRight(s.Handle, "x") + "-before"
	}
	_, err := r.carryOut(ctx, lift(s, l, m))
	return err
}

func checkLimitConfirm(ctx context.Context, r *run) error {
	const l = platform.LimitLayer
	for _, s := range r.offering(platform.Limit) {
		first, second := r.mark(), r.mark()
		if err := r.wrongState(ctx, over(s, l, first, second), platform.NoLimit, ""); err != nil {
			return err
		}
		if _, err := r.carryOut(ctx, put(s, l, first)); err != nil {
			return err
		}
		if _, err := r.carryOut(ctx, over(s, l, first, second)); err != nil {
			return err
		}
		if err := r.wrongState(ctx, lift(s, l, first), platform.Limited, second); err != nil {
			return fmt.Errorf("lifting it under the mark that was replaced: %w", err)
		}
	}
	return nil
}

// checkApart sets every layer under one mark and lifts them in another order. After each
// step all layers must be as that step alone has made them.
func checkApart(ctx context.Context, r *run) error {
	return r.each(func(s platform.Subject, layers []platform.Layer) error {
		m := r.mark()
		// The visibility is set in the middle and lifted first, so that a takedown meets layers
		// that stand, and its lift meets them too.
		order := slices.Insert(slices.Clone(layers), 1, platform.VisibilityLayer)
		var steps []platform.Command
		for _, l := range order {
			steps = append(steps, put(s, l, m))
		}
		steps = append(steps, lift(s, platform.VisibilityLayer, m))
		for _, l := range layers {
			steps = append(steps, lift(s, l, m))
		}
		want, err := r.Connector.Read(ctx, s)
		if err != nil {
			return err
		}
		for _, c := range steps {
			receipt, err := r.carryOut(ctx, c)
			if err != nil {
				return err
			}
			now, err := r.Connector.Read(ctx, s)
			if err != nil {
				return err
			}
			want = want.With(c.Layer, r.after(c), now.Revision(c.Layer))
			for name, state := range map[string]platform.State{"is read": now, "the receipt says": receipt.After} {
				if diff := differs(want, state); diff != "" {
					return fmt.Errorf("after %s of %s on %s: %s %s", c.Verb, c.Layer, s, name, diff)
				}
			}
		}
		return nil
	})
}

// differs says what stands otherwise in a state than it should, revisions included;
// empty if nothing does.
func differs(want, now platform.State) string {
	layers := map[platform.Layer]bool{platform.VisibilityLayer: true}
	for _, s := range []platform.State{want, now} {
		for l := range s.Layers {
			layers[l] = true
		}
	}
	for _, l := range slices.Sorted(maps.Keys(layers)) {
		if want.At(l) != now.At(l) {
			return fmt.Sprintf("that it is %s, not %s", platform.DescribeIn(l, now.At(l)), platform.DescribeIn(l, want.At(l)))
		}
		if want.Revision(l) != now.Revision(l) {
			return fmt.Sprintf("that %s has the revision %q, not %q", l.Noun(), now.Revision(l), want.Revision(l))
		}
	}
	return ""
}

func checkLayerState(ctx context.Context, r *run) error {
	return r.each(func(s platform.Subject, layers []platform.Layer) error {
		// Each layer gets a mark of its own, the visibility too.
		marks := map[platform.Layer]platform.Mark{}
		for _, l := range append(slices.Clone(layers), platform.VisibilityLayer) {
			if err := r.wrongState(ctx, lift(s, l, r.mark()), l.Clear(), ""); err != nil {
				return fmt.Errorf("lifting what is not there: %w", err)
			}
			marks[l] = r.mark()
			if _, err := r.carryOut(ctx, put(s, l, marks[l])); err != nil {
				return err
			}
		}
		for _, l := range layers {
			if err := r.wrongState(ctx, put(s, l, r.mark()), l.Bears(), marks[l]); err != nil {
				return fmt.Errorf("setting what is there: %w", err)
			}
			for of, other := range marks {
				if of == l {
					continue
				}
				if err := r.wrongState(ctx, lift(s, l, other), l.Bears(), marks[l]); err != nil {
					return fmt.Errorf("lifting %s under the mark of %s: %w", l.Noun(), of.Noun(), err)
				}
			}
		}
		return nil
	})
}

func checkWhenDown(ctx context.Context, r *run) error {
	return r.each(func(s platform.Subject, layers []platform.Layer) error {
		m := r.mark()
		hide, show := down(s, m), up(s, m)
		ways := [][2]platform.Command{{hide, show}}
		if s == r.Account && needsDeactivate(r) == "" {
			hide.Verb, show.Verb, show.Expect.Status = platform.Deactivate, platform.Reactivate, platform.Deactivated
			ways = append(ways, [2]platform.Command{hide, show})
		}
		for _, way := range ways {
			if _, err := r.carryOut(ctx, way[0]); err != nil {
				return err
			}
			for _, l := range layers {
				if err := r.setAndLift(ctx, s, l); err != nil {
					return fmt.Errorf("after %s: %w", way[0].Verb, err)
				}
			}
			// What was set meanwhile stays when the subject comes back.
			last := layers[len(layers)-1]
			if _, err := r.carryOut(ctx, put(s, last, m)); err != nil {
				return fmt.Errorf("after %s: %w", way[0].Verb, err)
			}
			if _, err := r.carryOut(ctx, way[1]); err != nil {
				return err
			}
			if _, err := r.carryOut(ctx, lift(s, last, m)); err != nil {
				return fmt.Errorf("after %s: %w", way[1].Verb, err)
			}
		}
		return nil
	})
}

func checkLayerRevision(ctx context.Context, r *run) error {
	return r.each(func(s platform.Subject, layers []platform.Layer) error {
		for _, l := range layers {
			var revisions []string
			for range 3 {
				m := r.mark()
				receipt, err := r.carryOut(ctx, put(s, l, m))
				if err != nil {
					return err
				}
				rev := receipt.After.Revision(l)
				if rev == "" || slices.Contains(revisions, rev) {
					return fmt.Errorf("the revision of %s of %s is %q after %q", l.Noun(), s, rev, revisions)
				}
				revisions = append(revisions, rev)
				if err := r.wrongState(ctx, put(s, l, r.mark()), l.Bears(), m); err != nil {
					return err
				}
				now, err := r.Connector.Read(ctx, s)
				if err != nil {
					return err
				}
				if again := now.Revision(l); again != rev {
					return fmt.Errorf("the revision of %s of %s went from %q to %q without a change", l.Noun(), s, rev, again)
				}
				if _, err := r.carryOut(ctx, lift(s, l, m)); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

func checkLayerRivals(ctx context.Context, r *run) error {
	return r.each(func(s platform.Subject, layers []platform.Layer) error {
		for _, l := range layers {
			receipts, _, open := together(ctx, r, func(int) (string, platform.Command) { return r.key(), put(s, l, r.mark()) })
			if open != nil {
				return fmt.Errorf("a rival was neither answered nor refused: %w", open)
			}
			if len(receipts) != 1 {
				return fmt.Errorf("%d of %d rivals were carried out on %s of %s", len(receipts), crowd, l.Noun(), s)
			}
			if _, err := r.carryOut(ctx, lift(s, l, receipts[0].After.At(l).Mark)); err != nil {
				return err
			}
		}
		// Nobody's layer stands in another's way.
		all := append(slices.Clone(layers), platform.VisibilityLayer)
		errs := make([]error, len(all))
		var wg sync.WaitGroup
		for i, l := range all {
			key, c := r.key(), put(s, l, r.mark())
			wg.Go(func() { _, errs[i] = r.apply(ctx, key, c) })
		}
		wg.Wait()
		return errors.Join(errs...)
	})
}

func checkLayerOfNothing(ctx context.Context, r *run) error {
	for _, l := range r.on(r.Account) {
		if _, err := r.Connector.Apply(ctx, r.key(), put(r.Missing, l, r.mark())); noSuchSubject(err) != nil {
			return fmt.Errorf("setting %s: %w", l.Noun(), noSuchSubject(err))
		}
	}
	return nil
}

func checkMostLabels(ctx context.Context, r *run) error {
	s := r.offering(platform.Label)[0]
	for _, value := range r.can.Labels[:platform.MostLabels] {
		if _, err := r.carryOut(ctx, put(s, platform.LabelLayer(value), r.mark())); err != nil {
			return err
		}
	}
	more := platform.LabelLayer(r.can.Labels[platform.MostLabels])
	if _, err := r.Connector.Apply(ctx, r.key(), put(s, more, r.mark())); !fault.Is(err, "too-many-labels") {
		return fmt.Errorf("a label more than %d is not refused as too-many-labels: %v", platform.MostLabels, err)
	}
	now, err := r.expectLayer(ctx, s, more, platform.Expect{Status: platform.Unset})
	if err != nil {
		return err
	}
	if len(now.Layers) != platform.MostLabels {
		return fmt.Errorf("%d layers stand then", len(now.Layers))
	}
	// A limit is no label.
	if slices.Contains(r.offering(platform.Limit), s) {
		return r.setAndLift(ctx, s, platform.LimitLayer)
	}
	return nil
}

// warning is the command that warns an account holder.
func warning(s platform.Subject, text string) platform.Command {
	return platform.Command{Verb: platform.Warn, Subject: s, Told: platform.Told{Text: text}}
}

const warningText = "Somebody tests whether warnings to you arrive. There is nothing to do."

func checkWarn(ctx context.Context, r *run) error {
	// A warning reaches the holder of an account that is down, too.
	if _, err := r.carryOut(ctx, down(r.Account, r.mark())); err != nil {
		return err
	}
	for _, l := range r.on(r.Account) {
		if _, err := r.carryOut(ctx, put(r.Account, l, r.mark())); err != nil {
			return err
		}
	}
	before, err := r.Connector.Read(ctx, r.Account)
	if err != nil {
		return err
	}
	key, c := r.key(), warning(r.Account, warningText)
	receipt, err := r.apply(ctx, key, c)
	if err != nil {
		return err
	}
	now, err := r.Connector.Read(ctx, r.Account)
	if err != nil {
		return err
	}
	states := map[string]platform.State{"is read": now, "the receipt says before": receipt.Before, "the receipt says after": receipt.After}
	if r.can.Lookup {
		o, err := r.Connector.Lookup(ctx, key, c)
		if err != nil || !o.Done || !o.Known {
			return fmt.Errorf("looked up: done is %v and known is %v, %w", o.Done, o.Known, err)
		}
		states["the lookup says"] = o.Receipt.After
	}
	for name, state := range states {
		if diff := differs(before, state); diff != "" {
			return fmt.Errorf("after a warning %s %s", name, diff)
		}
	}
	if _, err := r.Connector.Apply(ctx, r.key(), warning(r.Missing, warningText)); noSuchSubject(err) != nil {
		return noSuchSubject(err)
	}
	return nil
}

func checkWarnOnce(ctx context.Context, r *run) error {
	text := fmt.Sprintf("%s (%s)", warningText, r.key())
	told := func(want int) error {
		all, err := r.Told(ctx)
		if err != nil {
			return err
		}
		n := 0
		for _, t := range all {
			if strings.Contains(t, text) {
				n++
			}
		}
		if n != want {
			return fmt.Errorf("the account holder reads the warning %d times, not %d times", n, want)
		}
		return nil
	}
	if r.can.Lookup {
		late := r.key()
		if _, err := r.Connector.Lookup(ctx, late, warning(r.Account, text)); err != nil {
			return err
		}
		if err := r.refused(ctx, late, warning(r.Account, text)); err != nil {
			return err
		}
		if err := told(0); err != nil {
			return fmt.Errorf("under a key that was asked about before: %w", err)
		}
	}
	key := r.key()
	for range 3 {
		if _, err := r.Connector.Apply(ctx, key, warning(r.Account, text)); err != nil {
			return err
		}
	}
	return told(1)
}
