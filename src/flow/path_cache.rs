//! Verdicts on certificates, remembered for as long as they hold (`rules.md` 4.3).
//!
//! The key is SHA-256 over everything that the verdict is a function of: the whole chain, the anchors
//! with their rules, the purpose, the profile, the epoch of what is known of revocation. So nothing
//! that is valid for one profile passes for another, and nothing outlives a reload. Only good
//! verdicts are kept; whom the registry knows is never kept.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use crate::model::Time;
use crate::wire::crypto;
use crate::wire::x509::{Certificate, Standing};

/// A bounded memory; when it is full it starts over, so that nobody can fill it for good.
#[derive(Debug, Default)]
pub(super) struct PathCache(RwLock<HashMap<[u8; 32], Standing>>);

/// What was asked of a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// A path to an anchor.
    Path,
    /// A registered certificate's standing.
    Standing,
}

/// Everything that a verdict is a function of, but for the time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    pub leaf: &'a Certificate,
    pub intermediates: &'a [Certificate],
    pub anchors: &'a [u8; 32],
    pub purpose: Purpose,
    pub profile: &'a str,
    pub epoch: u64,
}

impl Asked<'_> {
    pub fn key(&self) -> [u8; 32] {
        let mut all = Vec::with_capacity(128 + 32 * self.intermediates.len());
        all.push(match self.purpose {
            Purpose::Path => 1,
            Purpose::Standing => 2,
        });
        all.extend_from_slice(self.anchors);
        all.extend_from_slice(&self.epoch.to_be_bytes());
        all.extend_from_slice(&(self.profile.len() as u64).to_be_bytes());
        all.extend_from_slice(self.profile.as_bytes());
        all.extend_from_slice(&self.leaf.thumbprint());
        self.intermediates.iter().for_each(|certificate| all.extend_from_slice(&certificate.thumbprint()));
        crypto::sha256(&all)
    }
}

impl PathCache {
    /// The verdict, if it holds at `at`.
    pub fn get(&self, key: &[u8; 32], at: Time) -> Option<Standing> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known.get(key).filter(|standing| standing.holds.0 <= at && at <= standing.holds.1).cloned()
    }

    pub fn put(&self, key: [u8; 32], standing: Standing, at: Time) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            known.retain(|_, standing| at <= standing.holds.1);
        }
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(key, standing);
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.0.read().unwrap().len()
    }
}

/// A few hundred bytes each.
const MOST: usize = 4096;

#[cfg(test)]
mod tests {
    use chrono::Duration;

    use super::*;

    fn at(minute: i64) -> Time {
        "2026-06-01T00:00:00Z".parse::<Time>().unwrap() + Duration::minutes(minute)
    }

    fn standing(from: i64, until: i64) -> Standing {
        Standing { holds: (at(from), at(until)), judged: true, excepted: Vec::new() }
    }

    #[test]
    fn a_verdict_is_used_only_while_it_holds() {
        let cache = PathCache::default();
        cache.put([1; 32], standing(10, 20), at(10));
        let found = |minute| cache.get(&[1; 32], at(minute)).is_some();
        assert_eq!([9, 10, 20, 21].map(found), [false, true, true, false]);
        assert_eq!(cache.get(&[2; 32], at(10)), None);
    }

    #[test]
    fn a_key_is_of_everything_that_the_verdict_rests_on() {
        let own = |name: &str| {
            let mut params = rcgen::CertificateParams::default();
            params.distinguished_name.push(rcgen::DnType::CommonName, name);
            let made = params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap();
            Certificate::parse(made.der()).unwrap()
        };
        let (leaf, other) = (own("leaf"), own("other"));
        let (leaf, between) = (&leaf, std::slice::from_ref(&other));
        let honest =
            Asked { leaf, intermediates: &[], anchors: &[1; 32], purpose: Purpose::Path, profile: "a", epoch: 1 };
        let others = [
            Asked { leaf: &other, ..honest },
            Asked { intermediates: between, ..honest },
            Asked { anchors: &[2; 32], ..honest },
            Asked { purpose: Purpose::Standing, ..honest },
            Asked { profile: "b", ..honest },
            Asked { profile: "", ..honest },
            Asked { epoch: 2, ..honest },
        ];
        let mut keys: Vec<_> = others.iter().chain([&honest]).map(Asked::key).collect();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), others.len() + 1);
        assert_eq!(honest.key(), Asked { ..honest }.key());
    }

    #[test]
    fn a_full_memory_starts_over_and_never_grows() {
        let cache = PathCache::default();
        for number in 0..3 * MOST as u64 {
            let mut key = [0; 32];
            key[..8].copy_from_slice(&number.to_be_bytes());
            cache.put(key, standing(0, 100), at(1));
            assert!(cache.len() <= MOST);
        }
    }
}
