-- +goose Up

-- Who follows whom here, one row for each pair. account.followers counts them and those
-- that an account had when it was made.
create table follow (
    follower   integer not null constraint follow_follower references account (id),
    followee   integer not null constraint follow_followee references account (id),
    since      integer not null,
    constraint follow_pk primary key (follower, followee)
);
create index follow_followee on follow (followee);
