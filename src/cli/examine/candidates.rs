//! What may have happened to an element between digesting and sending, one entry each: what it was
//! like when it was digested (`clause`), how that comes about (`means`), what to do (`fix`).

use super::canonical::{Form, Method, Space};
use super::octets;
use super::tags;
use super::tree::{NodeId, Tree};

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
    pub fn form(name: &'static str, clause: impl Into<String>, effect: impl Fn(&mut Form) + 'static) -> Self {
        let effect = Effect::Form(Box::new(effect));
        Self { name, clause: clause.into(), means: String::new(), fix: String::new(), effect }
    }

    pub fn means(mut self, means: impl Into<String>, fix: impl Into<String>) -> Self {
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
    tags::start_tag(tree, element, &mut all);
    tags::enveloped(tree, element, form, signature, &mut all);
    tags::prefixes(tree, element, &mut all);
    tags::attributes(tree, element, &mut all);
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

const INDENTS: [(&str, &str); 5] =
    [("  ", "2 blanks"), ("    ", "4 blanks"), ("\t", "a tab"), (" ", "1 blank"), ("", "line ends alone")];

/// More prefixes or attributes than any message has are not tried.
pub const MOST_PREFIXES: usize = 32;
