package api

import (
	"context"

	v1 "countersign.dev/api/v1"
	"countersign.dev/canonical"
	"countersign.dev/desk"
	"countersign.dev/fault"
	"countersign.dev/ledger"
)

func (s *Server) registerDocuments() {
	const get = "GET"
	add(s, operation{id: "document", method: get, path: "/documents/{sort}/{id}", callers: forBoth, summary: "A report, decision, deed or opening of a case with its promise and, once it is in a roll, the path that proves it",
		answer: jsonAnswer("A document countersign/document-proof/v1 in canonical JSON; verify it offline")}, s.provenDocument)
	add(s, operation{id: "list-documents", method: get, path: "/documents/{sort}", summary: "The documents of a sort with what opens them, by number, for auditors"}, s.documents)
	add(s, operation{id: "case-counts", method: get, path: "/case-counts", summary: "How many reports the desk's rows count in each case, for auditors who count anew"}, s.caseCounts)
	add(s, operation{id: "shown", method: get, path: "/shown/{digest}", summary: "The exact bytes that a claim showed, by their digest, for those who read evidence",
		answer: jsonAnswer("A document countersign/shown/v1 in canonical JSON; its SHA-256 is the evidence digest of the decision")}, s.shown)
}

// Sorted is the sort in a path.
type Sorted struct {
	Sort string `path:"sort" maxLength:"16" doc:"report, decision, deed or opening"`
}

func (s *Server) provenDocument(ctx context.Context, by desk.Caller, in *struct {
	Sorted
	Identified
	Commitment string `query:"commitment" maxLength:"71" doc:"the commitment that your promise names; without it only readers of evidence are shown the document"`
}) (*raw, error) {
	var commitment canonical.Digest
	if err := commitment.UnmarshalText([]byte(in.Commitment)); err != nil {
		return nil, fault.New(fault.Invalid, "bad-parameter", "The commitment is sha256: and 64 lower-case hexadecimal digits, as the promise has it.")
	}
	p, err := s.desk.Document(ctx, by, ledger.DocumentSort(in.Sort), in.ID, commitment)
	if err != nil {
		return nil, err
	}
	b, err := canonical.Marshal(p)
	return &raw{"application/json", b}, err
}

func (s *Server) documents(ctx context.Context, by desk.Caller, in *struct {
	Sorted
	After int64 `query:"after" minimum:"-1" default:"-1" doc:"number of the last document seen; -1 for the beginning"`
	Limit int   `query:"limit" minimum:"1" maximum:"500" default:"100"`
}) (*answerOf[v1.Documents], error) {
	all, err := s.desk.Documents(ctx, by, ledger.DocumentSort(in.Sort), in.After, in.Limit)
	out := v1.Documents{Items: all, Next: in.After}
	if n := len(all); n > 0 {
		out.Next = all[n-1].Number
	}
	return answerWith(out, err)
}

func (s *Server) shown(ctx context.Context, by desk.Caller, in *struct {
	Digest string `path:"digest" maxLength:"71" doc:"sha256: and 64 hexadecimal digits"`
}) (*raw, error) {
	var digest canonical.Digest
	if err := digest.UnmarshalText([]byte(in.Digest)); err != nil {
		return nil, fault.New(fault.Invalid, "bad-parameter", "The digest is sha256: and 64 lower-case hexadecimal digits.")
	}
	b, err := s.desk.ShownUnder(ctx, by, digest)
	return &raw{"application/json", b}, err
}

func (s *Server) caseCounts(ctx context.Context, by desk.Caller, in *struct {
	After string `query:"after" maxLength:"64" doc:"the last case seen; empty for the beginning"`
}) (*answerOf[v1.CaseCounts], error) {
	all, err := s.desk.CaseReports(ctx, by, in.After)
	out := v1.CaseCounts{Items: []v1.CaseCount{}}
	for _, c := range all {
		out.Items = append(out.Items, v1.CaseCount(c))
	}
	return answerWith(out, err)
}
