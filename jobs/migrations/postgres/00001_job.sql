-- +goose Up

-- Work that a change left to be done. A finished job is deleted.
create table job (
	id bigint not null generated always as identity,
	kind text not null,
	args bytea not null,
	unique_key text,
	state text not null,
	due bigint not null,
	attempts bigint not null,
	last_error text not null,
	created bigint not null,
	constraint job_id primary key (id),
	constraint job_state_is_known check (state in ('waiting', 'running', 'dead'))
);

-- Of jobs that nobody has begun, one of a kind and key is enough.
create unique index job_waits_once on job (kind, unique_key) where state = 'waiting';

create index job_by_due on job (due, id) where state <> 'dead';
