//! `users list`, `users add`, `users limit`: the people who may log in.

use clap::{Args, Subcommand};
use hooks::home::Home;
use serde_json::json;

use super::{Failure, Outcome, ask, output};
use crate::api::input::Id;
use crate::api::special::users::{NewUser, Role, User, Users};
use crate::auth::login::folded;
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
        /// Limit the user to this client, by id; may be given more than once
        #[arg(long = "client", value_name = "ID")]
        clients: Vec<String>,
    },
    /// Limit a viewer or tech to some clients; what the user was given before is void
    Limit {
        /// The e-mail address
        email: String,
        /// One of the clients, by id; may be given more than once
        #[arg(long = "client", value_name = "ID", required_unless_present = "all")]
        clients: Vec<String>,
        /// All clients: the user is not limited any more
        #[arg(long, conflicts_with = "clients")]
        all: bool,
    },
}

pub(super) fn run(arguments: &Arguments, home: &Home) -> Result<Outcome, Failure> {
    starter::ensure_running(home).map_err(|error| Failure::new(&error).hint(error.hint(home)))?;
    let failure = |error: ClientError| Failure::new(format!("ask for users: {error}")).hint(error.hint());
    let shown: Vec<User> = match &arguments.command {
        UsersCommand::List => client::get::<Users>(home, "/api/users?limit=1000", client::LONG).map_err(failure)?.items,
        UsersCommand::Add { email, name, role, clients } => {
            let password = ask::for_new_secret("password of the new user", ask::USER_PASSWORD)?;
            let full_name = name.clone().unwrap_or_else(|| email.clone());
            let client_ids = (!clients.is_empty()).then(|| clients.iter().cloned().map(Id).collect());
            let (email, role) = (email.clone(), *role);
            let request = NewUser { id: None, email, full_name, password, role, client_ids };
            vec![client::post(home, "/api/users", &request, client::LONG).map_err(failure)?]
        }
        UsersCommand::Limit { email, clients, all } => {
            let known = client::get::<Users>(home, "/api/users?limit=1000", client::LONG).map_err(failure)?.items;
            let email = folded(email);
            let user = known.into_iter().find(|user| user.email == email);
            let user = user.ok_or_else(|| {
                Failure::new("find the user: nobody has this e-mail address").hint("see: claudetools users list")
            })?;
            let change = json!({ "client_ids": if *all { None } else { Some(clients) } });
            let path = format!("/api/users/{}", user.id);
            vec![client::put(home, &path, &change, client::LONG).map_err(failure)?]
        }
    };
    if arguments.json {
        output::json(&shown);
    } else {
        for User { email, full_name, role, is_active, client_ids, .. } in &shown {
            let limit = client_ids.as_ref().map_or_else(String::new, |ids| format!("  (only {})", ids.join(", ")));
            let locked = if *is_active { "" } else { "  (may not log in)" };
            output::line(format!("{email}  {role}  {full_name}{limit}{locked}"));
        }
    }
    Ok(Outcome::Done)
}
