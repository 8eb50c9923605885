//! F18: the list is edited, shuffled, cut and swapped, between runs and under a run's feet.

use std::{fs, thread, time::Duration};

use linkpost::{ledger::State, sandbox::Script};

use super::{Ordeal, told};
use crate::support::{chance::Chance, long};

/// A row: user id, address, name.
#[derive(Clone)]
struct Person {
    id: usize,
    address: String,
    name: String,
}

/// A list in the hands of somebody who is not careful.
struct List {
    people: Vec<Person>,
    next: usize,
}

impl List {
    fn new(number: usize) -> Self {
        let mut list = Self { people: Vec::new(), next: 1 };
        list.grow(number);
        list
    }

    fn grow(&mut self, number: usize) {
        for id in self.next..self.next + number {
            let (address, name) = (format!("person{id}@example.com"), format!("Person {id}"));
            self.people.push(Person { id, address, name });
        }
        self.next += number;
    }

    fn text(&self) -> String {
        let row = |person: &Person| format!("user_{},{},{}\n", person.id, person.address, person.name);
        format!("user_id,email,first_name\n{}", self.people.iter().map(row).collect::<String>())
    }

    /// One thing that people do to lists; tells which.
    fn edit(&mut self, chance: &mut Chance) -> &'static str {
        let some = chance.below(0..self.people.len());
        let other = chance.below(0..self.people.len());
        match chance.below(0..9) {
            0 => {
                chance.shuffle(&mut self.people);
                "shuffled"
            }
            1 => {
                self.people.truncate(self.people.len() - self.people.len() / 5);
                "cut off"
            }
            2 => {
                self.grow(10);
                "grown"
            }
            3 => {
                self.people.remove(some);
                "one less"
            }
            4 => {
                self.people[some].name.push('x');
                "renamed"
            }
            5 => {
                self.people[some].address = format!("new{}@example.com", self.next);
                self.next += 1;
                "another address"
            }
            6 => {
                let address = self.people[some].address.clone();
                self.people[some].address = std::mem::replace(&mut self.people[other].address, address);
                "two addresses swapped"
            }
            7 => {
                let twin = self.people[some].clone();
                self.people.insert(other, twin);
                "one twice"
            }
            _ => "as it was",
        }
    }
}

/// What happened to a list, for a test that fails.
struct Story(Vec<String>);

impl Drop for Story {
    fn drop(&mut self) {
        if thread::panicking() {
            told(&format!("F18, what happened: {}", self.0.join("; ")));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_that_changes_between_and_during_runs_repeats_nobody() {
    let mut chance = Chance::new("F18 lists");
    let (mut edits, mut runs, mut accepted, mut unknown) = (0, 0, 0, 0);
    for _ in 0..if long() { 100 } else { 5 } {
        let mut story = Story(Vec::new());
        let mut list = List::new(50);
        let mut ordeal = Ordeal::scripted(Script::new(), 0, 3).await;
        for _ in 0..8 {
            story.0.push(list.edit(&mut chance).to_owned());
            edits += 1;
            runs += 1;
            ordeal.fixture.file("people.csv", list.text());
            match chance.below(0..4) {
                0 => {
                    let mut run = ordeal.start();
                    chance.pause(Duration::from_millis(300));
                    if run.try_wait().unwrap().is_none() {
                        run.kill().unwrap();
                        ordeal.killed();
                        story.0.push("killed".to_owned());
                    }
                    run.wait().unwrap();
                }
                1 => {
                    let mut run = ordeal.start();
                    chance.pause(Duration::from_millis(200));
                    story.0.push(format!("{} under a run's feet", list.edit(&mut chance)));
                    edits += 1;
                    ordeal.fixture.file("people.csv", list.text());
                    let ended = run.wait().unwrap();
                    // A list that is being written while it is read may be refused, or lack rows.
                    assert!(matches!(ended.code(), Some(0 | 3 | 65 | 75)), "{ended}");
                }
                2 => {
                    // A download that broke off.
                    let text = list.text();
                    let end = chance.below(30..text.len());
                    ordeal.fixture.file("people.csv", &text[..end]);
                    let said = ordeal.run();
                    story.0.push(format!("broke off after {end} bytes: {:?}", said.code));
                    assert!(matches!(said.code, Some(0 | 3 | 65 | 75)), "{said:?}");
                    ordeal.fixture.file("people.csv", &text);
                }
                _ => {
                    let said = ordeal.run();
                    story.0.push(format!("{:?}", said.code));
                    assert!(matches!(said.code, Some(0 | 3)), "{said:?}");
                    ordeal.check(said.code).await;
                }
            }
        }
        let found = ordeal.end().await;
        accepted += found.accepted;
        unknown += found.count(State::Unknown);
    }
    told(&format!(
        "F18 lists | edits {edits} | runs {runs} | accepted {accepted} | duplicates 0 | lost 0 | unknown {unknown}"
    ));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_that_is_gone_or_emptied_sends_nothing_new() {
    let mut ordeal = Ordeal::scripted(Script::new(), 40, 2).await;
    ordeal.killed_after(5).await;
    let list = ordeal.fixture.path("people.csv");
    let text = fs::read_to_string(&list).unwrap();
    fs::write(&list, "").unwrap();
    let said = ordeal.run();
    assert_eq!(said.code, Some(65), "{said:?}");
    // Without the file the rows in the ledger go out all the same.
    fs::remove_file(&list).unwrap();
    let said = ordeal.run();
    assert!(matches!(said.code, Some(0 | 3)), "{said:?}");
    fs::write(&list, text).unwrap();
    let found = ordeal.end().await;
    assert_eq!(found.count(State::Sent) + found.count(State::Unknown), 40, "{}", found.line());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_template_that_changes_after_the_first_mails_is_refused_until_it_is_confirmed() {
    let mut ordeal = Ordeal::scripted(Script::new(), 40, 2).await;
    ordeal.killed_after(5).await;
    ordeal.fixture.edit("templates/spring/body.txt", "Hello", "Good morning");
    let before = ordeal.postbox.accepted().len();
    let said = ordeal.run();
    assert_eq!((said.code, ordeal.postbox.accepted().len()), (Some(78), before), "{said:?}");
    let said = ordeal.fixture.run(&["send", "spring.toml", "--yes", "--accept-changed-template"]);
    assert!(matches!(said.code, Some(0 | 3)), "{said:?}");
    let found = ordeal.end().await;
    assert_eq!(found.count(State::Sent) + found.count(State::Unknown), 40, "{}", found.line());
}
