-- +goose Up

-- The act whose measure was seen to be gone, though nothing of ours had lifted it.
alter table watched add column gone_request text not null default '';
alter table watched add column gone_duty text not null default '';
