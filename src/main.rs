//! The `linkpost` program.

fn main() -> std::process::ExitCode {
    linkpost::cli::main()
}
