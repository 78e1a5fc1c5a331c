//! What may have happened to an element between digesting and sending, one entry each: what it was
//! like when it was digested (`clause`), how that comes about (`means`), what to do (`fix`).

use super::canonical::{Edits, Form, Method, SPACE, Space};
use super::octets;
use super::tree::{NodeId, Tree, split};
use crate::wire::ns;

/// One thing that may have happened.
pub struct Candidate {
    /// For programs.
    pub name: &'static str,
    /// How it was when it was digested: follows "the digest matches if ".
    pub clause: String,
    /// How that comes about.
    pub means: String,
    /// What to change, as an imperative.
    pub fix: String,
    pub effect: Effect,
}

/// What it does to the octets.
pub enum Effect {
    /// Another form, or another element.
    Form(Box<dyn Fn(&mut Form)>),
    /// The form changed as text; `None` where it would change nothing.
    Text(fn(&str) -> Option<Vec<u8>>),
    /// The element as it is written.
    Written,
}

impl Candidate {
    fn form(name: &'static str, clause: impl Into<String>, effect: impl Fn(&mut Form) + 'static) -> Self {
        let effect = Effect::Form(Box::new(effect));
        Self { name, clause: clause.into(), means: String::new(), fix: String::new(), effect }
    }

    fn means(mut self, means: impl Into<String>, fix: impl Into<String>) -> Self {
        (self.means, self.fix) = (means.into(), fix.into());
        self
    }
}

/// Everything that is tried for this element, the usual first. `signature`: the ds:Signature that
/// asks, for enveloped ones.
pub fn of(tree: &Tree, element: NodeId, form: &Form, signature: NodeId) -> Vec<Candidate> {
    let mut all = Vec::new();
    white_space(tree, element, &mut all);
    texts(tree, element, &mut all);
    methods(form, &mut all);
    prefix_lists(tree, element, form, &mut all);
    start_tag(tree, element, &mut all);
    enveloped(tree, element, form, signature, &mut all);
    prefixes(tree, element, &mut all);
    attributes(tree, element, &mut all);
    all
}

fn white_space(tree: &Tree, element: NodeId, all: &mut Vec<Candidate>) {
    let formatter = "a formatter, a logging proxy or a second serialiser";
    all.push(
        Candidate::form("no-space-between-tags", "there is no white space between its tags", |form| {
            form.edits.space = Space::None;
        })
        .means(
            format!("white space was put between its tags after signing, by {formatter}"),
            "Do not indent what is signed: send the bytes that the signing library returned",
        ),
    );
    for (unit, how) in INDENTS {
        all.push(
            Candidate::form("indented", format!("it is indented by {how}"), |form| {
                form.edits.space = Space::Indented(unit);
            })
            .means(
                "it was signed pretty-printed, and white space was removed between signing and arriving",
                "Sign last, and send those bytes; or build the message without indentation before signing",
            ),
        );
    }
    all.push(
        Candidate::form("texts-trimmed", "its texts have no white space at their ends", |form| {
            form.edits.space = Space::Trimmed;
        })
        .means(
            "white space was put around values after signing, or left away when digesting",
            "Digest texts as they are, and let nothing reformat the message",
        ),
    );
    let written_with_cr = tree.written(element).contains('\r');
    let line_ends = if written_with_cr {
        (
            "the signer's texts hold CR LF, and were written out as bare CR LF, which every XML reader turns into LF",
            "Turn line ends into LF before signing, or write each CR as &#xD;",
        )
    } else {
        (
            "something between signer and us rewrote them",
            "Turn line ends into LF before signing, and find what rewrites them on the way",
        )
    };
    for (name, effect, more) in [
        ("line-ends-cr-lf", octets::cr_lf as fn(&str) -> Option<Vec<u8>>, ""),
        ("line-ends-cr-lf-unescaped", octets::cr_lf_unescaped, ", unescaped as no canonicaliser writes them"),
    ] {
        all.push(Candidate {
            name,
            clause: format!("line ends are CR LF{more}"),
            means: line_ends.0.to_owned(),
            fix: line_ends.1.to_owned(),
            effect: Effect::Text(effect),
        });
    }
}

/// Changes of the octets as text: encoding, escaping, what stands around.
fn texts(tree: &Tree, element: NodeId, all: &mut Vec<Candidate>) {
    for (name, effect, clause, means, fix) in octets::ALL {
        all.push(Candidate {
            name,
            clause: (*clause).to_owned(),
            means: (*means).to_owned(),
            fix: (*fix).to_owned(),
            effect: Effect::Text(*effect),
        });
    }
    if !tree.written(element).is_empty() {
        all.push(Candidate {
            name: "as-written",
            clause: "its bytes are taken as they are written".to_owned(),
            means: "it was not canonicalised before digesting".to_owned(),
            fix: "Canonicalize before digesting, as the transforms of the reference say".to_owned(),
            effect: Effect::Written,
        });
    }
}

fn methods(declared: &Form, all: &mut Vec<Candidate>) {
    let said = method_name(declared.method, declared.comments);
    for method in [Method::Exclusive, Method::Inclusive, Method::Inclusive11] {
        for comments in [false, true] {
            if (method, comments) == (declared.method, declared.comments) {
                continue;
            }
            let name = method_name(method, comments);
            let list_is_foreign = method != Method::Exclusive;
            all.push(
                Candidate::form("canonicalization", format!("it is canonicalized as {name}"), move |form| {
                    (form.method, form.comments) = (method, comments);
                    if list_is_foreign {
                        form.prefixes.clear();
                    }
                })
                .means(
                    format!("the message says {said}, and the signer did something else"),
                    format!("Digest in the form that the message names ({said}), or name the one that is used; exclusive is what receivers take"),
                ),
            );
        }
    }
}

pub fn method_name(method: Method, comments: bool) -> String {
    let name = match method {
        Method::Exclusive => "exclusive c14n",
        Method::Inclusive => "inclusive c14n 1.0",
        Method::Inclusive11 => "inclusive c14n 1.1",
    };
    if comments { format!("{name} with comments") } else { name.to_owned() }
}

fn prefix_lists(tree: &Tree, element: NodeId, declared: &Form, all: &mut Vec<Candidate>) {
    if declared.method != Method::Exclusive {
        return;
    }
    let said = declared.prefixes.join(" ");
    if !said.is_empty() {
        all.push(Candidate::form("prefix-list-none", "there is no PrefixList", |form| form.prefixes.clear()).means(
            format!("the message says PrefixList=\"{said}\", and the signer did not use it"),
            "Write no InclusiveNamespaces into the transform, or digest with its list",
        ));
    }
    for listed in &declared.prefixes {
        let without = listed.clone();
        all.push(
            Candidate::form("prefix-list-shorter", format!("{listed} is not in the PrefixList"), move |form| {
                form.prefixes.retain(|prefix| *prefix != without);
            })
            .means(
                format!("the message says PrefixList=\"{said}\", and the signer left {listed} out"),
                format!("Take {listed} out of the PrefixList, or digest with it"),
            ),
        );
    }
    let scope = tree.in_scope(element);
    let names = scope.iter().map(|(prefix, _)| if prefix.is_empty() { "#default" } else { prefix.as_str() });
    let others: Vec<String> = names
        .filter(|name| !declared.prefixes.iter().any(|said| said == name))
        .take(MOST_PREFIXES)
        .map(str::to_owned)
        .collect();
    for other in &others {
        let (with, list) =
            (other.clone(), [declared.prefixes.as_slice(), std::slice::from_ref(other)].concat().join(" "));
        all.push(
            Candidate::form("prefix-list-longer", format!("PrefixList=\"{list}\""), move |form| {
                form.prefixes.push(with.clone());
            })
            .means(
                "the signer used that list, and the message does not say so",
                format!("Write <ec:InclusiveNamespaces PrefixList=\"{list}\"/> into the transform, or digest without"),
            ),
        );
    }
    if others.len() > 1 {
        all.push(
            Candidate::form("prefix-list-all", "all prefixes around it are in the PrefixList", move |form| {
                form.prefixes.extend(others.iter().cloned());
            })
            .means(
                "the signer took all namespaces around it along, as inclusive canonicalization does",
                "Digest in exclusive form with the PrefixList that the message says",
            ),
        );
    }
}

/// Attributes and declarations of the start tag that were not there yet, or were there then.
fn start_tag(tree: &Tree, element: NodeId, all: &mut Vec<Candidate>) {
    let Some(tag) = tree.tag(element) else { return };
    for (prefix, namespace) in tree.in_scope(element) {
        let used = tag.attributes.iter().any(|attribute| split(&attribute.name).0 == prefix);
        let is_of_name = split(&tag.name).0 == prefix;
        if used || is_of_name {
            let name = if prefix.is_empty() { "xmlns".to_owned() } else { format!("xmlns:{prefix}") };
            let without = prefix.clone();
            all.push(
                Candidate::form("declaration-late", format!("{name} is not declared on it"), move |form| {
                    form.edits.undeclared.push(without.clone());
                })
                .means(
                    "it was digested before its prefix was declared: setAttributeNS and createElementNS declare nothing",
                    format!("Declare the prefix when the attribute or element is made: setAttributeNS(\"{}\", \"{name}\", \"{namespace}\")", ns::XMLNS),
                ),
            );
        }
    }
    for attribute in tag.attributes.iter().take(MOST_PREFIXES) {
        let name = attribute.name.clone();
        let without = name.clone();
        let prefix = split(&name).0.to_owned();
        all.push(
            Candidate::form("attribute-late", format!("it has no {name}"), move |form| {
                form.edits.absent_at_apex.push(without.clone());
            })
            .means(
                format!("it was digested before {name} was set"),
                format!(
                    "Set {name} and declare its prefix{} before signing",
                    if prefix.is_empty() { String::new() } else { format!(" {prefix}") }
                ),
            ),
        );
    }
    for (label, declared) in [
        ("xmlns:xsi", &[("xsi", ns::XSI)][..]),
        ("xmlns:xsd", &[("xsd", ns::XS)]),
        ("xmlns:xs", &[("xs", ns::XS)]),
        ("xmlns:xsi and xmlns:xsd", &[("xsi", ns::XSI), ("xsd", ns::XS)]),
        ("xmlns:wsu", &[("wsu", ns::WSU)]),
    ] {
        let lost: Vec<(String, String)> = declared.iter().map(|(p, n)| ((*p).to_owned(), (*n).to_owned())).collect();
        all.push(
            Candidate::form("declaration-lost", format!("{label} is declared on it"), move |form| {
                form.edits.declared.extend(lost.iter().cloned());
            })
            .means(
                "the declaration was lost when the message was serialised again, or was digested though it is not visibly used",
                "Digest in exclusive form, and send the bytes that were signed",
            ),
        );
    }
}

fn enveloped(tree: &Tree, element: NodeId, declared: &Form, signature: NodeId, all: &mut Vec<Candidate>) {
    let inside = tree.lineage(signature).skip(1).any(|above| above == element);
    if !inside {
        return;
    }
    if declared.omit.is_some() {
        all.push(
            Candidate::form("signature-not-left-out", "the Signature in it is digested too", |form| form.omit = None)
                .means(
                    "the message says enveloped-signature, and the signer left nothing out",
                    "Digest the element without its ds:Signature",
                ),
        );
    } else {
        all.push(
            Candidate::form("signature-left-out", "the Signature in it is left out", move |form| {
                form.omit = Some(signature)
            })
            .means(
                "it was digested before the Signature was put in, and the message does not say enveloped-signature",
                "Add the transform http://www.w3.org/2000/09/xmldsig#enveloped-signature before the canonicalization",
            ),
        );
    }
}

/// Prefixes that a serialiser writes otherwise.
fn prefixes(tree: &Tree, element: NodeId, all: &mut Vec<Candidate>) {
    let mut seen: Vec<(String, String)> = Vec::new();
    for id in tree.inside(element) {
        let Some(tag) = tree.tag(id) else { continue };
        let prefix = split(&tag.name).0;
        let namespace = tree.bound(id, prefix).unwrap_or_default();
        let pair = (prefix.to_owned(), namespace.to_owned());
        if !namespace.is_empty() && seen.len() < MOST_NAMESPACES && !seen.contains(&pair) {
            seen.push(pair);
        }
    }
    for (now, namespace) in seen {
        let usual = USUAL_PREFIXES.iter().find(|(of, _)| *of == namespace).map(|(_, usual)| *usual);
        let elsewhere = tree.elements().filter_map(|id| tree.tag(id)).flat_map(|tag| &tag.declarations);
        let elsewhere = elsewhere.filter(|(_, of)| *of == namespace).map(|(prefix, _)| prefix.as_str());
        let mut tried: Vec<&str> = vec![&now];
        for before in usual.unwrap_or(OTHER_PREFIXES).iter().copied().chain(elsewhere) {
            if tried.contains(&before) || tried.len() > MOST_NAMESPACES {
                continue;
            }
            tried.push(before);
            let (of, to) = (namespace.clone(), before.to_owned());
            let called =
                |prefix: &str| if prefix.is_empty() { "no prefix".to_owned() } else { format!("prefix {prefix}") };
            all.push(
                Candidate::form("prefix-rewritten", format!("{namespace} has {}", called(before)), move |form| {
                    form.edits.renamed.push((of.clone(), to.clone()));
                })
                .means(
                    format!("something gave it {} after signing: the tree was read and written again", called(&now)),
                    "Send the bytes that were signed; do not parse and serialise them again",
                ),
            );
        }
    }
}

/// Attributes that were added inside, and values that were normalised.
fn attributes(tree: &Tree, element: NodeId, all: &mut Vec<Candidate>) {
    let mut names: Vec<&str> = Vec::new();
    let mut normalised = false;
    for attribute in tree.inside(element).skip(1).filter_map(|id| tree.tag(id)).flat_map(|tag| &tag.attributes) {
        normalised |= attribute.value != attribute.unnormalised;
        if names.len() < MOST_PREFIXES && !names.contains(&attribute.name.as_str()) {
            names.push(&attribute.name);
        }
    }
    for name in names {
        let without = name.to_owned();
        all.push(
            Candidate::form("attribute-added", format!("nothing in it has {name}"), move |form| {
                form.edits.absent.push(without.clone());
            })
            .means(
                format!("{name} was added after signing, by a schema-aware serialiser for example"),
                format!("Add {name} before signing, or not at all"),
            ),
        );
    }
    let own = tree.tag(element).map(|tag| tag.attributes.as_slice()).unwrap_or_default();
    if normalised || own.iter().any(|attribute| attribute.value != attribute.unnormalised) {
        all.push(
            Candidate::form("attribute-values", "line ends and tabs in attribute values are kept", |form| {
                form.edits = Edits { unnormalised: true, ..form.edits.clone() };
            })
            .means(
                "every XML reader turns them into blanks (XML 1.0 §3.3.3), and the signer digested them as they were",
                "Write no line ends and tabs into attribute values, or as &#10; and &#9;",
            ),
        );
    }
}

/// Whether a text is white space alone.
pub fn is_blank(text: &str) -> bool {
    text.trim_matches(SPACE).is_empty()
}

const INDENTS: [(&str, &str); 5] =
    [("  ", "2 blanks"), ("    ", "4 blanks"), ("\t", "a tab"), (" ", "1 blank"), ("", "line ends alone")];

const USUAL_PREFIXES: &[(&str, &[&str])] = &[
    (ns::SOAP11, &["soap", "soapenv", "SOAP-ENV", "S", "s", "env", "soap-env", "SOAP", ""]),
    (ns::SOAP12, &["soap", "soap12", "env", "s", "S", "soapenv", "SOAP-ENV", "soap-env", ""]),
    (ns::WSU, &["wsu", "u", "util", ""]),
    (ns::WSSE, &["wsse", "o", "sec", ""]),
    (ns::WSA, &["wsa", "a", "add", "wsa5", ""]),
    (ns::DS, &["ds", "dsig", "sig", ""]),
    (ns::SAML2, &["saml", "saml2", "saml2a", ""]),
    (ns::SAML1, &["saml", "saml1", ""]),
    (ns::SAML2P, &["samlp", "saml2p", ""]),
    (ns::WST13, &["wst", "trust", "t", "ns0", ""]),
];
const OTHER_PREFIXES: &[&str] = &["", "ns0", "ns1", "ns2", "tns", "a", "b", "q1"];
const MOST_PREFIXES: usize = 32;
const MOST_NAMESPACES: usize = 12;
