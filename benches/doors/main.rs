//! What a request costs, over the cryptography that nobody can leave out: `cargo bench --bench doors`.
//!
//! | part | floor | subject |
//! |---|---|---|
//! | `verify` | digests of the same octets, RSA-2048 verify | parse to coverage, of 9.7 KB, of two signatures, of 100 KB |
//! | `peers` | | the same messages by libxmlsec1 and WSS4J, where they are at hand |
//! | `issue` | digests, verify, sign assertion, sign answer | the whole SOAP door |
//! | `exchange` | digest and verify of the assertion, ES256 of the JWT | the whole token door |
//! | `junk` | issuance by itself, on disk | issuance while strangers send what is refused |
//! | `footprint` | | size, start, memory of the program under 64 connections |
//!
//! `cargo bench --bench doors -- issue junk` runs two parts. Floor and subject are timed in turn, and
//! what is told is the median of their ratios, with its quartiles: a loaded machine widens those.
//! Every message is signed beforehand and sent once. In process there is neither socket nor TLS.
//!
//! `VIDIMUS_BENCH_JUNK` (20000) requests of junk, `VIDIMUS_BENCH_SECONDS` (10) of load. Figures, not
//! tests: nothing here fails because a machine is slow.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a figure that cannot be made is none")]

mod allocations;
mod bare;
mod footprint;
mod issue;
mod junk;
mod measure;
mod message;
mod peers;
mod site;
mod verify;

use measure::Table;

#[global_allocator]
static ALLOCATOR: allocations::Counting = allocations::Counting;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if !arguments.iter().any(|argument| argument == "--bench") {
        // `cargo test --all-targets` runs benches too, and a test is never timed.
        println!("figures are made by `cargo bench --bench doors`");
        return;
    }
    let parts: Vec<&str> = arguments.iter().map(String::as_str).filter(|argument| !argument.starts_with('-')).collect();
    let wanted = |part: &str| parts.is_empty() || parts.contains(&part);
    let (junk, seconds) = (number("VIDIMUS_BENCH_JUNK", 20_000), number("VIDIMUS_BENCH_SECONDS", 10));
    println!(
        "{} rounds of {} each; {junk} requests of junk; {seconds} s of load on {} connections",
        measure::ROUNDS,
        measure::EACH,
        footprint::CONNECTIONS
    );
    let mut table = Table::default();
    let verified = if wanted("verify") || wanted("peers") { verify::verify(|row| table.add(row)) } else { Vec::new() };
    if wanted("issue") {
        for keys in [site::Own::Rsa, site::Own::P256Assertions, site::Own::P256] {
            table.add(&issue::issue(keys));
        }
    }
    if wanted("exchange") {
        table.add(&issue::exchange());
    }
    if wanted("peers") {
        peers::run(&verified);
    }
    if wanted("junk") {
        junk::run(junk);
    }
    if wanted("footprint") {
        footprint::run(seconds);
    }
}

fn number(variable: &str, otherwise: usize) -> usize {
    std::env::var(variable).ok().and_then(|value| value.parse().ok()).unwrap_or(otherwise)
}
