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
-- Budgets with a family are counted from these indexes alone.
create index act_worker_spends_of on act (requester, tier, direction, undo, family, intended, outcome) where duty = 'act';
create index act_vendor_spends_of on act (vendor, tier, direction, undo, family, intended, outcome) where duty = 'act';
create index act_worker_also on act (requester, tier, direction, undo, also, intended, outcome) where duty = 'act' and also <> '';
create index act_vendor_also on act (vendor, tier, direction, undo, also, intended, outcome) where duty = 'act' and also <> '';
create index act_owner on act (requester, platform, owner, direction, undo, intended, outcome) where duty = 'act' and owner <> '';
