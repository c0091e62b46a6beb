package httpd

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"countersign.dev/fault"
)

// ParseProxy reads the address of a proxy, or the network in which proxies are:
// 127.0.0.1, 10.1.2.0/24. Names are refused, since whoever answers for names could name
// another machine.
func ParseProxy(text string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(text); err == nil && a.Zone() == "" {
		return netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen()), nil
	}
	p, err := netip.ParsePrefix(text)
	if err != nil || p.Masked() != p {
		return p, fault.New(fault.Invalid, "bad-proxy", "%q is no address of a proxy; write an IP address, such as 127.0.0.1, or a network, such as 10.1.2.0/24.", clip(text))
	}
	if p.Bits() == 0 {
		return p, fault.New(fault.Invalid, "bad-proxy", "%q is every address there is, and what everybody says would be believed. Name the proxy.", clip(text))
	}
	return p, nil
}

// asked says how a request was made by the browser, which a proxy may have passed on.
type asked struct {
	https bool
	host  string // as in the Host header, in lower case
}

type askedKey struct{}

// asked finds out how a request was made. What a proxy says is believed only if the proxy is
// one of those named.
func (s *Server) asked(r *http.Request) asked {
	a := asked{https: r.TLS != nil, host: strings.ToLower(r.Host)}
	if !s.byProxy(r) {
		return a
	}
	// A header that came twice is one from the client that the proxy did not replace: neither
	// is believed.
	if proto := one(r.Header, "X-Forwarded-Proto"); proto != "" {
		a.https = strings.EqualFold(proto, "https")
	} else if len(r.Header.Values("X-Forwarded-Proto")) > 0 {
		a.https = false
	}
	if host := one(r.Header, "X-Forwarded-Host"); host != "" {
		a.host = strings.ToLower(host)
	}
	return a
}

func one(h http.Header, name string) string {
	if v := h.Values(name); len(v) == 1 && !strings.Contains(v[0], ",") {
		return strings.TrimSpace(v[0])
	}
	return ""
}

// byProxy reports whether a named proxy sent a request.
func (s *Server) byProxy(r *http.Request) bool {
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(s.config.Proxies, func(p netip.Prefix) bool { return p.Contains(from.Addr().Unmap().WithZone("")) })
}

func withAsked(ctx context.Context, a asked) context.Context {
	return context.WithValue(ctx, askedKey{}, a)
}

func askedOf(r *http.Request) asked {
	if a, ok := r.Context().Value(askedKey{}).(asked); ok {
		return a
	}
	return asked{https: r.TLS != nil, host: strings.ToLower(r.Host)}
}

// Secure reports whether the browser made a request over https: to the desk itself, or to a
// named proxy that said so.
func Secure(r *http.Request) bool { return askedOf(r).https }

// Origin returns the origin of the desk's pages as the browser that made a request has it,
// such as https://desk.example.com or http://localhost:7400.
func Origin(r *http.Request) string {
	a := askedOf(r)
	if a.https {
		return "https://" + strings.TrimSuffix(a.host, ":443")
	}
	return "http://" + strings.TrimSuffix(a.host, ":80")
}

// OnlyLocalhost says why people cannot work in browsers at an address that is neither https nor
// localhost.
const OnlyLocalhost = "Without https the browser desk works on localhost only: browsers allow passkeys, and keys that sign, on pages that nobody between browser and desk could have altered. Those are pages of https, and of the machine itself by the name localhost."

// CheckPage returns the reason why people cannot sign in on the page that a request asks for;
// nil if they can. origins are the pages on which the desk's passkeys may sign. The error is a
// fault of kind Forbidden, of type "needs-https" or "foreign-page".
func CheckPage(r *http.Request, origins []string) error {
	origin := Origin(r)
	if !Secure(r) && !localhost(askedOf(r).host) {
		return fault.New(fault.Forbidden, "needs-https", OnlyLocalhost+" Open it by https, or on the desk's own machine at http://localhost.")
	}
	if !slices.Contains(origins, origin) {
		return fault.New(fault.Forbidden, "foreign-page", "Passkeys of this desk do not sign on %s, only on %s. `countersign site propose --page ORIGIN --reason WHY` changes that, and several people sign it.", clip(origin), strings.Join(origins, ", "))
	}
	return nil
}

// localhost reports whether a host, with or without a port, is the machine itself by the one
// name under which passkeys work without https.
func localhost(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return strings.EqualFold(host, "localhost")
}
