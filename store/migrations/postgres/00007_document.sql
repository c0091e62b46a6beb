-- +goose Up

-- A small document: a report, a decision, a deed or an opening of a case. Its commitment
-- goes into the ledger with a roll. Never changed, never deleted.
create table document (
	sort text not null,
	number bigint not null,
	id text not null,
	commitment bytea not null,
	body bytea not null,
	salt bytea not null,
	time bigint not null,
	constraint document_has_its_place primary key (sort, number),
	constraint document_has_one_number unique (sort, id),
	constraint document_number_counts_from_0 check (number >= 0),
	constraint document_commitment_is_sha256 check (length(commitment) = 32)
);

-- What opens the personal fields of a document. Not changed; erased one by one.
create table document_opening (
	sort text not null,
	number bigint not null,
	name text not null,
	salt bytea not null,
	value bytea not null,
	constraint document_opening_is_of_one_field primary key (sort, number, name),
	constraint document_opening_has_a_document foreign key (sort, number) references document (sort, number)
);

-- How far each sort goes: the number that the next document gets, and the first number
-- that is in no roll yet. Whoever gives numbers holds the row's lock until the commit.
create table roll_head (
	sort text not null,
	next bigint not null,
	rolled bigint not null,
	constraint roll_head_is_of_one_sort primary key (sort),
	constraint roll_head_rolls_what_there_is check (0 <= rolled and rolled <= next)
);

-- Where the rolls stand in the ledger. Never changed, never deleted.
create table roll (
	sort text not null,
	first bigint not null,
	last bigint not null,
	idx bigint not null,
	constraint roll_ends_once primary key (sort, last),
	constraint roll_has_one_entry unique (idx),
	constraint roll_has_an_entry foreign key (idx) references ledger_entry (idx),
	constraint roll_has_documents check (0 <= first and first <= last)
);

create trigger document_is_append_only before update or delete or truncate on document
for each statement execute function ledger_is_append_only();
create trigger document_opening_is_not_changed before update or truncate on document_opening
for each statement execute function ledger_is_append_only();
create trigger roll_head_is_kept before delete or truncate on roll_head
for each statement execute function ledger_is_append_only();
create trigger roll_head_never_goes_back before update on roll_head
for each row when (new.sort <> old.sort or new.next < old.next or new.rolled < old.rolled) execute function ledger_is_append_only();
create trigger roll_is_append_only before update or delete or truncate on roll
for each statement execute function ledger_is_append_only();
