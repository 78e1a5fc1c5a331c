//! Why does a digest differ? Tries what usually happens to an element between signing and sending,
//! and says which of it gives the digest that the message has.
//!
//! Only on the command line: a search costs time, and helps the sender alone (`rules.md` 7.3). A
//! cause that fits is certain: SHA-2 does not fit by chance.

use serde::Serialize;

use super::candidates::{self, Candidate, Effect};
use super::canonical::{Form, canonical};
use super::hash::{self, Hash};
use super::signature::{Reference, Signature, short};
use super::tree::{NodeId, Tree};
use crate::wire::base64;
use crate::wire::hex;

/// What a search found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cause {
    /// What fits, for programs: `line-ends-cr-lf`.
    pub found: Vec<&'static str>,
    /// A sentence: under which condition it matches, and how that comes about.
    pub says: String,
    /// What to change, as an imperative.
    pub fix: String,
}

/// A search and what it cost.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Search {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
    /// How many forms were digested.
    pub tried: usize,
    /// The work was more than is done: further combinations were not tried.
    pub cut: bool,
}

/// Searches the cause of a digest that differs.
pub fn digest(tree: &Tree, signature: &Signature, reference: &Reference) -> Search {
    let (Ok(element), Ok(form)) = (&reference.target, &reference.form) else { return Search::default() };
    if reference.digest_value.trim().is_empty() {
        let (says, fix) = ("its DigestValue is empty: nobody computed it", "Sign the message: this is a template");
        let cause = Cause { found: vec!["digest-value-form"], says: says.to_owned(), fix: fix.to_owned() };
        return Search { cause: Some(cause), ..Search::default() };
    }
    let Some(wanted) = Wanted::read(reference) else {
        let says = format!(
            "the DigestValue `{}` is no digest: neither base64 nor hexadecimal of 20, 32, 48 or 64 bytes",
            shortened(&reference.digest_value)
        );
        let fix = "Write the digest as base64 of its bytes".to_owned();
        return Search { cause: Some(Cause { found: vec!["digest-value-form"], says, fix }), ..Search::default() };
    };
    let mut search = Hunt {
        tree,
        element: *element,
        wanted,
        left: MOST_OCTETS / signature.references.len().max(1),
        search: Search::default(),
    };
    search.run(form, signature);
    search.search
}

/// The digest that is looked for.
struct Wanted {
    value: Vec<u8>,
    hash: Hash,
    /// What is odd about how it is written, or which algorithm it is.
    oddity: Option<Cause>,
}

impl Wanted {
    fn read(reference: &Reference) -> Option<Self> {
        let text: String = reference.digest_value.split_whitespace().collect();
        let (value, written) = [
            (hexadecimal(text.as_bytes()), "in hexadecimal"),
            (base64::decode_xml(&text).ok().and_then(|bytes| hexadecimal(&bytes)), "as base64 of hexadecimal letters"),
            (base64::decode_xml(&text).ok().filter(|bytes| Hash::of_length(bytes.len()).is_some()), ""),
            (
                base64::decode_url(text.trim_end_matches('='))
                    .ok()
                    .filter(|bytes| Hash::of_length(bytes.len()).is_some()),
                "in base64url",
            ),
        ]
        .into_iter()
        .find_map(|(value, written)| value.map(|value| (value, written)))?;
        let hash = Hash::of_length(value.len())?;
        let declared = reference.declared();
        let oddity = if !written.is_empty() {
            Some(Cause {
                found: vec!["digest-encoding"],
                says: format!("its DigestValue is written {written}"),
                fix: "Write DigestValue as base64 of the digest's bytes".to_owned(),
            })
        } else if declared.is_some_and(|declared| declared != hash) {
            Some(Cause {
                found: vec!["digest-algorithm"],
                says: format!(
                    "its DigestValue has {} bytes, so it was made with {}, and the message says {}",
                    value.len(),
                    hash.name(),
                    short(&reference.digest_method)
                ),
                fix: format!("Digest with the algorithm that DigestMethod names: {}", short(&reference.digest_method)),
            })
        } else {
            None
        };
        Some(Self { value, hash, oddity })
    }
}

/// Bytes that are written as hexadecimal letters, as many as a digest has.
fn hexadecimal(letters: &[u8]) -> Option<Vec<u8>> {
    let octets = hex::decode(std::str::from_utf8(letters).ok()?)?;
    Hash::of_length(octets.len()).map(|_| octets)
}

struct Hunt<'t> {
    tree: &'t Tree,
    element: NodeId,
    wanted: Wanted,
    /// Octets that may still be digested.
    left: usize,
    search: Search,
}

impl Hunt<'_> {
    fn run(&mut self, form: &Form, signature: &Signature) {
        if self.fits_form(self.element, form) {
            self.found(Vec::new());
            return;
        }
        let candidates = candidates::of(self.tree, self.element, form, signature.node);
        if self.one(&candidates, form) || self.elsewhere(form) {
            return;
        }
        self.two(&candidates, form);
    }

    /// One thing happened.
    fn one(&mut self, candidates: &[Candidate], form: &Form) -> bool {
        for candidate in candidates {
            if self.fits_with(form, &[candidate]) {
                self.found(vec![candidate]);
                return true;
            }
        }
        false
    }

    /// Another element of the message has this digest.
    fn elsewhere(&mut self, form: &Form) -> bool {
        let others: Vec<NodeId> = self.tree.elements().filter(|id| *id != self.element).take(MOST_ELEMENTS).collect();
        for other in others {
            let plain = Form { token: false, omit: None, ..form.clone() };
            if self.fits_form(other, &plain) {
                let (this, that) = (self.tree.path(self.element), self.tree.path(other));
                self.search.cause = Some(Cause {
                    found: vec!["another-element"],
                    says: format!(
                        "the digest is that of another element of this message, {that}, and not of {this}: the id stands on another element than the one that was digested"
                    ),
                    fix: format!("Put the id on the element that is digested, or digest {this}"),
                });
                return true;
            }
        }
        false
    }

    /// Two things happened; the first of them changes the form.
    fn two(&mut self, candidates: &[Candidate], form: &Form) {
        for (index, first) in
            candidates.iter().enumerate().filter(|(_, first)| !matches!(first.effect, Effect::Text(_)))
        {
            for (other, second) in candidates.iter().enumerate() {
                let repeats = other == index || (other < index && !matches!(second.effect, Effect::Text(_)));
                let undone = matches!(first.effect, Effect::Written) && !matches!(second.effect, Effect::Text(_));
                if repeats || undone || matches!(second.effect, Effect::Written) {
                    continue;
                }
                if self.left == 0 {
                    self.search.cut = true;
                    return;
                }
                if self.fits_with(form, &[first, second]) {
                    self.found(vec![first, second]);
                    return;
                }
            }
        }
        let texts = || candidates.iter().filter(|candidate| matches!(candidate.effect, Effect::Text(_)));
        for (first, second) in texts().flat_map(|first| texts().map(move |second| (first, second))) {
            if self.left == 0 {
                self.search.cut = true;
                return;
            }
            if first.name != second.name && self.fits_with(form, &[first, second]) {
                self.found(vec![first, second]);
                return;
            }
        }
    }

    fn fits_form(&mut self, element: NodeId, form: &Form) -> bool {
        canonical(self.tree, element, form).is_some_and(|octets| self.fits(octets.as_bytes()))
    }

    fn fits_with(&mut self, form: &Form, candidates: &[&Candidate]) -> bool {
        applied(self.tree, self.element, form, candidates).is_some_and(|octets| self.fits(&octets))
    }

    fn fits(&mut self, octets: &[u8]) -> bool {
        if self.left < octets.len() {
            self.left = 0;
            return false;
        }
        self.left -= octets.len();
        self.search.tried += 1;
        hash::digest(self.wanted.hash, octets) == self.wanted.value
    }

    fn found(&mut self, candidates: Vec<&Candidate>) {
        let cause = told("the digest matches", &candidates);
        self.search.cause = match (self.wanted.oddity.clone(), cause) {
            (Some(oddity), None) => Some(Cause { says: format!("{}; its bytes are unchanged", oddity.says), ..oddity }),
            (Some(oddity), Some(cause)) => Some(Cause {
                found: [oddity.found, cause.found].concat(),
                says: format!("{}; and {}", oddity.says, cause.says),
                fix: format!("{}. {}", oddity.fix, cause.fix),
            }),
            (None, cause) => cause,
        };
    }
}

/// The octets that were digested if all of this happened.
pub fn applied(tree: &Tree, element: NodeId, form: &Form, candidates: &[&Candidate]) -> Option<Vec<u8>> {
    let mut form = form.clone();
    let mut written = false;
    for candidate in candidates {
        match &candidate.effect {
            Effect::Form(change) => change(&mut form),
            Effect::Written => written = true,
            Effect::Text(_) => {}
        }
    }
    let mut octets =
        if written { tree.written(element).as_bytes().to_vec() } else { canonical(tree, element, &form)?.into_bytes() };
    for candidate in candidates {
        if let Effect::Text(change) = &candidate.effect {
            octets = change(std::str::from_utf8(&octets).ok()?)?;
        }
    }
    Some(octets)
}

/// The sentence for what fits: `subject` if this and that, because of this and that.
pub fn told(subject: &str, candidates: &[&Candidate]) -> Option<Cause> {
    let join = |part: fn(&Candidate) -> &str, with: &str| {
        let mut parts: Vec<&str> =
            candidates.iter().map(|candidate| part(candidate)).filter(|text| !text.is_empty()).collect();
        parts.dedup();
        parts.join(with)
    };
    (!candidates.is_empty()).then(|| Cause {
        found: candidates.iter().map(|candidate| candidate.name).collect(),
        says: format!(
            "{subject} if {}: {}",
            join(|candidate| &candidate.clause, " and "),
            join(|candidate| &candidate.means, "; also, ")
        ),
        fix: join(|candidate| &candidate.fix, ". "),
    })
}

pub fn shortened(text: &str) -> String {
    let text = text.trim();
    match text.char_indices().nth(48) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// Octets digested in the searches of one signature: a second or less.
/// An unoptimised build is thirty times slower.
const MOST_OCTETS: usize = if cfg!(debug_assertions) { 3 } else { 24 } * 1024 * 1024;
/// Elements whose digest is compared with the one that differs.
const MOST_ELEMENTS: usize = 2_000;
