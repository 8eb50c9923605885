select count(*) from recipient r
where r.occasion_id = ?1 and r.state in ('pending', 'deferred') and r.key is not null
    and (r.address in (select value from json_each(?2)) or r.user_id in (select value from json_each(?2)))
