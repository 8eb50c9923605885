update recipient set
    line = j.value ->> 'line', user_id = j.value ->> 'user_id', address = j.value ->> 'address',
    name = j.value ->> 'name', fields = j.value ->> 'fields', row_hash = unhex(j.value ->> 'row_hash'), seen = ?2,
    reason = case recipient.state when 'withdrawn' then null else recipient.reason end,
    state = case recipient.state when 'withdrawn' then 'pending' else recipient.state end,
    zone = j.value ->> 'zone', changed_at = ?3
from json_each(?1) j
where recipient.id = j.value ->> 'id' and recipient.state in ('pending', 'deferred', 'withdrawn')
