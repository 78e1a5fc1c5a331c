//! Builds the judges from `conformance/oracles/`, and starts them.
//!
//! Each is built once: beside it lies the SHA-256 of what it was built from. What is missing (a compiler, a library, a
//! jar) is said, never worked around.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use super::process::Judge;
use crate::wire::crypto;

/// Where the sources are, and where what is built of them goes.
#[derive(Debug, Clone)]
pub struct Workshop {
    sources: PathBuf,
    build: PathBuf,
    online: bool,
}

impl Workshop {
    /// `repository`: the top of this one. `build`: a folder for what is built; it may be there from an earlier run.
    /// `online`: whether jars may be fetched from Maven Central.
    pub fn new(repository: &Path, build: impl Into<PathBuf>, online: bool) -> Self {
        Self { sources: repository.join("conformance/oracles"), build: build.into(), online }
    }

    /// libxml2 and libxmlsec1.
    ///
    /// # Errors
    /// What is missing.
    pub fn libxml(&self) -> Result<Judge, String> {
        let source = self.sources.join("libxml/oracle.c");
        let program = self.build.join("libxml/oracle");
        self.once("libxml", &[&source], |folder| {
            let flags = run(
                "pkg-config",
                &["--cflags", "--libs", "libxml-2.0", "xmlsec1-openssl"],
                "libxml2-dev, libxmlsec1-dev and pkg-config are needed",
            )?;
            let output = folder.join("oracle");
            let mut arguments = vec!["-O2", "-o", text(&output)?, text(&source)?];
            arguments.extend(flags.split_whitespace());
            run("cc", &arguments, "a C compiler is needed").map(drop)
        })?;
        Judge::start("libxml2", &program, &[])
    }

    /// Apache Santuario, WSS4J and the JDK.
    ///
    /// # Errors
    /// What is missing.
    pub fn java(&self) -> Result<Judge, String> {
        let project = self.sources.join("java/pom.xml");
        let folder = self.sources.join("java/src/main/java/oracle");
        let mut sources = vec![project.clone()];
        let listed = fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        sources.extend(listed.filter_map(|entry| entry.ok().map(|entry| entry.path())));
        sources.sort();
        let sources: Vec<&PathBuf> = sources.iter().collect();
        let built = self.build.join("java");
        self.once("java", &sources, |folder| {
            let target = format!("-Doracle.build={}", text(folder)?);
            let arguments = ["-q", "-B", "-o", "-f", text(&project)?, &target, "compile"];
            let needed = "java 17, mvn and, once, Maven Central are needed";
            match run("mvn", &arguments, needed) {
                Err(_) if self.online => {
                    let online: Vec<&str> = arguments.into_iter().filter(|argument| *argument != "-o").collect();
                    run("mvn", &online, needed).map(drop)
                }
                done => done.map(drop),
            }
        })?;
        let classes = format!("{}:{}/*", text(&built.join("classes"))?, text(&built.join("jars"))?);
        let arguments = ["-Xmx512m", "-XX:+UseSerialGC", "-cp", &classes, "oracle.Main"].map(str::to_owned);
        Judge::start("java", Path::new("java"), &arguments)
    }

    /// quick-xml, in a program of its own: this one has one reader of XML.
    ///
    /// # Errors
    /// What is missing.
    pub fn quick_xml(&self) -> Result<Judge, String> {
        let project = self.sources.join("quick-xml");
        let sources = ["Cargo.toml", "Cargo.lock", "src/main.rs"].map(|name| project.join(name));
        let program = self.build.join("quick-xml/release/quick-xml-oracle");
        self.once("quick-xml", &sources.iter().collect::<Vec<_>>(), |folder| {
            let manifest = project.join("Cargo.toml");
            let arguments =
                ["build", "--quiet", "--release", "--locked", "--offline", "--manifest-path", text(&manifest)?];
            let arguments = [&arguments[..], &["--target-dir", text(folder)?]].concat();
            run("cargo", &arguments, "cargo and the sources of quick-xml (cargo fetch) are needed").map(drop)
        })?;
        Judge::start("quick-xml", &program, &[])
    }

    /// Builds into the folder `name`, unless that was done from these very sources.
    fn once(
        &self,
        name: &str,
        sources: &[&PathBuf],
        build: impl FnOnce(&Path) -> Result<(), String>,
    ) -> Result<(), String> {
        // Tests of one program run side by side.
        static BUILDING: Mutex<()> = Mutex::new(());
        let _one_at_a_time = BUILDING.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = self.build.join(name);
        let mut read = Vec::new();
        for source in sources {
            let bytes = fs::read(source).map_err(|error| format!("{}: {error}", source.display()))?;
            read.extend_from_slice(&crypto::sha256(&bytes));
        }
        let stamp = folder.join("built-from");
        let wanted = crypto::sha256(&read);
        if fs::read(&stamp).is_ok_and(|found| found == wanted) {
            return Ok(());
        }
        let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
        fs::create_dir_all(&folder).map_err(failed)?;
        build(&folder)?;
        fs::write(&stamp, wanted).map_err(failed)
    }
}

fn text(path: &Path) -> Result<&str, String> {
    path.to_str().ok_or_else(|| format!("{} is not UTF-8", path.display()))
}

/// What a program writes; an error says what is needed for it.
fn run(program: &str, arguments: &[&str], needed: &str) -> Result<String, String> {
    let output =
        Command::new(program).args(arguments).output().map_err(|error| format!("{needed}: {program}: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = [output.stdout, output.stderr].concat();
    let said: String = String::from_utf8_lossy(&said).trim().chars().take(600).collect();
    Err(format!("{needed}: {program}: {said}"))
}
