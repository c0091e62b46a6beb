package plaza

import (
	"golang.org/x/text/language"

	"countersign.dev/fault"
)

// noLanguage stands where nobody has said which language a text is in. Plaza does not
// guess.
const noLanguage = "und"

// languageLongest is the length of the longest language tag that plaza keeps.
const languageLongest = 35

// checkLanguage accepts a well-formed BCP 47 tag in its usual spelling, and the empty text
// for none.
func checkLanguage(tag string) error {
	if tag == "" {
		return nil
	}
	t, err := language.Parse(tag)
	if err != nil || t.String() != tag || len(tag) > languageLongest {
		return fault.New(fault.Invalid, "bad-language", "%s is not a language; write a BCP 47 tag such as en, de or pt-BR.", quote(tag))
	}
	return nil
}

// chosenLanguage is a language that a form offers.
type chosenLanguage struct{ Tag, Name string }

// languages are those that forms offer, in the order of their own names. A program may
// name any other.
var languages = []chosenLanguage{
	{"id", "Bahasa Indonesia"}, {"cs", "Čeština"}, {"da", "Dansk"}, {"de", "Deutsch"}, {"en", "English"}, {"es", "Español"},
	{"fr", "Français"}, {"it", "Italiano"}, {"hu", "Magyar"}, {"nl", "Nederlands"}, {"pl", "Polski"}, {"pt", "Português"},
	{"ro", "Română"}, {"fi", "Suomi"}, {"sv", "Svenska"}, {"vi", "Tiếng Việt"}, {"tr", "Türkçe"}, {"el", "Ελληνικά"},
	{"ru", "Русский"}, {"uk", "Українська"}, {"he", "עברית"}, {"ar", "العربية"}, {"fa", "فارسی"}, {"hi", "हिन्दी"},
	{"th", "ไทย"}, {"zh", "中文"}, {"ja", "日本語"}, {"ko", "한국어"},
}

// languageName is a language as pages name it; empty for none.
func languageName(tag string) string {
	for _, l := range languages {
		if l.Tag == tag {
			return l.Name
		}
	}
	if tag == noLanguage {
		return ""
	}
	return tag
}
