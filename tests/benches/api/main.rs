//! The API beside its limits, in one run: a daemon without central (audit and journal are on, as always), and a bare hyper
//! handler in a process of its own that answers with as many bytes. Both are asked in turns over the same kinds of
//! connection, which are kept open, by the same client: a thread for each connection.
//!
//! - reads: a row by its id, and a list of 100; each as the daemon gives it while nothing is written, which is again, and read
//!   anew;
//! - writes: a row is made, durable before the answer; beside writes to the same disk that are each made durable alone. How
//!   many requests one sync makes durable shows only where a sync takes longer than they do, so that the disk can be slowed
//!   (`--slow-disk MS`, which needs strace); then only writes are measured.

#[path = "../hook/host.rs"]
mod host;

mod bare;
mod client;
mod disk;
mod load;
mod options;
mod report;
mod subject;

use std::process::ExitCode;

use options::{Options, Wanted};
use report::Report;
use world::Result;

fn main() -> ExitCode {
    let outcome = match Options::parse(std::env::args().skip(1)) {
        Ok(Wanted::Durably(file, during)) => disk::durably(&file, during),
        Ok(Wanted::Bare(folder)) => bare::serve(&folder).map(|()| String::new()),
        Ok(Wanted::Bench(options)) => {
            run(&options).map(|report| if options.json { report.json() } else { report.table() })
        }
        Err(error) => Err(error),
    };
    match outcome {
        Ok(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("bench api: failed to {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<Report> {
    let mut report = Report::new();
    let subject = subject::Subject::start(options.slowness)?;
    if options.slowness.is_none() {
        load::reads(&subject, options, &mut report)?;
    }
    load::writes(&subject, options, &mut report)?;
    report.finish(subject.resident_kib());
    Ok(report)
}
