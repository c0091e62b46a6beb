package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json"

	"countersign.dev/actions"
	"countersign.dev/fault"
)

type budgetCommands struct {
	Show    budgetShow    `cmd:"" default:"withargs" help:"Show how many acts a worker and a vendor may do in an hour and a day, by tier and family."`
	Propose budgetPropose `cmd:"" help:"Ask the desk to put other budgets in the place of all present ones. Officers countersign."`
}

const aboutBudgets = "The executor counts the acts that it carries out, and refuses one for which a budget is spent or missing. " +
	"Families: content (what is removed, limited or labelled), account (takedowns, suspensions, deactivations), account-weak (limits, labels and warnings of accounts), " +
	"guarded, burying, revealing, and all, which counts every family together. The desk counts burying and revealing itself. What lifts a measure is in the measure's family; undos have budgets of their own. " +
	"An act on content is counted in account as well, once the same person has done 30 in an hour on the content of one account. " +
	"A list of budgets has families throughout or not at all. Without families each budget counts every kind, and what lifts a measure needs no budget."

type budgetShow struct {
	Default bool `help:"Show those that a new desk begins with instead; needs no desk. With --json this is a list for budget propose."`
}

func (*budgetShow) Help() string { return aboutBudgets }

func (c *budgetShow) Run(ctx context.Context, s *Session) error {
	budgets := actions.DefaultBudgets()
	if !c.Default {
		d, err := s.desk()
		if err != nil {
			return err
		}
		p, err := d.Policy(ctx)
		if err != nil {
			return err
		}
		budgets = p.Budgets
	}
	return s.Answer(items(budgets), func(p *Page) { p.Table(budgetRows(budgets)) })
}

// budgetRows is a table with a row for all windows and spenders of the same acts.
func budgetRows(bs []actions.Budget) [][]string {
	type acts struct {
		tier      actions.Tier
		family    actions.Family
		direction actions.Direction
		undo      bool
	}
	columns := []string{"worker hour", "worker day", "vendor hour", "vendor day"}
	limits := map[acts]map[string]string{}
	var order []acts
	for _, b := range bs {
		k := acts{b.Tier, b.Family, b.Direction, b.Undo}
		if limits[k] == nil {
			limits[k] = map[string]string{}
			order = append(order, k)
		}
		limits[k][b.Per+" "+b.Window] = fmt.Sprint(b.Limit)
	}
	rows := [][]string{{"TIER", "FAMILY", "ACTS", "WORKER: HOUR", "DAY", "VENDOR: HOUR", "DAY"}}
	for _, k := range order {
		family, what := string(k.family), "burdening"
		if k.family == actions.FamilyEvery {
			family = "every kind"
		}
		switch {
		case k.undo:
			what = "undos"
		case k.direction == actions.Relieving:
			what = "other lifts"
		}
		row := []string{string(k.tier), family, what}
		for _, c := range columns {
			limit, ok := limits[k][c]
			if !ok {
				limit = "no limit"
			}
			row = append(row, limit)
		}
		rows = append(rows, row)
	}
	return rows
}

type budgetPropose struct {
	File string `arg:"" optional:"" help:"A JSON list of budgets, such as budget show --json writes. Left out: those that a new desk begins with."`
	asking
}

func (*budgetPropose) Help() string { return aboutBudgets }

func (c *budgetPropose) Run(ctx context.Context, s *Session) error {
	budgets := actions.DefaultBudgets()
	if c.File != "" {
		var err error
		if budgets, err = readBudgets(c.File); err != nil {
			return err
		}
	}
	if err := actions.CheckBudgets(budgets); err != nil {
		return fault.New(fault.Invalid, "bad-budgets", "These budgets cannot be used: %s.", err)
	}
	return c.change(ctx, s, actions.DeskChange, actions.Setting{Of: actions.PartBudgets, Budgets: budgets}, c.Reason)
}

const maxBudgetFile = 1 << 20

// readBudgets reads a list of budgets, alone or as budget show --json writes it.
func readBudgets(path string) ([]actions.Budget, error) {
	b, err := ReadFile(path, maxBudgetFile)
	if err != nil {
		return nil, err
	}
	var doc struct {
		Items []actions.Budget `json:"items"`
	}
	var into any = &doc
	if strings.HasPrefix(strings.TrimSpace(string(b)), "[") {
		into = &doc.Items
	}
	if err := json.Unmarshal(b, into, json.RejectUnknownMembers(true)); err != nil {
		return nil, fault.New(fault.Invalid, "bad-budgets", "%s is no list of budgets: write it as `countersign budget show --json` does.", path).Because(err)
	}
	if len(doc.Items) == 0 {
		return nil, fault.New(fault.Invalid, "bad-budgets", "%s lists no budgets; without any, nothing could be carried out.", path)
	}
	return doc.Items, nil
}
