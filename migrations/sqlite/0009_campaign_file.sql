-- Which campaign file uses a name, and what a tick of cron has told of a list.

-- The file whose list was taken in under a campaign's name: another file of that name does not take its people's mails.
create table campaign_file (
    campaign text primary key,
    -- both absolute: with every link followed, and as it was named. A link that leads elsewhere by now is the same file
    path text not null,
    named text not null,
    since integer not null
) strict;

-- What was said last of a list in the middle of the occasion, so that no tick says it again; null where it is in order.
alter table occasion add column told text;
