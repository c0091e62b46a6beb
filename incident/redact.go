package incident

import (
	"slices"
	"strings"

	"countersign.dev/platform"
)

// Withheld stands where a personal field is left out.
const Withheld = "[withheld]"

// Redact returns the report without what names the subject, the credential or
// those who are declared to hold one: the fields, and these names wherever they
// stand in a text. How many holders there are is kept. People of the desk are
// pseudonyms already.
func Redact(r Report) Report {
	s := r.Incident.Subject
	secret := append([]string{r.Attribution.Credential}, r.Attribution.Holders...)
	for _, t := range r.Touched {
		secret = append(secret, t.Subject.ID, t.Subject.Handle)
	}
	hide := hider(append(secret, s.ID, s.Handle, strings.TrimPrefix(s.Handle, "@")))
	r.Incident.Subject = platform.Subject{Platform: s.Platform}
	r.Incident.Title, r.Incident.Findings = hide(r.Incident.Title), hide(r.Incident.Findings)
	r.Incident.Tasks = slices.Clone(r.Incident.Tasks)
	for i := range r.Incident.Tasks {
		t := &r.Incident.Tasks[i]
		t.Text, t.Result = hide(t.Text), hide(t.Result)
	}
	r.Timeline = slices.Clone(r.Timeline)
	for i := range r.Timeline {
		r.Timeline[i].Text = hide(r.Timeline[i].Text)
	}
	if r.Attribution.Credential != "" {
		r.Attribution.Credential = Withheld
	}
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

// blotted reports whether something was taken out of a text.
func blotted(text string) bool { return strings.Contains(text, Withheld) }
