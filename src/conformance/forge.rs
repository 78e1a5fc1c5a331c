//! FORGE: a message out of a recipe.
//!
//! - in: a [`Recipe`], the [`Keys`], the clock, the [`Target`]
//! - out: the bytes to send; the same ones each time, since ids, times, keys and the salts of PSS are
//!   given (an ECDSA signature value differs, nothing else)
//!
//! Template, filled; edited (`first`); signed; edited (`then`). A template that brings its own
//! `ds:Signature`, with empty `DigestValue`s and an empty `SignatureValue`, gets them filled, so
//! that it can have the shape of any stack; otherwise `sign.parts` makes one.
//!
//! It writes signatures and judges none: it shares the canonical form with the verifier, and
//! nothing else.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

use super::edits::{self, Edit};
use super::keys::Keys;
use super::raw_rsa::Padding;
use super::signature;
pub use super::signature::KeyReference;
use super::template::Scope;
use crate::model::Time;

/// How a message is made.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Recipe {
    /// The template, a file in the corpus's folder.
    pub from: Option<String>,
    /// Values for the template's placeholders.
    pub values: BTreeMap<String, String>,
    /// Values that are forged themselves: an assertion inside a message.
    pub tokens: BTreeMap<String, Recipe>,
    /// Edits before signing.
    pub first: Vec<Edit>,
    pub sign: Option<Sign>,
    /// Edits after signing.
    pub then: Vec<Edit>,
}

/// Who signs what, and how.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sign {
    pub key: Option<String>,
    /// What is covered: `Body`, `Timestamp`, `BinarySecurityToken`, `Assertion`, `STR`, `To`, `Action`, … or a
    /// URI as it is (`#nobody`). Not needed when the template brings its signature.
    pub parts: Option<Vec<String>>,
    /// The URI of the signature method, or its short name (`rsa-sha256`).
    pub algorithm: Option<String>,
    /// The URI of the digest method, or its short name (`sha256`).
    pub digest: Option<String>,
    pub key_reference: Option<KeyReference>,
    /// The URI of the canonicalisation of SignedInfo and of each reference; exclusive unless said.
    pub c14n: Option<String>,
    /// What stands inside `ds:SignatureMethod`.
    pub parameters: Option<String>,
    /// How RSA pads, where it is not as the algorithm says.
    pub padding: Option<Padding>,
    /// Base64 of the signature value in lines: `lf` or `crlf`.
    pub fold: Option<Fold>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fold {
    Lf,
    /// As Santuario does: `&#13;` and a line feed.
    Crlf,
}

/// Where the message goes, and what is known from earlier steps.
#[derive(Debug, Clone, Default)]
pub struct Target {
    /// The endpoint's address, for `wsa:To` and `aud`.
    pub endpoint: String,
    /// `step1.token` and the like.
    pub values: BTreeMap<String, String>,
    /// The corpus's folder, where templates are.
    pub folder: PathBuf,
}

impl Recipe {
    /// This recipe with what `change` says otherwise: values and tokens one by one, edits added.
    pub fn changed(&self, change: &Self) -> Self {
        let mut recipe = self.clone();
        if change.from.is_some() {
            recipe.from.clone_from(&change.from);
        }
        recipe.values.extend(change.values.clone());
        for (name, token) in &change.tokens {
            let changed = recipe.tokens.get(name).map_or_else(|| token.clone(), |honest| honest.changed(token));
            recipe.tokens.insert(name.clone(), changed);
        }
        recipe.first.extend(change.first.clone());
        recipe.then.extend(change.then.clone());
        if let Some(sign) = &change.sign {
            recipe.sign = Some(recipe.sign.unwrap_or_default().changed(sign));
        }
        recipe
    }
}

impl Sign {
    fn changed(self, change: &Self) -> Self {
        let change = change.clone();
        Self {
            key: change.key.or(self.key),
            parts: change.parts.or(self.parts),
            algorithm: change.algorithm.or(self.algorithm),
            digest: change.digest.or(self.digest),
            key_reference: change.key_reference.or(self.key_reference),
            c14n: change.c14n.or(self.c14n),
            parameters: change.parameters.or(self.parameters),
            padding: change.padding.or(self.padding),
            fold: change.fold.or(self.fold),
        }
    }
}

/// Makes the message.
///
/// # Errors
/// What is missing: a template, a key, a value, a place.
pub fn forge(recipe: &Recipe, keys: &Keys, clock: Time, target: &Target) -> Result<Vec<u8>, String> {
    forged(recipe, keys, clock, target, 0).map(String::into_bytes)
}

fn forged(recipe: &Recipe, keys: &Keys, clock: Time, target: &Target, depth: usize) -> Result<String, String> {
    if depth > DEEPEST {
        return Err("tokens inside tokens without end".into());
    }
    let mut tokens = BTreeMap::new();
    for (name, token) in &recipe.tokens {
        let made = forged(token, keys, clock, target, depth + 1).map_err(|why| format!("token `{name}`: {why}"))?;
        tokens.insert(name.as_str(), made);
    }
    let value = |name: &str| {
        let own = recipe.values.get(name).or_else(|| tokens.get(name));
        own.or_else(|| target.values.get(name)).cloned()
    };
    let sign = recipe.sign.clone().unwrap_or_default();
    let scope = Scope {
        keys,
        signer: sign.key.as_deref(),
        clock,
        endpoint: &target.endpoint,
        folder: &target.folder,
        value: &value,
    };
    let template = recipe.from.as_deref().ok_or("a recipe needs `from`")?;
    let text = scope.file(template)?;
    let text = edits::apply(&text, &filled(&recipe.first, &scope)?)?;
    let text = if recipe.sign.is_some() { signature::sign(&text, &sign, &scope)? } else { text };
    edits::apply(&text, &filled(&recipe.then, &scope)?)
}

/// Edits with their placeholders filled.
fn filled(edits: &[Edit], scope: &Scope<'_>) -> Result<Vec<Edit>, String> {
    let fill = |edit: &Edit| {
        Ok(match edit.clone() {
            Edit::Set { at, to } => Edit::Set { at, to: scope.fill(&to)? },
            Edit::Insert { text, place } => Edit::Insert { text: scope.fill(&text)?, place },
            other => other,
        })
    };
    edits.iter().map(fill).collect()
}

/// How deep tokens may hold tokens.
const DEEPEST: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::xml::{Document, Limits};

    fn made(recipe: &str) -> Result<String, String> {
        let recipe: Recipe = toml::from_str(recipe).map_err(|error| error.to_string())?;
        let target = Target {
            endpoint: "https://sts.example/sts/oasis".into(),
            folder: "conformance".into(),
            ..Target::default()
        };
        let clock = "2026-03-01T12:00:00Z".parse().unwrap();
        let bytes = forge(&recipe, &Keys::open("keys"), clock, &target)?;
        String::from_utf8(bytes).map_err(|error| error.to_string())
    }

    const ISSUE: &str = "from = \"parts/issue.xml\"\nsign = {key = \"hospital\", parts = [\"Body\", \"Timestamp\"]}";

    #[test]
    fn makes_the_same_bytes_again() {
        let message = made(ISSUE).unwrap();
        assert_eq!(made(ISSUE).unwrap(), message);
        Document::parse(message, &Limits::default()).unwrap();
    }

    #[test]
    fn an_edit_after_signing_leaves_the_signature_as_it_was() {
        let honest = made(ISSUE).unwrap();
        let edited = made(&format!("{ISSUE}\nthen = [{{flip = \"//wst:TokenType\"}}]")).unwrap();
        assert_eq!(honest.len(), edited.len());
        assert_eq!(honest.bytes().zip(edited.bytes()).filter(|(a, b)| a != b).count(), 1);
    }

    #[test]
    fn an_edit_before_signing_is_signed() {
        let honest = made(ISSUE).unwrap();
        let edited = made(&format!("{ISSUE}\nfirst = [{{flip = \"//wst:TokenType\"}}]")).unwrap();
        assert!(honest.bytes().zip(edited.bytes()).filter(|(a, b)| a != b).count() > 100);
    }

    #[test]
    fn says_what_is_missing() {
        assert!(made("").unwrap_err().contains("from"));
        assert!(
            made("from = \"parts/issue.xml\"\nsign = {key = \"nobody\", parts = []}").unwrap_err().contains("nobody")
        );
    }
}
