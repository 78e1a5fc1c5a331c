//! What the reader refuses, row by row, and what it takes nevertheless.

use super::*;

fn kind(bytes: impl Into<Vec<u8>>) -> Result<(), ErrorKind> {
    Document::parse(bytes, &Limits::default()).map(|_| ()).map_err(|error| error.kind)
}

fn refuses(wanted: ErrorKind, documents: &[&str]) {
    for document in documents {
        assert_eq!(kind(*document), Err(wanted), "{document}");
    }
}

#[test]
fn refuses_a_document_with_a_doctype() {
    refuses(
        ErrorKind::Doctype,
        &[
            "<!DOCTYPE a><a/>",
            "<?xml version='1.0'?>\n<!DOCTYPE a [<!ENTITY e 'x'>]><a>&e;</a>",
            "<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>",
            "<!DOCTYPE a [<!ENTITY % p SYSTEM 'http://127.0.0.1:1/x'> %p;]><a/>",
            "<!DOCTYPE r SYSTEM 'x\"><!--'><a><![CDATA[--><b/><!--]]>--></a>",
            "<a><!DOCTYPE a></a>",
            "<a/><!DOCTYPE a>",
        ],
    );
}

#[test]
fn takes_names_of_every_length() {
    for length in 1..40 {
        let prefix = "p".repeat(length);
        let text = format!("<{prefix}:a xmlns:{prefix}='urn:p' {prefix}:{prefix}='1'><{prefix}/></{prefix}:a>");
        assert_eq!(kind(text), Ok(()), "{length}");
        refuses(ErrorKind::Namespace, &[&format!("<a {prefix}:b:c='1'/>")]);
    }
}

#[test]
fn refuses_every_entity_but_the_five() {
    refuses(ErrorKind::Entity, &["<a>&e;</a>", "<a b='&nbsp;'/>", "<a>&AMP;</a>", "<a>&xxe;</a>"]);
    assert_eq!(kind("<a b='&lt;&gt;&amp;&quot;&apos;'>&lt;&gt;&amp;&quot;&apos;</a>"), Ok(()));
}

#[test]
fn refuses_every_encoding_but_utf_8() {
    let utf16: Vec<u8> = "\u{feff}<a/>".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let utf16_without_mark: Vec<u8> = "<a/>".encode_utf16().flat_map(u16::to_be_bytes).collect();
    let utf32: Vec<u8> = "<a/>".chars().flat_map(|c| u32::from(c).to_le_bytes()).collect();
    for bytes in [utf16, utf16_without_mark, utf32] {
        assert_eq!(kind(bytes), Err(ErrorKind::Encoding));
    }
    for encoding in ["UTF-16", "ISO-8859-1", "UTF-7", "utf8", "us-ascii"] {
        assert_eq!(kind(format!("<?xml version=\"1.0\" encoding=\"{encoding}\"?><a/>")), Err(ErrorKind::Encoding));
    }
    // Overlong, a lone surrogate, a cut sequence, Latin-1.
    for bytes in [&b"<a>\xC0\xAF</a>"[..], b"<a>\xED\xA0\x80</a>", b"<a>\xE2\x82</a>", b"<a>\xE9</a>", b"<a b='\xFF'/>"]
    {
        assert_eq!(kind(bytes), Err(ErrorKind::Encoding));
    }
}

#[test]
fn takes_a_byte_order_mark_and_a_declaration_only_at_the_very_start() {
    for document in [
        "\u{feff}<a/>",
        "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?>\r\n<a/>",
        "<?xml version='1.0' encoding='UTF-8' standalone='yes' ?><!-- c --><a/><!-- c -->\n",
        "<?xml version = \"1.0\"?><a/>",
    ] {
        assert_eq!(kind(document), Ok(()), "{document}");
    }
    refuses(ErrorKind::ProcessingInstruction, &[" <?xml version='1.0'?><a/>", "<a><?xml version='1.0'?></a>"]);
    refuses(
        ErrorKind::Syntax,
        &[
            "\u{feff}\u{feff}<a/>",
            "x<a/>",
            "<?xml version='1.1'?><a/>",
            "<?xml encoding='utf-8'?><a/>",
            "<?xml version='1.0'encoding='utf-8'?><a/>",
            "<?xml version='1.0' standalone='maybe'?><a/>",
            "<?xml version='1.0' encoding='utf-8' version='1.0'?><a/>",
            "<?xml version='1.0'",
            "<?xml version='1.0?><a/>",
        ],
    );
}

#[test]
fn refuses_processing_instructions_anywhere() {
    refuses(
        ErrorKind::ProcessingInstruction,
        &[
            "<?x?><a/>",
            "<a><?x y?></a>",
            "<a/><?x?>",
            "<a>admin@corp<?x .evil?></a>",
            "<?xml-stylesheet href='x'?><a/>",
        ],
    );
}

#[test]
fn refuses_characters_that_xml_does_not_have() {
    refuses(
        ErrorKind::Character,
        &[
            "<a>\0</a>",
            "<a>\u{1}</a>",
            "<a>\u{b}</a>",
            "<a b='\u{1f}'/>",
            "<a>\u{fffe}</a>",
            "<a b='\u{ffff}'/>",
            "<a><![CDATA[\u{c}]]></a>",
            "<a><!--\u{8}--></a>",
            "<a>&#0;</a>",
            "<a>&#x1F;</a>",
            "<a>&#xD800;</a>",
            "<a>&#xFFFE;</a>",
            "<a>&#x110000;</a>",
            "<a b='&#8;'/>",
        ],
    );
    assert_eq!(kind("<a>\t\n\r\u{7f}\u{85}\u{2028}\u{fffd}\u{10ffff}&#9;&#x10FFFF;</a>"), Ok(()));
}

#[test]
fn refuses_what_is_not_well_formed() {
    refuses(
        ErrorKind::Syntax,
        &[
            "",
            " ",
            "<",
            "<a",
            "<a>",
            "<a b",
            "<a b=",
            "<a b='",
            "<a b=c/>",
            "<a b='1'c='2'/>",
            "<a b/>",
            "<a b='<'/>",
            "<a / >",
            "<a></b>",
            "<a></a",
            "<a></ a>",
            "<p:a xmlns:p='urn:p' xmlns:q='urn:p'></q:a>",
            "<a>]]></a>",
            "<a>&</a>",
            "<a>&amp</a>",
            "<a>&#;</a>",
            "<a>&#x;</a>",
            "<a>&#+1;</a>",
            "<a>&#X41;</a>",
            "<a>&#00000000000000000065;</a>",
            "<a><!-- -- --></a>",
            "<a><!-- ---></a>",
            "<a><!--</a>",
            "<a><![CDATA[</a>",
            "<a><![cdata[]]></a>",
            "<![CDATA[]]><a/>",
            "<!ELEMENT a ANY><a/>",
            "<1a/>",
            "<-a/>",
            "<a 1b='2'/>",
            "<:a/>",
            "<a:/>",
            "<a:1 xmlns:a='urn:a'/>",
            "<\u{b7}a/>",
            "<a\u{a0}b='1'/>",
        ],
    );
    assert_eq!(kind("<\u{e9}l\u{e9}ment b.c-d_1=\"]]>\" >]] ></\u{e9}l\u{e9}ment >"), Ok(()));
}

#[test]
fn refuses_what_stands_outside_the_root() {
    refuses(ErrorKind::Trailing, &["<a/><b/>", "<a/>x", "<a/>&amp;", "<a/>\u{feff}", "<a></a></a>"]);
    assert_eq!(kind("<a/>\0"), Err(ErrorKind::Trailing));
    refuses(ErrorKind::Syntax, &["<a/><![CDATA[]]>", "<a/><!x>"]);
}

#[test]
fn what_only_begins_like_a_declaration_is_an_attribute() {
    let document = Document::parse("<a xmlnsa='1' xmln='2' xmlnsb:c='3' xmlns:xmlnsb='urn:b'/>", &Limits::default());
    let document = document.expect("well-formed");
    let named = |namespace, name| document.root().attribute(namespace, name);
    assert_eq!((named("", "xmlnsa"), named("", "xmln"), named("urn:b", "c")), (Some("1"), Some("2"), Some("3")));
    assert_eq!(document.root().namespace(), "");
}

#[test]
fn refuses_names_and_namespaces_that_readers_read_differently() {
    refuses(
        ErrorKind::Namespace,
        &[
            "<p:a/>",
            "<a p:b='1'/>",
            "<a><b xmlns:p='urn:p'/><p:c/></a>",
            "<a xmlns:p=''/>",
            "<a xmlns:xml='urn:evil'/>",
            "<a xmlns:xmlns='urn:x'/>",
            "<a xmlns:p='urn:p' xmlns:xmlns='urn:p'/>",
            "<a xmlns:p='urn:p' xmlns:xml='urn:p'/>",
            "<a xmlns:xmlns='http://www.w3.org/2000/xmlns/'/>",
            "<a xmlns='http://www.w3.org/2000/xmlns/'/>",
            "<a xmlns='http://www.w3.org/XML/1998/namespace'/>",
            "<a xmlns:p='http://www.w3.org/XML/1998/namespace'/>",
            "<xmlns:a/>",
            "<a:b:c xmlns:a='urn:a'/>",
            "<a xmlns='x'/>",
            "<a xmlns='./x'/>",
            "<a xmlns='//host/x'/>",
            "<a xmlns='urn:'/>",
            "<a xmlns=':x'/>",
            "<a xmlns='1:x'/>",
            "<a xmlns=' urn:x'/>",
            "<a xmlns='urn:a b'/>",
            "<a xmlns='urn:a&amp;b'/>",
            "<a xmlns='urn:a&lt;b'/>",
            "<a xmlns='urn:a&quot;b'/>",
            "<a xmlns='urn:%zz'/>",
            "<a xmlns='urn:a#b#c'/>",
            "<a xmlns:p='http://example.com\u{80}'/>",
        ],
    );
    assert_eq!(
        kind("<a xmlns:xml='http://www.w3.org/XML/1998/namespace' xml:lang='nl'><b xmlns='urn:%20a?b#c'/></a>"),
        Ok(())
    );
}

#[test]
fn refuses_an_attribute_that_stands_twice() {
    refuses(
        ErrorKind::DuplicateAttribute,
        &[
            "<a b='1' b='1'/>",
            "<a b='1' b='2' c=''/>",
            "<a xmlns:p='urn:x' xmlns:q='urn:x' p:b='1' q:b='2'/>",
            "<a p:b='1' q:b='2' xmlns:p='urn:x' xmlns:q='urn:x'/>",
            "<a xmlns='urn:a' xmlns='urn:a'/>",
            "<a xmlns:p='urn:a' xmlns:p='urn:b'/>",
        ],
    );
    assert_eq!(kind("<p:a xmlns:p='urn:x' xmlns='urn:x' b='1' p:b='2'/>"), Ok(()));
}

#[test]
fn limits_hold_to_the_unit() {
    let limits = Limits { bytes: 4096, depth: 3, nodes: 6, attributes: 2, namespaces: 2, name: 8, ..Limits::default() };
    let long = format!("<a>{}</a>", "x".repeat(4096 - 7));
    for (good, bad, wanted) in [
        (long.as_str(), &*format!("{long}\n"), ErrorKind::LimitBytes),
        ("<a><b><c/></b></a>", "<a><b><c><d/></c></b></a>", ErrorKind::LimitDepth),
        ("<a><b/><b/><b/><b/><b/></a>", "<a><b/><b/><b/><b/><b/><b/></a>", ErrorKind::LimitNodes),
        ("<a>x<!----><!----><!----><!----></a>", "<a>x<!----><!----><!----><!----><!----></a>", ErrorKind::LimitNodes),
        ("<a> <b/><![CDATA[]]> <b/></a>", "<a> <b/><![CDATA[]]> <b/> </a>", ErrorKind::LimitNodes),
        ("<a b='' c=''/>", "<a b='' c='' d=''/>", ErrorKind::LimitAttributes),
        ("<a xmlns='a:b' xmlns:c='a:b'/>", "<a xmlns='a:b' xmlns:c='a:b' xmlns:d='a:b'/>", ErrorKind::LimitNamespaces),
        ("<abcdefgh/>", "<abcdefghi/>", ErrorKind::LimitName),
        ("<a abcdefgh=''/>", "<a abcdefghi=''/>", ErrorKind::LimitName),
        ("<a xmlns:p='a:b' p:abcdef=''/>", "<a xmlns:p='a:b' p:abcdefg=''/>", ErrorKind::LimitName),
    ] {
        assert_eq!(Document::parse(good, &limits).map(|_| ()), Ok(()), "{good}");
        assert_eq!(Document::parse(bad, &limits).map(|_| ()).map_err(|error| error.kind), Err(wanted), "{bad}");
    }
}

#[test]
fn floods_end_at_a_limit() {
    let many = |n: usize, f: &dyn Fn(usize) -> String| (0..n).map(f).collect::<String>();
    for (document, wanted) in [
        (format!("{}{}", "<a>".repeat(100_000), "</a>".repeat(10)), ErrorKind::LimitDepth),
        (format!("<r>{}</r>", "<a/>".repeat(25_000)), ErrorKind::LimitNodes),
        (format!("<r>{}</r>", "<!---->".repeat(25_000)), ErrorKind::LimitNodes),
        (format!("<r {}/>", many(25_000, &|n| format!("a{n}='' "))), ErrorKind::LimitAttributes),
        (format!("<r {}/>", many(12_000, &|n| format!("xmlns:a{n}='urn:{n}' "))), ErrorKind::LimitNamespaces),
        (format!("<r {}/>", many(40, &|n| format!("xmlns:a{n}='urn:{n}' "))), ErrorKind::LimitNamespaces),
        (format!("<r>{}</r>", many(300, &|n| format!("<a xmlns='urn:{n}'/>"))), ErrorKind::LimitNamespaces),
        (format!("<{}/>", "a".repeat(100_000)), ErrorKind::LimitName),
        (format!("<r {}=''/>", "a".repeat(100_000)), ErrorKind::LimitName),
        (format!("<r a='{}'/>", "a".repeat(100_000)), ErrorKind::LimitAttributes),
        (format!("<r>{}</r>", " ".repeat(600_000)), ErrorKind::LimitBytes),
    ] {
        assert_eq!(kind(document.as_str()), Err(wanted), "{}", document.get(..40).unwrap_or_default());
    }
}

#[test]
fn no_comment_or_section_splits_a_text() {
    for (document, wanted) in [
        ("<a>admin@corp<!-- -->.evil</a>", "admin@corp.evil"),
        ("<a><!-- -->x<!-- --></a>", "x"),
        ("<a>x<![CDATA[<y>]]>z</a>", "x<y>z"),
        ("<a><![CDATA[]]></a>", ""),
        ("<a>a\r\nb\rc&#13;&#xA;\n</a>", "a\nb\nc\r\n\n"),
        ("<a><![CDATA[a\r\nb\rc]]>\r<!-- -->\n</a>", "a\nb\nc\n\n"),
        ("<a/>", ""),
    ] {
        let document = Document::parse(document, &Limits::default()).expect("well-formed");
        assert_eq!(document.root().text().as_deref(), Some(wanted));
    }
    let with_child = Document::parse("<a>a<b/>c</a>", &Limits::default()).expect("well-formed");
    assert_eq!(with_child.root().text(), None);
    assert!(with_child.root().has_character_data());
}

#[test]
fn attribute_values_are_normalised() {
    let document =
        Document::parse("<a b=' x\ty\r\nz\r\n&#9;&#10;&#13;&quot;\"  '/>".replace("\"", "&#34;"), &Limits::default());
    let document = document.expect("well-formed");
    assert_eq!(document.root().attribute("", "b"), Some(" x y z \t\n\r\"\"  "));
}

#[test]
fn an_error_says_where() {
    let text = "<a>\n  <b c='&e;'/></a>";
    let error = Document::parse(text, &Limits::default()).expect_err("an entity");
    assert_eq!(line_and_column(text.as_bytes(), error.offset), (2, 9));
}

#[test]
fn a_start_tag_that_stands_there_again_means_what_it_means_there() {
    let text = r#"<a xmlns:p="urn:1"><p:b i="&amp;x" p:j="2"/><c xmlns:p="urn:2"><p:b i="&amp;x" p:j="2"/></c>
        <p:b i="&amp;x" p:j="2">t</p:b><p:b i="y" p:j="2"/><d Id="1"/><d Id="1"/></a>"#;
    let document = Document::parse(text, &Limits::default()).expect("well-formed");
    let found: Vec<_> = document.elements().filter(|element| element.local_name() == "b").collect();
    let namespaces: Vec<_> = found.iter().map(|b| (b.namespace(), b.attribute(b.namespace(), "j"))).collect();
    assert_eq!(namespaces, [("urn:1", Some("2")), ("urn:2", Some("2")), ("urn:1", Some("2")), ("urn:1", Some("2"))]);
    let values: Vec<_> = found.iter().map(|b| b.attribute("", "i").expect("i")).collect();
    assert_eq!(values, ["&x", "&x", "&x", "y"]);
    let texts: Vec<_> = found.iter().map(|b| b.text().expect("no children").into_owned()).collect();
    assert_eq!(texts, ["", "", "t", ""]);
    assert!(found.iter().all(|b| text[b.range()].starts_with("<p:b i=") && b.source() == &text[b.range()]));
    assert!(matches!(document.by_id("1"), super::ById::Repeated(2)));
    // What is in scope counts, not what is near.
    let undeclared = r#"<a><b xmlns:p="urn:1"><p:c/></b><p:c/></a>"#;
    let error = Document::parse(undeclared, &Limits::default()).expect_err("undeclared");
    assert_eq!(error.kind, ErrorKind::Namespace);
}
