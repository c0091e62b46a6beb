-- +goose Up

-- How a person likes the pages: keys, veil, language, zone. It decides nothing.
create table preference (
	worker text not null constraint preference_worker primary key,
	body blob not null,
	updated bigint not null
);
