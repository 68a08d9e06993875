// Which kernels beside A and B may a case go to, and when can it?
#include "harness/other_kernel.h"

#include <fmt/format.h>

#include "harness/plan.h"

namespace holdfast {

OtherKernel stock_kernel() {
  return {.name = "stock", .build = "holdfast kernel build --series none --name stock", .lacks = "VFIO_PCI_LIVEUPDATE"};
}

OtherKernel renamed_kernel() {
  return {.name = "renamed",
          .build = "holdfast kernel build --config fixtures/kernel/renamed.config --name renamed",
          .level = Level::kRetrieve,
          .must_understand_kernel_a = true};
}

std::optional<std::string> missing_for(const OtherKernel& wanted, const OtherKernels& there,
                                       const KernelImage& kernel_a) {
  const auto found = there.find(wanted.name);
  if (found == there.end()) return fmt::format("there is no kernel '{}'; build it: {}", wanted.name, wanted.build);
  const KernelImage& image = found->second;
  if (auto missing = missing_for(wanted.level, image)) return fmt::format("kernel '{}': {}", wanted.name, *missing);
  if (!wanted.lacks.empty() && image.config && image.config->contains("CONFIG_" + wanted.lacks)) {
    return fmt::format("kernel '{}' was built with CONFIG_{}; without it: {}", wanted.name, wanted.lacks, wanted.build);
  }
  if (!wanted.must_understand_kernel_a || (!image.origin.empty() && image.origin == kernel_a.origin))
    return std::nullopt;
  const auto origin = [](const KernelImage& kernel) { return kernel.origin.empty() ? "unknown" : kernel.origin; };
  return fmt::format(
      "kernel '{}' is not bound to understand what kernel A preserves, since they are of different origin: {} and {}",
      wanted.name, origin(image), origin(kernel_a));
}

}  // namespace holdfast
