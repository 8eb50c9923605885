select r.id, r.state from json_each(?1) j cross join recipient r where r.id = j.value
