-- +goose Up

-- Sign-ins of browsers that wait for a person whose key is a file. A row ends after some minutes.
create table pairing (
	code text not null constraint pairing_code primary key,
	worker text not null,
	algorithm text not null,
	public bytea not null,
	signed bytea, -- the session, once its person has certified it
	expires bigint not null
);

create index pairing_expires on pairing (expires);
