//! A process of a bench's own: asked by JSON lines on its standard input, it answers each with one on
//! its output, so that it can be measured and killed apart from who asks.

use anyhow::{Context, Result, ensure};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// The process, as who asks sees it. It ends with this.
pub struct Piped {
    process: Child,
    asks: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Piped {
    /// Starts it.
    ///
    /// # Errors
    /// When there is no such program.
    pub fn start(program: &mut Command) -> Result<Piped> {
        let mut process = program.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let asks = process.stdin.take().context("its input is a pipe")?;
        let answers = BufReader::new(process.stdout.take().context("its output is a pipe")?);
        Ok(Piped { process, asks, answers })
    }

    /// What it says next.
    ///
    /// # Errors
    /// When it has ended, or says what nobody understands.
    pub fn answer<A: DeserializeOwned>(&mut self) -> Result<A> {
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        ensure!(!line.is_empty(), "the system under test has ended");
        serde_json::from_str(&line).with_context(|| format!("read {line:?}"))
    }

    /// Asks it, and waits for what it says.
    ///
    /// # Errors
    /// As [`Piped::answer`].
    pub fn ask<Q: Serialize, A: DeserializeOwned>(&mut self, ask: &Q) -> Result<A> {
        say(&mut self.asks, ask)?;
        self.answer()
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// SIGKILL, and until the kernel has taken it away.
    ///
    /// # Errors
    /// When it had ended before.
    pub fn kill(&mut self) -> Result<()> {
        ensure!(self.process.try_wait()?.is_none(), "it ended before it was killed");
        self.process.kill()?;
        self.process.wait()?;
        Ok(())
    }
}

impl Drop for Piped {
    fn drop(&mut self) {
        // It has nothing to lose, or was killed already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The life of such a process: it says that it is ready and answers until its input ends.
///
/// # Errors
/// The first answer that could not be given.
pub fn serve<Q: DeserializeOwned, A: Serialize>(
    ready: &A,
    mut answer: impl FnMut(Q) -> Result<A>,
) -> Result<()> {
    let mut out = std::io::stdout().lock();
    say(&mut out, ready)?;
    for line in std::io::stdin().lock().lines() {
        let ask = serde_json::from_str(&line?)?;
        say(&mut out, &answer(ask)?)?;
    }
    Ok(())
}

fn say<W: Write, T: Serialize>(out: &mut W, word: &T) -> Result<()> {
    let mut line = serde_json::to_vec(word)?;
    line.push(b'\n');
    out.write_all(&line)?;
    Ok(out.flush()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_answers_until_it_is_killed() {
        let mut echo = Piped::start(&mut Command::new("cat")).unwrap();
        for asked in [vec![1_u32, 2], Vec::new(), vec![3]] {
            let answered: Vec<u32> = echo.ask(&asked).unwrap();
            assert_eq!(answered, asked);
        }
        echo.kill().unwrap();
        assert!(echo.ask::<_, u32>(&1).is_err(), "nobody is there");
        assert!(echo.kill().unwrap_err().to_string().contains("before it was killed"));
    }

    #[test]
    fn what_is_no_answer_is_told_and_so_is_an_end() {
        let mut odd = Piped::start(Command::new("echo").arg("nonsense")).unwrap();
        assert!(odd.answer::<u32>().unwrap_err().to_string().contains("nonsense"));
        assert!(odd.answer::<u32>().unwrap_err().to_string().contains("has ended"));
    }
}
