package desktest

import (
	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/cases"
)

// Naming returns the setting that puts a text of a part in force, in the place of the one
// that is. name and source are those of a list of hashes.
func (w *World) Naming(part, text, name, source string) actions.Setting {
	w.t.Helper()
	t := actions.Text{Digest: actions.DigestOfText(text), Size: int64(len(text)), Name: name, Source: source}
	c := actions.Setting{Of: part}
	switch part {
	case actions.PartRules:
		c.Rules = &t
	case actions.PartQueues:
		c.Queues = &t
	default:
		c.Hashes = &t
	}
	t.Replaces = w.chain().TextNow(c).Digest
	return c
}

// Adopt puts a text to the desk and in force, as three officers would.
func (w *World) Adopt(part, text string) canonical.Digest {
	w.t.Helper()
	t, err := w.PutText(w.t.Context(), As("ada"), part, text)
	if err != nil {
		w.t.Fatal(err)
	}
	w.Change(actions.DeskChange, w.Naming(part, text, "", ""))
	return t.Digest
}

// OpenCasework puts the default rule set and queue set in force.
func (w *World) OpenCasework() {
	w.t.Helper()
	w.Adopt(actions.PartRules, cases.DefaultRules())
	w.Adopt(actions.PartQueues, cases.DefaultQueues())
}
