package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"github.com/go-json-experiment/json"

	"countersign.dev/alarm"
	"countersign.dev/canonical"
	"countersign.dev/desk/alarms"
	"countersign.dev/desk/kernel"
	"countersign.dev/deskdir"
	"countersign.dev/fault"
)

// Config is DIR/config.json, the whole configuration of a desk. Every member may be left
// out, and the file too. An unknown member is an error, so that a misspelt one does not
// go unnoticed.
//
// The file does not say who may do what: policy, budgets, people and trust stand in the
// ledger, and changing them takes countersignatures.
type Config struct {
	// Listen is the desk's address. Left out: 127.0.0.1:7400, or the next free port. If an
	// address is given here, serve uses it or fails.
	Listen string `json:"listen,omitzero"`

	// Hosts are further names for the desk in requests, without port. Requests under any
	// other name are refused.
	Hosts []string `json:"hosts,omitzero"`

	// TLS names the files of the certificate with which the desk serves https. Left out: it
	// serves plain http. Renewed files are taken without a restart.
	TLS struct {
		// Cert is a PEM file: the certificate, and after it those up to the root. A relative
		// path begins in DIR.
		Cert string `json:"cert,omitzero"`
		// Key is a PEM file: the certificate's private key. Let nobody else read it.
		Key string `json:"key,omitzero"`
	} `json:"tls,omitzero"`

	// Proxies are the IP addresses, or networks, of proxies that serve https before the desk.
	// X-Forwarded-Proto and X-Forwarded-Host are believed from them, and from nobody else.
	// What browsers call the desk stands in hosts.
	Proxies []string `json:"proxies,omitzero"`

	// Database is the desk's database: sqlite:/path/desk.db or postgres://…. Left out:
	// desk.db in DIR.
	Database string `json:"database,omitzero"`

	// PublishLedger serves checkpoint and tiles to anybody. They show how many entries are
	// made at the desk, and when, but not their content.
	PublishLedger bool `json:"publish_ledger,omitzero"`

	// Executor says where the executor runs. Left out, serve starts one beside the desk,
	// with the folder DIR/executor. A production executor runs on another machine, under
	// another user.
	Executor struct {
		// Address of an executor that runs by itself: http://127.0.0.1:7410 (a
		// tunnel to its machine) or unix:/path.
		Address string `json:"address,omitzero"`
		// DeskListen is the desk's address for that executor, of the same two forms.
		DeskListen string `json:"desk_listen,omitzero"`
	} `json:"executor,omitzero"`

	// Alarms are the addresses to which alarms are sent, as Standard Webhooks whose bodies
	// are CloudEvents. The file then holds secrets: let nobody else read it.
	Alarms []AlarmAddress `json:"alarms,omitzero"`

	// Channels are the addresses that people declare for the messages to themselves.
	Channels struct {
		// DangerousPrivate lets them declare addresses of this network. Any person at the desk
		// could then make this machine call addresses that only it can reach.
		DangerousPrivate Private `json:"dangerous_private,omitzero"`
	} `json:"channels,omitzero"`

	// Holders are declarations, used only in reports. "platforms" names the holders of the
	// staff credentials of a platform, by its name, or of one of them, by
	// PLATFORM/CREDENTIAL; "executor" those of the executor's machine; "log_key" those of
	// the log key. Workers are named by their identifiers.
	Holders kernel.Holders `json:"holders,omitzero"`

	// Plaza is the built-in platform, for trying things out.
	Plaza struct {
		// Off leaves it out.
		Off bool `json:"off,omitzero"`
		// Listen is the address of its pages. Left out: 127.0.0.1:7401, or the next free port.
		Listen string `json:"listen,omitzero"`
		// Database is its own database. Left out: plaza.db in DIR.
		Database string `json:"database,omitzero"`
		// ReportsTo is the address of the desk that gets plaza's reports. Left out: the desk
		// that serve starts beside it; plaza by itself keeps them.
		ReportsTo string `json:"reports_to,omitzero"`
		// ReportsKey is the key file of the program by which plaza hands its reports in: see
		// program key make. Left out: plaza-reports.key in DIR. Until it is there, and the
		// program is admitted, the reports wait.
		ReportsKey string `json:"reports_key,omitzero"`
	} `json:"plaza,omitzero"`
}

// AlarmAddress is one address to which alarms are sent.
type AlarmAddress struct {
	// URL is https, on port 443 of a public address. It may hold a secret.
	URL string `json:"url"`
	// Secret signs the alarms: whsec_… or whsk_…; two, with a blank between, while it
	// changes. An address that answered 410 gets no more alarms until it has a new one.
	Secret string `json:"secret"`
	// Kinds are the alarms that it gets, such as breach or duel. Left out: all.
	Kinds []alarm.Type `json:"kinds,omitzero"`
	// DangerousPrivate lets alarms go to addresses of this network. A person who may set the
	// URL could then make this machine call addresses that only it can reach.
	DangerousPrivate Private `json:"dangerous_private,omitzero"`
}

// Private names addresses of this network.
type Private struct {
	Prefixes []netip.Prefix `json:"prefixes,omitzero"` // such as 10.1.2.3/32
	Ports    []uint16       `json:"ports,omitzero"`    // beside 443
	Plain    bool           `json:"plain,omitzero"`    // http as well
}

func (p Private) private() alarm.Private {
	return alarm.Private{Prefixes: p.Prefixes, Ports: p.Ports, Plain: p.Plain}
}

// destinations are the addresses in the form of the desk.
func (c Config) destinations() ([]alarms.Destination, error) {
	var all []alarms.Destination
	for i, a := range c.Alarms {
		to, err := a.endpoint()
		if err != nil {
			return nil, fmt.Errorf("the address %d for alarms in %s: %w", i+1, deskdir.Config, err)
		}
		all = append(all, alarms.Destination{Kinds: a.Kinds, Secrets: strings.Fields(a.Secret), Endpoint: to})
	}
	return all, nil
}

// endpoint reads the keys of an address.
func (a AlarmAddress) endpoint() (alarm.Endpoint, error) {
	to := alarm.Endpoint{URL: a.URL, AllowPrivate: a.DangerousPrivate.private()}
	for _, text := range strings.Fields(a.Secret) {
		k, err := alarm.ParseKey(text)
		if err != nil {
			return to, err
		}
		to.Keys = append(to.Keys, k)
	}
	return to, nil
}

// readConfig reads DIR/config.json if it exists.
func readConfig(dir string) (Config, error) {
	var c Config
	path := filepath.Join(dir, deskdir.Config)
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return c, fault.New(fault.Invalid, "bad-config", "%s cannot be read.", path).Because(err)
	}
	if err := json.Unmarshal(b, &c, json.RejectUnknownMembers(true)); err != nil {
		return c, fault.New(fault.Invalid, "bad-config", "%s is not a configuration: %s.", path, configTrouble(err))
	}
	return c, nil
}

// configTrouble says where a configuration is wrong, in the words of JSON, and which
// members exist in that place.
func configTrouble(err error) string {
	var wrong *json.SemanticError
	if !errors.As(err, &wrong) || !errors.Is(err, json.ErrUnknownName) {
		return canonical.Wrong(err)
	}
	place, known := wrong.JSONPointer.Parent(), "`countersign serve --help` says where the members are described"
	if t := wrong.GoType; t != nil && t.Kind() == reflect.Struct {
		var names []string
		for i := range t.NumField() {
			if name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ","); name != "" && name != "-" {
				names = append(names, name)
			}
		}
		known = "the members there are " + strings.Join(names, ", ")
	}
	where := "at the top"
	if place != "" {
		where = fmt.Sprintf("in %q", string(place)[1:])
	}
	return fmt.Sprintf("it has no member %q %s; %s", wrong.JSONPointer.LastToken(), where, known)
}
