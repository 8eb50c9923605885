//! What a person sees of a run, whole: for snapshots.

use super::fixture::Said;

/// Everything that a person sees.
pub(crate) fn screen(said: &Said) -> String {
    let code = said.code.map_or_else(|| "none".to_owned(), |code| code.to_string());
    let out =
        if said.out.is_empty() { String::new() } else { format!("--- stdout\n{}--- stderr\n", said.out) };
    format!("exit {code}\n{out}{}", said.err)
}

/// What differs from run to run is left out of the snapshots made while this lives.
pub(crate) fn steady() -> impl Drop {
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r"\b127\.0\.0\.1:[0-9]+", "127.0.0.1:[port]");
    settings.add_filter(r"\bin [0-9.]+ s \([0-9.,]+/s\)", "in [time]");
    // Progress, on a slow machine.
    settings.add_filter(r"(?m)^[0-9,]+ of [0-9,]+ mails: .*\n", "");
    settings.add_filter(r"\b[0-9]{8}T[0-9]{6}-[0-9a-f]{8}\b", "[kid]");
    settings.add_filter(r"<[a-z2-7]{26}@", "<[id]@");
    settings.bind_to_scope()
}
