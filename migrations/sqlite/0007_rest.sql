-- Relays and services whose limit is used up: until when nothing is asked of them by a schedule, and in whose words.
create table rest (
    name text primary key,
    until integer not null,
    reason text not null,
    since integer not null
) strict;
