package api

import (
	"mime"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"countersign.dev/actions"
	"countersign.dev/desk"
	"countersign.dev/fault"
	"countersign.dev/httpd"
)

type callerKey struct{}

// refuseWith answers with an error before a handler runs. If the answer cannot be
// written, the connection is lost anyway.
func (s *Server) refuseWith(ctx huma.Context, err error) { _ = huma.WriteErr(s.api, ctx, 0, "", err) }

// authenticate refuses callers without a token on routes that need one.
func (s *Server) authenticate(ctx huma.Context, next func(huma.Context)) {
	if len(ctx.Operation().Security) == 0 {
		next(ctx)
		return
	}
	by, err := s.caller(ctx)
	if err != nil {
		s.refuseWith(ctx, err)
		return
	}
	next(huma.WithValue(ctx, callerKey{}, by))
}

func (s *Server) caller(ctx huma.Context) (desk.Caller, error) {
	if httpd.HasCookie(ctx.Context()) {
		if who, _ := ctx.Operation().Metadata[callersKey].(callers); who == forPrograms {
			return desk.Caller{}, fault.New(fault.Forbidden, "bad-token", "This is for programs, and you are a person.")
		}
		b, err := httpd.BrowserOf(ctx.Context())
		return b.Caller, err
	}
	secret, err := httpd.Bearer(ctx.Header("Authorization"))
	if err != nil {
		return desk.Caller{}, err
	}
	who, _ := ctx.Operation().Metadata[callersKey].(callers)
	var by desk.Caller
	if who == forPrograms || who == forBoth && strings.HasPrefix(secret, actions.ProgramSecretPrefix) {
		var p desk.ProgramCaller
		p, err = s.desk.AuthenticateProgram(ctx.Context(), secret)
		by = p.Caller()
	} else {
		by, err = s.desk.Authenticate(ctx.Context(), secret)
	}
	if err == nil {
		httpd.Known(ctx.Context())
	}
	return by, err
}

// onlyJSON refuses bodies of any other type, above all forms, which a page of another
// site may send.
func (s *Server) onlyJSON(ctx huma.Context, next func(huma.Context)) {
	if ctx.Operation().RequestBody != nil {
		header := ctx.Header("Content-Type")
		media, params, err := mime.ParseMediaType(header)
		if charset, ok := params["charset"]; err != nil || media != "application/json" || ok && charset != "utf-8" {
			s.refuseWith(ctx, httpd.UnsupportedMedia(header))
			return
		}
	}
	next(ctx)
}
