-- +goose Up

-- Where people are: each row is one stretch of a person's day, and the open one (ended = 0) says where the
-- person is now. seen is when the person last did something in it. made_by is who said so: the person, or
-- nobody where the desk noticed it.
create table presence (
	worker text not null,
	since bigint not null,
	state text not null constraint presence_state check (state in ('on','break','training','meeting','away')),
	seen bigint not null,
	ended bigint not null default 0,
	made_by text not null
);
create unique index presence_now on presence (worker) where ended = 0;
create index presence_by_state on presence (state, seen, worker) where ended = 0;
create index presence_by_worker on presence (worker, since);
