//! What is odd about rows that can be mailed all the same: counted while they are read, told once for the list.

use std::collections::BTreeMap;

use super::text;

/// How many lines of each kind are named.
const NAMED: usize = 3;

/// Something odd that costs nobody their mail.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Finding {
    /// The header stands once more among the rows.
    HeaderAgain,
    /// Text below the last row, as reports write it.
    Foot,
    /// A row has fewer cells than the header; the others count as empty.
    Short,
    /// A row has more cells than the header, and the surplus ones are empty.
    Surplus,
    /// A cell of a column that is used was mended.
    Mended {
        /// How.
        mended: Mended,
        /// The column's name as the header spells it.
        column: String,
    },
    /// The domain of an address is a common slip.
    Slip {
        /// The domain.
        wrong: &'static str,
        /// The one that was likely meant.
        right: &'static str,
    },
    /// The domain of an address ends with what is no top-level domain.
    SlipOfEnd {
        /// The end.
        wrong: &'static str,
        /// The one that was likely meant.
        right: &'static str,
    },
    /// An address is that of a role.
    RoleAccount,
    /// An address is one of those that are thrown away.
    ThrownAway,
}

/// What was mended in a cell, where nothing else could be meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mended {
    /// An apostrophe stood in front.
    Apostrophe,
    /// It was written as `="…"`.
    TextFormula,
    /// A whole number had a `.0` behind it.
    DecimalId,
    /// It held this mark of no value, or one like it.
    Nothing(&'static str),
    /// It held a formula.
    Formula,
    /// It held a placeholder that another program did not fill.
    Placeholder,
    /// It held HTML entities.
    Entities,
    /// Its letters were decoded twice.
    TwiceDecoded,
    /// It held an invisible character.
    Invisible(char),
    /// Something stood around the address.
    Disguise,
}

/// How often something was found, and where first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many rows.
    pub rows: u64,
    /// The first lines of the list, in order.
    pub lines: Vec<u64>,
}

/// What was found in a list, by kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings(BTreeMap<Finding, Tally>);

impl Findings {
    /// Counts something on a line.
    pub(super) fn add(&mut self, finding: Finding, line: u64) {
        let tally = self.0.entry(finding).or_default();
        tally.rows += 1;
        if tally.lines.len() < NAMED {
            tally.lines.push(line);
        }
    }

    /// How many rows of a kind there are.
    pub(super) fn rows(&self, finding: &Finding) -> u64 {
        self.0.get(finding).map_or(0, |tally| tally.rows)
    }

    /// Takes in what was found in a file that so many lines are in front of.
    pub(super) fn merge(&mut self, file: &Self, before: u64) {
        for (finding, found) in &file.0 {
            let tally = self.0.entry(finding.clone()).or_default();
            tally.rows += found.rows;
            let free = NAMED.saturating_sub(tally.lines.len());
            tally.lines.extend(found.lines.iter().take(free).map(|line| line + before));
        }
    }

    /// What was found, in the order of its kinds.
    pub fn iter(&self) -> impl Iterator<Item = (&Finding, &Tally)> {
        self.0.iter()
    }
}

impl Finding {
    /// The domain that looks mistyped, and the one that was likely meant.
    #[must_use]
    pub fn slip(&self) -> Option<String> {
        match self {
            Self::Slip { wrong, right } => Some(format!("{wrong} ({right}?)")),
            Self::SlipOfEnd { wrong, right } => Some(format!("….{wrong} (.{right}?)")),
            Self::HeaderAgain
            | Self::Foot
            | Self::Short
            | Self::Surplus
            | Self::Mended { .. }
            | Self::RoleAccount
            | Self::ThrownAway => None,
        }
    }

    /// What it is, in words behind the number of rows.
    #[must_use]
    pub fn words(&self, rows: u64) -> String {
        let one = rows == 1;
        let has = if one { "has" } else { "have" };
        match self {
            Self::Mended { mended, column } => mended.words(has, &text::shown(column)),
            Self::Slip { .. } | Self::SlipOfEnd { .. } => {
                format!("{has} a domain that looks mistyped: {}", self.slip().unwrap_or_default())
            }
            Self::RoleAccount if one => {
                "goes to a role such as `info@` or `noreply@`, which may be nobody".to_owned()
            }
            Self::RoleAccount => "go to roles such as `info@` or `noreply@`, which may be nobody".to_owned(),
            Self::ThrownAway if one => "goes to a mailbox of the kind that is thrown away".to_owned(),
            Self::ThrownAway => "go to mailboxes of the kind that is thrown away".to_owned(),
            Self::HeaderAgain if one => "repeats the header and is left out".to_owned(),
            Self::HeaderAgain => "repeat the header and are left out".to_owned(),
            Self::Foot if one => {
                "stands below the list and has no cell for an address: no row, left out".to_owned()
            }
            Self::Foot => {
                "stand below the list and have no cell for an address: no rows, left out".to_owned()
            }
            Self::Short if one => "is shorter than the header: its missing cells are empty".to_owned(),
            Self::Short => "are shorter than the header: their missing cells are empty".to_owned(),
            Self::Surplus if one => "has more cells than the header, all empty".to_owned(),
            Self::Surplus => "have more cells than the header, all empty".to_owned(),
        }
    }
}

impl Mended {
    fn words(self, has: &str, column: &str) -> String {
        match self {
            Self::Apostrophe => format!("{has} an apostrophe in front of {column}: taken off"),
            Self::TextFormula => {
                format!("{has} {column} written as `=\"…\"`: taken as what stands in the quotes")
            }
            Self::DecimalId => format!("{has} `.0` behind the number in {column}: taken off"),
            Self::Nothing(word) => format!("{has} `{word}` or the like in {column}: taken as empty"),
            Self::Formula => format!("{has} a formula in {column} and not its result: taken as empty"),
            Self::Placeholder => {
                format!("{has} a placeholder of another program in {column}: taken as empty")
            }
            Self::Entities => format!("{has} HTML for letters in {column} (such as `&amp;`): put right"),
            Self::TwiceDecoded => format!("{has} letters in {column} that were decoded twice: put right"),
            Self::Invisible(character) => {
                format!(
                    "{has} the invisible character {} in {column}: taken out",
                    text::code_point(character)
                )
            }
            Self::Disguise => format!(
                "{has} more than the address in {column} (a name, `mailto:`, quotes, a comma): taken off"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_are_read_as_one_are_told_as_one() {
        let (mut all, mut one, mut two) = (Findings::default(), Findings::default(), Findings::default());
        for line in [3, 5] {
            one.add(Finding::Short, line);
        }
        for line in [2, 4, 6] {
            two.add(Finding::Short, line);
        }
        all.merge(&one, 0);
        all.merge(&two, 10);
        let found: Vec<_> = all.iter().collect();
        assert_eq!(found, [(&Finding::Short, &Tally { rows: 5, lines: vec![3, 5, 12] })]);
    }
}
