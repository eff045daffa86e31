//! The binary `onbeat`: see `onbeat::cli`.

use std::process::ExitCode;

fn main() -> ExitCode {
    onbeat::cli::main().into()
}
