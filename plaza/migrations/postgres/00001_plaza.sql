-- +goose Up

create table account (
    id         bigint not null primary key,
    handle     text not null,
    fold       text not null, -- the handle in lower case
    name       text not null,
    bio        text not null,
    verified   boolean not null,
    office     text not null,
    followers  bigint not null,
    created    bigint not null, -- microseconds since 1970
    status     text not null constraint account_status check (status in ('up', 'down', 'deactivated', 'deleted')),
    mark       text not null,
    rev        bigint not null
);
create unique index account_fold on account (fold);
create index account_followers on account (followers desc, id);

create table post (
    id         bigint not null primary key,
    account    bigint not null constraint post_account references account (id),
    body       text not null,
    likes      bigint not null,
    reposts    bigint not null,
    created    bigint not null,
    status     text not null constraint post_status check (status in ('up', 'down', 'deleted')),
    mark       text not null,
    rev        bigint not null
);
create index post_created on post (created desc, id desc);
create index post_account_created on post (account, created desc, id desc);

-- A token is kept as its hash only. The holder is who answers for its use.
create table staff_token (
    hash       text not null primary key,
    holder     text not null,
    scope      text not null constraint staff_token_scope check (scope in ('staff', 'setup')),
    created    bigint not null
);

-- One row for each key of a holder, written in the transaction of the change:
-- what came of it, with the answer that was given, byte for byte.
create table command (
    holder     text not null,
    key        text not null,
    digest     text not null, -- of the command; empty if only asked about
    outcome    text not null constraint command_outcome check (outcome in ('done', 'refused', 'fenced')),
    http       integer not null,
    answer     text not null,
    created    bigint not null,
    constraint command_pk primary key (holder, key)
);

create table event (
    id         bigint not null primary key,
    subject    text not null,
    handle     text not null,
    status     text not null,
    mark       text not null,
    rev        bigint not null,
    holder     text not null,
    created    bigint not null
);

-- The last number given out. The row of 'event' is written by every change, so
-- that numbers appear in the order of commits and without gap.
create table counter (
    name       text not null primary key,
    last       bigint not null
);
insert into counter (name, last) values ('account', 0), ('post', 0), ('event', 0);
