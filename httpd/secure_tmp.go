package httpd

import "net/http"

// Secure reports whether a request came over https.
func Secure(r *http.Request) bool { return r.TLS != nil }
