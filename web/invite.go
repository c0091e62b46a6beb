package web

import (
	"encoding/base64"
	"net/http"

	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/fault/problem"
	"countersign.dev/httpd"
	"countersign.dev/passkey"
)

// invited is the page of an invitation's link.
type invited struct {
	Title     string
	Worker    string
	Name      string // as the desk knows it, or else the worker's identifier
	Origin    string // of the ledger
	EnrolName string
	Site      string // the relying party
	Challenge string // base64
	Expires   canonical.Time
	Words     string // of the passkey that was made; empty: none was
	Made      string // what there is to say of it
}

// madeWords says what the desk knows of a passkey beside its words.
func madeWords(m passkey.Made) string {
	text := "It is bound to one device, and counts as hardware."
	if m.Synced {
		text = "It may be copied to your other devices (synced), so that it does not count as hardware."
	}
	return text
}

// invite is the page on which somebody who was invited makes a passkey. It is nobody's session's: a
// browser that is signed in makes the passkey of the link's person all the same.
func (s *Server) invite(w http.ResponseWriter, r *http.Request) {
	v, err := s.invitePage(r)
	if err != nil {
		httpd.Note(r.Context(), err)
		p := problem.Of(err)
		body := failed(p)
		if fault.Is(err, "no-invitation") {
			body = noInvitation(whyOf(err))
		}
		s.show(w, r, p.Status, nil, view{Title: "Invitation", Narrow: true, Body: body})
		return
	}
	s.show(w, r, http.StatusOK, nil, v)
}

func (s *Server) invitePage(r *http.Request) (view, error) {
	state, err := s.desk.State(r.Context())
	if err != nil {
		return view{}, err
	}
	if err := httpd.CheckPage(r, state.Trust.Origins); err != nil {
		return view{Title: "Invitation", Narrow: true, Body: noInviteHere(state.Origin, whyOf(err))}, nil
	}
	o, err := s.desk.Invited(r.Context(), r.PathValue("secret"))
	if err != nil {
		return view{}, err
	}
	p := invited{Title: "Make your passkey", Worker: string(o.Worker), Name: o.Name, Origin: o.Log, EnrolName: o.EnrolName, Site: o.RelyingParty, Challenge: base64.StdEncoding.EncodeToString(o.Challenge), Expires: o.Expires}
	if p.Name == "" {
		p.Name = p.Worker
	}
	if o.Made != nil {
		p.Title = "Your passkey is made"
		p.Words, p.Made = o.Made.Key.ID().Words(), madeWords(*o.Made)
	}
	return view{Title: p.Title, Script: "invite", Narrow: true, Body: inviteForm(p)}, nil
}
