//! How operators' verbs reach the store: through the running server's admin socket, or, when no
//! server holds the store, by opening it here. Both ways end in the same function.

use std::path::PathBuf;
use std::sync::Arc;

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::UnixStream;

use super::{Exit, Failure, Output};
use crate::config::build::{self, BuildError, System};
use crate::config::{self, Loaded, Overrides, Problem};
use crate::serve::admin::{self, Verb};
use crate::serve::clock::{Clock, SystemClock};

/// Which configuration a verb works with.
#[derive(Debug, clap::Args)]
pub struct ConfigArgs {
    /// The configuration file
    #[arg(short, long, global = true, value_name = "FILE", default_value = "vidimus.toml", env = "VIDIMUS_CONFIG")]
    pub config: PathBuf,
}

impl ConfigArgs {
    /// Reads the configuration, with the environment above it and `flags` above that. Warnings go
    /// to stderr.
    ///
    /// # Errors
    /// When anything in it is wrong; all of it has been told then.
    pub fn load(&self, flags: &[(String, String)], out: &mut Output<'_>) -> Result<Loaded, Failure> {
        let environment: Vec<(String, String)> = std::env::vars().collect();
        let over = Overrides { environment: &environment, flags };
        match config::load(&self.config, over, SystemClock.now()) {
            Ok(loaded) => {
                loaded.warnings.iter().for_each(|warning| tell(warning, out));
                Ok(loaded)
            }
            Err(problems) => {
                problems.iter().for_each(|problem| tell(problem, out));
                let says = format!("`{}` cannot be used", self.config.display());
                Err(Failure::usage(says, "Correct what stands above; `vidimus config check` tells the same"))
            }
        }
    }
}

/// Shows a problem of the configuration: the line, a caret, what to write instead.
pub fn tell(problem: &Problem, out: &mut Output<'_>) {
    problem.render(WIDTH, false).lines().for_each(|line| out.note(line));
}

/// Columns that a problem is shown in.
const WIDTH: usize = 100;

/// Does a verb, where the store is.
///
/// # Errors
/// What the verb refused, or why nothing could be reached.
pub fn perform(args: &ConfigArgs, verb: Verb, out: &mut Output<'_>) -> Result<Value, Failure> {
    let loaded = args.load(&[], out)?;
    runtime()?.block_on(async {
        match UnixStream::connect(&loaded.settings.admin_socket).await {
            Ok(stream) => ask(stream, &verb).await,
            Err(_) => {
                out.note("no server is running: the store is opened here");
                let System { admin, trail, .. } =
                    build::build(&loaded, Arc::new(SystemClock)).map_err(|error| not_built(&error))?;
                let done = admin.perform(verb).await.map_err(refused);
                trail.flush().await.map_err(|error| Failure::unexpected(error.to_string()))?;
                done
            }
        }
    })
}

/// A runtime for one command.
///
/// # Errors
/// When the machine gives none.
pub fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Runtime::new().map_err(|error| Failure::unexpected(format!("no runtime: {error}")))
}

/// Why a system could not be built.
pub fn not_built(error: &BuildError) -> Failure {
    let fix = "Stop the process that holds it, or restore the folder from a backup";
    let fix = if matches!(error, BuildError::Store(_)) { fix } else { "See `vidimus config check`" };
    Failure::new(Exit::Indeterminate, error.to_string(), fix)
}

async fn ask(stream: UnixStream, verb: &Verb) -> Result<Value, Failure> {
    let lost = |why: String| Failure::new(Exit::Unreachable, format!("the server's admin socket: {why}"), "");
    let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.map_err(|error| lost(error.to_string()))?;
    tokio::spawn(connection);
    let body = serde_json::to_vec(verb).map_err(|error| Failure::unexpected(error.to_string()))?;
    let request = hyper::Request::post("/verb")
        .header("host", "localhost")
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(body)))
        .map_err(|error| Failure::unexpected(error.to_string()))?;
    let answer = sender.send_request(request).await.map_err(|error| lost(error.to_string()))?;
    let done = answer.status().is_success();
    let bytes = answer.into_body().collect().await.map_err(|error| lost(error.to_string()))?.to_bytes();
    if done {
        return serde_json::from_slice(&bytes).map_err(|error| lost(error.to_string()));
    }
    match serde_json::from_slice::<admin::Problem>(&bytes) {
        Ok(problem) => Err(refused(problem)),
        Err(_) => Err(lost(String::from_utf8_lossy(&bytes).into_owned())),
    }
}

fn refused(problem: admin::Problem) -> Failure {
    match problem {
        admin::Problem::Usage(says) => Failure::usage(says, ""),
        admin::Problem::NotFound(says) => Failure::new(Exit::NotFound, says, ""),
        admin::Problem::Conflict(says) => Failure::new(Exit::Refused, says, "Look at it again, then decide"),
        admin::Problem::Unavailable(says) => {
            Failure::new(Exit::Indeterminate, says, "Nothing was changed: try again later")
        }
    }
}
