package web

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/workforce"
)

// Demo is a living demo behind the pages. Only a demo has one: its officers' keys lie in its own
// folder, and enrol the key of whoever asks. At any other desk the pages have no such way in.
type Demo interface {
	Scene() DemoScene
	// Characters are the people whom a visitor can be.
	Characters() []DemoCharacter
	// Enrol has the demo's officers enrol a key.
	Enrol(ctx context.Context, e actions.Enrolment) error
	// Prepare makes sure that a step of the tour has what it needs: a request, an incident.
	Prepare(ctx context.Context, step string) (request, incident string, err error)
	// Around changes the account of the head of state around the desk, and returns how long it
	// took until plaza showed it as before.
	Around(ctx context.Context) (back time.Duration, incident string, err error)
}

// DemoScene is where a demo plays.
type DemoScene struct {
	Plaza     string
	President string
	Mayor     string
	Root      canonical.Digest
	Enrol     string // the name of the desk for enrolments
}

// DemoCharacter is somebody whom a visitor can be.
type DemoCharacter struct {
	Worker workforce.WorkerID
	Name   string
	Role   string
	Vendor string
	Last   string
	Story  string
}

// tourStep is a step of the tour.
type tourStep struct {
	Name   string // by which the script and Prepare know it
	Title  string
	Text   string // what to do, and why it matters
	Be     workforce.WorkerID
	Who    string
	To     string // where it begins
	Act    string // what the button does; empty: there is none
	Again  string // what the way to its person is called once the step is done; empty: there is none
	Public bool   // with a way to plaza's page
}

// tour is the six steps. be names who plays each.
func tour(d Demo) []tourStep {
	scene, all := d.Scene(), d.Characters()
	be := func(role string, s tourStep) tourStep {
		for _, c := range all {
			if c.Role == role && (s.Be == "" || s.Be == c.Worker) {
				s.Be, s.Who = c.Worker, c.Name
				break
			}
		}
		return s
	}
	lead := func(n int, s tourStep) tourStep {
		for _, c := range all {
			if c.Role != "lead" {
				continue
			}
			if n--; n < 0 {
				s.Be, s.Who = c.Worker, c.Name
				break
			}
		}
		return s
	}
	return []tourStep{
		be("agent", tourStep{Name: "agent", Title: "Be the agent", To: "/work",
			Text: "Decide three cases. Enter takes one; a says that nothing is wrong; a digit and Ctrl Enter say that it breaks that rule. What you sign is what the page showed you."}),
		lead(0, tourStep{Name: "contractor", Title: "Be the contractor on the last day", To: "/work", Act: "Take " + scene.President + " down",
			Text: "Try to take the head of state down, as somebody did in 2017. One person was enough then."}),
		lead(1, tourStep{Name: "countersign", Title: "Be asked to countersign", To: "/countersign", Again: "Another request",
			Text: "An agent wants " + scene.Mayor + " down, and an employee has signed. Read it, then sign it or decline it: no one takes an account down alone."}),
		{Name: "insider", Title: "Be the platform's insider", Act: "Take " + scene.President + " down around the desk", Public: true,
			Text: "You work at plaza and need no desk. Press the button, and see how long the account stays down."},
		be("investigator", tourStep{Name: "investigator", Title: "Be the investigator", Act: "I have read it",
			Text: "An incident opened by itself. Read when it was, with which credential, and who is declared to hold that."}),
		be("auditor", tourStep{Name: "auditor", Title: "Be the auditor",
			Text: "Check a takedown yourself. Your browser believes only the root hash that you were shown at the start."}),
	}
}

// demoRoutes registers what only a demo has.
func (s *Server) demoRoutes() {
	if s.config.Demo == nil {
		return
	}
	s.mux.HandleFunc("POST /demo/enrol", s.answer(s.demoEnrol))
	s.mux.HandleFunc("POST /demo/step", s.answer(s.demoStep))
	s.mux.HandleFunc("POST /demo/around", s.answer(s.demoAround))
	s.mux.HandleFunc("GET /demo/verify/{request}", s.page(s.audit))
}

// audit is the page on which a visitor verifies the takedown that a request led to.
func (s *Server) audit(_ context.Context, r *http.Request, _ reader) (view, error) {
	request := r.PathValue("request")
	return view{Title: "Verify a takedown", Script: "audit", Body: audit(request, "requests/"+url.PathEscape(request)+"/warrant", s.spare())}, nil
}

// spare are the people whom the tour leaves out.
func (s *Server) spare() []DemoCharacter {
	steps := tour(s.config.Demo)
	return slices.DeleteFunc(slices.Clone(s.config.Demo.Characters()), func(c DemoCharacter) bool {
		return slices.ContainsFunc(steps, func(t tourStep) bool { return t.Be == c.Worker })
	})
}

// demoEnrol has a key enrolled that a visitor's browser made.
func (s *Server) demoEnrol(w http.ResponseWriter, r *http.Request) error {
	var in actions.Enrolment
	if err := read(r, &in); err != nil {
		return err
	}
	if in.Key.Algorithm != workforce.FileEd25519 || !in.Key.WellFormed() {
		return fault.New(fault.Invalid, "bad-key", "The demo enrols a key of Ed25519 that your browser made.")
	}
	if err := s.config.Demo.Enrol(r.Context(), in); err != nil {
		return err
	}
	return send(w, struct{}{})
}

// demoProp is what a step of the tour is about.
type demoProp struct {
	Request  string `json:"request"`
	Incident string `json:"incident"`
}

func (s *Server) demoStep(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Step string `json:"step"`
	}
	if err := read(r, &in); err != nil {
		return err
	}
	request, incident, err := s.config.Demo.Prepare(r.Context(), in.Step)
	if err != nil {
		return err
	}
	return send(w, demoProp{request, incident})
}

func (s *Server) demoAround(w http.ResponseWriter, r *http.Request) error {
	back, incident, err := s.config.Demo.Around(r.Context())
	if err != nil {
		return err
	}
	return send(w, struct {
		Back     int64  `json:"back_ms"`
		Incident string `json:"incident"`
	}{back.Milliseconds(), incident})
}
