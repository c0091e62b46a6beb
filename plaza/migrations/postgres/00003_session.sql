-- +goose Up

-- When the session began in which an owner took the lock back; 0: not taken back.
alter table owner_lock add column session bigint not null default 0;
