//! Sets of jobs and maps as streams.
#![cfg(feature = "stream")]

mod common;

use std::future::poll_fn;
use std::pin::Pin;

use common::{PATIENCE, assert_submitted, block_on, fixed, within};
use futures_core::stream::{FusedStream, Stream};

/// All that a stream yields.
fn all<S: Stream + Unpin>(stream: &mut S) -> Vec<S::Item> {
    block_on(async {
        let mut items = Vec::new();
        while let Some(item) = poll_fn(|cx| Pin::new(&mut *stream).poll_next(cx)).await {
            items.push(item);
        }
        items
    })
}

#[test]
fn a_map_is_a_stream_that_says_when_it_is_over() {
    within(PATIENCE, "map", || {
        let pool = fixed("map", 2, 8);
        let mut map = pool.map(0..20_u64, |n| n * n);
        assert!(!map.is_terminated());
        let squares: Result<Vec<u64>, _> = all(&mut map).into_iter().collect();
        assert_eq!(squares.expect("none fails"), (0..20).map(|n| n * n).collect::<Vec<_>>());
        assert!(map.is_terminated());
        assert_submitted(&pool, 20);
    });
}

#[test]
fn a_set_is_a_stream_of_outcomes() {
    within(PATIENCE, "set", || {
        let pool = fixed("set", 2, 32);
        let mut set = pool.job_set();
        (0..20_u64).for_each(|n| set.submit(move |_| n).expect("room"));
        let sum: Result<u64, _> = all(&mut set).into_iter().sum();
        assert_eq!(sum.expect("none fails"), 190);
        assert_submitted(&pool, 20);
    });
}
