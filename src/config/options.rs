//! Every key of `vidimus.toml`, one row each: reading, the environment, `config show`, suggestions
//! and the generated file all come from this table.

/// What a value may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An `https://` URL without query and fragment.
    Url,
    /// An IP address and a port.
    Address,
    /// A file or folder, from the configuration's folder.
    Path,
    /// As `Path`, or empty: none.
    OptionalPath,
    /// Files; `*` stands for any part of a file's name.
    Paths,
    /// A whole number between both, inclusive.
    Integer(i64, i64),
    /// One of these words.
    Choice(&'static [&'static str]),
}

/// One key.
#[derive(Debug)]
pub struct Setting {
    /// Dotted, as it is written in `config show` and in flags.
    pub key: &'static str,
    pub kind: Kind,
    /// As TOML; `None` when the operator must say it.
    pub default: Option<&'static str>,
    /// One line for the generated file.
    pub says: &'static str,
}

impl Setting {
    /// The environment variable: `limits.body` is `VIDIMUS_LIMITS_BODY`.
    pub fn variable(&self) -> String {
        format!("{PREFIX}{}", self.key.replace('.', "_").to_ascii_uppercase())
    }

    pub fn find(key: &str) -> Option<&'static Self> {
        SETTINGS.iter().find(|setting| setting.key == key)
    }
}

/// Environment variables that are settings begin with this.
pub const PREFIX: &str = "VIDIMUS_";

/// Variables with the prefix that are no settings: the command line's own, and what tests are told.
pub const OTHER_VARIABLES: &[&str] = &[
    "VIDIMUS_CONFIG",
    "VIDIMUS_OUTPUT",
    "VIDIMUS_LOG",
    "VIDIMUS_VECTORS",
    "VIDIMUS_REPORT_PARTS",
    "VIDIMUS_REQUIRE_VECTORS",
    "VIDIMUS_REQUIRE_TOOLS",
];

/// The version of this table's meaning.
pub const CONFIG_VERSION: i64 = 1;

macro_rules! settings {
    ($( $key:literal $kind:expr, $default:expr, $says:literal; )*) => {
        /// The table, in the order of the generated file.
        pub const SETTINGS: &[Setting] = &[ $( Setting { key: $key, kind: $kind, default: $default, says: $says }, )* ];
    };
}

use Kind::{Address, Choice, Integer, OptionalPath, Path, Paths, Url};

settings! {
    "config_version" Integer(CONFIG_VERSION, CONFIG_VERSION), Some("1"), "The version of this file's keys.";
    "issuer" Url, None, "Our name in every token: Issuer of assertions, iss of JWTs. Never changes.";
    "listen" Address, Some("\"127.0.0.1:8443\""), "The address and port that the doors listen on.";
    "public_url" Url, Some("\"\""), "How callers reach us, when that is not the issuer. Endpoints are made from it, never from a Host header.";

    "tls.cert_file" Path, Some("\"tls/certificate.pem\""), "The TLS certificate, with its chain, leaf first (PEM).";
    "tls.key_file" Path, Some("\"tls/key.pem\""), "Its private key (PEM, mode 0600).";

    "keys.assertions.key_file" Path, Some("\"keys/assertions.key\""), "Signs SAML assertions. One key serves one purpose.";
    "keys.assertions.chain_file" Path, Some("\"keys/assertions.pem\""), "Its certificate, and chain: what services are given to trust.";
    "keys.access_tokens.key_file" Path, Some("\"keys/access-tokens.key\""), "Signs JWT access tokens (P-256); its public half is in the JWKS.";
    "keys.soap_answers.key_file" Path, Some("\"keys/soap-answers.key\""), "Signs SOAP answers.";
    "keys.soap_answers.chain_file" Path, Some("\"keys/soap-answers.pem\""), "Its certificate, and chain.";
    "keys.checkpoints.key_file" Path, Some("\"keys/checkpoints.key\""), "Signs the checkpoints of the audit trail (Ed25519).";
    "keys.pseudonyms.secret_file" Path, Some("\"keys/pseudonyms.secret\""), "32 random bytes: MACs identifiers in tokens and in the audit trail. Never changes.";

    "trust.anchors" Paths, Some("[\"trust/*.pem\"]"), "Roots of the certificates that profiles judge by path.";
    "trust.revocation" Choice(&["required", "off"]), Some("\"required\""), "Of anchors without a [[trust.authority]] that names CRLs or an OCSP responder: off takes certificates that were revoked.";

    "registry.files" Paths, Some("[\"registry/*.toml\"]"), "Senders, services and issuers.";
    "registry.exception_warning_days" Integer(0, 366), Some("30"), "Days before the end of a sender's exception at which `config check` begins to warn.";
    "profiles.files" Paths, Some("[]"), "Profiles of your own, beside the built-in ones.";

    "pdp.engine" Choice(&["cedar"]), Some("\"cedar\""), "Who decides.";
    "pdp.policies" Path, Some("\"policies\""), "The folder of the policies (*.cedar). No policy that applies is a deny.";
    "pdp.schema" Path, Some("\"policies/vidimus.cedarschema\""), "What policies can see; every policy is checked against it.";

    "attributes.file" OptionalPath, Some("\"\""), "What is known of parties, by their identifiers. Empty: nothing.";

    "oauth.maximum_lifetime_seconds" Integer(10, 86_400), Some("3600"), "A service's access_token_lifetime is cut to this.";
    "oauth.skew_seconds" Integer(0, 300), Some("60"), "How far the clock of a client may differ.";

    "store.dir" Path, Some("\"data\""), "Replay memory and mandates. One running server holds it.";
    "audit.dir" Path, Some("\"data/audit\""), "The audit trail.";
    "audit.checkpoint_dir" OptionalPath, Some("\"\""), "Where checkpoints are copied to: outside of the data folder, best on another machine's disk.";
    "admin.socket" OptionalPath, Some("\"\""), "The socket of the operator's verbs. Empty: `admin.sock` in the store's folder.";

    "net.roots" Paths, Some("[]"), "Roots of the https addresses that are fetched from. CRLs and OCSP answers may come by http: they are signed.";
    "net.deadline_seconds" Integer(1, 60), Some("10"), "Seconds that fetching a CRL or an OCSP answer may take.";
    "net.refresh_seconds" Integer(60, 86_400), Some("3600"), "A CRL or OCSP answer is fetched anew after so many seconds, or after half of its life where that is shorter.";

    "limits.body" Integer(1024, 16_777_216), Some("524288"), "Bytes of a request.";
    "limits.depth" Integer(8, 256), Some("64"), "Elements inside elements.";
    "limits.nodes" Integer(100, 1_000_000), Some("20000"), "Elements, texts and comments of a message.";
    "limits.attributes" Integer(8, 1024), Some("64"), "Attributes of one element.";
    "limits.namespaces" Integer(8, 1024), Some("32"), "Namespace declarations of one element.";
    "limits.name" Integer(64, 65_536), Some("1024"), "Bytes of a name.";
    "limits.references" Integer(1, 64), Some("16"), "References of one signature.";
    "limits.prefixes" Integer(1, 256), Some("32"), "Prefixes of one PrefixList.";
    "limits.canonical" Integer(1024, 67_108_864), Some("2097152"), "Bytes of all canonical forms of a message.";
    "limits.connections" Integer(1, 100_000), Some("4096"), "Connections open at once.";
    "limits.handshakes" Integer(1, 10_000), Some("200"), "TLS handshakes under way at once.";
    "limits.handshake_seconds" Integer(1, 60), Some("5"), "Seconds that a handshake may take.";
    "limits.header_seconds" Integer(1, 60), Some("10"), "Seconds that the head of a request may take to arrive.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_stands_once_and_says_what_it_is() {
        for (index, setting) in SETTINGS.iter().enumerate() {
            assert!(SETTINGS[..index].iter().all(|other| other.key != setting.key), "{}", setting.key);
            assert!(setting.says.ends_with('.'), "{}", setting.key);
            assert!(!OTHER_VARIABLES.contains(&setting.variable().as_str()), "{}", setting.key);
        }
    }

    #[test]
    fn the_variable_of_a_key_is_its_name_in_capitals() {
        assert_eq!(Setting::find("limits.body").unwrap().variable(), "VIDIMUS_LIMITS_BODY");
    }
}
