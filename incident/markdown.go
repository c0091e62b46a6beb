package incident

import (
	"fmt"
	"strings"

	"countersign.dev/prose"
)

// Markdown writes the report as text for a ticket or a wiki, with the content of the HTML
// page but without the drawing. Quoted text is escaped, so that it cannot add markup.
func Markdown(r Report, o Options) []byte {
	v := viewOf(r, o)
	var b strings.Builder
	put := func(format string, args ...any) { fmt.Fprintf(&b, format, args...) }
	put("# %s\n\n%s\n\n", md(v.Title), md(v.Summary))
	for _, p := range []pair{{"Incident", v.Incident.ID}, {"Subject", v.Subject}, {"Breach", v.Incident.Breach}, {"Request", v.Incident.Request},
		{"Status", string(v.Incident.Status)}, {"Closed", fullTime(v.Incident.Closed)}, {"As of", fullTime(v.At)}} {
		if p.Value != "" {
			put("- %s: %s\n", p.Name, md(p.Value))
		}
	}
	if len(v.Figures) > 0 {
		put("\n")
	}
	for _, f := range v.Figures {
		then := ""
		if f.Then != "" {
			then = " (" + f.Then + ")"
		}
		put("- **%s** %s%s\n", md(f.Value), md(f.What), md(then))
	}
	put("\n## What happened\n\nAll times are UTC.\n\n| # | when | since | what | known from |\n|--:|---|--:|---|---|\n")
	for _, l := range v.Lines {
		who := ""
		if l.Who != "" {
			who = " by " + l.Who
		}
		from := "told: " + l.Source
		if l.Proven {
			from = fmt.Sprintf("ledger, entry %d", l.Entry)
		}
		put("| %d | %s | %s | **%s**%s. %s | %s |\n", l.Number, l.At.Format("2006-01-02 15:04:05.000"), md(l.Since), md(l.Step), md(who), md(l.Text), md(from))
	}
	put("\n## Who is answerable\n\n")
	for _, p := range v.Facts {
		put("- %s: %s\n", p.Name, md(p.Value))
	}
	for _, p := range v.Signers {
		put("- Countersigned by %s, %s\n", md(p.Name), md(p.Value))
	}
	put("\n%s\n", md(v.Attribution.Why))
	if v.Attribution.Around {
		put("\nNo more than this is known, and no more is claimed: a credential is not a person.\n")
	}
	if len(v.Exposed) > 0 {
		put("\n## Who could have done it, at that instant\n\n| act | alone | together, at least | the way that takes fewest | one smallest group |\n|---|---|---|---|---|\n")
		for _, e := range v.Exposed {
			put("| %s | %s | %s | %s | %s |\n", md(e.Kind), md(e.Alone), md(e.Together), md(e.Way), md(e.Group))
		}
	}
	if len(v.Rules) > 0 {
		put("\n## What the rules say of it\n\n")
		for _, rule := range v.Rules {
			put("- **%s: %s**", md(rule.Which), md(rule.Verdict))
			if rule.Need != "" {
				put(", needed: %s", md(rule.Need))
			}
			put(" (policy %s)\n", md(rule.Policy))
			for _, why := range rule.Reasons {
				put("  - %s (%s)\n", md(why.Text), md(why.Policy))
			}
		}
	}
	if len(v.Others) > 0 {
		put("\n## What else they did\n\n| when | act | subject | tier | as | status |\n|---|---|---|---|---|---|\n")
		for _, x := range v.Others {
			put("| %s | %s %s | %s | %s | %s | %s |\n", md(x.At), md(x.Kind), md(x.Request), md(x.Subject), md(x.Tier), md(x.As), md(x.Status))
		}
	}
	if len(v.Tasks) > 0 || v.Incident.Findings != "" {
		put("\n## Review\n\n")
		for _, t := range v.Tasks {
			box := " "
			if t.Done {
				box = "x"
			}
			put("- [%s] %s (%s, %s)", box, md(t.Text), md(t.Owner), md(t.State))
			if t.Result != "" {
				put(": %s", md(t.Result))
			}
			put("\n")
		}
		if v.Incident.Findings != "" {
			put("\nFindings: %s\n", md(v.Incident.Findings))
		}
	}
	put("\n## What is proven, and what is told\n\n")
	if v.Verified == nil {
		put("This text was not made from a bundle that was verified; a text alone proves nothing. ")
	}
	for _, c := range v.Claims {
		word := "told"
		if c.Proven {
			word = "proven"
		}
		put("- %s: **%s**: %s\n", word, md(c.What), md(c.How))
	}
	for i, p := range v.Proof {
		if i == 0 {
			put("\n")
		}
		put("- %s: %s\n", p.Name, md(p.Value))
	}
	if v.Verified != nil {
		put("\n")
	}
	put("Check the bundle yourself, on a machine that has never seen the desk: `countersign incident verify BUNDLE --trust FOLDER`\n")
	return []byte(b.String())
}

// md escapes a text, so that it is not read as markup and stays on its line, and shows
// its hidden characters.
func md(s string) string {
	s = strings.NewReplacer("\r\n", " ", "\n", " ", "\t", " ").Replace(s)
	var b strings.Builder
	for _, r := range prose.Show(s) {
		switch {
		case r == '<':
			b.WriteString("&lt;")
		case r == '>':
			b.WriteString("&gt;")
		case r == '&':
			b.WriteString("&amp;")
		case strings.ContainsRune("\\`*_{}[]()#+!|~", r):
			b.WriteByte('\\')
			b.WriteRune(r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
