//! Two things timed in turn, and what is told of them.

use std::time::{Duration, Instant};

/// Rounds of one row.
pub const ROUNDS: usize = 60;
/// Times that each side runs in a round.
pub const EACH: usize = 5;

/// One row: medians of one run of each side, and quartiles of the rounds' ratios.
pub struct Row {
    pub name: String,
    pub floor: Duration,
    pub subject: Duration,
    pub ratios: [f64; 3],
    /// Where the subject's time goes, as far as it is known.
    steps: String,
}

impl Row {
    pub fn with(self, steps: String) -> Self {
        Self { steps, ..self }
    }
}

/// Times both in turn. Each is told the number of its run, from 0; the side that begins changes
/// with each round.
pub fn in_turn(name: impl Into<String>, mut floor: impl FnMut(usize), mut subject: impl FnMut(usize)) -> Row {
    let (mut floors, mut subjects, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let runs = round * EACH..(round + 1) * EACH;
        let (below, above) = if round % 2 == 0 {
            let below = timed(|| runs.clone().for_each(&mut floor));
            (below, timed(|| runs.clone().for_each(&mut subject)))
        } else {
            let above = timed(|| runs.clone().for_each(&mut subject));
            (timed(|| runs.clone().for_each(&mut floor)), above)
        };
        ratios.push(above.as_secs_f64() / below.as_secs_f64());
        floors.push(below.as_secs_f64() / EACH as f64);
        subjects.push(above.as_secs_f64() / EACH as f64);
    }
    Row {
        name: name.into(),
        floor: Duration::from_secs_f64(quantile(&mut floors, 0.5)),
        subject: Duration::from_secs_f64(quantile(&mut subjects, 0.5)),
        ratios: [0.5, 0.25, 0.75].map(|part| quantile(&mut ratios, part)),
        steps: String::new(),
    }
}

/// The time of one run, the median of all rounds.
pub fn median(mut run: impl FnMut()) -> Duration {
    let mut rounds: Vec<f64> =
        (0..ROUNDS).map(|_| timed(|| (0..EACH).for_each(|_| run())).as_secs_f64() / EACH as f64).collect();
    Duration::from_secs_f64(quantile(&mut rounds, 0.5))
}

pub fn timed(run: impl FnOnce()) -> Duration {
    let began = Instant::now();
    run();
    began.elapsed()
}

/// The value below which this part of all lies; sorts them.
pub fn quantile(values: &mut [f64], part: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let last = values.len().saturating_sub(1);
    values.get((last as f64 * part).round() as usize).copied().unwrap_or(f64::NAN)
}

/// Prints each row as soon as it is known.
#[derive(Default)]
pub struct Table {
    begun: bool,
}

impl Table {
    pub fn add(&mut self, row: &Row) {
        if !std::mem::replace(&mut self.begun, true) {
            println!("\n{:<52}{:>11}{:>12}{:>8}   quartiles", "", "floor", "subject", "ratio");
        }
        let micros = |time: Duration| format!("{:.1} µs", time.as_secs_f64() * 1e6);
        let [median, lower, upper] = row.ratios;
        let (floor, subject) = (micros(row.floor), micros(row.subject));
        println!("{:<52}{floor:>11}{subject:>12}{median:>8.2}   {lower:.2} to {upper:.2}", row.name);
        if !row.steps.is_empty() {
            println!("    of it in µs: {}", row.steps);
        }
    }
}
