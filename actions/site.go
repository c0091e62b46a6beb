package actions

import (
	"cmp"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/net/publicsuffix"

	"countersign.dev/fault"
)

// The site of a desk is what WebAuthn calls the relying party: the name to which browsers and
// authenticators bind passkeys. It is "localhost", or a domain to which all pages belong. Every
// passkey is bound to it for as long as the passkey exists, so a desk with another site needs
// new ones of everybody.

// domain is a name as browsers write it: lower-case ASCII, labels of letters, digits and hyphens.
var domain = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// Localhost is the site of a desk that people try on one machine. Its pages need no https.
const Localhost = "localhost"

// CheckSite refuses a site and pages with which passkeys would not work in browsers. Errors are
// faults of type "bad-site" or "bad-page".
func CheckSite(site string, pages []string) error {
	bad := func(format string, args ...any) error { return fault.New(fault.Invalid, "bad-site", format, args...) }
	switch {
	case site == "":
		return bad("Name the site: the domain to which passkeys are bound%s.", suggestion(pages))
	case isAddress(site):
		return bad("%q is an address, and passkeys are bound to a name. Give the desk a name, such as desk.example.com.", site)
	case len(site) > 253 || !domain.MatchString(site):
		return bad("%q is no site: write a domain without scheme, port or path, in lower case, as browsers show it, such as desk.example.com%s.", site, suggestion(pages))
	case len(pages) == 0:
		return bad("Name the pages on which people sign, such as https://%s.", site)
	}
	for i, page := range pages {
		host, err := hostOfPage(page)
		if err != nil {
			return err
		}
		if host != site && !strings.HasSuffix(host, "."+site) {
			return fault.New(fault.Invalid, "bad-page", "The page %s is not of the site %s, so browsers would not let its passkeys sign there: a page's host is the site, or ends in .%s%s.", page, site, site, suggestion(pages))
		}
		if suffix, _ := publicsuffix.PublicSuffix(site); suffix == site && host != site {
			return bad("Everybody may have a name under %s, so browsers bind no passkeys to it%s.", site, suggestion(pages))
		}
		if slices.Contains(pages[:i], page) {
			return fault.New(fault.Invalid, "bad-page", "The page %s is named twice.", page)
		}
	}
	return nil
}

// hostOfPage returns the host of an origin, as browsers write origins.
func hostOfPage(page string) (string, error) {
	bad := func(format string, args ...any) error { return fault.New(fault.Invalid, "bad-page", format, args...) }
	u, err := url.Parse(page)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		return "", bad("%q is no page: write its origin, such as https://desk.example.com.", page)
	}
	host := u.Hostname()
	switch usual := map[string]string{"https": "443", "http": "80"}[u.Scheme]; {
	case isAddress(host):
		return "", bad("The page %s has an address and no name. Browsers let passkeys sign only on pages with a name; on one machine that is http://localhost:7400.", page)
	case page != u.Scheme+"://"+u.Host || !domain.MatchString(host) || strings.HasSuffix(u.Host, ":"):
		return "", bad("%q is no page: write its origin as browsers do, in lower case and without a path, such as https://desk.example.com.", page)
	case u.Port() == usual:
		return "", bad("Browsers leave the port %s out: write %s.", usual, strings.TrimSuffix(page, ":"+usual))
	case u.Scheme != "https" && host != Localhost:
		return "", bad("The page %s is without https. Passkeys sign only on pages of https, and on http://localhost for trying on one machine.", page)
	}
	return host, nil
}

func isAddress(host string) bool {
	_, err := netip.ParseAddr(strings.Trim(host, "[]"))
	// Browsers also read 127.1 and 0x7f000001 as addresses: no top-level domain is a number.
	last := host[strings.LastIndexByte(host, '.')+1:]
	return err == nil || last != "" && (strings.Trim(last, "0123456789") == "" || strings.HasPrefix(last, "0x"))
}

// suggestion is the end of a sentence that suggests a site for pages.
func suggestion(pages []string) string {
	if site := SuggestSite(pages); site != "" {
		return "; for these pages that is " + site
	}
	return ""
}

// SuggestSite returns the shortest domain that can be the site of all these pages: the
// registrable domain of their hosts. It is empty if they have none in common.
func SuggestSite(pages []string) string {
	site := ""
	for _, page := range pages {
		host, err := hostOfPage(page)
		if err != nil {
			return ""
		}
		of, err := publicsuffix.EffectiveTLDPlusOne(host)
		if err != nil { // the host is itself a public suffix, as localhost is
			of = host
		}
		if site = cmp.Or(site, of); site != of {
			return ""
		}
	}
	return site
}
