-- +goose Up

-- The following case, kept for a person who is about to finish another one: a numbered lease of a
-- minute that shows nothing. One of a person, and one of a case, is live at most. A row stays for a
-- day after its end, so that nobody keeps the same case again and again.
create table case_reservation (
	worker text not null,
	number bigint not null constraint case_reservation_counts check (number >= 1),
	case_id text not null constraint case_reservation_has_a_case references case_file (id),
	token text not null,
	severity text not null,
	made bigint not null,
	until bigint not null,
	renewed bigint not null constraint case_reservation_renewed_twice check (renewed between 0 and 2),
	ended bigint not null,
	why text not null,
	constraint case_reservation_once primary key (worker, number)
);
create unique index case_reservation_one_of_worker on case_reservation (worker) where ended = 0;
create unique index case_reservation_one_of_case on case_reservation (case_id) where ended = 0;
create index case_reservation_of_case on case_reservation (case_id, worker);
create index case_reservation_over on case_reservation (ended) where ended > 0;

-- How many leases on a following case were given beside a claim.
alter table case_claim add column reserved bigint not null default 0;
