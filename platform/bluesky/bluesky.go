// Package bluesky is the connector for a Bluesky PDS: accounts ("did:…") and
// records ("at://…") are taken down and restored over XRPC with the
// administrator's password.
//
// It trusts the PDS to say truthfully what its state is, and nothing else: the
// answer to a change is never believed (a takedown of an account that does not
// exist is answered with 200), the state is read back. It does not follow
// redirects and sends the password over TLS or to this machine only.
//
// What a PDS cannot do, and what that means here:
//
//   - It cannot compare and set. Apply reads the state, and if it is the expected
//     one changes it with the very next call. A measure that somebody else puts
//     in place between these two is overwritten by a takedown and lifted by a
//     restore, and reading back does not show it: the PDS keeps no trace in what
//     can be queried. The window is one round trip, about two milliseconds.
//     Capabilities therefore says CompareAndSet false, Receipt.Lifted is left
//     empty, and the PDS's event stream has to be looked through afterwards
//     (each change of an account's takedown is a frame there; of a record's it is
//     not). Two calls of Apply for one subject on one Connector never meet.
//   - It keeps no keys of commands. Lookup reads the state instead: see there.
//   - A takedown with an empty ref, which only another program would set, is
//     reported by the PDS as none at all.
//   - Deactivation is not offered as a measure: the holder signs in and undoes
//     it. Nor is deletion, which nothing undoes. An account is reactivated, since
//     the owner's lock makes a deactivation a breach. A PDS asks the PLC directory
//     before it does, so this fails while that is out of reach.
package bluesky

import (
	"context"
	"encoding/base64"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"countersign.dev/fault"
	"countersign.dev/platform"
)

// Config names a PDS and the connector's patience with it.
type Config struct {
	Name          string // of the connected platform, as in "bluesky:did:plc:…"
	URL           string // "https://pds.example"
	AdminPassword string

	// Patience bounds each call; 10 s if zero.
	Patience time.Duration
	// RequestLife is how long a call may still take effect after we stopped
	// waiting for its answer; 60 s if zero. A PDS answers in milliseconds, but
	// one that is stopped or short of memory carries out later what it has
	// received.
	RequestLife time.Duration
	// Poll is the time between two reads of Lookup while it waits out the RequestLife; 1 s
	// if zero.
	Poll time.Duration

	Now       func() time.Time  // the machine's clock if nil
	Transport http.RoundTripper // http.DefaultTransport if nil
}

// Connector talks to one PDS. It is safe for concurrent use.
type Connector struct {
	config        Config
	base          string // "https://pds.example/xrpc/"
	authorization string
	client        *http.Client
	turns         turns
}

var _ platform.Connector = (*Connector)(nil)

// New makes a connector without asking the PDS anything, so that one that is
// down does not keep an executor from starting. See Check.
func New(c Config) (*Connector, error) {
	u, err := url.Parse(c.URL)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "" {
		return nil, fault.New(fault.Invalid, "bad-platform-url",
			"%q is not the address of a PDS; give its origin alone, such as https://pds.example.", c.URL)
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())) {
		return nil, fault.New(fault.Invalid, "bad-platform-url",
			"The administrator's password of %s would travel in the clear; use https (http is for this machine only).", u.Host)
	}
	if c.Name == "" || c.AdminPassword == "" {
		return nil, fault.New(fault.Invalid, "bad-platform-config", "A PDS needs a name and its administrator's password.")
	}
	if c.Patience == 0 {
		c.Patience = 10 * time.Second
	}
	if c.RequestLife == 0 {
		c.RequestLife = 60 * time.Second
	}
	if c.Poll == 0 {
		c.Poll = time.Second
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Connector{
		config:        c,
		base:          u.Scheme + "://" + u.Host + "/xrpc/",
		authorization: "Basic " + base64.StdEncoding.EncodeToString([]byte("admin:"+c.AdminPassword)),
		client: &http.Client{
			Transport: c.Transport,
			Timeout:   c.Patience,
			// A redirect would carry the password elsewhere.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Check asks the server whether it is a PDS that accepts our password. It changes
// nothing.
func (c *Connector) Check(ctx context.Context) error {
	var about struct {
		DID string `json:"did"`
	}
	if err := c.query(ctx, "com.atproto.server.describeServer", nil, &about); err != nil {
		return err
	}
	if about.DID == "" {
		return notPDS(nil)
	}
	// Nobody has this identifier: a PDS that accepts the password says so.
	_, err := c.measure(ctx, platform.Subject{ID: "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa"}, platform.Account)
	if err != nil && !fault.Is(err, "no-such-subject") {
		return err
	}
	return nil
}

// signsIn is the loss that every change of an account's takedown causes for its holder.
const signsIn = "The holder's sessions: refresh tokens are revoked, so they sign in again on every device and in every app."

// Facts are the facts that a PDS gives about its accounts.
func Facts() []platform.Fact { return []platform.Fact{platform.FactCreated, platform.FactOwner} }

// Capabilities returns the promises of this connector.
func (c *Connector) Capabilities() platform.Capabilities {
	return platform.Capabilities{
		Abilities: []platform.Ability{
			{Verb: platform.Takedown, Sort: platform.Account, Lossy: signsIn, Marks: true},
			{Verb: platform.Restore, Sort: platform.Account},
			{Verb: platform.Reactivate, Sort: platform.Account},
			{Verb: platform.Takedown, Sort: platform.Content, Marks: true},
			{Verb: platform.Restore, Sort: platform.Content},
		},
		Facts:         Facts(),
		CompareAndSet: false,
		Lookup:        false,
		RequestLife:   int((c.config.RequestLife + time.Second - 1) / time.Second),
		Contents:      true,
		Remedy:        remedy,
	}
}

// errNotThere is a PDS's "no such account or record", before a subject is named.
var errNotThere = errors.New("the PDS knows no such subject")

func noSuchSubject(s platform.Subject, cause error) error {
	return fault.New(fault.NotFound, "no-such-subject", "There is no %s on this PDS.", s).Because(cause)
}

// remedy tells a person what to do against somebody who has the administrator's password.
// A PDS has only this credential: its events name none, and it can cut none off.
const remedy = "A PDS has one credential for all its administrators, and cannot cut it off. On the PDS's machine change PDS_ADMIN_PASSWORD in its environment file " +
	"(/pds/pds.env in the usual installation) and restart it (systemctl restart pds). Then put the new password into the executor's platforms.json and restart the executor."
