//! The one thread that writes. Units that wait when a commit begins share it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::transaction::{After, Tables, run_unit, unavailable};
use super::{StoreError, Write};

/// One unit: writes that stand or fall together, and who waits for them.
pub(super) struct Unit {
    pub(super) writes: Vec<Write>,
    /// `None`: nobody waits, and the unit may wait for company.
    pub(super) reply: Option<Reply>,
}

/// Tells whoever waits for a unit.
pub(super) type Reply = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// What writer and store share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) database: redb::Database,
    /// Counts the commits since the file was made.
    pub(super) epoch: AtomicU64,
    /// False from the first failed commit on: after a failed fsync nothing on disk can be relied
    /// on until the next start, so nothing more is tried.
    pub(super) healthy: AtomicBool,
}

/// Runs until the last sender is gone.
pub(super) fn run(shared: Arc<Shared>, queue: Receiver<Unit>, keep_epoch: impl Fn(u64) -> Write) {
    while let Some(group) = next_group(&queue) {
        let epoch = shared.epoch.load(Ordering::Relaxed) + 1;
        commit_group(&shared, group, keep_epoch(epoch), epoch);
    }
}

/// Waits for a unit, then takes all that wait. Units that nobody waits for linger a little, so
/// that they ride along with somebody's commit instead of making one of their own.
fn next_group(queue: &Receiver<Unit>) -> Option<Vec<Unit>> {
    let mut group = vec![queue.recv().ok()?];
    let deadline = Instant::now() + LINGER;
    loop {
        while group.len() < LARGEST_GROUP
            && let Ok(unit) = queue.try_recv()
        {
            group.push(unit);
        }
        if group.len() >= LARGEST_GROUP || group.iter().any(|unit| unit.reply.is_some()) {
            return Some(group);
        }
        match queue.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(unit) => group.push(unit),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return Some(group),
        }
    }
}

fn commit_group(shared: &Shared, group: Vec<Unit>, keep_epoch: Write, epoch: u64) {
    let mut done: Vec<Finished> = Vec::with_capacity(group.len());
    match execute(shared, group, keep_epoch, &mut done) {
        Ok(()) => {
            shared.epoch.store(epoch, Ordering::Release);
            done.into_iter().for_each(|unit| unit.resolve(None));
        }
        Err(error) => {
            shared.healthy.store(false, Ordering::Release);
            done.into_iter().for_each(|unit| unit.resolve(Some(&error)));
        }
    }
}

/// A unit that has run; its writes wait for the commit.
struct Finished {
    reply: Option<Reply>,
    outcome: Result<After, StoreError>,
}

impl Finished {
    /// Tells whoever waits. `doubt` is what happened to the commit, unless it is done.
    fn resolve(self, doubt: Option<&StoreError>) {
        let answer = match (self.outcome, doubt) {
            (Err(error), _) => Err(error),
            (Ok(_), Some(nothing_written @ StoreError::Unavailable(_))) => Err(nothing_written.clone()),
            (Ok(after), doubt) => {
                after.into_iter().for_each(|then| then());
                doubt.map_or(Ok(()), |error| Err(error.clone()))
            }
        };
        if let Some(reply) = self.reply {
            reply(answer);
        }
    }
}

fn execute(shared: &Shared, group: Vec<Unit>, keep_epoch: Write, done: &mut Vec<Finished>) -> Result<(), StoreError> {
    let begun = shared.database.begin_write();
    let transaction = match begun {
        Ok(transaction) => transaction,
        Err(error) => {
            let error = unavailable(error);
            done.extend(group.into_iter().map(|unit| Finished { reply: unit.reply, outcome: Err(error.clone()) }));
            return Err(error);
        }
    };
    let mut tables = Tables::new(&transaction);
    for Unit { writes, reply } in group {
        let outcome = match &tables.broken {
            Some(error) => Err(error.clone()),
            None => one_unit(&mut tables, writes),
        };
        done.push(Finished { reply, outcome });
    }
    let changed = done.iter().any(|unit| unit.outcome.is_ok());
    if changed && tables.broken.is_none() {
        let _ = run_unit(&mut tables, vec![keep_epoch]);
    }
    let broken = tables.broken.take();
    drop(tables);
    if let Some(error) = broken {
        let _ = transaction.abort();
        return Err(error);
    }
    if !changed {
        return transaction.abort().map_err(unavailable);
    }
    transaction.commit().map_err(|error| StoreError::Ambiguous(error.to_string()))
}

/// A write that panics fails its unit; what it had staged is gone with it.
fn one_unit(tables: &mut Tables<'_>, writes: Vec<Write>) -> Result<After, StoreError> {
    catch_unwind(AssertUnwindSafe(|| run_unit(tables, writes)))
        .unwrap_or_else(|_| Err(StoreError::Unavailable("a write panicked".to_owned())))
}

/// How many units share a commit at most, so that the first of them does not wait for ever.
const LARGEST_GROUP: usize = 1024;

/// How long a unit that nobody waits for may wait for company.
const LINGER: Duration = Duration::from_millis(20);
