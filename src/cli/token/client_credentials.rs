//! `vidimus token client-credentials`: an access token for oneself (RFC 6749 4.4), authenticated by
//! a JWT of one's own (RFC 7523), and bound to the TLS client certificate (RFC 8705).

use chrono::{DateTime, Utc};

use crate::cli::credentials::{CredentialArgs, Credentials};
use crate::cli::exit;
use crate::cli::http::{Post, ServerArgs};
use crate::cli::{Exit, Failure, Output};
use crate::wire::base64;
use crate::wire::crypto;
use crate::wire::jwt;
use crate::wire::jwt::client_assertion::{self, NewClaims};
use crate::wire::oauth::GrantType;

use super::{ANSWERS, answer};

#[derive(Debug, clap::Args)]
#[command(after_help = exit::help(ANSWERS, [
    "vidimus token client-credentials --server https://sts:8443/oauth2/token --cacert ca.pem --p12 own.p12 --client-id me",
    "vidimus token client-credentials --server https://sts:8443/oauth2/token --cacert ca.pem --p12 own.p12 --client-id me --resource https://rest/employers --scope dmfa:read",
    "vidimus token client-credentials --server https://sts:8443/oauth2/token --cert own.pem --key own.key --client-id me --curl",
]))]
pub struct Args {
    #[command(flatten)]
    server: ServerArgs,
    #[command(flatten)]
    credentials: CredentialArgs,
    /// client_id, as registered
    #[arg(long, value_name = "ID")]
    client_id: String,
    /// Audience of the client's JWT, where it is not the address of --server: the issuer
    #[arg(long, value_name = "URI")]
    assertion_audience: Option<String>,
    /// Key id to write into the JWT, where the server wants one
    #[arg(long, value_name = "KID")]
    key_id: Option<String>,
    /// Scopes, separated by spaces; may be repeated
    #[arg(long)]
    scope: Vec<String>,
    /// Address of the service that the token is for; may be repeated
    #[arg(long, value_name = "URI")]
    resource: Vec<String>,
    /// Name of the service that the token is for; may be repeated
    #[arg(long, value_name = "NAME")]
    audience: Vec<String>,
}

/// # Errors
/// When a file cannot be used or no answer came.
pub fn run(args: &Args, out: &mut Output<'_>) -> Result<Exit, Failure> {
    let credentials = args.credentials.load(out)?;
    let assertion = args.assertion(&credentials, Utc::now())?;
    let headers = vec![
        ("Content-Type", "application/x-www-form-urlencoded".to_owned()),
        ("Accept", "application/json".to_owned()),
    ];
    let post = Post { headers, body: args.body(&assertion) };
    if args.server.curl {
        return Ok(answer::command(&args.server.as_curl(&post, &args.credentials.as_curl()), out));
    }
    answer::oauth(&args.server.send(post, Some(&credentials))?, out)
}

impl Args {
    fn assertion(&self, credentials: &Credentials, now: DateTime<Utc>) -> Result<String, Failure> {
        let claims = NewClaims {
            issuer: self.client_id.clone(),
            subject: self.client_id.clone(),
            audience: self.assertion_audience.clone().unwrap_or_else(|| self.server.server.clone()),
            jwt_id: base64::encode_url(&crypto::random::<16>()),
            issued_at: now.timestamp(),
            expires_at: now.timestamp() + LIFETIME,
        };
        let key = credentials.key();
        let algorithm = key.default_algorithm();
        let input = client_assertion::signing_input(&claims, algorithm, self.key_id.as_deref())
            .map_err(|error| Failure::unexpected(format!("the client's JWT cannot be written: {error}")))?;
        let signature = key
            .sign(algorithm, input.as_bytes())
            .map_err(|error| Failure::unexpected(format!("the client's JWT cannot be signed: {error}")))?;
        Ok(jwt::compact(&input, &signature))
    }

    fn body(&self, assertion: &str) -> Vec<u8> {
        let scope = self.scope.join(" ");
        let mut parameters = vec![
            ("grant_type", GrantType::ClientCredentials.as_str()),
            ("client_id", self.client_id.as_str()),
            ("client_assertion_type", client_assertion::TYPE),
            ("client_assertion", assertion),
        ];
        if !scope.is_empty() {
            parameters.push(("scope", &scope));
        }
        parameters.extend(self.resource.iter().map(|value| ("resource", value.as_str())));
        parameters.extend(self.audience.iter().map(|value| ("audience", value.as_str())));
        answer::form(&parameters)
    }
}

/// Seconds that the client's JWT lives: it is made for one request.
const LIFETIME: i64 = 60;
