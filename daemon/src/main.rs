//! The binary `claudetools`: the daemon and its command line.

/// Gives back what was needed for a while (an index made anew, a first sync), which the C library keeps: 41 MiB were left of
/// making the index of 100,000 memories anew, and 20 with this.
#[cfg(target_os = "linux")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> std::process::ExitCode {
    daemon::cli::main()
}
