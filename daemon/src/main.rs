//! The binary `claudetools`: the daemon and its command line.

fn main() -> std::process::ExitCode {
    daemon::cli::main()
}
