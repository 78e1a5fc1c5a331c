//! `vidimus serve`: listens until it is told to stop (interrupt or SIGTERM).
//!
//! One line on stdout says that it listens and where, so that a script can wait for it; the
//! life cycle goes to stderr. At the end requests under way are finished, and the last checkpoint
//! of the audit trail is made.

use std::sync::Arc;

use serde_json::json;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use super::operator::{ConfigArgs, not_built, runtime};
use super::{Exit, Failure, Output, exit};
use crate::audit::{AuditTrail, Field};
use crate::config::Loaded;
use crate::config::build::{self, System};
use crate::model::{RealmId, Reference};
use crate::serve::clock::{Clock, SystemClock};
use crate::serve::self_attack::{self, Target};
use crate::serve::{Server, admin, listen, router};

#[derive(Debug, clap::Args)]
#[command(after_help = exit::help(&[Exit::Done, Exit::Unexpected, Exit::Usage, Exit::NotConformant, Exit::Indeterminate], [
    "vidimus serve",
    "vidimus serve -c /etc/vidimus/vidimus.toml",
    "vidimus serve --listen 127.0.0.1:8443 -o json",
]))]
pub struct Args {
    #[command(flatten)]
    config: ConfigArgs,
    /// Listen here instead of where the configuration says; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
}

/// # Errors
/// When the configuration is wrong, the store is held by another process, or the address is taken.
pub fn run(args: Args, out: &mut Output<'_>) -> Result<Exit, Failure> {
    let flags: Vec<(String, String)> = args.listen.into_iter().map(|address| ("listen".to_owned(), address)).collect();
    let loaded = args.config.load(&flags, out)?;
    log_to_stderr();
    runtime()?.block_on(serve(&loaded, out))
}

async fn serve(loaded: &Loaded, out: &mut Output<'_>) -> Result<Exit, Failure> {
    let settings = &loaded.settings;
    let System { server, admin, updater, trail } =
        build::build(loaded, Arc::new(SystemClock)).map_err(|error| not_built(&error))?;
    attack_oneself(&server)?;
    let listener = TcpListener::bind(settings.listen).await.map_err(|error| {
        let says = format!("{} cannot be listened on: {error}", settings.listen);
        Failure::new(Exit::Unexpected, says, "Stop what listens there, or give another address with --listen")
    })?;
    let record = admin.trail.clone();
    note(&record, "start").await?;
    let socket = admin::bind(&settings.admin_socket).map_err(|error| {
        Failure::unexpected(format!("`{}` cannot be made: {error}", settings.admin_socket.display()))
    })?;
    let address = listener.local_addr().map_err(|error| Failure::unexpected(error.to_string()))?;
    announce(loaded, &address.to_string(), out);
    let door = tokio::spawn(admin::serve(socket, admin));
    let background = tokio::spawn(updater.run());
    listen::serve(listener, settings.tls.clone(), router(&server), settings.connections.clone(), stopped()).await;
    door.abort();
    background.abort();
    let _gone_with_the_folder = std::fs::remove_file(&settings.admin_socket);
    note(&record, "stop").await?;
    trail.checkpoint().await.map_err(|error| Failure::new(Exit::Broken, error.to_string(), "See the audit folder"))?;
    out.note("stopped: the last checkpoint is made");
    Ok(Exit::Done)
}

/// Nothing is listened on before the server has withstood its own attack (`rules.md` 8).
fn attack_oneself(server: &Server) -> Result<(), Failure> {
    let sts = server.sts.load();
    let trust = sts.trust.load();
    match self_attack::run(Target::of(server, &sts, &trust, SystemClock.now())) {
        Ok(report) => {
            tracing::info!("{report}");
            Ok(())
        }
        Err(faults) => {
            faults.iter().for_each(|fault| tracing::error!("{fault}"));
            let first = faults.first().map(ToString::to_string).unwrap_or_default();
            let more = if faults.len() > 1 { format!(" (and {} more)", faults.len() - 1) } else { String::new() };
            let says = format!("the server does not withstand its own attack: {first}{more}");
            Err(Failure::new(Exit::NotConformant, says, "`vidimus config check` lists all; nothing was listened on"))
        }
    }
}

fn announce(loaded: &Loaded, address: &str, out: &mut Output<'_>) {
    let settings = &loaded.settings;
    let endpoints: Vec<&str> = settings.doors.iter().map(|door| door.endpoint.as_str()).collect();
    if out.is_json() {
        out.json(&json!({
            "schema": "vidimus.serving/v1", "listen": address, "issuer": settings.issuer,
            "token": settings.token_endpoint, "soap": endpoints, "admin": settings.admin_socket,
        }));
        return;
    }
    out.line(format_args!("listening on {address}"));
    for door in &settings.doors {
        out.note(format_args!("  {:<8} {}  (contract: ?wsdl)", door.profile.name, door.endpoint));
    }
    out.note(format_args!("  token    {}", settings.token_endpoint));
    out.note(format_args!("  admin    {}", settings.admin_socket.display()));
}

/// Start and stop are on record like everything that an operator does.
async fn note(trail: &AuditTrail, action: &'static str) -> Result<(), Failure> {
    let entry = crate::audit::AdminEntry {
        realm: RealmId::default(),
        reference: Reference::new(),
        at: SystemClock.now(),
        action,
        fields: vec![Field::Plain("version", env!("CARGO_PKG_VERSION").into())],
    };
    let failed = |error: crate::store::StoreError| Failure::new(Exit::Indeterminate, error.to_string(), "");
    trail.admin(entry).await.map_err(failed)
}

/// Resolves at the first interrupt or SIGTERM.
async fn stopped() {
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        let _interrupted = tokio::signal::ctrl_c().await;
        return;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}

/// Life-cycle lines only: what happens to requests is in the audit trail.
fn log_to_stderr() {
    let _already_set = tracing_subscriber::fmt().with_writer(std::io::stderr).with_target(false).try_init();
}
