package main

import (
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"countersign.dev/fault"
	"countersign.dev/httpd"
)

// https returns the certificate with which the desk serves https, nil if it serves plain http,
// and the proxies before it. Flags take the place of what config.json says.
func (c *serveCommand) https(dir string, config Config, now func() time.Time, log *slog.Logger) (own *httpd.Certificate, proxies []netip.Prefix, err error) {
	cert, key := c.TLSCert, c.TLSKey
	if cert == "" && key == "" {
		cert, key = beside(dir, config.TLS.Cert), beside(dir, config.TLS.Key)
	}
	if (cert == "") != (key == "") {
		return nil, nil, fault.New(fault.Invalid, "bad-certificate", "A certificate and its private key belong together: give --tls-cert and --tls-key, or tls.cert and tls.key in config.json.")
	}
	named := c.BehindProxy
	if len(named) == 0 {
		named = config.Proxies
	}
	for _, text := range named {
		p, err := httpd.ParseProxy(text)
		if err != nil {
			return nil, nil, err
		}
		proxies = append(proxies, p)
	}
	if len(proxies) > 0 && len(config.Hosts) == 0 {
		return nil, nil, fault.New(fault.Invalid, "no-host", `A proxy passes requests on under a name that the desk must know: put it into config.json, such as {"hosts":["desk.example.com"]}.`)
	}
	if cert == "" {
		return nil, proxies, nil
	}
	own, err = httpd.LoadCertificate(cert, key, now, log)
	return own, proxies, err
}

// beside is a path of config.json, which begins in the folder of that file.
func beside(dir, path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}

// deskAddress is the address of the desk for programs. With https it has a name for which the
// certificate was issued.
func deskAddress(l net.Listener, own *httpd.Certificate, hosts []string) string {
	if own == nil {
		return "http://" + l.Addr().String()
	}
	_, port, _ := net.SplitHostPort(l.Addr().String()) // of a listener it has both
	return "https://" + withPort(certified(own, hosts, l), port, "443")
}

// certified is the first name by which the desk is asked for that its certificate covers.
func certified(own *httpd.Certificate, hosts []string, l net.Listener) string {
	for _, h := range slices.Concat(hosts, own.Names()) {
		if own.Covers(h) {
			return h
		}
	}
	host, _, _ := net.SplitHostPort(l.Addr().String())
	return host
}

// withPort joins a host and a port, without the port that browsers leave out.
func withPort(host, port, usual string) string {
	if port == usual {
		if strings.Contains(host, ":") {
			return "[" + host + "]"
		}
		return host
	}
	return net.JoinHostPort(host, port)
}

// browser is where people reach the desk in browsers.
type browser struct {
	address string // empty: nowhere
	why     string // why people cannot sign in there, or on this machine only; empty: they can
}

// browserDesk finds out where people reach the desk in browsers. origins are the pages on which
// its passkeys may sign.
func browserDesk(l net.Listener, own *httpd.Certificate, proxied bool, hosts, origins []string) browser {
	host, port, _ := net.SplitHostPort(l.Addr().String())
	var b browser
	switch {
	case own != nil:
		b.address = "https://" + withPort(certified(own, hosts, l), port, "443")
		b.address = among(origins, b.address, func(o *url.URL) bool { return o.Scheme == "https" && own.Covers(o.Hostname()) })
	case proxied:
		b.address = among(origins, "https://"+hosts[0], func(o *url.URL) bool { return o.Scheme == "https" && slices.Contains(hosts, o.Hostname()) })
	case reachable(host):
		b.address = "http://" + withPort("localhost", port, "80")
		if ip := net.ParseIP(host); ip.IsUnspecified() || len(hosts) > 0 {
			b.why = httpd.OnlyLocalhost + elsewhere
		}
	default:
		return browser{why: httpd.OnlyLocalhost + " This desk answers at " + l.Addr().String() + " alone." + elsewhere}
	}
	if !slices.Contains(origins, b.address) {
		foreign := fmt.Sprintf("Nobody can sign in there: passkeys of this desk sign on %s only. `countersign site propose --page ORIGIN --reason WHY` changes that, and several people sign it.", strings.Join(origins, ", "))
		b.why = strings.TrimSpace(foreign + " " + b.why)
	}
	return b
}

const elsewhere = " For other machines give --tls-cert and --tls-key, or name a proxy that serves https with --behind-proxy."

// among returns the first of the origins that fits, else another address.
func among(origins []string, other string, fits func(*url.URL) bool) string {
	for _, o := range origins {
		if u, err := url.Parse(o); err == nil && fits(u) {
			return o
		}
	}
	return other
}

// reachable reports whether a desk that listens on an address answers on this machine's
// localhost.
func reachable(host string) bool {
	ip := net.ParseIP(host)
	return ip != nil && (ip.IsUnspecified() || ip.IsLoopback() && (ip.To4() == nil || ip.Equal(net.IPv4(127, 0, 0, 1))))
}
