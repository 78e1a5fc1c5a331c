//! What authorities revoke, from a real address to a refusal: fetched in the background, from configured addresses and
//! no other, kept for the next start, never replaced by something older.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CrlDistributionPoint, CustomExtension,
    DnType, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SerialNumber, date_time_ymd,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use vidimus::config::build::{Parts, assemble, updater};
use vidimus::config::init::{GivenFile, InitOptions, Mode, init};
use vidimus::config::{self, Loaded, Overrides};
use vidimus::conformance::world::Recorder;
use vidimus::flow::inquiry::standing_still;
use vidimus::model::Time;
use vidimus::serve::Server;
use vidimus::serve::clock::{Clock, FrozenClock};
use vidimus::serve::revocation::Updater;
use vidimus::store::Store;
use vidimus::wire::x509::{Certificate, PathError};

/// A server of one document, which can be changed; counts who comes.
struct Host {
    url: String,
    document: Arc<Mutex<Vec<u8>>>,
    visits: Arc<AtomicUsize>,
}

impl Host {
    async fn new(document: Vec<u8>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/root.crl", listener.local_addr().unwrap());
        let host = Self { url, document: Arc::new(Mutex::new(document)), visits: Arc::default() };
        let (document, visits) = (Arc::clone(&host.document), Arc::clone(&host.visits));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                visits.fetch_add(1, Ordering::SeqCst);
                let mut head = [0; 4096];
                let _read = stream.read(&mut head).await;
                let body = document.lock().unwrap().clone();
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
                let _written = stream.write_all(&[head.as_bytes(), &body].concat()).await;
            }
        });
        host
    }

    fn serves(&self, document: Vec<u8>) {
        *self.document.lock().unwrap() = document;
    }

    fn visits(&self) -> usize {
        self.visits.load(Ordering::SeqCst)
    }
}

struct Authority {
    params: CertificateParams,
    key: KeyPair,
}

fn params(name: &str, serial: u64) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = date_time_ymd(2026, 1, 1);
    params.not_after = date_time_ymd(2027, 1, 1);
    params.serial_number = Some(SerialNumber::from(serial));
    params.use_authority_key_identifier_extension = true;
    params
}

impl Authority {
    fn new() -> Self {
        let mut params = params("Root", 1);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        Self { params, key: KeyPair::generate().unwrap() }
    }

    fn pem(&self) -> String {
        self.params.clone().self_signed(&self.key).unwrap().pem()
    }

    fn issuer(&self) -> Issuer<'_, &KeyPair> {
        Issuer::new(self.params.clone(), &self.key)
    }

    /// A sender's certificate that names `elsewhere` as the place of its CRL and its issuer.
    fn leaf(&self, serial: u64, elsewhere: &str) -> Certificate {
        let mut params = params("sender", serial);
        params.crl_distribution_points = vec![CrlDistributionPoint { uris: vec![elsewhere.to_owned()] }];
        params.custom_extensions = vec![access(elsewhere)];
        let key = KeyPair::generate().unwrap();
        Certificate::parse(params.signed_by(&key, &self.issuer()).unwrap().der()).unwrap()
    }

    fn list(&self, number: u64, day: u8, revoked: &[u64]) -> Vec<u8> {
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(2026, 3, day),
            next_update: date_time_ymd(2026, 4, day),
            crl_number: SerialNumber::from(number),
            issuing_distribution_point: None,
            revoked_certs: revoked
                .iter()
                .map(|serial| RevokedCertParams {
                    serial_number: SerialNumber::from(*serial),
                    revocation_time: date_time_ymd(2026, 2, 1),
                    reason_code: None,
                    invalidity_date: None,
                })
                .collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        list.signed_by(&self.issuer()).unwrap().der().to_vec()
    }
}

/// AuthorityInfoAccess with an OCSP responder at `url`.
fn access(url: &str) -> CustomExtension {
    let der = |tag: u8, content: &[u8]| [&[tag, u8::try_from(content.len()).unwrap()], content].concat();
    let ocsp = der(0x06, &[0x2b, 6, 1, 5, 5, 7, 0x30, 1]);
    let description = der(0x30, &[ocsp, der(0x86, url.as_bytes())].concat());
    CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 1], der(0x30, &description))
}

/// A folder that is gone with the value.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.0);
    }
}

fn at(day: u32) -> Time {
    format!("2026-03-{day:02}T12:00:00Z").parse().unwrap()
}

fn configured(name: &str, root: &Authority, url: &str) -> Folder {
    let folder = Folder(std::env::temp_dir().join(format!("vidimus-revocation-{}-{name}", std::process::id())));
    let _absent = std::fs::remove_dir_all(&folder.0);
    let options = InitOptions {
        mode: Mode::Demo,
        issuer: "https://localhost:8443".to_owned(),
        listen: "127.0.0.1:0".to_owned(),
        settings: Vec::new(),
        files: vec![GivenFile { path: "trust/root.pem".into(), text: root.pem(), secret: false }],
    };
    init(&folder.0, &options, at(10)).unwrap();
    let file = folder.0.join("vidimus.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let entry = format!("\n[[trust.authority]]\nanchors = [\"trust/root.pem\"]\ncrl_urls = [\"{url}\"]\n");
    std::fs::write(&file, text + &entry).unwrap();
    folder
}

fn started(folder: &Path, day: u32) -> (Arc<Server>, Updater, Arc<FrozenClock>) {
    let loaded: Loaded = config::load(&folder.join("vidimus.toml"), Overrides::default(), at(day))
        .unwrap_or_else(|problems| panic!("{problems:?}"));
    let clock = Arc::new(FrozenClock::at(at(day)));
    let parts = Parts {
        store: Store::in_memory().unwrap(),
        sink: Arc::new(Recorder::default()),
        clock: clock.clone(),
        stopwatch: standing_still,
    };
    let (server, _mandates) = assemble(&loaded, parts).unwrap();
    let updater = updater(&loaded, &server, clock.clone()).unwrap();
    (server, updater, clock)
}

fn judged(server: &Server, leaf: &Certificate, now: Time) -> Result<(), PathError> {
    server.sts.load().trust.load().path(leaf, &[], "any", now).map(drop)
}

#[tokio::test]
async fn a_list_is_fetched_where_the_configuration_says_and_an_older_one_never_takes_its_place() {
    let root = Authority::new();
    let tripwire = Host::new(root.list(99, 1, &[])).await;
    let host = Host::new(root.list(1, 1, &[])).await;
    let leaf = root.leaf(5, &tripwire.url);
    let folder = configured("fetch", &root, &host.url);
    let (server, mut updater, clock) = started(&folder.0, 10);

    // Nothing is known before the first fetch, and what is unknown is refused.
    assert!(matches!(judged(&server, &leaf, clock.now()), Err(PathError::RevocationUnknown { .. })));
    assert!(updater.round().await);
    assert_eq!(judged(&server, &leaf, clock.now()), Ok(()));
    assert!(!updater.round().await, "nothing is due yet");
    assert_eq!(host.visits(), 1);

    // A newer list revokes; the verdict that was remembered is of another epoch.
    let epoch = server.sts.load().trust.load().revocations().epoch();
    host.serves(root.list(2, 2, &[5]));
    clock.advance(2 * 3_600_000);
    assert!(updater.round().await);
    assert!(server.sts.load().trust.load().revocations().epoch() > epoch);
    assert!(matches!(judged(&server, &leaf, clock.now()), Err(PathError::Revoked { .. })));

    // The older one again, a stranger's, a page in HTML, nothing: the newer one stays.
    for document in [root.list(1, 1, &[]), Authority::new().list(3, 3, &[]), b"<html>moved</html>".to_vec(), vec![]] {
        host.serves(document);
        clock.advance(2 * 3_600_000);
        let visits = host.visits();
        assert!(!updater.round().await);
        assert!(host.visits() > visits);
        assert!(matches!(judged(&server, &leaf, clock.now()), Err(PathError::Revoked { .. })));
    }

    // The next start knows what this one fetched, whether the host answers or not.
    let (server, _updater, clock) = started(&folder.0, 11);
    assert!(matches!(judged(&server, &leaf, clock.now()), Err(PathError::Revoked { .. })));
    assert_eq!(judged(&server, &root.leaf(6, &tripwire.url), clock.now()), Ok(()));

    // Whatever a certificate names as the place of its CRL or its responder: nobody went there.
    assert_eq!(tripwire.visits(), 0);
}

#[tokio::test]
async fn an_address_that_fails_is_left_alone_for_longer_and_longer() {
    let root = Authority::new();
    let host = Host::new(b"no list".to_vec()).await;
    let folder = configured("backoff", &root, &host.url);
    let (_server, mut updater, clock) = started(&folder.0, 10);
    let mut tried = Vec::new();
    for _ in 0..20 {
        let before = host.visits();
        updater.round().await;
        tried.push(host.visits() - before);
        clock.advance(10_000);
    }
    // After 15 s, then 30 s, then 60 s, looked at every 10 s.
    assert_eq!(tried.iter().sum::<usize>(), 4, "{tried:?}");
}
