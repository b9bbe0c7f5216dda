//! A pool in forty lines: build it, give it work, look at it, shut it down.

use std::time::Duration;

use springtide::Pool;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Two workers when it is quiet, up to sixteen when jobs would wait.
    let pool = Pool::builder("quickstart").workers(2..=16).queue_capacity(1_000).build()?;

    // `submit` gives a handle to the answer...
    let answer = pool.submit(|| 6 * 7)?;
    println!("six times seven is {}", answer.join()?);

    // ...and `execute` is for jobs that nobody waits for.
    for _ in 0..200 {
        pool.execute(|| std::thread::sleep(Duration::from_millis(10)))?;
    }

    // By now the jobs are spread over as many workers as they need.
    let slowest = pool.submit(|| std::thread::sleep(Duration::from_millis(10)))?;
    slowest.join()?;
    let stats = pool.stats();
    println!("{} jobs done so far, by {} workers", stats.ok, stats.workers.total);
    // Sixteen workers take 125 ms for 200 jobs of 10 ms: at its upper bound (`at_max`) the pool
    // cannot keep waits below the target of 10 ms.
    println!("half of them waited less than {:?}", stats.wait.p50);
    for (reason, times) in stats.decisions {
        println!("  decided {reason} {times} times");
    }

    // Everything that was accepted runs before this returns.
    let report = pool.shutdown();
    println!("{} jobs completed, {} panicked", report.completed, report.panicked);
    Ok(())
}
