//! Layers: default < file < `VIDIMUS_*` environment < flag. Every value keeps where it came from.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_spanned::Spanned;
use toml::de::{DeTable, DeValue};

use super::options::{Kind, OTHER_VARIABLES, PREFIX, SETTINGS, Setting};
use super::problem::{Place, Problem, SourceText, source_text};
use super::suggest;
use super::trust::RawAuthority;

/// A value as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Data {
    Text(String),
    Integer(i64),
    Texts(Vec<String>),
}

impl fmt::Display for Data {
    /// As TOML.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => toml::Value::String(text.clone()).fmt(f),
            Self::Integer(number) => number.fmt(f),
            Self::Texts(texts) => toml::Value::Array(texts.iter().cloned().map(toml::Value::String).collect()).fmt(f),
        }
    }
}

/// Where a value came from.
#[derive(Debug, Clone)]
pub enum Origin {
    Default,
    File(Place),
    /// The variable's name.
    Environment(String),
    /// The flag as typed, without its value.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(place) => write!(f, "{}:{}", place.file(), place.line_and_column().0),
            Self::Environment(variable) => write!(f, "environment {variable}"),
            Self::Flag(flag) => write!(f, "flag {flag}"),
        }
    }
}

/// The value in force of one key.
#[derive(Debug, Clone)]
pub struct Value {
    pub setting: &'static Setting,
    pub data: Data,
    pub origin: Origin,
}

/// One `[[doors.soap]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawDoor {
    pub path: Option<Spanned<String>>,
    pub profile: Spanned<String>,
}

#[derive(Debug, Deserialize)]
struct WithTables {
    doors: Option<Doors>,
    trust: Option<WithAuthorities>,
}

/// The other keys of the section are read from the table of settings.
#[derive(Debug, Deserialize)]
struct WithAuthorities {
    #[serde(default)]
    authority: Vec<RawAuthority>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Doors {
    soap: Vec<RawDoor>,
}

/// What is laid over the file.
#[derive(Debug, Clone, Copy, Default)]
pub struct Overrides<'a> {
    /// The whole environment; what does not begin with `VIDIMUS_` is not looked at.
    pub environment: &'a [(String, String)],
    /// Key, as in the table, and value.
    pub flags: &'a [(String, String)],
}

/// All values in force, each of the right kind.
#[derive(Debug)]
pub(super) struct Values {
    /// What relative paths begin from: the folder of the configuration file.
    pub dir: PathBuf,
    pub source: SourceText,
    pub doors: Option<Vec<RawDoor>>,
    pub authorities: Vec<RawAuthority>,
    values: BTreeMap<&'static str, Value>,
}

impl Values {
    /// Lays the layers over each other. All that is wrong goes to `problems`; a key without a
    /// usable value keeps its default, so that more can be checked.
    ///
    /// # Errors
    /// When the file cannot be read or is no TOML.
    pub fn read(path: &Path, over: Overrides<'_>, problems: &mut Vec<Problem>) -> Result<Self, Problem> {
        let text = std::fs::read_to_string(path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => Problem::new(
                format!("there is no configuration at `{}`", path.display()),
                "Create one with `vidimus init`, or name yours with `--config FILE`",
            ),
            _ => Problem::unreadable(path, &error),
        })?;
        let source = source_text(path, text.clone());
        let table = DeTable::parse(&text).map_err(|error| Problem::toml(&source, &error))?;
        let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned();
        let mut values = Self { dir, source, doors: None, authorities: Vec::new(), values: BTreeMap::new() };
        values.defaults();
        values.table("", table.get_ref(), problems);
        match toml::from_str::<WithTables>(&text) {
            Ok(with) => {
                values.doors = with.doors.map(|doors| doors.soap);
                values.authorities = with.trust.map(|trust| trust.authority).unwrap_or_default();
            }
            Err(error) => problems.push(Problem::toml(&values.source, &error)),
        }
        values.environment(over.environment, problems);
        values.flags(over.flags, problems);
        values.required(problems);
        Ok(values)
    }

    /// In the order of the table.
    pub fn in_order(&self) -> Vec<Value> {
        SETTINGS.iter().filter_map(|setting| self.values.get(setting.key).cloned()).collect()
    }

    pub fn text(&self, key: &str) -> &str {
        match self.values.get(key).map(|value| &value.data) {
            Some(Data::Text(text)) => text,
            _ => "",
        }
    }

    pub fn integer<T: TryFrom<i64> + Default>(&self, key: &str) -> T {
        match self.values.get(key).map(|value| &value.data) {
            Some(Data::Integer(number)) => T::try_from(*number).unwrap_or_default(),
            _ => T::default(),
        }
    }

    pub fn texts(&self, key: &str) -> &[String] {
        match self.values.get(key).map(|value| &value.data) {
            Some(Data::Texts(texts)) => texts,
            _ => &[],
        }
    }

    /// From the configuration's folder.
    pub fn path(&self, key: &str) -> PathBuf {
        self.dir.join(self.text(key))
    }

    /// `None` when it is empty.
    pub fn optional_path(&self, key: &str) -> Option<PathBuf> {
        Some(self.text(key)).filter(|text| !text.is_empty()).map(|text| self.dir.join(text))
    }

    /// Something is wrong with the value of `key`, wherever it came from.
    pub fn problem(&self, key: &str, says: impl fmt::Display, fix: impl Into<String>) -> Problem {
        match self.values.get(key).map(|value| &value.origin) {
            Some(Origin::File(place)) => Problem::new(says.to_string(), fix).at(Some(place.clone())),
            Some(Origin::Default) => Problem::new(format!("{key} (by default): {says}"), fix),
            Some(origin) => Problem::new(format!("{key} ({origin}): {says}"), fix),
            None => Problem::new(format!("{key}: {says}"), fix),
        }
    }

    fn defaults(&mut self) {
        for setting in SETTINGS {
            let Some(default) = setting.default else { continue };
            // `every_default_is_of_its_kind` keeps this from skipping one
            let table = format!("value = {default}");
            let Ok(table) = DeTable::parse(&table) else { continue };
            let Some(value) = table.get_ref().values().next() else { continue };
            if let Ok(data) = data(value.get_ref()) {
                self.values.insert(setting.key, Value { setting, data, origin: Origin::Default });
            }
        }
    }

    fn table(&mut self, prefix: &str, table: &DeTable<'_>, problems: &mut Vec<Problem>) {
        for (name, value) in table {
            let key =
                if prefix.is_empty() { name.get_ref().to_string() } else { format!("{prefix}.{}", name.get_ref()) };
            let place = |span| Some(Place::new(&self.source, span));
            if TABLES.contains(&key.as_str()) {
                continue;
            }
            if let Some(setting) = Setting::find(&key) {
                let origin = Origin::File(Place::new(&self.source, value.span()));
                let read = data(value.get_ref()).and_then(|data| fits(setting, &data).map(|()| data));
                match read {
                    Ok(data) => drop(self.values.insert(setting.key, Value { setting, data, origin })),
                    Err((says, fix)) => problems.push(Problem::new(says, fix).at(place(value.span()))),
                }
                continue;
            }
            let section = SETTINGS.iter().any(|setting| setting.key.starts_with(&format!("{key}.")));
            match (section, value.get_ref()) {
                (true, DeValue::Table(inner)) => self.table(&key, inner, problems),
                (true, _) => {
                    let problem =
                        Problem::new(format!("`{key}` is a section"), format!("Write `[{key}]` on a line of its own"));
                    problems.push(problem.at(place(value.span())));
                }
                (false, _) => {
                    problems.push(
                        Problem::new(format!("unknown key `{key}`"), unknown(prefix, &key)).at(place(name.span())),
                    );
                }
            }
        }
    }

    fn environment(&mut self, environment: &[(String, String)], problems: &mut Vec<Problem>) {
        let mut ours: Vec<_> = environment.iter().filter(|(name, _)| name.starts_with(PREFIX)).collect();
        ours.sort();
        for (name, value) in ours {
            match SETTINGS.iter().find(|setting| setting.variable() == *name) {
                Some(setting) => self.lay(setting, value, Origin::Environment(name.clone()), problems),
                None if OTHER_VARIABLES.contains(&name.as_str()) => {}
                None => {
                    let variables: Vec<String> = SETTINGS.iter().map(Setting::variable).collect();
                    let near = suggest::nearest(name, variables.iter().map(String::as_str));
                    let fix = near.map(|near| format!("Did you mean `{near}`?")).unwrap_or_default();
                    problems
                        .push(Problem::new(format!("the environment variable `{name}` is no setting"), fix).warning());
                }
            }
        }
    }

    fn flags(&mut self, flags: &[(String, String)], problems: &mut Vec<Problem>) {
        for (key, value) in flags {
            match Setting::find(key) {
                Some(setting) => self.lay(setting, value, Origin::Flag(format!("--set {key}")), problems),
                None => problems.push(Problem::new(format!("`--set {key}=…`: unknown key `{key}`"), unknown("", key))),
            }
        }
    }

    /// Lays a text over a value.
    fn lay(&mut self, setting: &'static Setting, text: &str, origin: Origin, problems: &mut Vec<Problem>) {
        let data = match setting.kind {
            Kind::Integer(..) => text.trim().parse().map(Data::Integer).unwrap_or_else(|_| Data::Text(text.to_owned())),
            Kind::Paths => {
                Data::Texts(text.split(',').map(|part| part.trim().to_owned()).filter(|p| !p.is_empty()).collect())
            }
            _ => Data::Text(text.to_owned()),
        };
        match fits(setting, &data) {
            Ok(()) => drop(self.values.insert(setting.key, Value { setting, data, origin })),
            Err((says, fix)) => problems.push(Problem::new(format!("{} ({origin}): {says}", setting.key), fix)),
        }
    }

    fn required(&self, problems: &mut Vec<Problem>) {
        for setting in SETTINGS {
            // one that was there and wrong has its problem already
            if setting.default.is_none() && !self.values.contains_key(setting.key) && problems.is_empty() {
                let says = format!("`{}` is missing: {}", setting.key, setting.says);
                let place = Place::new(&self.source, 0..0);
                let fix = format!("Write it at the top, e.g. `{} = \"https://sts.example.org\"`", setting.key);
                problems.push(Problem::new(says, fix).at(Some(place)));
            }
        }
    }
}

type Wrong = (String, String);

fn data(value: &DeValue<'_>) -> Result<Data, Wrong> {
    match value {
        DeValue::String(text) => Ok(Data::Text(text.to_string())),
        DeValue::Integer(number) => {
            let read = i64::from_str_radix(number.as_str(), number.radix()).map(Data::Integer);
            read.map_err(|_| (format!("`{number}` is too large"), "Write a smaller number".to_owned()))
        }
        DeValue::Array(items) => items
            .iter()
            .map(|item| item.get_ref().as_str().map(str::to_owned))
            .collect::<Option<_>>()
            .map(Data::Texts)
            .ok_or_else(|| ("a list of texts is wanted".to_owned(), "Write `[\"a\", \"b\"]`".to_owned())),
        other => Err((
            format!("a {} cannot stand here", other.type_str()),
            "Write a text, a number or a list of texts".to_owned(),
        )),
    }
}

/// Whether a value is of its key's kind.
fn fits(setting: &Setting, data: &Data) -> Result<(), Wrong> {
    let wrong = |says: &str, fix: &str| Err((format!("{data} {says}"), fix.to_owned()));
    match (setting.kind, data) {
        (Kind::Url, Data::Text(text)) if text.is_empty() && setting.default.is_some() => Ok(()),
        (Kind::Url, Data::Text(text)) => url(text).map_err(|fix| (format!("{data} cannot be used as a URL here"), fix)),
        (Kind::Address, Data::Text(text)) if text.parse::<SocketAddr>().is_ok() => Ok(()),
        (Kind::Address, _) => wrong("is no address and port", "Write e.g. `\"127.0.0.1:8443\"` or `\"[::]:8443\"`"),
        (Kind::Path, Data::Text(text)) if text.is_empty() => wrong("names no file", "Write a path"),
        (Kind::Path | Kind::OptionalPath, Data::Text(_)) | (Kind::Paths, Data::Texts(_)) => Ok(()),
        (Kind::Paths, _) => wrong("is no list of files", "Write e.g. `[\"registry/*.toml\"]`"),
        (Kind::Integer(low, high), Data::Integer(number)) if (low..=high).contains(number) => Ok(()),
        (Kind::Integer(low, high), Data::Integer(_)) if low == high => {
            wrong("is not the version of this program", &format!("Write {low}"))
        }
        (Kind::Integer(low, high), Data::Integer(_)) => wrong("is out of range", &format!("Write {low} to {high}")),
        (Kind::Integer(low, high), _) => wrong("is no number", &format!("Write {low} to {high}, without quotes")),
        (Kind::Choice(words), Data::Text(text)) => match words.contains(&text.as_str()) {
            true => Ok(()),
            false => {
                let near = suggest::nearest(text, words.iter().copied());
                let fix = near.map_or_else(
                    || format!("Write one of: {}", words.join(", ")),
                    |near| format!("Did you mean `{near}`?"),
                );
                wrong("is not known", &fix)
            }
        },
        (Kind::Url | Kind::Path | Kind::OptionalPath | Kind::Choice(_), _) => wrong("is no text", "Write it in quotes"),
    }
}

/// Issuers are compared byte for byte by everybody, so there is one spelling: https, no query, no
/// fragment (RFC 8414 §2), no slash at the end, host in lower case.
pub(super) fn url(text: &str) -> Result<(), String> {
    let Some(rest) = text.strip_prefix("https://") else {
        return Err("Write an `https://` URL: tokens and keys never travel in the clear".to_owned());
    };
    if text.ends_with('/') {
        return Err("Leave out the `/` at the end: names are compared byte for byte".to_owned());
    }
    let host = rest.split(['/', ':']).next().unwrap_or_default();
    if host.is_empty() || rest.contains(['?', '#', '@', ' ', '\\', '"', '<', '>']) || !text.is_ascii() {
        return Err("Write host, port and path only, e.g. `https://sts.example.org`".to_owned());
    }
    if host.chars().any(|c| c.is_ascii_uppercase()) {
        return Err("Write the host in lower case: names are compared byte for byte".to_owned());
    }
    Ok(())
}

fn unknown(prefix: &str, key: &str) -> String {
    let all = SETTINGS.iter().map(|setting| setting.key).chain(TABLES.iter().copied());
    let sections = SETTINGS.iter().filter_map(|setting| setting.key.rsplit_once('.')).map(|(section, _)| section);
    match suggest::nearest(key, all.chain(sections)) {
        Some(near) => format!("Did you mean `{near}`?"),
        None => {
            let start = if prefix.is_empty() { String::new() } else { format!("{prefix}.") };
            let mut known: Vec<&str> = SETTINGS
                .iter()
                .filter_map(|s| s.key.strip_prefix(&start))
                .filter_map(|rest| rest.split('.').next())
                .collect();
            known.dedup();
            format!("Known here: {}", known.join(", "))
        }
    }
}

/// The keys that hold lists of tables.
const TABLES: &[&str] = &["doors", "trust.authority"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_is_of_its_kind() {
        for setting in SETTINGS {
            let Some(default) = setting.default else { continue };
            let text = format!("value = {default}");
            let table = DeTable::parse(&text).unwrap();
            let read = data(table.get_ref().values().next().unwrap().get_ref()).unwrap();
            assert_eq!(fits(setting, &read), Ok(()), "{}", setting.key);
        }
    }

    #[test]
    fn a_later_layer_wins_and_says_so() {
        let dir = std::env::temp_dir().join(format!("vidimus-values-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let file = dir.join("vidimus.toml");
        std::fs::write(&file, "issuer = \"https://a.example\"\n[limits]\nbody = 2000\ndepth = 20\nnodes = 200\n")
            .unwrap();
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let environment = [pair("VIDIMUS_LIMITS_DEPTH", "30"), pair("VIDIMUS_LIMITS_NODES", "300"), pair("PATH", "x")];
        let flags = [pair("limits.nodes", "400")];
        let mut problems = Vec::new();
        let over = Overrides { environment: &environment, flags: &flags };
        let values = Values::read(&file, over, &mut problems).unwrap();
        std::fs::remove_dir_all(&dir).unwrap();
        assert!(problems.is_empty(), "{problems:?}");
        let found: Vec<String> =
            values.in_order().iter().map(|v| format!("{} {} {}", v.setting.key, v.data, v.origin)).collect();
        let file = file.display();
        assert!(found.contains(&"limits.name 1024 default".to_owned()), "{found:?}");
        assert!(found.contains(&format!("limits.body 2000 {file}:3")));
        assert!(found.contains(&"limits.depth 30 environment VIDIMUS_LIMITS_DEPTH".to_owned()));
        assert!(found.contains(&"limits.nodes 400 flag --set limits.nodes".to_owned()));
    }

    #[test]
    fn names_that_are_compared_have_one_spelling() {
        assert_eq!(url("https://sts.example.org:8443/a"), Ok(()));
        for text in [
            "http://a.example",
            "https://a.example/",
            "https://A.example",
            "https://a.example?x",
            "https://",
            "a.example",
        ] {
            assert!(url(text).is_err(), "{text}");
        }
    }
}
