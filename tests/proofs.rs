//! Proof is a value: each step's result can be made by the file that checks, and by nobody else.
//!
//! Read with `syn`: a proof has a private field (so that no other file can write it down), no field
//! that everybody sees, no derive or impl that makes one from nothing or from another, and only the
//! makers that the table names. Its documentation shows it twice: a `compile_fail` example, and a
//! twin of it that compiles and differs in one line, so that the example fails for the right reason.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;

use syn::visit::{self, Visit};

struct Proof {
    file: &'static str,
    name: &'static str,
    /// The functions, other than private ones, that give one.
    makers: &'static [&'static str],
}

const PROOFS: &[Proof] = &[
    Proof { file: "src/flow/parse.rs", name: "Envelope", makers: &["envelope"] },
    Proof { file: "src/flow/verify.rs", name: "Message", makers: &["envelope"] },
    Proof {
        file: "src/flow/authenticate.rs",
        name: "Authenticated",
        makers: &["requester", "exchange", "private_key_jwt"],
    },
    Proof { file: "src/flow/decide.rs", name: "Permit", makers: &["decide"] },
    Proof { file: "src/flow/commit.rs", name: "Intended", makers: &["commit"] },
    Proof { file: "src/flow/sign.rs", name: "Issued", makers: &["sign"] },
    Proof { file: "src/audit/mod.rs", name: "Recorded", makers: &["close"] },
];

/// What would make a second one, or one out of nothing.
const FORBIDDEN: &[&str] = &["Clone", "Copy", "Default", "Deserialize", "From", "TryFrom", "FromStr"];

#[test]
fn nobody_else_can_make_a_proof() {
    let faults: Vec<String> = PROOFS.iter().flat_map(|proof| proof.faults(&proof.text())).collect();
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

#[test]
fn each_proof_shows_what_does_not_compile_beside_what_does() {
    let faults: Vec<String> = PROOFS.iter().flat_map(|proof| proof.example_faults(&proof.text())).collect();
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

impl Proof {
    fn text(&self) -> String {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(self.file);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    fn faults(&self, text: &str) -> Vec<String> {
        let tree = syn::parse_file(text).unwrap_or_else(|error| panic!("{}: {error}", self.file));
        let Some(item) = self.item(&tree) else {
            return vec![format!("{}: no struct `{}`", self.file, self.name)];
        };
        let mut faults = Vec::new();
        if !item.fields.iter().any(|field| matches!(field.vis, syn::Visibility::Inherited)) {
            faults.push("has no private field: any file that sees the others can write one down".to_owned());
        }
        for field in &item.fields {
            if matches!(field.vis, syn::Visibility::Public(_)) {
                faults.push("has a public field: it could be changed after the check".to_owned());
            }
        }
        for derived in derives(&item.attrs) {
            if FORBIDDEN.contains(&derived.as_str()) {
                faults.push(format!("derives {derived}"));
            }
        }
        let mut reader = Reader { name: self.name, ..Reader::default() };
        reader.visit_file(&tree);
        faults.extend(reader.impls.iter().map(|name| format!("implements {name}")));
        for maker in &reader.makers {
            if !self.makers.contains(&maker.as_str()) {
                faults.push(format!("is given by `{maker}`, which the table does not know"));
            }
        }
        for maker in self.makers {
            if !reader.makers.iter().any(|found| found == maker) {
                faults.push(format!("is no longer given by `{maker}`"));
            }
        }
        faults.into_iter().map(|fault| format!("{}: `{}` {fault}", self.file, self.name)).collect()
    }

    fn item<'t>(&self, tree: &'t syn::File) -> Option<&'t syn::ItemStruct> {
        tree.items.iter().find_map(|item| match item {
            syn::Item::Struct(item) if item.ident == self.name => Some(item),
            _ => None,
        })
    }

    fn example_faults(&self, text: &str) -> Vec<String> {
        let tree = syn::parse_file(text).unwrap_or_else(|error| panic!("{}: {error}", self.file));
        let Some(item) = self.item(&tree) else { return Vec::new() };
        let blocks = blocks(&documentation(&item.attrs));
        let twins = blocks.windows(2).any(|pair| {
            pair[0].0 == "compile_fail" && pair[1].0.is_empty() && lines_that_differ(&pair[0].1, &pair[1].1) == Some(1)
        });
        if twins {
            return Vec::new();
        }
        vec![format!("{}: `{}` has no compile_fail example with a twin that differs in one line", self.file, self.name)]
    }
}

/// What a file does with a proof.
#[derive(Default)]
struct Reader {
    name: &'static str,
    makers: Vec<String>,
    impls: Vec<String>,
}

impl Reader {
    fn function(&mut self, visibility: Option<&syn::Visibility>, signature: &syn::Signature) {
        let private = matches!(visibility, Some(syn::Visibility::Inherited));
        let syn::ReturnType::Type(_, given) = &signature.output else { return };
        if !private && names_by_value(given, self.name) {
            self.makers.push(signature.ident.to_string());
        }
    }
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        if module.ident != "tests" {
            visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.function(Some(&item.vis), &item.sig);
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        let of_the_proof = names_by_value(&item.self_ty, self.name);
        if let Some((_, path, _)) = &item.trait_ {
            let name = path.segments.last().map(|segment| segment.ident.to_string()).unwrap_or_default();
            if of_the_proof && FORBIDDEN.contains(&name.as_str()) {
                self.impls.push(name);
            }
            return;
        }
        for item in &item.items {
            let syn::ImplItem::Fn(method) = item else { continue };
            self.function(Some(&method.vis), &method.sig);
            let syn::ReturnType::Type(_, given) = &method.sig.output else { continue };
            let private = matches!(method.vis, syn::Visibility::Inherited);
            if of_the_proof && !private && names_by_value(given, "Self") {
                self.makers.push(method.sig.ident.to_string());
            }
        }
    }
}

/// Whether a type holds one called `name` that is not behind a reference.
fn names_by_value(given: &syn::Type, name: &str) -> bool {
    struct Search<'n>(&'n str, bool);
    impl<'ast> Visit<'ast> for Search<'_> {
        fn visit_type_reference(&mut self, _: &'ast syn::TypeReference) {}
        fn visit_path(&mut self, path: &'ast syn::Path) {
            self.1 |= path.segments.last().is_some_and(|segment| segment.ident == self.0);
            visit::visit_path(self, path);
        }
    }
    let mut search = Search(name, false);
    search.visit_type(given);
    search.1
}

fn derives(attributes: &[syn::Attribute]) -> Vec<String> {
    let mut names = Vec::new();
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("derive")) {
        let _ = attribute.parse_nested_meta(|meta| {
            names.extend(meta.path.segments.last().map(|segment| segment.ident.to_string()));
            Ok(())
        });
    }
    names
}

fn documentation(attributes: &[syn::Attribute]) -> String {
    let line = |attribute: &syn::Attribute| match &attribute.meta {
        syn::Meta::NameValue(syn::MetaNameValue {
            path,
            value: syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }),
            ..
        }) if path.is_ident("doc") => Some(text.value()),
        _ => None,
    };
    attributes.iter().filter_map(line).map(|line| line + "\n").collect()
}

/// The fenced blocks of a documentation: info string and lines.
fn blocks(documentation: &str) -> Vec<(String, Vec<String>)> {
    let mut blocks = Vec::new();
    let mut open: Option<(String, Vec<String>)> = None;
    for line in documentation.lines().map(str::trim_end) {
        match (open.take(), line.trim_start().strip_prefix("```")) {
            (None, Some(info)) => open = Some((info.trim().to_owned(), Vec::new())),
            (Some(block), Some(_)) => blocks.push(block),
            (Some((info, mut lines)), None) => {
                lines.push(line.to_owned());
                open = Some((info, lines));
            }
            (None, None) => {}
        }
    }
    blocks
}

fn lines_that_differ(one: &[String], other: &[String]) -> Option<usize> {
    (one.len() == other.len()).then(|| one.iter().zip(other).filter(|(a, b)| a != b).count())
}

// ── the test of the test ───────────────────────────────────────────────────────────────────────

const GOOD: &str = "pub struct Permit { pub(super) ask: Ask, at: Time }\n\
    pub async fn decide() -> Result<Permit, Stopped> { todo!() }\n\
    impl Permit { pub fn at(&self) -> Time { self.at } fn helper() -> Self { todo!() } }\n\
    pub fn look(permit: &Permit) -> &Permit { permit }";

fn faults_of(text: &str) -> usize {
    Proof { file: "sketch", name: "Permit", makers: &["decide"] }.faults(text).len()
}

#[test]
fn lets_a_proof_pass_that_only_its_checker_makes() {
    assert_eq!(faults_of(GOOD), 0);
}

#[test]
fn catches_each_way_around_the_checker() {
    for (from, to) in [
        (", at: Time }", " }"),
        ("at: Time }", "pub at: Time }"),
        ("pub struct Permit", "#[derive(Debug, Clone)] pub struct Permit"),
        ("pub struct Permit", "#[derive(Default)] pub struct Permit"),
        ("pub struct Permit", "#[derive(serde::Deserialize)] pub struct Permit"),
        ("fn helper() -> Self", "pub fn helper() -> Self"),
        ("fn helper() -> Self", "pub(crate) fn helper() -> Option<Self>"),
        ("pub fn look(permit: &Permit) -> &Permit { permit }", "impl Clone for Permit {}"),
        ("pub fn look(permit: &Permit) -> &Permit { permit }", "impl From<Ask> for Permit {}"),
        ("pub fn look(permit: &Permit) -> &Permit { permit }", "pub fn again() -> (Permit, Permit) { todo!() }"),
        ("pub async fn decide", "async fn decide"),
    ] {
        assert!(GOOD.contains(from), "{from}");
        assert!(faults_of(&GOOD.replace(from, to)) >= 1, "{to}");
    }
}

#[test]
fn catches_an_example_that_fails_for_another_reason() {
    let proof = Proof { file: "sketch", name: "Permit", makers: &[] };
    let example = |failing: &str, compiling: &str| {
        let text = format!(
            "/// ```compile_fail\n/// fn f() {{\n/// {failing}\n/// }}\n/// ```\n/// ```\n/// fn f() {{\n\
             /// {compiling}\n/// }}\n/// ```\npub struct Permit {{ at: Time }}"
        );
        proof.example_faults(&text).len()
    };
    assert_eq!(example("a", "b"), 0);
    assert_eq!(example("a", "a"), 1);
    assert_eq!(example("a", "b\n/// c"), 1);
    assert_eq!(proof.example_faults("pub struct Permit { at: Time }").len(), 1);
}
