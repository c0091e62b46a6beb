package inbox

import (
	"fmt"
	"strings"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/wording"
	"countersign.dev/workforce"
)

// Kind says what a message is about.
type Kind string

// The kinds of messages.
const (
	KindSession   Kind = "session"       // a session of the reader began
	KindSignature Kind = "signature"     // a copy of what the reader's own key signed
	KindWaits     Kind = "waits-for-you" // a request is held, and the reader could sign it
	KindTurn      Kind = "your-turn"     // a case comes back to the reader
	KindChannel   Kind = "channel"       // the reader's channel is another one
	KindLook      Kind = "look"          // a verdict of the reader's was judged again
)

// Kinds lists the kinds of messages.
func Kinds() []Kind {
	return []Kind{KindSession, KindSignature, KindWaits, KindTurn, KindChannel, KindLook}
}

// Content is what a message says. What waits for the reader's signature is named by its request
// alone, and who asks and about whom is read on the request's page: so a message never tells more
// than the page does, also when the reader may not read it any more.
type Content struct {
	Text     string           `json:"text"`
	Act      actions.Kind     `json:"act,omitzero"`
	Case     string           `json:"case,omitzero"`
	Digest   canonical.Digest `json:"digest,omitzero"` // of the action that was signed, or of the session
	Expires  canonical.Time   `json:"expires,omitzero"`
	Key      workforce.KeyID  `json:"key,omitzero"` // the reader's own key that signed
	Look     string           `json:"look,omitzero"`
	Platform string           `json:"platform,omitzero"`
	Request  string           `json:"request,omitzero"`
	Subject  string           `json:"subject,omitzero"` // of an act that the reader signed
	Tier     actions.Tier     `json:"tier,omitzero"`
	Verdict  actions.Verdict  `json:"verdict,omitzero"`
}

// Note is a message before it is told.
type Note struct {
	Kind  Kind
	about string // one thing is told once
	Content
}

// Started says that a session began: in a browser or on a command line; ended says that it ended
// another one of the same key.
func Started(c actions.Session, browser, ended bool) Note {
	where := "on a command line"
	if browser {
		where = "in a browser"
	}
	text := fmt.Sprintf("A session of yours began %s at %s. Your key %s (%s) certified it, and it lasts until %s.", where, wording.When(c.NotBefore), c.Key, c.Key.Words(), wording.When(c.Expires))
	if ended {
		text += " It ended an earlier session of the same key."
	}
	text += fmt.Sprintf(" If that was not you, end all your sessions on the page Settings or with `countersign session end --worker %s --reason WHY`, and have the key revoked.", c.Worker)
	return Note{KindSession, "session " + c.Digest().String(), Content{Text: text, Digest: c.Digest(), Key: c.Key, Expires: c.Expires}}
}

var did = map[actions.Verdict]string{
	actions.VerdictRequest:     "You asked for this",
	actions.VerdictReverse:     "You undid this",
	actions.VerdictFreeze:      "You did this",
	actions.VerdictCountersign: "You countersigned this",
	actions.VerdictDecline:     "You declined this",
}

// Signed is the copy of a signature of the reader's own key about an action.
func Signed(a actions.Action, st actions.Statement) Note {
	text := fmt.Sprintf("%s with your key %s (%s): %s If that was not you, have the key revoked now.", did[st.Verdict], st.Key, st.Key.Words(), wording.Sentence(a))
	c := Content{Text: text, Act: a.Kind, Digest: a.Digest(), Key: st.Key, Request: st.Request, Tier: a.Tier, Verdict: st.Verdict}
	if a.Subject.Platform != actions.DeskPlatform {
		c.Platform, c.Subject = a.Subject.Platform, wording.Subject(a.Subject)
	}
	return Note{KindSignature, "signed " + canonical.DigestOf(st).String(), c}
}

// Decided is the copy of a signature of the reader's own key about a decision on a case.
func Decided(c actions.Decision, st actions.Statement) Note {
	text := fmt.Sprintf("You decided the case %s with your key %s (%s): %s. If that was not you, have the key revoked now.", c.Case, st.Key, st.Key.Words(), strings.ReplaceAll(string(c.Verdict), "-", " "))
	return Note{KindSignature, "signed " + canonical.DigestOf(st).String(), Content{Text: text, Case: c.Case, Digest: c.Digest(), Key: st.Key, Platform: c.Subject.Platform, Verdict: st.Verdict}}
}

// DeclaredAccounts is the copy of a signature of the reader's own key about the reader's accounts.
func DeclaredAccounts(d actions.Deed, accounts int64, st actions.Statement) Note {
	text := fmt.Sprintf("You declared with your key %s (%s) that %s of the platforms are your own. If that was not you, have the key revoked now.", st.Key, st.Key.Words(), wording.Many(int(accounts), "account"))
	return Note{KindSignature, "signed " + canonical.DigestOf(st).String(), Content{Text: text, Digest: d.Digest(), Key: st.Key, Verdict: st.Verdict}}
}

// Waits says that a request is held and that the reader could sign it.
func Waits(r actions.Request) Note {
	a := r.Action
	on := ""
	if a.Subject.Platform != actions.DeskPlatform {
		on = " on " + a.Subject.Platform
	}
	text := fmt.Sprintf("A request waits for signatures, and you could give one: %s%s, tier %s. It is open until %s. Read it before you sign: %s.", strings.ReplaceAll(string(a.Kind), ".", " "), on, a.Tier, wording.When(r.Expires()), r.ID)
	return Note{KindWaits, "waits " + r.ID, Content{Text: text, Act: a.Kind, Expires: r.Expires(), Platform: strings.TrimPrefix(on, " on "), Request: r.ID, Tier: a.Tier}}
}

// Turn says that a case in a version comes back to the reader.
func Turn(id, platform string, version int64, until canonical.Time) Note {
	text := fmt.Sprintf("The case %s comes back to you: a measure of your decision was not carried out. It waits for you until %s, and then for everybody.", id, wording.When(until))
	return Note{KindTurn, fmt.Sprintf("turn %s %d", id, version), Content{Text: text, Case: id, Expires: until, Platform: platform}}
}

// moved says that the reader declared another channel.
func moved(deed canonical.Digest, key workforce.KeyID, webhook bool) Note {
	to := "from now on they are only read at the desk"
	if webhook {
		to = "from now on they go to a new address"
	}
	text := fmt.Sprintf("You declared with your key %s (%s) where the desk sends your messages: %s. If that was not you, have the key revoked now.", key, key.Words(), to)
	return Note{KindChannel, "channel " + deed.String(), Content{Text: text, Digest: deed, Key: key}}
}

// FoundWrong says that a lead found a verdict of the reader's to be wrong; until is when the time to answer
// ends.
func FoundWrong(look string, until canonical.Time) Note {
	text := fmt.Sprintf("Somebody judged a case of yours again and came to another verdict, and a lead found yours to be wrong. Read both: `countersign look show %s`. You may answer once until %s; then another lead settles it: `countersign look dispute %[1]s --why TEXT`.", look, wording.When(until))
	return Note{KindLook, "look " + look, Content{Text: text, Look: look, Expires: until}}
}

// LookSettled says how a dispute about a verdict of the reader's ended.
func LookSettled(look string, wrong bool) Note {
	text := "Another lead settled the dispute about a verdict of yours: it was right."
	if wrong {
		text = "Another lead settled the dispute about a verdict of yours: it was wrong."
	}
	return Note{KindLook, "look settled " + look, Content{Text: text + fmt.Sprintf(" Read why: `countersign look show %s`.", look), Look: look}}
}
