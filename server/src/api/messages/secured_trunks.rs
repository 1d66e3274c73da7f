//! Sentences about certificates of trunks.

use super::Sentence;

pub(super) const SENTENCES: &[Sentence] = &[
    (
        "certificates are of use with transport=tls in proxy alone",
        "只有 proxy 中写明 transport=tls 时才能填写证书",
    ),
    (
        "PEM text with sections BEGIN CERTIFICATE is needed, at most 64 KiB",
        "需要含 BEGIN CERTIFICATE 段的 PEM 文本，最多 64 KiB",
    ),
    (
        "PEM text with a section BEGIN PRIVATE KEY is needed, at most 16 KiB",
        "需要含 BEGIN PRIVATE KEY 段的 PEM 文本，最多 16 KiB",
    ),
    ("at most 32 names are kept", "最多保存 32 个名称"),
    (
        "whole names such as sbc.carrier.example are needed, without * and port",
        "需要完整的域名，例如 sbc.carrier.example，不含 * 和端口",
    ),
    ("the private key of certificate is needed", "需要 certificate 的私钥"),
    ("the certificate cannot be shown: {}", "无法出示该证书：{}"),
    ("the authorities cannot be used: {}", "无法使用这些颁发机构证书：{}"),
];
