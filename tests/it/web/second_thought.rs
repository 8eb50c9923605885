//! A person's press unsubscribes, and can be undone for a minute: that press and nothing else.

use super::{Serve, client::Page, fixture, leave::path, send};
use crate::support::{faketime, mails::Mail};

/// Sends the form of the page behind the link; gives the address that it leads to.
fn press(serve: &Serve, mail: &Mail) -> String {
    let mut browser = serve.browser();
    let answer = browser.form(&path(mail), &[("wish".to_owned(), "leave".to_owned())]);
    assert_eq!(answer.status, 303, "{answer:?}");
    assert!(browser.cookies.is_empty());
    answer.header("location").unwrap().to_owned()
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
async fn a_press_is_undone_on_the_page_that_it_leads_to() {
    let fixture = fixture(2);
    let mails = send(&fixture).await;
    let serve = Serve::start(&fixture);
    let form = serve.browser().get(&path(&mails[0])).fields();
    assert_eq!(form, [("wish".to_owned(), "leave".to_owned())]);
    let undo = press(&serve, &mails[0]);
    assert!(is_gone(&serve, &mails[0]));
    // Loading it, as often as one likes, changes nothing.
    for method in ["GET", "HEAD"] {
        assert_eq!(serve.browser().ask(method, &undo, &[], "").status, 200);
    }
    let page = serve.browser().get(&undo);
    assert!(page.title() == "You are unsubscribed" && page.body.contains("Undo"), "{page:?}");
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
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_press_that_is_undone_is_undone() {
    let fixture = fixture(3);
    let mails = send(&fixture).await;
    let serve = Serve::start(&fixture);
    // Somebody else's page does not fit.
    let (mine, theirs) = (press(&serve, &mails[0]), press(&serve, &mails[1]));
    let page = serve.browser().get(&theirs);
    assert_eq!(press_on(&serve, &mails[0], &page).status, 410);
    assert!(is_gone(&serve, &mails[0]) && is_gone(&serve, &mails[1]));
    // A guess is none.
    let secret = mine.split("undo=").nth(1).unwrap();
    let guess = serve.browser().get(&mine.replace(secret, &"A".repeat(22)));
    assert!(guess.fields().is_empty() && guess.title() == "You are unsubscribed", "{guess:?}");
    // A second press of the same button takes the place of the first; each page says what is true.
    let again = press(&serve, &mails[0]);
    assert!(serve.browser().get(&mine).fields().is_empty());
    let page = serve.browser().get(&again);
    // Another wish for the same person came meanwhile: by the mail program, or long before. That one stays.
    assert_eq!(one_click(&serve, &mails[0]).status, 200);
    assert_eq!(press_on(&serve, &mails[0], &page).status, 410);
    assert!(is_gone(&serve, &mails[0]));
    assert_eq!(one_click(&serve, &mails[2]).status, 200);
    assert!(!press(&serve, &mails[2]).contains("undo="));
    assert!(serve.browser().get(&path(&mails[2])).fields().is_empty());
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
async fn after_a_minute_it_is_over_whoever_serves_the_page() {
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
        mails.iter().map(|mail| serve.browser().get(&press(&serve, mail))).collect()
    };
    // Another process, still within the minute.
    assert_eq!(press_on(&at("+20"), &mails[0], &pages[0]).status, 303);
    let late = at("+61");
    assert!(!is_gone(&late, &mails[0]));
    let answer = press_on(&late, &mails[1], &pages[1]);
    assert_eq!((answer.status, answer.title()), (410, "You are unsubscribed"));
    assert!(answer.body.contains("that is over"), "{answer:?}");
    assert!(is_gone(&late, &mails[1]));
}
