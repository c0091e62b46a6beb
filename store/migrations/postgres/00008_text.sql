-- +goose Up

-- Texts that changes of the desk name by their digest: rule sets, queue sets and lists of
-- hashes. A row puts nothing in force: the governance chain says which digests are.
create table text (
	digest text not null constraint text_digest primary key,
	part text not null constraint text_part_known check (part in ('rules', 'queues', 'hashes')),
	size bigint not null,
	worker text not null,
	time bigint not null,
	body bytea not null
);
create index text_by_worker on text (worker, time);
