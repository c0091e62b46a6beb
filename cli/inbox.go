package cli

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"strings"
	"time"

	"countersign.dev/actions"
	v1 "countersign.dev/api/v1"
	"countersign.dev/canonical"
	"countersign.dev/fault"
	"countersign.dev/wording"
)

type inboxCommand struct {
	After  int64         `default:"-1" placeholder:"NUMBER" help:"The messages after this number, oldest first; 0: from the oldest on. Left out: the newest first."`
	Before int64         `placeholder:"NUMBER" help:"The messages before this number, newest first."`
	Limit  int           `default:"50" help:"At most so many; 100 is the most."`
	Read   bool          `help:"Note that you have read what is shown, and all before it."`
	Follow time.Duration `help:"Wait this long for messages as they come, and answer with those."`
}

func (c *inboxCommand) Help() string {
	return "The desk tells you of each new session of yours, sends you a copy of what your own key signs, and says which requests wait for a signature that you could give and which cases come back to you. " +
		"Look here when you doubt a page: a session or a signature that was not yours means that somebody has your key. Messages are kept for 90 days. " +
		"With `countersign channel set --webhook URL` they also go to an address of yours."
}

// followEvery is the time between two looks for messages.
const followEvery = 2 * time.Second

func (c *inboxCommand) Run(ctx context.Context, s *Session) error {
	d, err := s.desk()
	if err != nil {
		return err
	}
	if c.After >= 0 && c.Before > 0 {
		return fault.New(fault.Invalid, "wrong-use", "Give --after or --before, not both.")
	}
	box, err := d.Inbox(ctx, v1.InboxFilter{After: c.After, Before: c.Before, Limit: c.Limit})
	if err != nil {
		return err
	}
	if c.Follow > 0 {
		if c.After < 0 {
			box.Items, c.After = nil, box.Newest
		}
		if box.Items, err = c.follow(ctx, s, d, box.Items); err != nil {
			return err
		}
	}
	if c.Read && len(box.Items) > 0 {
		newest := int64(0)
		for _, m := range box.Items {
			newest = max(newest, m.Number)
		}
		if box.Mailbox, err = d.ReadInbox(ctx, newest); err != nil {
			return err
		}
	}
	return s.Answer(box, func(p *Page) {
		if len(box.Items) == 0 {
			p.Line("No messages.")
		}
		for _, m := range box.Items {
			p.Line("%s", messageLine(m))
		}
		if !c.Read && box.Unread > 0 {
			p.Line("%s unread. --read notes that you have read what is shown.", wording.Many(int(box.Unread), "message"))
		}
	})
}

// follow says messages as they come, until the time is over or there are as many as were asked for.
func (c *inboxCommand) follow(ctx context.Context, s *Session, d deskClient, all []v1.Message) ([]v1.Message, error) {
	say := func(fresh []v1.Message) {
		for _, m := range fresh {
			s.Say("%s", messageLine(m))
			c.After = max(c.After, m.Number)
		}
	}
	say(all)
	waiting, cancel := context.WithTimeout(ctx, c.Follow)
	defer cancel()
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	for len(all) < c.Limit {
		select {
		case <-waiting.Done():
			return all, ctx.Err()
		case <-tick.C:
		}
		box, err := d.Inbox(ctx, v1.InboxFilter{After: c.After, Limit: c.Limit - len(all)})
		if err != nil {
			return all, err
		}
		say(box.Items)
		all = append(all, box.Items...)
	}
	return all, nil
}

func messageLine(m v1.Message) string {
	mark := " "
	if !m.Read {
		mark = "*"
	}
	return fmt.Sprintf("%s%d  %s  %s: %s", mark, m.Number, precise(m.At), strings.ReplaceAll(m.Kind, "-", " "), m.Text)
}

type channelCommands struct {
	Show  channelShow  `cmd:"" help:"Say where the desk sends your messages besides the inbox, and how that went last."`
	Set   channelSet   `cmd:"" help:"Have the desk send your messages to an address of yours as well. Your own key signs it."`
	Clear channelClear `cmd:"" help:"Have the desk send your messages nowhere; they stay in the inbox. Your own key signs it."`
}

func (channelCommands) Help() string {
	return "Your messages are always in your inbox: countersign inbox. An address besides it is a webhook: an https POST, signed as Standard Webhooks 1.0 says, whose body is a CloudEvent. " +
		"So you hear of a session or a signature that was not yours while you are away from the desk. " +
		"A change is told at the address before it. The desk keeps the address encrypted, and the ledger has only that you declared one."
}

type channelShow struct{}

func (c *channelShow) Run(ctx context.Context, s *Session) error {
	d, err := s.desk()
	if err != nil {
		return err
	}
	ch, err := d.Channel(ctx)
	if err != nil {
		return err
	}
	return s.Answer(ch, func(p *Page) { sayChannel(p, ch) })
}

func sayChannel(p *Page, ch v1.Channel) {
	switch {
	case ch.Altered:
		p.Line("The database does not hold what you declared: somebody else changed it. Nothing is sent, and your messages stay in the inbox. Tell security, and declare it again: countersign channel set --webhook URL")
	case !ch.Webhook:
		p.Line("Your messages are in your inbox (countersign inbox), and are sent nowhere. countersign channel set --webhook URL sends them to an address of yours as well.")
	default:
		p.Line("Your messages are in your inbox, and go to %s as you declared on %s.", ch.Host, wording.When(ch.Time))
		switch ch.Status {
		case "":
		case "gone":
			p.Line("The address has answered 410 and gets nothing more. Declare another one.")
		default:
			p.Line("The last one, of %s: %s.", wording.When(ch.Tried), attempt(ch))
		}
	}
}

func attempt(ch v1.Channel) string {
	if ch.Answer != 0 {
		return fmt.Sprintf("%s (%d)", ch.Status, ch.Answer)
	}
	return ch.Status
}

type channelSet struct {
	Webhook string `required:"" placeholder:"URL" help:"https, on port 443 of a public address. The desk shows nobody more of it than its host."`
	Secret  string `placeholder:"FILE" help:"Read the secret that signs the messages from a file: whsec_ and base64. Left out: a new one is made and shown once."`
	Keep    string `placeholder:"FILE" help:"Write what opens the signed deed, with the address and its salt, to a new file that only you may read. The desk does not keep it."`
	Yes     bool   `short:"y" help:"Sign without asking. What is signed is shown all the same."`
}

// setChannel is the answer of channel set.
type setChannel struct {
	v1.Channel
	Secret string `json:"secret,omitzero"` // that was made here
}

func (c *channelSet) Run(ctx context.Context, s *Session) error {
	var secret string
	made := c.Secret == ""
	if made {
		random := make([]byte, 32)
		if _, err := io.ReadFull(s.Rand, random); err != nil {
			return fmt.Errorf("make a secret: %w", err)
		}
		secret = "whsec_" + base64.StdEncoding.EncodeToString(random)
	} else {
		b, err := ReadFile(c.Secret, 1000)
		if err != nil {
			return err
		}
		if secret = strings.TrimSpace(string(b)); !strings.HasPrefix(secret, "whsec_") {
			return fault.New(fault.Invalid, "bad-channel", "%s holds no secret of a webhook: it begins with whsec_.", c.Secret)
		}
	}
	ch, err := s.declareChannel(ctx, c.Webhook, secret, "Messages also go to "+c.Webhook, c.Keep, c.Yes)
	if err != nil {
		return err
	}
	out := setChannel{Channel: ch}
	if made {
		out.Secret = secret
	}
	return s.Answer(out, func(p *Page) {
		sayChannel(p, ch)
		if made {
			p.Line("The secret that signs your messages, shown this once: %s", secret)
		}
		p.Line("The first message says that this address is yours now.")
	})
}

type channelClear struct {
	Yes bool `short:"y" help:"Sign without asking. What is signed is shown all the same."`
}

func (c *channelClear) Run(ctx context.Context, s *Session) error {
	ch, err := s.declareChannel(ctx, "", "", "Messages are only read in the inbox", "", c.Yes)
	if err != nil {
		return err
	}
	return s.Answer(ch, func(p *Page) { sayChannel(p, ch) })
}

// declareChannel signs and hands in a declaration of an address, or of none.
func (s *Session) declareChannel(ctx context.Context, webhook, secret, what, keep string, yes bool) (ch v1.Channel, err error) {
	d, err := s.desk()
	if err != nil {
		return ch, err
	}
	me, err := s.workerName()
	if err != nil {
		return ch, err
	}
	if ch, err = d.Channel(ctx); err != nil {
		return ch, err
	}
	text := actions.ChannelText(webhook, secret)
	deed, err := s.deed(ctx, d, actions.Deed{What: actions.DeedChannel, Of: string(me), Version: ch.Number}, text, what, canonical.Time{}, yes)
	if err != nil {
		return ch, err
	}
	if keep != "" {
		if err := newSecret(keep, keptDeed{deed, text}); err != nil {
			return ch, err
		}
	}
	return d.DeclareChannel(ctx, v1.ChannelDeclaration{Webhook: webhook, Secret: secret, Deed: deed})
}
