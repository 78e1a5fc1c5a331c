//! Start here to run it: the command line decides what happens.

use std::process::ExitCode;

fn main() -> ExitCode {
    vidimus::cli::main()
}
