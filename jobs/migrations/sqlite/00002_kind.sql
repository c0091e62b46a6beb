-- +goose Up

-- A runner asks for its own kinds, and finds the first that is due of each without reading the
-- jobs of others.
drop index job_by_due;
create index job_by_kind on job (kind, due, id) where state <> 'dead';
