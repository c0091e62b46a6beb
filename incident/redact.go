package incident

import (
	"slices"
	"strings"

	"countersign.dev/platform"
)

// Withheld takes the place of a personal field.
const Withheld = "[withheld]"

// Redact returns the report without the fields that the ledger seals: the names of the
// subject and of the credential, and the texts that people wrote (title, tasks,
// findings). It also leaves out the names of the declared holders of a credential, and
// keeps only their number. It takes all these names out of the other texts too. Workers
// are pseudonyms already.
func Redact(r Report) Report {
	s := r.Incident.Subject
	secret := append([]string{r.Attribution.Credential}, r.Attribution.Holders...)
	for _, t := range r.Touched {
		secret = append(secret, t.Subject.ID, t.Subject.Handle)
	}
	hide := hider(append(secret, s.ID, s.Handle, strings.TrimPrefix(s.Handle, "@")))
	r.Incident.Subject = platform.Subject{Platform: s.Platform}
	mask(&r.Incident.Title)
	mask(&r.Incident.Findings)
	r.Incident.Tasks = slices.Clone(r.Incident.Tasks)
	for i := range r.Incident.Tasks {
		mask(&r.Incident.Tasks[i].Text)
		mask(&r.Incident.Tasks[i].Result)
	}
	r.Timeline = slices.Clone(r.Timeline)
	for i := range r.Timeline {
		r.Timeline[i].Text = hide(r.Timeline[i].Text)
	}
	mask(&r.Attribution.Credential)
	r.Attribution.Why = hide(r.Attribution.Why)
	r.Attribution.Holders = masked(r.Attribution.Holders)
	r.Touched = slices.Clone(r.Touched)
	for i := range r.Touched {
		r.Touched[i].Subject = platform.Subject{Platform: r.Touched[i].Subject.Platform}
	}
	r.Exposure = slices.Clone(r.Exposure)
	for i := range r.Exposure {
		e := &r.Exposure[i]
		e.Around = masked(e.Around)
	}
	return r
}

func mask(s *string) {
	if *s != "" {
		*s = Withheld
	}
}

// masked keeps only the number of names.
func masked(names []string) []string {
	out := make([]string, len(names))
	for i := range out {
		out[i] = Withheld
	}
	return out
}

// hider returns a function that takes names out of a text.
func hider(all []string) func(string) string {
	var pairs []string
	// Longer names first: a replacer takes the first that fits.
	slices.SortFunc(all, func(a, b string) int { return len(b) - len(a) })
	for _, name := range all {
		// A shorter name would blot out parts of words.
		if len(name) >= minHidden {
			pairs = append(pairs, name, Withheld)
		}
	}
	return strings.NewReplacer(pairs...).Replace
}

// minHidden is the length in bytes of the shortest name that is looked for in texts.
const minHidden = 3
