update recipient set
    state = 'pending', next_attempt_at = null, held_until = null, deferrals = 0, first_try_at = null,
    first_date = null, revoked_at = case when recipient.jti_hash is not null then coalesce(recipient.revoked_at, ?2) end,
    again_at = ?2, changed_at = ?2
from json_each(?1) j
where recipient.id = j.value ->> 'id' and recipient.state in ('rejected', 'expired', 'suppressed')
returning recipient.id
