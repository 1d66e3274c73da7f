//! All that can be played, as the cores have it: the box's prompts, the tenants' own, and texts that
//! were spoken. A store never changes; a new one takes its place, and what plays goes on with its own.

use super::Prompt;
use std::collections::HashMap;
use std::sync::Arc;
use terms::TenantId;
use terms::routing::NO_LANGUAGE;

/// Prompts of a tenant's own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnPrompts {
    /// The tenant's language: what is missing in a call's is heard in it.
    pub language: String,
    /// By name, such as `zh-CN/welcome`.
    pub prompts: HashMap<String, Arc<Prompt>>,
}

impl OwnPrompts {
    /// The name of the same prompt in the tenant's language, where that is another.
    fn in_own_language(&self, name: &str) -> Option<String> {
        let (language, rest) = name.split_once('/')?;
        let is_other = language != NO_LANGUAGE && language != self.language;
        is_other.then(|| format!("{}/{rest}", self.language))
    }
}

/// All prompts by name, such as `zh-CN/welcome`, and all texts that were spoken. A clone shares
/// them.
#[derive(Clone, Debug, Default)]
pub struct PromptStore(Arc<Parts>);

/// Stores that follow each other have most of it in common.
#[derive(Clone, Debug, Default)]
struct Parts {
    prompts: Arc<HashMap<String, Arc<Prompt>>>,
    own: Arc<HashMap<TenantId, Arc<OwnPrompts>>>,
    /// By language and text.
    spoken: Arc<HashMap<String, HashMap<String, Arc<Prompt>>>>,
}

impl PromptStore {
    /// A store of these prompts.
    pub fn new(prompts: impl IntoIterator<Item = (String, Prompt)>) -> Self {
        let prompts = prompts.into_iter().map(|(name, prompt)| (name, Arc::new(prompt)));
        PromptStore(Arc::new(Parts { prompts: Arc::new(prompts.collect()), ..Parts::default() }))
    }

    /// A prompt of the box.
    pub fn get(&self, name: &str) -> Option<&Arc<Prompt>> {
        self.0.prompts.get(name)
    }

    /// What a call of this tenant hears under a name: the tenant's own prompt in that language, its
    /// own in the tenant's language, the box's in that language, the box's in the tenant's.
    pub fn find(&self, tenant: Option<TenantId>, name: &str) -> Option<&Arc<Prompt>> {
        let Some(own) = tenant.and_then(|tenant| self.0.own.get(&tenant)) else {
            return self.get(name);
        };
        if let Some(prompt) = own.prompts.get(name) {
            return Some(prompt);
        }
        let Some(other) = own.in_own_language(name) else { return self.get(name) };
        own.prompts.get(&other).or_else(|| self.get(name)).or_else(|| self.get(&other))
    }

    /// What a tenant has of its own.
    pub fn own(&self, tenant: TenantId) -> Option<&Arc<OwnPrompts>> {
        self.0.own.get(&tenant)
    }

    /// A text as it is spoken in a language.
    pub fn speech(&self, language: &str, text: &str) -> Option<&Arc<Prompt>> {
        self.0.spoken.get(language)?.get(text)
    }

    /// The same with the box's prompts of another store.
    #[must_use]
    pub fn with_prompts_of(&self, other: &PromptStore) -> PromptStore {
        self.with(|parts| parts.prompts = Arc::clone(&other.0.prompts))
    }

    /// The same, but this is what the tenant has of its own.
    #[must_use]
    pub fn with_own(&self, tenant: TenantId, prompts: OwnPrompts) -> PromptStore {
        self.with(|parts| {
            Arc::make_mut(&mut parts.own).insert(tenant, Arc::new(prompts));
        })
    }

    /// The same with one text more.
    #[must_use]
    pub fn with_speech(&self, language: &str, text: &str, prompt: Prompt) -> PromptStore {
        self.with(|parts| {
            let spoken = Arc::make_mut(&mut parts.spoken);
            let texts = spoken.entry(language.to_owned()).or_default();
            texts.insert(text.to_owned(), Arc::new(prompt));
        })
    }

    /// The same with one text less.
    #[must_use]
    pub fn without_speech(&self, language: &str, text: &str) -> PromptStore {
        self.with(|parts| {
            if let Some(texts) = Arc::make_mut(&mut parts.spoken).get_mut(language) {
                texts.remove(text);
            }
        })
    }

    fn with(&self, change: impl FnOnce(&mut Parts)) -> PromptStore {
        let mut parts = Parts::clone(&self.0);
        change(&mut parts);
        PromptStore(Arc::new(parts))
    }

    /// Whether others hold it too. What it has in common with another store does not count.
    pub fn is_shared(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }

    /// The names of the box's prompts, sorted.
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.0.prompts.keys().map(String::as_str).collect();
        names.sort_unstable();
        names
    }

    /// How many prompts the box has.
    pub fn len(&self) -> usize {
        self.0.prompts.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.0.prompts.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TENANT: TenantId = TenantId(7);

    /// A prompt that says which it is by its length.
    fn prompt(samples: usize) -> Prompt {
        Prompt::from_samples(&vec![1; samples])
    }

    fn heard(store: &PromptStore, tenant: Option<TenantId>, name: &str) -> Option<usize> {
        store.find(tenant, name).map(|prompt| prompt.octets(crate::g711::Law::A).len())
    }

    /// A store of a box and of a tenant whose language is Chinese.
    fn store(box_has: &[(&str, usize)], tenant_has: &[(&str, usize)]) -> PromptStore {
        let of = |&(name, samples): &(&str, usize)| (name.to_owned(), prompt(samples));
        let own = tenant_has.iter().map(of).map(|(name, prompt)| (name, Arc::new(prompt)));
        let own = OwnPrompts { language: "zh-CN".into(), prompts: own.collect() };
        PromptStore::new(box_has.iter().map(of)).with_own(TENANT, own)
    }

    #[test]
    fn a_call_hears_its_tenants_language_before_the_boxs_prompt_and_that_before_nothing() {
        let all = [("en/hi", 1), ("zh-CN/hi", 2)];
        let (own_en, own_zh) = (("en/hi", 3), ("zh-CN/hi", 4));
        for (box_has, tenant_has, name, expected) in [
            (&all[..], vec![own_en, own_zh], "en/hi", Some(3)),
            (&all[..], vec![own_zh], "en/hi", Some(4)),
            (&all[..], vec![], "en/hi", Some(1)),
            (&all[1..], vec![], "en/hi", Some(2)),
            (&all[..], vec![own_en], "zh-CN/hi", Some(2)),
            (&all[..1], vec![own_en], "zh-CN/hi", None),
            (&all[..], vec![own_en, own_zh], "yue/hi", Some(4)),
        ] {
            let store = store(box_has, &tenant_has);
            assert_eq!(heard(&store, Some(TENANT), name), expected, "{name}: {tenant_has:?}");
        }
    }

    #[test]
    fn nobody_hears_what_is_anothers_and_music_has_no_language() {
        let store = store(
            &[("zh-CN/hi", 1), ("music/wait", 2), ("zh-CN/wait", 9)],
            &[("zh-CN/hi", 3), ("music/own", 4)],
        );
        assert_eq!(heard(&store, Some(TenantId(8)), "zh-CN/hi"), Some(1));
        assert_eq!(heard(&store, None, "zh-CN/hi"), Some(1));
        assert_eq!(heard(&store, Some(TENANT), "music/own"), Some(4));
        assert_eq!(heard(&store, Some(TenantId(8)), "music/own"), None);
        assert_eq!(heard(&store, Some(TENANT), "music/wait"), Some(2));
    }

    #[test]
    fn a_store_that_only_has_parts_in_common_is_not_shared() {
        let store = store(&[("en/hi", 1)], &[("en/hi", 2)]);
        let next = store.with_speech("en", "one", prompt(5));
        assert!(!store.is_shared() && !next.is_shared());
        assert_eq!(heard(&next, Some(TENANT), "en/hi"), Some(2), "its own came along");
        assert!(next.speech("en", "one").is_some() && store.speech("en", "one").is_none());
        let held = next.clone();
        assert!(next.is_shared());
        drop(held);
        let less = next.without_speech("en", "one");
        assert!(less.speech("en", "one").is_none() && !next.is_shared());
    }
}
