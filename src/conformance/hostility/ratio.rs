//! The worst refused message of each stage against a good one.
//!
//! An attacker pays in bytes: what he sends is held against a good message of the same length, of the filling that makes
//! good messages dearest. And a good message is not read only: we answer it with an assertion of ours, which takes one
//! signature with an RSA key of 2048 bits. Whoever is refused gets nothing that is signed with it. Both figures are
//! told: with the answer, and for reading alone, where a good message of the usual size has its key at hand, read and
//! prepared at start, and one of a stranger has not.

use super::Message;

/// What one message cost, in whatever unit.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    pub stage: &'static str,
    pub name: String,
    pub bytes: usize,
    pub cost: f64,
}

impl Measured {
    pub fn of(message: &Message, cost: f64) -> Self {
        Self { stage: message.stage, name: message.name.clone(), bytes: message.bytes.len(), cost }
    }
}

/// The worst message of a stage.
#[derive(Debug, Clone, PartialEq)]
pub struct Ratio {
    pub stage: &'static str,
    pub name: String,
    pub cost: f64,
    /// A good message of the same length, read and answered.
    pub good: f64,
    /// Must be less than one.
    pub ratio: f64,
    /// Against reading alone.
    pub reading: f64,
}

/// What a good message of any length costs to read: from the usual one and several large ones. No filling is drawn out
/// beyond the length at which it was measured: the limits end it there.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    bytes: f64,
    cost: f64,
    /// For each filling what a byte more costs, and so many bytes more at most.
    fillings: Vec<(f64, f64)>,
}

impl Line {
    /// `None` without a message.
    pub fn through(good: &[Measured]) -> Option<Self> {
        let (usual, large) = good.split_first()?;
        let (bytes, cost) = (usual.bytes as f64, usual.cost);
        let filling = |own: &Measured| {
            let more = own.bytes as f64 - bytes;
            ((own.cost - cost) / more, more)
        };
        Some(Self { bytes, cost, fillings: large.iter().map(filling).collect() })
    }

    pub fn at(&self, bytes: usize) -> f64 {
        let more = (bytes as f64 - self.bytes).max(0.0);
        self.cost + self.fillings.iter().map(|(slope, most)| slope * more.min(*most)).fold(0.0, f64::max)
    }
}

/// The worst of each stage, by name of the stage. `answer`: what one signature costs.
pub fn worst(good: &Line, answer: f64, hostile: &[Measured]) -> Vec<Ratio> {
    let mut worst: Vec<Ratio> = Vec::new();
    for message in hostile {
        let reading = good.at(message.bytes);
        let ratio = Ratio {
            stage: message.stage,
            name: message.name.clone(),
            cost: message.cost,
            good: reading + answer,
            ratio: message.cost / (reading + answer),
            reading: message.cost / reading,
        };
        match worst.iter_mut().find(|known| known.stage == ratio.stage) {
            Some(known) if known.ratio < ratio.ratio => *known = ratio,
            Some(_) => {}
            None => worst.push(ratio),
        }
    }
    worst.sort_by_key(|ratio| ratio.stage);
    worst
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(stage: &'static str, name: &str, bytes: usize, cost: f64) -> Measured {
        Measured { stage, name: name.to_owned(), bytes, cost }
    }

    #[test]
    fn the_dearest_filling_is_what_the_same_bytes_could_have_cost_honestly() {
        let good =
            [measured("good", "usual", 100, 10.0), measured("good", "a", 200, 20.0), measured("good", "b", 300, 50.0)];
        let line = Line::through(&good).unwrap();
        assert!((line.at(50) - 10.0).abs() < 1e-9);
        assert!((line.at(200) - 30.0).abs() < 1e-9);
        assert!((line.at(5000) - 50.0).abs() < 1e-9, "no filling is longer than its limits let it be");
        let hostile = [
            measured("key", "dear for its length", 50, 15.0),
            measured("key", "dearer, and long", 1100, 40.0),
            measured("bytes", "cheap", 1000, 1.0),
        ];
        let worst = worst(&line, 10.0, &hostile);
        let told: Vec<_> = worst.iter().map(|ratio| (ratio.stage, ratio.name.as_str())).collect();
        assert_eq!(told, [("bytes", "cheap"), ("key", "dear for its length")]);
        assert!(worst.iter().all(|ratio| ratio.ratio < 1.0 && ratio.ratio < ratio.reading));
    }

    #[test]
    fn without_a_good_message_there_is_nothing_to_compare_with() {
        assert_eq!(Line::through(&[]), None);
    }
}
