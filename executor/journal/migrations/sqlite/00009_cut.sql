-- +goose Up

-- A breach whose credential is named late may have been told as one of which none is:
-- each of the two has its row.
create table cut_by (
    breach     text not null, -- at which it was due
    platform   text not null,
    tier       text not null,
    credential text not null,
    nonce      text not null,
    "order"    text not null, -- digest of the standing order
    sight      text not null, -- what the records tell
    stage      text not null constraint cut_stage check (stage in ('intended', 'ended')),
    outcome    text not null,
    intended   integer not null,
    ended      integer not null,
    constraint cut_is_of_one_credential primary key (breach, credential)
) without rowid;
insert into cut_by select breach, platform, tier, credential, nonce, "order", sight, stage, outcome, intended, ended from cut;
drop table cut;
alter table cut_by rename to cut;
create index cut_of on cut (platform, tier, credential, intended);
