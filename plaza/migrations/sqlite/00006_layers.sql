-- +goose Up

-- The layers that stand on accounts and posts, one row for each: a limit or a label. A
-- layer that does not stand has no row.
create table account_layer (
    account    integer not null constraint account_layer_account references account (id),
    name       text not null, -- limit, or label:VALUE
    mark       text not null,
    rev        integer not null, -- the number of the event that told of it
    since      integer not null, -- microseconds since 1970
    planned_end integer not null, -- when it is to be lifted, as the owner is told; 0: not said
    constraint account_layer_pk primary key (account, name)
) without rowid;
create table post_layer (
    post       integer not null constraint post_layer_post references post (id),
    name       text not null,
    mark       text not null,
    rev        integer not null,
    since      integer not null,
    planned_end integer not null,
    constraint post_layer_pk primary key (post, name)
) without rowid;

-- Since when an account or post is as it is, and when that is to end; 0: not known, and
-- not said.
alter table account add column since integer not null default 0;
alter table account add column planned_end integer not null default 0;
alter table post add column since integer not null default 0;
alter table post add column planned_end integer not null default 0;

-- A warning is a notice that a command sent. A key of a command and one of a notice are
-- two keys.
alter table notice add column warning boolean not null default false;
drop index notice_key;
create unique index notice_key on notice (holder, warning, key);

-- An event of a layer names it; status, mark and revision are the layer's.
create table event_with_layer (
    id         integer not null primary key,
    subject    text not null,
    handle     text not null,
    status     text not null,
    mark       text not null,
    rev        integer not null,
    holder     text not null,
    created    integer not null,
    name       text not null default 'change' constraint event_name check (name in ('change', 'lock', 'layer')),
    layer      text not null default ''
);
insert into event_with_layer (id, subject, handle, status, mark, rev, holder, created, name)
    select id, subject, handle, status, mark, rev, holder, created, name from event;
drop table event;
alter table event_with_layer rename to event;
