//! Moves away the files of lists that are done.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::{
    audience::digest,
    ledger::TakenFile,
    problem::{Place, Problem, cause},
};

/// Moves the files of settled lists into a folder. Returns the names of those that were moved; one that is gone or says
/// something else by now stays where it is.
pub fn move_done(taken: &[TakenFile], folder: &Path) -> Result<Vec<String>, Problem> {
    let mut moved = Vec::new();
    for TakenFile { file, .. } in taken.iter().filter(|taken| taken.settled) {
        let is_same = file.path.is_file() && digest(&file.path).is_ok_and(|now| now == file.digest);
        let Some(name) = file.path.file_name().filter(|_| is_same) else { continue };
        let failed = |error: io::Error| {
            let message =
                format!("the list is done and cannot be moved to {}: {}", folder.display(), cause(&error));
            Problem::new(Place::file(file.path.display().to_string()), message)
                .hint("`audience.done` is a folder on the same disk, relative to the campaign file")
        };
        fs::create_dir_all(folder).map_err(failed)?;
        // A name that is there already stays what it is: `carts.csv`, `carts.csv.2`, …
        let free = |path: &PathBuf| fs::symlink_metadata(path).is_err();
        let numbered = (2..).map(|number| folder.join(format!("{}.{number}", name.to_string_lossy())));
        let target = std::iter::once(folder.join(name)).chain(numbered).find(free);
        let target = target.unwrap_or_else(|| folder.join(name));
        fs::rename(&file.path, &target).map_err(failed)?;
        moved.push(target.display().to_string());
    }
    Ok(moved)
}
