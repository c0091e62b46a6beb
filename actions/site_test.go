package actions

import (
	"strings"
	"testing"

	"countersign.dev/fault"
)

func TestCheckSite(t *testing.T) {
	for _, c := range []struct {
		name, site string
		pages      string // separated by blanks
		want       string // type of the refusal; "": none
		says       string
	}{
		{"the host itself", "desk.example.com", "https://desk.example.com", "", ""},
		{"the registrable domain", "example.com", "https://desk.example.com https://b.eu.example.com:8443", "", ""},
		{"on one machine", "localhost", "http://localhost:7400 http://localhost", "", ""},
		{"https on one machine", "localhost", "https://localhost:7400", "", ""},
		{"a name of a house", "intranet", "https://intranet", "", ""},
		{"under a domain of a house", "desk.internal", "https://a.desk.internal", "", ""},
		{"no site", "", "https://desk.example.co.uk", "bad-site", "that is example.co.uk"},
		{"an address", "192.0.2.1", "https://192.0.2.1", "bad-site", "bound to a name"},
		{"an address of IPv6", "::1", "http://localhost", "bad-site", "bound to a name"},
		{"an address of IPv6 in brackets", "[::1]", "http://localhost", "bad-site", "bound to a name"},
		{"a short address", "127.1", "https://127.1", "bad-site", "bound to a name"},
		{"an address in hexadecimal", "0x7f000001", "https://0x7f000001", "bad-site", "bound to a name"},
		{"a page of an address", "localhost", "http://127.0.0.1:7400", "bad-page", "has an address"},
		{"a page of an address of IPv6", "localhost", "http://[::1]:7400", "bad-page", "has an address"},
		{"an origin as site", "https://example.com", "https://example.com", "bad-site", "without scheme"},
		{"capitals", "Example.com", "https://example.com", "bad-site", "lower case"},
		{"letters that browsers write otherwise", "bücher.example", "https://bücher.example", "bad-site", "as browsers show it"},
		{"a dot at the end", "example.com.", "https://example.com", "bad-site", "write a domain"},
		{"no page", "example.com", "", "bad-site", "https://example.com"},
		{"another site's page", "example.com", "https://example.org", "bad-page", "not of the site"},
		{"a page whose name ends alike", "example.com", "https://badexample.com", "bad-page", "ends in .example.com"},
		{"a page above the site", "desk.example.com", "https://example.com", "bad-page", "not of the site"},
		{"without https", "example.com", "http://example.com", "bad-page", "without https"},
		{"a name that begins with localhost", "localhost.example.com", "http://localhost.example.com", "bad-page", "without https"},
		{"under localhost, without https", "localhost", "http://desk.localhost", "bad-page", "without https"},
		{"a path", "example.com", "https://example.com/", "bad-page", "without a path"},
		{"a usual port", "example.com", "https://example.com:443", "bad-page", "write https://example.com."},
		{"a usual port on one machine", "localhost", "http://localhost:80", "bad-page", "write http://localhost."},
		{"an empty port", "example.com", "https://example.com:", "bad-page", "as browsers do"},
		{"a user", "example.com", "https://ann@example.com", "bad-page", "as browsers do"},
		{"another scheme", "example.com", "ftp://example.com", "bad-page", "no page"},
		{"a name alone", "example.com", "example.com", "bad-page", "no page"},
		{"twice", "example.com", "https://example.com https://example.com", "bad-page", "twice"},
		{"a domain that many share", "co.uk", "https://desk.example.co.uk", "bad-site", "that is example.co.uk"},
		{"a domain that strangers share", "github.io", "https://desk.github.io", "bad-site", "Everybody may have a name"},
	} {
		err := CheckSite(c.site, strings.Fields(c.pages))
		if c.want == "" && err != nil || c.want != "" && (!fault.Is(err, c.want) || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%s: %v, want %q with %q", c.name, err, c.want, c.says)
		}
	}
}

func TestSuggestSite(t *testing.T) {
	for pages, want := range map[string]string{
		"https://desk.example.com":                         "example.com",
		"https://desk.example.com https://a.b.example.com": "example.com",
		"https://desk.example.com https://example.org":     "",
		"https://desk.example.co.uk:8443":                  "example.co.uk",
		"https://desk.github.io":                           "desk.github.io",
		"http://localhost:7400":                            "localhost",
		"https://192.0.2.1":                                "",
		"":                                                 "",
	} {
		if got := SuggestSite(strings.Fields(pages)); got != want {
			t.Errorf("%q: %q, want %q", pages, got, want)
		}
	}
}
