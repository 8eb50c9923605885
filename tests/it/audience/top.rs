//! Where the header stands, what parts its columns, and what is joined or left behind by other programs.

use super::List;

fn by_address(list: List) -> List {
    list.with(|spec| "email".clone_into(&mut spec.user_id_column))
}

#[test]
fn a_header_below_title_lines_is_found_and_told() {
    let linked = "Notes:\n\"When exporting your data, some addresses\nmay be missing.\"\n\nFirst Name,Last Name,URL,Email Address,Company\nAda,Berg,https://x.example,ada@example.com,Berg\n";
    let outcome = by_address(List::new(linked)).read();
    assert_eq!(outcome.names(), ["Ada Berg"]);
    assert_eq!(
        outcome.notes,
        [
            "the header is line 5; lines 1 to 4 are above it, left out (`skip_lines` says it where this is wrong)"
        ]
    );
    assert_eq!(outcome.good[0].line, 6);
    // As the setting says, it is no news.
    let told = by_address(List::new(linked)).with(|spec| spec.skip_lines = Some(4));
    assert_eq!((told.read().good.len(), told.read().notes.len()), (1, 0));
    for above in
        ["#TYPE Selected.User\r\n", "# exported 2026-11-30\n\n", "Customers;2026\n;\n", "sep=,\nCustomers\n"]
    {
        let outcome = List::new(format!("{above}user_id,email\nu1,ada@example.com\n")).read();
        assert_eq!((outcome.good.len(), outcome.notes.len()), (1, 1), "{above:?}");
    }
}

#[test]
fn a_row_is_never_taken_for_a_header() {
    let text = "Kontakt,Kanal\nada@example.com,Email\nbo@example.com,Post\n";
    let refused = by_address(List::new(text)).refused();
    assert_eq!(refused.len(), 1);
    assert!(refused[0].starts_with("people.csv:1: no column `email`"), "{}", refused[0]);
    assert!(refused[0].contains("`aliases.email = [\"Kontakt\"]`"), "{}", refused[0]);
    let followed = by_address(List::new(text))
        .with(|spec| drop(spec.aliases.insert("email".to_owned(), vec!["Kontakt".to_owned()])));
    assert_eq!(followed.read().good.len(), 2);
    // The header is the first line all the same where a wider one is above.
    let text = "Name,Kontakt,Kanal\nAda,,Email\n";
    assert!(by_address(List::new(text)).refused()[0].starts_with("people.csv:1:"));
}

#[test]
fn a_header_of_two_or_three_lines_is_one() {
    let monkey = "Respondent ID,Email Address,How was it?,,\n,,Good,Bad,Other (please specify)\n1,ada@example.com,Good,,fine\n2,bo@example.com,Good,,\n";
    let outcome = List::new(monkey).with(|spec| spec.user_id_column = "Respondent ID".to_owned()).read();
    assert_eq!(outcome.problems(), [""; 0]);
    assert_eq!(outcome.good.len(), 2);
    assert_eq!(outcome.notes, ["the header goes on below itself: line 2 is no row"]);
    assert_eq!(outcome.good[0].fields["other_please_specify"], "fine");

    let contact = "Respondent ID,Please tell us,,,Anything else?\n,Name,Email Address,City,Open-Ended Response\n1,Ada,ada@example.com,Oslo,\n";
    let outcome = List::new(contact).with(|spec| spec.user_id_column = "Respondent ID".to_owned()).read();
    assert_eq!(outcome.good[0].address.to_string(), "ada@example.com");

    let qualtrics = "ResponseId,RecipientEmail,Q1\nResponse ID,Recipient Email,\"How,\nwas it?\"\n\"{\"\"ImportId\"\":\"\"_recordId\"\"}\",\"{\"\"ImportId\"\":\"\"recipientEmail\"\"}\",x\nR_1,ada@example.com,Good\n";
    let outcome = List::new(qualtrics).with(|spec| spec.user_id_column = "ResponseId".to_owned()).read();
    assert_eq!(outcome.problems(), [""; 0]);
    assert_eq!(outcome.notes, ["the header goes on below itself: lines 2 to 4 are no row"]);
    assert_eq!((outcome.good.len(), outcome.good[0].line), (1, 5));
}

#[test]
fn names_of_columns_may_be_told_where_there_is_no_header() {
    let text = "uid1,ada@example.com,false,hash\nuid2,bo@example.com,true,hash\n";
    let list = List::new(text);
    let refused = list.refused();
    assert_eq!(
        refused,
        [
            "people.csv:1: the first line holds `a***@example.com` where the names of the columns are expected\n  hint: add a header line, or name the columns under `[audience]`: `columns = [\"user_id\", \"email\", \"column_2\", \"column_3\"]`"
        ]
    );
    let named = |names: &[&str]| {
        let names = names.iter().map(ToString::to_string).collect();
        List::new(text).with(|spec| spec.columns = names)
    };
    let outcome = named(&["user_id", "email", "column_2", "column_3"]).read();
    let ids: Vec<&str> = outcome.good.iter().map(|person| person.user_id.as_str()).collect();
    assert_eq!((ids, outcome.good[0].line), (vec!["uid1", "uid2"], 1));
    assert_eq!(named(&["user_id", "email", "", ""]).read().good.len(), 2);
    let tabs = List::new(text.replace(',', "\t"))
        .with(|spec| spec.columns = ["user_id", "email", "", ""].map(str::to_owned).to_vec());
    assert_eq!(tabs.read().good.len(), 2);
    // A header that is there is told, and the setting for it works.
    let with_header = format!("localId,email,verified,hash\n{text}");
    let list = List::new(&with_header)
        .with(|spec| spec.columns = ["user_id", "email", "", ""].map(str::to_owned).to_vec());
    assert_eq!(list.read().problems(), ["1 email: reads like a header, where a row is expected"]);
    assert_eq!(list.with(|spec| spec.skip_lines = Some(1)).read().good.len(), 2);
}

#[test]
fn doubled_names_that_matter_can_be_told_apart_as_the_hint_says() {
    let text = "user_id,email,plan,plan\nu1,ada@example.com,pro,old\n";
    let refused = List::new(text).using(&["plan"]).refused();
    assert_eq!(
        refused,
        [
            "people.csv:1: columns 3 `plan` and 4 `plan` both mean `plan`\n  hint: rename one of them, or name all columns by hand under `[audience]`: `skip_lines = 1`, `columns = [\"user_id\", \"email\", \"plan\", \"plan\"]` with another name for one of them"
        ]
    );
    let followed = List::new(text).using(&["plan"]).with(|spec| {
        spec.skip_lines = Some(1);
        spec.columns = ["user_id", "email", "plan", "plan_before"].map(str::to_owned).to_vec();
    });
    assert_eq!(followed.read().good[0].fields["plan"], "pro");
    let text = "user_id,Mail,E-Mail\nu1,ada@example.com,bo@example.com\n";
    assert_eq!(
        List::new(text).refused(),
        [
            "people.csv:1: columns 2 `Mail` and 3 `E-Mail` both mean `email`\n  hint: say which of them it is: `aliases.email = [\"Mail\"]` under `[audience]`"
        ]
    );
    let followed =
        List::new(text).with(|spec| drop(spec.aliases.insert("email".to_owned(), vec!["Mail".to_owned()])));
    assert_eq!(followed.read().good[0].address.to_string(), "ada@example.com");
}

#[test]
fn padded_quotes_are_quotes() {
    let text = "email            , name      , attributes\nada@example.com  , Unknown   , \"{\"\"mailchimp\"\": true, \"\"n\"\": 1}\"\n";
    let outcome = by_address(List::new(text)).read();
    assert_eq!(outcome.problems(), [""; 0]);
    assert_eq!(outcome.good[0].fields["attributes"], "{\"mailchimp\": true, \"n\": 1}");
}

#[test]
fn any_one_character_parts_columns() {
    for delimiter in ['^', '~', ':', '#', '¦', '§', '\u{1}', '\u{1e}', '、', ' '] {
        // In quotes it is text; a control is refused there as anywhere.
        let name =
            if delimiter.is_control() { "Ada and some more words" } else { "\"A,B and some more words\"" };
        let text =
            format!("user_id,email,name\nu1,ada@example.com,{name}\n").replace(',', &delimiter.to_string());
        let outcome = List::new(text).with(|spec| spec.delimiter = Some(delimiter)).read();
        assert_eq!(outcome.problems(), [""; 0], "{delimiter:?}");
        if !delimiter.is_control() {
            assert_eq!(outcome.names(), [format!("A{delimiter}B and some more words")]);
        }
    }
    // The hint names the one that works.
    let text = "user_id^email^name\nu1^ada@example.com^Ada\n";
    assert!(List::new(text).refused()[0].ends_with("write `delimiter = \"^\"` under `[audience]`"));
}

#[test]
fn what_joining_and_dos_leave_behind_is_no_row() {
    let dos = "user_id,email\r\nu1,ada@example.com\r\n\u{1a}";
    assert_eq!(List::new(dos).read().good.len(), 1);
    assert_eq!(List::new(dos.trim_end_matches("\r\n\u{1a}").to_owned() + "\u{1a}").read().good.len(), 1);
    let joined = format!("{dos}\u{feff}user_id,email\r\nu2,bo@example.com\r\n\u{1a}");
    let outcome = List::new(joined).read();
    assert_eq!(outcome.problems(), [""; 0]);
    assert_eq!(outcome.good.len(), 2);
    assert_eq!(outcome.odd(), ["1 repeats the header and is left out [3]"]);
    let outcome = List::new("user_id,email\nu1,ada@example.com\nemail,user_id\nbo@example.com,u2\n").read();
    assert_eq!(outcome.problems()[0], "3 email: reads like a header, where a row is expected");
}

#[test]
fn rows_that_something_else_parts_are_told_so() {
    let outcome = List::new("user_id\temail\tname\n1,ada@example.com,Ada\n2,bo@example.com,Bo\n").read();
    assert_eq!(outcome.problems()[0], "2: `,` parts the cells here, and something else the header");
    let outcome = List::new("user_id;email;name\n1\tada@example.com\tAda\n").read();
    assert_eq!(outcome.problems()[0], "2: a tab parts the cells here, and something else the header");
}

#[test]
fn the_foot_of_a_report_is_no_row_and_a_row_without_an_address_is_one() {
    let rows = "First Name,Email,User ID\nAda,ada@example.com,u1\n";
    let foot = "\n\n\"Contacts of the North\"\n\"Copyright (c) 2000-2026 example, inc. All rights reserved.\"\n\"Confidential - Do Not Distribute\"\n";
    let outcome = List::new(format!("{rows}{foot}")).read();
    assert_eq!(outcome.problems(), [""; 0]);
    assert_eq!(
        outcome.odd(),
        ["3 stand below the list and have no cell for an address: no rows, left out [5, 6, 7]"]
    );
    // In the middle of the list it is a row with a problem, and so is somebody who only lacks an address.
    let outcome = List::new(format!("{rows}Bo Lund,,\n{rows}")).read();
    assert_eq!(outcome.problems(), ["3 Email: has no address"]);
    assert_eq!(List::new(format!("{rows}Bo,,\n")).read().problems(), ["3 Email: has no address"]);
    assert_eq!(List::new("name,email,user_id\nBo Lund,,\n").read().problems(), ["2 email: has no address"]);
}
