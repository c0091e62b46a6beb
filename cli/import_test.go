package cli

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/tlog"

	v1 "countersign.dev/api/v1"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/ledger/proof"
	"countersign.dev/policy"
	"countersign.dev/workforce"
)

func parse(t *testing.T, lines ...string) []workforce.Row {
	t.Helper()
	rows, err := workforce.ParseCSV(strings.NewReader(strings.Join(workforce.Header, ",")+"\n"+strings.Join(lines, "\n")+"\n"), zone)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func atDesk(r workforce.Row) v1.Worker {
	return v1.Worker{ID: r.Worker, Vendor: r.Vendor, Roles: r.Roles, Team: r.Team, Manager: r.Manager, Site: r.Site, Zone: r.Zone,
		Start: r.Start, Last: r.Last, Notice: r.Notice}
}

const (
	ann = "ann,Ann A,ann@example.com,acme,agent,t1,mel,Dublin,Europe/Dublin,2026-01-01T00:00:00Z,2027-01-01T00:00:00Z,"
	bob = "bob,Bob B,,acme,agent,t1,mel,Dublin,Europe/Dublin,2026-01-01T00:00:00Z,2027-01-01T00:00:00Z,"
	cid = "cid,Cid C,,acme,lead,t1,mel,Dublin,Europe/Dublin,2026-01-01T00:00:00Z,2027-01-01T00:00:00Z,"
)

func who(rows []changedRow) string {
	var all []string
	for _, r := range rows {
		all = append(all, string(r.Worker))
	}
	return strings.Join(all, " ")
}

func TestDiffer(t *testing.T) {
	there := parse(t, ann, bob, cid)
	var present []v1.Worker
	for _, r := range there {
		present = append(present, atDesk(r))
	}
	ended := atDesk(parse(t, strings.Replace(ann, "ann,", "dan,", 1))[0])
	ended.Ended = canonical.At(noon.Add(-time.Hour))
	officer := v1.Worker{ID: "olga", Roles: []workforce.Role{workforce.Officer}, Start: canonical.At(noon.Add(-time.Hour))}
	gone := ended
	gone.ID = "fay" // over, and not in the file either
	present = append(present, ended, gone, officer, atDesk(parse(t, strings.Replace(ann, "ann,", "eli,", 1))[0]))

	dan := strings.Replace(ann, "ann,", "dan,", 1)
	rows := parse(t,
		strings.Replace(cid, "2027-01-01", "2026-12-01", 1), // leaves sooner
		strings.Replace(bob, "t1", "t2", 1),                 // changes
		ann,                                                 // as it was
		strings.Replace(dan, "t1", "t2", 1),                 // over, and does not begin anew
		strings.Replace(ann, "ann,", "new,", 1),             // joins
	)
	d := differ(rows, present, noon)
	if who(d.Joiners) != "new" || who(d.Leavers) != "cid" || who(d.Changes) != "bob" || who(d.Skipped) != "dan" || d.Unchanged != 1 {
		t.Errorf("joiners %q, leavers %q, changes %q, skipped %q, %d unchanged", who(d.Joiners), who(d.Leavers), who(d.Changes), who(d.Skipped), d.Unchanged)
	}
	var sent []string
	for _, r := range d.rows {
		sent = append(sent, string(r.Worker))
	}
	if got := strings.Join(sent, " "); got != "bob cid new" {
		t.Errorf("rows %q are sent, not those that change something, by worker", got)
	}
	// Missing from the file: eli. Not fay, who is over, nor an officer.
	if len(d.Missing) != 1 || d.Missing[0].Worker != "eli" || !strings.Contains(d.Missing[0].Command, "worker end eli") {
		t.Errorf("missing: %v", d.Missing)
	}
	again := strings.Replace(dan, "2026-01-01", "2026-11-25", 1)
	if d := differ(parse(t, again), present, noon); who(d.Joiners) != "dan" {
		t.Errorf("an engagement that begins anew: %+v", d)
	}
	if d := differ(parse(t, dan), present, noon); d.Unchanged != 1 || len(d.rows) != 0 {
		t.Errorf("somebody whose engagement was ended, as the directory still has them: %+v", d)
	}
}

func TestSeal(t *testing.T) {
	d := differ(parse(t, bob, ann), nil, noon)
	change, rows, err := d.seal(rand.NewChaCha8([32]byte{3}), true)
	if err != nil {
		t.Fatal(err)
	}
	if change.Rows != 2 || change.Joiners != 2 || !change.Founding || rows[0].Row.Record.Worker != "ann" {
		t.Errorf("%+v", change)
	}
	var hashes []tlog.Hash
	salts := map[string]bool{}
	for _, r := range rows {
		hashes = append(hashes, proof.RowHash(r.Row))
		body := ledger.Body{Sealed: r.Row.Sealed}
		for _, o := range r.Openings {
			if !body.Opens(o) {
				t.Errorf("%s of %s does not open its commitment", o.Name, r.Row.Record.Worker)
			}
			if salts[string(o.Salt)] {
				t.Error("a salt was used twice")
			}
			salts[string(o.Salt)] = true
		}
		if clear := canonical.MustMarshal(r.Row); bytes.Contains(clear, []byte("Ann A")) || bytes.Contains(clear, []byte("ann@")) {
			t.Error("a personal field stands in clear in the row")
		}
	}
	if change.Root != proof.RowsRoot(hashes) {
		t.Error("the root is not that of the rows")
	}
	if diff := cmp.Diff([]string{"name", "email"}, []string{rows[0].Openings[0].Name, rows[0].Openings[1].Name}); diff != "" {
		t.Error(diff)
	}
}

func TestVendorsKnown(t *testing.T) {
	err := vendorsKnown(parse(t, ann, bob), []v1.Vendor{{ID: "other"}})
	f := fault.As(err)
	if f == nil || f.Kind != fault.Invalid || len(f.Detail) != 2 || f.Detail[0].At != "line 2" {
		t.Errorf("%v", err)
	}
	if err := vendorsKnown(parse(t, ann), []v1.Vendor{{ID: "acme"}}); err != nil {
		t.Error(err)
	}
}

// TestFoundingOfNewcomers: an import warns if nobody could work on the gravest cases at first.
func TestFoundingOfNewcomers(t *testing.T) {
	set, err := policy.Compile(policy.Default())
	if err != nil {
		t.Fatal(err)
	}
	row := func(name, role, start string) string {
		return name + "," + name + ",,," + role + ",t1,,Dublin,Europe/Dublin," + start + ",,"
	}
	yesterday, longAgo := noon.Add(-24*time.Hour).Format(time.RFC3339), noon.AddDate(-1, 0, 0).Format(time.RFC3339)
	for what, c := range map[string]struct {
		rows []string
		want string
	}{
		"all are new":            {[]string{row("dan", "agent", yesterday), row("eve", "lead", noon.Format(time.RFC3339))}, noon.Add(29 * 24 * time.Hour).UTC().Format("2 January 2006 15:04 UTC")},
		"one is not":             {[]string{row("dan", "agent", yesterday), row("eve", "lead", longAgo)}, ""},
		"who is not works never": {[]string{row("dan", "agent", yesterday), row("eve", "auditor", longAgo)}, "before "},
		"nobody works on queues": {[]string{row("eve", "auditor", yesterday)}, ""},
	} {
		if got := newToGravest(set, parse(t, c.rows...), noon); (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q", what, got)
		}
	}
}
