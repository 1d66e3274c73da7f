//! Expressions and what they come to.

use super::*;
use crate::ivr::template::Variables;

fn value(text: &str) -> Result<String, Fault> {
    let mut variables = Variables::default();
    for (name, value) in [("balance", "-12.50"), ("vip", "yes"), ("zip", "007"), ("word", "电费")]
    {
        variables.set(name, value);
    }
    parse(text).unwrap_or_else(|problem| panic!("{text}: {problem}")).value(&variables)
}

#[test]
fn sums_texts_and_comparisons_come_to_what_they_say() {
    for (text, expected) in [
        ("1 + 2 * 3", "7"),
        ("(1 + 2) * 3", "9"),
        ("10 - 4 - 3", "3"),
        ("-balance * 2", "25"),
        ("round(100 / 3, 2)", "33.33"),
        ("7 % 4", "3"),
        ("balance < 0 and vip = 'yes'", "true"),
        ("not (balance >= 0) or false", "true"),
        ("zip = 7", "true"),
        ("zip = '7'", "false"),
        ("vip = 0", "false"),
        ("nothing = ''", "true"),
        ("word & '：' & abs(balance)", "电费：12.5"),
        ("len(word)", "2"),
        ("left(zip, 2) & right(zip, 1) & mid(\"abcdef\", 3, 2)", "007cd"),
        ("contains(word, '费') and starts(zip, '00')", "true"),
        ("min(3, balance) & max(3, 4)", "-12.54"),
        ("if(balance < 0, 'owes', 1 / 0)", "owes"),
        ("false and 1 / 0 = 1", "false"),
        ("floor(-0.5)", "-1"),
    ] {
        assert_eq!(value(text).as_deref(), Ok(expected), "{text}");
    }
}

#[test]
fn what_comes_to_nothing_says_why() {
    assert_eq!(value("1 / (balance + 12.5)"), Err(Fault::NoResult));
    assert_eq!(value("7 % 0"), Err(Fault::NoResult));
    assert_eq!(value("999999999999 + 1"), Err(Fault::NoResult));
    assert_eq!(value("vip + 1"), Err(Fault::NoNumber));
    assert_eq!(value("vip > 1"), Err(Fault::NoNumber));
    assert_eq!(value("left(word, -1)"), Err(Fault::NoNumber));
    assert_eq!(value("not vip"), Err(Fault::NoTruth));
    assert_eq!(value("round(1, 7)"), Err(Fault::NoResult));
}

#[test]
fn what_is_no_expression_is_refused_with_a_sentence() {
    for (text, word) in [
        ("", "ends where a value is needed"),
        ("1 +", "ends where a value is needed"),
        ("1 2", "2 stands where it should end"),
        ("(1", "\")\" is missing"),
        ("'a", "has no end"),
        ("sum(1)", "there is no function sum"),
        ("left('a')", "left takes 2 values, not 1"),
        ("a = b = c", "stands where it should end"),
        ("a and or b", "or stands where a value is needed"),
        ("1.2.3", "no number"),
        ("a; b", "has no meaning"),
        ("系统", "has no meaning"),
    ] {
        let problem = parse(text).expect_err(text);
        assert!(problem.contains(word), "{text}: {problem}");
    }
    let deep = format!("{}1{}", "(".repeat(100), ")".repeat(100));
    assert!(parse(&deep).expect_err("too deep").contains("levels"));
    assert!(parse(&"-".repeat(100)).expect_err("too deep").contains("levels"));
    assert!(parse(&"1+".repeat(300)).expect_err("too long").contains("500"));
}
