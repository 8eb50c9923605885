update recipient set revoked_at = ?2
where occasion_id = ?1 and jti_hash is not null and kid <> ?3 and redeemed_at is null and revoked_at is null
    and token_expires_at > ?2 / 1000
    and (?4 = '[]' or user_id in (select value from json_each(?4)) or address in (select value from json_each(?4)))
