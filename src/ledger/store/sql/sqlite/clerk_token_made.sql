update or ignore clerk_token set state = 'live', clerk_id = ?2, jti_hash = ?3, created_at = ?4, expires_at = ?5, changed_at = ?4
where id = ?1 and state = 'asked'
