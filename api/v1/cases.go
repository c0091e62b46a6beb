package v1

import (
	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/platform"
	"countersign.dev/workforce"
)

// MaxReports is the largest number of reports in one call.
const MaxReports = cases.MaxReports

// Reported names the subject of a report.
type Reported struct {
	Platform string `json:"platform" maxLength:"64" doc:"as the desk calls it"`
	ID       string `json:"id,omitzero" maxLength:"600" doc:"as the platform names it; empty: the handle says which account it is"`
	Handle   string `json:"handle,omitzero" maxLength:"600" doc:"with its @; empty for content"`
}

// Report is a report as a program hands it in. Members may be left out where they are empty;
// one that is not well formed is refused by itself.
type Report struct {
	ExternalID string         `json:"external_id,omitzero" doc:"your own name of the report, at most 200 bytes: the same report under the same name gets the first answer again, another one is refused"`
	Subject    Reported       `json:"subject,omitzero"`
	Reason     string         `json:"reason,omitzero" doc:"one of the desk's reasons, or the platform's own word, which the rule set maps to one"`
	Text       string         `json:"text,omitzero" doc:"in the reporter's words, at most 32,768 bytes"`
	Language   string         `json:"language,omitzero" doc:"of the text: a BCP 47 tag"`
	Reporter   cases.Reporter `json:"reporter,omitzero" doc:"an account's identifier, or anonymous; nothing else about people"`
	At         canonical.Time `json:"at,omitzero" doc:"when it was reported, by the platform's clock"`
	Evidence   cases.Told     `json:"evidence,omitzero" doc:"what the platform says of the subject then; it is kept apart from what the desk reads"`
	Scores     []cases.Score  `json:"scores,omitzero" doc:"in millionths, sorted by name; they are shown and decide nothing"`
}

// Intake is what a program hands in: the members of one report, or up to 1,000 reports.
type Intake struct {
	Report
	Reports []Report `json:"reports,omitzero" maxItems:"1000" doc:"several reports, in the place of the members of one"`
}

// Reports is the form of several reports.
type Reports struct {
	Reports []Report `json:"reports"`
}

// Taken is the answer to one report: it has an identifier and a promise, or an error.
type Taken struct {
	ExternalID string        `json:"external_id"`
	ID         string        `json:"id,omitzero" doc:"of the report; empty: it was refused"`
	Case       string        `json:"case,omitzero" doc:"the one case that the report belongs to"`
	State      cases.State   `json:"state,omitzero" doc:"of the case"`
	Promise    string        `json:"promise,omitzero" doc:"a note signed by the ledger's key that the report came in, and when it stands in a roll; keep it"`
	New        bool          `json:"new,omitzero" doc:"it was not handed in before"`
	Error      *ReportFailed `json:"error,omitempty" doc:"why it was refused; the same again would be refused again"`
	Opened     bool          `json:"opened,omitzero" doc:"your own finding opened the case, so that you may decide it; a case that was open already is decided by somebody else, since you reported in it"`
	KeptOut    string        `json:"kept_out,omitzero" doc:"why you may not work on the case that your own finding opened; left out: you may"`
}

// ReportFailed says why a report was refused.
type ReportFailed struct {
	Type   string `json:"type" doc:"as in a problem document"`
	Detail string `json:"detail"`
}

// IntakeAnswer answers an intake: the members of one answer, or answers of several reports.
type IntakeAnswer struct {
	Taken
	Answers []Taken `json:"answers,omitzero" doc:"of several reports, in their order"`
}

// ReportState is what became of a report: nothing about people.
type ReportState struct {
	ID         string         `json:"id"`
	ExternalID string         `json:"external_id"`
	Case       string         `json:"case"`
	State      cases.State    `json:"state" doc:"of the case that the report belongs to"`
	Outcome    string         `json:"outcome" doc:"empty as long as the report is open"`
	Received   canonical.Time `json:"received"`
	Decided    canonical.Time `json:"decided" doc:"empty: not yet"`
	Withdrawn  canonical.Time `json:"withdrawn" doc:"when the program took it back; empty: it did not"`
}

// OwnFinding is what a worker came upon.
type OwnFinding struct {
	ExternalID string         `json:"external_id" minLength:"1" maxLength:"200" doc:"your own name of the finding, which makes sending it again safe"`
	Subject    string         `json:"subject" maxLength:"600" doc:"PLATFORM:ID or PLATFORM:@HANDLE"`
	Reason     string         `json:"reason" maxLength:"100" doc:"one of the desk's reasons, or the platform's own word"`
	Text       string         `json:"text" maxLength:"32768"`
	Language   string         `json:"language,omitzero" maxLength:"35" doc:"of the text"`
	At         canonical.Time `json:"at" doc:"when you came upon it"`
}

// Case is everything about one subject that is to be judged together.
type Case struct {
	ID        string             `json:"id"`
	Version   int64              `json:"version" doc:"counts changes that whoever judges has to know"`
	State     cases.State        `json:"state"`
	Sort      cases.Sort         `json:"sort"`
	Subject   platform.Subject   `json:"subject"`
	Of        platform.Sort      `json:"of" doc:"account or content; empty: not read yet"`
	Owner     string             `json:"owner" doc:"the account that the subject is, or that owns it; empty: unknown"`
	Reasons   []cases.Reason     `json:"reasons"`
	Sources   []string           `json:"sources" doc:"classes of source of its reports"`
	Severity  cases.Severity     `json:"severity"`
	Language  string             `json:"language"`
	Reports   int64              `json:"reports"`
	Reporters int64              `json:"reporters" doc:"distinct ones"`
	Queue     string             `json:"queue"`
	Due       canonical.Time     `json:"due" doc:"by the promise of its queue"`
	Opened    canonical.Time     `json:"opened"`
	Updated   canonical.Time     `json:"updated"`
	By        workforce.WorkerID `json:"by" doc:"who opened it as a finding of their own; empty: a report did"`
	Claim     int64              `json:"claim" doc:"number of the newest claim; 0: there was none"`
	Holder    string             `json:"holder" doc:"of the live claim, or the vendor where that is another one; empty: nobody"`
	Until     canonical.Time     `json:"until" doc:"end of the live claim, of a snooze, or of the time for which it comes back to somebody"`
	Turn      string             `json:"turn" doc:"to whom it comes back; empty: to nobody"`
	TurnWhy   string             `json:"turn_why"`
	Skips     int64              `json:"skips"`
	Question  string             `json:"question" doc:"that somebody asked"`
	Asked     string             `json:"asked" doc:"whom: lead, specialist, or language and a tag; empty: nobody"`
	Into      string             `json:"into" doc:"the case that it was merged into"`
	Media     canonical.Time     `json:"media,omitzero" doc:"reported for child safety: until when a specialist says what becomes of its pictures, also if that time is over; left out: nothing is to be said, or the answer does not tell"`
}

// Claim is a lease on a case. Each write of its holder names its number.
type Claim struct {
	Number   int64            `json:"number"`
	Started  canonical.Time   `json:"started"`
	Until    canonical.Time   `json:"until"`
	Document canonical.Digest `json:"document" doc:"SHA-256 of what the claim showed, as canonical JSON: the evidence that a decision names"`
}

// CaseDraft is what somebody has written on a case and not handed in.
type CaseDraft struct {
	Worker   string              `json:"worker,omitzero" doc:"whose it is; left out where it is handed in"`
	Updated  canonical.Time      `json:"updated,omitzero"`
	Verdict  actions.CaseVerdict `json:"verdict,omitzero" maxLength:"32"`
	Rule     int64               `json:"rule,omitzero" minimum:"0"`
	Measures []CaseMeasure       `json:"measures,omitzero" maxItems:"50"`
	Reasons  string              `json:"reasons,omitzero" maxLength:"8192"`
	Note     string              `json:"note,omitzero" maxLength:"8192"`
}

// Claimed is a case that the caller holds, with all that the screen shows.
type Claimed struct {
	Case   Case        `json:"case"`
	Claim  Claim       `json:"claim"`
	Shown  cases.Shown `json:"shown" doc:"the document that claim.document names"`
	Drafts []CaseDraft `json:"drafts" doc:"your own and those of earlier holders, newest first"`
	Notes  []CaseNote  `json:"notes" doc:"on the case, oldest first"`
	// Renewed says that the person has not seen what is shown now.
	Renewed bool   `json:"renewed,omitzero" doc:"the case has changed since this claim showed it, so that what is shown is new"`
	Why     string `json:"why,omitzero" doc:"in one sentence, why the case is due when it is"`
	Press   bool   `json:"press,omitzero" doc:"the case is reported for child safety, and you are a specialist: you say by a signed press what becomes of its pictures"`
}

// DueClock is something that is due on a case.
type DueClock struct {
	Case    string         `json:"case"`
	Kind    string         `json:"kind" enum:"promise,referral,media" doc:"promise: a decision; media: a specialist's press on pictures of child safety; referral: the platform preserves until then"`
	Queue   string         `json:"queue"`
	Started canonical.Time `json:"started"`
	Due     canonical.Time `json:"due"`
	Late    bool           `json:"late" doc:"its time is over"`
}

// CaseNote is a note on a case.
type CaseNote struct {
	Number int64          `json:"number" doc:"counts the notes of the case, from 1"`
	Worker string         `json:"worker" doc:"who wrote it, or the vendor where that is another one"`
	Time   canonical.Time `json:"time"`
	Public bool           `json:"public" doc:"it may be told to people outside; otherwise it is for the desk's people only"`
	Text   string         `json:"text"`
	Deed   string         `json:"deed" doc:"identifier of the deed's document"`
}

// CaseMove is a row of a case's history.
type CaseMove struct {
	Version int64          `json:"version"`
	Move    string         `json:"move"`
	Worker  string         `json:"worker" doc:"or the vendor where that is another one; empty: the desk did it"`
	Time    canonical.Time `json:"time"`
	Detail  canonical.Raw  `json:"detail"`
}

// CaseDecision is a decision on a case.
type CaseDecision struct {
	ID        string           `json:"id"`
	Version   int64            `json:"version" doc:"of the case"`
	Claim     int64            `json:"claim"`
	Worker    string           `json:"worker"`
	Verdict   string           `json:"verdict"`
	Rule      int64            `json:"rule" doc:"0: none"`
	Departs   bool             `json:"departs" doc:"its measures are not the usual ones of the rule"`
	Time      canonical.Time   `json:"time"`
	TakenBack canonical.Time   `json:"taken_back" doc:"empty: it stands"`
	Evidence  canonical.Digest `json:"evidence" doc:"of the document that was shown"`
	Requests  []CaseRequest    `json:"requests" doc:"of its measures"`
}

// CaseRequest is the request of a measure and where it stands.
type CaseRequest struct {
	ID     string         `json:"id"`
	Status actions.Status `json:"status"`
}

// CaseView is a case as somebody may read it.
type CaseView struct {
	Case      Case           `json:"case"`
	Shown     cases.Shown    `json:"shown" doc:"as a claim would show it now"`
	Moves     []CaseMove     `json:"moves" doc:"oldest first"`
	Decisions []CaseDecision `json:"decisions"`
	Drafts    []CaseDraft    `json:"drafts"`
	Notes     []CaseNote     `json:"notes" doc:"oldest first"`
	Why       string         `json:"why,omitzero" doc:"in one sentence, why the case is due when it is"`
	Preserved []Preservation `json:"preserved,omitzero" doc:"what the platform was asked to preserve, oldest first"`
	Lately    []Look         `json:"lately,omitzero" doc:"who else of those who work on its queue had it before them in the last ten minutes, newest first"`
}

// Look is that somebody had a case before them.
type Look struct {
	Who workforce.WorkerID `json:"who" doc:"or only the company"`
	At  canonical.Time     `json:"at"`
}

// Preservation is what a platform was asked to preserve for a case of child safety.
type Preservation struct {
	Subject  platform.Subject `json:"subject"`
	Until    canonical.Time   `json:"until"`
	Asked    canonical.Time   `json:"asked"`
	Answered canonical.Time   `json:"answered,omitzero" doc:"left out: the platform has not answered yet, and is asked again"`
	Answer   string           `json:"answer" doc:"preserved, or the stable type of the refusal, such as not-offered; empty: no answer yet"`
}

// MaxWithout is how many cases a wish for the next one leaves out at most.
const MaxWithout = 100

// NextWish asks for the most urgent case.
type NextWish struct {
	Queue   string   `json:"queue,omitzero" maxLength:"64" doc:"only of this queue"`
	Without []string `json:"without,omitzero" maxItems:"100" doc:"identifiers of cases that are not wanted now, such as those just released"`
}

// ReserveWish asks to keep the following case, beside one that its holder works on.
type ReserveWish struct {
	Case   string `json:"case" maxLength:"64" doc:"that you hold"`
	Claim  int64  `json:"claim" minimum:"1" doc:"its number"`
	Number int64  `json:"number,omitzero" minimum:"0" doc:"of the reservation to renew; without it a new one is made, or the one that you have is answered"`
	Queue  string `json:"queue,omitzero" maxLength:"64" doc:"only of this queue"`
}

// Reservation says that a case is kept for its asker, and nothing of the case.
type Reservation struct {
	Number int64          `json:"number"`
	Until  canonical.Time `json:"until"`
}

// ClaimNumber names the claim under which its holder writes.
type ClaimNumber struct {
	Claim int64 `json:"claim" minimum:"1"`
}

// Extension asks for more time.
type Extension struct {
	Claim  int64 `json:"claim" minimum:"1"`
	Active int64 `json:"active,omitzero" minimum:"0" maximum:"3600" doc:"seconds of activity since the last time"`
}

// CaseMeasure is a measure that a judgement asks for.
type CaseMeasure struct {
	Kind    actions.Kind   `json:"kind" maxLength:"64"`
	Value   string         `json:"value,omitzero" maxLength:"64" doc:"of a label"`
	Subject string         `json:"subject,omitzero" maxLength:"600" doc:"PLATFORM:ID; left out: the case's subject, or its owner's account where the kind acts on accounts"`
	Until   canonical.Time `json:"until,omitzero"`
}

// Judgement is what the holder of a claim decides, before it is a decision.
type Judgement struct {
	Claim    int64               `json:"claim" minimum:"1"`
	Version  int64               `json:"version" minimum:"1" doc:"of the case, as you saw it"`
	Verdict  actions.CaseVerdict `json:"verdict" enum:"no-violation,violation,duplicate,not-for-us"`
	Rule     int64               `json:"rule,omitzero" minimum:"0" doc:"of a violation"`
	Reasons  string              `json:"reasons,omitzero" maxLength:"8192" doc:"why; needed where the measures are not the usual ones"`
	Language string              `json:"language,omitzero" maxLength:"35" doc:"of the content; left out: the case's"`
	Opened   []canonical.Digest  `json:"opened,omitzero" maxItems:"200" doc:"of the media that you unveiled"`
	Measures *[]CaseMeasure      `json:"measures,omitzero" maxItems:"50" doc:"left out: the usual ones of the rule"`
	Key      workforce.KeyID     `json:"key" maxLength:"64" doc:"the key that will sign"`
	Session  canonical.Digest    `json:"session,omitzero" doc:"as in a wish"`
}

// DecisionDraft is a decision that the caller may sign, with its measures. Nothing is stored.
type DecisionDraft struct {
	Decision Decided         `json:"decision"`
	Measures []Draft         `json:"measures" doc:"each with a statement of its own to sign"`
	Departs  bool            `json:"departs" doc:"these are not the usual measures of the rule"`
	Usual    []cases.Measure `json:"usual" doc:"the usual measures of the rule for this subject"`
	Title    string          `json:"title" doc:"of the rule"`
}

// Decision is a signed decision with its signed measures, in the decision's order.
type Decision struct {
	Decision Decided      `json:"decision"`
	Measures []Submission `json:"measures" maxItems:"50"`
}

// Sign signs a draft. sign signs a challenge with the key that the statements name.
func (d DecisionDraft) Sign(sign func(challenge [32]byte) actions.Signature) Decision {
	out := Decision{Decision: d.Decision, Measures: []Submission{}}
	out.Decision.Signed.Signature = sign(d.Decision.Signed.Statement.Challenge())
	for _, m := range d.Measures {
		m.Decision = nil // it stands once, beside its measures
		out.Measures = append(out.Measures, m.Sign(sign))
	}
	return out
}

// DecisionMade is what a decision led to.
type DecisionMade struct {
	ID       string    `json:"id"`
	Case     Case      `json:"case"`
	Requests []Request `json:"requests" doc:"of the measures, in the decision's order"`
	Proposed bool      `json:"proposed,omitzero" doc:"a first verdict without effect yet: a second person judges the case"`
	Look     bool      `json:"second_look,omitzero" doc:"the case was a copy of a decided one, which you judged without knowing the first verdict: nothing of it is carried out"`
	Promise  string    `json:"promise" doc:"a note signed by the ledger's key that the decision came in"`
}

// CaseFilter chooses cases, newest first.
type CaseFilter struct {
	State   cases.State
	Queue   string
	Subject string // PLATFORM:ID
	Mine    bool
	Cursor  string
	Limit   int
}

// Queue is a queue with what waits in it.
type Queue struct {
	Name    string                   `json:"name"`
	Title   cases.Texts              `json:"title"`
	Place   int64                    `json:"place" doc:"in the order of the queue set"`
	Promise map[cases.Severity]int64 `json:"promise" doc:"minutes until somebody looks at a case, by severity"`
	Lease   int64                    `json:"lease" doc:"minutes of a claim"`
	Digits  map[string]int64         `json:"digits" doc:"rules by the keys 1 to 9"`
	Counts  []QueueCount             `json:"counts"`
}

// QueueOrder is what a lead has ordered of a queue.
type QueueOrder struct {
	Number int64          `json:"number" doc:"of the newest order; a new one names it as the deed's version. 0: there is none"`
	Queue  string         `json:"queue"`
	Factor int64          `json:"factor,omitzero" doc:"thousandths of what its cases would be due after otherwise"`
	Worker string         `json:"worker,omitzero" doc:"or only the company"`
	Reason string         `json:"reason,omitzero"`
	Made   canonical.Time `json:"made,omitzero"`
	Until  canonical.Time `json:"until,omitzero"`
}

// QueueDeed is a signed deed on a queue, with its order.
type QueueDeed struct {
	Deed actions.SaltedDeed `json:"deed"`
	Text string             `json:"text" maxLength:"65536" doc:"the order in canonical JSON, which the deed commits to"`
}

// QueueTry asks what a queue set would have done.
type QueueTry struct {
	Text string `json:"text" maxLength:"4194304" doc:"of the queue set"`
}

// QueueTrial is what a queue set would have done with the cases of the last days.
type QueueTrial struct {
	Since canonical.Time `json:"since" doc:"the cases that were opened from here on"`
	Tried int64          `json:"tried"`
	All   bool           `json:"all" doc:"all cases since then; otherwise the newest"`
	Moved int64          `json:"moved"`
	Moves []TrialMove    `json:"moves" doc:"the most frequent first"`
	Late  []TrialLate    `json:"late" doc:"by queue of the tried set, if the cases had been decided when they were"`
	Staff []TrialStaff   `json:"staff"`
	Needs []string       `json:"needs" doc:"what whoever signs it looks at"`
}

// TrialMove is that cases would have waited in another queue.
type TrialMove struct {
	From     string   `json:"from"`
	To       string   `json:"to"`
	Count    int64    `json:"count"`
	Sooner   int64    `json:"sooner" doc:"of these, due sooner"`
	Later    int64    `json:"later" doc:"of these, due later"`
	Examples []string `json:"examples" doc:"cases that you may read"`
}

// TrialLate is how many cases of a queue would have been late.
type TrialLate struct {
	Queue   string `json:"queue"`
	Cases   int64  `json:"cases"`
	Decided int64  `json:"decided" doc:"for the people of a vendor: by that vendor"`
	Late    int64  `json:"late" doc:"decided late under the tried set"`
	Was     int64  `json:"was" doc:"of the same cases, decided late as it was"`
	Waiting int64  `json:"waiting" doc:"not decided yet, and late by now"`
}

// TrialStaff is who may work on a queue of the tried set now.
type TrialStaff struct {
	Queue string `json:"queue"`
	All   int64  `json:"all" doc:"of the people of a vendor: at that vendor"`
	Own   int64  `json:"own" doc:"at your company"`
	New   bool   `json:"new,omitzero" doc:"the set in force has no such queue"`
}

// QueueCount counts the open cases of a queue in one state.
type QueueCount struct {
	State  cases.State    `json:"state"`
	Count  int64          `json:"count"`
	Oldest canonical.Time `json:"oldest" doc:"when the oldest of them was opened"`
	Due    canonical.Time `json:"due" doc:"the first that is due"`
}

// CaseDeed is a signed deed on a case, with its order.
type CaseDeed struct {
	Claim int64              `json:"claim,omitzero" minimum:"0" doc:"under which it is done; left out where none is needed: notes, and moves by a lead"`
	Deed  actions.SaltedDeed `json:"deed"`
	Text  string             `json:"text" maxLength:"65536" doc:"the order in canonical JSON, which the deed commits to"`
}

// TakeBackWish asks for all that takes a decision back.
type TakeBackWish struct {
	Key     workforce.KeyID  `json:"key" maxLength:"64" doc:"the key that will sign"`
	Session canonical.Digest `json:"session,omitzero" doc:"as in a wish"`
}

// DeedWish says what deed is to be signed.
type DeedWish struct {
	What    actions.DeedKind `json:"what"`
	Of      string           `json:"of"`
	Version int64            `json:"version"`
}

// TakeBackDraft is what the caller signs to take a decision back. Nothing is stored.
type TakeBackDraft struct {
	Deed     DeedWish         `json:"deed" doc:"your program writes it and signs it"`
	Undos    []Draft          `json:"undos" doc:"of the measures that were carried out"`
	Withdraw map[string]int64 `json:"withdraw" doc:"requests that wait for signatures, by their versions: each takes a deed request.withdraw"`
}

// TakeBack takes a decision back.
type TakeBack struct {
	Deed        actions.SaltedDeed    `json:"deed" doc:"decision.withdraw, of the decision"`
	Text        string                `json:"text" maxLength:"65536" doc:"the order in canonical JSON, which the deed commits to"`
	Undos       []Submission          `json:"undos" maxItems:"50"`
	Withdrawals map[string]Withdrawal `json:"withdrawals"`
}

// RevealWish asks who handed a report in.
type RevealWish struct {
	Report string `json:"report" maxLength:"64" doc:"rep_…, a report of the case"`
	Reason string `json:"reason" maxLength:"2000" doc:"why you must know, in 10 to 500 characters; it is kept, and entered sealed in the ledger"`
}

// Revealed is who handed a report in.
type Revealed struct {
	Case    string           `json:"case"`
	Report  string           `json:"report"`
	Account platform.Subject `json:"account,omitzero" doc:"the reporter's account; left out if worker"`
	Worker  bool             `json:"worker" doc:"a worker of the desk reported; nobody is told which one"`
	At      canonical.Time   `json:"at"`
}

// CaseCounts is a page of what the desk's rows count.
type CaseCounts struct {
	Items []CaseCount `json:"items" doc:"by identifier; none only at the end"`
}

// CaseCount is what the desk's rows say of a case.
type CaseCount struct {
	Case     string         `json:"case"`
	Reports  int64          `json:"reports" doc:"that the case counts"`
	Rows     int64          `json:"rows" doc:"of reports that are in it"`
	Severity cases.Severity `json:"severity"`
	State    cases.State    `json:"state"`
}
