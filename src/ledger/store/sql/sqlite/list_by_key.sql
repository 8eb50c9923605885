select r.id, r.key, r.line, r.seen, r.state, r.row_hash, r.address, r.redeemed_at is not null
from json_each(?2) j cross join recipient r
where r.occasion_id = ?1 and r.key = j.value
