//! The program itself, as a child process: its size, how soon it answers, and the memory that it
//! needs while 64 connections ask for tokens.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::http::Request;
use http_body_util::BodyExt;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use vidimus::conformance::Sent;

use crate::measure::quantile;
use crate::message;
use crate::site::{Own, Site};

pub const CONNECTIONS: usize = 64;

pub fn run(seconds: usize) {
    let site = Site::new(Own::Rsa);
    let size = fs::metadata(PROGRAM).map_or(0, |file| file.len());
    println!("\nfootprint of {PROGRAM}");
    println!("  size                     {:>9.1} MB ({size} bytes)", size as f64 / 1e6);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let connector = connector(&site);
    let (mut listening, mut answered) = (Vec::new(), Vec::new());
    for number in 0..STARTS {
        let request = message::issue_at(&site, number, "", chrono::Utc::now());
        let server = Serving::start(&site);
        listening.push(millis(server.listening));
        let first = runtime.block_on(async {
            let mut connection = connect(&connector, &server.address).await;
            let status = ask(&mut connection, &request).await;
            assert!(status == 200, "the first answer is {status}");
            server.began.elapsed()
        });
        answered.push(millis(first));
    }
    let first = answered.first().copied().unwrap_or(f64::NAN);
    println!("  start to listening       {:>9.1} ms (median of {STARTS})", quantile(&mut listening, 0.5));
    println!("  start to a first token   {:>9.1} ms; {first:.1} ms with a new store", quantile(&mut answered, 0.5));
    under_load(&site, &runtime, &connector, seconds);
}

fn under_load(site: &Site, runtime: &tokio::runtime::Runtime, connector: &TlsConnector, seconds: usize) {
    let requests = signed(site, seconds * EACH_SECOND);
    let count = requests.len();
    let requests = Arc::new(Mutex::new(requests));
    let server = Serving::start(site);
    let (idle, began) = (server.kilobytes("VmRSS"), Instant::now());
    let until = began + Duration::from_secs(seconds as u64);
    let mut times: Vec<f64> = runtime.block_on(async {
        let connections = (0..CONNECTIONS).map(|_| {
            let (connector, address, requests) = (connector.clone(), server.address.clone(), Arc::clone(&requests));
            tokio::spawn(async move { asking(&connector, &address, &requests, until).await })
        });
        let mut times = Vec::new();
        for connection in connections.collect::<Vec<_>>() {
            times.extend(connection.await.expect("a connection that ends well"));
        }
        times
    });
    let took = began.elapsed().as_secs_f64();
    let (peak, tokens) = (server.kilobytes("VmHWM"), times.len());
    let enough = if tokens == count { "; the messages did not last" } else { "" };
    println!("  resident when idle       {:>9.1} MiB", idle / 1024.0);
    println!(
        "  resident at most         {:>9.1} MiB, {CONNECTIONS} connections of Issue for {took:.1} s{enough}",
        peak / 1024.0
    );
    println!("  tokens                   {tokens:>9} ({:.0} each second)", tokens as f64 / took);
    let [half, most] = [0.5, 0.99].map(|part| quantile(&mut times, part));
    println!("  time of an answer        {half:>9.1} ms median, {most:.1} ms for 99 of 100");
}

/// Messages, signed by all processors. They are good for five minutes.
fn signed(site: &Site, count: usize) -> Vec<Sent> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let now = chrono::Utc::now();
    let share = |thread: usize| {
        let numbers = (0..count).filter(move |number| number % threads == thread);
        numbers.map(|number| message::issue_at(site, number, "", now)).collect::<Vec<_>>()
    };
    std::thread::scope(|scope| {
        let shares: Vec<_> = (0..threads).map(|thread| scope.spawn(move || share(thread))).collect();
        shares.into_iter().flat_map(|share| share.join().expect("signed")).collect()
    })
}

/// One connection that asks for a token as soon as it has one. Milliseconds of each answer.
async fn asking(connector: &TlsConnector, address: &str, requests: &Mutex<Vec<Sent>>, until: Instant) -> Vec<f64> {
    let mut connection = connect(connector, address).await;
    let mut times = Vec::new();
    while Instant::now() < until {
        let Some(request) = requests.lock().expect("no other thread panicked").pop() else { break };
        let began = Instant::now();
        let status = ask(&mut connection, &request).await;
        assert!(status == 200, "not issued: {status}");
        times.push(millis(began.elapsed()));
    }
    times
}

async fn connect(connector: &TlsConnector, address: &str) -> http1::SendRequest<Body> {
    let stream = TcpStream::connect(address).await.expect("the server listens");
    stream.set_nodelay(true).expect("no delay");
    let name = ServerName::try_from("localhost").expect("a name");
    let stream = connector.connect(name, stream).await.expect("a handshake");
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.expect("HTTP");
    tokio::spawn(connection);
    sender
}

async fn ask(connection: &mut http1::SendRequest<Body>, sent: &Sent) -> u16 {
    let mut request = Request::post(&sent.path).header("host", "localhost");
    for (name, value) in &sent.headers {
        request = request.header(name, value);
    }
    let request = request.body(Body::from(Bytes::from(sent.body.clone()))).expect("a request");
    connection.ready().await.expect("the connection stays");
    let answer = connection.send_request(request).await.expect("an answer");
    let status = answer.status().as_u16();
    answer.into_body().collect().await.expect("a body");
    status
}

fn connector(site: &Site) -> TlsConnector {
    let pem = site.keys.folder().join("ca.cert.pem");
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(pem).expect("the authority")).expect("an anchor");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.expect("versions").with_root_certificates(roots).with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}

/// A running server; stopped at the end.
struct Serving {
    child: Child,
    began: Instant,
    listening: Duration,
    address: String,
}

impl Serving {
    fn start(site: &Site) -> Self {
        let began = Instant::now();
        let mut child = Command::new(PROGRAM)
            .args(["serve", "--listen", "127.0.0.1:0", "-o", "json", "-c"])
            .arg(site.config())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program starts");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("its output");
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        let listening = began.elapsed();
        let told: serde_json::Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("`{line}`: {error}"));
        let address = told["listen"].as_str().expect("an address").to_owned();
        Self { child, began, listening, address }
    }

    /// A line of `/proc/PID/status`, which Linux has.
    fn kilobytes(&self, name: &str) -> f64 {
        let path = Path::new("/proc").join(self.child.id().to_string()).join("status");
        let status = fs::read_to_string(path).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let number = line.and_then(|line| line.split_whitespace().nth(1));
        number.and_then(|number| number.parse().ok()).unwrap_or(f64::NAN)
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _stopped = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ended = self.child.wait();
    }
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

const PROGRAM: &str = env!("CARGO_BIN_EXE_vidimus");
const STARTS: usize = 9;
/// Messages that are signed for each second of load.
const EACH_SECOND: usize = 900;
