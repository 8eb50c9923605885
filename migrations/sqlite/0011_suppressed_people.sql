-- A wish to get no mail holds for the person: for the user id as well as for the address, and by hashes where the people
-- of the mail were purged. Its mail can take it back for a while.

-- the unsubscribe id of the mail by which it was said; null where several said it, or no mail did: those of the address
-- do not take it back then
alter table suppression add column mail text;

-- Users that get no mail, of whatever campaign and at whatever address.
create table suppressed_user (
    user_id text primary key,
    reason text not null,
    since integer not null,
    mail text
) strict, without rowid;

-- The wishes of people who are known by a hash alone: SHA-256 of a canonical address or of a user id.
create table suppressed_hash (
    hash blob primary key check (length(hash) = 32),
    reason text not null,
    since integer not null,
    mail text
) strict, without rowid;

-- What was on the list and is not any more. Rows are only added.
create table suppression_end (
    id integer primary key,
    -- one of the three
    address text,
    user_id text,
    hash blob,
    since integer not null,
    reason text not null,
    ended_at integer not null,
    -- why it ended: taken back on the page, or our words
    ended text not null
) strict;

-- What a purge leaves of the address and the user id, so that a wish finds the person.
alter table recipient add column address_hash blob;
alter table recipient add column user_hash blob;

-- Wishes of before hold for the user as well, where the address was one user's alone.
insert or ignore into suppressed_user (user_id, reason, since)
select min(r.user_id), s.reason, s.since from suppression s join recipient r on r.address = s.address
where r.user_id is not null group by s.address having count(distinct r.user_id) = 1;

-- What a mail put on the list.
create index suppression_mail on suppression (mail) where mail is not null;
create index suppressed_user_mail on suppressed_user (mail) where mail is not null;
create index suppressed_hash_mail on suppressed_hash (mail) where mail is not null;
