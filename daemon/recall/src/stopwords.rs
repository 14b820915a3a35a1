//! Words that say nothing about what a prompt is about: English function words, and what people say to an assistant.

/// Sorted, for a binary search.
#[rustfmt::skip]
const WORDS: &[&str] = &[
    "a", "about", "above", "actually", "after", "again", "ahead", "all", "alright", "also", "am", "an", "and",
    "any", "anything", "are", "aren", "as", "at", "be", "because", "been", "before", "being", "below", "between",
    "both", "but", "by", "can", "cannot", "carry", "continue", "could", "couldn", "d", "did", "didn", "do", "does",
    "doesn", "doing", "don", "done", "down", "during", "each", "else", "etc", "even", "every", "everything", "few",
    "fine", "for", "from", "further", "get", "give", "go", "going", "good", "got", "great", "had", "hadn", "has",
    "hasn", "have", "haven", "having", "he", "hello", "help", "her", "here", "hers", "herself", "hey", "hi", "him",
    "himself", "his", "how", "i", "if", "in", "into", "is", "isn", "it", "its", "itself", "just", "know", "let",
    "lets", "like", "ll", "look", "m", "make", "may", "maybe", "me", "might", "mine", "more", "most", "must", "my",
    "myself", "need", "next", "nice", "no", "nor", "not", "now", "of", "off", "oh", "ok", "okay", "on", "once",
    "one", "only", "or", "other", "our", "ours", "ourselves", "out", "over", "own", "perfect", "please", "proceed",
    "re", "really", "right", "s", "same", "say", "see", "shall", "she", "should", "shouldn", "so", "some",
    "something", "still", "such", "sure", "t", "take", "tell", "than", "thank", "thanks", "that", "the", "their",
    "theirs", "them", "themselves", "then", "there", "these", "they", "thing", "things", "this", "those", "through",
    "to", "too", "try", "under", "until", "up", "us", "use", "used", "using", "ve", "very", "want", "was", "wasn",
    "way", "we", "well", "were", "weren", "what", "when", "where", "which", "while", "who", "whom", "why", "will",
    "with", "without", "won", "would", "wouldn", "y", "yeah", "yep", "yes", "yet", "you", "your", "yours",
    "yourself", "yourselves",
];

/// Letters of the longest of them.
const LONGEST: usize = 10;

/// The words as numbers, in the same order: those are compared in a step, and each word of each text is looked for here.
static NUMBERS: [u128; WORDS.len()] = {
    let mut numbers = [0; WORDS.len()];
    let mut at = 0;
    while at < WORDS.len() {
        numbers[at] = number(WORDS[at].as_bytes());
        at += 1;
    }
    numbers
};

/// Where the words with each first letter begin, and the end of all of them.
static BEGINNINGS: [usize; 27] = {
    let mut beginnings = [0; 27];
    let mut at = 0;
    while at < WORDS.len() {
        let letter = (WORDS[at].as_bytes()[0] - b'a') as usize;
        at += 1;
        let mut after = letter + 1;
        while after < beginnings.len() {
            beginnings[after] = at;
            after += 1;
        }
    }
    beginnings
};

/// True for a lower-case word that no search should start from.
pub(crate) fn is_stop_word(word: &str) -> bool {
    let word = word.as_bytes();
    let Some(first @ b'a'..=b'z') = word.first() else { return false };
    let letter = usize::from(first - b'a');
    let alike = BEGINNINGS[letter]..BEGINNINGS[letter + 1];
    word.len() <= LONGEST && NUMBERS[alike].binary_search(&number(word)).is_ok()
}

/// A word of at most 16 bytes, none of them 0.
const fn number(word: &[u8]) -> u128 {
    let mut bytes = [0; 16];
    let mut at = 0;
    while at < word.len() {
        bytes[at] = word[at];
        at += 1;
    }
    u128::from_be_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::{LONGEST, WORDS, is_stop_word};

    #[test]
    fn the_list_is_sorted_and_without_repetition() {
        assert_eq!(WORDS.iter().map(|word| word.len()).max(), Some(LONGEST));
        assert!(WORDS.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(WORDS.iter().all(|word| is_stop_word(word)));
    }

    #[test]
    fn content_is_not_a_stop_word() {
        for word in ["port", "database", "error", "deploy", "e0382", "", "é", "zzz", "abouts"] {
            assert!(!is_stop_word(word), "{word}");
        }
    }
}
