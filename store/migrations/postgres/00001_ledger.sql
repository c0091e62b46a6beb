-- +goose Up

-- The one row that says how far the ledger goes. Whoever appends holds its lock
-- from before the entries get their places until the commit.
create table ledger_head (
	id bigint not null,
	origin text not null,
	size bigint not null,
	edge bytea not null,
	time bigint not null,
	next_governance bigint not null,
	next_desk bigint not null,
	next_execution bigint not null,
	governance bytea not null,
	checkpoint bytea not null,
	constraint ledger_head_is_one primary key (id),
	constraint ledger_head_has_id_1 check (id = 1),
	constraint ledger_head_counts_each_entry_once check (size = next_governance + next_desk + next_execution)
);

-- What the tree is built over. Never changed, never deleted.
create table ledger_entry (
	idx bigint not null,
	class text not null,
	number bigint not null,
	kind text not null,
	time bigint not null,
	leaf bytea not null,
	leaf_hash bytea not null,
	constraint ledger_entry_has_its_place primary key (idx),
	constraint ledger_entry_numbers_each_class_once unique (class, number),
	constraint ledger_entry_hash_is_sha256 check (length(leaf_hash) = 32)
);

create index ledger_entry_by_kind on ledger_entry (kind, idx);

-- What a leaf commits to. Not changed; deleted only by rule.
create table ledger_body (
	idx bigint not null,
	body bytea not null,
	salt bytea not null,
	constraint ledger_body_is_of_one_entry primary key (idx),
	constraint ledger_body_has_an_entry foreign key (idx) references ledger_entry (idx)
);

-- What opens the personal fields of a body. Not changed; erased one by one.
create table ledger_opening (
	idx bigint not null,
	name text not null,
	salt bytea not null,
	value bytea not null,
	constraint ledger_opening_is_of_one_field primary key (idx, name),
	constraint ledger_opening_has_an_entry foreign key (idx) references ledger_entry (idx)
);

-- The roots of full tiles: level 8 over 256 entries, 16 over 256 of those, and
-- so on. Never changed, never deleted.
create table ledger_node (
	level bigint not null,
	idx bigint not null,
	hash bytea not null,
	constraint ledger_node_has_its_place primary key (level, idx),
	constraint ledger_node_hash_is_sha256 check (length(hash) = 32)
);

-- +goose StatementBegin
create function ledger_is_append_only() returns trigger language plpgsql as
$$ begin raise exception using errcode = 'CSAPP', message = tg_table_name || ' is append-only'; end $$;
-- +goose StatementEnd

create trigger ledger_head_is_kept before delete or truncate on ledger_head
for each statement execute function ledger_is_append_only();
create trigger ledger_head_never_shrinks before update on ledger_head
for each row when (new.size < old.size or new.origin <> old.origin) execute function ledger_is_append_only();
create trigger ledger_entry_is_append_only before update or delete or truncate on ledger_entry
for each statement execute function ledger_is_append_only();
create trigger ledger_node_is_append_only before update or delete or truncate on ledger_node
for each statement execute function ledger_is_append_only();
create trigger ledger_body_is_not_changed before update or truncate on ledger_body
for each statement execute function ledger_is_append_only();
create trigger ledger_opening_is_not_changed before update or truncate on ledger_opening
for each statement execute function ledger_is_append_only();
