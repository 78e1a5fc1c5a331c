//! What hostile messages cost in processor time, against good ones: `cargo bench --bench hostility`.
//!
//! The least of several runs by the thread's own time on the processor where the system tells it (Linux), so that other
//! programs count little. Figures, not tests: nothing here fails because a machine is slow.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a figure that cannot be made is none")]

use std::path::Path;
use std::time::Instant;

use vidimus::conformance::hostility::{self, Message};
use vidimus::conformance::pure::Pure;
use vidimus::flow::inquiry::Stop;

fn main() {
    if !std::env::args().any(|argument| argument == "--bench") {
        println!("figures are made by `cargo bench --bench hostility`");
        return;
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let pure = Pure::open(root, "hospital").expect("the world");
    let row =
        |message: &Message| (message.stage, message.name.clone(), message.bytes.len(), micros(&pure, &message.bytes));
    let good: Vec<_> = hostility::good(root).expect("good messages").iter().map(row).collect();
    let hostile: Vec<_> = hostility::stages(root).expect("hostile messages").iter().map(row).collect();
    println!("| stage | message | bytes | µs | ns a byte |\n|---|---|---|---|---|");
    for (stage, name, bytes, micros) in good.iter().chain(&hostile) {
        println!("| {stage} | {name} | {bytes} | {micros:.0} | {:.1} |", micros * 1000.0 / *bytes as f64);
    }
    // A good message of the same length, by the dearest good filling: what the same bytes could have cost honestly.
    let (base, fixed) = good.first().map(|(_, _, bytes, micros)| (*bytes as f64, *micros)).expect("the usual one");
    let slope =
        good.iter().skip(1).map(|(_, _, bytes, micros)| (micros - fixed) / (*bytes as f64 - base)).fold(0.0, f64::max);
    let mut stages: Vec<&str> = hostile.iter().map(|(stage, ..)| *stage).collect();
    stages.dedup();
    stages.sort_unstable();
    stages.dedup();
    println!("\n| stage | worst refused message | µs | a good one of its length, µs | ratio |\n|---|---|---|---|---|");
    for stage in stages {
        let of_stage = hostile.iter().filter(|(own, ..)| *own == stage);
        let ratio = |bytes: usize, micros: f64| micros / (fixed + slope * (bytes as f64 - base).max(0.0));
        let worst = of_stage.max_by(|a, b| ratio(a.2, a.3).total_cmp(&ratio(b.2, b.3))).expect("a message");
        let (_, name, bytes, micros) = worst;
        println!(
            "| {stage} | {name} | {micros:.0} | {:.0} | {:.2} |",
            micros / ratio(*bytes, *micros),
            ratio(*bytes, *micros)
        );
    }
    println!("\n| dimension | unit | µs at 1x | 2x | 4x | (4x − 2x) / 2(2x − 1x) |\n|---|---|---|---|---|---|");
    for dimension in hostility::dimensions(root).expect("dimensions") {
        let [once, twice, four] = dimension.messages.each_ref().map(|bytes| micros(&pure, bytes));
        let line = (four - twice) / (2.0 * (twice - once));
        println!("| {} | {} | {once:.0} | {twice:.0} | {four:.0} | {line:.2} |", dimension.name, dimension.unit);
    }
}

/// Processor time of one run in microseconds: the least of several batches.
fn micros(pure: &Pure, bytes: &[u8]) -> f64 {
    let once = spent(|| drop(pure.run(bytes.to_vec(), Stop::First)));
    let each = ((20_000.0 / once.max(1.0)) as usize).clamp(1, 400);
    let batch = || spent(|| (0..each).for_each(|_| drop(pure.run(bytes.to_vec(), Stop::First)))) / each as f64;
    (0..9).map(|_| batch()).fold(f64::INFINITY, f64::min)
}

fn spent(work: impl FnOnce()) -> f64 {
    let (before, begun) = (on_processor(), Instant::now());
    work();
    let wall = begun.elapsed().as_secs_f64() * 1e6;
    match (before, on_processor()) {
        (Some(before), Some(after)) if after > before => ((after - before) as f64 / 1000.0).min(wall),
        _ => wall,
    }
}

/// Nanoseconds that this thread was on a processor.
fn on_processor() -> Option<u64> {
    std::fs::read_to_string("/proc/thread-self/schedstat").ok()?.split_whitespace().next()?.parse().ok()
}
