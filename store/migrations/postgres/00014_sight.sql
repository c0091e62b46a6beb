-- +goose Up

-- Which reading of a case is an entry of the ledger: one for each case, worker and hour. The
-- hour is its number since 1970.
create table case_read (
	case_id text not null,
	worker text not null,
	hour bigint not null,
	constraint case_read_once primary key (case_id, worker, hour)
);

-- Whose private data somebody at the desk revealed, on which case, when and why. It holds what
-- telling the holder of the account needs. The number counts what a worker revealed.
create table case_reveal (
	worker text not null,
	n bigint not null,
	vendor text not null,
	case_id text not null,
	report text not null,
	platform text not null,
	account text not null,
	reason text not null,
	time bigint not null,
	constraint case_reveal_once primary key (worker, n)
);
create index case_reveal_by_time on case_reveal (worker, time, n);
create index case_reveal_by_vendor on case_reveal (vendor, time);
create index case_reveal_by_account on case_reveal (platform, account, time);
create index case_reveal_by_case on case_reveal (case_id, time);
