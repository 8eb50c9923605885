//! The verbs of the pages: looking at a link, spending it, answers, unsubscribing, tokens of the API.

mod answers;
mod api_tokens;
pub(super) mod redeem;
mod unsubscribe;

pub use answers::{AnswerCount, Responses, SurveyAnswer};
pub use api_tokens::{ApiToken, Revoked};
pub use redeem::{PageFacts, Redeemed, Redemption, Ticket, TokenOrigin, TokenStatus};
pub use unsubscribe::UnsubscribeLink;
