package alarm_test

import (
	"net/netip"
	"testing"

	"countersign.dev/alarm"
	"countersign.dev/fault"
)

var forbiddenAddresses = map[string][]string{
	"loopback":     {"127.0.0.1", "127.255.255.254", "::1"},
	"private":      {"10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1"},
	"link-local":   {"169.254.1.1", "fe80::1", "fe80::1%eth0"},
	"shared":       {"100.64.0.1", "100.127.255.255"},
	"multicast":    {"224.0.0.1", "239.255.255.255", "ff02::1", "ff0e::1"},
	"unspecified":  {"0.0.0.0", "0.1.2.3", "::"},
	"broadcast":    {"255.255.255.255", "240.0.0.1"},
	"unique local": {"fc00::1", "fd12:3456::1"},
	"site-local":   {"fec0::1"},
	"metadata":     {"169.254.169.254", "169.254.170.2", "fd00:ec2::254", "fd20:ce::254", "100.100.100.200", "168.63.129.16", "192.0.0.192"},
	"mapped":       {"::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:168.63.129.16", "::ffff:100.64.0.1"},
	"compatible":   {"::127.0.0.1", "::10.0.0.1"},
	"translated":   {"::ffff:0:127.0.0.1"},
	"NAT64":        {"64:ff9b::127.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b::169.254.169.254", "64:ff9b:1::10.0.0.1"},
	"6to4":         {"2002:7f00:1::", "2002:a00:1::1", "2002:a9fe:a9fe::"},
	"Teredo":       {"2001:0:4136:e378:8000:63bf:80ff:fffe"},
	"documents":    {"192.0.2.1", "198.51.100.1", "203.0.113.1", "2001:db8::1", "3fff::1"},
	"benchmarks":   {"198.18.0.1"},
	"reserved":     {"100::1", "4000::1", "5f00::1"},
}

func dial(p alarm.Private, plain bool, address string) error {
	network := "tcp4"
	if to, err := netip.ParseAddrPort(address); err == nil && to.Addr().Is6() {
		network = "tcp6"
	}
	return p.Control(plain)(network, address, nil)
}

func at(ip string, port uint16) string {
	return netip.AddrPortFrom(netip.MustParseAddr(ip), port).String()
}

func TestForbiddenAddresses(t *testing.T) {
	for class, addresses := range forbiddenAddresses {
		for _, ip := range addresses {
			if err := dial(alarm.Private{}, false, at(ip, 443)); !fault.Is(err, "alarm-address") {
				t.Errorf("%s: %s: %v", class, ip, err)
			}
		}
	}
	for _, ip := range []string{"93.184.215.14", "1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700::1111"} {
		if err := dial(alarm.Private{}, false, at(ip, 443)); err != nil {
			t.Errorf("%s: %v", ip, err)
		}
		for _, port := range []uint16{0, 22, 80, 444, 8443} {
			// A port that is opened for the private prefixes is no port of the Internet.
			open := alarm.Private{Prefixes: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, Ports: []uint16{80, 8443}, Plain: true}
			for _, p := range []alarm.Private{{}, open} {
				if err := dial(p, false, at(ip, port)); !fault.Is(err, "alarm-address") {
					t.Errorf("%s port %d: %v", ip, port, err)
				}
			}
		}
	}
	for _, network := range []string{"tcp", "udp4", "unix"} {
		if err := (alarm.Private{}).Control(false)(network, "1.1.1.1:443", nil); !fault.Is(err, "alarm-address") {
			t.Errorf("%s: %v", network, err)
		}
	}
	for _, text := range []string{"", "example.com:443", "1.1.1.1", "01.1.1.1:443"} {
		if err := dial(alarm.Private{}, false, text); !fault.Is(err, "alarm-address") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestOnlyWhatIsNamedOpens(t *testing.T) {
	open := alarm.Private{Ports: []uint16{8443}}
	for _, p := range []string{"10.1.0.0/16", "127.0.0.1/32", "64:ff9b::/96", "fd12::/16"} {
		open.Prefixes = append(open.Prefixes, netip.MustParsePrefix(p))
	}
	for address, ok := range map[string]bool{
		"10.1.2.3:443": true, "10.1.2.3:8443": true, "10.1.2.3:80": false, "10.2.0.1:443": false,
		"127.0.0.1:443": true, "127.0.0.2:443": false, "[fd12::1]:443": true, "[fd13::1]:443": false,
		"[::ffff:10.1.2.3]:443":     false, // named, but not in this spelling
		"[64:ff9b::1.1.1.1]:443":    true,
		"[64:ff9b::10.1.2.3]:443":   true,
		"[64:ff9b::10.2.0.1]:443":   false, // behind the gateway, and not named
		"[64:ff9b::a9fe:a9fe]:443":  false,
		"[64:ff9b::127.0.0.2]:8443": false,
		"1.1.1.1:443":               true, "1.1.1.1:8443": false,
	} {
		if err := dial(open, false, address); (err == nil) != ok {
			t.Errorf("%s: %v", address, err)
		}
	}
	if err := dial(open, true, "1.1.1.1:443"); err == nil {
		t.Error("sent over the Internet unencrypted")
	}
	if err := dial(open, true, "10.1.2.3:8443"); err != nil {
		t.Errorf("plain to what is named: %v", err)
	}
	// However wide, a prefix opens neither metadata nor what is no one's address.
	everything := alarm.Private{Prefixes: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}}
	for _, class := range []string{"metadata", "multicast", "unspecified"} {
		for _, ip := range forbiddenAddresses[class] {
			if ip == "0.1.2.3" {
				continue
			}
			if err := dial(everything, false, at(ip, 443)); err == nil {
				t.Errorf("%s: %s opened", class, ip)
			}
		}
	}
	for _, ip := range []string{"::ffff:169.254.169.254", "64:ff9b::169.254.169.254", "2002:a9fe:a9fe::", "255.255.255.255"} {
		if err := dial(everything, false, at(ip, 443)); err == nil {
			t.Errorf("%s opened", ip)
		}
	}
}
