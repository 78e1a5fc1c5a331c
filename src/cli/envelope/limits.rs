//! `--limit NAME=NUMBER`: how much a message may cost, within the bounds of the configuration's `[limits]`.

use crate::cli::Failure;
use crate::config::options::{Kind, SETTINGS, Setting};
use crate::wire::xml::Limits;

/// The default limits with these laid over them; names are those of `[limits]`.
///
/// # Errors
/// When a name is none of them, or a number is out of its bounds.
pub fn read(written: &[String]) -> Result<Limits, Failure> {
    let mut limits = Limits::default();
    for text in written {
        let (name, number) = text.split_once('=').unwrap_or((text, ""));
        let (Some(limit), Some((low, high))) = (named(&mut limits, name), bounds(name)) else {
            let names: Vec<&str> = SETTINGS.iter().filter_map(|setting| of_messages(setting.key)).collect();
            let says = format!("`--limit {text}`: there is no limit `{name}` of messages");
            return Err(Failure::usage(says, format!("Give one of: {}", names.join(", "))));
        };
        match number.trim().parse::<i64>().ok().filter(|number| (low..=high).contains(number)) {
            Some(number) => *limit = usize::try_from(number).unwrap_or(usize::MAX),
            None => {
                let says = format!("`--limit {text}`: `{number}` is no number from {low} to {high}");
                return Err(Failure::usage(says, format!("Give e.g. `--limit {name}={high}`")));
            }
        }
    }
    Ok(limits)
}

fn named<'l>(limits: &'l mut Limits, name: &str) -> Option<&'l mut usize> {
    Some(match name {
        "body" => &mut limits.bytes,
        "depth" => &mut limits.depth,
        "nodes" => &mut limits.nodes,
        "attributes" => &mut limits.attributes,
        "namespaces" => &mut limits.namespaces,
        "name" => &mut limits.name,
        "references" => &mut limits.references,
        "prefixes" => &mut limits.prefixes,
        "canonical" => &mut limits.canonical,
        _ => return None,
    })
}

fn bounds(name: &str) -> Option<(i64, i64)> {
    match Setting::find(&format!("limits.{name}"))?.kind {
        Kind::Integer(low, high) => Some((low, high)),
        _ => None,
    }
}

/// The name of a limit that is about messages, not connections.
fn of_messages(key: &'static str) -> Option<&'static str> {
    key.strip_prefix("limits.").filter(|name| named(&mut Limits::default(), name).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_laid_over_the_default_within_its_bounds() {
        let read = |texts: &[&str]| super::read(&texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>());
        assert_eq!(read(&[]).unwrap(), Limits::default());
        let limits = read(&["depth=200", "body=1048576"]).unwrap();
        assert_eq!((limits.depth, limits.bytes, limits.nodes), (200, 1_048_576, Limits::default().nodes));
        for wrong in ["depth", "depth=", "depth=x", "depth=100000", "width=1", "connections=1"] {
            assert!(read(&[wrong]).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_defaults_are_those_of_the_configuration_and_each_is_within_its_bounds() {
        let mut limits = Limits::default();
        for name in SETTINGS.iter().filter_map(|setting| of_messages(setting.key)) {
            let (low, high) = bounds(name).unwrap();
            let written = Setting::find(&format!("limits.{name}")).unwrap().default.unwrap();
            let limit = *named(&mut limits, name).unwrap();
            assert_eq!(limit.to_string(), written, "{name}");
            assert!((low..=high).contains(&i64::try_from(limit).unwrap()), "{name}");
        }
    }
}
