package wording

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"

	"countersign.dev/cases"
	"countersign.dev/platform"
)

// FactValue writes a platform's fact for people; package platform says which facts are times.
func FactValue(f platform.Fact, v any) string {
	if seconds, ok := v.(float64); ok {
		if f == platform.FactCreated {
			return time.Unix(int64(seconds), 0).UTC().Format("2 January 2006")
		}
		return strconv.FormatFloat(seconds, 'f', -1, 64)
	}
	return fmt.Sprint(v)
}

// ShownFact is FactValue for a fact of a document that was shown, in which each is text.
func ShownFact(name, value string) string {
	if n, err := strconv.ParseFloat(value, 64); err == nil {
		return FactValue(platform.Fact(name), n)
	}
	return value
}

// Reason is a reason of reports in words, such as "misleading: ban evasion".
func Reason(r cases.Reason) string {
	group, prefix := r.Group(), ""
	if group == "" || group == cases.GroupAppeal || group == cases.GroupOther {
		return strings.ToLower(string(r))
	}
	for part := range strings.SplitSeq(string(group), "-") {
		prefix += strings.ToUpper(part[:1]) + part[1:]
	}
	var words []string
	name := []rune(strings.TrimPrefix(string(r), prefix))
	for i := 0; i < len(name); {
		j := i + 1
		for j < len(name) && !unicode.IsUpper(name[j]) {
			j++
		}
		if j == i+1 { // capitals in a row are an abbreviation
			for j < len(name) && unicode.IsUpper(name[j]) {
				j++
			}
			words = append(words, string(name[i:j]))
		} else {
			words = append(words, strings.ToLower(string(name[i:j])))
		}
		i = j
	}
	return string(group) + ": " + strings.Join(words, " ")
}
