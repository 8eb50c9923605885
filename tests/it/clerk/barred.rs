//! People who are barred at Clerk after the list was booked: no token, no mail, and told.

use linkpost::sandbox::Script;

use super::{PAGE, campaign, relay, run, send, tokens};
use crate::support::{
    clerk::{FakeClerk, Options},
    mails::taken,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_who_is_barred_after_booking_is_not_minted() {
    let (relay, clerk) = (relay(Script::new()).await, FakeClerk::with_people(Options::default(), 250).await);
    let fixture = campaign(&relay, PAGE, 250);
    let first = run(&fixture, &clerk, &["send", "spring.toml", "--yes", "--limit", "10"]);
    assert_eq!((first.code, clerk.count("GET /v1/users?")), (Some(75), 3), "{first:?}");
    {
        let mut state = clerk.state();
        state.users.get_mut("user_20").unwrap().banned = true;
        state.users.get_mut("user_130").unwrap().locked = true;
        state.users.get_mut("user_249").unwrap().deprovisioned = true;
        state.requests.clear();
    }
    // A few more: one question for a hundred users, and no more than that.
    let few = run(&fixture, &clerk, &["send", "spring.toml", "--yes", "--limit", "20"]);
    assert_eq!((few.code, clerk.count("GET /v1/users?")), (Some(75), 1), "{few:?}");
    assert!(few.err.contains("1 person was barred at Clerk after the list was booked"), "{few:?}");
    clerk.state().requests.clear();
    let rest = send(&fixture, &clerk);
    let looked = clerk.count("GET /v1/users?");
    assert_eq!(looked, 3, "{looked} questions for 221 people: {rest:?}");
    assert!(rest.err.contains("2 people were barred at Clerk after the list was booked"), "{rest:?}");
    assert!(rest.err.contains("`linkpost status spring.toml --rows rejected`"), "{rest:?}");
    assert_eq!(taken(&relay).len(), 247, "{rest:?}");
    let made = tokens(&clerk, "pending");
    assert_eq!(made.len(), 247);
    for (user, word) in [("user_20", "banned"), ("user_130", "locked"), ("user_249", "deprovisioned")] {
        assert!(!made.contains_key(user), "{user}");
        let rows = fixture.run(&["status", "spring.toml", "--rows", "rejected"]);
        let words = format!("the user `{user}` is {word} at Clerk and cannot sign in");
        assert!(rows.out.contains(&words), "{words}: {rows:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_has_just_asked_about_the_list_does_not_ask_again() {
    let (relay, clerk) = (relay(Script::new()).await, FakeClerk::with_people(Options::default(), 150).await);
    let fixture = campaign(&relay, PAGE, 150);
    assert_eq!(send(&fixture, &clerk).code, Some(0));
    assert_eq!((clerk.count("GET /v1/users?"), clerk.count("POST"), taken(&relay).len()), (2, 150, 150));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_who_is_not_found_any_more_is_for_the_minting_to_judge() {
    let (relay, clerk) = (relay(Script::new()).await, FakeClerk::with_people(Options::default(), 3).await);
    let fixture = campaign(&relay, PAGE, 3);
    assert_eq!(run(&fixture, &clerk, &["send", "spring.toml", "--yes", "--limit", "1"]).code, Some(75));
    clerk.state().users.remove("user_3");
    let said = send(&fixture, &clerk);
    assert_eq!(taken(&relay).len(), 2, "{said:?}");
    let rows = fixture.run(&["status", "spring.toml", "--rows", "rejected"]);
    assert!(rows.out.contains("No user was found with id user_3"), "{rows:?}");
}
