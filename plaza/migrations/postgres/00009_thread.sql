-- +goose Up

-- A language is a BCP 47 tag; 'und' where nobody has said which it is. What an owner has
-- set for the account is the language of a post whose author chooses none.
alter table account add column language text not null default 'und';
alter table post add column language text not null default 'und';

-- When its author last changed a post; 0: never.
alter table post add column edited bigint not null default 0;

-- Which post answers which. The row stays when one of them is taken down or deleted, so
-- that the rest of a thread keeps its order.
create table post_reply (
    post       bigint not null constraint post_reply_post references post (id),
    answers    bigint not null constraint post_reply_answers references post (id),
    constraint post_reply_pk primary key (post)
);
create index post_reply_answers on post_reply (answers, post);
