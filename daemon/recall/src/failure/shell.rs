//! As much of a shell's grammar as it takes to tell commands apart that stand in one line.

/// How a command is joined to the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Joint {
    /// `&&`
    And,
    /// `;`, `&` or the end of a line
    Then,
    /// `|`
    Pipe,
    /// `||`
    Or,
    /// There is no next one.
    End,
}

/// The first command, how it is joined to what follows, and what follows. Quotes are respected.
pub(super) fn part_of(text: &str) -> (&str, Joint, &str) {
    let bytes = text.as_bytes();
    let (mut at, mut quote) = (0, None);
    while at < bytes.len() {
        let byte = bytes[at];
        match (quote, byte) {
            (None | Some(b'"'), b'\\') => at += 1,
            (None, b'\'' | b'"') => quote = Some(byte),
            (Some(open), _) if open == byte => quote = None,
            (None, b'&' | b'|' | b';' | b'\n') => {
                let is_redirection = byte == b'&' && at > 0 && matches!(bytes[at - 1], b'>' | b'<')
                    || byte == b'&' && bytes.get(at + 1) == Some(&b'>');
                if !is_redirection {
                    let is_double = bytes.get(at + 1) == Some(&byte);
                    let joint = match (byte, is_double) {
                        (b'&', true) => Joint::And,
                        (b'|', true) => Joint::Or,
                        (b'|', false) => Joint::Pipe,
                        _ => Joint::Then,
                    };
                    let length = if matches!(joint, Joint::And | Joint::Or) { 2 } else { 1 };
                    return (&text[..at], joint, &text[at + length..]);
                }
            }
            _ => {}
        }
        at += 1;
    }
    (text, Joint::End, "")
}

/// The words of one command, without their quotes.
pub(super) fn words(part: &str) -> Vec<String> {
    let (mut words, mut word, mut quote, mut is_word) = (Vec::new(), String::new(), None, false);
    for letter in part.chars() {
        match quote {
            Some(open) if open == letter => quote = None,
            None if matches!(letter, '\'' | '"') => (quote, is_word) = (Some(letter), true),
            None if letter.is_whitespace() => {
                if is_word {
                    words.push(std::mem::take(&mut word));
                }
                is_word = false;
            }
            _ => {
                word.push(letter);
                is_word = true;
            }
        }
    }
    if is_word {
        words.push(word);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_told_apart_outside_of_quotes() {
        assert_eq!(part_of("a 'x && y' && b"), ("a 'x && y' ", Joint::And, " b"));
        assert_eq!(part_of("a 2>&1 | b"), ("a 2>&1 ", Joint::Pipe, " b"));
        assert_eq!(part_of("a &> x; b"), ("a &> x", Joint::Then, " b"));
        assert_eq!(part_of("a\\;b || c"), ("a\\;b ", Joint::Or, " c"));
        assert_eq!(part_of("\"ä"), ("\"ä", Joint::End, ""));
    }

    #[test]
    fn words_lose_their_quotes() {
        assert_eq!(words(" a 'b c'\"d\"  '' e"), ["a", "b cd", "", "e"]);
    }
}
