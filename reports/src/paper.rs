//! The paper that page forms are set on and that the workbook is printed on.

use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// More columns than this lie on their side, of a paper 210 mm wide.
const COLUMNS_UPRIGHT_MAX: usize = 10;
/// The same of a paper 297 mm wide.
const COLUMNS_UPRIGHT_MAX_A3: usize = 16;
/// On each side.
const MARGIN_MM: f64 = 15.0;

/// A size of ISO 216.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Size {
    /// 210 by 297 mm.
    #[default]
    A4,
    /// 297 by 420 mm.
    A3,
}

/// Which way it lies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Orientation {
    /// Upright for few columns, on its side for many.
    #[default]
    Automatic,
    /// Upright.
    Portrait,
    /// On its side.
    Landscape,
}

/// A paper and which way it lies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Paper {
    /// How large.
    pub size: Size,
    /// Which way.
    pub orientation: Orientation,
}

/// A word that is no size or no orientation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{said}\" is no {what}: use {allowed}")]
pub struct UnknownPaper {
    said: String,
    what: &'static str,
    allowed: &'static str,
}

fn unknown(said: &str, what: &'static str, allowed: &'static str) -> UnknownPaper {
    UnknownPaper { said: said.chars().take(40).collect(), what, allowed }
}

impl FromStr for Size {
    type Err = UnknownPaper;

    fn from_str(text: &str) -> Result<Self, UnknownPaper> {
        match text.to_ascii_lowercase().as_str() {
            "a4" => Ok(Size::A4),
            "a3" => Ok(Size::A3),
            _ => Err(unknown(text, "paper", "a4 or a3")),
        }
    }
}

impl FromStr for Orientation {
    type Err = UnknownPaper;

    fn from_str(text: &str) -> Result<Self, UnknownPaper> {
        match text.to_ascii_lowercase().as_str() {
            "automatic" => Ok(Orientation::Automatic),
            "portrait" => Ok(Orientation::Portrait),
            "landscape" => Ok(Orientation::Landscape),
            _ => Err(unknown(text, "orientation", "automatic, portrait or landscape")),
        }
    }
}

impl Size {
    /// Its name, as the template and the API have it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Size::A4 => "a4",
            Size::A3 => "a3",
        }
    }

    /// Its number in workbooks, ECMA-376 part 1, 18.3.1.63.
    pub(crate) const fn workbook(self) -> u8 {
        match self {
            Size::A4 => 9,
            Size::A3 => 8,
        }
    }

    /// Short and long side.
    const fn sides_mm(self) -> (f64, f64) {
        match self {
            Size::A4 => (210.0, 297.0),
            Size::A3 => (297.0, 420.0),
        }
    }
}

impl Paper {
    /// Whether a table of so many columns lies on its side.
    pub(crate) const fn is_landscape(self, columns: usize) -> bool {
        let upright_max = match self.size {
            Size::A4 => COLUMNS_UPRIGHT_MAX,
            Size::A3 => COLUMNS_UPRIGHT_MAX_A3,
        };
        match self.orientation {
            Orientation::Automatic => columns > upright_max,
            Orientation::Portrait => false,
            Orientation::Landscape => true,
        }
    }

    /// Width of the text of a table of so many columns, in points.
    pub(crate) fn text_width_pt(self, columns: usize) -> f64 {
        let (short, long) = self.size.sides_mm();
        let side = if self.is_landscape(columns) { long } else { short };
        (side - 2.0 * MARGIN_MM) * 72.0 / 25.4
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_columns_lie_on_their_side_unless_somebody_says_otherwise() {
        let paper = |size, orientation| Paper { size, orientation };
        use Orientation::{Automatic, Landscape, Portrait};
        let lies = |size, orientation, columns| paper(size, orientation).is_landscape(columns);
        assert_eq!([10, 11].map(|columns| lies(Size::A4, Automatic, columns)), [false, true]);
        assert_eq!([16, 17].map(|columns| lies(Size::A3, Automatic, columns)), [false, true]);
        assert!(lies(Size::A4, Landscape, 1) && !lies(Size::A4, Portrait, 99));
        let text_mm = |paper: Paper| (paper.text_width_pt(1) * 25.4 / 72.0).round();
        assert!((text_mm(paper(Size::A4, Landscape)) - 267.0).abs() < 0.1);
        assert!((text_mm(paper(Size::A3, Landscape)) - 390.0).abs() < 0.1);
    }

    #[test]
    fn a_paper_that_nobody_has_is_told_with_those_that_there_are() {
        assert_eq!("A3".parse(), Ok(Size::A3));
        let error = "letter".parse::<Size>().unwrap_err();
        assert_eq!(error.to_string(), "\"letter\" is no paper: use a4 or a3");
        let error = "askew".parse::<Orientation>().unwrap_err();
        let told = "\"askew\" is no orientation: use automatic, portrait or landscape";
        assert_eq!(error.to_string(), told);
    }
}
