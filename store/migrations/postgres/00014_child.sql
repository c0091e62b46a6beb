-- +goose Up

-- Missed clocks of media and not told yet, by queue, as with promises.
create table media_missed (
	queue text not null constraint media_missed_by_queue primary key,
	untold bigint not null,
	told bigint not null
);

-- What a platform was asked to preserve for a case, and its answer.
create table case_preservation (
	case_id text not null,
	platform text not null,
	subject text not null,
	until bigint not null,
	asked bigint not null,
	answered bigint not null,
	answer text not null,
	constraint case_preservation_once primary key (case_id, platform, subject)
);
create index case_preservation_by_subject on case_preservation (platform, subject) where answered = 0;
