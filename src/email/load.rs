//! The letter's beginning: templates, attachments and letterhead, read, compiled and checked once.

use std::collections::HashSet;

use serde_json::Value;

use super::{
    Letter, Letterhead, MessageKeys, addresses,
    attachments::{self, Attached},
    compose, context, headers,
    letter::each_text,
    render,
    templates::{self, REQUIRED, Sources},
};
use crate::hash::Sha256;
use crate::{
    audience::Address,
    campaign::Campaign,
    problem::{Place, Problem},
};

impl Letter {
    /// Reads and compiles everything; reports every problem at once.
    pub fn load(
        campaign: &Campaign,
        letterhead: Letterhead,
        keys: MessageKeys,
    ) -> Result<Self, Vec<Problem>> {
        let mut problems = letterhead.check();
        if let Err(reason) = headers::check_text(&campaign.title, headers::MAX_SUBJECT) {
            let place = Place::file(campaign.file.display().to_string());
            problems.push(Problem::new(place, format!("the title {reason}")));
        }
        let attached = attachments::read(campaign).unwrap_or_else(|wrong| {
            problems.extend(wrong);
            Vec::new()
        });
        let read = Sources::read(&campaign.template).and_then(|sources| {
            let tera = templates::compile(&sources, context::globals(campaign, &letterhead))?;
            Ok((sources, tera))
        });
        let (sources, tera) = match read {
            Ok(read) => read,
            Err(wrong) => {
                problems.extend(wrong);
                return Err(problems);
            }
        };
        problems.extend(check_content_ids(campaign, &sources, &attached));
        let mailbox = |name: Option<&str>, address: &Address| {
            compose::mailbox(name, address)
                .map_err(|defect| vec![Problem { place: Place::file("linkpost.toml"), what: defect }])
        };
        let from = mailbox(letterhead.sender_name.as_deref(), &letterhead.sender);
        let reply_to =
            letterhead.reply_to.as_ref().map(|(name, address)| mailbox(name.as_deref(), address)).transpose();
        let (from, reply_to) = match (from, reply_to) {
            (Ok(from), Ok(reply_to)) if problems.is_empty() => (from, reply_to),
            (from, reply_to) => {
                problems.extend(from.err().into_iter().chain(reply_to.err()).flatten());
                return Err(problems);
            }
        };
        Ok(Self {
            campaign: campaign.id.to_string(),
            occasion: campaign.occasion.clone(),
            keys,
            inliner: render::inliner(),
            from,
            reply_to,
            list_id: headers::list_id(&campaign.title, &letterhead.list_id),
            feedback_id: format!("{}:{}::{}", campaign.id, campaign.kind.name(), letterhead.sender_id),
            known_addresses: known_addresses(campaign, &letterhead, &sources, &attached),
            constants: campaign.variables.keys().cloned().collect(),
            digest: digest_of(campaign, &letterhead, &sources, &attached),
            letterhead,
            tera,
            sources,
            attached,
        })
    }
}

/// Pictures that no template shows, and pictures shown that do not come along.
fn check_content_ids(campaign: &Campaign, sources: &Sources, attached: &[Attached]) -> Vec<Problem> {
    let start: Vec<String> = REQUIRED.iter().map(|file| sources.name_of(file)).collect();
    let mut problems = Vec::new();
    let mut shown = HashSet::new();
    let mut computed = false;
    for (name, text) in sources.reached(&start) {
        for (at, _) in text.match_indices("cid:") {
            let id = text.get(at + 4..).unwrap_or_default();
            let end =
                id.find(|char: char| !(char.is_ascii_alphanumeric() || matches!(char, '.' | '-' | '_')));
            let (id, after) = id.split_at(end.unwrap_or(id.len()));
            if after.starts_with("{{") {
                computed = true;
            } else if !id.is_empty() && shown.insert(id) && !has_content_id(attached, id) {
                problems.push(
                    Problem::new(
                        sources.place_at(name, at),
                        format!("no attachment has the content id `{id}`"),
                    )
                    .hint("give the picture `content_id` in the campaign file"),
                );
            }
        }
    }
    let unused = attached.iter().filter_map(|attached| attached.content_id.as_deref());
    for id in unused.filter(|id| !computed && !shown.contains(id)) {
        let place = Place::file(campaign.file.display().to_string());
        problems.push(Problem::new(place, format!("no template shows the picture `cid:{id}`")));
    }
    problems
}

fn has_content_id(attached: &[Attached], id: &str) -> bool {
    attached.iter().any(|attached| attached.content_id.as_deref() == Some(id))
}

fn known_addresses(
    campaign: &Campaign,
    letterhead: &Letterhead,
    sources: &Sources,
    attached: &[Attached],
) -> HashSet<String> {
    let mut known = HashSet::new();
    let mut add = |text: &str| known.extend(addresses::find(text).into_iter().map(|found| found.form));
    sources.texts().for_each(|(_, text)| add(text));
    campaign.variables.values().for_each(|value| each_text(value, &mut add));
    for question in &campaign.questions {
        add(&question.text);
        question.answers.iter().for_each(|(_, text)| add(text));
    }
    for attached in attached {
        add(&attached.name);
    }
    add(&campaign.title);
    add(&campaign.occasion);
    add(&letterhead.postal_address);
    letterhead.sender_name.iter().for_each(|name| add(name));
    letterhead.reply_to.iter().filter_map(|(name, _)| name.as_deref()).for_each(&mut add);
    let ours = [Some(&letterhead.sender), letterhead.reply_to.as_ref().map(|(_, address)| address)];
    known.extend(ours.into_iter().flatten().chain(&letterhead.unsubscribe.mailto).map(addresses::form));
    known
}

/// Every part with its length before it, so that no two contents give the same stream.
fn digest_of(
    campaign: &Campaign,
    letterhead: &Letterhead,
    sources: &Sources,
    attached: &[Attached],
) -> [u8; 32] {
    let mut hash = Sha256::new();
    let mut add = |bytes: &[u8]| {
        hash.update(&(bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    };
    let start: Vec<String> = REQUIRED.iter().map(|file| sources.name_of(file)).collect();
    for (name, text) in sources.reached(&start) {
        add(name.as_bytes());
        add(text.as_bytes());
    }
    for attached in attached {
        add(attached.name.as_bytes());
        add(attached.media_type.as_bytes());
        add(attached.content_id.as_deref().unwrap_or_default().as_bytes());
        add(&attached.bytes);
    }
    // The limits decide whether a mail leaves, not what it says.
    add(format!(
        "{:?}",
        (
            &letterhead.sender_name,
            letterhead.sender.to_string(),
            letterhead.reply_to.as_ref().map(|(name, address)| (name, address.to_string())),
            &letterhead.postal_address,
            &letterhead.list_id,
            &letterhead.sender_id,
            letterhead.unsubscribe.url.as_ref().map(url::Url::as_str),
            letterhead.unsubscribe.mailto.as_ref().map(Address::to_string),
            letterhead.precedence_bulk,
        )
    )
    .as_bytes());
    add(campaign.title.as_bytes());
    add(format!("{:?}", campaign.questions).as_bytes());
    add(Value::Object(campaign.variables.clone()).to_string().as_bytes());
    hash.finish()
}
