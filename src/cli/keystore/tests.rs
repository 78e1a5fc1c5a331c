//! Stores as real tools write them.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::store::{Format, open};
use super::*;

/// Runs a tool in a folder; `None`, said aloud, where it is missing.
fn tool(folder: &Path, name: &str, arguments: &[&str]) -> Option<()> {
    let Ok(output) = Command::new(name).args(arguments).current_dir(folder).output() else {
        assert!(std::env::var_os("VIDIMUS_REQUIRE_TOOLS").is_none(), "{name} is required and not installed");
        println!("skipped: {name} is not installed");
        return None;
    };
    assert!(
        output.status.success(),
        "{name} {arguments:?}: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    Some(())
}

fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("vidimus-keystore-{}-{name}", std::process::id()));
    let _old = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn opened(folder: &Path, file: &str, password: &str) -> Result<Store, Failure> {
    open(&std::fs::read(folder.join(file)).unwrap(), password, Path::new(file))
}

fn keytool(folder: &Path, file: &str, kind: &str, alias: &str) -> Option<()> {
    let name = format!("CN={alias}, O=Conformance, C=BE");
    let start =
        ["-genkeypair", "-keyalg", "RSA", "-keysize", "2048", "-dname", &name, "-alias", alias, "-validity", "365"];
    let store = ["-keystore", file, "-storetype", kind, "-storepass", "changeit", "-keypass", "changeit"];
    tool(folder, "keytool", &[&start[..], &store[..]].concat())
}

fn signs(store: Store, alias: Option<&str>, file: &str) {
    let entry = store.choose(alias, Path::new(file)).unwrap();
    let key = entry.key.unwrap().unwrap_or_else(|why| panic!("{file}: {why}"));
    let value = key.key.sign(key.key.default_algorithm(), b"text").unwrap();
    let public = PublicKey::from_certificate(&entry.certificates[0]).unwrap();
    public.verify(key.key.default_algorithm(), b"text", &value).unwrap();
}

#[test]
fn stores_of_java_are_read_and_sign() {
    let folder = folder("java");
    for (file, kind) in [("store.jks", "JKS"), ("store.p12", "PKCS12")] {
        if keytool(&folder, file, kind, "Gent").is_none() {
            return;
        }
        let store = opened(&folder, file, "changeit").unwrap();
        assert_eq!(store.format, if kind == "JKS" { Format::Jks } else { Format::Pkcs12 });
        let listing = Listing::of(&store, file, Utc::now()).lines();
        assert!(listing.iter().any(|line| line.contains("CN=Gent")), "{listing:#?}");
        assert!(listing.iter().any(|line| line == " key         gent  RSA 2048 bits"), "{listing:#?}");
        assert!(!listing.iter().any(|line| line.contains('✘')), "{listing:#?}");
        signs(store, Some("GENT"), file);
        let failure = opened(&folder, file, "wrong").err().unwrap();
        assert_eq!(failure.says, format!("the password does not open `{file}`"));
    }
    // Two keys: which one is meant has to be said.
    keytool(&folder, "store.jks", "JKS", "brugge").unwrap();
    let failure = opened(&folder, "store.jks", "changeit").unwrap().choose(None, Path::new("store.jks")).err().unwrap();
    assert!(failure.says.contains("holds 2 keys") && failure.says.contains("brugge"), "{failure:?}");
    signs(opened(&folder, "store.jks", "changeit").unwrap(), Some("brugge"), "store.jks");
    let failure =
        opened(&folder, "store.jks", "changeit").unwrap().choose(Some("ieper"), Path::new("store.jks")).err().unwrap();
    assert!(failure.says.contains("no key with the alias `ieper`"), "{failure:?}");
    // Without a password the certificates can be seen, and no key.
    let closed = Listing::of(&opened(&folder, "store.jks", "").unwrap(), "store.jks", Utc::now()).lines();
    assert!(closed.iter().any(|line| line.contains("no password was given")), "{closed:#?}");
    assert!(closed.iter().any(|line| line.contains("CN=brugge")), "{closed:#?}");
}

#[test]
fn a_key_with_a_password_of_its_own_and_jceks_are_named() {
    let folder = folder("odd");
    if keytool(&folder, "own.jks", "JKS", "gent").is_none() {
        return;
    }
    tool(
        &folder,
        "keytool",
        &[
            "-keypasswd",
            "-keystore",
            "own.jks",
            "-storetype",
            "JKS",
            "-storepass",
            "changeit",
            "-alias",
            "gent",
            "-keypass",
            "changeit",
            "-new",
            "another",
        ],
    )
    .unwrap();
    let listing = Listing::of(&opened(&folder, "own.jks", "changeit").unwrap(), "own.jks", Utc::now()).lines();
    assert!(listing.iter().any(|line| line.contains("keytool -keypasswd")), "{listing:#?}");
    keytool(&folder, "store.jceks", "JCEKS", "gent").unwrap();
    let failure = opened(&folder, "store.jceks", "changeit").err().unwrap();
    assert!(failure.says.contains("JCEKS") && failure.fix.contains("-srcstoretype JCEKS"), "{failure:?}");
}

#[test]
fn stores_and_keys_of_openssl_are_read_and_sign() {
    let folder = folder("openssl");
    let openssl = |arguments: &str| tool(&folder, "openssl", &arguments.split(' ').collect::<Vec<_>>());
    if openssl("req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 90 -subj /CN=gent").is_none() {
        return;
    }
    openssl("pkcs12 -export -in cert.pem -inkey key.pem -name gent -passout pass:pw -out new.p12").unwrap();
    openssl("pkcs12 -export -legacy -in cert.pem -inkey key.pem -name gent -passout pass:pw -out old.p12").unwrap();
    openssl("pkcs12 -export -keypbe PBE-SHA1-3DES -certpbe PBE-SHA1-3DES -macalg sha1 -in cert.pem -inkey key.pem -passout pass:pw -out des.p12").unwrap();
    for file in ["new.p12", "old.p12", "des.p12"] {
        signs(opened(&folder, file, "pw").unwrap(), None, file);
        assert_eq!(opened(&folder, file, "wrong").err().unwrap().says, format!("the password does not open `{file}`"));
    }
    openssl("rsa -in key.pem -traditional -out pkcs1.pem").unwrap();
    openssl("pkcs8 -topk8 -nocrypt -in key.pem -outform DER -out key.der").unwrap();
    openssl("rsa -in key.pem -traditional -outform DER -out pkcs1.der").unwrap();
    openssl("x509 -in cert.pem -outform DER -out cert.der").unwrap();
    openssl("ecparam -name prime256v1 -genkey -noout -out sec1.pem").unwrap();
    for file in ["key.pem", "pkcs1.pem", "key.der", "pkcs1.der", "sec1.pem"] {
        let store = opened(&folder, file, "").unwrap();
        let entry = store.choose(None, Path::new(file)).unwrap();
        assert!(entry.key.unwrap().is_ok(), "{file}");
    }
    let both =
        [std::fs::read(folder.join("pkcs1.pem")).unwrap(), std::fs::read(folder.join("cert.pem")).unwrap()].concat();
    signs(open(&both, "", Path::new("both.pem")).unwrap(), None, "both.pem");
    let certificate = Listing::of(&opened(&folder, "cert.der", "").unwrap(), "cert.der", Utc::now());
    assert_eq!(
        (certificate.format, certificate.entries[0].kind, certificate.entries[0].key_bits),
        ("DER", "certificate", Some(2048))
    );
    openssl("pkcs8 -topk8 -in key.pem -passout pass:pw -out encrypted.pem").unwrap();
    let failure = opened(&folder, "encrypted.pem", "pw").err().unwrap();
    assert!(failure.fix.contains("openssl pkcs12 -export"), "{failure:?}");
}

#[test]
fn what_is_wrong_with_an_entry_is_said() {
    let folder = folder("problems");
    let openssl = |arguments: &str| tool(&folder, "openssl", &arguments.split(' ').collect::<Vec<_>>());
    if openssl("req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 10 -subj /CN=soon").is_none() {
        return;
    }
    let said = |file: &str, at: Time| Listing::of(&opened(&folder, file, "").unwrap(), file, at).lines().join("\n");
    assert!(said("cert.pem", Utc::now()).contains("ends soon"));
    assert!(said("cert.pem", Utc::now() + chrono::Duration::days(11)).contains("its certificate ended at"));
    assert!(said("key.pem", Utc::now()).contains("it has no certificate"));
}

#[test]
fn what_is_no_keystore_is_said_and_nothing_panics() {
    for bytes in
        [&b""[..], b"text", &[0x30], &[0x30, 0x80, 2, 1, 3], &[0xfe, 0xed, 0xfe, 0xed], &[0xce, 0xce, 0xce, 0xce]]
    {
        let failure = open(bytes, "pw", Path::new("f")).err().unwrap();
        assert!(failure.says.contains("`f`") && !failure.fix.is_empty(), "{failure:?}");
    }
}
