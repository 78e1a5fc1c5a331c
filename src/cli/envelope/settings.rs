//! Why two canonical forms differ, and which setting would make them one.
//!
//! Each cause is tried: a change is made to both forms, and if they are the same then, that was it.
//! What several changes together explain is told too; what nothing explains is another value.

use std::collections::BTreeMap;

use crate::wire::xml::{Document, Element, Limits};

use super::canonical::{self, Form};

/// A change that canonicalization does not make, and somebody on the way may have made.
struct Change {
    made: fn(&str) -> String,
    says: &'static str,
    fix: &'static str,
}

/// From the most particular to the broadest.
const CHANGES: &[Change] = &[
    Change {
        made: |text| text.replace("&#xD;\n", "\n").replace("&#xD;", ""),
        says: "line ends (carriage returns are in only one of them)",
        fix: "turn line ends into LF before signing, and let nothing rewrite them behind",
    },
    Change {
        made: without_space_between_tags,
        says: "white space between tags",
        fix: "do not indent or trim what is signed, neither before sending nor on the way",
    },
    Change {
        made: |text| each_text(text, |text| text.split_whitespace().collect::<Vec<_>>().join(" ")),
        says: "white space inside texts",
        fix: "do not trim, fold or pretty-print the texts of what is signed",
    },
    Change {
        made: |text| each_tag(text, without_declarations),
        says: "where namespaces are declared",
        fix: "sign what is sent: serialise once, and add no declaration afterwards",
    },
    Change {
        made: expanded,
        says: "namespace prefixes, or where they are declared",
        fix: "keep the prefixes that were signed: they are part of the canonical form",
    },
    Change {
        made: |text| each_tag(text, without_ids),
        says: "ids",
        fix: "set wsu:Id (and declare its prefix) before digesting",
    },
];

/// What makes the difference, in a sentence that ends with what to do.
pub fn cause(a: Element<'_>, b: Element<'_>, octets_a: &[u8], octets_b: &[u8], forms: [&String; 2]) -> String {
    let exclusive = Form::default();
    let same = |form: &Form| match (canonical::of(a, form), canonical::of(b, form)) {
        (Ok(a), Ok(b)) => a == b,
        _ => false,
    };
    if forms[0] != forms[1] && same(&exclusive) {
        return format!(
            "the two are canonicalized differently, A {}, B {}: use one setting on both sides",
            forms[0], forms[1]
        );
    }
    if let Some(found) = prefix_list(a, b, octets_a, octets_b) {
        return found;
    }
    if same(&exclusive) {
        return format!(
            "only the namespaces around the elements differ{}: canonicalize exclusively, without these prefixes in the \
             PrefixList",
            around(a, b)
        );
    }
    let (text_a, text_b) = (String::from_utf8_lossy(octets_a), String::from_utf8_lossy(octets_b));
    for change in CHANGES {
        if (change.made)(&text_a) == (change.made)(&text_b) {
            return format!("{}: {}", change.says, change.fix);
        }
    }
    // Two at once, the particular ones first; then all.
    for (index, one) in CHANGES.iter().enumerate() {
        for other in CHANGES.iter().skip(index + 1) {
            let both = |text: &str| (other.made)(&(one.made)(text));
            if both(&text_a) == both(&text_b) {
                return format!("two things: {} ({}); and {} ({})", one.says, one.fix, other.says, other.fix);
            }
        }
    }
    let all = |text: &str| CHANGES.iter().fold(text.to_owned(), |text, change| (change.made)(&text));
    if all(&text_a) == all(&text_b) {
        let names: Vec<&str> = CHANGES.iter().map(|change| change.says).collect();
        return format!("more than two of: {}: sign last, and send the very bytes that were signed", names.join("; "));
    }
    value(&text_a, &text_b)
}

/// A PrefixList on one side that gives the other side's form.
fn prefix_list(a: Element<'_>, b: Element<'_>, octets_a: &[u8], octets_b: &[u8]) -> Option<String> {
    for (element, wanted, side, other) in [(b, octets_a, "B", "A"), (a, octets_b, "A", "B")] {
        let prefixes = canonical::all_prefixes(element);
        let gives = |prefixes: &[String]| {
            let form = Form { prefixes: prefixes.to_vec(), ..Form::default() };
            canonical::of(element, &form).is_ok_and(|octets| octets == wanted)
        };
        let one = prefixes.iter().take(MOST_PREFIXES).find(|prefix| gives(std::slice::from_ref(*prefix)));
        if let Some(one) = one {
            return Some(format!(
                "{side} with PrefixList=\"{one}\" has {other}'s form: write <ec:InclusiveNamespaces PrefixList=\"{one}\"/> \
                 into {side}'s transform, or take it out of {other}'s"
            ));
        }
        if prefixes.len() > 1 && gives(&prefixes) {
            return Some(format!(
                "{side} in inclusive form is {other}'s form: canonicalize both exclusively (or both inclusively)"
            ));
        }
    }
    None
}

/// The prefixes that are bound around one of the two and not, or otherwise, around the other.
fn around(a: Element<'_>, b: Element<'_>) -> String {
    let mut found = Vec::new();
    for (prefix, side) in canonical::all_prefixes(a)
        .into_iter()
        .map(|prefix| (prefix, "A"))
        .chain(canonical::all_prefixes(b).into_iter().map(|prefix| (prefix, "B")))
    {
        let name = if prefix == "#default" { "" } else { prefix.as_str() };
        let bound = [a.namespace_of(name), b.namespace_of(name)];
        let owner = if side == "A" { bound[0] } else { bound[1] };
        if bound[0] != bound[1] && owner.is_some() {
            let attribute = if name.is_empty() { "xmlns".to_owned() } else { format!("xmlns:{name}") };
            found.push(format!("{side} has {attribute}=\"{}\"", owner.unwrap_or_default()));
        }
    }
    if found.is_empty() { String::new() } else { format!(" ({})", found.join(", ")) }
}

/// The first element whose own text or attributes differ.
fn value(a: &str, b: &str) -> String {
    let limits = Limits { bytes: usize::MAX, nodes: usize::MAX, ..Limits::default() };
    let documents = (Document::parse(a, &limits), Document::parse(b, &limits));
    let (Ok(a), Ok(b)) = &documents else { return "the contents differ".to_owned() };
    for (one, other) in a.elements().zip(b.elements()) {
        let name = one.qualified_name();
        if (one.namespace(), one.local_name()) != (other.namespace(), other.local_name()) {
            return format!(
                "A has the element {name} where B has {}: other content, which no setting removes",
                other.qualified_name()
            );
        }
        for attribute in one.attributes() {
            let found = other.attribute(attribute.namespace(), attribute.local_name());
            if found != Some(attribute.value()) {
                let attribute_name = attribute.local_name();
                return match found {
                    Some(found) => format!(
                        "{attribute_name} of {name} is `{}` in A and `{}` in B: that is another value, which no setting removes",
                        short(attribute.value()),
                        short(found)
                    ),
                    None => format!("{name} has {attribute_name} in A only: set it before signing, or not at all"),
                };
            }
        }
        if let Some(extra) = other.attributes().find(|at| one.attribute(at.namespace(), at.local_name()).is_none()) {
            return format!("{name} has {} in B only: set it before signing, or not at all", extra.local_name());
        }
        let texts = (one.text().unwrap_or_default(), other.text().unwrap_or_default());
        if texts.0 != texts.1 {
            let (a, b) = (short(&texts.0), short(&texts.1));
            return format!(
                "the text of {name} is `{a}` in A and `{b}` in B: that is another value, which no setting removes"
            );
        }
        if one.children().count() != other.children().count() {
            return format!("{name} has not the same children: other content, which no setting removes");
        }
    }
    "the contents differ, which no setting removes".to_owned()
}

fn short(text: &str) -> String {
    let mut short: String = text.chars().take(40).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

// ── the changes, on canonical text: `<` begins a tag, `>` ends one, values stand in double quotes ──

fn each_tag(text: &str, change: impl Fn(&str) -> String) -> String {
    each(text, change, str::to_owned)
}

fn each_text(text: &str, change: impl Fn(&str) -> String) -> String {
    each(text, str::to_owned, change)
}

fn each(text: &str, tag: impl Fn(&str) -> String, character_data: impl Fn(&str) -> String) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((data, behind)) = rest.split_once('<') {
        out.push_str(&character_data(data));
        // A value may hold `>`; a quote in a value is written as a reference.
        let mut quoted = false;
        let end = behind.find(|c: char| {
            quoted ^= c == '"';
            c == '>' && !quoted
        });
        let (inside, after) = behind.split_at_checked(end.unwrap_or(behind.len())).unwrap_or((behind, ""));
        out.push('<');
        out.push_str(&tag(inside));
        rest = after;
        if let Some(after) = rest.strip_prefix('>') {
            out.push('>');
            rest = after;
        }
    }
    out.push_str(&character_data(rest));
    out
}

fn without_space_between_tags(text: &str) -> String {
    each_text(text, |data| if data.trim().is_empty() { String::new() } else { data.to_owned() })
}

fn without_declarations(tag: &str) -> String {
    without(tag, |name| name == "xmlns" || name.starts_with("xmlns:"))
}

fn without_ids(tag: &str) -> String {
    without(tag, |name| {
        let local = name.rsplit(':').next().unwrap_or(name);
        matches!(local, "Id" | "ID" | "id" | "AssertionID") || name == "xmlns:wsu"
    })
}

/// A tag without the attributes of these names.
fn without(tag: &str, drop: impl Fn(&str) -> bool) -> String {
    let mut pieces = tag.split('"');
    let mut out = String::new();
    while let Some(before) = pieces.next() {
        let Some(value) = pieces.next() else {
            out.push_str(before);
            break;
        };
        let name = before.trim_end_matches('=').rsplit(' ').next().unwrap_or_default();
        let kept = before.len() - name.len() - 1;
        if drop(name) {
            out.push_str(before.get(..kept).unwrap_or_default().trim_end());
        } else {
            out.push_str(&format!("{before}\"{value}\""));
        }
    }
    out
}

/// The content by expanded names: prefixes and declarations do not show.
fn expanded(text: &str) -> String {
    let limits = Limits { bytes: usize::MAX, nodes: usize::MAX, ..Limits::default() };
    let Ok(document) = Document::parse(text, &limits) else { return text.to_owned() };
    // One prefix for each namespace, by the order in which they come.
    let mut names: BTreeMap<&str, usize> = BTreeMap::new();
    let mut number = |namespace| {
        let next = names.len();
        *names.entry(namespace).or_insert(next)
    };
    let mut changes = Vec::new();
    let source = text;
    for (element, piece) in document.elements().zip(
        super::source::pieces(source).into_iter().filter(|piece| matches!(piece, super::source::Piece::Open { .. })),
    ) {
        let super::source::Piece::Open { range, .. } = piece else { continue };
        let mut tag = format!("<n{}:{}", number(element.namespace()), element.local_name());
        let mut attributes: Vec<String> = element
            .attributes()
            .map(|attribute| {
                let namespace = attribute.namespace();
                let prefix = if namespace.is_empty() { String::new() } else { format!("n{}:", number(namespace)) };
                format!(" {prefix}{}=\"{}\"", attribute.local_name(), attribute.value())
            })
            .collect();
        attributes.sort();
        tag.extend(attributes);
        tag.push('>');
        changes.push((range, tag));
    }
    let opened = super::source::replaced(source, changes);
    each_tag(&opened, |tag| if tag.starts_with('/') { "/".to_owned() } else { tag.to_owned() })
}

/// More prefixes than any real message declares are not tried one by one.
const MOST_PREFIXES: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    /// The cause of the difference between the elements with id `1`.
    fn found(a: &str, b: &str) -> String {
        let parsed = |text: &str| Document::parse(text, &Limits::default()).unwrap();
        let (a, b) = (parsed(a), parsed(b));
        let a = canonical::element(&a, Some("1"), None).unwrap();
        let b = canonical::element(&b, Some("1"), None).unwrap();
        let (octets_a, form_a) = of(a);
        let (octets_b, form_b) = of(b);
        assert_ne!(octets_a, octets_b);
        cause(a, b, &octets_a, &octets_b, [&form_a, &form_b])
    }

    fn of(element: Element<'_>) -> (Vec<u8>, String) {
        (canonical::of(element, &Form::default()).unwrap(), "exclusive".to_owned())
    }

    #[test]
    fn each_usual_cause_is_found_by_its_name() {
        let plain = "<a Id=\"1\"><b>x y</b><c/></a>";
        for (a, b, says) in [
            (plain, "<a Id=\"1\"><b>x y</b>\n  <c/>\n</a>", "white space between tags"),
            (plain, "<a Id=\"1\"><b> x\n y </b><c/></a>", "white space inside texts"),
            ("<a Id=\"1\">x\ny</a>", "<a Id=\"1\">x&#13;\ny</a>", "line ends"),
            (
                "<p:a xmlns:p=\"urn:p\" Id=\"1\"><p:b/></p:a>",
                "<q:a xmlns:q=\"urn:p\" Id=\"1\"><q:b/></q:a>",
                "namespace prefixes",
            ),
            (plain, "<a Id=\"1\" k=\"v\"><b>x y</b><c/></a>", "a has k in B only"),
            ("<a Id=\"1\" k=\"v\"/>", "<a Id=\"1\" k=\"w\"/>", "k of a is `v` in A and `w` in B"),
            (plain, "<a Id=\"1\"><d/><c/></a>", "A has the element b where B has d"),
            (plain, "<a Id=\"1\"><b>x z</b><c/></a>", "the text of b is `x y` in A and `x z` in B"),
            (plain, "<q:a xmlns:q=\"urn:q\" Id=\"1\"/>", "A has the element a where B has q:a"),
        ] {
            let found = found(a, b);
            assert!(found.starts_with(says), "{a}\n{b}\n{found}");
        }
    }

    #[test]
    fn a_declaration_that_one_side_has_becomes_a_prefix_list() {
        let a = "<s xmlns:p=\"urn:p\"><a Id=\"1\" xmlns:o=\"urn:o\"/></s>";
        let b = "<s xmlns:p=\"urn:p\"><a Id=\"1\"/></s>";
        let parsed = |text: &str| Document::parse(text, &Limits::default()).unwrap();
        let (a, b) = (parsed(a), parsed(b));
        let a = canonical::element(&a, Some("1"), None).unwrap();
        let b = canonical::element(&b, Some("1"), None).unwrap();
        let listed = Form { prefixes: vec!["p".to_owned()], ..Form::default() };
        let octets_a = canonical::of(a, &listed).unwrap();
        let octets_b = canonical::of(b, &Form::default()).unwrap();
        let form = "exclusive".to_owned();
        let found = cause(a, b, &octets_a, &octets_b, [&form, &form]);
        assert!(found.starts_with("B with PrefixList=\"p\" has A's form"), "{found}");
    }

    #[test]
    fn inclusive_forms_that_differ_only_around_are_told_to_be_exclusive() {
        let parsed = |text: &str| Document::parse(text, &Limits::default()).unwrap();
        let a = parsed("<s xmlns:p=\"urn:p\"><a Id=\"1\"/></s>");
        let b = parsed("<s xmlns:q=\"urn:q\"><a Id=\"1\"/></s>");
        let a = canonical::element(&a, Some("1"), None).unwrap();
        let b = canonical::element(&b, Some("1"), None).unwrap();
        let inclusive = Form { inclusive: true, ..Form::default() };
        let (octets_a, octets_b) = (canonical::of(a, &inclusive).unwrap(), canonical::of(b, &inclusive).unwrap());
        let form = "inclusive".to_owned();
        let found = cause(a, b, &octets_a, &octets_b, [&form, &form]);
        assert!(found.contains("A has xmlns:p=\"urn:p\"") && found.contains("exclusively"), "{found}");
    }

    #[test]
    fn two_causes_are_both_told() {
        let found = found("<a Id=\"1\">x\ny<b/></a>", "<a Id=\"1\">x&#13;\ny<b/>\n</a>");
        assert!(found.contains("line ends") && found.contains("white space"), "{found}");
    }
}
