// Keeping the daemon's memory small while it has nothing to do.
#pragma once

namespace wharf::server {

/// Before the first thread: small stacks, few heaps, and freed memory goes back to the kernel.
void keep_memory_small();

/// Gives back what only the last work needed: free heap, and the code pages that were touched.
/// Those stay in the page cache and come back by a minor fault when they run again. Any thread.
void give_memory_back();

}  // namespace wharf::server
