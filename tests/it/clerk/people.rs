//! Who the people are: looked up before the first mail, invited where the campaign says so, refused otherwise.

use insta::assert_snapshot;
use linkpost::sandbox::Script;

use super::{PAGE, campaign, relay, run, send, tokens};
use crate::support::{
    clerk::{FakeClerk, Options, User},
    mails::{taken, token},
};

fn user(id: &str, addresses: &[(&str, bool)]) -> User {
    User {
        id: id.to_owned(),
        addresses: addresses.iter().map(|(address, verified)| ((*address).to_owned(), *verified)).collect(),
        banned: false,
        locked: false,
        deprovisioned: false,
    }
}

async fn clerk_with(users: Vec<User>) -> FakeClerk {
    let clerk = FakeClerk::start(Options::default()).await;
    for user in users {
        clerk.state().users.insert(user.id.clone(), user);
    }
    clerk
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_without_a_user_are_refused_by_line_unless_the_campaign_says_otherwise() {
    let (relay, clerk) = (relay(Script::new()).await, clerk_with(Vec::new()).await);
    let fixture = campaign(&relay, PAGE, 3);
    fixture.edit("spring.toml", "csv = ", "user_id = \"email\"\ncsv = ");
    let said = send(&fixture, &clerk);
    assert_eq!((said.code, taken(&relay).len()), (Some(65), 0), "{said:?}");
    assert!(said.err.contains("people.csv:2: has no user id, and Clerk signs in users only"), "{said:?}");
    assert!(said.err.contains("`without_user_id = \"look-up\"` under `[audience]`"), "{said:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_who_is_unknown_or_cannot_sign_in_is_a_row_with_a_problem() {
    let (relay, clerk) = (relay(Script::new()).await, FakeClerk::with_people(Options::default(), 4).await);
    {
        let mut state = clerk.state();
        state.users.remove("user_1");
        state.users.get_mut("user_2").unwrap().banned = true;
        state.users.get_mut("user_3").unwrap().deprovisioned = true;
    }
    let fixture = campaign(&relay, PAGE, 4);
    let said = send(&fixture, &clerk);
    assert_eq!((said.code, taken(&relay).len()), (Some(65), 0), "{said:?}");
    assert_snapshot!(said.err, @r"
    4 rows looked up at Clerk
    error: people.csv:2: Clerk knows the user `user_1` not
    error: people.csv:3: the user `user_2` is banned at Clerk and cannot sign in
    error: people.csv:4: the user `user_3` is deprovisioned at Clerk and cannot sign in
    nothing was sent; `--skip-problems` goes on without these rows, `--problems FILE` writes them out for correction
    ");
    let said = run(&fixture, &clerk, &["send", "spring.toml", "--yes", "--skip-problems"]);
    assert_eq!((said.code, taken(&relay).len()), (Some(0), 1), "{said:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_finds_its_user_and_what_is_in_doubt_is_told() {
    let banned = User { banned: true, ..user("user_5", &[("eve@example.com", true)]) };
    let clerk = clerk_with(vec![
        user("user_1", &[("other@example.com", true), ("ada+x@example.com", true)]),
        user("user_2", &[("two@example.com", true)]),
        user("user_3", &[("two@example.com", true)]),
        user("user_4", &[("kim@example.com", false)]),
        banned,
    ])
    .await;
    let relay = relay(Script::new()).await;
    let fixture = campaign(&relay, PAGE, 1);
    fixture.edit("spring.toml", "csv = ", "without_user_id = \"look-up\"\ncsv = ").file(
        "people.csv",
        "user_id,email,first_name\n,Ada+X@Example.com,Ada\n,two@example.com,Two\n,kim@example.com,Kim\n,eve@example.com,Eve\n,new@example.com,New\nuser_2,known@example.com,Known\n",
    );
    let said = send(&fixture, &clerk);
    assert_eq!((said.code, taken(&relay).len()), (Some(65), 0), "{said:?}");
    for words in [
        "people.csv:3: the address belongs to 2 users at Clerk",
        "people.csv:4: the address belongs to a user at Clerk who has not verified it",
        "people.csv:5: the address is banned at Clerk and cannot sign in",
        "people.csv:6: Clerk knows no user with this address",
    ] {
        assert!(said.err.contains(words), "{words}: {said:?}");
    }
    assert!(clerk.count("GET /v1/users?email_address=ada%2Bx%40example.com&") > 0);
    let said = run(&fixture, &clerk, &["send", "spring.toml", "--yes", "--skip-problems"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    let mails = taken(&relay);
    let live = tokens(&clerk, "pending");
    let of = |address: &str| {
        mails
            .iter()
            .find(|mail| mail.recipient.eq_ignore_ascii_case(address))
            .map(|mail| token(&mail.text))
            .unwrap()
    };
    assert_eq!((mails.len(), &live["user_1"]), (2, &vec![of("ada+x@example.com")]));
    assert_eq!(live["user_2"], vec![of("known@example.com")]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_is_looked_up_a_hundred_at_a_time() {
    let (relay, clerk) = (relay(Script::new()).await, FakeClerk::with_people(Options::default(), 250).await);
    let fixture = campaign(&relay, PAGE, 250);
    fixture.edit("spring.toml", "csv = ", "user_id = \"email\"\nwithout_user_id = \"look-up\"\ncsv = ");
    let said = run(&fixture, &clerk, &["send", "spring.toml", "--yes", "--limit", "1"]);
    assert_eq!(said.code, Some(75), "{said:?}");
    assert_eq!(clerk.count("GET /v1/users?"), 3);
    assert!(said.err.contains("250 rows looked up at Clerk"), "{said:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_without_a_user_are_invited_ten_at_a_time_where_the_campaign_says_so() {
    let (relay, clerk) = (relay(Script::new()).await, FakeClerk::with_people(Options::default(), 3).await);
    let fixture = campaign(&relay, PAGE, 23);
    fixture.edit("spring.toml", "csv = ", "user_id = \"email\"\nwithout_user_id = \"invite\"\ncsv = ");
    let said = send(&fixture, &clerk);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.err.contains("the slowest limit is"), "{said:?}");
    let mails = taken(&relay);
    assert_eq!(mails.len(), 23);
    let state = clerk.state();
    assert_eq!((state.tokens.len(), state.invitations.len()), (3, 20), "three have a user");
    for mail in &mails {
        if let Some(made) = state.invitations.iter().find(|made| made.whose == mail.recipient) {
            let url = format!("https://clerk.example.com/v1/tickets/accept?ticket={}", made.text);
            assert!(mail.text.contains(&url), "{}", mail.text);
            assert_eq!(made.expires_in, 7 * 86_400);
        }
    }
    let bulk = state.requests.iter().filter(|request| request.line == "POST /v1/invitations/bulk").count();
    assert!((2..=5).contains(&bulk), "{bulk} requests");
    let redirect = "\"redirect_url\":\"https://app.example.com/accept-token\"";
    assert!(state.requests.iter().any(|request| request.body.contains(redirect)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_who_cannot_be_invited_does_not_hold_up_the_others() {
    let (relay, clerk) = (relay(Script::new()).await, clerk_with(Vec::new()).await);
    let fixture = campaign(&relay, PAGE, 6);
    fixture.edit("spring.toml", "csv = ", "user_id = \"email\"\nwithout_user_id = \"invite\"\ncsv = ");
    // Becomes a user after the look-up: the list is booked by a first run.
    let said = run(&fixture, &clerk, &["send", "spring.toml", "--yes", "--only", "person1@example.com"]);
    assert_eq!(said.code, Some(75), "{said:?}");
    clerk.user("user_4", "person4@example.com");
    let said = send(&fixture, &clerk);
    assert_eq!((said.code, taken(&relay).len()), (Some(3), 5), "{said:?}");
    let rows = fixture.run(&["status", "spring.toml", "--rows", "rejected"]);
    assert!(rows.out.contains("already pending invitations"), "{rows:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_local_campaign_asks_clerk_for_nobody() {
    let relay = relay(Script::new()).await;
    let fixture = campaign(&relay, super::LOCAL, 1);
    fixture.edit("spring.toml", "csv = ", "without_user_id = \"look-up\"\ncsv = ");
    let said = fixture.run(&["check", "spring.toml"]);
    assert_eq!(said.code, Some(78), "{said:?}");
    assert!(said.err.contains("the settings have no `[sign_in.clerk]`"), "{said:?}");
}
