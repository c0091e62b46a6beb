// Package inbox is the desk's room for what it tells each person: a new session, a copy of what
// the person's own key signed, a request that waits for the person's signature, a case that
// comes back. A message is a row that its person reads, and goes besides to the address that the
// person has declared, if there is one.
//
// It trusts no row with an address: addresses are encrypted under a key that is not in the
// database, and the ledger says which declaration is a person's newest. It promises that one
// thing is told once to one person, together with the change that causes it, and that a change
// of the address is told where messages went before.
package inbox

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"time"

	"countersign.dev/alarm"
	"countersign.dev/canonical"
	"countersign.dev/desk/alarms"
	"countersign.dev/desk/kernel"
	"countersign.dev/fault"
	"countersign.dev/jobs"
	"countersign.dev/store"
	"countersign.dev/workforce"
)

// SecretSize is the number of bytes of the key under which addresses are encrypted.
const SecretSize = 32

// Config holds the settings of the room.
type Config struct {
	// Secret is the key under which addresses are encrypted: SecretSize bytes, the same at every
	// node of the desk.
	Secret []byte
	Sender alarm.Sender
	// AllowPrivate opens addresses of this network to what people declare. Any person at the desk
	// could then make this machine call addresses that only it can reach.
	AllowPrivate alarm.Private
	Keep         time.Duration // of a message; 0: 90 days
	Most         int           // messages of one kind to one person; 0: 500
}

const (
	defaultKeep = 90 * 24 * time.Hour
	defaultMost = 500
	forgetEvery = time.Hour
)

// Room is this room of the desk. It is safe for concurrent use.
type Room struct {
	desk    *kernel.Kernel
	alarms  *alarms.Room
	sender  alarm.Sender
	private alarm.Private
	seal    cipher.AEAD
	secret  []byte // under which messages are kept; see kept
	keep    time.Duration
	most    int
}

// New opens the room and registers its jobs.
func New(k *kernel.Kernel, a *alarms.Room, c Config) (*Room, error) {
	if len(c.Secret) != SecretSize {
		return nil, fmt.Errorf("the key under which addresses are kept has %d bytes; it needs %d", len(c.Secret), SecretSize)
	}
	block, err := aes.NewCipher(c.Secret)
	if err != nil {
		return nil, fmt.Errorf("open the inbox: %w", err)
	}
	d := &Room{desk: k, alarms: a, sender: c.Sender, private: c.AllowPrivate, keep: c.Keep, most: c.Most}
	if d.seal, err = cipher.NewGCMWithRandomNonce(block); err != nil {
		return nil, fmt.Errorf("open the inbox: %w", err)
	}
	of := hmac.New(sha256.New, c.Secret)
	of.Write([]byte("messages"))
	d.secret = of.Sum(nil)
	if d.keep == 0 {
		d.keep = defaultKeep
	}
	if d.most == 0 {
		d.most = defaultMost
	}
	jobs.Handle(k.Slow, d.deliver)
	return d, nil
}

// Run forgets old messages, until ctx ends.
func (d *Room) Run(ctx context.Context) {
	tick := time.NewTicker(forgetEvery)
	defer tick.Stop()
	for {
		if err := d.ForgetOld(ctx); err != nil && ctx.Err() == nil {
			d.desk.Logger.ErrorContext(ctx, "old messages are not forgotten", "error", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// ForgetOld deletes the messages whose time is over.
func (d *Room) ForgetOld(ctx context.Context) error {
	return d.desk.Store.Write(ctx, func(stx *store.Tx) error {
		_, err := stx.ForgetMessages(canonical.At(stx.Now().Add(-d.keep)))
		return err
	})
}

// Tell gives a person a message with the change that causes it. What the person was told already
// is not told again.
func (d *Room) Tell(t *kernel.Tx, to workforce.WorkerID, n Note) error {
	told, channel, err := t.ToldMessage(to, n.about)
	if err != nil || told {
		return err
	}
	d.insert(t, to, n)
	if channel == 0 {
		return nil
	}
	return enqueue(t.Tx, messageJob{Worker: to, Message: n.about}, t.Now())
}

func (d *Room) insert(t *kernel.Tx, to workforce.WorkerID, n Note) {
	m := store.Message{Worker: to, Kind: string(n.Kind), Key: n.about, Time: t.Now()}
	content := canonical.MustMarshal(n.Content)
	m.Body = canonical.MustMarshal(kept{Content: content, MAC: d.mac(m, content)})
	t.InsertMessage(m, d.most)
}

// kept is a message's row: what it says, and a code under a key that is not in the database, so that
// nobody who edits it has the desk say something else.
type kept struct {
	Content canonical.Raw   `json:"content"`
	MAC     canonical.Bytes `json:"mac"`
}

func (d *Room) mac(m store.Message, content []byte) []byte {
	h := hmac.New(sha256.New, d.secret)
	h.Write(canonical.MustMarshal([]any{"countersign/message/v1", m.Worker, m.Kind, m.Key, m.Time, canonical.Sum(content)}))
	return h.Sum(nil)
}

// said returns what a message says; ok is false if somebody has edited or made it up in the database.
func (d *Room) said(m store.Message) (content []byte, ok bool) {
	var k kept
	if canonical.UnmarshalExact(m.Body, &k) != nil || !hmac.Equal(k.MAC, d.mac(m, k.Content)) {
		return nil, false
	}
	return k.Content, true
}

// Message is a message as its person reads it.
type Message struct {
	N    int64 // of the person's messages, from 1
	Kind Kind
	At   canonical.Time
	Read bool
	Content
}

// Mailbox is how far a person's messages go.
type Mailbox = store.Mailbox

// Filter chooses messages.
type Filter struct {
	After  int64 // number; not 0: the messages after it, oldest first
	Before int64 // number; not 0: the messages before it, newest first
	Limit  int
	// Oldest, without After and Before, begins with the oldest message and not with the newest.
	Oldest bool
}

// Inbox returns messages to the caller, newest first unless the filter says otherwise, and how far
// the messages go.
func (d *Room) Inbox(ctx context.Context, by kernel.Caller, f Filter) (all []Message, box Mailbox, err error) {
	if _, _, err := d.desk.Standing(ctx, by); err != nil {
		return nil, box, err
	}
	if f.Limit < 1 || f.Limit > kernel.MaxPage {
		f.Limit = kernel.MaxPage
	}
	var rows []store.Message
	if err := d.desk.Store.Read(ctx, func(stx *store.Tx) (err error) {
		if box, err = stx.Mailbox(by.Worker); err != nil {
			return err
		}
		switch {
		case f.After > 0 || f.Oldest:
			rows, err = stx.MessagesAfter(by.Worker, f.After, f.Limit)
		case f.Before > 0:
			rows, err = stx.MessagesBefore(by.Worker, f.Before, f.Limit)
		default:
			rows, err = stx.MessagesBefore(by.Worker, box.Newest+1, f.Limit)
		}
		return err
	}); err != nil {
		return nil, box, err
	}
	for _, row := range rows {
		m := Message{N: row.N, Kind: Kind(row.Kind), At: row.Time, Read: row.N <= box.Seen}
		content, ok := d.said(row)
		if !ok {
			m.Text = "The database does not hold what the desk told you here: somebody edited this message, or made it up. Tell security."
			all = append(all, m)
			continue
		}
		if err := canonical.Unmarshal(content, &m.Content); err != nil {
			return nil, box, fault.New(fault.Internal, "bad-message", "A message cannot be read.").Because(err)
		}
		all = append(all, m)
	}
	return all, box, nil
}

// Mailbox returns how far the messages to the caller go.
func (d *Room) Mailbox(ctx context.Context, by kernel.Caller) (box Mailbox, err error) {
	err = d.desk.Store.ReadOne(ctx, func(stx *store.Tx) error {
		box, err = stx.Mailbox(by.Worker)
		return err
	})
	return box, err
}

// ReadInbox notes that the caller has read the messages up to a number. The mark never moves back.
func (d *Room) ReadInbox(ctx context.Context, by kernel.Caller, upto int64) (box Mailbox, err error) {
	if _, _, err := d.desk.Standing(ctx, by); err != nil {
		return box, err
	}
	if upto < 0 {
		return box, fault.New(fault.Invalid, "bad-parameter", "The messages have numbers from 1 on; %d is none.", upto)
	}
	if err := d.desk.Store.Write(ctx, func(stx *store.Tx) error {
		stx.ReadUpTo(by.Worker, upto)
		return nil
	}); err != nil {
		return box, err
	}
	return d.Mailbox(ctx, by)
}
