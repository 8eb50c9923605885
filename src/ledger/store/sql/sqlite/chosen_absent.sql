select j.value from json_each(?2) j
where not exists (select 1 from recipient r where r.occasion_id = ?1 and r.address = j.value and r.key is not null)
    and not exists (select 1 from recipient r where r.occasion_id = ?1 and r.user_id = j.value and r.key is not null)
