//! Issuance while strangers send junk: what their refusals cost those who are issued to.
//!
//! Three kinds of rounds in turn, on disk as in production: by itself; beside a thread that only
//! parses junk (the processor is shared, the audit trail is not); beside a thread that sends junk to
//! the doors. The last over the second is what the trail costs; over the first, what all of it does.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use vidimus::conformance::Sent;
use vidimus::wire::xml::{Document, Limits};

use crate::issue::runtime;
use crate::measure::quantile;
use crate::message;
use crate::site::{Own, Site};

pub fn run(junk: usize) {
    let rounds = junk.div_ceil(A_ROUND).max(1);
    let site = Site::new(Own::Rsa);
    let (router, system) = site.on_disk();
    let rubbish = rubbish(&site);
    let runtime = runtime();
    let requests: Vec<Sent> = (0..rounds * 3 * ISSUES).map(|number| message::issue(&site, number, "")).collect();
    let mut requests = requests.chunks(ISSUES);
    let mut issues = || {
        let began = Instant::now();
        for request in requests.next().expect("enough messages") {
            runtime.block_on(message::issued(&router, request));
        }
        began.elapsed().as_secs_f64() / ISSUES as f64
    };
    let (mut alone, mut parsing, mut sending) = (Vec::new(), Vec::new(), Vec::new());
    let (mut over_alone, mut over_parsing) = (Vec::new(), Vec::new());
    let (mut flood, before) = (Flood::default(), site.audit_bytes());
    for _ in 0..rounds {
        let quiet = issues();
        let parsed = beside(|running, _| parse(&rubbish, running), &mut issues).0;
        let (sent, busy) = beside(|running, done| send(&router, &rubbish, running, done), &mut issues);
        flood.add(busy);
        over_alone.push(sent / quiet);
        over_parsing.push(sent / parsed);
        alone.push(quiet);
        parsing.push(parsed);
        sending.push(sent);
    }
    let micros = |values: &mut [f64]| quantile(values, 0.5) * 1e6;
    let ratio = |values: &mut [f64]| {
        let [lower, median, upper] = [0.25, 0.5, 0.75].map(|part| quantile(values, part));
        format!("{median:.2} ({lower:.2} to {upper:.2})")
    };
    println!("\njunk: {} requests refused, {:.1} µs each, in {rounds} rounds", flood.count, flood.each());
    println!("  Issue on disk, by itself            {:>10.1} µs", micros(&mut alone));
    println!("  Issue beside a thread that parses   {:>10.1} µs", micros(&mut parsing));
    println!("  Issue beside a thread of junk       {:>10.1} µs", micros(&mut sending));
    println!("  junk over by itself {}, junk over parsing {}", ratio(&mut over_alone), ratio(&mut over_parsing));
    println!(
        "  the audit trail grew by {} bytes for {} tokens and all junk",
        site.audit_bytes() - before,
        rounds * 3 * ISSUES
    );
    drop(system);
}

#[derive(Default)]
struct Flood {
    count: usize,
    time: Duration,
}

impl Flood {
    fn add(&mut self, (count, time): (usize, Duration)) {
        self.count += count;
        self.time += time;
    }

    /// Microseconds.
    fn each(&self) -> f64 {
        self.time.as_secs_f64() * 1e6 / self.count.max(1) as f64
    }
}

/// Runs `issues` while `noise` runs in another thread: until the issues are done, and, if it counts,
/// until it has done a round's work.
fn beside(
    noise: impl FnOnce(&AtomicBool, &AtomicUsize) + Send,
    issues: &mut impl FnMut() -> f64,
) -> (f64, (usize, Duration)) {
    let (running, done, began) = (AtomicBool::new(true), AtomicUsize::new(0), Instant::now());
    let time = std::thread::scope(|scope| {
        scope.spawn(|| noise(&running, &done));
        let time = issues();
        running.store(false, Ordering::Relaxed);
        time
    });
    (time, (done.into_inner(), began.elapsed()))
}

fn parse(rubbish: &[Sent], running: &AtomicBool) {
    let limits = Limits::default();
    for junk in rubbish.iter().cycle() {
        if !running.load(Ordering::Relaxed) {
            return;
        }
        let _mostly_refused = std::hint::black_box(Document::parse(junk.body.clone(), &limits));
    }
}

fn send(router: &Router, rubbish: &[Sent], running: &AtomicBool, done: &AtomicUsize) {
    let runtime = runtime();
    for junk in rubbish.iter().cycle() {
        let count = done.fetch_add(1, Ordering::Relaxed);
        let (status, _) = runtime.block_on(message::send(router, junk));
        assert!(status >= 400, "junk was answered with {status}");
        if count + 1 >= A_ROUND && !running.load(Ordering::Relaxed) {
            return;
        }
    }
}

/// Everything that strangers send, each from many addresses.
fn rubbish(site: &Site) -> Vec<Sent> {
    let honest = message::issue(site, usize::MAX, "").body;
    let text = String::from_utf8(honest.clone()).expect("XML");
    let soap = |body: Vec<u8>| message::sent(site.soap().0, "text/xml; charset=utf-8", body, Vec::new());
    let changed = text.replace("dmfa.example", "dmfb.example");
    let unsigned = match (text.find("<ds:Signature "), text.find("</ds:Signature>")) {
        (Some(from), Some(to)) => format!("{}{}", &text[..from], &text[to + "</ds:Signature>".len()..]),
        _ => panic!("no signature"),
    };
    let form = b"grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange&subject_token=AAAA".to_vec();
    let kinds = [
        soap(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec()),
        soap(honest[..honest.len() / 2].to_vec()),
        soap(format!("<!DOCTYPE x [<!ENTITY y \"z\">]>{text}").into_bytes()),
        soap(unsigned.into_bytes()),
        soap(changed.into_bytes()),
        message::sent("/oauth2/token", "application/x-www-form-urlencoded", form, Vec::new()),
    ];
    let from = |number: usize| {
        let mut junk = kinds[number % kinds.len()].clone();
        let [.., high, low] = (number / kinds.len()).to_be_bytes();
        junk.caller.peer = Some(SocketAddr::from((Ipv4Addr::new(203, 0, high, low), 40_000)));
        junk
    };
    (0..kinds.len() * PEERS).map(from).collect()
}

/// Junk requests of one round, at least.
const A_ROUND: usize = 500;
/// Messages that are issued in each part of a round.
const ISSUES: usize = 5;
const PEERS: usize = 256;
