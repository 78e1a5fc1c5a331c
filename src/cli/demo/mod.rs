//! `vidimus demo`: the whole job on real cryptography, each step asserted on bytes from a socket.
//!
//! It makes a folder with a PKI and a configuration, starts the server and two sample services as
//! processes of their own, goes the way from a signed request to an employer read over SOAP and
//! REST, attacks it, and verifies the audit trail. The first step that is not as it should be ends
//! it, with what was expected and what was found.

pub mod answers;
pub mod cast;
pub mod children;
pub mod client;
pub mod folder;
pub mod https_host;
pub mod message;
pub mod next;
pub mod pki;
pub mod refusals;
pub mod report;
pub mod rest_service;
pub mod service;
pub mod soap_service;
pub mod steps;
pub mod world;

use std::path::PathBuf;
use std::time::Instant;

use chrono::Utc;

use self::folder::Folder;
use self::report::{Checked, Report, Step, Told};
use self::steps::Progress;
use self::world::World;
use super::exit;
use super::{Exit, Failure, Output};

#[derive(Debug, clap::Args)]
#[command(after_help = exit::help(&[Exit::Done, Exit::Unexpected, Exit::Usage], [
    "vidimus demo",
    "vidimus demo --dir try --fresh",
    "vidimus demo --keep-running -o json",
]))]
pub struct Args {
    /// Folder for keys, configuration and data; used again when it is there
    #[arg(long, value_name = "DIR", default_value = "vidimus-demo")]
    dir: PathBuf,
    /// Remove first what an earlier demo left in the folder
    #[arg(long)]
    fresh: bool,
    /// Serve until interrupted, after the last step
    #[arg(long)]
    keep_running: bool,
    /// Port of the server on the loopback address; any free one when not given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
    /// Spoil the input of one step, which must then fail
    #[arg(long = "break", value_name = "STEP", hide = true)]
    broken: Option<Step>,
}

/// # Errors
/// When the folder cannot be used. A step that fails is a result: its exit code is 1.
pub fn run(args: Args, out: &mut Output<'_>) -> Result<Exit, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(|error| Failure::unexpected(format!("no runtime: {error}")))?;
    runtime.block_on(demonstrate(&args, &mut Report::new(out)))
}

async fn demonstrate(args: &Args, report: &mut Report<'_, '_>) -> Result<Exit, Failure> {
    report.say("vidimus demo: everything below really happens, between processes on this machine");
    let (now, begun) = (Utc::now(), Instant::now());
    let folder = Folder::open(&args.dir, args.fresh, now)?;
    let mut world = World::prepare(folder, args.port, args.broken, now)?;
    let good = tokio::select! {
        good = go(&mut world, report, begun) => good,
        () = interrupted() => {
            report.say("interrupted");
            world.stop().await;
            return Ok(Exit::Unexpected);
        }
    };
    if good {
        report.say(format_args!("all as it should be, in {}", report::milliseconds(begun.elapsed())));
        next::tell(&world, args.keep_running, report);
    }
    if report.is_json() {
        let object = if good && args.keep_running { world.description() } else { report.object(good, &world) };
        report.json(&object);
    }
    if good && args.keep_running {
        report.say("running until interrupted");
        interrupted().await;
    }
    world.stop().await;
    Ok(if good { Exit::Done } else { Exit::Unexpected })
}

/// Ctrl-C, or a polite `kill`. A machine without signals is never interrupted.
async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return std::future::pending().await };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}

/// All steps, in order; `false` at the first that is not as it should be.
async fn go(world: &mut World, report: &mut Report<'_, '_>, begun: Instant) -> bool {
    let mut progress = Progress::default();
    let mut since = begun;
    for step in Step::ALL {
        let came = take(step, world, &mut progress).await;
        if !report.tell(step, since, came) {
            return false;
        }
        since = Instant::now();
    }
    true
}

async fn take(step: Step, world: &mut World, progress: &mut Progress) -> Checked<Told> {
    match step {
        Step::Pki => steps::pki(world),
        Step::Server => steps::server(world).await,
        Step::Mandate => steps::mandate(world, progress).await,
        Step::Request => steps::request(world, progress).await,
        Step::Verified => steps::verified(world, progress).await,
        Step::Permitted => steps::permitted(progress),
        Step::Issued => steps::issued(world, progress),
        Step::SoapService => steps::soap_service_called(world, progress).await,
        Step::Exchange => steps::exchange(world, progress).await,
        Step::RestService => steps::rest_service_called(world, progress).await,
        Step::Replay => refusals::replay(world, progress).await,
        Step::Change => refusals::change(world).await,
        Step::OtherKey => refusals::other_key(world, progress).await,
        Step::MandateEnded => refusals::mandate_ended(world, progress).await,
        Step::Audit => refusals::audit(world).await,
    }
}
