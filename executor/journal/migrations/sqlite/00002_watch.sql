-- +goose Up

-- What opens the commitments of a record, kept until it is in the ledger and
-- after, since the desk may have to be told again.
alter table record add column openings text not null default '';

-- Restorations join the acts, and every act knows the number of its intent, by
-- which the newest one about a subject is found whatever the clock did.
create table act_new (
    request    text not null,
    duty       text not null constraint act_duty check (duty in ('act', 'lift', 'restore')),
    stage      text not null constraint act_stage check (stage in ('owed', 'intended', 'ended')),
    warrant    text not null, -- digest of the core, or of the standing order
    platform   text not null,
    subject    text not null,
    subject_id text not null,
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
    began      integer not null, -- sequence number of the intent; -1 if none
    ended      integer not null,
    outcome    text not null constraint act_outcome check (outcome in ('', 'executed', 'refused', 'failed', 'unknown', 'dropped')),
    type       text not null,
    text       text not null,
    sight      text not null, -- of a restoration: what is told of its breach
    constraint act_pk primary key (request, duty),
    constraint act_ended_has_outcome check ((stage = 'ended') = (outcome <> ''))
) without rowid;
insert into act_new (request, duty, stage, warrant, platform, subject, subject_id, kind, command, requester, vendor, tier, direction, undo,
        category, nonce, attempt, due, intended, began, ended, outcome, type, text, sight)
    select a.request, a.duty, a.stage, a.warrant, a.platform, a.subject, json_extract(a.subject, '$.id'), a.kind, a.command, a.requester, a.vendor,
        a.tier, a.direction, a.undo, a.category, a.nonce, a.attempt, a.due, a.intended,
        coalesce((select max(r.sequence) from record r where r.request = a.request and json_extract(r.body, '$.execution.kind') = 'intent'
            and json_extract(r.body, '$.execution.duty') = a.duty), -1),
        a.ended, a.outcome, a.type, a.text, ''
    from act a;
drop table act;
alter table act_new rename to act;
create unique index act_warrant_once on act (warrant) where duty = 'act';
create index act_open on act (stage, due) where stage <> 'ended';
create index act_worker_spends on act (requester, tier, direction, undo, intended, outcome) where duty = 'act';
create index act_vendor_spends on act (vendor, tier, direction, undo, intended, outcome) where duty = 'act';
create index act_newest on act (platform, subject_id, began);
create index act_restorations on act (platform, tier, intended, outcome) where duty = 'restore';

-- What the watch knows of a subject: the state that was explained or accepted
-- last. A standard account that is up and was never anything else has no row.
create table watched (
    platform   text not null,
    subject_id text not null,
    handle     text not null,
    tier       text not null,
    status     text not null,
    mark       text not null,
    since      integer not null, -- first seen so, without having been seen otherwise
    request    text not null,    -- whose warrant left it so; empty: it was seen
    baseline   integer not null, -- sequence number of the first baseline that holds it so; -1: none
    entered    integer not null, -- time of that baseline
    locked     boolean not null, -- the owner's lock
    lock_since integer not null,
    lock_cleared integer not null,
    constraint watched_pk primary key (platform, subject_id)
) without rowid;

-- How far each platform was followed.
create table stream (
    platform   text not null primary key,
    cursor     text not null,
    swept      integer not null, -- when the last sweep ended
    blind      text not null     -- why not all of it is seen; empty: it is
) without rowid;

-- A row for each breach.
create table breach (
    id         text not null primary key,
    platform   text not null,
    subject_id text not null,
    subject    text not null,
    tier       text not null,
    found      text not null, -- status and mark
    sight      text not null, -- as the record has it
    due        integer not null, -- when a restoration is due; 0: nobody will make one
    stage      text not null constraint breach_stage check (stage in ('open', 'over')),
    seen       integer not null
) without rowid;
create index breach_open on breach (platform, stage) where stage = 'open';

-- The subjects of each baseline, which its record is the root over.
create table baseline (
    sequence   integer not null primary key,
    platform   text not null,
    lines      text not null -- canonical JSON, one line each
);
