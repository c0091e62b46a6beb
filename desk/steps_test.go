package desk_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/cases"
	"countersign.dev/desk"
	"countersign.dev/desk/acts"
	"countersign.dev/desk/desktest"
	"countersign.dev/desk/incidents"
	"countersign.dev/desk/kernel"
	"countersign.dev/fault"
	"countersign.dev/ledger"
	"countersign.dev/ledger/proof"
	"countersign.dev/sqldb"
	"countersign.dev/store"
	"countersign.dev/workforce"
)

// step is one changing method of Desk, made ready to be called.
type step struct {
	// before, if set, makes the town ready for both.
	before func(*desktest.Town)
	// refused calls it without permission; who is refused is on record.
	refused func(*desktest.Town) error
	// prepare returns a call that succeeds, and may be repeated after it failed
	// for a reason of ours.
	prepare func(*testing.T, *desktest.Town) func() error
	entries []string // kinds that the success enters, in order
	// tables that the change writes, besides the ledger's.
	tables []string
}

// reads are the methods that change nothing.
var reads = []string{"InHand", "Presence", "Line", "AtWork", "Look", "Looks", "LooksWaiting", "Calibration", "Calibrations", "WorksOnCase", "Inbox", "Mailbox", "Channel", "Invited", "Invitations", "MadeByInvitation", "Pairing", "WorksOn", "ReadsIncidents", "PreferencesOf", "ReadsPeople", "Day", "AuthenticateBrowser", "BeginBrowser", "Proves", "CaseVersion", "MayReadQueue", "RequestVersion", "ReserveAfter", "Follow", "Moment", "CaseReports", "ShownUnder", "EvidenceDocument", "EvidenceNow", "EvidenceOf", "Unedited", "Case", "Cases", "DraftDecision", "Now", "Progress", "ProgressNamed", "DraftTakeBack", "ReferralExport", "QueueBoard", "QueueOrder", "TryQueues", "Alarms", "Authenticate", "AuthenticateProgram", "OwnDeclaration", "Backtest", "Chain", "Bodies", "TierEntries", "HashesInForce", "InForce", "TakenRecords", "Text", "Document", "Documents", "Draft", "DraftUndo", "DraftVerdict", "Entries", "Feed", "Holders", "Incident", "Incidents", "Ledger", "LedgerBodies", "Matters", "NextAlarms",
	"Person", "RequestByID", "RequestThen", "RequestFor", "RequestsFor", "Waiting", "Requests", "RowsOf", "Sessions", "Sightings", "State", "Stats", "Subject", "Tokens", "Wait", "CompleteWarrant", "Warrant"}

// others are neither: Run is the background, with CheckExposure and CheckHealth, Found
// has its own test as RollWaiting and ForgetOld have, Tell, CheckChange, Hashes, Queues and Rules are for other rooms, and three prepare steps of acts: OpenWatched Record, CheckReview and
// CoverageChange what asks for a change of the desk.
//
// What works on cases leaves documents that go into rolls, and has tests of its own:
// TestWorkLeavesDocuments.
//
// AnswerInvitation is for somebody who is not known yet, so that no refusal is entered; see
// TestInvitation.
var others = append([]string{"SetPresence", "SweepPresence", "Given", "Serve", "SweepLooks", "OpenAgain", "NoteOn", "WithdrawCopy", "Tell", "ForgetOld", "ReadInbox", "AnswerInvitation", "Also", "Pair", "CertifyPairing", "TakePairing", "KeepPreferences", "SignInBrowser", "JudgeLifts", "CheckChange", "Hashes", "PastQueues", "Queues", "Rules", "CheckExposure", "CheckHealth", "CheckReview", "CoverageChange", "Found", "OpenWatched", "RollWaiting", "Run", "Sweep", "SweepHashes", "DraftMeasures", "DraftLifts", "JudgeTakeBack", "DueClocks", "JudgeMeasures", "Unedited"}, worksOnCases...)

// worksOnCases are the methods of casework that change something.
var worksOnCases = []string{"HandOver", "SettleLook", "DisputeLook", "Calibrate", "CloseCalibration", "Reorder", "OpenPicture", "ReleaseMedia", "RemovePicture", "Claim", "Decide", "Do", "Extend", "Find", "KeepDraft", "Next", "Release", "Reserve", "Reveal", "TakeBack", "TakeReports", "WithdrawReport"}

func heldRequest(t *testing.T, to *desktest.Town) actions.Request {
	t.Helper()
	return to.Request("ann", desktest.Wish(actions.AccountTakedown, "plaza:@president"))
}

// submission drafts and signs, so that the call itself can be repeated.
func submission(t *testing.T, to *desktest.Town, by workforce.WorkerID, wish acts.Wish) acts.Submission {
	t.Helper()
	wish.Reason = "test"
	d, err := to.Draft(t.Context(), desktest.As(by), wish)
	if err != nil {
		t.Fatal(err)
	}
	return to.Submission(by, d)
}

var steps = map[string]step{
	"Request": {
		refused: func(to *desktest.Town) error {
			_, err := to.TryRequest("dan", desktest.Wish(actions.AccountTakedown, "plaza:@president"))
			return err
		},
		prepare: func(t *testing.T, to *desktest.Town) func() error {
			sub := submission(t, to, "ann", desktest.Wish(actions.AccountTakedown, "plaza:@president"))
			return func() error { _, err := to.Desk.Request(t.Context(), desktest.As("ann"), sub); return err }
		},
		entries: []string{"request"}, tables: []string{"request", "job", "decision", "message"},
	},
	"StartSession": {
		refused: func(to *desktest.Town) error {
			s, _ := to.Session("bob")
			s.Session.Worker = "dan"
			_, err := to.Desk.StartSession(to.Context(), desktest.As("dan"), s)
			return err
		},
		prepare: func(t *testing.T, to *desktest.Town) func() error {
			s, _ := to.Session("ann")
			return func() error { _, err := to.Desk.StartSession(t.Context(), desktest.As("ann"), s); return err }
		},
		entries: []string{"session"}, tables: []string{"session", "message"},
	},
	"Countersign": {
		refused: func(to *desktest.Town) error {
			rs, _, err := to.Requests(to.Context(), desktest.As("kim"), acts.Filter{Status: actions.StatusHeld})
			if err != nil {
				return err
			}
			_, err = to.TryCountersign("dan", rs[0].ID)
			return err
		},
		prepare: func(t *testing.T, to *desktest.Town) func() error {
			r := heldRequest(t, to)
			to.Countersign(r.ID, "lee")
			d, err := to.DraftVerdict(t.Context(), desktest.As("kim"), r.ID, actions.VerdictCountersign, "")
			if err != nil {
				t.Fatal(err)
			}
			to.StopExecutor() // what it enters afterwards is not the desk's
			return func() error {
				_, err := to.Desk.Countersign(t.Context(), desktest.As("kim"), r.ID, to.Signed("kim", d))
				return err
			}
		},
		entries: []string{"countersign", "warrant"}, tables: []string{"request", "job", "message"},
	},
	"Decline": {
		refused: func(to *desktest.Town) error {
			rs, _, err := to.Requests(to.Context(), desktest.As("kim"), acts.Filter{Status: actions.StatusHeld})
			if err != nil {
				return err
			}
			d, err := to.DraftVerdict(to.Context(), desktest.As("sue"), rs[0].ID, actions.VerdictDecline, "")
			if err != nil {
				return err
			}
			_, err = to.Desk.Decline(to.Context(), desktest.As("sue"), rs[0].ID, to.Signed("sue", d), false, "no")
			return err
		},
		prepare: func(t *testing.T, to *desktest.Town) func() error {
			r := heldRequest(t, to)
			d, err := to.DraftVerdict(t.Context(), desktest.As("kim"), r.ID, actions.VerdictDecline, "")
			if err != nil {
				t.Fatal(err)
			}
			return func() error {
				d.Statement.Alarm = true
				_, err := to.Desk.Decline(t.Context(), desktest.As("kim"), r.ID, to.Signed("kim", d), true, "I was told to")
				return err
			}
		},
		entries: []string{"decline"}, tables: []string{"message", "request"},
	},
	"Withdraw": {
		refused: func(to *desktest.Town) error {
			rs, _, err := to.Requests(to.Context(), desktest.As("kim"), acts.Filter{Status: actions.StatusHeld})
			if err != nil {
				return err
			}
			_, err = to.TryWithdraw("kim", rs[0].ID, rs[0].Version)
			return err
		},
		prepare: func(t *testing.T, to *desktest.Town) func() error {
			r := heldRequest(t, to)
			return func() error { _, err := to.TryWithdraw("ann", r.ID, r.Version); return err }
		},
		entries: []string{"withdraw"}, tables: []string{"request"},
	},
	"SignIn": {
		refused: func(to *desktest.Town) error {
			// Signed, so that it is ann who is refused.
			ask, _ := to.TokenAsk("ann", "ann", func(a *actions.TokenAsk) { a.Expires = canonical.At(a.NotBefore.AddDate(1, 0, 0)) })
			_, err := to.Desk.SignIn(to.Context(), ask)
			return err
		},
		prepare: func(t *testing.T, to *desktest.Town) func() error {
			ask, _ := to.TokenAsk("ann", "ann")
			return func() error { _, err := to.Desk.SignIn(t.Context(), ask); return err }
		},
		entries: []string{"token"}, tables: []string{"token"},
	},
	"DeclareAccounts": {
		refused: func(to *desktest.Town) error {
			_, err := to.Desk.DeclareAccounts(to.Context(), desktest.As("ann"), nil, ownDeed(to.World, "bob"))
			return err
		},
		prepare: func(t *testing.T, to *desktest.Town) func() error {
			deed := ownDeed(to.World, "ann")
			return func() error {
				_, err := to.Desk.DeclareAccounts(t.Context(), desktest.As("ann"), nil, deed)
				return err
			}
		},
		entries: []string{"own-accounts"}, tables: []string{"own_declared"},
	},
	"DeclareChannel": {
		refused: func(to *desktest.Town) error {
			_, err := to.Desk.DeclareChannel(to.Context(), desktest.As("ann"), "", "", channelDeed(to.World, "bob", 0, "", ""))
			return err
		},
		prepare: func(t *testing.T, to *desktest.Town) func() error {
			deed := channelDeed(to.World, "ann", 0, "", "")
			return func() error {
				_, err := to.Desk.DeclareChannel(t.Context(), desktest.As("ann"), "", "", deed)
				return err
			}
		},
		entries: []string{"channel"}, tables: []string{"channel", "message"},
	},
	"SignInProgram": {
		before: func(to *desktest.Town) { to.AddProgram("scout", "kim") },
		refused: func(to *desktest.Town) error {
			ask, _ := to.ProgramAsk(to.Programs["scout"], func(a *actions.ProgramTokenAsk) { a.Expires = canonical.At(a.NotBefore.AddDate(1, 0, 0)) })
			_, err := to.Desk.SignInProgram(to.Context(), ask)
			return err
		},
		prepare: func(t *testing.T, to *desktest.Town) func() error {
			ask, _ := to.ProgramAsk(to.Programs["scout"])
			return func() error { _, err := to.Desk.SignInProgram(t.Context(), ask); return err }
		},
		entries: []string{"program-token"}, tables: []string{"program_token"},
	},
	"RevokeToken": {
		refused: func(to *desktest.Town) error {
			ask, _ := to.TokenAsk("kim", "kim")
			tok, err := to.Desk.SignIn(to.Context(), ask)
			if err != nil {
				return err
			}
			return to.Desk.RevokeToken(to.Context(), desktest.As("ann"), tok.ID)
		},
		prepare: func(t *testing.T, to *desktest.Town) func() error {
			ask, _ := to.TokenAsk("ann", "ann")
			tok, err := to.Desk.SignIn(t.Context(), ask)
			if err != nil {
				t.Fatal(err)
			}
			return func() error { return to.Desk.RevokeToken(t.Context(), desktest.As("ann"), tok.ID) }
		},
		entries: []string{"token-revoked"}, tables: []string{"token"},
	},
	"RevokeTokensOf": {
		refused: func(to *desktest.Town) error {
			_, err := to.Desk.RevokeTokensOf(to.Context(), desktest.As("ann"), "kim")
			return err
		},
		prepare: func(t *testing.T, to *desktest.Town) func() error {
			ask, _ := to.TokenAsk("ann", "ann")
			if _, err := to.Desk.SignIn(t.Context(), ask); err != nil {
				t.Fatal(err)
			}
			return func() error { _, err := to.Desk.RevokeTokensOf(t.Context(), desktest.As("ole"), "ann"); return err }
		},
		entries: []string{"token-revoked"}, tables: []string{"token"},
	},
	"Invite": {
		refused: func(to *desktest.Town) error {
			_, err := to.Desk.Invite(to.Context(), desktest.As("dan"), []desk.Invitee{{Worker: "bob", Secret: canonical.Sum([]byte("secret"))}})
			return err
		},
		prepare: func(t *testing.T, to *desktest.Town) func() error {
			return func() error {
				_, err := to.Desk.Invite(t.Context(), desktest.As("ada"), []desk.Invitee{{Worker: "bob", Secret: canonical.Sum([]byte("secret"))}})
				return err
			}
		},
		entries: []string{"invitation"}, tables: []string{"invitation"},
	},
	"WithdrawInvitation": {
		refused: func(to *desktest.Town) error {
			return to.Desk.WithdrawInvitation(to.Context(), desktest.As("dan"), "inv_none")
		},
		prepare: func(t *testing.T, to *desktest.Town) func() error {
			_, made := invite(t, to.World, "ada", "bob")
			return func() error { return to.Desk.WithdrawInvitation(t.Context(), desktest.As("ada"), made[0].ID) }
		},
		entries: []string{"invitation-withdrawn"}, tables: []string{"invitation"},
	},
	"PutText": {
		refused: func(to *desktest.Town) error {
			_, err := to.Desk.PutText(to.Context(), desktest.As("dan"), actions.PartRules, cases.DefaultRules())
			return err
		},
		prepare: func(t *testing.T, to *desktest.Town) func() error {
			return func() error {
				_, err := to.Desk.PutText(t.Context(), desktest.As("ada"), actions.PartRules, cases.DefaultRules())
				return err
			}
		},
		entries: []string{"text"}, tables: []string{"text"},
	},
	"Exposure": {
		refused: func(to *desktest.Town) error {
			_, err := to.Desk.Exposure(to.Context(), desktest.As("dan"), "plaza:@president", "", time.Time{})
			return err
		},
		prepare: func(t *testing.T, to *desktest.Town) func() error {
			return func() error {
				_, err := to.Desk.Exposure(t.Context(), desktest.As("ada"), "plaza:@president", "", time.Time{})
				return err
			}
		},
		entries: []string{"exposure-read"},
	},
	"ExposureTable": {
		refused: func(to *desktest.Town) error {
			_, err := to.Desk.ExposureTable(to.Context(), desktest.As("dan"), actions.Critical, "", time.Time{})
			return err
		},
		prepare: func(t *testing.T, to *desktest.Town) func() error {
			return func() error {
				_, err := to.Desk.ExposureTable(t.Context(), desktest.As("ada"), actions.Critical, "", time.Time{})
				return err
			}
		},
		entries: []string{"exposure-read"},
	},
	"Reach": {
		refused: func(to *desktest.Town) error {
			_, err := to.Desk.Reach(to.Context(), desktest.As("dan"), "ann")
			return err
		},
		prepare: func(t *testing.T, to *desktest.Town) func() error {
			return func() error { _, err := to.Desk.Reach(t.Context(), desktest.As("ada"), "dan"); return err }
		},
		entries: []string{"exposure-read"},
	},
	"Record": {
		refused: func(to *desktest.Town) error {
			e := proof.Execution{V: proof.ExecutionV1, Executor: desktest.ExecutorID, Kind: proof.KindReceipt, Outcome: proof.Executed}
			return to.Desk.Record(to.Context(), proof.SignedExecution{Execution: e, Signature: make([]byte, 64)})
		},
		prepare: func(t *testing.T, to *desktest.Town) func() error {
			r := heldRequest(t, to)
			to.StopExecutor() // its journal would miss what this test signs
			e := to.SignedRecord(proof.Execution{Kind: proof.KindRefusal, Duty: proof.DutyAct, Request: r.ID, Outcome: proof.Refused}, nil)
			return func() error { return to.Desk.Record(t.Context(), e) }
		},
		entries: []string{"refusal"}, tables: []string{"execution"},
	},
	"Record breach": {
		refused: func(to *desktest.Town) error {
			e := to.SignedRecord(to.Breach(president, actions.Critical), map[string]string{proof.SealedSubject: president})
			e.Signature = make([]byte, 64)
			return to.Desk.Record(to.Context(), e)
		},
		prepare: func(t *testing.T, to *desktest.Town) func() error {
			to.StopExecutor()
			e := to.SignedRecord(to.Breach(president, actions.Critical), map[string]string{proof.SealedSubject: president})
			return func() error { return to.Desk.Record(t.Context(), e) }
		},
		entries: []string{"breach", "incident", "alarm"}, tables: []string{"execution", "sighting", "incident", "incident_breach", "alarm"},
	},
	"Record taken": {
		refused: func(to *desktest.Town) error {
			e := to.SignedRecord(to.Breach(president, actions.Critical), map[string]string{proof.SealedSubject: president})
			e.Signature = make([]byte, 64)
			return to.Desk.Record(to.Context(), e)
		},
		prepare: func(t *testing.T, to *desktest.Town) func() error {
			to.StopExecutor()
			to.Rest() // the job that follows is not the record's
			e := to.SignedRecord(taken(t, to.World, "ada", acts.Wish{Kind: actions.DeskEngagement, Change: actions.Engagement{Op: "end", Worker: "dan"}}), nil)
			return func() error { return to.Desk.Record(t.Context(), e) }
		},
		entries: []string{"taken"}, tables: []string{"execution", "sighting", "job"},
	},
	"OpenIncident": {
		refused: func(to *desktest.Town) error {
			_, err := to.OpenIncident(to.Context(), desktest.As("ann"), firstRequest(to), "Why?")
			return err
		},
		prepare: func(t *testing.T, to *desktest.Town) func() error {
			r := heldRequest(t, to)
			return func() error { _, err := to.OpenIncident(t.Context(), desktest.As("eva"), r.ID, "Why?"); return err }
		},
		entries: []string{"incident", "alarm"}, tables: []string{"incident", "alarm"},
	},
	"AssignTask": {
		refused: func(to *desktest.Town) error {
			_, err := to.AssignTask(to.Context(), desktest.As("ann"), anyIncident(to), "Look.", "ole")
			return err
		},
		prepare: func(t *testing.T, to *desktest.Town) func() error {
			id := anyIncident(to)
			return func() error {
				_, err := to.AssignTask(t.Context(), desktest.As("eva"), id, "Look.", "ole")
				return err
			}
		},
		entries: []string{"incident-task"}, tables: []string{"incident", "incident_task"},
	},
	"FinishTask": {
		refused: func(to *desktest.Town) error {
			_, err := to.FinishTask(to.Context(), desktest.As("eva"), anyTask(to), 1, "Done.")
			return err
		},
		prepare: func(t *testing.T, to *desktest.Town) func() error {
			id := anyTask(to)
			return func() error {
				_, err := to.FinishTask(t.Context(), desktest.As("ole"), id, 1, "Done.")
				return err
			}
		},
		entries: []string{"incident-task-done"}, tables: []string{"incident", "incident_task"},
	},
	"ProposeFindings": {
		refused: func(to *desktest.Town) error {
			_, err := to.ProposeFindings(to.Context(), desktest.As("ann"), anyIncident(to), "Nothing.")
			return err
		},
		prepare: func(t *testing.T, to *desktest.Town) func() error {
			id := anyIncident(to)
			return func() error {
				_, err := to.ProposeFindings(t.Context(), desktest.As("eva"), id, "It was real.")
				return err
			}
		},
		entries: []string{"incident-findings"}, tables: []string{"incident_findings"},
	},
	"Report": {
		refused: func(to *desktest.Town) error {
			_, err := to.Report(to.Context(), desktest.As("ann"), anyIncident(to), 0)
			return err
		},
		prepare: func(t *testing.T, to *desktest.Town) func() error {
			id := anyIncident(to)
			return func() error { _, err := to.Report(t.Context(), desktest.As("eva"), id, 0); return err }
		},
		entries: []string{"incident-read"},
	},
	"IncidentBundle": {
		refused: func(to *desktest.Town) error {
			_, err := to.IncidentBundle(to.Context(), desktest.As("ann"), anyIncident(to), false)
			return err
		},
		prepare: func(t *testing.T, to *desktest.Town) func() error {
			id := anyIncident(to)
			return func() error { _, err := to.IncidentBundle(t.Context(), desktest.As("eva"), id, true); return err }
		},
		entries: []string{"export"},
	},
	"Attribution": {
		refused: func(to *desktest.Town) error {
			_, err := to.Attribution(to.Context(), desktest.As("ann"), anyIncident(to))
			return err
		},
		prepare: func(t *testing.T, to *desktest.Town) func() error {
			id := anyIncident(to)
			return func() error { _, err := to.Attribution(t.Context(), desktest.As("eva"), id); return err }
		},
		entries: []string{"incident-read"},
	},
	"RuledBy": {
		refused: func(to *desktest.Town) error {
			_, err := to.RuledBy(to.Context(), desktest.As("ann"), anyIncident(to), nil)
			return err
		},
		prepare: func(t *testing.T, to *desktest.Town) func() error {
			id := anyIncident(to)
			s, err := to.Desk.State(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return func() error {
				_, err := to.RuledBy(t.Context(), desktest.As("eva"), id, s.Policy.Files())
				return err
			}
		},
		entries: []string{"incident-read"},
	},
}

// firstRequest is the one that every town of TestFiveSteps begins with.
func firstRequest(to *desktest.Town) string {
	rs, _, err := to.Requests(to.Context(), desktest.As("kim"), acts.Filter{Status: actions.StatusHeld})
	if err != nil || len(rs) == 0 {
		panic(fmt.Sprintf("no request is held: %v", err))
	}
	return rs[len(rs)-1].ID
}

// anyIncident returns an open incident on the first request.
func anyIncident(to *desktest.Town) string {
	is, _, err := to.Incidents(to.Context(), desktest.As("eva"), incidents.Filter{})
	if err != nil {
		panic(err)
	}
	if len(is) > 0 {
		return is[0].ID
	}
	i, err := to.OpenIncident(to.Context(), desktest.As("eva"), firstRequest(to), "Why?")
	if err != nil {
		panic(err)
	}
	return i.ID
}

// anyTask returns an incident whose task 1 is ole's to finish.
func anyTask(to *desktest.Town) string {
	id := anyIncident(to)
	i, err := to.Incident(to.Context(), desktest.As("eva"), id)
	if err == nil && len(i.Tasks) == 0 {
		_, err = to.AssignTask(to.Context(), desktest.As("eva"), id, "Look.", "ole")
	}
	if err != nil {
		panic(err)
	}
	return id
}

// partOfAStep reports whether a method is called within a step that another method of
// this test begins: it takes the step's transaction, which only the kernel makes.
func partOfAStep(m reflect.Method) bool {
	for i := range m.Type.NumIn() {
		if m.Type.In(i) == reflect.TypeFor[*kernel.Tx]() {
			return true
		}
	}
	return false
}

// TestEveryMethod finds the methods of all rooms that a change could hide in.
func TestEveryMethod(t *testing.T) {
	typ := reflect.TypeFor[*desk.Desk]()
	for i := range typ.NumMethod() {
		name := typ.Method(i).Name
		if partOfAStep(typ.Method(i)) {
			continue
		}
		_, changes := steps[name]
		if !changes && !slices.Contains(reads, name) && !slices.Contains(others, name) {
			t.Errorf("Desk.%s is in no list: say whether it changes something", name)
		}
	}
	for name := range steps {
		method, _, _ := strings.Cut(name, " ")
		if _, ok := typ.MethodByName(method); !ok {
			t.Errorf("Desk.%s is tested and does not exist", name)
		}
	}
}

// TestFiveSteps demands of each changing method: without permission it is
// refused, nothing changes and the refusal is recorded; a success leaves its
// ledger entry; a failure at any step leaves nothing.
func TestFiveSteps(t *testing.T) {
	for name, s := range steps {
		t.Run(name, func(t *testing.T) {
			desktest.Each(t, func(t *testing.T, o desktest.Options) {
				to := desktest.NewTown(t, o)
				heldRequest(t, to)
				if s.before != nil {
					s.before(to)
				}
				t.Run("refused", func(t *testing.T) {
					requests := dump(t, to, "request")
					from := size(t, to)
					err := s.refused(to)
					if k := fault.KindOf(err); k != fault.Forbidden {
						t.Fatalf("got %v", err)
					}
					if got := dump(t, to, "request"); got != requests {
						t.Errorf("a refusal changed the requests")
					}
					if n := kinds(t, to.World, from)["refused"]; n != 1 {
						t.Errorf("%d refusals recorded, want 1", n)
					}
				})
				call := s.prepare(t, to)
				for _, table := range append(s.tables, "ledger_entry") {
					t.Run("failing at "+table, func(t *testing.T) { fails(t, to, table, call, s.tables) })
				}
				t.Run("success", func(t *testing.T) {
					from := size(t, to)
					if err := call(); err != nil {
						t.Fatal(err)
					}
					var got []string
					for _, e := range withoutTiers(since(t, to.World, from)) {
						got = append(got, e.Body.Kind)
					}
					if !slices.Equal(got, s.entries) {
						t.Errorf("it entered %q, want %q", got, s.entries)
					}
				})
			})
		})
	}
}

// fails has the database refuse to write a table, and demands that nothing is left.
func fails(t *testing.T, to *desktest.Town, table string, call func() error, tables []string) {
	inject, mend := injection(to.Store.DB().Dialect(), table)
	sql(t, to, inject...)
	from := size(t, to)
	var before []string
	for _, table := range tables {
		before = append(before, dump(t, to, table))
	}
	err := call()
	sql(t, to, mend...)
	if err == nil {
		t.Fatalf("it succeeded without writing %s", table)
	}
	if fault.KindOf(err) != fault.Internal {
		t.Errorf("a failure of ours is shown as %v", err)
	}
	if left := withoutTiers(since(t, to.World, from)); len(left) != 0 {
		t.Errorf("a failed change has left %q", kindsOf(left))
	}
	for i, table := range tables {
		if got := dump(t, to, table); got != before[i] {
			t.Errorf("the failed change left something in %s", table)
		}
	}
}

// injection returns what has every write of a table fail, and what ends that.
func injection(d sqldb.Dialect, table string) (inject, mend []string) {
	if d == sqldb.PostgreSQL {
		return []string{
			`create function injected() returns trigger language plpgsql as $$ begin raise exception 'injected'; end $$`,
			`create trigger injected before insert or update on ` + table + ` for each row execute function injected()`,
		}, []string{`drop trigger injected on ` + table, `drop function injected()`}
	}
	return []string{
		`create trigger injected_i before insert on ` + table + ` begin select raise(abort, 'injected'); end`,
		`create trigger injected_u before update on ` + table + ` begin select raise(abort, 'injected'); end`,
	}, []string{`drop trigger injected_i`, `drop trigger injected_u`}
}

func sql(t *testing.T, to *desktest.Town, statements ...string) {
	t.Helper()
	if err := to.Store.Write(t.Context(), func(tx *store.Tx) error {
		for _, q := range statements {
			if _, err := tx.Exec(q); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// withoutTiers leaves out the executor's records of tiers, which come when they come.
func withoutTiers(all []ledger.Entry) []ledger.Entry {
	return slices.DeleteFunc(all, func(e ledger.Entry) bool { return e.Body.Kind == proof.KindTiers })
}

func size(t *testing.T, to *desktest.Town) int64 {
	t.Helper()
	h, err := to.Store.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return h.Size
}

// dump returns what stands in a table, as one text.
func dump(t *testing.T, to *desktest.Town, table string) (all string) {
	t.Helper()
	columns := map[string]string{"request": "id, version, status, signers", "job": "id, kind, args", "token": "id, revoked", "program_token": "id, expires", "own_declared": "worker, accounts, deed", "channel": "worker, n, deed", "message": "worker, n, key", "session": "digest, ended", "decision": "case_id, version, digest", "execution": "executor, sequence",
		"sighting": "executor, sequence", "incident": "id, version, status", "incident_breach": "breach, incident", "incident_task": "incident, number, done",
		"incident_findings": "incident, digest", "alarm": "id, entry", "text": "digest, part", "invitation": "id, withdrawn, answered"}
	// Those who could sign a request are told by a job, some time after it was made.
	where := map[string]string{"job": ` where kind <> 'desk.waiting'`, "message": ` where kind <> 'waits-for-you'`}[table]
	err := to.Store.Read(t.Context(), func(tx *store.Tx) error {
		rows, err := tx.Query(`select ` + columns[table] + ` from ` + table + where + ` order by 1, 2`)
		if err != nil {
			return err
		}
		defer rows.Close()
		values := make([]any, strings.Count(columns[table], ",")+1)
		for rows.Next() {
			for i := range values {
				values[i] = new(any)
			}
			if err := rows.Scan(values...); err != nil {
				return err
			}
			for _, v := range values {
				all += fmt.Sprintf("%v ", *v.(*any))
			}
			all += "\n"
		}
		return rows.Err()
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
