-- +goose Up

-- Where in the ledger an entry of the governance chain stands; -1: it was not noted.
alter table chain add column place integer not null default -1;

-- For each person's key: when the newest session began that an act was taken on under, and
-- where in the ledger the first such request stands.
create table session (
	key_id text primary key,
	begins integer not null,
	session text not null,
	request_index integer not null
);

-- The decisions whose measures were taken on. A case is decided once in each version; its
-- name is kept as a digest, since people write it.
create table decision (
	case_digest text not null,
	version integer not null,
	decision text not null,
	primary key (case_digest, version)
);
