-- +goose Up

-- The sessions of people. A row is no authority: the document is the signed session,
-- and whoever judges by it checks that again. Ended is the time at which a newer session
-- of the same key took its place.
create table session (
	digest text primary key,
	key_id text not null,
	worker text not null,
	not_before bigint not null,
	expires bigint not null,
	ended bigint not null default 0,
	document bytea not null
);
create index session_by_worker on session (worker, not_before);
create index session_by_key on session (key_id, not_before);

-- The decisions that measures name: a case is decided once in each of its versions.
create table decision (
	case_id text not null,
	version bigint not null,
	digest text not null,
	worker text not null,
	time bigint not null,
	primary key (case_id, version)
);
