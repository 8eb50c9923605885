insert into occasion (campaign, occasion, due_at, closed, closed_at)
select ?1, j.value ->> 'occasion', j.value ->> 'due', j.value ->> 'reason', ?3 from json_each(?2) j where true
on conflict (campaign, occasion) do nothing
returning occasion
