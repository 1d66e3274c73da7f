//! Which prompts there are: the built-in ones, unpacked into the data folder so that people can listen
//! to and replace them, those of the box's own folder, and the tenants' own.

use crate::config::Config;
use mediacore::edge::prompts;
use mediacore::edge::studio::own::Own;
use mediacore::prompt::Limits;
use rust_embed::RustEmbed;
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use terms::routing::Plan;

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

/// The folders of the box's prompts, the later before the earlier.
pub fn folders(config: &Config) -> Vec<PathBuf> {
    let mut folders = vec![config.server.data.join("prompts")];
    if !config.rtp.prompts.as_os_str().is_empty() {
        folders.push(config.rtp.prompts.clone());
    }
    folders
}

/// How large one prompt may be.
pub fn limits(config: &Config) -> Limits {
    Limits { bytes_max: config.rtp.prompt_bytes_max.0, length_max: config.rtp.prompt_length_max.0 }
}

/// The names of the box's prompts with their language: the built-in ones, and what lies in those of
/// `folders` that are there.
///
/// # Errors
/// When a folder cannot be read.
pub fn names(folders: &[PathBuf]) -> Result<BTreeSet<String>, prompts::Error> {
    let there: Vec<PathBuf> = folders.iter().filter(|folder| folder.is_dir()).cloned().collect();
    let mut names = prompts::names(&there)?;
    let builtin = Builtin::iter();
    names.extend(builtin.filter_map(|file| Some(file.strip_suffix(".wav")?.to_owned())));
    Ok(names)
}

/// Folder of the tenants' own prompts: in it `<tenant>/<SHA-256 of the file>`.
pub fn own_folder(data: &Path) -> PathBuf {
    data.join("own-prompts")
}

/// What a plan says that its tenant has of its own. What is no name of a file is left out: a plan
/// comes from the store, and a path is made of it.
pub fn own_of(data: &Path, plan: &Plan) -> Own {
    let folder = own_folder(data).join(plan.tenant.to_string());
    let file = |prompt: &terms::routing::OwnPrompt| {
        Some((prompt.name.clone(), folder.join(prompt.file()?)))
    };
    Own {
        tenant: plan.tenant,
        language: plan.language.clone(),
        files: plan.prompts.iter().filter_map(file).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use terms::TenantId;
    use terms::routing::OwnPrompt;

    #[test]
    fn the_box_has_what_is_built_in_and_what_lies_in_its_folders() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("en")).unwrap();
        std::fs::write(folder.path().join("en/promo.mp3"), b"x").unwrap();
        let folders = [folder.path().to_owned(), folder.path().join("nowhere")];
        let names = names(&folders).unwrap();
        for name in ["en/promo", "zh-CN/welcome", "en/digits/1", "music/wait"] {
            assert!(names.contains(name), "{name}");
        }
        assert!(!names.contains("zh-CN/promo"));
    }

    #[test]
    fn a_plan_leads_into_its_tenants_folder_and_nowhere_else() {
        let mut plan = Plan::empty(TenantId(7), "gas");
        let prompt = |sha256: &str| OwnPrompt { name: "en/hi".into(), sha256: sha256.into() };
        plan.prompts = vec![prompt("../8/secret")];
        assert!(own_of(Path::new("data"), &plan).files.is_empty());
        let sha256 = "0a".repeat(32);
        plan.prompts = vec![prompt(&sha256)];
        let own = own_of(Path::new("data"), &plan);
        assert_eq!(own.files["en/hi"], Path::new("data/own-prompts/7").join(sha256));
        assert_eq!((own.tenant, own.language.as_str()), (TenantId(7), "zh-CN"));
    }
}
