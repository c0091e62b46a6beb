// Package workforcetest has the people whom tests are played with, once: the worlds of the
// desk's, the verifier's and the executor's tests admit the same ones.
package workforcetest

import (
	"time"

	"countersign.dev/canonical"
	"countersign.dev/workforce"
)

// Vendors are the companies of the cast.
var Vendors = []workforce.VendorID{"acme", "bolt"}

// Officers found the desks of tests. They are employees, and independent of each other.
var Officers = []workforce.WorkerID{"ada", "bea", "cem"}

// Member is one person of the cast. Those without a vendor are employees.
type Member struct {
	Name    workforce.WorkerID
	Role    workforce.Role
	Vendor  workforce.VendorID
	Manager workforce.WorkerID
}

// Cast is everybody but the officers. The last day of dan ends in six hours.
var Cast = []Member{
	{"ann", workforce.Agent, "acme", "gus"},
	{"abe", workforce.Agent, "acme", "gus"},
	{"dan", workforce.Agent, "acme", "gus"},
	{"sue", workforce.Lead, "acme", "hal"},
	{"bob", workforce.Agent, "bolt", "ivo"},
	{"lee", workforce.Lead, "bolt", "jan"},
	{"kim", workforce.Lead, "", "mia"},
	{"eva", workforce.Lead, "", "nia"},
	{"ole", workforce.OnCall, "", "pia"},
}

// Records returns the cast as a desk admits it at an instant. Everybody started a year
// before, so that nobody is a newcomer; a vendor's people stay for one year more.
func Records(now time.Time) []workforce.Record {
	all := make([]workforce.Record, len(Cast))
	for i, m := range Cast {
		all[i] = workforce.Record{Worker: m.Name, Vendor: m.Vendor, Roles: []workforce.Role{m.Role}, Team: "support", Manager: m.Manager,
			Site: "site", Zone: "Europe/Lisbon", Start: canonical.At(now.AddDate(-1, 0, 0))}
		switch {
		case m.Name == "dan":
			all[i].Last = canonical.At(now.Add(6 * time.Hour))
		case m.Vendor != "":
			all[i].Last = canonical.At(now.AddDate(1, 0, 0))
		}
	}
	return all
}
