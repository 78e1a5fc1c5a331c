//! The shortest chain that still does it.

/// Leaves steps out, one after the other, as long as `still` holds of what remains.
pub(super) fn shrink<S: Clone>(mut steps: Vec<S>, still: impl Fn(&[S]) -> bool) -> Vec<S> {
    let mut at = 0;
    while at < steps.len() {
        let mut fewer = steps.clone();
        fewer.remove(at);
        if still(&fewer) {
            steps = fewer;
            at = 0;
        } else {
            at += 1;
        }
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_needed_is_left_out() {
        let needed = |steps: &[i32]| steps.contains(&3) && steps.contains(&5);
        assert_eq!(shrink(vec![1, 3, 4, 5, 3], needed), [5, 3]);
        assert_eq!(shrink(vec![1, 2], |_| true), [] as [i32; 0]);
    }
}
