//! Addresses in English as people read them: `1266 West Nanjing Rd.` is *twelve sixty-six West Nanjing
//! Road*, `Apt. 501` is *Apartment five oh one*. What is no address stays as it is: a number counts as
//! that of a house where a street's name follows it, and as that of a room behind a word for one.

/// Words that end the name of a street.
const STREETS: [&str; 9] =
    ["street", "road", "avenue", "lane", "boulevard", "drive", "square", "highway", "court"];
/// How they are written short.
const SHORT: [(&str, &str); 7] = [
    ("st", "Street"),
    ("rd", "Road"),
    ("ave", "Avenue"),
    ("ln", "Lane"),
    ("blvd", "Boulevard"),
    ("dr", "Drive"),
    ("sq", "Square"),
];
/// Words before the number of a room, and how each is said.
const ROOMS: [(&str, &str); 11] = [
    ("room", "room"),
    ("apartment", "apartment"),
    ("flat", "flat"),
    ("unit", "unit"),
    ("suite", "suite"),
    ("rm", "Room"),
    ("apt", "Apartment"),
    ("ste", "Suite"),
    ("bldg", "Building"),
    ("fl", "Floor"),
    ("no", "Number"),
];
/// Words between a house's number and the end of its street's name.
const NAME_WORDS_MAX: usize = 4;

/// The text with the numbers and short words of its addresses as they are said.
pub(super) fn said(text: &str) -> String {
    let words: Vec<Word> = text.split(' ').map(Word::of).collect();
    let said: Vec<String> = (0..words.len()).map(|at| say(&words, at)).collect();
    said.join(" ")
}

/// A word and the punctuation behind it.
struct Word<'a> {
    core: &'a str,
    tail: &'a str,
}

impl<'a> Word<'a> {
    fn of(text: &'a str) -> Self {
        let core = text.trim_end_matches(['.', ',', ';', ':', '?', '!']);
        Word { core, tail: &text[core.len()..] }
    }

    fn is_number(&self) -> bool {
        (1..=5).contains(&self.core.len()) && self.core.bytes().all(|b| b.is_ascii_digit())
    }

    fn is_name(&self) -> bool {
        self.core.starts_with(|c: char| c.is_ascii_uppercase() || c.is_ascii_digit())
    }

    /// What it is written short for.
    fn long(&self, list: &[(&'static str, &'static str)]) -> Option<&'static str> {
        let found = list.iter().find(|(short, _)| self.core.eq_ignore_ascii_case(short));
        found.map(|(_, long)| *long)
    }

    /// A number behind it is that of a room. `No` counts with its point alone.
    fn counts_rooms(&self) -> bool {
        let is_written =
            self.tail == "." || self.tail.is_empty() && self.long(&ROOMS[..10]).is_some();
        is_written && self.long(&ROOMS).is_some()
    }

    fn ends_street(&self) -> bool {
        let is_whole = STREETS.iter().any(|street| self.core.eq_ignore_ascii_case(street));
        is_whole || self.long(&SHORT).is_some()
    }

    /// The punctuation without the point of what was written short.
    fn rest(&self) -> &str {
        self.tail.strip_prefix('.').unwrap_or(self.tail)
    }
}

fn say(words: &[Word], at: usize) -> String {
    let word = &words[at];
    let before = at.checked_sub(1).map(|before| &words[before]);
    let is_room = before.is_some_and(Word::counts_rooms);
    if word.is_number() && (is_room || is_house(words, at)) {
        return format!("{}{}", in_pairs(word.core), word.tail);
    }
    let is_counted = words.get(at + 1).is_some_and(Word::is_number);
    match (word.long(&ROOMS), word.long(&SHORT)) {
        // `No, 5` denies; `No. 5` counts.
        (Some(long), _) if is_counted && word.tail == "." => long.to_owned(),
        (_, Some(long)) if is_in_street(words, at) => format!("{long}{}", word.rest()),
        _ => format!("{}{}", word.core, word.tail),
    }
}

/// The name of a street follows the number.
fn is_house(words: &[Word], at: usize) -> bool {
    let behind = words[at + 1..].iter().take(NAME_WORDS_MAX + 1);
    let name = behind.clone().position(|word| word.ends_street());
    let is_whole = words[at].tail.is_empty();
    is_whole && name.is_some_and(|name| name > 0 && behind.take(name).all(Word::is_name))
}

/// The word ends the name of a street whose house is numbered.
fn is_in_street(words: &[Word], at: usize) -> bool {
    let from = at.saturating_sub(NAME_WORDS_MAX + 1);
    (from..at).any(|house| {
        let name = &words[house + 1..at];
        words[house].is_number() && !name.is_empty() && name.iter().all(Word::is_name)
    })
}

/// The number of a house or a room as people say it: `1266` in pairs, `501` with an *oh*.
fn in_pairs(number: &str) -> String {
    let pair = |head: &str, tail: &str| match tail.strip_prefix('0') {
        Some("0") if head.len() == 2 && !head.ends_with('0') => format!("{head} hundred"),
        Some("0") => number.to_owned(),
        Some(one) => format!("{head} oh {one}"),
        None => format!("{head} {tail}"),
    };
    match number.len() {
        3 | 4 if !number.starts_with('0') => {
            let (head, tail) = number.split_at(number.len() - 2);
            pair(head, tail)
        }
        _ => number.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::said;

    #[test]
    fn houses_and_rooms_of_an_english_address_are_read_as_people_say_them() {
        for (text, read) in [
            ("1266 West Nanjing Rd., Shanghai", "12 66 West Nanjing Road, Shanghai"),
            ("Go to 118 Tiyu East Road.", "Go to 1 18 Tiyu East Road."),
            ("100 Moganshan Road", "100 Moganshan Road"),
            ("1200 Baker St.", "12 hundred Baker Street"),
            ("2000 Long Street", "2000 Long Street"),
            ("58 Shixin Ave, Apt. 501", "58 Shixin Avenue, Apartment 5 oh 1"),
            ("No. 305 Green Lane", "Number 3 oh 5 Green Lane"),
            ("room 1204.", "room 12 oh 4."),
        ] {
            assert_eq!(said(text), read, "{text}");
        }
    }

    #[test]
    fn what_is_no_address_stays_as_it_is() {
        for text in [
            "You owe 1266 yuan.",
            "No, 305 is right",
            "there are no 305 lines",
            "We met St. John in 1266, on the road",
            "It took 118 days to pave the road",
            "in 1984. The Long Road",
            "",
            "Dr. Li has 250 patients",
        ] {
            assert_eq!(said(text), text);
        }
    }
}
