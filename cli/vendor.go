package cli

import (
	"context"
	"fmt"

	"countersign.dev/actions"
	"countersign.dev/fault"
	"countersign.dev/wording"
	"countersign.dev/workforce"
)

type vendorCommands struct {
	Add  vendorAdd  `cmd:"" help:"Add a vendor, or change its name or ratchet. Officers countersign."`
	List vendorList `cmd:"" help:"List the vendors."`
}

type vendorAdd struct {
	Vendor  string `arg:"" help:"Identifier of the vendor, such as acme; it is kept for ever."`
	Name    string `required:"" help:"Name of the company."`
	Ratchet int    `default:"14" help:"Days before a worker's last day from which they neither request nor countersign burdening acts on protected and critical subjects."`
	asking
}

func (c *vendorAdd) Run(ctx context.Context, s *Session) error {
	if !workforce.ValidIdentifier(c.Vendor) {
		return fault.New(fault.Invalid, "bad-vendor", "%q is not an identifier: lower-case letters, digits, dot, underscore and hyphen, at most 64.", c.Vendor)
	}
	if c.Ratchet < 0 || c.Ratchet > 365 {
		return fault.New(fault.Invalid, "bad-vendor", "A ratchet has 0 to 365 days.")
	}
	change := actions.Setting{Of: actions.PartVendors, Vendor: &workforce.Vendor{ID: workforce.VendorID(c.Vendor), Name: c.Name, Ratchet: c.Ratchet}}
	return c.change(ctx, s, actions.DeskChange, change, c.Reason)
}

type vendorList struct{}

func (c *vendorList) Run(ctx context.Context, s *Session) error {
	d, err := s.desk()
	if err != nil {
		return err
	}
	vendors, err := d.Vendors(ctx)
	if err != nil {
		return err
	}
	return s.Answer(items(vendors), func(p *Page) {
		rows := [][]string{{"VENDOR", "NAME", "RATCHET", "WORKERS"}}
		for _, v := range vendors {
			rows = append(rows, []string{string(v.ID), v.Name, wording.Many(v.Ratchet, "day"), fmt.Sprint(v.Workers)})
		}
		p.Table(rows)
	})
}
