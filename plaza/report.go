package plaza

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/sqldb"
)

// Limits of reports.
const (
	reportLongest = 2000     // characters
	reportForm    = 32 << 10 // bytes in a form; each byte of a text may take three
	reportBody    = 16 << 10 // bytes in the body of a program's report
	reportsShown  = 100      // that a reporter is shown, the newest first
)

// How many reports one address may send without an account, and how many one account may
// send.
const (
	addressHour  = 5
	addressDay   = 20
	reporterHour = 60
	reporterDay  = 400
)

// Reason is a reason to report something, as people choose it.
type Reason struct {
	Value string
	Title string
	Hint  string
}

// reasons are those that the form offers.
var reasons = []Reason{
	{"spam", "Spam", "Bulk posting, or attention that is bought."},
	{"scam", "Scam or fraud", "Somebody is after money or passwords."},
	{"harassment", "Harassment", "A person is insulted or pursued."},
	{"hate", "Hate", "People are attacked for who they are."},
	{"threat", "A threat", "Violence is threatened or called for."},
	{"sexual", "Sexual content", "Unwanted, or shared without consent."},
	{"child", "A child in danger", "Anything sexual about a child, or somebody who seeks children."},
	{"self-harm", "Suicide or self-harm", "Somebody may harm themselves, or is pressed to."},
	{"impersonation", "A false identity", "Somebody pretends to be another person or body."},
	{"other", "Something else", "Say below what it is."},
}

func reasonTitle(value string) string {
	for _, r := range reasons {
		if r.Value == value {
			return r.Title
		}
	}
	return ""
}

// NewReport is a report as it is sent.
type NewReport struct {
	Subject  string `json:"subject"` // acct/17 or post/93
	Reason   string `json:"reason"`  // one of the values that the form offers
	Text     string `json:"text,omitempty"`
	Language string `json:"language,omitempty"` // of the text; the reporter's if absent
}

func (n NewReport) check() (subjectID, error) {
	id, err := parseID(n.Subject)
	if err != nil {
		return id, err
	}
	switch {
	case reasonTitle(n.Reason) == "":
		return id, fault.New(fault.Invalid, "bad-report", "Choose one of the reasons.")
	case !within(n.Text, 0, reportLongest):
		return id, fault.New(fault.Invalid, "bad-report", "Say it in up to %s characters.", exactCount(reportLongest))
	case !storable(n.Text):
		return id, fault.New(fault.Invalid, "bad-report", "The text holds a character that no text has. Write it anew, please.")
	case n.Reason == "other" && strings.TrimSpace(n.Text) == "":
		return id, fault.New(fault.Invalid, "bad-report", "Say what it is, since none of the other reasons fits.")
	}
	return id, checkLanguage(n.Language)
}

// Reported is a report as its reporter sees it.
type Reported struct {
	ID      string         `json:"id"` // report-17
	Subject string         `json:"subject"`
	Handle  string         `json:"handle"`
	Reason  string         `json:"reason"`
	Text    string         `json:"text"`
	At      canonical.Time `json:"at"`
	State   string         `json:"state"`   // waiting, received, refused or closed
	Outcome string         `json:"outcome"` // of one that is closed
}

const reportPrefix = "report-"

// report takes a report. by is the account of the reporter, or 0 and then address is where
// the report comes from. A key that was used gets the report that it made, if that is the
// reporter's. The report and what is to be sent of it are written in one transaction.
func (s *Server) report(ctx context.Context, key string, n NewReport, by int64, address string) (int64, error) {
	id, err := n.check()
	if err == nil {
		err = checkKey(key)
	}
	if err != nil {
		return 0, err
	}
	var number int64
	err = s.db.Write(ctx, func(tx *sqldb.Tx) (err error) {
		now := s.now()
		// The counter comes first: from here on no other report is under way, and what is
		// counted below is all there is.
		if number, err = next(tx, "report", 1); err != nil {
			return err
		}
		if prior, found, err := reportByKey(tx, key, by); err != nil || found {
			number = prior
			return err
		}
		reporter, err := reporterOf(tx, by)
		if err != nil {
			return err
		}
		seen, err := seenOf(tx, id, n.Subject)
		if err != nil {
			return err
		}
		digest, err := s.withinLimits(tx, by, address, now)
		if err != nil {
			return err
		}
		language := cmp.Or(n.Language, reporter.language, noLanguage)
		var of any
		if by != 0 {
			of = by
		}
		if _, err := tx.Exec(`insert into report (id, key, subject, handle, reason, body, language, reporter, created, state)
			values ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'waiting')`,
			number, key, id.String(), seen.handle, n.Reason, n.Text, language, of, now.UnixMicro()); err != nil {
			return fmt.Errorf("keeping a report: %w", err)
		}
		if digest != "" {
			if _, err := tx.Exec(`insert into report_address (report, address, created) values ($1, $2, $3)`, number, digest, now.UnixMicro()); err != nil {
				return fmt.Errorf("counting a report: %w", err)
			}
		}
		out := OutReport{ExternalID: reportPrefix + strconv.FormatInt(number, 10), Subject: OutSubject{s.reports.Platform, id.String(), seen.handle},
			Reason: n.Reason, Text: n.Text, Language: language, Reporter: OutReporter{Anonymous: by == 0}, At: canonical.At(now),
			Evidence: OutEvidence{seen.text, seen.language}, Scores: []OutScore{}}
		if by != 0 {
			out.Reporter.ID = reporter.id().String()
		}
		if _, err := tx.Exec(`insert into outbox (report, body) values ($1, $2)`, number, string(canonical.MustMarshal(out))); err != nil {
			return fmt.Errorf("keeping what is to be sent: %w", err)
		}
		tx.Signal(outboxSignal)
		return nil
	})
	return number, err
}

// reportByKey finds the report that the same form made. Somebody else's key finds nothing,
// and makes nothing either.
func reportByKey(tx *sqldb.Tx, key string, by int64) (int64, bool, error) {
	var number, reporter int64
	err := tx.QueryRow(`select id, coalesce(reporter, 0) from report where key = $1`, key).Scan(&number, &reporter)
	switch {
	case sqldb.IsNotFound(err):
		return 0, false, nil
	case err != nil:
		return 0, false, fmt.Errorf("looking a report up: %w", err)
	case reporter != by:
		return 0, false, fault.New(fault.Conflict, "key-reused", "This form was sent already. Open the report anew, please.")
	}
	return number, true, nil
}

func reporterOf(tx *sqldb.Tx, by int64) (account, error) {
	if by == 0 {
		return account{}, nil
	}
	a, err := accountByNumber(tx, by)
	if err == nil && a.status == Deleted {
		err = noSuchSubject("account")
	}
	return a, err
}

// seen is what a reporter saw.
type seen struct{ handle, text, language string }

// seenOf reads a subject that is to be reported. It must be shown.
func seenOf(tx *sqldb.Tx, id subjectID, name string) (seen, error) {
	var v seen
	var shown, gone bool
	if id.sort == Account {
		a, err := accountByNumber(tx, id.number)
		if err != nil {
			return v, err
		}
		v = seen{"@" + a.handle, strings.TrimSpace(a.name + "\n" + a.bio), a.language}
		shown, gone = a.status == Up, a.status == Deleted
	} else {
		p, a, err := postWithAccount(tx, id.number)
		if err != nil {
			return v, err
		}
		v = seen{"", p.text, p.language}
		shown, gone = p.status == Up && a.status == Up, p.status == Deleted
	}
	switch {
	case gone:
		return v, noSuchSubject(name)
	case !shown:
		return v, fault.New(fault.Conflict, "wrong-state", "%s is not shown at the moment, so there is nothing to report.", name)
	}
	return v, nil
}

// withinLimits refuses a report beyond what one address or account may send. Without an
// account it returns the name under which the address is counted. Such names are forgotten
// after a day.
func (s *Server) withinLimits(tx *sqldb.Tx, by int64, address string, now time.Time) (digest string, err error) {
	query, hour, day := `select count(*) from report where reporter = $1 and created > $2`, reporterHour, reporterDay
	var of any = by
	if by == 0 {
		query, hour, day = `select count(*) from report_address where address = $1 and created > $2`, addressHour, addressDay
		if _, err := tx.Exec(`delete from report_address where created <= $1`, now.Add(-24*time.Hour).UnixMicro()); err != nil {
			return "", fmt.Errorf("forgetting addresses: %w", err)
		}
		if digest, err = s.addressDigest(tx, address); err != nil {
			return "", err
		}
		of = digest
	}
	for _, l := range []struct {
		most  int
		since time.Duration
		text  string
	}{{hour, time.Hour, "an hour"}, {day, 24 * time.Hour, "a day"}} {
		var n int
		if err := tx.QueryRow(query, of, now.Add(-l.since).UnixMicro()).Scan(&n); err != nil {
			return "", fmt.Errorf("counting reports: %w", err)
		}
		if n >= l.most {
			text := "That is more than %d reports in %s from here without an account. Sign in to report more, or try again later."
			if by != 0 {
				text = "That is more than %d reports in %s. Try again later."
			}
			return "", fault.New(fault.Exhausted, "too-many-reports", text, l.most, l.text)
		}
	}
	return digest, nil
}

// addressDigest is the name under which an address is counted: the digest under a key that
// only this database has.
func (s *Server) addressDigest(tx *sqldb.Tx, address string) (string, error) {
	const name = "report-address"
	var key string
	err := tx.QueryRow(`select value from secret where name = $1`, name).Scan(&key)
	if sqldb.IsNotFound(err) {
		if key, err = s.newToken(); err != nil {
			return "", err
		}
		_, err = tx.Exec(`insert into secret (name, value) values ($1, $2)`, name, key)
	}
	if err != nil {
		return "", fmt.Errorf("reading a key: %w", err)
	}
	m := hmac.New(sha256.New, []byte(key))
	m.Write([]byte(address))
	return hex.EncodeToString(m.Sum(nil)), nil
}

// addressOf is where a request comes from: one IPv4 address, or the network of 64 bits that
// a household has of IPv6.
func (s *Server) addressOf(r *http.Request) string {
	text := r.RemoteAddr
	if s.address != nil {
		text = s.address(r)
	} else if host, _, err := net.SplitHostPort(text); err == nil {
		text = host
	}
	a, err := netip.ParseAddr(text)
	if err != nil {
		return text
	}
	a = a.Unmap().WithZone("")
	if a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return p.String()
		}
	}
	return a.String()
}

// myReports lists the reports of an account, the newest first.
func myReports(tx *sqldb.Tx, by int64) ([]Reported, error) {
	all, err := sqldb.All(tx, func(row sqldb.Row) (Reported, error) {
		var v Reported
		var number, created int64
		err := row.Scan(&number, &v.Subject, &v.Handle, &v.Reason, &v.Text, &created, &v.State, &v.Outcome)
		v.ID, v.At = reportPrefix+strconv.FormatInt(number, 10), canonical.FromMicro(created)
		return v, err
	}, `select id, subject, handle, reason, body, created, state, outcome from report where reporter = $1 order by id desc limit $2`, by, reportsShown)
	if err != nil {
		return nil, fmt.Errorf("reading reports: %w", err)
	}
	return append([]Reported{}, all...), nil
}

// eraseReporter takes a deleted account away from what it reported. What was sent is with
// its receiver.
func eraseReporter(tx *sqldb.Tx, account int64) error {
	_, err := tx.Exec(`update report set reporter = null, body = '', ask = 0 where reporter = $1`, account)
	return err
}

// reportsPage is what a program of an owner reads of the owner's reports.
type reportsPage struct {
	Reports []Reported `json:"reports"`
}

func (s *Server) getReports(c call) error {
	page := reportsPage{}
	err := s.db.Read(c.r.Context(), func(tx *sqldb.Tx) (err error) {
		page.Reports, err = myReports(tx, c.owner.account)
		return err
	})
	if err != nil {
		return err
	}
	writeJSON(c.w, http.StatusOK, jsonType, page)
	return nil
}

func (s *Server) postReport(c call) error {
	key, err := c.key()
	if err != nil {
		return err
	}
	var n NewReport
	if err := readStrict(c, &n); err != nil {
		return err
	}
	// Keys of one owner's programs are apart from all others.
	number, err := s.report(c.r.Context(), "owner-"+strconv.FormatInt(c.owner.account, 10)+":"+ownKey(key), n, c.owner.account, "")
	if err != nil {
		return err
	}
	writeJSON(c.w, http.StatusCreated, jsonType, made{ID: reportPrefix + strconv.FormatInt(number, 10)})
	return nil
}

// ownKey is a key of a fixed length.
func ownKey(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:])
}

func (s *Server) reportKey() (string, error) {
	var b [15]byte
	if _, err := io.ReadFull(s.rand, b[:]); err != nil {
		return "", fmt.Errorf("making a key: %w", err)
	}
	return "form-" + base64.RawURLEncoding.EncodeToString(b[:]), nil
}
