//! The embedded fonts: GB2312 subsets of Noto Sans CJK SC, made by `scripts/make-fonts`.

use std::collections::BTreeSet;
use std::sync::LazyLock;
use typst::foundations::Bytes;
use typst::text::Font;

/// The family's name in styles.
pub const FAMILY: &str = "Switchgrid Sans SC";

/// Characters that a warning about missing ones lists at most.
const MISSING_MAX: usize = 50;

/// Regular and bold.
pub static FONTS: LazyLock<Vec<Font>> = LazyLock::new(|| {
    let regular: &'static [u8] = include_bytes!("../../fonts/SwitchgridSansSC-Regular.otf");
    let bold: &'static [u8] = include_bytes!("../../fonts/SwitchgridSansSC-Bold.otf");
    [regular, bold]
        .map(|file| Font::new(Bytes::new(file), 0).expect("the embedded fonts are whole"))
        .into()
});

/// The characters of `text` that the fonts cannot show, each once.
pub fn missing(text: &str) -> String {
    let coverage = &FONTS[0].info().coverage;
    let shown = |char: char| char.is_whitespace() || coverage.contains(u32::from(char));
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
            .map(|font| {
                assert_eq!(font.info().family, FAMILY);
                font.info().variant.weight.to_number()
            })
            .collect();
        assert_eq!(weights, [400, 700]);
    }
}
