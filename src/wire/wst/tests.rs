//! Requests in the shapes that real clients send (`reference/clients.md` 1, `wstrust.md` 3.2), and
//! what is refused.

use super::*;
use crate::wire::ns;
use crate::wire::shape::Shape;
use crate::wire::wsse::TokenReference;
use crate::wire::xml::{Document, Limits};

const WST: &str = "http://docs.oasis-open.org/ws-sx/ws-trust/200512";
const ISSUE: &str = "<t:RequestType>http://docs.oasis-open.org/ws-sx/ws-trust/200512/Issue</t:RequestType>";

fn request(inside: &str) -> Document {
    let xml = format!(
        "<t:RequestSecurityToken xmlns:t='{WST}' xmlns:wsse='{}' xmlns:wsu='{}' xmlns:ds='{}' xmlns:wsp='{}' \
         xmlns:a='{}' xmlns:t14='{}'>{inside}</t:RequestSecurityToken>",
        ns::WSSE,
        ns::WSU,
        ns::DS,
        ns::WSP,
        ns::WSA,
        ns::WST14
    );
    Document::parse(xml, &Limits::default()).unwrap()
}

fn error_of(inside: &str) -> ErrorKind {
    let document = request(inside);
    RequestSecurityToken::read(document.root()).map(|request| format!("{request:?}")).unwrap_err().kind
}

fn applies_to(address: &str) -> String {
    format!(
        "<wsp:AppliesTo><a:EndpointReference><a:Address>{address}</a:Address></a:EndpointReference></wsp:AppliesTo>"
    )
}

#[test]
fn cxf_puts_type_and_key_type_into_secondary_parameters() {
    let document = request(&format!(
        "<t:SecondaryParameters><t:TokenType>{}</t:TokenType><t:KeyType>{WST}/PublicKey</t:KeyType></t:SecondaryParameters>\
         {ISSUE}{}<t:Lifetime><wsu:Created>2026-11-22T10:00:00.123Z</wsu:Created></t:Lifetime><t:Renewing/>",
        ns::SAML20_TOKEN,
        applies_to("https://service/")
    ));
    let request = RequestSecurityToken::read(document.root()).unwrap();
    assert_eq!(request.token_type, Some((TokenType::Saml20, ns::SAML20_TOKEN.to_owned())));
    assert_eq!(request.key_type, Some(KeyType::PublicKey));
    assert_eq!(request.applies_to.map(|target| target.address).as_deref(), Some("https://service/"));
    assert_eq!(request.renewing, Some(Renewing { allow: true, ok: false }));
    assert!(request.lifetime.is_some_and(|lifetime| lifetime.created.is_some() && lifetime.expires.is_none()));
}

#[test]
fn what_the_request_says_itself_wins_over_secondary_parameters() {
    let document = request(&format!(
        "{ISSUE}<t:KeyType>{WST}/PublicKey</t:KeyType><t:SecondaryParameters><t:KeyType>{WST}/Bearer</t:KeyType>\
         </t:SecondaryParameters>"
    ));
    assert_eq!(RequestSecurityToken::read(document.root()).unwrap().key_type, Some(KeyType::PublicKey));
}

#[test]
fn metro_declares_unused_prefixes_of_two_versions() {
    let xml = format!(
        "<trust:RequestSecurityToken xmlns:trust='{WST}' xmlns:wst='{}' xmlns:wsp='{}' xmlns='{}'><trust:RequestType>\
         {WST}/Issue</trust:RequestType><wsp:AppliesTo xmlns:wsp='{}'><EndpointReference><Address>\n  https://service\n\
         </Address></EndpointReference></wsp:AppliesTo><trust:KeyType>{WST}/PublicKey</trust:KeyType>\
         </trust:RequestSecurityToken>",
        ns::WST05,
        ns::WSP15,
        ns::WSA,
        ns::WSP
    );
    let document = Document::parse(xml, &Limits::default()).unwrap();
    let request = RequestSecurityToken::read(document.root()).unwrap();
    let target = request.applies_to.as_ref().unwrap();
    assert_eq!(target.echo(), Address { policy: ns::WSP, addressing: ns::WSA, address: "https://service" });
    assert!(request.use_key.is_none() && request.context.is_none());
}

#[test]
fn dotnet_orders_by_name_and_sends_entropy_and_a_context() {
    let xml = format!(
        "<trust:RequestSecurityToken Context='uuid-1' xmlns:trust='{WST}'><wsp:AppliesTo xmlns:wsp='{}'>\
         <EndpointReference xmlns='{}'><Address>https://service/</Address></EndpointReference></wsp:AppliesTo>\
         <trust:Entropy><trust:BinarySecret Type='{WST}/Nonce'>AAAA</trust:BinarySecret></trust:Entropy>\
         <trust:KeySize>256</trust:KeySize><trust:KeyType>{WST}/SymmetricKey</trust:KeyType>\
         <trust:RequestType>{WST}/Issue</trust:RequestType><trust:TokenType>urn:oasis:names:tc:SAML:2.0:assertion\
         </trust:TokenType></trust:RequestSecurityToken>",
        ns::WSP,
        ns::WSA
    );
    let document = Document::parse(xml, &Limits::default()).unwrap();
    let request = RequestSecurityToken::read(document.root()).unwrap();
    assert_eq!((request.context, request.key_size), (Some("uuid-1"), Some(256)));
    assert_eq!(request.key_type, Some(KeyType::SymmetricKey));
    assert_eq!(request.token_type, Some((TokenType::Saml20, "urn:oasis:names:tc:SAML:2.0:assertion".to_owned())));
    assert!(request.entropy.is_some());
}

#[test]
fn ehealth_asks_with_the_missing_hyphen_and_asserts_values() {
    let document = request(&format!(
        "<t:TokenType>{}</t:TokenType>{ISSUE}<t:Claims Dialect='{}' xmlns:auth='{}'><auth:ClaimType Uri='urn:ssin'>\
         <auth:Value>85073003328</auth:Value></auth:ClaimType><auth:ClaimType Uri='urn:asked'/>\
         <auth:ClaimType Uri='urn:text' Optional='true'>text</auth:ClaimType><x:Other xmlns:x='urn:x'/></t:Claims>\
         <t:Lifetime><wsu:Created>2026-11-22T10:00:00.1234567+01:00</wsu:Created>\
         <wsu:Expires>2026-11-22T11:00:00.1234567+01:00</wsu:Expires></t:Lifetime>\
         <t:KeyType>http://docs.oasis-open.org/ws-sx/wstrust/200512/PublicKey</t:KeyType>",
        ns::SAML11_TOKEN,
        ns::AUTH_CLAIMS,
        ns::AUTH,
    ));
    let request = RequestSecurityToken::read(document.root()).unwrap();
    assert_eq!(request.key_type, Some(KeyType::PublicKey));
    assert_eq!(request.token_type.map(|(kind, _)| kind), Some(TokenType::Saml11));
    let claims = request.claims.unwrap();
    let values: Vec<_> = claims.claims.iter().map(|claim| (claim.values.join("|"), claim.optional)).collect();
    assert_eq!(values, [("85073003328".to_owned(), false), (String::new(), false), ("text".to_owned(), true)]);
    assert_eq!(claims.unknown, ["{urn:x}Other"]);
}

#[test]
fn rsz_sends_the_sender_number_in_the_older_dialect() {
    let document = request(&format!(
        "{ISSUE}<t:Claims Dialect='{AUTH_2006}/authclaims'><x:ClaimType xmlns:x='{AUTH_2006}' \
         Uri='urn:be:smals:expeditor:number'><x:Value>006400</x:Value></x:ClaimType></t:Claims>"
    ));
    let claims = RequestSecurityToken::read(document.root()).unwrap().claims.unwrap();
    assert_eq!(claims.values("urn:be:smals:expeditor:number"), Some(["006400".to_owned()].as_slice()));
    assert!(claims.unknown.is_empty());
}

#[test]
fn use_key_is_read_in_its_five_forms() {
    let modulus = "<ds:KeyValue><ds:RSAKeyValue><ds:Modulus>ANEB</ds:Modulus><ds:Exponent>AQAB</ds:Exponent>\
                   </ds:RSAKeyValue></ds:KeyValue>";
    let reference = "<wsse:SecurityTokenReference><wsse:Reference URI='#bst'/></wsse:SecurityTokenReference>";
    for (inside, wanted) in [
        ("<t:UseKey Sig='_sig'/>".to_owned(), "Signature(\"_sig\")"),
        (format!("<t:UseKey><ds:KeyInfo>{modulus}</ds:KeyInfo></t:UseKey>"), "Shown("),
        (format!("<t:UseKey>{reference}</t:UseKey>"), "Direct { id: \"bst\""),
        (format!("<t:UseKey><ds:KeyInfo>{reference}</ds:KeyInfo></t:UseKey>"), "Direct { id: \"bst\""),
    ] {
        let document = request(&format!("{ISSUE}{inside}"));
        let use_key = format!("{:?}", RequestSecurityToken::read(document.root()).unwrap().use_key.unwrap());
        assert!(use_key.contains(wanted), "{inside}: {use_key}");
    }
    for inside in ["<t:UseKey/>", "<t:UseKey><wsse:BinarySecurityToken>AAAA</wsse:BinarySecurityToken></t:UseKey>"] {
        assert!(matches!(error_of(&format!("{ISSUE}{inside}")), ErrorKind::UseKey(_)), "{inside}");
    }
}

#[test]
fn a_certificate_in_use_key_is_shown_bare_or_referenced() {
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::default().self_signed(&key).unwrap();
    let base64 = crate::wire::base64::encode(certificate.der());
    for inside in [
        format!("<wsse:BinarySecurityToken ValueType='{}'>{base64}</wsse:BinarySecurityToken>", ns::X509_V3),
        format!(
            "<wsse:SecurityTokenReference><ds:X509Data><ds:X509Certificate>{base64}</ds:X509Certificate></ds:X509Data></wsse:SecurityTokenReference>"
        ),
        format!(
            "<ds:KeyInfo><ds:X509Data><ds:X509Certificate>{base64}</ds:X509Certificate></ds:X509Data></ds:KeyInfo>"
        ),
    ] {
        let document = request(&format!("{ISSUE}<t:UseKey>{inside}</t:UseKey>"));
        let Some(UseKey::Shown(shown)) = RequestSecurityToken::read(document.root()).unwrap().use_key else {
            panic!("{inside}")
        };
        assert_eq!(shown.certificate.as_deref(), Some(certificate.der().as_ref()));
    }
}

#[test]
fn on_behalf_of_and_act_as_hold_a_token_a_reference_or_a_name() {
    let document = request(&format!(
        "{ISSUE}<t:OnBehalfOf><wsse:UsernameToken><wsse:Username>cbe:0206731645</wsse:Username></wsse:UsernameToken>\
         </t:OnBehalfOf><t14:ActAs><wsse:SecurityTokenReference><wsse:KeyIdentifier ValueType='{}'>_a</wsse:KeyIdentifier>\
         </wsse:SecurityTokenReference></t14:ActAs>",
        ns::SAML20_ASSERTION_ID
    ));
    let request = RequestSecurityToken::read(document.root()).unwrap();
    assert_eq!(request.on_behalf_of.unwrap().claimed_name().as_deref(), Some("cbe:0206731645"));
    let Some(OnBehalfOf::Reference(reference)) = request.act_as else { panic!() };
    assert!(matches!(reference.target, TokenReference::Assertion { .. }));
    assert!(matches!(error_of(&format!("{ISSUE}<t:OnBehalfOf/>")), ErrorKind::OnBehalfOf(_)));
}

#[test]
fn unknown_repeated_and_mixed_children_are_refused() {
    let twice = applies_to("https://a");
    let other = twice.replace("wsp:", "p:").replace("<p:AppliesTo>", &format!("<p:AppliesTo xmlns:p='{}'>", ns::WSP15));
    for (inside, wanted) in [
        (String::new(), "wst:RequestType is missing"),
        (format!("{ISSUE}<t:Surprise/>"), "in no version of WS-Trust"),
        (format!("{ISSUE}<t14:Surprise/>"), "in no version of WS-Trust"),
        (format!("{ISSUE}<o:KeyType xmlns:o='{}'/>", ns::WST05), "another version"),
        (format!("{ISSUE}{ISSUE}"), "more than once"),
        (format!("{ISSUE}{twice}{other}"), "more than once"),
        (format!("{ISSUE}<wsp:AppliesTo>https://a</wsp:AppliesTo>"), "AppliesTo: text stands"),
        (format!("{ISSUE}{}", applies_to("<b/>")), "AppliesTo: elements stand"),
        (format!("{ISSUE}<t:Lifetime><wsu:Created>now</wsu:Created></t:Lifetime>"), "Lifetime: `now`"),
        (format!("{ISSUE}<t:KeySize>many</t:KeySize>"), "a number of bits"),
        (format!("{ISSUE}text"), "text stands"),
    ] {
        let document = request(&inside);
        let error = RequestSecurityToken::read(document.root()).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains(wanted), "{inside}: {error}");
    }
    let document = request(&format!("{ISSUE}<x:Foreign xmlns:x='urn:x'/><t:SignWith>urn:s</t:SignWith>"));
    let read = RequestSecurityToken::read(document.root()).unwrap();
    assert_eq!((read.foreign.len(), read.not_read.len()), (1, 1));
}

#[test]
fn a_long_context_and_a_body_of_another_kind_are_refused() {
    let xml = format!(
        "<t:RequestSecurityToken xmlns:t='{WST}' Context='{}'>{ISSUE}</t:RequestSecurityToken>",
        "x".repeat(1025)
    );
    let document = Document::parse(xml, &Limits::default()).unwrap();
    let error = RequestSecurityToken::read(document.root()).map(|_| ()).unwrap_err();
    assert_eq!(error.kind, ErrorKind::ContextTooLong(1025));
    for xml in ["<RequestSecurityToken/>".to_owned(), format!("<t:RequestSecurityTokenCollection xmlns:t='{WST}'/>")] {
        let document = Document::parse(xml, &Limits::default()).unwrap();
        let error = RequestSecurityToken::read(document.root()).map(|_| ()).unwrap_err();
        assert!(matches!(error.kind, ErrorKind::NotARequest(_)));
    }
}

#[test]
fn a_request_that_is_written_reads_back() {
    let claims = Claims {
        dialect: Some(format!("{AUTH_2006}/authclaims")),
        claims: vec![ClaimRequest { uri: "urn:c".to_owned(), optional: false, values: vec!["v".to_owned()] }],
        unknown: Vec::new(),
    };
    let lifetime = ("2026-11-22T10:00:00Z".parse().unwrap(), "2026-11-22T11:00:00Z".parse().unwrap());
    let bytes = NewRequest {
        version: TrustVersion::Trust13,
        context: Some("c-1"),
        token_type: None,
        key_type: Some(KeyType::PublicKey),
        applies_to: Some(Address::new("https://service/?a=1&b=2")),
        on_behalf_of: Some("cbe:0206731645"),
        claims: Some(&claims),
        lifetime: Some(lifetime),
    }
    .write();
    let document = Document::parse(bytes, &Limits::default()).unwrap();
    let read = RequestSecurityToken::read(document.root()).unwrap();
    assert_eq!((read.context, read.request_type), (Some("c-1"), RequestType::Issue));
    assert_eq!(read.applies_to.map(|target| target.address).as_deref(), Some("https://service/?a=1&b=2"));
    assert_eq!(read.claims, Some(claims));
    assert_eq!(read.lifetime, Some(Lifetime { created: Some(lifetime.0), expires: Some(lifetime.1) }));
    assert_eq!(read.on_behalf_of.and_then(|party| party.claimed_name()).as_deref(), Some("cbe:0206731645"));
}

#[test]
fn an_answer_has_the_one_shape_and_gives_the_token_back_byte_for_byte() {
    let token = format!("<saml2:Assertion xmlns:saml2=\"{}\" ID=\"_a\"></saml2:Assertion>", ns::SAML2);
    let answer = NewResponse {
        version: TrustVersion::Trust13,
        wrapping: Wrapping::Collection,
        context: Some("<c>"),
        token_type: "urn:oasis:names:tc:SAML:2.0:assertion",
        token: token.as_bytes(),
        assertion_id: Some("_a"),
        applies_to: Some(Address::new("https://service/")),
        created: "2026-11-22T10:00:00Z".parse().unwrap(),
        expires: "2026-11-22T11:00:00Z".parse().unwrap(),
        key_type: KeyType::PublicKey,
    };
    assert_eq!(answer.action(), format!("{WST}/RSTRC/IssueFinal"));
    for wrapping in [Wrapping::Collection, Wrapping::Single] {
        let document = Document::parse(NewResponse { wrapping, ..answer.clone() }.write(), &Limits::default()).unwrap();
        let read = RequestSecurityTokenResponse::read(document.root()).unwrap();
        let order: Vec<_> = read.element.children().map(|child| child.local_name()).collect();
        assert_eq!(
            order,
            [
                "TokenType",
                "RequestedSecurityToken",
                "RequestedAttachedReference",
                "RequestedUnattachedReference",
                "AppliesTo",
                "Lifetime",
                "KeyType"
            ]
        );
        assert_eq!(read.token_bytes().unwrap(), token.as_bytes());
        assert_eq!((read.context, read.applies_to.as_deref()), (Some("<c>"), Some("https://service/")));
        let text = String::from_utf8(document.bytes().to_vec()).unwrap();
        assert!(text.contains(">2026-11-22T11:00:00.000Z</wsu:Expires>"), "{text}");
    }
}

#[test]
fn a_token_that_uses_outer_prefixes_is_cut_out_with_them() {
    let xml = format!(
        "<RequestSecurityTokenResponse xmlns='{WST}' xmlns:s='{}'><RequestedSecurityToken><s:Assertion ID='_a'>\
         </s:Assertion></RequestedSecurityToken></RequestSecurityTokenResponse>",
        ns::SAML2
    );
    let document = Document::parse(xml, &Limits::default()).unwrap();
    let read = RequestSecurityTokenResponse::read(document.root()).unwrap();
    let wanted = format!("<s:Assertion xmlns:s=\"{}\" ID=\"_a\"></s:Assertion>", ns::SAML2);
    assert_eq!(String::from_utf8(read.token_bytes().unwrap()).unwrap(), wanted);

    let empty = format!("<RequestSecurityTokenResponse xmlns='{WST}'/>");
    let document = Document::parse(empty, &Limits::default()).unwrap();
    let error = RequestSecurityTokenResponse::read(document.root()).unwrap().token_bytes().unwrap_err();
    assert!(
        matches!(error.kind, ErrorKind::Shape(error) if error.kind == Shape::Missing("wst:RequestedSecurityToken"))
    );
}
