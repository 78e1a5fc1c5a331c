//! `vidimus token exchange`: a SAML assertion or JWT in, an access token out (RFC 8693), the key
//! proven by the TLS client certificate (RFC 8705).

use std::path::PathBuf;

use clap::ValueEnum;

use crate::cli::credentials::CredentialArgs;
use crate::cli::exit;
use crate::cli::files;
use crate::cli::http::{Post, ServerArgs};
use crate::cli::{Exit, Failure, Output};
use crate::wire::base64;
use crate::wire::jwt;
use crate::wire::ns;
use crate::wire::oauth::{GrantType, TokenType};

use super::{ANSWERS, answer};

#[derive(Debug, clap::Args)]
#[command(after_help = exit::help(ANSWERS, [
    "vidimus token exchange --server https://sts:8443/oauth2/token --cacert ca.pem --p12 own.p12 --subject-token hok.xml",
    "vidimus token request --server https://sts:8443/sts/oasis --cacert ca.pem --p12 own.p12 --applies-to urn:svc | vidimus token exchange --server https://sts:8443/oauth2/token --cacert ca.pem --p12 own.p12 --subject-token - --scope dmfa:read",
    "vidimus token exchange --server https://sts:8443/oauth2/token --p12 own.p12 --subject-token hok.xml --curl",
]))]
pub struct Args {
    #[command(flatten)]
    server: ServerArgs,
    #[command(flatten)]
    credentials: CredentialArgs,
    /// The token to exchange; `-` is stdin
    #[arg(long, value_name = "FILE")]
    subject_token: PathBuf,
    /// Scopes, separated by spaces; may be repeated
    #[arg(long)]
    scope: Vec<String>,
    /// Address of the service that the new token is for; may be repeated
    #[arg(long, value_name = "URI")]
    resource: Vec<String>,
    /// Name of the service that the new token is for; may be repeated
    #[arg(long, value_name = "NAME")]
    audience: Vec<String>,
    /// Type of the new token, where the server offers several
    #[arg(long, value_enum)]
    token_type: Option<Wanted>,
    /// client_id, where the server wants it beside the certificate
    #[arg(long, value_name = "ID")]
    client_id: Option<String>,
}

/// Types of tokens as people call them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Wanted {
    #[value(name = "saml1.1")]
    Saml1,
    #[value(name = "saml2.0")]
    Saml2,
    Jwt,
}

/// # Errors
/// When a file cannot be used, the subject token is neither SAML nor JWT, or no answer came.
pub fn run(args: &Args, out: &mut Output<'_>) -> Result<Exit, Failure> {
    let (token, kind) = subject(&files::read_text(&args.subject_token)?)?;
    let body = args.body(&token, kind);
    let headers = vec![
        ("Content-Type", "application/x-www-form-urlencoded".to_owned()),
        ("Accept", "application/json".to_owned()),
    ];
    let post = Post { headers, body };
    if args.server.curl {
        return Ok(answer::command(&args.server.as_curl(&post, &args.credentials.as_curl()), out));
    }
    let credentials = args.credentials.load(out)?;
    answer::oauth(&args.server.send(post, Some(&credentials))?, out)
}

impl Args {
    fn body(&self, token: &str, kind: TokenType) -> Vec<u8> {
        let scope = self.scope.join(" ");
        let mut parameters = vec![
            ("grant_type", GrantType::TokenExchange.as_str()),
            ("subject_token", token),
            ("subject_token_type", kind.uri()),
        ];
        if !scope.is_empty() {
            parameters.push(("scope", &scope));
        }
        parameters.extend(self.resource.iter().map(|value| ("resource", value.as_str())));
        parameters.extend(self.audience.iter().map(|value| ("audience", value.as_str())));
        parameters.extend(self.token_type.map(|wanted| ("requested_token_type", wanted.oauth().uri())));
        parameters.extend(self.client_id.iter().map(|value| ("client_id", value.as_str())));
        answer::form(&parameters)
    }
}

impl Wanted {
    pub fn oauth(self) -> TokenType {
        match self {
            Self::Saml1 => TokenType::Saml1,
            Self::Saml2 => TokenType::Saml2,
            Self::Jwt => TokenType::AccessToken,
        }
    }
}

/// The subject token as it is sent, and its type: an assertion as base64url of its bytes (RFC 8693
/// 3), a JWT as it is.
fn subject(text: &str) -> Result<(String, TokenType), Failure> {
    let token = text.trim();
    if token.starts_with('<') {
        let kind = if token.contains(ns::SAML2) { TokenType::Saml2 } else { TokenType::Saml1 };
        return Ok((base64::encode_url(token.as_bytes()), kind));
    }
    let jwt = jwt::inspect(token).map_err(|error| {
        let says = if token.is_empty() { "it is empty".to_owned() } else { error.to_string() };
        Failure::usage(
            format!("the subject token is neither a SAML assertion nor a JWT: {says}"),
            "Give the token itself",
        )
    })?;
    let is_access_token = jwt.header.get("typ").and_then(|typ| typ.as_str()) == Some("at+jwt");
    Ok((token.to_owned(), if is_access_token { TokenType::AccessToken } else { TokenType::Jwt }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_assertion_is_sent_as_base64url_of_its_own_bytes() {
        let (token, kind) = subject("<a xmlns=\"urn:oasis:names:tc:SAML:2.0:assertion\"/>\n").unwrap();
        assert_eq!(kind, TokenType::Saml2);
        assert_eq!(base64::decode_url(&token).unwrap(), b"<a xmlns=\"urn:oasis:names:tc:SAML:2.0:assertion\"/>");
    }

    #[test]
    fn a_jwt_is_sent_as_it_is() {
        let token = "eyJhbGciOiJFUzI1NiIsInR5cCI6ImF0K2p3dCJ9.e30.AA";
        assert_eq!(subject(token).unwrap(), (token.to_owned(), TokenType::AccessToken));
    }

    #[test]
    fn what_is_no_token_is_not_sent() {
        for text in ["", "vidimus: refused", "a.b.c"] {
            assert_eq!(subject(text).unwrap_err().exit, Exit::Usage, "{text}");
        }
    }

    #[test]
    fn empty_options_are_not_sent() {
        use clap::Parser;
        let words = ["vidimus", "token", "exchange", "--server", "https://h", "--subject-token", "-", "--scope", "a b"];
        let cli = crate::cli::Cli::try_parse_from(words).unwrap();
        let crate::cli::Verb::Token(crate::cli::token::Args { verb: crate::cli::token::Verb::Exchange(args) }) =
            cli.verb
        else {
            panic!("another verb")
        };
        let body = String::from_utf8(args.body("T", TokenType::Saml2)).unwrap();
        assert_eq!(
            body,
            "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange&subject_token=T\
             &subject_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Asaml2&scope=a+b"
        );
    }
}
