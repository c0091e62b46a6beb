package httpd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"

	"countersign.dev/fault"
)

// tries is the number of ports that are tried after a taken one.
const tries = 50

// Listen opens an address. If its port is taken it uses the next free one, and moved says
// so in a sentence. If a person gave the address explicitly, a taken port is an error.
func Listen(ctx context.Context, address string, explicit bool) (l net.Listener, moved string, err error) {
	host, portText, err := net.SplitHostPort(address)
	port, errPort := strconv.Atoi(portText)
	if err != nil || errPort != nil || port < 0 || port > 65535 || host == "" {
		return nil, "", fault.New(fault.Invalid, "bad-address", "%q is not HOST:PORT, such as %s.", clip(address), DefaultAddress)
	}
	var config net.ListenConfig
	for p := port; p <= min(port+tries, 65535); p++ {
		l, err = config.Listen(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(p)))
		if err == nil {
			if p != port {
				moved = fmt.Sprintf("Port %d is taken; listening on %s instead.", port, l.Addr())
			}
			return l, moved, nil
		}
		if !errors.Is(err, syscall.EADDRINUSE) {
			return nil, "", fault.New(fault.Unavailable, "cannot-listen", "The address %s cannot be listened on.", address).Because(err)
		}
		if explicit {
			return nil, "", fault.New(fault.Unavailable, "port-taken", "The address %s is taken; name another one with --listen.", address).Because(err)
		}
	}
	return nil, "", fault.New(fault.Unavailable, "port-taken", "The %d ports from %d on are all taken; name one with --listen.", tries+1, port).Because(err)
}
