-- +goose Up

-- The pictures of posts, as plaza has drawn them anew: nothing of the file that was sent
-- but what it shows.
create table picture (
    post       integer not null constraint picture_post references post (id),
    place      integer not null, -- among the post's pictures, from 1 on
    digest     text not null, -- SHA-256 of the bytes
    type       text not null constraint picture_type check (type in ('image/png', 'image/jpeg')),
    width      integer not null,
    height     integer not null,
    alt        text not null,
    data       blob not null,
    constraint picture_pk primary key (post, place)
);
