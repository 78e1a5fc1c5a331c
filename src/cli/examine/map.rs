//! The coverage map: a tree of what stands in the message, and what of it which reference covers.

use serde::Serialize;

use super::tree::NodeId;
use super::{Examined, Place, Shown};
use crate::wire::ns;

/// One element of the map.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// How deep in the map.
    pub level: usize,
    #[serde(flatten)]
    pub place: Place,
    pub state: State,
    /// Why it should be covered, where it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wanted: Option<String>,
    /// The references that cover it, by their place in the list of all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub references: Vec<usize>,
    /// What the reference says: its transforms, the size of the form, the algorithm.
    #[serde(skip)]
    detail: String,
    #[serde(skip)]
    node: NodeId,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// A reference covers it, and its digest holds.
    DigestHolds,
    /// A reference covers it, and its digest differs.
    DigestDiffers,
    /// A reference names it, and its digest cannot be computed here.
    Unknown,
    NotCovered,
    /// It only holds what is shown below it.
    Around,
    /// A signature: its value holds, differs, or no key is at hand.
    ValueHolds,
    ValueDiffers,
    ValueUnknown,
}

/// What is wanted of an element that no reference covers: `Some` says why it should be, or that it
/// is not believed.
pub type Wants<'w> = &'w dyn Fn(&str, &str) -> Option<String>;

/// Draws the map. `wants` is asked with namespace and local name.
pub fn draw(examined: &Examined, shown: &[Shown], wants: Wants<'_>) -> Vec<Row> {
    let tree = &examined.tree;
    let targets = targets(examined);
    let mut rows: Vec<Row> = Vec::new();
    for node in nodes(examined, &targets) {
        let Some(place) = examined.place(node) else { continue };
        let ancestors: Vec<NodeId> = tree.lineage(node).skip(1).collect();
        let level = rows.iter().filter(|row| ancestors.contains(&row.node)).count();
        let of: Vec<usize> =
            targets.iter().enumerate().filter(|(_, target)| **target == Some(node)).map(|(index, _)| index).collect();
        let state = state(examined, shown, node, &of);
        let name = (namespace(examined, node), place.name.rsplit(':').next().unwrap_or_default().to_owned());
        let wanted = if state == State::NotCovered { wants(&name.0, &name.1) } else { None };
        rows.push(Row { level, wanted, state, detail: detail(shown, &of), references: of, place, node });
    }
    rows.truncate(MOST_ROWS);
    rows
}

/// The target of each reference of each signature, in order.
fn targets(examined: &Examined) -> Vec<Option<NodeId>> {
    let references = examined.signatures.iter().flat_map(|signature| &signature.references);
    references.map(|reference| reference.target.as_ref().ok().copied()).collect()
}

/// What is shown, in document order: the parts of an envelope, what is covered, signatures.
fn nodes(examined: &Examined, targets: &[Option<NodeId>]) -> Vec<NodeId> {
    let tree = &examined.tree;
    let Some(root) = tree.root() else { return Vec::new() };
    let mut nodes = vec![root];
    if tree.name(root).ends_with("Envelope") {
        let parts: Vec<NodeId> = tree.child_elements(root).collect();
        for part in parts {
            nodes.push(part);
            for block in tree.child_elements(part) {
                nodes.push(block);
                if tree.is(block, ns::WSSE, "Security") {
                    nodes.extend(tree.child_elements(block));
                }
            }
        }
    }
    nodes.extend(targets.iter().flatten());
    nodes.extend(examined.signatures.iter().map(|signature| signature.node));
    nodes.sort_unstable();
    nodes.dedup();
    nodes
}

fn namespace(examined: &Examined, node: NodeId) -> String {
    let prefix = super::tree::split(examined.tree.name(node)).0;
    examined.tree.bound(node, prefix).unwrap_or_default().to_owned()
}

fn state(examined: &Examined, shown: &[Shown], node: NodeId, references: &[usize]) -> State {
    if let Some(index) = examined.signatures.iter().position(|signature| signature.node == node) {
        return match shown.get(index).map(|signature| signature.value) {
            Some("holds") => State::ValueHolds,
            Some("differs") => State::ValueDiffers,
            _ => State::ValueUnknown,
        };
    }
    let all: Vec<_> = shown.iter().flat_map(|signature| &signature.references).collect();
    let digests: Vec<&str> =
        references.iter().filter_map(|index| all.get(*index)).map(|covers| covers.digest).collect();
    if digests.contains(&"differs") {
        State::DigestDiffers
    } else if digests.contains(&"unknown") {
        State::Unknown
    } else if !digests.is_empty() {
        State::DigestHolds
    } else if is_around(examined, node) {
        State::Around
    } else {
        State::NotCovered
    }
}

/// Envelope, Header and Security hold others; the content of a covered Body is covered with it.
fn is_around(examined: &Examined, node: NodeId) -> bool {
    let tree = &examined.tree;
    let name = tree.name(node).rsplit(':').next().unwrap_or_default();
    let parent = tree.node(node).and_then(|node| node.parent);
    let in_body = parent.is_some_and(|parent| tree.name(parent).ends_with("Body"));
    parent.is_none() || matches!(name, "Header" | "Security") || in_body
}

fn detail(shown: &[Shown], references: &[usize]) -> String {
    let all: Vec<_> = shown.iter().flat_map(|signature| &signature.references).collect();
    let told = references.iter().filter_map(|index| all.get(*index)).map(|covers| {
        let mut parts = vec![covers.transforms.join(" → ")];
        parts.extend(covers.octets.map(|octets| format!("{octets} octets")));
        parts.push(covers.digest_method.clone());
        parts.extend(covers.detail.clone());
        parts.retain(|part| !part.is_empty());
        parts.join(" · ")
    });
    told.collect::<Vec<_>>().join("; ")
}

impl State {
    /// Mark and words.
    fn told(self) -> (&'static str, &'static str) {
        match self {
            Self::DigestHolds => ("✔", "digest holds"),
            Self::DigestDiffers => ("✘", "digest differs"),
            Self::Unknown => ("–", "not computed"),
            Self::NotCovered => ("–", "not covered"),
            Self::Around => ("", ""),
            Self::ValueHolds => ("✔", "value holds"),
            Self::ValueDiffers => ("✘", "value differs"),
            Self::ValueUnknown => ("–", "no key at hand"),
        }
    }
}

/// The map for people, each line a row; columns aligned.
pub fn lines(rows: &[Row]) -> Vec<String> {
    let heads: Vec<String> = rows.iter().enumerate().map(|(index, row)| head(rows, index, row)).collect();
    let width = heads.iter().map(|head| head.chars().count()).max().unwrap_or_default();
    let lines = rows.iter().zip(heads).map(|(row, head)| {
        let (mark, words) = row.state.told();
        let Place { line, column, bytes, .. } = &row.place;
        let mark = if row.wanted.as_deref().is_some_and(|why| why.starts_with(REQUIRED)) { "✘" } else { mark };
        let place = format!("{line}:{column}");
        let range = format!("bytes {}–{}", bytes.start, bytes.end);
        let told = row.wanted.clone().unwrap_or_else(|| row.detail.clone());
        format!("   {head:<width$}  {mark:<1} {words:<14}  {place:<8} {range:<18} {told}").trim_end().to_owned()
    });
    lines.collect()
}

/// Branches, name and id.
fn head(rows: &[Row], index: usize, row: &Row) -> String {
    let mut text = String::new();
    for level in 1..=row.level {
        let rest = rows.get(index + 1..).unwrap_or_default();
        // Whether a later sibling of the ancestor at this level exists.
        let goes_on = rest.iter().take_while(|next| next.level >= level).any(|next| next.level == level);
        text.push_str(match (level == row.level, goes_on) {
            (true, true) => "├─ ",
            (true, false) => "└─ ",
            (false, true) => "│  ",
            (false, false) => "   ",
        });
    }
    text.push_str(&row.place.name);
    if let Some(id) = &row.place.id {
        text.push_str(&format!(" #{}", super::why::shortened(id)));
    }
    text
}

/// How a reason begins that makes the absence a fault.
pub const REQUIRED: &str = "required";
/// More would hide what matters.
const MOST_ROWS: usize = 80;
