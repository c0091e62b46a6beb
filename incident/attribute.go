package incident

import (
	"cmp"
	"fmt"
	"slices"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/ledger"
	"countersign.dev/ledger/entry"
	"countersign.dev/ledger/proof"
	"countersign.dev/platform"
	"countersign.dev/wording"
	"countersign.dev/workforce"
)

// attribute finds out from the entries who is answerable. Facts that only the desk can
// know (the session, the holders) are taken from said, the desk's attribution; in all
// others said must name the same person and the same key.
func (h *held) attribute(i Incident, said Attribution) (Attribution, error) {
	a, err := h.answerable(i)
	if err != nil {
		return a, err
	}
	a.Session, a.Holders = said.Session, said.Holders
	switch {
	case said.Around != a.Around:
		return a, unsupported("The report says around the desk: %t; the ledger: %t.", said.Around, a.Around)
	case said.Worker != a.Worker || said.Key != a.Key:
		return a, unsupported("The report says that %q asked, with %q; the ledger says %q, with %q.", said.Worker, said.Key, a.Worker, a.Key)
	}
	return a, nil
}

// answerable returns the attribution that the entries prove.
func (h *held) answerable(i Incident) (Attribution, error) {
	if i.Cause == Breach {
		return h.around(i)
	}
	c := h.requests[i.Request]
	if c == nil || c.asked == nil {
		return Attribution{}, unsupported("The ledger entry in which %s was asked is not in the bundle.", i.Request)
	}
	st, w := c.asked.Statement, c.asked.worker
	a := Attribution{Worker: st.Signer, Key: st.Key, Vendor: w.Vendor, Start: w.Start, Last: w.End(), Signers: []Signer{}, Holders: []string{}}
	a.With, a.Under = SignedUnder(c.asked.Said, h.state)
	for _, s := range c.signers {
		if c.record == nil || slices.Contains(c.record.Countersigners, s.Statement.Signer) {
			with, _ := SignedUnder(s.Said, h.state)
			a.Signers = append(a.Signers, Signer{s.Statement.Signer, s.worker.Vendor, s.Statement.Key, with, s.at})
		}
	}
	slices.SortFunc(a.Signers, func(x, y Signer) int { return cmp.Or(x.At.Compare(y.At.Time), cmp.Compare(x.Worker, y.Worker)) })
	if c.record != nil && (c.record.Requester != a.Worker || len(a.Signers) != len(c.record.Countersigners)) {
		return a, unsupported("The warrant's entry names other signers of %s than its statements.", i.Request)
	}
	var countersigners []workforce.WorkerID
	for _, s := range a.Signers {
		countersigners = append(countersigners, s.Worker)
	}
	a.Why = wording.Signed(a.Worker, wording.With(c.asked.Signed, c.asked.Session(), string(a.Key)), countersigners, c.record != nil)
	return a, nil
}

// SignedUnder says with what a statement was signed, and under which session, as a state of
// the chain knows it. Both are empty for a statement of version 1, of which no bundle says
// more than the key.
func SignedUnder(s entry.Said, state *proof.State) (with string, under Under) {
	if s.Statement.V == actions.StatementV1 {
		return "", under
	}
	c := s.Session()
	if c != nil {
		under = Under{Session: s.Statement.Session, Key: c.Key, Begins: c.NotBefore, Expires: c.Expires}
		under.Void, _ = state.Voided(*c)
	}
	return wording.SignedWith(s.Signed, c), under
}

// around is the attribution of a breach.
func (h *held) around(i Incident) (Attribution, error) {
	x := h.breaches[i.Breach]
	if x == nil {
		return Attribution{}, unsupported("The executor's record of the breach %s is not in the bundle.", i.Breach)
	}
	a := Attribution{Around: true, Signers: []Signer{}, Holders: []string{}}
	told := h.credentialAt(i.Breach)
	if told >= 0 {
		a.Credential = cmp.Or(h.text(told, proof.SealedCredential), Withheld)
	}
	a.Why = "The executor holds every warrant, and none of them explains what it read: " + wording.Unexplained(x.Sight.Why) + "."
	if s := x.Sight; s.Warrant != "" {
		a.Why += fmt.Sprintf(" The newest warrant about the subject is that of %s.", s.Warrant)
	} else {
		a.Why += " No warrant was ever about the subject."
	}
	if told < 0 {
		a.Why += " The platform does not tell with whose credential it was done."
	} else {
		a.Why += " The platform tells with which credential it was done; the record commits to what it is called."
	}
	return a, nil
}

// credentialAt returns the newest entry about a breach that commits to the platform's
// name of the credential, since the report quotes the name that was told last; -1 if no
// entry does.
func (h *held) credentialAt(breach string) int64 {
	index := int64(-1)
	for _, e := range h.entries {
		if _, sealed := e.Body.Sealed[proof.SealedCredential]; sealed && e.Body.Class == ledger.Execution && e.request() == breach {
			index = e.Index
		}
	}
	return index
}

// named reports whether an entry about the incident opens the subject's name.
func (h *held) named(i Incident) bool {
	return slices.ContainsFunc(h.entries, func(e Entry) bool {
		return e.request() == cmp.Or(i.Breach, i.Request) && h.text(e.Index, sealedSubject) != ""
	})
}

// incident checks the report's facts about the incident itself against entries.
func (h *held) incident(r Report) error {
	i := r.Incident
	switch i.Cause {
	case Breach:
		x := h.breaches[i.Breach]
		if x == nil {
			return unsupported("The executor's record of the breach %s is not in the bundle.", i.Breach)
		}
		if i.Layer != x.Sight.Layer {
			return unsupported("The record of the breach is about %s of the subject, the report about %s.", x.Sight.Layer.Noun(), i.Layer.Noun())
		}
		if i.Request != "" || i.Tier != x.Sight.Tier || i.Subject.Platform != x.Sight.Platform {
			return unsupported("The record of the breach is about %s subject of %s, the report about %s subject of %s.", wording.Article(string(x.Sight.Tier)), x.Sight.Platform, wording.Article(string(i.Tier)), i.Subject.Platform)
		}
	case Contested:
		c := h.requests[i.Request]
		if c == nil || c.asked == nil {
			return unsupported("The ledger entry in which %s was asked is not in the bundle.", i.Request)
		}
		if c.verb != "" && !c.verb.Fits(i.Layer) || c.verb == "" && i.Layer != platform.VisibilityLayer || c.layer != nil && i.Layer != *c.layer {
			return unsupported("The request was about another layer of the subject than %s, of which the report tells.", i.Layer.Noun())
		}
		if i.Breach != "" || i.Tier != c.tier && (c.record == nil || i.Tier != c.record.Tier) {
			return unsupported("The request was about %s subject, the report about %s one.", wording.Article(string(c.tier)), wording.Article(string(i.Tier)))
		}
	default:
		return bad("bad-bundle", "An incident's cause is %s or %s.", Breach, Contested)
	}
	if err := h.subject(i); err != nil {
		return err
	}
	for _, e := range h.entries {
		if err := h.agreed(i, e); err != nil {
			return err
		}
	}
	return h.review(i)
}

// agreed compares the desk's entries about the incident with the report.
func (h *held) agreed(i Incident, e Entry) error {
	if e.Body.Class != ledger.Desk {
		return nil
	}
	differs := func(field, said string) bool {
		was, opened := h.opened[e.Index][field]
		return opened && string(was) != string(canonical.MustMarshal(said))
	}
	switch e.Body.Kind {
	case entry.KindIncident:
		var o entry.Incident
		if err := e.read(&o); err != nil {
			return err
		}
		if o.Incident != i.ID {
			return nil
		}
		if o.Cause != string(i.Cause) || o.Breach != i.Breach || o.Request != i.Request || o.Platform != i.Subject.Platform || o.Tier != i.Tier || o.Worker != i.By || differs(sealedTitle, i.Title) {
			return unsupported("Entry %d of the ledger opened the incident otherwise than the report says.", e.Index)
		}
	case entry.KindIncidentTask, entry.KindIncidentTaskDone:
		var x entry.IncidentTask
		if err := e.read(&x); err != nil {
			return err
		}
		if x.Incident != i.ID {
			return nil
		}
		at := slices.IndexFunc(i.Tasks, func(t Task) bool { return t.Number == x.Number })
		switch {
		case at < 0 || i.Tasks[at].Owner != x.Owner:
			return unsupported("The report leaves out the task %d of entry %d of the ledger, or gives it to somebody else.", x.Number, e.Index)
		case differs(sealedText, i.Tasks[at].Text), differs(sealedResult, i.Tasks[at].Result), (e.Body.Kind == entry.KindIncidentTaskDone) && i.Tasks[at].Done.IsZero():
			return unsupported("The task %d is another in entry %d of the ledger.", x.Number, e.Index)
		}
	}
	return nil
}

// subject compares a subject that is named with the sealed name in the entries.
func (h *held) subject(i Incident) error {
	for _, e := range h.entries {
		if about := e.request(); about != cmp.Or(i.Breach, i.Request) {
			continue
		}
		sealed := h.text(e.Index, sealedSubject)
		if sealed == "" {
			continue
		}
		if sealed != i.Subject.String() {
			return unsupported("The report is about %s; entry %d of the ledger is about another subject.", i.Subject, e.Index)
		}
		if handle := h.text(e.Index, sealedHandle); handle != "" && handle != i.Subject.Handle {
			return unsupported("The report calls the subject %s; entry %d of the ledger calls it otherwise.", i.Subject.Handle, e.Index)
		}
		return nil
	}
	if i.Subject != (platform.Subject{Platform: i.Subject.Platform}) {
		return unsupported("The report names the subject, and no entry of the bundle opens its name.")
	}
	return nil
}

// review checks the end of an incident against the entry that closed it.
func (h *held) review(i Incident) error {
	r, closed := h.state.Reviewed[actions.ReviewIncident+" "+i.ID]
	switch {
	case closed != (i.Status == Closed):
		return unsupported("The report says that the incident is %s; the governance chain says otherwise.", i.Status)
	case !closed:
		return nil
	case r.Request != i.Review || !r.At.Equal(i.Closed.Time):
		return unsupported("The report names another review than the one that closed the incident, %s at %s.", r.Request, r.At)
	case i.Findings != Withheld && canonical.Sum([]byte(i.Findings)) != r.Findings:
		return unsupported("The findings in the report are not those that were signed.")
	}
	return nil
}

// rulings checks that every ruling in the report is of a policy set that the chain had in
// force.
func (h *held) rulings(r Report) error {
	then := h.state.Policy.Digest()
	if x := h.breaches[r.Incident.Breach]; x != nil {
		then = x.policy
	} else if c := h.requests[r.Incident.Request]; c != nil {
		then = c.policy
	}
	for _, ruled := range r.Rulings {
		switch {
		case ruled.Which == "then" && ruled.Policy != then:
			return unsupported("The policy that ruled then was %s, not %s.", then, ruled.Policy)
		case ruled.Which == "today" && ruled.Policy != h.state.Policy.Digest():
			return unsupported("The policy in force at the newest entry is %s, not %s.", h.state.Policy.Digest(), ruled.Policy)
		}
	}
	return nil
}
