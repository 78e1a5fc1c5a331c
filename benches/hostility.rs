//! What hostile messages cost, against good ones.
//!
//! ```text
//! cargo bench --bench hostility                       # time
//! CARGO_PROFILE_BENCH_STRIP=none cargo bench --bench hostility -- --instructions
//! ```
//!
//! Time is the least of many single runs: a figure, not a test. Instructions are counted by valgrind, the same on every
//! day and under every load: there a ratio of one or more fails. What is held against what: `hostility::ratio`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a figure that cannot be made is none")]

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use vidimus::conformance::hostility::{self, Line, Measured, Message};
use vidimus::conformance::keys::Keys;
use vidimus::conformance::pure::Pure;
use vidimus::conformance::report::Part;
use vidimus::flow::inquiry::Stop;
use vidimus::wire::crypto::{PrivateKey, SignatureAlgorithm};

fn main() {
    let asked = |name: &str| std::env::args().any(|argument| argument == name);
    if !asked("--bench") {
        println!("figures are made by `cargo bench --bench hostility`");
        return;
    }
    if let Ok(message) = std::env::var(COUNTED) {
        counted(Path::new(&message));
    } else if asked("--instructions") {
        Bench::open().instructions();
    } else {
        Bench::open().times();
    }
}

/// Good and hostile messages, who reads them, and the key that answers.
struct Bench {
    pure: Pure,
    key: PrivateKey,
    good: Vec<Message>,
    hostile: Vec<Message>,
}

impl Bench {
    fn open() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        Self {
            pure: Pure::open(root, "hospital").expect("the world"),
            key: Keys::open(root.join("keys")).private("sts-assertions").expect("a key"),
            good: hostility::good(root).expect("good messages"),
            hostile: hostility::stages(root).expect("hostile messages"),
        }
    }

    /// The cost of everything, in the order: one signature of ours, good messages, hostile ones.
    fn all(&self, cost: impl Fn(&dyn Fn()) -> f64) -> Vec<f64> {
        let answer = cost(&|| {
            black_box(self.key.sign(SignatureAlgorithm::RsaSha256, b"an assertion").expect("a signature"));
        });
        let messages = self.good.iter().chain(&self.hostile);
        let read = messages.map(|message| cost(&|| drop(black_box(self.pure.run(message.bytes.clone(), Stop::First)))));
        std::iter::once(answer).chain(read).collect()
    }

    fn times(&self) {
        self.table("µs", &self.all(least_time));
        println!("\n| dimension | unit | µs at 1x | 2x | 4x | (4x − 2x) / 2(2x − 1x) |\n|---|---|---|---|---|---|");
        for dimension in hostility::dimensions(Path::new(env!("CARGO_MANIFEST_DIR"))).expect("dimensions") {
            let read = |bytes: &Vec<u8>| least_time(&|| drop(black_box(self.pure.run(bytes.clone(), Stop::First))));
            let [once, twice, four] = dimension.messages.each_ref().map(read);
            let line = (four - twice) / (2.0 * (twice - once));
            println!("| {} | {} | {once:.0} | {twice:.0} | {four:.0} | {line:.2} |", dimension.name, dimension.unit);
        }
    }

    /// Runs itself under valgrind, once for the answer and once for each message.
    fn instructions(&self) {
        if let Err(error) = Command::new("valgrind").arg("--version").output() {
            assert!(std::env::var_os("VIDIMUS_REQUIRE_TOOLS").is_none(), "valgrind is required: {error}");
            println!("skipped: valgrind: {error}");
            return;
        }
        let folder = std::env::temp_dir().join(format!("vidimus-hostility-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let messages = self.good.iter().chain(&self.hostile).map(|message| message.bytes.as_slice());
        let all: Vec<&[u8]> = std::iter::once(&[][..]).chain(messages).collect();
        let (next, counts) = (AtomicUsize::new(0), Mutex::new(vec![0.0; all.len()]));
        std::thread::scope(|scope| {
            for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
                scope.spawn(|| {
                    while let Some((index, bytes)) =
                        Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|index| Some((index, all.get(index)?)))
                    {
                        counts.lock().expect("nobody failed")[index] = count(&folder.join(index.to_string()), bytes);
                    }
                });
            }
        });
        std::fs::remove_dir_all(&folder).expect("the folder goes");
        let dear = self.table("instructions", &counts.into_inner().expect("nobody failed"));
        assert!(dear.is_empty(), "dearer than a good message of the same length: {}", dear.join(", "));
    }

    /// Prints what everything costs, and the worst of each stage; the stages where a good message costs no more.
    fn table(&self, unit: &str, costs: &[f64]) -> Vec<String> {
        let (answer, costs) = costs.split_first().expect("one for the answer");
        let measured = |(message, cost): (&Message, &f64)| Measured::of(message, *cost);
        let all: Vec<Measured> = self.good.iter().chain(&self.hostile).zip(costs).map(measured).collect();
        println!("| stage | message | bytes | {unit} | a byte |\n|---|---|---|---|---|");
        for Measured { stage, name, bytes, cost } in &all {
            println!("| {stage} | {name} | {bytes} | {cost:.0} | {:.3} |", cost / *bytes as f64);
        }
        println!("| answer | one signature of ours, RSA-2048 | | {answer:.0} | |");
        let (good, hostile) = all.split_at(self.good.len());
        let line = Line::through(good).expect("good messages");
        let title = format!("The worst refused message of each stage against a good one of its length ({unit}).");
        let columns = ["stage", "worst refused message", "cost", "good, answered", "ratio", "against reading alone"];
        let mut part = Part::new(&format!("cost-{}", if unit == "µs" { "time" } else { unit }), &title, columns);
        println!("\n{title}\n\n| {} |\n|{}", columns.join(" | "), "---|".repeat(columns.len()));
        let mut dear = Vec::new();
        for worst in hostility::worst(&line, *answer, hostile) {
            let cells = [
                worst.stage.to_owned(),
                worst.name.clone(),
                format!("{:.0}", worst.cost),
                format!("{:.0}", worst.good),
                format!("{:.2}", worst.ratio),
                format!("{:.2}", worst.reading),
            ];
            println!("| {} |", cells.join(" | "));
            part.row(cells);
            if worst.ratio >= 1.0 {
                dear.push(format!("{}: {} ({:.2})", worst.stage, worst.name, worst.ratio));
            }
        }
        if let Some(folder) = std::env::var_os("VIDIMUS_REPORT_PARTS") {
            part.save(&PathBuf::from(folder)).expect("a part of the report");
        }
        dear
    }
}

/// What one message costs in instructions; none at all: one signature of ours.
fn count(file: &Path, bytes: &[u8]) -> f64 {
    let out = file.with_extension("out");
    std::fs::write(file, bytes).expect("a file");
    let status = Command::new("valgrind")
        .args(["--tool=callgrind", "--quiet", "--collect-atstart=no"])
        // As valgrind writes the name, and as it does where it cannot read what LLVM made of it.
        .args(["--toggle-collect=*hostility::work*", "--toggle-collect=*9hostility4work*"])
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(std::env::current_exe().expect("our own path"))
        .arg("--bench")
        .env(COUNTED, file)
        .status();
    assert!(status.is_ok_and(|status| status.success()), "valgrind failed");
    let text = std::fs::read_to_string(&out).expect("what valgrind counted");
    let total = text.lines().find_map(|line| line.strip_prefix("totals:")).and_then(|text| text.trim().parse().ok());
    total.filter(|count| *count > 0.0).expect("no function `work`: build with CARGO_PROFILE_BENCH_STRIP=none")
}

/// Once to warm what is prepared with the first use, once under the eye of valgrind.
fn counted(file: &Path) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let bytes = std::fs::read(file).expect("a message");
    if bytes.is_empty() {
        let key = Keys::open(root.join("keys")).private("sts-assertions").expect("a key");
        let run = || drop(black_box(key.sign(SignatureAlgorithm::RsaSha256, b"an assertion")));
        run();
        return work(&run);
    }
    let pure = Pure::open(root, "hospital").expect("the world");
    let run = || drop(black_box(pure.run(bytes.clone(), Stop::First)));
    run();
    work(&run);
}

/// What valgrind looks for by name.
#[inline(never)]
fn work(run: &dyn Fn()) {
    run();
    black_box(());
}

/// Names the file of the message to count, to the program that valgrind runs.
const COUNTED: &str = "VIDIMUS_HOSTILITY_COUNTED";

/// The least time of many single runs, in microseconds: what other programs take is not in the least.
fn least_time(run: &dyn Fn()) -> f64 {
    let begun = Instant::now();
    let mut least = f64::INFINITY;
    let mut runs = 0;
    while runs < 25 || begun.elapsed() < Duration::from_millis(150) {
        let once = Instant::now();
        run();
        least = least.min(once.elapsed().as_secs_f64() * 1e6);
        runs += 1;
    }
    least
}
