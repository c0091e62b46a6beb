package looks

import (
	"context"
	"strings"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/desk/casework"
	"countersign.dev/desk/inbox"
	"countersign.dev/desk/kernel"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/ledger/proof"
	"countersign.dev/prose"
	"countersign.dev/store"
	"countersign.dev/workforce"
)

// This file is what follows from a difference: a lead who is independent of both says whose verdict was
// wrong, that person may answer once, and another lead settles it.

// Side is one of the two verdicts, as somebody may read it.
type Side struct {
	Worker   workforce.WorkerID // in the words that the reader may have
	Case     string
	Document canonical.Digest // that was shown
	Found    cases.Found
	Reasons  string
	At       canonical.Time
	Requests []string // of the first verdict's measures
	Own      bool     // the reader gave it
}

// Seen is a look as somebody may read it: with both verdicts, once there are two.
type Seen struct {
	cases.Look
	Subject string // PLATFORM:ID
	Handle  string
	First   Side
	Second  Side
	Differs cases.Difference
	Matter  *store.LookMatter // nil: the verdicts agree
	MaySay  bool              // the reader says whose verdict was wrong
	May     string            // dispute: the reader may answer; empty: not
}

// mattersPage is the number of rows that are read at once for a list.
const mattersPage = 100

// MatterState is how far a difference is, as the store has it.
type MatterState = store.MatterState

// LookFilter chooses differences.
type LookFilter struct {
	Mine  bool // looks at the caller's own verdicts, and at those of nobody else
	State MatterState
	Limit int
}

// Looks returns the differences about which the caller may say whose verdict was wrong, the oldest first, or
// those about the caller's own verdicts, the newest first.
func (d *Room) Looks(ctx context.Context, by kernel.Caller, f LookFilter) ([]Seen, error) {
	s, st, err := d.desk.Standing(ctx, by)
	if err != nil {
		return nil, err
	}
	limit := f.Limit
	if limit <= 0 || limit > mattersPage {
		limit = mattersPage
	}
	out := []Seen{}
	err = d.desk.Store.Read(ctx, func(stx *store.Tx) error {
		if f.Mine {
			all, err := stx.LookedAtOf(by.Worker, "", limit)
			if err != nil {
				return err
			}
			for _, l := range all {
				one, err := d.seen(stx, s, st, l)
				if err != nil {
					return err
				}
				if f.State == "" || one.Matter != nil && one.Matter.State == f.State {
					out = append(out, one)
				}
			}
			return nil
		}
		if !st.Has(workforce.Lead) {
			return fault.New(fault.Forbidden, "lead-needed", "Leads say whose verdict was wrong. What was looked at of your own: `countersign look list --mine`.")
		}
		after, afterLook := canonical.Time{}, ""
		for len(out) < limit {
			page, err := stx.LookMatters(f.State, after, afterLook, mattersPage)
			if err != nil {
				return err
			}
			for _, m := range page {
				after, afterLook = m.Made, m.Look
				l, err := stx.Look(m.Look)
				if err != nil {
					return err
				}
				reads, err := d.leads(stx, s, st, l, m)
				if err != nil {
					return err
				}
				if !reads || f.State == "" && m.State != store.MatterWaiting && m.State != store.MatterDisputed {
					continue
				}
				one, err := d.seen(stx, s, st, l)
				if err != nil {
					return err
				}
				if out = append(out, one); len(out) == limit {
					return nil
				}
			}
			if len(page) < mattersPage {
				return nil
			}
		}
		return nil
	})
	return out, err
}

// Look returns a look that the caller may read: a lead for whom it is, or one of the two whose verdicts they
// are, once both are there. A look that is not judged yet is nobody's to read.
func (d *Room) Look(ctx context.Context, by kernel.Caller, id string) (out Seen, err error) {
	s, st, err := d.desk.Standing(ctx, by)
	if err != nil {
		return out, err
	}
	err = d.desk.Store.Read(ctx, func(stx *store.Tx) error {
		l, err := stx.Look(id)
		if err != nil {
			return err
		}
		if l.State != cases.LookJudged || l.Kind != cases.SecondLook {
			return store.NoLook(id)
		}
		m, differs, err := stx.LookMatter(id)
		if err != nil {
			return err
		}
		v, _, err := stx.LookVerdict(id)
		if err != nil {
			return err
		}
		if by.Worker != l.Worker && by.Worker != v.Worker {
			if reads, err := d.leads(stx, s, st, l, m); err != nil || !reads || !differs {
				if err == nil {
					err = store.NoLook(id)
				}
				return err
			}
		}
		out, err = d.seen(stx, s, st, l)
		return err
	})
	return out, err
}

// leads reports whether a lead may read a difference: an employee, or one of the vendor whose person decided
// first, who works on the queue of the case and is independent of both who gave a verdict.
func (d *Room) leads(stx *store.Tx, s *proof.State, st workforce.Standing, l store.SealedLook, m store.LookMatter) (bool, error) {
	if !st.Engaged || !st.Has(workforce.Lead) || st.Vendor != "" && st.Vendor != l.Vendor {
		return false, nil
	}
	v, ok, err := stx.LookVerdict(l.ID)
	if err != nil || !ok {
		return false, err
	}
	now := d.desk.Now()
	for _, w := range []workforce.WorkerID{l.Worker, v.Worker} {
		if w == st.Worker || casework.FivePeople(s, now) && s.People.SameLine(w, st.Worker, now) {
			return false, nil
		}
	}
	c, err := stx.Case(l.Case)
	return d.work.WorksOnCase(s, st, c), err
}

// seen returns a look with both verdicts.
func (d *Room) seen(stx *store.Tx, s *proof.State, reader workforce.Standing, l store.SealedLook) (out Seen, err error) {
	if err := d.sealed(l); err != nil {
		return out, err
	}
	row, err := stx.CaseDecision(l.Decision)
	if err != nil {
		return out, err
	}
	if row.Requests, err = stx.RequestsOfDecision(row.ID); err != nil {
		return out, err
	}
	v, _, err := stx.LookVerdict(l.ID)
	if err != nil {
		return out, err
	}
	c, err := stx.Case(l.Case)
	if err != nil {
		return out, err
	}
	out = Seen{Look: l.Look, Subject: c.Subject.String(), Handle: c.Subject.Handle, Differs: v.Differs}
	out.First = Side{Worker: casework.Named(s, reader, l.Worker), Case: l.Case, Document: row.Document, At: row.Time, Requests: row.Requests, Own: l.Worker == reader.Worker}
	if out.First.Found, err = casework.FirstFound(stx, row); err != nil {
		return out, err
	}
	if out.First.Reasons, err = casework.ReasonsOf(stx, row.ID); err != nil {
		return out, err
	}
	out.Second = Side{Worker: casework.Named(s, reader, v.Worker), Case: v.Copy, Document: v.Document, Found: v.Found, At: v.Time, Own: v.Worker == reader.Worker}
	if out.Second.Reasons, err = casework.ReasonsOf(stx, v.ID); err != nil {
		return out, err
	}
	out.Look.Worker = out.First.Worker
	m, ok, err := stx.LookMatter(l.ID)
	if err != nil || !ok {
		return out, err
	}
	if out.MaySay, err = d.maySay(stx, s, reader, l, m); err != nil {
		return out, err
	}
	if m.State == store.MatterSettled && d.desk.Now().Before(m.Until.Time) && (out.First.Own && m.Wrong.Blames(true) || out.Second.Own && m.Wrong.Blames(false)) {
		out.May = "dispute"
	}
	m.Lead, m.LastLead, m.Disputer = casework.Named(s, reader, m.Lead), casework.Named(s, reader, m.LastLead), casework.Named(s, reader, m.Disputer)
	out.Matter = &m
	return out, nil
}

// maySay reports whether a lead may say now whose verdict was wrong.
func (d *Room) maySay(stx *store.Tx, s *proof.State, st workforce.Standing, l store.SealedLook, m store.LookMatter) (bool, error) {
	if m.State != store.MatterWaiting && m.State != store.MatterDisputed || m.Lead == st.Worker {
		return false, nil
	}
	return d.leads(stx, s, st, l, m)
}

// SettleLook takes the signed word of a lead on a difference: whose verdict was wrong, and why. Whoever was
// found wrong is told and may answer; after an answer the word of another lead is the last. A first
// verdict that was wrong is not changed by that: its case is opened again, and judged like every case.
func (d *Room) SettleLook(ctx context.Context, by kernel.Caller, id string, deed actions.SaltedDeed, text string) (Seen, error) {
	err := d.desk.Change(ctx, by, string(actions.DeedSettle), func(s *proof.State) (func(*kernel.Tx) error, error) {
		st, o, sealed, err := d.order(ctx, s, by, id, actions.DeedSettle, deed, text)
		if err != nil {
			return nil, err
		}
		if !o.Wrong.Valid() {
			return nil, fault.New(fault.Invalid, "bad-deed", "Say whose verdict was wrong: first, second, both or neither.")
		}
		return func(t *kernel.Tx) error {
			l, m, v, err := d.matter(t, id)
			if err != nil {
				return err
			}
			if done, err := d.once(t, deed, id, sealed); err != nil || done {
				return err
			}
			reads, err := d.leads(t.Tx, s, st, l, m)
			switch {
			case err != nil:
				return err
			case !reads:
				return store.NoLook(id)
			case m.State == store.MatterDisputed && m.Lead == by.Worker:
				return fault.New(fault.Forbidden, "other-lead-needed", "You settled the look %s, and that was answered. Another lead has the last word.", id)
			case m.State != store.MatterWaiting && m.State != store.MatterDisputed:
				return fault.New(fault.Conflict, "wrong-state", "The look %s is %s already.", id, m.State)
			}
			first := m.State == store.MatterWaiting
			if first {
				m.Lead, m.Wrong, m.Why, m.Settled, m.State = by.Worker, o.Wrong, o.Why, t.Now(), store.MatterSettled
				m.Until = canonical.At(t.Now().Add(cases.DisputeFor))
				if o.Wrong == cases.WrongNeither {
					m.State, m.Until, m.Ended = store.MatterFinal, canonical.Time{}, t.Now()
				}
			} else {
				m.LastLead, m.LastWrong, m.LastWhy, m.State, m.Ended = by.Worker, o.Wrong, o.Why, store.MatterFinal, t.Now()
			}
			t.SaveLookMatter(m)
			for _, w := range []struct {
				who   workforce.WorkerID
				wrong bool
			}{{l.Worker, o.Wrong.Blames(true)}, {v.Worker, o.Wrong.Blames(false)}} {
				switch {
				case first && w.wrong:
					err = d.inbox.Tell(t, w.who, inbox.FoundWrong(id, m.Until))
				case !first && (w.wrong || m.Disputer == w.who):
					err = d.inbox.Tell(t, w.who, inbox.LookSettled(id, w.wrong))
				}
				if err != nil {
					return err
				}
			}
			if !o.Wrong.Blames(true) || m.Difference == cases.Technical {
				return nil
			}
			if err := d.work.OpenAgain(t, l.Case, l.Decision, "", "second-look"); err != nil {
				return err
			}
			return d.work.NoteOn(t, store.CaseNote{Case: l.Case, Worker: by.Worker, Text: o.Why, Time: t.Now(), Deed: idOf(deed.Deed.Digest())})
		}, nil
	})
	if err != nil {
		return Seen{}, err
	}
	return d.Look(ctx, by, id)
}

// DisputeLook takes the signed answer of somebody whose verdict a lead found wrong.
func (d *Room) DisputeLook(ctx context.Context, by kernel.Caller, id string, deed actions.SaltedDeed, text string) (Seen, error) {
	err := d.desk.Change(ctx, by, string(actions.DeedDispute), func(s *proof.State) (func(*kernel.Tx) error, error) {
		_, o, sealed, err := d.order(ctx, s, by, id, actions.DeedDispute, deed, text)
		if err != nil {
			return nil, err
		}
		if o.Wrong != "" {
			return nil, fault.New(fault.Invalid, "bad-deed", "An answer says why, and leads say whose verdict was wrong.")
		}
		return func(t *kernel.Tx) error {
			l, m, v, err := d.matter(t, id)
			if err != nil {
				return err
			}
			if by.Worker != l.Worker && by.Worker != v.Worker {
				return store.NoLook(id)
			}
			if done, err := d.once(t, deed, id, sealed); err != nil || done {
				return err
			}
			switch {
			case m.State == store.MatterWaiting:
				return fault.New(fault.Conflict, "wrong-state", "No lead has said yet whose verdict was wrong.")
			case !m.Wrong.Blames(by.Worker == l.Worker):
				return fault.New(fault.Conflict, "wrong-state", "Your verdict was not found wrong.")
			case m.State == store.MatterDisputed || !m.Disputed.IsZero():
				return fault.New(fault.Conflict, "wrong-state", "What the lead said was answered at %s already; it is answered once.", m.Disputed)
			case m.State != store.MatterSettled || !t.Now().Before(m.Until.Time):
				return fault.New(fault.Expired, "dispute-over", "The time to answer ended at %s.", m.Until)
			}
			m.State, m.Disputer, m.Answer, m.Disputed = store.MatterDisputed, by.Worker, o.Why, t.Now()
			t.SaveLookMatter(m)
			return nil
		}, nil
	})
	if err != nil {
		return Seen{}, err
	}
	return d.Look(ctx, by, id)
}

// LooksWaiting counts the second looks that wait for somebody who may judge them, by queue and state, with the
// oldest of each: among them are those for which nobody is left who is independent and has not seen the case.
func (d *Room) LooksWaiting(ctx context.Context, by kernel.Caller) (all []store.QueueCount, err error) {
	_, st, err := d.desk.Standing(ctx, by)
	if err != nil {
		return nil, err
	}
	if !st.Engaged || !st.Has(workforce.Lead) || st.Vendor != "" {
		return nil, fault.New(fault.Forbidden, "lead-needed", "How many second looks wait is a figure of the whole desk: leads who are employees read it.")
	}
	err = d.desk.Store.ReadOne(ctx, func(stx *store.Tx) error {
		all, err = stx.LookCounts()
		return err
	})
	return all, err
}

// matter returns a difference with its look and the second verdict, locked.
func (d *Room) matter(t *kernel.Tx, id string) (l store.SealedLook, m store.LookMatter, v store.LookVerdict, err error) {
	if l, err = t.LookLocked(id); err != nil {
		return l, m, v, err
	}
	if err = d.sealed(l); err != nil {
		return l, m, v, err
	}
	var ok bool
	if m, ok, err = t.LookMatter(id); err == nil && !ok {
		err = store.NoLook(id)
	}
	if err != nil {
		return l, m, v, err
	}
	v, _, err = t.LookVerdict(id)
	return l, m, v, err
}

// order checks a deed about a look by itself: that it is the caller's own, signed lately, and of this look.
func (d *Room) order(ctx context.Context, s *proof.State, by kernel.Caller, id string, kind actions.DeedKind, deed actions.SaltedDeed, text string) (st workforce.Standing, o cases.LookOrder, sealed ledger.Opening, err error) {
	if st, err = d.work.AtWork(ctx, s, by); err != nil {
		return st, o, sealed, err
	}
	if o, err = cases.ParseLookOrder(text); err != nil {
		return st, o, sealed, err
	}
	if strings.TrimSpace(o.Why) == "" {
		return st, o, sealed, fault.New(fault.Invalid, "reason-needed", "Say why.")
	}
	if err = prose.Check("The reason", o.Why); err != nil {
		return st, o, sealed, err
	}
	sealed, err = d.deed(ctx, s, by, id, kind, deed, text)
	return st, o, sealed, err
}

// deed checks that a deed is the caller's own, was signed lately, and says exactly this.
func (d *Room) deed(ctx context.Context, s *proof.State, by kernel.Caller, of string, kind actions.DeedKind, deed actions.SaltedDeed, text string) (ledger.Opening, error) {
	sealed := proof.Sealing(kind, text, deed.Salt)
	if err := d.desk.HandedIn(by, deed.Signed); err != nil {
		return sealed, err
	}
	commitment, err := sealed.Commitment()
	if err != nil || deed.Deed.What != kind || deed.Deed.Of != of || deed.Deed.To != "" || deed.Deed.Text != commitment {
		return sealed, fault.New(fault.Forbidden, "bad-deed", "The deed that %s signed is not the one that is handed in here.", by.Worker)
	}
	return sealed, d.desk.MayDo(ctx, s, deed.SignedDeed())
}

// once records a deed. It reports whether exactly this deed was done before.
func (d *Room) once(t *kernel.Tx, deed actions.SaltedDeed, of string, sealed ledger.Opening) (done bool, err error) {
	id := idOf(deed.Deed.Digest())
	if _, err := t.Document(ledger.DeedDocument, id); err == nil {
		return true, nil
	} else if fault.KindOf(err) != fault.NotFound {
		return false, err
	}
	t.Record(ledger.DocumentDraft{Sort: ledger.DeedDocument, ID: id, Data: cases.DeedData{Deed: deed.SignedDeed(), Look: of}, Sealed: []ledger.Opening{sealed}})
	return false, nil
}

func idOf(d canonical.Digest) string { return strings.TrimPrefix(d.String(), "sha256:") }

// endDisputes ends the differences that nobody answered in time.
func (d *Room) endDisputes(ctx context.Context) error {
	const page = 200
	for {
		var over []store.LookMatter
		if err := d.desk.Store.ReadOne(ctx, func(stx *store.Tx) (err error) {
			over, err = stx.LookMattersOver(d.desk.TimeNow(), page)
			return err
		}); err != nil || len(over) == 0 {
			return err
		}
		if err := d.desk.TryChange(ctx, func(*proof.State) (func(*kernel.Tx) error, error) {
			return func(t *kernel.Tx) error {
				for _, one := range over {
					if _, err := t.LookLocked(one.Look); err != nil {
						return err
					}
					m, ok, err := t.LookMatter(one.Look)
					if err != nil {
						return err
					}
					if ok && m.State == store.MatterSettled {
						m.State, m.Ended = store.MatterFinal, t.Now()
						t.SaveLookMatter(m)
					}
				}
				return nil
			}, nil
		}); err != nil {
			return err
		}
	}
}
