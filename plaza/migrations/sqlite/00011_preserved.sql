-- +goose Up

-- What staff asked to keep, and until when. The content is there once its owner, or staff,
-- deleted it: as staff would have read it until then, in JSON. It is never public.
create table preserved (
    subject    text not null primary key,
    until      integer not null,
    content    blob
);
create index preserved_until on preserved (until);

create table preserved_picture (
    subject    text not null constraint preserved_picture_of references preserved (subject),
    place      integer not null,
    type       text not null,
    data       blob not null,
    constraint preserved_picture_once primary key (subject, place)
);
