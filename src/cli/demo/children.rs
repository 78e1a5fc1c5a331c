//! The processes of the demo: the server and the sample services, each the same program with other
//! arguments. They end with the demo, however it ends: the services watch their standard input,
//! and what is left is killed when its [`Child`] is dropped.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child as Process, ChildStdin, ChildStdout, Command};
use tokio::sync::oneshot;

/// A process that was started.
#[derive(Debug)]
pub struct Child {
    process: Process,
    /// Held open: when the demo ends, however, the child reads its end.
    _input: Option<ChildStdin>,
    first_line: Option<oneshot::Receiver<String>>,
    /// What it wrote to standard error, for the case that it ends early.
    log: PathBuf,
}

impl Child {
    /// Starts this program with `arguments`. What it writes to standard error goes to `log`.
    ///
    /// # Errors
    /// A sentence, when it cannot be started.
    pub fn start<A: AsRef<OsStr>>(arguments: &[A], log: &Path) -> Result<Self, String> {
        let failed = |error: std::io::Error| format!("this program cannot be started once more: {error}");
        let program = std::env::current_exe().map_err(failed)?;
        let errors = std::fs::File::create(log).map_err(failed)?;
        let mut process = Command::new(program)
            .args(arguments)
            .env("VIDIMUS_OUTPUT", "human")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(errors)
            .kill_on_drop(true)
            .spawn()
            .map_err(failed)?;
        let (sender, first_line) = oneshot::channel();
        if let Some(output) = process.stdout.take() {
            tokio::spawn(read(output, sender));
        }
        let input = process.stdin.take();
        Ok(Self { process, _input: input, first_line: Some(first_line), log: log.to_owned() })
    }

    /// The first line that the child writes to standard output: the sample services say there
    /// where they listen.
    ///
    /// # Errors
    /// A sentence with what the child said, when it ends or is silent.
    pub async fn first_line(&mut self) -> Result<String, String> {
        let line = self.first_line.take().ok_or("the child's first line was read before")?;
        match tokio::time::timeout(START, line).await {
            Ok(Ok(line)) => Ok(line),
            Ok(Err(_)) => Err(format!("it ended at once: {}", self.said())),
            Err(_) => Err(format!("it said nothing within {START:?}: {}", self.said())),
        }
    }

    /// Whether the process has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        !matches!(self.process.try_wait(), Ok(None))
    }

    /// What it wrote to standard error.
    pub fn said(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default().trim().to_owned()
    }

    /// Asks it to stop, and waits until it has.
    pub async fn stop(mut self) {
        if let Some(id) = self.process.id() {
            // The standard library has no signals: `kill` is in every POSIX system.
            let asked = Command::new("kill").args(["-TERM", &id.to_string()]).status().await;
            if asked.is_ok_and(|status| status.success())
                && tokio::time::timeout(STOP, self.process.wait()).await.is_ok()
            {
                return;
            }
        }
        drop(self.process.kill().await);
    }
}

/// Runs this program to its end, with `-o json`: its exit code, its result, and what it said.
///
/// # Errors
/// A sentence, when it cannot be run.
pub async fn run(arguments: &[&OsStr]) -> Result<(i32, Value, String), String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let output = Command::new(program).args(arguments).env("VIDIMUS_OUTPUT", "json").kill_on_drop(true).output();
    let output = tokio::time::timeout(START, output).await.map_err(|_| format!("it took longer than {START:?}"))?;
    let output = output.map_err(|error| error.to_string())?;
    let result = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Ok((output.status.code().unwrap_or(-1), result, said))
}

/// Passes the first line on. The others are read and dropped, so that the child never waits for a
/// reader.
async fn read(output: ChildStdout, first: oneshot::Sender<String>) {
    let mut lines = BufReader::new(output).lines();
    if let Ok(Some(line)) = lines.next_line().await {
        // Nobody waits for the line of a server that is asked over its socket.
        drop(first.send(line));
    }
    while matches!(lines.next_line().await, Ok(Some(_))) {}
}

const START: Duration = Duration::from_secs(8);
const STOP: Duration = Duration::from_secs(3);
