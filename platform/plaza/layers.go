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

// mostLayers bounds the layers of a subject. The protocol allows 20 labels and a limit.
// More may have been set around the desk, and the watch has to see those too.
const mostLayers = 256

// layers translates the layers of a subject. It demands that each is known, stands, and is
// listed once: a list that could be misunderstood is not read in part. A label counts
// whether it is offered or not.
func (p *Connector) layers(id string, list []wireLayer) (map[platform.Layer]platform.Stood, error) {
	if len(list) == 0 {
		return nil, nil
	}
	if len(list) > mostLayers {
		return nil, unclear("%s gave %s %d layers; this connector reads %d.", p.name, id, len(list), mostLayers)
	}
	all := make(map[platform.Layer]platform.Stood, len(list))
	for _, w := range list {
		l, err := platform.ParseLayer(w.Layer)
		_, twice := all[l]
		switch {
		case err != nil || l == platform.VisibilityLayer:
			return nil, unclear("%s gave %s the layer %.80q, which this connector does not know.", p.name, id, w.Layer)
		case twice:
			return nil, unclear("%s gave %s the layer %s twice.", p.name, id, l)
		case w.Status != l.Bears():
			return nil, unclear("%s says that %s of %s is %.40q; a layer that is listed is %s.", p.name, l, id, w.Status, l.Bears())
		case w.Mark == nil || !markForm.MatchString(string(*w.Mark)):
			return nil, unclear("%s gave %s of %s no readable mark.", p.name, l, id)
		case !revForm.MatchString(w.Rev):
			return nil, unclear("%s gave %s of %s no readable revision.", p.name, l, id)
		}
		all[l] = platform.Stood{Status: w.Status, Mark: *w.Mark, Rev: w.Rev}
	}
	return all, nil
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
