//! What the exit code says. From 65 up these are the numbers of `sysexits.h`, which mail people know.

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Every row is settled.
    Settled,
    /// A fault of the program itself.
    Internal,
    /// The command line was wrong.
    Usage,
    /// Finished, but unknown outcomes wait for a decision.
    Undecided,
    /// The list or a template has problems.
    Problems,
    /// The relay is out of reach.
    Unreachable,
    /// The ledger cannot be written.
    Ledger,
    /// Not finished.
    Unfinished,
    /// The relay refused the credentials.
    Credentials,
    /// The settings or the campaign file are wrong.
    Configuration,
}

impl Exit {
    /// Every way to end, by code.
    pub const ALL: [Self; 10] = [
        Self::Settled,
        Self::Internal,
        Self::Usage,
        Self::Undecided,
        Self::Problems,
        Self::Unreachable,
        Self::Ledger,
        Self::Unfinished,
        Self::Credentials,
        Self::Configuration,
    ];

    /// The number that the shell sees.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Settled => 0,
            Self::Internal => 1,
            Self::Usage => 2,
            Self::Undecided => 3,
            Self::Problems => 65,
            Self::Unreachable => 69,
            Self::Ledger => 74,
            Self::Unfinished => 75,
            Self::Credentials => 77,
            Self::Configuration => 78,
        }
    }

    /// How bad it is, for choosing among the ends of several campaigns: the worst is the greatest.
    #[must_use]
    pub const fn severity(self) -> u8 {
        match self {
            Self::Settled => 0,
            Self::Undecided => 1,
            Self::Unfinished => 2,
            Self::Problems => 3,
            Self::Unreachable => 4,
            Self::Credentials => 5,
            Self::Configuration => 6,
            Self::Usage => 7,
            Self::Ledger => 8,
            Self::Internal => 9,
        }
    }

    /// The sentence in `--help` and in the README.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Settled => "every row is settled",
            Self::Internal => "internal failure",
            Self::Usage => "wrong usage",
            Self::Undecided => {
                "finished, but a person should look: unknown outcomes, more refused mails than expected, a skipped occasion"
            }
            Self::Problems => "the list or a template has problems; nothing was sent",
            Self::Unreachable => "the relay or the token service is out of reach, or refuses everything",
            Self::Ledger => "the ledger cannot be read or written, or is damaged",
            Self::Unfinished => {
                "not finished, run again: deferred rows, another runner, a list that is not there yet, a limit or a signal"
            }
            Self::Credentials => "the relay or the token service refused the credentials",
            Self::Configuration => "the settings, the campaign file or a key is wrong",
        }
    }

    /// The table of codes for `--help`.
    #[must_use]
    pub fn table() -> String {
        let lines = Self::ALL.iter().map(|exit| format!("  {:>2}  {}", exit.code(), exit.sentence()));
        format!("Exit codes:\n{}", lines.collect::<Vec<_>>().join("\n"))
    }
}
