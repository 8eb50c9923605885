//! The text of a statement, and which database understands it.

/// A statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::ledger) struct Sql(&'static str);

/// A statement for which each database has words of its own: the file of that name in `store/sql/DATABASE/`.
///
/// With a macro in front, the file has the part that differs, and the macro puts the rest around it.
macro_rules! differs {
    ($name:literal) => {
        $crate::ledger::store::Sql::sqlite(include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/src/ledger/store/sql/sqlite/",
            $name,
            ".sql"
        )))
    };
    ($around:ident, $name:literal) => {
        $crate::ledger::store::Sql::sqlite($around!(include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/src/ledger/store/sql/sqlite/",
            $name,
            ".sql"
        ))))
    };
}
pub(in crate::ledger) use differs;

/// Words that only `SQLite` understands.
const SQLITE_ONLY: [&str; 12] = [
    "json_each",
    "->>",
    "hex(",
    "zeroblob",
    "indexed by",
    "cross join",
    "pragma",
    " is ?",
    " is not ?",
    " is r.",
    "or ignore",
    "vacuum",
];

impl Sql {
    /// A statement that every database understands. The compiler refuses one that is known to be `SQLite`'s alone.
    pub(in crate::ledger) const fn shared(text: &'static str) -> Self {
        let mut at = 0;
        while at < SQLITE_ONLY.len() {
            assert!(
                !contains(text.as_bytes(), SQLITE_ONLY[at].as_bytes()),
                "say `differs!`: another database needs other words"
            );
            at += 1;
        }
        Self(text)
    }

    /// A statement in `SQLite`'s words, from [`differs!`] alone.
    pub(in crate::ledger) const fn sqlite(text: &'static str) -> Self {
        Self(text)
    }

    /// The statement's text.
    pub(super) const fn text(self) -> &'static str {
        self.0
    }
}

const fn contains(text: &[u8], word: &[u8]) -> bool {
    let mut from = 0;
    while from + word.len() <= text.len() {
        let mut length = 0;
        while length < word.len() && text[from + length] == word[length] {
            length += 1;
        }
        if length == word.len() {
            return true;
        }
        from += 1;
    }
    false
}
