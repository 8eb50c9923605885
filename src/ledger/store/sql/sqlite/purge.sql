update recipient set
    key = case when recipient.key is null then null else j.value ->> 1 end,
    address_hash = unhex(j.value ->> 2), user_hash = unhex(j.value ->> 3),
    user_id = null, address = null, name = null, fields = null, zone = null, reply = null,
    reason = case when recipient.state = 'sent' then null else 'purged' end,
    next_attempt_at = null, held_until = null,
    state = case when recipient.state in ('pending', 'claimed', 'deferred') then 'withdrawn'
        when recipient.state = 'sending' then 'unknown' else recipient.state end
from json_each(?1) j where recipient.id = j.value ->> 0
