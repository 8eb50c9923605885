update recipient set
    state = 'withdrawn', next_attempt_at = null, changed_at = ?2,
    reason = 'mailed on the occasion `' || (select c.occasion from occasion o
        join mailed m on m.campaign = o.campaign and m.once_in = o.once_in
            and m.key_hash = unhex(j.value ->> 'key_hash')
        join recipient r on r.id = m.recipient_id join occasion c on c.id = r.occasion_id
        where o.id = recipient.occasion_id) || '`'
from json_each(?1) j
where recipient.id = j.value ->> 'id' and recipient.epoch = j.value ->> 'epoch' and recipient.state = 'claimed'
    and exists (select 1 from occasion o
        join mailed m on m.campaign = o.campaign and m.once_in = o.once_in
            and m.key_hash = unhex(j.value ->> 'key_hash')
        join recipient r on r.id = m.recipient_id
        where o.id = recipient.occasion_id and r.id <> recipient.id
            and r.state in ('sending', 'sent', 'unknown'))
