-- +goose Up

-- Budgets count by family. An act counts in the family of its kind and, if its requester did
-- much to the content of one account, in a second one. The owner of content is the account
-- as the executor read it; of acts before this it is not known.
alter table act add column family text not null default '';
alter table act add column also text not null default '';
alter table act add column owner text not null default '';
update act set family = case
    when kind like 'content.%' then 'content'
    when kind in ('account.limit', 'account.unlimit', 'account.label', 'account.unlabel', 'account.warn') then 'account-weak'
    else 'account' end;
create index act_owner on act (requester, platform, owner, direction, undo, intended, outcome) where duty = 'act' and owner <> '';

-- The acts of each minute that count in a budget: those that were carried out, may have been,
-- or are about to be. Without these sums each act of a vendor would read all of the vendor's
-- acts of a day. The family 'all' counts every kind.
create table spent (
    per        text not null, -- 'worker' or 'vendor'
    who        text not null,
    tier       text not null,
    direction  text not null,
    undo       boolean not null,
    family     text not null,
    minute     integer not null, -- since 1970
    acts       integer not null,
    constraint spent_pk primary key (per, who, tier, direction, undo, family, minute)
) without rowid;
insert into spent
    select p.per, case p.per when 'worker' then a.requester else a.vendor end as who, a.tier, a.direction, a.undo,
        case f.family when '' then a.family else f.family end as counted, a.intended / 60000000 as minute, count(*)
    from act a, (select 'worker' as per union all select 'vendor') p, (select 'all' as family union all select '') f
    where a.duty = 'act' and a.intended > 0 and a.outcome in ('', 'executed', 'unknown')
    group by p.per, who, a.tier, a.direction, a.undo, counted, a.intended / 60000000;

-- +goose StatementBegin
create trigger act_spends after insert on act when new.duty = 'act' and new.intended > 0 and new.outcome in ('', 'executed', 'unknown')
begin
    insert into spent
        select p.per, p.who, new.tier, new.direction, new.undo, f.family, new.intended / 60000000, 1
        from (select 'worker' as per, new.requester as who union all select 'vendor', new.vendor) p,
            (select 'all' as family union all select new.family union all select new.also where new.also <> '') f
        where true
        on conflict do update set acts = acts + 1;
end;
-- +goose StatementEnd
-- +goose StatementBegin
create trigger act_spends_not after update of outcome on act
    when new.duty = 'act' and old.intended > 0 and old.outcome in ('', 'executed', 'unknown') and new.outcome not in ('', 'executed', 'unknown')
begin
    update spent set acts = acts - 1 where per = 'worker' and who = old.requester and tier = old.tier and direction = old.direction and undo = old.undo
        and family in ('all', old.family, old.also) and minute = old.intended / 60000000;
    update spent set acts = acts - 1 where per = 'vendor' and who = old.vendor and tier = old.tier and direction = old.direction and undo = old.undo
        and family in ('all', old.family, old.also) and minute = old.intended / 60000000;
end;
-- +goose StatementEnd
