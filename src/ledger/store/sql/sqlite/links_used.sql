select r.line, r.user_id, r.address from occasion o join recipient r on r.occasion_id = o.id
where o.campaign = ?1 and o.occasion = ?2
    and (r.redeemed_at is not null
        or exists (select 1 from clerk_token t where t.recipient_id = r.id and t.state = 'used'))
    and (?3 = '[]' or r.user_id in (select value from json_each(?3)) or r.address in (select value from json_each(?3)))
order by r.line, r.id
