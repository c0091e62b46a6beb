package cli

import (
	"context"
	"fmt"

	"countersign.dev/actions"
	v1 "countersign.dev/api/v1"
	"countersign.dev/canonical"
	"countersign.dev/fault"
)

// caseMedia is a press on the pictures of a case.
type caseMedia struct {
	Case    string `arg:"" help:"cas_…"`
	What    string `arg:"" enum:"copy,hash,remove" help:"copy: have the pictures copied. hash: take their digests only, and let their bytes go. remove: remove the bytes of one picture that is kept, for ever."`
	Picture string `placeholder:"DIGEST" help:"With remove: the digest of the picture, as case evidence lists it."`
	Reason  string `required:"" help:"Why. It is sealed in your signed deed."`
	Yes     bool   `short:"y" help:"Sign without asking. What is signed is shown all the same."`
}

func (*caseMedia) Help() string {
	return "A reason of child safety stops the copying of all pictures of a case, and a specialist says within an hour what becomes of them: `case media CASE copy --reason WHY`, or hash. " +
		"Nobody else does that, and it needs no claim. What is copied comes as a new evidence of the case (`case evidence CASE`). " +
		"remove also works on other cases, for whoever may see their pictures: the bytes go at once and never come in again; digest, address and times stay. A press that is untrue is a finding about the person who made it; doc/operating.md says how a lead opens one."
}

// mediaSaid is the answer of case media.
type mediaSaid struct {
	Case    string             `json:"case"`
	Media   string             `json:"media"` // copy, hash or remove
	Removed *v1.RemovedPicture `json:"removed,omitzero"`
}

func (m mediaSaid) words() string {
	switch m.Media {
	case "copy":
		return "The pictures of the case " + m.Case + " are being copied; `countersign case evidence " + m.Case + "` shows what became of each."
	case "hash":
		return "The digests of the pictures of the case " + m.Case + " are being taken, and no bytes kept; `countersign case evidence " + m.Case + "` shows them."
	}
	return fmt.Sprintf("The bytes of the picture %s are removed, and never come in again.", m.Removed.Digest)
}

func (c *caseMedia) Run(ctx context.Context, s *Session) error {
	d, err := s.desk()
	if err != nil {
		return err
	}
	said, err := c.press(ctx, s, d)
	if err != nil {
		return err
	}
	return s.Answer(said, func(p *Page) { p.Line("%s", said.words()) })
}

// press signs the press and hands it in.
func (c *caseMedia) press(ctx context.Context, s *Session, d deskClient) (mediaSaid, error) {
	said := mediaSaid{Case: c.Case, Media: c.What}
	presses := map[string]struct {
		kind actions.DeedKind
		what string
	}{
		"copy":   {actions.DeedCopyEvidence, "have the pictures copied"},
		"hash":   {actions.DeedHashEvidence, "have only the digests of the pictures taken"},
		"remove": {actions.DeedRemoveEvidence, "remove the bytes of the picture " + c.Picture + ", for ever"},
	}
	press, ok := presses[c.What]
	switch {
	case !ok:
		return said, fault.New(fault.Invalid, "bad-media", "%q is none of copy, hash and remove.", c.What)
	case (c.What == "remove") != (c.Picture != ""):
		return said, fault.New(fault.Invalid, "bad-media", "Name the picture with remove, by --picture DIGEST, and with nothing else. `countersign case evidence %s` lists the pictures.", c.Case)
	}
	if c.What == "remove" {
		var digest canonical.Digest
		if err := digest.UnmarshalText([]byte(c.Picture)); err != nil || digest.IsZero() {
			return said, fault.New(fault.Invalid, "bad-media", "%q is no digest of a picture: sha256: and 64 lower-case hexadecimal digits. `countersign case evidence %s` lists the pictures.", c.Picture, c.Case)
		}
		deed, err := s.deed(ctx, d, actions.Deed{What: press.kind, Of: digest.String()}, c.Reason, press.what, canonical.Time{}, c.Yes)
		if err != nil {
			return said, err
		}
		removed, err := d.RemovePicture(ctx, digest, v1.Removal{Case: c.Case, Reason: c.Reason, Deed: deed})
		said.Removed = &removed
		return said, err
	}
	v, err := d.Case(ctx, c.Case)
	if err != nil {
		return said, err
	}
	deed, err := s.deed(ctx, d, actions.Deed{What: press.kind, Of: c.Case, Version: v.Case.Version}, c.Reason, fmt.Sprintf("%s, on the case %s at version %d", press.what, c.Case, v.Case.Version), canonical.Time{}, c.Yes)
	if err != nil {
		return said, err
	}
	return said, d.ReleaseMedia(ctx, c.Case, v1.Release{Media: c.What, Reason: c.Reason, Deed: deed})
}
