select m.key_hash, c.occasion, r.state, coalesce(r.reason, ''), coalesce(r.address, '')
from json_each(?2) j cross join occasion o on o.id = ?1
    cross join mailed m on m.campaign = o.campaign and m.once_in = o.once_in and m.key_hash = unhex(j.value)
    cross join recipient r on r.id = m.recipient_id
    cross join occasion c on c.id = r.occasion_id
where r.occasion_id <> ?1 and r.state in ('sending', 'sent', 'unknown', 'rejected')
