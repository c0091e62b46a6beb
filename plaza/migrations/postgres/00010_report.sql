-- +goose Up

-- What people report. The reporter is the account that was signed in; null: nobody was.
-- A report is waiting until its receiver has acknowledged or refused it, and closed once
-- its outcome is known.
create table report (
    id         bigint not null primary key,
    key        text not null, -- of the form, so that a form that is sent twice makes one report
    subject    text not null,
    handle     text not null, -- of an account, with its @
    reason     text not null constraint report_reason check (reason in ('spam', 'scam', 'harassment', 'hate', 'threat', 'sexual', 'child', 'self-harm', 'impersonation', 'other')),
    body       text not null,
    language   text not null,
    reporter   bigint constraint report_reporter references account (id),
    created    bigint not null,
    state      text not null constraint report_state check (state in ('waiting', 'received', 'refused', 'closed')),
    settled    bigint not null default 0, -- when it was acknowledged or refused
    receipt    text not null default '',   -- the receiver's identifier of it
    of_case    text not null default '',   -- the receiver's identifier of its case
    promise    text not null default '',   -- by which the receiver can be held to it
    told       text not null default '',   -- the state that the receiver told last
    outcome    text not null default '',
    problem    text not null default '',   -- type of the refusal
    detail     text not null default '',
    ask        bigint not null default 0  -- when the receiver is to be asked what became of it; 0: never
);
create unique index report_key on report (key);
create index report_of_reporter on report (reporter, id desc);
create index report_asked on report (state, ask, id);

-- What is to be sent, byte for byte, in the order of the numbers. Written with the report,
-- and removed with its acknowledgement. What was refused stays, and is not sent.
create table outbox (
    report     bigint not null primary key constraint outbox_report references report (id),
    refused    boolean not null default false,
    body       text not null
);
create index outbox_waiting on outbox (refused, report);

-- Who reported without an account, by a keyed digest of the network address, for a day: so
-- that nobody floods the desk.
create table report_address (
    report     bigint not null primary key constraint report_address_report references report (id),
    address    text not null,
    created    bigint not null
);
create index report_address_of on report_address (address, created);
create index report_address_created on report_address (created);

-- Random keys of this database.
create table secret (
    name       text not null primary key,
    value      text not null
);

insert into counter (name, last) values ('report', 0);
