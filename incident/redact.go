package incident

import (
	"slices"
	"strings"

	"countersign.dev/platform"
)

// Withheld stands where a personal field is left out.
const Withheld = "[withheld]"

// Redact returns the report without what the ledger seals: the names of the
// subject and of the credential, and what people wrote (title, tasks, findings);
// and without the names of those who are declared to hold a credential, of whom
// only the number is kept. Names of these are taken out of the other texts too.
// People of the desk are pseudonyms already.
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

// masked keeps how many names there are.
func masked(names []string) []string {
	out := make([]string, len(names))
	for i := range out {
		out[i] = Withheld
	}
	return out
}

// hider returns what takes names out of a text.
func hider(all []string) func(string) string {
	var pairs []string
	// Longer names first: a replacer takes the first that fits.
	slices.SortFunc(all, func(a, b string) int { return len(b) - len(a) })
	for _, name := range all {
		// What is shorter would blot out parts of words.
		if len(name) >= minHidden {
			pairs = append(pairs, name, Withheld)
		}
	}
	return strings.NewReplacer(pairs...).Replace
}

// minHidden is the shortest name that is looked for in texts, in bytes.
const minHidden = 3
