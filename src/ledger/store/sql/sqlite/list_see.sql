update recipient set line = j.value ->> 1, seen = ?2 from json_each(?1) j where recipient.id = j.value ->> 0
