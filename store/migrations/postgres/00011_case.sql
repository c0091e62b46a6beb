-- +goose Up

-- Reports, cases and the claims on them: working data. What counts is in the documents of
-- the rolls and in the ledger.

-- A case is everything about one subject that is judged together. Reasons and sources are
-- canonical JSON.
create table case_file (
	id text not null constraint case_file_id primary key,
	version bigint not null constraint case_file_version_counts check (version >= 1),
	state text not null constraint case_file_state_known check (state in ('waiting','claimed','held','asked','snoozed','escalated','decided','closed','merged')),
	sort text not null,
	platform text not null,
	subject text not null,
	handle text not null,
	subject_sort text not null,
	owner text not null,
	reasons bytea not null,
	sources bytea not null,
	severity text not null,
	language text not null,
	reports bigint not null,
	reporters bigint not null,
	queue text not null,
	queue_set text not null,
	due bigint not null,
	opened bigint not null,
	updated bigint not null,
	opened_by text not null,
	claim bigint not null,
	holder text not null,
	until bigint not null,
	turn text not null,
	turn_why text not null,
	skips bigint not null,
	question text not null,
	into_case text not null,
	escalate text not null
);
create unique index case_file_open_once on case_file (platform, subject, sort) where state in ('waiting','claimed','held','asked','snoozed','escalated');
create index case_file_by_subject on case_file (platform, subject, id);
create index case_file_ending on case_file (until, id) where state in ('claimed','snoozed');
create index case_file_by_state on case_file (state, queue, due, id);
create index case_file_by_holder on case_file (holder, id) where holder <> '';
create index case_file_by_turn on case_file (turn, id) where turn <> '';

-- A lease on a case. One of a case is live at most.
create table case_claim (
	case_id text not null constraint case_claim_has_a_case references case_file (id),
	number bigint not null constraint case_claim_counts check (number >= 1),
	worker text not null,
	vendor text not null,
	token text not null,
	started bigint not null,
	shown bigint not null,
	until bigint not null,
	active bigint not null,
	ended bigint not null,
	why text not null,
	document text not null,
	asked bigint not null,
	constraint case_claim_once primary key (case_id, number)
);
create unique index case_claim_live_once on case_claim (case_id) where ended = 0;
create index case_claim_live on case_claim (worker, started) where ended = 0;

-- What happened to a case, one row for each version that a move made.
create table case_move (
	case_id text not null constraint case_move_has_a_case references case_file (id),
	version bigint not null,
	move text not null,
	worker text not null,
	time bigint not null,
	detail bytea not null,
	constraint case_move_once primary key (case_id, version)
);

create table report (
	id text not null constraint report_id primary key,
	program text not null,
	external_id text not null,
	body text not null,
	case_id text not null constraint report_has_a_case references case_file (id),
	platform text not null,
	subject text not null,
	reason text not null,
	own_reason text not null,
	severity text not null,
	source text not null,
	reporter text not null,
	anonymous bigint not null,
	language text not null,
	reported bigint not null,
	received bigint not null,
	withdrawn bigint not null,
	constraint report_once unique (program, external_id)
);
create index report_by_case on report (case_id, id);
create index report_by_subject on report (platform, subject, id);

-- Who reported in a case, by a keyed digest: so distinct ones are counted, and nobody judges
-- a case in which they reported.
create table case_reporter (
	case_id text not null,
	reporter text not null,
	constraint case_reporter_once primary key (case_id, reporter)
);

create table case_skip (
	case_id text not null,
	worker text not null,
	time bigint not null,
	constraint case_skip_once primary key (case_id, worker)
);

-- What a worker has written and not handed in yet.
create table case_draft (
	case_id text not null,
	worker text not null,
	body bytea not null,
	updated bigint not null,
	constraint case_draft_once primary key (case_id, worker)
);

-- What was shown with a claim, by its digest, byte for byte.
create table shown (
	digest text not null constraint shown_digest primary key,
	body bytea not null
);

-- The decisions on cases, each with the version it was made on, and their measures.
create table case_decision (
	id text not null constraint case_decision_id primary key,
	case_id text not null constraint case_decision_has_a_case references case_file (id),
	version bigint not null,
	claim bigint not null,
	worker text not null,
	verdict text not null,
	rule bigint not null,
	digest text not null,
	document text not null,
	departs bigint not null,
	time bigint not null,
	taken_back bigint not null,
	constraint case_decision_once unique (case_id, version)
);
create index case_decision_by_worker on case_decision (worker, time);

create table case_measure (
	decision text not null constraint case_measure_has_a_decision references case_decision (id),
	n bigint not null,
	case_id text not null,
	request text not null,
	constraint case_measure_once primary key (decision, n)
);
create index case_measure_by_case on case_measure (case_id);
create unique index case_measure_by_request on case_measure (request);

-- Decided violations of an account under a rule, each until it expires. Facts, never automatic.
create table strike (
	decision text not null constraint strike_once primary key,
	platform text not null,
	account text not null,
	rule bigint not null,
	time bigint not null,
	expires bigint not null,
	ended bigint not null
);
create index strike_by_account on strike (platform, account, rule);

-- Clocks of cases: what is due when, and whether it was met.
create table case_clock (
	case_id text not null,
	kind text not null,
	started bigint not null,
	due bigint not null,
	paused bigint not null,
	spent bigint not null,
	met bigint not null,
	missed bigint not null,
	constraint case_clock_once primary key (case_id, kind, started)
);
create index case_clock_due on case_clock (due) where met = 0 and missed = 0;

-- The state of a case's subject that was read last: canonical JSON.
create table case_seen (
	case_id text not null constraint case_seen_once primary key,
	body bytea not null
);

-- Who opened which case, when and under which reason. A row always.
create table case_opening (
	case_id text not null,
	worker text not null,
	time bigint not null,
	why text not null,
	constraint case_opening_once primary key (case_id, worker, time)
);
create index case_opening_by_worker on case_opening (worker, time);

-- Notes of people at the desk, on cases. They are signed deeds; the text is here.
create table case_note (
	case_id text not null,
	n bigint not null,
	worker text not null,
	public bigint not null,
	body bytea not null,
	time bigint not null,
	deed text not null,
	constraint case_note_once primary key (case_id, n)
);
