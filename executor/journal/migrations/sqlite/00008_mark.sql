-- +goose Up

-- How many entries of the ledger this executor had followed at a time of its own
-- clock. What was signed later is in none of these entries.
create table mark (
    at   integer not null primary key, -- microseconds since 1970
    size integer not null
) without rowid;

-- +goose Down

drop table mark;
