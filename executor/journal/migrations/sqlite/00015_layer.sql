-- +goose Up

-- The layer of its subject that an act changes: 'visibility', 'limit' or 'label:VALUE'; empty:
-- none, since the act only says something. What a journal of before holds is of the visibility.
alter table act add column layer text not null default 'visibility';
drop index act_newest;
create index act_newest on act (platform, subject_id, layer, began);
drop index act_restored;
create index act_restored on act (platform, subject_id, layer, intended, outcome) where duty = 'restore';
drop index act_restored_of_tier;
create index act_restored_of_tier on act (platform, tier, layer, intended, outcome) where duty = 'restore';

-- What the watch knows of each layer. The layer '*' stands for all layers of a subject but
-- the visibility that have no row of their own: they were read, and nothing stood there. A
-- row with an empty status is a layer of which nobody knows what is right.
create table watched_layer (
    platform   text not null,
    subject_id text not null,
    layer      text not null,
    handle     text not null,
    tier       text not null,
    status     text not null,
    mark       text not null,
    since      integer not null, -- first seen so, without having been seen otherwise
    request    text not null,    -- whose warrant left it so; empty: it was seen
    gone_request text not null,  -- the act whose measure was seen to be gone, though nothing of ours had lifted it
    gone_duty  text not null,
    baseline   integer not null, -- sequence number of the first baseline that holds it so; -1: none
    entered    integer not null, -- time of that baseline
    beneath    text not null,    -- while the subject is down: the status that was right before; empty: not known, or not down
    locked     boolean not null, -- the owner's lock
    lock_since integer not null,
    lock_cleared integer not null,
    constraint watched_layer_pk primary key (platform, subject_id, layer)
) without rowid;
insert into watched_layer select platform, subject_id, 'visibility', handle, tier, status, mark, since, request, gone_request, gone_duty, baseline, entered,
    beneath, locked, lock_since, lock_cleared from watched;
drop table watched;
alter table watched_layer rename to watched;

alter table breach add column layer text not null default 'visibility';
