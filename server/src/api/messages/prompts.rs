//! Sentences about prompts and texts that are spoken.

use super::Sentence;

pub(super) const SENTENCES: &[Sentence] = &[
    // What is said into a live call.
    ("either a prompt or a text is needed", "需要提示音或文本，且只能填一项"),
    ("no text can be spoken on this box", "本机无法合成语音"),
    ("a text of 1 to {} characters is needed", "需要 1 至 {} 个字符的文本"),
    ("something is said into this call already", "此通话正在播放语音"),
    ("nothing is said into this call", "此通话没有正在播放的语音"),
    ("there is no conversation to say something into", "没有可播放语音的通话"),
    (
        "Other prompts are being uploaded; try again in a moment.",
        "正在上传其他提示音，请稍后再试。",
    ),
    ("The prompt could not be kept; nothing was changed.", "提示音未能保存；没有任何更改。"),
    ("The file of this prompt is not on this box any more.", "该提示音文件已不在本机。"),
    ("Either a text or a recording is needed.", "需要文本或录音，且只能填一项。"),
    ("The text could not be spoken.", "文字未能合成语音。"),
    ("Texts cannot be spoken here: {}", "本机不能合成语音：{}"),
    (
        "This prompt is in use: {}; name another there first.",
        "该提示音仍在使用：{}；请先在该处改用其他提示音。",
    ),
    ("a language such as zh-CN or en is needed, or music", "需要 zh-CN、en 等语言，或 music"),
    ("1-{} of a-z, 0-9, \"_\" and \"-\" are needed", "需要 1-{} 个 a-z、0-9、“_”或“-”"),
    (
        "a tenant has at most {} prompts (rtp.own_prompts_max)",
        "每个租户最多 {} 个提示音（rtp.own_prompts_max）",
    ),
    (
        "all prompts of a tenant are at most {} s long (rtp.own_prompts_length_max)",
        "每个租户的提示音总长最多 {} 秒（rtp.own_prompts_length_max）",
    ),
    (
        "{} bytes; a prompt has at most {} (rtp.prompt_bytes_max)",
        "共 {} 字节；提示音最多 {} 字节（rtp.prompt_bytes_max）",
    ),
    (
        "a prompt is at most {} s long (rtp.prompt_length_max)",
        "提示音最长 {} 秒（rtp.prompt_length_max）",
    ),
    ("no audio is in it", "其中没有声音"),
    (
        "it is of an unknown kind (it begins with {}); WAV, MP3 (MPEG audio layer III) and Ogg Opus \
         are played",
        "无法识别文件类型（开头为 {}）；可播放 WAV、MP3（MPEG 音频第三层）和 Ogg Opus",
    ),
    (
        "it is {}; WAV, MP3 (MPEG audio layer III) and Ogg Opus are played",
        "文件是 {}；可播放 WAV、MP3（MPEG 音频第三层）和 Ogg Opus",
    ),
    ("the \"{}\" chunk of the WAV is missing or too short", "WAV 文件缺少“{}”块，或该块过短"),
    (
        "format tag {} with {} bits, {} channels and {} Hz is not played; PCM of 8 to 32 bits, \
         32-bit floats, A-law or µ-law with 1 to 8 channels and 4000 to 192000 Hz is",
        "不能播放格式标记 {}、{} 位、{} 声道、{} Hz；可播放 8 至 32 位 PCM、32 位浮点、A 律或 µ 律，\
         1 至 8 声道，4000 至 192000 Hz",
    ),
    (
        "MP3 frame {}, {} ms into it, is damaged: {}; the whole file is needed",
        "MP3 第 {} 帧（第 {} 毫秒处）已损坏：{}；需要完整的文件",
    ),
    (
        "Ogg page {}, {} ms into it, is damaged: {}; the whole file is needed",
        "Ogg 第 {} 页（第 {} 毫秒处）已损坏：{}；需要完整的文件",
    ),
    (
        "Opus packet {}, {} ms into it, is damaged: {}; the whole file is needed",
        "Opus 第 {} 个数据包（第 {} 毫秒处）已损坏：{}；需要完整的文件",
    ),
    ("it cannot be resampled: {}", "无法转换采样率：{}"),
    ("it cannot be decoded", "无法解码"),
    (
        "there is no voice for the language \"{}\"; zh and en are spoken",
        "没有语言“{}”的语音；可合成 zh 和 en",
    ),
    (
        "{} characters; a text that is spoken has at most {}",
        "共 {} 个字符；合成语音的文字最多 {} 个",
    ),
    (
        "{} cannot be read by this voice; write it in other characters",
        "此语音不能读 {}；请换用其他文字",
    ),
    ("no word is in it", "其中没有文字"),
];
