update recipient set
    line = j.value ->> 'line', user_id = j.value ->> 'user_id', address = j.value ->> 'address',
    name = j.value ->> 'name', fields = j.value ->> 'fields', row_hash = unhex(j.value ->> 'row_hash'), seen = ?2,
    zone = j.value ->> 'zone', reply = coalesce(recipient.reason, recipient.reply), reason = null,
    state = 'pending', next_attempt_at = null, held_until = null, deferrals = 0, first_try_at = null,
    first_date = null, revoked_at = case when recipient.jti_hash is not null then coalesce(recipient.revoked_at, ?3) end,
    again_at = ?3, changed_at = ?3
from json_each(?1) j
where recipient.id = j.value ->> 'id' and recipient.state in ('rejected', 'expired')
