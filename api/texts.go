package api

import (
	"context"
	"maps"
	"net/http"
	"slices"

	"countersign.dev/actions"
	v1 "countersign.dev/api/v1"
	"countersign.dev/canonical"
	"countersign.dev/desk"
	"countersign.dev/desk/sets"
	"countersign.dev/fault"
	"countersign.dev/ledger/proof"
)

// registerTexts registers the routes of rules, queues and lists of hashes.
func (s *Server) registerTexts() {
	const get, post = http.MethodGet, http.MethodPost
	add(s, operation{id: "put-text", method: post, path: "/texts", body: v1.MaxTextBody, changes: true, status: http.StatusCreated,
		summary: "Keep a text, so that a change of the desk can name it by its digest; the same text again changes nothing"}, s.putText)
	add(s, operation{id: "text", method: get, path: "/texts/{digest}", summary: "A text that was put to the desk, with its bytes"}, s.text)
	add(s, operation{id: "rules", method: get, path: "/rules", summary: "The rule set in force"}, s.setOf(actions.PartRules))
	add(s, operation{id: "queues", method: get, path: "/queues", summary: "The queue set in force"}, s.setOf(actions.PartQueues))
	add(s, operation{id: "list-hash-lists", method: get, path: "/hashes", summary: "The lists of hashes in force, by name"}, s.hashes)
}

func textOf(t sets.Text) v1.Text {
	return v1.Text{Digest: t.Digest, Part: t.Part, Size: int64(len(t.Body)), Worker: t.Worker, Time: t.Time}
}

func (s *Server) putText(ctx context.Context, by desk.Caller, in *struct{ Body v1.NewText }) (*answerOf[v1.Text], error) {
	t, err := s.desk.PutText(ctx, by, in.Body.Part, in.Body.Text)
	return answerWith(textOf(t), err)
}

func (s *Server) text(ctx context.Context, by desk.Caller, in *struct {
	Digest string `path:"digest" maxLength:"80"`
}) (*answerOf[v1.WholeText], error) {
	var digest canonical.Digest
	if err := digest.UnmarshalText([]byte(in.Digest)); err != nil {
		return nil, fault.New(fault.Invalid, "bad-digest", "%q is no digest; write sha256: and 64 lower-case hex digits.", in.Digest)
	}
	t, err := s.desk.Text(ctx, by, digest)
	return answerWith(v1.WholeText{Text: textOf(t), Body: t.Body}, err)
}

// setOf answers with the set of a part that is in force.
func (s *Server) setOf(part string) func(context.Context, desk.Caller, *struct{}) (*answerOf[v1.Set], error) {
	return func(ctx context.Context, by desk.Caller, _ *struct{}) (*answerOf[v1.Set], error) {
		now, t, err := s.desk.InForce(ctx, by, part)
		return answerWith(v1.Set{Digest: now.Digest, Size: now.Size, Number: now.Number, Replaces: now.Replaces, Set: canonical.Raw(t.Body)}, err)
	}
}

func (s *Server) hashes(ctx context.Context, by desk.Caller, _ *struct{}) (*answerOf[v1.Page[v1.HashList]], error) {
	all, err := s.desk.HashesInForce(ctx, by)
	items := list(slices.Sorted(maps.Keys(all)), func(name string) v1.HashList { return hashListOf(all[name]) })
	return answerWith(v1.Page[v1.HashList]{Items: items}, err)
}

func hashListOf(t proof.Text) v1.HashList {
	return v1.HashList{Name: t.Name, Source: t.Source, Digest: t.Digest, Size: t.Size, Number: t.Number}
}
