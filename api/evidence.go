package api

import (
	"context"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	v1 "countersign.dev/api/v1"
	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/desk"
	"countersign.dev/desk/casework"
	"countersign.dev/fault"
)

// registerEvidence registers the routes about evidence. Everything that a stranger made comes
// from here and from nowhere else.
func (s *Server) registerEvidence() {
	const get, post = http.MethodGet, http.MethodPost
	add(s, operation{id: "case-evidence", method: get, path: "/cases/{id}/evidence", summary: "What the subject of a case showed when it was reported, newest first"}, s.caseEvidence)
	add(s, operation{id: "evidence-now", method: get, path: "/cases/{id}/evidence/now", summary: "What the subject of a case shows now, as the executor reads it; nothing of it is kept",
		answer: jsonAnswer("What the platform tells, in canonical JSON")}, s.evidenceNow)
	add(s, operation{id: "release-media", method: post, path: "/cases/{id}/media", changes: true, status: http.StatusAccepted,
		summary: "Have the pictures of a case copied, or their digests taken, although a reason of child safety stopped that: for trained specialists, by a signed press"}, s.releaseMedia)
	add(s, operation{id: "evidence", method: get, path: "/evidence/{digest}", summary: "A document of evidence of a case, byte for byte as its digest names it",
		answer: jsonAnswer("A document countersign/evidence/v1 in canonical JSON")}, s.evidenceDocument)
	add(s, operation{id: "picture", method: get, path: "/evidence/pictures/{digest}", changes: true,
		summary: "The bytes of a picture in the evidence of a case. Who asked, on which case and why is written down first. A picture that no screen should draw comes as bytes",
		answer:  &huma.Response{Description: "The bytes", Content: pictureTypes()}}, s.picture)
	add(s, operation{id: "remove-picture", method: post, path: "/evidence/pictures/{digest}/removal", changes: true,
		summary: "Remove the bytes of a picture, at once and for ever, by a signed press; its digest, where it was found and when stay"}, s.removePicture)
}

// octets is the type of what no screen draws.
const octets = "application/octet-stream"

// drawn are the types of pictures that a browser is let draw. None of them can hold a program.
var drawn = []string{"image/png", "image/jpeg", "image/gif", "image/webp"}

func pictureTypes() map[string]*huma.MediaType {
	all := map[string]*huma.MediaType{octets: {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}}
	for _, t := range drawn {
		all[t] = &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}
	}
	return all
}

// Digested is the digest in a path.
type Digested struct {
	Digest string `path:"digest" maxLength:"71" doc:"sha256: and 64 lower-case hexadecimal digits"`
}

func (d Digested) digest() (digest canonical.Digest, err error) {
	if err := digest.UnmarshalText([]byte(d.Digest)); err != nil || digest.IsZero() {
		return digest, fault.New(fault.Invalid, "bad-parameter", "A digest is sha256: and 64 lower-case hexadecimal digits.")
	}
	return digest, nil
}

func keptOf(k casework.Kept) v1.KeptEvidence {
	out := v1.KeptEvidence{ID: k.ID, State: k.State, At: k.At, Copied: k.Copied, Digest: k.Document, Why: k.Why, Matched: k.Matched, Media: string(k.Media)}
	if k.Shown != nil {
		out.Document = canonical.MustMarshal(k.Shown)
	}
	return out
}

func (s *Server) caseEvidence(ctx context.Context, by desk.Caller, in *Identified) (*answerOf[v1.Page[v1.KeptEvidence]], error) {
	all, err := s.desk.EvidenceOf(ctx, by, in.ID)
	return answerWith(v1.Page[v1.KeptEvidence]{Items: list(all, keptOf)}, err)
}

func (s *Server) evidenceNow(ctx context.Context, by desk.Caller, in *Identified) (*raw, error) {
	now, err := s.desk.EvidenceNow(ctx, by, in.ID)
	if err != nil {
		return nil, err
	}
	b, err := canonical.Marshal(now)
	return &raw{"application/json", b}, err
}

func (s *Server) evidenceDocument(ctx context.Context, by desk.Caller, in *struct {
	Digested
	Case string `query:"case" required:"true" maxLength:"64" doc:"the case that the evidence is of"`
}) (*raw, error) {
	digest, err := in.digest()
	if err != nil {
		return nil, err
	}
	b, err := s.desk.EvidenceDocument(ctx, by, in.Case, digest)
	return &raw{"application/json", b}, err
}

// pictureOut is a picture behind its veil: a browser may draw it and do nothing else with it.
type pictureOut struct {
	ContentType string `header:"Content-Type"`
	Disposition string `header:"Content-Disposition"`
	Policy      string `header:"Content-Security-Policy"`
	Sniff       string `header:"X-Content-Type-Options"`
	Resource    string `header:"Cross-Origin-Resource-Policy"`
	Cache       string `header:"Cache-Control"`
	Body        []byte
}

func (s *Server) picture(ctx context.Context, by desk.Caller, in *struct {
	Digested
	Case   string `query:"case" required:"true" maxLength:"64" doc:"a case that has the picture in its evidence"`
	Reason string `query:"reason" required:"true" maxLength:"1000" doc:"why you look at it"`
}) (*pictureOut, error) {
	digest, err := in.digest()
	if err != nil {
		return nil, err
	}
	p, err := s.desk.OpenPicture(ctx, by, in.Case, digest, in.Reason)
	if err != nil {
		return nil, err
	}
	out := pictureOf(p.Format)
	out.Body = p.Bytes
	return out, nil
}

// pictureOf returns the answer's head for a picture of a format. What was not recognised, or is
// too large to be drawn, is bytes for a program.
func pictureOf(f cases.Format) *pictureOut {
	out := &pictureOut{ContentType: octets, Disposition: `attachment; filename="picture.bin"`, Policy: "default-src 'none'; sandbox", Sniff: "nosniff", Resource: "same-origin", Cache: "no-store"}
	for _, t := range drawn {
		if f.Shown && f.Type == t {
			out.ContentType, out.Disposition = t, "inline; filename="+strconv.Quote("picture."+t[len("image/"):])
		}
	}
	return out
}

func (s *Server) removePicture(ctx context.Context, by desk.Caller, in *struct {
	Digested
	Body v1.Removal
}) (*answerOf[v1.RemovedPicture], error) {
	digest, err := in.digest()
	if err != nil {
		return nil, err
	}
	p, err := s.desk.RemovePicture(ctx, by, in.Body.Case, digest, in.Body.Reason, in.Body.Deed)
	return answerWith(v1.RemovedPicture{Digest: p.Digest, Size: p.Size, Worker: string(p.Worker), Deed: p.Deed, Seen: p.At, Removed: p.Removed}, err)
}

func (s *Server) releaseMedia(ctx context.Context, by desk.Caller, in *struct {
	Identified
	Body v1.Release
}) (*struct{}, error) {
	return nil, s.desk.ReleaseMedia(ctx, by, in.ID, casework.Media(in.Body.Media), in.Body.Reason, in.Body.Deed)
}
