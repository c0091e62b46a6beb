package api

import (
	"context"

	v1 "countersign.dev/api/v1"
	"countersign.dev/desk"
	"countersign.dev/desk/inbox"
	"countersign.dev/fault"
)

func (s *Server) inbox(ctx context.Context, by desk.Caller, in *struct {
	After  int64 `query:"after" minimum:"-1" default:"-1" doc:"the messages after this number, oldest first; 0: from the oldest on"`
	Before int64 `query:"before" minimum:"0" doc:"the messages before this number, newest first"`
	Limit  int   `query:"limit" minimum:"1" maximum:"100" doc:"so many at most; 50 if left out"`
}) (*answerOf[v1.Inbox], error) {
	if in.After >= 0 && in.Before > 0 {
		return nil, fault.New(fault.Invalid, "bad-parameter", "Give after or before, not both.")
	}
	if in.Limit == 0 {
		in.Limit = v1.DefaultPage
	}
	all, box, err := s.desk.Inbox(ctx, by, inbox.Filter{After: max(in.After, 0), Before: in.Before, Oldest: in.After >= 0, Limit: in.Limit})
	return answerWith(v1.Inbox{Mailbox: mailboxOf(box), Items: list(all, messageOf)}, err)
}

func messageOf(m inbox.Message) v1.Message {
	return v1.Message{Number: m.N, Kind: string(m.Kind), At: m.At, Read: m.Read, Text: m.Text, Act: m.Act, Case: m.Case, Digest: m.Digest, Expires: m.Expires,
		Key: m.Key, Platform: m.Platform, Request: m.Request, Subject: m.Subject, Tier: m.Tier, Verdict: m.Verdict}
}

func mailboxOf(b inbox.Mailbox) v1.Mailbox { return v1.Mailbox(b) }

func (s *Server) readInbox(ctx context.Context, by desk.Caller, in *struct{ Body v1.ReadMark }) (*answerOf[v1.Mailbox], error) {
	box, err := s.desk.ReadInbox(ctx, by, in.Body.Upto)
	return answerWith(mailboxOf(box), err)
}

func (s *Server) channel(ctx context.Context, by desk.Caller, _ *struct{}) (*answerOf[v1.Channel], error) {
	c, err := s.desk.Channel(ctx, by)
	return answerWith(channelOf(c), err)
}

func (s *Server) declareChannel(ctx context.Context, by desk.Caller, in *struct{ Body v1.ChannelDeclaration }) (*answerOf[v1.Channel], error) {
	c, err := s.desk.DeclareChannel(ctx, by, in.Body.Webhook, in.Body.Secret, in.Body.Deed)
	return answerWith(channelOf(c), err)
}

func channelOf(c inbox.Channel) v1.Channel {
	return v1.Channel{Number: c.N, Webhook: c.Webhook, Host: c.Host, Time: c.Time, Deed: c.Deed, Status: c.Status, Answer: c.Answer, Tried: c.Tried, Altered: c.Altered}
}
