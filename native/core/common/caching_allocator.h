#pragma once

#include <cstdint>

namespace densehybrid {

// libtorch gives every large CPU tensor back to the system when it dies, and pays page faults for the next one: a fifth
// of a training step. This allocator keeps large blocks for the tensors that follow, cut and joined as they need.
//
// It becomes libtorch's CPU allocator for the whole process on the first call; later calls do nothing. Thread-safe.
void install_caching_allocator();

// Marks the end of a job: blocks that the last few jobs did not use go back to the system, so that memory follows the
// current image size and does not grow when sizes change.
void release_stale_blocks();

// Gives back every unused block, e.g. when the queue has been idle.
void release_all_blocks();

// How often the system was asked for a large block so far.
uint64_t system_block_requests();

}  // namespace densehybrid
