//! Exclusive canonical forms, against vectors and row by row.

use super::*;
use crate::wire::xml::Limits;

fn form(text: &str, path: &[&str], prefixes: &[&str]) -> String {
    let document = Document::parse(text, &Limits::default()).expect("well-formed");
    let apex = path.iter().fold(document.root(), |element, name| {
        element.children().find(|child| child.local_name() == *name).expect("on the path")
    });
    let mut out = Vec::new();
    exclusive(apex, &Exclusive { prefixes, ..Exclusive::default() }, &mut out).expect("within the limit");
    String::from_utf8(out).expect("UTF-8")
}

#[test]
fn matches_the_vectors() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/c14n");
    let mut seen = 0;
    for entry in std::fs::read_dir(&folder).expect("testdata/c14n") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        let Some(stem) = name.strip_suffix(".in.xml") else { continue };
        let text = std::fs::read_to_string(&path).expect("a vector");
        let wanted = std::fs::read_to_string(folder.join(format!("{stem}.out.xml"))).expect("its form");
        // NAME.PREFIX,PREFIX.in.xml carries a PrefixList; the element with id "apex", if any, is the apex.
        let prefixes: Vec<&str> = stem.split_once('.').map_or(Vec::new(), |(_, list)| list.split(',').collect());
        let document = Document::parse(text, &Limits::default()).expect("well-formed");
        let apex = match document.by_id("apex") {
            super::super::ById::One(element) => element,
            _ => document.root(),
        };
        let mut out = Vec::new();
        exclusive(apex, &Exclusive { prefixes: &prefixes, ..Exclusive::default() }, &mut out).expect(stem);
        assert_eq!(String::from_utf8_lossy(&out), wanted.trim_end_matches('\n'), "{stem}");
        seen += 1;
    }
    assert!(seen >= 5, "{seen} vectors");
}

#[test]
fn a_listed_prefix_is_written_at_the_apex_and_where_it_changes() {
    let text = r#"<r xmlns:p="urn:1" xmlns:q="urn:q" xmlns="urn:d"><a><b xmlns:p="urn:2"><p:c/></b><d/></a></r>"#;
    assert_eq!(form(text, &["a"], &[]), r#"<a xmlns="urn:d"><b><p:c xmlns:p="urn:2"></p:c></b><d></d></a>"#);
    assert_eq!(
        form(text, &["a"], &["p", "z"]),
        r#"<a xmlns="urn:d" xmlns:p="urn:1"><b xmlns:p="urn:2"><p:c></p:c></b><d></d></a>"#
    );
}

#[test]
fn an_undeclared_default_namespace_is_written_where_it_shows() {
    let text = r#"<r xmlns="urn:d"><a xmlns=""><b/></a><p:c xmlns:p="urn:p" xmlns=""><d/></p:c></r>"#;
    assert_eq!(form(text, &["a"], &[]), "<a><b></b></a>");
    assert_eq!(
        form(text, &[], &[]),
        r#"<r xmlns="urn:d"><a xmlns=""><b></b></a><p:c xmlns:p="urn:p"><d xmlns=""></d></p:c></r>"#
    );
    assert_eq!(
        form(text, &[], &["#default"]),
        r#"<r xmlns="urn:d"><a xmlns=""><b></b></a><p:c xmlns="" xmlns:p="urn:p"><d></d></p:c></r>"#
    );
}

#[test]
fn a_token_says_its_default_namespace() {
    let text = r#"<r xmlns:p="urn:p"><p:t Id="1"><x xmlns="urn:x"/></p:t><s xmlns="urn:s"/></r>"#;
    let document = Document::parse(text, &Limits::default()).expect("well-formed");
    let written = |index: usize| {
        let mut out = Vec::new();
        let token = document.root().children().nth(index).expect("a child");
        exclusive_of_token(token, &Exclusive::default(), &mut out).expect("within the limit");
        String::from_utf8(out).expect("UTF-8")
    };
    assert_eq!(written(0), r#"<p:t xmlns="" xmlns:p="urn:p" Id="1"><x xmlns="urn:x"></x></p:t>"#);
    assert_eq!(written(1), r#"<s xmlns="urn:s"></s>"#);
}

#[test]
fn the_prefix_xml_is_never_declared() {
    let text = format!(r#"<a xmlns:xml="{}" xml:lang="nl"><b></b></a>"#, crate::wire::ns::XML);
    assert_eq!(form(&text, &[], &[]), r#"<a xml:lang="nl"><b></b></a>"#);
}

#[test]
fn an_element_is_taken_whole_only_where_its_declarations_are_those_of_the_form() {
    let whole = r#"<p:b xmlns:p="urn:p" i="1"><p:c>x</p:c></p:b>"#;
    // The prefix is rendered around it: as the same, as another, not at all.
    assert_eq!(
        form(&format!(r#"<p:a xmlns:p="urn:p">{whole}</p:a>"#), &[], &[]),
        r#"<p:a xmlns:p="urn:p"><p:b i="1"><p:c>x</p:c></p:b></p:a>"#
    );
    for outside in [format!(r#"<p:a xmlns:p="urn:o">{whole}</p:a>"#), format!("<a>{whole}{whole}</a>")] {
        assert_eq!(form(&outside, &[], &[]), outside);
    }
    // The same when it is not the element itself that declares, uses, or both, but what is deep inside.
    let (deep, bare) = ("<a><b></b><c><p:d xmlns:p=\"urn:p\"></p:d></c></a>", "<a><b></b><c><p:d></p:d></c></a>");
    assert_eq!(
        form(&format!(r#"<p:r xmlns:p="urn:p">{deep}</p:r>"#), &[], &[]),
        format!(r#"<p:r xmlns:p="urn:p">{bare}</p:r>"#)
    );
    assert_eq!(form(&format!(r#"<r xmlns:p="urn:p">{bare}</r>"#), &[], &[]), format!("<r>{deep}</r>"));
    assert_eq!(form(&format!("<r>{deep}</r>"), &[], &[]), format!("<r>{deep}</r>"));
    let inner = r#"<p:a xmlns:p="urn:p"><p:b xmlns:p="urn:p"></p:b></p:a>"#;
    assert_eq!(form(&format!("<r>{inner}</r>"), &[], &[]), r#"<r><p:a xmlns:p="urn:p"><p:b></p:b></p:a></r>"#);
    // A declaration that nothing needs: one that is never used, and one that undeclares nothing.
    assert_eq!(
        form(r#"<r><a xmlns:p="urn:p"><b xmlns=""></b></a><b xmlns=""></b></r>"#, &[], &[]),
        "<r><a><b></b></a><b></b></r>"
    );
    // What it uses is bound around it to another namespace than the one rendered.
    let rebound = r#"<p:a xmlns:p="urn:1"><b xmlns:p="urn:2"><p:c></p:c></b><p:c></p:c></p:a>"#;
    assert_eq!(form(rebound, &[], &[]), r#"<p:a xmlns:p="urn:1"><b><p:c xmlns:p="urn:2"></p:c></b><p:c></p:c></p:a>"#);
    // The default namespace is declared, undeclared, and declared again.
    let default = r#"<a xmlns="urn:1"><b xmlns=""><c></c><d xmlns="urn:1"></d></b><c></c></a>"#;
    assert_eq!(form(default, &[], &[]), default);
    assert_eq!(form(default, &["b", "d"], &[]), r#"<d xmlns="urn:1"></d>"#);
    // A comment, a CDATA section without content, an empty element and a late declaration are in no form.
    for inside in ["<!-- x -->", "<![CDATA[]]>", "<e/>", r#"<e xmlns:q="urn:q"></e>"#, "<e ></e>", "<e></e >"] {
        let wanted =
            if inside.contains('e') && !inside.contains("--") { "<a><b><e></e></b></a>" } else { "<a><b></b></a>" };
        assert_eq!(form(&format!("<a><b>{inside}</b></a>"), &[], &[]), wanted, "{inside}");
    }
}

#[test]
fn a_start_tag_that_stands_there_again_is_put_in_order_again() {
    let again = r#"<b z="1" y="&amp;" x='3'/><c></c>"#.repeat(3);
    let form_of_one = r#"<b x="3" y="&amp;" z="1"></b><c></c>"#;
    assert_eq!(form(&format!("<a>{again}</a>"), &[], &[]), format!("<a>{}</a>", form_of_one.repeat(3)));
    // What followed the tag the first time says nothing of what follows it now.
    let ends = "<b></b><b></b ><b><c></c></b><b><!-- --></b><b></b>";
    assert_eq!(form(&format!("<a>{ends}</a>"), &[], &[]), "<a><b></b><b></b><b><c></c></b><b></b><b></b></a>");
    let plain = r#"<b z="1" y="2"></b>"#.repeat(3);
    assert_eq!(form(&format!("<a>{plain}</a>"), &[], &[]), format!("<a>{}</a>", r#"<b y="2" z="1"></b>"#.repeat(3)));
}

#[test]
fn a_start_tag_has_one_space_before_each_attribute_whatever_stood_there() {
    for (between, around) in [("\t", "="), ("\n", "="), ("  ", "="), (" ", " ="), (" ", "= "), (" ", "=\n")] {
        let text = format!("<a><b{between}c{around}\"1\"{between}d{around}\"2\"></b></a>");
        assert_eq!(form(&text, &[], &[]), r#"<a><b c="1" d="2"></b></a>"#, "{text:?}");
    }
}

#[test]
fn stops_at_the_limit() {
    for text in ["<a>&gt;&gt;&gt;&gt;</a>", "<a><b></b></a>", "<a></a>"] {
        let document = Document::parse(text, &Limits::default()).expect("well-formed");
        let written = |limit| exclusive(document.root(), &Exclusive { limit, ..Exclusive::default() }, &mut Vec::new());
        let length = written(100).expect("within the limit");
        assert_eq!(written(length), Ok(length), "{text}");
        assert_eq!(written(length - 1).map_err(|error| error.kind), Err(ErrorKind::LimitCanonicalForm), "{text}");
    }
    // It says where the form became too long.
    let at = |text: &str, limit| {
        let document = Document::parse(text, &Limits::default()).expect("well-formed");
        let how = Exclusive { limit, ..Exclusive::default() };
        exclusive(document.root(), &how, &mut Vec::new()).expect_err("too long").offset
    };
    assert_eq!(at("<a >1234567890</a>", 5), 4);
    assert_eq!(at("<a ><b >12</b></a>", 5), 4);
    // Where a text does not stand in the source as it reads, there is no place to name.
    assert_eq!(at("<a ><b >&gt;</b>&gt;&gt;</a>", 15), 0);
}
