package incidents

import (
	"context"
	"fmt"
	"slices"

	"github.com/go-json-experiment/json"

	"countersign.dev/actions"
	"countersign.dev/alarm"
	"countersign.dev/canonical"
	"countersign.dev/desk/alarms"
	"countersign.dev/desk/kernel"
	"countersign.dev/fault"
	"countersign.dev/incident"
	"countersign.dev/ledger"
	"countersign.dev/ledger/entry"
	"countersign.dev/ledger/proof"
	"countersign.dev/store"
	"countersign.dev/wording"
	"countersign.dev/workforce"
)

// checkDeed checks that a deed is the caller's own, was signed lately, and says exactly what the
// caller wants done, with this text. It returns the opening that seals the text.
func (d *Room) checkDeed(ctx context.Context, s *proof.State, by kernel.Caller, signed actions.SaltedDeed, want actions.Deed, text string) (ledger.Opening, error) {
	o := proof.Sealing(want.What, text, signed.Salt)
	if err := d.desk.HandedIn(by, signed.Signed); err != nil {
		return o, err
	}
	commitment, err := o.Commitment()
	if err != nil || !signed.Deed.Says(want) || signed.Deed.Text != commitment || signed.Deed.Version > want.Version {
		return o, fault.New(fault.Forbidden, "bad-deed", "The deed that %s signed is not the one that is handed in here.", by.Worker)
	}
	return o, d.desk.MayDo(ctx, s, signed.SignedDeed())
}

// signedWith says with what a deed was signed.
func signedWith(d actions.SaltedDeed) string {
	var session *actions.Session
	if d.Session != nil {
		session = &d.Session.Session
	}
	return wording.SignedWith(d.Signed, session)
}

// deedOf returns the name under which the entry of a deed is found, so that no deed is done
// twice.
func deedOf(d actions.SaltedDeed) string { return "deed " + d.Deed.Digest().String() }

// once refuses a deed that the ledger holds already.
func (d *Room) once(t *kernel.Tx, deed actions.SaltedDeed) error {
	have, err := t.EntriesAbout(deedOf(deed), canonical.Time{}, 1)
	if err == nil && len(have) > 0 {
		err = fault.New(fault.Conflict, "deed-done", "This deed was done already; a deed is valid once.")
	}
	return err
}

// deed carries out a signed deed by calling do. If the deed was done already, it is not
// done again, and the answer is the incident as it is now. So a caller who lost the answer
// gets it by handing in the same deed once more.
func (d *Room) deed(ctx context.Context, by kernel.Caller, signed actions.SaltedDeed, want actions.Deed, text string, do func() (incident.Incident, error)) (incident.Incident, error) {
	if i, done, err := d.repeated(ctx, by, signed, want, text); done || err != nil {
		return i, err
	}
	i, err := do()
	if err != nil { // the same deed may have been done in the meantime
		if i, done, err := d.repeated(ctx, by, signed, want, text); done || err != nil {
			return i, err
		}
	}
	return i, err
}

// repeated returns the incident on which exactly this deed was done before: with the same
// signature and text, by the same person, who may still read incidents.
func (d *Room) repeated(ctx context.Context, by kernel.Caller, signed actions.SaltedDeed, want actions.Deed, text string) (i incident.Incident, done bool, err error) {
	s, err := d.desk.State(ctx)
	if err != nil {
		return i, false, err
	}
	o := proof.Sealing(want.What, text, signed.Salt)
	commitment, err := o.Commitment()
	if err != nil || signed.Deed.Text != commitment || !signed.Deed.Says(want) || signed.Signed.Statement.Signer != by.Worker || d.mayTouchIncidents(s, by) != nil {
		return i, false, nil // it is judged as a new deed, and refused
	}
	err = d.desk.Store.Read(ctx, func(stx *store.Tx) error {
		have, err := stx.EntriesAbout(deedOf(signed), canonical.Time{}, 1)
		if err != nil || len(have) == 0 || len(have[0].BodyBytes) == 0 {
			return err
		}
		var entered struct {
			Incident string             `json:"incident"`
			Deed     actions.SignedDeed `json:"deed"`
		}
		if err := json.Unmarshal(have[0].Body.Data, &entered); err != nil {
			return fmt.Errorf("the deed in entry %d: %w", have[0].Index, err)
		}
		if canonical.DigestOf(entered.Deed) != canonical.DigestOf(signed.SignedDeed()) {
			return nil
		}
		i, err = stx.Incident(entered.Incident)
		done = err == nil
		return err
	})
	return i, done, err
}

// mayTouchIncidents refuses a caller who may not work on incidents.
func (d *Room) mayTouchIncidents(s *proof.State, by kernel.Caller) error {
	st, err := d.desk.Engaged(s, by)
	if err == nil {
		err = kernel.Evidence(s, st, "Incidents")
	}
	return err
}

// OpenIncident opens an incident on an act that the caller contests, with a
// title of one line. On a request there is one open incident at most.
func (d *Room) OpenIncident(ctx context.Context, by kernel.Caller, request, title string, signed actions.SaltedDeed) (incident.Incident, error) {
	want := actions.Deed{What: actions.DeedOpenIncident, Of: request}
	return d.deed(ctx, by, signed, want, title, func() (incident.Incident, error) { return d.open(ctx, by, request, title, signed, want) })
}

func (d *Room) open(ctx context.Context, by kernel.Caller, request, title string, signed actions.SaltedDeed, want actions.Deed) (incident.Incident, error) {
	var out incident.Incident
	err := d.desk.Change(ctx, by, "open incident", func(s *proof.State) (func(*kernel.Tx) error, error) {
		if err := d.mayTouchIncidents(s, by); err != nil {
			return nil, err
		}
		r, err := d.desk.Load(ctx, request)
		if err != nil {
			return nil, err
		}
		i, err := incident.Contest(d.desk.IDs.New(incident.Prefix), r.Request, by.Worker, title, d.desk.TimeNow())
		if err != nil {
			return nil, err
		}
		sealed, err := d.checkDeed(ctx, s, by, signed, want, title)
		if err != nil {
			return nil, err
		}
		return func(t *kernel.Tx) error {
			if err := d.once(t, signed); err != nil {
				return err
			}
			open, err := t.OpenContest(request)
			if err != nil {
				return err
			}
			if open != "" {
				return fault.New(fault.Conflict, "incident-open", "The incident %s on this request is open already.", open)
			}
			d.openIncident(t, i, signed.SignedDeed(), sealed).About(deedOf(signed))
			out = i
			return d.alarms.Raise(t, alarms.Alarm{Kind: string(alarm.IncidentOpened), Severity: alarms.Warn, Incident: i.ID, Request: request, Platform: i.Subject.Platform,
				Subject: i.Subject.ID, Tier: i.Tier, Text: fmt.Sprintf("%s contests %s of %s, which is %s. Signed with %s.", by.Worker, r.Action.Kind, r.Requester(), r.Status, signedWith(signed))})
		}, nil
	})
	return out, err
}

// changeIncident does a deed on an incident: it loads the incident, applies a rule to it,
// and saves the result. want is the expected deed, without the incident's version.
func (d *Room) changeIncident(ctx context.Context, by kernel.Caller, what, id string, signed actions.SaltedDeed, want actions.Deed, text string,
	rule func(*proof.State, incident.Incident) (incident.Incident, func(*kernel.Tx, incident.Incident) error, error)) (incident.Incident, error) {
	return d.deed(ctx, by, signed, want, text, func() (incident.Incident, error) {
		var out incident.Incident
		err := d.desk.Change(ctx, by, what, func(s *proof.State) (func(*kernel.Tx) error, error) {
			if err := d.mayTouchIncidents(s, by); err != nil {
				return nil, err
			}
			i, err := d.loadIncident(ctx, id)
			if err != nil {
				return nil, err
			}
			next, save, err := rule(s, i)
			if err != nil {
				return nil, err
			}
			return func(t *kernel.Tx) error {
				out = next
				if err := save(t, next); err != nil {
					return err
				}
				t.SaveIncident(next)
				t.Signal(incidentSignal)
				return nil
			}, nil
		})
		return out, err
	})
}

// AssignTask gives somebody who is independent of those involved something to
// do before the incident is closed.
func (d *Room) AssignTask(ctx context.Context, by kernel.Caller, id, text string, owner workforce.WorkerID, signed actions.SaltedDeed) (incident.Incident, error) {
	want := actions.Deed{What: actions.DeedAssignTask, Of: id, To: owner}
	return d.changeIncident(ctx, by, "assign task", id, signed, want, text, func(s *proof.State, i incident.Incident) (incident.Incident, func(*kernel.Tx, incident.Incident) error, error) {
		if st := s.People.Standing(owner, d.desk.Now()); !st.Engaged {
			return i, nil, fault.New(fault.Conflict, "engagement-ended", "%s cannot own a task: %s.", owner, st.Why)
		}
		involved, err := d.readInvolved(ctx, s, i)
		if err != nil {
			return i, nil, err
		}
		for _, w := range involved {
			if why := s.People.Dependence(owner, w, d.desk.Now()); why != "" {
				return i, nil, fault.New(fault.Forbidden, "not-independent", "%s cannot own a task of this incident, since %s is involved in it: %s.", owner, w, why)
			}
		}
		next, err := i.Assign(text, owner)
		if err != nil {
			return i, nil, err
		}
		want.Version = i.Version
		sealed, err := d.checkDeed(ctx, s, by, signed, want, text)
		return next, func(t *kernel.Tx, next incident.Incident) error {
			if err := d.once(t, signed); err != nil {
				return err
			}
			task := next.Tasks[len(next.Tasks)-1]
			t.Enter(entry.KindIncidentTask, entry.IncidentTask{Incident: id, Number: task.Number, Owner: owner, Worker: by.Worker, Deed: signed.SignedDeed()}, sealed).About(id, deedOf(signed))
			t.SaveTask(id, task)
			return nil
		}, err
	})
}

// FinishTask notes the result of a task. Only its owner may.
func (d *Room) FinishTask(ctx context.Context, by kernel.Caller, id string, number int64, result string, signed actions.SaltedDeed) (incident.Incident, error) {
	want := actions.Deed{What: actions.DeedFinishTask, Of: actions.TaskOf(id, number)}
	return d.changeIncident(ctx, by, "finish task", id, signed, want, result, func(s *proof.State, i incident.Incident) (incident.Incident, func(*kernel.Tx, incident.Incident) error, error) {
		next, err := i.Finish(number, by.Worker, result, d.desk.TimeNow())
		if err != nil {
			return i, nil, err
		}
		want.Version = i.Version
		sealed, err := d.checkDeed(ctx, s, by, signed, want, result)
		return next, func(t *kernel.Tx, next incident.Incident) error {
			if err := d.once(t, signed); err != nil {
				return err
			}
			at := slices.IndexFunc(next.Tasks, func(x incident.Task) bool { return x.Number == number })
			t.Enter(entry.KindIncidentTaskDone, entry.IncidentTask{Incident: id, Number: number, Owner: next.Tasks[at].Owner, Worker: by.Worker, Deed: signed.SignedDeed()}, sealed).About(id, deedOf(signed))
			t.SaveTask(id, next.Tasks[at])
			return nil
		}, err
	})
}

// ProposeFindings hands in the text with which to close an incident, and returns
// the change of the desk that does it: a desk.review, to be drafted, signed and
// countersigned like every other by people who were not involved.
func (d *Room) ProposeFindings(ctx context.Context, by kernel.Caller, id, findings string, signed actions.SaltedDeed) (actions.Review, error) {
	want := actions.Deed{What: actions.DeedFindings, Of: id}
	out := actions.Review{Of: actions.ReviewIncident, ID: id, Findings: incident.FindingsDigest(findings)}
	i, err := d.deed(ctx, by, signed, want, findings, func() (incident.Incident, error) {
		return d.propose(ctx, by, id, findings, signed, want)
	})
	if err != nil {
		return actions.Review{}, err
	}
	s, err := d.desk.State(ctx)
	if err != nil {
		return actions.Review{}, err
	}
	out.Involved, err = d.readInvolved(ctx, s, i)
	return out, err
}

func (d *Room) propose(ctx context.Context, by kernel.Caller, id, findings string, signed actions.SaltedDeed, want actions.Deed) (i incident.Incident, err error) {
	err = d.desk.Change(ctx, by, "propose findings", func(s *proof.State) (func(*kernel.Tx) error, error) {
		if err := d.mayTouchIncidents(s, by); err != nil {
			return nil, err
		}
		if i, err = d.loadIncident(ctx, id); err != nil {
			return nil, err
		}
		if err := i.Proposable(findings); err != nil {
			return nil, err
		}
		want.Version = i.Version
		sealed, err := d.checkDeed(ctx, s, by, signed, want, findings)
		if err != nil {
			return nil, err
		}
		digest := incident.FindingsDigest(findings)
		return func(t *kernel.Tx) error {
			if err := d.once(t, signed); err != nil {
				return err
			}
			t.Enter(entry.KindIncidentFindings, entry.IncidentFindings{Incident: id, Findings: digest, Worker: by.Worker, Deed: signed.SignedDeed()}, sealed).About(id, deedOf(signed))
			t.KeepFindings(id, digest, findings, by.Worker, t.Now())
			return nil
		}, nil
	})
	return i, err
}

// CheckReview refuses a review, when its request is handed in, that could not close its
// incident. A review must name everybody involved, and the desk must have its findings.
func (d *Room) CheckReview(ctx context.Context, s *proof.State, a actions.Action) error {
	if a.Kind != actions.DeskReview {
		return nil
	}
	ch, err := actions.ParseChange(a.Kind, a.Change)
	if err != nil {
		return err
	}
	review, ok := ch.(actions.Review)
	if ok && review.Of == actions.ReviewEmergency {
		return d.checkInvolved(ctx, review)
	}
	if !ok || review.Of != actions.ReviewIncident {
		return nil
	}
	return d.desk.Store.Read(ctx, func(stx *store.Tx) error {
		_, err := d.closed(stx, s, review, "", d.desk.TimeNow())
		return err
	})
}

// checkInvolved refuses the review of an emergency act that leaves out somebody who signed
// it: the executor would not count it as a review.
func (d *Room) checkInvolved(ctx context.Context, c actions.Review) error {
	r, err := d.desk.Load(ctx, c.ID)
	if err != nil {
		return err
	}
	if spec, _ := actions.SpecOf(r.Action.Kind); !spec.Emergency || len(r.Core) == 0 {
		return fault.New(fault.Conflict, "no-such-emergency", "The request %s is no emergency act; there is nothing to review.", c.ID)
	}
	var core proof.Core
	if err := canonical.Unmarshal(r.Core, &core); err != nil {
		return fmt.Errorf("the core of %s in the database: %w", r.ID, err)
	}
	people, _ := core.Signers()
	for _, w := range people {
		if !slices.Contains(c.Involved, w) {
			return fault.New(fault.Forbidden, "involved-left-out", "The review does not name %s, who signed %s.", w, c.ID)
		}
	}
	return nil
}

// closed returns an incident as its review leaves it.
func (d *Room) closed(stx *store.Tx, s *proof.State, c actions.Review, request string, now canonical.Time) (incident.Incident, error) {
	i, err := stx.Incident(c.ID)
	if err != nil {
		return i, err
	}
	findings, err := stx.Findings(c.ID, c.Findings)
	if err != nil {
		return i, err
	}
	involved, err := d.involved(stx, s, i)
	if err != nil {
		return i, err
	}
	for _, w := range involved {
		if !slices.Contains(c.Involved, w) {
			return i, fault.New(fault.Forbidden, "involved-left-out", "The review does not name %s, who was involved in %s.", w, c.ID)
		}
	}
	return i.Close(request, findings, now)
}

// CloseIncident closes an incident in the transaction that enters its review.
func (d *Room) CloseIncident(t *kernel.Tx, c actions.Review, request string) error {
	i, err := d.closed(t.Tx, t.State, c, request, t.Now())
	if err != nil {
		return err
	}
	t.SaveIncident(i)
	t.Signal(incidentSignal)
	return d.alarms.Raise(t, alarms.Alarm{Kind: string(alarm.IncidentClosed), Severity: alarms.Info, Incident: i.ID, Request: request, Platform: i.Subject.Platform,
		Subject: i.Subject.ID, Tier: i.Tier, Text: "The review of the incident is closed."})
}

func (d *Room) loadIncident(ctx context.Context, id string) (i incident.Incident, err error) {
	err = d.desk.Store.Read(ctx, func(stx *store.Tx) error {
		i, err = stx.Incident(id)
		return err
	})
	return i, err
}

func (d *Room) readInvolved(ctx context.Context, s *proof.State, i incident.Incident) (ws []workforce.WorkerID, err error) {
	err = d.desk.Store.Read(ctx, func(stx *store.Tx) error {
		ws, err = d.involved(stx, s, i)
		return err
	})
	return ws, err
}

// involved returns the workers who are involved in an incident, sorted: those who signed
// the contested request, or those who are declared to hold the credentials that did the
// breaches.
func (d *Room) involved(stx *store.Tx, s *proof.State, i incident.Incident) ([]workforce.WorkerID, error) {
	var ws []workforce.WorkerID
	if i.Cause == incident.Contested {
		r, err := stx.Request(i.Request)
		if err != nil {
			return nil, err
		}
		ws = append(ws, r.Requester())
		for _, c := range r.Signers {
			ws = append(ws, c.Statement.Signer)
		}
	} else {
		names, err := credentials(stx, i)
		if err != nil {
			return nil, err
		}
		if len(names) == 0 {
			names = []string{""}
		}
		for _, name := range names {
			for _, h := range d.holdersOf(i.Subject.Platform, name) {
				if _, ok := s.People.Worker(workforce.WorkerID(h)); ok {
					ws = append(ws, workforce.WorkerID(h))
				}
			}
		}
	}
	slices.Sort(ws)
	return slices.Compact(ws), nil
}

// holdersOf returns the declared holders of a credential of a platform. If it is not known
// which credential it was, or no holders of it are declared, it returns the declared
// holders of any.
func (d *Room) holdersOf(platform, credential string) []string {
	if credential != "" {
		if hs, ok := d.desk.Holders.Platforms[platform+"/"+credential]; ok {
			return hs
		}
	}
	return d.desk.Holders.Platforms[platform]
}

// credentials returns the platform's names for the credentials that did the breaches of an
// incident, as far as the platform told them.
func credentials(stx *store.Tx, i incident.Incident) (names []string, err error) {
	values, err := stx.Credentials(i.ID)
	for _, v := range values {
		var name string
		if err := json.Unmarshal(v, &name); err != nil {
			return nil, fmt.Errorf("a credential beside the breaches of %s: %w", i.ID, err)
		}
		names = append(names, name)
	}
	return names, err
}

// mostEntries is the largest number of entries that are read about one request, breach or
// worker.
const mostEntries = 10_000

// breachRecord holds what the watch recorded of the breach that opened an incident.
type breachRecord struct {
	sight      *proof.Sight // nil if its entry was erased
	credential string       // the platform's name for it; empty: the platform did not tell
	entry      int64        // of the breach
}

// readBreach reads what the watch told of the breach that opened an incident.
func readBreach(stx *store.Tx, i incident.Incident) (breachRecord, error) {
	out := breachRecord{entry: -1}
	entries, err := stx.EntriesAbout(i.Breach, canonical.Time{}, mostEntries)
	if err != nil {
		return out, err
	}
	for _, e := range entries {
		if e.Body.Kind != proof.KindBreach && e.Body.Kind != proof.KindTold {
			continue
		}
		if e.Body.Kind == proof.KindBreach && out.sight == nil {
			signed, err := proof.ParseExecution(e.Body)
			if err != nil {
				return out, err
			}
			out.sight, out.entry = signed.Execution.Sight, e.Index
		}
		for _, o := range e.Openings {
			if o.Name == proof.SealedCredential {
				if err := json.Unmarshal(o.Value, &out.credential); err != nil {
					return out, fmt.Errorf("the credential beside entry %d: %w", e.Index, err)
				}
			}
		}
	}
	return out, nil
}

// Filter chooses incidents, newest first; empty members choose all.
type Filter = store.IncidentFilter

// Incidents returns a page of incidents, newest first, without their tasks, and
// the cursor of the next page, empty at the end.
func (d *Room) Incidents(ctx context.Context, by kernel.Caller, f Filter) (out []incident.Incident, next string, err error) {
	if err := d.desk.MayReadEvidence(ctx, by, "Incidents"); err != nil {
		return nil, "", err
	}
	if f.Limit < 1 || f.Limit > kernel.MaxPage {
		f.Limit = kernel.MaxPage
	}
	limit := f.Limit
	f.Limit++
	if err := d.desk.Store.ReadOne(ctx, func(stx *store.Tx) error {
		out, err = stx.Incidents(f)
		return err
	}); err != nil {
		return nil, "", err
	}
	if len(out) > limit {
		out = out[:limit]
		next = out[limit-1].ID
	}
	return out, next, nil
}

// ReadsIncidents reports whether the caller may read incidents.
func (d *Room) ReadsIncidents(ctx context.Context, by kernel.Caller) (bool, error) {
	err := d.desk.MayReadEvidence(ctx, by, "Incidents")
	if fault.Is(err, "not-yours-to-read") {
		return false, nil
	}
	return err == nil, err
}

// Incident returns an incident with its tasks.
func (d *Room) Incident(ctx context.Context, by kernel.Caller, id string) (incident.Incident, error) {
	if err := d.desk.MayReadEvidence(ctx, by, "Incidents"); err != nil {
		return incident.Incident{}, err
	}
	return d.loadIncident(ctx, id)
}
