package alarm

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"countersign.dev/fault"
)

const (
	answerLimit    = 64 << 10         // bytes of an answer, and of its header
	defaultTimeout = 20 * time.Second // the specification advises 15 to 30
	defaultConnect = 5 * time.Second
	longestWait    = 24 * time.Hour // the most that a receiver may ask for
)

// Endpoint is an address to which a person wants alarms sent.
type Endpoint struct {
	URL          string // https; its path and query may be secret
	Keys         []Key  // each signs; two or more while a key changes
	AllowPrivate Private
}

// Sender makes attempts. The zero value uses the machine's clock, resolver and
// roots. It may be used by several at once.
type Sender struct {
	Now      func() time.Time
	Timeout  time.Duration  // of a whole attempt; 0 means 20 s
	Connect  time.Duration  // of finding and connecting to one address; 0 means 5 s
	Resolver *net.Resolver  // nil means the machine's
	Roots    *x509.CertPool // nil means the machine's
}

// Outcome is the outcome of an attempt.
type Outcome int

// The outcomes. The zero value loses nothing.
const (
	Retry     Outcome = iota // it may have arrived; try again by Wait
	Delivered                // the receiver answered 2xx
	Gone                     // the receiver answered 410: send nothing more to this address
	Refused                  // nothing was sent, and nothing will be until somebody changes the address or the message
)

func (o Outcome) String() string {
	switch o {
	case Delivered:
		return "delivered"
	case Gone:
		return "gone"
	case Refused:
		return "refused"
	}
	return "retry"
}

// Undelivered is Send's error. It wraps a fault.
type Undelivered struct {
	Outcome Outcome
	Status  int           // the status of the answer; 0 without an answer
	After   time.Duration // the wait that the receiver asks for, at most a day
	reason  error
}

func (u *Undelivered) Error() string {
	if u.reason == nil {
		return u.Outcome.String()
	}
	return u.reason.Error()
}

// Unwrap returns the fault.
func (u *Undelivered) Unwrap() error { return u.reason }

// OutcomeOf returns the outcome that an error of Send means.
func OutcomeOf(err error) Outcome {
	var u *Undelivered
	switch {
	case err == nil:
		return Delivered
	case errors.As(err, &u):
		return u.Outcome
	}
	return Retry
}

// Send makes one attempt. The error, if any, is an *Undelivered; it holds
// neither keys nor the address's path and query.
func (s Sender) Send(ctx context.Context, to Endpoint, m Message) error {
	refuse := func(err error) error { return &Undelivered{Outcome: Refused, reason: err} }
	target, err := parseURL(to)
	if err != nil {
		return refuse(err)
	}
	body, err := m.Body()
	if err != nil {
		return refuse(err)
	}
	now := time.Now
	if s.Now != nil {
		now = s.Now
	}
	header, err := Sign(m.ID, now(), body, to.Keys...)
	if err != nil {
		return refuse(err)
	}
	ctx, cancel := context.WithTimeout(ctx, or(s.Timeout, defaultTimeout))
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, target.String(), bytes.NewReader(body))
	if err != nil {
		return refuse(badURL())
	}
	request.Header = header
	request.Header.Set("Content-Type", m.media())
	request.Header.Set("User-Agent", "Countersign")

	answer, err := s.client(to.AllowPrivate, target.Scheme == "http").Do(request)
	if err != nil {
		return unanswered(target.Hostname(), err)
	}
	defer answer.Body.Close()
	// The content of the answer is never shown: otherwise the sender would read other
	// networks for its user. It is read all the same, so that a receiver that is still
	// writing is not cut off.
	_, _ = io.CopyN(io.Discard, answer.Body, answerLimit)
	return answered(target.Hostname(), answer, now())
}

// client makes a client for one attempt: a connection that was opened with one address's
// permissions must not serve another address.
func (s Sender) client(open Private, plain bool) *http.Client {
	dialer := &net.Dialer{Timeout: or(s.Connect, defaultConnect), Resolver: s.Resolver, Control: open.Control(plain)}
	return &http.Client{
		Transport: &http.Transport{
			Proxy:                  nil, // a proxy would connect where the dialer may not
			DialContext:            dialer.DialContext,
			TLSClientConfig:        &tls.Config{RootCAs: s.Roots, MinVersion: tls.VersionTLS12},
			DisableKeepAlives:      true,
			DisableCompression:     true,
			MaxResponseHeaderBytes: answerLimit,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Check refuses an endpoint to which nothing could ever be sent. Where its name leads is found out
// at each attempt.
func (to Endpoint) Check() error {
	if _, err := parseURL(to); err != nil {
		return err
	}
	_, err := Sign("check", time.Unix(1, 0), nil, to.Keys...)
	return err
}

// Host names the endpoint without what may be secret of its address.
func (to Endpoint) Host() string {
	u, err := parseURL(to)
	if err != nil {
		return ""
	}
	return u.Host
}

func parseURL(to Endpoint) (*url.URL, error) {
	u, err := url.Parse(to.URL)
	if err != nil || u.Hostname() == "" || u.User != nil || u.Fragment != "" || u.Opaque != "" {
		return nil, badURL()
	}
	if u.Scheme != "https" && !(u.Scheme == "http" && to.AllowPrivate.Plain) {
		return nil, badURL()
	}
	return u, nil
}

// badURL has no cause: the parser's error would show the address.
func badURL() error {
	return fault.New(fault.Invalid, "bad-alarm-url", "An alarm's address is an https URL without user, password and fragment.")
}

func unanswered(host string, err error) error {
	// net/http's error adds the URL.
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	if fault.Is(err, "alarm-address") {
		return &Undelivered{Outcome: Refused, reason: fmt.Errorf("send an alarm to %s: %w", host, err)}
	}
	return &Undelivered{reason: fault.New(fault.Unavailable, "alarm-unanswered", "%s did not answer.", host).Because(err)}
}

func answered(host string, a *http.Response, now time.Time) error {
	switch {
	case a.StatusCode >= 200 && a.StatusCode <= 299:
		return nil
	case a.StatusCode == http.StatusGone:
		return &Undelivered{Outcome: Gone, Status: a.StatusCode, reason: fault.New(fault.NotFound, "alarm-gone", "%s wants no more alarms (410).", host)}
	case a.StatusCode >= 300 && a.StatusCode <= 399:
		return &Undelivered{Status: a.StatusCode, reason: fault.New(fault.Unavailable, "alarm-redirected", "%s redirects (%d), which is not followed: change the address.", host, a.StatusCode)}
	}
	return &Undelivered{
		Status: a.StatusCode,
		After:  retryAfter(a.Header.Get("Retry-After"), now),
		reason: fault.New(fault.Unavailable, "alarm-answer", "%s answered %d.", host, a.StatusCode),
	}
}

// retryAfter reads seconds or a date; any other text asks for no wait.
func retryAfter(text string, now time.Time) time.Duration {
	wait := time.Duration(0)
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		wait = time.Duration(seconds) * time.Second
	} else if date, err := http.ParseTime(text); err == nil {
		wait = date.Sub(now)
	}
	return min(max(wait, 0), longestWait)
}

func or(d, otherwise time.Duration) time.Duration {
	if d > 0 {
		return d
	}
	return otherwise
}
