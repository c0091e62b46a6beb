-- +goose Up

-- What a decision was drawn with: whether it buried something, and the share, in thousandths, of
-- such verdicts that are judged again. 0: it was made before there were second looks.
alter table case_decision add column buried bigint not null default 0;
alter table case_decision add column share bigint not null default 0;

-- The reading of a case's subject that case_seen tells in words: canonical JSON.
alter table case_seen add column reading bytea;

-- Decided cases that are judged again by somebody who does not know that. copy is the case that this
-- person works on; empty: it is still to be made. chance is how likely the decision was to be chosen,
-- in millionths. judge is the one person who may judge the copy of a calibration. A row is drawn,
-- waiting, judged, or void: the decision was taken back.
create table look (
	id text not null constraint look_id primary key,
	kind text not null constraint look_kind_known check (kind in ('second','calibration')),
	state text not null constraint look_state_known check (state in ('drawn','waiting','judged','void')),
	decision text not null constraint look_has_a_decision references case_decision (id),
	case_id text not null,
	copy text not null,
	worker text not null,
	vendor text not null,
	verdict text not null,
	rule bigint not null,
	queue text not null,
	day bigint not null,
	buried bigint not null,
	chance bigint not null,
	why text not null,
	calibration text not null,
	judge text not null,
	seal text not null,
	reading bytea,
	drawn bigint not null,
	copied bigint not null,
	judged bigint not null
);
create unique index look_once on look (decision, calibration, judge);
create index look_by_case on look (case_id) where state in ('drawn','waiting');
create unique index look_by_copy on look (copy) where copy <> '';
create index look_by_worker on look (worker, day);
create index look_by_state on look (state, drawn, id);
create index look_by_calibration on look (calibration, id) where calibration <> '';

-- Who may not judge a copy, as far as it is known already.
create table look_barred (
	look text not null,
	worker text not null,
	constraint look_barred_once primary key (look, worker)
);

-- What a copy shows: a Shown, the readings of its subject and of what belongs to it, and the reports
-- for which those of the copy stand. All of it is canonical JSON, and sealed by the desk.
create table look_view (
	copy text not null constraint look_view_once primary key,
	body bytea not null,
	seal text not null
);

-- The second verdicts. measures are the kinds of what was asked for, in words; nothing of them is
-- carried out. Their digests are in the signed decision.
create table look_verdict (
	look text not null constraint look_verdict_once primary key,
	id text not null,
	copy text not null,
	worker text not null,
	vendor text not null,
	verdict text not null,
	rule bigint not null,
	language text not null,
	measures bytea not null,
	digest text not null,
	document text not null,
	difference text not null,
	time bigint not null
);
create index look_verdict_by_worker on look_verdict (worker, time);
create index look_verdict_by_time on look_verdict (time, look);

-- Differences between a first and a second verdict. wrong is whose verdict a lead found to be wrong:
-- first, second, both, neither. until is when the time to dispute ends.
create table look_matter (
	look text not null constraint look_matter_once primary key,
	difference text not null,
	state text not null constraint look_matter_state_known check (state in ('waiting','settled','disputed','final')),
	lead text not null,
	wrong text not null,
	why bytea not null,
	settled bigint not null,
	until bigint not null,
	disputer text not null,
	answer bytea not null,
	disputed bigint not null,
	last_lead text not null,
	last_wrong text not null,
	last_why bytea not null,
	ended bigint not null,
	made bigint not null
);
create index look_matter_by_state on look_matter (state, made, look);

-- The days on which somebody buried something, until it is clear whether one of these is looked at.
create table look_day (
	worker text not null,
	day bigint not null,
	closed bigint not null,
	buried bigint not null,
	chosen text not null,
	constraint look_day_once primary key (worker, day)
);
create index look_day_open on look_day (day, worker) where closed = 0;

-- Who asked for what the desk has about a subject.
create table subject_asked (
	worker text not null,
	platform text not null,
	subject text not null,
	time bigint not null,
	constraint subject_asked_once primary key (platform, subject, worker)
);

-- Decided cases that several people judge blind, to see whether they judge alike. It counts for
-- nobody's figures. result is what they found when they talked about it.
create table calibration (
	id text not null constraint calibration_id primary key,
	lead text not null,
	vendor text not null,
	title text not null,
	made bigint not null,
	closed bigint not null,
	result bytea not null
);
create index calibration_by_vendor on calibration (vendor, id);
create table calibration_person (
	calibration text not null constraint calibration_person_is_of_one references calibration (id),
	worker text not null,
	constraint calibration_person_once primary key (calibration, worker)
);
