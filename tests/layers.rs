//! The house keeps its shape: imports point down only, secrets of implementation stay where they
//! are, files stay readable.
//!
//! ```text
//! cli → conformance → config → serve → flow → { pdp mandates attributes tokens keys replay audit registry }
//!     → { store, net } → { wire, model }
//! ```
//!
//! Every `use` tree, every path in code, in macros and in attributes is read with `syn`; a comment
//! is not an import. Modules of one rank never import each other. The test is tested below with
//! sources that break each rule.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

/// The layers, top first. A module may import what stands in a line below its own.
const LAYERS: &[&[&str]] = &[
    &["cli"],
    &["conformance"],
    &["config"],
    &["serve"],
    &["flow"],
    &["pdp", "mandates", "attributes", "tokens", "keys", "replay", "audit", "registry"],
    &["store", "net"],
    &["wire", "model"],
];

/// Profiles are data: below `config` no code knows one by its name.
const PROFILES: &[&str] = &["rsz", "ehealth", "oasis", "oio"];

const MOST_LINES: usize = 600;

#[test]
fn imports_point_down_only() {
    assert_clean(|source| source.import_faults());
}

#[test]
fn only_their_own_files_name_the_cryptography_and_the_engine() {
    assert_clean(|source| source.crate_faults());
}

#[test]
fn no_profile_is_named_in_code() {
    assert_clean(|source| source.profile_faults());
}

#[test]
fn each_file_begins_with_what_it_is_for() {
    assert_clean(|source| {
        let first = source.text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
        if first.starts_with("//!") { vec![] } else { vec![format!("{}: does not begin with `//!`", source.path)] }
    });
}

#[test]
fn each_file_can_be_read_in_one_sitting() {
    assert_clean(|source| {
        let lines = source.lines_without_tests();
        if lines <= MOST_LINES {
            return vec![];
        }
        vec![format!("{}: {lines} lines without its tests, {MOST_LINES} at most: split it", source.path)]
    });
}

// ── the reading ────────────────────────────────────────────────────────────────────────────────

/// One source file under `src/`.
struct Source {
    /// From the package's root, with `/`.
    path: String,
    text: String,
    tree: syn::File,
}

/// A path as it stands in a file, made absolute where it speaks of this crate.
struct Mention {
    line: usize,
    /// `crate`, then modules; or the name of another crate, then its modules.
    path: Vec<String>,
    in_tests: bool,
}

impl Source {
    fn new(path: &str, text: &str) -> Self {
        let tree = syn::parse_file(text).unwrap_or_else(|error| panic!("{path}: {error}"));
        Self { path: path.to_owned(), text: text.to_owned(), tree }
    }

    /// The module that this file is, from the crate's root.
    fn module(&self) -> Vec<String> {
        let inside = self.path.strip_prefix("src/").unwrap_or(&self.path).trim_end_matches(".rs");
        let mut names: Vec<String> = inside.split('/').map(str::to_owned).collect();
        if matches!(names.last().map(String::as_str), Some("mod" | "lib" | "main")) {
            names.pop();
        }
        names
    }

    fn reader(&self) -> Reader {
        let mut reader = Reader { module: self.module(), ..Reader::default() };
        reader.visit_file(&self.tree);
        reader
    }

    fn import_faults(&self) -> Vec<String> {
        let reader = self.reader();
        let here = self.module();
        let mut faults = Vec::new();
        for mention in &reader.mentions {
            if mention.path[0] != "crate" || mention.path[1..].starts_with(&here) && !here.is_empty() {
                continue;
            }
            // A sample service is a stranger; its tests may play his counterpart.
            if self.path.starts_with("src/cli/demo/") && mention.in_tests {
                continue;
            }
            let there = mention.path.get(1).map(String::as_str);
            if let Some(why) = self.forbidden(here.first().map(String::as_str), there) {
                faults.push(format!("{}:{}: `{}`: {why}", self.path, mention.line, mention.path.join("::")));
            }
        }
        faults
    }

    /// Why a file of module `here` may not name module `there`; `None` when it may.
    fn forbidden(&self, here: Option<&str>, there: Option<&str>) -> Option<String> {
        match (self.path.as_str(), there) {
            ("src/cli/demo/rest_service.rs", _) => return Some("a stranger's service has nothing of ours".into()),
            ("src/cli/demo/soap_service.rs", there) if there != Some("wire") => {
                return Some("a stranger's service may use `wire` at most".into());
            }
            ("src/main.rs", there) if there != Some("cli") => return Some("main only starts `cli`".into()),
            ("src/main.rs", _) => return None,
            _ => {}
        }
        let Some(there) = there.filter(|name| *name != "*") else {
            return Some("the crate's root as a whole hides what is imported".into());
        };
        let Some(wanted) = rank(there) else {
            return Some(format!("`{there}` is no module of the house"));
        };
        let Some(here) = here else {
            return Some("the crate's root only lists its modules".into());
        };
        let Some(own) = rank(here) else {
            return Some(format!("`{here}` has no place in the layers"));
        };
        match own.cmp(&wanted) {
            _ if here == there => None,
            std::cmp::Ordering::Less => None,
            std::cmp::Ordering::Equal => Some(format!("`{here}` and `{there}` stand side by side")),
            std::cmp::Ordering::Greater => Some(format!("`{there}` stands above `{here}`")),
        }
    }

    fn crate_faults(&self) -> Vec<String> {
        let reader = self.reader();
        let cryptography = self.path.starts_with("src/wire/crypto") || self.path.starts_with("src/keys/");
        let engine = self.path.starts_with("src/store/")
            || self.path.starts_with("src/audit/")
            || ["src/mandates/redb.rs", "src/replay/redb.rs"].contains(&self.path.as_str());
        let mut faults = Vec::new();
        for mention in &reader.mentions {
            let root = mention.path[0].as_str();
            if root == "aws_lc_rs" && !cryptography && !reader.names_provider {
                faults.push(format!("{}:{}: names `aws_lc_rs`; ask `wire::crypto`", self.path, mention.line));
            }
            if root == "redb" && !engine && !reader.declares.contains("redb") {
                faults.push(format!("{}:{}: names `redb`; ask `store`", self.path, mention.line));
            }
        }
        faults
    }

    fn profile_faults(&self) -> Vec<String> {
        let test_file = self.path.ends_with("/tests.rs") || self.path.ends_with("/testing.rs");
        if test_file || self.module().first().and_then(|module| rank(module)) <= rank("config") {
            return vec![];
        }
        let named = |(line, text): &(usize, String)| {
            let known = PROFILES.contains(&text.as_str());
            known.then(|| format!("{}:{line}: names the profile {text:?}; make it data", self.path))
        };
        self.reader().strings.iter().filter_map(named).collect()
    }

    fn lines_without_tests(&self) -> usize {
        if self.path.ends_with("/tests.rs") || self.path.contains("/tests/") {
            return 0;
        }
        let tests: usize = self
            .tree
            .items
            .iter()
            .filter(|item| matches!(item, syn::Item::Mod(module) if is_test(&module.attrs) && module.content.is_some()))
            .map(|item| item.span().end().line - item.span().start().line + 1)
            .sum();
        self.text.lines().count() - tests
    }
}

fn rank(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.meta.require_list().is_ok_and(|list| list.tokens.to_string() == "test")
    })
}

/// Collects what a file names.
#[derive(Default)]
struct Reader {
    module: Vec<String>,
    mentions: Vec<Mention>,
    /// String literals outside tests, with their lines.
    strings: Vec<(usize, String)>,
    /// Modules that this file declares itself.
    declares: BTreeSet<String>,
    /// Whether the file imports `rustls::crypto::aws_lc_rs` by that name.
    names_provider: bool,
    within_tests: usize,
}

impl Reader {
    fn note(&mut self, line: usize, segments: &[String]) {
        if let Some(path) = self.absolute(segments) {
            if path.starts_with(&["rustls".into(), "crypto".into()]) && path.last().is_some_and(|l| l == "aws_lc_rs") {
                self.names_provider = true;
            }
            self.mentions.push(Mention { line, path, in_tests: self.within_tests > 0 });
        }
    }

    fn absolute(&self, segments: &[String]) -> Option<Vec<String>> {
        let mut rest = segments;
        let mut module = match segments.first()?.as_str() {
            "crate" | "vidimus" => vec![],
            "self" | "super" => self.module.clone(),
            _ => return Some(segments.to_vec()),
        };
        while let Some((first, after)) = rest.split_first() {
            match first.as_str() {
                "super" => drop(module.pop()),
                "self" | "crate" | "vidimus" => {}
                _ => break,
            }
            rest = after;
        }
        module.insert(0, "crate".to_owned());
        module.extend(rest.iter().cloned());
        Some(module)
    }

    fn note_tree(&mut self, prefix: &mut Vec<String>, tree: &syn::UseTree) {
        match tree {
            syn::UseTree::Path(path) => {
                prefix.push(path.ident.to_string());
                self.note_tree(prefix, &path.tree);
                prefix.pop();
            }
            syn::UseTree::Group(group) => group.items.iter().for_each(|item| self.note_tree(prefix, item)),
            syn::UseTree::Name(syn::UseName { ident }) | syn::UseTree::Rename(syn::UseRename { ident, .. }) => {
                prefix.push(ident.to_string());
                self.note(ident.span().start().line, prefix);
                prefix.pop();
            }
            syn::UseTree::Glob(glob) => {
                prefix.push("*".to_owned());
                self.note(glob.span().start().line, prefix);
                prefix.pop();
            }
        }
    }

    /// Paths in tokens that nobody parses: macros and attributes.
    fn note_tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut line = 0;
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Punct(punct) if punct.as_char() == ':' && !path.is_empty() => colons += 1,
                TokenTree::Ident(ident) if colons == 2 => {
                    path.push(ident.to_string());
                    colons = 0;
                }
                other => {
                    self.close_path(line, &mut path, &mut colons);
                    match other {
                        TokenTree::Ident(ident) => {
                            line = ident.span().start().line;
                            path.push(ident.to_string());
                        }
                        TokenTree::Group(group) => self.note_tokens(group.stream()),
                        TokenTree::Literal(literal) => self.note_literal(&literal),
                        TokenTree::Punct(_) => {}
                    }
                }
            }
        }
        self.close_path(line, &mut path, &mut colons);
    }

    fn close_path(&mut self, line: usize, path: &mut Vec<String>, colons: &mut usize) {
        if path.len() > 1 {
            self.note(line, path);
        }
        path.clear();
        *colons = 0;
    }

    /// `#[serde(with = "crate::…")]` is an import too.
    fn note_literal(&mut self, literal: &proc_macro2::Literal) {
        let Ok(text) = syn::parse_str::<syn::LitStr>(&literal.to_string()) else {
            return;
        };
        let line = literal.span().start().line;
        if self.within_tests == 0 {
            self.strings.push((line, text.value()));
        }
        let segments: Vec<String> = text.value().split("::").map(str::to_owned).collect();
        if matches!(segments[0].as_str(), "crate" | "super" | "self") && segments.len() > 1 {
            self.note(line, &segments);
        }
    }
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        self.declares.insert(module.ident.to_string());
        let tests = usize::from(is_test(&module.attrs));
        self.within_tests += tests;
        self.module.push(module.ident.to_string());
        visit::visit_item_mod(self, module);
        self.module.pop();
        self.within_tests -= tests;
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.note_tree(&mut Vec::new(), &item.tree);
    }

    fn visit_item_extern_crate(&mut self, item: &'ast syn::ItemExternCrate) {
        self.note(item.span().start().line, &[item.ident.to_string(), "*".to_owned()]);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if segments.len() > 1 {
            self.note(path.span().start().line, &segments);
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, called: &'ast syn::Macro) {
        visit::visit_macro(self, called);
        self.note_tokens(called.tokens.clone());
    }

    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        if let syn::Meta::List(list) = &attribute.meta {
            self.note_tokens(list.tokens.clone());
        }
        if !attribute.path().is_ident("doc") {
            visit::visit_attribute(self, attribute);
        }
    }

    fn visit_lit_str(&mut self, text: &'ast syn::LitStr) {
        if self.within_tests == 0 {
            self.strings.push((text.span().start().line, text.value()));
        }
    }
}

// ── the files ──────────────────────────────────────────────────────────────────────────────────

fn assert_clean(judge: impl Fn(&Source) -> Vec<String>) {
    let faults: Vec<String> = sources().iter().flat_map(judge).collect();
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    collect(&root.join("src"), &mut files);
    files.sort();
    assert!(files.len() > 20, "the sources are not where this test looks for them");
    let read = |path: &PathBuf| {
        let name = path.strip_prefix(root).expect("under the root").to_string_lossy().replace('\\', "/");
        Source::new(&name, &fs::read_to_string(path).expect("a readable source"))
    };
    files.iter().map(read).collect()
}

fn collect(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a readable folder") {
        let path = entry.expect("a readable entry").path();
        if path.is_dir() {
            collect(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
}

// ── the test of the test ───────────────────────────────────────────────────────────────────────

fn import_faults(path: &str, text: &str) -> usize {
    Source::new(path, text).import_faults().len()
}

#[test]
fn catches_an_import_that_points_up() {
    for text in [
        "use crate::flow::Permit;",
        "use crate::{model::Time, flow::Permit};",
        "use crate::flow as elsewhere;",
        "use super::super::flow::Permit;",
        "fn f() { use crate::serve; }",
        "fn f() -> crate::flow::Permit { todo!() }",
        "fn f() { vec![crate::flow::permit()]; }",
        "macro_rules! m { () => { $crate::flow::permit() } }",
        "#[derive(Deserialize)] struct S { #[serde(with = \"crate::config::seconds\")] f: u8 }",
        "mod inner { use super::super::super::serve::router; }",
        "#[cfg(test)] mod tests { use crate::conformance::forge; }",
        "use crate::*;",
        "use crate::{self as root};",
        "extern crate self as vidimus; use vidimus::cli::run;",
    ] {
        assert!(import_faults("src/store/engine.rs", text) >= 1, "{text}");
    }
}

#[test]
fn catches_an_import_between_extension_points() {
    assert_eq!(import_faults("src/pdp/cedar.rs", "use crate::mandates::MandateStore;"), 1);
    assert_eq!(import_faults("src/pdp/mod.rs", "use super::mandates::MandateStore;"), 1);
    assert_eq!(import_faults("src/replay/redb.rs", "use crate::{store::Write, audit::IntentEntry};"), 1);
    assert_eq!(import_faults("src/store/mod.rs", "use crate::net::fetch;"), 1);
}

#[test]
fn catches_wire_and_model_knowing_each_other() {
    assert_eq!(import_faults("src/wire/dsig/verify.rs", "use crate::model::CheckId;"), 1);
    assert_eq!(import_faults("src/model/key.rs", "use crate::wire::crypto::PublicKey;"), 1);
}

#[test]
fn catches_a_sample_service_that_knows_us() {
    assert_eq!(import_faults("src/cli/demo/rest_service.rs", "use crate::wire::base64;"), 1);
    assert_eq!(import_faults("src/cli/demo/rest_service.rs", "use super::steps::Step;"), 1);
    assert_eq!(import_faults("src/cli/demo/soap_service.rs", "use vidimus::flow::verify;"), 1);
    assert_eq!(import_faults("src/cli/demo/soap_service.rs", "use crate::wire::xml::Document;"), 0);
}

#[test]
fn lets_imports_that_point_down_pass() {
    for (path, text) in [
        (
            "src/flow/verify.rs",
            "use crate::wire::dsig; use crate::model::{CheckId, Refusal}; use super::parse::Envelope;",
        ),
        ("src/replay/redb.rs", "use crate::store::Write; use super::Claim;"),
        ("src/cli/serve.rs", "use crate::config; use crate::conformance::forge; use crate::serve::router;"),
        ("src/wire/xml/mod.rs", "//! [`crate::model`]\nmod parse; pub use self::parse::Document;"),
        ("src/main.rs", "fn main() { vidimus::cli::run() }"),
    ] {
        assert_eq!(import_faults(path, text), 0, "{path}");
    }
}

#[test]
fn catches_a_crate_outside_its_files() {
    let faults = |path: &str, text: &str| Source::new(path, text).crate_faults().len();
    assert_eq!(faults("src/flow/verify.rs", "use aws_lc_rs::digest;"), 1);
    assert_eq!(faults("src/wire/x509.rs", "fn f() { aws_lc_rs::rand::fill(&mut []); }"), 1);
    assert_eq!(faults("src/wire/crypto/mod.rs", "use aws_lc_rs::digest;"), 0);
    assert_eq!(
        faults("src/serve/tls.rs", "use rustls::crypto::aws_lc_rs; fn f() { aws_lc_rs::default_provider(); }"),
        0
    );
    assert_eq!(faults("src/flow/mod.rs", "fn f(t: redb::WriteTransaction) {}"), 1);
    assert_eq!(faults("src/mandates/mod.rs", "mod redb; pub use redb::Mandates;"), 0);
    assert_eq!(faults("src/store/engine.rs", "use redb::Database;"), 0);
}

#[test]
fn catches_a_profile_named_in_code() {
    let faults = |path: &str, text: &str| Source::new(path, text).profile_faults().len();
    assert_eq!(faults("src/flow/verify.rs", "fn f(p: &str) -> bool { p == \"rsz\" }"), 1);
    assert_eq!(faults("src/serve/soap.rs", "fn f() { println!(\"{}\", \"ehealth\") }"), 1);
    assert_eq!(faults("src/flow/verify.rs", "#[cfg(test)] mod tests { const P: &str = \"rsz\"; }"), 0);
    assert_eq!(faults("src/config/profiles.rs", "const P: &str = \"rsz\";"), 0);
}

#[test]
fn counts_lines_without_the_tests() {
    let text = "//! x\nfn a() {}\n#[cfg(test)]\nmod tests {\n    fn t() {}\n}\n";
    assert_eq!(Source::new("src/flow/x.rs", text).lines_without_tests(), 2);
}
