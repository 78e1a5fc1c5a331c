//! Claims from a TOML file: what the operator writes down of each party.
//!
//! ```toml
//! [["cbe:0206731645"]]
//! type = "urn:example:sector"
//! values = ["health"]
//! ```
//!
//! In: the file's text, read by `config`. Out: claims with the source's name. Never: a claim about
//! a party that the file does not name; a network; a failure after it was loaded.

use std::collections::HashMap;
use std::ops::Range;

use async_trait::async_trait;
use serde::Deserialize;
use serde_spanned::Spanned;

use super::{AttributeSource, SourceError};
use crate::model::{Claim, ClaimType, PartyId};

/// A file of claims, read once.
#[derive(Debug, Clone, Default)]
pub struct StaticSource {
    name: String,
    claims: HashMap<PartyId, Vec<Claim>>,
}

/// What is wrong with the file, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub span: Option<Range<usize>>,
    pub says: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    #[serde(rename = "type")]
    claim_type: Spanned<String>,
    values: Spanned<Vec<String>>,
}

impl StaticSource {
    /// Reads the file's text. `name` becomes [`Claim::source`].
    ///
    /// # Errors
    /// The first fault: TOML, an identifier with a wrong check digit, a claim without a name or
    /// without values, one party or one claim written twice.
    pub fn read(name: &str, text: &str) -> Result<Self, Fault> {
        // Keys are not sorted and not merged: two spellings of one party must be found.
        let entries: HashMap<Spanned<String>, Vec<Entry>> =
            toml::from_str(text).map_err(|error| Fault { span: error.span(), says: error.message().to_owned() })?;
        let mut source = Self { name: name.to_owned(), claims: HashMap::new() };
        let mut entries: Vec<_> = entries.into_iter().collect();
        entries.sort_by_key(|(party, _)| party.span().start);
        for (party, entries) in entries {
            let at = |says: String| Fault { span: Some(party.span()), says };
            let id: PartyId = party.get_ref().parse().map_err(|error| at(format!("{error}")))?;
            let claims = entries.into_iter().map(|entry| source.claim(entry)).collect::<Result<Vec<_>, _>>()?;
            if source.claims.insert(id.clone(), claims).is_some() {
                return Err(at(format!("`{id}` stands twice: put its claims together")));
            }
        }
        Ok(source)
    }

    /// The number of parties that the file names.
    pub fn parties(&self) -> usize {
        self.claims.len()
    }

    fn claim(&self, entry: Entry) -> Result<Claim, Fault> {
        let Entry { claim_type, values } = entry;
        if claim_type.get_ref().trim().is_empty() {
            return Err(Fault { span: Some(claim_type.span()), says: "a claim's type is a URI".to_owned() });
        }
        if values.get_ref().is_empty() {
            let says = "a claim without values says nothing: name one, or leave the claim out".to_owned();
            return Err(Fault { span: Some(values.span()), says });
        }
        Ok(Claim {
            claim_type: ClaimType(claim_type.into_inner()),
            values: values.into_inner(),
            source: self.name.clone(),
        })
    }
}

#[async_trait]
impl AttributeSource for StaticSource {
    fn name(&self) -> &str {
        &self.name
    }

    async fn claims(&self, of: &PartyId) -> Result<Vec<Claim>, SourceError> {
        Ok(self.claims.get(of).cloned().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::attributes::contract::{self, World, violations};

    const FILE: &str = r#"
        [["cbe:0206.731.645"]]
        type = "urn:example:sector"
        values = ["health", "tax"]

        [["cbe:0206.731.645"]]
        type = "urn:example:level"
        values = ["3"]

        [["sender:006400"]]
        type = "urn:example:sector"
        values = ["work"]
    "#;

    fn world(source: &dyn AttributeSource) -> World<'_> {
        World {
            source,
            known: "cbe:0206731645".parse().unwrap(),
            claims: vec![("urn:example:sector", vec!["health", "tax"]), ("urn:example:level", vec!["3"])],
            other: "sender:006400".parse().unwrap(),
            unknown: "sender:999999".parse().unwrap(),
        }
    }

    fn source() -> StaticSource {
        StaticSource::read("file", FILE).unwrap()
    }

    #[tokio::test]
    async fn keeps_the_contract() {
        assert_eq!(violations(&world(&source())).await, Vec::<&str>::new());
    }

    /// A source with one rule broken.
    #[derive(Debug)]
    struct Broken {
        source: StaticSource,
        rule: &'static str,
        asked: AtomicUsize,
    }

    #[async_trait]
    impl AttributeSource for Broken {
        fn name(&self) -> &str {
            "file"
        }

        async fn claims(&self, of: &PartyId) -> Result<Vec<Claim>, SourceError> {
            let mut claims = self.source.claims(of).await?;
            let (known, unknown) = (claims.len() == 2, claims.is_empty());
            match self.rule {
                contract::TELLS_ALL if known => claims.truncate(1),
                contract::TELLS_NO_MORE if known => claims.push(Claim {
                    claim_type: ClaimType("urn:example:more".to_owned()),
                    values: vec!["more".to_owned()],
                    source: "file".to_owned(),
                }),
                contract::NAMES_ITSELF => claims.iter_mut().for_each(|claim| claim.source = "elsewhere".to_owned()),
                contract::KEEPS_PARTIES_APART if !known && !unknown => {
                    claims = self.source.claims(&"cbe:0206731645".parse().unwrap()).await?;
                }
                contract::UNKNOWN_IS_EMPTY if unknown => return Err(SourceError("not found".to_owned())),
                contract::REMEMBERS_NOTHING if known && self.asked.fetch_add(1, Ordering::Relaxed) > 0 => {
                    claims.clear();
                }
                _ => {}
            }
            Ok(claims)
        }
    }

    #[tokio::test]
    async fn each_rule_of_the_contract_catches_the_source_that_breaks_it() {
        for rule in contract::RULES {
            let broken = Broken { source: source(), rule, asked: AtomicUsize::new(0) };
            assert_eq!(violations(&world(&broken)).await, [*rule]);
        }
    }

    #[test]
    fn a_party_with_a_wrong_digit_is_refused_where_it_stands() {
        let text = FILE.replace("0206.731.645", "0206.731.654");
        let fault = StaticSource::read("file", &text).unwrap_err();
        assert_eq!(&text[fault.span.unwrap()], "\"cbe:0206.731.654\"");
    }

    #[test]
    fn one_party_in_two_spellings_is_refused() {
        let text = FILE.replacen("0206.731.645", "0206731645", 1);
        assert!(StaticSource::read("file", &text).unwrap_err().says.contains("twice"));
    }

    #[test]
    fn a_claim_without_values_is_refused() {
        let fault = StaticSource::read("file", &FILE.replace("[\"3\"]", "[]")).unwrap_err();
        assert!(fault.says.contains("without values"), "{}", fault.says);
    }
}
