//! `users list`, `users add`: the people who may log in.

use clap::{Args, Subcommand};
use hooks::home::Home;

use super::{Failure, Outcome, ask, output};
use crate::api::special::users::{NewUser, Role, User, Users};
use crate::client::{self, ClientError};
use crate::starter;

/// The people who may log in to the API; they are kept at central
#[derive(Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: UsersCommand,
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum UsersCommand {
    /// Show all of them
    List,
    /// Make one; the password is asked for, or read from the variable CLAUDETOOLS_USER_PASSWORD
    Add {
        /// The e-mail address, by which the user logs in
        email: String,
        /// The full name [default: the e-mail address]
        #[arg(long)]
        name: Option<String>,
        /// What the user may do
        #[arg(long, value_enum, default_value_t = Role::Tech)]
        role: Role,
    },
}

pub(super) fn run(arguments: &Arguments, home: &Home) -> Result<Outcome, Failure> {
    starter::ensure_running(home).map_err(|error| Failure::new(&error).hint(error.hint(home)))?;
    let failure = |error: ClientError| Failure::new(format!("ask for users: {error}")).hint(error.hint());
    let shown: Vec<User> = match &arguments.command {
        UsersCommand::List => client::get::<Users>(home, "/api/users?limit=1000", client::LONG).map_err(failure)?.items,
        UsersCommand::Add { email, name, role } => {
            let password = ask::for_new_secret("password of the new user", ask::USER_PASSWORD)?;
            let full_name = name.clone().unwrap_or_else(|| email.clone());
            let request = NewUser { id: None, email: email.clone(), full_name, password, role: *role };
            vec![client::post(home, "/api/users", &request, client::LONG).map_err(failure)?]
        }
    };
    if arguments.json {
        output::json(&shown);
    } else {
        for User { email, full_name, role, is_active, .. } in &shown {
            output::line(format!("{email}  {role}  {full_name}{}", if *is_active { "" } else { "  (may not log in)" }));
        }
    }
    Ok(Outcome::Done)
}
