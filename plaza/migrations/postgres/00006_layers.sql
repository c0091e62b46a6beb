-- +goose Up

-- The layers that stand on accounts and posts, one row for each: a limit or a label. A
-- layer that does not stand has no row.
create table account_layer (
    account    bigint not null constraint account_layer_account references account (id),
    name       text not null, -- limit, or label:VALUE
    mark       text not null,
    rev        bigint not null, -- the number of the event that told of it
    since      bigint not null, -- microseconds since 1970
    planned_end bigint not null, -- when it is to be lifted, as the owner is told; 0: not said
    constraint account_layer_pk primary key (account, name)
);
create table post_layer (
    post       bigint not null constraint post_layer_post references post (id),
    name       text not null,
    mark       text not null,
    rev        bigint not null,
    since      bigint not null,
    planned_end bigint not null,
    constraint post_layer_pk primary key (post, name)
);

-- Since when an account or post is as it is, and when that is to end; 0: not known, and
-- not said.
alter table account add column since bigint not null default 0;
alter table account add column planned_end bigint not null default 0;
alter table post add column since bigint not null default 0;
alter table post add column planned_end bigint not null default 0;

-- A warning is a notice that a command sent. A key of a command and one of a notice are
-- two keys.
alter table notice add column warning boolean not null default false;
drop index notice_key;
create unique index notice_key on notice (holder, warning, key);

-- An event of a layer names it; status, mark and revision are the layer's.
alter table event add column layer text not null default '';
alter table event drop constraint event_name;
alter table event add constraint event_name check (name in ('change', 'lock', 'layer'));
