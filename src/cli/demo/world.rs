//! The demo's world: configuration, server and sample services, and how each is reached.

use std::net::TcpListener;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::cast::{SENDERS, Sender};
use super::children::Child;
use super::client::{self, Answer, Outgoing, Tls};
use super::folder::{Folder, Ports};
use super::message::Identity;
use super::report::Step;
use super::{answers, rest_service, soap_service};
use crate::cli::Failure;
use crate::cli::files;
use crate::config::init::{self, GivenFile, InitOptions, Mode};
use crate::model::{Reference, Time};
use crate::serve::admin::Verb;
use crate::wire::crypto::PrivateKey;
use crate::wire::x509::Certificate;

/// Everything that the steps work with.
pub struct World {
    pub folder: Folder,
    pub ports: Ports,
    /// The step whose input is spoiled.
    pub broken: Option<Step>,
    pub server: Option<Child>,
    pub services: Vec<Child>,
    pub soap_url: String,
    pub rest_url: String,
}

impl World {
    /// Makes or opens the folder and its configuration, and chooses ports.
    ///
    /// # Errors
    /// When the folder cannot be used, or the asked port is taken.
    pub fn prepare(mut folder: Folder, port: Option<u16>, broken: Option<Step>, now: Time) -> Result<Self, Failure> {
        let last = folder.marker.ports;
        let sts = match port {
            Some(port) if free(port).is_none() => {
                return Err(Failure::usage(format!("port {port} is taken"), "Name another one, or leave --port away"));
            }
            Some(port) => port,
            None => choose(last.sts)?,
        };
        let ports = Ports { sts, soap: choose(last.soap)?, rest: choose(last.rest)? };
        if folder.reused {
            move_to(&folder, last.sts, sts)?;
        } else {
            configure(&folder, sts, now)?;
        }
        folder.complete(ports)?;
        Ok(Self {
            folder,
            ports,
            broken,
            server: None,
            services: Vec::new(),
            soap_url: String::new(),
            rest_url: String::new(),
        })
    }

    pub fn breaks(&self, step: Step) -> bool {
        self.broken == Some(step)
    }

    pub fn issuer(&self) -> String {
        issuer(self.ports.sts)
    }

    pub fn oasis(&self) -> String {
        format!("{}/sts/oasis", self.issuer())
    }

    pub fn token(&self) -> String {
        format!("{}/oauth2/token", self.issuer())
    }

    pub fn metadata(&self) -> String {
        format!("{}/.well-known/oauth-authorization-server", self.issuer())
    }

    pub fn config(&self) -> PathBuf {
        self.folder.files.dir().join(init::CONFIG)
    }

    pub fn admin_socket(&self) -> PathBuf {
        self.folder.files.dir().join("data/admin.sock")
    }

    /// The certificate that verifies our assertions, for those who rely on them.
    pub fn issuer_certificate(&self) -> PathBuf {
        self.folder.files.dir().join("keys/assertions.pem")
    }

    /// The certificate that verifies signed SOAP answers.
    pub fn answer_certificate(&self) -> PathBuf {
        self.folder.files.dir().join("keys/soap-answers.pem")
    }

    /// The server as a process, ready when this returns.
    ///
    /// # Errors
    /// A sentence with what it said, when it does not come up.
    pub async fn start_server(&mut self) -> Result<(), String> {
        let log = self.folder.files.dir().join("server.log");
        let config = self.config();
        let mut server = Child::start(&["serve".as_ref(), "-c".as_ref(), config.as_os_str()], &log)?;
        let begun = Instant::now();
        loop {
            let answer = client::admin(&self.admin_socket(), "/readyz", Outgoing::get()).await;
            if answer.is_ok_and(|answer| answer.status == 200) {
                self.server = Some(server);
                return Ok(());
            }
            if server.has_ended() || begun.elapsed() > READY {
                return Err(format!("it did not become ready: {}", server.said()));
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// The two sample services, each told what any relying party is told.
    ///
    /// # Errors
    /// A sentence with what one said, when it does not come up.
    pub async fn start_services(&mut self) -> Result<(), String> {
        let files = &self.folder.files;
        let path = |path: PathBuf| path.display().to_string();
        let common = |name: &str, port: u16| {
            let (certificate, key) = (files.tls(name, "certificate.pem"), files.tls(name, "key.pem"));
            [
                "demo-service",
                name,
                "--port",
                &port.to_string(),
                "--tls-certificate",
                &path(certificate),
                "--tls-key",
                &path(key),
            ]
            .map(str::to_owned)
            .to_vec()
        };
        let mut soap = common("soap", self.ports.soap);
        soap.extend(["--issuer-certificate".to_owned(), path(self.issuer_certificate())]);
        let mut rest = common("rest", self.ports.rest);
        rest.extend(["--ca".to_owned(), path(files.ca()), "--metadata".to_owned(), self.metadata()]);
        let mut soap = Child::start(&soap, &files.dir().join("soap-service.log"))?;
        let mut rest = Child::start(&rest, &files.dir().join("rest-service.log"))?;
        self.soap_url = format!("{}/employers", soap.first_line().await.map_err(|why| format!("SOAP service: {why}"))?);
        self.rest_url = rest.first_line().await.map_err(|why| format!("REST service: {why}"))?;
        self.services = vec![soap, rest];
        Ok(())
    }

    /// TLS as this sender speaks it, or with no certificate.
    ///
    /// # Errors
    /// A sentence, when the files cannot be read.
    pub fn tls(&self, sender: Option<&Sender>) -> Result<Tls, String> {
        let files = &self.folder.files;
        let ca = read(files.ca())?;
        match sender {
            None => Tls::new(&ca, None),
            Some(sender) => Tls::new(&ca, Some((&read(files.certificate(sender))?, &read(files.key(sender))?))),
        }
    }

    /// A sender's key and certificate.
    ///
    /// # Errors
    /// A sentence, when the files cannot be read.
    pub fn identity(&self, sender: &Sender) -> Result<Identity, String> {
        let files = &self.folder.files;
        let key = PrivateKey::from_pem(read(files.key(sender))?).map_err(|error| error.to_string())?;
        let certificates =
            Certificate::from_pem(&read(files.certificate(sender))?).map_err(|error| error.to_string())?;
        let certificate = certificates.first().ok_or("the certificate file is empty")?.der().to_vec();
        Ok(Identity { key, certificate })
    }

    /// Does a verb at the admin socket.
    ///
    /// # Errors
    /// A sentence, when no answer comes.
    pub async fn admin(&self, verb: &Verb) -> Result<Answer, String> {
        let body = serde_json::to_vec(verb).map_err(|error| error.to_string())?;
        client::admin(&self.admin_socket(), "/verb", Outgoing::post("application/json", body)).await
    }

    /// What is on record of a request; of the last one, without a reference. A refusal waits for no
    /// disk, so that its record may come a moment later than its answer.
    ///
    /// # Errors
    /// A sentence, when there is no record.
    pub async fn record(&self, reference: Option<Reference>) -> Result<Value, String> {
        let begun = Instant::now();
        loop {
            let answer = self.admin(&Verb::AuditShow { reference }).await?;
            // The intent is on record before the signature, the trace comes with the outcome.
            let record = answer.json();
            if answer.status == 200 && answers::steps(&record).is_some() {
                return Ok(record);
            }
            if begun.elapsed() > RECORDED {
                return Err(format!("{} {}", answer.status, answer.text()));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Where everything is, for programs and for the lines to type next.
    pub fn description(&self) -> Value {
        let files = &self.folder.files;
        let senders = SENDERS.iter().map(|sender| {
            json!({
                "name": sender.name,
                "number": sender.number,
                "party": sender.party,
                "p12": files.p12(sender),
                "password_file": files.password(sender),
                "cert": files.certificate(sender),
                "key": files.key(sender),
                "client_id": sender.client_id,
            })
        });
        json!({
            "schema": "vidimus.demo/v1",
            "endpoints": {
                "oasis": self.oasis(),
                "token": self.token(),
                "admin": self.admin_socket(),
                "soap_service": self.soap_url,
                "rest_service": self.rest_url,
            },
            "issuer": self.issuer(),
            "ca": files.ca(),
            "senders": senders.collect::<Vec<_>>(),
            "services": [{ "audience": rest_service::AUDIENCE, "scopes": SCOPES }],
        })
    }

    /// Stops all processes, the server last.
    pub async fn stop(&mut self) {
        for child in self.services.drain(..).chain(self.server.take()) {
            child.stop().await;
        }
    }
}

/// Writes the configuration with the product's own `init`, and our registry and policies in it.
fn configure(folder: &Folder, port: u16, now: Time) -> Result<(), Failure> {
    let file = |path: &str, text: String| GivenFile { path: PathBuf::from(path), text, secret: false };
    let options = InitOptions {
        mode: Mode::Demo,
        issuer: issuer(port),
        listen: format!("127.0.0.1:{port}"),
        settings: [
            ("tls.cert_file", "\"tls/sts-certificate.pem\""),
            ("tls.key_file", "\"tls/sts-key.pem\""),
            ("trust.anchors", "[\"ca.pem\"]"),
            ("trust.revocation", "\"off\""),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .to_vec(),
        files: vec![
            file("registry/senders.toml", SENDERS.iter().map(registered).collect()),
            file("registry/services.toml", SERVICES.replace("{{audience}}", soap_service::AUDIENCE)),
            file("policies/employers.cedar", POLICIES.replace("{{audience}}", soap_service::AUDIENCE)),
        ],
    };
    let created = init::init(folder.files.dir(), &options, now);
    created.map(drop).map_err(|problem| Failure::unexpected(problem.to_string()))
}

fn registered(sender: &Sender) -> String {
    let Sender { number, name, party, client_id, .. } = sender;
    format!(
        "[[sender]]\nname = \"{name}\"\nnumber = \"{number}\"\nparty = \"{party}\"\n\
         certificates = [\"senders/{number}.cert.pem\"]\nclient_id = \"{client_id}\"\n\
         grants = [\"token-exchange\", \"client-credentials\"]\n\n"
    )
}

/// Where the last port is taken now, issuer and listener move to another one.
fn move_to(folder: &Folder, last: u16, now: u16) -> Result<(), Failure> {
    if last == now {
        return Ok(());
    }
    let path = folder.files.dir().join(init::CONFIG);
    let mut text = files::read_text(&path)?;
    for address in ["https://localhost", "127.0.0.1"] {
        text = text.replace(&format!("\"{address}:{last}\""), &format!("\"{address}:{now}\""));
    }
    files::write(&path, text.as_bytes())
}

fn issuer(port: u16) -> String {
    format!("https://localhost:{port}")
}

/// The port of the last run if it is free, otherwise any.
fn choose(last: u16) -> Result<u16, Failure> {
    let chosen = if last == 0 { None } else { free(last) };
    chosen.or_else(|| free(0)).ok_or_else(|| Failure::unexpected("no port of the loopback address is free"))
}

fn free(port: u16) -> Option<u16> {
    TcpListener::bind(("127.0.0.1", port)).ok()?.local_addr().ok().map(|address| address.port())
}

fn read(path: PathBuf) -> Result<Vec<u8>, String> {
    std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))
}

/// All scopes of the service.
pub const SCOPES: [&str; 2] = [rest_service::SCOPE, "employer:write"];

const SERVICES: &str = r#"# One service with two doors: SOAP takes SAML 2.0 assertions, REST takes access tokens.
[[service]]
audience = "{{audience}}"
name = "employers"
token_types = ["saml2.0", "access_token"]
mandate_type = "employer-file"         # what one needs to act here for somebody else
scopes = ["employer:read", "employer:write"]
assertion_lifetime_seconds = 900
access_token_lifetime_seconds = 300
sector = "work"
"#;

const POLICIES: &str = r#"// Nothing is permitted unless a policy says so; a `forbid` wins over every `permit`.

@id("employer-file-under-mandate")
@description("Who holds an employer-file mandate may act for the employer that gave it.")
permit (
    principal,
    action in [Vidimus::Action::"issue", Vidimus::Action::"exchange"],
    resource == Vidimus::Service::"{{audience}}"
)
when {
    context has on_behalf_of && context has mandate &&
    context.mandate.type == "employer-file" &&
    context.mandate.grantor == context.on_behalf_of
};

@id("employer-file-own-account")
@description("A registered sender may ask in its own name.")
permit (
    principal,
    action in [Vidimus::Action::"issue", Vidimus::Action::"exchange", Vidimus::Action::"client-credentials"],
    resource == Vidimus::Service::"{{audience}}"
)
unless { context has on_behalf_of };
"#;

const READY: Duration = Duration::from_secs(8);
const RECORDED: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::super::cast::MANDATE_TYPE;
    use super::*;

    #[test]
    fn the_files_name_the_mandate_that_is_made() {
        assert!(SERVICES.contains(&format!("mandate_type = \"{MANDATE_TYPE}\"")));
        assert!(POLICIES.contains(&format!("context.mandate.type == \"{MANDATE_TYPE}\"")));
        assert!(SCOPES.iter().all(|scope| SERVICES.contains(scope)));
        assert_eq!(soap_service::AUDIENCE, rest_service::AUDIENCE);
    }
}
