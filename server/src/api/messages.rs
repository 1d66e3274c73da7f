//! The API's sentences in Chinese. A sentence is written in English where it arises; a reader whose
//! `Accept-Language` prefers Chinese gets the one that stands here. `{}` stands for whatever the
//! sentence was filled with, in the same order. What a parser or the SQL engine says of a text stays
//! as it is: it speaks of keywords. Every problem that the API's own tests meet has to be here.

mod areas;
mod damage;
mod databases;
mod faxes;
mod fields;
mod items;
mod leases;
mod lines;
mod load;
mod own_reports;
mod persons;
mod prompts;
mod regions;
mod report_parameters;
mod secured_trunks;
mod sites;
mod skill_sets;
mod texts;
mod visits;

use axum::http::{HeaderMap, header};

/// English and Chinese.
type Sentence = (&'static str, &'static str);

/// The first that fits is taken: special ones stand before general ones.
const SENTENCES: &[Sentence] = &[
    // Who asks.
    ("Sign in first.", "请先登录。"),
    ("Send a token: Authorization: Bearer <token>.", "请携带令牌：Authorization: Bearer <token>。"),
    (
        "The token is unknown, expired or taken back; sign in again.",
        "令牌无效、已过期或已被收回，请重新登录。",
    ),
    ("The login or the password is wrong.", "登录名或密码不正确。"),
    ("The old password is wrong.", "原密码不正确。"),
    ("Too many failures from this address; try again later.", "该地址失败次数过多，请稍后再试。"),
    ("Your role does not allow this.", "您的角色没有此项权限。"),
    ("this role may not ask in SQL", "此角色不能使用 SQL 查询。"),
    ("The worker ended or is full; ask for less.", "查询进程已退出或已满，请缩小查询范围。"),
    // What is asked.
    ("There is nothing at this address.", "此地址没有内容。"),
    ("There is nothing with this id.", "没有此编号的内容。"),
    ("callers go to a queue or into a flow, not to both", "来电超时后只能转入队列或流程之一"),
    ("This address does not take this method.", "此地址不支持该请求方法。"),
    ("The body is longer than this server takes.", "请求内容超过服务器允许的长度。"),
    ("Send JSON: Content-Type: application/json.", "请发送 JSON：Content-Type: application/json。"),
    ("The body cannot be read: {}", "请求内容无法读取：{}"),
    ("The body cannot be read.", "请求内容无法读取。"),
    ("somebody else is signed in at your phone", "您的话机上已有其他人签入"),
    ("The part after ? cannot be read: {}", "问号后的参数无法读取：{}"),
    ("The part after ? cannot be read.", "问号后的参数无法读取。"),
    ("the part after ? cannot be read", "问号后的参数无法读取"),
    ("the period begins when it is over", "时段的起点不早于终点"),
    ("give back the `next` of the page before as it was", "请原样传回上一页的 next"),
    ("give back the `next` of the page before", "请原样传回上一页的 next"),
    ("this address answers WebSocket connections only", "此地址只接受 WebSocket 连接"),
    (
        "This Idempotency-Key came with another request; choose a new one.",
        "此 Idempotency-Key 已用于另一请求，请换一个。",
    ),
    (
        "The request with this Idempotency-Key is still being carried out.",
        "使用此 Idempotency-Key 的请求仍在处理中。",
    ),
    (
        "Whether the request with this Idempotency-Key was carried out is not known: the box started \
         anew or its database went away meanwhile. Look, and choose a new key.",
        "无法得知使用此 Idempotency-Key 的请求是否已执行：其间系统重新启动过，或数据库中断过。请核实后换一个新键。",
    ),
    ("This was carried out before; its answer is not kept.", "此请求已执行过；其结果未保留。"),
    (
        "one Idempotency-Key of 1 to 255 printable characters without blanks is needed",
        "需要一个 1 至 255 个可打印字符且不含空格的 Idempotency-Key",
    ),
    (
        "an address such as {} is needed, without a name and password",
        "需要形如 {} 的地址，且不含用户名和密码",
    ),
    ("there is no event {}; there are {}", "没有事件 {}；可选 {}"),
    ("There is no such live call.", "没有这样的进行中的通话。"),
    ("There is no such call, or it has not ended yet.", "没有此通话，或通话尚未结束。"),
    ("There is no such report; there are {}.", "没有此报表；现有 {}。"),
    ("There is no report \"{}\"; there are {}.", "没有报表“{}”；现有 {}。"),
    ("There is no such callback.", "没有此回拨。"),
    ("There is no such message.", "没有此留言。"),
    ("There is no such version.", "没有此版本。"),
    ("There is no such recording.", "没有此录音。"),
    ("There is no such fax.", "没有此传真。"),
    ("There is no such text.", "没有此短信。"),
    ("There is no such fax document.", "没有此传真文档。"),
    (
        "This fax was deleted on {}: its time of keeping was over.",
        "该传真已于 {} 删除：保存期限已满。",
    ),
    ("This fax was deleted on {}: its erasure was ordered.", "该传真已于 {} 按要求删除。"),
    (
        "A legal hold keeps this fax; it must be lifted first.",
        "该传真处于法律保留中，须先解除保留。",
    ),
    (
        "The name of a fax document has 1 to 64 of a-z, 0-9, - and _.",
        "传真文档的名称为 1 至 64 个字符：a-z、0-9、- 和 _。",
    ),
    ("A fax document has at most {} bytes.", "传真文档最多 {} 字节。"),
    (
        "There are {} fax documents already; take one away first.",
        "已有 {} 个传真文档，请先删除一个。",
    ),
    (
        "The fax document could not be kept; nothing was changed.",
        "传真文档未能保存；没有任何更改。",
    ),
    ("This is no document that can be faxed: {}", "此文件不能作为传真发送：{}"),
    ("This fax cannot be shown as PDF: {}", "此传真无法以 PDF 显示：{}"),
    ("There is no such {}.", "没有此{}。"),
    ("This is no recording.", "这不是录音。"),
    ("There is no file: {}.", "没有录音文件：{}。"),
    (
        "This recording was deleted on {}: its time of keeping was over.",
        "该录音已于 {} 删除：保存期限已满。",
    ),
    ("This recording was deleted on {}: its erasure was ordered.", "该录音已于 {} 按要求删除。"),
    (
        "A legal hold keeps this recording; it must be lifted first.",
        "该录音处于法律保留中，须先解除保留。",
    ),
    ("a hold needs a reason", "设置保留需要填写理由"),
    ("lifting a hold needs a reason", "解除保留需要填写理由"),
    ("the id of a recording, fax or contact is needed", "需要录音、传真或联络的编号"),
    ("one line of 1-{} characters is needed", "需要一行 1-{} 个字符的文字"),
    (
        "Legal holds keep something of this person and must be lifted first: {}.",
        "此人的部分资料处于法律保留中，须先解除以下保留：{}。",
    ),
    ("each queue may stand once", "每个队列只能出现一次"),
    ("each skill stands once, without blanks around it", "每项技能只能出现一次，前后不能有空格"),
    ("at most {} skills are kept", "最多 {} 项技能"),
    ("agents cannot be scored by this: {}", "无法据此给座席评分：{}"),
    ("each seat belongs to another one of the agents", "每个席位须属于名单中不同的座席"),
    ("{} is above {}; 0 keeps for ever", "{} 超过 {}；0 表示永久保存"),
    (
        "rows of recordings stay at least as long as recordings do",
        "录音的数据行至少须与录音本身保存同样长的时间",
    ),
    ("The file of this recording is not on this box any more.", "该录音文件已不在本机。"),
    (
        "The file of this recording is neither on this box nor in the object store any more.",
        "该录音文件已不在本机，也不在对象存储中。",
    ),
    (
        "This recording lies in the object store, which does not answer right now; try again later.",
        "该录音存放在对象存储中，目前无法访问，请稍后再试。",
    ),
    ("an export has no pages; leave it out", "导出不分页；请去掉此参数"),
    (
        "{} recordings fit, an export has at most {} (export.recordings_max); choose a shorter \
         period, or have them copied by `switchgrid recording export`.",
        "符合条件的录音有 {} 条，一次导出最多 {} 条（export.recordings_max）；请缩短时间段，或用 \
         `switchgrid recording export` 复制。",
    ),
    (
        "This call has more than {} rows of {}; a pack takes no more.",
        "此通话的记录超过 {} 条（{}），证据包容纳不下。",
    ),
    ("Other exports are running; try again in a minute.", "其他导出正在进行，请一分钟后再试。"),
    ("This recording is still being written; try again in a moment.", "录音仍在写入，请稍后再试。"),
    (
        "This recording is not finished: the conversation goes on, or its file is still being \
         written. Try again when the conversation has ended.",
        "录音尚未完成：通话仍在进行，或文件仍在写入。请在通话结束后重试。",
    ),
    (
        "Whether this recording is still being written cannot be told right now; try again in a \
         moment.",
        "暂时无法判断录音是否仍在写入，请稍后再试。",
    ),
    ("The file has {} bytes; the range lies outside.", "文件共 {} 字节，请求的范围超出文件。"),
    ("a number, queue:<id> or site:<id> is needed", "需要号码、queue:<编号> 或 site:<编号>"),
    ("a short number or an outside number is needed", "需要短号或外线号码"),
    ("you have no phone as an agent: say which one to ring", "您没有座席话机，请指定要振铃的号码"),
    ("zh-CN or en is needed", "需要 zh-CN 或 en"),
    ("a4 or a3 is needed", "需要 a4 或 a3"),
    ("automatic, portrait or landscape is needed", "需要 automatic、portrait 或 landscape"),
    ("at most {} printable characters are taken", "最多 {} 个可见字符"),
    (
        "more than {} calls fit; choose a shorter period or say more of it",
        "符合条件的通话超过 {} 个；请缩短时间段，或把条件写得更具体",
    ),
    ("a script has at most {} characters", "试呼脚本最多 {} 个字符"),
    // Why a call went where it did.
    ("Of {} free agents, the one idle longest: {} s.", "{} 名空闲座席中空闲最久者：{} 秒。"),
    (
        "Of {} free agents, the one who served this queue longest ago: {} s.",
        "{} 名空闲座席中距上次服务本队列最久者：{} 秒。",
    ),
    (
        "Of {} free agents, one who had no conversation from this queue yet.",
        "{} 名空闲座席中尚未服务过本队列者。",
    ),
    (
        "Of {} free agents, the one who talked longest ago: {} s.",
        "{} 名空闲座席中距上次通话最久者：{} 秒。",
    ),
    (
        "Of {} free agents, the next in turn: place {} of the list.",
        "{} 名空闲座席中轮到者：名单第 {} 位。",
    ),
    (
        "Of {} free agents, the first of the list: place {}.",
        "{} 名空闲座席中名单最靠前者：第 {} 位。",
    ),
    (
        "Of {} free agents, one of those who ring together, idle for {} s.",
        "{} 名空闲座席中同时振铃者之一，已空闲 {} 秒。",
    ),
    (
        "Of {} free agents, the next to ring beside those who do: idle for {} s.",
        "{} 名空闲座席中下一个加入振铃者：已空闲 {} 秒。",
    ),
    (
        "Of {} free agents, the one furthest behind their share: weight {}.",
        "{} 名空闲座席中选择落后于分配比例最多的一名：权重 {}。",
    ),
    ("Of {} free agents, the one with the highest score: {}.", "{} 名空闲座席中得分最高者：{}。"),
    (
        "{} of them counted as 0: their score could not be computed.",
        "其中 {} 名的得分无法计算，按 0 计。",
    ),
    ("Of {} free agents, one by lot.", "{} 名空闲座席中随机抽取一名。"),
    (
        "Of {} free agents, one by lot with the weight {}.",
        "{} 名空闲座席中按权重抽取一名：权重 {}。",
    ),
    (
        "Of {} free agents, the one with the fewest conversations: {}.",
        "{} 名空闲座席中接听次数最少者：{} 次。",
    ),
    (
        "Of {} free agents, the one who talked least: {} s.",
        "{} 名空闲座席中通话时间最短者：{} 秒。",
    ),
    (
        "Of {} free agents, the one least busy lately: {} percent.",
        "{} 名空闲座席中近来最不忙者：{}%。",
    ),
    ("It went to the customer's own agent.", "派给该客户的专属座席。"),
    ("It went to the agent whom the caller talked with last.", "派给上次接待该来电者的座席。"),
    ("It went to the agent whom the tenant's program named.", "派给租户程序指定的座席。"),
    ("Nobody of a nearer ring than {} was free.", "较第 {} 圈更近的座席均不空闲。"),
    (
        "The contact had waited {} s with priority {}; {} waited in all.",
        "来电已等候 {} 秒，优先级 {}，共 {} 个在等候。",
    ),
    ("Why is not known: an older program made this offer.", "原因不详：此次派发由旧版本程序作出。"),
    // Flows.
    ("The flow cannot be published: {} (and {} more)", "流程不能发布：{}（另有 {} 处）"),
    ("The flow cannot be published: {}", "流程不能发布：{}"),
    ("The flow cannot be published.", "流程不能发布。"),
    // The business.
    ("Another one has this name, number or login already.", "名称、号码或登录名已被使用。"),
    (
        "Something else still refers to it, or what it refers to is gone.",
        "仍被其他内容引用，或所引用的内容已不存在。",
    ),
    (
        "order {} is at version {}: somebody changed it; read it again",
        "工单 {} 已是版本 {}：有人修改过，请重新读取",
    ),
    ("this agent has a shift then already", "该座席此时段已有班次"),
    ("there is no such team: {}", "没有此班组：{}"),
    (
        "beginnings of numbers such as +8610 are needed, each once",
        "需要形如 +8610 的号码前缀，且各不相同",
    ),
    (
        "No rates are set: say by PUT /api/v1/rates what an hour and a minute cost.",
        "尚未设定费率：请通过 PUT /api/v1/rates 设定每小时和每分钟的费率。",
    ),
    ("this report does not look at this condition", "此报表不支持该条件"),
    ("a schedule has nobody's right to read the audit", "定时报表没有任何人的审计权限"),
    (
        "a schedule has nobody's right to read how the box ran",
        "定时报表没有任何人的系统运行查看权限",
    ),
    ("a team cannot belong to itself or to a team below it", "班组不能隶属于自身或其下级班组"),
    ("teams have at most {} levels", "班组最多 {} 级"),
    ("agents or teams still belong to this team", "此班组尚有座席或下级班组"),
    ("only a supervisor can be limited to teams", "只有班长可以限定到班组"),
    ("an administrator, who could lift it, is not limited", "管理员可自行解除限制，因此不能被限定"),
    (
        "an agent sees their own calls alone and is not limited to queues",
        "座席只能看到自己的通话，不能限定到队列",
    ),
    (
        "a shift ends after it begins, at most 25 hours later",
        "班次须晚于开始时间结束，最长 25 小时",
    ),
    ("order {} is {}: {} is not possible now", "工单 {} 的状态是 {}，现在不能执行 {}"),
    (
        "the draft is at revision {}, not {}: somebody changed it; read it again",
        "草稿已是修订 {}，而不是 {}：有人修改过，请重新读取",
    ),
    (
        "this revision is not approved: somebody who did not write it has to approve it first",
        "此修订尚未批准：须先由非编写人批准",
    ),
    (
        "who wrote a draft or asked for its review does not approve it; ask somebody else",
        "草稿的编写人或送审人不能批准该草稿，请由他人批准",
    ),
    ("this sample needs {}", "此样例需要 {}"),
    ("this review is {} already", "此审核的状态已是 {}"),
    ("{}: at most {} are kept for one tenant", "{}：每个租户最多 {} 个"),
    ("a person has at most {} tokens; revoke one first", "每人最多 {} 个令牌，请先收回一个"),
    ("the last administrator has to stay one", "至少要保留一名管理员"),
    ("a token may not do more than its owner", "令牌的权限不能超过其所有者"),
    ("1-366 days are allowed", "允许 1-366 天"),
    ("a text is needed, at least one character", "不能为空"),
    ("at most {} characters are kept", "最多 {} 个字符"),
    ("the control character {} is not allowed", "不允许控制字符 {}"),
    ("{} letters, digits, \".\", \"_\" or \"-\" are needed", "需要 {} 个字母、数字、“.”、“_”或“-”"),
    ("at least {} characters are needed", "至少需要 {} 个字符"),
    ("at most {} bytes are taken", "最多 {} 字节"),
    (
        "this one stands in every list of known passwords; choose another",
        "这是众所周知的密码，请另选",
    ),
    ("everybody knows this one; choose another", "这是众所周知的密码，请另选"),
    ("it may not contain the login", "不能包含登录名"),
    ("one character again and again is no password", "不能由同一个字符重复而成"),
    ("a flow is a JSON object", "流程必须是 JSON 对象"),
    ("{} bytes; at most {} are kept", "共 {} 字节，最多 {} 字节"),
    (
        "no rule names a department for \"{}\"; choose one in department",
        "没有为“{}”指定部门的规则，请在 department 中选择部门",
    ),
    ("the warning has to come before the deadline", "预警时间必须早于截止时间"),
    ("a time in the future is needed", "需要将来的时间"),
    ("the opening hours \"{}\" never open", "营业时间“{}”从不开放"),
    ("there are no such opening hours, or they never open", "没有此营业时间，或它从不开放"),
    (
        "weekday 1-7 and minutes with from < to <= 1440 are needed",
        "需要星期 1-7，且起止分钟满足 起 < 止 <= 1440",
    ),
    ("dates such as {} are needed", "需要形如 {} 的日期"),
    ("at most {} entries are kept", "最多 {} 项"),
    ("keys are 0-9, *, # and A-D", "按键为 0-9、*、# 和 A-D"),
    ("0 to due_minutes are allowed", "允许 0 到 due_minutes"),
    ("{} minutes are allowed", "允许 {} 分钟"),
    ("a rule needs a trunk, opening hours, or both", "规则须指定中继、营业时间或两者"),
    ("closed needs opening hours", "closed 需要同时填写营业时间"),
    ("there is no such trunk: {}", "没有此中继：{}"),
    ("there is no such person: {}", "没有此人：{}"),
    ("there is no such flow, queue or agent: {}", "没有此流程、队列或座席：{}"),
    ("there is no such flow, queue, agent or conference: {}", "没有此流程、队列、座席或会议室：{}"),
    ("an agent or a published number has these digits", "该号码已用作座席号码或对外号码"),
    ("a PIN has {} digits", "密码须为 {} 位数字"),
    ("guests must not have the chairperson's PIN", "来宾密码不能与主持人密码相同"),
    ("without this PIN nobody comes as a chairperson", "没有主持人密码就没有主持人"),
    ("a number leads into this conference", "有号码指向此会议室"),
    ("every rule has to be named, and each once", "须列出全部规则，且每条只列一次"),
    ("there are no opening hours \"{}\"", "没有营业时间“{}”"),
    ("max_s must not be shorter than min_s", "max_s 不能小于 min_s"),
    ("the name of a prompt is needed, such as {}", "需要提示音名称，例如 {}"),
    (
        "a recording of the whole call begins before anybody talks: let the flow say it",
        "全程录音在通话前已开始：请在流程中播放提示",
    ),
    ("entry {}: the id of an agent is needed", "第 {} 项：需要座席编号"),
    ("entry {}: there is no agent {} in this tenant", "第 {} 项：本租户没有座席 {}"),
    ("entry {}: 1-32 of 0-9, +, * and # are needed", "第 {} 项：需要 1-32 位 0-9、+、* 或 #"),
    ("entry {}: a text is needed, at least one character", "第 {} 项：不能为空"),
    ("entry {}: at most {} characters are kept", "第 {} 项：最多 {} 个字符"),
    ("entry {}: the control character {} is not allowed", "第 {} 项：不允许控制字符 {}"),
    ("1-32 of 0-9, +, * and # are needed", "需要 1-32 位 0-9、+、* 或 #"),
    ("2-12 digits are needed, such as {}", "需要 2-12 位数字，例如 {}"),
    ("a telephone number is needed", "需要电话号码"),
    ("at most {} are played one after the other", "最多依次播放 {} 条"),
    ("at most {} follow each other", "最多依次 {} 级"),
    (
        "the overflow and each target but the last must be queues",
        "溢出目标以及除最后一级外的每一级都必须是队列",
    ),
    ("{} is no key from 0 to 9", "{} 不是 0 至 9 的按键"),
    ("{} is outside {}", "{} 超出范围 {}"),
    ("0 would let nothing through; use at least 1", "0 会拒绝一切，请至少填 1"),
    ("a list is too long: at most 256 are kept", "列表过长，最多 256 项"),
    ("addresses such as {} are needed", "需要形如 {} 的地址"),
    ("sip:host:port;transport=udp is needed", "需要 sip:主机:端口;transport=udp"),
    (
        "transport=udp, transport=tcp or transport=tls is needed",
        "需要 transport=udp、transport=tcp 或 transport=tls",
    ),
    ("an address of ours such as {} is needed", "需要本机的地址，例如 {}"),
    ("0 to 1000 are used; the lowest is tried first", "可用 0 至 1000，数值最小者最先尝试"),
    ("0 to 1000 are used", "可用 0 至 1000"),
    ("5 to 3600 seconds are used, or 0 to ask nothing", "可用 5 至 3600 秒，0 表示不询问"),
    ("proxy is needed to ask it", "需要填写 proxy 才能询问"),
    ("a codec stands there twice", "编解码器重复"),
    (
        "a number of this tenant is needed; add it to the numbers first",
        "需要本租户的号码，请先在号码中添加",
    ),
    ("proxy and outbound_user are needed to register", "注册需要 proxy 和 outbound_user"),
    ("register is needed as well", "还需要 register"),
    ("a password is needed with inbound_user", "有 inbound_user 时需要密码"),
    // Periods and forms of reports.
    (
        "\"{}\" ends before it begins: write the earlier day first, as in {}",
        "“{}”的结束早于开始：请先写较早的日期，例如 {}",
    ),
    (
        "\"{}\" is not a period: there is no {}; write {}",
        "“{}”不是有效的时间段：日历中没有 {}；请写 {}",
    ),
    ("\"{}\" is not a period: write {}", "“{}”不是有效的时间段：请写 {}"),
    ("\"{}\" is {} days long: at most {} are allowed", "“{}”长达 {} 天，最多 {} 天"),
    ("no reports as \"{}\": use {}", "没有“{}”格式的报表：请用 {}"),
    // Saved reports and schedules.
    ("This run has no file.", "此次运行没有文件。"),
    ("The file of this run is not on this box any more.", "此次运行的文件已不在本机。"),
    (
        "five fields are needed: minute, hour, day, month, weekday, such as {}",
        "需要五个字段：分、时、日、月、星期，例如 {}",
    ),
    ("\"{}\" is no {}; {} are allowed", "“{}”不能用作 {}；允许 {}"),
    (
        "the minute has to be one number: a report is made at most once an hour",
        "分钟须为一个数字：报表每小时最多生成一次",
    ),
    ("this schedule never comes due", "此计划永远不会到期"),
    ("an IANA name such as {} is needed", "需要 IANA 时区名称，例如 {}"),
    ("{} characters are needed", "需要 {} 个字符"),
    ("{} mail addresses are needed", "需要 {} 个邮件地址"),
    ("mail addresses such as {} are needed", "需要形如 {} 的邮件地址"),
    ("an address such as {} is needed", "需要形如 {} 的地址"),
    (
        "root has to be a folder of schedules.directories",
        "root 须为 schedules.directories 中的文件夹",
    ),
    (
        "at most {} folders such as {} are needed, of letters, digits, \".\", \"_\" and \"-\"",
        "最多 {} 层文件夹，例如 {}，由字母、数字、“.”、“_”和“-”组成",
    ),
    ("a webhook needs a secret to be signed with", "Webhook 需要用于签名的密钥"),
    ("this box has no object store (tier.bucket)", "本机没有对象存储（tier.bucket）"),
    (
        "this box has no mail server (schedules.smtp_host)",
        "本机没有邮件服务器（schedules.smtp_host）",
    ),
    // The switch.
    ("the switch has too many questions waiting; try again", "交换服务繁忙，请重试"),
    ("the switch does not answer; it may be starting", "交换服务没有响应，可能正在启动"),
    ("the switch is not running; it may be starting", "交换服务未运行，可能正在启动"),
    ("the phone is not registered", "话机未注册"),
    ("there is no such agent", "没有此座席"),
    ("the agent has another call", "座席正在通话"),
    ("the agent has not signed in", "座席未签入"),
    ("the agent is not to be disturbed", "座席已设置免打扰"),
    ("no trunk may show that number", "没有中继可以显示此号码"),
    ("1 to 64 keys of 0-9, *, # and A-D can be sent", "可发送 1 至 64 个按键：0-9、*、# 和 A-D"),
    ("there is no conversation to send keys into", "没有可发送按键的通话"),
    ("the other party is on hold", "对方正被保持"),
    ("nobody calls themselves", "不能呼叫自己"),
    (
        "only an agent or a number outside can be called from a screen",
        "屏幕拨号只能呼叫座席或外线号码",
    ),
    ("sign in first", "请先签入"),
    ("there is no wrap-up to end", "没有可结束的话后处理"),
    ("there is no agent {} in this tenant", "本租户没有座席 {}"),
    ("there is no live call {}", "没有进行中的通话 {}"),
    ("there is no agent in this call", "此通话中没有座席"),
    ("there is no conversation to hold", "没有可保持的通话"),
    ("there is no conversation to transfer", "没有可转接的通话"),
    ("the phone itself holds: press resume on the phone", "是话机发起的保持：请在话机上恢复"),
    ("there is no conversation to supervise", "没有可监控的通话"),
    ("somebody supervises this call already", "已有人在监控此通话"),
    ("somebody else supervises this call", "此通话由他人监控"),
    ("nobody supervises this call", "无人监控此通话"),
    ("nothing rings there that you may pick up", "那里没有您可以代接的来电"),
    ("nobody forwards calls to themselves", "不能将来电转移给自己"),
    (
        "a phone rings 5 to 120 seconds before a call is forwarded",
        "无应答转移前的振铃时间为 5 至 120 秒",
    ),
    ("there is no right to call numbers of this class", "无权呼叫此类号码"),
    ("calling out is barred until an administrator lifts it", "外呼已被禁止，须由管理员解除"),
    ("this agent is not barred from calling out", "该座席的外呼未被禁止"),
    ("each prefix may stand once", "每个前缀只能出现一次"),
    (
        "entry {}: 1-{} digits are needed, after + with country code",
        "第 {} 项：需要 1-{} 位数字，含国家代码时以 + 开头",
    ),
    ("you have another call", "您正在另一通话中"),
    ("you have no phone as an agent", "您没有座席话机"),
    ("nobody supervises a call that they are in", "不能监控自己参与的通话"),
    ("the supervisor has not answered yet", "监控者尚未接听"),
    ("this agent is not free to take a call", "该座席现在不能接听"),
    ("no trunk is free to call that number", "没有空闲中继可呼叫此号码"),
    ("only an agent or a number outside can be asked in", "只能邀请座席或外线号码"),
    ("there is no conversation to ask somebody about", "当前没有通话，无法咨询"),
    ("somebody is being consulted already", "正在咨询中"),
    ("somebody is being consulted: return to the customer first", "正在咨询中，请先返回客户"),
    ("somebody is being consulted: that must end first", "正在咨询中，请先结束咨询"),
    ("more than two are in the conversation, or asked in", "通话中不止两方，或已邀请他人"),
    ("the other party holds this call", "对方已保持此通话"),
    ("no agent of this queue is free", "该队列没有空闲座席"),
    ("nobody is being consulted", "当前没有咨询"),
    ("there is no conversation to park", "没有可驻留的通话"),
    ("every slot has somebody parked on it", "驻留位已满"),
    ("there is no such slot", "没有此驻留位"),
    ("somebody is parked there already", "此驻留位已被占用"),
    ("nobody is parked there", "此驻留位没有通话"),
    ("who is consulted has not answered yet", "被咨询方尚未接听"),
    ("the phone has two calls: join them there", "话机上有两路通话，请在话机上合并"),
    ("two parties outside do not talk alone at our expense", "不能让两个外线方单独通话"),
    ("there is no conversation to record", "没有可录音的通话"),
    ("there is no conversation that is being recorded", "没有正在录音的通话"),
    ("the conversation is being recorded already", "此通话已在录音"),
    ("the recording is paused already", "录音已处于暂停状态"),
    ("the recording is not paused", "录音没有暂停"),
    ("a recording is paused {} times at most: stop it", "一段录音最多暂停 {} 次：请停止录音"),
    (
        "the recording of this conversation is left to supervisors",
        "此通话的录音只能由班长及以上人员控制",
    ),
    ("agent {} is never recorded", "座席 {} 不录音"),
    ("line {} is never recorded", "线路 {} 不录音"),
    ("{} is never recorded", "{} 不录音"),
    ("the caller does not agree to be recorded", "客户不同意录音"),
    ("there is no conversation in which somebody could agree", "当前没有可征求录音意见的通话"),
    ("there is no such queue", "没有此队列"),
    ("nothing answers that number", "此号码无人接听"),
    ("nobody is in this conference", "此会议室当前没有会议"),
    ("there is no such conference", "没有此会议室"),
    ("nobody waits to be called back by this call", "此通话没有等待回拨的客户"),
    ("choose a disposition first", "请先选择通话小结"),
    ("nobody is on the line yet", "客户尚未接通"),
    ("there is no such member in the conference", "会议中没有此成员"),
    ("they muted themselves: they alone may undo it", "该成员自行静音，只能由其本人取消"),
    ("the conference has {} participants at most", "会议最多 {} 人"),
    ("the box takes no more calls at the moment", "系统目前不接受新的通话"),
    ("an agent cannot transfer to themselves", "座席不能转接给自己"),
    ("only an announcement has a prompt", "仅“announcement”方式可设提示音"),
    (
        "a beginning is + and 1-20 digits with * behind it, such as +8610*",
        "号段须为 + 和 1 至 20 位数字并以 * 结尾，例如 +8610*",
    ),
    ("only an agent may transfer", "只有座席可以转接"),
];

/// Nouns that sentences are filled with.
const NOUNS: &[(&str, &str)] = &[
    ("agent", "座席"),
    ("area", "片区"),
    ("area queue", "片区队列"),
    ("field worker", "网格员"),
    ("substitute", "替班网格员"),
    ("team queue", "班组队列"),
    ("worker", "网格员"),
    ("authorisation code", "授权码"),
    ("blocked caller", "黑名单号码"),
    ("allowed caller", "白名单号码"),
    ("conference", "会议室"),
    ("customer", "客户"),
    ("exclusion", "不录音条目"),
    ("emergency or drill", "应急或演练"),
    ("emergency plan", "应急预案"),
    ("erasure", "个人资料删除"),
    ("flow", "流程"),
    ("hook", "事件推送"),
    ("item", "任务"),
    ("number", "号码"),
    ("order", "工单"),
    ("prompt", "提示音"),
    ("lease", "号码租约"),
    ("queue", "队列"),
    ("recording rule", "录音规则"),
    ("report definition", "报表定义"),
    ("return visit", "回访"),
    ("review", "审核"),
    ("approved", "已批准"),
    ("rejected", "已驳回"),
    ("withdrawn", "已撤回"),
    ("shift", "班次"),
    ("site", "分部"),
    ("skill set", "技能集"),
    ("team", "班组"),
    ("tenant", "租户"),
    ("hold", "保留"),
    ("token", "令牌"),
    ("trunk", "中继"),
    ("user", "用户"),
    ("version", "版本"),
];

/// The sentence in Chinese; `None` when it is not in the catalogue. A field that stands before the
/// problem keeps its name.
pub fn in_chinese(sentence: &str) -> Option<String> {
    let is_field = |text: &str| text.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    if let Some((field, problem)) = sentence.split_once(": ").filter(|(field, _)| is_field(field)) {
        return in_chinese(problem).map(|problem| format!("{field}：{problem}"));
    }
    all().find_map(|(english, chinese)| Some(fill(chinese, &filling(english, sentence)?)))
}

fn all() -> impl Iterator<Item = &'static Sentence> {
    let more = [
        prompts::SENTENCES,
        areas::SENTENCES,
        damage::SENTENCES,
        databases::SENTENCES,
        faxes::SENTENCES,
        fields::SENTENCES,
        items::SENTENCES,
        leases::SENTENCES,
        lines::SENTENCES,
        load::SENTENCES,
        regions::SENTENCES,
        report_parameters::SENTENCES,
        secured_trunks::SENTENCES,
        sites::SENTENCES,
        skill_sets::SENTENCES,
        texts::SENTENCES,
        own_reports::SENTENCES,
        persons::SENTENCES,
        visits::SENTENCES,
    ];
    SENTENCES.iter().chain(more.into_iter().flatten())
}

/// What stands at the `{}` of `pattern`; `None` when the sentence is another one.
fn filling<'a>(pattern: &str, sentence: &'a str) -> Option<Vec<&'a str>> {
    let mut pieces = pattern.split("{}");
    let mut rest = sentence.strip_prefix(pieces.next()?)?;
    let mut found = Vec::new();
    let mut pieces = pieces.peekable();
    while let Some(piece) = pieces.next() {
        let at = match (piece, pieces.peek()) {
            ("", None) => rest.len(),
            (_, None) => {
                rest.len().checked_sub(piece.len()).filter(|at| rest.is_char_boundary(*at))?
            }
            (_, Some(_)) => rest.find(piece)?,
        };
        let (value, after) = rest.split_at(at);
        found.push(value);
        rest = after.strip_prefix(piece)?;
    }
    rest.is_empty().then_some(found)
}

fn fill(pattern: &str, found: &[&str]) -> String {
    let noun = |word: &&str| NOUNS.iter().find(|(english, _)| english == word).map(|(_, n)| *n);
    let mut values = found.iter().map(|word| noun(word).unwrap_or(word));
    let mut pieces = pattern.split("{}");
    let mut text = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        text.push_str(values.next().unwrap_or_default());
        text.push_str(piece);
    }
    text
}

/// True when the reader prefers Chinese to English (RFC 9110 §12.5.4). A program that says nothing
/// gets English.
pub fn prefers_chinese(headers: &HeaderMap) -> bool {
    let text = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    let weight = |language: &str| {
        let ranges = text.unwrap_or_default().split(',').filter_map(|range| {
            let (tag, parameters) = range.split_once(';').unwrap_or((range, ""));
            let primary = tag.trim().split('-').next()?;
            let weight = parameters.trim().strip_prefix("q=").map_or(Some(1.0), |q| q.parse().ok());
            primary.eq_ignore_ascii_case(language).then_some(weight?)
        });
        ranges.fold(0.0_f32, f32::max)
    };
    weight("zh") > weight("en")
}

#[cfg(test)]
mod tests;
