//! The built-in prompts, unpacked into the data folder so that people can listen to and replace them.

use rust_embed::RustEmbed;
use std::io;
use std::path::Path;

#[derive(RustEmbed)]
#[folder = "../prompts/"]
#[include = "*.wav"]
struct Builtin;

/// Writes prompts that are missing in `folder`; files that are there stay as they are.
///
/// # Errors
/// When the folder may not be written.
pub fn unpack(folder: &Path) -> io::Result<usize> {
    let mut written = 0;
    for name in Builtin::iter() {
        let file = folder.join(name.as_ref());
        if file.exists() {
            continue;
        }
        if let Some(parent) = file.parent() {
            std::fs::create_dir_all(parent)?;
        }
        let prompt = Builtin::get(&name).expect("a listed prompt is embedded");
        std::fs::write(&file, prompt.data.as_ref())?;
        written += 1;
    }
    Ok(written)
}
