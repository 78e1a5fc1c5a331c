//! The tap, end to end: a client and an upstream server that speak in bytes, the tap between them.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::thread::{self, JoinHandle};

use chrono::Utc;
use clap::Parser;

use crate::cli::credentials::Credentials;
use crate::cli::envelope::signing::{self, KeyReference, Signing};
use crate::cli::{Cli, Format, Verb};
use crate::conformance::runner::{Corpus, Variant};

use super::*;

/// Runs the verb in a thread of its own: exit, stdout, stderr.
fn tapping(words: Vec<String>, format: Format) -> JoinHandle<(Exit, String, String)> {
    let line: Vec<String> = ["vidimus", "tap"].iter().map(|word| (*word).to_owned()).chain(words).collect();
    thread::spawn(move || {
        let Verb::Tap(args) = Cli::try_parse_from(line).unwrap().verb else { panic!("another verb") };
        let (mut result, mut notes) = (Vec::new(), Vec::new());
        let exit = {
            let mut out = Output::new(format, &mut result, &mut notes);
            run(&args, &mut out).unwrap_or_else(|failure| out.failure(&failure))
        };
        (exit, String::from_utf8(result).unwrap(), String::from_utf8(notes).unwrap())
    })
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn connected(port: u16) -> TcpStream {
    for _ in 0..200 {
        if let Ok(stream) = TcpStream::connect(("127.0.0.1", port)) {
            stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
            return stream;
        }
        thread::sleep(Duration::from_millis(25));
    }
    panic!("nothing listens on {port}");
}

/// Head and decoded body of each request that came.
type Came = Vec<(String, Vec<u8>)>;

/// A server that gives each request the same answer and remembers what came, head and decoded body.
fn upstream(answer: Vec<u8>, requests: usize) -> (u16, JoinHandle<Came>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let came = thread::spawn(move || {
        let one = |stream: std::io::Result<TcpStream>, answer: Vec<u8>| {
            thread::spawn(move || {
                let mut stream = stream.unwrap();
                let came = message(&mut stream);
                stream.write_all(&answer).unwrap();
                came
            })
        };
        let all: Vec<_> = listener.incoming().take(requests).map(|stream| one(stream, answer.clone())).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    (port, came)
}

/// Head and body of one message; a chunked body is put together.
fn message(stream: &mut TcpStream) -> (String, Vec<u8>) {
    let head = until(stream, b"\r\n\r\n");
    let head = String::from_utf8(head).unwrap();
    let lower = head.to_ascii_lowercase();
    if lower.contains("transfer-encoding: chunked") {
        let mut body = Vec::new();
        loop {
            let size = until(stream, b"\r\n");
            let size = usize::from_str_radix(std::str::from_utf8(&size).unwrap().trim(), 16).unwrap();
            let mut chunk = vec![0; size + 2];
            stream.read_exact(&mut chunk).unwrap();
            body.extend_from_slice(&chunk[..size]);
            if size == 0 {
                return (head, body);
            }
        }
    }
    let length = lower.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next());
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    stream.read_exact(&mut body).unwrap();
    (head, body)
}

fn until(stream: &mut TcpStream, end: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut byte = [0];
    while !bytes.ends_with(end) {
        stream.read_exact(&mut byte).unwrap();
        bytes.push(byte[0]);
    }
    bytes
}

fn words(port: u16, to: u16, more: &[&str]) -> Vec<String> {
    let listen = format!("127.0.0.1:{port}");
    let to = format!("http://127.0.0.1:{to}/sts");
    ["--listen", &listen, "--to", &to].iter().chain(more).map(|word| (*word).to_owned()).collect()
}

fn http(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

/// The lines of a head that belong to the message.
fn fields(head: &str) -> Vec<&str> {
    let connection = |line: &&str| {
        !["connection:", "host:", "keep-alive:"].iter().any(|name| line.to_ascii_lowercase().starts_with(name))
    };
    let mut lines: Vec<&str> = head.lines().filter(|line| !line.is_empty()).filter(connection).collect();
    lines.sort_unstable();
    lines
}

#[test]
fn bytes_pass_unchanged_both_ways() {
    // No text, on purpose: what passes is not read first.
    let body: Vec<u8> = (0..70_000u32).map(|number| (number % 251) as u8).collect();
    let answer_body: Vec<u8> = body.iter().rev().copied().collect();
    let answer = http("418 I am a teapot", "X-Odd-Case: Yes\r\ncontent-ENCODING: gzip\r\n", &answer_body);
    let (to, came) = upstream(answer, 1);
    let port = free_port();
    let tap = tapping(words(port, to, &["--exchanges", "1"]), Format::Human);
    let mut client = connected(port);
    let head = format!(
        "PUT /a/b%20c?x=1&y=%C3%A9 HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nsoapACTION: \"urn:x\"\r\nX-Twice: 1\r\nX-Twice: 2\r\n\
         Content-Type: application/octet-stream\r\nConnection: X-Mine\r\nX-Mine: gone\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    client.write_all(head.as_bytes()).unwrap();
    client.write_all(&body).unwrap();
    let (back, back_body) = message(&mut client);
    drop(client);
    let (sent, sent_body) = came.join().unwrap().pop().unwrap();
    assert_eq!((&sent_body, &back_body), (&body, &answer_body));
    let wanted = head.replace("X-Mine: gone\r\n", "");
    assert_eq!(fields(&sent), fields(&wanted));
    assert!(sent.contains(&format!("ost: 127.0.0.1:{to}\r\n")), "{sent}");
    assert!(back.starts_with("HTTP/1.1 418 I am a teapot\r\n"), "{back}");
    assert!(back.contains("X-Odd-Case: Yes\r\n") && back.contains("content-ENCODING: gzip\r\n"), "{back}");
    let (exit, said, _) = tap.join().unwrap();
    assert_eq!(exit, Exit::Done);
    assert!(said.contains("#1 → PUT /a/b%20c?x=…&y=…  70000 bytes  not read: application/octet-stream"), "{said}");
    assert!(said.contains("not read: gzip (let the client"), "{said}");
}

#[test]
fn a_client_that_asks_first_is_told_to_go_on_and_chunks_stay_a_stream() {
    let (to, came) =
        upstream(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n".to_vec(), 1);
    let port = free_port();
    let tap = tapping(words(port, to, &["--exchanges", "1"]), Format::Human);
    let mut client = connected(port);
    client
        .write_all(b"POST /x HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n")
        .unwrap();
    assert!(until(&mut client, b"\r\n\r\n").starts_with(b"HTTP/1.1 100 Continue"));
    client.write_all(b"4\r\nwith\r\n5\r\n time\r\n0\r\n\r\n").unwrap();
    let (head, body) = message(&mut client);
    assert!(
        head.starts_with("HTTP/1.1 200") && head.to_ascii_lowercase().contains("transfer-encoding: chunked"),
        "{head}"
    );
    assert_eq!(body, b"abcde");
    drop(client);
    let (sent, sent_body) = came.join().unwrap().pop().unwrap();
    assert_eq!(sent_body, b"with time");
    assert!(sent.to_ascii_lowercase().contains("transfer-encoding: chunked"), "{sent}");
    assert_eq!(tap.join().unwrap().0, Exit::Done);
}

#[test]
fn nobody_there_is_a_502_with_a_sentence_and_secrets_stay_out_of_what_is_told() {
    let (port, to) = (free_port(), free_port());
    let tap = tapping(words(port, to, &["--exchanges", "1"]), Format::Human);
    let mut client = connected(port);
    let body = "grant_type=client_credentials&client_secret=Tr0ub4dor&scope=a%1B%5B2J";
    let length = body.len();
    let request = format!(
        "POST /oauth2/token?code=abcd1234 HTTP/1.1\r\nHost: t\r\nAuthorization: Basic c2VjcmV0\r\nContent-Type: \
         application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    client.write_all(request.as_bytes()).unwrap();
    let (head, body) = message(&mut client);
    assert!(head.starts_with("HTTP/1.1 502"), "{head}");
    let body = String::from_utf8(body).unwrap();
    assert!(body.contains("did not answer: Connection refused"), "{body}");
    drop(client);
    let (_, said, notes) = tap.join().unwrap();
    for secret in ["Tr0ub4dor", "c2VjcmV0", "abcd1234", "\u{1b}"] {
        assert!(!said.contains(secret) && !notes.contains(secret), "{said}");
    }
    assert!(
        said.contains("client_secret = (9 characters, not shown)") && said.contains("scope = a\\u{1b}[2J"),
        "{said}"
    );
}

#[test]
fn a_hundred_clients_get_their_own_answers() {
    // The tap of a tap: TLS on the way in, TLS with a named authority on the way out.
    let place = Place::new("chain");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let to = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            thread::spawn(move || {
                let (_, body) = message(&mut stream);
                stream.write_all(&http("200 OK", "Content-Type: text/plain\r\n", &body)).unwrap();
            });
        }
    });
    let (inner_port, outer_port) = (free_port(), free_port());
    let pem = place.0.join("tap.pem").display().to_string();
    let inner = tapping(words(inner_port, to, &["--exchanges", "100", "--tls-self-made", &pem]), Format::Json);
    drop(connected(inner_port));
    let https = format!("https://127.0.0.1:{inner_port}");
    let listen = format!("127.0.0.1:{outer_port}");
    let outer = ["--listen", &listen, "--to", &https, "--cacert", &pem, "--exchanges", "100"];
    let outer = tapping(outer.iter().map(|word| (*word).to_owned()).collect(), Format::Json);
    let clients: Vec<_> = (0..100)
        .map(|number| {
            thread::spawn(move || {
                let mut client = connected(outer_port);
                let body = format!("client {number} {}", "x".repeat(number * 100));
                let length = body.len();
                let request = format!("POST /{number} HTTP/1.1\r\nHost: t\r\nContent-Length: {length}\r\n\r\n{body}");
                client.write_all(request.as_bytes()).unwrap();
                assert_eq!(String::from_utf8(message(&mut client).1).unwrap(), body);
            })
        })
        .collect();
    clients.into_iter().for_each(|client| client.join().unwrap());
    for tap in [inner, outer] {
        let (exit, said, _) = tap.join().unwrap();
        let events: Vec<serde_json::Value> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let of = |name: &str| events.iter().filter(|event| event["event"] == name).count();
        assert_eq!((exit, of("listening"), of("request"), of("answer")), (Exit::Done, 1, 100, 100));
        assert!(events.iter().filter(|event| event["event"] == "answer").all(|event| event["status"] == 200));
    }
}

// ── envelopes ──────────────────────────────────────────────────────────────────────────────────

struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("vidimus-tap-{}-{name}", std::process::id()));
        let _gone = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.0);
    }
}

fn sender(place: &Place) -> (Credentials, PathBuf) {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(rcgen::DnType::CommonName, "gent");
    params.is_ca = rcgen::IsCa::ExplicitNoCa;
    let certificate = params.self_signed(&key).unwrap();
    let (pem, key_pem) = (place.0.join("gent.pem"), place.0.join("gent.key"));
    std::fs::write(&pem, certificate.pem()).unwrap();
    std::fs::write(&key_pem, key.serialize_pem()).unwrap();
    let args = CredentialArgs { cert: Some(pem.clone()), key: Some(key_pem), ..CredentialArgs::default() };
    let (mut result, mut notes) = (Vec::new(), Vec::new());
    (args.load(&mut Output::new(Format::Human, &mut result, &mut notes)).unwrap(), pem)
}

fn signed(credentials: &Credentials, to: &str) -> Vec<u8> {
    let message = format!(
        "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Header>\
         <a:To xmlns:a=\"http://www.w3.org/2005/08/addressing\">{to}</a:To></s:Header>\
         <s:Body><x xmlns=\"urn:x\">0123456749</x></s:Body></s:Envelope>"
    );
    let signing = Signing {
        parts: vec!["Body".to_owned(), "Timestamp".to_owned()],
        algorithm: None,
        key_reference: KeyReference::Thumbprint,
        assertion: None,
        created: Utc::now(),
        life: chrono::Duration::seconds(300),
    };
    signing::sign(message.into_bytes(), &signing, credentials).unwrap()
}

#[test]
fn envelopes_are_judged_and_saved_as_cases_that_run() {
    let place = Place::new("save");
    let (credentials, pem) = sender(&place);
    let fault = b"<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body><s:Fault><faultcode>s:Client</faultcode>\
        <faultstring>SOA-01001</faultstring></s:Fault></s:Body></s:Envelope>";
    let (to, came) = upstream(http("500 Internal Server Error", "Content-Type: text/xml\r\n", fault), 2);
    let port = free_port();
    let (folder, pem) = (place.0.join("captured"), pem.display().to_string());
    let shown = folder.display().to_string();
    let options = ["--exchanges", "2", "--save", &shown, "--registered", &pem];
    let tap = tapping(words(port, to, &options), Format::Human);
    let good = signed(&credentials, &format!("http://127.0.0.1:{port}/sts"));
    let indented = String::from_utf8(good.clone()).unwrap().replace("<x ", "\n  <x ").into_bytes();
    for envelope in [&good, &indented] {
        let mut client = connected(port);
        let head = format!(
            "POST /sts HTTP/1.1\r\nHost: t\r\nContent-Type: text/xml\r\nContent-Length: {}\r\n\r\n",
            envelope.len()
        );
        client.write_all(head.as_bytes()).unwrap();
        client.write_all(envelope).unwrap();
        assert_eq!(message(&mut client).1, fault);
    }
    assert_eq!(came.join().unwrap().iter().map(|(_, body)| body).collect::<Vec<_>>(), [&good, &indented]);
    let (exit, said, notes) = tap.join().unwrap();
    assert_eq!(exit, Exit::Done);
    assert!(said.contains("x  ACCEPTED  signed by CN=gent"), "{said}");
    assert!(said.contains("x  REFUSED  SIG-DIGEST  digest-differs") && said.contains("cause: "), "{said}");
    assert!(said.contains("wsa:To names the tap"), "{said}");
    assert!(said.contains("fault s:Client  SOA-01001"), "{said}");
    assert!(notes.contains("passwords and tokens included"), "{notes}");

    let accepted = folder.join("accepts-0001-post-sts");
    let refused = folder.join("refuses-0002-post-sts");
    assert_eq!(std::fs::read(accepted.join("request.xml")).unwrap(), good);
    assert_eq!(std::fs::read(refused.join("request.xml")).unwrap(), indented);
    assert_eq!(std::fs::read(refused.join("answer.xml")).unwrap(), fault);
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&folder), mode(&accepted), mode(&accepted.join("request.xml"))), (0o700, 0o700, 0o600));

    let corpus = Corpus::open(&folder, "keys");
    let cases = corpus.cases().unwrap();
    assert_eq!(cases.len(), 2);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for case in cases {
        let case = case.unwrap();
        assert_eq!(runtime.block_on(corpus.run(&case, Variant::AsWritten)), Ok(()), "{}", case.name);
        assert_eq!(runtime.block_on(corpus.run(&case, Variant::Repaired)), Ok(()), "{}", case.name);
        // The case can fail: with the other message in its place it does.
        let other = if case.refuses() { &good } else { &indented };
        std::fs::write(case.folder.join("request.xml"), other).unwrap();
        assert!(runtime.block_on(corpus.run(&case, Variant::AsWritten)).is_err(), "{}", case.name);
    }
}

#[test]
fn answers_and_forms_say_what_their_tokens_say_without_the_tokens() {
    let judged = Judged {
        trusted: Trusted::read(&[], &[], &[]).unwrap(),
        profile: None,
        own: "http://127.0.0.1:1".to_owned(),
        upstream: "https://sts.example".to_owned(),
    };
    let jwt = format!(
        "{}.{}.c2lnbmF0dXJl",
        crate::wire::base64::encode_url(br#"{"alg":"ES256","typ":"at+jwt"}"#),
        crate::wire::base64::encode_url(br#"{"iss":"https://sts.example","sub":"gent","exp":1}"#)
    );
    let came = |kind: &str, body: &str| forward::Came {
        status: 200,
        headers: vec![("Content-Type".to_owned(), kind.as_bytes().to_vec())],
        body: recorded::Kept { bytes: body.as_bytes().to_vec(), length: body.len() as u64, complete: true },
    };
    let token = format!(r#"{{"access_token":"{jwt}","token_type":"DPoP","expires_in":300,"scope":"a b"}}"#);
    for (kind, body, says) in [
        ("application/json", token.as_str(), "token DPoP  scope a b  seconds 300"),
        ("application/json", r#"{"error":"invalid_client","error_description":"no"}"#, "error invalid_client  no"),
        ("text/xml", "<w:definitions xmlns:w=\"urn:w\" at=\"https://sts.example/sts\"/>", "WSDL"),
        ("text/xml", "<a", "not XML"),
        ("application/soap+xml", "", "no body"),
    ] {
        let told = answer::answer(&came(kind, body), &judged);
        assert!(told.head.starts_with(says), "{told:?}");
        assert!(!format!("{told:?}").contains("c2lnbmF0dXJl"), "{told:?}");
    }
    let told = answer::answer(&came("application/json", &token), &judged);
    assert!(told.more.iter().any(|line| line.contains("it ended")), "{told:?}");
    let told =
        answer::answer(&came("text/xml", "<w:definitions xmlns:w=\"urn:w\" at=\"https://sts.example/sts\"/>"), &judged);
    assert!(told.more[0].contains("past the tap") || told.more[0].contains("goes past"), "{told:?}");

    let assertion =
        "<a:Assertion xmlns:a=\"urn:oasis:names:tc:SAML:2.0:assertion\"><a:Issuer>urn:idp</a:Issuer></a:Assertion>";
    let lines = told::token(&crate::wire::base64::encode_url(assertion.as_bytes()), Utc::now()).unwrap();
    assert_eq!(lines, ["SAML 2.0 assertion  issuer urn:idp", "it is not signed"]);
}
