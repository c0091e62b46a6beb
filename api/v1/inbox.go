package v1

import (
	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/workforce"
)

// Message is what the desk told a person. Members that its kind has no use for are left out.
type Message struct {
	Number   int64            `json:"number" doc:"of your messages, from 1"`
	Kind     string           `json:"kind" enum:"session,signature,waits-for-you,your-turn,channel"`
	At       canonical.Time   `json:"at"`
	Read     bool             `json:"read" doc:"your mark stands here or further on"`
	Text     string           `json:"text"`
	Act      actions.Kind     `json:"act,omitzero"`
	Case     string           `json:"case,omitzero"`
	Digest   canonical.Digest `json:"digest,omitzero" doc:"of the action, the session or the deed"`
	Expires  canonical.Time   `json:"expires,omitzero"`
	Key      workforce.KeyID  `json:"key,omitzero" doc:"your own key that signed"`
	Platform string           `json:"platform,omitzero"`
	Request  string           `json:"request,omitzero"`
	Subject  string           `json:"subject,omitzero" doc:"of an act that you signed"`
	Tier     actions.Tier     `json:"tier,omitzero"`
	Verdict  actions.Verdict  `json:"verdict,omitzero" doc:"what you signed about the action"`
}

// Inbox is a stretch of the messages to a person.
type Inbox struct {
	Mailbox
	Items []Message `json:"items"`
}

// Mailbox is how far the messages to a person go.
type Mailbox struct {
	Newest int64 `json:"newest" doc:"number of the newest message; 0: there was none"`
	Seen   int64 `json:"seen" doc:"you have read up to this number"`
	Unread int64 `json:"unread"`
}

// InboxFilter chooses messages.
type InboxFilter struct {
	After  int64 // the messages after this number, oldest first; negative: not asked for
	Before int64 // the messages before this number, newest first; 0: from the newest on
	Limit  int
}

// ReadMark moves the mark up to which messages are read.
type ReadMark struct {
	Upto int64 `json:"upto" minimum:"0" doc:"number of the newest message that you have read; the mark never moves back"`
}

// Channel is where messages go besides the inbox.
type Channel struct {
	Number  int64          `json:"number" doc:"of your declarations, from 1; 0: there is none. The next deed names it as its version"`
	Webhook bool           `json:"webhook" doc:"false: messages are only read in the inbox"`
	Host    string         `json:"host" doc:"of the address; the desk shows no more of it"`
	Time    canonical.Time `json:"time"`
	Deed    string         `json:"deed" doc:"digest of the deed"`
	Status  string         `json:"status" enum:",delivered,waiting,gone,refused,given up,altered" doc:"of the newest attempt to send; empty: none was made"`
	Answer  int            `json:"answer" doc:"HTTP status of that attempt; 0: none"`
	Tried   canonical.Time `json:"tried"`
	Altered bool           `json:"altered" doc:"the database does not hold what you declared: nothing is sent, and you should declare it again"`
}

// ChannelDeclaration is a signed declaration of the address to which messages go.
type ChannelDeclaration struct {
	Webhook string             `json:"webhook" maxLength:"2000" doc:"https, on port 443 of a public address; empty: none"`
	Secret  string             `json:"secret" maxLength:"200" doc:"whsec_ and base64 of 24 to 64 bytes: it signs what is sent, as Standard Webhooks says; empty without an address"`
	Deed    actions.SaltedDeed `json:"deed" doc:"what you signed of it with your own key: worker.channel, of you, in the version that is the number of your declaration before; its text is {\"secret\":DIGEST,\"webhook\":URL} in canonical JSON"`
}
