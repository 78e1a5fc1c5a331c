//! A [`Query`] in Cedar's words: one principal, one action, one resource, one context. Built as
//! values, never through JSON; no more entities than the question names.

use std::collections::BTreeMap;
use std::str::FromStr;

use cedar_policy::{
    Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, Request, RestrictedExpression, Schema,
};
use chrono::{Datelike, Timelike};

use crate::model::{Mandate, Query, Time};
use crate::pdp::PdpError;

pub(super) struct Question {
    pub request: Request,
    pub entities: Entities,
}

impl Question {
    /// # Errors
    /// When the question does not fit `schema`: the operator's schema lacks something of ours.
    pub fn of(query: &Query, schema: &Schema, actions: &Entities) -> Result<Self, PdpError> {
        let requester = uid(PARTY, &query.requester.to_string())?;
        let service = uid(SERVICE, &query.target.0)?;
        let action = uid(ACTION, query.action)?;
        let context = Context::from_pairs(context(query)?).map_err(unfit)?;
        let party = [
            ("scheme".to_owned(), text(query.requester.scheme().as_str())),
            ("id".to_owned(), text(query.requester.value())),
            ("name".to_owned(), text(&query.requester_name)),
        ];
        let principal = Entity::new_with_tags(requester.clone(), party, [], tags(query)).map_err(unfit)?;
        let resource = Entity::new_with_tags(
            service.clone(),
            [("audience".to_owned(), text(&query.target.0))],
            [],
            std::iter::empty(),
        )
        .map_err(unfit)?;
        let entities = actions.clone().add_entities([principal, resource], None).map_err(unfit)?;
        let request = Request::new(requester, action, service, context, Some(schema)).map_err(unfit)?;
        Ok(Self { request, entities })
    }
}

/// Claims by their URI. What several sources say of one claim is put together: all of them are
/// trusted, or they would not be configured.
fn tags(query: &Query) -> Vec<(String, RestrictedExpression)> {
    let mut claims: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for claim in &query.claims {
        claims.entry(&claim.claim_type.0).or_default().extend(claim.values.iter().map(String::as_str));
    }
    claims.into_iter().map(|(name, values)| (name.to_owned(), set(values))).collect()
}

fn context(query: &Query) -> Result<Vec<(String, RestrictedExpression)>, PdpError> {
    let mut facts = vec![
        ("token_type".to_owned(), text(query.token_type.as_str())),
        ("scopes".to_owned(), set(query.scope.0.iter().map(String::as_str))),
        ("means".to_owned(), text(query.means)),
        ("time".to_owned(), moment(query.at)?),
    ];
    if let Some(party) = &query.on_behalf_of {
        facts.push(("on_behalf_of".to_owned(), text(&party.to_string())));
    }
    if let Some(mandate) = &query.mandate {
        facts.push(("mandate".to_owned(), mandate_record(mandate)?));
    }
    Ok(facts)
}

fn mandate_record(mandate: &Mandate) -> Result<RestrictedExpression, PdpError> {
    let long = |value: u64| i64::try_from(value).map(RestrictedExpression::new_long).map_err(unfit);
    RestrictedExpression::new_record([
        ("id".to_owned(), long(mandate.id.0)?),
        ("version".to_owned(), long(mandate.version)?),
        ("type".to_owned(), text(&mandate.mandate_type)),
        ("grantor".to_owned(), text(&mandate.grantor.to_string())),
    ])
    .map_err(unfit)
}

fn moment(at: Time) -> Result<RestrictedExpression, PdpError> {
    RestrictedExpression::new_record([
        ("epoch".to_owned(), RestrictedExpression::new_long(at.timestamp())),
        ("hour".to_owned(), RestrictedExpression::new_long(at.hour().into())),
        ("weekday".to_owned(), RestrictedExpression::new_long(at.weekday().number_from_monday().into())),
    ])
    .map_err(unfit)
}

fn uid(type_name: &str, id: &str) -> Result<EntityUid, PdpError> {
    let type_name = EntityTypeName::from_str(type_name).map_err(unfit)?;
    Ok(EntityUid::from_type_name_and_id(type_name, EntityId::new(id)))
}

fn text(value: &str) -> RestrictedExpression {
    RestrictedExpression::new_string(value.to_owned())
}

fn set<'a>(values: impl IntoIterator<Item = &'a str>) -> RestrictedExpression {
    RestrictedExpression::new_set(values.into_iter().map(text))
}

fn unfit(error: impl std::fmt::Display) -> PdpError {
    PdpError(format!("the question does not fit the schema: {error}"))
}

const PARTY: &str = "Vidimus::Party";
const SERVICE: &str = "Vidimus::Service";
const ACTION: &str = "Vidimus::Action";
