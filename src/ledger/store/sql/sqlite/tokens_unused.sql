select t.id, t.clerk_id, t.kind from clerk_token t join recipient r on r.id = t.recipient_id
where t.state = 'live' and r.occasion_id = ?1 and t.expires_at > ?2 and t.id > ?3
    and (?5 = '[]' or r.user_id in (select value from json_each(?5)) or r.address in (select value from json_each(?5)))
order by t.id limit ?4
