package plaza

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/sqldb"
)

// reportMux serves the form by which anybody reports what they see here. It accepts forms
// only from this site's own pages.
func (s *Server) reportMux() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /report", s.showing((*Server).reportPage))
	mux.HandleFunc("POST /report", s.sendReport)
	mux.HandleFunc("GET /report/sent", s.showing(func(*Server, *sqldb.Tx, *http.Request) (view, error) { return sentPage(), nil }))
	mux.HandleFunc("GET /report/", s.showing(func(*Server, *sqldb.Tx, *http.Request) (view, error) { return nowhere(), nil }))
	guard := http.NewCrossOriginProtection()
	guard.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.render(w, r, reportRefused(http.StatusForbidden, "This came from another site. Open the report from the post or the profile, please.", "/", "Go to the timeline"))
	}))
	return guard.Handler(mux)
}

// reportView is the form of a report.
type reportView struct {
	Subject   string // identifier
	Handle    string // of the account that is reported, or that wrote the post
	Name      string
	Excerpt   []string // of the post
	Tag       string
	Page      string // of the subject
	Key       string
	Reasons   []Reason
	Chosen    string
	Text      string
	Anonymous bool
	Tongue    *composeView
}

func sentPage() view {
	return view{Status: http.StatusOK, Standing: nothingHere, Title: "Thank you", Here: "report", Heading: "Thank you. Your report is in.",
		Text: "People will look at it. You reported without an account, so nobody can tell you what became of it; sign in before you report if you want to hear."}
}

func reportRefused(status int, text, next, nextText string) view {
	return view{Status: status, Standing: nothingHere, Title: "Not reported", Here: "report", Heading: "That was not reported.", Text: text, Next: next, NextText: nextText}
}

// reportPage shows the form for a post or an account that is shown.
func (s *Server) reportPage(tx *sqldb.Tx, r *http.Request) (view, error) {
	return s.reportForm(tx, r, NewReport{Subject: r.URL.Query().Get("subject")}, "")
}

// reportForm is the form as it was filled in, with a key of its own unless one is given.
func (s *Server) reportForm(tx *sqldb.Tx, r *http.Request, n NewReport, key string) (view, error) {
	id, err := parseID(n.Subject)
	if err != nil {
		return view{}, err
	}
	if _, err := seenOf(tx, id, n.Subject); err != nil {
		if fault.KindOf(err) == fault.Conflict {
			return reportRefused(http.StatusConflict, fault.TextOf(err), "/", "Go to the timeline"), nil
		}
		return view{}, err
	}
	f := &reportView{Subject: id.String(), Reasons: reasons, Chosen: n.Reason, Text: n.Text, Key: key, Page: "/" + id.String()}
	if id.sort == Account {
		a, err := accountByNumber(tx, id.number)
		if err != nil {
			return view{}, err
		}
		f.Name, f.Handle, f.Page = a.name, a.handle, "/@"+a.handle
	} else {
		p, a, err := postWithAccount(tx, id.number)
		if err != nil {
			return view{}, err
		}
		f.Name, f.Handle, f.Excerpt, f.Tag = a.name, a.handle, strings.Split(p.text, "\n"), strings.TrimSuffix(p.language, noLanguage)
	}
	in, err := signedIn(tx, r)
	if err != nil {
		return view{}, err
	}
	language := noLanguage
	if f.Anonymous = in.account == 0; !f.Anonymous {
		a, err := accountByNumber(tx, in.account)
		if err != nil {
			return view{}, err
		}
		language = a.language
	}
	if n.Language != "" && checkLanguage(n.Language) == nil {
		language = n.Language
	}
	f.Tongue = composing(composeView{}, language)
	if f.Key == "" {
		if f.Key, err = s.reportKey(); err != nil {
			return view{}, err
		}
	}
	return view{Status: http.StatusOK, Standing: nothingHere, Title: "Report", Here: "report", Report: f}, nil
}

// sendReport takes the form of a report. What is wrong with it is said above the form,
// which keeps what was written.
func (s *Server) sendReport(w http.ResponseWriter, r *http.Request) {
	if err := readForm(w, r, reportForm); err != nil {
		s.render(w, r, reportRefused(httpStatus[fault.KindOf(err)], fault.TextOf(err), "/", "Go to the timeline"))
		return
	}
	n := NewReport{Subject: r.PostFormValue("subject"), Reason: r.PostFormValue("reason"), Text: formText(r, "text"), Language: r.PostFormValue("language")}
	key, in := r.PostFormValue("key"), session{}
	err := s.db.Read(r.Context(), func(tx *sqldb.Tx) (err error) {
		in, err = signedIn(tx, r)
		return err
	})
	if err == nil {
		_, err = s.report(r.Context(), key, n, in.account, s.addressOf(r))
	}
	switch kind := fault.KindOf(err); {
	case err == nil && in.account != 0:
		seeOther(w, r, "/account/reports")
	case err == nil:
		seeOther(w, r, "/report/sent")
	case fault.Is(err, "bad-report"), fault.Is(err, "bad-language"):
		s.reportAgain(w, r, n, key, err)
	case kind == fault.Conflict, kind == fault.NotFound, kind == fault.Invalid, kind == fault.Exhausted:
		s.render(w, r, reportRefused(httpStatus[kind], fault.TextOf(err), "/", "Go to the timeline"))
	default:
		s.broken(w, r, err)
	}
}

// reportAgain shows the form once more, with what is wrong with it.
func (s *Server) reportAgain(w http.ResponseWriter, r *http.Request, n NewReport, key string, wrong error) {
	var v view
	if checkKey(key) != nil {
		key = ""
	}
	n.Text = strings.ReplaceAll(strings.ToValidUTF8(n.Text, "\ufffd"), "\x00", "\ufffd")
	err := s.db.Read(r.Context(), func(tx *sqldb.Tx) (err error) {
		v, err = s.reportForm(tx, r, n, key)
		return err
	})
	if err != nil {
		s.render(w, r, nowhere())
		return
	}
	v.Status, v.Wrong = httpStatus[fault.KindOf(wrong)], fault.TextOf(wrong)
	s.render(w, r, v)
}

// mineList is the page of one's own reports.
type mineList struct{ Reports []mineView }

// mineView is a report as its reporter sees it.
type mineView struct {
	Title, Subject, Link string
	Text                 []string
	State                string
	Closed               bool
	When, Exactly, ISO   string
}

var outcomeTexts = map[string]string{
	"violation":    "A rule was broken.",
	"no-violation": "No rule was broken.",
	"duplicate":    "It was judged together with another report.",
	"not-for-us":   "This is for somebody else to judge.",
	"withdrawn":    "It was withdrawn.",
}

func stateText(r Reported) string {
	switch r.State {
	case "waiting":
		return "Waiting to be passed on"
	case "received":
		return "With those who judge it"
	case "refused":
		return "Could not be passed on; our staff see why"
	}
	if text, ok := outcomeTexts[r.Outcome]; ok {
		return text
	}
	return "It was judged."
}

// myReportsPage shows signed-in owners what became of their reports.
func (s *Server) myReportsPage(tx *sqldb.Tx, r *http.Request) (view, error) {
	in, err := signedIn(tx, r)
	if err != nil {
		return view{}, err
	}
	if in.account == 0 {
		return signInPage(""), nil
	}
	list, err := myReports(tx, in.account)
	if err != nil {
		return view{}, err
	}
	now := s.now()
	v := view{Status: http.StatusOK, Standing: nothingHere, Title: "Your reports", Here: "account", Mine: &mineList{}}
	for _, l := range list {
		m := mineView{Title: reasonTitle(l.Reason), Subject: l.Handle, Link: "/" + l.Subject, State: stateText(l), Closed: l.State == "closed",
			When: ago(l.At.Time, now), Exactly: viewTime(l.At.Time), ISO: l.At.Format(time.RFC3339)}
		if l.Handle != "" {
			m.Link = "/" + l.Handle
		} else {
			m.Subject = "a post"
		}
		if l.Text != "" {
			m.Text = strings.Split(l.Text, "\n")
		}
		v.Mine.Reports = append(v.Mine.Reports, m)
	}
	return v, nil
}

// outView is what the console shows of the reports.
type outView struct {
	Goes                     bool // they go somewhere
	Waiting, Received, Ended int64
	Oldest                   string // since when the oldest waits
	Trouble, Since           string
	Refused                  []refusedView
	RefusedAll               int64
}

type refusedView struct {
	Number                        int64
	Subject, Reason, Type, Detail string
	When, Exactly, ISO, Link      string
}

// refusedMost is the number of refused reports that the console shows.
const refusedMost = 20

func (s *Server) viewOut(tx *sqldb.Tx, now time.Time) (*outView, error) {
	v := &outView{Goes: s.reports.URL != ""}
	var oldest int64
	for state, n := range map[string]*int64{"waiting": &v.Waiting, "received": &v.Received, "closed": &v.Ended, "refused": &v.RefusedAll} {
		if err := tx.QueryRow(`select count(*) from report where state = $1`, state).Scan(n); err != nil {
			return nil, fmt.Errorf("counting reports: %w", err)
		}
	}
	if v.Waiting > 0 {
		if err := tx.QueryRow(`select created from report where state = 'waiting' order by id limit 1`).Scan(&oldest); err != nil {
			return nil, fmt.Errorf("reading the oldest report: %w", err)
		}
		v.Oldest = viewTime(time.UnixMicro(oldest))
	}
	if why, since := s.out.trouble(); why != "" {
		v.Trouble, v.Since = why, viewTime(since)
	}
	var err error
	v.Refused, err = sqldb.All(tx, func(row sqldb.Row) (f refusedView, err error) {
		var settled int64
		if err := row.Scan(&f.Number, &f.Subject, &f.Reason, &f.Type, &f.Detail, &settled); err != nil {
			return f, err
		}
		at := canonical.FromMicro(settled)
		f.When, f.Exactly, f.ISO, f.Link = ago(at.Time, now), viewTime(at.Time), at.Format(time.RFC3339), consoleOf(f.Subject, "")
		f.Reason = reasonTitle(f.Reason)
		return f, nil
	}, `select id, subject, reason, problem, detail, settled from report where state = 'refused' order by id desc limit $1`, refusedMost)
	if err != nil {
		return nil, fmt.Errorf("reading refused reports: %w", err)
	}
	return v, nil
}

// staffSendAgain lets a member of the staff send what was refused once more.
func (s *Server) staffSendAgain(w http.ResponseWriter, r *http.Request) {
	if err := readForm(w, r, formLimit); err != nil {
		s.render(w, r, consoleRefused(httpStatus[fault.KindOf(err)], fault.TextOf(err), "/console"))
		return
	}
	var holder string
	err := s.db.Read(r.Context(), func(tx *sqldb.Tx) (err error) {
		holder, err = staffIn(tx, r)
		return err
	})
	if err == nil && holder == "" {
		seeOther(w, r, "/console") // to sign in again
		return
	}
	number := int64(0)
	if text := r.PostFormValue("report"); err == nil && text != "all" {
		if number, err = strconv.ParseInt(text, 10, 64); err != nil || number < 1 {
			s.render(w, r, consoleRefused(http.StatusBadRequest, quote(text)+" is not the number of a report.", "/console"))
			return
		}
	}
	if err == nil {
		err = s.sendAgain(context.WithoutCancel(r.Context()), number)
	}
	if err != nil {
		s.broken(w, r, err)
		return
	}
	seeOther(w, r, "/console?"+url.Values{"done": {"again"}}.Encode())
}
