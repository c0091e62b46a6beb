package plaza

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/sqldb"
)

// The console is where plaza's own staff work by hand. It does what the staff API does,
// in the name of the holder of a staff token, and asks nobody else.

// staffCookie keeps a member of the staff signed in in a browser, as OwnerCookie does an
// owner.
const staffCookie = "__Host-plaza-staff"

func (s *Server) consoleMux() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /console", s.showing((*Server).consolePage))
	mux.HandleFunc("POST /console/sign-in", s.staffSignIn)
	mux.HandleFunc("POST /console/sign-out", func(w http.ResponseWriter, r *http.Request) {
		dropCookie(w, staffCookie)
		seeOther(w, r, "/console")
	})
	mux.HandleFunc("POST /console/act", s.staffActs)
	mux.HandleFunc("POST /console/reports", s.staffSendAgain)
	mux.HandleFunc("GET /console/", s.showing(func(*Server, *sqldb.Tx, *http.Request) (view, error) { return nowhere(), nil }))
	guard := http.NewCrossOriginProtection()
	guard.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.render(w, r, consoleRefused(http.StatusForbidden, "This came from another site. Go to the console and try again.", "/console"))
	}))
	return guard.Handler(mux)
}

// consoleView is the console: a subject, what stands on it, and what can be done.
type consoleView struct {
	Holder  string
	Asked   string // the subject that was asked for
	Missing string // why it is not shown
	Done    string // what was just done
	Subject *staffSubject
	Recent  []recentView
	Out     *outView
}

// staffSubject is a subject as staff see it.
type staffSubject struct {
	State
	Name, Page, Text string
	Measures         []measureView
	Acts             []staffAct
}

// staffAct is a form of the console. Each does one thing to what was read, and is refused
// if that has changed meanwhile.
type staffAct struct {
	Key         string // of the command, so that a form that is sent twice acts once
	Verb        Verb
	Title       string
	Layer       Layer
	Was         Stood
	Values      []LabelText // to choose from, with label
	Marks, Says bool        // asks for a mark and an end; asks for a text
	Burdens     bool
	Lossy       string
}

type recentView struct {
	ID                           int64
	Subject, Handle, What, Mark  string
	By, When, Exactly, ISO, Link string
}

// recentMost is the number of changes that the console shows.
const recentMost = 20

// consolePage shows signed-in staff a subject and what can be done, and everybody else
// how to sign in.
func (s *Server) consolePage(tx *sqldb.Tx, r *http.Request) (view, error) {
	v := view{Status: http.StatusOK, Standing: nothingHere, Title: "Staff console", Here: "console"}
	holder, err := staffIn(tx, r)
	if err != nil {
		return view{}, err
	}
	if holder == "" {
		v.StaffSignIn = true
		return v, nil
	}
	c := consoleView{Holder: holder, Asked: strings.TrimSpace(r.URL.Query().Get("subject")), Done: doneText(r.URL.Query().Get("done"))}
	v.Console = &c
	now := s.now()
	if c.Asked != "" {
		c.Subject, err = s.staffSubject(tx, c.Asked, now)
		switch kind := fault.KindOf(err); {
		case err == nil:
		case kind == fault.NotFound, kind == fault.Invalid:
			c.Missing = fault.TextOf(err)
		default:
			return view{}, err
		}
	}
	if c.Out, err = s.viewOut(tx, now); err != nil {
		return view{}, err
	}
	_, newest, err := eventRange(tx)
	if err != nil {
		return view{}, err
	}
	events, err := eventsAfter(tx, newest-recentMost, recentMost)
	if err != nil {
		return view{}, err
	}
	for _, e := range slices.Backward(events) {
		c.Recent = append(c.Recent, viewRecent(e, now))
	}
	return v, nil
}

func viewRecent(e announcement, now time.Time) recentView {
	what := string(e.Status)
	switch value, label := e.Layer.Label(); {
	case e.name == lockEvent:
		what = "owner’s lock changed"
	case label && e.Status == IsSet:
		what = "labelled " + value
	case label:
		what = "label " + value + " lifted"
	case e.Layer == LimitLayer && e.Status == NoLimit:
		what = "limit lifted"
	}
	return recentView{ID: e.ID, Subject: e.Subject, Handle: e.Handle, What: what, Mark: e.Mark, By: e.By, When: ago(e.At.Time, now),
		Exactly: viewTime(e.At.Time), ISO: e.At.Format(time.RFC3339), Link: consoleOf(e.Subject, "")}
}

// consoleOf is the address of the console with a subject.
func consoleOf(subject, done string) string {
	q := url.Values{"subject": {subject}}
	if done != "" {
		q.Set("done", done)
	}
	return "/console?" + q.Encode()
}

// doneText says what was just done. The address holds the verb only.
func doneText(verb string) string {
	if verb == "again" {
		return "It waits to be sent again."
	}
	return map[Verb]string{Takedown: "Taken down.", Restore: "Brought back.", Deactivate: "Deactivated.", Reactivate: "Reactivated.", Limit: "Limited.",
		Unlimit: "The limit is lifted.", Label: "The label is set.", Unlabel: "The label is lifted.", Warn: "The warning is sent.", Delete: "Deleted."}[Verb(verb)]
}

func (s *Server) staffSubject(tx *sqldb.Tx, name string, now time.Time) (*staffSubject, error) {
	if strings.HasPrefix(name, "@") {
		a, err := accountNamed(tx, name)
		if err != nil {
			return nil, err
		}
		name = a.id().String()
	}
	id, err := parseID(name)
	if err != nil {
		return nil, err
	}
	st, err := stateOf(tx, id, now)
	if err != nil {
		return nil, err
	}
	layers, err := layersOf(tx, id)
	if err != nil {
		return nil, err
	}
	sub := &staffSubject{State: st}
	if id.sort == Account {
		a, err := accountByNumber(tx, id.number)
		if err != nil {
			return nil, err
		}
		sub.Name, sub.Page = a.name, "/@"+a.handle
		sub.Measures = viewMeasures(s.accountMeasures(a, layers), now)
	} else {
		p, a, err := postWithAccount(tx, id.number)
		if err != nil {
			return nil, err
		}
		sub.Name, sub.Page, sub.Text = a.name, "/"+id.String(), p.text
		sub.Measures = viewMeasures(s.postMeasures(p, layers), now)
	}
	sub.Acts = s.staffActsOn(st)
	key, err := s.consoleKey()
	if err != nil {
		return nil, err
	}
	for i := range sub.Acts {
		sub.Acts[i].Key = fmt.Sprint(key, "-", i)
	}
	return sub, nil
}

// staffActsOn lists what can be done to a subject as it is.
func (s *Server) staffActsOn(st State) []staffAct {
	var acts []staffAct
	add := func(a staffAct) {
		for _, can := range abilities {
			if can.Verb == a.Verb && can.Sort == st.Sort {
				a.Lossy = can.Lossy
				acts = append(acts, a)
			}
		}
	}
	shown := st.at(VisibilityLayer)
	switch st.Status {
	case Up:
		add(staffAct{Verb: Takedown, Title: "Take down", Was: shown, Marks: true, Burdens: true})
		add(staffAct{Verb: Deactivate, Title: "Deactivate", Was: shown, Marks: true, Burdens: true})
	case Down:
		add(staffAct{Verb: Restore, Title: "Bring back", Was: shown})
	case Deactivated:
		add(staffAct{Verb: Reactivate, Title: "Reactivate", Was: shown})
	}
	if limit := st.at(LimitLayer); limit.Status == Limited {
		add(staffAct{Verb: Unlimit, Title: "Lift the limit", Layer: LimitLayer, Was: limit})
	} else {
		add(staffAct{Verb: Limit, Title: "Limit", Layer: LimitLayer, Was: limit, Marks: true, Burdens: true})
	}
	free := []LabelText{}
	for _, l := range s.labels {
		if st.at(LabelLayer(l.Value)).Status == Unset {
			free = append(free, l)
		}
	}
	if len(free) > 0 {
		add(staffAct{Verb: Label, Title: "Label", Was: Stood{Status: Unset}, Values: free, Marks: true, Burdens: true})
	}
	for _, l := range st.Layers {
		if value, ok := l.Layer.Label(); ok {
			add(staffAct{Verb: Unlabel, Title: "Lift the label " + value, Layer: l.Layer, Was: l})
		}
	}
	add(staffAct{Verb: Warn, Title: "Warn", Says: true, Burdens: true})
	add(staffAct{Verb: Delete, Title: "Delete", Was: shown, Burdens: true})
	return acts
}

// staffIn returns the holder of the staff token of a browser; empty if nobody is signed
// in.
func staffIn(tx *sqldb.Tx, r *http.Request) (string, error) {
	c, err := r.Cookie(staffCookie)
	if err != nil {
		return "", nil
	}
	var holder string
	err = tx.QueryRow(`select holder from staff_token where hash = $1 and scope = $2`, tokenHash(c.Value), string(StaffScope)).Scan(&holder)
	if sqldb.IsNotFound(err) {
		return "", nil
	}
	return holder, err
}

func (s *Server) staffSignIn(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, formLimit)
	token := strings.TrimSpace(r.PostFormValue("token"))
	var holder string
	err := s.db.Read(r.Context(), func(tx *sqldb.Tx) (err error) {
		in := r.Clone(r.Context())
		in.Header = http.Header{}
		in.AddCookie(&http.Cookie{Name: staffCookie, Value: token})
		holder, err = staffIn(tx, in)
		return err
	})
	if err != nil {
		s.broken(w, r, err)
		return
	}
	if holder == "" {
		s.render(w, r, view{Status: http.StatusForbidden, Standing: nothingHere, Title: "Staff console", Here: "console", StaffSignIn: true,
			Wrong: "That is nobody’s staff token. Copy all of it, from plaza_ to the end."})
		return
	}
	keepCookie(w, staffCookie, token)
	seeOther(w, r, "/console")
}

func consoleRefused(status int, text, next string) view {
	return view{Status: status, Standing: nothingHere, Title: "Not done", Here: "console", Heading: "That was not done.", Text: text,
		Next: next, NextText: "Go to the console"}
}

// staffActs carries out the one command of a form. The form holds what the person saw, so
// that nothing is done to a subject that has changed since, and a key, so that a form that
// is sent twice acts once.
func (s *Server) staffActs(w http.ResponseWriter, r *http.Request) {
	arrived := s.now()
	r.Body = http.MaxBytesReader(w, r.Body, commandLimit)
	var holder string
	err := s.db.Read(r.Context(), func(tx *sqldb.Tx) (err error) {
		holder, err = staffIn(tx, r)
		return err
	})
	if err != nil {
		s.broken(w, r, err)
		return
	}
	if holder == "" {
		seeOther(w, r, "/console") // to sign in again
		return
	}
	c, err := commandOf(r)
	key := r.PostFormValue("key")
	if err == nil {
		err = checkKey(key)
	}
	var e entry
	if err == nil {
		e, err = s.carryOut(r.Context(), holder, key, c, arrived)
	}
	subject := r.PostFormValue("subject")
	if err == nil && e.outcome == refused {
		err = refusalOf(e)
	}
	switch kind := fault.KindOf(err); {
	case err == nil:
		seeOther(w, r, consoleOf(subject, string(c.Verb)))
	case kind == fault.Conflict, kind == fault.NotFound, kind == fault.Invalid:
		s.render(w, r, consoleRefused(httpStatus[kind], fault.TextOf(err), consoleOf(subject, "")))
	default:
		s.broken(w, r, err)
	}
}

// refusalOf is the refusal that an entry remembers.
func refusalOf(e entry) error {
	var p problem
	if err := json.Unmarshal([]byte(e.answer), &p); err != nil {
		return fmt.Errorf("reading a refusal: %w", err)
	}
	kind := fault.Conflict
	if p.Status == http.StatusNotFound {
		kind = fault.NotFound
	}
	return fault.New(kind, path.Base(p.Type), "%s", p.Detail)
}

// consoleKey makes a key for commands of the console.
func (s *Server) consoleKey() (string, error) {
	var b [15]byte
	if _, err := io.ReadFull(s.rand, b[:]); err != nil {
		return "", fmt.Errorf("making a key: %w", err)
	}
	return "console-" + base64.RawURLEncoding.EncodeToString(b[:]), nil
}

// commandOf reads the form of a command by the rules for commands.
func commandOf(r *http.Request) (Command, error) {
	f := func(name string) string { return strings.TrimSpace(r.PostFormValue(name)) }
	c := Command{Verb: Verb(f("verb")), Layer: Layer(f("layer")), Subject: Subject{ID: f("subject"), Handle: f("handle")},
		Expect: Expect{Status: Status(f("status")), Mark: f("was"), Rev: f("rev")}, Mark: f("mark"), Text: strings.ReplaceAll(f("text"), "\r\n", "\n")}
	if c.Verb == Label {
		c.Layer = LabelLayer(f("value"))
	}
	if until := f("until"); until != "" {
		t, err := time.Parse("2006-01-02T15:04", until)
		if err != nil {
			return c, fault.New(fault.Invalid, "bad-command", "%s is not a time such as 2026-12-24T18:00.", quote(until))
		}
		c.Until = canonical.At(t)
	}
	return c, c.check()
}
