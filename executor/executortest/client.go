package executortest

import (
	"context"
	"net"
	"net/http"
)

// UnixClient returns a client that dials a unix socket whatever the address says.
func UnixClient(path string) *http.Client {
	return &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}}}
}
