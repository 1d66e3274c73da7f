//! The packs are walked as their callers would.

use super::*;
use crate::ivr::run::{Hand, TextTo};
use crate::ivr::simulate::{Mock, Scene, Transcript, script, simulate};
use crate::ivr::{Known, check, prompt};
use terms::Timestamp;
use terms::routing::{Hours, Window};

fn own() -> Own {
    Own { queue: QueueId(1), hours: "office".into(), server: "https://billing.example/".into() }
}

/// Open on weekdays; 2026-10-01 is a holiday.
fn office() -> Hours {
    Hours {
        name: "office".into(),
        windows: (1..=5)
            .map(|weekday| Window { weekday, from_minute: 540, to_minute: 1_080 })
            .collect(),
        closed: vec!["2026-10-01".into()],
        open: Vec::new(),
    }
}

/// 2026-11-30, a Monday, 10:00 in Shanghai.
const MONDAY: Timestamp = Timestamp::from_secs(1_796_004_000);

fn told_at(at: Timestamp, id: &str, text: &str) -> Transcript {
    let pack = packs().iter().find(|pack| pack.id == id).expect("there is such a pack");
    let flow = check(&pack.document(&own()), &Known::anything());
    let flow = flow.unwrap_or_else(|problems| panic!("{id}: {problems:?}"));
    let mocks = pack.servers.iter().map(|server| Mock {
        path: server.path.clone(),
        status: server.status,
        body: server.body.clone(),
    });
    let scene = Scene { at, hours: vec![office()], mocks: mocks.collect(), ..Scene::default() };
    simulate(flow, &scene, script(text))
}

fn told(id: &str, text: &str) -> Transcript {
    told_at(MONDAY, id, text)
}

fn heard(told: &Transcript) -> String {
    told.steps.iter().flat_map(|step| step.heard.clone()).collect::<Vec<_>>().join(" | ")
}

const QUEUE: QueueId = QueueId(1);

#[test]
fn every_pack_passes_the_checker_with_what_a_tenant_has_and_says_what_it_needs() {
    let known = Known {
        queues: [QUEUE].into(),
        hours: ["office".to_owned()].into(),
        prompts: Some(prompt::names("zh-CN")),
        ..Known::default()
    };
    let ids: Vec<&str> = packs().iter().map(|pack| pack.id.as_str()).collect();
    assert_eq!(ids, ["courier", "gas", "cable_tv", "post"]);
    for pack in packs() {
        let document = pack.document(&own());
        if let Err(problems) = check(&document, &known) {
            panic!("{}: {problems:#?}", pack.id);
        }
        for (need, place) in
            [(Need::Queue, "@QUEUE"), (Need::Hours, "@HOURS"), (Need::Server, "@SERVER")]
        {
            let uses = pack.flow.to_string().contains(place);
            assert_eq!(pack.needs.contains(&need), uses, "{}: {place}", pack.id);
            assert!(!document.to_string().contains(place), "{}: {place} is filled", pack.id);
        }
        for texts in [&pack.title, &pack.about] {
            assert!(texts.keys().eq(["en", "zh-CN"]), "{} in both languages", pack.id);
        }
    }
}

#[test]
fn a_place_is_filled_once_and_only_where_it_stands_alone() {
    let flow = serde_json::json!({"a": ["@QUEUE", "@SERVER/x", "say:@QUEUE", 5, null]});
    let own = Own { hours: "@QUEUE".into(), ..own() };
    let filled = filled(&flow, &own);
    assert_eq!(
        filled,
        serde_json::json!({"a": ["1", "https://billing.example/x", "say:@QUEUE", 5, null]})
    );
    assert_eq!(super::filled(&serde_json::json!("@HOURS"), &own), serde_json::json!("@QUEUE"));
}

#[test]
fn a_courier_tells_where_a_parcel_is_what_sending_costs_and_where_the_branch_is() {
    let tracked = heard(&told("courier", "silence 1 1234567890#"));
    assert!(
        tracked.contains("正在派送，当前位置杭州萧山营业部，预计送达日期二零二六年十二月一日"),
        "{tracked}"
    );
    let text = "您的快件1234567890正在派送，当前位置杭州萧山营业部，预计送达日期2026-12-01。";
    let sent = TextTo { number: String::new(), text: text.to_owned(), trunk: None };
    let end = told("courier", "silence 1 1234567890# silence 1").end;
    assert_eq!(end, Some(Hand::Text(sent)), "to who calls, and when they want it");
    let priced = told("courier", "silence 2 310012 5#");
    assert_eq!(priced.variables.get("price").map(String::as_str), Some("22"));
    assert!(heard(&priced).contains("寄往浙江五千克，运费二十二元"), "{}", heard(&priced));
    let heavy = told("courier", "silence 2 310012 51# 3#");
    assert!(heard(&heavy).contains("输入有误"), "{}", heard(&heavy));
    let unknown = told("courier", "silence 2 999999 silence");
    assert_eq!(unknown.end, Some(Hand::Enqueue { queue: QUEUE, priority: 0 }));
    let branch = heard(&told("courier", "silence 3 311200"));
    assert!(branch.contains("杭州市萧山区市心中路58号"), "the longest beginning counts: {branch}");
    let route = heard(&told("courier", "silence 5 310012 830000"));
    assert!(route.contains("浙江寄往新疆可以送达，约需五天。"), "{route}");
    let none = heard(&told("courier", "silence 5 310012 999999"));
    assert!(none.contains("该线路暂未开通"), "{none}");
    let progress = heard(&told("courier", "silence 6"));
    assert!(
        progress.contains(
            "您的工单二零二六一一二八零零零四二正在处理。 | 预计完成日期二零二六年十二月一日"
        ),
        "{progress}"
    );
    let complaint = told("courier", "silence 4");
    assert_eq!(complaint.end, Some(Hand::Voicemail { queue: QUEUE }));
    assert_eq!(complaint.variables.get("business").map(String::as_str), Some("快递投诉"));
}

#[test]
fn a_courier_takes_messages_on_sundays_and_says_so_on_holidays() {
    let day = 86_400_000_000;
    let sunday = told_at(Timestamp(MONDAY.0 - day), "courier", "");
    assert!(heard(&sunday).contains("非营业时间"), "{}", heard(&sunday));
    let holiday = told_at(Timestamp::from_secs(1_790_820_000), "courier", "");
    assert!(heard(&holiday).contains("今天是节假日"), "{}", heard(&holiday));
    for told in [sunday, holiday] {
        assert_eq!(told.end, Some(Hand::Voicemail { queue: QUEUE }));
    }
}

#[test]
fn a_gas_company_reads_out_a_bill_by_account_and_month() {
    let told = |text: &str| told("gas", text);
    let owed = told("silence 1 10023456 202611");
    assert_eq!(owed.requests, ["https://billing.example/v1/bills?account=10023456&month=202611"]);
    assert!(
        heard(&owed).contains(
            "户号一零零二三四五六十一月份燃气费八十六元四角 | \
             其中未缴八十六元四角，请在二零二六年十二月十五日之前缴费。"
        ),
        "{}",
        heard(&owed)
    );
    let paid = told("silence 1 10029999 202609");
    assert!(heard(&paid).contains("九月份燃气费五十二元 | 已缴清"), "{}", heard(&paid));
    let unknown = told("silence 1 10020000 202611");
    assert!(heard(&unknown).contains("没有查到"), "{}", heard(&unknown));
    let wrong = told("silence 1 10023456 202613 202611");
    assert!(heard(&wrong).contains("输入有误"), "{}", heard(&wrong));
    let notice = told("silence 2");
    assert!(heard(&notice).contains("停气检修"), "{}", heard(&notice));
    assert_eq!(told("9 9").end, Some(Hand::Enqueue { queue: QUEUE, priority: 100 }));
}

#[test]
fn a_gas_company_whose_server_is_silent_passes_on_to_people() {
    let pack = packs().iter().find(|pack| pack.id == "gas").expect("there is gas");
    let flow = check(&pack.document(&own()), &Known::anything()).expect("it is right");
    let told = simulate(flow, &Scene::default(), script("silence 1 10023456 202611"));
    assert!(heard(&told).contains("为您转接人工服务"), "{}", heard(&told));
    assert_eq!(told.end, Some(Hand::Enqueue { queue: QUEUE, priority: 0 }));
}

#[test]
fn cable_television_tells_fees_and_validity_and_lets_the_important_go_first() {
    let told = |text: &str| told("cable_tv", text);
    let fee = told("silence 1 79927398713# silence 0");
    assert!(
        heard(&fee)
            .contains("您已欠费十二元五角 | ，您订购的高清基本包有效期至二零二六年十二月三十一日"),
        "{}",
        heard(&fee)
    );
    assert_eq!(fee.end, Some(Hand::Enqueue { queue: QUEUE, priority: 50 }));
    let wrong = told("silence 1 79927398710# 79927398710# 79927398710#");
    assert_eq!(wrong.end, Some(Hand::Enqueue { queue: QUEUE, priority: 0 }), "the check digit");
    let refreshed = heard(&told("silence 2 79927398713#"));
    assert!(refreshed.contains("授权已刷新"), "{refreshed}");
    assert_eq!(told("silence 3").end, Some(Hand::Voicemail { queue: QUEUE }));
}

#[test]
fn the_post_knows_postcodes_mail_and_papers_in_chinese_and_tracks_in_english() {
    let told = |text: &str| told("post", text);
    let zip = heard(&told("1 1 0571"));
    assert!(zip.contains("杭州的邮政编码是三一零零零零"), "{zip}");
    let paper = heard(&told("1 3 1*38#"));
    assert!(paper.contains("参考消息，每月定价二十元"), "{paper}");
    let mail = heard(&told("1 2 1100563456731"));
    assert!(mail.contains("二零二六年十一月二十九日，您的邮件已到达投递局。"), "{mail}");
    let english = heard(&told("2 1 1100563456731"));
    assert!(
        english.contains(
            "Your item has arrived at the delivery office on November twenty ninth \
             twenty twenty six"
        ),
        "{english}"
    );
    let gone = told("1 2 1100563456730");
    assert!(heard(&gone).contains("没有查到"), "{}", heard(&gone));
}
