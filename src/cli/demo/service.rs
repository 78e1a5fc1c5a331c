//! `vidimus demo-service rest|soap`: the sample services as processes of their own.
//!
//! Such a process gets its port, its TLS files, and what any relying party gets: a certificate
//! authority, the issuer's certificate, the metadata's address. On standard output stands one line
//! with its address, once it answers. It ends when its standard input does, that is with the
//! process that started it, however that ended.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

use super::https_host;
use super::rest_service::RestService;
use super::soap_service::SoapService;
use crate::cli::exit;
use crate::cli::files;
use crate::cli::{Exit, Failure, Output};

#[derive(Debug, clap::Args)]
#[command(after_help = exit::help(&[Exit::Done, Exit::Unexpected, Exit::Usage], [
    "vidimus demo-service rest --tls-certificate c.pem --tls-key k.pem --ca ca.pem --metadata https://localhost:8443/.well-known/oauth-authorization-server",
    "vidimus demo-service rest --help",
    "vidimus demo",
]))]
pub struct Args {
    #[command(subcommand)]
    service: SampleService,
}

#[derive(Debug, clap::Subcommand)]
enum SampleService {
    /// The REST service: takes access tokens that are bound to a TLS client certificate
    Rest(RestArgs),
    /// The SOAP service: takes SAML 2.0 holder-of-key assertions
    Soap(SoapArgs),
}

#[derive(Debug, clap::Args)]
#[command(after_help = exit::help(&[Exit::Done, Exit::Unexpected, Exit::Usage], [
    "vidimus demo-service rest --tls-certificate c.pem --tls-key k.pem --ca ca.pem --metadata https://localhost:8443/.well-known/oauth-authorization-server",
    "vidimus demo-service --help",
    "vidimus demo-service rest --help",
]))]
struct RestArgs {
    #[command(flatten)]
    host: Host,
    /// Certificate authority that the authorization server's certificate leads to, as PEM
    #[arg(long, value_name = "FILE")]
    ca: PathBuf,
    /// Where the authorization server publishes its metadata
    #[arg(long, value_name = "URL")]
    metadata: String,
}

#[derive(Debug, clap::Args)]
#[command(after_help = exit::help(&[Exit::Done, Exit::Unexpected, Exit::Usage], [
    "vidimus demo-service soap --tls-certificate c.pem --tls-key k.pem --issuer-certificate sts.pem",
    "vidimus demo-service --help",
    "vidimus demo-service soap --help",
]))]
struct SoapArgs {
    #[command(flatten)]
    host: Host,
    /// Certificate with whose key assertions must be signed, as PEM
    #[arg(long, value_name = "FILE")]
    issuer_certificate: PathBuf,
}

#[derive(Debug, clap::Args)]
struct Host {
    /// Port on the loopback address; 0 for any free one
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Certificate of the service itself, as PEM
    #[arg(long, value_name = "FILE")]
    tls_certificate: PathBuf,
    /// Key of that certificate, as PEM
    #[arg(long, value_name = "FILE")]
    tls_key: PathBuf,
}

/// Runs the service until standard input ends.
///
/// # Errors
/// When a file cannot be used, the port is taken, or the metadata cannot be fetched.
pub fn run(args: Args, out: &mut Output<'_>) -> Result<Exit, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::unexpected(format!("no runtime: {error}")))?;
    runtime.block_on(async {
        match args.service {
            SampleService::Rest(args) => rest(args, out).await,
            SampleService::Soap(args) => soap(args, out).await,
        }
    })?;
    // The read of standard input has a thread of its own, which must not hold us back.
    runtime.shutdown_background();
    Ok(Exit::Done)
}

async fn rest(args: RestArgs, out: &mut Output<'_>) -> Result<(), Failure> {
    let service = RestService::discover(&files::read(&args.ca)?, &args.metadata).await;
    let service = Arc::new(service.map_err(Failure::unexpected)?);
    let (listener, tls) = args.host.open(out).await?;
    tokio::select! {
        never = https_host::serve(listener, tls, move |request, leaf| {
            let service = service.clone();
            async move { service.answer(request, leaf.as_deref()).await }
        }) => match never {},
        () = standard_input_ends() => Ok(()),
    }
}

async fn soap(args: SoapArgs, out: &mut Output<'_>) -> Result<(), Failure> {
    let service = SoapService::new(&files::read(&args.issuer_certificate)?);
    let service = Arc::new(service.map_err(|why| Failure::usage(why, "Give the issuer's certificate as PEM"))?);
    let (listener, tls) = args.host.open(out).await?;
    tokio::select! {
        never = https_host::serve(listener, tls, move |request, _| {
            let service = service.clone();
            async move { service.answer(&request) }
        }) => match never {},
        () = standard_input_ends() => Ok(()),
    }
}

impl Host {
    /// Listens, and says where. Connections wait in the listener until they are served.
    async fn open(&self, out: &mut Output<'_>) -> Result<(TcpListener, Arc<rustls::ServerConfig>), Failure> {
        let tls = https_host::tls(&files::read(&self.tls_certificate)?, &files::read(&self.tls_key)?);
        let tls = tls.map_err(|why| Failure::usage(why, "Give a certificate and its key, both as PEM"))?;
        let busy = |error| Failure::unexpected(format!("port {} of the loopback address: {error}", self.port));
        let listener = TcpListener::bind(("127.0.0.1", self.port)).await.map_err(busy)?;
        let port = listener.local_addr().map_err(busy)?.port();
        out.line(format_args!("https://localhost:{port}"));
        Ok((listener, tls))
    }
}

async fn standard_input_ends() {
    let mut input = tokio::io::stdin();
    let mut nothing = [0; 64];
    while matches!(input.read(&mut nothing).await, Ok(1..)) {}
}
