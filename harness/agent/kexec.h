// How does a kernel get into the memory from which it will be started?
#pragma once

#include <cstdint>
#include <string>

#include "harness/agent/state.h"
#include "harness/base/fd.h"
#include "harness/base/result.h"

namespace holdfast::agent {

/// What kexec_file_load is given, but for the kind of kernel; members as in wire::KexecLoad.
struct ImageToLoad {
  const std::string& kernel;
  const std::string& initrd;
  const std::string& cmdline;
};

/// kexec_file_load with `flags` besides those that the image itself asks for.
Result<void> load_image(State& state, const ImageToLoad& image, unsigned long flags);

/// A file in memory with the next `size` bytes of `from`, open for reading only. Errors: the target's when there are
/// fewer, or no memory.
Result<Fd> first_bytes(int from, uint64_t size);

}  // namespace holdfast::agent
