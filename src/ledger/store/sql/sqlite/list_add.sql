insert into recipient
    (occasion_id, key, line, user_id, address, name, fields, row_hash, seen, state, reason, changed_at, zone)
select ?1, j.value ->> 'key', j.value ->> 'line', j.value ->> 'user_id', j.value ->> 'address', j.value ->> 'name',
    j.value ->> 'fields', unhex(j.value ->> 'row_hash'), ?3, j.value ->> 'state', j.value ->> 'reason', ?4,
    j.value ->> 'zone'
from json_each(?2) j
