package web

import (
	"net/http"
	"strings"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/httpd"
	"countersign.dev/workforce"
)

// paired is a code, and with it what somebody asks or hands in.
type paired struct {
	Code    string                 `json:"code"`
	Session *actions.SignedSession `json:"session,omitempty"`
}

func (p paired) code() string { return strings.ToUpper(strings.TrimSpace(p.Code)) }

// pairing is what a browser shows, and what the command line compares with it.
type pairing struct {
	Code    string             `json:"code"`
	Worker  workforce.WorkerID `json:"worker"`
	Key     actions.SessionKey `json:"session_key"`
	Words   string             `json:"words"`
	Expires canonical.Time     `json:"expires"`
}

// pair begins a sign-in with a key file.
func (s *Server) pair(w http.ResponseWriter, r *http.Request) error {
	var in beginning
	if err := read(r, &in); err != nil {
		return err
	}
	state, err := s.desk.State(r.Context())
	if err != nil {
		return err
	}
	if err := httpd.CheckPage(r, state.Trust.Origins); err != nil {
		return err
	}
	if !workforce.ValidIdentifier(string(in.Worker)) {
		return fault.New(fault.Invalid, "bad-worker", "%q is not the identifier of a worker. It is the name under which you were admitted, such as sue.", string(in.Worker))
	}
	p, err := s.desk.Pair(r.Context(), in.Worker, in.Key)
	if err != nil {
		return err
	}
	return send(w, pairing{p.Code, p.Worker, p.Key, p.Key.Words(), p.Expires})
}

// waitingPair tells the command line which browser waits under a code.
func (s *Server) waitingPair(w http.ResponseWriter, r *http.Request) error {
	var in paired
	if err := read(r, &in); err != nil {
		return err
	}
	p, err := s.desk.Pairing(r.Context(), in.code())
	if err != nil {
		return err
	}
	return send(w, pairing{p.Code, p.Worker, p.Key, p.Key.Words(), p.Expires})
}

// certifyPair takes the session that the command line has certified.
func (s *Server) certifyPair(w http.ResponseWriter, r *http.Request) error {
	var in paired
	if err := read(r, &in); err != nil {
		return err
	}
	if in.Session == nil {
		return fault.New(fault.Invalid, "bad-body", "There is no session in it.")
	}
	if err := s.desk.CertifyPairing(r.Context(), in.code(), *in.Session); err != nil {
		return err
	}
	return send(w, struct{}{})
}

// takePair gives a waiting browser its session, or nothing yet.
func (s *Server) takePair(w http.ResponseWriter, r *http.Request) error {
	var in paired
	if err := read(r, &in); err != nil {
		return err
	}
	session, ok, err := s.desk.TakePairing(r.Context(), in.code())
	if err != nil {
		return err
	}
	out := paired{Code: in.code()}
	if ok {
		out.Session = &session
	}
	return send(w, out)
}
