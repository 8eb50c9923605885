insert into mailed (campaign, once_in, key_hash, recipient_id)
select o.campaign, o.once_in, unhex(j.value ->> 1), r.id
from json_each(?1) j cross join recipient r on r.id = j.value ->> 0 join occasion o on o.id = r.occasion_id
where o.once_in is not null
on conflict (campaign, once_in, key_hash) do update set recipient_id = excluded.recipient_id
    where not exists (select 1 from recipient h
        where h.id = mailed.recipient_id and h.id <> excluded.recipient_id and h.state in ('sending', 'sent', 'unknown'))
