//! What hostile messages cost in memory and counted work: bounds, not times. `cargo bench --bench hostility` tells times.
//!
//! One test, since one allocator counts for the whole process.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::path::Path;

use vidimus::conformance::hostility::{self, Cost, Growth, Message};
use vidimus::conformance::pure::Pure;
use vidimus::conformance::report::Part;
use vidimus::flow::inquiry::Stop;

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

/// The bound for one request.
const MOST: u64 = 8 << 20;

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let pure = Pure::open(root, "hospital").expect("the world");
    let good = hostility::good(root).expect("good messages");
    let hostile = hostility::stages(root).expect("hostile messages");
    let mut faults = Vec::new();
    let title = "Memory of the dearest refused message of each stage, beside good ones.";
    let columns = ["stage", "message", "bytes", "peak bytes", "allocations", "outcome"];
    let mut part = Part::new("cost-memory", title, columns);
    println!(
        "{:16} {:62} {:>8} {:>9} {:>8} {:>9}  outcome",
        "stage", "message", "bytes", "peak", "allocs", "allocated"
    );
    for message in good.iter().chain(&hostile) {
        let cost = cost(&pure, message);
        println!(
            "{:16} {:62} {:8} {:9} {:8} {:9}  {}",
            cost.stage,
            cost.name,
            cost.bytes,
            cost.peak.unwrap_or_default(),
            cost.allocations.unwrap_or_default(),
            cost.allocated.unwrap_or_default(),
            cost.outcome
        );
        part.row([
            cost.stage.clone(),
            cost.name.clone(),
            cost.bytes.to_string(),
            cost.peak.unwrap_or_default().to_string(),
            cost.allocations.unwrap_or_default().to_string(),
            cost.outcome.clone(),
        ]);
        if (message.stage == "good") != (cost.outcome == "accepted") {
            faults.push(format!("{}, {}: {}", cost.stage, cost.name, cost.outcome));
        }
        if cost.peak.is_none_or(|peak| peak > MOST) {
            faults.push(format!("{}, {}: {:?} bytes of memory", cost.stage, cost.name, cost.peak));
        }
    }
    println!("\n{:14} {:40} bytes, and what is allocated, at 1x, 2x, 4x", "dimension", "unit");
    for dimension in hostility::dimensions(root).expect("dimensions") {
        let allocated = dimension.messages.each_ref().map(|bytes| measured(&pure, bytes).0.total_bytes);
        let growth = Growth {
            dimension: dimension.name.to_owned(),
            unit: dimension.unit.to_owned(),
            bytes: dimension.messages.each_ref().map(Vec::len),
            micros: None,
            allocated: Some(allocated),
        };
        println!("{:14} {:40} {:?} {:?}", growth.dimension, growth.unit, growth.bytes, allocated);
        part.note(format!("{} ({}): {allocated:?} bytes allocated at 1x, 2x, 4x", growth.dimension, growth.unit));
        let [once, twice, four] = allocated;
        // Tables double when they are full, so a step may be twice what the line says; a square would be four times.
        let (first, second) = (twice.saturating_sub(once), four.saturating_sub(twice));
        if second > 4 * first + SLACK {
            faults.push(format!("{} does not grow linearly: {allocated:?}", dimension.name));
        }
    }
    if let Some(folder) = std::env::var_os("VIDIMUS_REPORT_PARTS") {
        part.save(Path::new(&folder)).expect("a part of the report");
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    println!("test result: ok. {} passed; 0 failed", good.len() + hostile.len());
}

/// What a message without the dimension allocates here and there.
const SLACK: u64 = 32 * 1024;

fn cost(pure: &Pure, message: &Message) -> Cost {
    let (stats, outcome) = measured(pure, &message.bytes);
    Cost {
        stage: message.stage.to_owned(),
        name: message.name.clone(),
        bytes: message.bytes.len(),
        outcome,
        micros: None,
        peak: Some(stats.max_bytes as u64),
        allocations: Some(stats.total_blocks),
        allocated: Some(stats.total_bytes),
    }
}

/// One run, counted from the message's own bytes on.
fn measured(pure: &Pure, bytes: &[u8]) -> (dhat::HeapStats, String) {
    let profiler = dhat::Profiler::builder().testing().build();
    let outcome = pure.run(bytes.to_vec(), Stop::First);
    let stats = dhat::HeapStats::get();
    drop(profiler);
    let outcome = match outcome {
        Ok(_) => "accepted".to_owned(),
        Err(refused) => {
            format!("{} {}", refused.step.as_str(), refused.check.map_or("no reason", |check| check.row().reason))
        }
    };
    (stats, outcome)
}
