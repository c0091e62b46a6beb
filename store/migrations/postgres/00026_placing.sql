-- +goose Up

-- Open cases by the queue set that placed them, the most urgent first: another set is applied to these
-- in this order. Claimed ones follow when their claim is over.
drop index case_file_by_set;
create index case_file_by_set on case_file (queue_set, due, id) where state in ('waiting','held','asked','snoozed','escalated');

-- The same by the lead's order of its queue that placed each.
create index case_file_by_order on case_file (queue, ordering, due, id) where state in ('waiting','held','asked','snoozed','escalated');

-- What leads have ordered of their queues: until a time, the cases of a queue are due after a part
-- (thousandths) of what they would be due after otherwise. The newest row of a queue counts. The signed
-- deed is a document of the rolls.
create table queue_order (
	number bigint not null constraint queue_order_number primary key,
	queue text not null,
	factor bigint not null constraint queue_order_within check (factor between 250 and 1000),
	worker text not null,
	reason text not null,
	made bigint not null,
	until bigint not null,
	deed text not null constraint queue_order_deed unique
);
create index queue_order_by_queue on queue_order (queue, number);
