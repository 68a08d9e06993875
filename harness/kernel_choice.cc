// Which kernel images do the user's words mean?
#include "harness/kernel_choice.h"

#include <fmt/format.h>

#include "harness/kernel/kernel_verbs.h"

namespace holdfast {

namespace fs = std::filesystem;

Result<Kernels> resolve_kernels(const KernelOptions& options, const Deadline& deadline) {
  const std::string name = options.kernel.empty() ? std::string(kernel::kReference) : options.kernel;
  Kernels kernels;
  kernels.a = TRY(kernel::resolve(name, deadline));
  kernels.b = kernels.a;
  if (!options.next_kernel.empty()) kernels.b = TRY(kernel::resolve(options.next_kernel, deadline));
  kernels.modules = options.modules.empty() ? kernels.a.modules : options.modules;
  if (!options.modules.empty() && !fs::is_directory(options.modules)) {
    return usage_error(fmt::format("--modules: there is no folder {}", options.modules.string()))
        .because("give the folder that `make modules_install` filled: lib/modules/<release>");
  }
  return kernels;
}

KernelOptions from_anywhere(KernelOptions options) {
  for (std::string* k : {&options.kernel, &options.next_kernel}) {
    if (k->find('/') != std::string::npos) *k = fs::absolute(*k).string();
  }
  if (!options.modules.empty()) options.modules = fs::absolute(options.modules);
  return options;
}

KernelOptions pinned(KernelOptions options, const Kernels& kernels) {
  options.kernel = kernels.a.path.string();
  options.next_kernel = kernels.b.path.string();
  options.modules = kernels.modules;
  return options;
}

}  // namespace holdfast
