//! The words of the box's own prompts, for whoever reads a flow instead of hearing it: what
//! `scripts/make-prompts` lets a voice say. A prompt of a tenant's own is shown by its name.

use terms::media::Source;

/// Name, Chinese, English; empty where a language does not need it.
const WORDS: &[(&str, &str, &str)] = &[
    (
        "welcome",
        "欢迎致电客户服务热线。本次通话将被录音。",
        "Welcome to the customer service hotline. This call will be recorded.",
    ),
    (
        "menu",
        "业务办理请按一，查询营业时间请按二，留言请按三，人工服务请按零。",
        "For service, press 1. For opening hours, press 2. To leave a message, press 3. To speak to an agent, press 0.",
    ),
    ("invalid", "输入有误，请重新输入。", "That is not a valid choice. Please try again."),
    ("hours", "本热线每天二十四小时为您服务。", "This hotline is open twenty four hours a day."),
    (
        "closed",
        "现在是非服务时间，请稍后再拨。",
        "We are closed at the moment. Please call again later.",
    ),
    ("queue", "正在为您转接人工座席，请稍候。", "We are connecting you to an agent. Please wait."),
    ("position", "您当前的排队位置是", "Your position in the queue is"),
    ("wait", "预计等待时间", "The estimated waiting time is"),
    ("minutes", "分钟", "minutes"),
    (
        "callback_offer",
        "如需保留排队位置并由我们回拨，请按",
        "To keep your place and be called back, press",
    ),
    (
        "callback_number",
        "回拨您来电的号码请按井号键，或输入其他号码，按井号键结束。",
        "To be called back at the number you are calling from, press the pound key. \
         Or enter another number, followed by the pound key.",
    ),
    (
        "callback_taken",
        "您的排队位置已保留，我们将尽快给您回电，请挂机。",
        "Your place is kept and we will call you back. You may hang up now.",
    ),
    (
        "callback_not_possible",
        "此号码无法回拨，请继续等候。",
        "This number cannot be called back. Please wait.",
    ),
    (
        "survey",
        "请对本次服务进行评价，满意请按一，一般请按二，不满意请按三。",
        "Please rate our service. Satisfied, press 1. Neutral, press 2. Not satisfied, press 3.",
    ),
    ("thanks", "感谢您的评价，再见。", "Thank you for your rating. Goodbye."),
    (
        "conference_pin",
        "请输入会议密码，按井号键结束。",
        "Please enter the conference PIN, followed by the pound key.",
    ),
    ("conference_pin_wrong", "密码不正确。", "That PIN is not right."),
    (
        "conference_chair",
        "主持人请输入密码，按井号键结束。其他与会者请直接按井号键。",
        "To lead the conference, enter your PIN and the pound key. All others, press the pound key.",
    ),
    (
        "conference_barred",
        "密码错误次数过多，请稍后再拨。",
        "There were too many wrong PINs. Please call again later.",
    ),
    (
        "conference_alone",
        "您是目前唯一的与会者，请稍候。",
        "You are the only participant. Please wait.",
    ),
    (
        "conference_no_chair",
        "主持人尚未加入，请稍候。",
        "The chairperson has not joined yet. Please wait.",
    ),
    ("conference_full", "会议人数已满。", "The conference is full."),
    ("conference_locked", "会议已锁定。", "The conference is locked."),
    ("conference_unlocked", "会议已解锁。", "The conference is unlocked."),
    ("conference_muted", "您已静音，按星号六取消静音。", "You are muted. Press star six to speak."),
    ("conference_unmuted", "您已取消静音。", "You can be heard."),
    ("conference_hushed", "主持人已将您静音。", "The chairperson has muted you."),
    ("conference_all_muted", "已全体静音。", "All participants are muted."),
    ("conference_all_unmuted", "已取消全体静音。", "All participants can be heard."),
    ("conference_members", "当前与会人数", "The number of participants is"),
    (
        "conference_invite",
        "邀请您参加电话会议，参加请按一，不参加请按二。",
        "You are invited to a conference. To join, press 1. If you do not want to join, press 2.",
    ),
    ("conference_removed", "您已被移出会议。", "You have been removed from the conference."),
    ("conference_over", "会议已结束。", "The conference has ended."),
    ("goodbye", "感谢您的来电，再见。", "Thank you for calling. Goodbye."),
    (
        "voicemail",
        "请在提示音后留言，留言结束后请挂机。",
        "Please leave a message after the tone, and hang up when you have finished.",
    ),
    ("busy", "座席全忙，请稍后再拨。", "All agents are busy. Please call again later."),
    ("signed_in", "签入成功。", "You are signed in."),
    ("signed_out", "签出成功。", "You are signed out."),
    (
        "sign_in_pin",
        "请输入密码，按井号键结束。",
        "Please enter your PIN, followed by the pound key.",
    ),
    ("ready", "已示闲。", "You are ready."),
    ("break", "已示忙。", "You are on a break."),
    ("nothing_to_pick_up", "没有可代接的来电。", "There is no call that you can pick up."),
    ("do_not_disturb_on", "免打扰已开启。", "Do not disturb is on."),
    ("do_not_disturb_off", "免打扰已关闭。", "Do not disturb is off."),
    ("forwarding_on", "呼叫转移已设置。", "Your calls are forwarded."),
    ("forwarding_off", "呼叫转移已取消。", "Your calls are not forwarded."),
    (
        "number_unknown",
        "您拨打的号码不存在，请核对后再拨。",
        "The number you have dialled does not exist. Please check it.",
    ),
    (
        "caller_blocked",
        "您的来电暂时无法接通，再见。",
        "Your call cannot be connected at present. Goodbye.",
    ),
    ("call_not_allowed", "您没有权限拨打此号码。", "You are not allowed to call this number."),
    (
        "call_barred",
        "您的分机已被限制外呼，请联系管理员。",
        "Calling out is barred for your extension. Please ask an administrator.",
    ),
    (
        "lease_stranger",
        "您不能通过此号码联系对方，请核对后再拨。",
        "You cannot reach anybody by this number. Please check it.",
    ),
    ("lease_nobody", "目前没有可以接通的来电者。", "Nobody has called you at this number yet."),
    ("lease_over", "此号码的服务期限已过。", "The time for which this number was given is over."),
    (
        "lease_code",
        "请输入分机号，按井号键结束。",
        "Please enter the extension, followed by the pound key.",
    ),
    (
        "lease_busy",
        "对方正在通话中，请稍后再拨。",
        "The party you are calling is busy. Please call again later.",
    ),
    (
        "lease_no_answer",
        "对方暂时无人接听，请稍后再拨。",
        "Nobody answers at present. Please call again later.",
    ),
    (
        "lease_unreachable",
        "对方暂时无法接通，请稍后再拨。",
        "The party you are calling cannot be reached at present. Please call again later.",
    ),
    ("error", "系统繁忙，请稍后再拨。", "The system is busy. Please call again later."),
    ("digits/0", "零", "zero"),
    ("digits/1", "一", "one"),
    ("digits/2", "二", "two"),
    ("digits/3", "三", "three"),
    ("digits/4", "四", "four"),
    ("digits/5", "五", "five"),
    ("digits/6", "六", "six"),
    ("digits/7", "七", "seven"),
    ("digits/8", "八", "eight"),
    ("digits/9", "九", "nine"),
    ("digits/10", "十", "ten"),
    ("digits/100", "百", "hundred"),
    ("digits/1000", "千", "thousand"),
    ("digits/10000", "万", ""),
    ("digits/100000000", "亿", ""),
    ("digits/11", "", "eleven"),
    ("digits/12", "", "twelve"),
    ("digits/13", "", "thirteen"),
    ("digits/14", "", "fourteen"),
    ("digits/15", "", "fifteen"),
    ("digits/16", "", "sixteen"),
    ("digits/17", "", "seventeen"),
    ("digits/18", "", "eighteen"),
    ("digits/19", "", "nineteen"),
    ("digits/20", "", "twenty"),
    ("digits/30", "", "thirty"),
    ("digits/40", "", "forty"),
    ("digits/50", "", "fifty"),
    ("digits/60", "", "sixty"),
    ("digits/70", "", "seventy"),
    ("digits/80", "", "eighty"),
    ("digits/90", "", "ninety"),
    ("digits/1000000", "", "million"),
    ("digits/1000000000", "", "billion"),
    ("words/two", "两", ""),
    ("words/point", "点", "point"),
    ("words/minus", "负", "minus"),
    ("words/yuan", "元", "yuan"),
    ("words/jiao", "角", ""),
    ("words/fen", "分", ""),
    ("words/year", "年", ""),
    ("words/month", "月", ""),
    ("words/day", "日", ""),
    ("words/oclock", "点", "o'clock"),
    ("words/minute", "分", ""),
    ("words/am", "", "a m"),
    ("words/pm", "", "p m"),
    ("months/1", "", "January"),
    ("months/2", "", "February"),
    ("months/3", "", "March"),
    ("months/4", "", "April"),
    ("months/5", "", "May"),
    ("months/6", "", "June"),
    ("months/7", "", "July"),
    ("months/8", "", "August"),
    ("months/9", "", "September"),
    ("months/10", "", "October"),
    ("months/11", "", "November"),
    ("months/12", "", "December"),
    ("ordinals/1", "", "first"),
    ("ordinals/2", "", "second"),
    ("ordinals/3", "", "third"),
    ("ordinals/4", "", "fourth"),
    ("ordinals/5", "", "fifth"),
    ("ordinals/6", "", "sixth"),
    ("ordinals/7", "", "seventh"),
    ("ordinals/8", "", "eighth"),
    ("ordinals/9", "", "ninth"),
    ("ordinals/10", "", "tenth"),
    ("ordinals/11", "", "eleventh"),
    ("ordinals/12", "", "twelfth"),
    ("ordinals/13", "", "thirteenth"),
    ("ordinals/14", "", "fourteenth"),
    ("ordinals/15", "", "fifteenth"),
    ("ordinals/16", "", "sixteenth"),
    ("ordinals/17", "", "seventeenth"),
    ("ordinals/18", "", "eighteenth"),
    ("ordinals/19", "", "nineteenth"),
    ("ordinals/20", "", "twentieth"),
    ("ordinals/30", "", "thirtieth"),
];

/// What is heard, as one text.
pub fn text(sources: &[Source]) -> String {
    let mut text = String::new();
    for source in sources {
        let next = word(source);
        // Latin words are parted, Chinese ones are not.
        let parts = |c: char| c.is_ascii_alphanumeric() || ".,?!".contains(c);
        if text.ends_with(parts) && next.starts_with(|c: char| c.is_ascii_alphanumeric()) {
            text.push(' ');
        }
        text.push_str(&next);
    }
    text
}

fn word(source: &Source) -> String {
    match source {
        Source::Speech { text, .. } => text.clone(),
        Source::Prompt(name) => of(name).map_or_else(|| format!("[{name}]"), str::to_owned),
        Source::Beep { .. } | Source::Reminder { .. } => "[beep]".to_owned(),
        Source::Ringback => "[ringback]".to_owned(),
        Source::Busy => "[busy]".to_owned(),
        Source::Arrival | Source::Departure => "[chime]".to_owned(),
        Source::Silence { .. } => String::new(),
    }
}

/// The words of the prompt `zh-CN/welcome`.
pub fn of(prompt: &str) -> Option<&'static str> {
    let (language, name) = prompt.split_once('/')?;
    let (_, chinese, english) = WORDS.iter().find(|(known, _, _)| *known == name)?;
    let words = match language {
        "zh-CN" => chinese,
        "en" => english,
        _ => return None,
    };
    (!words.is_empty()).then_some(*words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ivr::prompt;

    #[test]
    fn every_prompt_of_the_box_has_its_words() {
        for language in ["zh-CN", "en"] {
            for name in prompt::names(language) {
                let is_music = name.starts_with("music/");
                assert_eq!(of(&format!("{language}/{name}")).is_none(), is_music, "{name}");
            }
        }
    }

    #[test]
    fn parts_are_put_together_as_each_language_writes() {
        let said = |names: &[&str]| {
            let prompts = names.iter().map(|name| Source::Prompt((*name).to_owned()));
            text(&prompts.collect::<Vec<_>>())
        };
        assert_eq!(said(&["zh-CN/digits/2", "zh-CN/digits/10", "zh-CN/words/yuan"]), "二十元");
        assert_eq!(said(&["en/digits/20", "en/digits/3", "en/words/yuan"]), "twenty three yuan");
        assert_eq!(said(&["zh-CN/promo", "yue/welcome"]), "[zh-CN/promo][yue/welcome]");
    }
}
