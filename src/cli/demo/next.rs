//! What to type next: lines that can be pasted, made of the files that are really there.

use std::path::Path;

use super::cast::{EMPLOYER, EMPLOYER_NUMBER, SENDERS};
use super::report::Report;
use super::rest_service;
use super::world::World;
use crate::cli::http::quoted;

/// Tells it.
pub fn tell(world: &World, running: bool, report: &mut Report<'_, '_>) {
    for line in lines(world, running) {
        report.say(line);
    }
}

fn lines(world: &World, running: bool) -> Vec<String> {
    let files = &world.folder.files;
    let path = |path: &Path| quoted(&path.display().to_string());
    let sender = &SENDERS[0];
    let (ca, p12, password) = (path(&files.ca()), path(&files.p12(sender)), path(&files.password(sender)));
    let (cert, key) = (path(&files.certificate(sender)), path(&files.key(sender)));
    let config = path(&world.config());
    let assertion = path(&files.dir().join("assertion.xml"));
    let mut lines = vec![String::new()];
    if !running {
        lines.push("start it again and keep it running:".to_owned());
        lines.push(format!("  vidimus demo --keep-running --dir {}", path(files.dir())));
        lines.push("or the server alone:".to_owned());
        lines.push(format!("  vidimus serve -c {config}"));
    }
    lines.extend([
        "what was decided, and why:".to_owned(),
        format!("  vidimus explain -c {config}"),
        "why a change is noticed:".to_owned(),
        "  vidimus explain SIG-DIGEST".to_owned(),
        "a token with your own tools, while it runs:".to_owned(),
        format!(
            "  vidimus token request --server {} --cacert {ca} --p12 {p12} --password-file {password} --applies-to {} > {assertion}",
            world.oasis(),
            rest_service::AUDIENCE
        ),
        format!(
            "  TOKEN=$(vidimus token exchange --server {} --cacert {ca} --cert {cert} --key {key} --subject-token {assertion} --audience {} --scope {})",
            world.token(),
            rest_service::AUDIENCE,
            rest_service::SCOPE
        ),
        format!(
            "  curl --cacert {ca} --cert {cert} --key {key} -H \"Authorization: Bearer $TOKEN\" {}/employers/{EMPLOYER_NUMBER}",
            world.rest_url
        ),
        format!("a mandate for acting on behalf of {EMPLOYER}:"),
        format!(
            "  vidimus mandate create -c {config} --grantor {EMPLOYER} --grantee {} --type {}",
            sender.party,
            super::cast::MANDATE_TYPE
        ),
        "trust the demo's CA in Java, and look at it:".to_owned(),
        format!(
            "  keytool -importcert -noprompt -alias vidimus-demo -file {ca} -keystore demo-trust.p12 -storetype PKCS12 -storepass changeit"
        ),
        format!("  openssl x509 -in {ca} -noout -subject -dates -fingerprint -sha256"),
        format!(
            "  openssl s_client -connect localhost:{} -CAfile {ca} -cert {cert} -key {key} </dev/null",
            world.ports.sts
        ),
    ]);
    lines
}
