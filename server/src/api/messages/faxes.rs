//! What is said of PDFs that are to be faxed, and of faxes that are to be sent.

use super::Sentence;

pub(super) const SENTENCES: &[Sentence] = &[
    (
        "This PDF cannot be faxed: it is damaged, or no PDF",
        "此 PDF 不能作为传真发送：文件已损坏，或不是 PDF",
    ),
    (
        "This PDF cannot be faxed: it is locked with a password",
        "此 PDF 不能作为传真发送：文件有密码保护",
    ),
    (
        "This PDF cannot be faxed: it has {} pages; a fax has 1 to {}",
        "此 PDF 不能作为传真发送：共 {} 页；传真为 1 至 {} 页",
    ),
    (
        "This PDF cannot be faxed: page {} has no size that paper has",
        "此 PDF 不能作为传真发送：第 {} 页的尺寸不是纸张尺寸",
    ),
    (
        "This PDF cannot be faxed: nothing of page {} can be read",
        "此 PDF 不能作为传真发送：第 {} 页无法读取",
    ),
    (
        "This PDF cannot be faxed: page {} wants the font {}, which is not in it; save it with its fonts",
        "此 PDF 不能作为传真发送：第 {} 页所用字体 {} 未嵌入；请嵌入字体后重新保存",
    ),
    (
        "This PDF cannot be faxed: an image on page {} is damaged",
        "此 PDF 不能作为传真发送：第 {} 页的图像已损坏",
    ),
    (
        "This PDF cannot be faxed: its pages are too many for one fax once they are drawn",
        "此 PDF 不能作为传真发送：绘制后的页面超过一份传真的容量",
    ),
    (
        "This PDF cannot be faxed: it takes too long to draw it",
        "此 PDF 不能作为传真发送：绘制时间过长",
    ),
    (
        "This PDF cannot be faxed: it takes too much memory, or is made in a way that is not known",
        "此 PDF 不能作为传真发送：所需内存过多，或其制作方式无法识别",
    ),
    ("an outside number is needed", "需要外线号码"),
    ("digits, + and spaces are possible, at most 20", "只能含数字、+ 和空格，最多 20 个字符"),
    ("This box sends no faxes: {}", "本系统不能发送传真：{}"),
    ("{} faxes wait already; some must go first", "已有 {} 份传真等待发送，请稍后再试"),
    ("only a fax that waits can be taken off", "只有等待中的传真可以取消"),
    ("{} to {} are possible", "允许范围为 {} 至 {}"),
    ("a fax is sent to a number outside", "传真只能发往外线号码"),
    ("a fax is sent to no emergency service", "传真不能发往紧急服务号码"),
];
