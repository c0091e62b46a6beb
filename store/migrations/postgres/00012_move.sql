-- +goose Up

-- The signed deeds on cases, each done once. The text is in the deed's document.
create table case_deed (
	digest text not null constraint case_deed_once primary key,
	id text not null,
	case_id text not null constraint case_deed_has_a_case references case_file (id),
	what text not null,
	worker text not null,
	signed text not null,
	version bigint not null,
	time bigint not null
);
create index case_deed_by_case on case_deed (case_id, version);

-- What a worker did to end or delay reports with less than the usual measure, numbered for
-- each worker: so a budget is read by key, however large it is.
create table burial (
	worker text not null,
	n bigint not null,
	vendor text not null,
	time bigint not null,
	what text not null,
	about text not null,
	constraint burial_once primary key (worker, n)
);
create index burial_by_time on burial (worker, time, n);
create index burial_by_vendor on burial (vendor, time);

-- Verdicts on cases of the highest severity that wait for a second person.
create table case_proposal (
	id text not null constraint case_proposal_id primary key,
	case_id text not null constraint case_proposal_has_a_case references case_file (id),
	version bigint not null,
	claim bigint not null,
	worker text not null,
	verdict text not null,
	rule bigint not null,
	digest text not null,
	time bigint not null,
	ended bigint not null,
	constraint case_proposal_once unique (case_id, version)
);
create unique index case_proposal_open on case_proposal (case_id) where ended = 0;

-- To whom cases were referred. The reference at the other side is in the deed's document.
create table case_referral (
	id text not null constraint case_referral_id primary key,
	case_id text not null constraint case_referral_has_a_case references case_file (id),
	referral text not null,
	name text not null,
	address text not null,
	until bigint not null,
	worker text not null,
	time bigint not null
);
create index case_referral_by_case on case_referral (case_id, id);

-- Promises that were missed and not told yet, by queue: one alarm tells of many.
create table promise_missed (
	queue text not null constraint promise_missed_by_queue primary key,
	untold bigint not null,
	told bigint not null
);

alter table case_clock add column ended bigint not null default 0;
drop index case_clock_due;
create index case_clock_due on case_clock (due, case_id) where met = 0 and missed = 0 and ended = 0 and paused = 0;

drop index case_file_ending;
create index case_file_ending on case_file (until, id) where state in ('claimed','snoozed','asked');
create index case_file_turning on case_file (until, id) where turn <> '';
