//! Answers that people gave on the pages of a survey's links.

use crate::{
    campaign::CampaignId,
    ledger::{
        handle::Ledger,
        rules::LedgerError,
        store::{Connection, Sql, values},
    },
};

/// An answer, as it was given on the page.
#[derive(Clone, PartialEq, Eq)]
pub struct SurveyAnswer {
    /// The question's id.
    pub question: String,
    /// The answer's id.
    pub answer: String,
    /// The person's own words.
    pub words: Option<String>,
}

/// The count of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerCount {
    /// The question's id.
    pub question: String,
    /// The answer's id.
    pub answer: String,
    /// The number of people who gave it.
    pub count: u64,
}

/// The responses to an occasion's links.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Responses {
    /// The number of links that were signed in with.
    pub redeemed: u64,
    /// The count of each answer, by question and answer.
    pub answers: Vec<AnswerCount>,
}

/// The first answer stays: a person answers a question once.
const RECORD: Sql = Sql::shared(
    "
insert into answer (recipient_id, question, answer, words, answered_at) values (?1, ?2, ?3, ?4, ?5)
on conflict (recipient_id, question) do nothing",
);

const REDEEMED: Sql = Sql::shared(
    "
select count(*) from occasion o join recipient r on r.occasion_id = o.id
where o.campaign = ?1 and o.occasion = ?2 and r.redeemed_at is not null",
);

const ANSWERS: Sql = Sql::shared(
    "
select a.question, a.answer, count(*) from occasion o join recipient r on r.occasion_id = o.id
join answer a on a.recipient_id = r.id
where o.campaign = ?1 and o.occasion = ?2 group by a.question, a.answer order by a.question, a.answer",
);

pub(in crate::ledger) async fn record(
    connection: &mut Connection,
    recipient: i64,
    given: &SurveyAnswer,
    now: i64,
) -> Result<(), LedgerError> {
    connection.execute(RECORD, values![recipient, &given.question, &given.answer, &given.words, now]).await?;
    Ok(())
}

impl Ledger {
    /// The responses to the links of an occasion.
    pub async fn responses(&self, campaign: &CampaignId, occasion: &str) -> Result<Responses, LedgerError> {
        let redeemed: i64 = self.inner.readers.one(REDEEMED, values![campaign.as_str(), occasion]).await?;
        let answers: Vec<(String, String, i64)> =
            self.inner.readers.all(ANSWERS, values![campaign.as_str(), occasion]).await?;
        let whole = |number: i64| u64::try_from(number).unwrap_or_default();
        let answers = answers
            .into_iter()
            .map(|(question, answer, count)| AnswerCount { question, answer, count: whole(count) })
            .collect();
        Ok(Responses { redeemed: whole(redeemed), answers })
    }
}

/// Without the person's own words.
impl std::fmt::Debug for SurveyAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SurveyAnswer")
            .field("question", &self.question)
            .field("answer", &self.answer)
            .finish_non_exhaustive()
    }
}
