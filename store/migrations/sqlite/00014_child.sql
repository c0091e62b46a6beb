-- +goose Up

-- Missed clocks of media and not told yet, by queue, as with promises.
create table media_missed (
	queue text not null constraint media_missed_by_queue primary key,
	untold bigint not null,
	told bigint not null
);
