package plaza

import (
	"slices"

	"countersign.dev/platform"
)

// wireLayer is a layer that stands on a subject. Visibility is not among them: it is the
// status, mark and revision of the subject itself.
type wireLayer struct {
	Layer  string          `json:"layer"`
	Status platform.Status `json:"status"`
	Mark   *platform.Mark  `json:"mark"` // missing is not the same as empty
	Rev    string          `json:"rev"`
}

// mostLayers bounds the layers of a subject that are read. The protocol allows 20 labels and
// a limit. More may have been set around the desk, and the watch has to see those too.
const mostLayers = 256

// layersIn translates the layers of a subject. It leaves out what this connector does not
// know, such as a layer of a newer server, and what it cannot read: whoever can write such a
// layer must not hide by it the visibility of the subject, its other layers, or the other
// accounts of a list. Nobody acts in a layer that was left out, since it reads as clear and
// the server compares. A label counts whether it is offered or not.
func layersIn(list []wireLayer) map[platform.Layer]platform.Stood {
	var all map[platform.Layer]platform.Stood
	for _, w := range list[:min(len(list), mostLayers)] {
		l, err := platform.ParseLayer(w.Layer)
		if err != nil || l == platform.VisibilityLayer || w.Status != l.Bears() || w.Mark == nil || !markForm.MatchString(string(*w.Mark)) || !revForm.MatchString(w.Rev) {
			continue
		}
		if all == nil {
			all = map[platform.Layer]platform.Stood{}
		}
		if _, twice := all[l]; !twice {
			all[l] = platform.Stood{Status: w.Status, Mark: *w.Mark, Rev: w.Rev}
		}
	}
	return all
}

// whole leaves out abilities that cannot be relied on: a limit or a label that this
// product could not take away again or not know as its own, and labels without a value.
func whole(all []platform.Ability, labels []string) []platform.Ability {
	can := platform.Capabilities{Abilities: all}
	pair := func(set, lift platform.Verb, s platform.Sort) bool {
		a, ok := can.Can(set, s)
		_, lifts := can.Can(lift, s)
		return ok && lifts && a.Marks
	}
	return slices.DeleteFunc(slices.Clone(all), func(a platform.Ability) bool {
		switch a.Verb {
		case platform.Limit, platform.Unlimit:
			return !pair(platform.Limit, platform.Unlimit, a.Sort)
		case platform.Label, platform.Unlabel:
			return !pair(platform.Label, platform.Unlabel, a.Sort) || len(labels) == 0
		case platform.Warn:
			return a.Sort != platform.Account
		}
		return false
	})
}

// offeredLabels sorts the values of labels that a server offers. It leaves out a text
// that is none, as it does an ability that it does not know.
func offeredLabels(list []string) []string {
	var labels []string
	for _, value := range list {
		if platform.CheckLabel(value) == nil {
			labels = append(labels, value)
		}
	}
	slices.Sort(labels)
	return slices.Compact(labels)
}
