//! Whoever unsubscribed can take it back for a week by the same mail: that wish and nothing else.

use super::{Serve, client::Page, fixture, leave::path, send};
use crate::support::{faketime, mails::Mail};

/// Sends the form of the page behind the link; gives the page that it leads to.
fn press(serve: &Serve, mail: &Mail) -> Page {
    let mut browser = serve.browser();
    let answer = browser.form(&path(mail), &[("wish".to_owned(), "leave".to_owned())]);
    assert_eq!(answer.status, 303, "{answer:?}");
    assert!(browser.cookies.is_empty());
    browser.get(answer.header("location").unwrap())
}

/// Presses the button of this page.
fn press_on(serve: &Serve, mail: &Mail, page: &Page) -> Page {
    serve.browser().form(&path(mail), &page.fields())
}

fn one_click(serve: &Serve, mail: &Mail) -> Page {
    let kind = [("content-type", "application/x-www-form-urlencoded")];
    serve.browser().ask("POST", &path(mail), &kind, "List-Unsubscribe=One-Click")
}

/// Whether the person is on the suppression list, as the page says.
fn is_gone(serve: &Serve, mail: &Mail) -> bool {
    serve.browser().get(&path(mail)).title() == "You are unsubscribed"
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wish_is_taken_back_on_the_page_of_its_mail() {
    let fixture = fixture(2);
    let mails = send(&fixture).await;
    let serve = Serve::start(&fixture);
    let form = serve.browser().get(&path(&mails[0])).fields();
    assert_eq!(form, [("wish".to_owned(), "leave".to_owned())]);
    let page = press(&serve, &mails[0]);
    assert!(page.title() == "You are unsubscribed" && page.body.contains("Undo"), "{page:?}");
    // Loading it, as often as one likes, changes nothing.
    for method in ["GET", "HEAD"] {
        assert_eq!(serve.browser().ask(method, &path(&mails[0]), &[], "").status, 200);
    }
    assert!(is_gone(&serve, &mails[0]));
    let answer = press_on(&serve, &mails[0], &page);
    assert_eq!(answer.status, 303, "{answer:?}");
    let back = serve.browser().get(answer.header("location").unwrap());
    assert_eq!((back.status, back.title()), (200, "You are subscribed again"));
    assert!(!is_gone(&serve, &mails[0]));
    // A double click on it is the same.
    assert_eq!(press_on(&serve, &mails[0], &page).status, 303);
    // Whoever leaves again is gone, and the old page is no way back.
    press(&serve, &mails[0]);
    assert_eq!(press_on(&serve, &mails[0], &page).status, 410);
    assert!(is_gone(&serve, &mails[0]));
    assert!(!is_gone(&serve, &mails[1]));
    // A machine's click can be taken back by whoever opens the link in the mail: it may have been a wrong tap.
    assert_eq!(one_click(&serve, &mails[1]).status, 200);
    let page = serve.browser().get(&path(&mails[1]));
    assert_eq!(press_on(&serve, &mails[1], &page).status, 303);
    assert!(!is_gone(&serve, &mails[1]) && is_gone(&serve, &mails[0]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_wish_that_is_taken_back_ends() {
    let fixture = fixture(2);
    let mails = send(&fixture).await;
    let later = fixture.read("spring.toml").replace("\"spring\"\n", "\"summer\"\n");
    fixture.file("summer.toml", later);
    let serve = Serve::start(&fixture);
    // Somebody else's page does not fit.
    let (mine, theirs) = (press(&serve, &mails[0]), press(&serve, &mails[1]));
    assert_eq!(press_on(&serve, &mails[0], &theirs).status, 410);
    assert!(is_gone(&serve, &mails[0]) && is_gone(&serve, &mails[1]));
    // A guess is none, and neither is a form that does not say which.
    for of in ["0", "-1", "9999999999999", "x", ""] {
        let fields =
            [("wish", "return"), ("of", of)].map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(serve.browser().form(&path(&mails[0]), &fields).status, 410, "{of}");
    }
    // The same wish that is said again takes the place of the first: a page of before says what is not true any more.
    let again = press(&serve, &mails[0]);
    assert_eq!(press_on(&serve, &mails[0], &mine).status, 410);
    assert!(is_gone(&serve, &mails[0]));
    // Another wish for the same person: by us. That one stays, and the page offers nothing.
    let said = fixture.run(&["suppress", "add", "person1@example.com"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_eq!(press_on(&serve, &mails[0], &again).status, 410);
    let page = serve.browser().get(&path(&mails[0]));
    assert!(page.title() == "You are unsubscribed" && page.fields().is_empty(), "{page:?}");
    // What we take off the list is off it.
    let said = fixture.run(&["suppress", "remove", "person1@example.com"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(!is_gone(&serve, &mails[0]) && is_gone(&serve, &mails[1]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_machines_click_is_answered_at_once_and_leads_nowhere() {
    let fixture = fixture(1);
    let mails = send(&fixture).await;
    let serve = Serve::start(&fixture);
    let answer = one_click(&serve, &mails[0]);
    assert_eq!((answer.status, answer.title()), (200, "You are unsubscribed"));
    assert_eq!((answer.header("location"), answer.header("set-cookie")), (None, None));
    assert!(answer.fields().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_week_it_is_over_whoever_serves_the_page() {
    let Some(library) = faketime::library() else { return };
    let fixture = fixture(2);
    let mails = send(&fixture).await;
    let at = |clock: &str| {
        let mut command = fixture.command(&["serve", "--json", "--listen", "127.0.0.1:0"]);
        faketime::shift(&mut command, library, clock);
        Serve::started(command)
    };
    let pages: Vec<_> = {
        let serve = at("+0");
        mails.iter().map(|mail| press(&serve, mail)).collect()
    };
    // Another process, still within the week.
    assert_eq!(press_on(&at("+6d"), &mails[0], &pages[0]).status, 303);
    let late = at("+8d");
    assert!(!is_gone(&late, &mails[0]));
    let answer = press_on(&late, &mails[1], &pages[1]);
    assert_eq!((answer.status, answer.title()), (410, "You are unsubscribed"));
    assert!(answer.body.contains("answer one of them"), "{answer:?}");
    assert!(is_gone(&late, &mails[1]));
    assert!(late.browser().get(&path(&mails[1])).fields().is_empty());
}
