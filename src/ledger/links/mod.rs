//! What the pages behind the links ask: what a link stands for, spending it, answers, unsubscribing, tokens of the API.

mod answers;
mod api_tokens;
mod redeem;
mod unsubscribe;

pub use answers::{AnswerCount, Given, Returns};
pub use api_tokens::{Minted, Revoked};
pub use redeem::{PageFacts, Redeemed, Redemption, Sending, Standing, Ticket};
pub use unsubscribe::{Leaver, Left};
