//! The embedded fonts: GB2312 subsets of Noto Sans CJK SC, made by `scripts/make-fonts`. Fonts of a
//! folder stand in for characters that these lack, such as those of rare names.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, OnceLock};
use typst::foundations::Bytes;
use typst::text::Font;

/// The family's name in styles.
pub const FAMILY: &str = "Switchgrid Sans SC";

/// Characters that a warning about missing ones lists at most.
const MISSING_MAX: usize = 50;

/// Files of a folder at most, in the order of their names.
const FILES_MAX: usize = 32;
/// A larger file is no font for us.
const FILE_BYTES_MAX: u64 = 64 << 20;
const EXTENSIONS: [&str; 4] = ["otf", "ttf", "otc", "ttc"];

static FURTHER: OnceLock<Vec<Font>> = OnceLock::new();

/// Regular and bold, and after them those of a folder.
pub static FONTS: LazyLock<Vec<Font>> = LazyLock::new(|| {
    let regular: &'static [u8] = include_bytes!("../../fonts/SwitchgridSansSC-Regular.otf");
    let bold: &'static [u8] = include_bytes!("../../fonts/SwitchgridSansSC-Bold.otf");
    let embedded = [regular, bold]
        .map(|file| Font::new(Bytes::new(file), 0).expect("the embedded fonts are whole"));
    let further = FURTHER.get_or_init(Vec::new);
    embedded.into_iter().chain(further.iter().cloned()).collect()
});

/// What came of a folder of fonts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    /// Fonts that are used from now on.
    pub fonts: usize,
    /// Files that are not, and why, a sentence each.
    pub problems: Vec<String>,
}

/// Takes the fonts of `folder` for characters that the embedded ones lack. A process does it once,
/// before its first page; a later call changes nothing. A folder that is not there has none.
pub fn load(folder: &Path) -> Loaded {
    let mut loaded = Loaded::default();
    let mut fonts = Vec::new();
    for file in files(folder) {
        match read(&file) {
            Ok(faces) => fonts.extend(faces),
            Err(why) => loaded.problems.push(format!("{}: {why}", file.display())),
        }
    }
    let found = fonts.len();
    if found > 0 && FURTHER.set(fonts).is_ok() {
        loaded.fonts = found;
    }
    loaded
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let is_font = |file: &PathBuf| {
        let extension = file.extension().and_then(|extension| extension.to_str());
        extension.is_some_and(|said| EXTENSIONS.contains(&said.to_ascii_lowercase().as_str()))
    };
    let mut files: Vec<PathBuf> =
        entries.filter_map(|entry| Some(entry.ok()?.path())).filter(is_font).collect();
    files.sort();
    files.truncate(FILES_MAX);
    files
}

/// The faces of a file.
fn read(file: &Path) -> Result<Vec<Font>, String> {
    let size = std::fs::metadata(file).map_err(|error| error.to_string())?.len();
    if size > FILE_BYTES_MAX {
        return Err(format!("{size} bytes are more than a font has"));
    }
    let bytes = std::fs::read(file).map_err(|error| error.to_string())?;
    let faces: Vec<Font> = Font::iter(Bytes::new(bytes)).collect();
    if faces.is_empty() { Err("this is no font".to_owned()) } else { Ok(faces) }
}

/// The characters of `text` that the fonts cannot show, each once.
pub fn missing(text: &str) -> String {
    let covered =
        |char: char| FONTS.iter().any(|font| font.info().coverage.contains(u32::from(char)));
    let shown = |char: char| char.is_whitespace() || covered(char);
    let missing: BTreeSet<char> = text.chars().filter(|&char| !shown(char)).collect();
    missing.into_iter().take(MISSING_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hotline_vocabulary_is_covered() {
        let words = "满意一般不满意坐席话务工作量超时工单按时办结率预警退单挂起延期催办重派话后处理\
                     占用率平均应答速度热线快递燃气自来水有线电视邮政网格装维报装停水漏气断网投诉咨询\
                     王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕";
        assert_eq!(missing(words), "");
        assert_eq!(missing("0123456789:.,%()-+/ –—…≤≥×÷−ΣÄöüß"), "");
    }

    #[test]
    fn a_rare_character_is_named_once() {
        assert_eq!(missing("王䶮㙍䶮"), "㙍䶮");
    }

    #[test]
    fn both_weights_carry_the_family_name() {
        let weights: Vec<u16> = FONTS
            .iter()
            .take(2)
            .map(|font| {
                assert_eq!(font.info().family, FAMILY);
                font.info().variant.weight.to_number()
            })
            .collect();
        assert_eq!(weights, [400, 700]);
    }
}
