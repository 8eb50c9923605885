//! The kinds of campaign: one table of defaults and rules.

use jiff::SignedDuration;

use super::TokenLife;

/// A kind is a set of defaults and rules, not a code path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A welcome to those who waited: one mail per user, ever.
    Waitlist,
    /// An offer: one mail per user and occasion.
    Promo,
    /// A reminder of a cart: one mail per user and cart.
    AbandonedCart,
    /// Questions: one mail per user and survey, one link per answer.
    Survey,
}

/// The number of times that a recipient key may be mailed in a campaign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Once {
    /// Once in each occasion.
    PerOccasion,
    /// Once, whatever the occasion.
    Ever,
    /// Once in each survey, however many occasions it has.
    PerSurvey,
}

/// The defaults and demands of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// The column that joins the user in the recipient key.
    pub key_column: Option<&'static str>,
    /// The number of times that a key is mailed across occasions.
    pub once: Once,
    /// The columns that every row must fill.
    pub required: &'static [&'static str],
    /// The columns that hold JSON unless the file says otherwise.
    pub json: &'static [&'static str],
    /// The life of a token where the file sets none.
    pub token_life: TokenLife,
    /// The time after the first try in which a mail may still leave.
    pub not_after: SignedDuration,
}

impl Kind {
    /// Every kind, in the order of the documentation.
    pub const ALL: [Self; 4] = [Self::Waitlist, Self::Promo, Self::AbandonedCart, Self::Survey];

    /// The name in campaign files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Waitlist => "waitlist",
            Self::Promo => "promo",
            Self::AbandonedCart => "abandoned-cart",
            Self::Survey => "survey",
        }
    }

    /// The kind's row of the table.
    #[must_use]
    pub const fn rules(self) -> Rules {
        let plain = Rules {
            key_column: None,
            once: Once::Ever,
            required: &[],
            json: &[],
            token_life: TokenLife::of_days(30),
            not_after: SignedDuration::from_hours(72),
        };
        match self {
            Self::Waitlist => plain,
            Self::Promo => Rules { once: Once::PerOccasion, token_life: TokenLife::of_days(7), ..plain },
            Self::AbandonedCart => Rules {
                key_column: Some("cart_id"),
                required: &["cart_id", "items"],
                json: &["items"],
                token_life: TokenLife::of_days(3),
                not_after: SignedDuration::from_hours(24),
                ..plain
            },
            Self::Survey => Rules { once: Once::PerSurvey, token_life: TokenLife::of_days(14), ..plain },
        }
    }
}
