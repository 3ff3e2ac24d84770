//! The cache, over the window.

use super::{Notes, Span, percent};
use crate::stats::cache::CacheReading;
use crate::stats::model::CacheStats;
use crate::stats::sample::Sample;

pub fn cache(span: Option<&Span<'_>>, after: &Sample, notes: &mut Notes) -> CacheStats {
    let Some(cache) = after.node.cache.clone() else {
        let reason = "the node has no cache (--cache)";
        let places = [
            "cache.kind",
            "cache.url",
            "cache.problem",
            "cache.hit_percent",
            "cache.entries",
            "cache.bytes",
            "cache.evicted_total",
        ];
        notes.add_each(places, reason);
        return CacheStats::default();
    };
    let growth = |counter: fn(&CacheReading) -> u64| {
        span?.growth(|sample| sample.node.cache.as_ref().map(counter)).map(|growth| growth as f64)
    };
    let (misses, hits) = (growth(|cache| cache.misses_total), growth(|cache| cache.hits_total + cache.collapsed_total));
    let hit_percent = hits.zip(misses).and_then(|(hits, misses)| percent(hits, hits + misses));
    if span.is_some() && hit_percent.is_none() {
        notes.add("cache.hit_percent", "the cache was asked nothing in this window");
    }
    if cache.entries.is_none() {
        let reason = "only the server that is shared knows";
        notes.add_each(["cache.entries", "cache.bytes", "cache.evicted_total"], reason);
    }
    if cache.problem.is_none() {
        notes.add("cache.problem", "the cache can be used");
    }
    CacheStats {
        kind: Some(cache.kind),
        url: Some(cache.url),
        problem: cache.problem,
        hits_total: cache.hits_total,
        misses_total: cache.misses_total,
        collapsed_total: cache.collapsed_total,
        hit_percent,
        entries: cache.entries,
        bytes: cache.bytes,
        evicted_total: cache.evicted_total,
        errors_total: cache.errors_total,
    }
}
