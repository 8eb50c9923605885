update recipient set
    state = 'sending', reason = null, attempts = j.value ->> 'attempt',
    first_try_at = coalesce(recipient.first_try_at, ?2), first_date = coalesce(recipient.first_date, j.value ->> 'date'),
    message_id = j.value ->> 'message_id', unsubscribe_id = j.value ->> 'unsubscribe_id',
    jti_hash = unhex(j.value ->> 'jti_hash'), kid = j.value ->> 'kid', token_issued_at = j.value ->> 'issued_at',
    token_expires_at = j.value ->> 'expires_at', token_generation = j.value ->> 'generation',
    -- the end of an earlier token is not the end of this one
    redeemed_at = case when recipient.jti_hash is unhex(j.value ->> 'jti_hash') then recipient.redeemed_at end,
    redeemed_by = case when recipient.jti_hash is unhex(j.value ->> 'jti_hash') then recipient.redeemed_by end,
    revoked_at = case when recipient.jti_hash is unhex(j.value ->> 'jti_hash') then recipient.revoked_at end,
    changed_at = ?2
from json_each(?1) j
where recipient.id = j.value ->> 'id' and recipient.epoch = j.value ->> 'epoch' and recipient.state = 'claimed'
    and recipient.attempts = (j.value ->> 'attempt') - 1
returning recipient.id
