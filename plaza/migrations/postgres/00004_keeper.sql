-- +goose Up

-- A keeper's token may also revoke the tokens of others.
alter table staff_token add column keeper boolean not null default false;
