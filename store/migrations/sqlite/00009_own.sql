-- +goose Up

-- The tokens of programs. As with those of people, a row rests on the signed ask, which
-- names the secret by its hash and gives one token; so a row alone opens nothing.
create table program_token (
	id text not null constraint program_token_id primary key,
	hash blob not null,
	nonce blob not null,
	ask blob not null,
	program text not null,
	created integer not null,
	expires integer not null
);
create unique index program_token_secret_once on program_token (hash);
create unique index program_token_ask_once on program_token (program, nonce);
create index program_token_by_program on program_token (program, created);

-- Whether a worker has declared the accounts that are their own, how many they are, and
-- when. Their digests are keyed: the secret is not in the database.
create table own_declared (
	worker text not null constraint own_declared_by_worker primary key,
	accounts integer not null constraint own_declared_counts check (accounts >= 0),
	time integer not null,
	deed text not null
);
create table own_account (
	worker text not null constraint own_account_was_declared references own_declared (worker),
	digest text not null,
	constraint own_account_once primary key (worker, digest)
);
create index own_account_by_digest on own_account (digest);
