-- +goose Up

-- What a lead has handed over, by the digest of the signed deed: a deed is good once, and the same one again
-- gets the same answer. cases is a JSON list of identifiers.
create table hand_over (
	deed text not null constraint hand_over_once primary key,
	id text not null,
	worker text not null,
	made bigint not null,
	reserved bigint not null,
	cases text not null
);
create index hand_over_by_worker on hand_over (worker, made);
