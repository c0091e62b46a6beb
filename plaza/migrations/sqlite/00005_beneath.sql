-- +goose Up

-- Whether an account is switched off, and by whom: the owner's handle with its @, or
-- the holder of a staff token; empty: nobody knows any more. A takedown hides it, and
-- it shows again when the takedown is lifted.
alter table account add column off boolean not null default false;
alter table account add column off_by text not null default '';
update account set off = true, off_by = coalesce((select e.holder from event e
    where e.subject = 'acct/' || account.id and e.status = 'deactivated' and e.name = 'change' order by e.id desc limit 1), '')
    where status = 'deactivated';
