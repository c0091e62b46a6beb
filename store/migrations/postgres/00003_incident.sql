-- +goose Up

-- Which entries of the ledger are about what: found by whoever gathers a
-- timeline. It is an index over the ledger, and no evidence. about is a request,
-- a breach or an incident, or "worker" and whose signature it holds. Times of
-- entries never go back, so that they order as places do.
create table ledger_about (
	about text not null,
	time bigint not null,
	idx bigint not null,
	constraint ledger_about_each_entry_once primary key (about, time, idx),
	constraint ledger_about_has_an_entry foreign key (idx) references ledger_entry (idx)
);

insert into ledger_about (about, time, idx)
select about, time, idx from (
	select (convert_from(b.body, 'UTF8')::json #>> '{data,request}') as about, e.time, e.idx
	from ledger_entry e join ledger_body b on b.idx = e.idx
	where e.class = 'desk' and e.kind in ('request', 'countersign', 'decline', 'withdraw', 'expire', 'warrant')
) entry where about is not null;
insert into ledger_about (about, time, idx)
select about, time, idx from (
	select (convert_from(b.body, 'UTF8')::json #>> '{data,execution,request}') as about, e.time, e.idx
	from ledger_entry e join ledger_body b on b.idx = e.idx
	where e.class = 'execution'
) entry where about is not null;
insert into ledger_about (about, time, idx)
select about, time, idx from (
	select (convert_from(b.body, 'UTF8')::json #>> '{data,request,statement,request}') as about, e.time, e.idx
	from ledger_entry e join ledger_body b on b.idx = e.idx
	where e.class = 'governance' and e.kind like 'desk.%'
) entry where about is not null;
insert into ledger_about (about, time, idx)
select about, time, idx from (
	select 'worker ' || (convert_from(b.body, 'UTF8')::json #>> '{data,signed,statement,signer}') as about, e.time, e.idx
	from ledger_entry e join ledger_body b on b.idx = e.idx
	where e.class = 'desk' and e.kind in ('request', 'countersign', 'decline')
) entry where about is not null;

-- The token with which a request was handed in: the desk's word.
alter table request add column session text not null default '';

-- Executor's records of what the watch saw and what was restored.
create table sighting (
	executor text not null,
	sequence bigint not null,
	kind text not null,
	breach text not null,
	platform text not null,
	subject text not null,
	tier text not null,
	at bigint not null,
	constraint sighting_of_one_record primary key (executor, sequence),
	constraint sighting_has_a_record foreign key (executor, sequence) references execution (executor, sequence)
);
create index sighting_by_kind on sighting (kind, executor, sequence);
create index sighting_by_subject on sighting (platform, subject, executor, sequence);

-- Incidents: working data. The ledger holds what counts.
create table incident (
	id text not null,
	version bigint not null,
	status text not null,
	cause text not null,
	breach text not null,
	request text not null,
	platform text not null,
	subject text not null,
	handle text not null,
	tier text not null,
	opened bigint not null,
	opened_by text not null,
	title text not null,
	review text not null,
	findings text not null,
	closed bigint not null,
	constraint incident_id primary key (id),
	constraint incident_version_counts check (version >= 1),
	constraint incident_status_known check (status in ('open', 'closed')),
	constraint incident_cause_known check (cause in ('breach', 'contested'))
);
create index incident_by_subject on incident (platform, subject, id);
create index incident_by_status on incident (status, id);
create unique index incident_open_once_for_a_subject on incident (platform, subject) where status = 'open' and cause = 'breach';
create unique index incident_open_once_for_a_request on incident (request) where status = 'open' and cause = 'contested';

-- The breaches of an incident: the first opened it, the others joined it.
create table incident_breach (
	breach text not null,
	incident text not null,
	seen bigint not null,
	restored bigint not null,
	constraint incident_breach_is_of_one_incident primary key (breach),
	constraint incident_breach_has_an_incident foreign key (incident) references incident (id)
);
create index incident_breach_by_incident on incident_breach (incident, seen);

create table incident_task (
	incident text not null,
	number bigint not null,
	text text not null,
	owner text not null,
	done bigint not null,
	result text not null,
	constraint incident_task_has_its_number primary key (incident, number),
	constraint incident_task_has_an_incident foreign key (incident) references incident (id)
);

-- Findings that somebody proposed; the review signs the digest of one.
create table incident_findings (
	incident text not null,
	digest text not null,
	text text not null,
	proposed bigint not null,
	proposed_by text not null,
	constraint incident_findings_once primary key (incident, digest),
	constraint incident_findings_have_an_incident foreign key (incident) references incident (id)
);

-- Alarms, in the order of their ledger entries.
create table alarm (
	id text not null,
	entry bigint not null,
	kind text not null,
	severity text not null,
	text text not null,
	incident text not null,
	request text not null,
	platform text not null,
	subject text not null,
	tier text not null,
	at bigint not null,
	constraint alarm_id primary key (id),
	constraint alarm_severity_known check (severity in ('page', 'warn', 'info'))
);
create index alarm_by_entry on alarm (entry);
create index alarm_by_kind on alarm (kind, entry);

-- How far each alarm has come to each address, by an identifier that tells
-- nothing of the address.
create table alarm_delivery (
	alarm text not null,
	destination text not null,
	attempts bigint not null,
	status text not null,
	answer bigint not null,
	updated bigint not null,
	constraint alarm_delivery_once primary key (alarm, destination),
	constraint alarm_delivery_has_an_alarm foreign key (alarm) references alarm (id),
	constraint alarm_delivery_status_known check (status in ('waiting', 'delivered', 'gone', 'refused', 'given up'))
);

-- Addresses that have said 410: nothing more is sent to them.
create table alarm_destination (
	id text not null,
	disabled bigint not null,
	constraint alarm_destination_id primary key (id)
);
