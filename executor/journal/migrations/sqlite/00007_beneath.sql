-- +goose Up

-- While a subject is down: the status that was right before, and that its owner is to
-- find once the measure is lifted; empty: not known, or not down.
alter table watched add column beneath text not null default '';
