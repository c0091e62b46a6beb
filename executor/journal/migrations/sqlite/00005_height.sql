-- +goose Up

-- The highest tier that rules ever gave a subject by facts that were read. It
-- stands until several people sign its fall; see proof.Height.
create table height (
    platform   text not null,
    subject_id text not null,
    tier       text not null constraint height_tier check (tier in ('protected', 'critical')),
    rule       text not null,
    reason     text not null,
    read_at    integer not null, -- microseconds since 1970
    chain      integer not null, -- governance entries that were known then
    sequence   integer not null, -- of the record that tells of it; -1: none does yet
    constraint height_pk primary key (platform, subject_id)
) without rowid;

-- What a journal of before knows: the tier that the watch has seen, whether rules
-- gave it or people. A chain of one entry is there, so that any fall takes it back.
insert into height (platform, subject_id, tier, rule, reason, read_at, chain, sequence)
    select platform, subject_id, tier, '', 'It was watched as such before reasons were kept.', since, 1, -1 from watched where tier <> 'standard';

-- +goose Down

drop table height;
