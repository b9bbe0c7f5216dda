//! Asks the allocator to give back what it keeps for later, so that what a pool keeps is told from
//! what the allocator does.

#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub(crate) fn give_back() {
    // SAFETY: it takes a number, and locks whatever it touches.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Other allocators are not asked.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(crate) fn give_back() {}
