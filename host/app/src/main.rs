//! The program `polytrader`.

use std::process::ExitCode;

fn main() -> ExitCode {
    app::dispatch::main()
}
