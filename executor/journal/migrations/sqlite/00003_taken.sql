-- +goose Up

-- Changes of the desk that were taken straight from who signed them. Each is in
-- force here until the governance chain has it.
create table taken (
    request    text not null primary key,
    at         integer not null, -- when it was taken, microseconds since 1970
    authority  text not null
) without rowid;
-- +goose StatementBegin
create trigger taken_no_update before update on taken
begin select raise(abort, 'taken is append-only'); end;
-- +goose StatementEnd
-- +goose StatementBegin
create trigger taken_no_delete before delete on taken
begin select raise(abort, 'taken is append-only'); end;
-- +goose StatementEnd

-- Emergency acts are looked through before each further one.
create index act_emergency on act (intended) where kind = 'account.contain' and duty = 'act';
