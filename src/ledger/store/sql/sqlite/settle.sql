update recipient set
    state = j.value ->> 'state',
    reason = j.value ->> 'reason',
    reply = coalesce(j.value ->> 'reply', recipient.reply),
    next_attempt_at = j.value ->> 'due',
    deferrals = recipient.deferrals + (j.value ->> 'state' = 'deferred' and not coalesce(j.value ->> 'requeued', 0)),
    -- a refusal of us does not start the recipient's time: only what a relay put off before keeps its own
    first_try_at = case when not coalesce(j.value ->> 'requeued', 0) then coalesce(recipient.first_try_at, j.value ->> 'at')
        when recipient.deferrals > 0 then recipient.first_try_at end,
    changed_at = j.value ->> 'at'
from json_each(?1) j
where recipient.id = j.value ->> 'id'
    and recipient.epoch = j.value ->> 'epoch'
    and case when j.value ->> 'attempt' is null then recipient.state = 'claimed'
        else recipient.state in ('sending', 'unknown') and recipient.attempts = j.value ->> 'attempt' end
returning recipient.id
