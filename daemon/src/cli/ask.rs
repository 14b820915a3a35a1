//! Asking for what must stand in no process list and no shell history: from a variable, else at the terminal.

use std::io::{self, IsTerminal};

use zeroize::Zeroizing;

use super::Failure;
use crate::secret::SecretText;

/// Where the password of a user that is made may stand.
pub(crate) const USER_PASSWORD: &str = "CLAUDETOOLS_USER_PASSWORD";

/// Asks for an existing secret.
pub(crate) fn for_secret(what: &str, variable: &str) -> Result<SecretText, Failure> {
    match from_variable(variable) {
        Some(text) => Ok(SecretText::new(text)),
        None => at_terminal(what, what, variable).map(SecretText::new),
    }
}

/// Asks for one that is to be set: twice, at a terminal.
pub(crate) fn for_new_secret(what: &str, variable: &str) -> Result<SecretText, Failure> {
    if let Some(text) = from_variable(variable) {
        return Ok(SecretText::new(text));
    }
    let first = at_terminal(what, what, variable)?;
    let second = at_terminal(what, "once more", variable)?;
    if first == second { Ok(SecretText::new(first)) } else { Err(Failure::usage("the two are not the same")) }
}

fn from_variable(variable: &str) -> Option<Zeroizing<String>> {
    std::env::var(variable).ok().filter(|text| !text.is_empty()).map(Zeroizing::new)
}

fn at_terminal(what: &str, prompt: &str, variable: &str) -> Result<Zeroizing<String>, Failure> {
    if !io::stdin().is_terminal() {
        return Err(Failure::usage(format!("there is no terminal to ask for the {what}"))
            .hint(format!("put it into the variable {variable}")));
    }
    let typed = rpassword::prompt_password(format!("{prompt}: "));
    typed.map(Zeroizing::new).map_err(|error| Failure::new(format!("read the {what}: {error}")))
}
