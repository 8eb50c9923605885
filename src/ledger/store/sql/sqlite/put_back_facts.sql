select r.id, r.state, r.seen = o.generation as listed, r.key, r.user_id, r.address, o.once_in is not null as once,
    r.redeemed_at is not null
        or exists (select 1 from clerk_token t where t.recipient_id = r.id and t.state = 'used') as used,
    (exists (select 1 from suppression s where s.address = r.address)
        or exists (select 1 from suppressed_user u where u.user_id = r.user_id)) as suppressed,
    exists (select 1 from recipient m indexed by recipient_mailbox
        where m.occasion_id = r.occasion_id and m.address = r.address and m.key is not null and m.user_id <> r.user_id
            and (m.state in ('sending', 'sent', 'unknown')
                or (m.seen = o.generation and m.state in ('pending', 'claimed', 'deferred')))) as taken
from json_each(?2) j cross join recipient r on r.id = j.value cross join occasion o on o.id = r.occasion_id
where r.occasion_id = ?1
