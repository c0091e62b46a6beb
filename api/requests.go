package api

import (
	"context"
	"net/http"
	"time"

	"countersign.dev/actions"
	v1 "countersign.dev/api/v1"
	"countersign.dev/desk"
	"countersign.dev/desk/acts"
	"countersign.dev/fault"
	"countersign.dev/httpd"
	"countersign.dev/ledger"
	"countersign.dev/ledger/proof"
	"countersign.dev/platform"
	"countersign.dev/workforce"
)

// waitOf reads ?wait=, a duration such as 10s.
func waitOf(text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 || d > v1.MaxWait*time.Second {
		return 0, fault.New(fault.Invalid, "bad-parameter", "wait is a time of up to %d seconds, such as 10s.", v1.MaxWait)
	}
	return d, nil
}

func (s *Server) draft(ctx context.Context, by desk.Caller, in *struct{ Body v1.Wish }) (*answerOf[v1.Draft], error) {
	wish, err := wishOf(in.Body)
	if err != nil {
		return nil, err
	}
	d, err := s.desk.Draft(ctx, by, wish)
	return answerWith(draftOf(d), err)
}

type submitIn struct {
	Wait string `query:"wait" maxLength:"20" doc:"how long to wait for the executor, such as 10s"`
	Body v1.Submission
}

type submitted struct {
	Status int
	Body   v1.Request
}

func (s *Server) submit(ctx context.Context, by desk.Caller, in *submitIn) (*submitted, error) {
	wait, err := waitOf(in.Wait)
	if err != nil {
		return nil, err
	}
	status := http.StatusCreated
	if _, err := s.desk.RequestByID(ctx, by, in.Body.Signed.Statement.Request); err == nil {
		status = http.StatusOK // a repeat, or a conflict that the desk is about to find
	}
	r, err := s.desk.Request(ctx, by, submissionOf(in.Body))
	if err != nil {
		return nil, err
	}
	if wait > 0 {
		if r, err = s.carried(ctx, by, r, wait); err != nil {
			return nil, err
		}
	}
	return &submitted{status, requestOf(r)}, nil
}

// carried waits while the executor has a request in hand. It does not wait for people.
func (s *Server) carried(ctx context.Context, by desk.Caller, r actions.Request, wait time.Duration) (actions.Request, error) {
	waiting, cancel := httpd.Waiting(ctx, wait)
	defer cancel()
	for r.Status == actions.StatusApproved && waiting.Err() == nil {
		next, err := s.desk.Wait(waiting, by, r.ID, r.Version)
		if err != nil {
			return r, err
		}
		r = next
	}
	return r, nil
}

type requestsIn struct {
	Paged
	Status    actions.Status     `query:"status" maxLength:"20" enum:"held,approved,executed,void,failed,unknown,declined,frozen,withdrawn,expired,reversed,lifted"`
	Requester workforce.WorkerID `query:"requester" maxLength:"64"`
	Kind      actions.Kind       `query:"kind" maxLength:"64" doc:"of the catalogue"`
	Platform  string             `query:"platform" maxLength:"64"`
	Subject   string             `query:"subject" maxLength:"600" doc:"PLATFORM:ID"`
}

func (s *Server) requests(ctx context.Context, by desk.Caller, in *requestsIn) (*answerOf[v1.Page[v1.Request]], error) {
	cursor, err := positionOf("requests", in.Cursor)
	if err != nil {
		return nil, err
	}
	f := acts.Filter{Status: in.Status, Requester: in.Requester, Kind: in.Kind, Platform: in.Platform, Cursor: cursor, Limit: in.limit()}
	if _, ok := actions.SpecOf(in.Kind); !ok && in.Kind != "" {
		return nil, fault.New(fault.Invalid, "unknown-kind", "There is no kind of action %q.", in.Kind)
	}
	if in.Subject != "" {
		on, err := platform.ParseSubject(in.Subject)
		switch {
		case err != nil:
			return nil, err
		case on.ID == "":
			return nil, fault.New(fault.Invalid, "bad-subject", "Requests are found by the identifier of their subject, PLATFORM:ID, and not by the handle %q.", in.Subject)
		case in.Platform != "" && in.Platform != on.Platform:
			return nil, fault.New(fault.Invalid, "bad-subject", "The subject %s is not on %s.", in.Subject, in.Platform)
		}
		f.Platform, f.Subject = on.Platform, on.ID
	}
	rs, next, err := s.desk.Requests(ctx, by, f)
	return answerWith(v1.Page[v1.Request]{Items: list(rs, requestOf), Next: cursorOf("requests", next)}, err)
}

type requestIn struct {
	Identified
	Version int64  `query:"version" minimum:"0" doc:"wait until the request is newer than this"`
	Wait    string `query:"wait" maxLength:"20" doc:"how long to wait, such as 10s"`
}

func (s *Server) request(ctx context.Context, by desk.Caller, in *requestIn) (*answerOf[v1.Request], error) {
	wait, err := waitOf(in.Wait)
	if err != nil {
		return nil, err
	}
	if wait == 0 {
		r, err := s.desk.RequestByID(ctx, by, in.ID)
		return answerWith(requestOf(r), err)
	}
	waiting, cancel := httpd.Waiting(ctx, wait)
	defer cancel()
	r, err := s.desk.Wait(waiting, by, in.ID, in.Version)
	return answerWith(requestOf(r), err)
}

func (s *Server) signing(ctx context.Context, by desk.Caller, in *Identified) (*answerOf[v1.Signing], error) {
	x, err := s.desk.RequestFor(ctx, by, in.ID)
	return answerWith(signingOf(x), err)
}

func (s *Server) waiting(ctx context.Context, by desk.Caller, _ *struct{}) (*answerOf[v1.Page[v1.Request]], error) {
	all, err := s.desk.Waiting(ctx, by)
	return answerWith(v1.Page[v1.Request]{Items: list(all, func(x acts.Sight) v1.Request { return requestOf(x.Request) })}, err)
}

func signingOf(x acts.Sight) v1.Signing {
	out := v1.Signing{May: x.May, Why: x.Why, Signed: x.HasSigned, Slots: list(x.Slots, func(n acts.Slot) v1.Slot { return v1.Slot(n) }),
		Reasons: list(x.Reasons, func(r proof.Reason) proof.Reason { return r })}
	if x.Asker != nil {
		asker := v1.Asker(*x.Asker)
		out.Asker = &asker
	}
	return out
}

func (s *Server) draftVerdict(ctx context.Context, by desk.Caller, in *struct {
	Identified
	Body v1.VerdictWish
}) (*answerOf[v1.Draft], error) {
	d, err := s.desk.DraftVerdict(ctx, by, in.ID, in.Body.Verdict, in.Body.Key)
	return answerWith(draftOf(d), err)
}

func (s *Server) draftUndo(ctx context.Context, by desk.Caller, in *struct {
	Identified
	Body v1.UndoWish
}) (*answerOf[v1.Draft], error) {
	d, err := s.desk.DraftUndo(ctx, by, in.ID, acts.UndoWish{Reason: in.Body.Reason, Key: in.Body.Key, Session: in.Body.Session})
	return answerWith(draftOf(d), err)
}

func (s *Server) countersign(ctx context.Context, by desk.Caller, in *struct {
	Identified
	Body v1.Countersignature
}) (*answerOf[v1.Request], error) {
	r, err := s.desk.Countersign(ctx, by, in.ID, in.Body.Signed)
	return answerWith(requestOf(r), err)
}

func (s *Server) decline(ctx context.Context, by desk.Caller, in *struct {
	Identified
	Body v1.Decline
}) (*answerOf[v1.Request], error) {
	r, err := s.desk.Decline(ctx, by, in.ID, in.Body.Signed, in.Body.Alarm, in.Body.Reason)
	return answerWith(requestOf(r), err)
}

func (s *Server) withdraw(ctx context.Context, by desk.Caller, in *struct {
	Identified
	Body v1.Withdrawal
}) (*answerOf[v1.Request], error) {
	r, err := s.desk.Withdraw(ctx, by, in.ID, acts.Withdrawal{Version: in.Body.Version, Signed: in.Body.Signed, Deed: in.Body.Deed})
	return answerWith(requestOf(r), err)
}

func (s *Server) rows(ctx context.Context, by desk.Caller, in *Identified) (*answerOf[v1.Rows], error) {
	rows, err := s.desk.RowsOf(ctx, by, in.ID)
	return answerWith(v1.Rows{Items: list(rows, func(r acts.AdmittedRow) v1.Row {
		if r.Openings == nil {
			r.Openings = []ledger.Opening{}
		}
		return v1.Row{Row: r.Row, Openings: r.Openings}
	})}, err)
}

func (s *Server) warrant(ctx context.Context, by desk.Caller, in *struct {
	Identified
	Complete bool `query:"complete" doc:"with the governance entries that authorise its people, keys and policy, down to entry 0"`
}) (*raw, error) {
	b, err := []byte(nil), error(nil)
	if in.Complete {
		b, err = s.desk.CompleteWarrant(ctx, by, in.ID, proof.MaxWarrant)
	} else {
		b, err = s.desk.Warrant(ctx, by, in.ID)
	}
	if err != nil {
		return nil, err
	}
	return &raw{"application/json", b}, nil
}
