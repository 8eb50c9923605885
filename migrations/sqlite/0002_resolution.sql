-- Decisions about rows whose outcome was unknown: a person's, a relay's log's, or that of `send --on-unknown`.
-- An audit trail: rows are only added, and the triggers refuse everything else.
create table resolution (
    id integer primary key,
    recipient_id integer not null references recipient (id),
    -- the last try, whose outcome was decided; 0 where the ledger has none
    attempt integer not null,
    -- the run that decided: host, process and time stand there
    epoch integer not null references epoch (id),
    source text not null check (source in ('hand', 'log', 'rule')),
    state text not null check (state in ('sent', 'pending', 'rejected', 'withdrawn')),
    -- the person's words, or the log's: printable, the recipient's address masked
    reason text not null,
    at integer not null
) strict;

create index resolution_recipient on resolution (recipient_id);

create trigger resolution_is_not_changed before update on resolution
begin
    select raise(abort, 'a decision in the audit trail is not changed');
end;

create trigger resolution_is_not_removed before delete on resolution
begin
    select raise(abort, 'a decision in the audit trail is not removed');
end;
