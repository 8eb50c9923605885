insert into occasion (campaign, occasion, due_at, closed)
select ?1, j.value ->> 'occasion', j.value ->> 'due', j.value ->> 'reason' from json_each(?2) j where true
on conflict (campaign, occasion) do nothing
returning occasion
