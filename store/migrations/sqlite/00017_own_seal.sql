-- +goose Up

-- A keyed digest over the accounts that a worker declared, so that whoever edits the database alone
-- cannot take one away.
alter table own_declared add column seal text not null default '';
