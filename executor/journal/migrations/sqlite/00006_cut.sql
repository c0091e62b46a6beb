-- +goose Up

-- Whose credential it was, as the platform's events name it; empty: not told.
alter table breach add column credential text not null default '';
create index breach_by on breach (platform, tier, credential, seen);
create index act_restored on act (platform, subject_id, intended, outcome) where duty = 'restore';

-- A row for each credential that was to be cut off, under a standing order.
create table cut (
    breach     text not null primary key, -- at which it was due
    platform   text not null,
    tier       text not null,
    credential text not null,
    nonce      text not null,
    "order"    text not null, -- digest of the standing order
    sight      text not null, -- what the records tell
    stage      text not null constraint cut_stage check (stage in ('intended', 'ended')),
    outcome    text not null,
    intended   integer not null,
    ended      integer not null
) without rowid;
create index cut_of on cut (platform, tier, credential, intended);
