-- +goose Up

-- Requests and their signatures: working data. The ledger holds what counts.
create table request (
    id           text   not null constraint request_id primary key,
    version      bigint not null constraint request_version_counts check (version >= 1),
    status       text   not null constraint request_status_known check (status in ('held','approved','executed','void','failed','unknown','declined','frozen','withdrawn','expired','reversed','lifted')),
    kind         text   not null,
    platform     text   not null,
    subject      text   not null,
    requester    text   not null,
    mark         text   not null,
    action       blob  not null,
    signed       blob  not null,
    signers      blob  not null,
    declined     blob  not null,
    need         blob  not null,
    missing      text   not null,
    created      bigint not null,
    updated      bigint not null,
    expires      bigint not null,
    outcome      text   not null,
    outcome_text text   not null,
    executed     bigint not null,
    reversed_by  text   not null,
    core         blob,
    evidence     blob  not null,
    entry        bigint not null
);
create index request_by_status on request (status, expires);
create index request_by_subject on request (platform, subject, mark);
create index request_by_requester on request (requester, id);

-- Bearer tokens, by the hash of their secret.
create table token (
    id      text   not null constraint token_id primary key,
    hash    blob  not null constraint token_secret_unique unique,
    worker  text   not null,
    key_id  text   not null,
    name    text   not null,
    created bigint not null,
    expires bigint not null,
    revoked bigint not null
);
create index token_by_worker on token (worker, id);

-- The executor's records, each entered in the ledger once.
create table execution (
    executor text   not null,
    sequence bigint not null constraint execution_sequence_counts check (sequence >= 0),
    request  text   not null,
    kind     text   not null,
    data     blob  not null,
    constraint execution_once primary key (executor, sequence)
);
create index execution_by_request on execution (request);

-- Workers of an import that waits for countersignatures.
create table admission_rows (
    request text not null constraint admission_rows_once primary key constraint admission_rows_request references request (id),
    data    blob not null
);
