//! Refusals of senders that nobody knows: a small log of its own, that can be filled by anybody
//! and therefore proves nothing and keeps little.
//!
//! A token bucket for each peer decides what is written; the rest is counted. The log is two files
//! of bounded size, the newer of which is `strangers.jsonl`; a line is
//! `{"ref","at","peer","outcome","fields":{…},"trace":{…}}`.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::io::{Seek, SeekFrom, Write};
use std::net::{IpAddr, Ipv6Addr};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::files::private_file;
use super::leaf;
use super::{Field, OutcomeEntry};
use crate::model::Time;

/// What strangers may have written.
#[derive(Debug, Clone)]
pub struct StrangerLimits {
    /// Refusals of one peer that are written at once.
    pub burst: u32,
    /// And then for each minute.
    pub per_minute: u32,
    /// Size of the log file at which a new one is begun; there are two.
    pub bytes: u64,
}

impl Default for StrangerLimits {
    fn default() -> Self {
        Self { burst: 60, per_minute: 60, bytes: 4 << 20 }
    }
}

/// Who may have a refusal written now.
#[derive(Debug)]
pub(super) struct Buckets {
    limits: StrangerLimits,
    peers: HashMap<Option<IpAddr>, Bucket>,
}

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    at: Time,
}

impl Buckets {
    pub(super) fn new(limits: StrangerLimits) -> Self {
        Self { limits, peers: HashMap::new() }
    }

    /// Takes a token of the peer; false when there is none.
    pub(super) fn take(&mut self, peer: Option<IpAddr>, now: Time) -> bool {
        let mut peer = peer.map(network);
        if self.peers.len() >= MOST_PEERS && !self.peers.contains_key(&peer) {
            self.forget_rested(now);
            if self.peers.len() >= MOST_PEERS {
                // all further peers share one bucket: memory is bounded, whoever calls
                peer = None;
            }
        }
        let full = f64::from(self.limits.burst);
        let bucket = self.peers.entry(peer).or_insert(Bucket { tokens: full, at: now });
        bucket.refill(&self.limits, now);
        let allowed = bucket.tokens >= 1.0;
        if allowed {
            bucket.tokens -= 1.0;
        }
        allowed
    }

    /// A bucket that is full again says nothing that a new one does not.
    fn forget_rested(&mut self, now: Time) {
        let limits = self.limits.clone();
        self.peers.retain(|_, bucket| {
            bucket.refill(&limits, now);
            bucket.tokens < f64::from(limits.burst)
        });
    }
}

impl Bucket {
    fn refill(&mut self, limits: &StrangerLimits, now: Time) {
        let millis = (now - self.at).num_milliseconds();
        if millis > 0 {
            let more = f64::from(limits.per_minute) * (millis as f64) / 60_000.0;
            self.tokens = (self.tokens + more).min(f64::from(limits.burst));
        }
        self.at = now;
    }
}

/// One subscriber of IPv6 has a /64 at least.
fn network(peer: IpAddr) -> IpAddr {
    match peer {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        IpAddr::V4(_) => peer,
    }
}

/// The line of one refusal, with its line end.
pub(super) fn line(entry: &OutcomeEntry) -> String {
    let fields: serde_json::Map<String, Value> = (entry.fields.iter())
        .map(|field| match field {
            Field::Plain(name, value) | Field::Personal(name, value) => ((*name).to_owned(), value.clone()),
        })
        .collect();
    let mut parts = serde_json::json!({
        "ref": entry.reference,
        "at": leaf::time(entry.at),
        "peer": entry.peer.map(|peer| peer.to_string()),
        "outcome": entry.outcome,
        "fields": fields,
        "trace": entry.trace,
    });
    for large in ["trace", "fields"] {
        if parts.to_string().len() > LARGEST_LINE {
            parts[large] = Value::from("omitted: too large");
        }
    }
    format!("{parts}\n")
}

/// The log's newer file, for writing.
#[derive(Debug)]
pub(super) struct StrangerLog {
    path: PathBuf,
    file: fs::File,
    length: u64,
    limit: u64,
}

impl StrangerLog {
    pub(super) fn open(folder: &Path, limit: u64) -> io::Result<Self> {
        let path = folder.join(NEWER);
        let mut file = private_file(&path)?;
        let length = file.seek(SeekFrom::End(0))?;
        Ok(Self { path, file, length, limit })
    }

    pub(super) fn append(&mut self, line: &str) -> io::Result<()> {
        if self.length >= self.limit {
            fs::rename(&self.path, self.path.with_file_name(OLDER))?;
            self.file = private_file(&self.path)?;
            self.length = 0;
        }
        self.file.write_all(line.as_bytes())?;
        self.length += line.len() as u64;
        Ok(())
    }
}

/// The log's files, the newer first.
pub(super) fn paths(folder: &Path) -> [PathBuf; 2] {
    [folder.join(NEWER), folder.join(OLDER)]
}

const NEWER: &str = "strangers.jsonl";
const OLDER: &str = "strangers.1.jsonl";

/// Peers whose buckets are kept apart.
const MOST_PEERS: usize = 4096;

const LARGEST_LINE: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;

    fn at(second: i64) -> Time {
        DateTime::from_timestamp(second, 0).unwrap()
    }

    fn peer(number: u32) -> Option<IpAddr> {
        Some(IpAddr::V4(number.into()))
    }

    #[test]
    fn a_peer_empties_its_own_bucket_and_it_fills_again() {
        let mut buckets = Buckets::new(StrangerLimits { burst: 2, per_minute: 60, bytes: 0 });
        let taken: Vec<_> = [(1, 0), (1, 0), (1, 0), (2, 0), (1, 1), (1, 1)]
            .map(|(number, second)| buckets.take(peer(number), at(second)))
            .into();
        assert_eq!(taken, [true, true, false, true, true, false]);
    }

    #[test]
    fn a_network_of_ipv6_is_one_peer() {
        let mut buckets = Buckets::new(StrangerLimits { burst: 1, per_minute: 0, bytes: 0 });
        assert!(buckets.take(Some("2001:db8::1".parse().unwrap()), at(0)));
        assert!(!buckets.take(Some("2001:db8::2".parse().unwrap()), at(0)));
        assert!(buckets.take(Some("2001:db8:0:1::1".parse().unwrap()), at(0)));
    }

    #[test]
    fn a_hundred_thousand_peers_take_bounded_memory() {
        let mut buckets = Buckets::new(StrangerLimits { burst: 2, per_minute: 1, bytes: 0 });
        for number in 0..100_000 {
            buckets.take(peer(number), at(0));
        }
        assert!(buckets.peers.len() <= MOST_PEERS + 1);
    }

    #[test]
    fn the_log_never_grows_beyond_two_files() {
        let folder = crate::store::testing::Folder::new();
        let mut log = StrangerLog::open(folder.path(), 100).unwrap();
        for number in 0..100 {
            log.append(&format!("{{\"line\":{number}}}\n")).unwrap();
        }
        let sizes = paths(folder.path()).map(|path| fs::metadata(path).unwrap().len());
        assert!(sizes.iter().all(|size| *size < 120), "{sizes:?}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}
