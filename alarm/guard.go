package alarm

import (
	"net/netip"
	"slices"
	"syscall"

	"code.dny.dev/ssrf"

	"countersign.dev/fault"
)

// Private opens private addresses for people who host everything themselves: only the
// named prefixes. The zero value opens nothing.
type Private struct {
	Prefixes []netip.Prefix
	Ports    []uint16 // beside 443
	Plain    bool     // http is allowed as well
}

// never lists addresses that no Private opens, however wide its prefixes: the services
// from which a machine in a cloud learns its credentials. Some of them do not look like
// private addresses.
var never = []netip.Addr{
	netip.MustParseAddr("169.254.169.254"), // most clouds
	netip.MustParseAddr("169.254.170.2"),   // containers at AWS
	netip.MustParseAddr("169.254.170.23"),
	netip.MustParseAddr("fd00:ec2::254"), // AWS
	netip.MustParseAddr("fd00:ec2::23"),
	netip.MustParseAddr("fd20:ce::254"),    // Google
	netip.MustParseAddr("100.100.100.200"), // Alibaba
	netip.MustParseAddr("168.63.129.16"),   // Azure
	netip.MustParseAddr("192.0.0.192"),     // Oracle
}

var public = ssrf.New(ssrf.WithPorts(443), ssrf.WithNetworks("tcp4", "tcp6"))

// Control returns a net.Dialer's Control. The dialer calls it with the address to which
// the socket is about to connect, for each address of a name and at each connection, so
// that a name that resolves to something else the second time gains nothing. With plain,
// only addresses in the prefixes are allowed: nothing is sent over the Internet
// unencrypted.
func (p Private) Control(plain bool) func(network, address string, _ syscall.RawConn) error {
	return func(network, address string, _ syscall.RawConn) error {
		to, err := netip.ParseAddrPort(address)
		if err != nil || network != "tcp4" && network != "tcp6" {
			return forbidden().Because(err)
		}
		return p.check(to, plain)
	}
}

func (p Private) check(to netip.AddrPort, plain bool) error {
	ip := to.Addr()
	hidden, hides := embedded(ip)
	if slices.Contains(never, ip) || hides && slices.Contains(never, hidden) {
		return forbidden()
	}
	if p.names(ip) {
		// A person who opens the prefix of a NAT64 gateway has not opened the networks behind
		// it.
		if hides && !p.names(hidden) {
			if err := public.SafeAddr(hidden); err != nil {
				return forbidden().Because(err)
			}
		}
		if to.Port() == 443 || slices.Contains(p.Ports, to.Port()) {
			return nil
		}
		return forbidden()
	}
	if plain {
		return forbidden()
	}
	if err := public.SafeAddrPort(to); err != nil {
		return forbidden().Because(err)
	}
	return nil
}

// names reports whether ip is in a prefix. The unspecified address, multicast addresses
// and addresses with a zone are in none.
func (p Private) names(ip netip.Addr) bool {
	return !ip.IsUnspecified() && !ip.IsMulticast() && ip != netip.AddrFrom4([4]byte{255, 255, 255, 255}) &&
		slices.ContainsFunc(p.Prefixes, func(x netip.Prefix) bool { return x.Contains(ip) })
}

var (
	compatible  = netip.MustParsePrefix("::/96")
	translated  = netip.MustParsePrefix("::ffff:0:0:0/96")
	nat64       = netip.MustParsePrefix("64:ff9b::/96")
	localNAT64  = netip.MustParsePrefix("64:ff9b:1::/48")
	sixToFour   = netip.MustParsePrefix("2002::/16")
	teredo      = netip.MustParsePrefix("2001::/32")
	lastFour    = []netip.Prefix{compatible, translated, nat64, localNAT64}
	unspecified = netip.IPv6Unspecified()
)

// embedded returns the IPv4 address that an IPv6 address leads to.
func embedded(ip netip.Addr) (netip.Addr, bool) {
	if !ip.Is6() || ip == unspecified || ip == netip.IPv6Loopback() {
		return netip.Addr{}, false
	}
	if ip.Is4In6() {
		return ip.Unmap(), true
	}
	b := ip.As16()
	switch {
	case slices.ContainsFunc(lastFour, func(x netip.Prefix) bool { return x.Contains(ip) }):
		return netip.AddrFrom4([4]byte(b[12:])), true
	case sixToFour.Contains(ip):
		return netip.AddrFrom4([4]byte(b[2:6])), true
	case teredo.Contains(ip):
		return netip.AddrFrom4([4]byte{^b[12], ^b[13], ^b[14], ^b[15]}), true
	}
	return netip.Addr{}, false
}

// forbidden does not say which internal address a name has: the answer would map the
// network for the asking person.
func forbidden() *fault.Error {
	return fault.New(fault.Forbidden, "alarm-address", "Alarms go to public addresses on port 443; name the prefix and port if this address is private on purpose.")
}
