select r.id from (
    select a.id from json_each(?5) j cross join recipient a indexed by recipient_mailbox
    where a.occasion_id = ?1 and a.address = j.value and a.key is not null
    union
    select u.id from json_each(?5) j cross join recipient u indexed by recipient_user
    where u.occasion_id = ?1 and u.user_id = j.value and u.key is not null
) named cross join recipient r
where r.id = named.id and (r.state = 'pending' or (r.state = 'deferred' and r.next_attempt_at <= ?3))
order by r.line limit ?4
