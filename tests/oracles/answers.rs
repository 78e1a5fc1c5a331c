//! Others judge our XML: xmllint (libxml2) validates answers by the schemas that we publish, xmlsec1 (libxmlsec1)
//! verifies what we sign, and what it signs is taken. Requests and answers are those of the corpus, through the real
//! router.
//!
//! Where a tool is missing its tests say `skipped`; under `VIDIMUS_REQUIRE_TOOLS` they fail.

#![expect(clippy::expect_used, clippy::panic, reason = "what helps a test fails as the test does")]

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::body::to_bytes;
use axum::http::Method;
use tower::ServiceExt;
use vidimus::conformance::Sent;
use vidimus::conformance::forge::{self, Recipe, Target};
use vidimus::conformance::runner::{Corpus, Observed};
use vidimus::conformance::world::World;
use vidimus::model::Caller;
use vidimus::wire::xml::c14n::{self, Exclusive};
use vidimus::wire::xml::{Document, Limits};

/// One request of the corpus at a SOAP door, and its answer.
struct Exchange {
    /// The case it is of.
    case: String,
    sent: Sent,
    observed: Observed,
}

#[test]
fn every_answer_is_valid_by_our_schemas() {
    let Some(xmllint) = tool("xmllint") else { return };
    let folder = Folder::new("answers");
    let mut kinds = BTreeSet::new();
    let mut files = Vec::new();
    for (number, exchange) in exchanges().iter().enumerate() {
        kinds.insert(exchange.kind());
        let name = format!("{number:03}-{}.xml", exchange.case.replace('/', "-"));
        files.push(folder.put(&name, &exchange.observed.body));
    }
    assert_eq!(kinds.len(), 8, "issued and refused, in both SOAP versions, with and without addressing: {kinds:?}");
    assert!(issued().any(|exchange| exchange.text().contains(" Context=")), "one with Context");
    let alone = |exchange: &Exchange| !exchange.text().contains("RequestSecurityTokenResponseCollection");
    assert!(issued().any(alone), "one response alone");
    assert!(issued().any(|exchange| exchange.case.starts_with("saml/holder-of-key/")), "one for an assertion");
    let found = xmllint.validate(&root("xsd/vidimus.xsd"), &files);
    assert!(found.is_empty(), "{found}");
}

/// A schema that takes everything would let the test above pass.
#[test]
fn an_answer_that_we_never_give_is_not_valid() {
    let Some(xmllint) = tool("xmllint") else { return };
    let folder = Folder::new("never");
    let refused = exchanges().iter().filter(|exchange| !exchange.issued());
    for (number, (from, to)) in NEVER.iter().enumerate() {
        let mut honest = issued().chain(refused.clone()).map(Exchange::text);
        let honest = honest.find(|text| text.contains(from)).unwrap_or_else(|| panic!("no answer has {from}"));
        let file = folder.put(&format!("{number:02}.xml"), honest.replacen(from, to, 1).as_bytes());
        let found = xmllint.validate(&root("xsd/vidimus.xsd"), &[file]);
        assert!(found.contains("Schemas validity error"), "valid with `{to}` for `{from}`: {found}");
    }
}

/// Who generates a client from the WSDL has `wst13.xsd` and what that imports, and nothing else.
#[test]
fn accepted_requests_and_their_answers_are_valid_by_the_schema_of_the_wsdl() {
    let Some(xmllint) = tool("xmllint") else { return };
    let folder = Folder::new("payloads");
    let mut files = Vec::new();
    for (number, exchange) in issued().enumerate() {
        let name = exchange.case.replace('/', "-");
        if !exchange.case.ends_with(TYPE_WITHOUT_PREFIX) {
            files.push(folder.put(&format!("{number:02}-{name}-request.xml"), &payload(&exchange.sent.body)));
        }
        files.push(folder.put(&format!("{number:02}-{name}-answer.xml"), &payload(&exchange.observed.body)));
    }
    assert!(files.len() > 80, "{} of them", files.len());
    let found = xmllint.validate(&root("xsd/wst13.xsd"), &files);
    assert!(found.is_empty(), "{found}");
}

#[test]
fn the_contract_is_well_formed_and_its_schemas_compile_as_they_are_served() {
    let Some(xmllint) = tool("xmllint") else { return };
    let folder = Folder::new("contract");
    let world = world();
    let (path, location) = world.endpoint("oasis").expect("an endpoint");
    let session = world.begin().expect("a server");
    let get = |query: &str| {
        let sent = Sent {
            profile: None,
            method: Method::GET,
            path: format!("{path}?{query}"),
            headers: Vec::new(),
            body: Vec::new(),
            caller: Caller::default(),
        };
        let (status, body) = block_on(send(&session.router, &sent));
        assert_eq!(status, 200, "?{query}");
        // Imports lead to the server; here they lead to the file beside.
        String::from_utf8(body)
            .expect("UTF-8")
            .replace(&format!("schemaLocation=\"{location}?xsd="), "schemaLocation=\"")
    };
    let wsdl = get("wsdl");
    let mut wanted: Vec<String> = imports(&wsdl).chain(["vidimus.xsd".to_owned()]).collect();
    let mut served = BTreeMap::new();
    while let Some(name) = wanted.pop() {
        if !served.contains_key(&name) {
            let schema = get(&format!("xsd={name}"));
            wanted.extend(imports(&schema));
            served.insert(name.clone(), folder.put(&name, schema.as_bytes()));
        }
    }
    assert_eq!(served.len(), fs::read_dir(root("xsd")).expect("schemas").count(), "each schema is reached");
    let wsdl = folder.put("oasis.wsdl", wsdl.as_bytes());
    for file in served.values().chain([&wsdl, &root("wsdl/oasis.wsdl")]) {
        let output = xmllint.run([Path::new("--noout"), Path::new("--nonet"), file]);
        assert!(output.status.success() && output.stderr.is_empty(), "{}", said(&output));
    }
    let answer = folder.put("answer.xml", &issued().next().expect("an answer").observed.body);
    let foreign = folder.put("foreign.xml", b"<foreign/>");
    for schema in served.values() {
        // 3: the document is not valid; 5: the schema does not compile.
        let output = xmllint.run([Path::new("--noout"), Path::new("--nonet"), Path::new("--schema"), schema, &foreign]);
        assert_eq!(output.status.code(), Some(3), "{}: {}", schema.display(), said(&output));
    }
    let found = served.get("vidimus.xsd").map(|schema| xmllint.validate(schema, &[answer]));
    assert_eq!(found.as_deref(), Some(""));
}

#[test]
fn xmlsec1_verifies_every_assertion_and_every_signed_answer() {
    let Some(xmlsec1) = tool("xmlsec1") else { return };
    let folder = Folder::new("signed");
    let (mut assertions, mut envelopes) = (0, 0);
    for (number, exchange) in issued().enumerate() {
        let token = exchange.observed.token.as_deref().expect("a token");
        let answer = folder.put(&format!("{number:02}-answer.xml"), &exchange.observed.body);
        // An access token is none of xmlsec1's.
        if token.starts_with('<') {
            // Alone by the certificate that it brings; in its place by the certificate that is known.
            let alone = folder.put(&format!("{number:02}-assertion.xml"), token.as_bytes());
            xmlsec1.verifies(&BY_AUTHORITY, &alone).expect("the assertion alone");
            xmlsec1
                .verifies(&[&["--node-xpath", ASSERTION_SIGNATURE][..], &BY_ASSERTIONS].concat(), &answer)
                .expect("the assertion in its place");
            assertions += 1;
        }
        xmlsec1.verifies(&BY_ANSWERS, &answer).expect("the answer");
        envelopes += 1;
    }
    assert!(assertions > 40 && envelopes > 40, "{assertions} assertions, {envelopes} envelopes");
}

/// xmlsec1 looks at all that we say is signed, and at the key.
#[test]
fn xmlsec1_does_not_verify_what_was_changed() {
    let Some(xmlsec1) = tool("xmlsec1") else { return };
    let folder = Folder::new("changed");
    let exchange =
        issued().find(|exchange| exchange.text().contains("</wsa:RelatesTo>")).expect("an answer with addressing");
    for (from, to) in CHANGES {
        assert!(exchange.text().contains(from), "no {from}");
        let changed = folder.put("answer.xml", exchange.text().replacen(from, to, 1).as_bytes());
        assert!(xmlsec1.verifies(&BY_ANSWERS, &changed).is_err(), "verified with `{to}` for `{from}`");
    }
    let honest = folder.put("answer.xml", &exchange.observed.body);
    assert_eq!(xmlsec1.verifies(&BY_ANSWERS, &honest), Ok(()));
    assert!(xmlsec1.verifies(&BY_ASSERTIONS, &honest).is_err(), "verified by another key");
    let assertion = exchange.observed.token.as_deref().expect("a token").replacen("0206731645", "0206731646", 1);
    let changed = folder.put("assertion.xml", assertion.as_bytes());
    assert!(xmlsec1.verifies(&BY_AUTHORITY, &changed).is_err(), "verified with another subject");
}

#[test]
fn a_message_signed_by_xmlsec1_gets_a_token() {
    let Some(xmlsec1) = tool("xmlsec1") else { return };
    let folder = Folder::new("theirs");
    for (number, (recipe, signer, issuer)) in THEIRS.iter().enumerate() {
        let recipe: Recipe = toml::from_str(recipe).expect("a recipe");
        let world = world();
        let (path, location) = world.endpoint("oasis").expect("an endpoint");
        let target = Target { endpoint: location.to_owned(), folder: root("conformance"), ..Target::default() };
        let keys = Corpus::open(root("conformance"), root("keys")).keys().clone();
        let message = forge::forge(&recipe, &keys, world.clock(), &target).expect("a message");
        let mut message = emptied(&String::from_utf8(message).expect("UTF-8")).into_bytes();
        // The assertion first: the message covers it.
        let steps = issuer.iter().map(|issuer| (ASSERTION_SIGNATURE, issuer)).chain([(MESSAGE_SIGNATURE, signer)]);
        for (signature, key) in steps {
            let template = folder.put(&format!("{number}.xml"), &message);
            let key = root(&format!("keys/{key}.key.pem"));
            message = xmlsec1.signs(signature, &key, &template);
        }
        folder.put(&format!("{number}-signed.xml"), &message);
        let soap12 = String::from_utf8_lossy(&message).contains("http://www.w3.org/2003/05/soap-envelope");
        let content_type = if soap12 { "application/soap+xml" } else { "text/xml" };
        let sent = Sent {
            profile: None,
            method: Method::POST,
            path: path.to_owned(),
            headers: vec![("content-type".into(), content_type.into())],
            body: message,
            caller: Caller::default(),
        };
        let session = world.begin().expect("a server");
        let (status, answer) = block_on(send(&session.router, &sent));
        assert_eq!(status, 200, "{number}: {}", String::from_utf8_lossy(&answer));
        assert_eq!(session.trail.take().intents, 1);
    }
}

impl Exchange {
    /// A message at a SOAP door that was small enough to be read. A profile that only verifies has no door, and no
    /// answer.
    fn is_soap(&self) -> bool {
        let at_a_door = self.sent.profile.is_none() && !self.sent.path.starts_with("/oauth2");
        self.sent.method == Method::POST && at_a_door && self.observed.status != 413
    }

    fn issued(&self) -> bool {
        self.observed.status == 200
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.observed.body).expect("answers are UTF-8")
    }

    fn kind(&self) -> (bool, bool, bool) {
        let text = self.text();
        (self.issued(), text.starts_with(SOAP12), text.contains("</wsa:Action>"))
    }
}

/// All of them, made once.
fn exchanges() -> &'static [Exchange] {
    static ALL: OnceLock<Vec<Exchange>> = OnceLock::new();
    ALL.get_or_init(|| {
        let corpus = Corpus::open(root("conformance"), root("keys"));
        let mut all = Vec::new();
        for case in corpus.cases().expect("a corpus").into_iter().map(|case| case.expect("a case")) {
            let exchanges = block_on(corpus.exchanges(&case)).unwrap_or_else(|error| panic!("{}: {error}", case.name));
            let exchanges =
                exchanges.into_iter().map(|(sent, observed)| Exchange { case: case.name.clone(), sent, observed });
            all.extend(exchanges.filter(Exchange::is_soap));
        }
        all
    })
}

fn issued() -> impl Iterator<Item = &'static Exchange> {
    exchanges().iter().filter(|exchange| exchange.issued())
}

fn world() -> Arc<World> {
    Corpus::open(root("conformance"), root("keys")).world("hospital").expect("a world")
}

async fn send(router: &Router, sent: &Sent) -> (u16, Vec<u8>) {
    let response = router.clone().oneshot(sent.request().expect("a request")).await.expect("an answer");
    let status = response.status().as_u16();
    (status, to_bytes(response.into_body(), usize::MAX).await.expect("a body").into())
}

/// What the Body holds, as a document.
fn payload(message: &[u8]) -> Vec<u8> {
    let document = Document::parse(message, &Limits::default()).expect("well-formed");
    let body = document.root().children().find(|child| child.local_name() == "Body").expect("a Body");
    let mut payload = Vec::new();
    let apex = body.children().next().expect("a payload");
    // `xsi:type` says `xs:string`.
    c14n::exclusive(apex, &Exclusive { prefixes: &["xs"], ..Exclusive::default() }, &mut payload).expect("canonical");
    payload
}

/// The files that a schema or a WSDL imports.
fn imports(text: &str) -> impl Iterator<Item = String> {
    text.split("schemaLocation=\"").skip(1).map(|rest| rest.split('"').next().unwrap_or_default().to_owned())
}

/// The message without its digests and signature values.
fn emptied(message: &str) -> String {
    ["<ds:DigestValue>", "<ds:SignatureValue>"].iter().fold(message.to_owned(), |message, tag| {
        let mut pieces = message.split(tag);
        let first = pieces.next().unwrap_or_default().to_owned();
        pieces.fold(first, |kept, piece| kept + tag + piece.find('<').map_or("", |end| &piece[end..]))
    })
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A program that is installed.
#[derive(Clone, Copy)]
struct Tool(&'static str);

/// The one place that knows what happens without a tool.
fn tool(name: &'static str) -> Option<Tool> {
    if Command::new(name).arg("--version").output().is_ok() {
        return Some(Tool(name));
    }
    assert!(std::env::var_os("VIDIMUS_REQUIRE_TOOLS").is_none(), "{name} is required and not installed");
    println!("skipped: {name} is not installed");
    None
}

impl Tool {
    /// From the top of the repository.
    fn run(self, arguments: impl IntoIterator<Item: AsRef<OsStr>>) -> Output {
        Command::new(self.0).current_dir(root("")).args(arguments).output().expect("it runs")
    }

    /// What xmllint says against the files; nothing when each is valid.
    fn validate(self, schema: &Path, files: &[PathBuf]) -> String {
        let arguments = [Path::new("--noout"), Path::new("--nonet"), Path::new("--schema"), schema];
        let output = self.run(arguments.into_iter().chain(files.iter().map(PathBuf::as_path)));
        let said = said(&output);
        let valid = said.lines().filter(|line| line.ends_with(" validates")).count();
        if output.status.success() && valid == files.len() {
            return String::new();
        }
        said.lines().filter(|line| !line.ends_with(" validates")).take(20).collect::<Vec<_>>().join("\n")
    }

    /// Whether xmlsec1 verifies the first signature of the file, or the one that `how` names.
    fn verifies(self, how: &[&str], file: &Path) -> Result<(), String> {
        let arguments = ["--verify"].into_iter().chain(IDS.iter().flat_map(|(option, name)| [*option, *name]));
        let arguments = arguments.chain(how.iter().copied()).map(OsStr::new).chain([file.as_os_str()]);
        let output = self.run(arguments);
        if output.status.success() { Ok(()) } else { Err(format!("{}: {}", file.display(), said(&output))) }
    }

    /// The file with one of its signatures filled by xmlsec1.
    fn signs(self, signature: &str, key: &Path, file: &Path) -> Vec<u8> {
        let arguments = ["--sign"].into_iter().chain(IDS.iter().flat_map(|(option, name)| [*option, *name]));
        let arguments = arguments.chain(["--node-xpath", signature, "--privkey-pem"]).map(OsStr::new);
        let output = self.run(arguments.chain([key.as_os_str(), file.as_os_str()]));
        assert!(output.status.success(), "{}: {}", file.display(), said(&output));
        output.stdout
    }
}

/// A test's own folder, left behind to be looked at.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("oracles").join(name);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).expect("a folder");
        Self(folder)
    }

    fn put(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, bytes).expect("written");
        path
    }
}

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(future)
}

/// A request that names a type by a prefix that nobody declared: we never read it, a schema does.
const TYPE_WITHOUT_PREFIX: &str = "accepts-a-type-by-prefix-unread";

/// Answers that we never give: a text of an honest one, and what would stand there.
const NEVER: &[(&str, &str)] = &[
    // envelope and headers
    ("<soap:Header>", "<soap:Header><x:Unknown xmlns:x=\"urn:x\"/>"),
    (
        "<wsa:MessageID",
        "<wsa:Action xmlns:wsa=\"http://www.w3.org/2005/08/addressing\">urn:x</wsa:Action><wsa:MessageID",
    ),
    ("soap:mustUnderstand=\"1\"", "soap:mustUnderstand=\"yes\""),
    ("<wsu:Created>", "<wsu:Created/><wsu:Created>"),
    ("12:00:00.000Z", "12:00:00Z"),
    ("12:00:00.000Z", "12:00:00.000+00:00"),
    ("</soap:Body>", "<x:Second xmlns:x=\"urn:x\"/></soap:Body>"),
    // signatures
    ("</ds:SignatureValue>", "&#13;\n</ds:SignatureValue>"),
    ("xmldsig-more#rsa-sha256", "xmldsig#rsa-sha1"),
    ("xmlenc#sha256", "xmldsig#sha1"),
    ("<ds:Transforms>", "<ds:Transforms><ds:Transform Algorithm=\"http://www.w3.org/TR/1999/REC-xpath-19991116\"/>"),
    (
        "<ds:CanonicalizationMethod Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"",
        "<ds:CanonicalizationMethod Algorithm=\"http://www.w3.org/2000/09/xmldsig#enveloped-signature\"",
    ),
    ("<ds:Reference URI=\"#", "<ds:Reference URI=\"http://elsewhere.example/#"),
    ("</ds:KeyInfo></ds:Signature>", "</ds:KeyInfo><ds:Object/></ds:Signature>"),
    // the answer
    ("<wst:Lifetime>", "<wst:Lifetime/><wst:Lifetime>"),
    ("</wst:RequestSecurityTokenResponse>", "</wst:RequestSecurityTokenResponse><wst:RequestSecurityTokenResponse/>"),
    ("</wsa:Address></wsa:EndpointReference>", "</wsa:Address><wsa:Metadata/></wsa:EndpointReference>"),
    ("<wst:RequestedAttachedReference>", "<wst:RequestedProofToken/><wst:RequestedAttachedReference>"),
    // the assertion
    ("Version=\"2.0\"", "Version=\"1.1\""),
    ("cm:holder-of-key", "cm:bearer"),
    ("<saml2:SubjectConfirmationData NotOnOrAfter=\"2026-03-01T12:30:00.000Z\"", "<saml2:SubjectConfirmationData"),
    ("<saml2:AudienceRestriction>", "<saml2:OneTimeUse/><saml2:AudienceRestriction>"),
    ("xsi:type=\"xs:string\"", "xsi:type=\"xs:unknown\""),
    // faults
    ("<faultcode>soap:", "<faultcode>unbound:"),
    ("<v:Code>", "<v:Reason>why</v:Reason><v:Code>"),
    ("<v:Code>", "<v:Code>says too much: "),
    ("<v:Reference>", "<v:Reference>0"),
    ("</v:Refusal>", "</v:Refusal><x:Stack xmlns:x=\"urn:x\"/>"),
];

/// Changes of an answer, one to each signed part.
const CHANGES: &[(&str, &str)] = &[
    ("/IssueFinal</wsa:Action>", "/IssueFinal2</wsa:Action>"),
    ("</wsa:MessageID>", "0</wsa:MessageID>"),
    ("</wsa:To>", "/</wsa:To>"),
    ("</wsa:RelatesTo>", "0</wsa:RelatesTo>"),
    ("</wsu:Created>", " </wsu:Created>"),
    ("/PublicKey</wst:KeyType>", "/Bearer</wst:KeyType>"),
];

/// Messages that xmlsec1 signs: the recipe, the sender's key, the key of an assertion in it.
const THEIRS: &[(&str, &str, Option<&str>)] = &[
    ("from = 'parts/issue.xml'\nsign = { key = 'hospital', parts = ['Body', 'Timestamp'] }", "hospital", None),
    (
        "from = 'parts/issue.xml'\n\
         values = { soap = 'http://www.w3.org/2003/05/soap-envelope', addressing = '${file:parts/addressing.xml}' }\n\
         sign = { key = 'clinic', parts = ['Body', 'Timestamp', 'Action', 'MessageID', 'ReplyTo', 'To'] }",
        "clinic",
        None,
    ),
    (
        "from = 'parts/issue.xml'\n\
         sign = { key = 'hospital', parts = ['Body', 'Timestamp', 'Assertion'], key_reference = 'saml-assertion' }\n\
         tokens = { token = { from = 'parts/assertion.xml', sign = { key = 'issuer' } } }",
        "hospital",
        Some("issuer"),
    ),
    (
        "from = 'parts/issue.xml'\n\
         sign = { key = 'hospital', parts = ['Body', 'Timestamp'], algorithm = 'rsa-sha512', digest = 'sha512', \
         key_reference = 'thumbprint' }",
        "hospital",
        None,
    ),
];

const MESSAGE_SIGNATURE: &str = "/*/*/*[local-name()='Security']/*[local-name()='Signature']";
const ASSERTION_SIGNATURE: &str = "//*[local-name()='Assertion']/*[local-name()='Signature']";

const BY_AUTHORITY: [&str; 4] = ["--trusted-pem", "keys/ca.cert.pem", "--verification-gmt-time", "2026-03-01 12:00:00"];
const BY_ASSERTIONS: [&str; 2] = ["--pubkey-cert-pem", "keys/sts-assertions.cert.pem"];
const BY_ANSWERS: [&str; 2] = ["--pubkey-cert-pem", "keys/sts-answers.cert.pem"];

/// What is an id, as xmlsec1 has to be told without a DTD.
const IDS: &[(&str, &str)] = &[
    ("--id-attr:ID", "urn:oasis:names:tc:SAML:2.0:assertion:Assertion"),
    ("--id-attr:Id", "http://schemas.xmlsoap.org/soap/envelope/:Body"),
    ("--id-attr:Id", "http://www.w3.org/2003/05/soap-envelope:Body"),
    ("--id-attr:Id", "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd:Timestamp"),
    ("--id-attr:Id", "http://www.w3.org/2005/08/addressing:Action"),
    ("--id-attr:Id", "http://www.w3.org/2005/08/addressing:MessageID"),
    ("--id-attr:Id", "http://www.w3.org/2005/08/addressing:To"),
    ("--id-attr:Id", "http://www.w3.org/2005/08/addressing:ReplyTo"),
    ("--id-attr:Id", "http://www.w3.org/2005/08/addressing:RelatesTo"),
];

/// How an answer in SOAP 1.2 begins.
const SOAP12: &str = "<soap:Envelope xmlns:soap=\"http://www.w3.org/2003/05/soap-envelope\">";
