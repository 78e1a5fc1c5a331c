//! The clock of the doors. Everything below takes time as an argument.

use std::fmt::Debug;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::TimeZone;

use crate::model::Time;

/// Tells the time.
pub trait Clock: Send + Sync + Debug {
    fn now(&self) -> Time;
}

/// The machine's clock.
#[derive(Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Time {
        chrono::Utc::now()
    }
}

/// A clock that stands still until it is moved: for conformance cases, which have a clock of
/// their own. Millisecond resolution.
#[derive(Debug)]
pub struct FrozenClock(AtomicI64);

impl FrozenClock {
    pub fn at(time: Time) -> Self {
        Self(AtomicI64::new(time.timestamp_millis()))
    }

    /// Moves the clock by `millis`, forwards or backwards.
    pub fn advance(&self, millis: i64) {
        self.0.fetch_add(millis, Ordering::SeqCst);
    }
}

impl Clock for FrozenClock {
    fn now(&self) -> Time {
        let millis = self.0.load(Ordering::SeqCst);
        chrono::Utc.timestamp_millis_opt(millis).single().unwrap_or_default()
    }
}

/// Microseconds since the process began to measure; the stopwatch of the trace.
pub fn stopwatch() -> u64 {
    use std::sync::LazyLock;
    use std::time::Instant;
    static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);
    u64::try_from(BEGAN.elapsed().as_micros()).unwrap_or(u64::MAX)
}
