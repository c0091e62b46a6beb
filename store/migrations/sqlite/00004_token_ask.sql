-- +goose Up

-- What a token rests on: the signed ask of the key's holder, which names the
-- secret by its hash, so that a row alone opens nothing; and the ask's nonce, so
-- that an ask gives one token. Tokens from before have neither, and open nothing:
-- their holders sign in again.
alter table token add column nonce blob;
alter table token add column ask blob;
create unique index token_ask_once on token (key_id, nonce);
