//! Good messages: what all others are held against.

use std::path::Path;

use super::{Change, HOSPITAL, Message, forged, made, pad};

/// A name, and what is inside.
pub(super) type Filling = (&'static str, fn() -> String);

/// What makes a Body large, within the limits.
pub(super) const FILLINGS: &[Filling] = &[
    ("elements", || "<x:e>1</x:e>".repeat(8000)),
    ("references", || "&#65;".repeat(80_000)),
    ("attributes", || {
        let attributes: String = (0..63).map(|i| format!(" a{i}=\"\"")).collect();
        format!("<x:e{attributes}></x:e>").repeat(850)
    }),
    // Its canonical form is many times as long: each element declares the namespace anew.
    ("elements that grow", || {
        let long = format!("urn:{}", "n".repeat(200));
        format!("<x:g xmlns:n=\"{long}\">{}</x:g>", "<n:e/>".repeat(8000))
    }),
];

/// The usual one, and the largest, filled in several ways.
///
/// # Errors
/// When one cannot be forged.
pub fn good(root: &Path) -> Result<Vec<Message>, String> {
    let mut found = vec![made("good", "the usual one", forged(root, HOSPITAL, &Change::default())?)];
    for (name, filling) in FILLINGS {
        let change = Change { values: vec![("more", pad(&filling()))], ..Change::default() };
        found.push(made("good", &format!("a large Body of {name}"), forged(root, HOSPITAL, &change)?));
    }
    Ok(found)
}
