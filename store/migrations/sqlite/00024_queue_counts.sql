-- +goose Up

-- The queues' counts are read from the index alone.
drop index case_file_by_state;
create index case_file_by_state on case_file (state, queue, due, id, opened);
