package api

import (
	"context"

	"countersign.dev/api/v1"
	"countersign.dev/desk"
	"countersign.dev/desk/inquiry"
	"countersign.dev/ledger/proof"
	"countersign.dev/policy"
)

func (s *Server) backtest(ctx context.Context, by desk.Caller, in *struct{ Body v1.BacktestAsk }) (*answerOf[v1.Backtest], error) {
	b, err := s.desk.Backtest(ctx, by, in.Body.Files, in.Body.Since, in.Body.Until, in.Body.Limit)
	if err != nil {
		return nil, err
	}
	return answerWith(backtestOf(b), nil)
}

func backtestOf(b inquiry.Backtested) v1.Backtest {
	out := v1.Backtest{Policy: b.Proposed, Since: b.Since, Until: b.Until, Size: b.Size, Requests: b.Requests, Refusals: b.Refusals, OtherRefusals: b.Others,
		Unread: b.Unread, Turns: b.Turns, Left: b.Left, FindingsInFull: b.FindingsN,
		Changes:  list(b.Changes, rulingChangeOf),
		Findings: list(b.Findings, func(f proof.Finding) v1.Finding { return v1.Finding(f) })}
	for turn, n := range b.Turns {
		out.Changed += n
		if turn.Looser() {
			out.Looser += n
		}
	}
	return out
}

func rulingChangeOf(c proof.Change) v1.Change {
	return v1.Change{Turn: c.Turn, Request: c.Request, At: c.At, Worker: c.Worker, Kind: c.Act.Kind, Platform: c.Act.Platform, Part: c.Act.Part, Tier: c.Act.Tier,
		Refused: c.Refused, Then: rulingAnswerOf(c.Then), Proposed: rulingAnswerOf(c.Proposed), Filled: c.Filled, WouldFill: c.WouldFill, Index: c.Index,
		Lost: list(c.Lost, func(l proof.LostSigner) v1.LostSigner {
			return v1.LostSigner{Worker: l.Worker, Verdict: l.Verdict, Reasons: reasonsOf(l.Reasons)}
		})}
}

func rulingAnswerOf(a proof.Answer) v1.Answer {
	return v1.Answer{Verdict: a.Verdict, Need: a.Need, Reasons: reasonsOf(a.Reasons)}
}

func reasonsOf(rs []policy.Reason) []proof.Reason {
	return list(rs, func(r policy.Reason) proof.Reason { return proof.Reason(r) })
}
