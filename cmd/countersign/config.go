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

// Config is DIR/config.json, and all that can be configured of a desk. Every
// member may be left out, and the file too; a member that is not here is an
// error, so that a misspelt one is not silently without effect.
//
// What decides who may do what is not here: policy, budgets, people and trust
// stand in the ledger, and changing them takes countersignatures.
type Config struct {
	// Listen is where the desk answers. Left out: 127.0.0.1:7400, or the next
	// free port. An address given here is used or serve fails.
	Listen string `json:"listen,omitzero"`

	// Hosts are further names by which the desk may be called, without port.
	// Requests under any other name are refused.
	Hosts []string `json:"hosts,omitzero"`

	// Database is where the desk keeps everything: sqlite:/path/desk.db or
	// postgres://…. Left out: desk.db in DIR.
	Database string `json:"database,omitzero"`

	// PublishLedger serves checkpoint and tiles to anybody. They tell how much
	// happens at the desk, and when, but not what.
	PublishLedger bool `json:"publish_ledger,omitzero"`

	// Executor says where the executor is. Left out, serve starts one beside
	// the desk, with the folder DIR/executor. In earnest it runs on another
	// machine, under another user.
	Executor struct {
		// Address of an executor that runs by itself: http://127.0.0.1:7410 (a
		// tunnel to its machine) or unix:/path.
		Address string `json:"address,omitzero"`
		// DeskListen is where that executor reaches the desk, of the same two forms.
		DeskListen string `json:"desk_listen,omitzero"`
	} `json:"executor,omitzero"`

	// Alarms are addresses to which alarms are sent, as Standard Webhooks whose
	// bodies are CloudEvents. The file then holds secrets: let nobody else read it.
	Alarms []AlarmAddress `json:"alarms,omitzero"`

	// Holders are declared, for reports and nothing else: "platforms" says who holds
	// the staff credentials of a platform, by its name, or one of them, by
	// PLATFORM/CREDENTIAL; "executor" who the executor's machine; "log_key" who the
	// log key. Workers are named by their identifiers.
	Holders kernel.Holders `json:"holders,omitzero"`

	// Plaza is the built-in platform, there to try things on.
	Plaza struct {
		// Off leaves it out.
		Off bool `json:"off,omitzero"`
		// Listen is where its pages are. Left out: 127.0.0.1:7401, or the next
		// free port.
		Listen string `json:"listen,omitzero"`
		// Database of its own. Left out: plaza.db in DIR.
		Database string `json:"database,omitzero"`
	} `json:"plaza,omitzero"`
}

// AlarmAddress is where alarms are sent.
type AlarmAddress struct {
	// URL is https, on port 443 of a public address. It may hold a secret.
	URL string `json:"url"`
	// Secret signs what is sent: whsec_… or whsk_…; two, with a blank between, while
	// it changes. An address that answered 410 gets nothing more until it has a new one.
	Secret string `json:"secret"`
	// Kinds are what it gets, such as breach or duel. Left out: everything.
	Kinds []alarm.Type `json:"kinds,omitzero"`
	// DangerousPrivate lets alarms go to addresses of this network. Whoever may set
	// the URL could then have this machine call what only it can reach.
	DangerousPrivate struct {
		Prefixes []netip.Prefix `json:"prefixes,omitzero"` // such as 10.1.2.3/32
		Ports    []uint16       `json:"ports,omitzero"`    // beside 443
		Plain    bool           `json:"plain,omitzero"`    // http as well
	} `json:"dangerous_private,omitzero"`
}

// destinations are the addresses as the desk wants them.
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
	to := alarm.Endpoint{URL: a.URL, AllowPrivate: alarm.Private{Prefixes: a.DangerousPrivate.Prefixes, Ports: a.DangerousPrivate.Ports, Plain: a.DangerousPrivate.Plain}}
	for _, text := range strings.Fields(a.Secret) {
		k, err := alarm.ParseKey(text)
		if err != nil {
			return to, err
		}
		to.Keys = append(to.Keys, k)
	}
	return to, nil
}

// readConfig reads DIR/config.json if it is there.
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

// configTrouble says where a configuration is wrong in the words of JSON, and which
// members there are in that place.
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
