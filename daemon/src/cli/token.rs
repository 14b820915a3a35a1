//! `token`: a bearer token for a script that comes over TCP.

use clap::Args;
use hooks::home::Home;

use super::{Failure, Outcome, output};
use crate::api::input::Id;
use crate::api::special::logins::{IssueRequest, Issued, ScopeName};
use crate::client;
use crate::starter;

/// Make a bearer token for a script that calls the API over TCP; over the socket none is needed
#[derive(Args)]
pub(super) struct Arguments {
    /// What it allows
    #[arg(long, value_enum, value_delimiter = ',', default_value = "read")]
    scopes: Vec<ScopeName>,
    /// How long it holds: a number with s, m, h or d, 90d at most
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = seconds)]
    expires: u64,
    /// Limit it to this client, by id; may be given more than once
    #[arg(long = "client", value_name = "ID")]
    clients: Vec<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments, home: &Home) -> Result<Outcome, Failure> {
    starter::ensure_running(home).map_err(|error| Failure::new(&error).hint(error.hint(home)))?;
    let clients = (!arguments.clients.is_empty()).then(|| arguments.clients.iter().cloned().map(Id).collect());
    let request = IssueRequest { scopes: arguments.scopes.clone(), expires_in: arguments.expires, clients };
    let issued: Issued = client::post(home, "/api/auth/issue", &request, client::SHORT)
        .map_err(|error| Failure::new(format!("make a token: {error}")).hint(error.hint()))?;
    if arguments.json {
        output::json(&issued);
    } else {
        output::line(&issued.access_token);
    }
    Ok(Outcome::Done)
}

/// `90s`, `15m`, `1h`, `30d`
fn seconds(text: &str) -> Result<u64, String> {
    let wrong = || format!("{text} is not a number with s, m, h or d");
    let unit = match text.chars().last() {
        Some('s') => 1,
        Some('m') => 60,
        Some('h') => 3600,
        Some('d') => 24 * 3600,
        _ => return Err(wrong()),
    };
    let number: u64 = text[..text.len() - 1].parse().map_err(|_| wrong())?;
    number.checked_mul(unit).filter(|seconds| *seconds > 0).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_with_their_unit() {
        assert_eq!(
            (seconds("90s"), seconds("15m"), seconds("2h"), seconds("1d")),
            (Ok(90), Ok(900), Ok(7200), Ok(86400))
        );
        for wrong in ["", "h", "15", "-1h", "0s", "1.5h", "99999999999999999999d"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }
}
