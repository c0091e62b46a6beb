package rehearsal

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"time"

	"countersign.dev/actions"
	v1 "countersign.dev/api/v1"
	"countersign.dev/canonical"
	"countersign.dev/cli"
	"countersign.dev/client"
	"countersign.dev/deskdir"
	"countersign.dev/fault"
	"countersign.dev/incident"
	"countersign.dev/plaza"
)

// around plays the second act: a member of the platform's own staff goes around the desk.
func (d *demo) around(ctx context.Context) error {
	now := time.Now()
	if err := d.placeOrder(ctx, actions.Order{Op: "place", Platform: deskdir.ConnectorPlaza, Tier: actions.Critical, Until: canonical.At(now.AddDate(0, 1, 0)),
		PerSubject: 60, PerTier: 1000, Layers: actions.OrderLayers, Vouched: canonical.At(now)}); err != nil {
		return err
	}
	c, err := d.client(onCall)
	if err != nil {
		return err
	}
	subject, err := c.Subject(ctx, "plaza:"+president)
	if err != nil {
		return err
	}
	token, err := d.on.Plaza.IssueToken(ctx, nightShift, plaza.StaffScope)
	if err != nil {
		return err
	}
	on := account{handle: president, id: subject.Subject.ID, page: d.on.PlazaURL + "/" + president}
	d.line("")
	d.tell("Second act. The officers have placed a standing order: a change of a critical account that has no warrant is put back, a limit and a label too.")
	d.tell("Somebody of plaza's own staff, with the night shift's credential, takes %s down around the desk. Watch %s", president, on.page)
	d.step("around-restored", func() string { return d.restored(ctx, "Bearer "+token, on) })
	d.tell("Up again after %d ms, seen by a client that is nobody's.", d.took["restored"].Milliseconds())
	var id string
	d.step("around-attributed", func() string {
		var a incident.Attribution
		if id, a, err = attributed(ctx, c, subject.Subject.String()); err != nil {
			return "could not: " + fault.TypeOf(err)
		}
		d.said["around"] = "plaza's credential " + a.Credential
		return "attributed"
	})
	if id == "" {
		return nil
	}
	d.said["breach"] = id
	d.tell("Who? Around the desk, with %s; no warrant explains it. The incident %s opened by itself.", d.said["around"], id)
	d.step("incident-exported", func() string {
		if err := putRight(ctx, c, id); err != nil {
			return "could not: " + fault.TypeOf(err)
		}
		d.said["incident"] = filepath.Join(d.dir, "incident.html")
		r := d.as(ctx, onCall, "incident", "export", id, "--format", "html", "--out", d.said["incident"], "--trust", filepath.Join(d.dir, deskdir.Trust), "--historical", "--personal")
		if r.code != cli.Done {
			delete(d.said, "incident")
			return r.outcome()
		}
		return "exported"
	})
	if page := d.said["incident"]; page != "" && !d.deleted {
		d.tell("All of it, on one page: %s", page)
	}
	return d.labelAround(ctx, c, subject.Subject)
}

// restored takes an account down around the desk, and asks its public page, as anybody
// could, until the account is up.
func (d *demo) restored(ctx context.Context, credential string, on account) string {
	h := &http.Client{Transport: &http.Transport{}}
	defer h.CloseIdleConnections()
	began := time.Now()
	err := error(nil)
	if _, err = (&testbed{plaza: d.on.PlazaURL}).takeDown(ctx, h, credential, on); err == nil {
		err = seenUp(ctx, h, on, backTime)
	}
	d.took["restored"] = time.Since(began)
	if err != nil {
		return "could not: " + fault.TypeOf(err)
	}
	return "restored"
}

// attributed waits until an open incident about a subject names a credential.
func attributed(ctx context.Context, c *client.Client, subject string) (id string, a incident.Attribution, err error) {
	waiting, cancel := context.WithTimeout(ctx, backTime)
	defer cancel()
	for {
		page, err := c.Incidents(waiting, v1.IncidentFilter{Status: incident.Open, Subject: subject, Limit: 1})
		if err == nil && len(page.Items) > 0 {
			id = page.Items[0].ID
			if a, err = c.Attribution(waiting, id); err == nil && a.Credential != "" {
				return id, a, nil
			}
		}
		if err != nil {
			return id, a, err
		}
		if err := pause(waiting, 20*time.Millisecond); err != nil {
			return id, a, fault.New(fault.Unavailable, "not-attributed", "No incident about %s names anybody.", subject).Because(fmt.Errorf("wait: %w", err))
		}
	}
}

// putRight waits until the ledger holds the end of an incident's breach: the account is
// up some milliseconds before.
func putRight(ctx context.Context, c *client.Client, id string) error {
	waiting, cancel := context.WithTimeout(ctx, backTime)
	defer cancel()
	for {
		r, err := c.IncidentReport(waiting, id, 1)
		if err != nil || !r.Up.IsZero() {
			return err
		}
		if err := pause(waiting, 20*time.Millisecond); err != nil {
			return fault.New(fault.Unavailable, "not-put-right", "The ledger does not hold that the account is up again.").Because(err)
		}
	}
}
