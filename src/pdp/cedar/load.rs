//! Reads schema and policies, and refuses what could surprise later.

use std::collections::HashMap;
use std::str::FromStr;

use cedar_policy::{Effect, Entities, Policy, PolicyId, PolicySet, Schema, ValidationMode, Validator};
use miette::Diagnostic;

use super::question::Question;
use super::{Fault, Obligation, PolicyFile};
use crate::model::{
    Claim, ClaimType, Mandate, MandateId, MandateStatus, PartyId, Query, Scope, Target, Time, TokenType,
};

pub(super) struct Loaded {
    pub schema: Schema,
    pub policies: PolicySet,
    pub obligations: HashMap<PolicyId, Obligation>,
    pub actions: Entities,
    pub warnings: Vec<Fault>,
}

pub(super) fn load(schema_file: &PolicyFile, files: &[PolicyFile]) -> Result<Loaded, Vec<Fault>> {
    let (schema, schema_warnings) =
        Schema::from_cedarschema_str(&schema_file.text).map_err(|error| vec![fault(&schema_file.name, &error)])?;
    let warnings = schema_warnings.map(|warning| fault(&schema_file.name, &warning)).collect();
    let actions =
        schema.action_entities().map_err(|error| vec![plain(&schema_file.name, error.to_string(), String::new())])?;
    probe(&schema, &actions).map_err(|says| vec![plain(&schema_file.name, says, SCHEMA_FIX.to_owned())])?;
    let validator = Validator::new(schema.clone());
    let mut loaded = Loaded { schema, policies: PolicySet::new(), obligations: HashMap::new(), actions, warnings };
    let mut owners = HashMap::new();
    let mut faults = Vec::new();
    for file in files {
        faults.extend(read(file, &validator, &mut loaded, &mut owners));
    }
    if faults.is_empty() { Ok(loaded) } else { Err(faults) }
}

/// Adds the policies of one file; gives its faults.
fn read(
    file: &PolicyFile,
    validator: &Validator,
    loaded: &mut Loaded,
    owners: &mut HashMap<PolicyId, String>,
) -> Vec<Fault> {
    let set = match PolicySet::from_str(&file.text) {
        Ok(set) => set,
        Err(errors) => return errors.iter().map(|error| fault(&file.name, error)).collect(),
    };
    if set.num_of_templates() > 0 {
        let says = "a template (`?principal`, `?resource`) is linked to nobody and would never apply".to_owned();
        return vec![plain(&file.name, says, "Write the party or service where the `?` stands".to_owned())];
    }
    let validated = validator.validate(&set, ValidationMode::Strict);
    loaded.warnings.extend(validated.validation_warnings().map(|warning| fault(&file.name, warning)));
    // One mistake is found once for each action that the policy may speak of: say it once.
    let mut faults: Vec<Fault> = validated.validation_errors().map(|error| fault(&file.name, error)).collect();
    faults.sort_by_key(|fault| (fault.span.as_ref().map(|span| span.start), fault.says.clone()));
    faults.dedup_by(|second, first| second.span.is_some() && second.span == first.span);
    for policy in set.policies() {
        let named = policy.new_id(name_of(policy, file));
        match obligation_of(&named) {
            Ok(obligation) => {
                loaded.obligations.insert(named.id().clone(), obligation);
            }
            Err((says, fix)) => faults.push(plain_at(file, policy, says, fix)),
        }
        if let Some(first) = owners.insert(named.id().clone(), file.name.clone()) {
            let says = format!("the id `{}` is taken by another policy, in {first}", named.id());
            faults.push(plain_at(file, policy, says, "Give each policy an `@id` of its own".to_owned()));
        } else if let Err(error) = loaded.policies.add(named) {
            faults.push(plain_at(file, policy, error.to_string(), String::new()));
        }
    }
    faults
}

/// `@id("…")`, or the file's name and the policy's number in it.
fn name_of(policy: &Policy, file: &PolicyFile) -> PolicyId {
    match policy.annotation("id").filter(|id| !id.is_empty()) {
        Some(id) => PolicyId::new(id),
        None => {
            let number = policy.id().to_string().trim_start_matches("policy").parse::<usize>().unwrap_or(0) + 1;
            PolicyId::new(format!("{}#{number}", file.name))
        }
    }
}

/// What the annotations ask. An annotation that we do not know might be a condition that somebody
/// relies on: refused.
fn obligation_of(policy: &Policy) -> Result<Obligation, (String, String)> {
    let mut obligation = Obligation::default();
    for (name, value) in policy.annotations() {
        match name {
            "id" | "description" => {}
            "lifetime_cap" if policy.effect() == Effect::Forbid => {
                let says = "`@lifetime_cap` on a `forbid` caps nothing".to_owned();
                return Err((says, "Put it on a `permit`".to_owned()));
            }
            "lifetime_cap" => match value.parse::<u64>() {
                Ok(seconds) if seconds > 0 => obligation.lifetime_cap = Some(seconds),
                _ => {
                    let says = format!("`@lifetime_cap(\"{value}\")` is no number of seconds");
                    return Err((says, "Write whole seconds, e.g. `@lifetime_cap(\"300\")`".to_owned()));
                }
            },
            other => {
                let says = format!("the annotation `@{other}` means nothing here");
                return Err((says, "Use `@id`, `@description` or `@lifetime_cap`".to_owned()));
            }
        }
    }
    Ok(obligation)
}

/// Asks the fullest and the emptiest question that we ever ask, for each action, so that a schema
/// without room for them is found now and not at the first request.
fn probe(schema: &Schema, actions: &Entities) -> Result<(), String> {
    for action in ["issue", "exchange", "client-credentials"] {
        for full in [true, false] {
            Question::of(&sample(action, full).map_err(|error| error.to_string())?, schema, actions)
                .map_err(|error| error.0)?;
        }
    }
    Ok(())
}

fn sample(action: &'static str, full: bool) -> Result<Query, crate::model::PartyIdError> {
    let party: PartyId = "uri:urn:vidimus:probe".parse()?;
    let at = Time::UNIX_EPOCH;
    let mandate = Mandate {
        id: MandateId(1),
        version: 1,
        grantor: party.clone(),
        grantee: party.clone(),
        mandate_type: "probe".to_owned(),
        status: MandateStatus::Active,
        valid_from: at,
        valid_until: None,
        created_at: at,
        ended_at: None,
    };
    let claim = Claim {
        claim_type: ClaimType("urn:vidimus:probe".to_owned()),
        values: vec!["probe".to_owned()],
        source: "probe".to_owned(),
    };
    Ok(Query {
        requester: party.clone(),
        requester_name: "probe".to_owned(),
        means: "x509-signature",
        action,
        target: Target("urn:vidimus:probe".to_owned()),
        token_type: TokenType::Saml2,
        scope: Scope(if full { vec!["probe".to_owned()] } else { Vec::new() }),
        on_behalf_of: full.then_some(party),
        mandate: full.then_some(mandate),
        claims: if full { vec![claim] } else { Vec::new() },
        at,
    })
}

fn fault(file: &str, found: &dyn Diagnostic) -> Fault {
    let label = found.labels().and_then(|mut labels| labels.next());
    if label.is_none()
        && let Some(inner) = found.related().and_then(|mut related| related.next())
    {
        return fault(file, inner);
    }
    let mut says = found.to_string();
    // The place says which policy; Cedar's number for it is not the operator's.
    if let Some((_, rest)) = says.strip_prefix("for policy `").and_then(|rest| rest.split_once("`, ")) {
        says = rest.to_owned();
    }
    if let Some(text) = label.as_ref().and_then(|label| label.label()) {
        says = format!("{says}: {text}");
    }
    let span = label.map(|label| label.offset()..label.offset() + label.len());
    Fault { file: file.to_owned(), span, says, fix: found.help().map(|help| help.to_string()).unwrap_or_default() }
}

fn plain(file: &str, says: String, fix: String) -> Fault {
    Fault { file: file.to_owned(), span: None, says, fix }
}

/// With the place of the policy, which Cedar keeps as text only.
fn plain_at(file: &PolicyFile, policy: &Policy, says: String, fix: String) -> Fault {
    let text = policy.to_string();
    let span = file.text.find(&text).map(|start| start..start + text.lines().next().unwrap_or_default().len());
    Fault { span, ..plain(&file.name, says, fix) }
}

const SCHEMA_FIX: &str = "Start from the schema that `vidimus init` writes and only add to it";
