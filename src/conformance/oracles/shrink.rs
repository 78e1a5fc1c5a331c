//! Makes what fails smaller, as long as it fails.

/// The smallest one that is reached from `failing` step by step. `simpler(now, n)` is the `n`th way to make one simpler,
/// `None` when there are no more; `fails` says whether it still shows the difference.
pub(super) fn smallest<T>(
    failing: T,
    simpler: impl Fn(&T, usize) -> Option<T>,
    mut fails: impl FnMut(&T) -> bool,
) -> T {
    let mut smallest = failing;
    let (mut tried, mut n, mut progress) = (0, 0, false);
    while tried < MOST {
        match simpler(&smallest, n) {
            Some(candidate) => {
                tried += 1;
                if fails(&candidate) {
                    // What stood behind what was taken away has moved here.
                    (smallest, progress) = (candidate, true);
                } else {
                    n += 1;
                }
            }
            // Once more from the start: what could not go while something else stood may go now.
            None if progress => (n, progress) = (0, false),
            None => break,
        }
    }
    smallest
}

/// Bytes with a piece of them taken out: first the halves, then the quarters, down to single bytes.
#[expect(clippy::ptr_arg, reason = "handed over as the function that makes one simpler")]
pub(super) fn without_a_piece(bytes: &Vec<u8>, n: usize) -> Option<Vec<u8>> {
    let mut size = bytes.len().div_ceil(2);
    let mut n = n;
    while size > 0 {
        let pieces = bytes.len().div_ceil(size);
        if n < pieces {
            let start = n * size;
            let end = (start + size).min(bytes.len());
            return Some([bytes.get(..start)?, bytes.get(end..)?].concat());
        }
        n -= pieces;
        if size == 1 {
            return None;
        }
        size = size.div_ceil(2);
    }
    None
}

/// A judge is asked so often at most: a few seconds.
const MOST: usize = 4000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_matter_is_taken_away() {
        let failing = b"<a><b>text</b>!<c/></a>".to_vec();
        let smallest = smallest(failing, without_a_piece, |bytes| bytes.contains(&b'!'));
        assert_eq!(smallest, b"!");
    }
}
