update occasion set first_try_at = ?2
where first_try_at is null and id in (select r.occasion_id from json_each(?1) j cross join recipient r where r.id = j.value)
