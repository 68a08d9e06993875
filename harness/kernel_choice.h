// Which kernel images do the user's words mean?
#pragma once

#include <filesystem>

#include "harness/base/deadline.h"
#include "harness/kernel/kernel_image.h"
#include "harness/options.h"

namespace holdfast {

/// Kernels A and B, there and read.
struct Kernels {
  KernelImage a;
  KernelImage b;
  std::filesystem::path modules;  ///< of kernel A, or empty
};

/// Errors: harness.usage for a name or path that is not there, with the nearest one.
Result<Kernels> resolve_kernels(const KernelOptions& options, const Deadline& deadline);

/// The same choice, written so that it means the same in any folder.
KernelOptions from_anywhere(KernelOptions options);

/// The same choice, written so that it means the same whatever is built meanwhile.
KernelOptions pinned(KernelOptions options, const Kernels& kernels);

}  // namespace holdfast
