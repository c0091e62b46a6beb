-- +goose Up

-- Changes of the desk that the ledger carried out though somebody had said no to them: they
-- stay void when the no itself cannot be read any more.
create table void (
    leaf text not null primary key, -- digest of the governance entry's leaf
    why  text not null
) without rowid;
