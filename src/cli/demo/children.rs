//! The processes of the demo: the server and the sample services, each the same program with other
//! arguments. They end with the demo, however it ends: the services watch their standard input,
//! and what is left is killed when its [`Child`] is dropped.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child as Process, ChildStdin, Command};

/// A process that was started and answers.
#[derive(Debug)]
pub struct Child {
    process: Process,
    /// Held open: when the demo ends, however, the child reads its end.
    _input: Option<ChildStdin>,
    /// The lines that it wrote so far, for the case that it ends early.
    log: PathBuf,
}

impl Child {
    /// Starts this program with `arguments`. What it says goes to `log`.
    ///
    /// # Errors
    /// A sentence, when it cannot be started.
    pub fn start(arguments: &[&str], log: &Path) -> Result<Self, String> {
        let failed = |error: std::io::Error| format!("`vidimus {}` cannot be started: {error}", arguments.join(" "));
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
        let input = process.stdin.take();
        Ok(Self { process, _input: input, log: log.to_owned() })
    }

    /// The first line that the child writes to standard output.
    ///
    /// # Errors
    /// A sentence with what the child said, when it ends or is silent.
    pub async fn first_line(&mut self) -> Result<String, String> {
        let output = self.process.stdout.take().ok_or("the child's output was read before")?;
        let mut lines = BufReader::new(output).lines();
        let line = tokio::time::timeout(START, lines.next_line()).await;
        // Whatever else it writes is read and dropped, so that it never waits for a reader.
        tokio::spawn(async move { while matches!(lines.next_line().await, Ok(Some(_))) {} });
        match line {
            Ok(Ok(Some(line))) => Ok(line),
            Ok(_) => Err(format!("it ended at once: {}", self.said())),
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

const START: Duration = Duration::from_secs(8);
const STOP: Duration = Duration::from_secs(3);
