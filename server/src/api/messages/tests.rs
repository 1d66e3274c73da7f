//! Sentences in Chinese, and who prefers them.

use super::*;

#[test]
fn a_sentence_is_told_in_chinese_with_what_it_was_filled_with() {
    for (english, chinese) in [
        ("Sign in first.", "请先登录。"),
        ("There is no such queue.", "没有此队列。"),
        ("There is no such call, or it has not ended yet.", "没有此通话，或通话尚未结束。"),
        ("password: at least 10 characters are needed", "password：至少需要 10 个字符"),
        (
            "order 20261123-00007 is at version 3: somebody changed it; read it again",
            "工单 20261123-00007 已是版本 3：有人修改过，请重新读取",
        ),
        (
            "kind: no rule names a department for \"漏水\"; choose one in department",
            "kind：没有为“漏水”指定部门的规则，请在 department 中选择部门",
        ),
        (
            "The column \"asa\" does not open; there are calls, offered.",
            "“asa”列不能展开明细；可以展开的列有 calls, offered。",
        ),
        (
            "The numbers of this report open with their row alone.",
            "此报表的数字不能单独展开，请展开整行。",
        ),
        ("column: the id of a column is needed", "column：需要列的标识"),
        ("inputs: a wait has at most 86400 seconds", "inputs：等待最长 86400 秒"),
    ] {
        assert_eq!(in_chinese(english).as_deref(), Some(chinese), "{english}");
    }
    assert_eq!(in_chinese("Nobody wrote this sentence."), None);
    assert_eq!(in_chinese("field: nobody wrote this either"), None);
}

#[test]
fn every_pair_has_the_same_gaps() {
    for (english, chinese) in SENTENCES {
        let gaps = |text: &str| text.matches("{}").count();
        assert_eq!(gaps(english), gaps(chinese), "{english}");
        assert_eq!(in_chinese(english).as_deref(), Some(*chinese), "hidden by an earlier one");
    }
}

#[test]
fn a_browsers_list_of_languages_is_weighed() {
    let prefers = |text: &str| {
        let value = text.parse().unwrap();
        prefers_chinese(&HeaderMap::from_iter([(header::ACCEPT_LANGUAGE, value)]))
    };
    assert!(prefers("zh-CN,zh;q=0.9,en;q=0.8"));
    assert!(prefers("fr, zh;q=0.5"));
    assert!(!prefers("en-GB,en;q=0.9,zh;q=0.5"));
    assert!(!prefers("zh;q=0"));
    assert!(!prefers("*"));
    assert!(!prefers_chinese(&HeaderMap::new()));
}
