-- +goose Up

-- The pictures of posts, as plaza has drawn them anew: nothing of the file that was sent
-- but what it shows.
create table picture (
    post       bigint not null constraint picture_post references post (id),
    place      bigint not null, -- among the post's pictures, from 1 on
    digest     text not null, -- SHA-256 of the bytes
    type       text not null constraint picture_type check (type in ('image/png', 'image/jpeg')),
    width      bigint not null,
    height     bigint not null,
    alt        text not null,
    data       bytea not null,
    constraint picture_pk primary key (post, place)
);
