-- +goose Up

-- Every session of a person's key that was seen, and where in the ledger the first request
-- under it stands: a request under an older session that stands after it is refused, however
-- many sessions came since.
create table session_seen (
	key_id text not null,
	begins integer not null,
	session text not null,
	request_index integer not null,
	constraint session_is_seen_once primary key (key_id, begins, session)
) without rowid;
insert into session_seen select key_id, begins, session, request_index from session;
drop table session;
alter table session_seen rename to session;
create index session_by_begin on session (begins);
