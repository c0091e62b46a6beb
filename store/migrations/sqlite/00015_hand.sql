-- +goose Up

-- What a person said about a case, and no evidence undoes: its language, and the queue to which
-- a lead moved it while it had the severity that stands here.
alter table case_file add column language_told integer not null default 0;
alter table case_file add column moved_at text not null default '';
