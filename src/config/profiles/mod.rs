//! The built-in profiles: files in this folder, embedded. Their names stand in the files only.

use std::ops::Range;

use crate::flow::profile::Profile;

/// Every built-in profile; the first is what tools use that were told none.
pub fn built_in() -> Vec<Profile> {
    FILES.iter().filter_map(|(_, text)| toml::from_str(text).ok()).collect()
}

/// The built-in profiles as texts, with the names of their files.
pub(super) const FILES: &[(&str, &str)] = &[
    ("oasis.toml", include_str!("oasis.toml")),
    ("rsz.toml", include_str!("rsz.toml")),
    ("ehealth.toml", include_str!("ehealth.toml")),
    ("oio.toml", include_str!("oio.toml")),
];

/// Where a dotted key stands in a profile's text: for the caret. The whole line of its last part,
/// after the line of its section.
pub(super) fn span_of(text: &str, key: &str) -> Range<usize> {
    let (section, name) = key.rsplit_once('.').unwrap_or(("", key));
    let start = if section.is_empty() { 0 } else { text.find(&format!("[{section}]")).unwrap_or(0) };
    let mut offset = start;
    for line in text.get(start..).unwrap_or_default().split_inclusive('\n') {
        let is_key = line.trim_start().strip_prefix(name).is_some_and(|rest| rest.trim_start().starts_with('='));
        if is_key {
            return offset..offset + line.trim_end().len();
        }
        offset += line.len();
    }
    0..0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_profile_is_read_and_may_be_run() {
        for (file, text) in FILES {
            let profile: Profile = toml::from_str(text).unwrap_or_else(|error| panic!("{file}: {error}"));
            assert_eq!(profile.check(), Ok(()), "{file}");
            assert_eq!(format!("{}.toml", profile.name), *file);
        }
        assert_eq!(built_in().len(), FILES.len());
    }

    #[test]
    fn a_word_that_is_no_behaviour_is_refused_with_those_that_are() {
        let (_, text) = FILES[0];
        let error = toml::from_str::<Profile>(&text.replace("\"collection\"", "\"bag\"")).unwrap_err();
        assert!(error.to_string().contains("`collection`"), "{error}");
    }

    #[test]
    fn a_profile_that_leaves_the_body_unsigned_may_not_be_run() {
        let (_, text) = FILES[0];
        let weak: Profile = toml::from_str(&text.replace("[\"body\", \"timestamp\"]", "[\"timestamp\"]")).unwrap();
        assert_eq!(weak.check().map_err(|(key, _)| key), Err("coverage.required"));
    }

    #[test]
    fn a_profile_may_not_take_small_keys_or_wide_clocks() {
        let (_, text) = FILES[0];
        let small: Profile = toml::from_str(&text.replace("= 2048", "= 1024")).unwrap();
        assert_eq!(small.check().map_err(|(key, _)| key), Err("algorithms.minimum_rsa_bits"));
        let wide: Profile = toml::from_str(&text.replace("skew_seconds = 60", "skew_seconds = 301")).unwrap();
        assert_eq!(wide.check().map_err(|(key, _)| key), Err("time.skew_seconds"));
    }
}
