select r.id, r.address from json_each(?1) j cross join recipient r where r.id = j.value ->> 'id'
