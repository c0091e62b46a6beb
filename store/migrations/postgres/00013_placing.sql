-- +goose Up

-- Open cases by the queue set that placed them, so that those which an older set placed are
-- found when another one is in force.
create index case_file_by_set on case_file (queue_set, id) where state in ('waiting','held','asked','snoozed','escalated');
