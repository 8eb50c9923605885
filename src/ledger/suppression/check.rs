//! The question that every statement asks before a mail may leave, in SQL. `store/sql` has it in its own words.

/// Whether the person of a row (`recipient`, or the name that the statement has for it) is on the suppression list.
macro_rules! suppressed {
    ($row:literal) => {
        concat!(
            "(exists (select 1 from suppression s where s.address = ",
            $row,
            ".address) or exists (select 1 from suppressed_user u where u.user_id = ",
            $row,
            ".user_id))"
        )
    };
}

/// The reason of a row of `recipient` that is put aside.
macro_rules! because {
    () => {
        "case when exists (select 1 from suppression s where s.address = recipient.address)
        then 'the address is on the suppression list' else 'the user is on the suppression list' end"
    };
}

pub(in crate::ledger) use {because, suppressed};
