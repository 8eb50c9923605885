insert into attempts (recipient_id, n, epoch, message_id, message_sha256, jti_hash, started_at)
select j.value ->> 'id', j.value ->> 'attempt', j.value ->> 'epoch', j.value ->> 'message_id',
    unhex(j.value ->> 'message_sha256'), unhex(j.value ->> 'jti_hash'), ?2
from json_each(?1) j
