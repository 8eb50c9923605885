update recipient set state = case when next_attempt_at is null then 'pending' else 'deferred' end, changed_at = ?2
from json_each(?1) j
where recipient.id = j.value ->> 0 and recipient.epoch = j.value ->> 1 and recipient.state = 'claimed'
