package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	v1 "countersign.dev/api/v1"
	"countersign.dev/desk"
)

// answerOf is an answer with a body.
type answerOf[T any] struct{ Body T }

func answerWith[T any](v T, err error) (*answerOf[T], error) {
	if err != nil {
		return nil, err
	}
	return &answerOf[T]{v}, nil
}

// raw is an answer whose bytes are sent unchanged.
type raw struct {
	ContentType string `header:"Content-Type"`
	Body        []byte
}

// register registers every route of the API.
func (s *Server) register() {
	const get, post, del = http.MethodGet, http.MethodPost, http.MethodDelete

	add(s, operation{id: "status", method: get, path: "/status", open: true, summary: "What anybody may know of this desk"}, s.status)
	add(s, operation{id: "status-matters", method: get, path: "/status/matters", summary: "What there is to know of how the desk is, and what needs a person, by section"}, s.matters)
	add(s, operation{id: "openapi", method: get, path: "/openapi.json", open: true, summary: "This document",
		answer: jsonAnswer("OpenAPI 3.1")}, s.document)

	add(s, operation{id: "sign-in", method: post, path: "/tokens", open: true, body: v1.MaxAsk, status: http.StatusCreated,
		summary: "Get a token for a signed ask, which is good once and names the secret by its hash"}, s.signIn)
	add(s, operation{id: "program-sign-in", method: post, path: "/programs/tokens", open: true, body: v1.MaxAsk, status: http.StatusCreated,
		summary: "Get a program's token for a signed ask, which is good once and names the secret by its hash"}, s.programSignIn)
	add(s, operation{id: "list-programs", method: get, path: "/programs", summary: "Programs by name, ended ones included"}, s.programs)
	addProgram(s, operation{id: "own-program", method: get, path: "/programs/self", summary: "The program that calls, as it was admitted"}, s.ownProgram)
	add(s, operation{id: "own-accounts", method: get, path: "/own-accounts", summary: "Whether you have declared your own accounts on the platforms"}, s.ownAccounts)
	add(s, operation{id: "declare-accounts", method: post, path: "/own-accounts", changes: true, summary: "Declare your own accounts on the platforms, or that there are none; the same again changes nothing"}, s.declareAccounts)
	add(s, operation{id: "start-session", method: post, path: "/sessions", changes: true, status: http.StatusCreated,
		summary: "Start a session that your own key has signed; a running one of the same key ends"}, s.startSession)
	add(s, operation{id: "list-sessions", method: get, path: "/sessions", summary: "Your own sessions whose time is not over, newest first"}, s.sessions)
	add(s, operation{id: "list-tokens", method: get, path: "/tokens", summary: "Your own tokens, newest first"}, s.tokens)
	add(s, operation{id: "revoke-token", method: del, path: "/tokens/{id}", status: http.StatusNoContent, summary: "End a token; ending it twice changes nothing"}, s.revokeToken)

	add(s, operation{id: "revoke-tokens-of", method: del, path: "/workers/{id}/tokens", summary: "End all live tokens of a worker: your own, or as an officer, on call or a lead above; the answer lists them"}, s.revokeTokensOf)

	add(s, operation{id: "draft", method: post, path: "/drafts", body: v1.MaxBody, summary: "The action of a wish, the statement to sign, and what the policy would say; nothing is stored"}, s.draft)
	add(s, operation{id: "submit", method: post, path: "/requests", status: http.StatusCreated, body: v1.MaxRowsBody, changes: true, repeats: true,
		summary: "Hand in a signed action; the same submission again gives the same request, with 200"}, s.submit)
	add(s, operation{id: "list-requests", method: get, path: "/requests", summary: "Requests, newest first"}, s.requests)
	add(s, operation{id: "request", method: get, path: "/requests/{id}", summary: "A request, at once or when it is newer than a version"}, s.request)
	add(s, operation{id: "signing", method: get, path: "/requests/{id}/signing", summary: "Whether you may countersign a request, who asks, and which signatures it needs"}, s.signing)
	add(s, operation{id: "waits-for-you", method: get, path: "/waits-for-you", summary: "The held requests that you may countersign and have not, newest first"}, s.waiting)
	add(s, operation{id: "draft-verdict", method: post, path: "/requests/{id}/drafts", summary: "The statement with which to countersign, decline or withdraw; nothing is stored"}, s.draftVerdict)
	add(s, operation{id: "draft-undo", method: post, path: "/requests/{id}/undo-drafts", summary: "The action that undoes an executed request; nothing is stored"}, s.draftUndo)
	add(s, operation{id: "countersign", method: post, path: "/requests/{id}/countersignatures", changes: true, summary: "Hand in a signed yes"}, s.countersign)
	add(s, operation{id: "decline", method: post, path: "/requests/{id}/declines", changes: true, summary: "Hand in a signed no"}, s.decline)
	add(s, operation{id: "withdraw", method: post, path: "/requests/{id}/withdrawal", changes: true, summary: "Take your own request back, as it was at a version"}, s.withdraw)
	add(s, operation{id: "request-rows", method: get, path: "/requests/{id}/rows", summary: "The rows of an import that waits for signatures: compare them with the root that its action signs"}, s.rows)
	add(s, operation{id: "warrant", method: get, path: "/requests/{id}/warrant", summary: "The exact bytes of the warrant",
		answer: jsonAnswer("A document countersign/warrant/v1 or v2 in canonical JSON; verify it offline")}, s.warrant)

	add(s, operation{id: "list-workers", method: get, path: "/workers", summary: "Workers by identifier"}, s.workers)
	add(s, operation{id: "worker", method: get, path: "/workers/{id}", summary: "A worker's record, standing and keys"}, s.worker)
	add(s, operation{id: "list-vendors", method: get, path: "/vendors", summary: "Vendors by identifier"}, s.vendors)
	add(s, operation{id: "list-keys", method: get, path: "/keys", summary: "Keys by identifier, revoked ones included"}, s.keys)

	add(s, operation{id: "subject", method: get, path: "/subjects", summary: "A subject as the executor reads it now, and its tier"}, s.subject)
	add(s, operation{id: "exposure", method: get, path: "/exposure", enters: true, summary: "Who could do what to a subject: alone, together, and who could countersign"}, s.exposure)
	add(s, operation{id: "exposure-table", method: get, path: "/exposure/table", enters: true, summary: "The same of the subjects of a tier that the desk knows, weakest first"}, s.exposureTable)
	add(s, operation{id: "reach", method: get, path: "/workers/{id}/reach", enters: true, summary: "What one worker could do alone, now and on the last day"}, s.reach)
	add(s, operation{id: "list-platforms", method: get, path: "/platforms", summary: "Connected platforms"}, s.platforms)
	add(s, operation{id: "desk", method: get, path: "/desk", summary: "Standing orders, modes, freezes and closed reviews"}, s.settings)
	add(s, operation{id: "preferences", method: get, path: "/preferences", summary: "How you like the pages: keys, veil, language, zone"}, s.preferences)
	add(s, operation{id: "keep-preferences", method: post, path: "/preferences", changes: true, status: http.StatusNoContent, summary: "Keep how you like the pages; it decides nothing"}, s.keepPreferences)
	add(s, operation{id: "inbox", method: get, path: "/inbox", summary: "What the desk told you: newest first, or after a number oldest first"}, s.inbox)
	add(s, operation{id: "read-inbox", method: post, path: "/inbox/read", summary: "Note that you have read your messages up to a number; the mark never moves back"}, s.readInbox)
	add(s, operation{id: "channel", method: get, path: "/channel", summary: "Where the desk sends your messages besides the inbox, and how that went last"}, s.channel)
	add(s, operation{id: "declare-channel", method: post, path: "/channel", changes: true, summary: "Declare the address to which your messages go, or none, signed with your own key; the same again changes nothing"}, s.declareChannel)
	add(s, operation{id: "policy", method: get, path: "/policy", summary: "The policy set in force, budgets and trust"}, s.policy)
	add(s, operation{id: "check-policy", method: post, path: "/policy/check", body: v1.MaxBody, summary: "What can be said of a set against the people of this desk; nothing is stored"}, s.checkPolicy)
	add(s, operation{id: "backtest-policy", method: post, path: "/policy/backtest", body: v1.MaxBody, summary: "What a set would have ruled on recorded requests, facts as then; nothing is stored"}, s.backtest)
	add(s, operation{id: "list-entries", method: get, path: "/ledger/entries", summary: "Ledger entries without personal fields, oldest first"}, s.entries)
	s.registerCases()
	s.registerLooks()
	s.registerShifts()
	s.registerEvidence()
	s.registerDocuments()
	s.registerTexts()
	s.registerIncidents()
	s.registerInvitations()
}

func jsonAnswer(description string) *huma.Response {
	return &huma.Response{Description: description, Content: map[string]*huma.MediaType{"application/json": {Schema: &huma.Schema{Type: huma.TypeObject}}}}
}

func (s *Server) document(context.Context, desk.Caller, *struct{}) (*raw, error) {
	return &raw{"application/json", s.spec}, nil
}

// Identified is the identifier in a path. Huma reads embedded fields of exported types only.
type Identified struct {
	ID string `path:"id" maxLength:"64"`
}
