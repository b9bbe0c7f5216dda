//! The first pool of a process sets the panic hook. This program has one test, so it has that pool.

mod common;

use std::sync::mpsc;
use std::thread;

use common::{OnDrop, PATIENCE, assert_submitted, within};
use springtide::Pool;

// Panics: a pool built while its thread unwinds
#[test]
fn a_pool_may_be_built_and_used_while_its_thread_unwinds() {
    within(PATIENCE, "unwinding", || {
        let (send, receive) = mpsc::channel();
        let unwinding = thread::spawn(move || {
            let _built_in_drop = OnDrop::new(move || {
                let pool = Pool::builder("unwinding").workers(1..=1).build().expect("valid");
                let handle = pool.handle();
                let joined = pool.submit(|| 3).expect("open").join().expect("it returns");
                send.send((handle, joined)).expect("the test listens");
            });
            panic!("unwinds");
        });
        assert!(unwinding.join().is_err());
        let (handle, joined) = receive.recv().expect("sent");
        assert_eq!(joined, 3);
        assert_submitted(&handle, 1);
    });
}
