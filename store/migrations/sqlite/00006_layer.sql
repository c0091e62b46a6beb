-- +goose Up

-- The layer of the subject that a record of the watch, a breach or an incident is about.
-- What was stored before there were layers is about the visibility.
alter table sighting add column layer text not null default 'visibility';
alter table incident_breach add column layer text not null default 'visibility';
alter table incident add column layer text not null default 'visibility';
