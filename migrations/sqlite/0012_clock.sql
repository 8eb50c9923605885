-- A clock that was wrong: what it skipped is due again, and its times are not held against a right one.

-- what the clock showed when the occasion was skipped or given up; null for those from before it was kept
alter table occasion add column closed_at integer;

-- Runs up to this number began by a clock that was wrong, as somebody has said: their times count no more.
create table clock_accepted (
    id integer primary key check (id = 1),
    epoch integer not null,
    accepted_at integer not null
) strict;
