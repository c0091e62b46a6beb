package cases

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/platform"
)

// The bounds of a report.
const (
	MaxReportText   = 32 << 10 // bytes
	MaxExternalID   = 200      // bytes
	MaxReporterID   = 300      // bytes
	MaxReportScores = 20
	MaxReports      = 1000 // in one call
)

// Report is a report as it is handed in. It is the same report if all its members are the
// same: then its digest is.
type Report struct {
	At         canonical.Time   `json:"at"`          // when the reporter sent it, by the platform's clock
	Evidence   Told             `json:"evidence"`    // what the reporter's platform says about the subject then
	ExternalID string           `json:"external_id"` // the program's own identifier of the report
	Language   string           `json:"language"`    // of the report's text: a BCP 47 tag, or empty
	Reason     string           `json:"reason"`      // one of the 40 reasons, or the platform's own word
	Reporter   Reporter         `json:"reporter"`
	Scores     []Score          `json:"scores"`
	Subject    platform.Subject `json:"subject"`
	Text       string           `json:"text"`
}

// Told is what whoever reports says of the subject. It proves nothing, and is kept apart
// from what the desk reads itself.
type Told struct {
	Language string `json:"language"`
	Text     string `json:"text"`
}

// Reporter is the person who reported.
type Reporter struct {
	Anonymous bool   `json:"anonymous"` // no account stands behind it
	ID        string `json:"id"`        // of the account on the subject's platform; empty: unknown
}

// Score is a number that a program gives a subject, in millionths. It decides nothing.
type Score struct {
	Name  string `json:"name"`
	Value int64  `json:"value"`
}

// Digest names the report: the same report has the same digest.
func (r Report) Digest() canonical.Digest { return canonical.DigestOf(r) }

// ValidLanguage reports whether a text is a BCP 47 tag in the form in which the desk keeps
// it, such as en, de-AT or und.
func ValidLanguage(s string) bool { return len(s) <= 35 && languageForm.MatchString(s) }

// Undetermined is the language of content of which nobody knows it.
const Undetermined = "und"

// Check reports whether the report is well formed by itself. Errors are faults of type
// "bad-report" or "too-large"; they say what to change.
func (r Report) Check() error {
	bad := func(format string, args ...any) error {
		return fault.New(fault.Invalid, "bad-report", "The report is not well formed: %s.", fmt.Sprintf(format, args...))
	}
	word := func(s string, most int) bool {
		return s != "" && len(s) <= most && utf8.ValidString(s) && !strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c == 0x7f })
	}
	switch {
	case !word(r.ExternalID, MaxExternalID):
		return bad("external_id is a line of 1 to %d bytes", MaxExternalID)
	case r.Subject.Platform == "" || r.Subject.ID == "" && r.Subject.Handle == "":
		return bad("its subject has a platform, and an identifier or a handle")
	case !isSubject(r.Subject.Platform, r.Subject.ID, ""), !isSubject(r.Subject.Platform, "", r.Subject.Handle):
		return bad("no platform has such a subject; its identifier is one to 512 printable ASCII characters, and does not begin with @ as a handle does")
	case !word(r.Reason, 100):
		return bad("reason is one of the desk's reasons, or a word that the rule set maps to one")
	case len(r.Text) > MaxReportText || len(r.Evidence.Text) > MaxReportText:
		return fault.New(fault.TooLarge, "too-large", "A report's text and its evidence have at most %d bytes each. Cut it, and keep the rest where you have it.", MaxReportText)
	case !utf8.ValidString(r.Text) || !utf8.ValidString(r.Evidence.Text):
		return bad("its text is UTF-8")
	case r.Language != "" && !ValidLanguage(r.Language), r.Evidence.Language != "" && !ValidLanguage(r.Evidence.Language):
		return bad("a language is a BCP 47 tag such as en or de-AT")
	case r.Reporter.ID != "" && !word(r.Reporter.ID, MaxReporterID), r.Reporter.Anonymous && r.Reporter.ID != "":
		return bad("a reporter is named by an account's identifier of at most %d bytes, or is anonymous", MaxReporterID)
	case len(r.Scores) > MaxReportScores:
		return bad("it has at most %d scores", MaxReportScores)
	}
	for i, s := range r.Scores {
		if !word(s.Name, 200) || slices.ContainsFunc(r.Scores[:i], func(o Score) bool { return o.Name >= s.Name }) {
			return bad("scores are sorted by name, each once")
		}
	}
	return nil
}

// isSubject reports whether a subject could be one of a platform, by its identifier or its handle;
// of neither nothing is known. Such a text names the subject in policies, commands and requests.
func isSubject(name, id, handle string) bool {
	if id+handle == "" {
		return true
	}
	s, err := platform.ParseSubject(name + ":" + id + handle)
	return err == nil && s == platform.Subject{Platform: name, ID: id, Handle: handle}
}

// ReporterKey is the name under which a reporter is counted: the account, or the report
// itself where nobody is named, since nobody can tell whether two of these are one person.
func (r Report) ReporterKey(program string) string {
	if r.Reporter.ID == "" {
		return "report\x00" + program + "\x00" + r.ExternalID
	}
	return "account\x00" + r.Subject.Platform + "\x00" + r.Reporter.ID
}
