-- Occasions by the clock, keys that are mailed once whatever the occasion, and the windows of recipients.

-- when the schedule wanted it; null where no schedule did
alter table occasion add column due_at integer;
-- when its first list was taken in
alter table occasion add column begun_at integer;
-- why nothing of it is sent any more: it was skipped or given up
alter table occasion add column closed text;
-- among which mails of the campaign a key gets only one: '' for all of them, or a survey's name; null where each
-- occasion counts for itself
alter table occasion add column once_in text;

create index occasion_due on occasion (campaign, due_at) where due_at is not null;

-- the recipient's time zone, where the list has one
alter table recipient add column zone text;
-- set exactly while a row waits for its window to open
alter table recipient add column held_until integer;

-- Who was tried in a campaign, whatever the occasion: the row that holds the key. Hashes, so that it outlives a purge.
-- No foreign key: each removed row of a list would have to be looked for here.
create table mailed (
    campaign text not null,
    once_in text not null,
    -- SHA-256 of the key
    key_hash blob not null,
    recipient_id integer not null,
    primary key (campaign, once_in, key_hash)
) strict, without rowid;

-- From when on the due times of a campaign count: those before nobody was there to miss.
create table watch (
    campaign text primary key,
    since integer not null
) strict;
