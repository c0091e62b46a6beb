package httpd

import "context"

// Ended returns a channel that is closed when the server of a request begins to shut down; nil, which
// never is, outside of a server.
func Ended(ctx context.Context) <-chan struct{} {
	closing, _ := ctx.Value(closingKey{}).(<-chan struct{})
	return closing
}
