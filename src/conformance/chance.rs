//! Chance that repeats itself: the same seed gives the same draws, on every machine.
//!
//! SplitMix64 (Steele, Lea and Flood 2014). Nothing secret is ever made of it.

/// A stream of draws.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The stream of the `index`th of many trials under one seed.
    pub fn of(seed: u64, index: u64) -> Self {
        let mut dice = Self(seed ^ index.wrapping_mul(0xA24B_AED4_963E_E407));
        dice.next();
        dice
    }

    /// 64 bits.
    #[expect(clippy::should_implement_trait, reason = "a stream without end is no iterator that anybody loops over")]
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `end`; 0 when there is none.
    pub fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.next() % end).unwrap_or_default()
    }

    /// Yes, in so many of a hundred draws.
    pub fn percent(&mut self, of_a_hundred: usize) -> bool {
        self.below(100) < of_a_hundred
    }

    /// One of several; `None` of none.
    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        of.get(self.below(of.len()))
    }

    /// Puts several in another order.
    pub fn shuffle<T>(&mut self, several: &mut [T]) {
        for last in (1..several.len()).rev() {
            several.swap(last, self.below(last + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_draws() {
        let draws = |seed| {
            let mut dice = Dice::of(seed, 7);
            [dice.next(), dice.next(), dice.next()]
        };
        assert_eq!(draws(1), draws(1));
        assert_ne!(draws(1), draws(2));
    }

    #[test]
    fn all_of_several_are_picked_sooner_or_later() {
        let mut dice = Dice::new(1);
        let mut seen = [0usize; 5];
        (0..1000).for_each(|_| seen[dice.below(5)] += 1);
        assert!(seen.iter().all(|times| *times > 100), "{seen:?}");
        assert_eq!((dice.below(0), dice.pick::<u8>(&[])), (0, None));
    }
}
