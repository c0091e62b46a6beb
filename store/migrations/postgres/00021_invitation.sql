-- +goose Up

-- Links with which people make a passkey in a browser. A link's secret is known by its digest
-- alone. What the chain says of the key decides whether it is enrolled; no column does.
create table invitation (
	id text not null constraint invitation_id primary key,
	secret text not null, -- digest
	log text not null, -- whose desk made it
	worker text not null,
	inviter text not null,
	made bigint not null,
	expires bigint not null,
	withdrawn bigint, -- null: it was not taken back, and no later one took its place
	answered bigint, -- null: nobody made a passkey yet
	key text,
	registration bytea, -- as the browser handed it in, canonical
	possession bytea, -- the new key's signature for its enrolment, canonical
	constraint invitation_answered_whole check ((answered is null) = (key is null) and (answered is null) = (registration is null) and (answered is null) = (possession is null))
);
create unique index invitation_secret_once on invitation (secret);
create index invitation_by_worker on invitation (worker, made);
create index invitation_by_key on invitation (key);
create index invitation_by_made on invitation (made);
