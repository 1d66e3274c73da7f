//! Where a number is at home 归属地: a province and a city. Fixed lines of mainland China tell it by
//! their area code; mobile numbers and other countries by a table of prefixes that a tenant loads.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// Prefixes of one tenant.
pub const REGIONS_MAX: usize = 100_000;
/// Digits of a prefix, the country code included.
pub const PREFIX_DIGITS_MAX: usize = 15;
/// Characters of a province's or a city's name.
pub const REGION_CHARS_MAX: usize = 32;

/// Area codes of mainland China, in the form that its first lines describe.
const AREA_CODES: &str = include_str!("region/area_codes.csv");
/// Its country code with `+`.
const CHINA: &str = "+86";

/// Where a number is at home, in the tenant's language.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Region {
    /// The province, or what a tenant's table has in its place, such as a country.
    pub province: String,
    /// The city; empty where it is not known.
    #[serde(default)]
    pub city: String,
}

/// Regions by the beginning of a normalised number: `+` and digits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Regions(pub BTreeMap<String, Region>);

impl Regions {
    /// Where `number`, normalised, is at home: what the longest prefix of the tenant's says, else its
    /// area code. None for short numbers, withheld ones and whatever neither knows.
    ///
    /// ```
    /// use terms::region::Regions;
    ///
    /// let region = Regions::default().region("+862087654321", "en").expect("an area code");
    /// assert_eq!((region.province.as_str(), region.city.as_str()), ("Guangdong", "Guangzhou"));
    /// ```
    pub fn region(&self, number: &str, language: &str) -> Option<Region> {
        self.own(number).cloned().or_else(|| fixed_line(number, language))
    }

    fn own(&self, number: &str) -> Option<&Region> {
        if self.0.is_empty() || !is_international(number) {
            return None;
        }
        let longest = number.len().min(1 + PREFIX_DIGITS_MAX);
        (2..=longest).rev().find_map(|end| self.0.get(&number[..end]))
    }
}

/// `+` and digits, so that every byte is a character.
fn is_international(number: &str) -> bool {
    number.strip_prefix('+').is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_digit()))
}

/// The names of one area code in both languages.
struct Named {
    chinese: Region,
    english: Region,
}

/// What `number` says as a fixed line of mainland China: an area code, which takes two digits with 10
/// and 2x and three otherwise, and a subscriber of seven or eight.
fn fixed_line(number: &str, language: &str) -> Option<Region> {
    static CODES: LazyLock<BTreeMap<&str, Named>> = LazyLock::new(codes);
    let national = number.strip_prefix(CHINA).filter(|_| is_international(number))?;
    let digits = if national.starts_with("10") || national.starts_with('2') { 2 } else { 3 };
    let (code, subscriber) = national.split_at_checked(digits)?;
    let named = CODES.get(code).filter(|_| matches!(subscriber.len(), 7 | 8))?;
    Some(if language == "en" { named.english.clone() } else { named.chinese.clone() })
}

fn codes() -> BTreeMap<&'static str, Named> {
    let lines = AREA_CODES.lines().filter(|line| !line.starts_with('#')).skip(1);
    lines.filter_map(code).collect()
}

fn code(line: &'static str) -> Option<(&'static str, Named)> {
    let region =
        |province: &str, city: &str| Region { province: province.into(), city: city.into() };
    let mut fields = line.split(',');
    let mut next = || fields.next();
    let (code, province, city, province_en, city_en) =
        (next()?, next()?, next()?, next()?, next()?);
    let (chinese, english) = (region(province, city), region(province_en, city_en));
    Some((code, Named { chinese, english }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(own: &Regions, number: &str) -> String {
        let region = own.region(number, "zh-CN").unwrap_or_default();
        format!("{} {}", region.province, region.city)
    }

    #[test]
    fn a_fixed_line_is_at_home_where_its_area_code_is() {
        let none = Regions::default();
        for (number, expected) in [
            ("+861087654321", "北京 北京"),
            ("+862087654321", "广东 广州"),
            ("+8675583001234", "广东 深圳"),
            ("+867357654321", "湖南 郴州"),
            ("+8699187654321", "新疆 乌鲁木齐"),
        ] {
            assert_eq!(told(&none, number), expected, "{number}");
        }
        let english = none.region("+8629876543210", "en");
        assert_eq!(english, None, "a subscriber has at most eight digits");
        let english = none.region("+862987654321", "en").expect("an area code");
        assert_eq!((english.province.as_str(), english.city.as_str()), ("Shaanxi", "Xi'an"));
    }

    #[test]
    fn what_is_no_fixed_line_has_no_region_of_its_own() {
        let none = Regions::default();
        for number in [
            "+8613800138000",
            "+864008123123",
            "95105688",
            "1001",
            "anonymous",
            "",
            "+86",
            "+8610",
            "+86电话",
            "+12025550123",
        ] {
            assert_eq!(none.region(number, "zh-CN"), None, "{number}");
        }
    }

    #[test]
    fn the_longest_prefix_of_the_tenants_table_decides_and_goes_before_the_area_code() {
        let region = |province: &str, city: &str| Region {
            province: province.to_owned(),
            city: city.to_owned(),
        };
        let own = Regions(
            [
                ("+86138", region("移动", "")),
                ("+861380013", region("北京", "北京")),
                ("+1", region("美国", "")),
                ("+86108765", region("北京", "海淀")),
            ]
            .map(|(prefix, region)| (prefix.to_owned(), region))
            .into(),
        );
        assert_eq!(told(&own, "+8613800138000"), "北京 北京");
        assert_eq!(told(&own, "+8613900138000"), " ");
        assert_eq!(told(&own, "+8613855550000"), "移动 ");
        assert_eq!(told(&own, "+12025550123"), "美国 ");
        assert_eq!(told(&own, "+861087654321"), "北京 海淀");
        assert_eq!(told(&own, "+862087654321"), "广东 广州");
        assert_eq!(told(&own, "+1电话"), " ");
    }

    #[test]
    fn every_line_of_the_area_codes_is_one_and_stands_once() {
        let lines = AREA_CODES.lines().filter(|line| !line.starts_with('#')).skip(1);
        let read = codes();
        assert_eq!(read.len(), lines.clone().count());
        for line in lines {
            assert_eq!(line.split(',').filter(|field| !field.is_empty()).count(), 5, "{line}");
            let code = line.split(',').next().unwrap_or_default();
            let digits = if code == "10" || code.starts_with('2') { 2 } else { 3 };
            assert!(code.len() == digits && code.bytes().all(|b| b.is_ascii_digit()), "{line}");
        }
    }
}
