package alarms

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"countersign.dev/actions"
	"countersign.dev/alarm"
	"countersign.dev/canonical"
	"countersign.dev/desk/kernel"
	"countersign.dev/fault"
	"countersign.dev/jobs"
	"countersign.dev/ledger"
	"countersign.dev/ledger/entry"
	"countersign.dev/ledger/proof"
	"countersign.dev/prose"
	"countersign.dev/store"
	"countersign.dev/wording"
)

// Alarm is something that people must know of, as readers of evidence see it.
type Alarm = store.Alarm

// Severities of an alarm.
const (
	Page = store.Page // somebody on call, now
	Warn = store.Warn // today
	Info = store.Info // whoever looks
)

// Destination is an address to which alarms are sent as Standard Webhooks.
type Destination struct {
	alarm.Endpoint
	Secrets []string     // those of Keys, as configured; a new secret reopens an address that has answered 410
	Kinds   []alarm.Type // empty: all
}

// id names the destination in the database without telling its address.
func (x Destination) id() string {
	d := canonical.Sum([]byte("countersign/destination/v1\n"), []byte(x.URL), []byte("\n"), []byte(strings.Join(x.Secrets, " ")))
	return hex.EncodeToString(d[:8])
}

const alarmSignal = "alarm"

// alarmJob is one attempt to send an alarm to an address.
type alarmJob struct {
	Alarm       string `json:"alarm"`
	Destination string `json:"destination"`
	Made        int    `json:"made"` // attempts before this one
}

func (alarmJob) Kind() string { return "desk.alarm" }

// Raise raises an alarm as part of the change, with an entry in the ledger. Once the change
// is committed, the alarm goes out as a live event, to the addresses, into the log and as a
// metric. The caller gives kind, severity and text, and the subject, request or incident
// that the alarm is about, if there is one.
func (d *Room) Raise(t *kernel.Tx, a Alarm) error { return d.alarmTo(t, a, alarm.Type(a.Kind)) }

// alarmTo raises an alarm and sends it to the addresses that want alarms of a kind, which
// may differ from the alarm's own kind.
func (d *Room) alarmTo(t *kernel.Tx, a Alarm, kind alarm.Type) error {
	a.ID, a.At = d.desk.IDs.New("alm"), t.Now()
	// Pagers and terminals show the text as they get it, and it may quote a mark or a
	// handle that a stranger chose.
	a.Text = prose.Show(a.Text)
	// The entry expects no state of the chain, since an alarm authorises nothing.
	rec := t.Tx.Append(ledger.Draft{Class: ledger.Desk, Kind: entry.KindAlarm, Expect: ledger.AnyNumber,
		Data:   entry.Alarm{Alarm: a.ID, Kind: a.Kind, Severity: string(a.Severity), Text: a.Text, Incident: a.Incident, Request: a.Request, Platform: a.Platform, Tier: a.Tier},
		Sealed: []ledger.Opening{kernel.Field("subject", subjectName(a.Platform, a.Subject))}})
	if a.Incident != "" {
		rec.About(a.Incident)
	}
	gathered, err := d.gathered(t, a)
	if err != nil {
		return err
	}
	t.InsertAlarm(a, rec)
	t.Signal(alarmSignal)
	t.LogAlarm(a)
	if gathered {
		return nil
	}
	for _, x := range d.destinations {
		if len(x.Kinds) == 0 || slices.Contains(x.Kinds, kind) {
			if err := jobs.Enqueue(t.Tx.Tx, alarmJob{Alarm: a.ID, Destination: x.id()}, t.Now(), a.ID+" "+x.id()); err != nil {
				return err
			}
		}
	}
	return nil
}

func subjectName(platform, id string) string {
	if id == "" {
		return ""
	}
	return platform + ":" + id
}

// sendAlarm makes one attempt to send an alarm, and enqueues the next attempt as a job of
// its own, if there is to be one. If the process dies after the attempt, the attempt is
// made again; receivers know an alarm by its identifier.
func (d *Room) sendAlarm(ctx context.Context, j alarmJob) error {
	to := slices.IndexFunc(d.destinations, func(x Destination) bool { return x.id() == j.Destination })
	if to < 0 {
		return nil // the address is no longer configured
	}
	var a Alarm
	var gone bool
	err := d.desk.Store.Read(ctx, func(stx *store.Tx) (err error) {
		if a, err = stx.Alarm(j.Alarm); err != nil {
			return err
		}
		since, err := stx.Disabled(j.Destination)
		gone = !since.IsZero()
		return err
	})
	if err != nil {
		return err
	}
	made := store.Delivery{Alarm: j.Alarm, Destination: j.Destination, Attempts: j.Made}
	if gone {
		made.Status = "gone"
		return d.sent(ctx, made, 0, false)
	}
	err = d.sender.Send(ctx, d.destinations[to].Endpoint, d.message(a))
	made.Attempts++
	var u *alarm.Undelivered
	if errors.As(err, &u) {
		made.Answer = u.Status
	}
	wait, again := alarm.Wait(err, made.Attempts, d.jitter())
	switch alarm.OutcomeOf(err) {
	case alarm.Delivered:
		made.Status = "delivered"
	case alarm.Gone:
		made.Status = "gone"
	case alarm.Refused:
		made.Status = "refused"
	default:
		made.Status = "waiting"
		if !again {
			made.Status = "given up"
		}
	}
	if err != nil {
		d.desk.Logger.WarnContext(ctx, "alarm not delivered", "alarm", a.ID, "attempt", made.Attempts, "outcome", made.Status, "error", err)
	}
	return d.sent(ctx, made, wait, again)
}

// sent stores how an attempt ended, and enqueues the next one if again is set.
func (d *Room) sent(ctx context.Context, made store.Delivery, wait time.Duration, again bool) error {
	return d.desk.Store.Write(context.WithoutCancel(ctx), func(stx *store.Tx) error {
		made.Updated = stx.Now()
		stx.SaveDelivery(made)
		if made.Status == "gone" {
			stx.DisableDestination(made.Destination, stx.Now())
		}
		if !again {
			return nil
		}
		return jobs.Enqueue(stx.Tx, alarmJob{made.Alarm, made.Destination, made.Attempts}, canonical.At(stx.Now().Add(wait)), made.Alarm+" "+made.Destination)
	})
}

// message returns an alarm in the form in which it leaves the desk: with identifiers, and
// without its subject. A receiver that may read more fetches the incident.
func (d *Room) message(a Alarm) alarm.Message {
	return alarm.Message{ID: a.ID, Type: alarm.Type(a.Kind), Time: a.At, Source: d.desk.Log.Origin, Data: canonical.MustMarshal(struct {
		Entry    int64          `json:"entry"` // index in the ledger
		Incident string         `json:"incident"`
		Platform string         `json:"platform"`
		Request  string         `json:"request"`
		Severity store.Severity `json:"severity"`
		Text     string         `json:"text"`
		Tier     actions.Tier   `json:"tier"`
	}{a.Entry, a.Incident, a.Platform, a.Request, a.Severity, a.Text, a.Tier})}
}

// jitter returns a number from 0 to 1.
func (d *Room) jitter() float64 {
	b := d.desk.Random(2)
	return float64(uint16(b[0])<<8|uint16(b[1])) / math.MaxUint16
}

// Filter chooses alarms, newest first.
type Filter struct {
	Kind   alarm.Type
	Before int64 // place of the last alarm that was seen; 0: from the newest
	Limit  int
}

// Alarms returns a page of alarms, newest first, and the place to go on from, 0
// at the end.
func (d *Room) Alarms(ctx context.Context, by kernel.Caller, f Filter) (as []Alarm, next int64, err error) {
	if err := d.desk.MayReadEvidence(ctx, by, "Alarms"); err != nil {
		return nil, 0, err
	}
	if f.Limit < 1 || f.Limit > kernel.MaxPage {
		f.Limit = kernel.MaxPage
	}
	err = d.desk.Store.ReadOne(ctx, func(stx *store.Tx) error {
		as, err = stx.AlarmsBefore(f.Before, string(f.Kind), f.Limit+1)
		return err
	})
	if len(as) > f.Limit {
		as = as[:f.Limit]
		next = as[f.Limit-1].Entry
	}
	return as, next, err
}

// Newest is the place for NextAlarms to begin after the newest alarm.
const Newest int64 = -2

// NextAlarms returns the alarms after a place, oldest first, as soon as there are
// any, or none when ctx ends; after is the place from which to go on. The place
// of an alarm is that of its ledger entry; -1 is the beginning. A place beyond the
// ledger's end is a fault of type "cursor-gone".
func (d *Room) NextAlarms(ctx context.Context, by kernel.Caller, place int64) (as []Alarm, after int64, err error) {
	woken, stop := d.desk.Store.DB().Listen(alarmSignal)
	defer stop()
	if place == Newest {
		if place, err = d.desk.Store.NewestAlarm(context.WithoutCancel(ctx)); err != nil {
			return nil, place, err
		}
	}
	// Alarms of another node do not wake this one.
	var elsewhere <-chan time.Time
	if d.desk.Store.Shared() {
		tick := time.NewTicker(alarmsElsewhere)
		defer tick.Stop()
		elsewhere = tick.C
	}
	for {
		if err := d.desk.MayReadEvidence(context.WithoutCancel(ctx), by, "Alarms"); err != nil {
			return nil, place, err
		}
		err := d.desk.Store.ReadOne(context.WithoutCancel(ctx), func(stx *store.Tx) (err error) {
			as, err = stx.AlarmsAfter(max(place, -1), kernel.MaxPage)
			return err
		})
		if err != nil || len(as) > 0 {
			if len(as) > 0 {
				place = as[len(as)-1].Entry
			}
			return as, place, err
		}
		if err := d.desk.Within(context.WithoutCancel(ctx), place); err != nil {
			return nil, place, err
		}
		select {
		case <-woken:
		case <-elsewhere:
		case <-ctx.Done():
			return nil, place, nil
		}
	}
}

// alarmsElsewhere is the time between two looks for alarms of other nodes. It is longer
// than kernel.LookElsewhere, since many may wait for alarms.
const alarmsElsewhere = 250 * time.Millisecond

// checkDestinations refuses, at start, destinations to which no alarm could ever be sent.
func checkDestinations(all []Destination) error {
	for i, x := range all {
		if _, err := alarm.Sign("check", time.Unix(1, 0), nil, x.Keys...); err != nil {
			return err
		}
		if slices.IndexFunc(all, func(y Destination) bool { return y.id() == x.id() }) != i {
			return fault.New(fault.Invalid, "bad-alarms", "Two addresses for alarms are the same.")
		}
		for _, k := range x.Kinds {
			if !slices.Contains(alarm.Types(), k) {
				return fault.New(fault.Invalid, "bad-alarms", "There is no kind of alarm %q; there are %s.", k, kindNames())
			}
		}
	}
	return nil
}

func kindNames() string {
	var names []string
	for _, k := range alarm.Types() {
		names = append(names, string(k))
	}
	slices.SortFunc(names, cmp.Compare[string])
	return strings.Join(names, ", ")
}

// RaiseRecovery pages the officers when somebody asks for a recovery, or for taking out a
// second officer: those whom it leaves out must see it while it waits.
func (d *Room) RaiseRecovery(t *kernel.Tx, r *store.Request, j proof.Judgement) error {
	if j.ByLaw == nil {
		return nil
	}
	return d.Raise(t, Alarm{Kind: string(alarm.Recovery), Severity: Page, Request: r.ID,
		Text: fmt.Sprintf("%s asks %s. %s", r.Requester(), wording.Asked(r.Action), j.ByLaw.Reason.Text)})
}

// RaiseFreeze raises an alarm for a freeze, a thaw, or an end of somebody else's sessions that
// takes effect, and none for other changes.
func (d *Room) RaiseFreeze(t *kernel.Tx, ch actions.Change, st actions.Statement) error {
	if k, ok := ch.(actions.Keys); ok && k.Void != nil {
		a := Alarm{Kind: string(alarm.SessionsVoided), Severity: Warn, Request: st.Request, Text: wording.Voided(st.Signer, *k.Void)}
		switch {
		case k.Void.Pages():
			a.Severity = Page
		case t.State.OwnVoid(st, *k.Void):
			return nil // people end their own sessions as a matter of course
		}
		return d.Raise(t, a)
	}
	f, ok := ch.(actions.Freeze)
	if !ok {
		return nil
	}
	a := Alarm{Kind: string(alarm.Frozen), Severity: Page, Request: st.Request, Text: wording.Froze(st.Signer, f)}
	if f.Thaws() {
		a.Kind, a.Severity, a.Text = string(alarm.Thawed), Warn, wording.Thawed(st.Signer, f)
	}
	if f.Scope == actions.ScopePlatform {
		a.Platform = f.Of
	}
	return d.Raise(t, a)
}
