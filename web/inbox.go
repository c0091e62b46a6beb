package web

import (
	"context"
	"net/http"
	"strconv"

	"countersign.dev/desk/inbox"
	"countersign.dev/fault"
)

// inboxPage is what the desk told the reader.
type inboxPage struct {
	Items []inbox.Message // newest first
	inbox.Mailbox
	Older string // path of the page with older messages; empty: there are none
}

// messagesOfPage is how many messages a page shows.
const messagesOfPage = 50

// inbox is the page of the messages to the reader.
func (s *Server) inbox(ctx context.Context, r *http.Request, by reader) (view, error) {
	f := inbox.Filter{Limit: messagesOfPage + 1}
	if text := r.URL.Query().Get("before"); text != "" {
		var err error
		if f.Before, err = strconv.ParseInt(text, 10, 64); err != nil || f.Before < 1 {
			return view{}, fault.New(fault.Invalid, "bad-parameter", "%q is no number of a message.", text)
		}
	}
	all, box, err := s.desk.Inbox(ctx, by.of(), f)
	if err != nil {
		return view{}, err
	}
	p := inboxPage{Items: all, Mailbox: box}
	if len(all) > messagesOfPage {
		p.Items = all[:messagesOfPage]
		p.Older = "/inbox?before=" + strconv.FormatInt(p.Items[messagesOfPage-1].N, 10)
	}
	return view{Title: "Inbox", Here: "/inbox", Script: "inbox", Body: myInbox(p)}, nil
}

// sayings are the first words of each kind of message.
var sayings = map[inbox.Kind]string{
	inbox.KindSession:   "A session of yours began",
	inbox.KindSignature: "Your key signed",
	inbox.KindWaits:     "Waits for your signature",
	inbox.KindTurn:      "Your turn",
	inbox.KindChannel:   "Your channel is another one",
}

// about is the path of the page on which a message is acted upon.
func about(m inbox.Message) string {
	if m.Kind == inbox.KindWaits {
		return "/countersign/" + m.Request
	}
	switch {
	case m.Request != "":
		return "/requests/" + m.Request
	case m.Case != "":
		return "/cases/" + m.Case
	}
	return "/settings"
}
