update recipient set
    state = case when j.value ->> 'state' = 'pending' and recipient.seen <>
            (select o.generation from occasion o where o.id = recipient.occasion_id)
        then 'withdrawn' else j.value ->> 'state' end,
    reason = case when j.value ->> 'state' = 'pending' and recipient.seen =
            (select o.generation from occasion o where o.id = recipient.occasion_id)
        then null else j.value ->> 'reason' end,
    first_try_at = case when j.value ->> 'state' = 'pending' then null else recipient.first_try_at end,
    again_at = case when j.value ->> 'state' = 'pending' then ?3 else recipient.again_at end,
    next_attempt_at = null, changed_at = ?3
from json_each(?1) j
where recipient.id = j.value ->> 'id' and recipient.occasion_id = ?2 and recipient.state = 'unknown'
returning recipient.id, recipient.state
