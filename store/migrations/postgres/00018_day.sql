-- +goose Up

-- A person's own page lists what that person has written and not handed in.
create index case_draft_by_worker on case_draft (worker, updated);
