-- +goose Up

-- What the desk tells a person, on a channel of the person's own. key names what a message is
-- about: one thing is told once. body is canonical JSON.
create table message (
	worker text not null,
	n bigint not null, -- of the person's messages, from 1
	kind text not null,
	key text not null,
	time bigint not null,
	body blob not null,
	constraint message_number primary key (worker, n),
	constraint message_once unique (worker, key)
);
create index message_by_kind on message (worker, kind, n);
create index message_by_time on message (time);

-- The number of a person's newest message, and the mark up to which the person has read.
create table mailbox (
	worker text not null constraint mailbox_worker primary key,
	newest bigint not null,
	seen bigint not null
);

-- Where a person wants messages sent, with all earlier declarations. address is encrypted under a
-- key that is not in the database, together with the other columns up to time: whoever edits the
-- database alone can neither read nor change it.
create table channel (
	worker text not null,
	n bigint not null, -- of the person's declarations, from 1
	webhook bigint not null, -- 0: the inbox is only read
	deed text not null,
	time bigint not null,
	address blob not null,
	status text not null, -- of the newest attempt to send; empty: none was made
	answer bigint not null,
	tried bigint not null,
	constraint channel_once primary key (worker, n)
);

-- Who is signed in now.
create index token_by_expiry on token (expires, worker);
