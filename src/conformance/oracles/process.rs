//! Another implementation as a process: records to its stdin, records from its stdout.
//!
//! A record is the number of its fields, then each field as its length and its bytes; numbers are four bytes, big end
//! first. One process answers thousands of questions, so that a question costs what its answer costs.

use std::io::{BufReader, BufWriter, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread;

/// A verb and its fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question(Vec<Vec<u8>>);

impl Question {
    pub fn new(verb: &str) -> Self {
        Self(vec![verb.as_bytes().to_vec()])
    }

    #[must_use]
    pub fn with(mut self, field: impl Into<Vec<u8>>) -> Self {
        self.0.push(field.into());
        self
    }
}

/// What a judge says: fields, or why not.
pub type Answer = Result<Vec<Vec<u8>>, String>;

/// A running judge. Ends with its last owner.
#[derive(Debug)]
pub struct Judge {
    /// What it is called in tables.
    name: &'static str,
    child: Child,
    stdin: Option<BufWriter<ChildStdin>>,
    stdout: BufReader<ChildStdout>,
}

impl Judge {
    /// Starts a program.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start(name: &'static str, program: &Path, arguments: &[String]) -> Result<Self, String> {
        let failed = |what: &str| format!("{name}: {}: {what}", program.display());
        let mut command = Command::new(program);
        // What the libraries complain about belongs into their answers.
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().map_err(|error| failed(&error.to_string()))?;
        let stdin = child.stdin.take().ok_or_else(|| failed("no stdin"))?;
        let stdout = child.stdout.take().ok_or_else(|| failed("no stdout"))?;
        Ok(Self { name, child, stdin: Some(BufWriter::new(stdin)), stdout: BufReader::new(stdout) })
    }

    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Asks one question.
    ///
    /// # Errors
    /// When the process is gone; what it refuses is an [`Answer`].
    pub fn ask(&mut self, question: &Question) -> Result<Answer, String> {
        let mut answers = self.ask_all(std::slice::from_ref(question))?;
        answers.pop().ok_or_else(|| format!("{} did not answer", self.name))
    }

    /// Asks many, writing and reading at once.
    ///
    /// # Errors
    /// When the process is gone.
    pub fn ask_all(&mut self, questions: &[Question]) -> Result<Vec<Answer>, String> {
        let name = self.name;
        let gone = |error: std::io::Error| format!("{name} is gone: {error}");
        let Some(stdin) = self.stdin.as_mut() else { return Err(format!("{name} was ended")) };
        let stdout = &mut self.stdout;
        thread::scope(|scope| {
            let writing = scope.spawn(move || {
                questions.iter().try_for_each(|question| write(stdin, &question.0))?;
                stdin.flush()
            });
            let answers: Result<Vec<Answer>, String> =
                questions.iter().map(|_| read(stdout).map_err(gone).map(answer)).collect();
            match writing.join() {
                Ok(written) => written.map_err(gone)?,
                Err(_) => return Err(format!("writing to {name} failed")),
            }
            answers
        })
    }
}

impl Drop for Judge {
    fn drop(&mut self) {
        // It ends when its input does.
        drop(self.stdin.take());
        let _ = self.child.wait();
    }
}

fn answer(mut fields: Vec<Vec<u8>>) -> Answer {
    if fields.first().is_some_and(|said| said == b"ok") {
        fields.remove(0);
        return Ok(fields);
    }
    Err(fields.get(1).map_or_else(String::new, |why| String::from_utf8_lossy(why).into_owned()))
}

fn write(to: &mut impl Write, fields: &[Vec<u8>]) -> std::io::Result<()> {
    to.write_all(&number(fields.len())?)?;
    for field in fields {
        to.write_all(&number(field.len())?)?;
        to.write_all(field)?;
    }
    Ok(())
}

fn number(length: usize) -> std::io::Result<[u8; 4]> {
    u32::try_from(length).map(u32::to_be_bytes).map_err(|_| std::io::Error::other("a field of more than 4 GiB"))
}

fn read(from: &mut impl Read) -> std::io::Result<Vec<Vec<u8>>> {
    let count = length(from)?;
    let mut fields = Vec::with_capacity(count.min(64));
    for _ in 0..count {
        let mut field = vec![0; length(from)?];
        from.read_exact(&mut field)?;
        fields.push(field);
    }
    Ok(fields)
}

fn length(from: &mut impl Read) -> std::io::Result<usize> {
    let mut bytes = [0; 4];
    from.read_exact(&mut bytes)?;
    let length = usize::try_from(u32::from_be_bytes(bytes)).unwrap_or(usize::MAX);
    if length <= MOST { Ok(length) } else { Err(std::io::Error::other("not a record")) }
}

/// No field of a test is longer, in bytes.
const MOST: usize = 64 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let fields = vec![b"ok".to_vec(), Vec::new(), vec![0, 255, b'<']];
        let mut bytes = Vec::new();
        write(&mut bytes, &fields).expect("written");
        assert_eq!(bytes.get(..10), Some(&[0, 0, 0, 3, 0, 0, 0, 2, b'o', b'k'][..]));
        assert_eq!(read(&mut bytes.as_slice()).expect("read"), fields);
        assert!(read(&mut &bytes[..bytes.len() - 1]).is_err());
        assert!(read(&mut b"java.lang.Error".as_slice()).is_err(), "a text is no record");
    }

    #[test]
    fn a_judge_that_ends_is_an_error_and_not_an_answer() {
        let mut judge = Judge::start("false", Path::new("false"), &[]).expect("started");
        assert!(judge.ask(&Question::new("read").with("<a/>")).is_err());
    }
}
