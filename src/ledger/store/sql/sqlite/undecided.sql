select count(*) from occasion o cross join recipient r
where o.campaign = ?1 and o.purged_at is null
    and r.occasion_id = o.id and r.state = 'unknown' and r.seen = o.generation
