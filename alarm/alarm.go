// Package alarm sends alarms to addresses that people have named, as Standard
// Webhooks 1.0: an HTTPS POST of a small JSON document, signed with every key of
// the address, so that keys can change without a gap.
//
// It trusts the machine's clock and roots, and nobody else: an address is an
// outsider's text, its name may resolve to anything and to something else a
// moment later, and its answer is counted, never read. So it decides where it
// may connect after the name is resolved, for every connection, follows no
// redirect, uses no proxy, and shows of an address only the host, since paths
// and queries often are secrets.
//
// It promises that one call of Send is at most one attempt with one of four
// outcomes. It keeps nothing and starts nothing: Wait says when to try again,
// and a queue does so.
//
// Signing v1 is the specification's own library; the list of addresses that are
// no part of the public Internet is code.dny.dev/ssrf, which follows the
// registries of IANA. Ours are v1a and reading keys, which the library does not
// have; verifying, since the library reads the machine's clock; and what an
// address opens for itself, since the list would also open addresses that hide
// in those named and the metadata services of clouds.
package alarm

import (
	"regexp"

	"countersign.dev/canonical"
	"countersign.dev/fault"
)

// bodyLimit is the size that the specification advises receivers to expect.
const bodyLimit = 20_000

// Type says what happened, and so decides which members Message.Data has.
type Type string

// The types of alarms.
const (
	Breach          Type = "breach"           // a change that no warrant explains
	BreachOver      Type = "breach.over"      // the measure of a breach is gone, and no standing order lifted it
	StreamSilent    Type = "stream.silent"    // the watch no longer sees
	StreamGap       Type = "stream.gap"       // the watch missed something that it cannot fetch
	Duel            Type = "duel"             // somebody undoes what the executor restores
	BudgetSpent     Type = "budget.spent"     // a standing order's number is used up
	CredentialCut   Type = "credential.cut"   // a credential that caused breaches again and again was cut off
	CredentialStays Type = "credential.stays" // such a credential is not cut off, and a person has to do it
	ExposureLowered Type = "exposure.lowered" // fewer people than before could do harm together
	CoverageShort   Type = "coverage.short"   // too few people could countersign
	StreamBack      Type = "stream.back"      // the watch sees again
	Observed        Type = "observed"         // would have been a breach, on a tier that is only observed
	Deactivated     Type = "deactivated"      // a subject that matters was deactivated, by its owner or by an unknown person
	LiftFailed      Type = "lift.failed"      // a timed measure is over and was not lifted
	RestoreFailed   Type = "restore.failed"   // the measure of a breach could not be lifted
	NotEntered      Type = "taken.refused"    // the executor took a freeze, an end or a revocation that the desk cannot enter
	// For each of the next four, an alarm of severity info says that it is over.
	ExecutorAway      Type = "executor.away"      // the executor does not answer the desk
	ExecutorStopped   Type = "executor.stopped"   // the executor refuses burdening acts
	ClocksDiffer      Type = "clocks.differ"      // desk and executor are more than a minute apart
	LedgerBehind      Type = "ledger.behind"      // the executor does not keep up with the ledger
	CredentialRefused Type = "credential.refused" // a platform does not take the executor's credential
	Emergency         Type = "emergency"          // an emergency act was made
	ReviewDue         Type = "review.due"         // an emergency act, or an incident, was a day ago and its review is open
	Waiting           Type = "request.waiting"    // a request waits long for countersigners
	Frozen            Type = "frozen"             // somebody on call froze burdening acts
	Thawed            Type = "thawed"             // several people thawed them
	IncidentOpened    Type = "incident.opened"    // somebody contests an act
	IncidentClosed    Type = "incident.closed"    // its review was countersigned
	Recovery          Type = "recovery"           // the remaining officers ask for a change that normally takes more of them
	Indispensable     Type = "indispensable"      // the desk could not go on without somebody
	SessionReplaced   Type = "session.replaced"   // a session ended, since its key started another one
	SessionsVoided    Type = "sessions.voided"    // somebody ended the sessions of another person, of a company or of everybody
	PromiseMissed     Type = "promise.missed"     // cases of a queue were not decided in time; one alarm tells of all of them
	MediaMissed       Type = "media.missed"       // no specialist has said in time what becomes of media of child safety; one alarm tells of all cases of a queue
	AddressOff        Type = "address.off"        // an address for alarms gets none any more; severity info: all get them again
	DocumentWaiting   Type = "document.waiting"   // a report or another document is in no roll yet; severity info: all are
	DocumentMissing   Type = "document.missing"   // a number of a document was given, and there is no document with it
	DocumentAltered   Type = "document.altered"   // a document is not the one that was recorded, or that its roll holds
	ChannelAltered    Type = "channel.altered"    // the address to which a person wants messages sent was changed by somebody else
	Flood             Type = "flood"              // so many alarms of one kind that they are not sent one by one; sent to addresses that want that kind
)

// Types lists the types of alarms.
func Types() []Type {
	return []Type{Breach, BreachOver, StreamSilent, StreamGap, Duel, BudgetSpent, CredentialCut, CredentialStays, ExposureLowered, CoverageShort, StreamBack, Observed, Deactivated, LiftFailed, RestoreFailed,
		ExecutorAway, ExecutorStopped, ClocksDiffer, LedgerBehind, CredentialRefused, Emergency, ReviewDue, Waiting,
		NotEntered, Frozen, Thawed, IncidentOpened, IncidentClosed, Recovery, Indispensable, SessionReplaced, SessionsVoided, PromiseMissed, MediaMissed, DocumentWaiting, DocumentMissing, DocumentAltered, AddressOff, ChannelAltered, Flood}
}

var (
	typeForm = regexp.MustCompile(`^[a-z][a-z0-9_]*(\.[a-z0-9_]+)*$`)
	// A full stop divides the parts that are signed: in an identifier it would let one
	// message be read as another.
	idForm = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
)

// Message is one alarm. Its ID stays the same in every attempt and for every address; a
// receiver recognises repeats by it.
type Message struct {
	ID   string
	Type Type
	Time canonical.Time // when it happened, not when it is sent
	Data canonical.Raw  // a canonical JSON object
	// Source names the sender, a URI reference such as a ledger's origin. With it the body
	// is both a CloudEvent 1.0 and the form that Standard Webhooks advises.
	Source string
}

// EventPrefix begins a CloudEvent's type; the alarm's follows.
const EventPrefix = "dev.countersign."

// event is a CloudEvent 1.0 in its JSON format. Its members are those that
// Standard Webhooks advises, timestamp as an extension, and those of CloudEvents.
type event struct {
	Data            canonical.Raw  `json:"data"`
	DataContentType string         `json:"datacontenttype"`
	ID              string         `json:"id"`
	Source          string         `json:"source"`
	SpecVersion     string         `json:"specversion"`
	Time            canonical.Time `json:"time"`
	Timestamp       canonical.Time `json:"timestamp"`
	Type            Type           `json:"type"`
}

// media is the type of the body.
func (m Message) media() string {
	if m.Source != "" {
		return "application/cloudevents+json"
	}
	return "application/json"
}

// Body returns the document that is sent and signed, in canonical form.
func (m Message) Body() ([]byte, error) {
	switch {
	case !idForm.MatchString(m.ID):
		return nil, fault.New(fault.Invalid, "bad-alarm", "An alarm's identifier is up to 64 letters, digits, dashes and underscores.")
	case len(m.Type) > 64 || !typeForm.MatchString(string(m.Type)):
		return nil, fault.New(fault.Invalid, "bad-alarm", "An alarm's type is up to 64 lower-case letters, digits and underscores, divided by full stops.")
	case m.Time.IsZero():
		return nil, fault.New(fault.Invalid, "bad-alarm", "An alarm says when it happened.")
	case len(m.Data) == 0 || m.Data[0] != '{':
		return nil, fault.New(fault.Invalid, "bad-alarm", "An alarm's data is a JSON object.")
	}
	if len(m.Data) > bodyLimit {
		return nil, tooLarge()
	}
	if err := canonical.Check(m.Data); err != nil {
		return nil, fault.New(fault.Invalid, "bad-alarm", "An alarm's data is canonical JSON.").Because(err)
	}
	var document any = struct {
		Data      canonical.Raw  `json:"data"`
		Timestamp canonical.Time `json:"timestamp"`
		Type      Type           `json:"type"`
	}{m.Data, m.Time, m.Type}
	if m.Source != "" {
		document = event{Data: m.Data, DataContentType: "application/json", ID: m.ID, Source: m.Source, SpecVersion: "1.0",
			Time: m.Time, Timestamp: m.Time, Type: EventPrefix + m.Type}
	}
	body, err := canonical.Marshal(document)
	if err != nil {
		return nil, err
	}
	if len(body) > bodyLimit {
		return nil, tooLarge()
	}
	return body, nil
}

func tooLarge() error {
	return fault.New(fault.TooLarge, "alarm-too-large", "An alarm has at most %d bytes: name things in it and let the receiver fetch them.", bodyLimit)
}
