insert into resolution (recipient_id, attempt, epoch, source, state, was, reason, at)
select r.id, r.attempts, ?2, j.value ->> 'source', r.state, j.value ->> 'was', j.value ->> 'reason', ?3
from json_each(?1) j cross join recipient r where r.id = j.value ->> 'id'
