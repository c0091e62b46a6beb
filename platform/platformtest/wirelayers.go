package platformtest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"countersign.dev/platform"
)

// checkWireAbilities demands of the server what the connector relies on. The connector
// leaves out what is announced in part, so that it would not be noticed.
func checkWireAbilities(ctx context.Context, r *run) error {
	a, err := r.send(ctx, http.MethodGet, "capabilities", nil, nil)
	if err != nil {
		return err
	}
	if _, err := a.done(); err != nil {
		return err
	}
	var said struct {
		Abilities []platform.Ability `json:"abilities"`
		Labels    []string           `json:"labels"`
	}
	if err := json.Unmarshal(a.body, &said); err != nil {
		return fmt.Errorf("the capabilities: %w", err)
	}
	can := platform.Capabilities{Abilities: said.Abilities}
	labels := false
	for _, s := range []platform.Sort{platform.Account, platform.Content} {
		for _, pair := range [][2]platform.Verb{{platform.Limit, platform.Unlimit}, {platform.Label, platform.Unlabel}} {
			set, sets := can.Can(pair[0], s)
			_, lifts := can.Can(pair[1], s)
			if sets != lifts {
				return fmt.Errorf("%s of %s is announced: %v; %s: %v", pair[0], s.Noun(), sets, pair[1], lifts)
			}
			if sets && !set.Marks {
				return fmt.Errorf("%s of %s keeps no mark", pair[0], s.Noun())
			}
			labels = labels || sets && pair[0] == platform.Label
		}
	}
	if _, ok := can.Can(platform.Warn, platform.Content); ok {
		return fmt.Errorf("warnings to content are announced")
	}
	if labels && len(said.Labels) == 0 {
		return fmt.Errorf("labels are announced, but no value of one")
	}
	if !slices.IsSorted(said.Labels) || len(slices.Compact(slices.Clone(said.Labels))) != len(said.Labels) {
		return fmt.Errorf("the labels are not sorted, each once: %q", said.Labels)
	}
	for _, value := range said.Labels {
		if err := platform.CheckLabel(value); err != nil {
			return err
		}
	}
	return nil
}

// standing reads the list of layers at a place in a document.
func standing(d document, names ...string) ([]document, error) {
	v := at(d, append(slices.Clone(names), "layers")...)
	if v == nil {
		return nil, nil
	}
	list, ok := v.([]any)
	if !ok {
		return nil, fmt.Errorf("layers is %T", v)
	}
	var all []document
	for _, e := range list {
		l, ok := e.(document)
		if !ok {
			return nil, fmt.Errorf("a layer is %T", e)
		}
		all = append(all, l)
	}
	return all, nil
}

// layersAre demands that exactly these layers stand at a place in a document, in this
// order.
func layersAre(d document, want []platform.Layer, m platform.Mark, names ...string) error {
	all, err := standing(d, names...)
	if err != nil {
		return err
	}
	if len(all) != len(want) {
		return fmt.Errorf("%d layers are listed; %d stand: %v", len(all), len(want), all)
	}
	for i, l := range want {
		if rev, _ := all[i]["rev"].(string); all[i]["layer"] != l.String() || all[i]["status"] != string(l.Bears()) || all[i]["mark"] != string(m) || rev == "" {
			return fmt.Errorf("layer %d is %v; it should be %s", i, all[i], platform.DescribeIn(l, platform.Expect{Status: l.Bears(), Mark: m}))
		}
	}
	return nil
}

func checkWireLayers(ctx context.Context, r *run) error {
	read := func(s platform.Subject) (document, error) {
		a, err := r.send(ctx, http.MethodGet, "subjects?id="+s.ID, nil, nil)
		if err != nil {
			return nil, err
		}
		return a.done()
	}
	return r.each(func(s platform.Subject, layers []platform.Layer) error {
		m := r.mark()
		sorted := slices.Sorted(slices.Values(layers))
		last := len(sorted) - 1
		for i := last; i >= 0; i-- { // set in another order than they are listed in
			a, err := r.post(ctx, r.key(), command(put(s, sorted[i], m)))
			if err != nil {
				return err
			}
			d, err := a.done()
			if err != nil {
				return err
			}
			if err := layersAre(d, sorted[i+1:], m, "before"); err != nil {
				return fmt.Errorf("before of the receipt: %w", err)
			}
			if err := layersAre(d, sorted[i:], m, "after"); err != nil {
				return fmt.Errorf("after of the receipt: %w", err)
			}
		}
		d, err := read(s)
		if err != nil {
			return err
		}
		if err := layersAre(d, sorted, m); err != nil {
			return err
		}
		a, err := r.post(ctx, r.key(), command(put(s, sorted[0], r.mark())))
		if err != nil {
			return err
		}
		if d, err = a.problem(http.StatusConflict, "wrong-state"); err != nil {
			return err
		}
		if err := layersAre(d, sorted, m, "now"); err != nil {
			return fmt.Errorf("now of the refusal: %w", err)
		}
		for _, l := range sorted {
			if _, err := r.carryOut(ctx, lift(s, l, m)); err != nil {
				return err
			}
		}
		if d, err = read(s); err != nil {
			return err
		}
		return layersAre(d, nil, "")
	})
}

// bad is a body that must be refused.
type bad struct {
	name string
	body document
}

// refuseAll demands that every body is refused with 400 and one of the types.
func (r *run) refuseAll(ctx context.Context, all []bad, types ...string) error {
	for _, b := range all {
		a, err := r.post(ctx, r.key(), b.body)
		if err != nil {
			return err
		}
		if _, err := a.problem(http.StatusBadRequest, types...); err != nil {
			return fmt.Errorf("%s: %w", b.name, err)
		}
	}
	return nil
}

// nothingStands demands that the scratch subjects are as they were at first.
func (r *run) nothingStands(ctx context.Context) error {
	for _, s := range r.subjects() {
		now, err := r.expectState(ctx, s, platform.Up, "")
		if err != nil {
			return err
		}
		if len(now.Layers) > 0 {
			return fmt.Errorf("%s bears %v", s, now.Layers)
		}
	}
	return nil
}

func checkLayersMalformed(ctx context.Context, r *run) error {
	err := r.each(func(s platform.Subject, layers []platform.Layer) error {
		var all []bad
		for _, l := range layers {
			edit := func(c platform.Command, f func(document)) document {
				d := command(c)
				f(d)
				return d
			}
			setting, lifting := put(s, l, r.mark()), lift(s, l, r.mark())
			with := func(name string, value any) func(document) { return func(d document) { d[name] = value } }
			expect := func(status platform.Status, m platform.Mark) func(document) {
				return with("expect", document{"status": status, "mark": m})
			}
			all = append(all,
				bad{"no layer", edit(setting, func(d document) { delete(d, "layer") })},
				bad{"an empty layer", edit(setting, with("layer", ""))},
				bad{"a layer that is none", edit(setting, with("layer", "shadow"))},
				bad{"a number for a layer", edit(setting, with("layer", 7))},
				bad{"the visibility", edit(setting, with("layer", "visibility"))},
				bad{"a layer of two", edit(setting, with("layer", []string{l.String(), l.String()}))},
				bad{"a layer in other case", edit(setting, with("layer", strings.ToUpper(l.String())))},
				bad{"a status of the visibility", edit(setting, expect(platform.Up, ""))},
				bad{"a mark of what does not stand", edit(setting, expect(l.Clear(), "CSGN-check_x"))},
				bad{"a mark on a lift", edit(lifting, with("mark", "CSGN-check_x"))},
				bad{"a lift of nothing", edit(lifting, expect(l.Clear(), ""))},
				bad{"a measure over itself", edit(over(s, l, setting.Mark, setting.Mark), func(document) {})},
				bad{"a measure over no mark", edit(over(s, l, "", setting.Mark), func(document) {})},
				bad{"no expectation", edit(setting, func(d document) { delete(d, "expect") })},
				bad{"a text", edit(setting, with("text", "Hello"))},
				bad{"a takedown of it", edit(down(s, r.mark()), with("layer", l.String()))},
			)
			if l == platform.LimitLayer {
				all = append(all, bad{"a limit of a label", edit(setting, with("layer", "label:spam"))})
				continue
			}
			all = append(all, bad{"a label of the limit", edit(setting, with("layer", "limit"))},
				bad{"a label over another", edit(over(s, l, r.mark(), r.mark()), func(document) {})})
			for _, value := range []string{"", " ", "-a", "a b", "a\nb", "a\u0000b", "Ä", strings.Repeat("a", 65)} {
				all = append(all, bad{fmt.Sprintf("the label %q", value), edit(setting, with("layer", "label:"+value))})
			}
		}
		return r.refuseAll(ctx, all)
	})
	if err != nil {
		return err
	}
	return r.nothingStands(ctx)
}

func checkWireLayersRevision(ctx context.Context, r *run) error {
	return r.each(func(s platform.Subject, layers []platform.Layer) error {
		for _, l := range layers {
			m := r.mark()
			receipt, err := r.carryOut(ctx, put(s, l, m))
			if err != nil {
				return err
			}
			d, rev := command(lift(s, l, m)), receipt.After.Revision(l)
			for _, other := range []string{rev + "0", receipt.After.Rev} {
				if other == rev {
					continue // the visibility may have the same one
				}
				d["expect"].(document)["rev"] = other
				a, err := r.post(ctx, r.key(), d)
				if err != nil {
					return err
				}
				if _, err := a.problem(http.StatusConflict, "wrong-state"); err != nil {
					return fmt.Errorf("another revision than %q: %w", rev, err)
				}
			}
			if _, err := r.expectLayer(ctx, s, l, platform.Expect{Status: l.Bears(), Mark: m}); err != nil {
				return err
			}
			d["expect"].(document)["rev"] = rev
			a, err := r.post(ctx, r.key(), d)
			if err != nil {
				return err
			}
			if _, err := a.done(); err != nil {
				return err
			}
		}
		return nil
	})
}

// unoffered is the value of a label that a platform does not offer.
func (r *run) unoffered() string {
	value := "no-such-label"
	for slices.Contains(r.can.Labels, value) {
		value += "-x"
	}
	return value
}

func checkUnknownLabel(ctx context.Context, r *run) error {
	for _, s := range r.offering(platform.Label) {
		all := []bad{{"a label that is not offered", command(put(s, platform.LabelLayer(r.unoffered()), r.mark()))}}
		if err := r.refuseAll(ctx, all, "bad-command", "malformed"); err != nil {
			return err
		}
	}
	return r.nothingStands(ctx)
}

func checkUntil(ctx context.Context, r *run) error {
	const past, ahead = "2001-02-03T04:05:06.000000Z", "2201-02-03T04:05:06.000000Z"
	err := r.each(func(s platform.Subject, layers []platform.Layer) error {
		for _, l := range append(slices.Clone(layers), platform.VisibilityLayer) {
			// An end that is past is no reason to refuse, nor to lift.
			for _, end := range []string{past, ahead} {
				m := r.mark()
				d := command(put(s, l, m))
				d["until"] = end
				a, err := r.post(ctx, r.key(), d)
				if err != nil {
					return err
				}
				if _, err := a.done(); err != nil {
					return fmt.Errorf("%s until %s: %w", d["verb"], end, err)
				}
				if _, err := r.expectLayer(ctx, s, l, platform.Expect{Status: l.Bears(), Mark: m}); err != nil {
					return fmt.Errorf("after %s until %s: %w", d["verb"], end, err)
				}
				d = command(lift(s, l, m))
				d["until"] = end
				if err := r.refuseAll(ctx, []bad{{fmt.Sprint("an end of ", d["verb"]), d}}); err != nil {
					return err
				}
				if _, err := r.carryOut(ctx, lift(s, l, m)); err != nil {
					return err
				}
			}
			d := command(put(s, l, r.mark()))
			d["until"] = "tomorrow"
			if err := r.refuseAll(ctx, []bad{{"an end that is no time", d}}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return r.nothingStands(ctx)
}

// longestWarning is the number of characters that every server takes.
const longestWarning = 5000

func checkWireWarn(ctx context.Context, r *run) error {
	// In scripts of four bytes a character the text is as long as it can be.
	a, err := r.post(ctx, r.key(), command(warning(r.Account, strings.Repeat("𝄞", longestWarning-1)+".")))
	if err != nil {
		return err
	}
	if _, err := a.done(); err != nil {
		return fmt.Errorf("a warning of %d characters: %w", longestWarning, err)
	}
	edit := func(f func(document)) document {
		d := command(warning(r.Account, warningText))
		f(d)
		return d
	}
	with := func(name string, value any) document { return edit(func(d document) { d[name] = value }) }
	all := []bad{
		{"no text", edit(func(d document) { delete(d, "text") })},
		{"an empty text", with("text", "")},
		{"a text that shows nothing", with("text", " \n ")},
		{"a control character in a text", with("text", "Hello\u0007")},
		{"an endless text", with("text", strings.Repeat("a", longestWarning+1))},
		{"a number for a text", with("text", 7)},
		{"an expectation", with("expect", document{"status": "up", "mark": ""})},
		{"a mark", with("mark", "CSGN-check_x")},
		{"a layer", with("layer", "limit")},
		{"an end", with("until", "2201-02-03T04:05:06.000000Z")},
	}
	if r.Content.ID != "" {
		all = append(all, bad{"a warning to a post", command(warning(r.Content, warningText))})
	}
	if err := r.refuseAll(ctx, all); err != nil {
		return err
	}
	if needsTold(r) != "" {
		return nil
	}
	texts, err := r.Told(ctx)
	if err == nil && slices.ContainsFunc(texts, func(t string) bool { return strings.Contains(t, "Hello") || strings.Contains(t, "aaaa") }) {
		err = fmt.Errorf("the account holder reads what was refused")
	}
	return err
}

func checkEventsLayers(ctx context.Context, r *run) error {
	return r.patiently(ctx, func(ctx context.Context) error {
		return r.each(func(s platform.Subject, layers []platform.Layer) error {
			live, err := r.follow(ctx, -1, false)
			if err != nil {
				return err
			}
			defer live.body.Close()
			m := r.mark()
			var steps []platform.Command
			for _, l := range slices.Insert(slices.Clone(layers), 1, platform.VisibilityLayer) {
				steps = append(steps, put(s, l, m))
			}
			if s == r.Account && needsWarn(r) == "" {
				steps = append(steps, warning(s, warningText))
			}
			for i := len(layers); i >= 0; i-- {
				steps = append(steps, lift(s, steps[i].Layer, m))
			}
			for _, c := range steps {
				if _, err := r.apply(ctx, r.key(), c); err != nil {
					return err
				}
				if c.Verb == platform.Warn {
					continue // which changes nothing
				}
				if err := r.refused(ctx, r.key(), c); err != nil {
					return err
				}
				if err := expectLayerEvent(live, s.ID, c.Layer, r.after(c)); err != nil {
					return fmt.Errorf("%s of %s: %w", c.Verb, c.Layer, err)
				}
			}
			return nil
		})
	})
}
