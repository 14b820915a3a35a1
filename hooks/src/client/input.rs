//! The hook's input, made into the event that is sent or kept.

use std::io::{self, Read as _};

use hooks::clock;
use hooks::spool::Spooled;
use hooks::wire::BODY_LIMIT;

/// Reads stdin to its end, whatever its bytes are. The error says why the event cannot be saved.
pub(crate) fn read(event: &str) -> Result<Spooled, String> {
    let sent_at_us = clock::now_us();
    let mut body = Vec::with_capacity(8 * 1024);
    let read = io::stdin().lock().take(BODY_LIMIT as u64 + 1).read_to_end(&mut body);
    read.map_err(|error| format!("its input could not be read: {error}"))?;
    if body.len() > BODY_LIMIT {
        return Err(format!("its input is larger than {} MiB", BODY_LIMIT >> 20));
    }
    Ok(Spooled { event: event.to_owned(), id: new_id(sent_at_us), sent_at_us, body })
}

/// 32 hexadecimal digits that no other firing of a hook has.
fn new_id(now_us: u64) -> String {
    let mut bytes = [0; 16];
    if getrandom::fill(&mut bytes).is_err() {
        // Without a source of randomness, time and process still tell the firings of one machine apart.
        bytes[..8].copy_from_slice(&now_us.to_be_bytes());
        bytes[8..12].copy_from_slice(&std::process::id().to_be_bytes());
    }
    format!("{:032x}", u128::from_be_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_32_digits_and_differ() {
        let (one, two) = (new_id(1), new_id(1));
        assert_ne!(one, two);
        assert!([&one, &two].iter().all(|id| id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit())));
    }
}
