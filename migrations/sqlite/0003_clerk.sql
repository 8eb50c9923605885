-- Tokens that Clerk minted for a recipient. Never their text, which stands in the mail alone: only Clerk's id, by
-- which a token can be revoked, and without which nobody finds it again (Clerk lists no tokens).

create table clerk_token (
    id integer primary key,
    recipient_id integer not null references recipient (id),
    -- whom it signs in. Emptied by a purge
    user_id text,
    -- an invitation is for a person who has no user yet
    kind text not null check (kind in ('sign_in_token', 'invitation')),
    -- null until the answer is here, and for good where the answer was lost
    clerk_id text unique,
    -- SHA-256 of Clerk's id, as in `recipient`: tells which token the mail carries
    jti_hash blob,
    -- written before Clerk is asked, so that a token whose answer is lost is at least counted
    asked_at integer not null,
    created_at integer,
    -- Unix seconds; while the answer is awaited, the latest that it can be
    expires_at integer not null,
    -- orphan: it may live until it expires, and nobody holds it or can revoke it
    state text not null check (state in ('asked', 'live', 'used', 'revoked', 'gone', 'orphan')),
    changed_at integer not null,
    check ((clerk_id is null) = (state in ('asked', 'orphan')))
) strict;

create index clerk_token_recipient on clerk_token (recipient_id);
create index clerk_token_open on clerk_token (state) where state in ('asked', 'live');
