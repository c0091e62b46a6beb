-- +goose Up

-- What the newest decision on a case says of those who reported in it, by their keyed digest, each
-- once for a group of reasons: truthful is 1 if it found a violation, and 0 if it found none.
-- Their records are counted from these rows.
create table reporter_outcome (
	case_id text not null,
	reporter text not null,
	reasons text not null,
	decision text not null constraint reporter_outcome_has_a_decision references case_decision (id),
	truthful bigint not null constraint reporter_outcome_is_a_truth_value check (truthful in (0, 1)),
	time bigint not null,
	constraint reporter_outcome_once primary key (case_id, reporter, reasons)
);
create index reporter_outcome_by_reporter on reporter_outcome (reporter, time, reasons, truthful);
create index reporter_outcome_by_decision on reporter_outcome (decision);
