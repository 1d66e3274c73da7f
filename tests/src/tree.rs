//! The source tree, read for the tidy test: which files there are, and what stands in them.

use std::fs;
use std::path::{Path, PathBuf};

/// Folders that are made, not written.
const MADE: &[&str] = &["target", ".git", ".venv", "data", "demo-data", "node_modules"];

/// One text file of the tree.
pub struct Text {
    /// Path from the root, with `/`.
    pub path: String,
    /// What stands in it.
    pub text: String,
}

impl Text {
    /// The part that goes into the product: everything before the file's own tests.
    pub fn product_part(&self) -> &str {
        self.text.split("\n#[cfg(test)]").next().unwrap_or_default()
    }

    /// The file's name without folders.
    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }
}

/// The root of the tree: the parent of this package.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().expect("the package lies in the workspace").to_owned()
}

/// Every text file that a person wrote: code, documents, scripts and settings.
pub fn texts() -> Vec<Text> {
    let root = root();
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("the tree can be read") {
            let path = entry.expect("the tree can be read").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_symlink() {
                continue;
            } else if path.is_dir() {
                if !MADE.contains(&name.as_str()) {
                    folders.push(path);
                }
            } else if is_written(&folder, &name)
                && let Ok(text) = fs::read_to_string(&path)
            {
                let below = path.strip_prefix(&root).expect("we walk below the root");
                found.push(Text { path: below.to_string_lossy().replace('\\', "/"), text });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

fn is_written(folder: &Path, name: &str) -> bool {
    let scripts =
        folder.ends_with("scripts") || folder.file_name().is_some_and(|name| name == ".ci");
    let suffix = name.rsplit_once('.').map_or("", |(_, suffix)| suffix);
    name == "Makefile"
        || name == "NOTICE"
        || (scripts && suffix.is_empty())
        || ["rs", "md", "toml", "py", "sh", "ts", "tsx", "typ", "html", "sql", "txt", "yml"]
            .contains(&suffix)
}
