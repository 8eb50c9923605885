-- What the pages behind the links need: who redeemed, what was answered, and tokens that belong to no mail.

-- What a link's page shows and where it may lead, as the campaign file said when its mails were sent. JSON:
-- `[[name, value], …]` and `[[id, text, [[id, text], …]], …]`.
alter table occasion add column title text;
alter table occasion add column link_parameters text;
alter table occasion add column questions text;

-- SHA-256 of the browser's own secret: the one that redeemed may ask again when the answer was lost.
alter table recipient add column redeemed_by blob;

-- Whose unsubscribe link this is.
create index recipient_leaving on recipient (unsubscribe_id) where unsubscribe_id is not null;

-- Tokens that were asked for one by one, through the token API. Their text is nowhere.
create table sign_in_token (
    id text primary key,
    user_id text not null,
    jti_hash blob not null unique,
    kid text not null,
    -- Unix seconds, as in the token
    issued_at integer not null,
    expires_at integer not null,
    redeemed_at integer,
    redeemed_by blob,
    revoked_at integer,
    created_at integer not null,
    updated_at integer not null
) strict;

-- What was answered on the page of a survey's link: with the redemption, in its transaction, and never changed.
create table answer (
    recipient_id integer not null references recipient (id),
    question text not null,
    answer text not null,
    -- the person's own words; a purge empties them
    words text,
    answered_at integer not null,
    primary key (recipient_id, question)
) strict, without rowid;
