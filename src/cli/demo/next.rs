//! What to type next: lines that can be pasted, made of the files that are really there.

use std::path::Path;

use super::cast::{EMPLOYER, EMPLOYER_NUMBER, MANDATE_TYPE, SENDERS};
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
    let vidimus = quoted(&std::env::args().next().unwrap_or_else(|| "vidimus".to_owned()));
    let ca = path(&files.ca());
    let own = format!("--p12 {} --password-file {}", path(&files.p12(sender)), path(&files.password(sender)));
    let (cert, key) = (path(&files.certificate(sender)), path(&files.key(sender)));
    let (config, audience) = (path(&world.config()), rest_service::AUDIENCE);
    let mut lines = vec![String::new()];
    let mut tell = |what: &str, command: String| lines.extend([format!("{what}:"), format!("  {command}")]);
    if !running {
        tell("Keep it running", format!("{vidimus} demo --keep-running --dir {}", path(files.dir())));
        tell("The server alone", format!("{vidimus} serve -c {config}"));
    }
    tell("What was decided last, and why", format!("{vidimus} explain last -c {config}"));
    tell("What a refusal means", format!("{vidimus} explain SIG-DIGEST"));
    tell(
        "A token by your own hand, while it runs",
        format!(
            "{vidimus} token request --server {} --cacert {ca} {own} --applies-to {audience} | {vidimus} token exchange --server {} --cacert {ca} {own} --subject-token - --audience {audience} --scope {} > token.jwt",
            world.oasis(),
            world.token(),
            rest_service::SCOPE
        ),
    );
    tell(
        "and the service that it opens",
        format!(
            "curl -sS --cacert {ca} --cert {cert} --key {key} -H \"Authorization: Bearer $(cat token.jwt)\" {}/employers/{EMPLOYER_NUMBER}",
            world.rest_url
        ),
    );
    tell(
        "A new mandate, to ask with --on-behalf-of",
        format!(
            "{vidimus} mandate create -c {config} --mandator {EMPLOYER} --mandatary {} --type {MANDATE_TYPE}",
            sender.party
        ),
    );
    tell(
        "Trust the demo's CA in Java",
        format!(
            "keytool -importcert -noprompt -alias vidimus-demo -file {ca} -keystore demo-trust.p12 -storetype PKCS12 -storepass changeit"
        ),
    );
    tell(
        "Look at the server's TLS",
        format!(
            "openssl s_client -connect localhost:{} -CAfile {ca} -cert {cert} -key {key} </dev/null",
            world.ports.sts
        ),
    );
    lines
}
