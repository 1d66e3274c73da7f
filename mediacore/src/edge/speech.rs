//! Speech made by a process: espeak-ng, given its words on its input and never through a shell, and
//! a folder that keeps what was made. Promise: an engine that hangs, floods or fails costs a text
//! and nothing else; it runs at low priority and knows nothing of our environment.

use crate::prompt::{self, Limits, Prompt};
use crate::record::wav;
use crate::speech::{Engine, Utterance, Voice};
use sha2::{Digest, Sha256};
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, SystemTime};
use std::{fs, io};

/// The bundled engine.
const ESPEAK: &str = "espeak-ng";
/// How fast it speaks, in words a minute: that of the prompts that we ship.
const WORDS_PER_MINUTE: &str = "150";
/// One text may take this long; a second of speech takes about ten milliseconds.
const TIME_MAX: Duration = Duration::from_secs(10);
/// What it writes at most: three minutes at its 22,050 Hz.
const OUTPUT_BYTES_MAX: u64 = 8 << 20;
/// What a text may become.
const LIMITS: Limits = Limits { bytes_max: OUTPUT_BYTES_MAX, length_max: Duration::from_secs(180) };
/// Of the process, so that calls go before it.
const NICE: i32 = 10;
/// How loud it is made, of full scale: 3 dB below it, as the prompts that we ship.
const PEAK: f32 = 0.708;

/// espeak-ng.
#[derive(Debug)]
pub struct Espeak {
    name: String,
    program: PathBuf,
}

impl Espeak {
    /// Asks the program of the search path for its version.
    ///
    /// # Errors
    /// A sentence that says what to install.
    pub fn find() -> Result<Espeak, String> {
        Espeak::at(Path::new(ESPEAK))
    }

    fn at(program: &Path) -> Result<Espeak, String> {
        let missing = |why: &dyn std::fmt::Display| {
            format!("{} does not run ({why}): install espeak-ng", program.display())
        };
        let mut command = Command::new(program);
        command.arg("--version");
        let told = run(command, "", 4_096, TIME_MAX).map_err(|why| missing(&why))?;
        let told = String::from_utf8_lossy(&told);
        let word = |word: &&str| word.starts_with(|c: char| c.is_ascii_digit());
        let version = told.split_whitespace().find(word).unwrap_or("unknown");
        Ok(Espeak { name: format!("{ESPEAK} {version}"), program: program.to_owned() })
    }
}

impl Engine for Espeak {
    fn name(&self) -> &str {
        &self.name
    }

    fn speak(&mut self, utterance: &Utterance) -> Result<Vec<u8>, String> {
        // The plain Chinese voice of Debian reads pinyin as English.
        let voice = match utterance.voice {
            Voice::Mandarin => "cmn-latn-pinyin",
            Voice::English => "en",
        };
        let mut command = Command::new(&self.program);
        command.args(["-v", voice, "-s", WORDS_PER_MINUTE, "-b", "1", "-z", "--stdin", "--stdout"]);
        let file = run(command, &utterance.words, OUTPUT_BYTES_MAX, TIME_MAX)?;
        if file.is_empty() { Err("it wrote nothing".to_owned()) } else { Ok(file) }
    }
}

/// Runs a program on this input and takes what it writes.
fn run(
    mut command: Command,
    input: &str,
    output_max: u64,
    time_max: Duration,
) -> Result<Vec<u8>, String> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    command.env_clear().env("PATH", path).env("LC_ALL", "C.UTF-8");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    // SAFETY: between fork and exec only one system call is made, which allocates nothing; what it
    // answers does not matter.
    unsafe {
        command.pre_exec(|| {
            libc::setpriority(libc::PRIO_PROCESS, 0, NICE);
            Ok(())
        });
    }
    let mut child = command.spawn().map_err(|error| error.to_string())?;
    let told = converse(&mut child, input, output_max, time_max);
    if told.is_err() {
        // It may be gone already.
        let _ = child.kill();
    }
    let status = child.wait().map_err(|error| error.to_string())?;
    let output = told?;
    if status.success() { Ok(output) } else { Err(format!("it ended with {status}")) }
}

fn converse(
    child: &mut Child,
    input: &str,
    output_max: u64,
    time_max: Duration,
) -> Result<Vec<u8>, String> {
    let (mut stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let (tell, told) = mpsc::channel();
    let input = input.to_owned();
    // Each end has a thread, so that a program that reads late and one that never ends are both
    // left behind at `time_max`; the threads end with the process.
    std::thread::spawn(move || {
        // One that does not read to the end says so by how it ends.
        let _ = stdin.take().map(|mut stdin| stdin.write_all(input.as_bytes()));
    });
    std::thread::spawn(move || {
        let mut output = Vec::new();
        let read = stdout.map(|out| out.take(output_max + 1).read_to_end(&mut output));
        let read = read.transpose().map(|_| output);
        // Nobody listens where it came too late.
        let _ = tell.send(read);
    });
    match told.recv_timeout(time_max) {
        Ok(Ok(output)) if output.len() as u64 > output_max => {
            Err(format!("it wrote more than {output_max} bytes"))
        }
        Ok(Ok(output)) => Ok(output),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("it took more than {} s", time_max.as_secs_f64())),
    }
}

/// Speaks without keeping it: a WAV at 8 kHz, as loud as every text.
///
/// # Errors
/// Why it cannot be made.
pub fn speak(engine: &mut dyn Engine, utterance: &Utterance) -> Result<Vec<u8>, String> {
    Ok(wav_of(&samples(engine, utterance)?))
}

fn samples(engine: &mut dyn Engine, utterance: &Utterance) -> Result<Vec<i16>, String> {
    let made = engine.speak(utterance)?;
    let mut samples = prompt::decode(&made, &LIMITS).map_err(|error| error.to_string())?;
    level(&mut samples);
    Ok(samples)
}

fn wav_of(samples: &[i16]) -> Vec<u8> {
    let format = wav::Format { tag: wav::TAG_PCM, channels: 1, rate_hz: prompt::RATE_HZ };
    let mut bytes = format.header(samples.len() as u64);
    bytes.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
    bytes
}

/// A folder of what was made, by engine, voice and words: made once, heard often.
#[derive(Debug)]
pub struct Cache {
    folder: PathBuf,
    bytes_max: u64,
    bytes: u64,
}

impl Cache {
    /// Opens or makes the folder. Beyond `bytes_max` what was made longest ago goes.
    ///
    /// # Errors
    /// When the folder cannot be made or read.
    pub fn open(folder: &Path, bytes_max: u64) -> io::Result<Cache> {
        fs::create_dir_all(folder)?;
        let mut cache = Cache { folder: folder.to_owned(), bytes_max, bytes: 0 };
        cache.bytes = cache.files()?.iter().map(|(_, bytes, _)| bytes).sum();
        Ok(cache)
    }

    /// The prompt of an utterance: kept, or made now.
    ///
    /// # Errors
    /// Why it cannot be made.
    pub fn speak(
        &mut self,
        engine: &mut dyn Engine,
        utterance: &Utterance,
    ) -> Result<Prompt, String> {
        let file = self.folder.join(key(engine.name(), utterance)).with_extension("wav");
        if let Ok(bytes) = fs::read(&file)
            && let Ok(prompt) = Prompt::read(&bytes, &LIMITS)
        {
            return Ok(prompt);
        }
        let samples = samples(engine, utterance)?;
        // A cache that cannot be written is slow, not wrong.
        if let Err(error) = self.keep(&file, &samples) {
            tracing::warn!(file = %file.display(), %error, "speech is not kept");
        }
        Ok(Prompt::from_samples(&samples))
    }

    fn keep(&mut self, file: &Path, samples: &[i16]) -> io::Result<()> {
        let bytes = wav_of(samples);
        let part = file.with_extension("part");
        fs::write(&part, &bytes)?;
        fs::rename(&part, file)?;
        self.bytes += bytes.len() as u64;
        if self.bytes > self.bytes_max { self.shrink() } else { Ok(()) }
    }

    /// The oldest go until a tenth is free.
    fn shrink(&mut self) -> io::Result<()> {
        let mut files = self.files()?;
        files.sort_by_key(|&(made, _, _)| made);
        self.bytes = files.iter().map(|(_, bytes, _)| bytes).sum();
        for (_, bytes, path) in files {
            if self.bytes <= self.bytes_max / 10 * 9 {
                break;
            }
            fs::remove_file(path)?;
            self.bytes -= bytes;
        }
        Ok(())
    }

    fn files(&self) -> io::Result<Vec<(SystemTime, u64, PathBuf)>> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            if let Ok(about) = entry.metadata()
                && about.is_file()
            {
                let made = about.modified().unwrap_or(SystemTime::UNIX_EPOCH);
                files.push((made, about.len(), entry.path()));
            }
        }
        Ok(files)
    }
}

/// The name of a file: what it was made by and of.
fn key(engine: &str, utterance: &Utterance) -> String {
    let whole = format!("{engine}\0{}\0{}", utterance.voice.name(), utterance.words);
    Sha256::digest(whole).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// All texts are equally loud.
fn level(samples: &mut [i16]) {
    let peak = samples.iter().map(|sample| sample.unsigned_abs()).max().unwrap_or(0);
    if peak > 0 {
        let gain = PEAK * 32_767.0 / f32::from(peak);
        for sample in samples {
            *sample = (f32::from(*sample) * gain) as i16;
        }
    }
}

#[cfg(test)]
mod tests;
