select r.address, r.user_id, min(case when r.seen = ?3 then r.line end)
from json_each(?2) j cross join recipient r indexed by recipient_mailbox
where r.occasion_id = ?1 and r.address = j.value and r.key is not null
    and (r.seen = ?3 or r.state in ('sending', 'sent', 'unknown'))
group by r.address, r.user_id
