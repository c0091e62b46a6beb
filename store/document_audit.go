package store

import (
	"bytes"
	"slices"

	"countersign.dev/ledger"
	"countersign.dev/sqldb"
)

// rollAt is a roll with the index of its entry.
type rollAt struct {
	ledger.Roll
	index int64
}

// roll remembers an entry if it is a roll.
func (a *audit) roll(e ledger.Entry) error {
	if e.Body.Class != ledger.Desk || e.Body.Kind != ledger.KindRoll {
		return nil
	}
	r, err := ledger.ParseRoll(e.Body.Data)
	if err != nil {
		return err
	}
	a.rolls = append(a.rolls, rollAt{r, e.Index})
	return nil
}

// documents recomputes the documents of all sorts and their rolls. A copy from before there
// were documents has none.
func (a *audit) documents() error {
	tables, err := a.tx.Tables()
	if err != nil {
		return err
	}
	if !slices.Contains(tables, "document") {
		return nil
	}
	heads, err := a.tx.RollHeads()
	if err != nil {
		return err
	}
	var rows, documents, rolls int64
	for _, h := range heads {
		documents += h.Next
		rolled, err := a.rollsOf(h)
		if err != nil {
			return err
		}
		rolls += int64(rolled)
		if err := a.documentsFrom(h, h.Rolled, h.Next); err != nil {
			return err
		}
	}
	if int64(len(a.rolls)) != rolls {
		return tampered("The ledger has %d rolls, and those of the sorts that have documents are %d.", len(a.rolls), rolls)
	}
	if err := a.tx.QueryRow(`select (select count(*) from document), (select count(*) from roll)`).Scan(&rows, &rolls); err != nil {
		return err
	}
	if rows != documents || rolls != int64(len(a.rolls)) {
		return tampered("There are %d documents and %d rolls, where the heads have %d and the ledger %d.", rows, rolls, documents, len(a.rolls))
	}
	return nil
}

// rollsOf recomputes the rolls of one sort, and returns how many there are.
func (a *audit) rollsOf(h RollHead) (n int, err error) {
	next := int64(0)
	for _, r := range a.rolls {
		if r.Sort != h.Sort {
			continue
		}
		n++
		if r.First != next || r.Last >= h.Next {
			return n, tampered("Entry %d of the ledger rolls the %s documents %d to %d, where %d should be the first.", r.index, r.Sort, r.First, r.Last, next)
		}
		next = r.Last + 1
		if at, err := a.tx.RollEntry(r.Sort, r.First); err != nil || at != r.index {
			return n, tampered("The roll of the %s documents from %d on is entry %d of the ledger, and its row says %d.", r.Sort, r.First, r.index, at).Because(err)
		}
		if err := a.documentsFrom(h, r.First, r.Last+1); err != nil {
			return n, err
		}
		leaves, err := a.tx.DocumentLeaves(r.Sort, r.First, r.Last+1, ledger.MaxRoll)
		if err != nil {
			return n, err
		}
		if again, err := ledger.NewRoll(leaves); err != nil || again != r.Roll {
			return n, tampered("The %s documents %d to %d are not those that entry %d of the ledger rolls.", r.Sort, r.First, r.Last, r.index).Because(err)
		}
	}
	if next != h.Rolled {
		return n, tampered("The rolls of the %s documents end before %d, and the mark is at %d.", h.Sort, next, h.Rolled)
	}
	return n, nil
}

// documentsFrom checks that the documents with the numbers are there and fit what commits
// to them.
func (a *audit) documentsFrom(h RollHead, from, to int64) error {
	for from < to {
		until := min(from+auditStep, to)
		all, err := a.tx.Documents(h.Sort, from, until)
		if err != nil {
			return err
		}
		if int64(len(all)) != until-from {
			return tampered("There are %d of the %s documents %d to %d.", len(all), h.Sort, from, until-1)
		}
		opened, err := a.opened(h, from, until)
		if err != nil {
			return err
		}
		for _, d := range all {
			d.Openings = opened[d.Number]
			if err := d.Verify(); err != nil {
				return documentTampered(h.Sort, d.Number).Because(err)
			}
		}
		from = until
	}
	return nil
}

// opened returns what opens the documents with the numbers.
func (a *audit) opened(h RollHead, from, to int64) (map[int64][]ledger.Opening, error) {
	all := map[int64][]ledger.Opening{}
	_, err := sqldb.All(a.tx.Tx, func(r sqldb.Row) (none struct{}, err error) {
		var number int64
		var o ledger.Opening
		var salt, value []byte
		err = r.Scan(&number, &o.Name, &salt, &value)
		o.Salt, o.Value = bytes.Clone(salt), bytes.Clone(value)
		all[number] = append(all[number], o)
		return none, err
	}, `select number, name, salt, value from document_opening where sort = $1 and number >= $2 and number < $3 order by number, name`, string(h.Sort), from, to)
	return all, err
}
