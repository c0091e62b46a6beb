-- +goose Up

-- Evidence: what a subject showed when it was reported. It is acknowledged with the report,
-- and copied by a job. What was told is canonical JSON.
create table evidence (
	id text not null constraint evidence_id primary key,
	case_id text not null,
	report text not null,
	platform text not null,
	subject text not null,
	state text not null constraint evidence_state_known check (state in ('pending','copied','gone')),
	media text not null constraint evidence_media_known check (media in ('copy','none','hash')),
	told blob not null,
	read text not null,
	document text not null,
	content text not null,
	thread text not null,
	matched text not null,
	why text not null,
	at bigint not null,
	copied bigint not null,
	constraint evidence_is_complete_or_pending check ((state = 'pending') = (document = ''))
);
create index evidence_by_case on evidence (case_id, at, id);
create index evidence_by_document on evidence (document) where document <> '';
create index evidence_pending on evidence (at, id) where state = 'pending';

-- Texts of evidence by their SHA-256, byte for byte: what was read, and the documents.
create table evidence_text (
	digest text not null constraint evidence_text_digest primary key,
	body blob not null
);

-- What became of each picture of an evidence. The digest is empty where nobody read the bytes.
create table evidence_picture (
	evidence text not null constraint evidence_picture_is_of_evidence references evidence (id),
	n bigint not null,
	name text not null,
	state text not null,
	digest text not null,
	outcome blob not null,
	constraint evidence_picture_once primary key (evidence, n)
);
create index evidence_picture_by_digest on evidence_picture (digest) where digest <> '';

-- A picture by its SHA-256. Its bytes are in parts; a picture that was removed, or that is on
-- a list, has none.
create table picture (
	digest text not null constraint picture_digest primary key,
	state text not null constraint picture_state_known check (state in ('kept','matched','removed')),
	format blob not null,
	size bigint not null,
	list text not null,
	deed text not null,
	worker text not null,
	at bigint not null,
	removed bigint not null
);
create index picture_kept on picture (digest) where state = 'kept';

create table picture_part (
	digest text not null constraint picture_part_is_of_a_picture references picture (digest),
	n bigint not null,
	bytes blob not null,
	constraint picture_part_once primary key (digest, n)
);

-- Who opened which picture, on which case, and why. A row always.
create table picture_opening (
	id text not null constraint picture_opening_id primary key,
	digest text not null,
	case_id text not null,
	worker text not null,
	reason text not null,
	time bigint not null
);
create index picture_opening_by_case on picture_opening (case_id, worker, time);
create index picture_opening_by_worker on picture_opening (worker, time);

-- The hash lists with which all kept pictures were compared last.
create table picture_swept (
	id bigint not null constraint picture_swept_once primary key check (id = 1),
	lists text not null,
	time bigint not null
);

-- +goose StatementBegin
create trigger evidence_text_is_not_changed before update on evidence_text
begin select raise(abort, 'evidence_text is not changed'); end;
-- +goose StatementEnd
-- +goose StatementBegin
create trigger evidence_is_not_copied_twice before update on evidence
when old.state <> 'pending' and (new.state <> old.state or new.document <> old.document or new.read <> old.read or new.told <> old.told)
begin select raise(abort, 'evidence is copied once'); end;
-- +goose StatementEnd
-- +goose StatementBegin
create trigger picture_part_is_not_changed before update on picture_part
begin select raise(abort, 'picture_part is not changed'); end;
-- +goose StatementEnd
-- +goose StatementBegin
create trigger picture_stays_removed before update on picture
when old.state <> 'kept' and new.state = 'kept'
begin select raise(abort, 'a picture that was removed stays so'); end;
-- +goose StatementEnd
-- +goose StatementBegin
create trigger picture_opening_is_not_changed before update on picture_opening
begin select raise(abort, 'picture_opening is append-only'); end;
-- +goose StatementEnd
-- +goose StatementBegin
create trigger picture_opening_is_not_deleted before delete on picture_opening
begin select raise(abort, 'picture_opening is append-only'); end;
-- +goose StatementEnd
