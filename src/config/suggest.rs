//! Did you mean …?

/// The word of `known` that `typed` most likely was meant to be, if any is near.
pub fn nearest<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let bound = (typed.chars().count() / 3).max(1) + 1;
    let candidates = known.into_iter().map(|word| (distance(typed, word), word));
    candidates.filter(|(distance, _)| *distance <= bound).min_by_key(|(distance, _)| *distance).map(|(_, word)| word)
}

/// The advice for a message of serde such as ``unknown field `a`, expected one of `b`, `c` ``.
pub fn from_expectation(message: &str) -> Option<String> {
    let rest = message.strip_prefix("unknown field `").or_else(|| message.strip_prefix("unknown variant `"))?;
    let (typed, rest) = rest.split_once('`')?;
    let (_, expected) = rest.split_once("expected ")?;
    let known: Vec<&str> = expected.split('`').skip(1).step_by(2).collect();
    match nearest(typed, known.iter().copied()) {
        Some(word) => Some(format!("Did you mean `{word}`?")),
        None if known.is_empty() => None,
        None => Some(format!("Write one of: {}", known.join(", "))),
    }
}

/// Insertions, deletions, replacements and swaps of neighbours that lead from one word to the
/// other (optimal string alignment).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![vec![0_usize; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            rows[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let replaced = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                let swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
                let swapped = if swapped { rows[i - 2][j - 2] + 1 } else { usize::MAX };
                replaced.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1).min(swapped)
            };
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_finds_its_word() {
        let known = ["listen", "issuer", "cert_file", "key_file"];
        for (typed, meant) in
            [("listen", "listen"), ("isuer", "issuer"), ("cret_file", "cert_file"), ("keyfile", "key_file")]
        {
            assert_eq!(nearest(typed, known), Some(meant));
        }
        assert_eq!(nearest("database", known), None);
    }

    #[test]
    fn a_message_of_the_reader_becomes_advice() {
        let message = "unknown field `nmae`, expected one of `name`, `number`";
        assert_eq!(from_expectation(message).unwrap(), "Did you mean `name`?");
        let message = "unknown variant `zzzzzz`, expected `on` or `off`";
        assert_eq!(from_expectation(message).unwrap(), "Write one of: on, off");
    }
}
