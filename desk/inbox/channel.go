package inbox

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"

	"countersign.dev/actions"
	"countersign.dev/alarm"
	"countersign.dev/canonical"
	"countersign.dev/desk/alarms"
	"countersign.dev/desk/kernel"
	"countersign.dev/fault"
	"countersign.dev/jobs"
	"countersign.dev/ledger/entry"
	"countersign.dev/ledger/proof"
	"countersign.dev/store"
	"countersign.dev/workforce"
)

// Channel is where messages to a person go besides the inbox.
type Channel struct {
	N       int64  // of the person's declarations; 0: none was made
	Webhook bool   // false: the inbox is only read
	Host    string // of the address, whose path and query may be secret
	Time    canonical.Time
	Deed    string
	Status  string // of the newest attempt to send: "delivered", "waiting", "gone", "refused" or "given up"; empty: none was made
	Answer  int    // the HTTP status of that attempt; 0: none
	Tried   canonical.Time
	// Altered says that the database does not hold what the person declared: nothing is sent.
	Altered bool
}

// address is what is encrypted of a declaration.
type address struct {
	Secret  string `json:"secret"`
	Webhook string `json:"webhook"`
}

// maxURL is the longest address, in bytes.
const maxURL = 2000

// altered is the status of an address that somebody else has changed.
const altered = "altered"

// bound are the parts of a declaration's row with which its address is encrypted.
func bound(c store.Channel) []byte {
	return canonical.MustMarshal([]any{"countersign/channel/v1", c.Worker, c.N, c.Webhook, c.Deed, c.Time})
}

// endpoint decrypts a declaration's address; ok is false if somebody has changed the row.
func (d *Room) endpoint(c store.Channel) (to alarm.Endpoint, ok bool) {
	plain, err := d.seal.Open(nil, nil, c.Address, bound(c))
	if err != nil {
		return to, false
	}
	var a address
	if canonical.UnmarshalExact(plain, &a) != nil {
		return to, false
	}
	to, err = d.endpointOf(a)
	return to, err == nil
}

func (d *Room) endpointOf(a address) (to alarm.Endpoint, err error) {
	to = alarm.Endpoint{URL: a.Webhook, AllowPrivate: d.private}
	if a.Webhook == "" {
		if a.Secret != "" {
			return to, badChannel("A secret without an address is none.")
		}
		return to, nil
	}
	if len(a.Webhook) > maxURL {
		return to, badChannel("An address has at most %d bytes.", maxURL)
	}
	key, err := alarm.ParseKey(a.Secret)
	if err != nil {
		return to, err
	}
	if !strings.HasPrefix(a.Secret, "whsec_") {
		return to, badChannel("The secret of your channel begins with whsec_: you and the desk both know it.")
	}
	to.Keys = []alarm.Key{key}
	if err := to.Check(); fault.Is(err, "bad-alarm-url") {
		return to, badChannel("The address of your channel is an https URL without user, password and fragment.")
	} else if err != nil {
		return to, err
	}
	return to, nil
}

func badChannel(format string, args ...any) error {
	return fault.New(fault.Invalid, "bad-channel", format, args...)
}

// channelOf is the name under which the ledger's entries about a person's channel are found, and
// deedOf that of one deed.
func channelOf(w workforce.WorkerID) string { return "channel of " + string(w) }
func deedOf(digest string) string           { return "deed " + digest }

// newest reports whether the ledger says of a declaration that it was made and is the person's
// newest. All entries since the declaration's own time are about it or newer.
func newest(stx *store.Tx, c store.Channel) (made, last bool, err error) {
	since, err := stx.EntriesAbout(channelOf(c.Worker), c.Time, 2)
	if err != nil || len(since) == 0 {
		return false, false, err
	}
	var e entry.Channel
	if canonical.UnmarshalExact(since[0].Body.Data, &e) != nil {
		return false, false, nil
	}
	made = e.Worker == c.Worker && e.Webhook == c.Webhook && e.Deed.Deed.Digest().String() == c.Deed
	return made, made && len(since) == 1, nil
}

// Channel returns where messages to the caller go.
func (d *Room) Channel(ctx context.Context, by kernel.Caller) (out Channel, err error) {
	if _, _, err := d.desk.Standing(ctx, by); err != nil {
		return out, err
	}
	err = d.desk.Store.Read(ctx, func(stx *store.Tx) error {
		out, err = d.read(stx, by.Worker)
		return err
	})
	return out, err
}

func (d *Room) read(stx *store.Tx, w workforce.WorkerID) (Channel, error) {
	c, ok, err := stx.Channel(w, 0)
	if err != nil {
		return Channel{}, err
	}
	if !ok {
		// Whoever deletes the rows of a person is found out by the ledger.
		declared, err := stx.EntriesAbout(channelOf(w), canonical.Time{}, 1)
		return Channel{Altered: len(declared) > 0}, err
	}
	out := Channel{N: c.N, Webhook: c.Webhook, Time: c.Time, Deed: c.Deed, Status: c.Status, Answer: c.Answer, Tried: c.Tried}
	_, last, err := newest(stx, c)
	to, good := d.endpoint(c)
	out.Altered = !last || !good
	if out.Webhook && good {
		out.Host = to.Host()
	}
	return out, err
}

// DeclareChannel takes the caller's signed declaration of the address to which messages go besides
// the inbox, with the secret that signs them; both empty end it. The deed names the number of the
// declaration before it as its version. The same deed again gives the same answer. The change is
// told at the address before it, at the new one, and in the inbox.
func (d *Room) DeclareChannel(ctx context.Context, by kernel.Caller, webhook, secret string, deed actions.SaltedDeed) (out Channel, err error) {
	again := func(stx *store.Tx) (bool, error) {
		have, err := stx.EntriesAbout(deedOf(deed.Deed.Digest().String()), canonical.Time{}, 1)
		if err != nil || len(have) == 0 {
			return false, err
		}
		var e entry.Channel
		if canonical.UnmarshalExact(have[0].Body.Data, &e) != nil || e.Worker != by.Worker || canonical.DigestOf(e.Deed) != canonical.DigestOf(deed.SignedDeed()) {
			return false, nil // it is judged as a new deed, and refused
		}
		out, err = d.read(stx, by.Worker)
		return true, err
	}
	done := false
	if err := d.desk.Store.Read(ctx, func(stx *store.Tx) error { done, err = again(stx); return err }); err != nil || done {
		return out, err
	}
	err = d.desk.Change(ctx, by, "declare a channel", func(s *proof.State) (func(*kernel.Tx) error, error) {
		if _, err := d.desk.Engaged(s, by); err != nil {
			return nil, err
		}
		a := address{secret, webhook}
		to, err := d.endpointOf(a)
		if err != nil {
			return nil, err
		}
		if err := d.declares(ctx, s, by, a, deed); err != nil {
			return nil, err
		}
		digest := deed.Deed.Digest()
		return func(t *kernel.Tx) error {
			if done, err := again(t.Tx); err != nil || done {
				return err
			}
			old, _, err := t.Channel(by.Worker, 0)
			if err != nil {
				return err
			}
			if old.N != deed.Deed.Version {
				return fault.New(fault.Conflict, "stale-version", "You have declared a channel since: that was your declaration %d, and this one follows %d. Look at it again.", old.N, deed.Deed.Version)
			}
			c := store.Channel{Worker: by.Worker, N: old.N + 1, Webhook: webhook != "", Deed: digest.String(), Time: t.Now()}
			c.Address = d.seal.Seal(nil, nil, canonical.MustMarshal(a), bound(c))
			t.Enter(entry.KindChannel, entry.Channel{Deed: deed.SignedDeed(), Webhook: c.Webhook, Worker: by.Worker}).About(deedOf(c.Deed), channelOf(by.Worker))
			if err := t.InsertChannel(c); err != nil {
				return err
			}
			out = Channel{N: c.N, Webhook: c.Webhook, Time: c.Time, Deed: c.Deed}
			if c.Webhook {
				out.Host = to.Host()
			}
			n := moved(digest, deed.Signed.Statement.Key, c.Webhook)
			d.insert(t, by.Worker, n)
			for _, x := range []store.Channel{old, c} {
				if !x.Webhook {
					continue
				}
				if err := enqueue(t.Tx, messageJob{Worker: by.Worker, Message: n.about, Channel: x.N}, t.Now()); err != nil {
					return err
				}
			}
			return nil
		}, nil
	})
	return out, err
}

// declares checks that a deed is the caller's own, was signed lately with the caller's own key, and
// declares exactly this address.
func (d *Room) declares(ctx context.Context, s *proof.State, by kernel.Caller, a address, signed actions.SaltedDeed) error {
	if err := d.desk.HandedIn(by, signed.Signed); err != nil {
		return err
	}
	commitment, err := proof.Sealing(actions.DeedChannel, actions.ChannelText(a.Webhook, a.Secret), signed.Salt).Commitment()
	if err != nil || !signed.Deed.Says(actions.Deed{What: actions.DeedChannel, Of: string(by.Worker)}) || signed.Deed.Text != commitment {
		return fault.New(fault.Forbidden, "bad-deed", "The deed that %s signed is not the one that is handed in here.", by.Worker)
	}
	return d.desk.MayDo(ctx, s, signed.SignedDeed())
}

// messageJob is one attempt to send a message to its person's address.
type messageJob struct {
	Worker  workforce.WorkerID `json:"worker"`
	Message string             `json:"message"` // what it is about
	Channel int64              `json:"channel"` // the declaration whose address it goes to; 0: the newest at the time of the attempt
	Made    int                `json:"made"`    // attempts before this one
}

func (messageJob) Kind() string { return "desk.message" }

func enqueue(stx *store.Tx, j messageJob, at canonical.Time) error {
	return jobs.Enqueue(stx.Tx, j, at, fmt.Sprintf("%s %d %s", j.Worker, j.Channel, j.Message))
}

// deliver makes one attempt to send a message, and enqueues the next attempt as a job of its own,
// if there is to be one. If the process dies after the attempt, it is made again; receivers know a
// message by its identifier. Whoever was replaced as the newest address gets nothing more but the
// word that it was replaced.
func (d *Room) deliver(ctx context.Context, j messageJob) error {
	var m store.Message
	var c store.Channel
	var there, declared, made, last bool
	if err := d.desk.Store.Read(ctx, func(stx *store.Tx) (err error) {
		if m, there, err = stx.Message(j.Worker, j.Message); err != nil || !there {
			return err
		}
		if c, declared, err = stx.Channel(j.Worker, j.Channel); err != nil || !declared {
			return err
		}
		made, last, err = newest(stx, c)
		return err
	}); err != nil || !there || !declared || !c.Webhook || c.Status == "gone" {
		return err
	}
	s, err := d.desk.State(ctx)
	if err != nil || !s.People.Standing(j.Worker, d.desk.Now()).Engaged {
		return err // who has left is told nothing more
	}
	content, ok := d.said(m)
	if !ok {
		d.desk.Logger.ErrorContext(ctx, "a message in the database was edited, or made up; it is not sent", "worker", j.Worker)
		return nil
	}
	to, good := d.endpoint(c)
	if !good || !made || j.Channel == 0 && !last {
		return d.alter(ctx, c)
	}
	err = d.sender.Send(ctx, to, d.outgoing(m, content))
	j.Made++
	was := c.Status
	c.Answer, c.Tried = 0, d.desk.TimeNow()
	var u *alarm.Undelivered
	if errors.As(err, &u) {
		c.Answer = u.Status
	}
	wait, again := alarm.Wait(err, j.Made, d.jitter())
	switch alarm.OutcomeOf(err) {
	case alarm.Delivered:
		c.Status = "delivered"
	case alarm.Gone:
		c.Status = "gone"
	case alarm.Refused:
		c.Status = "refused"
	default:
		c.Status = "waiting"
		if !again {
			c.Status = "given up"
		}
	}
	if err != nil {
		d.desk.Logger.WarnContext(ctx, "message not delivered", "worker", j.Worker, "kind", m.Kind, "attempt", j.Made, "outcome", c.Status, "error", err)
	}
	return d.desk.Store.Write(context.WithoutCancel(ctx), func(stx *store.Tx) error {
		if _, err := stx.SaveAttempt(c, was); err != nil {
			return err
		}
		if !again {
			return nil
		}
		return enqueue(stx, j, canonical.At(stx.Now().Add(wait)))
	})
}

// alter notes that somebody has changed a declaration in the database, and raises an alarm once.
// The message stays in the inbox.
func (d *Room) alter(ctx context.Context, c store.Channel) error {
	if c.Status == altered {
		return nil
	}
	was := c.Status
	c.Status, c.Answer, c.Tried = altered, 0, d.desk.TimeNow()
	return d.desk.Retry(ctx, func(*proof.State) (func(*kernel.Tx) error, error) {
		return func(t *kernel.Tx) error {
			changed, err := t.SaveAttempt(c, was)
			if err != nil || !changed {
				return err
			}
			return d.alarms.Raise(t, alarms.Alarm{Kind: string(alarm.ChannelAltered), Severity: alarms.Page, Text: fmt.Sprintf("The database does not hold the address that %s declared for messages: somebody else changed it. "+
				"Nothing is sent there, and the messages stay in the inbox. %[1]s declares the address again with `countersign channel set --webhook URL`.", c.Worker)})
		}, nil
	})
}

// outgoing is a message in the form in which it leaves the desk.
func (d *Room) outgoing(m store.Message, content []byte) alarm.Message {
	// The identifier is the same in every attempt and tells nobody the person's pseudonym.
	id := canonical.Sum([]byte("countersign/message/v1\n"), []byte(m.Worker), []byte("\n"), []byte(m.Key)).String()
	return alarm.Message{ID: "msg_" + strings.TrimPrefix(id, "sha256:")[:32], Type: alarm.Type("message." + strings.ReplaceAll(m.Kind, "-", "_")), Time: m.Time, Source: d.desk.Log.Origin, Data: content}
}

// jitter returns a number from 0 to 1.
func (d *Room) jitter() float64 {
	b := d.desk.Random(2)
	return float64(uint16(b[0])<<8|uint16(b[1])) / math.MaxUint16
}
