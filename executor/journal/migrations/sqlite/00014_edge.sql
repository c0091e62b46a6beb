-- +goose Up

-- The right edge of the newest ledger's tree, in base64; empty: it was not noted. By it a proof
-- in another ledger is found out.
alter table memory add column edge text not null default '';
