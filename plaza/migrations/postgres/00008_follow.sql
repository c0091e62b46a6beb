-- +goose Up

-- Who follows whom here, one row for each pair. account.followers counts them and those
-- that an account had when it was made.
create table follow (
    follower   bigint not null constraint follow_follower references account (id),
    followee   bigint not null constraint follow_followee references account (id),
    since      bigint not null,
    constraint follow_pk primary key (follower, followee)
);
create index follow_followee on follow (followee);
