package v1

import (
	"countersign.dev/actions"
	"countersign.dev/canonical"
	"countersign.dev/ledger/proof"
	"countersign.dev/platform"
	"countersign.dev/workforce"
)

// Exposure says who could do what to one subject.
type Exposure struct {
	Subject    platform.Subject   `json:"subject"`
	Sort       platform.Sort      `json:"sort" doc:"empty where the subject could not be read"`
	Tier       actions.Tier       `json:"tier"`
	Why        []proof.Reason     `json:"why" doc:"the rules that say so"`
	Floor      actions.Tier       `json:"floor" doc:"its tier without what people raised it to"`
	At         canonical.Time     `json:"at" doc:"of which instant; what the platform tells of the subject is of now"`
	Governance int64              `json:"governance" doc:"entries of the governance chain that this is as of"`
	Number     int                `json:"number" doc:"the least collusion number of the acts on its visibility, or of the one kind that was asked for; 0: no group at the desk can do any"`
	Weaker     int                `json:"weaker" doc:"the least collusion number of limits, labels and warnings; 0: no group at the desk can do any, or the platform offers none"`
	Acts       []ExposedAct       `json:"acts"`
	Holders    Holders            `json:"holders" doc:"who could act around the desk, as good as its declarations"`
	Unguarded  []platform.Showing `json:"unguarded" doc:"changes around the desk that nothing shows on this platform"`
	Unranked   *proof.Unranked    `json:"unranked,omitempty" doc:"no rule about tiers can tell which accounts of the platform matter: only what people raised is protected there"`
	// Indispensable is empty where the rest goes on without each of them.
	Indispensable []Indispensable `json:"indispensable" doc:"people without each of whom the rest of the desk could not go on; empty: nobody"`
	Unread        string          `json:"unread" doc:"in a table: why the subject could not be read; it then counts as critical"`
}

// Indispensable is a person without whom the desk could not go on.
type Indispensable struct {
	Worker workforce.WorkerID `json:"worker"`
	For    []actions.Kind     `json:"for" doc:"what nobody could do any more: desk.admit, desk.key, desk.freeze (to thaw)"`
}

// ExposedAct says who could do one kind of act.
type ExposedAct struct {
	Kind      actions.Kind     `json:"kind"`
	Effect    actions.Effect   `json:"effect"`
	Alone     Alone            `json:"alone"`
	Emergency *Alone           `json:"emergency,omitempty" doc:"who could do the same alone at once, until it reverts"`
	Collusion Collusion        `json:"collusion"`
	Coverage  Coverage         `json:"coverage"`
	Budgets   []actions.Budget `json:"budgets" doc:"within which such acts are carried out. An act on content after 30 in an hour on the content of one account counts in the family account too"`
}

// Alone says who could do an act now, at once and without anybody else.
type Alone struct {
	Count   int     `json:"count"`
	Session int     `json:"session" doc:"of these, how many whose session alone is enough, and so a stolen one"`
	Can     []Alike `json:"can"`
	Cannot  []Alike `json:"cannot"`
}

// Alike is a group of people of whom the same is true.
type Alike struct {
	Count   int                  `json:"count"`
	Person  PersonSort           `json:"person" doc:"what kind of person; the vendor is that of one of them"`
	Reasons []proof.Reason       `json:"reasons"`
	Workers []workforce.WorkerID `json:"workers,omitempty" doc:"only if asked for"`
}

// PersonSort is a kind of person, in words that name nobody.
type PersonSort struct {
	Employee bool               `json:"employee"`
	Vendor   workforce.VendorID `json:"vendor"`
	Roles    []workforce.Role   `json:"roles"`
	Hardware bool               `json:"hardware" doc:"has a live key that is bound to hardware"`
}

// Collusion is the least number of people over all ways; 0: no group at the desk can.
type Collusion struct {
	Number int   `json:"number"`
	Ways   []Way `json:"ways"`
}

// Way is one way to an act, with the smallest group that can go it.
type Way struct {
	Way     string   `json:"way" doc:"act, emergency, reversal, or a change of the desk after which the act is done"`
	People  int      `json:"people" doc:"different ones of both groups; 0: nobody can"`
	Group   []Member `json:"group" doc:"who do it, or change the desk"`
	Then    []Member `json:"then" doc:"who go on after the change, where that takes certain people"`
	Wait    int64    `json:"wait" doc:"seconds that the way needs"`
	Reverts int64    `json:"reverts" doc:"seconds after which it ends by itself; 0: it does not"`
	Why     string   `json:"why" doc:"why nobody can, or how the way goes on"`
}

// Member is one person of a group.
type Member struct {
	Part   string             `json:"part" enum:"requests,countersigns,suspends"`
	Person PersonSort         `json:"person"`
	Worker workforce.WorkerID `json:"worker,omitempty" doc:"only if asked for"`
}

// Coverage counts the people who could countersign an act.
type Coverage struct {
	Need  actions.Need `json:"need" doc:"the strictest slots of any who may request it"`
	Now   []Alike      `json:"now"`
	Hours []int        `json:"hours" doc:"how many could, now and at each hour of the coming week"`
	Short []int        `json:"short" doc:"the hours in which there are fewer than the need and one more"`
}

// Holders are the people who could act around the desk, by the declaration of the desk's
// operator.
type Holders struct {
	Platform []string `json:"platform" doc:"of the platform's staff or administrator's credential"`
	Executor []string `json:"executor" doc:"of the executor's machine"`
	LogKey   []string `json:"log_key" doc:"of the key that signs the ledger's checkpoints"`
	AsOwner  string   `json:"as_owner" doc:"how a holder of the platform's credential acts as the owner of an account"`
}

// ExposureTable is the exposure of the subjects of a tier that the desk knows,
// weakest first.
type ExposureTable struct {
	Tier  actions.Tier   `json:"tier"`
	At    canonical.Time `json:"at"`
	Items []Exposure     `json:"items"`
	Left  int            `json:"left" doc:"subjects that the desk knows besides and did not look at"`
}

// Reach lists the acts that one worker could do alone, now and on the last day.
type Reach struct {
	Worker  workforce.WorkerID `json:"worker"`
	At      canonical.Time     `json:"at"`
	Now     []Deed             `json:"now"`
	Last    canonical.Time     `json:"last" doc:"the last instant of the engagement; empty: it is open-ended or over"`
	LastDay []Deed             `json:"last_day" doc:"then, if nothing changes but the time"`
	Session *SessionReach      `json:"session,omitempty" doc:"left out: the desk signs in the formats 1, which have no sessions"`
}

// SessionReach says what whoever has the key of a worker's session could do in the worker's
// name.
type SessionReach struct {
	Acts    []Deed           `json:"acts" doc:"alone, and on standard subjects only"`
	Runs    canonical.Time   `json:"runs" doc:"when the session ends that runs now; empty: none runs"`
	Until   canonical.Time   `json:"until" doc:"when one ends at the latest that is started now"`
	Budgets []actions.Budget `json:"budgets" doc:"within which such acts are carried out"`
	Ends    int              `json:"ends" doc:"how many people, without the worker, could end all sessions of the worker, each alone; the worker always can"`
}

// Deed is an act that one person could do alone.
type Deed struct {
	Platform string         `json:"platform"`
	Kind     actions.Kind   `json:"kind"`
	Tier     actions.Tier   `json:"tier"`
	Reasons  []proof.Reason `json:"reasons"`
}

// CoverageChange compares, before and after a change of the desk, how many could
// countersign a takedown on one tier of a platform, and its collusion number.
type CoverageChange struct {
	Platform string       `json:"platform"`
	Tier     actions.Tier `json:"tier"`
	Before   Covered      `json:"before"`
	After    Covered      `json:"after"`
}

// Covered is one side of a CoverageChange.
type Covered struct {
	Need   actions.Need `json:"need"`
	Now    int          `json:"now" doc:"how many could countersign now"`
	Least  int          `json:"least" doc:"in the hour of the coming week in which they are fewest"`
	Number int          `json:"number" doc:"the collusion number; 0: nobody can"`
}
