-- +goose Up

-- What queues choose and order by, besides what was reported: all of it is as it was known when the
-- case was placed. likely, score and factor are thousandths; 0: not known.
alter table case_file add column tier text not null default '';
alter table case_file add column reach bigint not null default 0;
alter table case_file add column born bigint not null default 0;
alter table case_file add column likely bigint not null default 0;
alter table case_file add column score bigint not null default 0;
alter table case_file add column started bigint not null default 0;
alter table case_file add column factor bigint not null default 0;
alter table case_file add column ordering bigint not null default 0;
update case_file set started = opened;

-- How many distinct reporters came since the case was decided, and how many reopen it.
alter table case_file add column anew bigint not null default 0;
alter table case_file add column anew_limit bigint not null default 0;

-- A case that somebody judges again without knowing the first verdict has the identifier of that look
-- here. It takes no reports and is none of the cases of its subject.
alter table case_file add column look text not null default '';
drop index case_file_open_once;
create unique index case_file_open_once on case_file (platform, subject, sort) where look = '' and state in ('waiting','claimed','held','asked','snoozed','escalated');
create index case_file_by_look on case_file (look, id) where look <> '';
