//! `vidimus token`: get, exchange and look at tokens, at any vendor's server.

mod answer;
pub mod client_credentials;
pub mod exchange;
pub mod inspect;
pub mod request;

use super::exit;
use super::{Exit, Failure, Output};

#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true, after_help = exit::help(ANSWERS, [
    "vidimus token request --server https://sts:8443/sts/oasis --cacert ca.pem --p12 own.p12 --applies-to urn:svc --out hok.xml",
    "vidimus token client-credentials --server https://sts:8443/oauth2/token --cacert ca.pem --p12 own.p12 --client-id me",
    "vidimus token inspect hok.xml",
]))]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Get a token with a signed WS-Trust request
    Request(Box<request::Args>),
    /// Exchange a token for another (RFC 8693)
    Exchange(Box<exchange::Args>),
    /// Get an access token for oneself (RFC 6749 4.4, private_key_jwt)
    ClientCredentials(Box<client_credentials::Args>),
    /// Show what a token says, without verifying it
    Inspect(inspect::Args),
}

/// # Errors
/// When a file cannot be used or the server cannot be reached.
pub fn run(args: Args, out: &mut Output<'_>) -> Result<Exit, Failure> {
    match args.verb {
        Verb::Request(args) => request::run(&args, out),
        Verb::Exchange(args) => exchange::run(&args, out),
        Verb::ClientCredentials(args) => client_credentials::run(&args, out),
        Verb::Inspect(args) => inspect::run(args, out),
    }
}

/// Exit codes of the verbs that ask a server.
const ANSWERS: &[Exit] =
    &[Exit::Done, Exit::Unexpected, Exit::Usage, Exit::Refused, Exit::Unreachable, Exit::Indeterminate];
