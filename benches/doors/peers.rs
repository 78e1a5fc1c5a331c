//! Two libraries that do the same, each asked in its own language: libxmlsec1 by a C program that is compiled here, WSS4J
//! by a Java program that Maven compiles. What is missing on the machine is skipped, with the reason.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::verify::Subject;

/// Prints how long each peer takes for each message, in processor time of one thread.
pub fn run(subjects: &[Subject]) {
    let folder = std::env::temp_dir().join(format!("vidimus-peers-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder");
    let messages: Vec<PathBuf> = subjects
        .iter()
        .enumerate()
        .map(|(number, subject)| {
            let path = folder.join(format!("{number}.xml"));
            fs::write(&path, &subject.message).expect("written");
            path
        })
        .collect();
    println!("\npeers: parse and verify the same messages, library time (processor time of the thread)");
    for (name, measured) in
        [("libxmlsec1", libxmlsec1(&folder, subjects, &messages)), ("WSS4J 3.0.4", wss4j(&folder, &messages))]
    {
        match measured {
            Ok(times) => {
                let told = subjects.iter().zip(times).map(|(subject, nanos)| {
                    format!("{} {:.1} µs ({:.1}x floor)", subject.name, nanos / 1e3, nanos / subject.floor())
                });
                println!("  {name:<14} {}", told.collect::<Vec<_>>().join(", "));
            }
            Err(why) => println!("  {name:<14} skipped: {why}"),
        }
    }
    let _in_the_temporary_folder = fs::remove_dir_all(&folder);
}

fn libxmlsec1(folder: &Path, subjects: &[Subject], messages: &[PathBuf]) -> Result<Vec<f64>, String> {
    let flags = output(Command::new("pkg-config").args(["--cflags", "--libs", "xmlsec1"]))?;
    let program = folder.join("xmlsec");
    let source = here().join("xmlsec.c");
    output(Command::new("cc").arg("-O2").arg(source).arg("-o").arg(&program).args(flags.split_whitespace()))?;
    let times = subjects.iter().zip(messages).map(|(subject, message)| {
        let certificates = subject.signers.iter().map(|signer| certificate(signer));
        number(&output(Command::new(&program).arg(message).args(certificates))?)
    });
    times.collect()
}

fn wss4j(folder: &Path, messages: &[PathBuf]) -> Result<Vec<f64>, String> {
    let build = folder.join("wss4j");
    let project = here().join("wss4j/pom.xml");
    let setting = format!("-Dpeer.build={}", build.display());
    output(Command::new("mvn").args(["-q", "-B", &setting, "-f"]).arg(project).arg("compile"))?;
    let classes = format!("{}:{}", build.join("classes").display(), build.join("jars/*").display());
    let known = ["hospital", "issuer"].map(|name| certificate(name).display().to_string()).join(",");
    let told = output(
        Command::new("java")
            .args(["-cp", &classes, "Verify", WARM_UP])
            .arg(certificate("ca"))
            .arg(known)
            .args(messages),
    )?;
    told.lines().map(number).collect()
}

/// What a program says; its last words, when it fails.
fn output(command: &mut Command) -> Result<String, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let ran = command.output().map_err(|error| format!("{name}: {error}"))?;
    if !ran.status.success() {
        let said = [ran.stdout, ran.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        return Err(format!("{name}: {}", said.lines().find(|line| !line.trim().is_empty()).unwrap_or_default()));
    }
    Ok(String::from_utf8_lossy(&ran.stdout).trim().to_owned())
}

fn number(text: &str) -> Result<f64, String> {
    text.trim().parse().map_err(|_| format!("`{text}` is no time"))
}

fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers")
}

fn certificate(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("keys").join(format!("{name}.cert.pem"))
}

/// Times that the first message is verified before anything is timed.
const WARM_UP: &str = "20000";
