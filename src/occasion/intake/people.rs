//! Who the people of a list are at the token service.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::{
    batches::Batches,
    news::{ListNews, Report},
};
use crate::{
    audience::{Audience, Row},
    campaign::WithoutUser,
    occasion::{obstacle::Obstacle, project::Occasion},
    settings::SignIn,
    token::clerk::{ClerkIssuer, Directory},
};

/// People about whom the token service is asked at the same time, in several requests.
const LOOK_UP_AT_ONCE: usize = 1_000;

/// Who the people of a list are at the token service, and what becomes of those who have no user there.
#[derive(Debug, Clone)]
pub struct People {
    /// The service's answers.
    pub(super) directory: Arc<Directory>,
    /// The campaign's wish.
    pub(super) without: WithoutUser,
}

impl People {
    /// What is known of the people before the service is asked: that rows without a user id are refused. `None` where
    /// the service does not matter.
    #[must_use]
    pub fn unasked(occasion: &Occasion) -> Option<Self> {
        let without = occasion.campaign.audience.without_user_id;
        match (&occasion.settings.sign_in, without) {
            (SignIn::Clerk(_), WithoutUser::Refuse) => {
                Some(Self { directory: Arc::new(Directory::default()), without })
            }
            (SignIn::Clerk(_) | SignIn::Local(_), _) => None,
        }
    }

    /// Asks the service who the people of a list are. It takes its time and touches no ledger.
    pub(super) async fn look_up(
        audience: Audience,
        without: WithoutUser,
        issuer: &ClerkIssuer,
        report: Report<'_>,
    ) -> Result<Self, Obstacle> {
        let mut batches = Batches::of(audience);
        let never = CancellationToken::new();
        let mut directory = Directory::default();
        let (mut waiting, mut asked) = (Vec::new(), 0);
        loop {
            let batch = batches.next().await;
            let ended = batch.is_none();
            waiting.extend(batch.into_iter().flatten().filter_map(|row| match row {
                Row::Good(recipient) => Some(recipient),
                Row::Bad(_) => None,
            }));
            if waiting.len() >= LOOK_UP_AT_ONCE || (ended && !waiting.is_empty()) {
                directory.ask(issuer, &waiting, &never).await?;
                asked += waiting.len() as u64;
                report(ListNews::LookedUp(asked));
                waiting.clear();
            }
            if ended {
                break;
            }
        }
        batches.end().await?;
        issuer.trust_the_look_up().await;
        Ok(Self { directory: Arc::new(directory), without })
    }
}
