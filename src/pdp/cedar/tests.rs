//! What the embedded engine answers, refuses to load, and keeps of the contract.

use std::sync::atomic::{AtomicUsize, Ordering};

use chrono::TimeZone;

use super::*;
use crate::model::{Claim, ClaimType, Mandate, MandateId, MandateStatus, Scope, Target, TokenType};
use crate::pdp::contract::{self, World, violations};

const POLICIES: &str = r#"
@id("permit-example")
permit (principal, action == Vidimus::Action::"issue", resource == Vidimus::Service::"urn:example:open")
when { context.scopes.contains("read") };

@id("permit-forbidden")
permit (principal, action, resource == Vidimus::Service::"urn:example:closed");

@id("forbid-closed")
forbid (principal, action, resource == Vidimus::Service::"urn:example:closed");

@id("permit-failing")
permit (principal, action, resource == Vidimus::Service::"urn:example:failing");

@id("forbid-overflow")
forbid (principal, action, resource == Vidimus::Service::"urn:example:failing")
when { context.time.epoch * 9223372036854775807 > 0 };

@id("permit-ten-minutes") @lifetime_cap("600")
permit (principal, action, resource == Vidimus::Service::"urn:example:capped");

@id("permit-five-minutes") @lifetime_cap("300")
permit (principal, action, resource == Vidimus::Service::"urn:example:capped");

@id("permit-represented")
permit (principal, action, resource == Vidimus::Service::"urn:example:represented")
when { context has on_behalf_of && context has mandate && context.mandate.type == "dmfa" &&
       context.mandate.grantor == context.on_behalf_of && context.mandate.version >= 2 };

@id("permit-sector")
permit (principal == Vidimus::Party::"cbe:0206731645", action, resource == Vidimus::Service::"urn:example:sector")
when { principal.hasTag("urn:example:sector") && principal.getTag("urn:example:sector").contains("health") &&
       principal.name == "example" && context.time.weekday == 7 && context.time.hour == 16 };
"#;

fn file(name: &str, text: &str) -> PolicyFile {
    PolicyFile { name: name.to_owned(), text: text.to_owned() }
}

fn load(policies: &str) -> Result<(Cedar, Vec<Fault>), Vec<Fault>> {
    Cedar::load(&file("vidimus.cedarschema", SCHEMA), &[file("policies.cedar", policies)])
}

fn engine() -> Cedar {
    let (engine, warnings) = load(POLICIES).unwrap();
    assert_eq!(warnings, []);
    engine
}

fn query(audience: &str) -> Query {
    Query {
        requester: "cbe:0206731645".parse().unwrap(),
        requester_name: "example".to_owned(),
        means: "x509-signature",
        action: "issue",
        target: Target(audience.to_owned()),
        token_type: TokenType::Saml2,
        scope: Scope(vec!["read".to_owned()]),
        on_behalf_of: None,
        mandate: None,
        claims: Vec::new(),
        at: chrono::Utc.with_ymd_and_hms(2026, 11, 22, 16, 0, 0).unwrap(),
    }
}

fn world(engine: &dyn DecisionPoint) -> World<'_> {
    World {
        engine,
        permitted: (query("urn:example:open"), "permit-example"),
        forbidden: (query("urn:example:closed"), "forbid-closed"),
        unheard_of: query("urn:example:unheard-of"),
        failing: query("urn:example:failing"),
        capped: (query("urn:example:capped"), 300),
        not_quite: Query { scope: Scope::default(), ..query("urn:example:open") },
    }
}

#[tokio::test]
async fn keeps_the_contract() {
    assert_eq!(violations(&world(&engine())).await, Vec::<&str>::new());
}

/// Cedar, with one rule broken.
#[derive(Debug)]
struct Broken {
    engine: Cedar,
    rule: &'static str,
    asked: AtomicUsize,
}

#[async_trait]
impl DecisionPoint for Broken {
    fn name(&self) -> &str {
        "broken"
    }

    async fn evaluate(&self, query: &Query) -> Result<Decision, PdpError> {
        let (audience, readable) = (query.target.0.as_str(), !query.scope.is_empty());
        let (open, closed) = (audience == "urn:example:open" && readable, audience == "urn:example:closed");
        let unheard_of = audience == "urn:example:unheard-of";
        let decision = self.engine.decide(query);
        let or_permit = |decision: Result<Decision, PdpError>| {
            Ok(decision.unwrap_or(Decision { effect: Effect::Permit, policies: Vec::new(), lifetime_cap: None }))
        };
        if self.rule == contract::ERROR_IS_ERROR {
            return or_permit(decision);
        }
        let mut decision = decision?;
        match self.rule {
            contract::PERMITS if open => decision.effect = Effect::Deny,
            contract::NAMES_PERMIT if open => decision.policies.clear(),
            contract::CAPS_ONLY_WHEN_ASKED if open => decision.lifetime_cap = Some(60),
            contract::FORBID_WINS if closed => decision.effect = Effect::Permit,
            contract::NAMES_FORBID if closed => decision.policies.push("permit-forbidden".to_owned()),
            contract::SILENCE_DENIES if unheard_of => decision.effect = Effect::Permit,
            contract::SILENCE_NAMES_NOBODY if unheard_of => decision.policies.push("default".to_owned()),
            contract::SMALLEST_CAP => decision.lifetime_cap = decision.lifetime_cap.map(|_| 600),
            contract::READS_THE_FACTS if !readable => decision.effect = Effect::Permit,
            contract::REMEMBERS_NOTHING if open && self.asked.fetch_add(1, Ordering::Relaxed) > 0 => {
                decision.effect = Effect::Deny;
            }
            _ => {}
        }
        Ok(decision)
    }
}

#[tokio::test]
async fn each_rule_of_the_contract_catches_the_engine_that_breaks_it() {
    for rule in contract::RULES {
        let broken = Broken { engine: engine(), rule, asked: AtomicUsize::new(0) };
        assert_eq!(violations(&world(&broken)).await, [*rule]);
    }
}

fn effect(query: &Query) -> Effect {
    engine().decide(query).unwrap().effect
}

#[test]
fn a_mandate_is_seen_with_its_type_grantor_and_version() {
    let at = query("").at;
    let mandate = Mandate {
        id: MandateId(7),
        version: 2,
        grantor: "sender:006400".parse().unwrap(),
        grantee: "cbe:0206731645".parse().unwrap(),
        mandate_type: "dmfa".to_owned(),
        status: MandateStatus::Active,
        valid_from: at,
        valid_until: None,
        created_at: at,
        ended_at: None,
    };
    let represented = Query {
        on_behalf_of: Some(mandate.grantor.clone()),
        mandate: Some(mandate.clone()),
        ..query("urn:example:represented")
    };
    assert_eq!(effect(&represented), Effect::Permit);
    let other = Mandate { mandate_type: "other".to_owned(), ..mandate.clone() };
    assert_eq!(effect(&Query { mandate: Some(other), ..represented.clone() }), Effect::Deny);
    let older = Mandate { version: 1, ..mandate };
    assert_eq!(effect(&Query { mandate: Some(older), ..represented.clone() }), Effect::Deny);
    assert_eq!(effect(&Query { mandate: None, ..represented }), Effect::Deny);
}

#[test]
fn claims_are_tags_and_those_of_several_sources_are_put_together() {
    let claim = |value: &str, source: &str| Claim {
        claim_type: ClaimType("urn:example:sector".to_owned()),
        values: vec![value.to_owned()],
        source: source.to_owned(),
    };
    let health = Query { claims: vec![claim("health", "a"), claim("tax", "b")], ..query("urn:example:sector") };
    assert_eq!(effect(&health), Effect::Permit);
    assert_eq!(effect(&Query { claims: vec![claim("tax", "b")], ..health.clone() }), Effect::Deny);
    assert_eq!(effect(&Query { requester: "sender:006400".parse().unwrap(), ..health }), Effect::Deny);
}

/// The one fault of a policy, and the text that its span marks.
fn refused(policy: &str) -> (String, String, String) {
    let faults = load(policy).unwrap_err();
    let [fault] = faults.as_slice() else { panic!("{faults:?}") };
    let marked = fault.span.clone().map(|span| policy[span].to_owned()).unwrap_or_default();
    (fault.says.clone(), marked, fault.fix.clone())
}

#[test]
fn a_policy_with_a_wrong_name_is_refused_where_it_stands() {
    let (says, marked, fix) =
        refused("permit (principal, action, resource) when { context.token_tpye == \"saml2.0\" };");
    assert!(says.contains("token_tpye"), "{says}");
    assert!(marked.contains("token_tpye"), "{marked}");
    assert!(fix.contains("token_type"), "{fix}");
}

#[test]
fn a_policy_that_trusts_an_optional_fact_is_refused() {
    let (says, marked, _) = refused("permit (principal, action, resource) when { context.mandate.type == \"dmfa\" };");
    assert!(says.contains("mandate"), "{says}");
    assert!(marked.contains("context.mandate"), "{marked}");
}

#[test]
fn a_policy_with_wrong_syntax_is_refused_where_it_stands() {
    let (_, marked, _) = refused("permit (principal, action, resource) whne { true };");
    assert_eq!(marked, "whne");
}

#[test]
fn an_obligation_that_nobody_would_meet_is_refused() {
    let (says, marked, fix) = refused("@lifetime_cpa(\"300\") permit (principal, action, resource);");
    assert!(says.contains("@lifetime_cpa") && fix.contains("@lifetime_cap"), "{says} {fix}");
    assert!(marked.contains("@lifetime_cpa"), "{marked}");
    let (says, ..) = refused("@lifetime_cap(\"5m\") permit (principal, action, resource);");
    assert!(says.contains("no number of seconds"), "{says}");
    let (says, ..) = refused("@lifetime_cap(\"300\") forbid (principal, action, resource);");
    assert!(says.contains("caps nothing"), "{says}");
}

#[test]
fn two_policies_with_one_id_are_refused() {
    let (says, ..) =
        refused("@id(\"a\") permit (principal, action, resource); @id(\"a\") forbid (principal, action, resource);");
    assert!(says.contains("`a` is taken"), "{says}");
}

#[test]
fn a_template_is_refused() {
    let (says, ..) = refused("permit (principal == ?principal, action, resource);");
    assert!(says.contains("template"), "{says}");
}

#[test]
fn a_schema_without_room_for_our_questions_is_refused() {
    let narrow = SCHEMA.replace("means: String,", "");
    let faults = Cedar::load(&file("schema", &narrow), &[]).unwrap_err();
    assert!(faults.iter().any(|fault| fault.says.contains("does not fit the schema")), "{faults:?}");
}

#[test]
fn a_policy_without_id_is_named_by_file_and_number() {
    let text = "forbid (principal, action, resource) when { false };\npermit (principal, action, resource);";
    let (engine, _) = load(text).unwrap();
    assert_eq!(engine.decide(&query("urn:any")).unwrap().policies, ["policies.cedar#2"]);
}

#[test]
fn no_policies_deny_everything() {
    let (engine, _) = Cedar::load(&file("schema", SCHEMA), &[]).unwrap();
    assert!(engine.is_empty());
    assert_eq!(engine.decide(&query("urn:example:open")).unwrap().effect, Effect::Deny);
}
