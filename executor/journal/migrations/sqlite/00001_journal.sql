-- +goose Up

-- Whose journal this is, and the newest ledger that was seen: one row.
create table memory (
    one        integer not null primary key constraint memory_is_one_row check (one = 1),
    executor   text not null,
    root       text not null, -- hash of entry 0
    size       integer not null,
    tree       text not null, -- root of the tree of that size
    entered    integer not null, -- every record below was seen in the ledger
    turn       integer not null -- who has claimed the journal last
);

-- What the executor has signed, each record as it is entered in the ledger.
create table record (
    sequence   integer not null primary key,
    request    text not null,
    digest     text not null,
    body       text not null
);
create index record_request on record (request);
-- +goose StatementBegin
create trigger record_no_update before update on record
begin select raise(abort, 'record is append-only'); end;
-- +goose StatementEnd
-- +goose StatementBegin
create trigger record_no_delete before delete on record
begin select raise(abort, 'record is append-only'); end;
-- +goose StatementEnd

-- The governance chain as far as it was verified.
create table chain (
    number     integer not null primary key,
    leaf       text not null,
    body       text not null,
    salt       text not null
);
-- +goose StatementBegin
create trigger chain_no_update before update on chain
begin select raise(abort, 'chain is append-only'); end;
-- +goose StatementEnd
-- +goose StatementBegin
create trigger chain_no_delete before delete on chain
begin select raise(abort, 'chain is append-only'); end;
-- +goose StatementEnd

-- One row for each warrant that was intended or refused, and for each lift owed.
-- A row is never deleted: it is what spends the warrant.
create table act (
    request    text not null,
    duty       text not null constraint act_duty check (duty in ('act', 'lift')),
    stage      text not null constraint act_stage check (stage in ('owed', 'intended', 'ended')),
    warrant    text not null, -- digest of the core
    platform   text not null,
    subject    text not null,
    kind       text not null,
    command    text not null,
    requester  text not null,
    vendor     text not null,
    tier       text not null,
    direction  text not null,
    undo       boolean not null,
    category   text not null,
    nonce      text not null,
    attempt    integer not null,
    due        integer not null, -- when a lift is owed; of a suspension, when its lift will be
    intended   integer not null, -- microseconds since 1970; 0 if never
    ended      integer not null,
    outcome    text not null constraint act_outcome check (outcome in ('', 'executed', 'refused', 'failed', 'unknown', 'dropped')),
    type       text not null,
    text       text not null,
    constraint act_pk primary key (request, duty),
    constraint act_ended_has_outcome check ((stage = 'ended') = (outcome <> ''))
) without rowid;
create unique index act_warrant_once on act (warrant) where duty = 'act';
create index act_open on act (stage, due) where stage <> 'ended';
-- Budgets are counted from these indexes alone.
create index act_worker_spends on act (requester, tier, direction, undo, intended, outcome) where duty = 'act';
create index act_vendor_spends on act (vendor, tier, direction, undo, intended, outcome) where duty = 'act';

-- The warrants, apart from what is looked at often.
create table document (
    request    text not null primary key,
    warrant    text not null
);
