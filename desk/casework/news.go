package casework

import (
	"context"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/desk/kernel"
	"countersign.dev/fault"
	"countersign.dev/ledger/proof"
	"countersign.dev/store"
	"countersign.dev/workforce"
)

// This file says what evidence means for its case. New evidence is news: whoever decides on
// what was seen before gets told, and decides again (law 14).

// evidence is the name under which a Room has the methods of Evidence.
type evidence = Evidence

// newEvidence makes the evidence of the room.
func (d *Room) newEvidence() *Evidence {
	return NewEvidence(d.desk, EvidenceConfig{Load: d.load, MaySee: d.maySee, Match: d.onList, Copied: d.copied, Matched: d.onListNow, Removes: d.removes, Opened: d.opened, Look: d.look, Kept: d.keptEvidence})
}

// look reads the state of a case's subject as it is now, and keeps it as the one seen last.
func (d *Room) look(ctx context.Context, id string) error {
	var c cases.Case
	if err := d.desk.Store.ReadOne(ctx, func(stx *store.Tx) (err error) {
		c, err = stx.Case(id)
		return err
	}); err != nil || !c.State.Open() || c.Look != "" {
		return err
	}
	s, err := d.desk.State(ctx)
	if err != nil {
		return err
	}
	reading, err := d.desk.Read(ctx, s, c.Subject.String())
	if err != nil {
		return err
	}
	return d.saw(ctx, c, reading)
}

// wants is the evidence that a report asks for in its case.
func wants(c cases.Case, row store.Report, r cases.Report, opened bool) Wanted {
	return Wanted{Case: c.ID, Report: row.ID, Subject: r.Subject, Told: r.Evidence, Media: !c.ChildSafety(), First: opened}
}

// maySee refuses the media of a case that is reported for a reason of child safety to everybody
// but specialists, and lets nobody else say what becomes of them (law 17).
func (d *Room) maySee(s *proof.State, st workforce.Standing, c cases.Case, use MediaUse) error {
	switch {
	case use == ReleaseMedia && !c.ChildSafety():
		return fault.New(fault.Conflict, "media-free", "No reason of child safety stops the pictures of the case %s: they are copied without a press.", c.ID)
	case !c.ChildSafety() || st.Has(workforce.Specialist):
		return nil
	}
	return fault.New(fault.Forbidden, "media-withheld", "The case %s is reported for a reason of child safety: only specialists, who are trained for it, see its pictures and say what becomes of them. %s", c.ID, d.askSpecialist(s, c))
}

// askSpecialist says how to get at somebody who is trained for child safety and threats to
// life, or what to do where nobody is.
func (d *Room) askSpecialist(s *proof.State, c cases.Case) string {
	if why := d.noSpecialist(s, c, ""); why != "" {
		return why
	}
	return "Ask one: `countersign case ask " + c.ID + " --specialist --question TEXT`."
}

// noSpecialist says that nobody with the role of a specialist, but for one worker, may work on a
// case now, and what to do about it; empty: somebody may.
func (d *Room) noSpecialist(s *proof.State, c cases.Case, but workforce.WorkerID) string {
	barred := 0
	for _, w := range s.People.Sorted() {
		st := s.People.Standing(w.Worker, d.desk.Now())
		switch {
		case w.Worker == but || !st.Engaged || !st.Has(workforce.Specialist):
		case d.worksOn(s, st, c) && s.MayWork(w.Worker, st) == nil:
			return ""
		default:
			barred++
		}
	}
	const add = "Officers give the role to people who are trained: `countersign worker import FILE` with `specialist` in the column role, such as agent+specialist. Somebody who has been at this desk for 30 days works on such cases at once."
	if barred > 0 {
		return "The specialists of this desk may not work on the queue " + c.Queue + ": in their first 30 days, in notice and in their last days people work on no case of the highest severity. " + add
	}
	if but != "" {
		return "Nobody else at this desk is a specialist. " + add
	}
	return "Nobody at this desk is a specialist. " + add
}

// removes lets somebody remove bytes of a case's evidence: nobody removes what speaks against
// themselves, and whoever makes evidence vanish spends the budget of burying.
func (d *Room) removes(ctx context.Context, s *proof.State, by kernel.Caller, caseID string) (func(*kernel.Tx) error, error) {
	st, err := d.desk.Engaged(s, by)
	if err != nil {
		return nil, err
	}
	spent, err := d.vendorSpent(ctx, s, st.Vendor)
	if err != nil {
		return nil, err
	}
	return func(t *kernel.Tx) error {
		c, err := t.CaseLocked(caseID)
		if err != nil {
			return err
		}
		if err := d.barred(t, by.Worker, c); err != nil {
			return err
		}
		return d.bury(t, s, by, st, spent, string(actions.DeedRemoveEvidence), caseID)
	}, nil
}

// onList says on which hash list in force a digest is: the first by name.
func (d *Room) onList(ctx context.Context, s *proof.State, digest canonical.Digest) (list string, ok bool, err error) {
	all, err := d.sets.Hashes(ctx, s)
	if err != nil {
		return "", false, err
	}
	for name, l := range all {
		if l.Has(digest) && (!ok || name < list) {
			list, ok = name, true
		}
	}
	return list, ok, nil
}

// news changes an open case because of its evidence. change returns the case as it is then, and
// its move.
func (d *Room) news(ctx context.Context, s *proof.State) (func(t *kernel.Tx, id, move string, detail any, change func(cases.Case) cases.Case) error, error) {
	_, queues, err := d.rules(ctx, s)
	if err != nil && !fault.Is(err, "no-rules") {
		return nil, err
	}
	return func(t *kernel.Tx, id, move string, detail any, change func(cases.Case) cases.Case) error {
		c, err := t.CaseLocked(id)
		if err != nil || !c.State.Open() {
			return err
		}
		before := c
		c = change(c)
		if c.Severity.Rank() > before.Severity.Rank() {
			c = c.Woken()
		}
		if err := d.graver(t, before, c); err != nil {
			return err
		}
		c.Version++
		c.Updated = t.Now()
		if queues != nil {
			c = c.Placed(queues, s.Queues.Digest)
			t.MoveClock(c.ID, store.PromiseClock, c.Due)
		}
		t.SaveCase(c)
		t.InsertMove(store.Move{Case: id, Version: c.Version, Move: move, Time: t.Now(), Detail: canonical.MustMarshal(detail)})
		return nil
	}, nil
}

// copied gives a case what its evidence says: the language of the content by the platform's
// word, which goes before a report's and not before a worker's, and the account that it is about.
func (d *Room) copied(ctx context.Context, s *proof.State) (func(*kernel.Tx, store.Evidence, cases.EvidenceDocument) error, error) {
	tell, err := d.news(ctx, s)
	if err != nil {
		return nil, err
	}
	return func(t *kernel.Tx, e store.Evidence, doc cases.EvidenceDocument) error {
		if e.Media == store.NoMedia { // the last evidence of a decided case may have no pictures
			if c, err := t.Case(e.Case); err != nil {
				return err
			} else if c.State == cases.Held || !c.State.Open() {
				if err := mediaOver(t, c); err != nil {
					return err
				}
			}
		}
		if doc.Read == nil && doc.Why != "no-such-subject" {
			return nil // nobody knows more than before
		}
		if same, err := sameAsBefore(t.Tx, e, doc); err != nil || same {
			return err
		}
		return tell(t, e.Case, "evidence", map[string]any{"evidence": e.ID, "document": e.Document, "state": e.State}, func(c cases.Case) cases.Case {
			if doc.Read == nil {
				return c
			}
			if !c.LanguageTold && cases.ValidLanguage(doc.Read.Language) {
				c.Language = doc.Read.Language
			}
			c.Of = doc.Read.Sort
			if c.Owner == "" {
				c.Owner = doc.Read.Author.ID
			}
			return c
		})
	}, nil
}

// sameAsBefore reports whether an evidence shows what the one before it showed: then it is no news.
// Otherwise whoever has a subject reported every minute would keep everybody from deciding. What
// others write around the content is shown to the next holder and is no news for this one.
func sameAsBefore(stx *store.Tx, e store.Evidence, doc cases.EvidenceDocument) (bool, error) {
	last, ok, err := stx.CopiedBefore(e)
	if err != nil || !ok {
		return false, err
	}
	b, err := stx.EvidenceText(last.Document)
	if err != nil {
		return false, err
	}
	before, err := cases.ParseEvidence(b)
	if err != nil {
		return false, err
	}
	return canonical.DigestOf(sight(before)) == canonical.DigestOf(sight(doc)), nil
}

// sight is what an evidence says of its case.
func sight(e cases.EvidenceDocument) any {
	type seen struct {
		Author   string                  `json:"author"`
		Content  canonical.Digest        `json:"content"`
		Language string                  `json:"language"`
		Pictures []cases.EvidencePicture `json:"pictures"` // without how their digests came to be known
		Why      string                  `json:"why"`
	}
	out := seen{Content: e.Content, Pictures: []cases.EvidencePicture{}, Why: e.Why}
	for _, p := range e.Pictures {
		out.Pictures = append(out.Pictures, cases.EvidencePicture{Digest: p.Digest, List: p.List, Name: p.Name, State: p.State})
	}
	if e.Read != nil {
		out.Author, out.Language = e.Read.Author.ID, e.Read.Language
	}
	return out
}

// onListNow raises a case of which a picture is on a hash list to the highest severity.
func (d *Room) onListNow(ctx context.Context, s *proof.State) (func(*kernel.Tx, store.Evidence, string) error, error) {
	tell, err := d.news(ctx, s)
	if err != nil {
		return nil, err
	}
	return func(t *kernel.Tx, e store.Evidence, list string) error {
		return tell(t, e.Case, "matched", map[string]any{"evidence": e.ID, "list": list}, func(c cases.Case) cases.Case {
			c.Severity = cases.Highest
			return c
		})
	}, nil
}

// shownEvidence returns what a claim of a case shows of its evidence.
func shownEvidence(stx *store.Tx, caseID string) ([]cases.ShownEvidence, error) {
	kept, err := KeptIn(stx, caseID)
	if err != nil {
		return nil, err
	}
	out := []cases.ShownEvidence{}
	for _, k := range kept {
		e := cases.ShownEvidence{At: k.At, Digest: k.Document, State: string(k.State)}
		if k.Shown != nil && k.Shown.Read != nil {
			e.Text, e.Pictures = k.Shown.Read.Text.Text, int64(len(k.Shown.Read.Pictures))
		}
		out = append(out, e)
	}
	return out, nil
}
