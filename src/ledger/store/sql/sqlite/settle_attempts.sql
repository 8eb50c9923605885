update attempts set
    outcome = case when coalesce(j.value ->> 'requeued', 0) then 'rejected' else j.value ->> 'state' end,
    reply = coalesce(j.value ->> 'reply', j.value ->> 'reason'),
    ended_at = j.value ->> 'at'
from json_each(?1) j
where attempts.recipient_id = j.value ->> 'id' and attempts.n = j.value ->> 'attempt'
