update recipient set
    state = 'suppressed',
    reason = case when exists (select 1 from suppression s where s.address = recipient.address)
        then 'the address is on the suppression list' else 'the user is on the suppression list' end,
    next_attempt_at = null, changed_at = ?2
from json_each(?1) j
where recipient.id = j.value ->> 'id' and recipient.epoch = j.value ->> 'epoch' and recipient.state = 'claimed'
    and (exists (select 1 from suppression s where s.address = recipient.address)
        or exists (select 1 from suppressed_user u where u.user_id = recipient.user_id))
