//! `vidimus token request`: a signed WS-Trust 1.3 request to any STS, and the token of its answer.
//!
//! The answer's own signature is not looked at: TLS, with the authority that was named, vouches for
//! it on its way. The token is for a service, which verifies it.

use std::path::PathBuf;

use chrono::{DateTime, Duration, Utc};
use clap::ValueEnum;
use serde_json::json;

use crate::cli::credentials::{CredentialArgs, Credentials};
use crate::cli::envelope::signing::{self, Algorithm, KeyReference, Signing};
use crate::cli::exit;
use crate::cli::files;
use crate::cli::http::{Answer, Post, ServerArgs};
use crate::cli::{Exit, Failure, Output};
use crate::model::PartyId;
use crate::wire::soap::{self, Envelope, Fault, NewAddressing, NewEnvelope};
use crate::wire::wst::{
    Address, KeyType, NewRequest, RequestSecurityTokenResponse, RequestType, TokenType, TrustVersion,
};
use crate::wire::xml::{Document, Limits};

use super::exchange::Wanted;
use super::{ANSWERS, answer};

#[derive(Debug, clap::Args)]
#[command(after_help = exit::help(ANSWERS, [
    "vidimus token request --server https://sts:8443/sts/oasis --cacert ca.pem --p12 own.p12 --password-file pw --applies-to urn:example:service --out hok.xml",
    "vidimus token request --server https://sts:8443/sts/oasis --cacert ca.pem --p12 own.p12 --applies-to urn:svc | vidimus token exchange --server https://sts:8443/oauth2/token --cacert ca.pem --p12 own.p12 --subject-token -",
    "vidimus token request --server https://sts:8443/sts/oasis --cert own.pem --key own.key --applies-to urn:svc --on-behalf-of cbe:0123456749 --curl",
]))]
pub struct Args {
    #[command(flatten)]
    server: ServerArgs,
    #[command(flatten)]
    credentials: CredentialArgs,
    /// Address of the service that the token is for
    #[arg(long, value_name = "URI")]
    applies_to: String,
    /// Party to act for, under a mandate: cbe:…, ssin:…, sender:… or uri:…
    #[arg(long, value_name = "PARTY")]
    on_behalf_of: Option<PartyId>,
    /// How the token is bound
    #[arg(long, value_enum, default_value_t = Bound::PublicKey)]
    key_type: Bound,
    /// Type of the token
    #[arg(long, value_enum, default_value_t = Wanted::Saml2)]
    token_type: Wanted,
    /// Seconds that the token is to live, where the server's own choice is not wanted
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(i64).range(1..=604_800))]
    lifetime: Option<i64>,
    /// SOAP version
    #[arg(long, value_enum, default_value_t = SoapVersion::Soap11)]
    soap: SoapVersion,
    /// What to sign, as in `vidimus envelope sign`
    #[arg(long, value_delimiter = ',', default_value = "Body,Timestamp,BinarySecurityToken,To,Action,MessageID")]
    parts: Vec<String>,
    /// The signature algorithm, where the key's usual one is not wanted
    #[arg(long, value_enum)]
    algorithm: Option<Algorithm>,
    /// How the message says which key signed
    #[arg(long, value_enum, default_value_t = KeyReference::Bst)]
    key_reference: KeyReference,
    /// Where to write the token, in place of stdout
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// How a token is bound, as people call it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Bound {
    PublicKey,
    SymmetricKey,
    Bearer,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum SoapVersion {
    #[value(name = "1.1")]
    Soap11,
    #[value(name = "1.2")]
    Soap12,
}

/// # Errors
/// When a file cannot be used, no answer came, or the answer is none of an STS.
pub fn run(args: &Args, out: &mut Output<'_>) -> Result<Exit, Failure> {
    let credentials = args.credentials.load(out)?;
    let post = args.post(&credentials, Utc::now())?;
    if args.server.curl {
        return Ok(answer::command(&args.server.as_curl(&post, &[]), out));
    }
    let answer = args.server.send(post, None)?;
    args.report(&answer, out)
}

impl Args {
    /// The signed request.
    fn post(&self, credentials: &Credentials, now: DateTime<Utc>) -> Result<Post, Failure> {
        let version = TrustVersion::Trust13;
        let party = self.on_behalf_of.as_ref().map(ToString::to_string);
        let token_type = self.token_type.wst();
        let payload = NewRequest {
            version,
            context: None,
            token_type: Some(token_type.uri()),
            key_type: Some(self.key_type.wst()),
            applies_to: Some(Address::new(&self.applies_to)),
            on_behalf_of: party.as_deref(),
            claims: None,
            lifetime: self.lifetime.map(|seconds| (now, now + Duration::seconds(seconds))),
        };
        let action = RequestType::Issue.action(version);
        let message_id = format!("urn:uuid:{}", uuid::Uuid::now_v7());
        let addressing = NewAddressing {
            action: &action,
            message_id: &message_id,
            to: &self.server.server,
            relates_to: None,
            with_ids: false,
        };
        let payload = payload.write();
        let (version, headers) = self.soap.with_headers(&action);
        let envelope =
            NewEnvelope { version, addressing: Some(addressing), security: None, body_id: None, payload: &payload };
        let signing = Signing {
            parts: self.parts(),
            algorithm: self.algorithm.map(Into::into),
            key_reference: self.key_reference,
            assertion: None,
            created: now,
            life: Duration::seconds(MESSAGE_LIFE),
        };
        Ok(Post { headers, body: signing::sign(envelope.write(), &signing, credentials)? })
    }

    /// Without a BinarySecurityToken there is none to sign.
    fn parts(&self) -> Vec<String> {
        let has_token = self.key_reference == KeyReference::Bst;
        self.parts.iter().filter(|part| has_token || *part != "BinarySecurityToken").cloned().collect()
    }

    fn report(&self, answer: &Answer, out: &mut Output<'_>) -> Result<Exit, Failure> {
        let document = Document::parse(answer.body.clone(), &Limits::default()).map_err(|_| not_soap(answer))?;
        let envelope = Envelope::read(&document).map_err(|_| not_soap(answer))?;
        if let Some(fault) = envelope.fault() {
            return Ok(refused(answer.status, &fault, out));
        }
        let unreadable = |error| Failure::unexpected(format!("the answer holds no token that is read here: {error}"));
        let response = RequestSecurityTokenResponse::read(envelope.payload).map_err(unreadable)?;
        let token = response.token_bytes().map_err(unreadable)?;
        self.issued(&response, &token, out)?;
        Ok(Exit::Done)
    }

    fn issued(
        &self,
        response: &RequestSecurityTokenResponse<'_>,
        token: &[u8],
        out: &mut Output<'_>,
    ) -> Result<(), Failure> {
        if let Some(path) = &self.out {
            files::write(path, token)?;
        }
        let expires = response.lifetime.expires.map(|time| time.to_rfc3339_opts(chrono::SecondsFormat::Secs, true));
        let id =
            response.token.and_then(|token| token.attribute("", "ID").or_else(|| token.attribute("", "AssertionID")));
        if out.is_json() {
            out.json(&json!({
                "schema": "vidimus.issued/v1", "token_type": response.token_type, "id": id, "expires": expires,
                "applies_to": self.applies_to, "out": self.out,
                "token": self.out.is_none().then(|| String::from_utf8_lossy(token)),
            }));
        } else if self.out.is_none() {
            out.bytes(&[token, b"\n"].concat());
        }
        let kind = response.token_type.as_deref().map(crate::cli::envelope::structure::short).unwrap_or_default();
        let to = self.out.as_ref().map(|path| format!("  → {}", path.display())).unwrap_or_default();
        out.note(format_args!(
            "issued  {kind}  id {}  for {}  until {}{to}",
            id.unwrap_or("?"),
            self.applies_to,
            expires.as_deref().unwrap_or("?")
        ));
        Ok(())
    }
}

/// A fault: the server understood and denied, or cannot decide now.
fn refused(status: u16, fault: &Fault, out: &mut Output<'_>) -> Exit {
    let (code, reference) = ours(&format!("{} {}", fault.reason, fault.detail));
    if out.is_json() {
        out.json(&json!({
            "schema": "vidimus.refusal/v1", "status": status, "fault": fault.code, "says": fault.reason,
            "detail": fault.detail, "code": code, "reference": reference,
        }));
    }
    out.note(format_args!("refused  {}  {}", fault.code, fault.reason));
    if !fault.detail.is_empty() {
        out.note(format_args!("  detail: {}", fault.detail));
    }
    if let Some(code) = code {
        out.note(format_args!("  more: vidimus explain {code}"));
    }
    answer::exit_of(status)
}

/// Code and reference as our own faults write them: `… [CODE] ref REFERENCE`.
fn ours(text: &str) -> (Option<&'static str>, Option<String>) {
    let code = text.rsplit_once('[').and_then(|(_, rest)| rest.split(']').next());
    let code = code.and_then(crate::model::PublicCode::parse).map(crate::model::PublicCode::as_str);
    let reference = text.split_once("ref ").and_then(|(_, rest)| rest.split_whitespace().next()).map(str::to_owned);
    (code, reference.filter(|_| code.is_some()))
}

fn not_soap(answer: &Answer) -> Failure {
    let start: String = String::from_utf8_lossy(&answer.body).chars().take(200).collect();
    Failure::unexpected(format!(
        "the server answered HTTP {} with `{}`, which is no SOAP envelope: {start}",
        answer.status, answer.content_type
    ))
}

impl Bound {
    fn wst(self) -> KeyType {
        match self {
            Self::PublicKey => KeyType::PublicKey,
            Self::SymmetricKey => KeyType::SymmetricKey,
            Self::Bearer => KeyType::Bearer,
        }
    }
}

impl Wanted {
    fn wst(self) -> TokenType {
        match self {
            Self::Saml1 => TokenType::Saml11,
            Self::Saml2 => TokenType::Saml20,
            Self::Jwt => TokenType::Jwt,
        }
    }
}

impl SoapVersion {
    /// SOAP 1.1 has the action in a header of its own, SOAP 1.2 in the media type.
    fn with_headers(self, action: &str) -> (soap::Version, Vec<(&'static str, String)>) {
        match self {
            Self::Soap11 => (
                soap::Version::Soap11,
                vec![("Content-Type", "text/xml; charset=utf-8".to_owned()), ("SOAPAction", format!("\"{action}\""))],
            ),
            Self::Soap12 => (
                soap::Version::Soap12,
                vec![("Content-Type", format!("application/soap+xml; charset=utf-8; action=\"{action}\""))],
            ),
        }
    }
}

/// Seconds that the request itself counts.
const MESSAGE_LIFE: i64 = 300;

#[cfg(test)]
mod tests {
    use clap::Parser;

    use crate::cli::Format;

    use super::*;

    fn args(more: &[&str]) -> Args {
        let words = ["vidimus", "token", "request", "--server", "https://sts/oasis", "--applies-to", "urn:svc"];
        let cli = crate::cli::Cli::try_parse_from(words.iter().chain(more)).unwrap();
        let crate::cli::Verb::Token(crate::cli::token::Args { verb: crate::cli::token::Verb::Request(args) }) =
            cli.verb
        else {
            panic!("another verb")
        };
        *args
    }

    fn reported(status: u16, body: &str, format: Format) -> (Result<Exit, Failure>, String, String) {
        let body = format!(
            "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body>{body}</s:Body></s:Envelope>"
        );
        let answer = Answer { status, content_type: "text/xml".to_owned(), body: body.into_bytes() };
        let (mut result, mut notes) = (Vec::new(), Vec::new());
        let exit = args(&[]).report(&answer, &mut Output::new(format, &mut result, &mut notes));
        (exit, String::from_utf8(result).unwrap(), String::from_utf8(notes).unwrap())
    }

    #[test]
    fn the_token_of_an_answer_goes_to_stdout_byte_for_byte() {
        let token = r#"<a:Assertion xmlns:a="urn:oasis:names:tc:SAML:2.0:assertion" ID="_7"><a:Issuer>é</a:Issuer></a:Assertion>"#;
        let wst = crate::wire::ns::WST13;
        let body = format!(
            "<t:RequestSecurityTokenResponseCollection xmlns:t=\"{wst}\"><t:RequestSecurityTokenResponse>\
             <t:RequestedSecurityToken>{token}</t:RequestedSecurityToken>\
             </t:RequestSecurityTokenResponse></t:RequestSecurityTokenResponseCollection>"
        );
        let (exit, result, notes) = reported(200, &body, Format::Human);
        assert_eq!((exit, result), (Ok(Exit::Done), format!("{token}\n")));
        assert_eq!(notes, "issued    id _7  for urn:svc  until ?\n");
    }

    #[test]
    fn a_fault_is_told_with_code_reference_and_where_to_read_more() {
        let fault = "<s:Fault><faultcode>wsse:FailedCheck</faultcode>\
            <faultstring>soap:Body is not signed. [SIG-COVERAGE] ref 0199-1</faultstring></s:Fault>";
        let (exit, result, notes) = reported(500, fault, Format::Human);
        assert_eq!((exit, result.as_str()), (Ok(Exit::Refused), ""));
        assert_eq!(
            notes,
            "refused  wsse:FailedCheck  soap:Body is not signed. [SIG-COVERAGE] ref 0199-1\n  more: vidimus explain SIG-COVERAGE\n"
        );
        let (_, result, _) = reported(500, fault, Format::Json);
        let object: serde_json::Value = serde_json::from_str(&result).unwrap();
        assert_eq!((&object["code"], &object["reference"]), (&json!("SIG-COVERAGE"), &json!("0199-1")));
    }

    #[test]
    fn a_party_with_a_wrong_check_digit_is_not_even_sent() {
        let words =
            ["vidimus", "token", "request", "--server", "s", "--applies-to", "u", "--on-behalf-of", "cbe:0123456748"];
        assert!(crate::cli::Cli::try_parse_from(words).is_err());
        assert!(args(&["--on-behalf-of", "cbe:0123456749"]).on_behalf_of.is_some());
    }

    #[test]
    fn no_token_is_signed_where_none_is_sent() {
        assert!(!args(&["--key-reference", "ski"]).parts().contains(&"BinarySecurityToken".to_owned()));
        assert!(args(&[]).parts().contains(&"BinarySecurityToken".to_owned()));
    }
}
