-- The ledger: every row of every list, and what became of it.
-- Times are Unix milliseconds, UTC. Tokens are never stored, only the claims they are rebuilt from.

-- "lnkp": says that a file is a ledger, so that no other database is written into by mistake.
pragma application_id = 1819175792;

-- One sending of a campaign. A promo may go to the same people again on another occasion.
create table occasion (
    id integer primary key,
    campaign text not null,
    occasion text not null,
    -- counts the lists that were enlisted: a recipient whose `seen` equals it is in the current list
    generation integer not null default 0,
    list text,
    list_digest blob,
    -- SHA-256 of template and campaign: a change after the first try has to be confirmed
    content_digest blob,
    list_rows integer,
    enlisted_at integer,
    -- the first intent: from then on somebody may have a mail
    first_try_at integer,
    -- set when the personal data is gone; nothing can be sent from then on
    purged_at integer,
    unique (campaign, occasion)
) strict;

-- A row for every start of a run. The number is the proof of who holds a recipient; no clock is asked.
-- `autoincrement`: a number is never used twice.
create table epoch (
    id integer primary key autoincrement,
    occasion_id integer not null references occasion (id),
    host text not null,
    pid integer not null,
    started_at integer not null
) strict;

create index epoch_occasion on epoch (occasion_id, started_at);

-- One row of a list, good or bad.
create table recipient (
    id integer primary key,
    occasion_id integer not null references occasion (id),
    -- one mail per key; null for the rows that cannot be mailed. A hash after a purge
    key text,
    line integer not null,
    -- the four that a purge empties
    user_id text,
    -- one mailbox in whatever letter case; the mail goes to the spelling of the list
    address text collate nocase,
    name text,
    fields text,
    -- SHA-256 of what a mail is made from: tells an edited row from one that only moved
    row_hash blob,
    -- the generation of the last list that held the row
    seen integer not null,
    state text not null check (state in ('pending', 'claimed', 'sending', 'sent', 'rejected', 'deferred',
        'expired', 'unknown', 'suppressed', 'withdrawn', 'invalid', 'duplicate')),
    -- why it is in this state: our words, or the relay's refusal
    reason text,
    -- the relay's last words
    reply text,
    -- the run that claimed it last. Recovery leaves it: a late answer of that run still counts
    epoch integer references epoch (id),
    -- intents, and definite "later" answers: the second counts the tries that never came as far as an intent
    attempts integer not null default 0,
    deferrals integer not null default 0,
    -- set exactly while the row is `deferred` or was claimed as such
    next_attempt_at integer,
    first_try_at integer,
    message_id text,
    -- the `Date` header of the first try
    first_date integer,
    jti_hash blob,
    kid text,
    -- Unix seconds, as in the token
    token_issued_at integer,
    token_expires_at integer,
    token_generation integer,
    -- the link's end: signed in with (once), or called back. Either way it signs nobody in any more
    redeemed_at integer,
    revoked_at integer,
    unsubscribe_id text,
    changed_at integer not null,
    check ((key is null) = (state in ('invalid', 'duplicate'))),
    unique (occasion_id, key)
) strict;

-- Claims in list order, and the counts without touching the rows.
create index recipient_turn on recipient (occasion_id, state, line, seen);

-- What is due, and when the next is.
create index recipient_due on recipient (occasion_id, next_attempt_at) where state = 'deferred';

-- Who holds a mailbox, and whom `--only` means.
create index recipient_mailbox on recipient (occasion_id, address) where key is not null;
create index recipient_user on recipient (occasion_id, user_id) where key is not null;

-- Whose token this is: what a redemption looks up.
create unique index recipient_token on recipient (jti_hash) where jti_hash is not null;

-- Every try, written before the message body leaves. Rows are added and completed, never removed.
create table attempts (
    id integer primary key,
    recipient_id integer not null references recipient (id),
    n integer not null,
    epoch integer not null references epoch (id),
    message_id text not null,
    message_sha256 blob not null,
    jti_hash blob not null,
    started_at integer not null,
    -- null until the answer is known
    outcome text check (outcome in ('sent', 'rejected', 'deferred', 'unknown')),
    reply text,
    ended_at integer,
    unique (recipient_id, n)
) strict;

-- Addresses that get no mail, of whatever campaign. They outlive a purge: it is the person's own wish.
-- Letter case is ignored, so that the doubt falls on the side of not mailing.
create table suppression (
    address text collate nocase primary key,
    reason text not null,
    since integer not null
) strict;
