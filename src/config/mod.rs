//! What an operator can say; the only place that names implementations.
//!
//! In: `vidimus.toml`, the environment, flags, and the files that they name. Out: [`Loaded`], in
//! which every value is read, every file was opened, and nothing is ambiguous; or all that is
//! wrong, each with file, line, caret and what to write instead. Never: a default that hides a
//! mistake, a key read twice, a running system (that is built from [`Loaded`]).
//!
//! To add a setting: a row in [`options`], its use in `settings.rs` and below. An implementation of
//! an extension point: its word in the row of the choice, and an arm below.

pub mod build;
mod exceptions;
mod files;
pub mod init;
pub mod options;
mod own_keys;
pub mod problem;
pub mod profiles;
mod registry_files;
pub mod settings;
mod suggest;
pub mod trust;
mod values;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

pub use problem::Problem;
pub use settings::{NetSettings, OauthSettings, Settings, SoapDoor};
pub use values::{Data, Origin, Overrides, Value};

use crate::attributes::AttributeSource;
use crate::attributes::static_source::StaticSource;
use crate::flow::profile::{DoorRules, Profile};
use crate::keys::KeyStore;
use crate::model::{KeyPurpose, Time};
use crate::pdp::DecisionPoint;
use crate::registry::{Registry, TokenIssuer};
use crate::serve::listen;
use crate::wire::x509::Certificate;
use crate::wire::xml;
use problem::{Place, source_text};
use values::Values;

/// A configuration that a server can be built from.
#[derive(Debug)]
pub struct Loaded {
    pub settings: Settings,
    pub registry: Registry,
    /// The built-in profiles and the operator's own.
    pub profiles: Vec<Arc<Profile>>,
    pub pdp: Arc<dyn DecisionPoint>,
    pub attributes: Vec<Arc<dyn AttributeSource>>,
    pub keys: Arc<dyn KeyStore>,
    /// Every value in force with its origin, in the order of the table.
    pub values: Vec<Value>,
    /// What should be looked at and keeps nothing from running.
    pub warnings: Vec<Problem>,
}

/// Reads everything. `now` is for certificates that have expired.
///
/// # Errors
/// All that is wrong, warnings included; then nothing of it is in force.
pub fn load(path: &Path, over: Overrides<'_>, now: Time) -> Result<Loaded, Vec<Problem>> {
    let mut problems = Vec::new();
    let values = match Values::read(path, over, &mut problems) {
        Ok(values) => values,
        Err(problem) => return Err(vec![problem]),
    };
    // What is wrong in the main file makes all that follows guesswork.
    if problems.iter().any(|problem| !problem.warning) {
        return Err(problems);
    }
    let own = own_keys::load(&values, now, &mut problems);
    let profiles = profiles(&values, &mut problems);
    let doors = doors(&values, &profiles, &mut problems);
    let trust = trust::load(&values, now, &mut problems);
    let roots = roots(&values, &mut problems);
    let pdp = pdp(&values, &mut problems);
    let attributes = attributes(&values, &mut problems);
    let registry = registry(&values, &doors, &own, now, &mut problems);
    let (errors, warnings): (Vec<_>, Vec<_>) = problems.into_iter().partition(|problem| !problem.warning);
    match (own.store, own.tls, pdp, registry) {
        (Some(keys), Some(tls), Some(pdp), Some(registry)) if errors.is_empty() => Ok(Loaded {
            settings: settings(&values, doors, tls, trust, roots),
            registry,
            profiles,
            pdp,
            attributes,
            keys,
            values: values.in_order(),
            warnings,
        }),
        _ => Err(errors.into_iter().chain(warnings).collect()),
    }
}

fn settings(
    values: &Values,
    doors: Vec<SoapDoor>,
    tls: Arc<rustls::ServerConfig>,
    trust: trust::TrustSettings,
    roots: Vec<Certificate>,
) -> Settings {
    let seconds = |key| Duration::from_secs(values.integer(key));
    let store_dir = values.path("store.dir");
    Settings {
        issuer: values.text("issuer").to_owned(),
        // of its kind: `values` has read it as an address before
        listen: values.text("listen").parse().unwrap_or_else(|_| ([127, 0, 0, 1], 8443).into()),
        public_url: public_url(values).to_owned(),
        token_endpoint: token_endpoint(values),
        doors,
        tls,
        trust,
        net: NetSettings { roots, deadline: seconds("net.deadline_seconds"), refresh: seconds("net.refresh_seconds") },
        limits: xml::Limits {
            bytes: values.integer("limits.body"),
            depth: values.integer("limits.depth"),
            nodes: values.integer("limits.nodes"),
            attributes: values.integer("limits.attributes"),
            namespaces: values.integer("limits.namespaces"),
            name: values.integer("limits.name"),
            references: values.integer("limits.references"),
            prefixes: values.integer("limits.prefixes"),
            canonical: values.integer("limits.canonical"),
        },
        connections: listen::Limits {
            handshakes: values.integer("limits.handshakes"),
            handshake_timeout: seconds("limits.handshake_seconds"),
            header_timeout: seconds("limits.header_seconds"),
            connections: values.integer("limits.connections"),
        },
        oauth: OauthSettings {
            maximum_lifetime: seconds("oauth.maximum_lifetime_seconds"),
            skew: seconds("oauth.skew_seconds"),
        },
        admin_socket: values.optional_path("admin.socket").unwrap_or_else(|| store_dir.join("admin.sock")),
        store_dir,
        audit_dir: values.path("audit.dir"),
        checkpoint_dir: values.optional_path("audit.checkpoint_dir"),
    }
}

fn public_url(values: &Values) -> &str {
    Some(values.text("public_url")).filter(|url| !url.is_empty()).unwrap_or(values.text("issuer"))
}

fn token_endpoint(values: &Values) -> String {
    format!("{}{TOKEN_PATH}", public_url(values))
}

/// The built-in profiles, then the operator's own.
fn profiles(values: &Values, problems: &mut Vec<Problem>) -> Vec<Arc<Profile>> {
    let mut profiles: Vec<Arc<Profile>> = profiles::built_in().into_iter().map(Arc::new).collect();
    for path in listed(values, "profiles.files", problems) {
        let text = match files::text(&path) {
            Ok(text) => text,
            Err((says, fix)) => {
                problems.push(values.problem("profiles.files", says, fix));
                continue;
            }
        };
        let source = source_text(&path, text.clone());
        let profile: Profile = match toml::from_str(&text) {
            Ok(profile) => profile,
            Err(error) => {
                problems.push(Problem::toml(&source, &error));
                continue;
            }
        };
        let at = |key: &str| Some(Place::new(&source, profiles::span_of(&text, key)));
        if let Err((key, fix)) = profile.check() {
            problems.push(Problem::new(format!("no endpoint can be run with this `{key}`"), capital(&fix)).at(at(key)));
        }
        if profiles.iter().any(|other| other.name == profile.name) {
            let says = format!("there is a profile `{}` already", profile.name);
            problems.push(Problem::new(says, "Give yours another name").at(at("name")));
        }
        profiles.push(Arc::new(profile));
    }
    profiles
}

/// The SOAP endpoints; without `[[doors.soap]]` one for each built-in profile that has a door.
fn doors(values: &Values, profiles: &[Arc<Profile>], problems: &mut Vec<Problem>) -> Vec<SoapDoor> {
    let door = |path: &str, profile: &Arc<Profile>, rules: &DoorRules| SoapDoor {
        path: path.to_owned(),
        endpoint: format!("{}{path}", public_url(values)),
        profile: Arc::clone(profile),
        rules: rules.clone(),
    };
    let Some(raw) = &values.doors else {
        let built_in = profiles.iter().take(profiles::FILES.len());
        return built_in.filter_map(|profile| profile.door.as_ref().map(|own| door(&own.path, profile, own))).collect();
    };
    let mut doors: Vec<SoapDoor> = Vec::new();
    for raw in raw {
        let place = |span| Some(Place::new(&values.source, span));
        let name = raw.profile.get_ref();
        let Some(profile) = profiles.iter().find(|profile| profile.name == *name) else {
            let names = || profiles.iter().map(|profile| profile.name.as_str());
            let fix = match suggest::nearest(name, names()) {
                Some(near) => format!("Did you mean `{near}`?"),
                None => format!("Write one of: {}", names().collect::<Vec<_>>().join(", ")),
            };
            problems.push(Problem::new(format!("there is no profile `{name}`"), fix).at(place(raw.profile.span())));
            continue;
        };
        let Some(rules) = &profile.door else {
            let says = format!("profile `{name}` is for verification only: it has no door to open");
            let with_door = profiles.iter().filter(|profile| profile.door.is_some()).map(|p| p.name.as_str());
            let fix = format!(
                "Write one of: {}; `vidimus envelope verify --profile {name}` judges messages by `{name}`",
                with_door.collect::<Vec<_>>().join(", ")
            );
            problems.push(Problem::new(says, fix).at(place(raw.profile.span())));
            continue;
        };
        let path = raw.path.as_ref().map_or(rules.path.as_str(), |path| path.get_ref());
        let span = raw.path.as_ref().map_or(raw.profile.span(), |path| path.span());
        if !path.starts_with('/') || path.len() < 2 || path.contains(['?', '#', ' ', '{', '}', '*']) {
            let problem = Problem::new(format!("`{path}` is no path"), "Write a path such as `/sts/name`");
            problems.push(problem.at(place(span.clone())));
        }
        if path == TOKEN_PATH || path.starts_with("/.well-known/") || doors.iter().any(|other| other.path == path) {
            let problem = Problem::new(format!("the path `{path}` is taken"), "Give each door its own `path`");
            problems.push(problem.at(place(span)));
        }
        doors.push(door(path, profile, rules));
    }
    doors
}

/// Roots of the https addresses that are fetched from.
fn roots(values: &Values, problems: &mut Vec<Problem>) -> Vec<Certificate> {
    let mut roots = Vec::new();
    for path in listed(values, "net.roots", problems) {
        match files::certificates(&path) {
            Ok(found) => roots.extend(found),
            Err((says, fix)) => problems.push(values.problem("net.roots", says, fix)),
        }
    }
    roots
}

/// The engine that `pdp.engine` names.
fn pdp(values: &Values, problems: &mut Vec<Problem>) -> Option<Arc<dyn DecisionPoint>> {
    match values.text("pdp.engine") {
        #[cfg(feature = "cedar")]
        "cedar" => cedar(values, problems),
        other => {
            let says = format!("the engine `{other}` is not built into this program");
            problems.push(values.problem("pdp.engine", says, "Build with `--features cedar`"));
            None
        }
    }
}

#[cfg(feature = "cedar")]
fn cedar(values: &Values, problems: &mut Vec<Problem>) -> Option<Arc<dyn DecisionPoint>> {
    use crate::pdp::cedar::{Cedar, Fault, PolicyFile};

    let before = problems.len();
    let mut read = |path: &Path, key: &str| match files::text(path) {
        Ok(text) => Some(PolicyFile { name: path.display().to_string(), text }),
        Err((says, fix)) => {
            problems.push(values.problem(key, says, fix));
            None
        }
    };
    let schema = read(&values.path("pdp.schema"), "pdp.schema");
    let listed = files::list(&values.path("pdp.policies"), "*.cedar");
    let policies: Vec<PolicyFile> = match &listed {
        Ok(paths) => paths.iter().filter_map(|path| read(path, "pdp.policies")).collect(),
        Err(_) => Vec::new(),
    };
    if let Err((says, fix)) = listed {
        problems.push(values.problem("pdp.policies", says, fix));
    }
    let schema = schema?;
    let problem = |fault: Fault| {
        let text = policies.iter().chain([&schema]).find(|file| file.name == fault.file).map(|file| file.text.clone());
        let source = source_text(Path::new(&fault.file), text.unwrap_or_default());
        let place = Place::new(&source, fault.span.unwrap_or(0..0));
        Problem::new(fault.says, capital(&fault.fix)).at(Some(place))
    };
    match Cedar::load(&schema, &policies) {
        Err(faults) => {
            problems.extend(faults.into_iter().map(problem));
            None
        }
        Ok((engine, warnings)) => {
            problems.extend(warnings.into_iter().map(|fault| problem(fault).warning()));
            if engine.is_empty() && problems.len() == before {
                let fix = "Write a policy that permits something; `vidimus init` has examples";
                problems
                    .push(values.problem("pdp.policies", "there is no policy: every request is denied", fix).warning());
            }
            Some(Arc::new(engine))
        }
    }
}

fn attributes(values: &Values, problems: &mut Vec<Problem>) -> Vec<Arc<dyn AttributeSource>> {
    let Some(path) = values.optional_path("attributes.file") else { return Vec::new() };
    let text = match files::text(&path) {
        Ok(text) => text,
        Err((says, fix)) => {
            problems.push(values.problem("attributes.file", says, fix));
            return Vec::new();
        }
    };
    match StaticSource::read("static", &text) {
        Ok(source) => vec![Arc::new(source)],
        Err(fault) => {
            let source = source_text(&path, text);
            let place = fault.span.map(|span| Place::new(&source, span));
            let fix = "Write `[[\"cbe:0206731645\"]]`, then `type = \"…\"` and `values = [\"…\"]`";
            problems.push(Problem::new(fault.says, fix).at(place));
            Vec::new()
        }
    }
}

/// The registry files, and ourselves: assertions that we issued come back to us.
fn registry(
    values: &Values,
    doors: &[SoapDoor],
    own: &own_keys::OwnKeys,
    now: Time,
    problems: &mut Vec<Problem>,
) -> Option<Registry> {
    let issuer = values.text("issuer").to_owned();
    let mut audiences = vec![issuer.clone(), token_endpoint(values)];
    audiences.extend(doors.iter().map(|door| door.endpoint.clone()));
    audiences.dedup();
    let paths = listed(values, "registry.files", problems);
    let clock = (now, values.integer("registry.exception_warning_days"));
    let mut reader = registry_files::Reader::new(&values.dir, clock, &own.used, &audiences, problems);
    paths.iter().for_each(|path| reader.read(path));
    let mut entries = reader.entries;
    let most = Duration::from_secs(values.integer("oauth.maximum_lifetime_seconds"));
    for service in &mut entries.services {
        service.access_token_lifetime = service.access_token_lifetime.min(most);
    }
    if let Some(store) = &own.store {
        let public_keys = store.published(KeyPurpose::Assertions).into_iter().map(|handle| handle.spki).collect();
        entries.issuers.push(TokenIssuer { ours: true, ..TokenIssuer::new(issuer, public_keys, audiences) });
    }
    if problems.iter().any(|problem| !problem.warning) {
        return None;
    }
    match Registry::new(entries.senders, entries.services, entries.issuers) {
        Ok(registry) => Some(registry),
        // each of these has been found above, with its place
        Err(ambiguous) => {
            problems
                .push(Problem::new(format!("the registry is ambiguous: {ambiguous:?}"), "Leave one of the two out"));
            None
        }
    }
}

/// The files of a setting that is a list of patterns.
fn listed(values: &Values, key: &str, problems: &mut Vec<Problem>) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    for pattern in values.texts(key) {
        match files::list(&values.dir, pattern) {
            Ok(found) => paths.extend(found),
            Err((says, fix)) => problems.push(values.problem(key, says, fix)),
        }
    }
    paths
}

fn capital(text: &str) -> String {
    let mut rest = text.chars();
    rest.next().map(|first| first.to_uppercase().chain(rest).collect()).unwrap_or_default()
}

/// The path of the token endpoint.
pub const TOKEN_PATH: &str = "/oauth2/token";

#[cfg(test)]
mod tests;
