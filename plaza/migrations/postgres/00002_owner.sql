-- +goose Up

-- What owners say of their accounts, and what is said to them.

-- An owner signs in with a token, which is kept as its hash only.
create table owner_token (
    hash       text not null primary key,
    account    bigint not null constraint owner_token_account references account (id),
    created    bigint not null
);
create index owner_token_account on owner_token (account);

-- One row for each account whose owner has ever set the lock.
create table owner_lock (
    account    bigint not null primary key constraint owner_lock_account references account (id),
    since      bigint not null,
    cleared    bigint not null -- when the owner took it back; 0: not
);

create table notice (
    id         bigint not null primary key,
    account    bigint not null constraint notice_account references account (id),
    holder     text not null, -- of the token by which it was sent
    key        text not null,
    digest     text not null, -- of what was sent, so that a key is not used for two
    title      text not null,
    body       text not null,
    created    bigint not null
);
create unique index notice_key on notice (holder, key);
create index notice_of_account on notice (account, id desc);
insert into counter (name, last) values ('notice', 0);

-- What an event announces: a change of status or mark, or one of the owner's lock.
alter table event add column name text not null default 'change' constraint event_name check (name in ('change', 'lock'));
